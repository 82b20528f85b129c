//! Runs one scenario: the real function over the real SDK client, in virtual time, against a world
//! that fails and changes.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use emulator::{Reply, World};
use harness::{parts, sdk_config};
use serde_json::Value;
use shared::{Answer, Failure, Invocation};
use tokio::time::Instant;

use crate::{
    bugs,
    connector::{Worker, lock},
    constants::HERE,
    judge::is_out_of_time,
    mistakes,
    narrative::About,
    record::{AttemptLog, Bug, Ending, Simulation, State, Subject, Violation, text},
    report_checks::{is_settled, take_report},
    scenario::{Delivery, FaultSchedule, Request, Scenario, Stop},
    trouble::{Process, Trouble},
    virtual_time::in_virtual_time,
};

/// How often a delivery is repeated while calls can fail.
const ATTEMPTS: usize = 6;
/// How often a request is sent again without faults before it must have ended.
const ROUNDS: usize = 24;
/// The least time between two of these rounds, in seconds: a first sync takes hours, and looking
/// every few minutes shows nothing new.
const HALF_AN_HOUR: u64 = 1800;
/// After this time every late effect has happened.
const LATE_EFFECTS: Duration = Duration::from_secs(60);
/// The most requests of a simulation, follow-ups included.
const MOST_REQUESTS: usize = 6;

/// Runs a scenario to its end.
pub(crate) fn run(
    subject: &'static Subject,
    scenario: Scenario,
    bug: Option<&'static Bug>,
) -> Ending {
    in_virtual_time(scenario.seed, async |begun| {
        if let Some(started) = starts_with_bad_setting(subject, scenario.seed) {
            return started;
        }

        let [first, second] = &scenario.early.clone();
        let simulation = Simulation::new(State::new(subject, scenario, bug));
        begun.replace(Some(simulation.clone()));

        // First with faults, then without, then everything that may come late.
        futures_util::future::join(simulation.work(first), simulation.work(second)).await;
        simulation.stop_faults().await;
        simulation.settle().await;
        simulation.aftermath().await;
        simulation.audit().await;

        let mut state = simulation.state();
        state.catch_up();
        check_end(&mut state);
        state.ending()
    })
}

/// Starts the function with a setting that no deployment may have; what is wrong if that succeeds.
fn starts_with_bad_setting(subject: &'static Subject, seed: u64) -> Option<Ending> {
    let settings = mistakes::SETTINGS.iter().chain(subject.bad_settings);
    let settings: Vec<_> = settings.collect();
    // Each seed tries one of them, beside everything else that it does.
    let index = usize::try_from(seed).unwrap_or_default() % settings.len();
    let (name, value) = settings.get(index)?;
    let lookup = |asked: &str| (asked == *name).then(|| (*value).to_owned());
    let handler = (subject.function.start)(&sdk_config().build(), &lookup);
    handler.ok().map(drop)?;

    let violation = Violation {
        invariant: 7,
        text: format!("the function starts with {name}=`{value}`"),
    };
    Some(Ending {
        narrative: vec![violation.line()],
        violations: vec![violation],
        ..Ending::default()
    })
}

pub(crate) fn check_end(state: &mut State) {
    if let Err(complaints) = state.cloud.finish() {
        let complaints: BTreeSet<String> = complaints.into_iter().collect();
        for complaint in complaints {
            state.violate(7, complaint);
        }
    }

    (state.subject.at_the_end)(state);
}

/// The result of one attempt.
pub(crate) enum AttemptResult {
    Killed,
    Completed {
        error_type: Option<String>,
        body: Value,
    },
}

impl Simulation {
    /// One worker's deliveries, one after the other.
    async fn work(&self, deliveries: &[Delivery]) {
        let mut worker = self.worker();
        for delivery in deliveries {
            let start = self.state().start;
            tokio::time::sleep_until(start + Duration::from_secs(delivery.at)).await;
            self.deliver(&mut worker, delivery).await;
        }
    }

    /// One delivery, until it is acknowledged or given up.
    async fn deliver(&self, worker: &mut Worker, delivery: &Delivery) {
        for number in 0..ATTEMPTS {
            let stop = delivery.stops.get(number).copied();
            let result = self.attempt(worker, delivery.request, stop).await;
            if matches!(
                result,
                AttemptResult::Completed {
                    error_type: None,
                    ..
                }
            ) {
                break;
            }

            // Lambda and queues wait longer each time.
            let minutes = number as u64 + 1;
            tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
        }
    }

    /// One attempt of a delivery, until it answers, is stopped, or runs into Lambda's timeout.
    async fn attempt(
        &self,
        worker: &mut Worker,
        request: usize,
        stop: Option<Stop>,
    ) -> AttemptResult {
        self.attempt_with(worker, request, None, stop).await
    }

    /// One attempt of a delivery in an envelope of its own, if there is one.
    pub(crate) async fn attempt_with(
        &self,
        worker: &mut Worker,
        request: usize,
        payload: Option<String>,
        stop: Option<Stop>,
    ) -> AttemptResult {
        let (attempt, own, invocation) = self.begin(request, &worker.process);
        let payload = payload.unwrap_or(own);
        worker.starts(attempt);
        let deadline = invocation.deadline;
        let handled = (worker.handler)(payload, invocation);
        let (answer, polls) = self.until_answer(attempt, handled, deadline, stop).await;

        let mut state = self.state();
        state.end_attempt(attempt, polls);
        let Some(answer) = answer else {
            drop(state);
            // Lambda starts the next attempt in a new sandbox.
            *worker = self.worker();
            return AttemptResult::Killed;
        };

        let ends_process = ends_process(&answer);
        check_process(&mut state, &[attempt], ends_process);
        // What it says is checked, and a planted bug may change it before.
        let (mut error_type, mut body) = parts(answer);
        bugs::reword(&state, attempt, &mut error_type, &mut body);
        take_report(&mut state, attempt, error_type.as_deref(), &body);

        // Only the first acknowledgement counts: the exhaustive schedules place their faults before it.
        if error_type.is_none() && state.calls_to_acknowledge == 0 {
            state.calls_to_acknowledge = usize::try_from(state.figures.calls).unwrap_or_default();
        }

        drop(state);
        if ends_process {
            *worker = self.worker();
        }
        AttemptResult::Completed { error_type, body }
    }

    /// Lets the function work until it answers, is stopped, or runs into Lambda's timeout: its answer,
    /// if there is one, and how often it was polled.
    pub(crate) async fn until_answer(
        &self,
        attempt: usize,
        handled: impl Future<Output = Result<Answer, Failure>>,
        deadline: Instant,
        stop: Option<Stop>,
    ) -> (Option<Result<Answer, Failure>>, usize) {
        let mut in_time = pin!(tokio::time::timeout_at(deadline, handled));
        // A kill and a freeze come at an await.
        let most = match stop {
            Some(Stop::Kill(polls) | Stop::Freeze(polls, _)) => polls,
            None => usize::MAX,
        };
        let (mut ended, polls) = poll_at_most(most, in_time.as_mut()).await;

        let mut is_stopped = ended.is_none();
        if let Some(Stop::Freeze(_, seconds)) = stop.filter(|_| is_stopped) {
            self.state().meet_freeze(attempt, seconds);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            // What was frozen until Lambda's timeout is not thawed again.
            is_stopped = Instant::now() >= deadline;
            if !is_stopped {
                ended = Some(in_time.await);
            }
        }
        if let Some(Ok(answer)) = ended {
            return (Some(answer), polls);
        }

        let mut state = self.state();
        state.catch_up();
        state.figures.kills += 1;
        // A frozen process cannot know how much of its time has gone.
        if !is_stopped && !matches!(stop, Some(Stop::Freeze(..))) {
            state.violate(8, "the function works on until Lambda's timeout ends it");
        }
        let line = format!("attempt {attempt} KILLED after {polls} polls");
        state.narrate_as(About::Attempt(attempt), line);
        (None, polls)
    }

    /// Records a new attempt: its number, its payload and its invocation.
    pub(crate) fn begin(
        &self,
        request: usize,
        process: &Mutex<Process>,
    ) -> (usize, String, Invocation) {
        let mut state = self.state();
        let mut process = lock(process);
        state.catch_up();
        // A history of every world would fill the memory.
        state.forget();
        state.remember_world();

        state.figures.deliveries += 1;
        let attempt = state.attempts.len();
        let began = state.now();
        let clock = began + process.ahead;
        let calm = state.calm();
        // What a frozen process keeps open, the other side may have closed.
        if state.scenario.trouble.processes && attempt > 0 {
            process.dead_connections = state.rng.u32(0..3);
        }
        state.attempts.push(Arc::new(AttemptLog {
            request,
            began,
            clock,
            in_flight: true,
            calm,
            polls: 0,
            calls: Vec::new(),
        }));
        let sandbox = process.sandbox;
        let line = format!("attempt {attempt} of request {request} begins in sandbox {sandbox}");
        state.narrate_as(About::Beginning(attempt), line);

        let payload = state.requests.get(request);
        let payload = payload.map(|request| request.payload.clone());
        let payload = bugs::payload(&state, payload.unwrap_or_default());
        let timeout = Duration::from_secs(state.scenario.timeout_seconds);
        let mut invocation = Invocation::at(bugs::now(&state, clock), Instant::now() + timeout);
        invocation
            .function
            .account
            .clone_from(&state.scenario.world.account);
        HERE.clone_into(&mut invocation.function.region);

        (attempt, payload, invocation)
    }

    /// Stops faults and external events until late deliveries; what has been started must end.
    pub(crate) async fn stop_faults(&self) {
        tokio::time::sleep(LATE_EFFECTS).await;

        let mut state = self.state();
        state.scenario.fault_schedule = FaultSchedule::NONE;
        // What is denied stays denied, and what is the same in other words is nothing to stop.
        state.scenario.trouble = Trouble {
            denied: state.scenario.trouble.denied,
            wording: state.scenario.trouble.wording.filter(|it| it.is_the_same),
            ..Trouble::default()
        };
        state.external_events.clear();
        state.catch_up();
        // On the whole way an attempt may be under way.
        state.disturbances += 1;
        state.cloud.change(make_available);
        state.narrate("the faults have stopped".to_owned());
    }

    /// Sends every request again, as its sender does, until it has ended.
    async fn settle(&self) {
        let mut worker = self.worker();

        // Follow-ups join the list on the way.
        let mut number = 0;
        loop {
            let Some(request) = self.state().requests.get(number).cloned() else {
                return;
            };
            self.settle_one(&mut worker, number, &request).await;
            number += 1;
        }
    }

    async fn settle_one(&self, worker: &mut Worker, number: usize, request: &Request) {
        let mut last = String::new();
        for _ in 0..ROUNDS {
            // An expired request has ended by its expiry.
            if request.is_stale(self.state().now()) && request.detail.is_some() {
                return;
            }
            // Without faults nothing may take longer than Lambda allows.
            let AttemptResult::Completed { error_type, body } =
                self.attempt(worker, number, None).await
            else {
                let complaint = "a run without faults did not end before Lambda's timeout";
                return self.state().violate(8, complaint);
            };
            if error_type.is_none() && is_settled(&body) {
                return self.follow_up(&body);
            }
            // Somebody has to allow it first, and is told so.
            let is_denied = self.state().scenario.trouble.denied.is_some();
            if is_denied && error_type.as_deref() == Some("Permanent") {
                return;
            }

            // A deployment with less time than the README asks for may never have enough.
            if self.state().lacks_time() && is_out_of_time(&body) {
                return;
            }

            // What is pending says when to look again.
            let outcome = text(&body, "outcome");
            last = format!("{outcome} {}", body["targets"][0]["reason"]);
            let wait = body["lookAgainAfterSeconds"].as_u64().unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(wait.max(HALF_AN_HOUR))).await;
        }

        let complaint = format!("request {number} does not end: {last}");
        self.state().violate(8, complaint);
    }

    /// Adds the request that a report names, once, to those that settle.
    fn follow_up(&self, body: &Value) {
        let mut state = self.state();
        // A retirement ends with a deletion that it asks for, and a disconnect with a verification.
        let next = body["nextRequest"].clone();

        if next.is_object() && state.requests.len() < MOST_REQUESTS {
            state.requests.push(Arc::new(Request::new(next, None)));
        }
    }

    /// What comes after everything has ended: an operator puts things back, a delivery comes late,
    /// a replay later still.
    async fn aftermath(&self) {
        tokio::time::sleep(Duration::from_secs(600)).await;
        self.apply_afterwards();

        let mut worker = self.worker();
        let late = self.state().scenario.late.clone();
        for delivery in late {
            tokio::time::sleep(Duration::from_secs(delivery.at)).await;
            // Late deliveries meet faults again, though fewer.
            let schedule = FaultSchedule::Random {
                percent: 30,
                left: self.state().scenario.late_faults,
            };
            self.state().scenario.fault_schedule = schedule;
            self.deliver(&mut worker, &delivery).await;
        }
        tokio::time::sleep(LATE_EFFECTS).await;
        self.state().scenario.fault_schedule = FaultSchedule::NONE;

        self.replay_expired(&mut worker).await;
        self.send_no_request(&mut worker).await;
    }

    /// Delivers what looks like a request and is none; each seed tries one mistake.
    async fn send_no_request(&self, worker: &mut Worker) {
        let number = {
            let mut state = self.state();
            let mistaken = (state.subject.mistaken)(state.scenario.seed);
            state.requests.push(Arc::new(mistaken));
            state.requests.len() - 1
        };

        self.attempt(worker, number, None).await;
    }

    fn apply_afterwards(&self) {
        let mut state = self.state();
        let afterwards = state.scenario.afterwards.clone();

        state.catch_up();
        for change in &afterwards {
            state.apply_change(change);
        }
    }

    /// Delivers the first request once more after it has expired; nothing may be changed for it, and
    /// nothing read where a function does not look any more.
    async fn replay_expired(&self, worker: &mut Worker) {
        let first = self.state().requests.first().cloned();
        let Some(expires_at) = first.and_then(|first| first.expires_at) else {
            return;
        };

        let until_expiry = expires_at - self.state().now();
        let wait = until_expiry.to_std().unwrap_or_default();
        tokio::time::sleep(wait + Duration::from_secs(1)).await;

        self.attempt(worker, 0, None).await;
    }
}

/// Completes what others are changing.
///
/// And lets replicas take settings: where they never do while they are replicated to, which EFS
/// leaves open, a replica with settings never becomes usable, and each report says so.
fn make_available(world: &mut World) {
    world.behaviour.writes_while_replicating = Reply::Ok;

    for file_system in world
        .efs
        .regions
        .values_mut()
        .flat_map(|efs| &mut efs.file_systems)
    {
        if file_system.life_cycle_state == "updating" {
            "available".clone_into(&mut file_system.life_cycle_state);
        }
    }
}

/// Whether the process ends once an answer is sent, as `serve` does in Lambda.
pub(crate) fn ends_process(answer: &Result<Answer, Failure>) -> bool {
    match answer {
        Ok(answer) => answer.met_expired_credentials(),
        Err(failure) => failure.met_expired_credentials(),
    }
}

/// Checks that a process ends which AWS has told that its credentials have expired: it would never
/// have others.
pub(crate) fn check_process(state: &mut State, attempts: &[usize], ends: bool) {
    let logs = attempts
        .iter()
        .filter_map(|attempt| state.attempts.get(*attempt));
    let mut calls = logs.flat_map(|log| &log.calls);
    let is_told = calls.any(|call| {
        let code = call.code.as_deref().unwrap_or_default();
        code.starts_with("ExpiredToken")
    });

    if is_told && !ends {
        state.violate(8, "a process goes on with credentials that have expired");
    }
}

/// Polls a future so many times at the most; `None` if it has not ended by then.
async fn poll_at_most<T>(
    most: usize,
    mut future: impl Future<Output = T> + Unpin,
) -> (Option<T>, usize) {
    let mut polls = 0;

    let ended = std::future::poll_fn(|context| {
        if polls >= most {
            return Poll::Ready(None);
        }
        polls += 1;

        match Pin::new(&mut future).poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            // The kill comes at the await itself, not when the future is woken again.
            Poll::Pending if polls >= most => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;

    (ended, polls)
}
