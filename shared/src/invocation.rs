//! What time it is for an invocation, and until when it may work.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use lambda_runtime::Context;
use tokio::time::{Instant, timeout_at};

use crate::api::{FailedCall, Unobserved};

/// How long one attempt of a call may take. The SDK sets no such limit by itself, so a hang would
/// last until Lambda's own.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take with all attempts of the SDK, three by default.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a call may wait for its turn before it is made: the last of eight at the slowest pace.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// How long before the end of the function a look is given up, so that there is time to say so.
const TIME_TO_REPORT: Duration = Duration::from_secs(1);

/// What time it is for an invocation, until when it may work, and of which function it is.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The wall clock at the start; it decides about expiry and nothing else.
    pub now: DateTime<Utc>,
    /// When Lambda ends the function.
    pub deadline: Instant,
    /// The function, as it is deployed.
    pub function: Function,
    started: Instant,
}

/// A function as it is deployed. What Lambda does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Function {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The name.
    pub name: String,
    /// The version: a number, or `$LATEST`.
    pub version: String,
}

impl Function {
    /// Reads Lambda's context.
    fn new(context: &Context) -> Self {
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME, and an alias or a version after it.
        let mut parts = context.invoked_function_arn.split(':').skip(3);
        let mut next = || parts.next().unwrap_or_default().to_owned();
        // Started by hand there may be none, and the report says nothing.
        let (region, account) = (next(), next());

        Self {
            account,
            region,
            name: context.env_config.function_name.clone(),
            version: context.env_config.version.clone(),
        }
    }
}

impl Invocation {
    /// Reads Lambda's context.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let remaining = context
            .deadline()
            .duration_since(SystemTime::now())
            .unwrap_or_default();

        Self {
            function: Function::new(context),
            ..Self::at(Utc::now(), Instant::now() + remaining)
        }
    }

    /// An invocation that starts at this time and has to end at that one, of a function without a
    /// name.
    #[must_use]
    pub fn at(now: DateTime<Utc>, deadline: Instant) -> Self {
        Self {
            now,
            deadline,
            function: Function::default(),
            started: Instant::now(),
        }
    }

    /// What time it is by now, by the clock at the start.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.started.elapsed());

        // A function never runs for as long as a time can be.
        self.now + elapsed.unwrap_or_default()
    }

    /// Makes an observation, unless or until too little time is left to report it.
    ///
    /// # Errors
    ///
    /// The call that failed, or that there was no time.
    pub async fn observe<T>(
        &self,
        observation: impl Future<Output = Result<T, FailedCall>>,
    ) -> Result<T, Unobserved> {
        // An observation that Lambda cuts off reports nothing at all.
        let last_moment = self
            .deadline
            .checked_sub(TIME_TO_REPORT)
            .unwrap_or(self.deadline);
        if Instant::now() >= last_moment {
            return Err(Unobserved::OutOfTime);
        }

        // What was under way is dropped; a read has no effect that could be lost.
        match timeout_at(last_moment, observation).await {
            Ok(observed) => observed.map_err(Unobserved::Failed),
            Err(_) => Err(Unobserved::OutOfTime),
        }
    }

    /// How many calls, one after the other and each at its slowest, end before Lambda ends the
    /// function.
    #[must_use]
    pub fn calls_left(&self) -> usize {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        // Pessimistic on purpose: what is started must be finished and read back.
        let slowest_call = LONGEST_TURN + OPERATION_TIMEOUT;

        usize::try_from(remaining.as_secs() / slowest_call.as_secs()).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[test]
    fn a_call_counts_as_left_only_if_it_can_end_at_its_slowest() {
        let now = Instant::now();
        let calls_left =
            |seconds| Invocation::at(Utc::now(), now + Duration::from_secs(seconds)).calls_left();
        assert_eq!(calls_left(19), 0);
        assert_eq!(calls_left(99), 4);
    }

    #[test]
    fn the_time_of_an_invocation_does_not_depend_on_its_deadline() {
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
    async fn time_goes_on_by_the_clock_at_the_start() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let invocation = Invocation::at(start, Instant::now());

        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(invocation.time(), start + TimeDelta::seconds(90));
    }

    #[test]
    fn a_function_is_known_by_its_arn_and_its_version() {
        let mut context = Context::default();
        context.invoked_function_arn =
            "arn:aws:lambda:eu-west-1:111122223333:function:drover-x:live".to_owned();
        let function = Invocation::new(&context).function;
        assert_eq!(function.account, "111122223333");
        assert_eq!(function.region, "eu-west-1");

        context.invoked_function_arn.clear();
        assert_eq!(Invocation::new(&context).function.account, "");
    }

    #[tokio::test(start_paused = true)]
    async fn an_observation_ends_while_there_is_time_to_report_it() {
        let start = Instant::now();
        let invocation = Invocation::at(Utc::now(), start + Duration::from_secs(10));
        let quick = async || invocation.observe(async { Ok(1) }).await;

        assert_eq!(quick().await, Ok(1));
        let endless = invocation.observe(pending::<Result<i32, FailedCall>>());
        assert_eq!(endless.await, Err(Unobserved::OutOfTime));
        assert_eq!(start.elapsed(), Duration::from_secs(9));
        assert_eq!(quick().await, Err(Unobserved::OutOfTime));
    }
}
