//! The emulator's own controls, and what a port refuses.

use serde_json::json;

use crate::{
    emulated::{SIGNED, account, exchange, send},
    stage::drs::ONE,
};

#[tokio::test]
async fn a_request_from_another_web_page_is_rejected() {
    let local = account().await;
    let address = local.endpoint().replace("http://", "");

    for (host, origin, status) in [
        (address.as_str(), "", 200),
        ("localhost:9010", "", 200),
        ("[::1]", "", 200),
        ("rebound.example.com", "", 403),
        ("127.0.0.1.example.com", "", 403),
        ("", "", 403),
        (address.as_str(), "Origin: https://example.com\r\n", 403),
        (address.as_str(), "Origin: null\r\n", 403),
        ("localhost:9010", "Origin: http://localhost:9010\r\n", 200),
    ] {
        for line in [
            "GET /local/world",
            "POST /2015-03-31/functions/nothing/invocations",
        ] {
            let request =
                format!("{line} HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n");
            let answer = exchange(&local, request.as_bytes()).await;
            let refused = answer.starts_with("HTTP/1.1 403");
            assert_eq!(refused, status == 403, "{request}{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_ends_the_connection() {
    let local = account().await;
    let head = format!(
        "POST /DescribeJobs HTTP/1.1\r\nHost: localhost\r\n{SIGNED}Content-Length: 6291457\r\n\r\n"
    );
    let answer = exchange(&local, &[head.into_bytes(), vec![b' '; 6_291_457]].concat()).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_controls_show_and_change_the_account() {
    let local = account().await;
    let before = local.world().now;
    assert_eq!(
        send(&local, "POST /local/advance", "", "{\"minutes\": 90}")
            .await
            .0,
        200
    );
    assert_eq!((local.world().now - before).num_minutes(), 90);
    assert_eq!(
        send(&local, "POST /local/advance", "", "{\"minutes\": -1}")
            .await
            .0,
        400
    );

    let fault = json!({ "operation": "DescribeJobs", "kind": "throttle" }).to_string();
    assert_eq!(send(&local, "POST /local/faults", "", &fault).await.0, 200);
    assert_eq!(
        send(
            &local,
            "POST /local/faults",
            "",
            "{\"kind\": \"earthquake\"}"
        )
        .await
        .0,
        400
    );

    let nowhere = json!({ "operation": "DescribeJobs", "kind": "throttle", "region": "us-east-9" })
        .to_string();
    assert_eq!(
        send(&local, "POST /local/faults", "", &nowhere).await.0,
        400
    );
    assert_eq!(
        send(&local, "POST /DescribeJobs", SIGNED, "{}").await.0,
        429
    );

    let (_, journal) = send(&local, "GET /local/journal", "", "").await;
    assert!(
        journal.contains("us-east-1 DescribeJobs all: 429 ThrottlingException (fault throttle)"),
        "{journal}"
    );

    let (_, world) = send(&local, "GET /local/world", "", "").await;
    assert!(world.contains(ONE), "{world}");
}
