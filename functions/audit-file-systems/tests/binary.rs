//! The real binary over the Runtime API: a large account, a fault, garbage, and a start that fails.

use chrono::Utc;
use emulator::{Deployment, Fault, FaultKind, FileSystem, World};
use harness::{Binary, binary::environment};
use jobs::FILE_SYSTEMS;
use serde_json::{Value, json};

const NAME: &str = "audit-file-systems";
const PATH: &str = env!("CARGO_BIN_EXE_audit-file-systems");
const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";

/// With Lambda's longest timeout.
async fn start(world: World, variables: &[(&str, &str)]) -> Binary {
    let deployment = Deployment {
        environment: environment(variables),
        timeout_seconds: 900,
    };

    Binary::start_deployed(NAME, PATH, world, deployment).await
}

fn audit() -> String {
    json!({ "version": 1, "requestID": "AUDIT1" }).to_string()
}

/// One file system that asks for a replica and has none.
fn world() -> World {
    let asking = FileSystem::new("fs-00000001")
        .tagged("Name", "secret-name")
        .tagged("drover:replicate-to", THERE);

    World::empty().with_file_system(HERE, asking)
}

// Invariant 10.
#[tokio::test]
async fn an_account_at_its_quotas_fits_into_the_functions_memory() {
    let binary = start((FILE_SYSTEMS.world)(Utc::now()), &[]).await;

    let report = binary.answer(&audit()).await;
    let audit = &report["audit"];
    assert_eq!(audit["examined"], 1000);
    assert_eq!(audit["counts"]["tags_differ"], 500);
    assert_eq!(audit["counts"]["access_points_differ"], 1);
    assert_eq!(audit["counts"]["not_read"], Value::Null);
    assert_eq!(audit["totals"]["accessPointsMissing"], 10_000);
    let unlisted = audit["unlisted"].as_u64().unwrap();
    assert!(unlisted >= 450, "{unlisted}");

    // Of 128 MB, and the runtime's own.
    let peak = binary.peak_memory();
    assert!(peak < 64, "{peak} MB");
}

// Invariant 11.
#[tokio::test]
async fn in_any_mode_nothing_is_changed() {
    let binary = start(world(), &[("MODE", "enforce")]).await;

    let report = binary.answer(&audit()).await;
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["audit"]["counts"]["not_replicated"], 1);
    assert_eq!(binary.local.changes(), [""; 0]);
    binary.local.finish().unwrap();

    let logs = binary.logs().join("\n");
    assert!(logs.contains("1 not replicated"), "{logs}");
    assert!(logs.contains("NotReplicated"), "{logs}");
    assert!(!logs.contains("secret-name"), "{logs}");
}

#[tokio::test]
async fn figures_of_named_file_systems_are_not_those_of_the_account() {
    let binary = start(world(), &[]).await;
    let counts_metrics = || {
        binary
            .logs()
            .iter()
            .filter(|line| line.contains("_aws"))
            .count()
    };
    let ids = ["fs-00000001"];
    let named = json!({ "version": 1, "requestID": "AUDIT1", "sourceFileSystemIds": ids });

    let report = binary.answer(&named.to_string()).await;
    assert_eq!(report["audit"]["counts"]["not_replicated"], 1);
    assert_eq!(counts_metrics(), 0);
    binary.answer(&audit()).await;
    assert_eq!(counts_metrics(), 1);
}

#[tokio::test]
async fn a_fault_of_its_own_lists_fails_the_invocation_with_the_whole_report() {
    let binary = start(world(), &[]).await;
    let operation = "DescribeReplicationConfigurations";
    binary
        .local
        .inject(Fault::next(operation, FaultKind::AccessDenied));

    let error = binary.error(&audit()).await;
    assert_eq!(error["errorType"], "Permanent");
    let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
    assert_eq!(report["targets"][0]["reason"], "access_denied");
}

// Invariant 7.
#[tokio::test]
async fn garbage_is_rejected_and_the_process_lives_on() {
    let binary = start(world(), &[]).await;
    for (payload, reason) in [("null", "wrong_type"), ("{}", "missing_field")] {
        let report = binary.answer(payload).await;
        assert_eq!(report["outcome"], "rejected", "{payload}");
        assert_eq!(report["reason"], reason, "{payload}");
    }

    // One call opened the connection; none was made for these.
    assert_eq!(binary.local.journal().len(), 1);
    assert_eq!(binary.answer(&audit()).await["outcome"], "done");
}

#[tokio::test]
async fn a_bad_variable_stops_the_start_with_a_sentence() {
    let binary = start(world(), &[("SYNC_SECONDS", "soon")]).await;
    let error = binary.error(&audit()).await;
    assert_eq!(error["errorType"], "Runtime.ExitError");

    let logs = binary.logs().join("\n");
    let sentence = "SYNC_SECONDS is `soon`, but must be a whole number of seconds";
    assert!(logs.contains(sentence), "{logs}");
}
