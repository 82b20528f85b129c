//! Where a replica may be, and how it gets there.

use emulator::{FileSystem, OrderedStatus, World};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    bootstrap::{reads, refused},
    stage::efs::{
        CHANGE, EXISTING, HERE, ROLE, SOURCE, Stage, THERE, beside_existing, beside_theirs,
        new_replica, over_existing, over_theirs, to, world,
    },
};

// Pages: EFS-01, EFS-04, EFS-08, EFS-28, EFS-44.
#[tokio::test]
async fn a_replica_is_created_and_followed_to_its_first_sync() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        assert_eq!(
            stage.conclusion(&new_replica()).await,
            "pending replication_enabling"
        );
    }

    stage.wait(5);
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending first_sync_running"
    );

    stage.wait(20);
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "done replica_usable"
    );

    let answer = stage.deliver(&new_replica()).await;
    assert_eq!(answer.conclusion(), "already_done replica_usable");

    let target = &answer.body["targets"][0];
    assert_eq!(
        target["resource"]["destinationFileSystemId"],
        stage.replica().file_system_id
    );
    assert_eq!(target["evidence"]["status"], "ENABLED");
    assert_eq!(target["evidence"]["withinObjective"], true);
    assert_eq!(stage.replica().tags["drover:bootstrapped-by"], CHANGE);
    assert_eq!(
        stage.changes(),
        ["CreateReplicationConfiguration", "TagResource"]
    );
}

// Pages: EFS-09, EFS-11, EFS-29, EFS-34.
#[tokio::test]
async fn each_kind_of_destination_works() {
    let one_zone = Stage::new().await;
    let zone = to(json!({ "availabilityZoneName": "eu-west-1a" }));
    assert_eq!(
        one_zone.conclusion(&zone).await,
        "pending replication_enabling"
    );
    one_zone.wait(30);
    assert_eq!(one_zone.conclusion(&zone).await, "done replica_usable");
    assert_eq!(
        one_zone.replica().availability_zone_name.as_deref(),
        Some("eu-west-1a")
    );

    let existing = Stage::with(beside_existing()).await;
    assert_eq!(
        existing.conclusion(&over_existing()).await,
        "pending replication_enabling"
    );
    existing.wait(30);
    assert_eq!(
        existing.conclusion(&over_existing()).await,
        "done replica_usable"
    );
    assert_eq!(
        existing.changes(),
        ["CreateReplicationConfiguration", "TagResource"]
    );
    assert_eq!(existing.replica().protection, "REPLICATING");
}

#[tokio::test]
async fn a_destination_in_another_account_needs_a_role_and_is_read_by_its_arn() {
    let stage = beside_theirs().await;
    assert_eq!(
        stage.conclusion(&over_theirs(Value::Null)).await,
        "refused role_missing"
    );

    let with_role = over_theirs(json!(ROLE));
    assert_eq!(
        stage.conclusion(&with_role).await,
        "pending replication_enabling"
    );

    stage.wait(30);
    assert_eq!(
        stage.conclusion(&with_role).await,
        "already_done replica_usable"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

/// What another account's replica has of its own cannot be read from here, and need not be.
#[tokio::test]
async fn parts_of_a_replica_in_another_account_are_refused_also_once_it_is_replicated_to() {
    let stage = beside_theirs().await;
    stage.deliver(&over_theirs(json!(ROLE))).await;
    stage.wait(30);

    let mut with_parts = over_theirs(json!(ROLE));
    with_parts["targets"][0]["replica"] = json!({ "accessPoints": "copy", "policy": "copy" });
    assert_eq!(
        stage.conclusion(&with_parts).await,
        "refused parts_in_another_account"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_source_whose_arn_is_of_elsewhere_is_told_where_it_has_to_start() {
    let stage = Stage::new().await;
    let named = |region: &str, account: &str| {
        let arn = format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/fs-00000009");
        let mut request = new_replica();
        request["targets"][0]["sourceFileSystemId"] = json!(arn);
        request
    };
    let conclusion = async |region, account| stage.conclusion(&named(region, account)).await;

    let elsewhere = "refused source_elsewhere";
    assert_eq!(conclusion(THERE, "111122223333").await, elsewhere);
    assert_eq!(conclusion(HERE, "444455556666").await, elsewhere);
    assert_eq!(conclusion(HERE, "111122223333").await, "refused not_found");
    assert_eq!(stage.changes(), [""; 0]);
}

// Pages: EFS-02.
#[tokio::test]
async fn a_tag_alone_starts_a_replication_and_the_replica_is_not_replicated_again() {
    let tagged = FileSystem::new(SOURCE).tagged("drover:replicate-to", THERE);
    let stage = Stage::with(World::empty().with_file_system(HERE, tagged)).await;
    let created = |id: &str| {
        json!({
            "detail-type": "AWS API Call via CloudTrail", "source": "aws.elasticfilesystem",
            "detail": { "eventSource": "elasticfilesystem.amazonaws.com", "eventName": "CreateFileSystem", "responseElements": { "fileSystemId": id } },
        })
    };

    for _ in 0..2 {
        assert_eq!(
            stage.conclusion(&created(SOURCE)).await,
            "pending replication_enabling"
        );
    }

    assert_eq!(
        stage.conclusion(&created("fs-00000009")).await,
        "refused not_found"
    );

    let untagged = Stage::new().await;
    assert_eq!(
        untagged.conclusion(&created(SOURCE)).await,
        "refused no_replicate_to_tag"
    );

    // The replica, as its own Region's function would see it.
    let mut turned = World::empty()
        .with_file_system(HERE, FileSystem::new("fs-00000008"))
        .with_file_system(THERE, FileSystem::new("fs-00000007"));
    let replica = turned.efs.file_system(HERE, "fs-00000008").unwrap();
    replica.protection = "DISABLED".to_owned();
    replica
        .tags
        .insert("drover:replicate-to".to_owned(), THERE.to_owned());
    turned
        .efs
        .bind((THERE, "fs-00000007"), (HERE, "fs-00000008"), turned.now);
    let turned = Stage::with(turned).await;

    assert_eq!(
        turned.conclusion(&created("fs-00000008")).await,
        "refused source_is_a_destination"
    );

    let of_one_side = [
        ("DescribeFileSystems".to_owned(), 1),
        ("DescribeReplicationConfigurations".to_owned(), 1),
    ]
    .to_vec();
    assert_eq!(reads(&turned, &created("fs-00000008")).await, of_one_side);
    assert_eq!(turned.changes(), [""; 0]);
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Pages: EFS-10, EFS-66.
#[tokio::test]
async fn a_replication_that_must_not_be_is_refused_with_its_reason() {
    let existing = |change: fn(&mut FileSystem)| {
        let mut world = beside_existing();
        change(world.efs.file_system(THERE, EXISTING).unwrap());
        world
    };

    let source = |change: fn(&mut FileSystem)| {
        let mut world = world();
        change(world.efs.file_system(HERE, SOURCE).unwrap());
        world
    };

    refused(World::empty(), new_replica(), "not_found").await;
    refused(
        source(|source| source.life_cycle_state = "deleting".to_owned()),
        new_replica(),
        "source_unusable",
    )
    .await;
    refused(
        source(|source| source.encrypted = false),
        new_replica(),
        "failback_impossible",
    )
    .await;
    refused(world(), over_existing(), "destination_not_found").await;
    refused(
        existing(|existing| existing.tags.clear()),
        over_existing(),
        "not_approved",
    )
    .await;
    refused(
        existing(|existing| existing.protection = "ENABLED".to_owned()),
        over_existing(),
        "overwrite_protection_enabled",
    )
    .await;
    refused(
        existing(|existing| existing.encrypted = false),
        over_existing(),
        "destination_not_encrypted",
    )
    .await;
    refused(
        existing(|existing| {
            _ = existing
                .tags
                .insert("drover:protected".to_owned(), String::new())
        }),
        over_existing(),
        "protected",
    )
    .await;
    let unconfirmed = to(json!({ "region": THERE, "fileSystemId": EXISTING }));
    refused(beside_existing(), unconfirmed, "overwrite_not_confirmed").await;
    refused(
        world(),
        to(json!({ "region": THERE, "availabilityZoneName": "us-west-2a" })),
        "region_mismatch",
    )
    .await;
}

// Pages: EFS-58.
#[tokio::test]
async fn a_source_that_is_being_created_is_pending() {
    let mut world = world();
    let now = world.now;
    let source = world.efs.file_system(HERE, SOURCE).unwrap();
    (source.life_cycle_state, source.created_at) = ("creating".to_owned(), Some(now));
    let stage = Stage::with(world).await;

    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending source_not_available"
    );

    stage.wait(1);
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Invariant 5.
// Pages: EFS-03, EFS-07.
#[tokio::test]
async fn no_second_destination_is_created_for_a_source() {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    let elsewhere = to(json!({ "region": "us-west-2" }));

    for _ in 0..2 {
        let answer = stage.deliver(&elsewhere).await;
        assert_eq!(answer.conclusion(), "refused replicates_elsewhere");
        let message = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.contains(&stage.replica().file_system_id) && message.contains(THERE),
            "{message}"
        );
    }

    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Invariants 4, 5.
#[tokio::test]
async fn concurrent_deliveries_create_one_replication() {
    let stage = Stage::new().await;
    let event = new_replica();
    let answers = join_all((0..6).map(|_| stage.deliver(&event))).await;

    for answer in &answers {
        let conclusion = answer.conclusion();
        assert!(
            conclusion.starts_with("pending ") || conclusion.ends_with("-> Retryable"),
            "{conclusion}"
        );
    }

    assert_eq!(
        stage.conclusion(&event).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

// Pages: EFS-50, EFS-51.
#[tokio::test]
async fn a_paused_or_broken_replication_is_reported_with_the_message_of_efs() {
    for (status, reason) in [
        ("PAUSED", "replication_paused"),
        ("ERROR", "replication_in_error"),
    ] {
        let stage = Stage::new().await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        stage.local.change(|world| {
            world.efs.replications[0].ordered = Some(OrderedStatus {
                status: status.to_owned(),
                message: "the key is gone".to_owned(),
            })
        });
        for _ in 0..2 {
            let answer = stage.deliver(&new_replica()).await;
            assert_eq!(answer.conclusion(), format!("failed {reason}"));
            assert!(
                answer.body["targets"][0]["message"]
                    .as_str()
                    .unwrap()
                    .ends_with("the key is gone")
            );
        }
        assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
    }
}
