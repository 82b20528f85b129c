//! The real binary over the Runtime API: a good event, a fault, garbage, and a start that fails.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use emulator::{
    Binaries, Cloud, Emulator, Ended, Fault, FaultKind, World,
    efs_world::{AccessPoint, FileSystem},
    world::Deployment,
};
use serde_json::{Value, json};

const NAME: &str = "bootstrap-efs-replication";
const SOURCE: &str = "fs-00000001";

fn world(environment: &[(&str, &str)]) -> World {
    let mut world = World::empty().with_file_system(
        "us-east-1",
        FileSystem::new(SOURCE).tagged("Name", "secret-name"),
    );
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    world.functions.insert(
        NAME.to_owned(),
        Deployment {
            environment,
            timeout_seconds: 600,
        },
    );
    world
}

async fn start(world: World) -> Emulator {
    let binaries = BTreeMap::from([(
        NAME.to_owned(),
        env!("CARGO_BIN_EXE_bootstrap-efs-replication").into(),
    )]);
    Emulator::start(Cloud::new(world), 0, Binaries::Fixed(binaries))
        .await
        .unwrap()
}

async fn invoke(local: &Emulator, payload: &str) -> Ended {
    local
        .functions()
        .invoke(NAME, payload.to_owned().into())
        .await
}

fn request() -> String {
    let file_system =
        json!({ "sourceFileSystemId": SOURCE, "destination": { "region": "eu-west-1" } });
    let expires_at = Utc::now() + TimeDelta::hours(1);
    json!({ "version": 1, "requestID": "CHG1", "expiresAt": expires_at, "targets": [file_system] })
        .to_string()
}

fn answered(ended: Ended) -> Value {
    match ended {
        Ended::Answered(body) => serde_json::from_slice(&body).unwrap(),
        other => panic!("not answered: {other:?}"),
    }
}

fn failed(ended: Ended) -> Value {
    match ended {
        Ended::Failed(error) => error,
        other => panic!("did not fail: {other:?}"),
    }
}

/// The most memory that the function's process has had, in megabytes.
fn peak_memory(local: &Emulator) -> u64 {
    let status = std::fs::read_to_string(format!(
        "/proc/{}/status",
        local.functions().process_id(NAME).unwrap()
    ))
    .unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1000
}

/// A file system may have 10,000 access points, each with tags.
#[tokio::test]
async fn a_file_system_at_its_quotas_fits_into_half_of_the_functions_memory() {
    let tags: BTreeMap<String, String> = (10..20)
        .map(|number| (format!("{number}{}", "k".repeat(126)), "v".repeat(256)))
        .collect();
    let mut world = world(&[("MODE", "enforce")]);
    let source = world.file_system("us-east-1", SOURCE).unwrap();
    source.access_points = (0..10_000)
        .map(|number| AccessPoint {
            access_point_id: format!("fsap-{number:017x}"),
            client_token: format!("token{number}"),
            tags: tags.clone(),
            posix_user: Some(json!({ "Uid": number, "Gid": 0 })),
            root_directory: Some(json!({ "Path": format!("/{}{number}", "p".repeat(90)) })),
            created_at: None,
            state: "available".to_owned(),
        })
        .collect();
    let local = start(world).await;
    let replica = json!({ "accessPoints": "copy" });
    let file_system = json!({ "sourceFileSystemId": SOURCE, "destination": { "region": "eu-west-1" }, "replica": replica });
    let expires_at = Utc::now() + TimeDelta::hours(1);
    let request = json!({ "version": 1, "requestID": "CHG1", "expiresAt": expires_at, "targets": [file_system], "dryRun": false });
    assert_eq!(
        answered(invoke(&local, &request.to_string()).await)["targets"][0]["reason"],
        "replication_enabling"
    );
    local.advance(TimeDelta::minutes(10));
    let mut look = request.clone();
    look["dryRun"] = json!(true);
    let report = answered(invoke(&local, &look.to_string()).await);
    assert_eq!(
        report["targets"][0]["evidence"]["accessPointsMissing"],
        10_000
    );
    assert_eq!(
        report["targets"][0]["plan"][3],
        "and 497 more like these, 500 in all"
    );
    assert_eq!(
        report["targets"][0]["plan"][4],
        "then create 9500 more access points"
    );
    let peak = peak_memory(&local);
    assert!(peak < 64, "{peak} MB");
}

#[tokio::test]
async fn a_replica_is_created_waited_for_and_found_usable() {
    let local = start(world(&[("MODE", "enforce")])).await;
    let mut outcomes = Vec::new();
    for minutes in [0, 1, 30, 0] {
        local.advance(TimeDelta::minutes(minutes));
        outcomes.push(answered(invoke(&local, &request()).await)["outcome"].clone());
    }
    assert_eq!(outcomes, ["pending", "pending", "done", "already_done"]);
    local.finish().unwrap();
    let changes = local.changes();
    assert_eq!(
        changes[0],
        format!("CreateReplicationConfiguration {SOURCE}")
    );
    assert!(
        changes.len() == 2 && changes[1].starts_with("TagResource "),
        "{changes:?}"
    );
    let logs = local.functions().logs(NAME).join("\n");
    assert!(
        logs.matches("1 pending of 1 target").count() >= 2 && !logs.contains("secret-name"),
        "{logs}"
    );
}

#[tokio::test]
async fn without_a_mode_nothing_is_changed() {
    let local = start(world(&[])).await;
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "planned"
    );
    assert_eq!(local.changes(), [""; 0]);
}

#[tokio::test]
async fn a_fault_fails_the_invocation_with_the_whole_report() {
    let local = start(world(&[("MODE", "enforce")])).await;
    local.inject(Fault::next(
        "CreateReplicationConfiguration",
        FaultKind::AccessDenied,
    ));
    let error = failed(invoke(&local, &request()).await);
    assert_eq!(error["errorType"], "Permanent");
    let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
    assert_eq!(report["targets"][0]["reason"], "access_denied");
    assert_eq!(
        report["targets"][0]["evidence"]["differs"],
        json!(["replicate to a new file system in eu-west-1"])
    );
}

#[tokio::test]
async fn garbage_is_rejected_and_the_process_lives_on() {
    let local = start(world(&[("MODE", "enforce")])).await;
    for (garbage, reason) in [
        ("null", "wrong_type"),
        ("{}", "missing_field"),
        ("[[[]]]", "wrong_type"),
    ] {
        let report = answered(invoke(&local, garbage).await);
        assert_eq!(
            (report["outcome"].as_str(), report["reason"].as_str()),
            (Some("rejected"), Some(reason))
        );
    }
    // One call opened the connection; none was made for these.
    assert_eq!(
        (
            local.journal().len(),
            local.functions().calls_before_the_first_event(NAME)
        ),
        (1, 1)
    );
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "pending"
    );
}

#[tokio::test]
async fn a_bad_variable_stops_the_start_with_a_sentence() {
    let local = start(world(&[("APPROVAL_TAG", "none")])).await;
    assert_eq!(
        failed(invoke(&local, &request()).await)["errorType"],
        "Runtime.ExitError"
    );
    let logs = local.functions().logs(NAME).join("\n");
    assert!(
        logs.contains(
            "APPROVAL_TAG is `none`, but must be a tag key; this function always needs an approval"
        ),
        "{logs}"
    );
}
