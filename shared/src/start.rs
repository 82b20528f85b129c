//! What every function does first: the log, the AWS configuration, and what an invocation allows.

use std::{
    env,
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient, runtime_components::RuntimeComponents,
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::{
    SdkConfig,
    region::Region,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use chrono::{DateTime, Utc};
use lambda_runtime::{
    Context,
    tracing::{
        Level,
        subscriber::{self, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt},
    },
};

use crate::variables::BadVariable;

/// How long one attempt of a call may take. The SDK sets no such limit by itself, so a hang would last until Lambda's own.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the start may wait for a first connection. Lambda gives a start ten seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may wait for its turn before it is made: the last of eight at the slowest pace.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// How long a call may take with all attempts of the SDK, three by default.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// The configuration of all AWS clients: Region, credentials and endpoints from the environment, where Lambda has them,
/// time limits, and one pool of connections.
///
/// It looks nowhere else: what `aws-config` would search, profiles, web identities and machines' metadata, Lambda does
/// not have. How often the SDK tries is not for the environment to say, since the deadline's arithmetic knows it.
///
/// # Errors
///
/// The first variable that is missing and without which no call can be made.
pub fn aws() -> Result<SdkConfig, BadVariable> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(https())
        .timeout_config(timeouts)
        .region(Region::new(needed("AWS_REGION", "the Region of the function")?))
        .credentials_provider(credentials()?)
        .service_config(Environment);
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    config.set_use_fips(switch("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(switch("AWS_USE_DUALSTACK_ENDPOINT"));
    Ok(config.build())
}

/// What the SDK would choose, and a proxy if the environment names one, but for TLS, which is ring's: the SDK's own
/// choice, aws-lc, gathers entropy for tens of milliseconds before it connects.
fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// Opens a connection before the first event, since Lambda starts a function with a whole processor and then gives it a
/// fourteenth: a handshake takes as much of it as all the rest of an event. Whether it succeeds is for the event to see.
pub async fn connect(reach: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(CONNECT_TIMEOUT, reach).await;
}

/// Those of the function's role. They hold for as long as Lambda keeps the process.
fn credentials() -> Result<SharedCredentialsProvider, BadVariable> {
    let key = needed("AWS_ACCESS_KEY_ID", "the key of the role's credentials")?;
    let secret = needed("AWS_SECRET_ACCESS_KEY", "the secret of the role's credentials")?;
    let token = variable("AWS_SESSION_TOKEN");
    Ok(SharedCredentialsProvider::new(Credentials::new(key, secret, token, None, "environment")))
}

fn needed(name: &'static str, what: &'static str) -> Result<String, BadVariable> {
    variable(name).ok_or_else(|| BadVariable::new(name, String::new(), what))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn switch(name: &str) -> Option<bool> {
    variable(name).map(|value| value.eq_ignore_ascii_case("true"))
}

/// The variables of one service, such as `AWS_ENDPOINT_URL_DRS`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        variable(&format!("{}_{}", key.env(), key.service_id().to_uppercase().replace(' ', "_")))
    }
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
        usize::try_from(left.as_secs() / (LONGEST_TURN + OPERATION_TIMEOUT).as_secs()).unwrap_or(usize::MAX)
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
        assert_eq!(calls_left(19), 0);
        assert_eq!(calls_left(99), 4);
    }
}
