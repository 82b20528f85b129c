//! The emulated account over its port, for a caller who makes mistakes.

mod calls;
mod controls;
mod disconnect;
mod efs;
mod lambda;
mod replicate;

use emulator::{Emulator, SourceServer, World};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::drs::ONE;

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/us-east-1/drs/aws4_request, SignedHeaders=host, Signature=00\r\n";

async fn account() -> Emulator {
    Emulator::without_functions(World::with([SourceServer::new(ONE)]))
        .await
        .unwrap()
}

/// Sends a request as it is written here, and returns the status and the whole text of the answer.
async fn send(local: &Emulator, line: &str, headers: &str, body: &str) -> (u16, String) {
    let address = local.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    (answer[9..12].parse().unwrap(), answer)
}

async fn complains(
    local: &Emulator,
    line: &str,
    headers: &str,
    body: &str,
    status: u16,
    code: &str,
) {
    let (answered, text) = send(local, line, headers, body).await;
    assert_eq!(answered, status, "{text}");
    assert!(
        text.contains(&format!("x-amzn-errortype: {code}\r\n")),
        "{text}"
    );
    assert_eq!(local.finish().unwrap_err().len(), 1);
}

/// Sends bytes, and returns all that comes back until the other side closes.
async fn exchange(local: &Emulator, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(local.endpoint().replace("http://", ""))
        .await
        .unwrap();
    // A server that has read enough closes before all is sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
