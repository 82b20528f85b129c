//! What every function does first: the log, the AWS configuration, and what an invocation allows.

use std::{cell::Cell, env, time::Duration};

use aws_config::{
    default_provider::{
        ignore_configured_endpoint_urls::ignore_configured_endpoint_urls_provider,
        use_dual_stack::use_dual_stack_provider, use_fips::use_fips_provider,
    },
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    meta::region::ProvideRegion,
    provider_config::ProviderConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::{
    SdkConfig,
    app_name::AppName,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use lambda_runtime::{
    Error, LambdaEvent, Runtime,
    layers::TracingLayer,
    service_fn,
    tower::util::MapResultLayer,
    tracing::subscriber::{
        self, Layer,
        filter::{LevelFilter, Targets},
        layer::SubscriberExt,
        util::SubscriberInitExt,
    },
};

use serde_json::value::RawValue;

use crate::{
    answer::{Answer, Failure},
    invocation::{ATTEMPT_TIMEOUT, Invocation, OPERATION_TIMEOUT},
    log_line::JsonLine,
    variables::BadVariable,
};

/// How long the start may wait for a first connection. Lambda gives a start ten seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The configuration of all AWS clients: Region, credentials, endpoints, FIPS, dual stack and app
/// name from the environment, by the SDK's own providers; time limits, and one pool of connections.
///
/// It looks nowhere else: profiles, web identities and machines' metadata, which `aws_config::load`
/// would search, Lambda does not have, and their code would make the binary a sixth larger. How
/// often the SDK tries is not for the environment to say, since the deadline's arithmetic knows it.
///
/// # Errors
///
/// The first variable that is missing and without which no call can be made.
pub async fn aws() -> Result<SdkConfig, BadVariable> {
    needed("AWS_ACCESS_KEY_ID", "the key of the role's credentials")?;
    needed(
        "AWS_SECRET_ACCESS_KEY",
        "the secret of the role's credentials",
    )?;

    // Without a Region every call would fail later, and less clearly.
    let region = EnvironmentVariableRegionProvider::new().region().await;
    let missing = || BadVariable::new("AWS_REGION", String::new(), "the Region of the function");
    let environment = &ProviderConfig::empty();

    // An endpoint of the environment is how tests and laptops reach the emulator.
    let endpoints = Endpoints {
        ignored: ignore_configured_endpoint_urls_provider(environment).await == Some(true),
    };
    // The SDK has no limit of its own for an attempt.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();

    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(https())
        .timeout_config(timeouts)
        .region(region.ok_or_else(missing)?)
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ));

    // aws-config's own provider would read the profile files once more.
    config.set_app_name(variable("AWS_SDK_UA_APP_ID").and_then(|name| AppName::new(name).ok()));
    config.set_use_fips(use_fips_provider(environment).await);
    config.set_use_dual_stack(use_dual_stack_provider(environment).await);
    config.set_endpoint_url(endpoints.everywhere());

    Ok(config.service_config(endpoints).build())
}

/// What the SDK would choose, and a proxy if the environment names one, but for TLS, which is
/// ring's: the SDK's own choice, aws-lc, gathers entropy for tens of milliseconds before it
/// connects.
fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        // A proxy is configured by the usual variables.
        let mut connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// Opens a connection during the init phase, when Lambda grants a full vCPU. Afterwards a function
/// of 128 MB has a fourteenth of one, and a handshake would take as much of it as all the rest of
/// an event. Whether it succeeds is for the event to find out.
pub async fn connect(warm_up: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(CONNECT_TIMEOUT, warm_up).await;
}

fn needed(name: &'static str, what: &'static str) -> Result<String, BadVariable> {
    variable(name).ok_or_else(|| BadVariable::new(name, String::new(), what))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The endpoints that the environment names: `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_DRS` and its
/// like for one service.
///
/// They are handed on as they stand, so that a call to one that cannot exist fails. The SDK's own
/// provider leaves out with a warning what is no URL, and the call would go to the real AWS.
#[derive(Debug)]
struct Endpoints {
    ignored: bool,
}

impl Endpoints {
    fn everywhere(&self) -> Option<String> {
        variable("AWS_ENDPOINT_URL").filter(|_| !self.ignored)
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        // The SDK looks for `AWS_ENDPOINT_URL_DRS` and then for `AWS_ENDPOINT_URL`.
        let name = format!(
            "{}_{}",
            key.env(),
            key.service_id().to_uppercase().replace(' ', "_")
        );
        variable(&name).filter(|_| !self.ignored)
    }
}

/// Answers one event after the other.
///
/// # Errors
///
/// What Lambda's Runtime API makes impossible; and, once an answer was given for which the
/// credentials were too old, that: they do not change as long as a process lives, so it ends, and
/// Lambda starts one with new credentials.
pub async fn serve(
    handle: impl AsyncFn(&str, Invocation) -> Result<Answer, Failure>,
) -> Result<(), Error> {
    let expired = &Cell::new(false);

    let answer = async |event: LambdaEvent<Box<RawValue>>| {
        let answer = handle(event.payload.get(), Invocation::new(&event.context)).await;
        expired.set(match &answer {
            Ok(answer) => answer.met_expired_credentials(),
            Err(failure) => failure.met_expired_credentials(),
        });
        answer
    };

    // The error ends the process, once Lambda has the answer.
    let after_the_answer = |sent: Result<(), Error>| match sent {
        Ok(()) if expired.get() => {
            Err("the credentials have expired; the next process gets new ones".into())
        }
        sent => sent,
    };

    // The layer sees each answer after it was sent.
    let runtime = Runtime::new(service_fn(answer)).layer(TracingLayer::new());
    runtime
        .layer(MapResultLayer::new(after_the_answer))
        .run()
        .await
}

/// Starts the log: JSON where Lambda is set to it, at Lambda's level for the function itself.
///
/// Everything else logs at INFO at most, whatever the level: at DEBUG the SDK logs AWS's answers,
/// with host names in them.
pub fn log(function: &str) {
    let level = level(&env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default());
    // The SDK's own lines at DEBUG hold host names of AWS's answers.
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_target(function, level);

    // Lambda sets the format that the function's configuration asks for.
    let format = env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let lines = subscriber::fmt::layer().with_target(false).without_time();
    let registry = subscriber::registry();
    if format.eq_ignore_ascii_case("json") {
        let lines = lines.json().event_format(JsonLine);
        registry.with(lines.with_filter(filter)).init();
    } else {
        registry.with(lines.with_filter(filter)).init();
    }
}

/// A level by one of Lambda's names, or by one of the SDK's; INFO for any other. Nothing here is
/// worse than an error, so that FATAL, which Lambda knows and Rust does not, shows as little as
/// ERROR.
fn level(name: &str) -> LevelFilter {
    match name {
        _ if name.is_empty() => LevelFilter::INFO,
        _ if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        _ => name.parse().unwrap_or(LevelFilter::INFO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_lambdas_or_info() {
        let names = [
            "TRACE", "debug", "INFO", "WARN", "ERROR", "FATAL", "OFF", "", "LOUD",
        ];
        let expected = [
            LevelFilter::TRACE,
            LevelFilter::DEBUG,
            LevelFilter::INFO,
            LevelFilter::WARN,
            LevelFilter::ERROR,
            LevelFilter::ERROR,
            LevelFilter::OFF,
            LevelFilter::INFO,
            LevelFilter::INFO,
        ];
        assert_eq!(names.map(level), expected);
    }
}
