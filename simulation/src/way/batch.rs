//! One invocation of the function with messages of a queue. The answer names only what failed: the
//! reports are in the log, so each ends the attempt of its message and begins that of the next.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use harness::parts;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

use crate::{
    connector::Worker,
    record::{Simulation, text},
    report_checks::{error_type_of, take_report},
    run::{check_process, ends_process},
    scenario::Stop,
    trouble::Process,
    way::{
        account::Account,
        hop::{Ran, Tag},
        lambda::{begins, killed, know_next},
    },
};

/// The reports of a batch, and how the invocation ended.
pub(super) struct BatchRan {
    pub(super) ran: Ran,
    /// The reports of the first messages, in their order.
    pub(super) reports: Vec<Value>,
}

/// Runs the function once with messages for these requests.
pub(super) async fn run(
    account: &Account,
    payload: String,
    requests: Vec<usize>,
    tag: Tag,
) -> BatchRan {
    if !begins(account, tag) {
        let (ran, reports) = (Ran::Throttled, Vec::new());
        return BatchRan { ran, reports };
    }
    let worker = account.sandbox();
    let kill = account.is_disturbed(8);
    let kill = kill.then(|| Stop::Kill(account.rng.borrow_mut().usize(1..60)));

    // The first attempt begins with the invocation, and each other one with a report.
    let (attempt, _, invocation) = account.simulation.begin(requests[0], &worker.process);
    worker.starts(attempt);
    let log = Log::new(account, requests, &worker, attempt);
    // With one subscriber alone, a place that another thread comes to first would count as one that
    // nobody listens to.
    let _second = Dispatch::new(log.clone());
    let begun = Instant::now();
    let deadline = invocation.deadline;
    let handled = (worker.handler)(payload, invocation).with_subscriber(log.clone());
    let simulation = &account.simulation;
    let (answer, _) = simulation
        .until_answer(attempt, handled, deadline, kill)
        .await;

    // However it ended, its place is free again.
    account.running.update(|running| running - 1);
    let reports = log.end();
    for report in &reports {
        know_next(account, report);
    }
    let Some(answer) = answer else {
        account.narrate(tag, "the invocation is KILLED");
        let ran = Ran::Failed(killed(account, begun));
        return BatchRan { ran, reports };
    };

    // A sandbox that answered stays warm, unless its credentials are old.
    let ends = ends_process(&answer);
    let attempts = log.progress().attempts.clone();
    check_process(&mut account.simulation.state(), &attempts, ends);
    if !ends {
        account.warm.borrow_mut().push(worker);
    }
    let ran = match parts(answer) {
        (None, body) => Ran::Answered(body),
        (Some(error), payload) => Ran::Failed(crate::way::hop::Failed { error, payload }),
    };
    BatchRan { ran, reports }
}

/// What the function logs in one invocation.
#[derive(Clone)]
struct Log(Arc<Mutex<Progress>>);

struct Progress {
    simulation: Simulation,
    /// The attempt that the calls of the worker belong to.
    current: Arc<AtomicUsize>,
    process: Arc<Mutex<Process>>,
    requests: Vec<usize>,
    /// One for each message that was begun; the last is worked on.
    attempts: Vec<usize>,
    reports: Vec<Value>,
}

impl Log {
    fn new(account: &Account, requests: Vec<usize>, worker: &Worker, attempt: usize) -> Self {
        Self(Arc::new(Mutex::new(Progress {
            simulation: account.simulation.clone(),
            current: Arc::clone(&worker.attempt),
            process: Arc::clone(&worker.process),
            requests,
            attempts: vec![attempt],
            reports: Vec::new(),
        })))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the last attempt, and gives every report.
    fn end(&self) -> Vec<Value> {
        // A message without a report was not begun, or was cut off.
        let progress = self.progress();
        progress.end_attempt();

        progress.reports.clone()
    }
}

impl Progress {
    /// The attempt of the message that is worked on.
    fn attempt(&self) -> usize {
        self.attempts.last().copied().unwrap_or_default()
    }

    fn end_attempt(&self) {
        // Nobody counts the polls of one message.
        self.simulation.state().end_attempt(self.attempt(), 0);
    }

    /// Checks a report as it is logged, and begins the attempt of the next message.
    fn report(&mut self, report: Value) {
        self.end_attempt();
        let mut state = self.simulation.state();
        // Lambda learns of no error by the log.
        let error_type = error_type_of(text(&report, "outcome"));
        take_report(&mut state, self.attempt(), error_type, &report);
        drop(state);

        // The next message is processed at once.
        self.reports.push(report);
        if let Some(request) = self.requests.get(self.reports.len()) {
            let (attempt, _, _) = self.simulation.begin(*request, &self.process);
            self.attempts.push(attempt);
            self.current.store(attempt, Ordering::Relaxed);
        }
    }
}

/// Finds the report in a line of the log.
struct Finder(Option<Value>);

impl Visit for Finder {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "report" {
            self.0 = serde_json::from_str(value).ok();
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("shared")
    }

    /// Finer than what the function logs, nothing is listened to in any thread.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        // One line of each request has its report.
        let mut finder = Finder(None);
        event.record(&mut finder);

        if let Some(report) = finder.0 {
            self.progress().report(report);
        }
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
