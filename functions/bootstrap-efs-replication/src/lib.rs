//! Bootstraps Amazon EFS replication until the replica can be used.
//!
//! `parse -> observe -> plan -> execute -> report`: [`command`] is what is asked for, `observe`
//! reads both sides of every target and makes a [`snapshot`], [`plan`](mod@plan) decides,
//! [`execute`] acts and reads back, and `report` says what became of it. [`policy`] is what the
//! deployment allows.
//!
//! A function never waits for EFS: what takes time is `pending`, and the same event, sent again,
//! continues from what it observes.

mod advice;
pub mod command;
mod context;
pub mod defaults;
pub mod destination;
pub mod execute;
#[cfg(test)]
mod fixtures;
mod grounds;
mod native;
mod observe;
pub mod plan;
pub mod policy;
pub mod reason;
mod report;
mod request;
pub mod snapshot;
mod steps;

pub use shared::efs::Efs;
use shared::{Answer, CallRecord, Dispatcher, Failure, Invocation, Mode, Report};

pub use crate::{command::Command, policy::Policy};
use crate::{
    context::Context,
    execute::{Execution, execute},
    observe::{CALLS_PER_OBSERVATION, observe},
    plan::plan,
    report::report,
};

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
        mode: policy.guardrails.mode,
        invocation: invocation.clone(),
        calls_per_observation: CALLS_PER_OBSERVATION,
    };

    let parse_and_process = async |message| {
        let command = Command::parse(&message, invocation.now)?;
        // Boxed, since a future that holds those of fifteen kinds of calls is large and deep.
        Ok(Box::pin(process(&command, &context)).await)
    };
    dispatcher.dispatch(payload, parse_and_process).await
}

async fn process(command: &Command, context: &Context<'_>) -> Report {
    let calls = CallRecord::default();

    // A target that cannot be observed is part of the snapshot, and hides no other.
    let snapshot = observe(command, context, &calls).await;

    let plan = plan(command, &snapshot, context.policy);
    let mode = plan.mode;

    // A dry run is not executing, here and nowhere else.
    let execution = match mode {
        Mode::Plan => Execution::none(plan, snapshot),
        Mode::Enforce => execute(command, plan, snapshot, context, &calls).await,
    };

    report(command, mode, &execution, context, calls)
}
