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

/// Another Region that replicas may be in.
pub(crate) const ELSEWHERE: &str = "eu-north-1";
/// Another account, whose file systems may be overwritten.
pub(crate) const OTHERS: &str = "999999999999";
/// The role by which EFS replicates into it.
pub(crate) const REPLICATION_ROLE: &str = "arn:aws:iam::111122223333:role/replicate";

/// A value that AWS may add to its enumerations one day.
pub(crate) const UNHEARD_OF: &str = "UNHEARD_OF";

/// The request that a scenario is about.
pub(crate) const CHANGE: &str = "CHG1";
/// A second request for the same resources.
pub(crate) const RIVAL: &str = "CHG2";

/// The time at which every simulation starts.
pub(crate) fn epoch() -> DateTime<Utc> {
    // 15 January 2027, so that no clock of the machine is near.
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}
