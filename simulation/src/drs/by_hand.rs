//! Scenarios written by hand: a few servers, one request, one worker, no external event.

use chrono::TimeDelta;
use emulator::{Reply, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, epoch},
    dice::expiry,
    drs::{
        changes::{Change, job},
        generate::{id, instance, server},
    },
    scenario::{Delivery, FaultSchedule, Request, Scenario},
    trouble::Trouble,
};

/// The scenario with a number.
pub(crate) fn by_hand(number: u64) -> Scenario {
    let mut world = three_approved_servers();
    let (action, targets) = request(number, &mut world);
    let detail = json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": expiry(24),
        "action": action,
        "targets": targets,
        "dryRun": false,
    });
    // An operator puts the server back, so that the late delivery could disconnect it again.
    let restored = Change::Restore {
        id: id(1),
        keeps_approval: false,
    };

    Scenario {
        seed: number,
        world,
        variables: vec![
            ("MODE", "enforce".to_owned()),
            ("ALLOW_DELETE", "true".to_owned()),
            ("MAX_SHARE_PERCENT", "100".to_owned()),
        ],
        timeout_seconds: 900,
        requests: vec![Request::new(detail, None)],
        early: [vec![Delivery::of_first_request(0)], Vec::new()],
        external_events: Vec::new(),
        fault_schedule: FaultSchedule::Planned(Vec::new()),
        trouble: Trouble::default(),
        afterwards: vec![restored.into()],
        late: vec![Delivery::of_first_request(60)],
        late_faults: 0,
    }
}

fn three_approved_servers() -> World {
    let mut world = World {
        now: epoch(),
        ..World::empty()
    };
    for number in 1..=3 {
        let server = server(number).tagged(APPROVED, CHANGE);
        world.here().source_servers.push(server);
    }

    world
}

/// The action and the targets of a scenario, in a world that is changed to fit.
fn request(number: u64, world: &mut World) -> (&'static str, Vec<Value>) {
    match number {
        // One server, by each action.
        0 => ("disconnect", first(1)),
        1 => ("retire", first(1)),
        2 => {
            disconnect(world, 1);
            ("delete", first(1))
        }
        3 => ("disconnect", first(2)),
        4 => {
            disconnect(world, 1);
            ("disconnect", first(1))
        }
        // By other names.
        5 => {
            let target = json!({ "hostname": "host1", "fqdn": "host1.example.com" });
            ("disconnect", vec![target])
        }
        6 => ("disconnect", vec![json!({ "awsInstanceID": instance(1) })]),
        // Where AWS answers otherwise, or a server must be refused.
        7 => {
            world.behaviour.second_disconnect = Reply::Ok;
            world.behaviour.disconnect_answers_as_before = true;
            ("disconnect", first(1))
        }
        8 => {
            Change::Protect(id(2)).apply(world);
            ("disconnect", first(3))
        }
        9 => {
            Change::DrillStarts(id(1)).apply(world);
            ("disconnect", first(2))
        }
        10 => {
            world.behaviour.page_size = 1;
            add_completed_jobs(world);
            ("disconnect", first(1))
        }
        11 => {
            disconnect(world, 1);
            disconnect(world, 2);
            ("delete", first(2))
        }
        _ => {
            world.behaviour.second_disconnect = Reply::Ok;
            ("retire", first(2))
        }
    }
}

fn first(count: usize) -> Vec<Value> {
    (1..=count)
        .map(|number| json!({ "sourceServerID": id(number) }))
        .collect()
}

fn disconnect(world: &mut World, number: usize) {
    if let Some(server) = world.server(&id(number)) {
        "DISCONNECTED".clone_into(&mut server.data_replication_state);
    }
}

fn add_completed_jobs(world: &mut World) {
    let created_at = epoch() - TimeDelta::hours(2);
    let ended_at = created_at + TimeDelta::hours(1);

    for number in 0..3 {
        let job = job(number, vec![id(3)], created_at, ended_at);
        world.here().jobs.push(job);
    }
}
