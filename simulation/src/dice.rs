//! What a seed decides alike for every function: requests, deliveries, external events.
//!
//! A seed reproduces a simulation only as long as the draws keep their order.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use emulator::{FaultKind, Reply, World};
use serde_json::Value;

use crate::{
    constants::{CHANGE, RIVAL, epoch},
    mistakes::{Mistake, malformed},
    scenario::{
        Change, Delivery, ExternalEvent, FaultSchedule, Request, Scenario, Stop, Variables, When,
    },
    trouble::{Outage, Process, RateLimit, Scope, Trouble},
    wording::Wording,
};

/// What differs between functions in everything that follows the requests.
pub(crate) struct Draws {
    /// How many resources there are.
    pub(crate) count: usize,
    /// A change of one of so many resources.
    pub(crate) change: fn(&mut fastrand::Rng, usize) -> Change,
    /// What an operator does afterwards to the resource with this number.
    pub(crate) afterwards: fn(&mut fastrand::Rng, usize) -> Change,
    pub(crate) variables: fn(&mut fastrand::Rng) -> Variables,
    /// The operations that change something. A policy may deny any operation.
    pub(crate) steps: &'static [&'static str],
    /// The operations that change nothing.
    pub(crate) reads: &'static [&'static str],
    /// The other words that AWS may use.
    pub(crate) wordings: &'static [Wording],
    /// The Regions that may be down.
    pub(crate) regions: &'static [&'static str],
    /// Fewer faults than this happen while calls can fail.
    pub(crate) faults: usize,
    pub(crate) timeouts: [u64; 3],
}

/// A scenario with these requests in this world.
pub(crate) fn scenario(
    rng: &mut fastrand::Rng,
    seed: u64,
    world: World,
    requests: Vec<Request>,
    draws: &Draws,
) -> Scenario {
    // The deliveries and what happens between them.
    let timeout_seconds = rng.choice(draws.timeouts).unwrap_or_default();
    let early = deliveries(rng, requests.len(), timeout_seconds);
    let external_events = external_events(rng, |rng| (draws.change)(rng, draws.count));
    let afterwards = afterwards(rng, draws.count, draws.afterwards);
    let late = late_deliveries(rng);

    // The deployment, and how much of it fails.
    let percent = if chance(rng, 85) { 30 } else { 0 };
    let variables = (draws.variables)(rng);
    let late_faults = rng.usize(0..4);
    let left = rng.usize(4..draws.faults);
    let trouble = trouble(rng, draws);

    Scenario {
        seed,
        world,
        variables,
        timeout_seconds,
        requests,
        early,
        external_events,
        fault_schedule: FaultSchedule::Random { percent, left },
        trouble,
        afterwards,
        late,
        late_faults,
    }
}

pub(crate) fn chance(rng: &mut fastrand::Rng, percent: u8) -> bool {
    rng.u8(0..100) < percent
}

pub(crate) fn reply(rng: &mut fastrand::Rng) -> Reply {
    if rng.bool() {
        Reply::Ok
    } else {
        Reply::Conflict
    }
}

/// The time so many hours after the start, as a request states it.
pub(crate) fn expiry(hours: i64) -> String {
    (epoch() + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Most requests are good for a day, most others for a few hours.
pub(crate) fn hours_to_expiry(rng: &mut fastrand::Rng) -> i64 {
    match rng.u8(0..100) {
        0..82 => 24,
        // It expires in the moment of its first delivery, or is good for too long.
        82 => 0,
        83 => 25,
        _ => rng.i64(1..4),
    }
}

/// One request, and in one of ten simulations a second one for the same resources.
pub(crate) fn requests(
    rng: &mut fastrand::Rng,
    request: impl Fn(&mut fastrand::Rng, &str) -> Request,
) -> Vec<Request> {
    // Most resources are approved for the first change, a few for its rival.
    let mut requests = vec![request(rng, CHANGE)];
    if chance(rng, 10) {
        requests.push(request(rng, RIVAL));
    }

    requests
}

/// At most so many of the resources, by their numbers; in two of a hundred cases one is named
/// twice.
pub(crate) fn numbers(rng: &mut fastrand::Rng, count: usize, most: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (1..=count).collect();
    rng.shuffle(&mut numbers);
    numbers.truncate(rng.usize(1..=most));

    if chance(rng, 2) {
        // A resource that is named twice must be refused, not changed twice.
        numbers.extend(numbers.first().copied());
    }

    numbers
}

/// Up to four external events.
fn external_events(
    rng: &mut fastrand::Rng,
    change: impl Fn(&mut fastrand::Rng) -> Change,
) -> Vec<ExternalEvent> {
    (0..rng.usize(0..5))
        .map(|_| ExternalEvent {
            when: when(rng),
            change: change(rng),
        })
        .collect()
}

fn when(rng: &mut fastrand::Rng) -> When {
    // Between two calls of a run is where a change hurts.
    match rng.u8(0..100) {
        0..50 => When::Call(rng.usize(0..24)),
        50..65 => When::BetweenPages(rng.usize(0..24)),
        _ => When::At(rng.u64(0..4000)),
    }
}

/// What operators do afterwards to four in ten of the resources, by their numbers.
fn afterwards(
    rng: &mut fastrand::Rng,
    count: usize,
    change: impl Fn(&mut fastrand::Rng, usize) -> Change,
) -> Vec<Change> {
    let mut afterwards = Vec::new();
    for number in 1..=count {
        if chance(rng, 40) {
            afterwards.push(change(rng, number));
        }
    }

    afterwards
}

/// One to three deliveries of the first request, and one or two of another, for two workers.
fn deliveries(rng: &mut fastrand::Rng, requests: usize, timeout: u64) -> [Vec<Delivery>; 2] {
    let mut workers = [Vec::new(), Vec::new()];
    for request in 0..requests {
        for number in 0..rng.usize(1..=3) {
            // The first delivery starts with the simulation, so that something always happens.
            let is_very_first = number == 0 && request == 0;
            let seconds = delivery_time(rng, is_very_first);
            let stops = stops(rng, timeout);

            // Two workers at once are two sandboxes of Lambda: they share nothing but AWS.
            let worker = usize::from(chance(rng, 50));
            if let Some(deliveries) = workers.get_mut(worker) {
                deliveries.push(Delivery {
                    at: seconds,
                    request,
                    stops,
                });
            }
        }
    }

    for deliveries in &mut workers {
        // A worker takes its deliveries one after the other.
        deliveries.sort_by_key(|delivery: &Delivery| delivery.at);
    }

    workers
}

fn delivery_time(rng: &mut fastrand::Rng, is_very_first: bool) -> u64 {
    match (is_very_first, rng.u8(0..4)) {
        (true, _) | (false, 0 | 1) => 0,
        (false, 2) => rng.u64(0..30),
        (false, _) => rng.u64(30..4000),
    }
}

/// What stops the first attempts of a delivery: at any await of a run, of which a short one has a
/// few dozen and a long one hundreds.
fn stops(rng: &mut fastrand::Rng, timeout: u64) -> Vec<Stop> {
    let mut stops = Vec::new();
    while stops.len() < 2 && chance(rng, 40) {
        let polls = match rng.u8(0..10) {
            0..8 => rng.usize(1..60),
            8 => rng.usize(60..400),
            _ => rng.usize(400..2000),
        };
        stops.push(match chance(rng, 85) {
            true => Stop::Kill(polls),
            false => Stop::Freeze(polls, rng.u64(1..=timeout)),
        });
    }

    stops
}

/// One or two late deliveries of the first request.
fn late_deliveries(rng: &mut fastrand::Rng) -> Vec<Delivery> {
    (0..rng.usize(1..3))
        .map(|_| Delivery::of_first_request(lateness(rng)))
        .collect()
}

/// Mostly an hour or two, sometimes most of a day, sometimes more than a request is good for.
fn lateness(rng: &mut fastrand::Rng) -> u64 {
    match rng.u8(0..10) {
        // EventBridge and SQS deliver at least once, and a duplicate may be hours late.
        0..6 => rng.u64(60..7200),
        6..9 => rng.u64(3600..60_000),
        _ => 90_000,
    }
}

/// The variables without some of them, three in a hundred, which have their defaults.
pub(crate) fn some_left_out(rng: &mut fastrand::Rng, all: Variables) -> Variables {
    let set = all.into_iter().filter(|_| !chance(rng, 3));

    set.collect()
}

/// A request, bare or in an event; in five of a hundred cases it is malformed.
pub(crate) fn wrapped(
    rng: &mut fastrand::Rng,
    detail: Value,
    detail_type: &str,
    mistakes: &[Mistake],
) -> Request {
    let detail_type = rng.bool().then_some(detail_type);

    if chance(rng, 5) {
        malformed(rng, &detail, mistakes)
    } else {
        Request::new(detail, detail_type)
    }
}

/// An event of AWS, and the request that it amounts to; one in ten is about something else, so that
/// it asks for nothing.
pub(crate) fn native(
    rng: &mut fastrand::Rng,
    id: &str,
    event: &Value,
    detail: Value,
    mistakes: &[Mistake],
) -> Request {
    let request = Request::native(id, event, detail);
    let Some(mistake) = rng.choice(mistakes).filter(|_| chance(rng, 10)) else {
        return request;
    };

    let mut other = event.clone();
    mistake(&mut other);
    Request {
        payload: other.to_string(),
        detail: None,
        ..request
    }
}

/// Draws the trouble of a scenario: for each kind none, mostly.
fn trouble(rng: &mut fastrand::Rng, draws: &Draws) -> Trouble {
    let operations: Vec<&str> = draws.reads.iter().chain(draws.steps).copied().collect();
    let denied = rng.choice(operations).filter(|_| chance(rng, 3));
    // Most deliveries are early, and so are outages.
    let from = rng.i64(0..600);
    let outage = Outage {
        region: rng.choice(draws.regions).copied().unwrap_or_default(),
        kind: rng
            .choice([
                FaultKind::ResetBefore,
                FaultKind::HangBefore,
                FaultKind::Unavailable,
            ])
            .unwrap_or(FaultKind::ResetBefore),
        seconds: (from, from + rng.i64(30..4000)),
    };
    let rate_limit = RateLimit {
        kind: rng
            .choice([
                FaultKind::Throttle,
                FaultKind::ThrottleRetryAfter,
                FaultKind::ThrottleWithoutCode,
            ])
            .unwrap_or(FaultKind::Throttle),
        scope: Scope::Operation,
        burst: f64::from(rng.u8(1..8)),
        per_second: f64::from(rng.u8(1..20)) / 10.0,
        buckets: BTreeMap::new(),
    };

    Trouble {
        denied,
        outage: chance(rng, 6).then_some(outage),
        rate_limit: chance(rng, 8).then_some(rate_limit),
        processes: chance(rng, 12),
        wording: rng.choice(draws.wordings).filter(|_| chance(rng, 16)),
    }
}

/// A new process, in which something may be wrong.
pub(crate) fn process(rng: &mut fastrand::Rng) -> Process {
    let mut process = Process::default();
    // Most processes are good, and few are bad in two ways.
    if chance(rng, 25) {
        process.calls_until_expiry = Some(rng.u32(0..20));
    }
    if chance(rng, 25) {
        // AWS accepts what is less than five minutes wrong, so that only the expiry is.
        process.ahead = TimeDelta::seconds(rng.i64(-900..900));
    }

    process
}
