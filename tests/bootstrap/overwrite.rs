//! An existing file system is overwritten only with its three keys.

use emulator::{Fault, FaultKind};
use shared::Mode;

use crate::stage::efs::{EXISTING, HERE, SOURCE, Stage, THERE, beside_existing, over_existing};

// Invariant 5.
#[tokio::test]
async fn a_key_withdrawn_before_the_overwrite_counts() {
    let stage = Stage::with(beside_existing()).await;
    stage.local.change(|world| {
        let existing = world.efs.file_system(THERE, EXISTING).unwrap();
        existing
            .tags
            .insert("drover:protected".to_owned(), String::new());
    });
    // The first look lags behind and does not show the protection.
    stage
        .local
        .inject(Fault::next("DescribeFileSystems", FaultKind::StaleRead).in_region(THERE));

    assert_eq!(
        stage.conclusion(&over_existing()).await,
        "refused protected"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

// Invariant 5.
#[tokio::test]
async fn nothing_is_overwritten_where_the_second_look_fails() {
    let stage = Stage::with(beside_existing()).await;
    // The first look finds all three keys; what has become of them since, nobody knows.
    let first_fails = Fault::next("DescribeFileSystems", FaultKind::AccessDenied).in_region(THERE);
    stage.local.inject(Fault {
        skip: 1,
        ..first_fails
    });

    assert_eq!(
        stage.conclusion(&over_existing()).await,
        "permanent access_denied -> Permanent"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

// Invariant 11.
#[tokio::test]
async fn plan_mode_shows_the_plan_and_changes_nothing() {
    let mut stage = Stage::with(beside_existing()).await;
    stage.policy.guardrails.mode = Mode::Plan;
    let answer = stage.deliver(&over_existing()).await;

    assert_eq!(answer.conclusion(), "planned plan_mode");

    let plan = &answer.body["targets"][0]["plan"];
    let overwrite = format!("replicate to {EXISTING} in {THERE}, whose contents are overwritten");
    assert_eq!(plan[0]["sentence"], overwrite);
    assert_eq!(plan[0]["resource"], EXISTING);
    assert_eq!(plan[1]["when"], "first_sync_complete");
    assert_eq!(stage.changes(), [""; 0]);
}

// Invariants 4, 5.
// Pages: EFS-10.
#[tokio::test]
async fn a_late_duplicate_finds_the_destination_locked_after_a_failback() {
    let stage = Stage::with(beside_existing()).await;
    stage.deliver(&over_existing()).await;
    stage.wait(30);
    stage
        .local
        .change(|world| {
            world
                .efs
                .stop_replicating(&world.context(HERE), SOURCE, false)
        })
        .unwrap();
    stage.wait(30);

    for _ in 0..2 {
        assert_eq!(
            stage.conclusion(&over_existing()).await,
            "refused overwrite_protection_enabled"
        );
    }

    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}
