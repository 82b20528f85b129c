//! Scenarios by hand with source servers.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{World, world::Reply};
use serde_json::json;

use crate::{
    dice::{CHANGE, expiry},
    drs::generate::{id, instance, server},
    scenario::{
        APPROVED, Change, Delivery, FaultSchedule, Function, Request, Scenario, epoch, job,
    },
};

/// A scenario by hand: these servers, one request, one worker, nothing that happens by itself.
pub(crate) fn by_hand(number: u64) -> Scenario {
    let all = |count: usize| {
        (1..=count)
            .map(|number| json!({ "sourceServerID": id(number) }))
            .collect::<Vec<_>>()
    };
    let mut world = World {
        now: epoch(),
        ..World::empty()
    };
    for number in 1..=3 {
        world
            .here()
            .source_servers
            .push(server(number).tagged(APPROVED, CHANGE));
    }
    let disconnect = |world: &mut World, number: usize| {
        world
            .server(&id(number))
            .map(|server| "DISCONNECTED".clone_into(&mut server.data_replication_state))
            .unwrap_or_default();
    };
    let (mut action, mut servers) = ("disconnect", all(1));
    match number {
        0 => {}
        1 => action = "retire",
        2 => {
            action = "delete";
            disconnect(&mut world, 1);
        }
        3 => servers = all(2),
        4 => disconnect(&mut world, 1),
        5 => servers = vec![json!({ "hostname": "host1", "fqdn": "host1.example.com" })],
        6 => servers = vec![json!({ "awsInstanceID": instance(1) })],
        7 => {
            world.behaviour.second_disconnect = Reply::Ok;
            world.behaviour.disconnect_answers_as_before = true;
        }
        8 => {
            Change::Protect(id(2)).apply(&mut world);
            servers = all(3);
        }
        9 => {
            Change::DrillStarts(id(1)).apply(&mut world);
            servers = all(2);
        }
        10 => {
            world.behaviour.page_size = 1;
            let begun: DateTime<Utc> = epoch() - TimeDelta::hours(2);
            for at in 0..3 {
                world
                    .here()
                    .jobs
                    .push(job(at, &id(3), begun, begun + TimeDelta::hours(1)));
            }
        }
        11 => {
            action = "delete";
            disconnect(&mut world, 1);
            disconnect(&mut world, 2);
            servers = all(2);
        }
        _ => {
            action = "retire";
            servers = all(2);
            world.behaviour.second_disconnect = Reply::Ok;
        }
    }
    let detail = json!({ "version": 1, "requestID": CHANGE, "expiresAt": expiry(24), "action": action,
        "targets": servers, "dryRun": false });
    Scenario {
        function: Function::DisconnectSourceServer,
        seed: number,
        world,
        variables: vec![
            ("MODE", "enforce".to_owned()),
            ("ALLOW_DELETE", "true".to_owned()),
            ("MAX_SHARE_PERCENT", "100".to_owned()),
        ],
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
        afterwards: vec![Change::Restore(id(1), false)],
        fault_schedule: FaultSchedule::Planned(Vec::new()),
        timeout_seconds: 900,
    }
}
