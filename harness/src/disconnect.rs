//! `disconnect-source-server`.

use aws_sdk_drs::config::{Builder, retry::RetryPartition};
use chrono::{DateTime, Utc};
use disconnect_source_server::{Command, Drs, Policy, handle, reason::Reason};
use emulator::Service;
use serde_json::json;
use shared::{Message, Rejection, code};

use crate::function::{self, FunctionUnderTest, handler};

/// Retires source servers of DRS.
pub const DISCONNECT: FunctionUnderTest = FunctionUnderTest {
    name: "disconnect-source-server",
    service: Service::Drs,
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

        let drs = Drs::new(config.build());
        Ok(handler(drs, Policy::from_lookup(variables)?, handle))
    },
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
