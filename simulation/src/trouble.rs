//! Trouble that lasts for longer than one call: what is denied or down, a rate that AWS keeps to,
//! processes with an old clock, old credentials or dead connections, and items that lag.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::FaultKind;

use crate::wording::Wording;

/// How old a signature may be, or how far ahead.
pub(crate) const SIGNATURE: TimeDelta = TimeDelta::minutes(5);

/// Every trouble by the name under which it is counted.
pub(crate) const TROUBLES: [&str; 8] = [
    DENIED,
    "outage",
    "rate_limit",
    "expired_credentials",
    "wrong_clock",
    DEAD_CONNECTION,
    FROZEN,
    LAGGING_ITEM,
];

/// An operation is denied for good.
pub(crate) const DENIED: &str = "denied_for_good";
/// A connection that was kept open is dead.
pub(crate) const DEAD_CONNECTION: &str = "dead_connection";
/// A process stands still for a while.
pub(crate) const FROZEN: &str = "frozen";
/// One item of a list is as it was a moment ago.
pub(crate) const LAGGING_ITEM: &str = "lagging_item";

/// What is wrong in a scenario until its faults stop; what is denied, for as long as it lasts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// An operation that some policy of the account denies.
    pub(crate) denied: Option<&'static str>,
    pub(crate) outage: Option<Outage>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Whether new processes may have old credentials or a wrong clock, and warm ones dead
    /// connections.
    pub(crate) processes: bool,
    /// Other words for what AWS answers.
    pub(crate) wording: Option<&'static Wording>,
}

/// A Region in which every call fails in the same way for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) region: &'static str,
    pub(crate) kind: FaultKind,
    /// From when until when, in seconds after the start.
    pub(crate) seconds: (i64, i64),
}

/// A bucket of tokens for each operation: a call takes one, and is throttled where there is none.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit {
    /// How AWS says so.
    pub(crate) kind: FaultKind,
    /// How many calls may be made at once.
    pub(crate) burst: f64,
    /// How many tokens come back in a second.
    pub(crate) per_second: f64,
    /// For each operation its tokens, and when they were counted.
    pub(crate) buckets: BTreeMap<String, (f64, DateTime<Utc>)>,
}

impl RateLimit {
    /// Takes a token; false where there is none.
    pub(crate) fn admits(&mut self, operation: &str, now: DateTime<Utc>) -> bool {
        // An operation that was never called has a full bucket.
        let full = (self.burst, now);
        let (tokens, counted) = self.buckets.entry(operation.to_owned()).or_insert(full);
        let seconds = (now - *counted).as_seconds_f64();
        *tokens = (*tokens + seconds * self.per_second).min(self.burst);
        *counted = now;

        // A call that is throttled takes nothing.
        let is_admitted = *tokens >= 1.0;
        if is_admitted {
            *tokens -= 1.0;
        }
        is_admitted
    }
}

/// What is wrong with one process, for as long as it lives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Process {
    /// The number of its sandbox.
    pub(crate) sandbox: usize,
    /// How far its clock is ahead.
    pub(crate) ahead: TimeDelta,
    /// After how many more calls its credentials have expired.
    pub(crate) calls_until_expiry: Option<u32>,
    /// How many of its open connections are dead.
    pub(crate) dead_connections: u32,
}

impl Process {
    /// Whether AWS takes its signatures for too old or too new.
    pub(crate) fn has_wrong_clock(&self) -> bool {
        self.ahead.abs() > SIGNATURE
    }
}
