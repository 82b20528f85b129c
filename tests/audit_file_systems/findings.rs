//! Every finding, in an account that has it.

use emulator::{FileSystem, Replication, Side, World};
use expect_test::expect;

use super::*;

#[tokio::test]
async fn a_healthy_replication_has_nothing_to_be_found() {
    let stage = deployed(healthy()).await;
    let answer = stage.audit().await;

    assert_eq!(answer.conclusion(), "done audited");
    assert_eq!(found(&answer), [""; 0]);
    let summary = answer.body["summary"].as_str().unwrap();
    assert!(
        summary.contains("nothing found in 1 file systems"),
        "{summary}"
    );
    assert_eq!(answer.body["audit"]["totals"]["replicasCompared"], 1);
    stage.local.finish().unwrap();

    expect![[r#"
        eu-west-1 DescribeAccessPoints
        eu-west-1 DescribeFileSystemPolicy
        eu-west-1 DescribeFileSystems
        eu-west-1 DescribeLifecycleConfiguration
        us-east-1 DescribeAccessPoints
        us-east-1 DescribeFileSystemPolicy
        us-east-1 DescribeFileSystems
        us-east-1 DescribeLifecycleConfiguration
        us-east-1 DescribeReplicationConfigurations"#]]
    .assert_eq(&stage.calls().join("\n"));
}

/// What is wrong with the replication itself or with one of its ends.
fn broken_replications() -> World {
    let mut world = World::empty();

    replicate(&mut world, 1, |it| it.order("ERROR", "Its key is gone."));
    replicate(&mut world, 2, |it| it.order("PAUSED", "The Region is off."));
    replicate(&mut world, 3, |it| it.order("RESTING", ""));
    // Its last sync was the first one.
    replicate(&mut world, 4, |it| it.order("ENABLED", ""));
    replicate(&mut world, 5, |it| {
        it.replication.first_sync_ends_at = Utc::now() + TimeDelta::days(1);
    });
    replicate(&mut world, 6, |it| it.replica.mount_targets.clear());
    replicate(&mut world, 7, |it| {
        _ = it.replica.tags.remove("drover:bootstrapped-by");
    });
    replicate(&mut world, 8, |it| {
        it.replica.life_cycle_state = "error".to_owned()
    });
    replicate_to(&mut world, 9, HERE, |it| {
        it.replica.mount_targets[0].availability_zone_name = "us-east-1a".to_owned();
    });
    for (number, region) in [(10, "eu-north-1"), (11, "Ireland")] {
        replicate(&mut world, number, |it| {
            *it.source = it.source.clone().tagged("drover:replicate-to", region);
        });
    }
    // The replica was deleted by a local deletion and after it.
    replicate(&mut world, 12, |it| {
        it.replication.forgotten_by = Some(Side::Destination)
    });
    let there = &mut world.efs.regions.get_mut(THERE).unwrap().file_systems;
    there.retain(|it| it.file_system_id != ids(12).1);

    world
}

#[tokio::test]
async fn what_is_wrong_with_a_replication_is_found() {
    let stage = deployed(broken_replications()).await;
    let found = stage.finds().await;

    expect![[r#"
        fs-0000000c: replication_in_error, replica_not_found, sync_overdue
        fs-00000001: replication_in_error, sync_overdue
        fs-00000008: replica_unusable
        fs-00000002: replication_paused, sync_overdue
        fs-0000000b: bad_replicate_to_tag
        fs-00000003: unknown_state, sync_overdue
        fs-00000004: sync_overdue
        fs-00000005: first_sync_overdue
        fs-00000006: no_mount_target
        fs-00000009: same_region
        fs-0000000a: other_region
        fs-00000007: replica_not_marked"#]]
    .assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn the_words_of_efs_and_the_figures_are_told() {
    let told = async |change: fn(&mut Pair<'_>)| {
        let mut world = World::empty();
        replicate(&mut world, 1, change);
        message(&deployed(world).await.audit().await)
    };

    let paused = told(|it| it.order("PAUSED", "The Region is off.")).await;
    assert_eq!(
        paused,
        "EFS has paused the replication, or is pausing it: The Region is off."
    );
    let late = told(|it| it.order("ENABLED", "")).await;
    assert!(
        late.ends_with(": 24 hours ago, 15 minutes allowed"),
        "{late}"
    );
}

/// What of a source the replica lacks.
fn lacking_replicas() -> World {
    let mut world = World::empty();

    replicate(&mut world, 1, |it| {
        it.source.access_points = ["/a", "/b"]
            .map(|path| access_point(&format!("fsap-0000000{}", &path[1..]), path))
            .into();
        it.replica.access_points = vec![access_point("fsap-00000001", "/a")];
    });
    replicate(&mut world, 2, |it| {
        it.source.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
    });
    replicate(&mut world, 3, |it| {
        it.source.policy = Some(policy(HERE, &ids(3).0, None))
    });
    replicate(&mut world, 4, |it| {
        let endpoint = Some("vpce-0123456789abcdef0");
        it.source.policy = Some(policy(HERE, &ids(4).0, endpoint));
    });
    replicate(&mut world, 5, |it| {
        *it.source = it
            .source
            .clone()
            .tagged("Name", "other")
            .tagged("cost", "1");
    });
    // A replica that has more than its source lacks nothing.
    replicate(&mut world, 6, |it| {
        *it.replica = it.replica.clone().tagged("own", "1");
        it.replica.access_points = vec![access_point("fsap-00000006", "/own")];
        it.replica.policy = Some(policy(THERE, &ids(6).1, None));
    });
    // In one Region both are in one list.
    replicate_to(&mut world, 7, HERE, |it| {
        it.replica.mount_targets[0].availability_zone_name = "us-east-1a".to_owned();
        _ = it.replica.tags.remove("Name");
    });

    world
}

#[tokio::test]
async fn what_a_replica_lacks_of_its_source_is_found_and_offered() {
    let stage = deployed(lacking_replicas()).await;
    let answer = stage.audit().await;

    expect![[r#"
        fs-00000007: same_region, tags_differ
        fs-00000001: access_points_differ
        fs-00000003: policy_differs
        fs-00000004: policy_not_translatable
        fs-00000002: lifecycle_differs
        fs-00000005: tags_differ"#]]
    .assert_eq(&found(&answer).join("\n"));
    let offered = answer.body["audit"]["found"].as_array().unwrap().iter();
    let offered: Vec<String> = offered
        .map(|one| one["request"]["targets"][0]["replica"].to_string())
        .collect();
    expect![[r#"
        {"tags":"copy"}
        {"accessPoints":"copy"}
        {"policy":"copy"}
        null
        {"lifecycle":"copy"}
        {"tags":"copy"}"#]]
    .assert_eq(&offered.join("\n"));
    assert_eq!(answer.body["audit"]["totals"]["accessPointsMissing"], 1);
}

#[tokio::test]
async fn file_systems_without_a_replication_are_found() {
    let open = |id: &str| FileSystem {
        protection: "DISABLED".to_owned(),
        ..FileSystem::new(id)
    };
    let asking = |id: &str, value: &str| FileSystem::new(id).tagged("drover:replicate-to", value);
    let world = World::empty()
        .with_file_system(HERE, asking("fs-00000001", THERE))
        .with_file_system(HERE, asking("fs-00000002", "Ireland"))
        .with_file_system(HERE, open("fs-00000003"))
        .with_file_system(HERE, FileSystem::new("fs-00000004"))
        // Where the tag of the first leads, one is listed that was a replica once.
        .with_file_system(
            THERE,
            open("fs-00000005").tagged("drover:bootstrapped-by", "CHG1"),
        )
        .with_file_system(THERE, FileSystem::new("fs-00000006"));
    let stage = deployed(world).await;

    let expected = [
        "fs-00000001: not_replicated",
        "fs-00000002: bad_replicate_to_tag",
        "fs-00000003: overwrite_protection_off",
        "fs-00000005: overwrite_protection_off",
    ];
    assert_eq!(stage.finds().await, expected);
}

#[tokio::test]
async fn a_replica_that_is_gone_from_the_own_region_doubles_nothing() {
    let mut world = World::empty();
    replicate_to(&mut world, 1, HERE, |it| {
        it.source.protection = "DISABLED".to_owned();
    });
    let here = world.efs.regions.get_mut(HERE).unwrap();
    here.file_systems.retain(|it| it.file_system_id != ids(1).1);
    let open = FileSystem {
        protection: "DISABLED".to_owned(),
        ..FileSystem::new("fs-00000003")
    };
    let stage = deployed(world.with_file_system(HERE, open)).await;

    let expected = [
        "fs-00000001: replica_not_found, same_region",
        "fs-00000003: overwrite_protection_off",
    ];
    assert_eq!(stage.finds().await, expected);
}

/// A replica in the Region of the function whose source is in the other.
fn left_behind(owner: Option<&str>) -> World {
    let (source, id) = ids(1);
    let mut world = World::empty().with_file_system(HERE, replica(&id));
    world
        .efs
        .file_system(HERE, &id)
        .unwrap()
        .mount_targets
        .clear();

    world.efs.replications.push(Replication {
        source_region: THERE.to_owned(),
        source_file_system_id: source,
        source_owner_id: owner.map(str::to_owned),
        destination_region: HERE.to_owned(),
        destination_file_system_id: id,
        destination_owner_id: None,
        role_arn: None,
        created_at: yesterday(),
        first_sync_ends_at: yesterday(),
        ordered: None,
        forgotten_by: Some(Side::Source),
    });
    world
}

#[tokio::test]
async fn a_source_that_is_gone_is_told_from_one_of_another_account() {
    let gone = deployed(left_behind(None)).await;
    assert_eq!(gone.finds().await, ["fs-0000a001: source_gone"]);

    let theirs = deployed(left_behind(Some("999999999999"))).await;
    assert_eq!(theirs.finds().await, ["fs-0000a001: replication_in_error"]);
    // Nothing of another account is looked for.
    let calls = theirs.calls();
    assert!(calls.iter().all(|call| call.starts_with(HERE)), "{calls:?}");

    let mut there = left_behind(None).with_file_system(THERE, FileSystem::new("fs-00000001"));
    there.efs.replications[0].forgotten_by = None;
    assert_eq!(deployed(there).await.finds().await, [""; 0]);
}

// Invariant 3.
#[tokio::test]
async fn a_source_that_cannot_be_read_is_not_told_as_gone() {
    let stage = deployed(left_behind(None)).await;
    let denied = Fault::next("DescribeFileSystems", FaultKind::AccessDenied);
    stage.fault(denied.in_region(THERE), 9);

    let answer = stage.audit().await;
    assert_eq!(found(&answer), ["fs-0000a001: not_read"]);
}

#[tokio::test]
async fn a_replica_in_another_account_is_told_as_not_read() {
    let mut world = World::empty();
    replicate(&mut world, 1, |it| {
        it.replication.destination_owner_id = Some("999999999999".to_owned());
        it.replica.owner_id = Some("999999999999".to_owned());
        it.replica.mount_targets.clear();
    });
    let stage = deployed(world).await;

    let expected = ["fs-00000001: replica_in_another_account"];
    assert_eq!(stage.finds().await, expected);
    let calls = stage.calls();
    assert!(calls.iter().all(|call| call.starts_with(HERE)), "{calls:?}");
}

/// A list of several pages is read to its end, in both Regions.
#[tokio::test]
async fn what_is_on_a_later_page_is_found() {
    let mut world = World::empty();
    world.behaviour.longest_page = 2;
    for number in 1..=5 {
        replicate(&mut world, number, |it| it.replica.mount_targets.clear());
    }
    let found = deployed(world).await.finds().await;

    let expected: Vec<String> = (1..=5)
        .map(|number| format!("{}: no_mount_target", ids(number).0))
        .collect();
    assert_eq!(found, expected);
}
