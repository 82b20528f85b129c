//! What must hold of every report of every function.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    fault_checks::check_fault,
    judge::{check_whole, judge},
    narrative::About,
    record::{AttemptLog, Reported, State, text},
    scenario::{Request, Stop},
};

/// Takes what an attempt reports: narrates, checks and judges it.
pub(crate) fn take_report(
    state: &mut State,
    attempt: usize,
    error_type: Option<&str>,
    body: &Value,
) {
    state.narrate_report(attempt, error_type, body);
    let known = state.violations.len();
    check_report(state, attempt, error_type, body);
    judge(state, attempt, body);

    // A report that is right says enough in a line a target.
    if state.violations.len() > known {
        let line = format!("    the whole report: {body}");
        state.narrate_as(About::Attempt(attempt), line);
    }
}

/// Checks a report: its error type, its targets, and each result by the function's own rules.
fn check_report(state: &mut State, attempt: usize, error_type: Option<&str>, body: &Value) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let outcome = body["outcome"].as_str().unwrap_or("?");
    check_error_type(state, outcome, error_type);

    let is_request = request.detail.is_some() && !state.rejects(&request, log.clock);
    if !is_request {
        return check_rejection(state, &log, &request, error_type, body);
    }

    // One result for each target, in order.
    let targets = request.targets();
    let results = body["targets"].as_array().map_or(&[][..], Vec::as_slice);
    if results.len() != targets.len() || outcome == "rejected" {
        let complaint = format!(
            "{} targets were requested, and {} have an outcome: {outcome}",
            targets.len(),
            results.len()
        );
        return state.violate(2, complaint);
    }
    if body["requestID"] != request.id.as_str() {
        state.violate(2, "the report is of another request");
    }
    if state.is_plan(&request) && !log.changes_nothing() {
        state.violate(3, "a dry run made a call that changes something");
    }

    check_whole(state, body);
    check_letters(state, body);
    check_calls(state, &log, body);
    check_last_look(state, &log);
    check_next_request(state, body);

    // What each result claims is for the function's own checks.
    for (number, (target, result)) in targets.iter().zip(results).enumerate() {
        state.figures.count_result(result);
        check_fault(state, &log, result);
        let reported = Reported {
            number,
            target,
            result,
            body,
        };
        (state.subject.on_report)(state, attempt, reported);
    }
}

/// Everything in a report can be seen, whoever wrote it.
fn check_letters(state: &mut State, body: &Value) {
    let is_hidden = |letter: char| {
        let is_mark = ('\u{200b}'..='\u{200f}').contains(&letter);
        let turns = ('\u{202a}'..='\u{202e}').contains(&letter);
        is_mark || turns || letter.is_control()
    };

    // Control characters are escaped in JSON, and so not found in it.
    let text = body.to_string();
    if text.contains(is_hidden) || text.contains("\\u00") {
        state.violate(7, "the report has letters that are not seen");
    }
}

/// A report names every operation that was called and may have changed something. A read that was
/// cut off is not named, and a call over a dead connection is, though it never came to AWS.
fn check_calls(state: &mut State, log: &AttemptLog, body: &Value) {
    let results = body["targets"].as_array().into_iter().flatten();
    let reported: BTreeSet<&str> = results
        .chain([body])
        .filter_map(|part| part["calls"].as_array())
        .flatten()
        .map(|call| text(call, "operation"))
        .collect();
    let mut changes = log.calls.iter().filter(|call| call.mutating);

    if let Some(call) = changes.find(|call| !reported.contains(&*call.operation)) {
        let operation = &call.operation;
        state.violate(
            3,
            format!("the report does not name the call of {operation}"),
        );
    }
}

/// What was changed is looked at again: time is kept for it. A process that stood still has lost that
/// time, and over a dead connection nothing arrives.
fn check_last_look(state: &mut State, log: &AttemptLog) {
    let stops = state.scenario.early.iter().flatten();
    let mut stops = stops.flat_map(|delivery| &delivery.stops);
    let may_stand_still = stops.any(|stop| matches!(stop, Stop::Freeze(..)));
    if may_stand_still || state.scenario.trouble.processes {
        return;
    }

    if let Some(call) = log.calls.last().filter(|call| call.mutating) {
        let operation = &call.operation;
        state.violate(
            3,
            format!("{operation} was not followed by a look at what it did"),
        );
    }
}

/// What a request hands on must not overtake what it has to be sent again for.
fn check_next_request(state: &mut State, body: &Value) {
    let mut results = body["targets"].as_array().into_iter().flatten();
    let is_open = |result: &Value| result["outcome"] == "pending" && !awaits_next(result);
    let open = results.position(is_open);

    if let Some(number) = open.filter(|_| !body["nextRequest"].is_null()) {
        let reason = text(&body["targets"][number], "reason");
        let targets = &body["nextRequest"]["targets"];
        let complaint = format!(
            "a next request is handed on, for {targets}, although this one has to be sent again \
             first: target {number} is pending {reason}"
        );
        state.violate(3, complaint);
    }
    check_handed_on_loss(state, body);
}

/// Whether all that a target waits for is the request that the report hands on.
fn awaits_next(result: &Value) -> bool {
    let reason = text(result, "reason");

    matches!(
        reason,
        "record_awaits_deletion" | "cleanup_awaits_verification"
    )
}

/// What follows says again what its disconnect destroyed: neither more nor less than the evidence.
fn check_handed_on_loss(state: &mut State, body: &Value) {
    let results = body["targets"].as_array().into_iter().flatten();
    let awaiting = results.filter(|result| awaits_next(result));
    let next = body["nextRequest"]["targets"].as_array();
    let pairs = next.into_iter().flatten().zip(awaiting);

    for (target, result) in pairs {
        for (lost, evidence) in [
            ("recoveryPoints", "recoveryPointsLost"),
            ("replicationHours", "replicationHoursEnded"),
        ] {
            let (lost, known) = (&target["lost"][lost], &result["evidence"][evidence]);
            if lost != known {
                state.violate(
                    3,
                    format!("hands on {lost} as lost, where {evidence} is {known}"),
                );
            }
        }
    }
}

/// The error type that belongs to an outcome, by which Lambda retries.
pub(crate) fn error_type_of(outcome: &str) -> Option<&'static str> {
    match outcome {
        "indeterminate" | "retryable" => Some("Retryable"),
        "permanent" => Some("Permanent"),
        _ => None,
    }
}

fn check_error_type(state: &mut State, outcome: &str, error_type: Option<&str>) {
    if error_type != error_type_of(outcome) {
        state.violate(2, format!("{outcome} was answered with {error_type:?}"));
    }
}

/// What is no request, or has expired, is rejected without a call.
fn check_rejection(
    state: &mut State,
    log: &AttemptLog,
    request: &Request,
    error_type: Option<&str>,
    body: &Value,
) {
    let has_no_targets = body["targets"].as_array().is_some_and(Vec::is_empty);
    let why = match (&request.detail, request.expires_at) {
        (Some(_), Some(time)) if request.is_stale(log.clock) => format!("it expired at {time}"),
        (Some(_), Some(time)) => format!("it is good for too long, until {time}"),
        _ => "it asks for nothing".to_owned(),
    };

    let outcome = text(body, "outcome");
    if outcome != "rejected" || !has_no_targets {
        let complaint =
            format!("`rejected` without targets is right, since {why}; it is `{outcome}`");
        state.violate(7, complaint);
    } else if let Some(error_type) = error_type {
        state.violate(
            7,
            format!("a rejection is no error, and is answered with {error_type}"),
        );
    }
    if !log.calls.is_empty() {
        state.violate(7, format!("AWS was called, although {why}"));
    }
}

/// Whether a report has nothing left to wait for.
pub(crate) fn is_settled(body: &Value) -> bool {
    let mut results = body["targets"].as_array().into_iter().flatten();

    results.all(|result| match text(result, "outcome") {
        // The deletion or the verification is another request, which the report hands on.
        "pending" => awaits_next(result),
        "done" | "already_done" | "refused" | "planned" | "failed" => true,
        _ => false,
    })
}
