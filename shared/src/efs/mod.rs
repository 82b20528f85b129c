//! Amazon Elastic File System (EFS): its clients, our types for what it answers, and every read and
//! change that a function may need of it.
//!
//! This is the only place that names the SDK of EFS.

mod change;
mod client;
mod comparison;
pub mod document;
mod key;
mod model;
mod observe;
mod tags;

pub use client::{Efs, RegionalEfs};
pub use comparison::{AccessPoints, Counterparts};
pub use key::KeyComparison;
pub use model::{
    AccessPoint, AccessPointRoot, Destination, FileSystem, FileSystemId, FileSystemKind,
    FileSystemRef, LifeCycle, MountTarget, Owner, PosixUser, Protection, Replication,
    ReplicationStatus, Transitions,
};
pub use tags::{BOOTSTRAPPED_BY_TAG, MAX_TAGS, REPLICATE_TO_TAG, copied_tags, count_user_tags};
