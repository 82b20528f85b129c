//! EFS as plain data and total functions, without HTTP.
//!
//! There is one caller, in the account of the world. File systems of other owners are in the same
//! lists; the caller reaches them by ARN, as far as their policy names the account. Changes that
//! end asynchronously in AWS without a documented pace, such as deletions, end at once.

mod access_points;
mod consistency;
mod errors;
mod file_systems;
mod mount_targets;
mod names;
mod policy;
mod replicate;
mod replications;
mod settings;
mod subnets;
mod tags;
mod throughput;
mod types;

#[cfg(test)]
mod fixtures;

pub(crate) use self::{
    errors::{bad_request, no_replication},
    mount_targets::check_security_groups,
    names::zone_id,
    tags::check_tags,
};
pub use self::{
    replicate::Destination,
    types::{
        AccessPoint, Efs, FileSystem, Model, MountTarget, OrderedStatus, Replication, Side, Subnet,
    },
};
