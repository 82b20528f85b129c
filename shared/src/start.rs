//! What every function does first: the log, the AWS configuration, and what an invocation allows.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use chrono::{DateTime, Utc};
use lambda_runtime::{
    Context,
    tracing::{
        Level,
        subscriber::{self, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt},
    },
};

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

    /// How many calls, one after the other and each at its slowest, end before Lambda ends the function.
    #[must_use]
    pub fn calls_left(&self) -> usize {
        let left = self.deadline.saturating_duration_since(tokio::time::Instant::now());
        usize::try_from(left.as_secs() / OPERATION_TIMEOUT.as_secs()).unwrap_or(usize::MAX)
    }
}

/// Starts the log: JSON where Lambda is set to it, at Lambda's level for the function itself.
///
/// Everything else logs at INFO at most, whatever the level: at DEBUG the SDK logs AWS's answers, with host names in them.
pub fn log(function: &str) {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let filter = Targets::new().with_default(level.min(Level::INFO)).with_target(function, level);
    let lines = subscriber::fmt::layer().with_target(false).without_time();
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let registry = subscriber::registry();
    if json {
        registry.with(lines.json().with_filter(filter)).init();
    } else {
        registry.with(lines.with_filter(filter)).init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_as_left_only_if_it_can_end_at_its_slowest() {
        let now = tokio::time::Instant::now();
        let calls_left =
            |seconds| Invocation { now: Utc::now(), deadline: now + Duration::from_secs(seconds) }.calls_left();
        assert_eq!(calls_left(OPERATION_TIMEOUT.as_secs() - 1), 0);
        assert_eq!(calls_left(OPERATION_TIMEOUT.as_secs() * 5 - 1), 4);
    }
}
