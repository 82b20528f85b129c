//! Whatever is sent to the emulator's port is answered with HTTP and JSON, or the connection ends;
//! and nothing in the account changes but by a call that the journal shows.

#![no_main]

use std::collections::BTreeMap;

use emulator::{Binaries, Cloud, Functions, World};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer than anything that an answer waits for but the next invocation, which never comes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fuzz_target!(|sent: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let before = World::from_json(include_str!("../../emulator/worlds/default.json")).unwrap();
        let cloud = Cloud::new(before.clone());
        let functions = Functions::new(cloud.clone(), Binaries::Fixed(BTreeMap::new()));
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut answers = Vec::new();
        let talk = async {
            client.write_all(sent).await.unwrap();
            // Not closed: a request whose caller has gone is dropped, unheard.
            let _ = client.read_to_end(&mut answers).await;
        };
        let served = emulator::serve_connection(server, cloud.clone(), functions);
        let _ = tokio::time::timeout(PATIENCE, async { tokio::join!(talk, served) }).await;
        // What answers HEAD has the length of a body and no body.
        if !sent.windows(4).any(|four| four == b"HEAD") {
            check_answers(&answers);
        }
        let after = cloud.world();
        if !cloud.journal().iter().any(|entry| entry.changed) {
            assert!(
                after.drs == before.drs && after.efs == before.efs,
                "changed without a call"
            );
        }
    });
});

/// Each answer that came whole has a status, and a body that is JSON if it has any.
fn check_answers(answers: &[u8]) {
    let mut rest = answers;
    while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 ") || head.starts_with("HTTP/1.0 "),
            "{head}"
        );
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let body = &rest[end + 4..];
        let Some(whole) = body.get(..length.unwrap_or_default()) else {
            return;
        };
        assert!(
            whole.is_empty() || serde_json::from_slice::<serde_json::Value>(whole).is_ok(),
            "{head}"
        );
        rest = &body[whole.len()..];
    }
}
