//! `audit-source-servers`.

use audit_source_servers::{Command, Drs, Policy, finding::Finding, handle, reason::Reason};
use aws_sdk_drs::config::{Builder, retry::RetryPartition};
use chrono::{DateTime, Utc};
use emulator::Service;
use shared::{Message, Mode, Rejection, code};

use crate::function::{self, FunctionUnderTest, handler};

/// Finds source servers of DRS that something should be done about.
pub const AUDIT_SERVERS: FunctionUnderTest = FunctionUnderTest {
    name: "audit-source-servers",
    service: Service::Drs,
    variables: &Policy::VARIABLES,
    reasons: || {
        let reasons = Reason::ALL.iter().map(code);
        reasons.chain(Finding::ALL.iter().map(code)).collect()
    },
    read,
    policy: |variables| {
        let policy = Policy::from_lookup(variables)?;
        Ok(function::Policy::new(Mode::Plan, &policy))
    },
    start: |config, variables| {
        // Every process of AWS has a retry budget of its own.
        let retries = RetryPartition::custom("sandbox").build();
        let config = Builder::from(config).retry_partition(retries);

        let drs = Drs::new(config.build());
        Ok(handler(drs, Policy::from_lookup(variables)?, handle))
    },
};

fn read(message: &Message, _now: DateTime<Utc>) -> Result<String, Rejection> {
    let command = Command::parse(message)?;

    let servers = match command.source_servers {
        None => "all source servers".to_owned(),
        Some(servers) => {
            let ids = servers.iter().map(|server| server.id.to_string());
            ids.collect::<Vec<_>>().join(", ")
        }
    };
    Ok(format!("audit under {}: {servers}", command.request_id))
}
