//! Amazon Elastic File System (EFS): its clients, our types for what it answers, and every read and
//! change that a function may need of it.
//!
//! This is the only place that names the SDK of EFS.

mod change;
mod client;
mod model;
mod observe;

pub use client::{Efs, RegionalEfs};
pub use model::{
    AccessPoint, AccessPointRoot, Destination, FileSystem, FileSystemId, FileSystemKind,
    FileSystemRef, LifeCycle, MountTarget, Owner, PosixUser, Protection, Replication,
    ReplicationStatus, Transitions,
};
