//! The one port: the Lambda Runtime and Invoke APIs, the services, the control API, and whatever
//! else the program has that starts the account.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Collected};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, ORIGIN},
    http::request::Parts,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::{
    cloud::Cloud,
    control,
    lambda::{
        functions::{Functions, MAX_PAYLOAD_BYTES},
        responses::{Body, error, on_http},
        runtime_api::MAX_ANSWER_BYTES,
    },
    wire::{Call, SLOW, Wire},
};

/// Answers requests that are for no API of AWS, such as those for the pages of a console. It gets
/// those without a signature only, each with a Host and an Origin of this machine; for `None`,
/// AWS's APIs answer.
pub type Front = Arc<dyn Fn(Request<Bytes>) -> Option<FrontAnswer> + Send + Sync>;

/// The answer of a [`Front`], when it comes.
pub type FrontAnswer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the headers of a request can take, and an idle connection can wait for the next one.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the body of a request can take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What answers the requests of all connections: handles to shared state.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) cloud: Cloud,
    pub(crate) functions: Functions,
    pub(crate) front: Front,
}

/// The port of 127.0.0.1 on which everything is served, and its address.
///
/// # Errors
///
/// When the port cannot be bound.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;

    Ok((listener, address))
}

/// Serves everything until the runtime ends.
pub(crate) fn serve(listener: TcpListener, service: Service) {
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve_stream(stream, service.clone()));
                }
                // There may be too many open files. That passes as connections end.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    });
}

/// Serves one connection, whatever carries it, until the other side or a fault ends it.
pub async fn serve_connection<S>(stream: S, cloud: Cloud, functions: Functions)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = Service {
        cloud,
        functions,
        front: no_front(),
    };
    serve_stream(stream, service).await;
}

/// Leaves every request to AWS's APIs.
pub(crate) fn no_front() -> Front {
    Arc::new(|_| None)
}

async fn serve_stream<S>(stream: S, service: Service)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answering = service_fn(move |request| {
        let service = service.clone();
        async move { answer(request, &service).await }
    });

    let mut connection = hyper::server::conn::http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        // Without a timeout a client that sends half a header would hold its connection forever.
        .header_read_timeout(HEADERS_TIMEOUT);
    let _ = connection
        .serve_connection(TokioIo::new(stream), answering)
        .await;
}

async fn answer(request: Request<Incoming>, service: &Service) -> io::Result<Response<Body>> {
    let Service {
        cloud,
        functions,
        front,
    } = service;
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
        ["2015-03-31", "event-source-mappings", ..] if parts.method == Method::GET => {
            Ok(functions.event_sources())
        }
        ["local", control @ ..] => Ok(control::answer(cloud, functions, control, &parts, &body)),
        // Everything else is a service, which the signature names. A browser signs nothing.
        _ => match unsigned(&parts, &body).and_then(|request| front(request)) {
            Some(answer) => Ok(answer.await),
            None => service_api(cloud, &parts, &path, &body).await,
        },
    }
}

/// A request as the front gets it, if it has no signature.
fn unsigned(parts: &Parts, body: &Bytes) -> Option<Request<Bytes>> {
    let is_signed = parts.headers.contains_key(AUTHORIZATION);

    (!is_signed).then(|| Request::from_parts(parts.clone(), body.clone()))
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
    Response::from_parts(parts, body.boxed_unsync())
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{lambda::binaries::Binaries, wire::Answer, world::World};

    /// What a client reads that sends these bytes and nothing else.
    async fn answer_to(sent: &str) -> String {
        answer_behind(no_front(), sent).await
    }

    /// The same, behind a front.
    async fn answer_behind(front: Front, sent: &str) -> String {
        let cloud = Cloud::new(World::empty());
        let functions = Functions::new(cloud.clone(), Binaries::Fixed([].into()));
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let service = Service {
            cloud,
            functions,
            front,
        };
        let serving = tokio::spawn(serve_stream(server, service));

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
    async fn front_answers_its_own_paths_and_nothing_that_is_signed_or_foreign() {
        let front: Front = Arc::new(|request| {
            let is_own = request.uri().path() == "/";
            let page = || on_http(Answer::empty(299));
            is_own.then(|| -> FrontAnswer { Box::pin(async move { page() }) })
        });
        let signature = "Authorization: AWS4-HMAC-SHA256 \
                         Credential=a/20261121/us-east-1/s3/aws4_request\r\n";

        for (request, headers, is_front) in [
            ("GET /", "Host: localhost:1\r\n", true),
            ("GET /", &format!("Host: localhost:1\r\n{signature}"), false),
            ("GET /other", "Host: localhost:1\r\n", false),
            ("GET /local/world", "Host: localhost:1\r\n", false),
            ("GET /", "Host: example.com\r\n", false),
        ] {
            let sent = format!("{request} HTTP/1.1\r\n{headers}\r\n");
            let answer = answer_behind(Arc::clone(&front), &sent).await;
            assert_eq!(
                answer.starts_with("HTTP/1.1 299"),
                is_front,
                "{sent}{answer}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sts_says_whose_credentials_these_are() {
        let answer = |action: &str| {
            let body = format!("Action={action}&Version=2011-06-15");
            let length = body.len();
            let sent = format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nAuthorization: \
                 AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/sts/aws4_request\r\n\r\n{body}"
            );
            async move { answer_to(&sent).await }
        };

        let identity = answer("GetCallerIdentity").await;
        assert!(identity.starts_with("HTTP/1.1 200"), "{identity}");
        assert!(identity.contains("content-type: text/xml"), "{identity}");
        assert!(
            identity.contains("<Account>111122223333</Account>"),
            "{identity}"
        );
        let refused = answer("AssumeRole").await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
        assert!(refused.contains("<Code>InvalidAction</Code>"), "{refused}");
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
}
