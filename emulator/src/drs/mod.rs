//! Elastic Disaster Recovery.

pub(crate) mod api;
pub(crate) mod iam;
pub mod model;
pub(crate) mod service;

pub use self::model::{Drs, Job, Model, RecoveryInstance, SourceServer};
