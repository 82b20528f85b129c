//! Scenarios of `audit-source-servers`: an emulated account, and what is found in it.

use chrono::{TimeDelta, Utc};
use emulator::{Fault, FaultKind, Job, RecoveryInstance, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    functions::AUDIT_SERVERS,
    stage::{
        audit::{Stage, found},
        drs::{ONE, number},
    },
};

/// What is found in a world.
async fn found_in(world: World) -> Vec<String> {
    Stage::with(&AUDIT_SERVERS, world).await.finds().await
}

/// What is found of one server.
async fn found_of(server: SourceServer) -> Vec<String> {
    let lines = found_in(World::with([server])).await;

    lines
        .iter()
        .map(|line| line.split_once(": ").unwrap().1.to_owned())
        .collect()
}

fn server() -> SourceServer {
    SourceServer::new(ONE)
}

fn in_state(state: &str) -> SourceServer {
    SourceServer {
        data_replication_state: state.to_owned(),
        ..server()
    }
}

#[tokio::test]
async fn a_healthy_account_has_no_findings() {
    let stage = Stage::with(&AUDIT_SERVERS, World::with([server()])).await;
    let answer = stage.audit().await;

    assert_eq!(answer.conclusion(), "done audited");
    assert_eq!(answer.body["audit"]["examined"], 1);
    assert_eq!(found(&answer), [""; 0]);
    let summary = answer.body["summary"].as_str().unwrap();
    assert!(
        summary.contains("nothing found in 1 source servers"),
        "{summary}"
    );
}

#[tokio::test]
async fn what_drs_says_of_a_server_is_found() {
    for state in ["STOPPED", "PAUSED"] {
        assert_eq!(found_of(in_state(state)).await, ["replication_stopped"]);
    }
    assert_eq!(found_of(in_state("STALLED")).await, ["replication_stalled"]);
    let with_error = SourceServer {
        data_replication_error: Some("SNAPSHOTS_FAILURE".to_owned()),
        ..server()
    };
    assert_eq!(found_of(with_error).await, ["replication_error"]);
    let behind = SourceServer {
        lag_seconds: Some(3601),
        ..server()
    };
    assert_eq!(found_of(behind).await, ["lag_over_objective"]);
    let extension = SourceServer {
        staging_status: "EXTENSION_ERROR".to_owned(),
        ..server()
    };
    assert_eq!(found_of(extension).await, ["extension_error"]);
    let failback = SourceServer {
        replication_direction: "FAILBACK".to_owned(),
        ..server()
    };
    assert_eq!(found_of(failback).await, ["failback_open"]);
    let approved = server().tagged("drover:approved", "CHG1");
    assert_eq!(found_of(approved).await, ["approved_still_connected"]);
}

#[tokio::test]
async fn a_silent_agent_and_an_endless_sync_are_found_by_the_clock() {
    let silent = SourceServer {
        agent_unreachable_since: Some(Utc::now() - TimeDelta::hours(25)),
        ..server()
    };
    assert_eq!(found_of(silent.clone()).await, ["agent_silent"]);
    let stage = Stage::with(&AUDIT_SERVERS, World::with([silent])).await;
    let stage = stage.set("SILENT_HOURS", "48");
    assert_eq!(found(&stage.audit().await), [""; 0]);

    let syncing = SourceServer {
        first_byte_at: Some(Utc::now() - TimeDelta::hours(80)),
        ..in_state("INITIAL_SYNC")
    };
    assert_eq!(found_of(syncing).await, ["initial_sync_overdue"]);
}

#[tokio::test]
async fn what_somebody_left_behind_is_found() {
    let mut world = World::with([server()]);
    for (id, is_drill) in [("i-00000001", true), ("i-00000002", false)] {
        let instance = RecoveryInstance {
            id: id.to_owned(),
            source_server_id: ONE.to_owned(),
            is_drill,
            ec2_instance_state: "RUNNING".to_owned(),
            failback_state: "FAILBACK_NOT_STARTED".to_owned(),
            disconnected: false,
            tags: Default::default(),
        };
        world.here().recovery_instances.push(instance);
    }
    let line = format!("{ONE}: recovery_instance_remains, drill_instance_remains");
    assert_eq!(found_in(world).await, [line]);

    let mut world = World::with([server()]);
    let context = world.context("us-east-1");
    world.here().disconnect(ONE, &context).unwrap();
    let at_once = found_in(world.clone()).await;
    world.now += TimeDelta::minutes(91);
    let later = found_in(world).await;
    // Whether its points end at once or with the staging area is AWS's to say.
    assert!(at_once[0].contains("_remains") || at_once[0].contains("staging_left"));
    assert_eq!(later, [format!("{ONE}: record_remains")]);
}

#[tokio::test]
async fn a_machine_that_is_replicated_twice_is_found() {
    let two = [1, 2].map(|index| SourceServer {
        hostname: Some("web01".to_owned()),
        ..SourceServer::new(&number(index))
    });

    let lines = found_in(World::with(two)).await;
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.ends_with(": duplicate_name")));
}

#[tokio::test]
async fn an_account_near_its_quota_is_told() {
    let servers = (1..=240).map(|index| SourceServer::new(&number(index)));
    let stage = Stage::with(&AUDIT_SERVERS, World::with(servers)).await;

    let answer = stage.audit().await;
    assert_eq!(answer.body["audit"]["counts"], json!({ "quota_near": 1 }));
    let facts = &answer.body["audit"]["found"][0]["findings"][0]["facts"];
    assert_eq!(
        (&facts["used"], &facts["allowed"]),
        (&json!(240), &json!(300))
    );
}

/// A server that may go, and the request that is offered for it.
async fn offered(stage: &Stage) -> Value {
    stage.audit().await.body["audit"]["found"][0]["request"].clone()
}

#[tokio::test]
async fn the_offered_request_is_one_that_disconnect_source_server_carries_out() {
    let silent = SourceServer {
        agent_unreachable_since: Some(Utc::now() - TimeDelta::days(30)),
        aws_instance_id: Some("i-0123456789abcdef0".to_owned()),
        ..server()
    };
    let stage = Stage::with(&AUDIT_SERVERS, World::with([silent.clone()])).await;
    let request = offered(&stage.set("ALLOW_DELETE", "true")).await;
    assert_eq!(request["action"], "retire");

    // Approved by the ID that the audit made up, as its next step says.
    let id = request["requestID"].as_str().unwrap();
    let world = World::with([silent.tagged("drover:approved", id)]);
    let retirement = crate::stage::drs::Stage::with(world).await;
    let answer = retirement.deliver(&request).await;
    assert_eq!(
        answer.body["targets"][0]["evidence"]["stateAfter"],
        "DISCONNECTED"
    );
}

#[tokio::test]
async fn a_protected_server_is_found_and_not_offered() {
    let approved = server()
        .tagged("drover:approved", "CHG1")
        .tagged("drover:protected", "yes");
    let stage = Stage::with(&AUDIT_SERVERS, World::with([approved])).await;

    let answer = stage.audit().await;
    assert_eq!(answer.body["audit"]["found"][0]["request"], Value::Null);
    let message = answer.body["audit"]["found"][0]["findings"][0]["message"].as_str();
    assert!(message.unwrap().contains("and protected"), "{message:?}");
}

// Invariant 3.
#[tokio::test]
async fn what_could_not_be_listed_is_never_nothing_found() {
    for operation in ["DescribeSourceServers", "DescribeRecoveryInstances"] {
        for (kind, expected) in [
            (
                FaultKind::AccessDenied,
                "permanent access_denied -> Permanent",
            ),
            (FaultKind::InternalError, "retryable"),
        ] {
            let stage = Stage::with(&AUDIT_SERVERS, World::with([server()])).await;
            stage.fault(Fault::next(operation, kind), 5);
            let answer = stage.audit().await;
            assert!(
                answer.conclusion().starts_with(expected),
                "{}",
                answer.conclusion()
            );
            assert_eq!(answer.body["audit"], Value::Null, "{operation}");
        }
    }

    // A count that failed is a figure that is missing, and not zero.
    let mut world = World::with([in_state("DISCONNECTED")]);
    world.here().source_servers[0].recovery_points = 0;
    let stage = Stage::with(&AUDIT_SERVERS, world).await;
    let denied = Fault::next("DescribeRecoverySnapshots", FaultKind::AccessDenied);
    stage.fault(denied, 1);
    let answer = stage.audit().await;
    let found = &answer.body["audit"]["found"][0];
    assert_eq!(found["evidence"]["recoveryPoints"], Value::Null);
    assert_eq!(found["request"], Value::Null);
}

#[tokio::test]
async fn without_time_nothing_is_looked_at() {
    let mut stage = Stage::with(&AUDIT_SERVERS, World::with([server()])).await;
    stage.seconds_left = 0;

    let answer = stage.audit().await;
    assert_eq!(answer.conclusion(), "pending out_of_time");
    assert_eq!(answer.body["lookAgainAfterSeconds"], 60);
}

#[tokio::test]
async fn an_account_without_drs_is_told() {
    let stage = Stage::with(&AUDIT_SERVERS, World::empty()).await;
    assert_eq!(stage.audit().await.conclusion(), "refused not_initialised");
}

#[tokio::test]
async fn named_servers_are_looked_at_and_no_others() {
    let mut world = World::with([in_state("STALLED"), SourceServer::new(&number(2))]);
    world.server(&number(2)).unwrap().data_replication_state = "STOPPED".to_owned();
    world.here().jobs = Vec::<Job>::new();
    let stage = Stage::with(&AUDIT_SERVERS, world).await;
    let audit = async |server: &str| {
        let request = json!({ "version": 1, "requestID": "AUDIT1", "sourceServerIDs": [server] });
        stage.deliver(&request).await
    };

    let answer = audit(&number(2)).await;
    assert_eq!(
        found(&answer),
        [format!("{}: replication_stopped", number(2))]
    );
    assert_eq!(answer.body["audit"]["examined"], 1);
    assert_eq!(audit(&number(3)).await.conclusion(), "refused not_found");
    let elsewhere = format!("arn:aws:drs:us-east-1:999999999999:source-server/{ONE}");
    let answer = audit(&elsewhere).await;
    assert_eq!(answer.conclusion(), "refused arn_mismatch");
    // Whoever means another account is told and offered nothing of this one.
    assert_eq!(found(&answer), [""; 0]);
    assert_eq!(answer.body["audit"]["examined"], 0);
    assert_eq!(answer.body["audit"]["totals"]["replicatedBytes"], 0);
}
