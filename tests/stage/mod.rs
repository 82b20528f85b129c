//! Stages for scenarios: an emulated account, the real SDK client, and the function's own `handle`
//! between them.

pub(crate) mod answers;
pub(crate) mod audit;
pub(crate) mod drs;
pub(crate) mod efs;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    },
    orchestrator::HttpRequest,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;
use chrono::Utc;
use emulator::{Emulator, Fault, FaultKind, wire};
use harness::connector::to_response;
use serde_json::Value;
use shared::Invocation;

use crate::{schemas::assert_reports, tidy::read};

/// Every kind of fault that a call can meet which changes something.
pub(crate) const FAULTS_OF_A_CHANGE: [FaultKind; 14] = [
    FaultKind::Throttle,
    FaultKind::ThrottleRetryAfter,
    FaultKind::ThrottleWithoutCode,
    FaultKind::InternalError,
    FaultKind::Unavailable,
    FaultKind::AccessDenied,
    FaultKind::ExpiredToken,
    FaultKind::ExpiredSignature,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::HangBefore,
    FaultKind::HangAfter,
    FaultKind::LateEffect,
    FaultKind::Truncated,
];

/// The answer to one delivery.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` for Ok.
    pub(crate) error_type: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(answer: Result<shared::Answer, shared::Failure>) -> Self {
        let (error_type, body) = harness::parts(answer);
        assert_reports(&body);

        Self { error_type, body }
    }

    /// The outcome and the reason of the first target, and the error type if the function failed.
    pub(crate) fn conclusion(&self) -> String {
        let target = &self.body["targets"][0];
        let conclusion = format!("{} {}", text(&target["outcome"]), text(&target["reason"]));

        match &self.error_type {
            None => conclusion,
            Some(error_type) => format!("{conclusion} -> {error_type}"),
        }
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// An event of the folder `events`, as it can be sent now.
pub(crate) fn event(file: &str) -> Value {
    let text = read(format!("events/{file}"));
    let filled = emulator::event::fill(&text, Utc::now()).unwrap();

    serde_json::from_str(&filled).unwrap()
}

/// An invocation at this time, with so many seconds left.
pub(crate) fn invocation(seconds_left: u64) -> Invocation {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds_left);

    Invocation::at(Utc::now(), deadline)
}

/// The SDK in a new sandbox: it calls the emulator, and its own retries are quick.
pub(crate) fn sdk_config(local: &Emulator) -> SdkConfig {
    harness::sdk_config()
        .endpoint_url(local.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(patience(local))
        .retry_config(quick_retries())
        .build()
}

fn quick_retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
}

/// How long a call may take: a second where one is to hang, and otherwise longer than on the
/// busiest machine.
fn patience(local: &Emulator) -> TimeoutConfig {
    let hangs = |fault: &Fault| matches!(fault.kind, FaultKind::HangBefore | FaultKind::HangAfter);
    let seconds = if local.world().faults.iter().any(hangs) {
        1
    } else {
        60
    };

    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(seconds))
        .build()
}

/// Kills a delivery after a number of polls; returns whether it had been answered by then.
pub(crate) async fn killed_after(mut polls: usize, delivery: impl Future<Output = Answer>) -> bool {
    let mut delivery = std::pin::pin!(delivery);

    std::future::poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready(false);
        }
        polls -= 1;
        delivery.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// An answer of AWS: its status, the error code in its header, and its body.
pub(crate) type Canned = (u16, &'static str, &'static str);

/// A service that answers its first calls in one way, and every later one in another.
#[derive(Debug, Clone)]
pub(crate) struct CannedService {
    calls: Arc<AtomicUsize>,
    /// The answer to the first calls, and how many they are.
    first: (usize, Canned),
    later: Canned,
}

impl CannedService {
    /// As many calls as the SDK makes of one that is throttled.
    pub(crate) const THROTTLED: (usize, Canned) = (3, (429, "ThrottlingException", "{}"));

    pub(crate) fn new(first: (usize, Canned), later: Canned) -> Self {
        Self {
            calls: Arc::default(),
            first,
            later,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The SDK with this service instead of AWS.
    pub(crate) fn sdk_config(&self) -> SdkConfig {
        harness::sdk_config()
            .http_client(self.client())
            .retry_config(quick_retries())
            .build()
    }

    fn client(&self) -> SharedHttpClient {
        let service = self.clone();

        http_client_fn(move |_, _| SharedHttpConnector::new(service.clone()))
    }
}

impl HttpConnector for CannedService {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let (times, first) = self.first;
        let is_first = self.calls.fetch_add(1, Ordering::Relaxed) < times;
        let (status, code, body) = if is_first { first } else { self.later };

        let answer = wire::Answer {
            status,
            error_type: (!code.is_empty()).then(|| code.to_owned()),
            retry_after: None,
            content_type: "application/json",
            body: Some(body.to_owned()),
        };
        HttpConnectorFuture::ready(to_response(&answer))
    }
}
