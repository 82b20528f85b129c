//! What a run decided before it began, and what became of it, for whoever reads a failing seed.

use emulator::FaultKind;
use serde_json::{Value, json};

use crate::{
    narrative::{About, Line},
    record::{State, Violation, text},
    scenario::Scenario,
    trouble::{Outage, RateLimit, Scope, Trouble},
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

    /// The violation of a run that has no time of its own.
    pub(crate) fn line(&self) -> Line {
        Line {
            text: format!("VIOLATION of {}", self.in_words()),
            about: About::Violation,
        }
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
        let about = About::Attempt(attempt);
        self.narrate_as(
            about,
            format!("attempt {attempt} reports {mark}: {summary}"),
        );

        let results = body["targets"].as_array().into_iter().flatten();
        for (number, result) in results.enumerate() {
            let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
            let message = text(result, "message");
            let id = id_of(&result["resource"]);
            let line = format!("    target {number}{id}: {outcome} {reason}: {message}");
            self.narrate_as(about, line);
        }
    }
}

/// The ID in what a report calls a resource, in brackets; empty where there is none.
fn id_of(resource: &Value) -> String {
    let ids = ["sourceServerID", "fileSystemId"].map(|name| text(resource, name));
    let id = ids.into_iter().find(|id| !id.is_empty());

    id.map_or_else(String::new, |id| format!(" ({id})"))
}

/// What a scenario is about: the deployment, the requests, and the trouble that lasts. Everything
/// else is told when it happens.
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
    lines.extend(trouble(&scenario.trouble));
    lines
}

/// The requests of a scenario, each with its targets by their numbers.
pub(crate) fn requests(scenario: &Scenario) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, request) in scenario.requests.iter().enumerate() {
        let id = &request.id;
        lines.push(match &request.detail {
            None => format!(
                "request {number} asks for nothing and must be rejected: {:.1000}",
                request.payload
            ),
            Some(detail) if request.is_of_aws() => {
                let what = text(detail, "action");
                let what = if what.is_empty() { "replicate" } else { what };
                let payload = &request.payload;
                format!("request {number} ({id}) is an event of AWS that asks to {what}: {payload}")
            }
            Some(detail) => {
                let mut words = detail.clone();
                words["targets"] = json!(request.targets().len());
                format!("request {number} ({id}): {words}")
            }
        });

        let targets = request.targets();
        let targets = targets.iter().enumerate();
        lines.extend(targets.map(|(index, target)| format!("  target {index}: {target}")));
    }
    lines
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
            scope,
            burst,
            per_second,
            ..
        } = limit;
        let calls = match scope {
            Scope::Operation => "of each operation in a Region",
            Scope::Region => "into a Region",
        };
        format!(
            "{calls} {burst} calls at once and {per_second} a second, the others meet {}",
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
