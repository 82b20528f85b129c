//! File systems and their replicas: what a seed makes of them, and what must hold whatever happens
//! to them.

use bootstrap_efs_replication::command::DETAIL_TYPE;
use emulator::{
    World,
    efs_world::{AccessPoint, FileSystem, MountTarget, Refusal, Replication},
    world::{Behaviour, Reply},
};
use serde_json::{Value, json};

use crate::{
    drs::{CHANGE, afterwards, chance, deliveries, expiry, happenings, late, malformed, requests},
    engine::{Call, State, Tape, hides_an_effect, text},
    scenario::{
        APPROVED, Delivery, Function, HERE, PROTECTED, Request, Scenario, THERE, Trouble, What,
        epoch,
    },
};

const RIVAL: &str = "CHG2";
const MARK: &str = "drover:bootstrapped-by";
const REPLICATE_TO: &str = "drover:replicate-to";

fn source(number: usize) -> String {
    format!("fs-0000000{number}")
}

fn existing(number: usize) -> String {
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
    let happenings = happenings(rng, |rng| what(rng, count));
    let afterwards = afterwards(rng, count, |_, number| What::EndReplication(source(number)));
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
        happenings,
        afterwards,
        trouble: Trouble::Random {
            percent,
            left: rng.usize(4..20),
        },
        timeout_seconds: *rng.choice(&[600, 600, 900]).unwrap_or(&600),
    }
}

fn what(rng: &mut fastrand::Rng, count: usize) -> What {
    let number = rng.usize(1..=count);
    match rng.u8(0..11) {
        0 => What::SourceUpdates(source(number)),
        1 => What::SourceIsAvailable(source(number)),
        2 | 3 => What::Lock(existing(number)),
        4 => What::Unlock(existing(number)),
        5 => What::UnapproveFileSystem(existing(number)),
        6 => What::ProtectFileSystem(existing(number)),
        7 => What::EndReplication(source(number)),
        8 => What::Pause(source(number)),
        9 => What::Resume(source(number)),
        _ => What::RetagFileSystem(source(number)),
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

/// What an attempt was shown the last time that it asked for something: the status and the body.
fn told<'a>(tape: &'a Tape, operation: &str, region: &str, id: &str) -> Option<&'a Call> {
    // An error says nothing but that something is not there.
    let tells = |call: &&Call| {
        call.is_ok()
            || call
                .code
                .as_deref()
                .is_some_and(|code| code.ends_with("NotFound"))
    };
    let mut calls = tape.calls.iter().rev().filter(tells);
    calls.find(|call| call.operation == operation && call.region == region && call.subject == id)
}

fn told_file_system<'a>(tape: &'a Tape, region: &str, id: &str) -> Option<&'a Value> {
    let call = told(tape, "DescribeFileSystems", region, id)?;
    call.body["FileSystems"].get(0).filter(|_| call.is_ok())
}

fn tag<'a>(file_system: &'a Value, key: &str) -> Option<&'a str> {
    let tags = file_system["Tags"].as_array()?;
    tags.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

/// Checks a call that changes something against what this attempt had been shown before; as for
/// servers, an operator may do anything between the look and the act, and a read may lag.
pub(crate) fn on_change(state: &mut State, attempt: usize, call: &Call) {
    let Some(tape) = state.tapes.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(tape.request).cloned() else {
        return;
    };
    if request.is_stale(tape.began) {
        state.violate(
            7,
            format!("{} for a request that has expired", call.operation),
        );
    }
    if request.targets().len() > state.scenario.number("MAX_TARGETS", 10) {
        state.violate(
            6,
            format!(
                "{} for a request of {} targets",
                call.operation,
                request.targets().len()
            ),
        );
    }
    match call.operation.as_str() {
        "CreateReplicationConfiguration" => on_create(state, &tape, &request, call),
        "CreateMountTarget"
        | "CreateAccessPoint"
        | "PutLifecycleConfiguration"
        | "PutBackupPolicy"
        | "PutFileSystemPolicy"
        | "TagResource" => on_part(state, &tape, &request, call),
        other => state.violate(
            5,
            format!("{other} of {}, which nothing here calls", call.subject),
        ),
    }
    let keys = call.input["Tags"].as_array().cloned().unwrap_or_default();
    let others = |key: &str| key.starts_with("aws:") || (key.starts_with("drover:") && key != MARK);
    if keys.iter().any(|tag| others(text(tag, "Key"))) {
        state.violate(
            5,
            format!(
                "{} writes a tag of AWS's or of the operators'",
                call.operation
            ),
        );
    }
}

fn on_create(state: &mut State, tape: &Tape, request: &Request, call: &Call) {
    let id = call.subject.as_str();
    let what = format!("a replication of {id}");
    let targets = request.targets();
    let Some(asked) = targets
        .iter()
        .find(|target| target["sourceFileSystemId"] == id)
    else {
        return state.violate(5, format!("{what}, which was not asked for"));
    };
    let Some(seen) = told_file_system(tape, HERE, id) else {
        return state.violate(5, format!("{what} without a look at it"));
    };
    let none = told(tape, "DescribeReplicationConfigurations", HERE, id);
    if !is_named_twice(request, id)
        && !none.is_some_and(|call| {
            matches!(
                call.code.as_deref(),
                Some("ReplicationNotFound" | "FileSystemNotFound")
            )
        })
    {
        state.violate(5, format!("{what}, which was not seen to have none"));
    }
    let wanted = &call.input["Destinations"][0];
    let region = asked["destination"]["region"].as_str().unwrap_or(THERE);
    if wanted["Region"].as_str().is_some_and(|to| to != region) || !is_allowed(state, region) {
        state.violate(
            5,
            format!("{what} in another Region than is asked for or allowed: {wanted}"),
        );
    }
    if wanted["AvailabilityZoneName"]
        .as_str()
        .is_some_and(|zone| !zone.starts_with(region))
    {
        state.violate(5, format!("{what} in a zone of another Region: {wanted}"));
    }
    let is_replica =
        seen["FileSystemProtection"]["ReplicationOverwriteProtection"] == "REPLICATING";
    if !is_named_twice(request, id) && (seen["LifeCycleState"] != "available" || is_replica) {
        state.violate(
            5,
            format!("{what}, which was seen to be changing, or a replica itself"),
        );
    }
    let encrypted = seen["Encrypted"] == true;
    let Some(over) = wanted["FileSystemId"].as_str() else {
        if !asked["destination"]["fileSystemId"].is_null() {
            state.violate(
                5,
                format!("{what} to a new file system, where an existing one was asked for"),
            );
        }
        if !encrypted && asked["acceptNoFailback"] != true {
            state.violate(
                5,
                format!("{what}, from which nothing comes back, without consent"),
            );
        }
        return;
    };
    let Some(there) = told_file_system(tape, region, over) else {
        return state.violate(5, format!("{what} over {over} without a look at it"));
    };
    let keys = asked["overwrite"] == over
        && tag(there, APPROVED) == Some(&request.id)
        && there["FileSystemProtection"]["ReplicationOverwriteProtection"] == "DISABLED";
    let own = told(tape, "DescribeReplicationConfigurations", region, over);
    if own.is_none_or(Call::is_ok) {
        state.violate(
            5,
            format!("{what} over {over}, which was not seen to have none of its own"),
        );
    }
    if !keys || tag(there, PROTECTED).is_some() {
        state.violate(5, format!("{what} over {over} without its three keys"));
    }
    if encrypted && there["Encrypted"] != true {
        state.violate(
            5,
            format!("{what}, which is encrypted, over {over}, which is not"),
        );
    }
}

fn is_allowed(state: &State, region: &str) -> bool {
    let allowed = state.scenario.variable("REPLICA_REGIONS").unwrap_or("*");
    allowed == "*" || allowed.split(',').any(|of| of == region)
}

/// Whether the last look of an attempt showed a replication of this source, and nothing failed in
/// it afterwards.
fn is_seen(tape: &Tape, id: &str) -> bool {
    let asked =
        |call: &&Call| call.operation == "DescribeReplicationConfigurations" && call.subject == id;
    let after: Vec<&Call> = tape
        .calls
        .iter()
        .rev()
        .take_while(|call| !asked(call))
        .collect();
    let told = told(tape, "DescribeReplicationConfigurations", HERE, id);
    told.is_some_and(|told| told.body["Replications"][0]["SourceFileSystemId"] == id)
        && after.iter().all(|call| {
            call.status
                .is_some_and(|status| status < 400 || status == 404)
        })
}

/// Whether a request names a source twice: then the looks at the one mention and at the other
/// cannot be told apart here, and what either showed excuses a call.
fn is_named_twice(request: &Request, id: &str) -> bool {
    request
        .targets()
        .iter()
        .filter(|target| target["sourceFileSystemId"] == id)
        .count()
        > 1
}

/// Only what was shown to be the replica of a source of the request is furnished.
fn on_part(state: &mut State, tape: &Tape, request: &Request, call: &Call) {
    let id = call.subject.split(' ').next().unwrap_or_default();
    let is_replica = request.targets().iter().any(|target| {
        let source = text(target, "sourceFileSystemId");
        let told = told(tape, "DescribeReplicationConfigurations", HERE, source);
        is_named_twice(request, source)
            || told.is_some_and(|told| {
                let replication = &told.body["Replications"][0];
                let destination = &replication["Destinations"][0];
                replication["SourceFileSystemId"] == source
                    && destination["FileSystemId"] == id
                    && destination["Region"] == call.region.as_str()
                    && destination["Status"] == "ENABLED"
            })
    });
    if !is_replica {
        state.violate(
            5,
            format!(
                "{} of {id}, which was not seen to be the replica",
                call.operation
            ),
        );
    }
}

/// "A new file system has no such key: whoever deletes its replication ends the request first, by
/// its expiry or by the tag" (ARCHITECTURE.md). So a deleted replication may be made again; one
/// over an existing file system only if somebody unlocks that once more.
pub(crate) fn grant(state: &mut State, what: &What) {
    let (What::EndReplication(id) | What::Unlock(id)) = what else {
        return;
    };
    let sources: Vec<(String, usize)> = state
        .requests
        .iter()
        .enumerate()
        .flat_map(|(at, request)| {
            request.targets().into_iter().filter_map(move |target| {
                let of = text(&target, "sourceFileSystemId").to_owned();
                let to = &target["destination"]["fileSystemId"];
                let again = if to.is_null() {
                    of == *id
                } else {
                    *to == id.as_str()
                };
                again.then_some((of, at))
            })
        })
        .collect();
    for key in sources {
        *state.grants.entry(key).or_default() += 1;
    }
}

pub(crate) fn on_effect(state: &mut State, request: usize, operation: &str, subject: &str) {
    if operation == "CreateReplicationConfiguration" {
        let same = |effect: &&(String, String, usize)| {
            *effect == &(operation.to_owned(), subject.to_owned(), request)
        };
        let effects = state.effects.iter().filter(same).count();
        let granted = state
            .grants
            .get(&(subject.to_owned(), request))
            .copied()
            .unwrap_or_default();
        if effects > 1 + granted {
            state.violate(
                4,
                format!("{subject} was replicated {effects} times by one request, {granted} of them granted"),
            );
        }
    }
}

/// A source that has more than one destination, if there is one.
pub(crate) fn with_two_destinations(world: &World) -> Option<&str> {
    let mut sources: Vec<&str> = world
        .replications
        .iter()
        .map(|of| of.source_file_system_id.as_str())
        .collect();
    sources.sort_unstable();
    sources
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

fn replication<'a>(world: &'a World, source: &str) -> Option<&'a Replication> {
    world
        .replications
        .iter()
        .find(|of| of.source_file_system_id == source)
}

fn find<'a>(world: &'a World, region: &str, id: &str) -> Option<&'a FileSystem> {
    world
        .file_systems(region)
        .find(|of| of.file_system_id == id)
}

/// Whether the world shows all that a usable replica is.
fn is_usable(world: &World, asked: &Value) -> bool {
    let id = text(asked, "sourceFileSystemId");
    let (Some(source), Some(of)) = (find(world, HERE, id), replication(world, id)) else {
        return false;
    };
    let Some(replica) = find(
        world,
        &of.destination_region,
        &of.destination_file_system_id,
    ) else {
        return false;
    };
    let parts = &asked["replica"];
    let copies = |part: &str| parts[part] == "copy";
    let destination = &asked["destination"];
    let where_asked = match destination["fileSystemId"].as_str() {
        Some(id) => replica.file_system_id == id,
        None => {
            of.destination_region == THERE
                && replica.availability_zone_name.as_deref()
                    == destination["availabilityZoneName"].as_str()
        }
    };
    let mounted = parts["mountTargets"]
        .as_array()
        .into_iter()
        .flatten()
        .all(|wanted| {
            replica.mount_targets.iter().any(|there| {
                wanted["subnetId"] == there.subnet_id.as_str()
                    && (wanted["securityGroups"].is_null()
                        || wanted["securityGroups"] == json!(there.security_groups))
                    && there.state == "available"
            })
        });
    let points = !copies("accessPoints")
        || source.access_points.iter().all(|wanted| {
            let same = |there: &&AccessPoint| {
                there.root_directory.as_ref().map(|root| &root["Path"])
                    == wanted.root_directory.as_ref().map(|root| &root["Path"])
            };
            let tagged = |there: &AccessPoint| there.tags.get("Name") == wanted.tags.get("Name");
            replica
                .access_points
                .iter()
                .find(same)
                .is_some_and(|there| there.state == "available" && tagged(there))
        });
    let backup = match parts["backup"].as_str() {
        Some("enabled") => replica.backup.as_deref() == Some("ENABLED"),
        Some("disabled") => replica.backup.as_deref() != Some("ENABLED"),
        _ => true,
    };
    let tags = !copies("tags")
        || source.tags.iter().all(|(key, value)| {
            key.starts_with("drover:")
                || key.starts_with("aws:")
                || replica.tags.get(key) == Some(value)
        });
    let policy = |policy: &String| policy.contains(&replica.file_system_id);
    of.status(world.now, world.behaviour) == "ENABLED"
        && of.last_replicated_at(world.now).is_some()
        && replica.life_cycle_state == "available"
        && replica.tags.contains_key(MARK)
        && where_asked
        && mounted
        && points
        && backup
        && tags
        && (!copies("lifecycle") || source.lifecycle_policies == replica.lifecycle_policies)
        && (!copies("policy")
            || source.policy.is_none()
            || replica.policy.as_ref().is_some_and(policy))
}

/// Checks what is said of one target against the worlds that the attempt may have been shown.
pub(crate) fn on_report(state: &mut State, attempt: usize, asked: &Value, told: &Value) {
    let Some(tape) = state.tapes.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(tape.request).cloned() else {
        return;
    };
    let id = text(asked, "sourceFileSystemId").to_owned();
    let (outcome, reason, message) = (
        text(told, "outcome"),
        text(told, "reason"),
        text(told, "message"),
    );
    let twice = reason == "named_twice";
    let worlds = state.worlds_of(attempt);
    let replicas: Vec<&str> = worlds
        .iter()
        .filter_map(|world| Some(replication(world, &id)?.destination_file_system_id.as_str()))
        .collect();
    let of_target = |call: &&Call| {
        let subject = call.subject.split(' ').next().unwrap_or_default();
        call.mutating && !twice && (subject == id || replicas.contains(&subject))
    };
    let called: Vec<&Call> = tape.calls.iter().filter(of_target).collect();
    let ever = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let status = |wanted: &str| {
        ever(&|world| {
            replication(world, &id)
                .is_some_and(|of| of.status(world.now, world.behaviour) == wanted)
        })
    };
    let holds = match outcome {
        "done" => !called.is_empty() && ever(&|world| is_usable(world, asked)),
        "already_done" => called.is_empty() && ever(&|world| is_usable(world, asked)),
        "planned" => {
            !tape.calls.iter().any(|call| call.mutating)
                && (request.is_dry_run() || !state.scenario.enforces())
        }
        "refused" => called.is_empty() && is_reason(state, &worlds, &request, asked, reason),
        "pending" => match reason {
            "replication_enabling" => status("ENABLING"),
            "first_sync_running" => ever(&|world| {
                replication(world, &id).is_some_and(|of| of.last_replicated_at(world.now).is_none())
            }),
            "source_not_available" => ever(&|world| {
                find(world, HERE, &id).is_some_and(|of| of.life_cycle_state != "available")
            }),
            "not_seen_yet" => called.iter().any(|call| call.is_ok()),
            "not_ready_yet" => called
                .iter()
                .any(|call| call.code.as_deref() == Some("IncorrectFileSystemLifeCycleState")),
            _ => true,
        },
        "indeterminate" => !called.is_empty(),
        "failed" => match reason {
            "replication_paused" => status("PAUSED"),
            "timeout" | "no_answer" | "service_error" => false,
            _ if message.starts_with("CreateReplicationConfiguration") => {
                let ours =
                    |effect: &(String, String, usize)| effect.1 == id && effect.2 == tape.request;
                !(hides_an_effect(&called, message)
                    || is_seen(&tape, &id) && state.effects.iter().any(ours))
            }
            _ => true,
        },
        "retryable" | "permanent" => true,
        _ => false,
    };
    if !holds {
        let calls: Vec<String> = called
            .iter()
            .map(|call| {
                format!(
                    "{} {:?} changed {}",
                    call.operation, call.status, call.changed
                )
            })
            .collect();
        state.violate(
            3,
            format!("`{outcome} {reason}` of {asked} is not true; calls: {calls:?}"),
        );
    }
}

fn is_reason(
    state: &State,
    worlds: &[&World],
    request: &Request,
    asked: &Value,
    reason: &str,
) -> bool {
    let id = text(asked, "sourceFileSystemId");
    let over = text(&asked["destination"], "fileSystemId");
    let ever = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let there = |holds: &dyn Fn(&FileSystem) -> bool| {
        ever(&|world| find(world, THERE, over).is_some_and(holds))
    };
    let here = |holds: &dyn Fn(&FileSystem) -> bool| {
        ever(&|world| find(world, HERE, id).is_some_and(holds))
    };
    match reason {
        "not_found" => ever(&|world| find(world, HERE, id).is_none()),
        "named_twice" => {
            let same = |target: &&Value| {
                target["sourceFileSystemId"] == id
                    || (!over.is_empty() && target["destination"]["fileSystemId"] == over)
            };
            request.targets().iter().filter(same).count() > 1
        }
        "over_max_targets" => request.targets().len() > state.scenario.number("MAX_TARGETS", 10),
        "region_not_allowed" => !is_allowed(state, THERE),
        "not_approved" => there(&|of| !of.tags.contains_key(APPROVED)),
        "approved_for_another_request" => there(&|of| {
            of.tags
                .get(APPROVED)
                .is_some_and(|for_| *for_ != request.id)
        }),
        "protected" => there(&|of| of.tags.contains_key(PROTECTED)),
        "overwrite_protection_enabled" => there(&|of| of.protection == "ENABLED"),
        "overwrite_not_confirmed" => asked["overwrite"] != over,
        "destination_not_found" => ever(&|world| find(world, THERE, over).is_none()),
        "destination_in_use" => {
            there(&|of| of.protection == "REPLICATING")
                || ever(&|world| replication(world, over).is_some())
        }
        "destination_not_encrypted" => here(&|of| of.encrypted) && there(&|of| !of.encrypted),
        "failback_impossible" => here(&|of| !of.encrypted),
        "region_mismatch" => asked["destination"]["availabilityZoneName"] == "eu-central-1a",
        "source_is_a_destination" => ever(&|world| {
            world
                .replications
                .iter()
                .any(|of| of.destination_file_system_id == id)
        }),
        "no_replicate_to_tag" => here(&|of| !of.tags.contains_key(REPLICATE_TO)),
        "bad_replicate_to_tag" => {
            here(&|of| of.tags.get(REPLICATE_TO).is_some_and(|to| to != THERE))
        }
        "replicates_elsewhere" => ever(&|world| replication(world, id).is_some()),
        _ => false,
    }
}

/// A repeated call makes no second part.
pub(crate) fn at_the_end(state: &mut State) {
    let world = state.cloud.world();
    for replica in world.file_systems(THERE) {
        let mut paths: Vec<String> = replica
            .access_points
            .iter()
            .map(|point| format!("{:?}{:?}", point.posix_user, point.root_directory))
            .collect();
        let count = paths.len();
        paths.sort();
        paths.dedup();
        if paths.len() != count {
            state.violate(
                4,
                format!("{} has the same access point twice", replica.file_system_id),
            );
        }
    }
}

/// A scenario by hand: one request, one worker, nothing that happens by itself.
#[expect(
    clippy::too_many_lines,
    reason = "a list of scenarios, one after the other"
)]
pub(crate) fn by_hand(number: u64) -> Scenario {
    let mut of = FileSystem::new(&source(1)).tagged("Name", "data");
    of.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
    let point = json!({ "accessPointId": "fsap-00000001", "clientToken": "app", "rootDirectory": { "Path": "/app" } });
    of.access_points = serde_json::from_value::<AccessPoint>(point)
        .into_iter()
        .collect();
    let mut there = FileSystem::new(&existing(1)).tagged(APPROVED, CHANGE);
    "DISABLED".clone_into(&mut there.protection);
    let empty = World {
        now: epoch(),
        ..World::empty()
    };
    let mut world = empty
        .with_file_system(HERE, of)
        .with_file_system(THERE, there);
    world = world.with_file_system(HERE, FileSystem::new(&source(2)));
    let new = || json!({ "sourceFileSystemId": source(1), "destination": { "region": THERE } });
    let over = || {
        json!({ "sourceFileSystemId": source(1), "overwrite": existing(1),
        "destination": { "region": THERE, "fileSystemId": existing(1) } })
    };
    let with = |mut target: Value, replica: Value| {
        target["replica"] = replica;
        target
    };
    // A replica that waits for its parts.
    let begun = |world: &mut World| {
        if let Some(of) = world.bind((HERE, &source(1)), (THERE, &existing(1))) {
            of.created_at -= chrono::TimeDelta::hours(1);
            of.first_sync_ends_at -= chrono::TimeDelta::hours(1);
        }
    };
    let targets = match number {
        0 => vec![new()],
        1 => vec![over()],
        2 => vec![
            json!({ "sourceFileSystemId": source(1), "destination": { "availabilityZoneName": "eu-west-1a" } }),
        ],
        3 => vec![
            new(),
            json!({ "sourceFileSystemId": source(2), "destination": { "region": THERE } }),
        ],
        4 => {
            begun(&mut world);
            vec![over()]
        }
        5 => {
            begun(&mut world);
            vec![with(over(), json!({ "accessPoints": "copy" }))]
        }
        6 => {
            begun(&mut world);
            vec![with(over(), json!({ "lifecycle": "copy", "tags": "copy" }))]
        }
        7 => {
            begun(&mut world);
            vec![with(
                over(),
                json!({ "mountTargets": [{ "subnetId": "subnet-00000001" }], "backup": "enabled" }),
            )]
        }
        8 => {
            world.behaviour.second_replication = Refusal::Conflict;
            world.behaviour.enabled_after_first_sync = true;
            vec![new()]
        }
        9 => {
            world.behaviour.protected_destination = Refusal::Conflict;
            What::ProtectFileSystem(existing(1)).apply(&mut world);
            vec![
                over(),
                json!({ "sourceFileSystemId": source(2), "destination": { "region": THERE } }),
            ]
        }
        10 => {
            world.behaviour.writes_while_replicating = Reply::Conflict;
            begun(&mut world);
            vec![with(over(), json!({ "tags": "copy" }))]
        }
        11 => {
            What::SourceUpdates(source(2)).apply(&mut world);
            vec![
                over(),
                json!({ "sourceFileSystemId": "fs-00000099", "destination": { "region": THERE } }),
            ]
        }
        _ => vec![with(
            new(),
            json!({ "accessPoints": "copy", "lifecycle": "copy", "tags": "copy", "backup": "enabled" }),
        )],
    };
    let detail =
        json!({ "version": 1, "requestID": CHANGE, "expiresAt": expiry(24), "targets": targets });
    Scenario {
        function: Function::BootstrapEfsReplication,
        seed: number,
        world,
        variables: vec![("MODE", "enforce".to_owned())],
        requests: vec![Request::of(detail, None)],
        early: [
            vec![Delivery {
                at: 0,
                request: 0,
                kills: Vec::new(),
            }],
            Vec::new(),
        ],
        late: vec![Delivery {
            at: 60,
            request: 0,
            kills: Vec::new(),
        }],
        late_faults: 0,
        happenings: Vec::new(),
        afterwards: Vec::new(),
        trouble: Trouble::Planned(Vec::new()),
        timeout_seconds: 600,
    }
}
