//! Names and times that every scenario shares.

use chrono::{DateTime, Utc};

/// The tag by which an operator approves a change.
pub(crate) const APPROVED: &str = "drover:approved";
/// The tag that forbids every change.
pub(crate) const PROTECTED: &str = "drover:protected";

/// The Region of the function: where source servers recover, and where file systems are sources.
pub(crate) const HERE: &str = "us-east-1";
/// The Region of the replicas.
pub(crate) const THERE: &str = "eu-west-1";

/// The request that a scenario is about.
pub(crate) const CHANGE: &str = "CHG1";
/// A second request for the same resources.
pub(crate) const RIVAL: &str = "CHG2";

/// The time at which every simulation starts.
pub(crate) fn epoch() -> DateTime<Utc> {
    // 15 January 2027, so that no clock of the machine is near.
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}
