//! Finds the EFS file systems and replicas that something should be done about, and changes nothing.
//!
//! `parse -> observe -> assess -> report`: [`command`] is what is asked for, `observe` reads EFS on
//! both sides of each replication, with `comparison`, and makes a [`snapshot`],
//! [`assess`](mod@assess) says what is to be said of it, and `report` offers the requests to send.
//! [`policy`] is where the deployment draws its lines.
//!
//! There is no `execute`: the function calls nothing that changes anything.

mod advice;
pub mod assess;
pub mod command;
mod comparison;
mod context;
pub mod defaults;
pub mod finding;
#[cfg(test)]
mod fixtures;
mod observe;
pub mod policy;
pub mod reason;
mod report;
mod request;
pub mod snapshot;

pub use shared::efs::Efs;
use shared::{Answer, CallRecord, Dispatcher, Failure, Invocation, Mode, Report};

use crate::{
    assess::assess,
    context::Context,
    observe::{CALLS_PER_OBSERVATION, observe},
    report::{report, unobserved},
};
pub use crate::{command::Command, policy::Policy};

/// Answers one invocation.
///
/// # Errors
///
/// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment is to
/// be fixed.
pub async fn handle(
    payload: &str,
    invocation: Invocation,
    efs: &Efs,
    policy: &Policy,
) -> Result<Answer, Failure> {
    let context = Context {
        invocation: &invocation,
        efs,
        policy,
    };
    let dispatcher = Dispatcher {
        mode: Mode::Plan,
        invocation: invocation.clone(),
        calls_per_observation: CALLS_PER_OBSERVATION,
    };

    let parse_and_process = async |message| {
        let command = Command::parse(&message)?;
        // Boxed, since a future that holds those of six kinds of calls is large and deep.
        Ok(Box::pin(process(&command, &context)).await)
    };
    dispatcher.dispatch(payload, parse_and_process).await
}

async fn process(command: &Command, context: &Context<'_>) -> Report {
    let calls = CallRecord::default();

    // Without an observation there are no findings, which is not the same as none.
    let snapshot = match observe(command, context, &calls).await {
        Ok(snapshot) => snapshot,
        Err(why) => return unobserved(command, &why, context, calls),
    };

    let assessment = assess(command, &snapshot, context.policy);
    report(command, &snapshot, &assessment, context, calls)
}
