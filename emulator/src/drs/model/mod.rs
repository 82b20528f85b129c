//! DRS as plain data and total functions, without HTTP.
//!
//! Changes follow the DRS API reference. Where it is silent, a switch of
//! [`Behaviour`](crate::aws::behaviour::Behaviour) decides.

mod consistency;
mod jobs;
mod recovery_instances;
mod regions;
mod source_servers;
mod tags;
mod types;

#[cfg(test)]
pub(crate) mod fixtures;

pub(crate) use self::source_servers::STEPS;
pub use self::types::{Drs, Job, Model, RecoveryInstance, SourceServer};
