//! The emulator's DRS and EFS over TLS, with counts of calls and connections and the time that
//! answers take.
//!
//! The emulator's HTTP server is not used: it serves one account for the life of a connection, and
//! here the account is reset before each event while connections stay open. Its checks, timers and
//! request IDs would also count as time of the measured functions.

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use emulator::{
    Cloud, World,
    wire::{Answer, Call, Wire},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// The rate limit of a service that throttles: calls a second, and the size of its token bucket.
pub(crate) const CALLS_A_SECOND: f64 = 10.0;
const CALLS_SAVED: f64 = 10.0;

/// The services at one port; every variant meets the same.
#[derive(Clone)]
pub(crate) struct Service {
    port: u16,
    authority: PathBuf,
    acceptor: TlsAcceptor,
    state: Arc<Mutex<State>>,
}

struct State {
    cloud: Cloud,
    connections: usize,
    busy: Duration,
    /// The rate limit, if calls are throttled.
    bucket: Option<Bucket>,
    throttled: usize,
}

/// A token bucket: the calls that may be made now.
struct Bucket {
    saved: f64,
    at: Instant,
}

impl Bucket {
    fn full() -> Self {
        Self {
            saved: CALLS_SAVED,
            at: Instant::now(),
        }
    }

    /// Takes a call out of it; `false` if it is empty.
    fn lets_pass(&mut self, now: Instant) -> bool {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * CALLS_A_SECOND;
        (self.saved, self.at) = ((self.saved + filled).min(CALLS_SAVED), now);
        let passes = self.saved >= 1.0;
        if passes {
            self.saved -= 1.0;
        }
        passes
    }
}

impl Service {
    /// Serves on 127.0.0.1, with a certificate for localhost; the authority behind it is written to
    /// `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "drover benches");
        let authority_key = KeyPair::generate()?;
        let authority_file = folder.join("authority.pem");
        std::fs::write(
            &authority_file,
            authority.self_signed(&authority_key)?.pem(),
        )?;
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority, authority_key);
        let mut certificate = CertificateParams::new(vec!["localhost".to_owned()])?;
        certificate.use_authority_key_identifier_extension = true;
        certificate
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        let certificate = certificate.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;

        Self::serve(TlsAcceptor::from(Arc::new(config)), authority_file, None).await
    }

    /// The same services at another port, with an account of their own and one rate limit for all
    /// calls.
    pub(crate) async fn throttling(&self) -> Result<Self> {
        Self::serve(
            self.acceptor.clone(),
            self.authority.clone(),
            Some(Bucket::full()),
        )
        .await
    }

    async fn serve(
        acceptor: TlsAcceptor,
        authority: PathBuf,
        bucket: Option<Bucket>,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let cloud = Cloud::new(World::empty());
        let state = State {
            cloud,
            connections: 0,
            busy: Duration::ZERO,
            bucket,
            throttled: 0,
        };

        let port = listener.local_addr()?.port();
        let service = Self {
            port,
            authority,
            acceptor,
            state: Arc::new(Mutex::new(state)),
        };

        tokio::spawn(service.clone().accept(listener));
        Ok(service)
    }

    /// Where it is served.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The file of the authority that its certificate comes from.
    pub(crate) fn authority(&self) -> &Path {
        &self.authority
    }

    /// Replaces the account, and sets the counts of its calls to zero. Connections stay open, and
    /// their count and the rate limit go on.
    pub(crate) fn reset(&self, world: &World) {
        let cloud = Cloud::new(world.clone());
        let mut state = self.state();
        state.cloud = cloud;
        state.busy = Duration::ZERO;
        state.throttled = 0;
    }

    /// The account since the last reset.
    pub(crate) fn cloud(&self) -> Cloud {
        self.state().cloud.clone()
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// How long it took to make the answers since the last reset.
    pub(crate) fn busy(&self) -> Duration {
        self.state().busy
    }

    /// How many calls were throttled since the last reset.
    pub(crate) fn throttled(&self) -> usize {
        self.state().throttled
    }

    async fn accept(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.state().connections += 1;
            let service = self.clone();
            tokio::spawn(async move {
                // Small answers go out at once.
                let _ = stream.set_nodelay(true);
                let Ok(stream) = service.acceptor.accept(stream).await else {
                    return;
                };
                let answer = service_fn(|request| service.answer(request));
                // A client that ends breaks its connections.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();

        if !self.lets_pass() {
            return Ok(on_http(throttled()));
        }

        let call = Call {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            authorization: parts
                .headers
                .get(AUTHORIZATION)
                .and_then(|header| header.to_str().ok()),
            target: None,
            body: &body,
        };

        let (cloud, start) = (self.cloud(), Instant::now());
        let wire = cloud.call(call);
        self.state().busy += start.elapsed();
        // No fault was ordered, so nothing else can come.
        let Wire::Answer(answer) = wire else {
            return Err(io::ErrorKind::ConnectionReset.into());
        };

        Ok(on_http(answer))
    }

    /// Whether a call may be made; one that may not never reaches the account.
    fn lets_pass(&self) -> bool {
        let mut state = self.state();
        let passes = state
            .bucket
            .as_mut()
            .is_none_or(|bucket| bucket.lets_pass(Instant::now()));
        state.throttled += usize::from(!passes);
        passes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn on_http(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body.map(Bytes::from).unwrap_or_default()));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));

    if let Some(code) = answer.error_type.and_then(|code| code.parse().ok()) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }

    response
}

fn throttled() -> Answer {
    Answer {
        status: 429,
        error_type: Some("ThrottlingException".to_owned()),
        retry_after: None,
        content_type: "application/json",
        body: Some(r#"{"message":"Rate exceeded"}"#.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_what_it_has_saved_and_then_ten_calls_a_second() {
        let mut bucket = Bucket::full();
        let start = bucket.at;
        let passed = |bucket: &mut Bucket, seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            (0..50).filter(|_| bucket.lets_pass(now)).count()
        };

        assert_eq!(
            [0, 1, 1, 2, 60].map(|seconds| passed(&mut bucket, seconds)),
            [10, 10, 0, 10, 10]
        );
    }
}
