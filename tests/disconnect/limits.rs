//! Limits of requests, of time, and of pages.

use chrono::TimeDelta;
use emulator::{RecoveryInstance, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    disconnect::{DISCONNECTED_ONCE, first, recovery_instance, refused, thirty},
    stage::drs::{ONE, Stage, approved, approved_servers, by_id, number, request},
};

#[tokio::test]
async fn many_targets_are_read_together() {
    let stage = Stage::with(thirty()).await;
    let answer = stage.deliver(&first(3)).await;
    let summary = "CHG0031234 disconnect: 3 of 3 disconnected";
    assert_eq!(answer.body["summary"], summary);
    assert_eq!(stage.changes().len(), 6);

    let counts = [
        "DescribeSourceServers",
        "DescribeRecoveryInstances",
        "DescribeJobs",
        "DisconnectSourceServer",
        "UntagResource",
    ];
    assert_eq!(
        counts.map(|operation| stage.count(operation)),
        [2, 1, 1, 3, 3]
    );
}

#[tokio::test]
async fn a_recovery_point_that_a_list_shows_twice_is_lost_once() {
    // As the pages of a list do when a new one comes first: the last one moves down.
    let stage = Stage::new().await.answered(|body| {
        if let Some(items) = body["items"].as_array_mut()
            && items.iter().any(|item| item["snapshotID"].is_string())
        {
            items.push(items[0].clone());
        }
    });

    let report = stage.disconnect().await.body;
    let evidence = &report["targets"][0]["evidence"];
    assert_eq!(evidence["recoveryPointsLost"], 37);
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

// Invariant 6.
#[tokio::test]
async fn a_request_over_a_limit_is_refused_before_the_first_change() {
    let stage = Stage::with(thirty()).await;
    for (count, reason) in [(4, "over_max_share"), (11, "over_max_targets")] {
        let answer = stage.deliver(&first(count)).await;
        assert_eq!(answer.body["counts"], json!({ "refused": count }));
        assert_eq!(answer.conclusion(), format!("refused {reason}"));
    }

    assert_eq!(stage.changes(), [""; 0]);
}

/// Of four servers three are within the share. Which one is in use is known only after the recovery
/// points were counted.
#[tokio::test]
async fn the_loss_is_known_where_a_server_in_use_brings_the_request_within_its_share() {
    let mut world = thirty();
    world
        .here()
        .recovery_instances
        .push(recovery_instance(true));
    let stage = Stage::with(world).await;
    let answer = stage.deliver(&first(4)).await;

    assert_eq!(answer.body["counts"], json!({ "refused": 1, "done": 3 }));
    for target in &answer.body["targets"].as_array().unwrap()[1..] {
        assert_eq!(target["evidence"]["recoveryPointsLost"], 37);
    }
}

// Invariant 2.
#[tokio::test]
async fn one_bad_target_does_not_stop_the_others() {
    let mut world = thirty();
    world.server(&number(2)).unwrap().tags.clear();
    let stage = Stage::with(world).await;
    let answer = stage.deliver(&first(3)).await;
    assert_eq!(answer.body["counts"], json!({ "refused": 1, "done": 2 }));
    assert_eq!(stage.changes().len(), 4);
}

// Invariant 1.
#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let servers = (1..=2500).map(|index| SourceServer {
        hostname: Some(format!("host{index}")),
        ..approved(&number(index))
    });
    let stage = Stage::with(World::with(servers)).await;
    let last = request("disconnect", &[json!({ "hostname": "host2500" })]);

    assert_eq!(stage.deliver(&last).await.conclusion(), "done disconnected");
    assert_eq!(
        stage.changes()[0],
        format!("DisconnectSourceServer {}", number(2500))
    );
    assert_eq!(stage.count("DescribeSourceServers"), 10 + 1);
}

#[tokio::test]
async fn a_list_is_the_same_in_pages_of_any_size() {
    for page_size in [1, 2, 50] {
        let mut world = World::with([approved(ONE), SourceServer::new(&number(2))]);
        world.behaviour.page_size = page_size;
        for index in 1..=3 {
            let instance = json!({ "recoveryInstanceID": format!("i-{index:017}"), "sourceServerID": number(2) });
            world
                .here()
                .recovery_instances
                .push(serde_json::from_value(instance).unwrap());
        }
        let stage = Stage::with(world).await;
        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), "done disconnected");
        assert_eq!(
            answer.body["targets"][0]["evidence"]["recoveryPointsLost"],
            37
        );
        stage.changes();
    }

    let mut world = World::with([approved(ONE)]);
    world.behaviour.page_size = 1;
    world
        .here()
        .recovery_instances
        .push(recovery_instance(true));
    world.here().recovery_instances.push(RecoveryInstance {
        id: "i-00000000000000008".to_owned(),
        ..recovery_instance(false)
    });
    refused(world, "recovery_instance_present").await;
}

// Invariant 8.
#[tokio::test]
async fn only_as_many_targets_are_started_as_can_be_finished() {
    let mut stage = Stage::with(approved_servers(200)).await;
    stage.policy.guardrails.max_targets = 20;
    // Two rounds of one wave of eight and one look each: four calls of twenty seconds, with their
    // turns.
    stage.seconds_left = 99;
    let answer = stage.deliver(&first(20)).await;

    assert_eq!(answer.body["counts"], json!({ "pending": 12, "done": 8 }));
    assert_eq!(
        answer.body["targets"][8]["message"],
        "Not started: the function's deadline was too close to finish"
    );
    assert_eq!(stage.changes().len(), 16);

    stage.seconds_left = 900;
    assert_eq!(
        stage.deliver(&first(20)).await.body["counts"],
        json!({ "done": 12, "already_done": 8 })
    );
}

/// What was finished by an earlier delivery takes no time of this one: or else the rest would never
/// be started.
// Invariant 8.
#[tokio::test]
async fn a_delivery_starts_where_the_last_one_ended() {
    let mut stage = Stage::with(approved_servers(200)).await;
    stage.policy.guardrails.max_targets = 20;
    stage.seconds_left = 99;

    for counts in [
        json!({ "pending": 12, "done": 8 }),
        json!({ "pending": 4, "done": 8, "already_done": 8 }),
        json!({ "done": 4, "already_done": 16 }),
    ] {
        assert_eq!(stage.deliver(&first(20)).await.body["counts"], counts);
    }
}

/// Each call counts at its slowest, 20 seconds: two rounds of a call and a read.
#[tokio::test]
async fn a_server_is_started_only_if_it_can_be_finished() {
    for (seconds, conclusion) in [(79, "pending out_of_time"), (81, "done disconnected")] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        assert_eq!(
            stage.disconnect().await.conclusion(),
            conclusion,
            "{seconds}"
        );
        stage.changes();
    }
}

// Invariant 8.
#[tokio::test]
async fn nothing_is_started_that_cannot_finish_before_the_deadline() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 79;
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "pending out_of_time");
    assert_eq!(answer.body["targets"][0]["lookAgainAfterSeconds"], 60);
    assert_eq!(stage.changes(), [""; 0]);
    stage.seconds_left = 99;
    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
}

/// A count is evidence and decides nothing: it is left out where it could take the time of the
/// request itself.
#[tokio::test]
async fn recovery_points_are_counted_while_there_is_time_for_the_rest() {
    for (seconds, points) in [(99, Value::Null), (139, Value::Null), (141, json!(37))] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), "done disconnected", "{seconds}");
        assert_eq!(
            answer.body["targets"][0]["evidence"]["recoveryPointsLost"], points,
            "{seconds}"
        );
        stage.changes();
    }
}

/// A request that expires in an hour, where the function has three, and one that has expired though
/// the function has just started.
#[tokio::test]
async fn expiry_is_judged_by_the_time_of_the_invocation() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 3 * 3600;
    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
    let mut late = request("disconnect", &[by_id(ONE)]);
    late["expiresAt"] = json!(chrono::Utc::now() - TimeDelta::seconds(1));
    assert_eq!(stage.deliver(&late).await.body["reason"], "expired");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}
