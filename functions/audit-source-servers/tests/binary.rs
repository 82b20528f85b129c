//! The real binary over the Runtime API: a good event, a fault, and the largest account.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected must fail loudly"
)]

use chrono::{TimeDelta, Utc};
use emulator::{Fault, FaultKind, SourceServer, World};
use harness::Binary;
use jobs::SOURCE_SERVERS;
use serde_json::{Value, json};

const NAME: &str = "audit-source-servers";
const PATH: &str = env!("CARGO_BIN_EXE_audit-source-servers");
const REQUEST: &str = r#"{"version": 1, "requestID": "AUDIT1"}"#;

/// A server whose machine died a month ago.
fn silent(number: usize) -> SourceServer {
    SourceServer {
        hostname: Some("secret-host".to_owned()),
        agent_unreachable_since: Some(Utc::now() - TimeDelta::days(30)),
        ..SourceServer::new(&format!("s-{number:017}"))
    }
}

/// The lines of a log, each of them JSON.
fn lines(binary: &Binary) -> Vec<Value> {
    let logs = binary.logs().into_iter();

    logs.map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

// Invariant 11.
// Invariant 12.
#[tokio::test]
async fn what_is_found_is_answered_logged_and_counted() {
    let binary = Binary::start(NAME, PATH, World::with([silent(1)]), &[]).await;
    let report = binary.answer(REQUEST).await;

    assert_eq!(report["outcome"], "done");
    assert_eq!(report["audit"]["counts"], json!({ "agent_silent": 1 }));
    assert_eq!(binary.local.changes(), [""; 0]);
    let lines = lines(&binary);
    let logged = lines
        .iter()
        .find(|line| line["fields"]["report"].is_object());
    assert_eq!(logged.unwrap()["fields"]["outcome"], "done");
    // CloudWatch looks for its metrics at the top of a line alone.
    let metrics: Vec<&Value> = lines
        .iter()
        .filter(|line| line["_aws"].is_object())
        .collect();
    assert_eq!(metrics.len(), 1);
    assert_eq!(
        (
            &metrics[0]["AgentSilent"],
            &metrics[0]["ReplicationStalled"]
        ),
        (&json!(1), &json!(0))
    );
    assert!(!binary.logs().join("\n").contains("secret"));
}

#[tokio::test]
async fn a_fault_fails_the_invocation_and_finds_nothing() {
    let binary = Binary::start(NAME, PATH, World::with([silent(1)]), &[]).await;
    let denied = Fault::next("DescribeSourceServers", FaultKind::AccessDenied);
    binary.local.inject(denied);

    let error = binary.error(REQUEST).await;
    assert_eq!(error["errorType"], "Permanent");
    let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
    assert_eq!(report["audit"], Value::Null);
    // An audit that did not take place counts nothing, so that no alarm takes it for good news.
    assert!(lines(&binary).iter().all(|line| line["_aws"].is_null()));
}

// Invariant 10.
#[tokio::test]
async fn the_largest_account_fits_the_memory_and_the_report() {
    let binary = Binary::start(
        NAME,
        PATH,
        (SOURCE_SERVERS.world)(Utc::now()),
        &[("ALLOW_DELETE", "true")],
    )
    .await;
    let report = binary.answer(REQUEST).await;

    assert_eq!(report["audit"]["examined"], 4000);
    assert_eq!(report["audit"]["withFindings"], 4000);
    let counts = &report["audit"]["counts"];
    assert_eq!(counts["agent_silent"], 300);
    assert_eq!(counts["record_remains"], 3700);
    let listed = report["audit"]["found"].as_array().unwrap().len();
    assert_eq!(report["audit"]["unlisted"], 4001 - listed);
    // Each that is not listed is a line of the log.
    let lines = lines(&binary);
    let rest = lines
        .iter()
        .filter(|line| line["fields"]["found"].is_object());
    assert_eq!(rest.count(), 4001 - listed);

    // As a text inside of JSON, beside the largest request.
    let text = json!(report.to_string()).to_string();
    assert!(text.len() < 160_000, "{}", text.len());
    let peak = binary.peak_memory();
    assert!(peak < 100, "{peak} MB of Lambda's 128");
}
