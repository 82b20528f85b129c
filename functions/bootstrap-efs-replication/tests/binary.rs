//! The real binary over the Runtime API: a good event, a fault, garbage, and a start that fails.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use emulator::{AccessPoint, Deployment, Fault, FaultKind, FileSystem, World};
use harness::{Binary, binary::environment};
use serde_json::{Value, json};

const NAME: &str = "bootstrap-efs-replication";
const PATH: &str = env!("CARGO_BIN_EXE_bootstrap-efs-replication");
const SOURCE: &str = "fs-00000001";
const ENFORCE: [(&str, &str); 1] = [("MODE", "enforce")];

/// One source.
fn world() -> World {
    let source = FileSystem::new(SOURCE).tagged("Name", "secret-name");

    World::empty().with_file_system("us-east-1", source)
}

async fn start(variables: &[(&str, &str)]) -> Binary {
    start_in(world(), variables).await
}

/// With the template's timeout.
async fn start_in(world: World, variables: &[(&str, &str)]) -> Binary {
    let deployment = Deployment {
        environment: environment(variables),
        timeout_seconds: 600,
    };

    Binary::start_deployed(NAME, PATH, world, deployment).await
}

/// Requests a replica of the source, with these parts.
fn request_with(replica: &Value) -> Value {
    json!({
        "version": 1,
        "requestID": "CHG1",
        "expiresAt": Utc::now() + TimeDelta::hours(1),
        "targets": [{
            "sourceFileSystemId": SOURCE,
            "destination": { "region": "eu-west-1" },
            "replica": replica,
        }],
        "dryRun": false,
    })
}

fn request() -> String {
    request_with(&json!({})).to_string()
}

/// The most access points that a file system may have, each with as many and as long tags as fit
/// into a test.
fn ten_thousand_access_points() -> Vec<AccessPoint> {
    let tags: BTreeMap<String, String> = (10..20)
        .map(|number| (format!("{number}{}", "k".repeat(126)), "v".repeat(256)))
        .collect();

    (0..10_000)
        .map(|number| AccessPoint {
            access_point_id: format!("fsap-{number:017x}"),
            client_token: format!("token{number}"),
            tags: tags.clone(),
            posix_user: Some(json!({ "Uid": number, "Gid": 0 })),
            root_directory: Some(json!({ "Path": format!("/{}{number}", "p".repeat(90)) })),
            created_at: None,
            state: "available".to_owned(),
        })
        .collect()
}

// Invariant 10.
#[tokio::test]
async fn a_file_system_at_its_quotas_fits_into_half_of_the_functions_memory() {
    let mut world = world();
    let source = world.efs.file_system("us-east-1", SOURCE).unwrap();
    source.access_points = ten_thousand_access_points();
    let binary = start_in(world, &ENFORCE).await;

    let mut request = request_with(&json!({ "accessPoints": "copy" }));
    let report = binary.answer(&request.to_string()).await;
    assert_eq!(report["targets"][0]["reason"], "replication_enabling");

    binary.local.advance(TimeDelta::minutes(10));
    request["dryRun"] = json!(true);
    let report = binary.answer(&request.to_string()).await;
    let target = &report["targets"][0];
    assert_eq!(target["evidence"]["accessPointsMissing"], 10_000);
    let sentence = |step: usize| target["plan"][step]["sentence"].as_str().unwrap();
    assert_eq!(sentence(3), "and 497 more like these, 500 in all");
    assert_eq!(sentence(4), "create 9500 more access points");

    let peak = binary.peak_memory();
    assert!(peak < 64, "{peak} MB");
}

#[tokio::test]
async fn a_replica_is_created_waited_for_and_found_usable() {
    let binary = start(&ENFORCE).await;
    let mut outcomes = Vec::new();
    for minutes in [0, 1, 30, 0] {
        binary.local.advance(TimeDelta::minutes(minutes));
        outcomes.push(binary.answer(&request()).await["outcome"].clone());
    }
    assert_eq!(outcomes, ["pending", "pending", "done", "already_done"]);

    binary.local.finish().unwrap();
    let changes = binary.local.changes();
    let created = format!("CreateReplicationConfiguration {SOURCE}");
    assert_eq!(changes[0], created);
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[1].starts_with("TagResource "), "{changes:?}");

    let logs = binary.logs().join("\n");
    assert!(
        logs.matches("0 of 1 usable. 1 pending").count() >= 2,
        "{logs}"
    );
    assert!(!logs.contains("secret-name"), "{logs}");
}

// Invariant 11.
#[tokio::test]
async fn without_a_mode_nothing_is_changed() {
    let binary = start(&[]).await;

    assert_eq!(binary.answer(&request()).await["outcome"], "planned");
    assert_eq!(binary.local.changes(), [""; 0]);
}

#[tokio::test]
async fn a_fault_fails_the_invocation_with_the_whole_report() {
    let binary = start(&ENFORCE).await;
    let denied = Fault::next("CreateReplicationConfiguration", FaultKind::AccessDenied);
    binary.local.inject(denied);

    let error = binary.error(&request()).await;
    assert_eq!(error["errorType"], "Permanent");

    let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
    let target = &report["targets"][0];
    assert_eq!(target["reason"], "access_denied");
    let differs = json!(["replicate to a new file system in eu-west-1"]);
    assert_eq!(target["evidence"]["differs"], differs);
}

// Invariant 7.
#[tokio::test]
async fn garbage_is_rejected_and_the_process_lives_on() {
    let binary = start(&ENFORCE).await;
    let garbage = [
        ("null", "wrong_type"),
        ("{}", "missing_field"),
        ("[[[]]]", "wrong_type"),
    ];
    for (payload, reason) in garbage {
        let report = binary.answer(payload).await;
        assert_eq!(report["outcome"], "rejected", "{payload}");
        assert_eq!(report["reason"], reason, "{payload}");
    }

    // One call opened the connection; none was made for these.
    assert_eq!(binary.local.journal().len(), 1);
    assert_eq!(binary.calls_before_the_first_event(), 1);
    assert_eq!(binary.answer(&request()).await["outcome"], "pending");
}

#[tokio::test]
async fn a_bad_variable_stops_the_start_with_a_sentence() {
    let binary = start(&[("APPROVAL_TAG", "none")]).await;
    let error = binary.error(&request()).await;
    assert_eq!(error["errorType"], "Runtime.ExitError");

    let logs = binary.logs().join("\n");
    let sentence =
        "APPROVAL_TAG is `none`, but must be a tag key; this function always needs an approval";
    assert!(logs.contains(sentence), "{logs}");
}
