//! What time it is for an invocation, and until when it may work.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lambda_runtime::Context;

use crate::start::OPERATION_TIMEOUT;

/// How long a call may wait for its turn before it is made: the last of eight at the slowest pace.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// How long before the end of the function a look is given up, so that there is time to say so.
const TIME_TO_REPORT: Duration = Duration::from_secs(1);

/// What time it is for an invocation, and until when it may work.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// The wall clock at the start; only expiry is decided by it.
    pub now: DateTime<Utc>,
    /// When Lambda ends the function.
    pub deadline: tokio::time::Instant,
}

impl Invocation {
    /// Reads both from Lambda's context.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let left = context
            .deadline()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        Self {
            now: Utc::now(),
            deadline: tokio::time::Instant::now() + left,
        }
    }

    /// Makes a look, unless or until too little time is left to report what it shows; `None` then.
    pub async fn in_time<T>(&self, look: impl Future<Output = T>) -> Option<T> {
        let last_moment = self
            .deadline
            .checked_sub(TIME_TO_REPORT)
            .unwrap_or(self.deadline);
        if tokio::time::Instant::now() >= last_moment {
            return None;
        }
        tokio::time::timeout_at(last_moment, look).await.ok()
    }

    /// How many calls, one after the other and each at its slowest, end before Lambda ends the
    /// function.
    #[must_use]
    pub fn calls_left(&self) -> usize {
        let left = self
            .deadline
            .saturating_duration_since(tokio::time::Instant::now());
        usize::try_from(left.as_secs() / (LONGEST_TURN + OPERATION_TIMEOUT).as_secs())
            .unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_as_left_only_if_it_can_end_at_its_slowest() {
        let now = tokio::time::Instant::now();
        let calls_left = |seconds| {
            Invocation {
                now: Utc::now(),
                deadline: now + Duration::from_secs(seconds),
            }
            .calls_left()
        };
        assert_eq!(calls_left(19), 0);
        assert_eq!(calls_left(99), 4);
    }

    #[test]
    fn what_time_it_is_does_not_depend_on_how_much_there_is() {
        let before = Utc::now();
        let mut context = Context::default();
        context.deadline = u64::try_from(before.timestamp_millis()).unwrap() + 900_000;
        let invocation = Invocation::new(&context);
        assert!((before..=Utc::now()).contains(&invocation.now));
        assert!(
            (43..=45).contains(&invocation.calls_left()),
            "900 seconds are 45 calls of 20"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_is_given_up_while_there_is_time_to_say_so() {
        let began = tokio::time::Instant::now();
        let invocation = Invocation {
            now: Utc::now(),
            deadline: began + Duration::from_secs(10),
        };
        assert_eq!(invocation.in_time(async { 1 }).await, Some(1));
        assert_eq!(
            invocation.in_time(std::future::pending::<i32>()).await,
            None
        );
        assert_eq!(began.elapsed(), Duration::from_secs(9));
        assert_eq!(invocation.in_time(async { 1 }).await, None);
    }
}
