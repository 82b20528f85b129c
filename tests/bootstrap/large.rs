//! A replica with more parts than a page of EFS holds.

use emulator::{
    World,
    efs_world::{AccessPoint, FileSystem},
};
use expect_test::expect;
use serde_json::{Value, json};

use crate::stage::efs::{HERE, SOURCE, Stage, THERE, request, world};

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
async fn a_large_replica_is_provisioned_part_by_part_and_nothing_twice() {
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
