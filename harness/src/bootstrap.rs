//! `bootstrap-efs-replication`.

use aws_sdk_efs::config::{Builder, retry::RetryPartition};
use bootstrap_efs_replication::{Command, Efs, Policy, command::Target, handle, reason::Reason};
use chrono::{DateTime, Utc};
use emulator::Service;
use shared::{Message, Rejection, code};

use crate::function::{self, FunctionUnderTest, handler};

/// Replicates file systems of EFS to another Region.
pub const BOOTSTRAP: FunctionUnderTest = FunctionUnderTest {
    name: "bootstrap-efs-replication",
    service: Service::Efs,
    variables: &Policy::VARIABLES,
    reasons: || Reason::ALL.iter().map(code).collect(),
    read,
    policy: |variables| {
        let policy = Policy::from_lookup(variables)?;
        Ok(function::Policy::new(policy.guardrails.mode, &policy))
    },
    start: |config, variables| {
        // Every process of AWS has a retry budget of its own.
        let retries = RetryPartition::custom("sandbox").build();
        let config = Builder::from(config).retry_partition(retries);

        let efs = Efs::new(config.build());
        Ok(handler(efs, Policy::from_lookup(variables)?, handle))
    },
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
