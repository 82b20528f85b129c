//! Accounts with file systems, and requests for them, out of a seed.

use bootstrap_efs_replication::command::DETAIL_TYPE;
use emulator::{
    World,
    efs_world::{AccessPoint, FileSystem, MountTarget, Refusal},
    world::{Behaviour, Reply},
};
use serde_json::{Value, json};

use crate::{
    dice::{
        CHANGE, RIVAL, afterwards, chance, deliveries, expiry, external_events, late, malformed,
        requests,
    },
    efs::REPLICATE_TO,
    scenario::{
        APPROVED, Change, FaultSchedule, Function, HERE, PROTECTED, Request, Scenario, THERE, epoch,
    },
};

pub(crate) fn source(number: usize) -> String {
    format!("fs-0000000{number}")
}

pub(crate) fn existing(number: usize) -> String {
    format!("fs-000000e{number}")
}

/// A simulation out of a seed.
pub(crate) fn generate(seed: u64) -> Scenario {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let count = rng.usize(1..=4);
    let world = world(rng, count);
    let mut requests = requests(rng, |rng, change| request(rng, change, count));
    if chance(rng, 10) {
        let number = rng.usize(1..=count);
        requests[0] = tagged(rng, number);
    }
    let early = deliveries(rng, requests.len());
    let external_events = external_events(rng, |rng| what(rng, count));
    let afterwards = afterwards(rng, count, |_, number| {
        Change::EndReplication(source(number))
    });
    let late = late(rng);
    let percent = if chance(rng, 85) { 30 } else { 0 };
    let regions = if chance(rng, 85) {
        "*"
    } else {
        "eu-north-1,us-east-1"
    };
    Scenario {
        function: Function::BootstrapEfsReplication,
        seed,
        world,
        variables: vec![
            (
                "MODE",
                if chance(rng, 94) { "enforce" } else { "plan" }.to_owned(),
            ),
            (
                "MAX_TARGETS",
                rng.choice(&["2", "10", "10", "10"])
                    .unwrap_or(&"10")
                    .to_string(),
            ),
            ("REPLICA_REGIONS", regions.to_owned()),
        ],
        requests,
        early,
        late,
        late_faults: rng.usize(0..4),
        external_events,
        afterwards,
        fault_schedule: FaultSchedule::Random {
            percent,
            left: rng.usize(4..20),
        },
        timeout_seconds: *rng.choice(&[600, 600, 900]).unwrap_or(&600),
    }
}

fn what(rng: &mut fastrand::Rng, count: usize) -> Change {
    let number = rng.usize(1..=count);
    match rng.u8(0..11) {
        0 => Change::SourceUpdates(source(number)),
        1 => Change::SourceIsAvailable(source(number)),
        2 | 3 => Change::Lock(existing(number)),
        4 => Change::Unlock(existing(number)),
        5 => Change::UnapproveFileSystem(existing(number)),
        6 => Change::ProtectFileSystem(existing(number)),
        7 => Change::EndReplication(source(number)),
        8 => Change::Pause(source(number)),
        9 => Change::Resume(source(number)),
        _ => Change::RetagFileSystem(source(number)),
    }
}

fn world(rng: &mut fastrand::Rng, count: usize) -> World {
    let mut world = World {
        now: epoch(),
        ..World::empty()
    };
    let reply = |rng: &mut fastrand::Rng| {
        if rng.bool() {
            Reply::Ok
        } else {
            Reply::Conflict
        }
    };
    let refusal = |rng: &mut fastrand::Rng| {
        if rng.bool() {
            Refusal::BadRequest
        } else {
            Refusal::Conflict
        }
    };
    world.behaviour = Behaviour {
        page_size: *rng.choice(&[1, 2, 50]).unwrap_or(&50),
        second_replication: refusal(rng),
        protected_destination: refusal(rng),
        writes_while_replicating: reply(rng),
        mount_targets_while_enabling: reply(rng),
        backup_on_regional_replica: rng.bool(),
        enabled_after_first_sync: rng.bool(),
        ..Behaviour::default()
    };
    for number in 1..=count {
        let of = a_source(rng, number);
        let there = an_existing(rng, number);
        world = world
            .with_file_system(HERE, of)
            .with_file_system(THERE, there);
        if chance(rng, 8) {
            let id = format!("fs-000000f{number}");
            world = world.with_file_system(THERE, FileSystem::new(&id));
            world.bind((HERE, &source(number)), (THERE, &id));
        }
        // A source may be somebody's replica.
        if chance(rng, 6) {
            let id = format!("fs-000000c{number}");
            world = world.with_file_system(THERE, FileSystem::new(&id));
            world.bind((THERE, &id), (HERE, &source(number)));
        }
        // What may be overwritten may be replicated itself.
        if chance(rng, 6) {
            let id = format!("fs-000000d{number}");
            world = world.with_file_system(HERE, FileSystem::new(&id));
            world.bind((THERE, &existing(number)), (HERE, &id));
        }
    }
    world
}

fn a_source(rng: &mut fastrand::Rng, number: usize) -> FileSystem {
    let mut of = FileSystem::new(&source(number))
        .tagged("Name", "data")
        .tagged("aws:cloudformation:stack-name", "app");
    for tag in [APPROVED, PROTECTED] {
        if chance(rng, 10) {
            of.tags.insert(tag.to_owned(), CHANGE.to_owned());
        }
    }
    match rng.u8(0..100) {
        0..50 => _ = of.tags.insert(REPLICATE_TO.to_owned(), THERE.to_owned()),
        50..55 => {
            _ = of
                .tags
                .insert(REPLICATE_TO.to_owned(), "Ireland".to_owned())
        }
        _ => {}
    }
    of.size_bytes = rng.u64(1..100_000_000_000);
    of.encrypted = chance(rng, 85);
    if chance(rng, 60) {
        let point = json!({ "accessPointId": format!("fsap-0000000{number}"), "clientToken": "app",
            "tags": { "Name": "app", APPROVED: CHANGE },
            "posixUser": { "Uid": 1000, "Gid": 1000 }, "rootDirectory": { "Path": "/app" } });
        of.access_points = serde_json::from_value::<AccessPoint>(point)
            .into_iter()
            .collect();
    }
    if chance(rng, 50) {
        of.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
    }
    if chance(rng, 40) {
        let arn = |kind: &str, id: &str| {
            format!("arn:aws:elasticfilesystem:{HERE}:111122223333:{kind}/{id}")
        };
        let statement = json!({ "Sid": "app", "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": ["elasticfilesystem:ClientMount"], "Resource": arn("file-system", &source(number)) });
        of.policy = Some(json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string());
    }
    if chance(rng, 5) {
        "updating".clone_into(&mut of.life_cycle_state);
    }
    of
}

fn an_existing(rng: &mut fastrand::Rng, number: usize) -> FileSystem {
    let mut there = FileSystem::new(&existing(number));
    there.encrypted = chance(rng, 90);
    match rng.u8(0..100) {
        0..70 => _ = there.tags.insert(APPROVED.to_owned(), CHANGE.to_owned()),
        70..85 => _ = there.tags.insert(APPROVED.to_owned(), RIVAL.to_owned()),
        _ => {}
    }
    if chance(rng, 8) {
        there.tags.insert(PROTECTED.to_owned(), String::new());
    }
    if chance(rng, 75) {
        "DISABLED".clone_into(&mut there.protection);
    }
    if chance(rng, 30) {
        let mounted = json!({ "mountTargetId": format!("fsmt-0000000{number}"), "subnetId": "subnet-00000001",
            "ipAddress": "192.0.2.1", "availabilityZoneName": "eu-west-1a",
            "securityGroups": [if rng.bool() { "sg-00000001" } else { "sg-00000002" }] });
        there.mount_targets = serde_json::from_value::<MountTarget>(mounted)
            .into_iter()
            .collect();
    }
    there
}

fn request(rng: &mut fastrand::Rng, change: &str, count: usize) -> Request {
    let mut numbers: Vec<usize> = (1..=count).collect();
    rng.shuffle(&mut numbers);
    numbers.truncate(rng.usize(1..=3));
    if chance(rng, 4) {
        numbers.extend(numbers.first().copied());
    }
    let targets: Vec<Value> = numbers
        .into_iter()
        .map(|number| target(rng, number))
        .collect();
    let hours = if chance(rng, 85) { 24 } else { rng.i64(1..4) };
    let detail = json!({ "version": 1, "requestID": change, "expiresAt": expiry(hours), "targets": targets,
        "dryRun": chance(rng, 8) });
    let inside = rng.bool().then_some(DETAIL_TYPE);
    if chance(rng, 6) {
        malformed(rng, detail)
    } else {
        Request::of(detail, inside)
    }
}

fn target(rng: &mut fastrand::Rng, number: usize) -> Value {
    let id = if chance(rng, 3) {
        "fs-00000099".to_owned()
    } else {
        source(number)
    };
    let mut target = match rng.u8(0..100) {
        0..50 => json!({ "sourceFileSystemId": id, "destination": { "region": THERE } }),
        50..60 => {
            json!({ "sourceFileSystemId": id, "destination": { "availabilityZoneName": "eu-west-1a" } })
        }
        60..62 => json!({ "sourceFileSystemId": id,
            "destination": { "region": THERE, "availabilityZoneName": "eu-central-1a" } }),
        62..93 => json!({ "sourceFileSystemId": id, "overwrite": existing(number),
            "destination": { "region": THERE, "fileSystemId": existing(number) } }),
        _ => json!({ "sourceFileSystemId": id,
            "destination": { "region": THERE, "fileSystemId": existing(number) } }),
    };
    target["acceptNoFailback"] = json!(chance(rng, 50));
    if chance(rng, 50) {
        let part = |rng: &mut fastrand::Rng| if rng.bool() { "copy" } else { "leave" };
        let mut replica = json!({ "accessPoints": part(rng), "lifecycle": part(rng), "policy": part(rng),
            "tags": part(rng) });
        if rng.bool() {
            replica["mountTargets"] =
                json!([{ "subnetId": "subnet-00000001", "securityGroups": ["sg-00000001"] }]);
        }
        if rng.bool() {
            replica["backup"] = json!(if rng.bool() { "enabled" } else { "disabled" });
        }
        target["replica"] = replica;
    }
    target
}

/// The event of a file system that was tagged or created, which asks for what its tag says.
fn tagged(rng: &mut fastrand::Rng, number: usize) -> Request {
    let detail = if rng.bool() {
        json!({ "eventName": "TagResource", "requestParameters": { "resourceId": source(number) } })
    } else {
        json!({ "eventName": "CreateFileSystem", "responseElements": { "fileSystemId": source(number) } })
    };
    let mut event = json!({ "version": "0", "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "source": "aws.elasticfilesystem", "detail-type": "AWS API Call via CloudTrail", "account": "111122223333",
        "region": HERE, "time": "2027-01-15T08:00:00Z", "resources": [], "detail": detail });
    event["detail"]["eventSource"] = json!("elasticfilesystem.amazonaws.com");
    let detail = json!({ "targets": [{ "sourceFileSystemId": source(number) }] });
    Request::native(&source(number), &event, detail)
}
