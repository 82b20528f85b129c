//! Elastic File System.

pub(crate) mod api;
pub(crate) mod iam;
pub mod model;
pub(crate) mod service;

pub use self::model::{
    AccessPoint, Destination, Efs, FileSystem, Model, MountTarget, OrderedStatus, Replication,
    Side, Subnet,
};
