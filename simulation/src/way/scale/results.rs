//! What came of each item of a fleet: what its execution returned, and of what was pending the end
//! of its follow-up.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use template::execution::{End, Execution, Failure};

use crate::way::{
    account::Ended,
    caller::{FOLLOW_UP, is_unfinished},
    scale::world::id,
};

/// The logical ID of the machine of fleets.
pub(super) const FLEET: &str = "Fleet";

/// A list that was sent, and what came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// How long the execution took.
    pub(super) took: Duration,
    /// What the execution ended with, if it failed.
    pub(super) error: Option<String>,
    /// For each server by its number, from 1 on, every terminal result. One that was not begun or
    /// was stopped has none.
    pub(super) results: BTreeMap<usize, Vec<String>>,
    /// Items that were begun, and stopped while they ran.
    pub(super) stopped: usize,
    /// Items whose answer is about another server, or names none.
    pub(super) mistaken: usize,
}

impl Sent {
    /// Reads the executions of one list, of which so many items were begun: that of the fleet, and
    /// those of its follow-ups.
    pub(super) fn read(executions: &[Ended], servers: usize, begun: usize) -> Option<Self> {
        let mut fleets = executions.iter().filter(|ended| ended.machine == FLEET);
        let fleet = fleets.next().filter(|_| fleets.next().is_none())?;
        let execution = fleet.execution.as_ref()?;
        let error = match &execution.end {
            End::Succeeded(_) => None,
            End::Failed(failure) => Some(failure.error.clone()),
            End::TimedOut => Some("States.Timeout".to_owned()),
        };

        let mut sent = Self {
            took: fleet.took,
            stopped: begun.saturating_sub(execution.items.len()),
            error,
            ..Self::default()
        };
        // What ended is in the order of the items, without those that did not.
        let ended = (0..servers).filter(|index| !execution.unended.contains(index));
        for (index, item) in ended.zip(&execution.items) {
            sent.take(index + 1, item, executions);
        }
        Some(sent)
    }

    fn take(&mut self, number: usize, item: &Result<Value, Failure>, executions: &[Ended]) {
        let results = match item {
            Ok(report) if is_unfinished(report) => followed_up(number, executions),
            Ok(report) => vec![outcome(report)],
            Err(failure) => vec![failure.error.clone()],
        };

        let report = match item {
            Ok(report) => report.clone(),
            Err(failure) => report_of(failure),
        };
        // An error of Lambda's own has no report.
        let server = report["targets"][0]["resource"]["sourceServerID"].as_str();
        self.mistaken += usize::from(server.is_some_and(|server| server != id(number)));
        self.mistaken += usize::from(item.is_ok() && server.is_none());
        self.results.insert(number, results);
    }

    /// How many servers have this as their result.
    pub(super) fn count(&self, is_counted: impl Fn(&str) -> bool) -> usize {
        let results = self.results.values();

        results
            .filter(|results| results.iter().any(|result| is_counted(result)))
            .count()
    }
}

/// Whether a result says that a server is as the request wants it.
pub(super) fn is_done(result: &str) -> bool {
    ["done", "already_done"].contains(&result)
}

/// Whether a result says that nothing was changed.
pub(super) fn is_unchanged(result: &str) -> bool {
    ["refused", "rejected"].contains(&result)
}

fn outcome(report: &Value) -> String {
    report["outcome"].as_str().unwrap_or("?").to_owned()
}

/// The terminal results of all follow-ups of a server.
fn followed_up(number: usize, executions: &[Ended]) -> Vec<String> {
    // A follow-up knows its server by the request that it was started with.
    let server = id(number);
    let is_about = |ended: &&Ended| {
        let asked = &ended.input["detail"]["requestPayload"]["targets"][0];
        ended.machine == FOLLOW_UP && asked["sourceServerID"] == server.as_str()
    };

    let follow_ups = executions.iter().filter(is_about);
    follow_ups
        .filter_map(|it| it.execution.as_ref())
        .map(end_of)
        .collect()
}

fn end_of(execution: &Execution) -> String {
    match &execution.end {
        End::Succeeded(report) => outcome(report),
        End::Failed(failure) => failure.error.clone(),
        End::TimedOut => "States.Timeout".to_owned(),
    }
}

/// The report in the cause of a failure: an outcome that the machine does not take for done, or an
/// error of the function, whose message is the report.
fn report_of(failure: &Failure) -> Value {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let cause = read(failure.cause.as_deref().unwrap_or_default());

    match cause["errorMessage"].as_str() {
        Some(message) => read(message),
        None => cause,
    }
}
