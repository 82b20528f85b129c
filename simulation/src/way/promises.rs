//! Whom each result has to reach, by docs/operations.md. A second opinion: it is written from what
//! the deployment promises, not from the patterns of its rules.

use serde_json::Value;

use crate::way::{
    caller::{NOTIFY, is_unfinished},
    trace::{Fact, Origin, Put, Reached, Truth},
};

/// The reasons by which an event of AWS turns out to be about something that drover was not asked
/// about.
const NOT_ASKED: [&str; 2] = ["not_found", "no_replicate_to_tag"];

/// How often a result has to reach each place.
pub(super) fn promised(fact: &Fact, put: &Put) -> Reached {
    let reached = |follow_up, notification, failed_requests| Reached {
        follow_up,
        notification,
        failed_requests,
    };

    match (&fact.origin, &fact.truth) {
        (
            Origin::Status {
                machine, status, ..
            },
            _,
        ) => match status.as_str() {
            "SUCCEEDED" => reached(0, 0, 0),
            // It has no request to keep.
            _ if machine == NOTIFY => reached(0, 1, 0),
            // The machine has kept its request itself.
            "FAILED" => reached(0, 1, 0),
            _ => reached(0, 1, 1),
        },
        (Origin::Lambda, Truth::Success(report)) => {
            let is_told = !put.is_native || was_asked(report);
            reached(usize::from(is_unfinished(report)), usize::from(is_told), 0)
        }
        (Origin::Lambda, Truth::Failure(error)) if error == "Retryable" => reached(1, 0, 0),
        (Origin::Machine(_), Truth::Success(_)) => reached(0, 1, 0),
        (_, Truth::Failure(_)) => reached(0, 1, 1),
    }
}

/// Whether a result is the last one of its chain.
pub(super) fn is_final(fact: &Fact) -> bool {
    match (&fact.origin, &fact.truth) {
        // A notification is about a result, and is none.
        (Origin::Status { machine, .. }, _) if machine == NOTIFY => false,
        // The status is the end of an execution that could not tell its own.
        (
            Origin::Status {
                status, has_told, ..
            },
            _,
        ) => status != "SUCCEEDED" && !has_told,
        (Origin::Lambda, Truth::Success(report)) => !is_unfinished(report),
        (Origin::Lambda, Truth::Failure(error)) => error != "Retryable",
        (Origin::Machine(_), _) => true,
    }
}

/// Whether an event of AWS turned out to be a request.
fn was_asked(report: &Value) -> bool {
    let is_refusal = report["outcome"] == "refused" || report["outcome"] == "rejected";
    let mut results = report["targets"].as_array().into_iter().flatten();

    !is_refusal
        || results.any(|result| {
            let reason = result["reason"].as_str().unwrap_or_default();
            !NOT_ASKED.contains(&reason)
        })
}
