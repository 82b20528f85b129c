//! An account before its fleet is sent: its servers, its trouble, and the list of them.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use emulator::{FaultKind, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, epoch},
    drs,
    scenario::{FaultSchedule, Request, Scenario},
    trouble::{RateLimit, Scope, Trouble},
    way::{
        account::Account,
        hop::Hop,
        scale::plan::{Row, Size},
        trace::Expected,
    },
};

/// How many of a hundred calls meet a fault.
const FAULTY_PERCENT: u8 = 3;
/// For how long a list may be worked on.
const GOOD_FOR: TimeDelta = TimeDelta::hours(12);

/// The ID of the server with a number, from 1 on.
pub(super) fn id(number: usize) -> String {
    format!("s-{number:017}")
}

/// An account of a row, with a seed of its own.
pub(super) fn scenario(row: Row, size: Size, seed: u64) -> Scenario {
    // What the judge of a report needs to know of the deployment.
    let mut variables = vec![("MODE", "enforce".to_owned())];
    if row.verifies {
        variables.push(("VERIFY_CLEANUP", "true".to_owned()));
    }
    let fault_schedule = match row.has_faults {
        true => FaultSchedule::Random {
            percent: FAULTY_PERCENT,
            // Enough for one in each request.
            left: size.servers,
        },
        false => FaultSchedule::NONE,
    };
    let rate_limit = RateLimit {
        kind: FaultKind::Throttle,
        scope: Scope::Region,
        burst: size.rate.burst,
        per_second: size.rate.per_second,
        buckets: BTreeMap::new(),
    };

    Scenario {
        seed,
        world: world(row, size.servers),
        variables,
        timeout_seconds: 0,
        requests: Vec::new(),
        early: [Vec::new(), Vec::new()],
        external_events: Vec::new(),
        fault_schedule,
        trouble: Trouble {
            rate_limit: Some(rate_limit),
            ..Trouble::default()
        },
        afterwards: Vec::new(),
        late: Vec::new(),
        late_faults: 0,
    }
}

fn world(row: Row, servers: usize) -> World {
    let servers = (1..=servers).map(|number| {
        let server = SourceServer {
            hostname: Some(format!("host{number}")),
            fqdn: Some(format!("host{number}.example.com")),
            ..SourceServer::new(&id(number))
        };
        match row.approves(number) {
            true => server.tagged(APPROVED, CHANGE),
            false => server,
        }
    });

    World {
        now: epoch(),
        ..World::with(servers)
    }
}

/// Starts a fleet of all servers, as an operator does.
pub(super) fn send(account: &Account, servers: usize) {
    let subject = &drs::SUBJECT;
    let expires_at = account.simulation.state().now() + GOOD_FOR;
    let request = json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "action": "disconnect",
    });

    // By their IDs, as an inventory has them.
    let items: Vec<Value> = (1..=servers)
        .map(|number| json!({ "sourceServerID": id(number) }))
        .collect();
    // Whatever reaches the function must be what somebody asked for.
    for item in &items {
        let mut one = request.clone();
        one["targets"] = json!([item]);
        account.know(Request::new(one, None));
    }

    let mut trace = account.trace.borrow_mut();
    let tag = trace.put("fleet", Expected::Result, false);
    let tag = trace.delivery(tag);
    drop(trace);
    account.send(Hop::Execute {
        machine: account.stack.deployment.arn("Fleet"),
        input: json!({ "function": subject.name(), "request": request, "items": items }),
        tag,
    });
}

/// Ends the faults of calls, as trouble passes before people send a list again.
pub(super) fn end_faults(account: &Account) {
    let mut state = account.simulation.state();

    state.scenario.fault_schedule = FaultSchedule::NONE;
}

/// Approves every server that was not approved at first, as an operator does who has read what the
/// fleet told.
pub(super) fn approve_all(account: &Account, row: Row, servers: usize) {
    let mut state = account.simulation.state();
    state.catch_up();

    for number in (1..=servers).filter(|number| !row.approves(*number)) {
        let change = drs::changes::Change::Approve(id(number), CHANGE.to_owned());
        state.apply_change(&change.into());
    }
}
