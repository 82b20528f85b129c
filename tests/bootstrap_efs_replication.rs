//! Scenarios of `bootstrap-efs-replication`: an event in, both sides changed or not, the truth
//! told.

use std::time::Duration;

use aws_sdk_efs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use bootstrap_efs_replication::{Efs, Policy, handle};
use chrono::{TimeDelta, Utc};
use emulator::{
    Emulator, Fault, FaultKind, World,
    efs_world::{AccessPoint, FileSystem, OrderedStatus},
    world::Reply,
};
use expect_test::expect;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{Invocation, Mode};

use crate::{
    iam,
    stage::{Answer, Answers, FAULTS_OF_A_CHANGE, killed_after, patience},
};

const SOURCE: &str = "fs-00000001";
const EXISTING: &str = "fs-0000000e";
const CHANGE: &str = "CHG0031235";
const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";
/// The role under which EFS replicates to another account.
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/replicate";

pub(crate) struct Stage {
    pub(crate) local: Emulator,
    policy: Policy,
    seconds_left: u64,
    /// The parameter of the template; empty unless a scenario replicates to another account.
    replication_role: &'static str,
}

/// However a scenario ends, its calls were such as the role of the template allows.
impl Drop for Stage {
    fn drop(&mut self) {
        iam::check(
            &self.local,
            "bootstrap-efs-replication",
            self.replication_role,
            None,
        );
    }
}

impl Stage {
    pub(crate) async fn with(world: World) -> Self {
        let local = Emulator::without_functions(world).await.unwrap();
        let policy =
            Policy::from_lookup(|name| (name == "MODE").then(|| "enforce".to_owned())).unwrap();
        Self {
            local,
            policy,
            seconds_left: 900,
            replication_role: "",
        }
    }

    async fn new() -> Self {
        Self::with(world()).await
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(self.seconds_left);
        let invocation = Invocation {
            now: Utc::now(),
            deadline,
        };
        Answer::of(
            handle(
                &event.to_string(),
                invocation,
                &efs(&self.local),
                &self.policy,
            )
            .await,
        )
    }

    async fn said(&self, event: &Value) -> String {
        self.deliver(event).await.said()
    }

    fn changes(&self) -> Vec<String> {
        self.local.finish().unwrap();
        let mut changes = self.local.changes();
        // What EFS made up an ID for is known by its operation alone.
        changes
            .iter_mut()
            .for_each(|change| *change = change.split(' ').next().unwrap().to_owned());
        changes
    }

    pub(crate) fn wait(&self, minutes: i64) {
        self.local.advance(TimeDelta::minutes(minutes));
    }

    /// The one file system in the other Region.
    fn replica(&self) -> FileSystem {
        self.local
            .world()
            .file_systems(THERE)
            .next()
            .unwrap()
            .clone()
    }

    fn fault(&self, operation: &str, kind: FaultKind, times: u32) {
        self.local.inject(Fault {
            times,
            ..Fault::next(operation, kind)
        });
    }
}

/// The real client of a new sandbox, with the SDK's own retries made quick.
fn efs(local: &Emulator) -> Efs {
    let config = aws_sdk_efs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(local.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(HERE))
        .credentials_provider(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "not-a-secret",
            None,
            None,
            "tests",
        ))
        .timeout_config(patience(local))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    Efs::new(config.build())
}

/// One encrypted file system of 6 GB, whose first sync takes a minute.
pub(crate) fn world() -> World {
    World::empty().with_file_system(
        HERE,
        FileSystem {
            size_bytes: 6_000_000_000,
            ..FileSystem::new(SOURCE)
        },
    )
}

/// The same beside a file system in the other Region that may be overwritten.
pub(crate) fn beside_existing() -> World {
    let existing = FileSystem {
        protection: "DISABLED".to_owned(),
        ..FileSystem::new(EXISTING)
    };
    world().with_file_system(THERE, existing.tagged("drover:approved", CHANGE))
}

pub(crate) fn to(destination: Value) -> Value {
    request(json!({ "sourceFileSystemId": SOURCE, "destination": destination }))
}

pub(crate) fn request(file_system: Value) -> Value {
    let expires_at = Utc::now() + TimeDelta::hours(1);
    json!({ "version": 1, "requestID": CHANGE, "expiresAt": expires_at, "targets": [file_system] })
}

pub(crate) fn new_replica() -> Value {
    to(json!({ "region": THERE }))
}

pub(crate) fn over_existing() -> Value {
    request(json!({
        "sourceFileSystemId": SOURCE,
        "destination": { "region": THERE, "fileSystemId": EXISTING },
        "overwrite": EXISTING,
    }))
}

pub(crate) fn furnished() -> Value {
    request(json!({
        "sourceFileSystemId": SOURCE,
        "destination": { "region": THERE },
        "replica": {
            "mountTargets": [{ "subnetId": "subnet-00000001", "securityGroups": ["sg-00000001"] }],
            "accessPoints": "copy", "lifecycle": "copy", "backup": "enabled", "policy": "copy", "tags": "copy",
        },
    }))
}

/// A source with one of each part, its policy naming its access point.
pub(crate) fn furnished_source() -> World {
    let arn =
        |kind: &str, id: &str| format!("arn:aws:elasticfilesystem:{HERE}:111122223333:{kind}/{id}");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "app", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["elasticfilesystem:ClientMount"],
        "Resource": arn("file-system", SOURCE),
        "Condition": { "StringEquals": { "elasticfilesystem:AccessPointArn": arn("access-point", "fsap-00000001") } },
    }] });
    let point = json!({ "accessPointId": "fsap-00000001", "clientToken": "app", "tags": { "Name": "app" },
        "posixUser": { "Uid": 1000, "Gid": 1000, "SecondaryGids": [5] },
        "rootDirectory": { "Path": "/app", "CreationInfo": { "OwnerUid": 1, "OwnerGid": 2, "Permissions": "0750" } } });
    let mut world = world();
    let source = world.file_system(HERE, SOURCE).unwrap();
    source.size_bytes = 60_000_000_000;
    source.tags = [("Name", "data"), ("drover:replicate-to", THERE)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    source.lifecycle_policies = vec![
        json!({ "TransitionToIA": "AFTER_30_DAYS" }),
        json!({ "TransitionToArchive": "AFTER_90_DAYS" }),
    ];
    source.access_points = vec![serde_json::from_value(point).unwrap()];
    source.policy = Some(policy.to_string());
    world
}

#[tokio::test]
async fn a_replica_is_made_and_seen_through_to_its_first_sync() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        assert_eq!(
            stage.said(&new_replica()).await,
            "pending replication_enabling"
        );
    }
    stage.wait(5);
    assert_eq!(
        stage.said(&new_replica()).await,
        "pending first_sync_running"
    );
    stage.wait(20);
    assert_eq!(stage.said(&new_replica()).await, "done replica_usable");
    let answer = stage.deliver(&new_replica()).await;
    assert_eq!(answer.said(), "already_done replica_usable");
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

#[tokio::test]
async fn every_part_that_was_asked_for_is_made_and_nothing_twice() {
    let stage = Stage::with(furnished_source()).await;
    let mut said = Vec::new();
    for minutes in [0, 5, 2, 20, 0] {
        stage.wait(minutes);
        said.push(stage.said(&furnished()).await);
    }
    let expected = [
        "pending replication_enabling",
        "pending parts_not_available",
        "pending first_sync_running",
        "done replica_usable",
        "already_done replica_usable",
    ];
    assert_eq!(said, expected);
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

/// How often each operation was called for one look, with each of its answers.
async fn reads(stage: &Stage, event: &Value) -> Vec<(String, usize)> {
    let answer = stage.deliver(event).await;
    let calls = answer.body["calls"].as_array().unwrap().iter();
    let mut reads: Vec<(String, usize)> = calls
        .map(|call| {
            (
                call["operation"].as_str().unwrap().to_owned(),
                call["requests"].as_u64().unwrap() as usize,
            )
        })
        .collect();
    reads.sort();
    reads
}

#[tokio::test]
async fn only_what_a_part_needs_is_read() {
    let stage = Stage::with(furnished_source()).await;
    let asking = |replica: Value| {
        let mut event = new_replica();
        event["targets"][0]["replica"] = replica;
        event["dryRun"] = json!(true);
        event
    };
    let of_both_sides = [
        ("DescribeFileSystems".to_owned(), 2),
        ("DescribeReplicationConfigurations".to_owned(), 1),
    ]
    .to_vec();
    stage.deliver(&new_replica()).await;
    let all = furnished()["targets"][0]["replica"].clone();
    assert_eq!(
        reads(&stage, &asking(all)).await,
        of_both_sides,
        "the replica cannot be furnished yet"
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
                .map(|(operation, times)| ((*operation).to_owned(), *times)),
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
async fn each_kind_of_destination_can_be_had() {
    let one_zone = Stage::new().await;
    let zone = to(json!({ "availabilityZoneName": "eu-west-1a" }));
    assert_eq!(one_zone.said(&zone).await, "pending replication_enabling");
    one_zone.wait(30);
    assert_eq!(one_zone.said(&zone).await, "done replica_usable");
    assert_eq!(
        one_zone.replica().availability_zone_name.as_deref(),
        Some("eu-west-1a")
    );

    let existing = Stage::with(beside_existing()).await;
    assert_eq!(
        existing.said(&over_existing()).await,
        "pending replication_enabling"
    );
    existing.wait(30);
    assert_eq!(existing.said(&over_existing()).await, "done replica_usable");
    assert_eq!(
        existing.changes(),
        ["CreateReplicationConfiguration", "TagResource"]
    );
    assert_eq!(existing.replica().protection, "REPLICATING");
}

/// Beside a file system of another account that lets this one replicate to it.
pub(crate) async fn beside_theirs() -> Stage {
    let mut theirs = FileSystem::new(EXISTING).tagged("drover:approved", CHANGE);
    theirs.owner_id = Some("999999999999".to_owned());
    theirs.protection = "DISABLED".to_owned();
    theirs.policy = Some(
        json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" } }] })
            .to_string(),
    );
    let mut stage = Stage::with(world().with_file_system(THERE, theirs)).await;
    stage.replication_role = ROLE;
    stage
}

pub(crate) fn over_theirs(role: Value) -> Value {
    let arn = format!("arn:aws:elasticfilesystem:{THERE}:999999999999:file-system/{EXISTING}");
    let destination = json!({ "fileSystemId": arn, "roleArn": role });
    request(
        json!({ "sourceFileSystemId": SOURCE, "destination": destination, "overwrite": EXISTING }),
    )
}

#[tokio::test]
async fn a_destination_in_another_account_needs_a_role_and_is_seen_by_its_arn() {
    let stage = beside_theirs().await;
    assert_eq!(
        stage.said(&over_theirs(Value::Null)).await,
        "refused role_missing"
    );
    let with_role = over_theirs(json!(ROLE));
    assert_eq!(stage.said(&with_role).await, "pending replication_enabling");
    stage.wait(30);
    assert_eq!(stage.said(&with_role).await, "already_done replica_usable");
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_tag_is_enough_and_the_replica_itself_is_left_alone() {
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
            stage.said(&created(SOURCE)).await,
            "pending replication_enabling"
        );
    }
    assert_eq!(
        stage.said(&created("fs-00000009")).await,
        "refused not_found"
    );
    let untagged = Stage::new().await;
    assert_eq!(
        untagged.said(&created(SOURCE)).await,
        "refused no_replicate_to_tag"
    );
    // The replica, as its own Region's function would see it.
    let mut turned = World::empty()
        .with_file_system(HERE, FileSystem::new("fs-00000008"))
        .with_file_system(THERE, FileSystem::new("fs-00000007"));
    let replica = turned.file_system(HERE, "fs-00000008").unwrap();
    replica.protection = "DISABLED".to_owned();
    replica
        .tags
        .insert("drover:replicate-to".to_owned(), THERE.to_owned());
    turned.bind((THERE, "fs-00000007"), (HERE, "fs-00000008"));
    let turned = Stage::with(turned).await;
    assert_eq!(
        turned.said(&created("fs-00000008")).await,
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

/// Delivers twice, expects the same refusal both times, and no change.
async fn refused(world: World, event: Value, reason: &str) {
    let stage = Stage::with(world).await;
    for _ in 0..2 {
        assert_eq!(stage.said(&event).await, format!("refused {reason}"));
    }
    assert_eq!(stage.changes(), [""; 0], "{reason}");
}

#[tokio::test]
async fn what_cannot_or_must_not_be_is_refused_by_name_and_left_alone() {
    let existing = |change: fn(&mut FileSystem)| {
        let mut world = beside_existing();
        change(world.file_system(THERE, EXISTING).unwrap());
        world
    };
    let source = |change: fn(&mut FileSystem)| {
        let mut world = world();
        change(world.file_system(HERE, SOURCE).unwrap());
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

#[tokio::test]
async fn a_source_that_is_being_created_is_waited_for() {
    let mut world = world();
    let now = world.now;
    let source = world.file_system(HERE, SOURCE).unwrap();
    (source.life_cycle_state, source.created_at) = ("creating".to_owned(), Some(now));
    let stage = Stage::with(world).await;
    assert_eq!(
        stage.said(&new_replica()).await,
        "pending source_not_available"
    );
    stage.wait(1);
    assert_eq!(
        stage.said(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn another_destination_is_not_made_beside_the_first() {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    let elsewhere = to(json!({ "region": "us-west-2" }));
    for _ in 0..2 {
        let answer = stage.deliver(&elsewhere).await;
        assert_eq!(answer.said(), "refused replicates_elsewhere");
        let message = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.contains(&stage.replica().file_system_id) && message.contains(THERE),
            "{message}"
        );
    }
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn deliveries_at_once_make_one_replication() {
    let stage = Stage::new().await;
    let event = new_replica();
    let answers = join_all((0..6).map(|_| stage.deliver(&event))).await;
    for answer in &answers {
        let said = answer.said();
        assert!(
            said.starts_with("pending ") || said.ends_with("-> Retryable"),
            "{said}"
        );
    }
    assert_eq!(stage.said(&event).await, "pending replication_enabling");
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_point_is_finished_by_the_next() {
    let event = furnished();
    let mut polls = 0;
    loop {
        let stage = Stage::with(furnished_source()).await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        let answered = killed_after(polls, stage.deliver(&event)).await;
        stage.wait(5);
        for _ in 0..2 {
            stage.deliver(&event).await;
            stage.wait(5);
        }
        assert_eq!(
            stage.said(&event).await,
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

#[tokio::test]
async fn a_run_that_is_killed_while_it_creates_the_replication_makes_no_second() {
    for (world, event) in [
        (world as fn() -> World, new_replica()),
        (beside_existing as fn() -> World, over_existing()),
    ] {
        let mut polls = 0;
        loop {
            let stage = Stage::with(world()).await;
            let answered = killed_after(polls, stage.deliver(&event)).await;
            assert_eq!(
                stage.said(&event).await,
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

#[tokio::test]
async fn a_queue_keeps_a_request_until_its_replica_is_furnished() {
    let stage = Stage::with(furnished_source()).await;
    let batch = json!({ "Records": [{ "messageId": "m", "eventSource": "aws:sqs", "body": furnished().to_string() }] });
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
async fn a_target_that_cannot_be_seen_does_not_hide_another() {
    let stage = Stage::with(world().with_file_system(HERE, FileSystem::new("fs-00000005"))).await;
    stage.fault("DescribeFileSystems", FaultKind::AccessDenied, 1);
    let mut both = new_replica();
    let second = json!({ "sourceFileSystemId": "fs-00000005", "destination": { "region": THERE } });
    both["targets"].as_array_mut().unwrap().push(second);
    let answer = stage.deliver(&both).await;
    assert_eq!(answer.said(), "permanent access_denied -> Permanent");
    assert_eq!(answer.body["targets"][1]["reason"], "replication_enabling");
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_subnet_in_a_zone_that_is_taken_is_told_for_good_and_stops_no_other_part() {
    let stage = Stage::with(furnished_source()).await;
    let mut event = furnished();
    let mounts = &mut event["targets"][0]["replica"]["mountTargets"];
    mounts
        .as_array_mut()
        .unwrap()
        .push(json!({ "subnetId": "subnet-00000004" }));
    stage.deliver(&event).await;
    stage.wait(10);
    for _ in 0..2 {
        let answer = stage.deliver(&event).await;
        assert_eq!(answer.said(), "failed rejected_by_aws");
        let message = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("CreateMountTarget") && message.contains("MountTargetConflict"),
            "{message}"
        );
    }
    assert_eq!(stage.changes().len(), 7);
}

#[tokio::test]
async fn a_quota_of_the_other_region_is_told_by_its_name() {
    let full = (0..1000).fold(world(), |world, number| {
        world.with_file_system(THERE, FileSystem::new(&format!("fs-{number:08x}")))
    });
    let stage = Stage::with(full).await;
    let answer = stage.deliver(&new_replica()).await;
    assert_eq!(answer.said(), "failed quota_exceeded");
    let message = answer.body["targets"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with("a quota of the account is used up (FileSystemLimitExceeded)"),
        "{message}"
    );
    stage.changes();
}

/// EFS itself says that the replication exists; only the other Region is dark.
#[tokio::test]
async fn a_look_that_is_denied_is_named_and_does_not_put_the_change_in_doubt() {
    let stage = Stage::new().await;
    stage.local.inject(Fault {
        times: 9,
        ..Fault::next("DescribeFileSystems", FaultKind::AccessDenied).in_region(THERE)
    });
    let answer = stage.deliver(&new_replica()).await;
    assert_eq!(answer.said(), "permanent access_denied -> Permanent");
    let target = &answer.body["targets"][0];
    assert_eq!(
        target["message"],
        "DescribeFileSystems: the role of the function may not do this (AccessDeniedException)"
    );
    assert_eq!(target["evidence"]["status"], "ENABLING");
    assert_eq!(stage.local.changes().len(), 1);
}

#[tokio::test]
async fn a_region_that_hangs_costs_its_own_targets_alone() {
    const ELSEWHERE: &str = "eu-north-1";
    let sources = (1..=9).map(|number| format!("fs-{number:08x}"));
    let many = sources.clone().fold(World::empty(), |world, id| {
        world.with_file_system(HERE, FileSystem::new(&id))
    });
    let mut stage = Stage::with(many).await;
    stage.seconds_left = 900;
    let at = |region: &str, id: &str| json!({ "sourceFileSystemId": id, "destination": { "region": region } });
    let targets: Vec<Value> = sources
        .enumerate()
        .map(|(number, id)| at(if number < 8 { THERE } else { ELSEWHERE }, &id))
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
    let said = |number: usize| {
        answer.body["targets"][number]["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for number in 0..8 {
        assert!(
            ["out_of_time", "timeout"].contains(&said(number).as_str()),
            "{}",
            said(number)
        );
    }
    assert_eq!(said(8), "replication_enabling");
}

/// How many access points the large world's source has; more than a page of EFS's holds.
const MANY: usize = 117;
/// How many mount targets its replica is to have; a page of EFS's holds ten.
const MOUNTS: usize = 12;

/// Two sources whose replicas are in two Efs: one with many access points that differ in one
/// thing each, mount targets with several security groups, and a policy with a Deny, conditions and
/// ARNs of access points.
fn large_world() -> World {
    let arn =
        |kind: &str, id: &str| format!("arn:aws:elasticfilesystem:{HERE}:111122223333:{kind}/{id}");
    let point = |number: usize| {
        let id = format!("fsap-{number:017x}");
        let user = json!({ "Uid": 1000 + number % 3, "Gid": 1000 + number / 3 % 3, "SecondaryGids": [number / 9 % 3] });
        let owner = json!({
            "OwnerUid": number / 27 % 2, "OwnerGid": number / 54 % 2, "Permissions": if number < 108 { "0750" } else { "0755" },
        });
        // Those at the end differ in being without: a user, an owner of the folder.
        let (user, owner) = match number {
            115 => (Value::Null, owner),
            116 => (user, Value::Null),
            _ => (user, owner),
        };
        let mut point = json!({ "accessPointId": id, "clientToken": id, "tags": { "Name": format!("app{number}") } });
        let mut root = json!({ "Path": "/app" });
        if !owner.is_null() {
            root["CreationInfo"] = owner;
        }
        if !user.is_null() {
            point["posixUser"] = user;
        }
        point["rootDirectory"] = root;
        serde_json::from_value::<AccessPoint>(point).unwrap()
    };
    let statement = |number: usize| {
        json!({
            "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "elasticfilesystem:ClientMount",
            "Resource": arn("file-system", SOURCE),
            "Condition": { "StringEquals": {
                "elasticfilesystem:AccessPointArn": arn("access-point", &format!("fsap-{number:017x}")),
            } },
        })
    };
    let deny = json!({
        "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "*", "Resource": arn("file-system", SOURCE),
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    });
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [deny, statement(0), statement(MANY - 1)] });
    let mut world = world().with_file_system(HERE, FileSystem::new("fs-00000002"));
    let source = world.file_system(HERE, SOURCE).unwrap();
    source.access_points = (0..MANY).map(point).collect();
    source.policy = Some(policy.to_string());
    for number in 0..MOUNTS {
        let zone = char::from(b'a' + u8::try_from(number).unwrap());
        let subnet = json!({ "region": THERE, "availabilityZoneName": format!("{THERE}{zone}"), "vpcId": "vpc-00000001" });
        world
            .subnets
            .insert(subnet_id(number), serde_json::from_value(subnet).unwrap());
    }
    world
}

fn subnet_id(number: usize) -> String {
    format!("subnet-{number:08x}")
}

/// Asks for both replicas with everything, one with a key by its alias.
fn all_of_the_large_world() -> Value {
    let groups = [
        ["sg-00000002", "sg-00000001"],
        ["sg-00000001", "sg-00000002"],
        ["sg-00000003", "sg-00000001"],
    ];
    let mount = |number: usize| json!({ "subnetId": subnet_id(number), "securityGroups": groups[number % 3] });
    let mut event = request(json!({
        "sourceFileSystemId": SOURCE,
        "destination": { "region": THERE, "kmsKeyId": "alias/replicas" },
        "replica": {
            "accessPoints": "copy", "policy": "copy",
            "mountTargets": (0..MOUNTS).map(mount).collect::<Vec<_>>(),
        },
    }));
    let other =
        json!({ "sourceFileSystemId": "fs-00000002", "destination": { "region": "eu-north-1" } });
    event["targets"].as_array_mut().unwrap().push(other);
    event
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, from beginning to end")]
async fn a_large_world_is_furnished_part_by_part_and_nothing_twice() {
    let stage = Stage::with(large_world()).await;
    let event = all_of_the_large_world();
    let mut said = Vec::new();
    let mut furnishing = Value::Null;
    for minutes in [0, 10, 10, 60, 0] {
        stage.wait(minutes);
        let answer = stage.deliver(&event).await;
        let reason = |target: usize| {
            answer.body["targets"][target]["reason"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        said.push([reason(0), reason(1)]);
        if said.len() == 2 {
            furnishing = answer.body["targets"][0]["evidence"].clone();
        }
    }
    let expected = [
        ["replication_enabling", "replication_enabling"],
        ["parts_not_available", "replica_usable"],
        ["replica_usable", "replica_usable"],
        ["replica_usable", "replica_usable"],
        ["replica_usable", "replica_usable"],
    ];
    assert_eq!(said, expected);

    // The evidence of what was made, and of what was still to be seen.
    let created = furnishing["created"].as_array().unwrap();
    assert_eq!(created[0], "create a mount target in subnet-00000000");
    assert_eq!(
        created[3],
        format!("and {} more like these, {MOUNTS} in all", MOUNTS - 3)
    );
    assert_eq!(
        created[7],
        format!("and {} more like these, {MANY} in all", MANY - 3)
    );
    assert_eq!(created[8], "merge the source's file system policy");
    assert_eq!(furnishing["differs"], json!([]));

    let times = |operation: &str| {
        stage
            .local
            .changes()
            .iter()
            .filter(|change| change.starts_with(operation))
            .count()
    };
    let made = [
        "CreateReplicationConfiguration",
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutFileSystemPolicy",
    ];
    assert_eq!(made.map(times), [2, MOUNTS, MANY, 1]);

    let (world, replica) = (stage.local.world(), stage.replica());
    let source = world
        .file_systems(HERE)
        .find(|of| of.file_system_id == SOURCE)
        .unwrap();
    assert_eq!(replica.kms_key_id.as_deref(), Some("alias/replicas"));
    assert_eq!(replica.access_points.len(), MANY);
    for wanted in &source.access_points {
        let like = |point: &&AccessPoint| {
            (&point.posix_user, &point.root_directory)
                == (&wanted.posix_user, &wanted.root_directory)
        };
        let found: Vec<&AccessPoint> = replica.access_points.iter().filter(like).collect();
        let [made] = found[..] else {
            panic!(
                "{} has {} counterparts",
                wanted.access_point_id,
                found.len()
            )
        };
        let end = |id: &str| id[id.len().saturating_sub(28)..].to_owned();
        assert_eq!(
            made.client_token,
            format!(
                "drover-{}-{}",
                end(&replica.file_system_id),
                end(&wanted.access_point_id)
            )
        );
        assert_eq!(made.tags, wanted.tags);
    }

    // The policy is the source's in the replica's names.
    let counterpart = |number: usize| {
        let tags = &source.access_points[number].tags;
        let point = replica
            .access_points
            .iter()
            .find(|point| point.tags == *tags)
            .unwrap();
        (
            source.access_points[number].access_point_id.clone(),
            point.access_point_id.clone(),
        )
    };
    let mut expected = source
        .policy
        .clone()
        .unwrap()
        .replace(HERE, THERE)
        .replace(SOURCE, &replica.file_system_id);
    for (from, to) in [counterpart(0), counterpart(MANY - 1)] {
        expected = expected.replace(&from, &to);
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(&replica.policy.unwrap()), json(&expected));
    assert_eq!(world.file_systems("eu-north-1").count(), 1);
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_not_taken_for_none() {
    for region in [HERE, THERE] {
        let stage = Stage::with(furnished_source()).await;
        stage.deliver(&furnished()).await;
        stage.wait(10);
        stage.local.inject(Fault {
            times: 9,
            ..Fault::next("DescribeFileSystemPolicy", FaultKind::AccessDenied).in_region(region)
        });
        let answer = stage.deliver(&furnished()).await;
        assert_eq!(answer.said(), "permanent access_denied -> Permanent");
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

/// The SDK would have asked a second time, been told that the subnet has a mount target, and told
/// that alone.
#[tokio::test]
async fn a_mount_target_whose_answer_was_lost_is_asked_for_once() {
    let stage = Stage::with(furnished_source()).await;
    stage.deliver(&furnished()).await;
    stage.wait(10);
    stage.fault("CreateMountTarget", FaultKind::Truncated, 1);
    assert_eq!(
        stage.said(&furnished()).await,
        "pending parts_not_available"
    );
    let asked = stage
        .local
        .journal()
        .iter()
        .filter(|call| call.operation == "CreateMountTarget")
        .count();
    assert_eq!(asked, 1);
    stage.changes();
}

/// In virtual time, which nothing but waiting takes.
#[tokio::test(start_paused = true)]
async fn what_a_call_learns_of_throttles_the_next_one_waits_for() {
    let config = aws_sdk_efs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Answers::new(Answers::THROTTLED, (404, "FileSystemNotFound", "{}")).client())
        .region(Region::new(HERE))
        .credentials_provider(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "not-a-secret",
            None,
            None,
            "tests",
        ))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    let (efs, policy) = (
        Efs::new(config.build()),
        Policy::from_lookup(|_| None).unwrap(),
    );
    efs.warm_up().await;
    let throttled = tokio::time::Instant::now();
    let invocation = Invocation {
        now: Utc::now(),
        deadline: throttled + Duration::from_secs(900),
    };
    let answer = Answer::of(handle(&new_replica().to_string(), invocation, &efs, &policy).await);
    assert_eq!(answer.said(), "refused not_found");
    // The pause after a first throttle.
    assert!(
        throttled.elapsed() >= Duration::from_millis(490),
        "{:?}",
        throttled.elapsed()
    );
}

/// Each call is reckoned at its slowest, 20 seconds; a step wants one more than the look that
/// follows it.
#[tokio::test]
async fn a_step_is_taken_only_if_the_look_after_it_can_end() {
    for (seconds, said) in [
        (99, "pending out_of_time"),
        (101, "pending replication_enabling"),
    ] {
        let mut stage = Stage::new().await;
        stage.seconds_left = seconds;
        assert_eq!(stage.said(&new_replica()).await, said, "{seconds}");
        stage.changes();
    }
    // The look at the parts of both sides is 14 calls, and one more for a mount target.
    for (seconds, said) in [
        (319, "pending out_of_time"),
        (321, "pending parts_not_available"),
    ] {
        let mut stage = Stage::with(furnished_source()).await;
        stage.deliver(&furnished()).await;
        stage.wait(10);
        stage.seconds_left = seconds;
        assert_eq!(stage.said(&furnished()).await, said, "{seconds}");
        stage.changes();
    }
}

#[tokio::test]
async fn a_key_that_is_turned_back_before_the_overwrite_counts() {
    let stage = Stage::with(beside_existing()).await;
    stage.local.change(|world| {
        let existing = world.file_system(THERE, EXISTING).unwrap();
        existing
            .tags
            .insert("drover:protected".to_owned(), String::new());
    });
    // The first look lags behind and does not show the protection.
    stage
        .local
        .inject(Fault::next("DescribeFileSystems", FaultKind::StaleRead).in_region(THERE));
    assert_eq!(stage.said(&over_existing()).await, "refused protected");
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn a_paused_or_broken_replication_is_told_with_efss_own_words() {
    for (status, reason) in [
        ("PAUSED", "replication_paused"),
        ("ERROR", "replication_in_error"),
    ] {
        let stage = Stage::new().await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        stage.local.change(|world| {
            world.replications[0].ordered = Some(OrderedStatus {
                status: status.to_owned(),
                message: "the key is gone".to_owned(),
            })
        });
        for _ in 0..2 {
            let answer = stage.deliver(&new_replica()).await;
            assert_eq!(answer.said(), format!("failed {reason}"));
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

#[tokio::test]
async fn plan_mode_shows_the_plan_and_changes_nothing() {
    let mut stage = Stage::with(beside_existing()).await;
    stage.policy.guardrails.mode = Mode::Plan;
    let answer = stage.deliver(&over_existing()).await;
    assert_eq!(answer.said(), "planned plan_mode");
    let plan = &answer.body["targets"][0]["plan"];
    assert_eq!(
        *plan,
        json!([format!(
            "replicate to {EXISTING} in {THERE}, whose contents are overwritten"
        )])
    );
    assert_eq!(stage.changes(), [""; 0]);
}

#[tokio::test]
async fn a_late_duplicate_finds_the_destination_locked_after_a_failback() {
    let stage = Stage::with(beside_existing()).await;
    stage.deliver(&over_existing()).await;
    stage.wait(30);
    stage
        .local
        .change(|world| world.stop_replicating(HERE, SOURCE, false))
        .unwrap();
    stage.wait(30);
    for _ in 0..2 {
        assert_eq!(
            stage.said(&over_existing()).await,
            "refused overwrite_protection_enabled"
        );
    }
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn what_efs_does_not_take_yet_is_waited_for() {
    let mut world = furnished_source();
    world.behaviour.writes_while_replicating = Reply::Conflict;
    let stage = Stage::with(world).await;
    stage.deliver(&furnished()).await;
    stage.wait(10);
    for _ in 0..2 {
        assert_eq!(stage.said(&furnished()).await, "pending not_ready_yet");
    }
    let made = [
        "CreateReplicationConfiguration",
        "CreateMountTarget",
        "PutBackupPolicy",
        "TagResource",
    ];
    assert_eq!(stage.changes(), made);
}

#[tokio::test]
async fn nothing_is_begun_that_could_not_be_looked_at_afterwards() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 60;
    assert_eq!(stage.said(&new_replica()).await, "pending out_of_time");
    assert_eq!(stage.changes(), [""; 0]);
}

/// Every kind of fault at an operation, three in a row, what is said then, and what changed in all
/// after the next delivery.
async fn with_faults(operation: &str) -> String {
    let tell = async |kind: FaultKind| {
        let stage = Stage::with(furnished_source()).await;
        if operation != "CreateReplicationConfiguration" {
            stage.deliver(&furnished()).await;
            stage.wait(10);
        }
        stage.fault(operation, kind, 3);
        let first = stage.said(&furnished()).await;
        stage.local.change(|world| world.faults.clear());
        for _ in 0..4 {
            stage.wait(15);
            stage.deliver(&furnished()).await;
        }
        let last = stage.said(&furnished()).await;
        let changes = stage.changes();
        let times = changes.iter().filter(|change| *change == operation).count();
        format!(
            "{kind:?}: {first}; then {last}, {times} in all, {} changes\n",
            changes.len()
        )
    };
    join_all(FAULTS_OF_A_CHANGE.map(tell)).await.concat()
}

/// The SDK would have asked a second time, been told that the source is replicated already, and
/// told that alone: a replication that exists would have been called refused for good.
#[tokio::test]
async fn a_replication_whose_answer_was_lost_is_never_called_refused() {
    let stage = Stage::new().await;
    stage.fault("CreateReplicationConfiguration", FaultKind::Truncated, 1);
    let lagging = Fault::next("DescribeReplicationConfigurations", FaultKind::StaleRead);
    stage.local.inject(Fault { skip: 1, ..lagging });
    assert_eq!(
        stage.said(&new_replica()).await,
        "indeterminate no_answer -> Retryable"
    );
    assert_eq!(
        stage.said(&new_replica()).await,
        "pending replication_enabling"
    );
    let created = stage
        .local
        .journal()
        .iter()
        .filter(|call| call.operation == "CreateReplicationConfiguration")
        .count();
    assert_eq!(created, 1);
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn a_replication_that_was_throttled_is_asked_for_again_at_once() {
    let stage = Stage::new().await;
    stage.fault("CreateReplicationConfiguration", FaultKind::Throttle, 2);
    assert_eq!(
        stage.said(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), ["CreateReplicationConfiguration"]);
}

#[tokio::test]
async fn lasting_faults_at_the_replication_are_told_truly() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        InternalError: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Unavailable: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        AccessDenied: permanent access_denied -> Permanent; then already_done replica_usable, 1 in all, 8 changes
        ExpiredToken: retryable credentials_expired -> Retryable; then already_done replica_usable, 1 in all, 8 changes
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
async fn lasting_faults_at_a_part_are_told_truly() {
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        InternalError: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Unavailable: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        AccessDenied: permanent access_denied -> Permanent; then already_done replica_usable, 1 in all, 8 changes
        ExpiredToken: retryable credentials_expired -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetBefore: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        HangBefore: indeterminate timeout -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        HangAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        LateEffect: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Truncated: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
    "#]]
    .assert_eq(&with_faults("CreateAccessPoint").await);
    expect![[r#"
        Throttle: retryable throttled -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        InternalError: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Unavailable: indeterminate service_error -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        AccessDenied: permanent access_denied -> Permanent; then already_done replica_usable, 1 in all, 8 changes
        ExpiredToken: retryable credentials_expired -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetBefore: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        ResetAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        HangBefore: indeterminate timeout -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        HangAfter: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
        LateEffect: indeterminate no_answer -> Retryable; then already_done replica_usable, 1 in all, 8 changes
        Truncated: pending parts_not_available; then already_done replica_usable, 1 in all, 8 changes
    "#]]
    .assert_eq(&with_faults("CreateMountTarget").await);
}

#[tokio::test]
async fn nothing_is_changed_on_the_strength_of_a_look_that_failed() {
    for operation in ["DescribeFileSystems", "DescribeReplicationConfigurations"] {
        for kind in [
            FaultKind::Throttle,
            FaultKind::Unavailable,
            FaultKind::AccessDenied,
            FaultKind::Truncated,
        ] {
            let stage = Stage::new().await;
            stage.fault(operation, kind, 3);
            let said = stage.said(&new_replica()).await;
            assert!(
                said.ends_with("Retryable") || said.ends_with("Permanent"),
                "{operation} {kind:?}: {said}"
            );
            assert_eq!(stage.local.changes(), [""; 0]);
        }
    }
}
