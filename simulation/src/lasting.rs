//! What lasting trouble does to calls.

use emulator::{
    Cloud, FaultKind,
    wire::{self, Wire},
};
use serde_json::Value;

use crate::{
    constants::epoch,
    narrative::About,
    record::{STALE, State},
    trouble::{DEAD_CONNECTION, DENIED, FROZEN, LAGGING_ITEM, Outage, Process},
};

impl State {
    /// The fault of a call that comes from lasting trouble, with the trouble's name.
    pub(crate) fn lasting_fault(
        &mut self,
        operation: &str,
        call: wire::Call<'_>,
        process: &mut Process,
    ) -> Option<(FaultKind, &'static str)> {
        let now = self.now();
        let trouble = &mut self.scenario.trouble;

        // What comes first on the way: the Region, its front door, the credentials, the policies.
        if let Some(Outage {
            region,
            kind,
            seconds,
        }) = trouble.outage
        {
            let (from, until) = seconds;
            let is_down = (from..until).contains(&(now - epoch()).num_seconds());
            if is_down && region_of(call) == Some(region) {
                return Some((kind, "outage"));
            }
        }
        if let Some(limit) = &mut trouble.rate_limit
            && !limit.admits(region_of(call).unwrap_or_default(), operation, now)
        {
            return Some((limit.kind, "rate_limit"));
        }
        if process.has_wrong_clock() {
            return Some((FaultKind::ExpiredSignature, "wrong_clock"));
        }
        if let Some(calls) = &mut process.calls_until_expiry {
            if *calls == 0 {
                return Some((FaultKind::ExpiredToken, "expired_credentials"));
            }
            *calls -= 1;
        }

        // A policy denies whoever is known, and so comes last.
        let is_denied = trouble.denied == Some(operation);
        is_denied.then_some((FaultKind::AccessDenied, DENIED))
    }

    /// The answer to a list in which one item is as it was a moment ago, if one was otherwise.
    pub(crate) fn with_lagging_item(&mut self, call: wire::Call<'_>, wire: Wire) -> Wire {
        let since = self.now() - STALE;
        let recent = self.history.iter().filter(|(time, _)| *time >= since);
        let worlds: Vec<_> = recent.map(|(_, world)| world).collect();
        let Some(world) = self.rng.choice(worlds) else {
            return wire;
        };

        // What the same call would have been answered.
        let past = Cloud::new(world.clone()).call(call);
        let (Wire::Answer(answer), Wire::Answer(past)) = (&wire, past) else {
            return wire;
        };
        // An error, or an answer without a body, has no items.
        let read = |answer: &wire::Answer| -> Option<Value> {
            serde_json::from_str(answer.body.as_deref()?).ok()
        };
        let (Some(mut body), Some(past)) = (read(answer), read(&past)) else {
            return wire;
        };
        let Some(item) = lag(&mut body, &past) else {
            return wire;
        };

        self.disturbances += 1;
        self.count_trouble(LAGGING_ITEM);
        self.narrate(format!(
            "  the next answer shows {item} as it was a moment ago"
        ));
        Wire::Answer(wire::Answer {
            body: Some(body.to_string()),
            ..answer.clone()
        })
    }

    /// An answer in the wording of the scenario.
    pub(crate) fn reworded(&mut self, operation: &str, wire: Wire) -> Wire {
        let wording = self.scenario.trouble.wording;
        let Some(wording) = wording.filter(|wording| wording.operation == operation) else {
            return wire;
        };
        // Errors stay as they are.
        let Wire::Answer(answer) = &wire else {
            return wire;
        };
        let body = answer.body.as_deref().filter(|_| answer.status == 200);
        let Some(before) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
            return wire;
        };

        let mut after = before.clone();
        (wording.reword)(&mut after);
        if after == before {
            return wire;
        }
        self.count_trouble(wording.name);
        self.disturbances += u64::from(!wording.is_the_same);
        Wire::Answer(wire::Answer {
            body: Some(after.to_string()),
            ..answer.clone()
        })
    }

    /// Whether a reason may follow from what AWS leaves out.
    pub(crate) fn is_of_wording(&self, reason: &str) -> bool {
        let wording = self.scenario.trouble.wording;

        wording.is_some_and(|wording| wording.may_lead_to.contains(&reason))
    }

    /// A call that is sent into a connection that is dead.
    pub(crate) fn meet_dead_connection(&mut self, attempt: usize) {
        self.disturbances += 1;
        self.count_trouble(DEAD_CONNECTION);
        let line = format!("  attempt {attempt} calls over a dead connection");
        self.narrate_as(About::Attempt(attempt), line);
    }

    /// A process that stands still in the middle of an attempt.
    pub(crate) fn meet_freeze(&mut self, attempt: usize, seconds: u64) {
        self.disturbances += 1;
        self.count_trouble(FROZEN);
        let line = format!("attempt {attempt} FROZEN for {seconds} s");
        self.narrate_as(About::Attempt(attempt), line);
    }

    pub(crate) fn count_trouble(&mut self, name: &str) {
        *self.figures.faults.entry(name.to_owned()).or_default() += 1;
    }
}

/// The lists of both services, each with the member that names an item.
const LISTS: [(&str, &str); 8] = [
    ("items", "snapshotID"),
    ("items", "jobID"),
    ("items", "recoveryInstanceID"),
    ("items", "sourceServerID"),
    ("FileSystems", "FileSystemId"),
    ("Replications", "SourceFileSystemId"),
    ("MountTargets", "MountTargetId"),
    ("AccessPoints", "AccessPointId"),
];

/// Puts the first item that differs back to what it was, and names it.
fn lag(body: &mut Value, past: &Value) -> Option<String> {
    for (list, name) in LISTS {
        let Some(items) = body[list].as_array_mut() else {
            continue;
        };
        let past = past[list].as_array().map_or(&[][..], Vec::as_slice);

        for item in items {
            // What was not there yet cannot lag behind itself.
            // Some items name a server besides themselves, so that every ID has to be the same.
            let has_same_ids =
                |other: &Value| LISTS.iter().all(|(_, name)| item[*name] == other[*name]);
            let is_same = |other: &&Value| !item[name].is_null() && has_same_ids(other);
            if let Some(earlier) = past.iter().find(is_same).filter(|other| *other != item) {
                *item = earlier.clone();
                return Some(item[name].to_string());
            }
        }
    }

    None
}

/// The Region that a call is signed for.
fn region_of(call: wire::Call<'_>) -> Option<&str> {
    // AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...
    call.authorization?.split('/').nth(2)
}
