//! The last decision about each resource, as a line that leads to its card.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use emulator::Ended;
use maud::{Markup, html};

use crate::{
    find::reports_of,
    report::{Report, Target},
    web::{cards::badge, words::ago},
};

/// The last decision about a server or a file system.
pub(super) struct Decision {
    at: DateTime<Utc>,
    card: String,
    is_plan: bool,
    request: String,
    outcome: String,
    message: String,
}

/// The last decision about each server and each source of a replica, by its ID.
pub(super) fn by_id(ended: &[Ended]) -> BTreeMap<String, Decision> {
    let mut decisions = BTreeMap::new();

    // Oldest first, so that the last one stays.
    for one in ended {
        for report in reports_of(&one.result, &one.log) {
            for target in &report.targets {
                if let Some(id) = target.id() {
                    decisions.insert(id.to_owned(), decision(one, &report, target));
                }
            }
        }
    }
    decisions
}

fn decision(ended: &Ended, report: &Report, target: &Target) -> Decision {
    // A target may be refused for several reasons at once, and all of them have to go.
    let reasons: Vec<&str> = match target.reasons.is_empty() {
        true => vec![&target.message],
        false => target
            .reasons
            .iter()
            .map(|stated| stated.message.as_str())
            .collect(),
    };
    let steps: Vec<&str> = target
        .steps_now()
        .map(|step| step.sentence.as_str())
        .collect();
    let is_plan = report.is_plan();
    // That a plan is one says less than what it would do.
    let message = match is_plan && !steps.is_empty() {
        true => format!("Would {}", steps.join(", then ")),
        false => reasons.join("; "),
    };

    Decision {
        at: ended.at,
        card: format!("#run-{}", ended.request_id),
        is_plan,
        request: report.request_id.clone().unwrap_or_default(),
        outcome: target.outcome.clone(),
        message,
    }
}

/// The line of a decision.
pub(super) fn line(decision: &Decision, now: DateTime<Utc>) -> Markup {
    html! {
        // The card has the steps and the evidence, which are too long for a row.
        a.decision-link href=(decision.card) {
            (badge(&decision.outcome))
            " " span.decision-text { (decision.message) }
            " " span.meta {
                @if decision.is_plan { "plan" } @else { "run" }
                " for " (decision.request) ", " (ago(decision.at, now))
            }
        }
    }
}
