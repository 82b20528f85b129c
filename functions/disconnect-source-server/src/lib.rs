//! Retires a DRS source server when its machine is decommissioned.
//!
//! `parse -> observe -> plan -> execute -> report`: [`command`] is what is asked for, `observe`
//! reads DRS and makes a [`snapshot`], [`plan`](mod@plan) decides, [`execute`] acts and reads back,
//! and `report` says what became of it. [`policy`] is what the deployment allows.
//!
//! An event is a hint to look, never an authority, and AWS is the only state store: when everything
//! is as the request wants it, the plan is empty, so duplicates and resumed runs need no code of
//! their own.

mod advice;
pub mod command;
mod context;
pub mod execute;
#[cfg(test)]
mod fixtures;
mod grounds;
pub mod matching;
mod native;
mod observe;
pub mod plan;
pub mod policy;
pub mod reason;
mod report;
mod request;
pub mod snapshot;

pub use shared::drs::Drs;
use shared::{Answer, CallRecord, Dispatcher, Failure, Invocation, Mode, Report};

pub use crate::{command::Command, policy::Policy};
use crate::{
    context::Context,
    execute::{Execution, execute},
    observe::{CALLS_PER_OBSERVATION, observe},
    plan::plan,
    report::{report, unobserved},
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
    drs: &Drs,
    policy: &Policy,
) -> Result<Answer, Failure> {
    let context = Context {
        invocation: &invocation,
        drs,
        policy,
    };
    let dispatcher = Dispatcher {
        mode: policy.guardrails.mode,
        invocation: invocation.clone(),
        calls_per_observation: CALLS_PER_OBSERVATION,
    };

    let parse_and_process = async |message| {
        let command = Command::parse(&message, invocation.now)?;
        Ok(process(&command, &context).await)
    };
    dispatcher.dispatch(payload, parse_and_process).await
}

async fn process(command: &Command, context: &Context<'_>) -> Report {
    let calls = CallRecord::default();

    // Without an observation there is no plan, and nothing is called.
    let snapshot = match observe(command, context, &calls).await {
        Ok(snapshot) => snapshot,
        Err(why) => return unobserved(command, &why, context, calls),
    };

    let plan = plan(command, &snapshot, context.policy);
    let mode = plan.mode;

    // A dry run is not executing, here and nowhere else.
    let execution = match mode {
        Mode::Plan => Execution::none(plan, snapshot),
        Mode::Enforce => execute(command, plan, snapshot, context, &calls).await,
    };

    report(command, mode, &execution, context, calls)
}
