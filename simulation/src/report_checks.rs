//! What holds for every report of every function.

use serde_json::Value;

use crate::{
    drs, efs,
    record::{State, text},
    scenario::Function,
};

/// Whether a report has nothing left to wait for.
pub(crate) fn is_settled(body: &Value) -> bool {
    let targets = body["targets"].as_array().cloned().unwrap_or_default();
    targets
        .iter()
        .all(|target| match target["outcome"].as_str() {
            Some("pending") => target["reason"] == "record_awaits_deletion",
            Some("done" | "already_done" | "refused" | "planned" | "failed") => true,
            _ => false,
        })
}

/// What holds for every report of every function.
pub(crate) fn check_report(
    state: &mut State,
    attempt: usize,
    error_type: Option<&str>,
    body: &Value,
) {
    let Some(log) = state.attempts.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(log.request).cloned() else {
        return;
    };
    let outcome = body["outcome"].as_str().unwrap_or("?").to_owned();
    let expected = match outcome.as_str() {
        "indeterminate" | "retryable" => Some("Retryable"),
        "permanent" => Some("Permanent"),
        _ => None,
    };
    if error_type != expected {
        state.violate(2, format!("{outcome} was answered with {error_type:?}"));
    }
    let is_request = request.detail.is_some() && !request.is_stale(log.began);
    if !is_request {
        if outcome != "rejected"
            || error_type.is_some()
            || !body["targets"].as_array().is_some_and(Vec::is_empty)
        {
            state.violate(
                7,
                format!("what is no request, or has expired, is {outcome} {error_type:?}"),
            );
        }
        if !log.calls.is_empty() {
            state.violate(7, "AWS was called for what is no request, or has expired");
        }
        return;
    }
    let asked = request.targets();
    let told = body["targets"].as_array().cloned().unwrap_or_default();
    if told.len() != asked.len() || outcome == "rejected" {
        state.violate(
            2,
            format!(
                "{} targets were asked for, and {} have an outcome: {outcome}",
                asked.len(),
                told.len()
            ),
        );
        return;
    }
    if body["requestID"] != request.id.as_str() {
        state.violate(2, "the report is of another request");
    }
    if log.calls.iter().any(|call| call.mutating)
        && (request.is_dry_run() || !state.scenario.enforces())
    {
        state.violate(3, "something was called in a dry run that changes things");
    }
    for (asked, told) in asked.iter().zip(&told) {
        state.figures.targets += 1;
        *state
            .figures
            .outcomes
            .entry(text(told, "outcome").to_owned())
            .or_default() += 1;
        match state.scenario.function {
            Function::DisconnectSourceServer => {
                drs::checks::on_report(state, attempt, asked, told, &reported_ids(body))
            }
            Function::BootstrapEfsReplication => {
                efs::checks::on_report(state, attempt, asked, told)
            }
        }
    }
}

fn reported_ids(body: &Value) -> Vec<String> {
    let targets = body["targets"].as_array().cloned().unwrap_or_default();
    targets
        .iter()
        .filter_map(|target| Some(target["resource"]["sourceServerID"].as_str()?.to_owned()))
        .collect()
}
