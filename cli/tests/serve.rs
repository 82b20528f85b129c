//! The command `serve` as a process of its own.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A served account that is stopped with its test, and its address.
struct Served(Child, String);

impl Served {
    /// Serves with at most so many files open.
    fn with_open_files(most: u32) -> Self {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"ulimit -n "$1"; exec "$0" serve --port 0"#,
            env!("CARGO_BIN_EXE_drover"),
        ]);
        let mut child = command
            .arg(most.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut first)
            .unwrap();
        let address = first.trim().rsplit("http://").next().unwrap().to_owned();
        Self(child, address)
    }

    /// The next line of its log.
    fn logged(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stderr.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        line
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.1).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.1
        )
        .unwrap();
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("an answer comes in time");
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn more_connections_than_open_files_do_not_end_the_service() {
    let served = Served::with_open_files(32);
    let crowd: Vec<TcpStream> = (0..64).map(|_| served.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    drop(crowd);
    let answer = served.get("/local/journal");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_browser_gets_a_page_and_each_call_is_logged() {
    let mut served = Served::with_open_files(64);
    let page = served.get("/");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("<title>drover</title>"), "{page}");
    let health = served.get("/health");
    assert!(health.contains(r#""status":"ok""#), "{health}");

    // Neither of them is a call of AWS, so that this one is the first in the log.
    let refused = served.get("/2015-02-01/file-systems");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let line = served.logged();
    assert!(
        line.ends_with("Z GET /2015-02-01/file-systems: no signature\n"),
        "{line}"
    );
}
