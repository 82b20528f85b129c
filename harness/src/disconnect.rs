//! `disconnect-source-server`.

use std::rc::Rc;

use aws_sdk_drs::config::{Builder, retry::RetryPartition};
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use disconnect_source_server::{Command, Drs, Policy, handle, reason::Reason};
use emulator::Service;
use serde_json::json;
use shared::{Message, Rejection, code, variables::BadVariable};

use crate::function::{self, FunctionUnderTest, Handler, Variables};

/// Retires source servers of DRS.
pub const DISCONNECT: FunctionUnderTest = FunctionUnderTest {
    name: "disconnect-source-server",
    service: Service::Drs,
    variables: &Policy::VARIABLES,
    reasons: || Reason::ALL.iter().map(code).collect(),
    read,
    policy,
    start,
};

fn read(message: &Message, now: DateTime<Utc>) -> Result<String, Rejection> {
    let command = Command::parse(message, now)?;

    // Targets as a report names them.
    Ok(format!(
        "{:?} under {}: {}",
        command.action,
        command.request_id,
        json!(command.targets)
    ))
}

fn policy(variables: Variables<'_>) -> Result<function::Policy, BadVariable> {
    let policy = Policy::from_lookup(variables)?;

    Ok(function::Policy {
        mode: policy.guardrails.mode,
        settings: format!("{policy:?}"),
    })
}

fn start(config: &SdkConfig, variables: Variables<'_>) -> Result<Handler, BadVariable> {
    // Every sandbox has a retry budget of its own, and so has every process of AWS's.
    let config = Builder::from(config).retry_partition(RetryPartition::custom("sandbox").build());

    // Built once and shared by all invocations, as in `main`.
    let drs = Rc::new(Drs::new(config.build()));
    let policy = Rc::new(Policy::from_lookup(variables)?);

    Ok(Box::new(move |payload, invocation| {
        let (drs, policy) = (Rc::clone(&drs), Rc::clone(&policy));
        Box::pin(async move { handle(&payload, invocation, &drs, &policy).await })
    }))
}
