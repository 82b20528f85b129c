//! What every function of drover does alike, whatever AWS service it looks after.
//!
//! In reading order: [`envelope`] finds the requests inside an event, [`strict`] reads JSON without
//! forgiveness, [`request`] what all requests have in common, [`variables`] what all deployments
//! do, [`ids`] holds the words that must not be confused, [`pace`] keeps calls from being
//! throttled, [`pages`] reads lists to their end, [`fault`] says why a call to AWS failed,
//! [`plain`] makes text of others harmless, [`report`] is what a function answers, [`desk`] takes
//! what Lambda gives from one to the other, and [`start`] is what every `main` does first. Nothing
//! here knows an AWS service or a function.

mod codes;
pub mod desk;
pub mod envelope;
pub mod fault;
pub mod ids;
pub mod pace;
pub mod pages;
pub mod plain;
pub mod report;
pub mod request;
pub mod start;
pub mod strict;
pub mod variables;

pub use desk::Desk;
pub use envelope::{Event, Inbound, Message, Rejection};
pub use fault::{Fault, FaultKind};
pub use ids::{AwsInstanceId, RequestId};
pub use pace::Pace;
pub use report::{Answer, Call, Failure, Mode, Outcome, Report, Saying, TargetReport};
pub use start::Invocation;
