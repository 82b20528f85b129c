//! The one port: the Lambda Runtime and Invoke APIs, the services, and the control API.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use chrono::{Datelike as _, TimeDelta};
use http_body_util::{BodyExt as _, Collected};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, ORIGIN},
    http::request::Parts,
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
    lambda::{
        functions::{Functions, MAX_PAYLOAD_BYTES},
        responses::{Body, error, on_http, plain_json},
        runtime_api::MAX_ANSWER_BYTES,
    },
    wire::{Call, SLOW, Wire},
    world,
};

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the headers of a request can take, and an idle connection can wait for the next one.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the body of a request can take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

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
                    let connection = serve_connection(stream, cloud.clone(), functions.clone());
                    tokio::spawn(connection);
                }
                // There may be too many open files. That passes as connections end.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    });
    Ok(address)
}

/// Serves one connection, whatever carries it, until the other side or a fault ends it.
pub async fn serve_connection<S>(stream: S, cloud: Cloud, functions: Functions)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        // Both are handles to shared state.
        let (cloud, functions) = (cloud.clone(), functions.clone());
        async move { answer(request, &cloud, &functions).await }
    });

    let mut connection = hyper::server::conn::http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        // Without a timeout a client that sends half a header would hold its connection forever.
        .header_read_timeout(HEADERS_TIMEOUT);
    let _ = connection
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    cloud: &Cloud,
    functions: &Functions,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();

    // The services have Lambda's limit too. An answer of a function may be slightly larger.
    let max_bytes = match segments.first() {
        Some(&"runtime") => MAX_ANSWER_BYTES,
        _ => MAX_PAYLOAD_BYTES,
    };
    let Some(body) = read_body(&parts.headers, body, max_bytes).await? else {
        return Ok(refuse_large_body(&segments, functions));
    };
    // The body is read before, so that a refused client sees the refusal.
    if !is_local(&parts.headers) {
        let message = "the Host or the Origin of the request is not this machine";
        return Ok(error(403, "AccessDeniedException", message));
    }

    match segments.as_slice() {
        // Each function has its own Runtime API, under its name.
        ["runtime", function, "2018-06-01", "runtime", path @ ..] => {
            Ok(functions.runtime_api(function, path, &parts, body).await)
        }
        ["2015-03-31", "functions", path @ ..] => {
            Ok(functions.lambda_api(path, &parts, body).await)
        }
        ["local", "logs", function] if parts.method == Method::GET => {
            Ok(plain_json(200, &json!(functions.logs(function))))
        }
        ["local", control] => Ok(control_api(cloud, &parts.method, control, &body)),
        // Everything else is a service, which the signature names.
        _ => service_api(cloud, &parts, &path, &body).await,
    }
}

/// Reads the body of a request; `None` for one that is too large.
async fn read_body(
    headers: &HeaderMap,
    body: Incoming,
    max_bytes: usize,
) -> io::Result<Option<Bytes>> {
    // A client that waits for `100 Continue` gets the refusal instead.
    let is_announced = body.size_hint().lower() > max_bytes as u64;
    if is_announced && headers.contains_key(EXPECT) {
        return Ok(None);
    }

    tokio::time::timeout(BODY_TIMEOUT, read_to_end(body, max_bytes)).await?
}

/// A body that is too large is read to its end as well. A client that is still writing when the
/// connection closes would never see the answer.
async fn read_to_end(mut body: Incoming, max_bytes: usize) -> io::Result<Option<Bytes>> {
    let (mut kept, mut size) = (Vec::new(), 0_usize);

    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size <= max_bytes {
            kept.extend_from_slice(&data);
        }
    }

    Ok((size <= max_bytes).then(|| kept.into()))
}

/// Refuses a body that is too large. If it is the answer of a function, its invocation fails.
fn refuse_large_body(segments: &[&str], functions: &Functions) -> Response<Body> {
    // The runtime waits for this answer before it polls again.
    let mut response = match segments {
        [
            "runtime",
            function,
            "2018-06-01",
            "runtime",
            "invocation",
            id,
            "response",
        ] => functions.refuse_large_answer(function, id),
        _ => {
            let message = "the body is larger than 6 MB";
            error(413, "RequestEntityTooLargeException", message)
        }
    };

    // The rest of the body may be on its way, and would be parsed as the next request.
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Whether a request was meant for this machine and comes from no foreign web page. Signatures do
/// not protect: they are not verified here, so that a page whose host name resolves to 127.0.0.1
/// could write one.
fn is_local(headers: &HeaderMap) -> bool {
    let all = |name: HeaderName| -> Vec<&str> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap_or_default())
            .collect()
    };

    // Two hosts or two origins are refused, whichever of them is meant.
    match (all(HOST).as_slice(), all(ORIGIN).as_slice()) {
        ([host], []) => is_local_host(host),
        ([host], [origin]) => is_local_host(host) && origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

fn is_local_host(authority: &str) -> bool {
    let (host, _) = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .unwrap_or((authority, ""));

    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// What an operator or a test does to the account: look at it, advance its clock, inject a fault.
fn control_api(cloud: &Cloud, method: &Method, control: &str, body: &Bytes) -> Response<Body> {
    let answered = match (method.as_str(), control) {
        ("GET", "world") => Ok(json!(cloud.world())),
        ("GET", "journal") => {
            let journal = cloud.journal();
            let lines: Vec<String> = journal.iter().map(ToString::to_string).collect();
            Ok(json!(lines))
        }
        ("POST", "advance") => advance(cloud, body).map(|()| json!({ "now": cloud.world().now })),
        ("POST", "faults") => read_fault(body).map(|fault| {
            cloud.inject(fault);
            json!({})
        }),
        _ => {
            let message = "GET world, GET journal, GET logs/FUNCTION, POST advance, POST faults";
            return error(404, "UnknownOperationException", message);
        }
    };

    match answered {
        Ok(body) => plain_json(200, &body),
        Err(wrong) => error(400, "ValidationException", &wrong),
    }
}

fn advance(cloud: &Cloud, body: &Bytes) -> Result<(), String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let minutes = body.get("minutes").and_then(Value::as_i64);
    let minutes = minutes
        .filter(|minutes| (0..=525_600).contains(minutes))
        .ok_or("send {\"minutes\": N}, N from 0 to 525600")?;

    // The times of DRS have four digits for the year.
    let by = TimeDelta::minutes(minutes);
    if !world::YEARS.contains(&(cloud.world().now + by).year()) {
        return Err("the account ends with the year 2999".to_owned());
    }

    cloud.advance(by);
    Ok(())
}

fn read_fault(body: &Bytes) -> Result<Fault, String> {
    let fault: Fault = serde_json::from_slice(body).map_err(|wrong| wrong.to_string())?;
    fault.check()?;
    Ok(fault)
}

async fn service_api(
    cloud: &Cloud,
    parts: &Parts,
    path: &str,
    body: &Bytes,
) -> io::Result<Response<Body>> {
    let header = |name: HeaderName| parts.headers.get(name)?.to_str().ok();
    let call = Call {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        authorization: header(AUTHORIZATION),
        target: header(HeaderName::from_static("x-amz-target")),
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
        // The client gives up, and the connection ends with it.
        Wire::Hang => std::future::pending().await,
    }
}

/// The same response, cut off in the middle of its body.
async fn truncate(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await;
    let whole = collected.map(Collected::to_bytes).unwrap_or_default();

    let body = CutOff {
        half: Some(whole.slice(..whole.len() / 2)),
        length: whole.len() as u64,
    };
    Response::from_parts(parts, body.boxed())
}

/// A body that announces more than it sends.
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
            // The error makes hyper close the connection in the middle of the body.
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{lambda::binaries::Binaries, world::World};

    /// What a client reads that sends these bytes and nothing else.
    async fn answer_to(sent: &str) -> String {
        let cloud = Cloud::new(World::empty());
        let functions = Functions::new(cloud.clone(), Binaries::Fixed([].into()));
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(serve_connection(server, cloud, functions));

        client.write_all(sent.as_bytes()).await.unwrap();
        tokio::time::timeout(2 * HEADERS_TIMEOUT, serving)
            .await
            .expect("it ends by itself")
            .unwrap();

        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn every_api_is_for_requests_from_this_machine_only() {
        let signature = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/drs/aws4_request";
        let paths = [
            "GET /local/journal",
            "POST /DescribeJobs",
            "GET /2015-03-31/functions/",
        ];
        let own_page = "Host: localhost:9010\r\nOrigin: http://localhost:9010\r\n";
        let two_hosts = "Host: localhost:9010\r\nHost: example.com\r\n";
        let foreign_page = "Host: localhost:9010\r\nOrigin: http://example.com\r\n";
        let two_origins =
            "Host: localhost:9010\r\nOrigin: http://localhost:9010\r\nOrigin: null\r\n";

        for path in paths {
            for (headers, is_local) in [
                ("Host: localhost:9010\r\n", true),
                (own_page, true),
                ("", false),
                ("Host: example.com:9010\r\n", false),
                (two_hosts, false),
                (foreign_page, false),
                (two_origins, false),
            ] {
                let request =
                    format!("{path} HTTP/1.1\r\n{headers}Authorization: {signature}\r\n\r\n");
                let answer = answer_to(&request).await;
                let is_refused = answer.contains("is not this machine");
                assert_eq!(!is_refused, is_local, "{path} {headers}: {answer}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn endless_headers_end_the_connection() {
        answer_to("GET / HTTP/1.1\r\nHost: loc").await;
    }

    #[tokio::test(start_paused = true)]
    async fn endless_body_ends_the_connection() {
        let request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
        assert_eq!(answer_to(request).await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn announced_body_that_is_too_large_is_not_requested() {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\
                    Expect: 100-continue\r\n\r\n";
        let answer = answer_to(head).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[tokio::test]
    async fn body_that_is_too_large_is_read_to_its_end_and_refused() {
        let size = 3 * MAX_PAYLOAD_BYTES;
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
            let body = json!({ "minutes": minutes }).to_string().into();
            control_api(&cloud, &Method::POST, "advance", &body).status()
        };

        assert_eq!(advance(60), StatusCode::OK);
        assert_eq!(advance(525_600), StatusCode::BAD_REQUEST);
        assert_eq!(advance(60), StatusCode::OK);
        World::from_json(&json!(cloud.world()).to_string()).unwrap();
    }
}
