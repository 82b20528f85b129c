//! HTTP clients without HTTP: the emulator, and a replay of what it answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use emulator::{
    Cloud,
    wire::{Answer, Wire},
};
use harness::connector::{to_call, to_response};

/// One call and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: String,
    uri: String,
    body: Vec<u8>,
    answer: Answer,
}

impl Call {
    fn is(&self, request: &HttpRequest) -> bool {
        (self.method.as_str(), self.uri.as_str()) == (request.method(), request.uri())
            && Some(self.body.as_slice()) == request.body().bytes()
    }
}

/// Calls the emulator, and keeps its answers.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    cloud: Cloud,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Recorder {
    pub(crate) fn new(cloud: Cloud) -> Self {
        Self {
            cloud,
            calls: Arc::default(),
        }
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let call = to_call(request);
        // No fault was injected, so nothing else can come.
        let Wire::Answer(answer) = self.cloud.call(call) else {
            return Err(ConnectorError::user("no answer".into()));
        };

        let response = to_response(&answer);
        lock(&self.calls).push(Call {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            body: call.body.to_vec(),
            answer,
        });

        response
    }
}

/// Answers the same calls in the same order, and no other.
#[derive(Debug, Clone)]
pub(crate) struct Replay(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    calls: Vec<Call>,
    next: usize,
    /// The last call that was not the recorded one.
    wrong: Option<String>,
}

impl Replay {
    pub(crate) fn new(calls: Vec<Call>) -> Self {
        Self(Arc::new(Mutex::new(State {
            calls,
            next: 0,
            wrong: None,
        })))
    }

    /// Returns to the first call, if it has come to the last without any other.
    pub(crate) fn rewind(&self) -> Result<()> {
        let mut state = lock(&self.0);
        let (next, all) = (state.next, state.calls.len());
        ensure!(state.wrong.is_none(), "not recorded: {:?}", state.wrong);
        ensure!(next == all, "{next} calls of {all}");

        state.next = 0;
        Ok(())
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut state = lock(&self.0);
        let next = state.next;
        state.next += 1;

        if let Some(call) = state.calls.get(next).filter(|call| call.is(request)) {
            return to_response(&call.answer);
        }
        let (method, uri) = (request.method(), request.uri());
        state.wrong = Some(format!("call {next} is {method} {uri}"));
        Err(ConnectorError::user("this call is not recorded".into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl HttpClient for Recorder {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
