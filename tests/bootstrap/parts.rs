//! What a replica needs besides its data.

use bootstrap_efs_replication::Policy;
use emulator::{Fault, FaultKind, Reply};
use serde_json::{Value, json};

use crate::{
    bootstrap::reads,
    stage::efs::{HERE, SOURCE, Stage, THERE, new_replica, provisioned, source_with_parts},
};

// Invariant 3.
// Pages: EFS-21, EFS-22, EFS-24.
#[tokio::test]
async fn every_requested_part_is_created_once() {
    let stage = Stage::with(source_with_parts()).await;
    let mut conclusions = Vec::new();

    for minutes in [0, 5, 2, 20, 0] {
        stage.wait(minutes);
        conclusions.push(stage.conclusion(&provisioned()).await);
    }

    let expected = [
        "pending replication_enabling",
        "pending parts_not_available",
        "pending first_sync_running",
        "done replica_usable",
        "already_done replica_usable",
    ];
    assert_eq!(conclusions, expected);

    let made = [
        "CreateReplicationConfiguration",
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutLifecycleConfiguration",
        "PutBackupPolicy",
        "TagResource",
        "PutFileSystemPolicy",
        "TagResource",
    ];
    assert_eq!(stage.changes(), made);

    let replica = stage.replica();
    assert_eq!(
        replica.tags.keys().collect::<Vec<_>>(),
        ["Name", "drover:bootstrapped-by"]
    );
    assert_eq!(replica.lifecycle_policies.len(), 2);
    assert_eq!(
        replica.access_points[0].root_directory.as_ref().unwrap()["Path"],
        "/app"
    );

    let policy = replica.policy.unwrap();
    assert!(
        policy.contains(&replica.access_points[0].access_point_id) && !policy.contains("us-east-1"),
        "{policy}"
    );
    assert_eq!(
        replica.access_points[0].tags,
        [("Name".to_owned(), "app".to_owned())].into()
    );
}

// Invariant 3.
#[tokio::test]
async fn a_tagged_file_system_gets_the_parts_that_the_deployment_gives() {
    let defaults = json!({ THERE: {
        "kmsKeyId": "alias/dr",
        "replica": {
            "mountTargets": [{ "subnetId": "subnet-00000001", "securityGroups": ["sg-00000001"] }],
            "accessPoints": "copy", "lifecycle": "copy", "backup": "enabled", "policy": "copy", "tags": "copy",
        },
    } });
    let mut stage = Stage::with(source_with_parts()).await;
    stage.policy = Policy::from_lookup(|name| match name {
        "MODE" => Some("enforce".to_owned()),
        "REPLICA_DEFAULTS" => Some(defaults.to_string()),
        _ => None,
    })
    .unwrap();

    let first = stage.deliver(&tagged()).await;
    let planned: Vec<&str> = first.body["targets"][0]["plan"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(
        planned[..2],
        [
            "replicate to a new file system in eu-west-1, encrypted with alias/dr",
            "create a mount target in subnet-00000001 with sg-00000001",
        ]
    );
    assert_eq!(planned.len(), 8, "{planned:?}");

    let mut conclusions = Vec::new();
    for minutes in [5, 2, 20, 0] {
        stage.wait(minutes);
        conclusions.push(stage.conclusion(&tagged()).await);
    }
    let expected = [
        "pending parts_not_available",
        "pending first_sync_running",
        "done replica_usable",
        "already_done replica_usable",
    ];
    assert_eq!(conclusions, expected);
    assert_eq!(stage.changes().len(), 8);

    let replica = stage.replica();
    assert_eq!(replica.kms_key_id.as_deref(), Some("alias/dr"));
    assert_eq!(replica.mount_targets[0].subnet_id, "subnet-00000001");
    assert_eq!(replica.access_points.len(), 1);
    // The tag that asks for a replica asks for one of the source alone.
    assert!(!replica.tags.contains_key("drover:replicate-to"));
}

/// The event of the tag of the source.
fn tagged() -> Value {
    json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.elasticfilesystem",
        "detail": { "eventSource": "elasticfilesystem.amazonaws.com", "eventName": "TagResource", "requestParameters": { "resourceId": SOURCE } },
    })
}

#[tokio::test]
async fn a_replica_that_nothing_can_mount_is_told_as_such() {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    stage.wait(30);

    let answer = stage.deliver(&new_replica()).await;
    let target = &answer.body["targets"][0];
    assert_eq!(answer.conclusion(), "done replica_usable");
    assert_eq!(target["reasons"][1]["reason"], "no_mount_targets");
    assert_eq!(target["nextSteps"][0]["who"], "requester");
}

#[tokio::test]
async fn a_part_that_a_list_shows_twice_is_one_part() {
    // As the pages of a list do when something comes between them: the last one moves down.
    let stage = Stage::with(source_with_parts()).await.answered(|body| {
        for list in ["AccessPoints", "MountTargets"] {
            let items = body[list].as_array_mut();
            items
                .into_iter()
                .for_each(|items| items.extend(items.clone()));
        }
    });

    for minutes in [0, 5, 2, 20] {
        stage.wait(minutes);
        stage.conclusion(&provisioned()).await;
    }
    assert_eq!(stage.count("CreateAccessPoint"), 1);
    let conclusion = stage.conclusion(&provisioned()).await;
    assert_eq!(conclusion, "already_done replica_usable");

    // The replica has one mount target, of which the security groups are read once.
    let groups = ("DescribeMountTargetSecurityGroups".to_owned(), 1);
    assert!(reads(&stage, &provisioned()).await.contains(&groups));
}

#[tokio::test]
async fn only_the_settings_that_a_part_needs_are_read() {
    let stage = Stage::with(source_with_parts()).await;
    let asking = |replica: Value| {
        let mut event = new_replica();
        event["targets"][0]["replica"] = replica;
        event["dryRun"] = json!(true);
        event
    };

    let read = |operation: &str, times| (operation.to_owned(), times);
    let of_both_sides = vec![
        read("DescribeFileSystems", 2),
        read("DescribeReplicationConfigurations", 1),
    ];

    stage.deliver(&new_replica()).await;
    let all = provisioned()["targets"][0]["replica"].clone();
    assert_eq!(
        reads(&stage, &asking(all)).await,
        of_both_sides,
        "the replica cannot be provisioned yet"
    );

    stage.wait(30);
    for (part, more) in [
        (json!({}), &[][..]),
        (json!({ "tags": "copy" }), &[]),
        (
            json!({ "mountTargets": [{ "subnetId": "subnet-00000001" }] }),
            &[("DescribeMountTargets", 1)],
        ),
        (
            json!({ "backup": "enabled" }),
            &[("DescribeBackupPolicy", 1)],
        ),
        (
            json!({ "lifecycle": "copy" }),
            &[("DescribeLifecycleConfiguration", 2)],
        ),
        (
            json!({ "accessPoints": "copy" }),
            &[("DescribeAccessPoints", 2)],
        ),
        // The source has a policy and the replica none: two answers.
        (
            json!({ "policy": "copy" }),
            &[
                ("DescribeAccessPoints", 2),
                ("DescribeFileSystemPolicy", 1),
                ("DescribeFileSystemPolicy", 1),
            ],
        ),
    ] {
        let mut expected = of_both_sides.clone();
        expected.extend(
            more.iter()
                .map(|(operation, times)| read(operation, *times)),
        );
        expected.sort();
        assert_eq!(
            reads(&stage, &asking(part.clone())).await,
            expected,
            "{part}"
        );
    }
}

#[tokio::test]
async fn a_queue_keeps_a_request_until_its_replica_is_provisioned() {
    let stage = Stage::with(source_with_parts()).await;
    let batch = json!({ "Records": [{ "messageId": "m", "eventSource": "aws:sqs", "body": provisioned().to_string() }] });
    let mut kept = Vec::new();

    for minutes in [0, 6, 3, 20] {
        stage.wait(minutes);
        kept.push(
            !stage.deliver(&batch).await.body["batchItemFailures"]
                .as_array()
                .unwrap()
                .is_empty(),
        );
    }

    // What is left then is the first sync, for which a queue is no place to wait.
    assert_eq!(kept, [true, true, false, false]);
    assert_eq!(stage.changes().len(), 8);
}

#[tokio::test]
async fn a_subnet_in_an_occupied_zone_fails_for_good_and_stops_no_other_part() {
    let stage = Stage::with(source_with_parts()).await;
    let mut event = provisioned();
    let mounts = &mut event["targets"][0]["replica"]["mountTargets"];
    mounts
        .as_array_mut()
        .unwrap()
        .push(json!({ "subnetId": "subnet-00000004" }));
    stage.deliver(&event).await;
    stage.wait(10);

    for _ in 0..2 {
        let answer = stage.deliver(&event).await;
        assert_eq!(answer.conclusion(), "failed rejected_by_aws");
        let message = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("CreateMountTarget") && message.contains("MountTargetConflict"),
            "{message}"
        );
    }

    assert_eq!(stage.changes().len(), 7);
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_not_taken_as_none() {
    for region in [HERE, THERE] {
        let stage = Stage::with(source_with_parts()).await;
        stage.deliver(&provisioned()).await;
        stage.wait(10);
        stage.local.inject(Fault {
            times: 9,
            ..Fault::next("DescribeFileSystemPolicy", FaultKind::AccessDenied).in_region(region)
        });
        let answer = stage.deliver(&provisioned()).await;
        assert_eq!(answer.conclusion(), "permanent access_denied -> Permanent");
        let message = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("DescribeFileSystemPolicy: "),
            "{message}"
        );
        assert!(
            !stage
                .local
                .changes()
                .iter()
                .any(|change| change.starts_with("PutFileSystemPolicy")),
            "{region}"
        );
    }
}

/// A retry of the SDK would be refused because the subnet has a mount target already, and that
/// refusal would be all that the function gets.
#[tokio::test]
async fn a_mount_target_whose_response_was_lost_is_created_once() {
    let stage = Stage::with(source_with_parts()).await;
    stage.deliver(&provisioned()).await;
    stage.wait(10);
    stage.fault("CreateMountTarget", FaultKind::Truncated, 1);

    assert_eq!(
        stage.conclusion(&provisioned()).await,
        "pending parts_not_available"
    );
    assert_eq!(stage.count("CreateMountTarget"), 1);

    stage.changes();
}

/// What EFS accepted before a read failed is created, and is not still to be done.
#[tokio::test]
async fn what_could_not_be_read_back_no_longer_differs() {
    let stage = Stage::with(source_with_parts()).await;
    stage.deliver(&provisioned()).await;
    stage.wait(10);
    let look = "DescribeMountTargetSecurityGroups";
    stage.fault(look, FaultKind::AccessDenied, 1);

    let answer = stage.deliver(&provisioned()).await;
    let evidence = &answer.body["targets"][0]["evidence"];
    let created = evidence["created"].as_array().unwrap();
    assert!(created.contains(&json!(
        "create a mount target in subnet-00000001 with sg-00000001"
    )));
    assert_eq!(evidence["differs"], json!([]));

    stage.changes();
}

#[tokio::test]
async fn a_setting_that_efs_does_not_accept_yet_is_pending() {
    let mut world = source_with_parts();
    world.behaviour.writes_while_replicating = Reply::Conflict;
    let stage = Stage::with(world).await;
    stage.deliver(&provisioned()).await;
    stage.wait(10);

    for _ in 0..2 {
        assert_eq!(
            stage.conclusion(&provisioned()).await,
            "pending not_ready_yet"
        );
    }

    let made = [
        "CreateReplicationConfiguration",
        "CreateMountTarget",
        "PutBackupPolicy",
        "TagResource",
    ];
    assert_eq!(stage.changes(), made);
}
