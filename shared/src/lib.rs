//! What every function of drover does alike, whatever AWS service it looks after.
//!
//! In reading order: [`envelope`] finds the requests inside an event, [`strict`] reads JSON without
//! forgiveness, [`request`] what all requests have in common, [`variables`] what all deployments
//! do, [`ids`] holds the words that must not be confused, [`rate_limit`] keeps calls from being
//! throttled, [`pages`] reads lists to their end, [`fault`] says why a call to AWS failed,
//! [`sanitize`] makes text of others harmless, [`report`] is what a function answers, [`dispatch`] takes
//! what Lambda gives from one to the other, and [`start`] is what every `main` does first. Nothing
//! here knows an AWS service or a function.

pub mod answer;
mod codes;
pub mod dispatch;
pub mod envelope;
pub mod fault;
pub mod ids;
pub mod invocation;
pub mod outcome;
pub mod pages;
pub mod rate_limit;
pub mod rejection;
pub mod report;
pub mod request;
pub mod sanitize;
pub mod start;
pub mod strict;
pub mod variables;

pub use answer::{Answer, Failure};
pub use dispatch::Dispatcher;
pub use envelope::{Event, Inbound, Message};
pub use fault::{Fault, FaultKind};
pub use ids::{AwsInstanceId, RequestId};
pub use invocation::Invocation;
pub use outcome::{Mode, Outcome, code};
pub use rate_limit::RateLimiter;
pub use rejection::{Rejection, RejectionCode};
pub use report::{Call, Conclusion, Report, TargetReport};
