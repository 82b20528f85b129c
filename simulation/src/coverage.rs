//! How much of what can happen did happen. What never happened was not tested.

use std::collections::BTreeMap;

use emulator::FaultKind;
use serde_json::json;

use crate::{
    record::{Figures, Subject},
    trouble::TROUBLES,
};

/// After how many seeds everything must have happened.
pub(crate) const ENOUGH_SEEDS: u64 = 10_000;

/// The outcomes that a simulation can end with. A rejected input has no targets, and so no outcome
/// of one.
const OUTCOMES: [&str; 9] = [
    "indeterminate",
    "retryable",
    "permanent",
    "pending",
    "failed",
    "refused",
    "planned",
    "done",
    "already_done",
];

/// Everything that can happen and did not, by name.
pub(crate) fn never_happened(subject: &Subject, figures: &Figures) -> Vec<String> {
    // A reason counts with whatever outcome.
    let reasons = (subject.function.reasons)();
    let has_reason = |reason: &str| {
        let mut pairs = figures.reasons.keys();
        pairs.any(|pair| pair.split(' ').next_back() == Some(reason))
    };
    let kinds = FaultKind::ALL.map(|kind| json!(kind).as_str().unwrap_or_default().to_owned());
    let faults = kinds.into_iter().chain(TROUBLES.map(str::to_owned));
    let wordings = subject.wordings.iter().map(|it| it.name.to_owned());
    let outcomes = OUTCOMES.map(str::to_owned);
    let steps = subject.steps.iter().map(|step| (*step).to_owned());

    // What is counted by name is looked up by it.
    let happened = |counts: &BTreeMap<String, u64>, name: &str| counts.contains_key(name);
    let missing_faults = faults
        .chain(wordings)
        .filter(|it| !happened(&figures.faults, it));
    let missing_outcomes = outcomes
        .into_iter()
        .filter(|it| !happened(&figures.outcomes, it));
    let missing_steps = steps.filter(|it| !happened(&figures.steps, it));
    let missing_reasons = reasons.into_iter().filter(|reason| !has_reason(reason));

    // A switch was tested if it stood both ways.
    let missing_switches = subject.switches.iter().filter(|name| {
        let mut values = figures.switches.keys().filter(|it| is_of_switch(it, name));
        values.nth(1).is_none()
    });

    // A world in which hardly anything may be changed tests refusals.
    let has_too_few = figures.changed * 3 < figures.requested;
    let too_few = has_too_few.then(|| "change of a third of the targets".to_owned());

    let auditor = subject.audit.iter();
    let missing_findings = auditor.flat_map(|auditor| {
        let told = (auditor.function.reasons)().into_iter();
        told.filter(|it| !auditor.never.contains(&it.as_str()))
            .filter(|it| !happened(&figures.findings, it))
    });

    missing_reasons
        .map(|it| format!("reason {it}"))
        .chain(missing_findings.map(|it| format!("finding {it}")))
        .chain(missing_outcomes.map(|it| format!("outcome {it}")))
        .chain(missing_faults.map(|it| format!("fault {it}")))
        .chain(missing_steps.map(|it| format!("step {it}")))
        .chain(missing_switches.map(|it| format!("other value of the switch {it}")))
        .chain(too_few)
        .collect()
}

fn is_of_switch(counted: &str, name: &str) -> bool {
    counted.split(' ').next() == Some(name)
}
