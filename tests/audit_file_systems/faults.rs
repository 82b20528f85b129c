//! A fault of a list is told as a fault, and never as nothing found.

use super::*;

/// The operations of an audit in the function's own Region that come before all else.
const LISTS: [&str; 2] = ["DescribeReplicationConfigurations", "DescribeFileSystems"];
/// What is compared, on both sides.
const COMPARED: [&str; 3] = [
    "DescribeAccessPoints",
    "DescribeLifecycleConfiguration",
    "DescribeFileSystemPolicy",
];
const KINDS: [FaultKind; 6] = [
    FaultKind::Throttle,
    FaultKind::Unavailable,
    FaultKind::AccessDenied,
    FaultKind::ResetBefore,
    FaultKind::Truncated,
    FaultKind::RepeatedPageToken,
];

// Invariant 3.
#[tokio::test]
async fn a_fault_of_a_list_here_is_the_outcome_of_the_audit() {
    for operation in LISTS {
        for kind in KINDS {
            let mut world = healthy();
            // So that there is a second page, whose token can be repeated.
            world.behaviour.longest_page = 1;
            replicate(&mut world, 2, |_| {});
            let stage = deployed(world).await;
            stage.fault(Fault::next(operation, kind).in_region(HERE), 9);

            let answer = stage.audit().await;
            let told = format!("{operation} {kind:?}: {}", answer.conclusion());
            assert_ne!(answer.body["outcome"], "done", "{told}");
            assert!(answer.body["audit"].is_null(), "{told}");
            let message = answer.body["targets"][0]["message"].as_str().unwrap();
            assert!(message.starts_with(operation), "{told}: {message}");
        }
    }
}

// Invariant 3.
#[tokio::test]
async fn a_replica_that_cannot_be_listed_is_told_as_not_read() {
    for kind in KINDS {
        let mut world = healthy();
        world.behaviour.longest_page = 1;
        replicate(&mut world, 2, |it| it.order("PAUSED", "The Region is off."));
        let stage = deployed(world).await;
        stage.fault(Fault::next("DescribeFileSystems", kind).in_region(THERE), 9);

        let answer = stage.audit().await;
        // EFS's word on the replication is told all the same.
        let expected = [
            "file systems of eu-west-1: not_read",
            "fs-00000002: replication_paused, not_read, sync_overdue",
            "fs-00000001: not_read",
        ];
        assert_eq!(found(&answer), expected, "{kind:?}");
    }
}

// Invariant 3.
#[tokio::test]
async fn what_cannot_be_compared_is_told_as_not_read() {
    for region in [HERE, THERE] {
        for operation in COMPARED {
            let stage = deployed(healthy()).await;
            let denied = Fault::next(operation, FaultKind::AccessDenied);
            stage.fault(denied.in_region(region), 9);

            let answer = stage.audit().await;
            let expected = ["fs-00000001: not_read"];
            assert_eq!(found(&answer), expected, "{operation} in {region}");
            let message = message(&answer);
            assert!(message.contains(operation), "{message}");
            let facts = &answer.body["audit"]["found"][0]["findings"][0]["facts"];
            assert_eq!(facts["operation"], operation);
            assert_eq!(facts["code"], "AccessDeniedException");
        }
    }
}

/// A Region that does not answer hides nothing of another.
#[tokio::test]
async fn a_region_that_hangs_hides_no_other() {
    let mut world = healthy();
    replicate_to(&mut world, 2, "eu-north-1", |it| {
        it.replica.mount_targets.clear()
    });
    let stage = deployed(world).await;
    let hang = Fault::next("DescribeFileSystems", FaultKind::HangBefore);
    stage.fault(hang.in_region(THERE), 9);

    let expected = [
        "file systems of eu-west-1: not_read",
        "fs-00000001: not_read",
        "fs-00000002: no_mount_target",
    ];
    assert_eq!(stage.finds().await, expected);
}

// Invariant 8.
#[tokio::test]
async fn without_time_nothing_is_told_as_known() {
    let mut stage = deployed(healthy()).await;
    stage.seconds_left = 0;
    let answer = stage.audit().await;
    assert_eq!(answer.conclusion(), "pending out_of_time");
    assert!(answer.body["audit"].is_null());

    // Long enough for the lists of its own Region, and for the report.
    stage.seconds_left = 25;
    let answer = stage.audit().await;
    let expected = [
        "file systems of eu-west-1: not_read",
        "fs-00000001: not_read",
    ];
    assert_eq!(answer.conclusion(), "done audited");
    assert_eq!(found(&answer), expected);
    let message = message(&answer);
    assert!(message.ends_with("the time was up"), "{message}");
}
