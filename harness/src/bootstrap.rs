//! `bootstrap-efs-replication`.

use std::rc::Rc;

use aws_sdk_efs::config::{Builder, retry::RetryPartition};
use aws_types::SdkConfig;
use bootstrap_efs_replication::{Command, Efs, Policy, command::Target, handle, reason::Reason};
use chrono::{DateTime, Utc};
use emulator::Service;
use shared::{Message, Rejection, code, variables::BadVariable};

use crate::function::{self, FunctionUnderTest, Handler, Variables};

/// Replicates file systems of EFS to another Region.
pub const BOOTSTRAP: FunctionUnderTest = FunctionUnderTest {
    name: "bootstrap-efs-replication",
    service: Service::Efs,
    variables: &Policy::VARIABLES,
    reasons: || Reason::ALL.iter().map(code).collect(),
    read,
    policy,
    start,
};

fn read(message: &Message, now: DateTime<Utc>) -> Result<String, Rejection> {
    let command = Command::parse(message, now)?;

    // A native event names no destination: the tag of its source does.
    let target = |target: &Target| {
        let place = match &target.destination {
            None => "where its tag says".to_owned(),
            Some(destination) => destination.region().map_or("?".to_owned(), String::from),
        };
        format!("{} to {place}", target.source.id)
    };
    let targets: Vec<String> = command.targets.iter().map(target).collect();
    Ok(format!(
        "under {}: {}",
        command.request_id,
        targets.join(", ")
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
    let efs = Rc::new(Efs::new(config.build()));
    let policy = Rc::new(Policy::from_lookup(variables)?);

    Ok(Box::new(move |payload, invocation| {
        let (efs, policy) = (Rc::clone(&efs), Rc::clone(&policy));
        Box::pin(async move { handle(&payload, invocation, &efs, &policy).await })
    }))
}
