//! What every function does first: the AWS configuration, and what an invocation allows.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use chrono::{DateTime, Utc};
use lambda_runtime::Context;

/// How long one attempt of a call may take. The SDK sets no such limit by itself, so a hang would last until Lambda's own.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take with all attempts of the SDK, three by default.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// The configuration of all AWS clients: environment, region and credentials as Lambda gives them, and time limits.
pub async fn aws() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// What time it is for an invocation, and until when it may work.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// The wall clock at the start; only expiry is decided by it.
    pub now: DateTime<Utc>,
    /// When Lambda ends the function.
    pub deadline: tokio::time::Instant,
}

impl Invocation {
    /// Reads both from Lambda's context.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        Self { now: Utc::now(), deadline: tokio::time::Instant::now() + left }
    }

    /// Whether `calls` more calls, each at its slowest, end before Lambda ends the function.
    #[must_use]
    pub fn has_time_for(&self, calls: u32) -> bool {
        tokio::time::Instant::now() + OPERATION_TIMEOUT * calls <= self.deadline
    }
}
