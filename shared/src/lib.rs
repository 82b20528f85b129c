//! What every function of drover does alike, whatever AWS service it looks after.
//!
//! In reading order:
//!
//! - [`start`] reads the AWS configuration and serves Lambda's invocations; an [`invocation`] has a
//!   time and a deadline.
//! - [`dispatch`] takes an invocation apart with [`envelope`], has each message processed, and makes
//!   an [`answer`] of the reports.
//! - [`request`] is what all requests have in common. [`strict`] reads their JSON, [`ids`] and
//!   [`arn`] check what they name, and a [`rejection`] says why an input is not a request.
//! - [`guardrails`] are the rules that every function keeps; [`variables`] reads them from the
//!   environment.
//! - [`api`] makes every call to AWS, at the pace of [`rate_limit`]; a [`fault`] says why one failed.
//! - [`settle`] decides what may be said after a change, [`outcome`] is the closed set of results.
//! - [`report`] is what a function answers, [sanitized](sanitize) and `bounded`: a `summary`, and a
//!   [`target_report`] for each target. It is made of a [`conclusion`]: reasons with their
//!   [`grounds`], and [`advice`] on what to do next.
//!
//! - An [`audit`] looks and changes nothing: its report lists what it found, the worst first.
//!
//! What belongs to a service stands behind a feature of its name: `drs`, `efs`. Nothing here knows
//! a function.

pub mod advice;
pub mod answer;
pub mod api;
pub mod arn;
pub mod audit;
pub mod bounded;
mod classify;
mod codes;
pub mod conclusion;
pub mod dispatch;
// A binary links the SDK of its own service alone.
#[cfg(feature = "drs")]
pub mod drs;
#[cfg(feature = "efs")]
pub mod efs;
pub mod envelope;
pub mod fault;
pub mod grounds;
pub mod guardrails;
pub mod ids;
pub mod invocation;
mod log_line;
pub mod outcome;
pub mod rate_limit;
pub mod rejection;
pub mod report;
pub mod request;
pub mod sanitize;
pub mod settle;
pub mod start;
pub mod strict;
mod summary;
pub mod target_report;
pub mod units;
pub mod variables;
pub mod variant;

pub use advice::Advice;
pub use answer::{Answer, Failure};
pub use api::{Api, Call, CallRecord, FailedCall, Unobserved};
pub use arn::{AccountId, Arn, Region, ResourceRef};
pub use audit::{Audit, Found};
pub use conclusion::{Conclusion, Explain, Subject};
pub use dispatch::Dispatcher;
pub use envelope::{Event, Inbound, Message};
pub use fault::{Fault, FaultKind};
pub use grounds::Grounds;
pub use guardrails::Guardrails;
pub use ids::{AwsInstanceId, EbsSnapshotId, RequestId};
pub use invocation::Invocation;
pub use outcome::{Mode, Outcome};
pub use rate_limit::RateLimiter;
pub use rejection::{Rejection, RejectionCode};
pub use report::Report;
pub use summary::Wording;
pub use target_report::{PlannedStep, StatedReason, TargetReport, When};
pub use variant::{code, sentence};
