//! Refuses machines with anything in them that is not known here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::jsonata::Expression;

const MACHINE: [&str; 5] = [
    "Comment",
    "QueryLanguage",
    "TimeoutSeconds",
    "StartAt",
    "States",
];
const PROCESSOR: [&str; 3] = ["ProcessorConfig", "StartAt", "States"];
const RULE: [&str; 3] = ["Condition", "Assign", "Next"];
const RETRIER: [&str; 6] = [
    "ErrorEquals",
    "IntervalSeconds",
    "BackoffRate",
    "MaxAttempts",
    "MaxDelaySeconds",
    "JitterStrategy",
];
const CATCHER: [&str; 4] = ["ErrorEquals", "Assign", "Output", "Next"];

/// The services that the machines call.
const RESOURCES: [&str; 8] = [
    "arn:aws:states:::lambda:invoke",
    "arn:aws:states:::states:startExecution",
    "arn:aws:states:::events:putEvents",
    "arn:aws:states:::aws-sdk:s3:putObject",
    "arn:aws:states:::s3:getObject",
    "arn:aws:states:::s3:putObject",
    "arn:aws:states:::sns:publish",
    "arn:aws:states:::aws-sdk:ec2:describeSnapshots",
];

/// The fields of a state of this type.
fn fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pass" => &["Type", "Assign", "Output", "Next", "End"],
        "Choice" => &["Type", "Choices", "Default"],
        "Wait" => &["Type", "Seconds", "Assign", "Next"],
        "Task" => &[
            "Type",
            "Resource",
            "Arguments",
            "TimeoutSeconds",
            "Retry",
            "Catch",
            "Assign",
            "Output",
            "Next",
        ],
        "Map" => &[
            "Type",
            "ItemReader",
            "ItemSelector",
            "ItemProcessor",
            "MaxConcurrency",
            "ToleratedFailurePercentage",
            "ResultWriter",
            "Retry",
            "Catch",
            "Assign",
            "Next",
        ],
        "Succeed" => &["Type"],
        "Fail" => &["Type", "Error", "Cause"],
        other => panic!("a state of type {other} is not known here"),
    }
}

pub(super) fn check(definition: &Value) {
    has_only(definition, &MACHINE);
    assert_eq!(definition["QueryLanguage"], "JSONata");

    check_expressions(definition);
    check_states(definition);
}

/// The expression in a text, if the text is one.
pub(super) fn expression(text: &str) -> Option<Expression> {
    let inner = text.strip_prefix("{%")?.strip_suffix("%}");
    let inner = inner.unwrap_or_else(|| panic!("{text} is half an expression"));

    Some(Expression::read(inner.trim()))
}

/// Every expression is read, whether an execution gets to it or not.
fn check_expressions(value: &Value) {
    match value {
        Value::String(text) => {
            let is_expression = expression(text).is_some();
            // Braces in the middle of a text are a text to Step Functions.
            assert!(is_expression || !text.contains("{%"), "{text}");
        }
        Value::Array(items) => items.iter().for_each(check_expressions),
        Value::Object(members) => members.values().for_each(check_expressions),
        _ => {}
    }
}

/// The states of a machine or of the processor of a map, and the ways between them.
fn check_states(machine: &Value) {
    let states = machine["States"].as_object().unwrap();
    let mut reached = BTreeSet::from([machine["StartAt"].as_str().unwrap()]);

    for (name, state) in states {
        let kind = state["Type"].as_str().unwrap();
        has_only(state, fields(kind));

        let next = ways(state);
        let is_end = matches!(kind, "Succeed" | "Fail") || state["End"] == true;
        assert_eq!(next.is_empty(), is_end, "{name} goes nowhere or too far");
        reached.extend(next);

        if let Some(resource) = state.get("Resource") {
            check_resource(resource);
        }
        if kind == "Map" {
            check_map(state);
        }
    }

    let known: BTreeSet<&str> = states.keys().map(String::as_str).collect();
    assert_eq!(reached, known, "every state is there and can be reached");
}

/// The names of the states that may come next.
fn ways(state: &Value) -> Vec<&str> {
    let list = |field: &str| state[field].as_array().map_or(&[][..], Vec::as_slice);
    for retrier in list("Retry") {
        has_only(retrier, &RETRIER);
        let jitter = retrier.get("JitterStrategy");
        assert!(jitter.is_none_or(|it| it == "FULL"), "{retrier}");
    }
    for handlers in [list("Retry"), list("Catch")] {
        check_errors(handlers);
    }

    let mut ways = Vec::new();
    for (handlers, known) in [(list("Choices"), &RULE[..]), (list("Catch"), &CATCHER)] {
        for handler in handlers {
            has_only(handler, known);
            ways.push(handler["Next"].as_str().unwrap());
        }
    }
    for field in ["Next", "Default"] {
        ways.extend(state[field].as_str());
    }

    ways
}

/// `States.ALL` stands alone and last.
fn check_errors(handlers: &[Value]) {
    for (index, handler) in handlers.iter().enumerate() {
        let names = handler["ErrorEquals"].as_array().unwrap();
        assert!(!names.is_empty(), "{handler}");

        let is_last = index + 1 == handlers.len();
        for name in names {
            // The other names of Step Functions stand for several errors.
            match name.as_str().unwrap() {
                "States.ALL" => assert!(names.len() == 1 && is_last, "{handler}"),
                "States.Timeout" | "States.QueryEvaluationError" | "States.ItemReaderFailed" => {}
                name => assert!(!name.starts_with("States."), "{name} is not known here"),
            }
        }
    }
}

fn check_resource(resource: &Value) {
    let is_known = RESOURCES.iter().any(|known| resource == known);

    assert!(is_known, "{resource} is not known here");
}

fn check_map(state: &Value) {
    let processor = &state["ItemProcessor"];
    has_only(processor, &PROCESSOR);
    // A child of an inline map would see the variables of its parent.
    let config = &processor["ProcessorConfig"];
    has_only(config, &["Mode", "ExecutionType"]);
    assert_eq!(config["Mode"], "DISTRIBUTED");
    assert_eq!(config["ExecutionType"], "STANDARD");
    check_states(processor);

    let reader = &state["ItemReader"];
    has_only(reader, &["Resource", "ReaderConfig", "Arguments"]);
    has_only(&reader["ReaderConfig"], &["InputType"]);
    assert_eq!(reader["ReaderConfig"]["InputType"], "JSON");
    check_resource(&reader["Resource"]);

    let writer = &state["ResultWriter"];
    has_only(writer, &["Resource", "Arguments"]);
    check_resource(&writer["Resource"]);
}

fn has_only(object: &Value, known: &[&str]) {
    for name in object.as_object().unwrap().keys() {
        assert!(
            known.contains(&name.as_str()),
            "{name} is not known here: {object}"
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine(state: Value) -> Value {
        json!({
            "QueryLanguage": "JSONata",
            "StartAt": "First",
            "States": { "First": state, "Last": { "Type": "Succeed" } },
        })
    }

    #[test]
    fn a_machine_is_refused_for_whatever_is_not_known_here() {
        check(&machine(json!({ "Type": "Pass", "Next": "Last" })));

        for state in [
            json!({ "Type": "Parallel", "Next": "Last" }),
            json!({ "Type": "Pass", "Result": 1, "Next": "Last" }),
            json!({ "Type": "Pass", "Next": "Nowhere" }),
            json!({ "Type": "Pass", "End": true }),
            json!({ "Type": "Pass" }),
            json!({ "Type": "Pass", "Output": "{% $now() %}", "Next": "Last" }),
            json!({ "Type": "Pass", "Output": "a {% 1 %}", "Next": "Last" }),
            json!({ "Type": "Wait", "Timestamp": "x", "Next": "Last" }),
            json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Last" }),
            json!({ "Type": "Task", "HeartbeatSeconds": 1, "Next": "Last" }),
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": [] }], "Next": "Last" }),
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["States.TaskFailed"] }], "Next": "Last" }),
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["a"], "JitterStrategy": "NONE" }], "Next": "Last" }),
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["States.ALL"] }, { "ErrorEquals": ["a"] }], "Next": "Last" }),
            json!({ "Type": "Task", "Catch": [{ "ErrorEquals": ["States.ALL", "a"], "Next": "Last" }], "Next": "Last" }),
        ] {
            let checked = std::panic::catch_unwind(|| check(&machine(state.clone())));
            assert!(checked.is_err(), "{state}");
        }
    }
}
