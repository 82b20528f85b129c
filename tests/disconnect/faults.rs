//! Faults of every kind, at every call.

use std::time::Duration;

use chrono::TimeDelta;
use disconnect_source_server::{Drs, Policy, handle};
use emulator::{Fault, FaultKind};
use expect_test::expect;
use futures_util::future::join_all;
use serde_json::Value;

use crate::{
    disconnect::{DISCONNECTED_ONCE, first, recovery_instance, with_and_without_confirmation},
    stage::{
        Answer, Canned, CannedService, FAULTS_OF_A_CHANGE,
        drs::{ONE, Stage, approved_servers, by_id, request},
        invocation,
    },
};

const NO_SERVER: Canned = (200, "", r#"{"items":[]}"#);

async fn disconnect_with(drs: &Drs) -> String {
    let policy = Policy::from_lookup(|_| None).unwrap();
    let event = request("disconnect", &[by_id(ONE)]).to_string();

    Answer::new(handle(&event, invocation(900), drs, &policy).await).conclusion()
}

/// In virtual time, which only waiting takes.
#[tokio::test(start_paused = true)]
async fn a_throttled_call_slows_down_the_next_one() {
    let drs = Drs::new(&CannedService::new(CannedService::THROTTLED, NO_SERVER).sdk_config());
    drs.warm_up().await;
    let throttled = tokio::time::Instant::now();

    assert_eq!(disconnect_with(&drs).await, "refused not_found");
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
async fn an_error_from_in_front_of_a_service_is_reported_by_its_code() {
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

    for (first, conclusion) in cases {
        let answers = CannedService::new(first, NO_SERVER);
        let drs = Drs::new(&answers.sdk_config());
        assert_eq!(disconnect_with(&drs).await, conclusion);
        assert_eq!(answers.calls(), first.0, "{conclusion}");
        assert_eq!(disconnect_with(&drs).await, "refused not_found");
    }
}

// Invariant 1.
#[tokio::test]
async fn a_list_that_repeats_its_token_is_not_taken_as_complete() {
    let stage = Stage::with(approved_servers(30)).await;
    let stage = stage.next("DescribeSourceServers", FaultKind::RepeatedPageToken, 2);
    let answer = stage.deliver(&first(1)).await;
    assert_eq!(answer.conclusion(), "retryable broken_paging -> Retryable");
    assert_eq!(stage.changes(), [""; 0]);
}

/// Every kind of fault at an operation, `times` in a row: the first conclusion, the one of the next
/// delivery, and everything that has changed.
async fn with_faults(operation: &str, times: u32) -> String {
    let deliver_twice = async |kind: FaultKind| {
        let stage = Stage::new().await.next(operation, kind, times);
        let first = stage.disconnect().await.conclusion();
        // The SDK did not retry every fault; the next delivery must meet none.
        stage.local.change(|world| world.faults.clear());
        stage.local.advance(TimeDelta::minutes(1));
        let second = stage.disconnect().await.conclusion();
        let changes: Vec<String> = stage
            .changes()
            .iter()
            .map(|change| change.replace(&format!(" {ONE}"), ""))
            .collect();
        format!("{kind:?}: {first}; then {second}; {}\n", changes.join(", "))
    };

    join_all(FAULTS_OF_A_CHANGE.map(deliver_twice))
        .await
        .concat()
}

#[tokio::test]
async fn one_fault_at_the_disconnect_is_retried_or_reported() {
    expect![[r#"
        Throttle: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        ThrottleRetryAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        ThrottleWithoutCode: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        InternalError: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredSignature: retryable signature_refused -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("DisconnectSourceServer", 1).await);
}

// Invariant 3.
// Pages: DRS-69, DRS-71.
#[tokio::test]
async fn lasting_faults_at_the_disconnect_are_reported_truthfully() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ThrottleRetryAfter: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ThrottleWithoutCode: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        InternalError: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredSignature: retryable signature_refused -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: indeterminate timeout -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("DisconnectSourceServer", 3).await);
}

#[tokio::test]
async fn lasting_faults_at_the_untagging_are_reported_truthfully() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ThrottleRetryAfter: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ThrottleWithoutCode: retryable throttled -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        InternalError: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        Unavailable: indeterminate service_error -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        AccessDenied: permanent access_denied -> Permanent; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredToken: retryable credentials_expired -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ExpiredSignature: retryable signature_refused -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetBefore: indeterminate no_answer -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        ResetAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        HangBefore: indeterminate timeout -> Retryable; then done disconnected; DisconnectSourceServer, UntagResource
        HangAfter: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
        LateEffect: indeterminate no_answer -> Retryable; then already_done disconnected; DisconnectSourceServer, UntagResource
        Truncated: done disconnected; then already_done disconnected; DisconnectSourceServer, UntagResource
    "#]].assert_eq(&with_faults("UntagResource", 3).await);
}

// Invariant 1.
#[tokio::test]
async fn nothing_changes_while_a_list_cannot_be_read() {
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

    let mut conclusion = String::new();
    for operation in looks {
        for kind in kinds {
            let stage = Stage::new().await.next(operation, kind, 3);
            let answer = stage.disconnect().await;
            assert_eq!(stage.local.changes(), [""; 0], "{operation} {kind:?}");
            if operation == looks[0] {
                conclusion += &format!("{kind:?}: {}\n", answer.conclusion());
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
    .assert_eq(&conclusion);
}

// Invariant 3.
#[tokio::test]
async fn a_loss_is_reported_only_where_it_happened() {
    let stage = Stage::new()
        .await
        .next("DisconnectSourceServer", FaultKind::AccessDenied, 1);
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "permanent access_denied -> Permanent");

    let target = &answer.body["targets"][0];
    assert_eq!(target["evidence"]["stateAfter"], "CONTINUOUS");
    assert_eq!(target["evidence"]["recoveryPointsLost"], Value::Null);
    assert_eq!(target["evidence"]["replicationHoursEnded"], Value::Null);

    let message =
        "DisconnectSourceServer: the role of the function may not do this (AccessDeniedException)";
    assert_eq!(target["message"], message);
}

#[tokio::test]
async fn a_failed_count_of_recovery_points_is_null_and_stops_nothing() {
    let stage = Stage::new()
        .await
        .next("DescribeRecoverySnapshots", FaultKind::AccessDenied, 1);
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "done disconnected");
    assert_eq!(
        answer.body["targets"][0]["evidence"]["recoveryPoints"],
        Value::Null
    );

    stage.changes();
}

#[tokio::test]
async fn a_disconnect_that_cannot_be_verified_is_indeterminate_until_the_next_delivery() {
    let after_the_look = Fault {
        skip: 1,
        times: 3,
        ..Fault::next("DescribeSourceServers", FaultKind::Throttle)
    };

    for (stage, next) in with_and_without_confirmation()
        .await
        .into_iter()
        .zip(["already_done disconnected", "done disconnected"])
    {
        stage.local.inject(after_the_look.clone());
        assert_eq!(
            stage.disconnect().await.conclusion(),
            "indeterminate throttled -> Retryable"
        );
        assert_eq!(stage.disconnect().await.conclusion(), next);
        assert_eq!(
            stage.disconnect().await.conclusion(),
            "already_done disconnected"
        );
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Invariant 3.
#[tokio::test]
async fn a_read_that_lags_is_taken_neither_as_failure_nor_as_success() {
    let cases = [
        ("DISCONNECTED", "already_done disconnected"),
        ("CONTINUOUS", "done disconnected"),
    ];
    for (stage, (state, next)) in with_and_without_confirmation().await.into_iter().zip(cases) {
        stage.local.inject(Fault {
            skip: 1,
            ..Fault::next("DescribeSourceServers", FaultKind::StaleRead)
        });
        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), "pending not_seen_yet");
        assert_eq!(answer.body["targets"][0]["evidence"]["stateAfter"], state);
        assert_eq!(stage.disconnect().await.conclusion(), next);
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Invariant 1.
#[tokio::test]
async fn jobs_are_read_before_the_instances_that_they_launch() {
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

// Pages: DRS-04, DRS-70.
#[tokio::test]
async fn a_recovery_instance_launched_after_the_read_stops_the_disconnect() {
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
        stage.disconnect().await.conclusion(),
        "retryable conflict -> Retryable"
    );
    assert_eq!(
        stage.disconnect().await.conclusion(),
        "refused drill_instance_present"
    );
    assert_eq!(stage.changes(), [""; 0]);
}
