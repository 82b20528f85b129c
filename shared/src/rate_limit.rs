//! A rate limiter that learns the rate from AWS: no limit until a call is throttled, and from then
//! on slightly below the rate that AWS allows.
//!
//! AWS's services throttle by token bucket. A throttle means that the bucket is empty, so the calls
//! that pass from one throttle to the next show the rate at which it is filled. The limiter goes
//! slightly below that rate, rises slowly to find out whether more is allowed by now, and learns
//! again from the next throttle. Calls that wait here do not use up the SDK's retries.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{FinalizerInterceptorContextRef, InterceptorContext},
            dyn_dispatch_hint,
        },
        orchestrator::HttpResponse,
        retries::classifiers::{ClassifyRetry, RetryAction},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::{Instant, sleep_until};

use crate::fault::FaultKind;

/// The calls a second after the first throttle; doubled each second, until the next throttle shows
/// the allowed rate.
const FIRST_GUESS: f64 = 10.0;
/// The lowest rate, in calls a second. The last of eight calls that wait does so for four seconds.
const MIN_RATE: f64 = 2.0;
/// The share of the allowed rate that is used after a throttle.
const CAUTION: f64 = 0.9;
/// The seconds after which the rate has risen by the rate that AWS had allowed.
const SECONDS_TO_DOUBLE: f64 = 25.0;
/// How long nothing is sent after the first throttle, so that the SDK can repeat the calls in
/// flight.
const PAUSE: Duration = Duration::from_millis(500);
/// Throttles within this time of another belong to the same storm.
const STORM: Duration = Duration::from_millis(500);
/// How long the allowed rate is remembered without a throttle.
const MEMORY: Duration = Duration::from_mins(1);

/// The rate limiter that all calls to one service in one Region share. As an interceptor of the
/// client it learns from every answer.
#[derive(Debug, Clone, Default)]
pub struct RateLimiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    throttled: Option<Throttled>,
    /// When the next call may be made; at any time, without a throttle.
    next: Option<Instant>,
}

/// What is known since the last throttle.
#[derive(Debug)]
struct Throttled {
    at: Instant,
    /// The calls a second that AWS allowed up to then.
    allowed: Option<f64>,
    /// The calls that passed since.
    passed: u32,
}

impl RateLimiter {
    /// Waits until a call may be made.
    pub async fn acquire(&self) {
        loop {
            // The lock is gone before the wait.
            let wait = self.state().take(Instant::now());
            let Some(until) = wait else { return };
            sleep_until(until).await;
        }
    }

    /// Learns from the answer to an attempt.
    pub(crate) fn learn(&self, throttled: bool) {
        let now = Instant::now();
        match throttled {
            true => self.state().slow_down(now),
            false => self.state().go_on(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a turn, or returns when to ask again: calls that wait follow the rate of that time, not
    /// of now.
    fn take(&mut self, now: Instant) -> Option<Instant> {
        // Until the first throttle nothing waits.
        let Some(throttled) = &self.throttled else {
            return None;
        };
        if let Some(next) = self.next.filter(|next| *next > now) {
            return Some(next);
        }
        self.next = Some(now + throttled.interval(now));
        None
    }

    fn go_on(&mut self) {
        if let Some(throttled) = &mut self.throttled {
            throttled.passed = throttled.passed.saturating_add(1);
        }
    }

    /// Learns that AWS throttled a call. The SDK repeats it on its own, so a turn is kept for it;
    /// one for a whole storm, or the wait could grow forever.
    fn slow_down(&mut self, now: Instant) {
        let known = self
            .throttled
            .take()
            .filter(|throttled| now - throttled.at < MEMORY);

        // A throttle says what AWS allows, unless it belongs to the storm of another.
        let throttled = match known {
            Some(known) if now - known.at < STORM => known,
            Some(known) => Throttled {
                at: now,
                allowed: Some(known.allowed(now)),
                passed: 0,
            },
            None => {
                self.next = Some(now + PAUSE);
                Throttled {
                    at: now,
                    allowed: None,
                    passed: 0,
                }
            }
        };

        // The call that was throttled takes the next turn.
        let interval = throttled.interval(now);
        let next = self.next.map_or(now, |next| next.max(now)) + interval;
        self.next = Some(next.min(now + PAUSE + interval));
        self.throttled = Some(throttled);
    }
}

impl Throttled {
    /// Calls a second.
    fn rate(&self, now: Instant) -> f64 {
        let seconds = (now - self.at).as_secs_f64();
        // Before AWS has shown its rate: a guess. Afterwards: slightly below, and slowly up.
        let rate = match self.allowed {
            None => FIRST_GUESS * seconds.exp2(),
            Some(allowed) => allowed * (CAUTION + (seconds / SECONDS_TO_DOUBLE).powi(2)),
        };
        rate.max(MIN_RATE)
    }

    fn interval(&self, now: Instant) -> Duration {
        // The rate is never below MIN_RATE, so that this is half a second at most.
        Duration::from_secs_f64(self.rate(now).recip())
    }

    /// What passed since the last throttle. It is no more than was tried, and if much less, then
    /// less was asked for.
    fn allowed(&self, now: Instant) -> f64 {
        let passed = f64::from(self.passed) / (now - self.at).as_secs_f64();
        let rate = self.rate(now);
        let least = if self.allowed.is_some() {
            rate / 2.0
        } else {
            MIN_RATE
        };
        passed.min(rate).max(least)
    }
}

#[dyn_dispatch_hint]
impl Intercept for RateLimiter {
    fn name(&self) -> &'static str {
        "RateLimiter"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Without an answer nothing is known.
        if let Some(answer) = context.response() {
            self.learn(throttles(answer));
        }
        Ok(())
    }
}

/// Has the SDK repeat a call only where AWS throttled it, and so did nothing. For a call without a
/// token that makes it the same when it is repeated.
#[derive(Debug, Clone, Copy)]
pub struct OnlyThrottles;

impl ClassifyRetry for OnlyThrottles {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(answer) if throttles(answer) => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "OnlyThrottles"
    }
}

/// Has the SDK repeat a call that AWS throttled without an error code that the SDK knows.
#[derive(Debug, Clone, Copy)]
pub struct Throttles;

impl ClassifyRetry for Throttles {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(answer) if throttles(answer) => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Throttles"
    }
}

/// Whether an answer says to slow down.
fn throttles(answer: &HttpResponse) -> bool {
    answer.status().as_u16() >= 400 && FaultKind::of_response(answer) == FaultKind::Throttled
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::{StreamExt, stream};

    use super::*;

    /// A service that allows so many calls a second, saves up as many as it holds, and takes its
    /// time.
    struct Service {
        a_second: f64,
        holds: f64,
        bucket: RefCell<(f64, Instant)>,
        calls: Cell<u32>,
        throttled: Cell<u32>,
    }

    impl Service {
        fn allowing(a_second: f64, holds: f64) -> Self {
            let bucket = RefCell::new((holds, Instant::now()));
            Self {
                a_second,
                holds,
                bucket,
                calls: Cell::new(0),
                throttled: Cell::new(0),
            }
        }

        async fn lets_pass(&self) -> bool {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (saved, at) = *self.bucket.borrow();
            let now = Instant::now();
            let saved = self
                .holds
                .min(saved + (now - at).as_secs_f64() * self.a_second);
            let passes = saved >= 1.0;
            *self.bucket.borrow_mut() = (if passes { saved - 1.0 } else { saved }, now);
            self.calls.set(self.calls.get() + 1);
            self.throttled
                .set(self.throttled.get() + u32::from(!passes));
            passes
        }

        /// One call, with the attempts and the waits of the SDK.
        async fn call(&self, pace: &RateLimiter) -> bool {
            pace.acquire().await;
            for longest_wait in [1.0, 2.0, 0.0] {
                let passes = self.lets_pass().await;
                pace.learn(!passes);
                if passes {
                    return true;
                }
                tokio::time::sleep(Duration::from_secs_f64(fastrand::f64() * longest_wait)).await;
            }
            false
        }

        /// Nine hundred calls, eight at once. The seconds they took, and how many were lost.
        async fn work_off(&self) -> (f64, usize) {
            let (pace, start) = (RateLimiter::default(), Instant::now());
            let calls: Vec<_> = (0..900).map(|_| self.call(&pace)).collect();
            let passed: Vec<bool> = stream::iter(calls).buffered(8).collect().await;
            (
                (Instant::now() - start).as_secs_f64(),
                passed.iter().filter(|passed| !**passed).count(),
            )
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_go_nearly_as_fast_as_the_service_allows_and_few_are_throttled() {
        for (a_second, holds, seed) in [
            (10.0, 5.0, 1),
            (10.0, 10.0, 1),
            (10.0, 10.0, 2),
            (10.0, 10.0, 3),
            (10.0, 20.0, 1),
            (20.0, 20.0, 1),
        ] {
            fastrand::seed(seed);
            let service = Service::allowing(a_second, holds);
            let (seconds, lost) = service.work_off().await;
            let of_ideal = seconds / (900.0 / a_second);
            let throttled = f64::from(service.throttled.get()) / f64::from(service.calls.get());
            let figures = format!(
                "{a_second} {holds}: {of_ideal:.3} of the floor, {throttled:.3} throttled, {lost} lost"
            );
            assert!(
                of_ideal <= 1.10 && throttled < 0.02 && lost == 0,
                "{figures}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_throttles_nothing_is_not_kept_waiting() {
        let service = Service::allowing(1e6, 1e6);
        let (seconds, _) = service.work_off().await;
        assert!((seconds - 900.0 / 8.0 * 0.02).abs() < 0.1, "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_an_eighth_of_what_the_slowest_pace_would_take() {
        let pace = RateLimiter::default();
        for _ in 0..100 {
            pace.learn(true);
            tokio::time::sleep(STORM).await;
        }
        let start = Instant::now();
        for _ in 0..9 {
            pace.acquire().await;
        }
        assert!(
            Instant::now() - start < Duration::from_secs(6),
            "{:?}",
            Instant::now() - start
        );
    }

    /// How many milliseconds the next call waits for its turn.
    async fn wait(pace: &RateLimiter) -> u128 {
        let start = Instant::now();
        pace.acquire().await;
        (Instant::now() - start).as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_throttle_makes_a_pause_and_then_a_guess_that_doubles_each_second() {
        let pace = RateLimiter::default();
        pace.learn(true);
        assert_eq!(wait(&pace).await, 600);
        tokio::time::sleep(Duration::from_millis(1400)).await;
        assert_eq!((wait(&pace).await, wait(&pace).await), (0, 25));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_throttle_shows_the_allowed_rate_and_calls_go_slightly_below_it() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(Duration::from_secs(2)).await;
        (0..20).for_each(|_| pace.learn(false));
        pace.learn(true);
        // Ten a second passed, so that it is nine from now on; waits end with a whole millisecond.
        assert_eq!((wait(&pace).await, wait(&pace).await), (112, 112));
    }

    #[tokio::test(start_paused = true)]
    async fn what_passed_in_a_burst_is_not_taken_for_the_allowed_rate() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(Duration::from_secs(2)).await;
        (0..200).for_each(|_| pace.learn(false));
        pace.learn(true);
        // A hundred a second passed, where forty were tried: it is 36 from now on.
        assert_eq!((wait(&pace).await, wait(&pace).await), (28, 28));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_minute_without_a_throttle_the_next_one_is_the_first_again() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(MEMORY).await;
        pace.learn(true);
        assert_eq!(wait(&pace).await, 600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_throttles_keeps_nobody_waiting_longer_than_one() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(STORM).await;
        (0..100).for_each(|_| pace.learn(true));
        let start = Instant::now();
        pace.acquire().await;
        assert!(
            Instant::now() - start <= PAUSE * 2,
            "{:?}",
            Instant::now() - start
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_of_long_ago_holds_up_nothing() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(MEMORY).await;
        let start = Instant::now();
        for _ in 0..100 {
            pace.acquire().await;
        }
        assert!(Instant::now() - start < Duration::from_secs(1));
    }

    #[test]
    fn a_throttle_is_known_by_its_status_or_by_the_code_in_its_header() {
        let answer = |status: u16, code: &'static str| {
            let mut answer = HttpResponse::new(
                status.try_into().unwrap(),
                aws_smithy_types::body::SdkBody::empty(),
            );
            answer.headers_mut().insert("x-amzn-errortype", code);
            throttles(&answer)
        };
        assert!(
            answer(429, "Unknown")
                && answer(400, "ThrottlingException:http://internal.amazon.com/")
        );
        assert!(answer(400, "com.amazonaws.drs#ThrottlingException"));
        assert!(
            !answer(400, "ValidationException")
                && !answer(503, "InternalServerError")
                && !answer(200, "")
        );
    }

    #[test]
    fn a_throttle_without_a_code_in_its_header_is_known_by_its_body() {
        let answer = |status: u16, body: &'static str| {
            throttles(&HttpResponse::new(
                status.try_into().unwrap(),
                aws_smithy_types::body::SdkBody::from(body),
            ))
        };
        assert!(answer(400, r#"{"message":"Rate exceeded"}"#));
        assert!(answer(
            400,
            r#"{"__type":"com.amazonaws.drs#ThrottlingException"}"#
        ));
        assert!(answer(
            503,
            r#"{"code":"SlowDown","message":"Reduce your request rate"}"#
        ));
        assert!(
            !answer(400, r#"{"message":"no such file system"}"#)
                && !answer(400, "<html>")
                && !answer(400, "")
        );
        assert!(!answer(
            400,
            r#"{"code":"ValidationException","message":"Rate exceeded"}"#
        ));
    }
}
