//! What is measured: the job of each function, in an account, and how to tell that it was done.
//!
//! To add a function, write its [`Job`] in a file of its own and list it in [`JOBS`]; for one that
//! only looks, write an [`Audit`] and list it in [`AUDITS`].

mod audit;
mod check;
mod disconnect;
mod job;
mod replicate;

pub use crate::{
    audit::{Audit, FILE_SYSTEMS, SOURCE_SERVERS},
    disconnect::DISCONNECT,
    job::{CountedCall, Job, Scene},
    replicate::REPLICATE,
};

/// Every job, in the order of the tables.
pub const JOBS: [&Job; 2] = [&DISCONNECT, &REPLICATE];

/// Every audit, in the order of the tables.
pub const AUDITS: [&Audit; 2] = [&SOURCE_SERVERS, &FILE_SYSTEMS];

/// The job of the function with a name.
#[must_use]
pub fn job(function: &str) -> Option<&'static Job> {
    JOBS.into_iter().find(|job| job.function == function)
}
