//! Stages for scenarios: an emulated account, the real SDK client, and the function's own `handle`
//! in between.

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

use aws_sdk_drs::config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::{
    http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    },
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use chrono::Utc;
use emulator::{Emulator, Fault, FaultKind};
use serde_json::{Value, json};

use crate::tidy::read;

/// Every kind of fault that a call can meet which changes something.
pub(crate) const FAULTS_OF_A_CHANGE: [FaultKind; 11] = [
    FaultKind::Throttle,
    FaultKind::InternalError,
    FaultKind::Unavailable,
    FaultKind::AccessDenied,
    FaultKind::ExpiredToken,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::HangBefore,
    FaultKind::HangAfter,
    FaultKind::LateEffect,
    FaultKind::Truncated,
];

/// What one delivery was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` for Ok.
    pub(crate) error_type: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn of(answered: Result<shared::Answer, shared::Failure>) -> Self {
        match answered {
            Ok(answer) => Self {
                error_type: None,
                body: json!(answer),
            },
            Err(failure) => {
                let diagnostic = lambda_runtime::Diagnostic::from(failure);
                let body = serde_json::from_str(&diagnostic.error_message).unwrap();
                Self {
                    error_type: Some(diagnostic.error_type),
                    body,
                }
            }
        }
    }

    /// The outcome and reason of the first target, and the error type if the function failed.
    pub(crate) fn said(&self) -> String {
        let target = &self.body["targets"][0];
        let said = format!("{} {}", text(&target["outcome"]), text(&target["reason"]));
        match &self.error_type {
            None => said,
            Some(error_type) => format!("{said} -> {error_type}"),
        }
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// An event of the folder `events`, as it can be sent now.
pub(crate) fn event(file: &str) -> Value {
    let text = read(format!("events/{file}"));
    serde_json::from_str(&emulator::event::fill(&text, Utc::now()).unwrap()).unwrap()
}

/// Kills a delivery after a number of polls; tells whether it had been answered by then.
pub(crate) async fn killed_after(mut polls: usize, delivery: impl Future<Output = Answer>) -> bool {
    let mut delivery = std::pin::pin!(delivery);
    let until_killed = std::future::poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready(false);
        }
        polls -= 1;
        delivery.as_mut().poll(context).map(|_| true)
    });
    until_killed.await
}

/// How long a call may take: not long where one is to hang, and else longer than on the busiest
/// machine.
pub(crate) fn patience(local: &Emulator) -> TimeoutConfig {
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

/// An answer of AWS's: its status, the error code in its header, and its body.
pub(crate) type Canned = (u16, &'static str, &'static str);

/// A service that answers its first calls in one way, and every later one in another.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    calls: Arc<AtomicUsize>,
    first: (usize, Canned),
    then: Canned,
}

impl Answers {
    /// As many calls as the SDK makes of one that is throttled.
    pub(crate) const THROTTLED: (usize, Canned) = (3, (429, "ThrottlingException", "{}"));

    pub(crate) fn new(first: (usize, Canned), then: Canned) -> Self {
        Self {
            calls: Arc::default(),
            first,
            then,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// What makes a client's calls come here.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let service = self.clone();
        http_client_fn(move |_, _| SharedHttpConnector::new(service.clone()))
    }
}

impl HttpConnector for Answers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let (times, first) = self.first;
        let is_first = self.calls.fetch_add(1, Ordering::Relaxed) < times;
        let (status, code, body) = if is_first { first } else { self.then };
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        if !code.is_empty() {
            answer.headers_mut().insert("x-amzn-errortype", code);
        }
        HttpConnectorFuture::ready(Ok(answer))
    }
}
