//! DRS and EFS over TLS, as `local` emulates them, with an eye on calls, connections and the time that answers take.

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use local::{
    Cloud, World,
    wire::{Answer, Call, Wire},
};
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

/// The services at one port; every variant meets the same.
#[derive(Clone)]
pub(crate) struct Service {
    port: u16,
    authority: PathBuf,
    state: Arc<Mutex<State>>,
}

struct State {
    cloud: Cloud,
    connections: usize,
    busy: Duration,
}

impl Service {
    /// Serves on 127.0.0.1, with a certificate for localhost; the authority behind it is written to `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.distinguished_name.push(DnType::CommonName, "drover benches");
        let authority_key = KeyPair::generate()?;
        let authority_file = folder.join("authority.pem");
        std::fs::write(&authority_file, authority.self_signed(&authority_key)?.pem())?;
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority, authority_key);
        let mut certificate = CertificateParams::new(vec!["localhost".to_owned()])?;
        certificate.use_authority_key_identifier_extension = true;
        certificate.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = certificate.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let state = State { cloud: Cloud::new(World::empty()), connections: 0, busy: Duration::ZERO };
        let service =
            Self { port: listener.local_addr()?.port(), authority: authority_file, state: Arc::new(Mutex::new(state)) };
        tokio::spawn(service.clone().accept(listener, TlsAcceptor::from(Arc::new(config))));
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

    /// Begins anew with an account: no call was made, and none took time. Connections stay and are counted on.
    pub(crate) fn reset(&self, world: &World) {
        let cloud = Cloud::new(world.clone());
        let mut state = self.state();
        state.cloud = cloud;
        state.busy = Duration::ZERO;
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

    async fn accept(self, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            self.state().connections += 1;
            let (service, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                // Small answers go out at once.
                let _ = stream.set_nodelay(true);
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(|request| service.answer(request));
                // A client that ends breaks its connections.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let call = Call {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            authorization: parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()),
            body: &body,
        };
        let (cloud, begun) = (self.cloud(), Instant::now());
        let wire = cloud.call(call);
        self.state().busy += begun.elapsed();
        // No fault was ordered, so nothing else can come.
        let Wire::Answer(answer) = wire else { return Err(io::ErrorKind::ConnectionReset.into()) };
        Ok(on_http(answer))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn on_http(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body.map(Bytes::from).unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(code) = answer.error_type.and_then(|code| code.parse().ok()) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
