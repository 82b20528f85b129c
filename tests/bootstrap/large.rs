//! A replica with more parts than a page of EFS holds.

use emulator::{AccessPoint, FileSystem, World};
use serde_json::{Value, json};

use crate::stage::efs::{HERE, SOURCE, Stage, THERE, request, world};

/// How many access points the large world's source has; more than a page of EFS's holds.
const MANY: usize = 117;

/// How many mount targets its replica is to have; a page of EFS's holds ten.
const MOUNTS: usize = 12;

/// Two sources whose replicas are in two Regions: one with many access points that differ in one
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
    let source = world.efs.file_system(HERE, SOURCE).unwrap();
    source.access_points = (0..MANY).map(point).collect();
    source.policy = Some(policy.to_string());

    for number in 0..MOUNTS {
        let zone = char::from(b'a' + u8::try_from(number).unwrap());
        let subnet = json!({ "region": THERE, "availabilityZoneName": format!("{THERE}{zone}"), "vpcId": "vpc-00000001" });
        world
            .efs
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

/// The large replica, five deliveries later: the stage, the reasons of both targets after each
/// delivery, and the evidence of the delivery that provisioned it.
async fn provisioned_large_replica() -> (Stage, Vec<[String; 2]>, Value) {
    let stage = Stage::with(large_world()).await;
    let event = all_of_the_large_world();
    let mut reasons = Vec::new();
    let mut evidence = Value::Null;

    for minutes in [0, 10, 10, 60, 0] {
        stage.wait(minutes);
        let answer = stage.deliver(&event).await;
        let reason = |target: usize| {
            let reason = &answer.body["targets"][target]["reason"];
            reason.as_str().unwrap().to_owned()
        };
        reasons.push([reason(0), reason(1)]);

        if reasons.len() == 2 {
            evidence = answer.body["targets"][0]["evidence"].clone();
        }
    }

    (stage, reasons, evidence)
}

#[tokio::test]
async fn a_large_replica_is_provisioned_part_by_part_and_nothing_twice() {
    let (stage, reasons, evidence) = provisioned_large_replica().await;
    let expected = [
        ["replication_enabling", "replication_enabling"],
        ["parts_not_available", "replica_usable"],
        ["replica_usable", "replica_usable"],
        ["replica_usable", "replica_usable"],
        ["replica_usable", "replica_usable"],
    ];
    assert_eq!(reasons, expected);

    // The evidence of what was created, and of what no read showed yet.
    let created = evidence["created"].as_array().unwrap();
    let (more_mounts, more_points) = (MOUNTS - 3, MANY - 3);
    let first = "create a mount target in subnet-00000000 with sg-00000001, sg-00000002";
    assert_eq!(created[0], first);
    let mounts = format!("and {more_mounts} more like these, {MOUNTS} in all");
    assert_eq!(created[3], mounts);
    let points = format!("and {more_points} more like these, {MANY} in all");
    assert_eq!(created[7], points);
    assert_eq!(created[8], "merge the source's file system policy");
    assert_eq!(evidence["differs"], json!([]));

    let times = |operation: &str| {
        let changes = stage.local.changes();
        let of_operation = changes
            .iter()
            .filter(|change| change.starts_with(operation));
        of_operation.count()
    };
    let operations = [
        "CreateReplicationConfiguration",
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutFileSystemPolicy",
    ];
    assert_eq!(operations.map(times), [2, MOUNTS, MANY, 1]);
    assert_eq!(
        stage.local.world().efs.file_systems("eu-north-1").count(),
        1
    );
}

/// The source and the replica.
fn both_sides(stage: &Stage) -> (FileSystem, FileSystem) {
    let world = stage.local.world();
    let mut sources = world.efs.file_systems(HERE);
    let source = sources.find(|file_system| file_system.file_system_id == SOURCE);

    (source.unwrap().clone(), stage.replica())
}

#[tokio::test]
async fn every_access_point_of_a_large_source_has_one_counterpart() {
    let (stage, ..) = provisioned_large_replica().await;
    let (source, replica) = both_sides(&stage);
    assert_eq!(replica.kms_key_id.as_deref(), Some("alias/replicas"));
    assert_eq!(replica.access_points.len(), MANY);

    for original in &source.access_points {
        let is_like = |point: &&AccessPoint| {
            point.posix_user == original.posix_user
                && point.root_directory == original.root_directory
        };
        let id = &original.access_point_id;
        let found: Vec<&AccessPoint> = replica.access_points.iter().filter(is_like).collect();
        let [copy] = found[..] else {
            panic!("{id} has {} counterparts", found.len())
        };

        let end = |id: &str| id[id.len().saturating_sub(28)..].to_owned();
        let token = format!("drover-{}-{}", end(&replica.file_system_id), end(id));
        assert_eq!(copy.client_token, token);
        assert_eq!(copy.tags, original.tags);
    }
}

/// The policy is the source's with the names of the replica.
#[tokio::test]
async fn the_policy_of_a_large_source_is_translated() {
    let (stage, ..) = provisioned_large_replica().await;
    let (source, replica) = both_sides(&stage);
    let policy = source.policy.unwrap();
    let mut expected = policy
        .replace(HERE, THERE)
        .replace(SOURCE, &replica.file_system_id);

    // The access points that the policy names have counterparts with the same tags.
    for number in [0, MANY - 1] {
        let original = &source.access_points[number];
        let mut copies = replica.access_points.iter();
        let copy = copies.find(|point| point.tags == original.tags).unwrap();
        expected = expected.replace(&original.access_point_id, &copy.access_point_id);
    }

    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(&replica.policy.unwrap()), json(&expected));
}
