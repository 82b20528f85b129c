//! The deployment as AWS would see it: `template.yaml`, resolved for given parameters as
//! CloudFormation does, its roles, read as IAM does, its rules, read as EventBridge does, and its
//! state machines, run as Step Functions does.
//!
//! For tests and the simulator: what they do not know of the template fails them.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a part of the template that is unknown here must fail loudly"
)]

pub mod alarm;
pub mod delivery;
mod deployment;
pub mod execution;
pub mod facts;
mod jsonata;
pub mod machine;
pub mod pattern;
mod resolve;
mod role;
mod values;
mod written;

pub use crate::{
    deployment::TRIGGERS,
    resolve::Deployment,
    role::{Condition, Role, Statement, arn_of_role, ask},
    values::{ACCOUNT, REGION, text_of, texts_of},
};
