//! File systems with everything that they may have, drawn from a seed.

use emulator::{AccessPoint, FileSystem, MountTarget};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, HERE, OTHERS, PROTECTED, RIVAL, THERE, UNHEARD_OF},
    dice::chance,
    efs::REPLICATE_TO,
};

/// The keys of the account in the Region of the replicas.
pub(crate) const KEYS: [&str; 2] = [
    "arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111",
    "arn:aws:kms:eu-west-1:111122223333:key/22222222-2222-2222-2222-222222222222",
];

/// The most tags of a file system.
const MAX_TAGS: usize = 50;

/// The ID of a source.
pub(crate) fn source(number: usize) -> String {
    format!("fs-0000000{number}")
}

/// The ID of a file system that a replication may overwrite.
pub(crate) fn existing(number: usize) -> String {
    format!("fs-000000e{number}")
}

/// A file system that may be replicated.
pub(crate) fn source_file_system(rng: &mut fastrand::Rng, number: usize) -> FileSystem {
    let mut source = FileSystem::new(&source(number))
        .tagged("Name", "data")
        .tagged("aws:cloudformation:stack-name", "app");
    add_source_tags(rng, &mut source);

    // The larger the source, the longer its first sync.
    source.size_bytes = rng.u64(1..100_000_000_000);
    source.encrypted = chance(rng, 85);
    if chance(rng, 70) {
        source.access_points = access_points(rng, number);
    }
    if chance(rng, 60) {
        source.lifecycle_policies = lifecycle(rng);
    }
    if chance(rng, 50) {
        source.policy = Some(policy(rng, &source));
    }

    if chance(rng, 1) {
        // The replica of a replication that nobody here may read.
        "REPLICATING".clone_into(&mut source.protection);
    }
    match rng.u8(0..100) {
        0..5 => "updating".clone_into(&mut source.life_cycle_state),
        5 => "error".clone_into(&mut source.life_cycle_state),
        6 => "deleting".clone_into(&mut source.life_cycle_state),
        _ => {}
    }
    source
}

fn add_source_tags(rng: &mut fastrand::Rng, source: &mut FileSystem) {
    // The tags of operators are not copied, and say nothing of a source.
    for tag in [APPROVED, PROTECTED] {
        if chance(rng, 10) {
            source.tags.insert(tag.to_owned(), CHANGE.to_owned());
        }
    }
    if chance(rng, 8) {
        fill_tags(source, "cost", rng.usize(20..MAX_TAGS));
    }

    let replicate_to = match rng.u8(0..100) {
        0..50 => Some(THERE),
        // People write the name of a Region as they say it.
        50..55 => Some("Ireland"),
        _ => None,
    };
    if let Some(region) = replicate_to {
        source
            .tags
            .insert(REPLICATE_TO.to_owned(), region.to_owned());
    }
}

/// Adds tags up to a number.
fn fill_tags(file_system: &mut FileSystem, prefix: &str, most: usize) {
    // AWS's own tags do not count.
    let own = |file_system: &FileSystem| {
        let keys = file_system.tags.keys();
        keys.filter(|key| !key.starts_with("aws:")).count()
    };

    for number in 0.. {
        if own(file_system) >= most {
            return;
        }
        file_system
            .tags
            .insert(format!("{prefix}-{number}"), "x".to_owned());
    }
}

/// What clients may find behind access points: each differs from the first in one thing.
fn roots() -> [(Value, Value); 9] {
    let user = |uid: u32, gid: u32, groups: Value| json!({ "Uid": uid, "Gid": gid, "SecondaryGids": groups });
    let created =
        |permissions: &str| json!({ "OwnerUid": 1, "OwnerGid": 2, "Permissions": permissions });
    let plain = || user(1000, 1000, json!([]));
    let app = || json!({ "Path": "/app" });

    [
        (plain(), app()),
        (plain(), json!({ "Path": "/data" })),
        (user(1001, 1000, json!([])), app()),
        (user(1000, 1001, json!([])), app()),
        (user(1000, 1000, json!([5, 6])), app()),
        (
            plain(),
            json!({ "Path": "/app", "CreationInfo": created("0750") }),
        ),
        (
            plain(),
            json!({ "Path": "/app", "CreationInfo": created("0755") }),
        ),
        (Value::Null, json!({ "Path": "/" })),
        // The same as the first one: EFS allows it.
        (plain(), app()),
    ]
}

fn access_points(rng: &mut fastrand::Rng, number: usize) -> Vec<AccessPoint> {
    // In any order, so that each of them is sometimes the one that is missing.
    let mut roots: Vec<(Value, Value)> = roots().into();
    rng.shuffle(&mut roots);
    roots.truncate(rng.usize(1..=6));

    let points = roots.into_iter().enumerate().map(|(index, (user, root))| {
        let state = match rng.u8(0..100) {
            0..3 => "error",
            3 => "deleting",
            _ => "available",
        };
        json!({
            "accessPointId": format!("fsap-000000{number}{index}"),
            "clientToken": format!("app-{number}-{index}"),
            "tags": { "Name": format!("app {index}"), APPROVED: CHANGE },
            "posixUser": user,
            "rootDirectory": root,
            "state": state,
        })
    });
    from_json(points.collect())
}

fn lifecycle(rng: &mut fastrand::Rng) -> Vec<Value> {
    let ia = |rule: &str| json!({ "TransitionToIA": rule });
    let archive = |rule: &str| json!({ "TransitionToArchive": rule });
    let primary = json!({ "TransitionToPrimaryStorageClass": "AFTER_1_ACCESS" });

    match rng.u8(0..4) {
        0 => vec![ia("AFTER_30_DAYS")],
        1 => vec![ia("AFTER_7_DAYS"), archive("AFTER_90_DAYS")],
        2 => vec![ia("AFTER_1_DAY"), primary, archive("AFTER_180_DAYS")],
        _ => vec![ia("AFTER_270_DAYS"), primary],
    }
}

/// A policy with one statement or several: allowing, denying, under a condition, of one access
/// point, and now and then of something that only exists in the source's Region.
fn policy(rng: &mut fastrand::Rng, source: &FileSystem) -> String {
    let arn =
        |kind: &str, id: &str| format!("arn:aws:elasticfilesystem:{HERE}:111122223333:{kind}/{id}");
    let file_system = arn("file-system", &source.file_system_id);
    let actions = actions(rng);
    let statement = |sid: &str, effect: &str, condition: Value| {
        let mut statement = json!({
            "Sid": sid,
            "Effect": effect,
            "Principal": { "AWS": "*" },
            "Action": actions,
            "Resource": file_system,
        });
        if condition.is_object() {
            statement["Condition"] = condition;
        }
        statement
    };
    let secure = |yes: &str| json!({ "Bool": { "aws:SecureTransport": yes } });

    let mut statements = vec![statement("app", "Allow", Value::Null)];
    if rng.bool() {
        statements.push(statement("tls", "Deny", secure("false")));
    }
    if chance(rng, 30) {
        // It differs from another statement in its condition alone.
        statements.push(statement("app2", "Allow", secure("true")));
    }
    if let Some(point) = source.access_points.first()
        && rng.bool()
    {
        let name = arn("access-point", &point.access_point_id);
        let condition = json!({ "StringEquals": { "elasticfilesystem:AccessPointArn": name } });
        statements.push(statement("point", "Allow", condition));
    }
    if chance(rng, 12) {
        // What means nothing on the other side: a network, and resources of the source's Region.
        let longer = format!("{file_system}0");
        let bound = [
            ("aws:SourceVpce", "vpce-0123456789abcdef0"),
            ("aws:SourceVpc", "vpc-0123456789abcdef0"),
            ("aws:SourceArn", "arn:aws:sns:us-east-1:111122223333:topic"),
            ("elasticfilesystem:AccessPointArn", &longer),
        ];
        let (key, value) = rng.choice(bound).unwrap_or(("aws:SourceVpc", "vpc-1"));
        let condition = json!({ "StringEquals": { key: value } });
        statements.push(statement("bound", "Deny", condition));
    }

    // A single statement may stand by itself, and a version may be left out.
    let statement = match statements.len() {
        1 if rng.bool() => statements.remove(0),
        _ => json!(statements),
    };
    let mut policy = json!({ "Version": "2012-10-17", "Statement": statement });
    if chance(rng, 15) {
        policy = json!({ "Statement": policy["Statement"] });
    }
    policy.to_string()
}

/// The actions of a statement in one of the ways in which people write the same.
fn actions(rng: &mut fastrand::Rng) -> Value {
    let [mount, write] = [
        "elasticfilesystem:ClientMount",
        "elasticfilesystem:ClientWrite",
    ];

    match rng.u8(0..4) {
        0 => json!(mount),
        1 => json!([mount]),
        2 => json!([mount, write]),
        _ => json!([write, mount]),
    }
}

/// A policy that the replica has already: what the source's says, or something else by its name.
fn own_policy(rng: &mut fastrand::Rng, existing: &FileSystem) -> String {
    let id = &existing.file_system_id;
    let effect = if chance(rng, 70) { "Allow" } else { "Deny" };
    let sid = if rng.bool() { "app" } else { "own" };

    let statement = json!({
        "Sid": sid,
        "Effect": effect,
        "Principal": { "AWS": "*" },
        "Action": actions(rng),
        "Resource": format!("arn:aws:elasticfilesystem:{THERE}:111122223333:file-system/{id}"),
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// A file system that a replication may overwrite.
pub(crate) fn existing_file_system(
    rng: &mut fastrand::Rng,
    number: usize,
    source: &FileSystem,
) -> FileSystem {
    let mut existing = FileSystem::new(&existing(number));
    existing.encrypted = chance(rng, 90);
    if existing.encrypted && chance(rng, 20) {
        existing.kms_key_id = Some(KEYS[0].to_owned());
    }
    add_keys(rng, &mut existing);
    add_parts(rng, &mut existing, number, source);

    match rng.u8(0..100) {
        0..2 => "error".clone_into(&mut existing.life_cycle_state),
        2 => "deleting".clone_into(&mut existing.life_cycle_state),
        _ => {}
    }
    // One of another account lets this one read it, and replicate to it.
    if chance(rng, 8) {
        existing.owner_id = Some(OTHERS.to_owned());
        existing.policy = Some(
            json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
                "Action": "*",
            }] })
            .to_string(),
        );
    }
    existing
}

/// What turns the keys to an overwrite: the approval, the protection, the lifted lock.
fn add_keys(rng: &mut fastrand::Rng, existing: &mut FileSystem) {
    let approval = match rng.u8(0..100) {
        0..75 => Some(CHANGE),
        75..86 => Some(RIVAL),
        86..88 => Some("chg1"),
        _ => None,
    };
    if let Some(request) = approval {
        existing
            .tags
            .insert(APPROVED.to_owned(), request.to_owned());
    }
    if chance(rng, 8) {
        // Whatever its value says.
        let value = *rng.choice(&["", "true", "false"]).unwrap_or(&"");
        existing.tags.insert(PROTECTED.to_owned(), value.to_owned());
    }
    match rng.u8(0..100) {
        0..80 => "DISABLED".clone_into(&mut existing.protection),
        80..82 => UNHEARD_OF.clone_into(&mut existing.protection),
        _ => {}
    }
}

/// What it has of its own, before it becomes a replica.
fn add_parts(
    rng: &mut fastrand::Rng,
    existing: &mut FileSystem,
    number: usize,
    source: &FileSystem,
) {
    if chance(rng, 30) {
        existing.mount_targets = mount_targets(rng, number);
    }
    if chance(rng, 30) {
        // Some of the source's access points, under their own IDs.
        for (index, point) in source.access_points.iter().enumerate() {
            if rng.bool() {
                continue;
            }
            let state = if chance(rng, 5) { "error" } else { "available" };
            existing.access_points.push(AccessPoint {
                access_point_id: format!("fsap-00000f{number}{index}"),
                client_token: format!("own-{number}-{index}"),
                state: state.to_owned(),
                ..point.clone()
            });
        }
    }

    // Settings that the source's replace, add to, or leave.
    if chance(rng, 20) {
        existing.lifecycle_policies = lifecycle(rng);
    }
    if chance(rng, 25) {
        existing.policy = Some(own_policy(rng, existing));
    }
    if chance(rng, 30) {
        existing.backup = Some(if rng.bool() { "ENABLED" } else { "DISABLED" }.to_owned());
    }
    match rng.u8(0..100) {
        0..8 => fill_tags(existing, "own", rng.usize(40..MAX_TAGS)),
        8..12 => fill_tags(existing, "own", MAX_TAGS),
        12..30 => _ = existing.tags.insert("Name".to_owned(), "other".to_owned()),
        _ => {}
    }
}

/// Mount targets in some of the subnets, with the requested security groups or others.
fn mount_targets(rng: &mut fastrand::Rng, number: usize) -> Vec<MountTarget> {
    let targets = (1..=rng.usize(1..=3)).map(|subnet| {
        let groups = match rng.u8(0..4) {
            0 => json!(["sg-00000009"]),
            1 => json!(["sg-00000002", "sg-00000001"]),
            _ => json!(["sg-00000001"]),
        };
        let state = if chance(rng, 5) { "error" } else { "available" };
        json!({
            "mountTargetId": format!("fsmt-000000{number}{subnet}"),
            "subnetId": format!("subnet-0000000{subnet}"),
            "ipAddress": format!("192.0.2.{subnet}"),
            "availabilityZoneName": zone(subnet),
            "securityGroups": groups,
            "state": state,
        })
    });

    from_json(targets.collect())
}

/// The zone of the subnet with a number, as in the emulator.
pub(crate) fn zone(subnet: usize) -> String {
    let letter = ["a", "b", "c"].get(subnet % 3).unwrap_or(&"a");

    format!("{THERE}{letter}")
}

/// What a world file would have in this place.
pub(crate) fn from_json<T: DeserializeOwned>(value: Value) -> Vec<T> {
    serde_json::from_value(value).expect("a list as in a world file")
}
