//! A server that is retired: disconnected, and its record deleted later.

use chrono::TimeDelta;
use emulator::{Reply, SourceServer, World};
use serde_json::{Value, json};
use shared::Mode;

use crate::stage::{
    drs::{ONE, Stage, approved, approved_servers, by_id, number, request},
    text,
};

#[tokio::test]
async fn a_retirement_names_the_request_that_deletes_the_records() {
    let third = SourceServer {
        hostname: Some("db03".to_owned()),
        ..approved(&number(3))
    };
    let mut stage = Stage::with(World::with([
        approved(ONE),
        SourceServer::new(&number(2)),
        third,
    ]))
    .await;
    stage.policy.max_share_percent = 100;
    let retire = request(
        "retire",
        &[by_id(ONE), by_id(&number(2)), json!({ "hostname": "db03" })],
    );
    let report = stage.deliver(&retire).await.body;
    let summary = text(&report["summary"]);
    let done = "CHG0031234 retire: 2 of 3 disconnected, records can be deleted from ";
    assert!(summary.starts_with(done), "{summary}");
    let refused = format!("1 refused: {} (not approved)", number(2));
    assert!(summary.ends_with(&refused), "{summary}");
    assert_eq!(report["lookAgainAfterSeconds"], 5400);
    let next = &report["nextRequest"];
    let lost = json!({ "recoveryPoints": 37, "replicationHours": 4320 });
    let at = &next["targets"][0]["disconnect"]["at"];
    let disconnect = json!({ "at": at, "agentSilentSeconds": 0 });
    assert_eq!(
        next["targets"],
        json!([
            { "sourceServerID": ONE, "lost": lost, "disconnect": disconnect },
            { "hostname": "db03", "sourceServerID": number(3), "lost": lost,
              "disconnect": disconnect },
        ])
    );
    stage.local.advance(TimeDelta::minutes(90));
    let report = stage.deliver(next).await.body;
    assert_eq!(
        (text(&report["summary"]), report.get("nextRequest")),
        ("CHG0031234 delete: 2 of 2 deleted", None)
    );
    // The last report says what the request destroyed, also where the record is gone already.
    assert_eq!(report["targets"][1]["target"]["lost"], lost);
    let report = stage.deliver(next).await.body;
    assert_eq!(report["targets"][0]["reason"], "record_deleted");
    assert_eq!(report["targets"][0]["target"]["lost"], lost);
    stage.changes();

    // What no read has shown yet is read again before a deletion is requested.
    let mut stage = Stage::new().await;
    stage.seconds_left = 0;
    let report = stage.deliver(&request("retire", &[by_id(ONE)])).await.body;
    assert_eq!(
        (text(&report["outcome"]), &report["lookAgainAfterSeconds"]),
        ("pending", &json!(60))
    );
    assert_eq!(report.get("nextRequest"), None);
}

// Pages: DRS-03.
#[tokio::test]
async fn a_server_is_retired_in_two_steps_ninety_minutes_apart() {
    let stage = Stage::new().await;
    let retire = request("retire", &[by_id(ONE)]);
    let delete = request("delete", &[by_id(ONE)]);

    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "refused not_disconnected"
    );

    for lost in [
        json!({ "recoveryPoints": 37, "replicationHours": 4320 }),
        Value::Null,
    ] {
        let answer = stage.deliver(&retire).await;
        // Whoever finds the server disconnected has seen nothing of what was lost.
        assert_eq!(answer.body["nextRequest"]["targets"][0]["lost"], lost);
        assert_eq!(answer.conclusion(), "pending record_awaits_deletion");
        assert_eq!(answer.body["targets"][0]["lookAgainAfterSeconds"], 5400);
        assert_eq!(answer.body["outcome"], "pending");
    }

    stage.local.advance(TimeDelta::minutes(90));
    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "done record_deleted"
    );
    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "already_done record_deleted"
    );
    assert_eq!(
        stage.deliver(&retire).await.conclusion(),
        "refused not_found"
    );
    assert_eq!(
        stage.changes(),
        [
            "DisconnectSourceServer s-00000000000000001",
            "DeleteSourceServer s-00000000000000001"
        ]
    );
}

#[tokio::test]
async fn a_record_named_by_its_host_is_verified_to_be_gone() {
    let server = SourceServer {
        hostname: Some("app01".to_owned()),
        data_replication_state: "DISCONNECTED".to_owned(),
        ..approved(ONE)
    };

    let stage = Stage::with(World::with([server])).await;
    let delete = request("delete", &[json!({ "hostname": "app01" })]);
    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "done record_deleted"
    );
    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "refused not_found"
    );
    assert_eq!(stage.changes(), ["DeleteSourceServer s-00000000000000001"]);
}

#[tokio::test]
async fn a_record_named_by_its_arn_is_verified_to_be_gone() {
    let server = SourceServer {
        data_replication_state: "DISCONNECTED".to_owned(),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server])).await;
    let delete = request(
        "delete",
        &[by_id(&format!(
            "arn:aws:drs:us-east-1:111122223333:source-server/{ONE}"
        ))],
    );

    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "done record_deleted"
    );
    assert_eq!(stage.changes(), ["DeleteSourceServer s-00000000000000001"]);
}

#[tokio::test]
async fn a_record_that_a_list_leaves_out_is_not_called_deleted() {
    let ids = [1, 2].map(number);
    let mut world = approved_servers(2);
    for id in &ids {
        "DISCONNECTED".clone_into(&mut world.server(id).unwrap().data_replication_state);
    }
    // As the pages of a list do when another record goes between them: the next one moves up.
    let mut stage = Stage::with(world).await.answered(|body| {
        if let Some(items) = body["items"].as_array_mut()
            && items.len() > 1
        {
            items.remove(0);
        }
    });

    stage.policy.max_share_percent = 100;
    let delete = request("delete", &ids.each_ref().map(|id| by_id(id)));
    let report = stage.deliver(&delete).await.body;
    for target in report["targets"].as_array().unwrap() {
        assert_eq!(text(&target["outcome"]), "done");
    }
    let deleted = ids.map(|id| format!("DeleteSourceServer {id}"));
    assert_eq!(stage.changes(), deleted);
}

// Pages: DRS-03.
#[tokio::test]
async fn a_deletion_that_aws_does_not_allow_yet_is_retried() {
    let mut world = World::with([approved(ONE)]);
    world.behaviour.delete_before_cleanup = Reply::Conflict;
    let stage = Stage::with(world).await;
    stage.deliver(&request("retire", &[by_id(ONE)])).await;
    let mut delete = request("delete", &[by_id(ONE)]);
    delete["skipCleanupCheck"] = json!(true);

    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "retryable conflict -> Retryable"
    );

    stage.local.advance(TimeDelta::minutes(90));
    assert_eq!(
        stage.deliver(&delete).await.conclusion(),
        "done record_deleted"
    );
    assert_eq!(stage.changes().len(), 2);
}

#[tokio::test]
async fn a_plan_is_followed_up_as_a_plan() {
    let retired = async |policy: Mode, dry_run: bool| {
        let mut world = World::with([approved(ONE)]);
        world.server(ONE).unwrap().data_replication_state = "DISCONNECTED".to_owned();
        let mut stage = Stage::with(world).await;
        stage.policy.guardrails.mode = policy;
        let mut retire = request("retire", &[by_id(ONE)]);
        retire["dryRun"] = json!(dry_run);
        let report = stage.deliver(&retire).await.body;
        assert_eq!(report["targets"][0]["reason"], "record_awaits_deletion");
        (
            report["mode"].clone(),
            report["nextRequest"]["dryRun"].clone(),
        )
    };
    assert_eq!(
        retired(Mode::Enforce, false).await,
        (json!("enforce"), json!(false))
    );
    assert_eq!(
        retired(Mode::Enforce, true).await,
        (json!("plan"), json!(true))
    );
    assert_eq!(
        retired(Mode::Plan, false).await,
        (json!("plan"), json!(true))
    );
    assert_eq!(
        retired(Mode::Plan, true).await,
        (json!("plan"), json!(true))
    );
}

#[tokio::test]
async fn a_response_alone_ends_no_request() {
    let stage = Stage::new().await;
    assert_eq!(
        stage
            .deliver(&request("retire", &[by_id(ONE)]))
            .await
            .conclusion(),
        "pending record_awaits_deletion"
    );
    assert_eq!(stage.count("DescribeSourceServers"), 2);

    stage.changes();
}
