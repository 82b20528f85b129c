//! The one port: the Lambda Runtime and Invoke APIs, the account's services, and a few controls of our own.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use chrono::TimeDelta;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CONTENT_TYPE},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    cloud::{Action, Cloud},
    fault::Fault,
    runtime::Functions,
    service::{self, Pair, Service},
    world::ApiError,
};

/// A body of any kind; its error breaks the connection.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The largest body that is read; Lambda's own limit for a synchronous payload.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// Serves everything on 127.0.0.1 until the runtime ends.
///
/// # Errors
///
/// When the port cannot be bound.
pub(crate) async fn serve(port: u16, cloud: Cloud, functions: Functions) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (cloud, functions) = (cloud.clone(), functions.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let (cloud, functions) = (cloud.clone(), functions.clone());
                    async move { route(request, &cloud, &functions).await }
                });
                // A connection that the other side breaks, or that a fault breaks, ends here.
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(address)
}

async fn route(request: Request<Incoming>, cloud: &Cloud, functions: &Functions) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(wrong) if wrong.is::<LengthLimitError>() => {
            return Ok(error(413, "RequestEntityTooLargeException", "the body is larger than 6 MB"));
        }
        Err(broken) => return Err(io::Error::other(broken)),
    };
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        ["runtime", function, "2018-06-01", "runtime", rest @ ..] => {
            functions.runtime_api(function, rest, &parts, body).await
        }
        ["2015-03-31", "functions", function, "invocations"] if parts.method == Method::POST => {
            functions.invoke_api(function, &parts.headers, body).await
        }
        ["local", "logs", function] if parts.method == Method::GET => {
            Ok(plain_json(200, &json!(functions.logs(function))))
        }
        ["local", control] => Ok(control_api(cloud, &parts.method, control, &body)),
        _ => service_api(cloud, &parts, &path, &body).await,
    }
}

/// What an operator or a test does to the account: look at it, let time pass, order a fault.
fn control_api(cloud: &Cloud, method: &Method, control: &str, body: &Bytes) -> Response<Body> {
    match (method.as_str(), control) {
        ("GET", "world") => plain_json(200, &json!(cloud.world())),
        ("GET", "journal") => {
            plain_json(200, &json!(cloud.journal().iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
        ("POST", "advance") => {
            match serde_json::from_slice::<Value>(body).ok().and_then(|body| body.get("minutes")?.as_i64()) {
                Some(minutes @ 0..=525_600) => {
                    cloud.advance(TimeDelta::minutes(minutes));
                    plain_json(200, &json!({ "now": cloud.world().now }))
                }
                _ => error(400, "ValidationException", "send {\"minutes\": N}, N from 0 to 525600"),
            }
        }
        ("POST", "faults") => match order(body) {
            Ok(fault) => {
                cloud.inject(fault);
                plain_json(200, &json!({}))
            }
            Err(wrong) => error(400, "ValidationException", &wrong),
        },
        _ => error(
            404,
            "UnknownOperationException",
            "GET world, GET journal, GET logs/FUNCTION, POST advance, POST faults",
        ),
    }
}

fn order(body: &Bytes) -> Result<Fault, String> {
    let fault: Fault = serde_json::from_slice(body).map_err(|wrong| wrong.to_string())?;
    fault.check().map(|()| fault)
}

async fn service_api(
    cloud: &Cloud,
    parts: &hyper::http::request::Parts,
    path: &str,
    body: &Bytes,
) -> io::Result<Response<Body>> {
    let method = parts.method.as_str();
    let Some(scope) = scope(parts) else {
        cloud.note_unexpected(method, path, "no signature");
        return Ok(error(403, "MissingAuthenticationTokenException", "the request has no AWS signature, version 4"));
    };
    let service = Service::signed(&scope.service);
    let routed = service.and_then(|service| Some((service, service.route(method, path)?)));
    let Some((service, operation)) = routed else {
        cloud.note_unexpected(method, path, &format!("not an operation of {}", scope.service));
        return Ok(error(
            404,
            "UnknownOperationException",
            &format!("{method} {path} of {} is not served", scope.service),
        ));
    };
    let request = match input(service, operation, parts, path, body) {
        Ok(input) => service::Request { service, operation: operation.to_owned(), region: scope.region, input },
        Err(wrong) => {
            cloud.note_unexpected(operation, path, &wrong.message);
            return Ok(reply(service, Err(wrong)));
        }
    };
    match cloud.meet(&request) {
        Action::Answer(answer) => Ok(reply(service, answer)),
        Action::Status(status) => Ok(response(status, Bytes::new())),
        Action::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Action::Hang => std::future::pending().await,
        Action::Truncate(answer) => Ok(truncate(reply(service, answer)).await),
    }
}

/// What a signature says it is for. Whether it is genuine is not checked: there are no secrets here.
struct Scope {
    region: String,
    service: String,
}

fn scope(parts: &hyper::http::request::Parts) -> Option<Scope> {
    let signature = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let mut scope = signature.split(',').next()?.split('/').skip(2);
    Some(Scope { region: scope.next()?.to_owned(), service: scope.next()?.to_owned() })
}

/// The members of a call: the body, and what the API's model binds to path and query.
fn input(
    service: Service,
    operation: &str,
    parts: &hyper::http::request::Parts,
    path: &str,
    body: &Bytes,
) -> Result<Value, ApiError> {
    let mut input = match body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(body).map_err(|error| ApiError::validation(error.to_string()))?,
    };
    if !input.is_object() {
        return Err(ApiError::validation("the body is not an object"));
    }
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query: Vec<Pair> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (service::percent_decode(name), service::percent_decode(value)))
        .collect();
    service.bind(operation, path, &query, &mut input)?;
    Ok(input)
}

fn reply(service: Service, reply: service::Reply) -> Response<Body> {
    match reply {
        Ok((status, None)) => response(status, Bytes::new()),
        Ok((204, _)) => response(204, Bytes::new()),
        Ok((status, Some(body))) => plain_json(status, &body),
        Err(wrong) => with_code(plain_json(wrong.status, &service.error_body(&wrong)), wrong.code),
    }
}

/// An error outside the services, as AWS writes it for a REST-JSON service: the code in a header, a text in the body.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    with_code(plain_json(status, &json!({ "message": message, "code": code })), code)
}

fn with_code(mut response: Response<Body>, code: &str) -> Response<Body> {
    if let Ok(code) = code.parse() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

pub(crate) fn plain_json(status: u16, body: &Value) -> Response<Body> {
    let mut response = response(status, Bytes::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn response(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(id) = uuid::Uuid::new_v4().to_string().parse() {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// The same response, cut off in the middle of its body.
async fn truncate(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, CutOff { half: Some(half), length: whole.len() as u64 }.boxed())
}

/// A body that promises more than it sends.
struct CutOff {
    half: Option<Bytes>,
    length: u64,
}

impl hyper::body::Body for CutOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(match self.half.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
