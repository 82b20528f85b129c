//! What a seed decides in every simulation: requests, deliveries, what others do.

use chrono::{SecondsFormat, TimeDelta};
use emulator::world::Reply;
use serde_json::{Value, json};

use crate::scenario::{Change, Delivery, ExternalEvent, Request, When, epoch};

pub(crate) const CHANGE: &str = "CHG1";

pub(crate) const RIVAL: &str = "CHG2";

pub(crate) fn expiry(hours: i64) -> String {
    (epoch() + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn chance(rng: &mut fastrand::Rng, percent: u8) -> bool {
    rng.u8(0..100) < percent
}

pub(crate) fn either(rng: &mut fastrand::Rng) -> Reply {
    if rng.bool() {
        Reply::Ok
    } else {
        Reply::Conflict
    }
}

/// One request, and in a quarter of the stories another one for the same resources.
pub(crate) fn requests(
    rng: &mut fastrand::Rng,
    request: impl Fn(&mut fastrand::Rng, &str) -> Request,
) -> Vec<Request> {
    let mut requests = vec![request(rng, CHANGE)];
    if chance(rng, 25) {
        requests.push(request(rng, RIVAL));
    }
    requests
}

/// Up to four things that others do meanwhile.
pub(crate) fn external_events(
    rng: &mut fastrand::Rng,
    what: impl Fn(&mut fastrand::Rng) -> Change,
) -> Vec<ExternalEvent> {
    (0..rng.usize(0..5))
        .map(|_| ExternalEvent {
            when: when(rng),
            what: what(rng),
        })
        .collect()
}

/// What operators do afterwards to four in ten of the resources, by their numbers.
pub(crate) fn afterwards(
    rng: &mut fastrand::Rng,
    count: usize,
    what: impl Fn(&mut fastrand::Rng, usize) -> Change,
) -> Vec<Change> {
    let mut afterwards = Vec::new();
    for number in 1..=count {
        if chance(rng, 40) {
            afterwards.push(what(rng, number));
        }
    }
    afterwards
}

/// One or two late deliveries of the first request.
pub(crate) fn late(rng: &mut fastrand::Rng) -> Vec<Delivery> {
    (0..rng.usize(1..3)).map(|_| late_one(rng)).collect()
}

/// Mostly an hour later, sometimes most of a day, sometimes more.
pub(crate) fn late_one(rng: &mut fastrand::Rng) -> Delivery {
    let at = match rng.u8(0..10) {
        0..6 => rng.u64(60..7200),
        6..9 => rng.u64(3600..60_000),
        _ => 90_000,
    };
    Delivery {
        at,
        request: 0,
        kills: Vec::new(),
    }
}

/// One to three deliveries of the first request, and one or two of another, for two workers.
pub(crate) fn deliveries(rng: &mut fastrand::Rng, requests: usize) -> [Vec<Delivery>; 2] {
    let mut early = [Vec::new(), Vec::new()];
    for request in 0..requests {
        for number in 0..rng.usize(1..=3) {
            let at = match (number, rng.u8(0..4)) {
                (0, _) if request == 0 => 0,
                (_, 0 | 1) => 0,
                (_, 2) => rng.u64(0..30),
                _ => rng.u64(30..4000),
            };
            let mut kills = Vec::new();
            while kills.len() < 2 && chance(rng, 40) {
                kills.push(rng.usize(1..60));
            }
            let worker = usize::from(chance(rng, 50));
            if let Some(list) = early.get_mut(worker) {
                list.push(Delivery { at, request, kills });
            }
        }
    }
    early
        .iter_mut()
        .for_each(|list| list.sort_by_key(|delivery| delivery.at));
    early
}

pub(crate) fn when(rng: &mut fastrand::Rng) -> When {
    // Between two calls of a run is where a change hurts.
    if chance(rng, 65) {
        When::Call(rng.usize(0..24))
    } else {
        When::At(rng.u64(0..4000))
    }
}

/// The same request, spoiled.
pub(crate) fn malformed(rng: &mut fastrand::Rng, detail: Value) -> Request {
    let whole = Request::of(detail.clone(), None);
    let mut spoiled = detail.clone();
    let payload = match (rng.u8(0..9), spoiled.as_object_mut()) {
        (0, _) => whole.payload.replacen("\"version\":1", "\"version\":2", 1),
        (1, _) => whole
            .payload
            .replacen("\"version\"", "\"requestID\":\"twice\",\"version\"", 1),
        (2, _) => whole
            .payload
            .get(..whole.payload.len() / 2)
            .unwrap_or_default()
            .to_owned(),
        (3, _) => format!("{}{}", " ".repeat(70_000), whole.payload),
        (4, _) => format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
        (5, Some(members)) => {
            members.insert("force".to_owned(), json!(true));
            spoiled.to_string()
        }
        (6, Some(members)) => {
            members.insert("dryRun".to_owned(), json!("no"));
            spoiled.to_string()
        }
        (7, Some(members)) => {
            members.remove("expiresAt");
            spoiled.to_string()
        }
        _ => whole.payload.replacen(":[{", ":[{\"forceful\":1,", 1),
    };
    Request {
        payload,
        detail: None,
        ..whole
    }
}
