//! `bootstrap-efs-replication`.

use std::rc::Rc;

use aws_sdk_efs::config::{Builder, retry::RetryPartition};
use aws_types::SdkConfig;
use bootstrap_efs_replication::{Efs, Policy, handle, reason::Reason};
use emulator::Service;
use shared::{code, variables::BadVariable};

use crate::function::{self, FunctionUnderTest, Handler, Variables};

/// Replicates file systems of EFS to another Region.
pub const BOOTSTRAP: FunctionUnderTest = FunctionUnderTest {
    name: "bootstrap-efs-replication",
    service: Service::Efs,
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
    let efs = Rc::new(Efs::new(config.build()));
    let policy = Rc::new(Policy::from_lookup(variables)?);

    Ok(Box::new(move |payload, invocation| {
        let (efs, policy) = (Rc::clone(&efs), Rc::clone(&policy));
        Box::pin(async move { handle(&payload, invocation, &efs, &policy).await })
    }))
}
