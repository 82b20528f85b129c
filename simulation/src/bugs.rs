//! Plants a bug beside a function. The function itself is not touched: a bug hides from it what a
//! careless function would not read, or changes what it says.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use emulator::wire::{Answer, Wire};
use serde_json::{Value, json};

use crate::{
    record::{Intercepted, State, Tampering, text},
    scenario::Variables,
};

/// The environment of the function.
pub(crate) fn variables(state: &State) -> Variables {
    let deployed = state.deployed.as_ref();
    let mut variables = deployed.unwrap_or(&state.scenario.variables).clone();
    let Some(bug) = state.bug else {
        return variables;
    };

    for (name, value) in &mut variables {
        if let Some(ignoring) = (bug.variable)(name) {
            ignoring.clone_into(value);
        }
    }

    variables
}

/// The payload of a delivery.
pub(crate) fn payload(state: &State, payload: String) -> String {
    match state.bug {
        Some(bug) => (bug.payload)(payload),
        None => payload,
    }
}

/// The time of an invocation.
pub(crate) fn now(state: &State, now: DateTime<Utc>) -> DateTime<Utc> {
    match state.bug {
        Some(bug) => (bug.now)(now),
        None => now,
    }
}

/// Lets the bug act before a call; with an answer, the call is not made.
pub(crate) fn before_call(state: &mut State, intercepted: &Intercepted<'_>) -> Option<Wire> {
    let bug = state.bug?;

    (bug.before_call)(state, intercepted)
}

/// What the function gets to see of an answer.
pub(crate) fn tamper(state: &State, attempt: usize, operation: &str, wire: Wire) -> Wire {
    let Some(bug) = state.bug else { return wire };
    let answer = match (bug.answer)(operation, wire) {
        Wire::Answer(answer) => answer,
        other => return other,
    };
    let Some((log, request)) = state.attempt(attempt) else {
        return Wire::Answer(answer);
    };

    // Only a successful answer has a body worth changing.
    let body = answer
        .body
        .as_deref()
        .filter(|_| answer.status == 200)
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    let Some(mut body) = body else {
        return Wire::Answer(answer);
    };

    let tampering = Tampering {
        operation,
        log: &log,
        request: &request,
    };
    (bug.body)(&tampering, &mut body);

    Wire::Answer(Answer {
        body: Some(body.to_string()),
        ..answer
    })
}

/// What the function says in the end.
pub(crate) fn reword(
    state: &State,
    attempt: usize,
    error_type: &mut Option<String>,
    body: &mut Value,
) {
    let Some(bug) = state.bug else { return };
    let Some(log) = state.attempts.get(attempt).map(Arc::clone) else {
        return;
    };

    let mut is_reworded = false;
    for target in body["targets"].as_array_mut().into_iter().flatten() {
        if let Some((outcome, reason)) = (bug.conclusion)(&log, target) {
            target["outcome"] = json!(outcome);
            target["reason"] = json!(reason);
            is_reworded = true;
        }
    }

    if is_reworded {
        body["outcome"] = json!("done");
    }
    // A function that believes itself done acknowledges the delivery.
    if is_reworded || bug.acknowledges_failures {
        *error_type = None;
    }
}

/// The outcome and the reason of a target.
pub(crate) fn conclusion_of(target: &Value) -> (&str, &str) {
    (text(target, "outcome"), text(target, "reason"))
}

/// An answer without a body.
pub(crate) fn empty_answer(status: u16) -> Wire {
    Wire::Answer(Answer {
        status,
        error_type: None,
        retry_after: None,
        content_type: "application/json",
        body: None,
    })
}
