//! The Lambda Runtime API for one process: it hands out events and takes answers, and notes when.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Lambda's longest timeout, so that no event is left unfinished for want of time.
pub(crate) const TIMEOUT_MS: u64 = 900_000;

/// What a process does at the Runtime API.
pub(crate) enum Sign {
    /// It waits for an event.
    Ready(Ready),
    /// It has answered one.
    Answered(Answered),
    /// It reports a failure, with this text.
    Failed(String),
}

/// A process that waits for an event.
pub(crate) struct Ready {
    /// Since when.
    pub(crate) at: Instant,
    reply: oneshot::Sender<Bytes>,
}

/// An answer.
pub(crate) struct Answered {
    /// When it was there, whole.
    pub(crate) at: Instant,
    /// The answer.
    pub(crate) body: Bytes,
}

impl Ready {
    /// Hands out an event, and returns when.
    pub(crate) fn take(self, event: &Bytes) -> Instant {
        let at = Instant::now();
        // A process that is gone by now is missed when its answer is waited for.
        let _ = self.reply.send(event.clone());
        at
    }
}

/// The Runtime API of one process, at a port of its own.
pub(crate) struct Runtime {
    pub(crate) address: SocketAddr,
    pub(crate) signs: mpsc::UnboundedReceiver<Sign>,
    server: JoinHandle<()>,
}

impl Runtime {
    /// Serves on 127.0.0.1 until it is dropped.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, signs) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let answer = service_fn(|request| answer(request, &sender));
                    let connection = hyper::server::conn::http1::Builder::new();
                    // A process that is ended breaks its connections.
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });

        Ok(Self {
            address,
            signs,
            server,
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    signs: &mpsc::UnboundedSender<Sign>,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let at = Instant::now();
    let path = parts.uri.path().trim_start_matches("/2018-06-01/runtime/");
    let sign = match (&parts.method, path.rsplit('/').next()) {
        (&Method::GET, Some("next")) => {
            let (reply, event) = oneshot::channel();
            let _ = signs.send(Sign::Ready(Ready { at, reply }));
            let event = event.await.map_err(io::Error::other)?;
            return Ok(invocation(event));
        }
        (&Method::POST, Some("response")) => Sign::Answered(Answered { at, body }),
        _ => Sign::Failed(format!(
            "{} {path}: {}",
            parts.method,
            String::from_utf8_lossy(&body)
        )),
    };

    let _ = signs.send(sign);
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
    *response.status_mut() = StatusCode::ACCEPTED;

    Ok(response)
}

fn invocation(event: Bytes) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        + Duration::from_millis(TIMEOUT_MS);
    let headers = [
        ("content-type", "application/json".to_owned()),
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        ),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:111122223333:function:bench".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned(),
        ),
    ];

    let mut response = Response::new(Full::new(event));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, value);
        }
    }

    response
}
