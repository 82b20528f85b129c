//! Scenarios by hand with file systems.

use emulator::{
    World,
    efs_world::{AccessPoint, FileSystem, Refusal},
    world::Reply,
};
use serde_json::{Value, json};

use crate::{
    dice::{CHANGE, expiry},
    efs::generate::{existing, source},
    scenario::{
        APPROVED, Change, Delivery, FaultSchedule, Function, HERE, Request, Scenario, THERE, epoch,
    },
};

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
            Change::ProtectFileSystem(existing(1)).apply(&mut world);
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
            Change::SourceUpdates(source(2)).apply(&mut world);
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
        external_events: Vec::new(),
        afterwards: Vec::new(),
        fault_schedule: FaultSchedule::Planned(Vec::new()),
        timeout_seconds: 600,
    }
}
