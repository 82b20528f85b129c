//! Faults of every kind, kills, and too little time.

use std::time::Duration;

use bootstrap_efs_replication::{Efs, Policy, handle};
use emulator::{Fault, FaultKind, FileSystem, World};
use expect_test::expect;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{
    Answer, CannedService, FAULTS_OF_A_CHANGE,
    efs::{
        HERE, Stage, THERE, beside_existing, new_replica, over_existing, provisioned,
        source_with_parts, world,
    },
    invocation, killed_after,
};

// Invariant 8.
#[tokio::test]
async fn a_run_killed_at_any_point_is_finished_by_the_next() {
    let event = provisioned();
    let mut polls = 0;

    loop {
        let stage = Stage::with(source_with_parts()).await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        let answered = killed_after(polls, stage.deliver(&event)).await;
        stage.wait(5);
        for _ in 0..2 {
            stage.deliver(&event).await;
            stage.wait(5);
        }
        assert_eq!(
            stage.conclusion(&event).await,
            "already_done replica_usable",
            "after {polls} polls"
        );
        assert_eq!(stage.changes().len(), 8, "after {polls} polls");
        if answered {
            break;
        }
        polls += 7;
    }

    assert!(polls > 40, "a run has many points: {polls}");
}

// Invariants 4, 5.
#[tokio::test]
async fn a_run_killed_while_it_creates_the_replication_creates_no_second() {
    for (world, event) in [
        (world as fn() -> World, new_replica()),
        (beside_existing as fn() -> World, over_existing()),
    ] {
        let mut polls = 0;
        loop {
            let stage = Stage::with(world()).await;
            let answered = killed_after(polls, stage.deliver(&event)).await;
            assert_eq!(
                stage.conclusion(&event).await,
                "pending replication_enabling",
                "after {polls} polls"
            );
            assert_eq!(
                stage.changes(),
                ["CreateReplicationConfiguration"],
                "after {polls} polls"
            );
            if answered {
                break;
            }
            polls += 1;
        }
        assert!(polls > 10, "a run has many points: {polls}");
    }
}

// Invariant 2.
#[tokio::test]
async fn a_target_that_cannot_be_read_does_not_stop_another() {
    let stage = Stage::with(world().with_file_system(HERE, FileSystem::new("fs-00000005"))).await;
    stage.fault("DescribeFileSystems", FaultKind::AccessDenied, 1);
    let mut both = new_replica();
    let second = json!({ "sourceFileSystemId": "fs-00000005", "destination": { "region": THERE } });
    both["targets"].as_array_mut().unwrap().push(second);
    let answer = stage.deliver(&both).await;
    assert_eq!(answer.conclusion(), "permanent access_denied -> Permanent");
    assert_eq!(answer.body["targets"][1]["reason"], "replication_enabling");
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Pages: EFS-63.
#[tokio::test]
async fn a_quota_of_the_other_region_is_reported_by_its_name() {
    let full = (0..1000).fold(world(), |world, number| {
        world.with_file_system(THERE, FileSystem::new(&format!("fs-{number:08x}")))
    });
    let stage = Stage::with(full).await;
    let answer = stage.deliver(&new_replica()).await;

    assert_eq!(answer.conclusion(), "failed quota_exceeded");

    let message = answer.body["targets"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with("a quota of the account is used up (FileSystemLimitExceeded)"),
        "{message}"
    );

    stage.changes();
}

/// EFS shows the replication; only the other Region denies its read.
#[tokio::test]
async fn a_denied_read_is_named_and_does_not_put_the_change_in_doubt() {
    let stage = Stage::new().await;
    stage.local.inject(Fault {
        times: 9,
        ..Fault::next("DescribeFileSystems", FaultKind::AccessDenied).in_region(THERE)
    });
    let answer = stage.deliver(&new_replica()).await;

    assert_eq!(answer.conclusion(), "permanent access_denied -> Permanent");

    let target = &answer.body["targets"][0];
    assert_eq!(
        target["message"],
        "DescribeFileSystems: the role of the function may not do this (AccessDeniedException)"
    );
    assert_eq!(target["evidence"]["status"], "ENABLING");
    assert_eq!(stage.local.changes().len(), 1);
}

// Invariant 2.
#[tokio::test]
async fn a_region_that_hangs_costs_its_own_targets_alone() {
    const ELSEWHERE: &str = "eu-north-1";
    let sources = (1..=9).map(|number| format!("fs-{number:08x}"));
    let many = sources.clone().fold(World::empty(), |world, id| {
        world.with_file_system(HERE, FileSystem::new(&id))
    });
    let mut stage = Stage::with(many).await;
    stage.seconds_left = 900;
    let target = |region: &str, id: &str| json!({ "sourceFileSystemId": id, "destination": { "region": region } });
    let targets: Vec<Value> = sources
        .enumerate()
        .map(|(number, id)| target(if number < 8 { THERE } else { ELSEWHERE }, &id))
        .collect();
    let mut event = new_replica();
    event["targets"] = json!(targets);
    stage.deliver(&event).await;
    stage.seconds_left = 3;
    stage.local.inject(Fault {
        times: 99,
        ..Fault::next("DescribeFileSystems", FaultKind::HangBefore).in_region(THERE)
    });
    let answer = stage.deliver(&event).await;
    let conclusion = |number: usize| {
        answer.body["targets"][number]["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    for number in 0..8 {
        assert!(
            ["out_of_time", "timeout"].contains(&conclusion(number).as_str()),
            "{}",
            conclusion(number)
        );
    }

    assert_eq!(conclusion(8), "replication_enabling");
}

/// In virtual time, which only waiting takes.
#[tokio::test(start_paused = true)]
async fn a_throttled_call_slows_down_the_next_one() {
    let not_found = (404, "FileSystemNotFound", "{}");
    let service = CannedService::new(CannedService::THROTTLED, not_found);
    let efs = Efs::new(&service.sdk_config());
    let policy = Policy::from_lookup(|_| None).unwrap();

    efs.warm_up().await;
    let throttled = tokio::time::Instant::now();
    let invocation = invocation(900);
    let answer = Answer::new(handle(&new_replica().to_string(), invocation, &efs, &policy).await);
    assert_eq!(answer.conclusion(), "refused not_found");
    // The pause after a first throttle.
    assert!(
        throttled.elapsed() >= Duration::from_millis(490),
        "{:?}",
        throttled.elapsed()
    );
}

/// Each call counts at its slowest, 20 seconds; a step needs one more than the read that follows
/// it.
#[tokio::test]
async fn a_step_is_taken_only_if_the_read_after_it_can_finish() {
    for (seconds, conclusion) in [
        (99, "pending out_of_time"),
        (101, "pending replication_enabling"),
    ] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        assert_eq!(
            stage.conclusion(&new_replica()).await,
            conclusion,
            "{seconds}"
        );
        stage.changes();
    }

    // Reading the parts of both sides is 14 calls, and one more for a mount target.
    for (seconds, conclusion) in [
        (319, "pending out_of_time"),
        (321, "pending parts_not_available"),
    ] {
        let mut stage = Stage::with(source_with_parts()).await;
        stage.deliver(&provisioned()).await;
        stage.wait(10);
        stage.seconds_left = seconds;
        assert_eq!(
            stage.conclusion(&provisioned()).await,
            conclusion,
            "{seconds}"
        );
        stage.changes();
    }
}

#[tokio::test]
async fn nothing_is_started_that_could_not_be_verified() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 60;
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending out_of_time"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

/// Every kind of fault at an operation, three in a row: the first conclusion, and everything that
/// has changed after the next deliveries.
async fn with_faults(operation: &str) -> String {
    let deliver_with = async |kind: FaultKind| {
        let stage = Stage::with(source_with_parts()).await;
        if operation != "CreateReplicationConfiguration" {
            stage.deliver(&provisioned()).await;
            stage.wait(10);
        }
        stage.fault(operation, kind, 3);
        let first = stage.conclusion(&provisioned()).await;
        stage.local.change(|world| world.faults.clear());
        for _ in 0..4 {
            stage.wait(15);
            stage.deliver(&provisioned()).await;
        }
        let last = stage.conclusion(&provisioned()).await;
        let changes = stage.changes();
        let times = changes.iter().filter(|change| *change == operation).count();
        format!(
            "{kind:?}: {first}; then {last}, {times} in all, {} changes\n",
            changes.len()
        )
    };

    join_all(FAULTS_OF_A_CHANGE.map(deliver_with))
        .await
        .concat()
}

/// A retry of the SDK would be refused because the source is replicated already, and that refusal
/// would be all that the function gets: it would report an existing replication as failed.
#[tokio::test]
async fn a_replication_whose_response_was_lost_is_never_reported_as_refused() {
    let stage = Stage::new().await;
    stage.fault("CreateReplicationConfiguration", FaultKind::Truncated, 1);
    let lagging = Fault::next("DescribeReplicationConfigurations", FaultKind::StaleRead);
    stage.local.inject(Fault { skip: 1, ..lagging });

    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "indeterminate no_answer -> Retryable"
    );
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.count("CreateReplicationConfiguration"), 1);
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_throttled_replication_is_retried_at_once() {
    let stage = Stage::new().await;
    stage.fault("CreateReplicationConfiguration", FaultKind::Throttle, 2);
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Pages: EFS-67.
#[tokio::test]
async fn lasting_faults_at_the_replication_are_reported_truthfully() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ThrottleRetryAfter: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ThrottleWithoutCode: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        InternalError: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Unavailable: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        AccessDenied: permanent access_denied -> Permanent; then already_done replica_usable, 1 in all, 8 changes
        ExpiredToken: retryable credentials_expired -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ExpiredSignature: retryable signature_refused -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetBefore: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetAfter: pending replication_enabling; then already_done replica_usable, 1 in all, 8 changes
        HangBefore: indeterminate timeout -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        HangAfter: pending replication_enabling; then already_done replica_usable, 1 in all, 8 changes
        LateEffect: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Truncated: pending replication_enabling; then already_done replica_usable, 1 in all, 8 changes
    "#]]
    .assert_eq(&with_faults("CreateReplicationConfiguration").await);
}

#[tokio::test]
async fn lasting_faults_at_a_part_are_reported_truthfully() {
    let reports = with_faults("CreateAccessPoint").await;
    assert_eq!(with_faults("CreateMountTarget").await, reports);

    expect![[r#"
        Throttle: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ThrottleRetryAfter: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ThrottleWithoutCode: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        InternalError: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Unavailable: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        AccessDenied: permanent access_denied -> Permanent; then already_done replica_usable, 1 in all, 8 changes
        ExpiredToken: retryable credentials_expired -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ExpiredSignature: retryable signature_refused -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetBefore: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        HangBefore: indeterminate timeout -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        HangAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        LateEffect: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Truncated: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
    "#]]
    .assert_eq(&reports);
}

#[tokio::test]
async fn nothing_changes_after_a_failed_read() {
    for operation in ["DescribeFileSystems", "DescribeReplicationConfigurations"] {
        for kind in [
            FaultKind::Throttle,
            FaultKind::Unavailable,
            FaultKind::AccessDenied,
            FaultKind::Truncated,
        ] {
            let stage = Stage::new().await;
            stage.fault(operation, kind, 3);
            let conclusion = stage.conclusion(&new_replica()).await;
            assert!(
                conclusion.ends_with("Retryable") || conclusion.ends_with("Permanent"),
                "{operation} {kind:?}: {conclusion}"
            );
            assert_eq!(stage.local.changes(), [""; 0]);
        }
    }
}
