//! Accounts with file systems, and requests for them, generated from a seed.

use bootstrap_efs_replication::command::DETAIL_TYPE;
use emulator::{Behaviour, FileSystem, Refusal, World};
use serde_json::{Value, json};

use crate::{
    constants::{CHANGE, ELSEWHERE, HERE, OTHERS, REPLICATION_ROLE, THERE, UNHEARD_OF, epoch},
    dice::{
        Draws, chance, expiry, hours_to_expiry, native, numbers, reply, requests, scenario,
        some_left_out, wrapped,
    },
    efs::{
        DEFAULT_KEY, STEPS,
        changes::Change,
        estate::{KEYS, existing, existing_file_system, source, source_file_system},
        mistakes::{EVENTS, REQUESTS},
        wanted::id_in,
        wordings::WORDINGS,
    },
    mistakes::Right,
    record::text,
    scenario::{self, Request, Scenario, Variables},
};

/// The number of a file system that exists in another account or Region alone.
const NOT_HERE: usize = 9;

/// A scenario from a seed.
pub(crate) fn generate(seed: u64) -> Scenario {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let count = rng.usize(1..=4);
    let world = world(rng, count);
    // The requests, of which one in ten is an event of CloudTrail.
    let mut requests = requests(rng, |rng, change| request(rng, &world, change, count));

    if chance(rng, 10) {
        let is_elsewhere = chance(rng, 10);
        let number = if is_elsewhere {
            NOT_HERE
        } else {
            rng.usize(1..=count)
        };
        requests[0] = tagged_or_created(rng, number);
    }

    let draws = Draws {
        count,
        change,
        afterwards: |rng, number| afterwards(rng, number).into(),
        variables,
        steps: &STEPS,
        reads: &[
            "DescribeFileSystems",
            "DescribeReplicationConfigurations",
            "DescribeMountTargets",
            "DescribeMountTargetSecurityGroups",
            "DescribeAccessPoints",
            "DescribeLifecycleConfiguration",
            "DescribeBackupPolicy",
            "DescribeFileSystemPolicy",
        ],
        regions: &[HERE, THERE],
        wordings: &WORDINGS,
        faults: 20,
        // The shortest has not enough time for parts.
        timeouts: [300, 600, 900],
    };
    let mut scenario = scenario(rng, seed, world, requests, &draws);
    ask_for_defaults(&mut scenario);
    scenario
}

/// What the event of a tag amounts to: the deployment says what else the replica is to have.
fn ask_for_defaults(scenario: &mut Scenario) {
    let Some(defaults) = scenario.variable("REPLICA_DEFAULTS") else {
        return;
    };
    let defaults: Value = serde_json::from_str(defaults).unwrap_or_default();
    let given = &defaults[THERE];

    let requests = scenario.requests.iter_mut();
    for request in requests.filter(|request| request.is_of_aws()) {
        let targets = request.detail.as_mut().map(|detail| &mut detail["targets"]);
        for target in targets.and_then(Value::as_array_mut).into_iter().flatten() {
            target["replica"] = given["replica"].clone();
            target[DEFAULT_KEY] = given["kmsKeyId"].clone();
        }
    }
}

/// What happens to a replica once it is usable.
fn afterwards(rng: &mut fastrand::Rng, number: usize) -> Change {
    match rng.u8(0..10) {
        0 | 1 => Change::Updates(existing(number)),
        2 => Change::Breaks(existing(number)),
        _ => Change::EndReplication(source(number)),
    }
}

fn variables(rng: &mut fastrand::Rng) -> Variables {
    let regions = match rng.u8(0..100) {
        0..93 => "*",
        93..97 => "eu-west-1,us-east-1",
        _ => "eu-north-1,us-east-1",
    };
    let mode = if chance(rng, 96) { "enforce" } else { "plan" };
    let max_targets = if chance(rng, 5) { "2" } else { "10" };

    let mut all = vec![
        ("MODE", mode.to_owned()),
        ("MAX_TARGETS", max_targets.to_owned()),
        ("REPLICA_REGIONS", regions.to_owned()),
    ];
    // Where no replica may be, none has defaults.
    if chance(rng, 40) && (regions == "*" || regions.contains(THERE)) {
        all.push(("REPLICA_DEFAULTS", defaults(rng).to_string()));
    }
    some_left_out(rng, all)
}

/// What the replicas of tagged file systems get.
fn defaults(rng: &mut fastrand::Rng) -> Value {
    let mut given = json!({ "replica": replica(rng) });
    if chance(rng, 40) {
        let keys = [
            KEYS[0],
            KEYS[1],
            "11111111-1111-1111-1111-111111111111",
            "alias/dr",
        ];
        given["kmsKeyId"] = json!(rng.choice(keys));
    }

    json!({ THERE: given })
}

fn change(rng: &mut fastrand::Rng, count: usize) -> scenario::Change {
    let number = rng.usize(1..=count);
    let change = match rng.u8(0..16) {
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
        10 => {
            let statuses = ["ERROR", "PAUSING", "DELETING", UNHEARD_OF];
            let status = *rng.choice(&statuses).unwrap_or(&"ERROR");
            Change::Status(source(number), status)
        }
        11 => Change::LosePart(existing(number)),
        14 => Change::Updates(existing(number)),
        15 if rng.bool() => Change::Breaks(existing(number)),
        15 => Change::BecomesAvailable(existing(number)),
        // What is gone for good happens less often.
        12 if chance(rng, 30) => Change::Vanish(existing(number)),
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
        let existing = existing_file_system(rng, number, &source);
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
        longest_page: *rng.choice(&[1, 2, 1000]).unwrap_or(&1000),
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
    let is_replicated = chance(rng, 5);
    if is_replicated {
        let replica = format!("fs-000000f{number}");
        world = world.with_file_system(THERE, FileSystem::new(&replica));
        world
            .efs
            .bind((HERE, &source(number)), (THERE, &replica), world.now);
    }

    // Or be a replica itself: EFS does not chain replications.
    if chance(rng, 3) && !is_replicated {
        // An ID says nothing of a Region: both may have the same one.
        let original = match chance(rng, 20) {
            true => source(number),
            false => format!("fs-000000c{number}"),
        };
        world = world.with_file_system(THERE, FileSystem::new(&original));
        world
            .efs
            .bind((THERE, &original), (HERE, &source(number)), world.now);
    }

    // The file system that may be overwritten may have a replica of its own.
    if chance(rng, 4) {
        let replica = format!("fs-000000d{number}");
        world = world.with_file_system(HERE, FileSystem::new(&replica));
        world
            .efs
            .bind((THERE, &existing(number)), (HERE, &replica), world.now);
    }

    world
}

fn request(rng: &mut fastrand::Rng, world: &World, change: &str, count: usize) -> Request {
    let mut targets: Vec<Value> = numbers(rng, count, 3)
        .into_iter()
        .map(|number| target(rng, world, number))
        .collect();
    if let [first, second, ..] = targets.as_mut_slice()
        && chance(rng, 6)
    {
        // Two sources for one destination.
        for member in ["destination", "overwrite"] {
            second[member] = first[member].clone();
        }
    }
    let hours = hours_to_expiry(rng);
    let detail = json!({
        "version": 1,
        "requestID": change,
        "expiresAt": expiry(hours),
        "targets": targets,
        "dryRun": chance(rng, 4),
    });

    wrapped(rng, detail, DETAIL_TYPE, &REQUESTS)
}

fn target(rng: &mut fastrand::Rng, world: &World, number: usize) -> Value {
    let mut target = json!({ "destination": destination(rng, world, number) });

    // An existing destination is confirmed by its ID; now and then that is forgotten, or another's.
    let existing = target["destination"]["fileSystemId"].as_str();
    if let Some(existing) = existing.map(id_in).map(str::to_owned) {
        target["overwrite"] = match rng.u8(0..100) {
            0..3 => Value::Null,
            3..6 => json!(source(number)),
            _ => json!(existing),
        };
    }
    target["sourceFileSystemId"] = json!(named_source(rng, number));
    target["acceptNoFailback"] = json!(chance(rng, 65));
    if chance(rng, 60) {
        target["replica"] = replica(rng);
    }

    target
}

/// A source by its ID or its ARN; a few do not exist, or not in this account or Region.
fn named_source(rng: &mut fastrand::Rng, number: usize) -> String {
    let (id, unknown) = (source(number), "fs-00000099");
    let arn = |region: &str, account: &str, id: &str| {
        format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}")
    };

    match rng.u8(0..200) {
        0..2 => unknown.to_owned(),
        2 => arn(ELSEWHERE, "111122223333", unknown),
        3 => arn(HERE, "111122223333", unknown),
        4..18 => arn(HERE, "111122223333", &id),
        18..20 => arn(HERE, OTHERS, &id),
        _ => id,
    }
}

/// A new file system in a Region or a zone, or an existing one.
fn destination(rng: &mut fastrand::Rng, world: &World, number: usize) -> Value {
    // Who owns the existing one decides how it is named.
    let id = existing(number);
    let existing = world.efs.file_systems(THERE);
    let owner = existing
        .filter(|found| found.file_system_id == id)
        .find_map(|found| found.owner_id.clone());
    let arn = |region: &str, account: &str| {
        format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}")
    };

    let mut destination = match rng.u8(0..100) {
        0..42 => json!({ "region": THERE }),
        42..45 => json!({ "region": ELSEWHERE }),
        45..47 => json!({ "region": HERE }),
        47..57 => json!({ "availabilityZoneName": "eu-west-1a" }),
        // In a zone of another Region, or over the source itself.
        57 => json!({ "region": THERE, "availabilityZoneName": "eu-central-1a" }),
        58 => json!({ "region": HERE, "fileSystemId": itself(rng, number) }),
        // What is another account's is named by ARN, and has a role to replicate with.
        _ if owner.is_some() => json!({ "fileSystemId": arn(THERE, OTHERS) }),
        59 => json!({ "region": THERE, "fileSystemId": arn(ELSEWHERE, "111122223333") }),
        60..66 => json!({ "fileSystemId": arn(THERE, "111122223333") }),
        _ => json!({ "region": THERE, "fileSystemId": id }),
    };

    let is_foreign = text(&destination, "fileSystemId").contains(OTHERS);
    // A role is forgotten where it is needed, or given where it is not.
    if is_foreign != chance(rng, 3) {
        destination["roleArn"] = json!(REPLICATION_ROLE);
    }
    if destination["fileSystemId"].is_null() && chance(rng, 15) {
        destination["kmsKeyId"] = json!(key(rng));
    }
    destination
}

/// The source as its own destination, under either of its names.
fn itself(rng: &mut fastrand::Rng, number: usize) -> String {
    let id = source(number);

    match rng.bool() {
        true => format!("arn:aws:elasticfilesystem:{HERE}:111122223333:file-system/{id}"),
        false => id,
    }
}

/// A key of the replica by ARN, by ID or by alias; now and then one of another Region.
fn key(rng: &mut fastrand::Rng) -> &'static str {
    match rng.u8(0..10) {
        0..4 => KEYS[0],
        4 | 5 => KEYS[1],
        6 => "11111111-1111-1111-1111-111111111111",
        7 | 8 => "alias/dr",
        _ => "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111",
    }
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
        let subnets = 1..=rng.usize(1..=3);
        let mount_targets = subnets.map(|subnet| mount_target(rng, subnet));
        replica["mountTargets"] = mount_targets.collect();
    }
    if rng.bool() {
        let backup = if rng.bool() { "enabled" } else { "disabled" };
        replica["backup"] = json!(backup);
    }

    replica
}

/// A mount target with one security group, with several in any order, or with EFS's default.
fn mount_target(rng: &mut fastrand::Rng, subnet: usize) -> Value {
    let subnet = format!("subnet-0000000{subnet}");

    match rng.u8(0..5) {
        0 => json!({ "subnetId": subnet }),
        // As many as EFS allows.
        4 => {
            let groups = (1..=5).map(|group| format!("sg-0000000{group}"));
            json!({ "subnetId": subnet, "securityGroups": groups.collect::<Vec<_>>() })
        }
        1 => json!({ "subnetId": subnet, "securityGroups": ["sg-00000002", "sg-00000001"] }),
        _ => json!({ "subnetId": subnet, "securityGroups": ["sg-00000001"] }),
    }
}

/// What looks like a request and is none, by the number of its mistake.
pub(crate) fn mistaken(number: u64) -> Request {
    let detail = json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": expiry(12),
        "targets": [{
            "sourceFileSystemId": source(1),
            "destination": { "region": THERE },
        }],
        "dryRun": false,
    });
    let call = json!({
        "eventName": "CreateFileSystem",
        "responseElements": { "fileSystemId": source(1) },
    });

    let right = Right {
        detail,
        detail_type: DETAIL_TYPE,
        event: by_cloud_trail(call),
        of_request: &REQUESTS,
        of_event: &EVENTS,
    };
    right.with_mistake(number)
}

/// A call to EFS in the event that CloudTrail makes of it.
fn by_cloud_trail(mut call: Value) -> Value {
    call["eventSource"] = json!("elasticfilesystem.amazonaws.com");

    json!({
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "source": "aws.elasticfilesystem",
        "detail-type": "AWS API Call via CloudTrail",
        "account": "111122223333",
        "region": HERE,
        "time": "2027-01-15T08:00:00Z",
        "resources": [],
        "detail": call,
    })
}

/// The event of a file system that was tagged or created, which asks for what its tag says.
fn tagged_or_created(rng: &mut fastrand::Rng, number: usize) -> Request {
    let id = source(number);
    let call = match rng.u8(0..5) {
        0 | 1 => json!({ "eventName": "TagResource", "requestParameters": { "resourceId": id } }),
        // The older call, which people's scripts still make.
        2 => json!({ "eventName": "CreateTags", "requestParameters": { "fileSystemId": id } }),
        _ => json!({ "eventName": "CreateFileSystem", "responseElements": { "fileSystemId": id } }),
    };

    let mut event = by_cloud_trail(call);
    let mut target = json!({ "sourceFileSystemId": id });
    // Now and then one that is elsewhere, and not here.
    if number == NOT_HERE {
        let origin = *rng
            .choice(&[("account", "999999999999"), ("region", "eu-west-3")])
            .unwrap_or(&("region", "eu-west-3"));
        event[origin.0] = json!(origin.1);
        target["isElsewhere"] = json!(true);
    }

    let detail = json!({ "targets": [target] });
    native(rng, &id, &event, detail, &EVENTS)
}
