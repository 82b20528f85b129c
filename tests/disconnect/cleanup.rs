//! Proof that AWS has cleaned up after a disconnect, and the deletion that waits for it.

use chrono::{TimeDelta, Utc};
use emulator::{FaultKind, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    disconnect::DISCONNECTED_ONCE,
    stage::{
        drs::{ONE, Stage, approved, by_id, number, request},
        sdk_config,
    },
};

/// A deployment that follows up every disconnect.
async fn verifying(world: World) -> Stage {
    let mut stage = Stage::with(world).await;
    stage.policy.verify_cleanup = true;

    stage
}

async fn verify(stage: &Stage, disconnect: Value) -> String {
    let target = json!({ "sourceServerID": ONE, "disconnect": disconnect });
    let request = request("verify", &[target]);

    stage.deliver(&request).await.conclusion()
}

/// When a disconnect was made, so many minutes ago by the clock of the function.
fn at(minutes: i64) -> Value {
    json!({ "at": Utc::now() - TimeDelta::minutes(minutes) })
}

/// The EBS snapshot of the newest recovery point.
async fn newest_snapshot(stage: &Stage) -> String {
    let client = aws_sdk_drs::Client::new(&sdk_config(&stage.local));
    let points = client.describe_recovery_snapshots().source_server_id(ONE);
    let points = points.send().await.unwrap();

    let newest = points.items().iter().max_by_key(|point| point.timestamp());
    newest.unwrap().ebs_snapshots()[0].clone()
}

/// The second reasons of the first target.
fn other_reasons(report: &Value) -> Vec<&str> {
    let reasons = report["targets"][0]["reasons"].as_array().unwrap();
    let others = reasons[1..].iter();

    others.map(|it| it["reason"].as_str().unwrap()).collect()
}

// Pages: DRS-02, DRS-03, DRS-07 to DRS-09.
#[tokio::test]
async fn a_disconnect_is_pending_until_aws_has_cleaned_up() {
    let stage = verifying(World::with([approved(ONE)])).await;
    let newest = newest_snapshot(&stage).await;
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "pending cleanup_awaits_verification");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    assert_eq!(answer.body["lookAgainAfterSeconds"], 5400);

    let next = &answer.body["nextRequest"];
    assert_eq!(
        (&next["action"], &next["dryRun"]),
        (&json!("verify"), &json!(false))
    );
    let target = &next["targets"][0];
    let lost = json!({ "recoveryPoints": 37, "replicationHours": 4320 });
    assert_eq!(target["lost"], lost);
    let snapshots = target["disconnect"]["ebsSnapshotIDs"].as_array().unwrap();
    assert_eq!(snapshots.len(), 10);
    assert_eq!(snapshots[0], newest);

    // A delivery that comes again finds the same.
    let again = stage.disconnect().await;
    assert_eq!(again.conclusion(), "pending cleanup_awaits_verification");
    assert_eq!(stage.changes().len(), 2);

    stage.local.advance(TimeDelta::minutes(89));
    let early = stage.deliver(next).await;
    assert_eq!(early.conclusion(), "pending cleanup_pending");
    assert_eq!(early.body["lookAgainAfterSeconds"], 900);
    assert_eq!(early.body.get("nextRequest"), None);
    let left = json!({ "disks": 0, "lag": false, "recoveryPoints": 37 });
    assert_eq!(early.body["targets"][0]["evidence"]["leftovers"], left);

    stage.local.advance(TimeDelta::minutes(1));
    let verified = stage.deliver(next).await;
    assert_eq!(verified.conclusion(), "already_done cleanup_verified");
    assert_eq!(verified.body["targets"][0]["target"]["lost"], lost);
    let again = stage.disconnect().await;
    assert_eq!(again.conclusion(), "already_done disconnected");
    assert_eq!(stage.changes().len(), 2);
}

#[tokio::test]
async fn a_deployment_that_does_not_ask_for_it_ends_with_the_disconnect() {
    let stage = Stage::new().await;
    for outcome in ["done", "already_done"] {
        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), format!("{outcome} disconnected"));
        assert_eq!(answer.body.get("nextRequest"), None);
    }
    stage.changes();
}

/// An event of AWS has no expiry, and names the account of its machine.
#[tokio::test]
async fn the_disconnect_of_a_terminated_machine_is_verified_too() {
    let hour_ago = Utc::now() - TimeDelta::hours(1);
    let server = SourceServer {
        aws_instance_id: Some("i-00000001".to_owned()),
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        agent_unreachable_since: Some(hour_ago),
        ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
    };
    let stage = verifying(World::with([server])).await;
    let terminated = json!({
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": "111122223333",
        "region": "us-west-2",
        "time": hour_ago,
        "detail": { "instance-id": "i-00000001", "state": "terminated" },
    });

    let report = stage.deliver(&terminated).await.body;
    assert_eq!(report["outcome"], "pending");
    assert_eq!(other_reasons(&report), [""; 0], "its agent is gone with it");
    stage.local.advance(TimeDelta::minutes(90));
    let verified = stage.deliver(&report["nextRequest"]).await;
    assert_eq!(verified.conclusion(), "already_done cleanup_verified");
    stage.changes();
}

// Invariant 3.
#[tokio::test]
async fn a_staging_area_that_is_left_is_a_failure_after_three_hours() {
    let stage = Stage::new().await;
    stage.disconnect().await;

    for disconnect in [json!({}), at(0), at(179), at(-60)] {
        let pending = verify(&stage, disconnect.clone()).await;
        assert_eq!(pending, "pending cleanup_pending", "{disconnect}");
    }
    assert_eq!(verify(&stage, at(181)).await, "failed staging_left");
    // A deletion keeps the record, which is all that shows what is left.
    let target = json!({ "sourceServerID": ONE, "disconnect": at(181) });
    let report = stage.deliver(&request("retire", &[by_id(ONE)])).await;
    assert_eq!(report.conclusion(), "refused not_approved");
    stage.local.change(|world| {
        let server = world.server(ONE).unwrap();
        server.tags = approved(ONE).tags;
    });
    let report = stage.deliver(&request("delete", &[target])).await;
    assert_eq!(report.conclusion(), "failed staging_left");
    let facts = &report.body["targets"][0]["reasons"][0]["facts"];
    assert_eq!(facts["recoveryPoints"], 37);

    stage.local.advance(TimeDelta::minutes(90));
    let verified = verify(&stage, at(181)).await;
    assert_eq!(verified, "already_done cleanup_verified");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

/// The reference says that a disconnect changes them at once.
// Invariant 3.
// Pages: DRS-08, DRS-09.
#[tokio::test]
async fn every_part_that_drs_still_shows_keeps_a_clean_up_from_being_verified() {
    let parts: [(&str, &str, Value); 5] = [
        ("/replicatedDisks/0/totalStorageBytes", "disks", json!(1)),
        ("/lagDuration", "lag", json!("PT0S")),
        ("/lagDuration", "lag", json!("unreadable")),
        ("/etaDateTime", "lag", json!("2026-11-30T00:00:00Z")),
        ("/lagDuration", "", json!("")),
    ];

    for (pointer, part, value) in parts {
        let mut world = World::with([approved(ONE)]);
        world.server(ONE).unwrap().data_replication_state = "DISCONNECTED".to_owned();
        let told = value.clone();
        let stage = Stage::with(world).await.described(move |server| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let info = &mut server["dataReplicationInfo"];
            info.pointer_mut(parent).unwrap()[name] = told.clone();
        });

        let report = stage.deliver(&request("verify", &[by_id(ONE)])).await;
        let leftovers = &report.body["targets"][0]["evidence"]["leftovers"];
        if part.is_empty() {
            assert_eq!(report.conclusion(), "already_done cleanup_verified");
        } else {
            assert_eq!(report.conclusion(), "pending cleanup_pending", "{value}");
            assert!(
                leftovers[part] == 1 || leftovers[part] == true,
                "{leftovers}"
            );
        }
        assert_eq!(stage.changes(), [""; 0]);
    }
}

// Pages: DRS-03.
#[tokio::test]
async fn a_deletion_waits_until_drs_shows_nothing_of_the_staging_area() {
    let stage = Stage::new().await;
    stage.deliver(&request("retire", &[by_id(ONE)])).await;
    let delete = request("delete", &[by_id(ONE)]);

    for minutes in [0, 89] {
        stage.local.advance(TimeDelta::minutes(minutes));
        let waits = stage.deliver(&delete).await;
        assert_eq!(waits.conclusion(), "pending cleanup_pending");
    }
    stage.local.advance(TimeDelta::minutes(1));
    let deleted = stage.deliver(&delete).await;
    assert_eq!(deleted.conclusion(), "done record_deleted");

    let stage = Stage::new().await;
    stage.deliver(&request("retire", &[by_id(ONE)])).await;
    let mut at_once = delete;
    at_once["skipCleanupCheck"] = json!(true);
    let deleted = stage.deliver(&at_once).await;
    assert_eq!(deleted.conclusion(), "done record_deleted");
    // Nothing is read that decides nothing.
    assert_eq!(stage.count("DescribeRecoverySnapshots"), 1);
    stage.changes();
}

/// A server that a retirement disconnects, with an agent that was last seen so long ago.
async fn retired(minutes: i64) -> (Stage, Value) {
    let server = SourceServer {
        agent_unreachable_since: Some(Utc::now() - TimeDelta::minutes(minutes)),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server])).await;
    let report = stage.deliver(&request("retire", &[by_id(ONE)])).await.body;

    (stage, report)
}

// Pages: DRS-05, DRS-06.
#[tokio::test]
async fn an_agent_that_was_silent_before_the_disconnect_may_remain() {
    let (stage, report) = retired(16).await;
    assert_eq!(other_reasons(&report), ["agent_may_remain"]);
    // Whoever finds the server disconnected cannot tell.
    let again = stage.deliver(&request("retire", &[by_id(ONE)])).await.body;
    assert_eq!(other_reasons(&again), [""; 0]);
    let disconnect = &again["nextRequest"]["targets"][0]["disconnect"];
    assert!(disconnect["at"].is_string() && disconnect["agentSilentSeconds"].is_null());

    stage.local.advance(TimeDelta::minutes(90));
    let mut verify = report["nextRequest"].clone();
    verify["action"] = json!("verify");
    let verified = stage.deliver(&verify).await;
    assert_eq!(verified.conclusion(), "already_done cleanup_verified");
    assert_eq!(other_reasons(&verified.body), ["agent_may_remain"]);
    let deleted = stage.deliver(&report["nextRequest"]).await;
    assert_eq!(deleted.conclusion(), "done record_deleted");
    assert_eq!(other_reasons(&deleted.body), ["agent_may_remain"]);
    let steps = deleted.body["targets"][0]["nextSteps"].to_string();
    assert!(steps.contains("uninstall_agent_linux.sh"), "{steps}");

    let (stage, report) = retired(14).await;
    assert_eq!(other_reasons(&report), [""; 0]);
    stage.local.advance(TimeDelta::minutes(90));
    let deleted = stage.deliver(&report["nextRequest"]).await.body;
    assert_eq!(other_reasons(&deleted), [""; 0]);
    stage.changes();
}

// Invariant 3.
#[tokio::test]
async fn a_staging_area_that_cannot_be_read_is_never_taken_for_one_that_is_gone() {
    let mut world = World::with([approved(ONE)]);
    world.server(ONE).unwrap().data_replication_state = "DISCONNECTED".to_owned();

    for action in ["verify", "delete"] {
        let stage = Stage::with(world.clone()).await;
        let stage = stage.next("DescribeRecoverySnapshots", FaultKind::AccessDenied, 1);
        let answer = stage.deliver(&request(action, &[by_id(ONE)])).await;
        assert_eq!(answer.conclusion(), "permanent access_denied -> Permanent");
        assert_eq!(stage.changes(), [""; 0], "{action}");
    }

    // A disconnect says what it did, and what is left is verified later.
    let stage = verifying(world).await;
    let stage = stage.next("DescribeRecoverySnapshots", FaultKind::AccessDenied, 1);
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "pending cleanup_awaits_verification");
    assert_eq!(stage.changes(), ["UntagResource s-00000000000000001"]);
}

#[tokio::test]
async fn a_verification_is_about_the_server_that_it_names_and_changes_nothing() {
    let mut stage = Stage::with(World::with([
        approved(ONE),
        SourceServer {
            data_replication_state: "DISCONNECTED".to_owned(),
            ..SourceServer::new(&number(2)).tagged("drover:protected", "yes")
        },
    ]))
    .await;
    stage.policy.allow_delete = false;

    let targets = [ONE, &number(2), &number(3)].map(by_id);
    let mut verify = request("verify", &targets);
    verify["expiresAt"] = json!(Utc::now() - TimeDelta::hours(1));
    let report = stage.deliver(&verify).await.body;
    let targets = report["targets"].as_array().unwrap().iter();
    let reasons: Vec<&Value> = targets.map(|target| &target["reason"]).collect();
    assert_eq!(
        reasons,
        ["not_disconnected", "cleanup_verified", "not_found"]
    );
    let summary = report["summary"].as_str().unwrap();
    assert!(summary.starts_with("CHG0031234 verify: 1 of 3 cleaned up, 1 of them before"));
    assert_eq!(stage.changes(), [""; 0]);
    // Whether somebody uses the servers is not asked.
    assert_eq!(stage.count("DescribeJobs"), 0);
}
