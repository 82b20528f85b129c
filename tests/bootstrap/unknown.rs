//! Accounts that were imported, and of which not everything was collected.

use emulator::{Collected, FileSystem, Known, World};

use crate::stage::{
    efs::{EXISTING, HERE, SOURCE, Stage, THERE, new_replica, over_existing, provisioned, world},
    text,
};

/// What was collected: lists of Regions, each with the resources that were left out.
fn known(lists: &[(&str, &str, &[&str])]) -> Option<Known> {
    let mut known = Known::new();
    for (region, operation, except) in lists {
        let except = except.iter().map(|id| (*id).to_owned()).collect();
        let operations = known.entry((*region).to_owned()).or_default();
        operations.insert((*operation).to_owned(), Collected { except });
    }

    Some(known)
}

const FILE_SYSTEMS: &str = "DescribeFileSystems";
const REPLICATIONS: &str = "DescribeReplicationConfigurations";

/// What is concluded of a request, and why.
async fn conclude(world: World, event: serde_json::Value) -> (String, String) {
    let stage = Stage::with(world).await;
    let answer = stage.deliver(&event).await;
    assert_eq!(stage.local.changes(), [""; 0]);

    let summary = text(&answer.body["targets"][0]["message"]).to_owned();
    (answer.conclusion(), summary)
}

#[tokio::test]
async fn nothing_is_replicated_where_replications_were_not_collected() {
    let world = World {
        known: known(&[(HERE, FILE_SYSTEMS, &[])]),
        ..world()
    };

    let (conclusion, summary) = conclude(world, new_replica()).await;
    assert_eq!(conclusion, "permanent access_denied -> Permanent");
    assert!(summary.contains(REPLICATIONS), "{summary}");
}

#[tokio::test]
async fn a_destination_where_nobody_looked_is_not_taken_for_missing() {
    let world = World {
        known: known(&[(HERE, FILE_SYSTEMS, &[]), (HERE, REPLICATIONS, &[])]),
        ..world()
    };

    let (conclusion, summary) = conclude(world, over_existing()).await;
    assert_eq!(conclusion, "permanent access_denied -> Permanent");
    assert!(summary.contains("NotCollectedException"), "{summary}");
}

#[tokio::test]
async fn mount_targets_that_were_not_listed_are_not_taken_for_none() {
    let replica = FileSystem {
        unlisted_mount_targets: 1,
        ..FileSystem::new(EXISTING)
    };
    let mut world = world().with_file_system(THERE, replica);
    let an_hour_ago = world.now - chrono::TimeDelta::hours(1);
    world
        .efs
        .bind((HERE, SOURCE), (THERE, EXISTING), an_hour_ago);
    world.known = known(&[
        (HERE, FILE_SYSTEMS, &[]),
        (HERE, REPLICATIONS, &[]),
        (THERE, FILE_SYSTEMS, &[]),
        (THERE, "DescribeMountTargets", &[EXISTING]),
    ]);

    let (conclusion, summary) = conclude(world, provisioned()).await;
    assert_eq!(conclusion, "permanent access_denied -> Permanent");
    assert!(summary.contains("DescribeMountTargets"), "{summary}");
}
