//! `disconnect-source-server`.

use std::rc::Rc;

use aws_sdk_drs::config::{Builder, retry::RetryPartition};
use aws_types::SdkConfig;
use disconnect_source_server::{Drs, Policy, handle, reason::Reason};
use emulator::Service;
use shared::{code, variables::BadVariable};

use crate::function::{self, FunctionUnderTest, Handler, Variables};

/// Retires source servers of DRS.
pub const DISCONNECT: FunctionUnderTest = FunctionUnderTest {
    name: "disconnect-source-server",
    service: Service::Drs,
    variables: &Policy::VARIABLES,
    reasons: || Reason::ALL.iter().map(code).collect(),
    policy,
    start,
};

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
