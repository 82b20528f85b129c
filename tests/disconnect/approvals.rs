//! What may go goes once, by its approval; what may not is refused by name.

use chrono::TimeDelta;
use emulator::{Fault, FaultKind, Job, Reply, SourceServer, World};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{Mode, guardrails::Approval};

use crate::{
    disconnect::{
        DISCONNECTED_ONCE, first, recovery_instance, refused, thirty, under_both_answers,
        with_and_without_confirmation,
    },
    stage::{
        drs::{CHANGE, ONE, Stage, approved, approved_servers, by_id, number, request},
        killed_after, text,
    },
};

// Pages: DRS-01, DRS-20, DRS-25, DRS-32.
#[tokio::test]
async fn a_server_is_disconnected_and_its_approval_consumed() {
    let stage = Stage::new().await;
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "done disconnected");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);

    let target = &answer.body["targets"][0];
    let evidence = json!({
        "lastSeenByServiceDateTime": target["evidence"]["lastSeenByServiceDateTime"],
        "agentSilentSeconds": 0,
        "lagSeconds": 0,
        "dataReplicationError": null,
        "approvedFor": CHANGE,
        "stateBefore": "CONTINUOUS",
        "stateAfter": "DISCONNECTED",
        "recoveryPoints": 37,
        "recoveryPointsLost": 37,
        "ebsSnapshotIDs": target["evidence"]["ebsSnapshotIDs"],
        "leftovers": null,
        "replicatedBytes": 107_374_182_400_u64,
        "replicationHours": 4320,
        "replicationHoursEnded": 4320,
    });
    assert_eq!(target["evidence"], evidence);
    let step = |step: &str, sentence: String| json!({ "step": step, "resource": ONE, "when": "now", "sentence": sentence });
    let untag = format!("remove the tag drover:approved from {ONE}");
    let plan = json!([
        step("DisconnectSourceServer", format!("disconnect {ONE}")),
        step("UntagResource", untag)
    ]);
    assert_eq!(target["plan"], plan);
    assert_eq!(answer.body["requestID"], CHANGE);
}

// Invariant 4.
// Pages: DRS-70.
#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    for stage in under_both_answers().await {
        stage.disconnect().await;
        assert_eq!(
            stage.disconnect().await.conclusion(),
            "already_done disconnected"
        );
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Invariant 4.
#[tokio::test]
async fn ten_deliveries_at_once_have_one_effect() {
    for stage in under_both_answers().await {
        let answers = join_all((0..10).map(|_| stage.disconnect())).await;
        for answer in &answers {
            let conclusion = answer.conclusion();
            assert!(
                conclusion == "done disconnected" || conclusion == "already_done disconnected",
                "{conclusion}"
            );
        }
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Invariant 4.
#[tokio::test]
async fn a_late_duplicate_finds_no_approval_after_an_operator_restored_the_server() {
    for stage in under_both_answers().await {
        stage.disconnect().await;
        stage
            .local
            .change(|world| {
                let now = world.now;
                world.here().retry(ONE, now).map(drop)
            })
            .unwrap();
        stage.local.advance(TimeDelta::hours(6));
        for _ in 0..2 {
            assert_eq!(
                stage.disconnect().await.conclusion(),
                "refused not_approved"
            );
        }
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Invariant 8.
#[tokio::test]
async fn a_run_killed_after_the_disconnect_is_finished_by_the_next() {
    let stage = Stage::new().await;
    stage.disconnect_by_others();
    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
    assert_eq!(stage.changes(), ["UntagResource s-00000000000000001"]);
}

// Invariant 8.
#[tokio::test]
async fn a_run_killed_at_any_point_is_finished_by_the_next() {
    let mut polls = 0;
    loop {
        let stage = Stage::new().await;
        let answered = killed_after(polls, stage.disconnect()).await;
        let conclusion = stage.disconnect().await.conclusion();
        assert!(
            conclusion == "done disconnected" || conclusion == "already_done disconnected",
            "after {polls} polls: {conclusion}"
        );
        assert_eq!(stage.changes(), DISCONNECTED_ONCE, "after {polls} polls");
        if answered {
            break;
        }
        polls += 1;
    }

    assert!(polls > 10, "a run has many points: {polls}");
}

// Invariant 1.
#[tokio::test]
async fn a_protected_server_is_not_even_untagged() {
    let server = SourceServer {
        data_replication_state: "DISCONNECTED".to_owned(),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server.tagged("drover:protected", "yes")])).await;
    assert_eq!(stage.disconnect().await.conclusion(), "refused protected");
    assert_eq!(stage.changes(), [""; 0]);
}

// Invariant 1.
// Pages: DRS-40, DRS-41, DRS-66, DRS-67, DRS-72, DRS-129 to DRS-131.
#[tokio::test]
async fn a_server_that_must_not_go_is_refused_with_its_reason() {
    let with = |change: fn(&mut SourceServer)| {
        let mut server = approved(ONE);
        change(&mut server);
        World::with([server])
    };

    refused(World::with([SourceServer::new(ONE)]), "not_approved").await;
    refused(
        World::with([SourceServer::new(ONE).tagged("drover:approved", "CHG0")]),
        "approved_for_another_request",
    )
    .await;
    refused(
        World::with([approved(ONE).tagged("drover:protected", "")]),
        "protected",
    )
    .await;
    refused(
        with(|server| server.replication_direction = "FAILBACK".to_owned()),
        "failback_direction",
    )
    .await;
    refused(
        with(|server| server.reversed_direction_source_server_arn = Some("arn".to_owned())),
        "reversed_pair",
    )
    .await;

    for reply in [Reply::Ok, Reply::Conflict] {
        let mut extended = with(|server| server.staging_status = "EXTENDED".to_owned());
        extended.behaviour.disconnect_extended = reply;
        refused(extended, "extended").await;
    }

    refused(
        with(|server| server.staging_status = "EXTENSION_ERROR".to_owned()),
        "extension_error",
    )
    .await;
    refused(
        with(|server| server.data_replication_state = "RESURRECTED".to_owned()),
        "unknown_state",
    )
    .await;
    refused(World::with([]), "not_found").await;
    refused(World::empty(), "not_initialised").await;
}

// Invariant 1.
// Pages: DRS-04.
#[tokio::test]
async fn a_server_with_a_recovery_instance_or_a_job_is_refused() {
    for (is_drill, reason) in [
        (true, "drill_instance_present"),
        (false, "recovery_instance_present"),
    ] {
        for reply in [Reply::Ok, Reply::Conflict] {
            let mut world = World::with([approved(ONE)]);
            world.behaviour.disconnect_with_recovery_instance = reply;
            world
                .here()
                .recovery_instances
                .push(recovery_instance(is_drill));
            refused(world, reason).await;
        }
    }

    for reply in [Reply::Ok, Reply::Conflict] {
        let mut world = World::with([approved(ONE)]);
        world.behaviour.disconnect_during_job = reply;
        let job: Job = serde_json::from_value(json!({
            "jobID": "drsjob-00000000000000001", "type": "LAUNCH", "initiatedBy": "START_DRILL", "createdAt": world.now,
            "endsAt": world.now + TimeDelta::minutes(15), "sourceServerIDs": [ONE],
        }))
        .unwrap();
        world.here().jobs.push(job);
        let stage = Stage::with(world).await;
        assert_eq!(stage.disconnect().await.conclusion(), "refused job_running");
        stage.local.advance(TimeDelta::minutes(15));
        assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

/// DRS launches many servers by one job.
#[tokio::test]
async fn every_server_of_a_job_is_refused_whatever_the_job_does() {
    for kind in ["LAUNCH", "TERMINATE", "CREATE_CONVERTED_SNAPSHOT"] {
        let mut world = approved_servers(4);
        let job: Job = serde_json::from_value(json!({
            "jobID": "drsjob-00000000000000001", "type": kind, "initiatedBy": "START_RECOVERY", "createdAt": world.now,
            "endsAt": world.now + TimeDelta::minutes(15), "sourceServerIDs": [number(1), number(2), number(3)],
        }))
        .unwrap();
        world.here().jobs.push(job);
        let mut stage = Stage::with(world).await;
        stage.policy.max_share_percent = 100;
        let all: Vec<Value> = (1..=4).map(|index| by_id(&number(index))).collect();
        let answer = stage.deliver(&request("disconnect", &all)).await;
        let reasons: Vec<&str> = (0..4)
            .map(|index| text(&answer.body["targets"][index]["reason"]))
            .collect();
        assert_eq!(
            reasons,
            ["job_running", "job_running", "job_running", "disconnected"],
            "{kind}"
        );
        assert_eq!(
            stage.changes()[0],
            format!("DisconnectSourceServer {}", number(4))
        );
    }
}

// Invariant 11.
#[tokio::test]
async fn plan_mode_shows_the_plan_and_changes_nothing() {
    let mut stage = Stage::new().await;
    let mut dry = request("disconnect", &[by_id(ONE)]);
    dry["dryRun"] = json!(true);
    let asked = stage.deliver(&dry).await;
    stage.policy.guardrails.mode = Mode::Plan;
    let deployed = stage.disconnect().await;

    for answer in [asked, deployed] {
        assert_eq!(answer.conclusion(), "planned plan_mode");
        assert_eq!(answer.body["mode"], "plan");
        assert_eq!(answer.body["targets"][0]["evidence"]["recoveryPoints"], 37);
        assert_eq!(
            answer.body["targets"][0]["evidence"]["recoveryPointsLost"],
            Value::Null
        );
        assert_eq!(
            answer.body["targets"][0]["plan"].as_array().unwrap().len(),
            2
        );
    }

    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn without_an_approval_tag_no_tag_is_removed() {
    let mut stage = Stage::with(World::with([SourceServer::new(ONE)])).await;
    stage.policy.guardrails.approval = Approval::NotRequired;
    stage.beyond_the_role =
        Some("it lets no server be disconnected that has no tag drover:approved");

    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
    assert_eq!(stage.count("DescribeSourceServers"), 2);
    assert_eq!(
        stage.disconnect().await.conclusion(),
        "already_done disconnected"
    );
    assert_eq!(
        stage.changes(),
        ["DisconnectSourceServer s-00000000000000001"]
    );
}

// Pages: DRS-07, DRS-11.
#[tokio::test]
async fn an_approval_is_consumed_only_once_the_server_is_confirmed_disconnected() {
    let orders = [
        "DisconnectSourceServer, UntagResource, DescribeSourceServers",
        "DisconnectSourceServer, DescribeSourceServers, UntagResource, DescribeSourceServers",
    ];
    for (stage, order) in with_and_without_confirmation()
        .await
        .into_iter()
        .zip(orders)
    {
        assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
        let journal = stage.local.journal();
        let acts = journal.iter().map(|entry| entry.operation.as_str());
        let acts: Vec<_> = acts
            .skip_while(|operation| *operation != "DisconnectSourceServer")
            .collect();
        assert_eq!(acts.join(", "), order);
        stage.changes();
    }
}

#[tokio::test]
async fn an_approval_that_another_request_got_meanwhile_is_kept() {
    let stage = Stage::new().await;
    stage.local.change(|world| {
        _ = world
            .server(ONE)
            .unwrap()
            .tags
            .insert("drover:approved".to_owned(), "CHG2".to_owned())
    });
    // The look lags behind, so it still shows the approval of before; the answer to the disconnect
    // shows the new one.
    let stage = stage.next("DescribeSourceServers", FaultKind::StaleTags, 1);

    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
    assert_eq!(
        stage.changes(),
        ["DisconnectSourceServer s-00000000000000001"]
    );
}

#[tokio::test]
async fn a_server_confirmed_by_the_response_needs_no_read_before_its_approval_is_removed() {
    let stage =
        Stage::with(thirty())
            .await
            .next("DisconnectSourceServer", FaultKind::ResetAfter, 1);
    let the_look_between = Fault {
        skip: 1,
        times: 3,
        ..Fault::next("DescribeSourceServers", FaultKind::Throttle)
    };

    stage.local.inject(the_look_between);
    let report = stage.deliver(&first(2)).await.body;
    assert_eq!(report["counts"], json!({ "retryable": 1, "done": 1 }));
    assert_eq!(
        stage.deliver(&first(2)).await.body["counts"],
        json!({ "done": 1, "already_done": 1 })
    );

    stage.changes();
}
