//! A pace for calls: as fast as they come, until AWS throttles one; from then on as fast as AWS
//! lets them pass.
//!
//! A service that throttles fills a bucket with so many calls a second. When it throttles, the
//! bucket is empty; so what passes from one throttle to the next is what it allows. The pace goes a
//! little below that, rises slowly to find out whether more is allowed by now, and learns again
//! from the next throttle. Calls that wait do not use up their retries.

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

/// How many calls a second are tried after the first throttle; twice as many each second, until the
/// next one tells more.
const FIRST_GUESS: f64 = 10.0;
/// The least calls a second. So the last of eight that wait does so for four seconds.
const MIN_RATE: f64 = 2.0;
/// What share of the calls that AWS allowed are made after a throttle.
const CAUTION: f64 = 0.9;
/// After how many seconds the pace has risen by what AWS had allowed.
const SECONDS_TO_DOUBLE: f64 = 25.0;
/// For how long after the first throttle nothing is sent, so that what was under way can be
/// repeated.
const PAUSE: Duration = Duration::from_millis(500);
/// Throttles so soon after another are of the same storm.
const STORM: Duration = Duration::from_millis(500);
/// After how long without a throttle nothing is known any more.
const MEMORY: Duration = Duration::from_mins(1);

/// A pace that all calls to one service in one Region share. It takes the answers of a client that
/// it intercepts.
#[derive(Debug, Clone, Default)]
pub struct RateLimiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    throttled: Option<Throttled>,
    /// When the next call may be made; without a throttle, always.
    next: Option<Instant>,
}

/// What is known since AWS throttled last.
#[derive(Debug)]
struct Throttled {
    at: Instant,
    /// How many calls a second AWS allowed up to then.
    allowed: Option<f64>,
    /// How many calls passed since.
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
    fn learn(&self, throttled: bool) {
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
    /// Takes the turn, or tells when to ask again: those who wait go by the pace of then, not of
    /// now.
    fn take(&mut self, now: Instant) -> Option<Instant> {
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
        // Before AWS has told its rate: a guess. Afterwards: a little below, and slowly up.
        let rate = match self.allowed {
            None => FIRST_GUESS * seconds.exp2(),
            Some(allowed) => allowed * (CAUTION + (seconds / SECONDS_TO_DOUBLE).powi(2)),
        };
        rate.max(MIN_RATE)
    }

    fn interval(&self, now: Instant) -> Duration {
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
            let (pace, begun) = (RateLimiter::default(), Instant::now());
            let calls: Vec<_> = (0..900).map(|_| self.call(&pace)).collect();
            let passed: Vec<bool> = stream::iter(calls).buffered(8).collect().await;
            (
                (Instant::now() - begun).as_secs_f64(),
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
            let of_floor = seconds / (900.0 / a_second);
            let throttled = f64::from(service.throttled.get()) / f64::from(service.calls.get());
            let told = format!(
                "{a_second} {holds}: {of_floor:.3} of the floor, {throttled:.3} throttled, {lost} lost"
            );
            assert!(of_floor <= 1.10 && throttled < 0.02 && lost == 0, "{told}");
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
        let begun = Instant::now();
        for _ in 0..9 {
            pace.acquire().await;
        }
        assert!(
            Instant::now() - begun < Duration::from_secs(6),
            "{:?}",
            Instant::now() - begun
        );
    }

    /// How many milliseconds the next call waits for its turn.
    async fn wait(pace: &RateLimiter) -> u128 {
        let begun = Instant::now();
        pace.acquire().await;
        (Instant::now() - begun).as_millis()
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
    async fn the_next_throttle_tells_what_was_allowed_and_the_pace_goes_a_little_below() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(Duration::from_secs(2)).await;
        (0..20).for_each(|_| pace.learn(false));
        pace.learn(true);
        // Ten a second passed, so that it is nine from now on; waits end with a whole millisecond.
        assert_eq!((wait(&pace).await, wait(&pace).await), (112, 112));
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_throttles_keeps_nobody_waiting_longer_than_one() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(STORM).await;
        (0..100).for_each(|_| pace.learn(true));
        let begun = Instant::now();
        pace.acquire().await;
        assert!(
            Instant::now() - begun <= PAUSE * 2,
            "{:?}",
            Instant::now() - begun
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_of_long_ago_holds_up_nothing() {
        let pace = RateLimiter::default();
        pace.learn(true);
        tokio::time::sleep(MEMORY).await;
        let begun = Instant::now();
        for _ in 0..100 {
            pace.acquire().await;
        }
        assert!(Instant::now() - begun < Duration::from_secs(1));
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
