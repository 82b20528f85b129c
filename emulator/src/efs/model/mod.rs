//! File systems and the replications between them: plain data and total functions, without HTTP.
//!
//! One caller works here, in the world's account. File systems of other owners stand in the same
//! lists; the caller reaches them by ARN, as far as their policy names its account. What ends
//! asynchronously in AWS without a known pace, a deletion for instance, ends at once.

pub(crate) mod access_points;
pub(crate) mod consistency;
pub(crate) mod errors;
pub(crate) mod file_systems;
pub(crate) mod mount_targets;
pub(crate) mod names;
pub(crate) mod replications;
pub(crate) mod settings;
pub(crate) mod types;

#[cfg(test)]
mod fixtures;

pub use self::{
    replications::{Destination, METADATA_BYTES},
    types::{AccessPoint, Efs, FileSystem, MountTarget, OrderedStatus, Replication, Side, Subnet},
};
pub use crate::aws::behaviour::Refusal;
