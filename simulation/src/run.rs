//! Runs one scenario: the real function over the real client, in virtual time, against a world
//! beneath the client.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use emulator::{World, world::Reply};
use serde_json::{Value, json};
use shared::Invocation;
use tokio::time::Instant;

use crate::{
    bugs::{self, Bug},
    connector::{Client, Worker},
    efs,
    record::{AttemptLog, Ending, Simulation, State, text},
    report_checks::{check_report, is_settled},
    scenario::{Delivery, FaultSchedule, Function, Request, Scenario},
};

/// How often a delivery is repeated while there is trouble.
const ATTEMPTS: usize = 6;

/// How often a request is sent again after the trouble until it must have ended.
const ROUNDS: usize = 24;

/// Between two of them there is at least so much, in seconds: a first sync takes its time, and
/// looking at it every few minutes shows nothing new.
const HALF_AN_HOUR: u64 = 1800;

/// What became of one attempt.
enum AttemptResult {
    Killed,
    Completed {
        error_type: Option<String>,
        body: Value,
    },
}

impl Simulation {
    /// One attempt of a delivery, killed after so many polls or at Lambda's timeout.
    async fn attempt(
        &self,
        worker: &mut Worker,
        request: usize,
        kill: Option<usize>,
    ) -> AttemptResult {
        let (attempt, payload, invocation) = self.begin(request);
        worker.attempt.store(attempt, Ordering::Relaxed);
        let handled = self.handle(&worker.client, &payload, invocation);
        let (ended, polls) = poll_at_most(
            kill.unwrap_or(usize::MAX),
            tokio::time::timeout_at(invocation.deadline, handled),
        )
        .await;
        let mut state = self.state();
        state.catch_up();
        if attempt == 0 {
            state.first_polls = polls;
        }
        if let Some(log) = state.attempts.get_mut(attempt) {
            Arc::make_mut(log).in_flight = false;
        }
        let Some(Ok((mut error_type, mut body))) = ended else {
            state.figures.kills += 1;
            state.narrate(format!("attempt {attempt} KILLED after {polls} polls"));
            drop(state);
            *worker = self.worker();
            return AttemptResult::Killed;
        };
        bugs::reword(&state, attempt, &mut error_type, &mut body);
        state.narrate(format!(
            "attempt {attempt} answered {} {body}",
            error_type.as_deref().unwrap_or("Ok")
        ));
        check_report(&mut state, attempt, error_type.as_deref(), &body);
        if error_type.is_none() && state.calls_to_acknowledge == 0 {
            state.calls_to_acknowledge = usize::try_from(state.figures.calls).unwrap_or_default();
        }
        AttemptResult::Completed { error_type, body }
    }

    fn begin(&self, request: usize) -> (usize, String, Invocation) {
        let mut state = self.state();
        state.catch_up();
        state.forget();
        state.remember_world();
        state.figures.deliveries += 1;
        let attempt = state.attempts.len();
        let began = state.now();
        state.attempts.push(Arc::new(AttemptLog {
            request,
            began,
            in_flight: true,
            calls: Vec::new(),
        }));
        let payload = state
            .requests
            .get(request)
            .map(|request| request.payload.clone())
            .unwrap_or_default();
        let payload = bugs::payload(&state, payload);
        state.narrate(format!("attempt {attempt} of request {request} begins"));
        let now = bugs::time(&state, began);
        let deadline = Instant::now() + Duration::from_secs(state.scenario.timeout_seconds);
        (attempt, payload, Invocation { now, deadline })
    }

    async fn handle(
        &self,
        client: &Client,
        payload: &str,
        invocation: Invocation,
    ) -> (Option<String>, Value) {
        let variables = bugs::variables(&self.state());
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, value)| value.clone())
        };
        let answered = match client {
            Client::Drs(drs) => {
                let policy =
                    disconnect_source_server::Policy::from_lookup(lookup).expect("a policy");
                Box::pin(disconnect_source_server::handle(
                    payload, invocation, drs, &policy,
                ))
                .await
            }
            Client::Efs(efs) => {
                let policy =
                    bootstrap_efs_replication::Policy::from_lookup(lookup).expect("a policy");
                Box::pin(bootstrap_efs_replication::handle(
                    payload, invocation, efs, &policy,
                ))
                .await
            }
        };
        match answered {
            Ok(answer) => (None, json!(answer)),
            Err(failure) => {
                let told = lambda_runtime::Diagnostic::from(failure);
                (
                    Some(told.error_type),
                    serde_json::from_str(&told.error_message).unwrap_or_default(),
                )
            }
        }
    }

    /// One worker's deliveries, each until it is acknowledged.
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
            let kill = delivery.kills.get(number).copied();
            match self.attempt(worker, delivery.request, kill).await {
                AttemptResult::Completed {
                    error_type: None, ..
                } => break,
                _ => tokio::time::sleep(Duration::from_secs(60 * (number as u64 + 1))).await,
            }
        }
    }

    /// The trouble is over: whatever was begun, ends.
    async fn stop_faults(&self) {
        // What takes effect late has done so by then.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut state = self.state();
        state.scenario.fault_schedule = FaultSchedule::NONE;
        state.external_events.clear();
        state.catch_up();
        state.cloud.change(make_available);
        state.narrate("the faults have stopped".to_owned());
    }

    /// Sends every request again, as whoever waits for it does, until it has ended.
    async fn settle(&self) {
        let mut worker = self.worker();
        let mut request = 0;
        loop {
            let Some(asked) = self.state().requests.get(request).cloned() else {
                return;
            };
            self.settle_one(&mut worker, request, &asked).await;
            request += 1;
        }
    }

    async fn settle_one(&self, worker: &mut Worker, request: usize, asked: &Request) {
        let mut last = String::new();
        for _ in 0..ROUNDS {
            if asked.is_stale(self.state().now()) && asked.detail.is_some() {
                return;
            }
            let AttemptResult::Completed { error_type, body } =
                self.attempt(worker, request, None).await
            else {
                self.state().violate(
                    8,
                    "a run without faults did not end before Lambda's timeout",
                );
                return;
            };
            if error_type.is_none() && is_settled(&body) {
                self.follow_up(&body);
                return;
            }
            last = format!(
                "{} {}",
                text(&body, "outcome"),
                body["targets"][0]["reason"]
            );
            let wait = body["lookAgainAfterSeconds"]
                .as_u64()
                .unwrap_or_default()
                .max(HALF_AN_HOUR);
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        self.state()
            .violate(8, format!("request {request} does not end: {last}"));
    }

    /// What a report says is to be sent next is sent, once.
    fn follow_up(&self, body: &Value) {
        let mut state = self.state();
        let next = body["nextRequest"].clone();
        if next.is_object() && state.requests.len() < 6 {
            state.requests.push(Arc::new(Request::of(next, None)));
        }
    }

    /// What comes after everything has ended: an operator puts things back, a delivery comes late,
    /// a replay later still.
    async fn aftermath(&self) {
        let (afterwards, late, first) = {
            let state = self.state();
            (
                state.scenario.afterwards.clone(),
                state.scenario.late.clone(),
                state.requests.first().cloned(),
            )
        };
        tokio::time::sleep(Duration::from_secs(600)).await;
        {
            let mut state = self.state();
            state.catch_up();
            afterwards.iter().for_each(|what| state.apply_event(what));
        }
        let mut worker = self.worker();
        for delivery in late {
            tokio::time::sleep(Duration::from_secs(delivery.at)).await;
            let left = self.state().scenario.late_faults;
            self.state().scenario.fault_schedule = FaultSchedule::Random { percent: 30, left };
            self.deliver(&mut worker, &delivery).await;
        }
        // What takes effect late has done so by then.
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.state().scenario.fault_schedule = FaultSchedule::NONE;
        // The last replay comes when the request has expired; it must not even look.
        let Some(expires_at) = first.and_then(|first| first.expires_at) else {
            return;
        };
        let left = (expires_at - self.state().now())
            .to_std()
            .unwrap_or_default();
        tokio::time::sleep(left + Duration::from_secs(1)).await;
        self.attempt(&mut worker, 0, None).await;
    }
}

/// What is being changed by others is available again. And a destination takes settings: where it
/// never does while it is replicated to, which EFS leaves open, a replica with settings is never
/// usable, and each report says so.
fn make_available(world: &mut World) {
    world.behaviour.writes_while_replicating = Reply::Ok;
    for file_system in world.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
        if file_system.life_cycle_state == "updating" {
            "available".clone_into(&mut file_system.life_cycle_state);
        }
    }
}

/// Polls a future at most so often; `None` where that was not enough.
async fn poll_at_most<T>(most: usize, future: impl Future<Output = T>) -> (Option<T>, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    let ended = std::future::poll_fn(|context| {
        if polls >= most {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            // The kill comes at the await itself, not at the next reason to go on.
            Poll::Pending if polls >= most => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    (ended, polls)
}

/// Runs a scenario to its end.
pub(crate) fn run(scenario: Scenario, bug: Option<Bug>) -> Ending {
    fastrand::seed(scenario.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let early = scenario.early.clone();
        let simulation = Simulation(Arc::new(Mutex::new(State::new(scenario, bug))));
        let [first, second] = &early;
        futures_util::future::join(simulation.work(first), simulation.work(second)).await;
        simulation.stop_faults().await;
        simulation.settle().await;
        simulation.aftermath().await;
        let mut state = simulation.state();
        state.catch_up();
        at_the_end(&mut state);
        state.ending()
    })
}

fn at_the_end(state: &mut State) {
    if let Err(complaints) = state.cloud.finish() {
        let unexpected: BTreeSet<String> = complaints.into_iter().collect();
        for complaint in unexpected {
            state.violate(7, complaint);
        }
    }
    if state.scenario.function == Function::BootstrapEfsReplication {
        efs::checks::at_the_end(state);
    }
}
