//! HTTP/1.1 over one connection that is kept open, plain or under TLS.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// A stream, plain or under TLS.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// One connection.
pub(crate) struct Connection(BufReader<Box<dyn Stream>>);

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// A plain connection to `host:port`.
    pub(crate) fn plain(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    /// A connection under TLS; `authorities` is a file of certificates.
    pub(crate) fn secure(host: &str, address: &str, authorities: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(authorities)? {
            roots.add(authority?)?;
        }

        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session =
            ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned())?)?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;

        Ok(Self(BufReader::new(Box::new(StreamOwned::new(
            session, stream,
        )))))
    }

    /// Sends a request and reads its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }

        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)?;
        self.0.get_mut().flush()?;

        self.read()
    }

    fn read(&mut self) -> Result<Answer> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .context("no status")?;

        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }

        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };

        if answer.header("transfer-encoding").is_some() {
            bail!("an answer in chunks is not read");
        }

        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or_default();
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body)?;

        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Answer {
    /// The value of a header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}
