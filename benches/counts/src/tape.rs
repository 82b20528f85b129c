//! What stands in for HTTP: the emulator, and what it answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use emulator::{
    Cloud,
    wire::{self, Wire},
};
use shared::start;

use crate::scene::noon;

/// The configuration of a function, with something else for HTTP and for the clock.
pub(crate) async fn configuration(http: impl HttpClient + 'static) -> Result<SdkConfig> {
    let config = start::aws().await?.into_builder();
    Ok(config
        .http_client(http)
        .time_source(StaticTimeSource::new(noon().into()))
        .build())
}

/// One call and what it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: String,
    uri: String,
    body: Vec<u8>,
    answer: wire::Answer,
}

impl Call {
    fn is(&self, request: &HttpRequest) -> bool {
        (self.method.as_str(), self.uri.as_str()) == (request.method(), request.uri())
            && Some(self.body.as_slice()) == request.body().bytes()
    }
}

/// Asks the emulator, and keeps what it answers.
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

    fn meet(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // scheme://host/path?query
        let path_and_query = format!(
            "/{}",
            request.uri().splitn(4, '/').nth(3).unwrap_or_default()
        );
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((&path_and_query, ""));
        let body = request.body().bytes().unwrap_or_default();
        let authorization = request.headers().get("authorization");
        let call = wire::Call {
            method: request.method(),
            path,
            query,
            authorization,
            body,
        };
        let Wire::Answer(answer) = self.cloud.call(call) else {
            return Err(ConnectorError::user("no answer".into()));
        };
        let (method, uri) = (request.method().to_owned(), request.uri().to_owned());
        let answered = response(&answer);
        lock(&self.calls).push(Call {
            method,
            uri,
            body: body.to_vec(),
            answer,
        });
        answered
    }
}

/// Answers the same calls in the same order, and no other.
#[derive(Debug, Clone)]
pub(crate) struct Player(Arc<Mutex<Tape>>);

#[derive(Debug)]
struct Tape {
    calls: Vec<Call>,
    next: usize,
    wrong: Option<String>,
}

impl Player {
    pub(crate) fn of(calls: Vec<Call>) -> Self {
        Self(Arc::new(Mutex::new(Tape {
            calls,
            next: 0,
            wrong: None,
        })))
    }

    /// Goes back to the first call, if it has come to the end without any other.
    pub(crate) fn rewind(&self) -> Result<()> {
        let mut tape = lock(&self.0);
        ensure!(
            tape.wrong.is_none(),
            "not what was recorded: {:?}",
            tape.wrong
        );
        ensure!(
            tape.next == tape.calls.len(),
            "{} calls of {}",
            tape.next,
            tape.calls.len()
        );
        tape.next = 0;
        Ok(())
    }

    fn meet(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut tape = lock(&self.0);
        let next = tape.next;
        tape.next += 1;
        if let Some(call) = tape.calls.get(next).filter(|call| call.is(request)) {
            return response(&call.answer);
        }
        tape.wrong = Some(format!(
            "call {next} is {} {}",
            request.method(),
            request.uri()
        ));
        Err(ConnectorError::user("not what was recorded".into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With the headers of AWS's answers that the SDK reads, and the body in one piece.
fn response(answer: &wire::Answer) -> Result<HttpResponse, ConnectorError> {
    let status =
        StatusCode::try_from(answer.status).map_err(|wrong| ConnectorError::user(wrong.into()))?;
    let mut response = HttpResponse::new(
        status,
        SdkBody::from(answer.body.clone().unwrap_or_default()),
    );
    response
        .headers_mut()
        .insert("content-type", "application/json");
    response
        .headers_mut()
        .insert("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    if let Some(code) = &answer.error_type {
        response
            .headers_mut()
            .insert("x-amzn-errortype", code.clone());
    }
    Ok(response)
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.meet(&request))
    }
}

impl HttpConnector for Player {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.meet(&request))
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

impl HttpClient for Player {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
