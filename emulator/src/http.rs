//! The one port: the Lambda Runtime and Invoke APIs, the account's services, and a few controls of
//! our own.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use chrono::{Datelike as _, TimeDelta};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderValue, ORIGIN},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::{
    cloud::Cloud,
    fault::Fault,
    lambda::functions::Functions,
    wire::{Answer, Call, SLOW, Wire},
    world,
};

/// A body of any kind; its error breaks the connection.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The largest body that is read; Lambda's own limit for a synchronous payload. An answer of a
/// function may be a hundred bytes larger.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
pub(crate) const MAX_ANSWER_BYTES: usize = MAX_BODY_BYTES + 100;

/// How long to wait after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How long the headers of a request may take, and an idle connection may wait for the next one.
const HEADERS_TAKE: Duration = Duration::from_secs(60);

/// How long the body of a request may take.
const BODY_TAKES: Duration = Duration::from_secs(60);

/// Serves everything on 127.0.0.1 until the runtime ends.
///
/// # Errors
///
/// When the port cannot be bound.
pub(crate) async fn serve(port: u16, cloud: Cloud, functions: Functions) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    _ = tokio::spawn(serve_connection(stream, cloud.clone(), functions.clone()))
                }
                // Too many open files, for instance: it passes as connections end, and the service
                // goes on.
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    });
    Ok(address)
}

/// Serves one connection, whatever carries it, until it ends: by the other side, or by a fault.
pub async fn serve_connection<S>(stream: S, cloud: Cloud, functions: Functions)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        let (cloud, functions) = (cloud.clone(), functions.clone());
        async move { route(request, &cloud, &functions).await }
    });
    let mut connection = hyper::server::conn::http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TAKE);
    let _ = connection
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn route(
    request: Request<Incoming>,
    cloud: &Cloud,
    functions: &Functions,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let largest = if segments.first() == Some(&"runtime") {
        MAX_ANSWER_BYTES
    } else {
        MAX_BODY_BYTES
    };
    let waits = parts.headers.get(EXPECT).is_some() && body.size_hint().lower() > largest as u64;
    let read = match waits {
        // Who waits to be told to go on is told no in place of that.
        true => None,
        false => tokio::time::timeout(BODY_TAKES, read(body, largest)).await??,
    };
    let body = match read {
        Some(body) => body,
        None => {
            if let [
                "runtime",
                function,
                "2018-06-01",
                "runtime",
                "invocation",
                id,
                "response",
            ] = segments.as_slice()
            {
                return Ok(closing(functions.answer_is_too_large(function, id)));
            }
            return Ok(closing(error(
                413,
                "RequestEntityTooLargeException",
                "the body is larger than 6 MB",
            )));
        }
    };
    if !is_from_here(&parts.headers) {
        return Ok(error(
            403,
            "AccessDeniedException",
            "the Host or the Origin of the request is not this machine",
        ));
    }
    match segments.as_slice() {
        ["runtime", function, "2018-06-01", "runtime", rest @ ..] => {
            functions.runtime_api(function, rest, &parts, body).await
        }
        ["2015-03-31", "functions", rest @ ..] => functions.lambda_api(rest, &parts, body).await,
        ["local", "logs", function] if parts.method == Method::GET => {
            Ok(plain_json(200, &json!(functions.logs(function))))
        }
        ["local", control] => Ok(control_api(cloud, &parts.method, control, &body)),
        _ => service_api(cloud, &parts, &path, &body).await,
    }
}

/// Reads a body; `None` for one that is too large. That is read to its end too, for a client that
/// still writes when the connection is closed never sees the answer.
async fn read(mut body: Incoming, largest: usize) -> io::Result<Option<Bytes>> {
    let (mut kept, mut size) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size <= largest {
            kept.extend_from_slice(&data);
        }
    }
    Ok((size <= largest).then(|| kept.into()))
}

/// The last answer of a connection: the rest of a body may be on its way, and would be taken for
/// the next request.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whether a request was meant for this machine and comes from no page of another. Signatures do
/// not tell: none is verified here, so a page whose name leads to 127.0.0.1 could write one.
fn is_from_here(headers: &HeaderMap) -> bool {
    let is_here = |authority: &str| {
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok());
        matches!(
            host.map_or(authority, |(host, _)| host),
            "127.0.0.1" | "localhost" | "[::1]"
        )
    };
    let all = |name| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    match (all(HOST).as_slice(), all(ORIGIN).as_slice()) {
        ([host], []) => is_here(host),
        ([host], [origin]) => is_here(host) && origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

/// What an operator or a test does to the account: look at it, let time pass, order a fault.
fn control_api(cloud: &Cloud, method: &Method, control: &str, body: &Bytes) -> Response<Body> {
    match (method.as_str(), control) {
        ("GET", "world") => plain_json(200, &json!(cloud.world())),
        ("GET", "journal") => plain_json(
            200,
            &json!(
                cloud
                    .journal()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            ),
        ),
        ("POST", "advance") => {
            match serde_json::from_slice::<Value>(body)
                .ok()
                .and_then(|body| body.get("minutes")?.as_i64())
            {
                Some(minutes @ 0..=525_600) => {
                    let by = TimeDelta::minutes(minutes);
                    if !world::YEARS.contains(&(cloud.world().now + by).year()) {
                        return error(
                            400,
                            "ValidationException",
                            "the account ends with the year 2999",
                        );
                    }
                    cloud.advance(by);
                    plain_json(200, &json!({ "now": cloud.world().now }))
                }
                _ => error(
                    400,
                    "ValidationException",
                    "send {\"minutes\": N}, N from 0 to 525600",
                ),
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
    let call = Call {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        authorization: parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|header| header.to_str().ok()),
        body,
    };
    match cloud.call(call) {
        Wire::Answer(answer) => Ok(on_http(answer)),
        Wire::Slow(answer) => {
            tokio::time::sleep(SLOW).await;
            Ok(on_http(answer))
        }
        Wire::Truncate(answer) => Ok(truncate(on_http(answer)).await),
        Wire::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Wire::Hang => std::future::pending().await,
    }
}

fn on_http(answer: Answer) -> Response<Body> {
    let mut response = response(
        answer.status,
        answer.body.map(Bytes::from).unwrap_or_default(),
    );
    if !response.body().is_end_stream() {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(code) = answer.error_type.and_then(|code| code.parse().ok()) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// An error outside the services.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    on_http(Answer::error(status, code, message))
}

pub(crate) fn plain_json(status: u16, body: &Value) -> Response<Body> {
    let mut response = response(status, Bytes::from(body.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn response(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(
        Full::new(body)
            .map_err(|never: Infallible| match never {})
            .boxed(),
    );
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(id) = uuid::Uuid::new_v4().to_string().parse() {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// The same response, cut off in the middle of its body.
async fn truncate(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(
        parts,
        CutOff {
            half: Some(half),
            length: whole.len() as u64,
        }
        .boxed(),
    )
}

/// A body that promises more than it sends.
struct CutOff {
    half: Option<Bytes>,
    length: u64,
}

impl hyper::body::Body for CutOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(match self.half.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::{lambda::binaries::Binaries, world::World};

    /// What a client reads that sends these bytes and nothing else.
    async fn answer_to(sent: &str) -> String {
        let cloud = Cloud::new(World::empty());
        let functions = Functions::new(cloud.clone(), Binaries::Fixed([].into()));
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(serve_connection(server, cloud, functions));
        client.write_all(sent.as_bytes()).await.unwrap();
        tokio::time::timeout(2 * HEADERS_TAKE, serving)
            .await
            .expect("it ends by itself")
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_from_this_machine_by_every_header_and_for_every_api() {
        let signature = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/drs/aws4_request";
        for path in [
            "GET /local/journal",
            "POST /DescribeJobs",
            "GET /2015-03-31/functions/",
        ] {
            for (headers, from_here) in [
                ("Host: localhost:9010\r\n", true),
                (
                    "Host: localhost:9010\r\nOrigin: http://localhost:9010\r\n",
                    true,
                ),
                ("", false),
                ("Host: example.com:9010\r\n", false),
                ("Host: localhost:9010\r\nHost: example.com\r\n", false),
                (
                    "Host: localhost:9010\r\nOrigin: http://example.com\r\n",
                    false,
                ),
                (
                    "Host: localhost:9010\r\nOrigin: http://localhost:9010\r\nOrigin: null\r\n",
                    false,
                ),
            ] {
                let answer = answer_to(&format!(
                    "{path} HTTP/1.1\r\n{headers}Authorization: {signature}\r\n\r\n"
                ))
                .await;
                assert_eq!(
                    !answer.contains("is not this machine"),
                    from_here,
                    "{path} {headers}: {answer}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_end_end_the_connection() {
        answer_to("GET / HTTP/1.1\r\nHost: loc").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_ends_the_connection() {
        assert_eq!(
            answer_to("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").await,
            ""
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_not_told_to_go_on_with_what_is_too_large() {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n";
        let answer = answer_to(head).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[tokio::test]
    async fn a_body_that_is_far_too_large_is_read_to_its_end_and_refused() {
        let size = 3 * MAX_BODY_BYTES;
        let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
        let answer = answer_to(&(head + &"1".repeat(size))).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[test]
    fn time_does_not_pass_beyond_the_years_of_a_world() {
        let cloud = Cloud::new(World {
            now: "2999-06-01T00:00:00Z".parse().unwrap(),
            ..World::empty()
        });
        let advance = |minutes: i64| {
            control_api(
                &cloud,
                &Method::POST,
                "advance",
                &json!({ "minutes": minutes }).to_string().into(),
            )
            .status()
        };
        assert_eq!(
            (advance(60), advance(525_600), advance(60)),
            (StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::OK)
        );
        World::from_json(&json!(cloud.world()).to_string()).unwrap();
    }
}
