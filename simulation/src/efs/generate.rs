//! Accounts with file systems, and requests for them, generated from a seed.

use bootstrap_efs_replication::command::DETAIL_TYPE;
use emulator::{AccessPoint, Behaviour, FileSystem, MountTarget, Refusal, World};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, HERE, PROTECTED, RIVAL, THERE, epoch},
    dice::{Draws, chance, expiry, hours_to_expiry, numbers, reply, requests, scenario, wrapped},
    efs::{REPLICATE_TO, changes::Change},
    scenario::{self, Request, Scenario, Variables},
};

/// The ID of a source.
pub(crate) fn source(number: usize) -> String {
    format!("fs-0000000{number}")
}

/// The ID of a file system that a replication may overwrite.
pub(crate) fn existing(number: usize) -> String {
    format!("fs-000000e{number}")
}

/// A scenario from a seed.
pub(crate) fn generate(seed: u64) -> Scenario {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let count = rng.usize(1..=4);
    let world = world(rng, count);
    // The requests, of which one in ten is an event of CloudTrail.
    let mut requests = requests(rng, |rng, change| request(rng, change, count));

    if chance(rng, 10) {
        let number = rng.usize(1..=count);
        requests[0] = tagged_or_created(rng, number);
    }

    let draws = Draws {
        count,
        change,
        afterwards: |_, number| Change::EndReplication(source(number)).into(),
        variables,
        faults: 20,
        timeouts: [600, 600, 900],
    };
    scenario(rng, seed, world, requests, &draws)
}

fn variables(rng: &mut fastrand::Rng) -> Variables {
    let allows_all = chance(rng, 85);
    let mode = if chance(rng, 94) { "enforce" } else { "plan" };
    let max_targets = rng.choice(["2", "10", "10", "10"]).unwrap_or("10");
    let regions = if allows_all {
        "*"
    } else {
        "eu-north-1,us-east-1"
    };

    vec![
        ("MODE", mode.to_owned()),
        ("MAX_TARGETS", max_targets.to_owned()),
        ("REPLICA_REGIONS", regions.to_owned()),
    ]
}

fn change(rng: &mut fastrand::Rng, count: usize) -> scenario::Change {
    let number = rng.usize(1..=count);
    let change = match rng.u8(0..11) {
        0 => Change::Updates(source(number)),
        1 => Change::BecomesAvailable(source(number)),
        // Locking is the operators' way to stop an overwrite.
        2 | 3 => Change::Lock(existing(number)),
        4 => Change::Unlock(existing(number)),
        5 => Change::Unapprove(existing(number)),
        6 => Change::Protect(existing(number)),
        7 => Change::EndReplication(source(number)),
        8 => Change::Pause(source(number)),
        9 => Change::Resume(source(number)),
        _ => Change::Retag(source(number)),
    };

    change.into()
}

fn world(rng: &mut fastrand::Rng, count: usize) -> World {
    let mut world = World {
        now: epoch(),
        behaviour: behaviour(rng),
        ..World::empty()
    };

    for number in 1..=count {
        // Each source has a counterpart that may be overwritten.
        let source = source_file_system(rng, number);
        let existing = existing_file_system(rng, number);
        world = world
            .with_file_system(HERE, source)
            .with_file_system(THERE, existing);
        world = with_replications(rng, world, number);
    }

    world
}

fn behaviour(rng: &mut fastrand::Rng) -> Behaviour {
    Behaviour {
        page_size: *rng.choice(&[1, 2, 50]).unwrap_or(&50),
        // AWS documents more than one answer for these.
        second_replication: refusal(rng),
        protected_destination: refusal(rng),
        writes_while_replicating: reply(rng),
        mount_targets_while_enabling: reply(rng),
        backup_on_regional_replica: rng.bool(),
        enabled_after_first_sync: rng.bool(),
        ..Behaviour::default()
    }
}

fn refusal(rng: &mut fastrand::Rng) -> Refusal {
    if rng.bool() {
        Refusal::BadRequest
    } else {
        Refusal::Conflict
    }
}

/// A few of the file systems are part of a replication from the start.
fn with_replications(rng: &mut fastrand::Rng, mut world: World, number: usize) -> World {
    // The source may have a replica already.
    let is_replicated = chance(rng, 8);
    if is_replicated {
        let replica = format!("fs-000000f{number}");
        world = world.with_file_system(THERE, FileSystem::new(&replica));
        world
            .efs
            .bind((HERE, &source(number)), (THERE, &replica), world.now);
    }

    // Or be a replica itself: EFS does not chain replications.
    if chance(rng, 6) && !is_replicated {
        let original = format!("fs-000000c{number}");
        world = world.with_file_system(THERE, FileSystem::new(&original));
        world
            .efs
            .bind((THERE, &original), (HERE, &source(number)), world.now);
    }

    // The file system that may be overwritten may have a replica of its own.
    if chance(rng, 6) {
        let replica = format!("fs-000000d{number}");
        world = world.with_file_system(HERE, FileSystem::new(&replica));
        world
            .efs
            .bind((THERE, &existing(number)), (HERE, &replica), world.now);
    }

    world
}

fn source_file_system(rng: &mut fastrand::Rng, number: usize) -> FileSystem {
    let mut source = FileSystem::new(&source(number))
        .tagged("Name", "data")
        .tagged("aws:cloudformation:stack-name", "app");
    add_source_tags(rng, &mut source);

    // The larger the source, the longer its first sync.
    source.size_bytes = rng.u64(1..100_000_000_000);
    source.encrypted = chance(rng, 85);
    if chance(rng, 60) {
        source.access_points = access_points(number);
    }
    if chance(rng, 50) {
        source.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
    }
    if chance(rng, 40) {
        source.policy = Some(policy(&source.file_system_id));
    }
    if chance(rng, 5) {
        "updating".clone_into(&mut source.life_cycle_state);
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

fn access_points(number: usize) -> Vec<AccessPoint> {
    from_json(json!([{
        "accessPointId": format!("fsap-0000000{number}"),
        "clientToken": "app",
        "tags": { "Name": "app", APPROVED: CHANGE },
        "posixUser": { "Uid": 1000, "Gid": 1000 },
        "rootDirectory": { "Path": "/app" },
    }]))
}

fn policy(file_system: &str) -> String {
    let arn = format!("arn:aws:elasticfilesystem:{HERE}:111122223333:file-system/{file_system}");
    let statement = json!({
        "Sid": "app",
        "Effect": "Allow",
        "Principal": { "AWS": "*" },
        "Action": ["elasticfilesystem:ClientMount"],
        "Resource": arn,
    });

    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn existing_file_system(rng: &mut fastrand::Rng, number: usize) -> FileSystem {
    let mut existing = FileSystem::new(&existing(number));
    existing.encrypted = chance(rng, 90);

    let approval = match rng.u8(0..100) {
        0..70 => Some(CHANGE),
        70..85 => Some(RIVAL),
        _ => None,
    };
    if let Some(request) = approval {
        existing
            .tags
            .insert(APPROVED.to_owned(), request.to_owned());
    }
    if chance(rng, 8) {
        existing.tags.insert(PROTECTED.to_owned(), String::new());
    }
    if chance(rng, 75) {
        "DISABLED".clone_into(&mut existing.protection);
    }
    if chance(rng, 30) {
        // A mount target in the requested subnet, with the requested group or another one.
        let group = if rng.bool() {
            "sg-00000001"
        } else {
            "sg-00000002"
        };
        existing.mount_targets = mount_targets(number, group);
    }

    existing
}

fn mount_targets(number: usize, security_group: &str) -> Vec<MountTarget> {
    from_json(json!([{
        "mountTargetId": format!("fsmt-0000000{number}"),
        "subnetId": "subnet-00000001",
        "ipAddress": "192.0.2.1",
        "availabilityZoneName": "eu-west-1a",
        "securityGroups": [security_group],
    }]))
}

/// What a world file would have in this place.
pub(crate) fn from_json<T: DeserializeOwned>(value: Value) -> Vec<T> {
    serde_json::from_value(value).expect("a list as in a world file")
}

fn request(rng: &mut fastrand::Rng, change: &str, count: usize) -> Request {
    let targets: Vec<Value> = numbers(rng, count, 3)
        .into_iter()
        .map(|number| target(rng, number))
        .collect();
    let hours = hours_to_expiry(rng);
    let detail = json!({
        "version": 1,
        "requestID": change,
        "expiresAt": expiry(hours),
        "targets": targets,
        "dryRun": chance(rng, 8),
    });

    wrapped(rng, detail, DETAIL_TYPE)
}

fn target(rng: &mut fastrand::Rng, number: usize) -> Value {
    let id = if chance(rng, 3) {
        "fs-00000099".to_owned()
    } else {
        source(number)
    };
    let existing = existing(number);

    let mut target = match rng.u8(0..100) {
        // To a new file system: in the Region, in one zone, or in a zone of another Region.
        0..50 => json!({ "destination": { "region": THERE } }),
        50..60 => json!({ "destination": { "availabilityZoneName": "eu-west-1a" } }),
        60..62 => json!({
            "destination": { "region": THERE, "availabilityZoneName": "eu-central-1a" },
        }),
        // Over an existing one.
        62..93 => json!({
            "destination": { "region": THERE, "fileSystemId": existing },
            "overwrite": existing,
        }),
        // The overwrite is not confirmed.
        _ => json!({ "destination": { "region": THERE, "fileSystemId": existing } }),
    };
    target["sourceFileSystemId"] = json!(id);
    target["acceptNoFailback"] = json!(chance(rng, 50));
    if chance(rng, 50) {
        target["replica"] = replica(rng);
    }

    target
}

/// The parts that a replica is to have.
fn replica(rng: &mut fastrand::Rng) -> Value {
    // Every part is copied, left, or not mentioned.
    let part = |rng: &mut fastrand::Rng| if rng.bool() { "copy" } else { "leave" };
    let mut replica = json!({
        "accessPoints": part(rng),
        "lifecycle": part(rng),
        "policy": part(rng),
        "tags": part(rng),
    });

    if rng.bool() {
        let mount_target =
            json!({ "subnetId": "subnet-00000001", "securityGroups": ["sg-00000001"] });
        replica["mountTargets"] = json!([mount_target]);
    }
    if rng.bool() {
        let backup = if rng.bool() { "enabled" } else { "disabled" };
        replica["backup"] = json!(backup);
    }

    replica
}

/// The event of a file system that was tagged or created, which asks for what its tag says.
fn tagged_or_created(rng: &mut fastrand::Rng, number: usize) -> Request {
    let id = source(number);
    let mut detail = if rng.bool() {
        json!({ "eventName": "TagResource", "requestParameters": { "resourceId": id } })
    } else {
        json!({ "eventName": "CreateFileSystem", "responseElements": { "fileSystemId": id } })
    };
    detail["eventSource"] = json!("elasticfilesystem.amazonaws.com");

    // CloudTrail wraps the call in an event of EventBridge.
    let event = json!({
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "source": "aws.elasticfilesystem",
        "detail-type": "AWS API Call via CloudTrail",
        "account": "111122223333",
        "region": HERE,
        "time": "2027-01-15T08:00:00Z",
        "resources": [],
        "detail": detail,
    });

    Request::native(
        &id,
        &event,
        json!({ "targets": [{ "sourceFileSystemId": id }] }),
    )
}
