//! What a run decided before it began, and what became of it, for whoever reads a failing seed.

use emulator::FaultKind;
use serde_json::{Value, json};

use crate::{
    record::{State, Violation, text},
    scenario::{Change, Delivery, ExternalEvent, FaultSchedule, Scenario, Stop, When},
    trouble::{Outage, RateLimit, Trouble},
};

/// The promises, each under a heading with its number.
const INVARIANTS: &str = include_str!("../../docs/invariants.md");

impl Violation {
    /// The violation in one line.
    pub(crate) fn in_words(&self) -> String {
        let Self { invariant, text } = self;
        let heading = format!("## {invariant}. ");
        let words = INVARIANTS
            .lines()
            .find_map(|line| line.strip_prefix(&heading));

        format!("invariant {invariant}, {}: {text}", words.unwrap_or("?"))
    }
}

impl State {
    /// Narrates what an attempt reports: the outcome, and a line for each target.
    pub(crate) fn narrate_report(
        &mut self,
        attempt: usize,
        error_type: Option<&str>,
        body: &Value,
    ) {
        let (mark, summary) = (error_type.unwrap_or("Ok"), text(body, "summary"));
        self.narrate(format!("attempt {attempt} reports {mark}: {summary}"));

        let results = body["targets"].as_array().into_iter().flatten();
        for result in results {
            let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
            let (target, message) = (&result["target"], text(result, "message"));
            self.narrate(format!("    {outcome} {reason}: {target}: {message}"));
        }
    }
}

/// What is decided before a scenario begins, but for the world.
pub(crate) fn scenario(scenario: &Scenario) -> Vec<String> {
    let variables = scenario.variables.iter();
    let variables: Vec<String> = variables
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let timeout = scenario.timeout_seconds;
    let mut lines = vec![format!(
        "settings: {}; Lambda's timeout is {timeout} s",
        variables.join(" ")
    )];
    lines.extend(requests(scenario));

    // Who works on what, and what happens meanwhile.
    for (worker, deliveries) in (1..).zip(&scenario.early) {
        let deliveries = deliveries.iter().map(delivery);
        lines.extend(deliveries.map(|delivery| format!("to worker {worker}: {delivery}")));
    }
    let mut events: Vec<&ExternalEvent> = scenario.external_events.iter().collect();
    events.sort_by_key(|event| match event.when {
        When::Call(number) | When::BetweenPages(number) => (0, number as u64),
        When::At(seconds) => (1, seconds),
    });
    lines.extend(events.into_iter().map(|event| {
        let when = match event.when {
            When::At(seconds) => format!("{seconds} s after the start"),
            When::Call(number) => format!("before call {number} of all"),
            When::BetweenPages(number) => {
                format!("between two pages of a list, from call {number} on")
            }
        };
        format!("by others, {when}: {}", event.change.in_words())
    }));
    lines.extend(faults(&scenario.fault_schedule));
    lines.extend(trouble(&scenario.trouble));

    // What comes once everything has ended.
    let afterwards = scenario.afterwards.iter().map(Change::in_words);
    lines
        .extend(afterwards.map(|change| format!("by others, once everything has ended: {change}")));
    lines.extend(scenario.late.iter().map(|late| {
        let (request, seconds) = (late.request, late.at);
        format!("late: request {request} is delivered again {seconds} s later")
    }));
    lines
}

/// The requests of a scenario, as they are delivered.
pub(crate) fn requests(scenario: &Scenario) -> Vec<String> {
    let requests = scenario.requests.iter().enumerate();

    requests
        .map(|(number, request)| format!("request {number}: {:.2000}", request.payload))
        .collect()
}

fn delivery(delivery: &Delivery) -> String {
    let stops = delivery.stops.iter().map(|stop| match stop {
        Stop::Kill(polls) => format!(", its process killed at await {polls}"),
        Stop::Freeze(polls, seconds) => {
            format!(", its process frozen for {seconds} s at await {polls}")
        }
    });
    let stops: String = stops.collect();

    format!(
        "a delivery of request {} after {} s{stops}",
        delivery.request, delivery.at
    )
}

fn faults(schedule: &FaultSchedule) -> Option<String> {
    match schedule {
        FaultSchedule::Random { percent: 0, .. } => None,
        FaultSchedule::Random { percent, left } => Some(format!(
            "{percent} of 100 calls fail, but no more than {left} in all"
        )),
        FaultSchedule::Planned(planned) => Some(format!("calls that fail: {planned:?}")),
    }
}

/// The trouble of a scenario, a line for each kind.
fn trouble(trouble: &Trouble) -> Vec<String> {
    let Trouble {
        denied,
        outage,
        rate_limit,
        processes: has_bad_processes,
        wording,
    } = trouble;
    let wording =
        wording.map(|it| format!("{} is answered in other words: {}", it.operation, it.name));
    let denied = denied.map(|operation| format!("{operation} is denied for good"));
    let outage = outage.map(
        |Outage {
             region,
             kind,
             seconds: (from, until),
         }| {
            format!(
                "every call into {region} meets {} from {from} s to {until} s",
                name(kind)
            )
        },
    );
    let rate_limit = rate_limit.as_ref().map(|limit| {
        let RateLimit {
            kind,
            burst,
            per_second,
            ..
        } = limit;
        format!(
            "of each operation {burst} calls at once and {per_second} a second, the others meet {}",
            name(*kind)
        )
    });
    let processes = "processes may have a wrong clock, old credentials or dead connections";
    let processes = processes.to_owned();

    let all = [
        denied,
        outage,
        rate_limit,
        Some(processes).filter(|_| *has_bad_processes),
        wording,
    ];
    all.into_iter().flatten().collect()
}

fn name(kind: FaultKind) -> String {
    json!(kind).as_str().unwrap_or_default().to_owned()
}

/// A narrative up to its first violation, and the command that shows what comes after it.
pub(crate) fn until_violation(narrative: &[String], command: &str) -> Vec<String> {
    let is_violation = |line: &String| line.contains("VIOLATION");
    let Some(first) = narrative.iter().position(is_violation) else {
        return narrative.to_vec();
    };

    // Others that were noticed at once belong to it.
    let rest = narrative.get(first..).unwrap_or_default();
    let noticed = rest.iter().take_while(|line| is_violation(line)).count();
    let mut lines = narrative[..first + noticed].to_vec();
    let more = narrative.len() - lines.len();
    lines.push(format!("\n{more} lines come after it: {command}"));
    lines
}
