//! `audit-file-systems`.

use audit_file_systems::{Command, Efs, Policy, finding::Finding, handle, reason::Reason};
use aws_sdk_efs::config::{Builder, retry::RetryPartition};
use chrono::{DateTime, Utc};
use emulator::Service;
use shared::{Message, Mode, Rejection, code};

use crate::function::{self, FunctionUnderTest, handler};

/// Finds file systems of EFS that something should be done about.
pub const AUDIT_FILE_SYSTEMS: FunctionUnderTest = FunctionUnderTest {
    name: "audit-file-systems",
    service: Service::Efs,
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

        let efs = Efs::new(config.build());
        Ok(handler(efs, Policy::from_lookup(variables)?, handle))
    },
};

fn read(message: &Message, _now: DateTime<Utc>) -> Result<String, Rejection> {
    let command = Command::parse(message)?;

    let file_systems = match command.file_systems {
        None => "all file systems".to_owned(),
        Some(file_systems) => {
            let ids = file_systems.iter().map(|named| named.id.to_string());
            ids.collect::<Vec<_>>().join(", ")
        }
    };
    Ok(format!(
        "audit under {}: {file_systems}",
        command.request_id
    ))
}
