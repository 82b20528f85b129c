//! What a report may say of a fault: no other one than the calls met, and no end where one of them
//! leaves doubt.
//!
//! What an answer means is written from "Common Errors" of AWS's references and from the two
//! services' own errors.

use serde_json::Value;

use crate::record::{AttemptLog, Call, State, text};

/// Whether a call met a fault.
type IsMet = fn(&Call) -> bool;

/// Each reason that is a fault, and whether a call met it. Not a timeout: a process that stood still
/// or was slow sees one where AWS did answer.
const FAULTS: [(&str, IsMet); 13] = [
    ("throttled", is_throttle),
    ("service_error", is_server_error),
    ("no_answer", |call| call.status.is_none()),
    ("broken_paging", Call::is_ok),
    ("unreadable", Call::is_ok),
    ("credentials_expired", |call| names(call, &["Expired"])),
    ("signature_refused", |call| names(call, &["Signature"])),
    ("conflict", |call| {
        names(call, &["Conflict", "InUse", "AlreadyExists", "Incorrect"])
    }),
    ("not_found", |call| {
        names(call, &["NotFound", "UninitializedAccount"])
    }),
    ("access_denied", |call| names(call, &["AccessDenied"])),
    ("quota_exceeded", |call| {
        names(call, &["LimitExceeded", "QuotaExceeded"])
    }),
    ("no_capacity", |call| {
        names(call, &["InsufficientThroughputCapacity"])
    }),
    ("rejected_by_aws", is_rejection),
];

/// Whether the code of an answer has one of these words in it.
fn names(call: &Call, words: &[&str]) -> bool {
    let code = call.code.as_deref().unwrap_or_default();

    words.iter().any(|word| code.contains(word))
}

/// By its code, by its status, or with neither: AWS's front door gives no codes.
fn is_throttle(call: &Call) -> bool {
    match call.status {
        Some(429) => true,
        Some(400..=499) if call.code.is_none() => true,
        _ => names(call, &["Throttl"]),
    }
}

fn is_server_error(call: &Call) -> bool {
    call.status.is_some_and(|status| status >= 500) && !is_throttle(call)
}

/// An error that no other reason is for.
fn is_rejection(call: &Call) -> bool {
    let mut others = FAULTS
        .iter()
        .filter(|(reason, _)| *reason != "rejected_by_aws");

    !call.is_ok() && !others.any(|(_, is_met)| is_met(call))
}

/// Checks that a result which is a fault names one that a call of its operation met.
pub(crate) fn check_fault(state: &mut State, log: &AttemptLog, result: &Value) {
    let (reason, message) = (text(result, "reason"), text(result, "message"));
    let Some((_, is_met)) = FAULTS.iter().find(|(known, _)| *known == reason) else {
        return;
    };
    // A name that is not found is no fault.
    if result["outcome"] == "refused" {
        return;
    }
    // A call over a dead connection never comes to AWS.
    let is_dead = state.scenario.trouble.processes && reason == "no_answer";
    let mut calls = log.calls.iter().filter(|call| is_about(message, call));

    if !is_dead && !calls.any(is_met) {
        let complaint = format!("`{reason}` was met by no call that it may be about: {message}");
        state.violate(3, complaint);
    }
}

/// Whether a message begins with the operation of a call.
fn is_about(message: &str, call: &Call) -> bool {
    let rest = message.strip_prefix(&call.operation);

    rest.is_some_and(|rest| rest.starts_with(':'))
}

/// Whether the change that a message is about may have taken effect although the last of these calls
/// was not answered with a success.
pub(crate) fn is_in_doubt(changes: &[&Call], message: &str) -> bool {
    let mut calls = changes.iter().rev();
    let last = calls.find(|call| is_about(message, call));

    last.is_some_and(|call| call.status.is_none() || is_server_error(call))
}
