//! Scenarios written by hand: two sources, one request, one worker, no external event.

use chrono::TimeDelta;
use emulator::{FileSystem, Refusal, Reply, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, HERE, THERE, epoch},
    dice::expiry,
    efs::{
        changes::Change,
        estate::{existing, from_json, source},
    },
    scenario::{Delivery, FaultSchedule, Request, Scenario},
    trouble::Trouble,
};

/// The scenario with a number.
pub(crate) fn by_hand(number: u64) -> Scenario {
    let mut world = two_sources();
    let targets = targets(number, &mut world);
    let detail = json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": expiry(24),
        "targets": targets,
    });

    Scenario {
        seed: number,
        world,
        variables: vec![("MODE", "enforce".to_owned())],
        timeout_seconds: 600,
        requests: vec![Request::new(detail, None)],
        early: [vec![Delivery::of_first_request(0)], Vec::new()],
        external_events: Vec::new(),
        fault_schedule: FaultSchedule::Planned(Vec::new()),
        trouble: Trouble::default(),
        afterwards: Vec::new(),
        late: vec![Delivery::of_first_request(60)],
        late_faults: 0,
    }
}

/// Two sources, and a file system that the replica of the first may overwrite.
fn two_sources() -> World {
    let mut first = FileSystem::new(&source(1)).tagged("Name", "data");
    first.lifecycle_policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
    first.access_points = from_json(json!([{
        "accessPointId": "fsap-00000001",
        "clientToken": "app",
        "rootDirectory": { "Path": "/app" },
    }]));
    let mut existing = FileSystem::new(&existing(1)).tagged(APPROVED, CHANGE);
    "DISABLED".clone_into(&mut existing.protection);

    // Both sides, and a second source without anything.
    let empty = World {
        now: epoch(),
        ..World::empty()
    };
    empty
        .with_file_system(HERE, first)
        .with_file_system(THERE, existing)
        .with_file_system(HERE, FileSystem::new(&source(2)))
}

/// The targets of a scenario, in a world that is changed to fit.
fn targets(number: u64, world: &mut World) -> Vec<Value> {
    match number {
        // Each kind of destination.
        0 => vec![to_region(&source(1))],
        1 => vec![over_existing()],
        2 => vec![json!({
            "sourceFileSystemId": source(1),
            "destination": { "availabilityZoneName": "eu-west-1a" },
        })],
        3 => vec![to_region(&source(1)), to_region(&source(2))],
        // A replica that exists already, and lacks parts.
        4 => {
            replicate(world);
            vec![over_existing()]
        }
        5 => {
            replicate(world);
            vec![with(over_existing(), json!({ "accessPoints": "copy" }))]
        }
        6 => {
            replicate(world);
            let parts = json!({ "lifecycle": "copy", "tags": "copy" });
            vec![with(over_existing(), parts)]
        }
        7 => {
            replicate(world);
            let mount_targets = json!([{ "subnetId": "subnet-00000001" }]);
            let parts = json!({ "mountTargets": mount_targets, "backup": "enabled" });
            vec![with(over_existing(), parts)]
        }
        // Where AWS answers otherwise, or a target must be refused.
        8 => {
            world.behaviour.second_replication = Refusal::Conflict;
            world.behaviour.enabled_after_first_sync = true;
            vec![to_region(&source(1))]
        }
        9 => {
            world.behaviour.protected_destination = Refusal::Conflict;
            Change::Protect(existing(1)).apply(world);
            vec![over_existing(), to_region(&source(2))]
        }
        10 => {
            world.behaviour.writes_while_replicating = Reply::Conflict;
            replicate(world);
            vec![with(over_existing(), json!({ "tags": "copy" }))]
        }
        11 => {
            Change::Updates(source(2)).apply(world);
            vec![over_existing(), to_region("fs-00000099")]
        }
        _ => vec![with(to_region(&source(1)), all_parts())],
    }
}

fn all_parts() -> Value {
    json!({
        "accessPoints": "copy",
        "lifecycle": "copy",
        "tags": "copy",
        "backup": "enabled",
    })
}

fn to_region(id: &str) -> Value {
    json!({ "sourceFileSystemId": id, "destination": { "region": THERE } })
}

fn over_existing() -> Value {
    json!({
        "sourceFileSystemId": source(1),
        "destination": { "region": THERE, "fileSystemId": existing(1) },
        "overwrite": existing(1),
    })
}

fn with(mut target: Value, replica: Value) -> Value {
    target["replica"] = replica;

    target
}

/// Replicates the first source for an hour already, so that only its parts are missing.
fn replicate(world: &mut World) {
    if let Some(replication) = world
        .efs
        .bind((HERE, &source(1)), (THERE, &existing(1)), world.now)
    {
        replication.created_at -= TimeDelta::hours(1);
        replication.first_sync_ends_at -= TimeDelta::hours(1);
    }
}
