//! The last decision about each resource, as a line that leads to its card.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use emulator::Ended;
use maud::{Markup, html};
use serde_json::Value;

use crate::web::{
    cards::badge,
    reports::{self, Target, items, text},
    words::ago,
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
        for report in reports::of(one) {
            for target in items(&report, "targets") {
                let target = Target(target);
                if let Some(id) = target.id() {
                    let decision = decision(one, &report, &target);
                    decisions.insert(id.to_owned(), decision);
                }
            }
        }
    }
    decisions
}

fn decision(ended: &Ended, report: &Value, target: &Target<'_>) -> Decision {
    // A target may be refused for several reasons at once, and all of them have to go.
    let reasons = target.reasons();
    let reasons: Vec<&str> = reasons.iter().map(|reason| reason.message).collect();
    let (steps, is_plan) = (target.steps(), text(report, "mode") == Some("plan"));
    // That a plan is one says less than what it would do.
    let message = match is_plan && !steps.is_empty() {
        true => format!("Would {}", steps.join(", then ")),
        false => reasons.join(" "),
    };

    Decision {
        at: ended.at,
        card: format!("#run-{}", ended.request_id),
        is_plan,
        request: text(report, "requestID").unwrap_or_default().to_owned(),
        outcome: target.outcome().to_owned(),
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
