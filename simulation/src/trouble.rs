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

/// Buckets of tokens: a call takes one, and is throttled where there is none. Each account has its
/// own, and each Region of it.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit {
    /// How AWS says so.
    pub(crate) kind: FaultKind,
    /// Which calls into a Region share a bucket.
    pub(crate) scope: Scope,
    /// How many calls may be made at once.
    pub(crate) burst: f64,
    /// How many tokens come back in a second.
    pub(crate) per_second: f64,
    /// For each bucket, by its Region and its operation, the tokens and when they were counted.
    pub(crate) buckets: BTreeMap<(String, String), (f64, DateTime<Utc>)>,
}

/// Which calls into a Region share a bucket. AWS does not say which it is for DRS and EFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of one operation.
    Operation,
    /// All of them.
    Region,
}

impl RateLimit {
    /// Takes a token; false where there is none.
    pub(crate) fn admits(&mut self, region: &str, operation: &str, now: DateTime<Utc>) -> bool {
        let operation = match self.scope {
            Scope::Operation => operation,
            Scope::Region => "",
        };
        // A bucket that nobody took from is full.
        let bucket = (region.to_owned(), operation.to_owned());
        let full = (self.burst, now);
        let (tokens, counted) = self.buckets.entry(bucket).or_insert(full);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::{HERE, THERE, epoch};

    fn limit(scope: Scope) -> RateLimit {
        RateLimit {
            kind: FaultKind::Throttle,
            scope,
            burst: 2.0,
            per_second: 1.0,
            buckets: BTreeMap::new(),
        }
    }

    #[test]
    fn a_region_has_buckets_of_its_own() {
        for scope in [Scope::Operation, Scope::Region] {
            let mut limit = limit(scope);
            let mut admits = |region| limit.admits(region, "DescribeJobs", epoch());
            assert!(admits(HERE) && admits(HERE) && !admits(HERE), "{scope:?}");
            assert!(admits(THERE), "{scope:?}");
        }
    }

    #[test]
    fn operations_share_a_bucket_where_the_limit_is_of_the_region() {
        for (scope, is_admitted) in [(Scope::Operation, true), (Scope::Region, false)] {
            let mut limit = limit(scope);
            let mut admits = |operation| limit.admits(HERE, operation, epoch());
            assert!(admits("DescribeJobs") && admits("DescribeJobs"));
            assert_eq!(admits("UntagResource"), is_admitted, "{scope:?}");
        }
    }

    #[test]
    fn a_bucket_fills_up_to_its_burst() {
        let mut limit = limit(Scope::Region);
        let later = |seconds| epoch() + TimeDelta::seconds(seconds);
        let mut admitted = |seconds| {
            let calls = (0..5).filter(|_| limit.admits(HERE, "DescribeJobs", later(seconds)));
            calls.count()
        };

        // Two at once, one a second later, and two again however long nobody calls.
        assert_eq!([0, 1, 100].map(&mut admitted), [2, 1, 2]);
    }
}
