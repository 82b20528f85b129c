//! Scenarios of `disconnect-source-server`: an event in, the account changed or not, the truth
//! told.

use std::time::Duration;

use aws_sdk_drs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use chrono::TimeDelta;
use disconnect_source_server::{Drs, Policy, handle};
use emulator::{
    Fault, FaultKind, SourceServer, World,
    world::{Behaviour, Job, RecoveryInstance, Reply},
};
use expect_test::expect;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{Invocation, Mode, guardrails::Approval};

use crate::stage::{
    Answer, Answers, CHANGE, FAULTS_OF_A_CHANGE, ONE, Stage, approved, by_id, killed_after, number,
    request, text,
};

const DISCONNECTED_ONCE: [&str; 2] = [
    "DisconnectSourceServer s-00000000000000001",
    "UntagResource s-00000000000000001",
];

/// The same account under both answers to what a second disconnect does.
async fn under_both_answers() -> [Stage; 2] {
    let stage = |reply| {
        let mut world = World::with([approved(ONE)]);
        world.behaviour = Behaviour {
            second_disconnect: reply,
            ..Behaviour::default()
        };
        Stage::with(world)
    };
    [stage(Reply::Ok).await, stage(Reply::Conflict).await]
}

/// The same account where the answer to a disconnect shows the server as it is from then on, and
/// where it does not.
async fn told_or_not() -> [Stage; 2] {
    let stage = |disconnect_answers_as_before| {
        let mut world = World::with([approved(ONE)]);
        world.behaviour = Behaviour {
            disconnect_answers_as_before,
            ..Behaviour::default()
        };
        Stage::with(world)
    };
    [stage(false).await, stage(true).await]
}

#[tokio::test]
async fn a_server_is_disconnected_and_its_approval_consumed() {
    let stage = Stage::new().await;
    let answer = stage.disconnect().await;
    assert_eq!(answer.said(), "done disconnected");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    let target = &answer.body["targets"][0];
    let evidence = json!({
        "approvedFor": CHANGE,
        "stateBefore": "CONTINUOUS",
        "stateAfter": "DISCONNECTED",
        "recoveryPoints": 37,
        "recoveryPointsLost": 37,
        "replicatedBytes": 107_374_182_400_u64,
        "replicationHours": 4320,
        "replicationHoursEnded": 4320,
    });
    assert_eq!(target["evidence"], evidence);
    assert_eq!(
        target["plan"],
        json!([
            format!("disconnect {ONE}"),
            format!("remove the tag drover:approved from {ONE}")
        ])
    );
    assert_eq!(answer.body["requestID"], CHANGE);
}

#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    for stage in under_both_answers().await {
        stage.disconnect().await;
        assert_eq!(stage.disconnect().await.said(), "already_done disconnected");
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

#[tokio::test]
async fn ten_deliveries_at_once_have_one_effect() {
    for stage in under_both_answers().await {
        let answers = join_all((0..10).map(|_| stage.disconnect())).await;
        for answer in &answers {
            let said = answer.said();
            assert!(
                said == "done disconnected" || said == "already_done disconnected",
                "{said}"
            );
        }
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

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
            assert_eq!(stage.disconnect().await.said(), "refused not_approved");
        }
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

#[tokio::test]
async fn a_run_that_was_killed_after_the_disconnect_is_finished_by_the_next() {
    let stage = Stage::new().await;
    stage
        .local
        .change(|world| {
            let (now, behaviour) = (world.now, world.behaviour);
            world.here().disconnect(ONE, now, behaviour).map(drop)
        })
        .unwrap();
    assert_eq!(stage.disconnect().await.said(), "done disconnected");
    assert_eq!(stage.changes(), ["UntagResource s-00000000000000001"]);
}

#[tokio::test]
async fn a_retirement_says_what_to_send_once_the_records_may_go() {
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
    assert_eq!(report["summary"], "2 pending, 1 refused of 3 targets");
    assert_eq!(report["lookAgainAfterSeconds"], 5400);
    let next = &report["nextRequest"];
    assert_eq!(
        next["targets"],
        json!([by_id(ONE), { "hostname": "db03", "sourceServerID": number(3) }])
    );
    stage.local.advance(TimeDelta::minutes(90));
    let report = stage.deliver(next).await.body;
    assert_eq!(
        (text(&report["summary"]), report.get("nextRequest")),
        ("2 done of 2 targets", None)
    );
    stage.changes();

    // What is not seen yet is looked at before anything else is asked for.
    let mut stage = Stage::new().await;
    stage.seconds_left = 0;
    let report = stage.deliver(&request("retire", &[by_id(ONE)])).await.body;
    assert_eq!(
        (text(&report["outcome"]), &report["lookAgainAfterSeconds"]),
        ("pending", &json!(60))
    );
    assert_eq!(report.get("nextRequest"), None);
}

#[tokio::test]
async fn a_server_is_retired_in_two_steps_ninety_minutes_apart() {
    let stage = Stage::new().await;
    let retire = request("retire", &[by_id(ONE)]);
    let delete = request("delete", &[by_id(ONE)]);
    assert_eq!(
        stage.deliver(&delete).await.said(),
        "refused not_disconnected"
    );
    for _ in 0..2 {
        let answer = stage.deliver(&retire).await;
        assert_eq!(answer.said(), "pending record_awaits_deletion");
        assert_eq!(answer.body["targets"][0]["lookAgainAfterSeconds"], 5400);
        assert_eq!(answer.body["outcome"], "pending");
    }
    stage.local.advance(TimeDelta::minutes(90));
    assert_eq!(stage.deliver(&delete).await.said(), "done record_deleted");
    assert_eq!(
        stage.deliver(&delete).await.said(),
        "already_done record_deleted"
    );
    assert_eq!(stage.deliver(&retire).await.said(), "refused not_found");
    assert_eq!(
        stage.changes(),
        [
            "DisconnectSourceServer s-00000000000000001",
            "DeleteSourceServer s-00000000000000001"
        ]
    );
}

#[tokio::test]
async fn a_record_that_was_named_by_its_host_is_seen_to_be_gone() {
    let server = SourceServer {
        hostname: Some("app01".to_owned()),
        data_replication_state: "DISCONNECTED".to_owned(),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server])).await;
    let delete = request("delete", &[json!({ "hostname": "app01" })]);
    assert_eq!(stage.deliver(&delete).await.said(), "done record_deleted");
    assert_eq!(stage.deliver(&delete).await.said(), "refused not_found");
    assert_eq!(stage.changes(), ["DeleteSourceServer s-00000000000000001"]);
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_point_is_finished_by_the_next() {
    let mut polls = 0;
    loop {
        let stage = Stage::new().await;
        let answered = killed_after(polls, stage.disconnect()).await;
        let said = stage.disconnect().await.said();
        assert!(
            said == "done disconnected" || said == "already_done disconnected",
            "after {polls} polls: {said}"
        );
        assert_eq!(stage.changes(), DISCONNECTED_ONCE, "after {polls} polls");
        if answered {
            break;
        }
        polls += 1;
    }
    assert!(polls > 10, "a run has many points: {polls}");
}

#[tokio::test]
async fn the_absence_of_a_foreign_arn_is_not_a_deletion() {
    let stage = Stage::new().await;
    let arn = "arn:aws:drs:eu-central-1:999999999999:source-server/s-00000000000000007";
    let answer = stage.deliver(&request("delete", &[by_id(arn)])).await;
    assert_eq!(answer.said(), "refused not_found");
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn a_record_named_by_its_arn_is_deleted_and_seen_to_be_gone() {
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
    assert_eq!(stage.deliver(&delete).await.said(), "done record_deleted");
    assert_eq!(stage.changes(), ["DeleteSourceServer s-00000000000000001"]);
}

#[tokio::test]
async fn a_protected_server_is_not_even_untagged() {
    let server = SourceServer {
        data_replication_state: "DISCONNECTED".to_owned(),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server.tagged("drover:protected", "yes")])).await;
    assert_eq!(stage.disconnect().await.said(), "refused protected");
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn a_loss_is_told_only_where_it_happened() {
    let stage = Stage::new()
        .await
        .next("DisconnectSourceServer", FaultKind::AccessDenied, 1);
    let answer = stage.disconnect().await;
    assert_eq!(answer.said(), "permanent access_denied -> Permanent");
    let target = &answer.body["targets"][0];
    assert_eq!(target["evidence"]["stateAfter"], "CONTINUOUS");
    assert_eq!(target["evidence"]["recoveryPointsLost"], Value::Null);
    assert_eq!(target["evidence"]["replicationHoursEnded"], Value::Null);
    let message =
        "DisconnectSourceServer: the role of the function may not do this (AccessDeniedException)";
    assert_eq!(target["message"], message);
}

#[tokio::test]
async fn jobs_are_read_before_the_instances_that_they_leave() {
    let stage = Stage::new().await;
    stage.disconnect().await;
    let operations: Vec<String> = stage
        .local
        .journal()
        .into_iter()
        .map(|entry| entry.operation)
        .collect();
    let first = |operation: &str| {
        operations
            .iter()
            .position(|called| called == operation)
            .unwrap()
    };
    assert!(first("DescribeJobs") < first("DescribeRecoveryInstances"));
    assert!(first("DescribeRecoveryInstances") < first("DisconnectSourceServer"));
}

#[tokio::test]
async fn only_as_many_targets_are_begun_as_can_be_seen_through() {
    let mut stage = Stage::with(World::with((1..=200).map(|at| approved(&number(at))))).await;
    stage.policy.guardrails.max_targets = 20;
    // Two rounds of one wave of eight and one look each: four calls of twenty seconds, with their
    // turns.
    stage.seconds_left = 99;
    let answer = stage.deliver(&first(20)).await;
    assert_eq!(answer.body["summary"], "12 pending, 8 done of 20 targets");
    assert_eq!(
        answer.body["targets"][8]["message"],
        "Not started: the function's deadline was too close to finish"
    );
    assert_eq!(stage.changes().len(), 16);
    stage.seconds_left = 900;
    assert_eq!(
        stage.deliver(&first(20)).await.body["summary"],
        "12 done, 8 already done of 20 targets"
    );
}

/// Delivers twice, expects the same refusal both times, and no change.
async fn refused(world: World, reason: &str) {
    let stage = Stage::with(world).await;
    for _ in 0..2 {
        assert_eq!(stage.disconnect().await.said(), format!("refused {reason}"));
    }
    assert_eq!(stage.changes(), [""; 0], "{reason}");
}

#[tokio::test]
async fn what_must_not_go_is_refused_by_name_and_left_alone() {
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

fn recovery_instance(is_drill: bool) -> RecoveryInstance {
    serde_json::from_value(
        json!({ "recoveryInstanceID": "i-00000000000000009", "sourceServerID": ONE, "isDrill": is_drill }),
    )
    .unwrap()
}

#[tokio::test]
async fn a_server_with_a_recovery_instance_or_a_job_is_left_alone() {
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
        assert_eq!(stage.disconnect().await.said(), "refused job_running");
        stage.local.advance(TimeDelta::minutes(15));
        assert_eq!(stage.disconnect().await.said(), "done disconnected");
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

/// DRS launches many servers by one job.
#[tokio::test]
async fn every_server_of_a_job_is_left_alone_whatever_the_job_does() {
    for kind in ["LAUNCH", "TERMINATE", "CREATE_CONVERTED_SNAPSHOT"] {
        let mut world = World::with((1..=4).map(|at| approved(&number(at))));
        let job: Job = serde_json::from_value(json!({
            "jobID": "drsjob-00000000000000001", "type": kind, "initiatedBy": "START_RECOVERY", "createdAt": world.now,
            "endsAt": world.now + TimeDelta::minutes(15), "sourceServerIDs": [number(1), number(2), number(3)],
        }))
        .unwrap();
        world.here().jobs.push(job);
        let mut stage = Stage::with(world).await;
        stage.policy.max_share_percent = 100;
        let all: Vec<Value> = (1..=4).map(|at| by_id(&number(at))).collect();
        let answer = stage.deliver(&request("disconnect", &all)).await;
        let reasons: Vec<&str> = (0..4)
            .map(|at| text(&answer.body["targets"][at]["reason"]))
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

/// Each call is reckoned at its slowest, 20 seconds: two rounds of a call and a look.
#[tokio::test]
async fn a_server_is_begun_only_if_it_can_be_seen_through() {
    for (seconds, said) in [(79, "pending out_of_time"), (81, "done disconnected")] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        assert_eq!(stage.disconnect().await.said(), said, "{seconds}");
        stage.changes();
    }
}

/// A count is evidence and decides nothing: it is left out where it could take the time of what is
/// asked for.
#[tokio::test]
async fn recovery_points_are_counted_while_there_is_time_for_the_rest() {
    for (seconds, points) in [(99, Value::Null), (101, json!(37)), (120, json!(37))] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        let answer = stage.disconnect().await;
        assert_eq!(answer.said(), "done disconnected", "{seconds}");
        assert_eq!(
            answer.body["targets"][0]["evidence"]["recoveryPointsLost"], points,
            "{seconds}"
        );
        stage.changes();
    }
}

/// A request that expires in an hour, though the function has three, and one that has expired
/// though it has just begun.
#[tokio::test]
async fn expiry_is_judged_by_the_time_of_the_invocation() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 3 * 3600;
    assert_eq!(stage.disconnect().await.said(), "done disconnected");
    let mut late = request("disconnect", &[by_id(ONE)]);
    late["expiresAt"] = json!(chrono::Utc::now() - TimeDelta::seconds(1));
    assert_eq!(stage.deliver(&late).await.body["reason"], "expired");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

/// DRS with these answers, and no server.
fn drs_that(answers: &Answers) -> Drs {
    let config = aws_sdk_drs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(answers.client())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "not-a-secret",
            None,
            None,
            "tests",
        ))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    Drs::new(config.build())
}

const NO_SERVER: (u16, &str, &str) = (200, "", r#"{"items":[]}"#);

async fn asked_of(drs: &Drs) -> String {
    let policy = Policy::from_lookup(|_| None).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
    let invocation = Invocation {
        now: chrono::Utc::now(),
        deadline,
    };
    let event = request("disconnect", &[by_id(ONE)]).to_string();
    Answer::of(handle(&event, invocation, drs, &policy).await).said()
}

/// In virtual time, which nothing but waiting takes.
#[tokio::test(start_paused = true)]
async fn what_a_call_learns_of_throttles_the_next_one_waits_for() {
    let drs = drs_that(&Answers::new(Answers::THROTTLED, NO_SERVER));
    drs.warm_up().await;
    let throttled = tokio::time::Instant::now();
    assert_eq!(asked_of(&drs).await, "refused not_found");
    // The pause after a first throttle.
    assert!(
        throttled.elapsed() >= Duration::from_millis(490),
        "{:?}",
        throttled.elapsed()
    );
}

/// Each at the first call only: as after a freeze, in a Region that is off, and at a front door
/// that names no code.
#[tokio::test(start_paused = true)]
async fn what_aws_answers_before_a_service_sees_the_call_is_told_by_its_code() {
    let cases = [
        (
            (
                1,
                (
                    403,
                    "InvalidSignatureException",
                    r#"{"message":"Signature expired"}"#,
                ),
            ),
            "retryable signature_refused -> Retryable",
        ),
        (
            (1, (403, "UnrecognizedClientException", "{}")),
            "permanent region_not_enabled -> Permanent",
        ),
        (
            (1, (403, "ExpiredTokenException", "{}")),
            "retryable credentials_expired -> Retryable",
        ),
        (
            (3, (400, "", r#"{"message":"Rate exceeded"}"#)),
            "retryable throttled -> Retryable",
        ),
    ];
    for (first, said) in cases {
        let answers = Answers::new(first, NO_SERVER);
        let drs = drs_that(&answers);
        assert_eq!(asked_of(&drs).await, said);
        assert_eq!(answers.calls(), first.0, "{said}");
        assert_eq!(asked_of(&drs).await, "refused not_found");
    }
}

#[tokio::test]
async fn what_is_only_looked_at_is_carried_on_as_that() {
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
async fn every_way_to_name_a_server_finds_it_with_the_narrowest_filter() {
    let cases = [
        (by_id(ONE), ONE),
        (
            by_id("arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001"),
            ONE,
        ),
        (
            json!({ "awsInstanceID": "i-00000001" }),
            "hardwareId: i-00000001",
        ),
        (json!({ "hostname": "app01" }), "all"),
        (json!({ "fqdn": "app01.example.com" }), "all"),
        (
            json!({ "sourceServerID": ONE, "awsInstanceID": "i-00000001", "hostname": "app01", "fqdn": "app01.example.com" }),
            ONE,
        ),
    ];
    for (target, filter) in cases {
        let server = SourceServer {
            aws_instance_id: Some("i-00000001".to_owned()),
            hostname: Some("app01".to_owned()),
            fqdn: Some("app01.example.com".to_owned()),
            ..approved(ONE)
        };
        let stage = Stage::with(World::with([
            SourceServer::new("s-00000000000000002"),
            server,
        ]))
        .await;
        let answer = stage.deliver(&request("disconnect", &[target])).await;
        assert_eq!(answer.said(), "done disconnected");
        assert_eq!(stage.local.journal()[0].subject, filter);
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

#[tokio::test]
async fn a_terminated_instance_retires_its_server_under_its_own_id() {
    let event = |account: &str, region: &str, state: &str| {
        json!({
            "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "account": account,
            "region": region, "detail": { "instance-id": "i-00000001", "state": state },
        })
    };
    let server = SourceServer {
        aws_instance_id: Some("i-00000001".to_owned()),
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
    };
    let stage = Stage::with(World::with([server])).await;
    assert_eq!(
        stage
            .deliver(&event("111122223333", "us-west-2", "stopped"))
            .await
            .body["outcome"],
        "rejected"
    );
    let elsewhere = stage
        .deliver(&event("111122223333", "eu-west-1", "terminated"))
        .await;
    assert_eq!(elsewhere.said(), "refused origin_mismatch");
    let terminated = event("111122223333", "us-west-2", "terminated");
    assert_eq!(stage.deliver(&terminated).await.said(), "done disconnected");
    assert_eq!(
        stage.deliver(&terminated).await.said(),
        "already_done disconnected"
    );
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

#[tokio::test]
async fn plan_mode_shows_the_plan_and_changes_nothing() {
    let mut stage = Stage::new().await;
    let mut dry = request("disconnect", &[by_id(ONE)]);
    dry["dryRun"] = json!(true);
    let asked = stage.deliver(&dry).await;
    stage.policy.guardrails.mode = Mode::Plan;
    let deployed = stage.disconnect().await;
    for answer in [asked, deployed] {
        assert_eq!(answer.said(), "planned plan_mode");
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
async fn without_an_approval_tag_nothing_is_consumed() {
    let mut stage = Stage::with(World::with([SourceServer::new(ONE)])).await;
    stage.policy.guardrails.approval = Approval::NotRequired;
    stage.beyond_the_role =
        Some("it lets no server be disconnected that has no tag drover:approved");
    assert_eq!(stage.disconnect().await.said(), "done disconnected");
    assert_eq!(stage.count("DescribeSourceServers"), 2);
    assert_eq!(stage.disconnect().await.said(), "already_done disconnected");
    assert_eq!(
        stage.changes(),
        ["DisconnectSourceServer s-00000000000000001"]
    );
}

/// Thirty approved servers, so that three are within the share of ten percent.
fn thirty() -> World {
    World::with((1..=30).map(|at| approved(&number(at))))
}

fn first(count: usize) -> Value {
    request(
        "disconnect",
        &(1..=count).map(|at| by_id(&number(at))).collect::<Vec<_>>(),
    )
}

#[tokio::test]
async fn many_targets_are_looked_at_together() {
    let stage = Stage::with(thirty()).await;
    let answer = stage.deliver(&first(3)).await;
    assert_eq!(answer.body["summary"], "3 done of 3 targets");
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
async fn an_approval_is_consumed_only_once_the_server_was_told_or_seen_disconnected() {
    let orders = [
        "DisconnectSourceServer, UntagResource, DescribeSourceServers",
        "DisconnectSourceServer, DescribeSourceServers, UntagResource, DescribeSourceServers",
    ];
    for (stage, order) in told_or_not().await.into_iter().zip(orders) {
        assert_eq!(stage.disconnect().await.said(), "done disconnected");
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
async fn an_approval_for_another_request_that_came_meanwhile_is_left_alone() {
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
    assert_eq!(stage.disconnect().await.said(), "done disconnected");
    assert_eq!(
        stage.changes(),
        ["DisconnectSourceServer s-00000000000000001"]
    );
}

#[tokio::test]
async fn of_two_servers_the_one_that_aws_tells_of_needs_no_look_before_its_approval_goes() {
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
    assert_eq!(report["summary"], "1 to be retried, 1 done of 2 targets");
    assert_eq!(
        stage.deliver(&first(2)).await.body["summary"],
        "1 done, 1 already done of 2 targets"
    );
    stage.changes();
}

#[tokio::test]
async fn an_answer_alone_ends_no_request() {
    let stage = Stage::new().await;
    assert_eq!(
        stage
            .deliver(&request("retire", &[by_id(ONE)]))
            .await
            .said(),
        "pending record_awaits_deletion"
    );
    assert_eq!(stage.count("DescribeSourceServers"), 2);
    stage.changes();
}

#[tokio::test]
async fn over_a_limit_the_whole_request_is_refused_before_the_first_action() {
    let stage = Stage::with(thirty()).await;
    for (count, reason) in [(4, "over_max_share"), (11, "over_max_targets")] {
        let answer = stage.deliver(&first(count)).await;
        assert_eq!(
            answer.body["summary"],
            format!("{count} refused of {count} targets")
        );
        assert_eq!(answer.said(), format!("refused {reason}"));
    }
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn one_bad_target_does_not_stop_the_others() {
    let mut world = thirty();
    world.server(&number(2)).unwrap().tags.clear();
    let stage = Stage::with(world).await;
    let answer = stage.deliver(&first(3)).await;
    assert_eq!(answer.body["summary"], "1 refused, 2 done of 3 targets");
    assert_eq!(stage.changes().len(), 4);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let servers = (1..=2500).map(|at| SourceServer {
        hostname: Some(format!("host{at}")),
        ..approved(&number(at))
    });
    let stage = Stage::with(World::with(servers)).await;
    let last = request("disconnect", &[json!({ "hostname": "host2500" })]);
    assert_eq!(stage.deliver(&last).await.said(), "done disconnected");
    assert_eq!(
        stage.changes()[0],
        format!("DisconnectSourceServer {}", number(2500))
    );
    assert_eq!(stage.count("DescribeSourceServers"), 10 + 1);
}

#[tokio::test]
async fn pages_of_any_size_hold_the_same() {
    for page_size in [1, 2, 50] {
        let mut world = World::with([approved(ONE), SourceServer::new(&number(2))]);
        world.behaviour.page_size = page_size;
        for at in 1..=3 {
            let instance =
                json!({ "recoveryInstanceID": format!("i-{at:017}"), "sourceServerID": number(2) });
            world
                .here()
                .recovery_instances
                .push(serde_json::from_value(instance).unwrap());
        }
        let stage = Stage::with(world).await;
        let answer = stage.disconnect().await;
        assert_eq!(answer.said(), "done disconnected");
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

#[tokio::test]
async fn a_deletion_that_aws_does_not_allow_yet_is_tried_again() {
    let mut world = World::with([approved(ONE)]);
    world.behaviour.delete_before_cleanup = Reply::Conflict;
    let stage = Stage::with(world).await;
    stage.deliver(&request("retire", &[by_id(ONE)])).await;
    let delete = request("delete", &[by_id(ONE)]);
    assert_eq!(
        stage.deliver(&delete).await.said(),
        "retryable conflict -> Retryable"
    );
    stage.local.advance(TimeDelta::minutes(90));
    assert_eq!(stage.deliver(&delete).await.said(), "done record_deleted");
    assert_eq!(stage.changes().len(), 2);
}

#[tokio::test]
async fn a_list_that_repeats_its_token_is_not_taken_for_whole() {
    let stage = Stage::with(World::with((1..=30).map(|at| approved(&number(at))))).await;
    let stage = stage.next("DescribeSourceServers", FaultKind::RepeatedPageToken, 2);
    let answer = stage.deliver(&first(1)).await;
    assert_eq!(answer.said(), "retryable broken_paging -> Retryable");
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_end_before_the_deadline_is_not_begun() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 79;
    let answer = stage.disconnect().await;
    assert_eq!(answer.said(), "pending out_of_time");
    assert_eq!(answer.body["targets"][0]["lookAgainAfterSeconds"], 60);
    assert_eq!(stage.changes(), [""; 0]);
    stage.seconds_left = 99;
    assert_eq!(stage.disconnect().await.said(), "done disconnected");
}

/// Every kind of fault at an operation, `times` in a row, and what is said then, and after the next
/// delivery, and what changed in all.
async fn with_faults(operation: &str, times: u32) -> String {
    let tell = async |kind: FaultKind| {
        let stage = Stage::new().await.next(operation, kind, times);
        let first = stage.disconnect().await.said();
        // What the SDK did not retry is not met; the next delivery is to meet no fault.
        stage.local.change(|world| world.faults.clear());
        stage.local.advance(TimeDelta::minutes(1));
        let second = stage.disconnect().await.said();
        let changes: Vec<String> = stage
            .changes()
            .iter()
            .map(|change| change.replace(&format!(" {ONE}"), ""))
            .collect();
        format!("{kind:?}: {first}; then {second}; {}\n", changes.join(", "))
    };
    join_all(FAULTS_OF_A_CHANGE.map(tell)).await.concat()
}

#[tokio::test]
async fn one_fault_at_the_disconnect_is_got_over_or_told() {
    expect![[r#"
        Throttle: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        InternalError: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("DisconnectSourceServer", 1).await);
}

#[tokio::test]
async fn lasting_faults_at_the_disconnect_are_told_truly() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        InternalError: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: indeterminate timeout -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("DisconnectSourceServer", 3).await);
}

#[tokio::test]
async fn lasting_faults_at_the_untagging_are_told_truly() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        InternalError: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: indeterminate timeout -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: indeterminate no_answer -> Retryable; then already_done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("UntagResource", 3).await);
}

#[tokio::test]
async fn nothing_is_changed_on_the_strength_of_a_list_that_could_not_be_read() {
    let looks = [
        "DescribeSourceServers",
        "DescribeRecoveryInstances",
        "DescribeJobs",
    ];
    let kinds = [
        FaultKind::Throttle,
        FaultKind::Unavailable,
        FaultKind::AccessDenied,
        FaultKind::HangBefore,
        FaultKind::Truncated,
    ];
    let mut said = String::new();
    for operation in looks {
        for kind in kinds {
            let stage = Stage::new().await.next(operation, kind, 3);
            let answer = stage.disconnect().await;
            assert_eq!(stage.local.changes(), [""; 0], "{operation} {kind:?}");
            if operation == looks[0] {
                said += &format!("{kind:?}: {}\n", answer.said());
            }
        }
    }
    expect![[r#"
        Throttle: retryable throttled -> Retryable
        Unavailable: retryable service_error -> Retryable
        AccessDenied: permanent access_denied -> Permanent
        HangBefore: retryable timeout -> Retryable
        Truncated: retryable no_answer -> Retryable
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn an_uncounted_recovery_point_is_unknown_and_stops_nothing() {
    let stage = Stage::new()
        .await
        .next("DescribeRecoverySnapshots", FaultKind::AccessDenied, 1);
    let answer = stage.disconnect().await;
    assert_eq!(answer.said(), "done disconnected");
    assert_eq!(
        answer.body["targets"][0]["evidence"]["recoveryPoints"],
        Value::Null
    );
    stage.changes();
}

#[tokio::test]
async fn a_disconnect_that_cannot_be_read_back_is_in_doubt_and_settled_by_the_next_delivery() {
    let after_the_look = Fault {
        skip: 1,
        times: 3,
        ..Fault::next("DescribeSourceServers", FaultKind::Throttle)
    };
    for (stage, next) in told_or_not()
        .await
        .into_iter()
        .zip(["already_done disconnected", "done disconnected"])
    {
        stage.local.inject(after_the_look.clone());
        assert_eq!(
            stage.disconnect().await.said(),
            "indeterminate throttled -> Retryable"
        );
        assert_eq!(stage.disconnect().await.said(), next);
        assert_eq!(stage.disconnect().await.said(), "already_done disconnected");
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

#[tokio::test]
async fn a_read_that_lags_behind_is_not_taken_for_a_failure_nor_for_success() {
    let cases = [
        ("DISCONNECTED", "already_done disconnected"),
        ("CONTINUOUS", "done disconnected"),
    ];
    for (stage, (state, next)) in told_or_not().await.into_iter().zip(cases) {
        stage.local.inject(Fault {
            skip: 1,
            ..Fault::next("DescribeSourceServers", FaultKind::StaleRead)
        });
        let answer = stage.disconnect().await;
        assert_eq!(answer.said(), "pending not_seen_yet");
        assert_eq!(answer.body["targets"][0]["evidence"]["stateAfter"], state);
        assert_eq!(stage.disconnect().await.said(), next);
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

#[tokio::test]
async fn a_recovery_instance_that_appears_after_the_look_stops_the_disconnect() {
    let stage = Stage::new().await;
    stage.local.change(|world| {
        world
            .here()
            .recovery_instances
            .push(recovery_instance(true))
    });
    // The look lags behind, so it does not show the instance; the disconnect meets the truth.
    let stage = stage.next("DescribeRecoveryInstances", FaultKind::StaleRead, 1);
    assert_eq!(
        stage.disconnect().await.said(),
        "retryable conflict -> Retryable"
    );
    assert_eq!(
        stage.disconnect().await.said(),
        "refused drill_instance_present"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

fn sqs(bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| json!({ "messageId": format!("m{at}"), "eventSource": "aws:sqs", "body": body });
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_batch_asks_only_for_the_records_that_are_not_finished() {
    let stage = Stage::with(World::with([approved(ONE), approved(&number(2))])).await;
    let stage = stage.next("DisconnectSourceServer", FaultKind::Throttle, 3);
    let one = request("disconnect", &[by_id(ONE)]);
    let two = json!({ "detail-type": "Source Server Decommission Requested", "source": "cmdb", "detail": request("disconnect", &[by_id(&number(2))]) });
    let bodies = ["poison".to_owned(), one.to_string(), two.to_string()];
    let answer = stage.deliver(&sqs(&bodies)).await;
    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] })
    );
    let again = stage.deliver(&sqs(&bodies)).await;
    assert_eq!(again.body, json!({ "batchItemFailures": [] }));
    assert_eq!(stage.changes().len(), 4);
}

/// A pipe sends the records of its queue as a list, or what its input transformer made of them,
/// with or without a name.
#[tokio::test]
async fn a_pipe_asks_only_for_the_records_that_are_not_finished() {
    let stage = Stage::with(World::with([approved(ONE), approved(&number(2))])).await;
    let stage = stage.next("DisconnectSourceServer", FaultKind::Throttle, 3);
    let [one, two] = [ONE.to_owned(), number(2)].map(|id| request("disconnect", &[by_id(&id)]));
    let record = |body: &Value| json!({ "messageId": "m1", "eventSource": "aws:sqs", "body": body.to_string() });
    let event = json!({
        "messageId": "m2", "detail-type": "Source Server Decommission Requested", "source": "cmdb", "detail": two,
    });
    let pipe = json!([record(&one), event, { "messageId": "m3", "not": "a request" }]);
    let answer = stage.deliver(&pipe).await;
    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] })
    );
    let again = stage.deliver(&pipe).await;
    assert_eq!(again.body, json!({ "batchItemFailures": [] }));
    assert_eq!(stage.changes().len(), 4);

    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let answer = stage.deliver(&json!([one])).await;
    assert_eq!(
        answer.error_type.as_deref(),
        Some("Retryable"),
        "nothing names it, so the pipe sends all of it again"
    );
    stage.changes();
}

#[tokio::test]
async fn a_queue_that_keeps_an_order_stops_at_the_first_failure() {
    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let mut batch = sqs(&[
        "poison".to_owned(),
        request("disconnect", &[by_id(ONE)]).to_string(),
        "poison".to_owned(),
    ]);
    for record in batch["Records"].as_array_mut().unwrap() {
        record["eventSourceARN"] = json!("arn:aws:sqs:us-east-1:111122223333:decommissions.fifo");
    }
    let answer = stage.deliver(&batch).await;
    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }, { "itemIdentifier": "m2" }] })
    );
    stage.changes();
}

#[tokio::test]
async fn a_batch_without_message_ids_fails_as_a_whole() {
    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let body = request("disconnect", &[by_id(ONE)]).to_string();
    let answer = stage
        .deliver(&json!({ "Records": [{ "eventSource": "aws:sqs", "body": body }] }))
        .await;
    assert_eq!(answer.error_type.as_deref(), Some("Retryable"));
    stage.changes();
}

#[tokio::test]
async fn a_record_for_which_time_ran_out_is_delivered_again() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 30;
    let answer = stage
        .deliver(&sqs(&[request("disconnect", &[by_id(ONE)]).to_string()]))
        .await;
    assert_eq!(answer.body["batchItemFailures"][0]["itemIdentifier"], "m0");
}

#[tokio::test]
async fn what_is_not_a_request_is_answered_ok_without_a_call() {
    let stage = Stage::new().await;
    for event in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({ "Records": [] }),
        json!({ "AlarmName": "lag" }),
    ] {
        let answer = stage.deliver(&event).await;
        assert_eq!(
            (answer.error_type, text(&answer.body["outcome"])),
            (None, "rejected"),
            "{event}"
        );
    }
    assert_eq!(stage.local.journal(), []);
}

#[tokio::test]
async fn another_region_is_another_account_to_drs() {
    let mut world = World::with([approved(ONE)]);
    let here = std::mem::take(&mut world.drs).remove("us-east-1").unwrap();
    world.drs.insert("eu-west-1".to_owned(), here);
    let stage = Stage::with(world).await;
    assert_eq!(stage.disconnect().await.said(), "refused not_initialised");
    assert_eq!(stage.changes(), [""; 0]);
}

/// A report that leaves the function may not name what AWS answered and the request did not.
#[tokio::test]
async fn a_report_holds_no_host_name_or_address_of_awss() {
    let server = SourceServer {
        hostname: Some("secret-host".to_owned()),
        fqdn: Some("secret.example".to_owned()),
        ..approved(ONE)
    };
    let stage = Stage::with(World::with([server])).await;
    let Answer { body, .. } = stage.disconnect().await;
    let body = body.to_string();
    assert!(
        !body.contains("secret") && !body.contains("10.20.30.40"),
        "{body}"
    );
}
