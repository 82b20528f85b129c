//! What AWS bills of what runs in an account: a fleet with everything that follows from it.

use std::time::Duration;

/// The bytes of an event that EventBridge bills as one.
const BYTES_PER_EVENT: usize = 64 << 10;

/// What was counted so far. What reads a queue is not among it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meter {
    /// Invocations of the function that began.
    pub(super) invocations: u64,
    /// How long they took, each rounded up, in milliseconds of virtual time.
    pub(super) milliseconds: u64,
    /// The bytes of their answers, each of which the function logs.
    pub(super) log_bytes: u64,
    /// Events that machines put on a bus, each as many as EventBridge bills.
    pub(super) events: u64,
    /// Requests of machines that write to S3.
    pub(super) writes: u64,
    /// Requests of machines that read from S3.
    pub(super) reads: u64,
}

impl Meter {
    /// Counts an invocation by its duration, and by the bytes of its answer if it had one.
    pub(super) fn count_invocation(&mut self, took: Duration, answer_bytes: usize) {
        // Lambda bills each started millisecond.
        let milliseconds = took.as_nanos().div_ceil(1_000_000);

        // A killed process bills its time as well.
        self.invocations += 1;
        self.milliseconds += u64::try_from(milliseconds).unwrap_or(u64::MAX);
        self.log_bytes += answer_bytes as u64;
    }

    /// Counts an event of so many bytes.
    pub(super) fn count_event(&mut self, bytes: usize) {
        self.events += bytes.div_ceil(BYTES_PER_EVENT) as u64;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.invocations += other.invocations;
        self.milliseconds += other.milliseconds;
        self.log_bytes += other.log_bytes;
        self.events += other.events;
        self.writes += other.writes;
        self.reads += other.reads;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_bills_started_milliseconds_and_eventbridge_started_chunks() {
        let mut meter = Meter::default();
        meter.count_invocation(Duration::from_micros(1_001), 10);
        meter.count_invocation(Duration::from_millis(3), 0);
        meter.count_event(1);
        meter.count_event(BYTES_PER_EVENT + 1);

        let Meter {
            invocations,
            milliseconds,
            log_bytes,
            events,
            ..
        } = meter;
        assert_eq!(
            (invocations, milliseconds, log_bytes, events),
            (2, 5, 10, 3)
        );
    }
}
