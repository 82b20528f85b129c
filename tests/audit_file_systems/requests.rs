//! What a request may ask for, and that what is offered is carried out.

use bootstrap_efs_replication::{Efs, Policy, handle};
use emulator::FileSystem;

use super::*;
use crate::stage::{event, invocation, sdk_config};

fn named(ids: &[&str]) -> Value {
    json!({ "version": 1, "requestID": "AUDIT1", "sourceFileSystemIds": ids })
}

#[tokio::test]
async fn a_request_is_answered_for_each_file_system_that_it_names() {
    let mut world = World::empty();
    for number in 1..=3 {
        replicate(&mut world, number, |it| it.replica.mount_targets.clear());
    }
    let stage = deployed(world).await;
    let answer = stage.deliver(&named(&["fs-00000002", "fs-00000009"])).await;

    assert_eq!(found(&answer), ["fs-00000002: no_mount_target"]);
    let targets = answer.body["targets"].as_array().unwrap().iter();
    let reasons: Vec<&str> = targets.map(|it| it["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["audited", "not_found"]);
}

#[tokio::test]
async fn a_replica_can_be_named_too() {
    let mut world = World::empty();
    replicate_to(&mut world, 1, HERE, |it| {
        it.replica.mount_targets[0].availability_zone_name = "us-east-1a".to_owned();
    });
    let stage = deployed(world).await;

    let answer = stage.deliver(&named(&["fs-0000a001"])).await;
    assert_eq!(answer.conclusion(), "done audited");
    assert_eq!(found(&answer), ["fs-00000001: same_region"]);
}

#[tokio::test]
async fn the_examples_are_audits_of_the_example_account() {
    let world = World::from_json(&crate::tidy::read("emulator/worlds/default.json")).unwrap();
    let stage = deployed(world).await;

    let all = stage
        .deliver(&event("audit-file-systems/audit-requested.json"))
        .await;
    assert_eq!(all.conclusion(), "done audited");
    let expected = [
        "fs-0123456789abcdef2: not_replicated",
        "fs-0fedcba9876543210: overwrite_protection_off",
    ];
    assert_eq!(found(&all), expected);
    let one = stage
        .deliver(&event("audit-file-systems/request.json"))
        .await;
    assert_eq!(found(&one), expected[..1]);
}

#[tokio::test]
async fn the_objective_is_that_of_the_deployment() {
    let mut world = World::empty();
    replicate(&mut world, 1, |it| it.order("ENABLED", ""));
    let mut stage = deployed(world).await;

    stage.variables = vec![("SYNC_SECONDS", "82800")];
    assert_eq!(stage.finds().await, ["fs-00000001: sync_overdue"]);
    stage.local.change(|world| {
        for replication in &mut world.efs.replications {
            replication.first_sync_ends_at += TimeDelta::hours(2);
        }
    });
    assert_eq!(stage.finds().await, [""; 0]);
}

/// Sends what an audit offers until nothing is found any more.
#[tokio::test]
async fn what_is_offered_mends_what_was_found() {
    let mut world = World::empty();
    replicate(&mut world, 1, |it| {
        it.source.access_points = vec![access_point("fsap-00000001", "/app")];
        it.source.policy = Some(policy(HERE, &ids(1).0, None));
        it.source.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
        it.replica.tags.clear();
    });
    let asking = FileSystem::new("fs-00000002").tagged("drover:replicate-to", THERE);
    let world = world.with_file_system(HERE, asking);

    let stage = deployed(world.clone()).await;
    let answer = stage.audit().await;
    let expected = [
        "fs-00000002: not_replicated",
        "fs-00000001: access_points_differ, policy_differs, lifecycle_differs, tags_differ, \
         replica_not_marked",
    ];
    assert_eq!(found(&answer), expected);

    // In another account, since this one is not to be changed.
    let local = Emulator::without_functions(world).await.unwrap();
    let enforce = |name: &str| (name == "MODE").then(|| "enforce".to_owned());
    let (efs, enforcing) = (
        Efs::new(&sdk_config(&local)),
        Policy::from_lookup(enforce).unwrap(),
    );
    for one in answer.body["audit"]["found"].as_array().unwrap() {
        for _ in 0..3 {
            let request = one["request"].to_string();
            let answer = handle(&request, invocation(900), &efs, &enforcing).await;
            answer.unwrap();
            local.advance(TimeDelta::minutes(10));
        }
    }

    let mut mended = local.world();
    // The stage tells times by the clock of the machine.
    for replication in &mut mended.efs.replications {
        replication.created_at = yesterday();
        replication.first_sync_ends_at = yesterday();
    }
    mended.now = Utc::now();
    let found = deployed(mended).await.finds().await;
    // No request knows the subnet of a mount target.
    assert_eq!(found, ["fs-00000002: no_mount_target"]);
}
