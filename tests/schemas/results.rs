//! The details of result events: what Lambda and the state machines put around a report.
//!
//! The form of Lambda's record is that of its developer guide. Lambda invokes a function with one
//! SNS record at a time, so a result has one report.

use serde_json::{Map, Value, json};

use super::{event::Event, openapi::components};
use crate::tidy::read;

/// Every result event.
pub(super) fn results() -> Vec<Event> {
    vec![
        Event::result(
            "lambda",
            "Lambda Function Invocation Result - Success",
            "Result of a request, as Lambda records it. Records of other functions have the same detail-type; match detail.requestContext.functionArn to tell them apart.",
            with_report(&record(json!({}), reference("Report"))),
        ),
        Event::result(
            "lambda",
            "Lambda Function Invocation Result - Failure",
            "Failure of a request, as Lambda records it. RetriesExhausted with errorType Retryable is not final: the follow-up continues.",
            with_error(
                &record(
                    json!({ "functionError": string("Why it failed.") }),
                    reference("Error"),
                ),
                "The report, as JSON text. After a crash or a timeout, the message of Lambda.",
            ),
        ),
        Event::result(
            "drover",
            "Follow-up Result - Success",
            "Final result of a request that was followed up.",
            with_report(&follow_up()),
        ),
        Event::result(
            "drover",
            "Follow-up Result - Failure",
            "Failure of a follow-up, which is final.",
            with_error(
                &of_a_machine(reference("Error"), json!({})),
                "JSON text. If a function failed, its errorMessage is the report, again as JSON text.",
            ),
        ),
        Event::result(
            "drover",
            "Fleet Result - Success",
            "End of a fleet. responsePayload is a short report; its summary names the S3 location of the results of the items.",
            of_a_fleet(),
        ),
        Event::result(
            "drover",
            "Fleet Result - Failure",
            "Failure of a fleet, which is final.",
            with_error(
                &of_a_machine(reference("Error"), execution()),
                "The cause, as Step Functions reports it.",
            ),
        ),
    ]
}

/// Lambda's record of an asynchronous invocation.
fn record(more_of_the_response: Value, response: Value) -> Value {
    let context = json!({
        "requestId": string("The ID of the invocation."),
        "approximateInvokeCount": integer("How often Lambda invoked the function for it."),
    });
    let mut response_context = json!({
        "statusCode": integer("The status of Lambda's answer."),
        "executedVersion": string("The version of the function."),
    });
    merge(&mut response_context, more_of_the_response);

    let mut record = of_a_machine(response, context);
    let more = json!({
        "version": string("The version of the record."),
        "timestamp": { "type": "string", "format": "date-time" },
        "responseContext": { "type": "object", "properties": response_context },
    });
    merge(&mut record["properties"], more);

    record
}

/// What a state machine publishes, with more members of its context.
fn of_a_machine(response: Value, more_of_the_context: Value) -> Value {
    let mut context = json!({
        "functionArn": string("The function. In a record of Lambda a qualifier follows it."),
        "condition": string("Success, or why it failed, such as RetriesExhausted."),
    });
    merge(&mut context, more_of_the_context);

    json!({
        "type": "object",
        "required": ["requestContext", "requestPayload"],
        "properties": {
            "requestContext": {
                "type": "object",
                "required": ["functionArn", "condition"],
                "properties": context,
            },
            "requestPayload": {
                "type": "object",
                "description": "The input of the function: the request, or the event that carries it.",
            },
            "responsePayload": response,
        },
    })
}

fn follow_up() -> Value {
    let mut detail = of_a_machine(reference("Report"), json!({}));
    let left = json!({
        "type": "array",
        "items": { "type": "string" },
        "description": "The EBS snapshots of the request that EC2 still has. Missing if EC2 did not answer.",
    });
    merge(
        &mut detail["properties"],
        json!({ "ebsSnapshotsLeft": left }),
    );

    detail
}

fn execution() -> Value {
    json!({ "executionArn": string("The execution of the fleet.") })
}

fn of_a_fleet() -> Map<String, Value> {
    let ended = json!({
        "type": "object",
        "required": ["outcome", "requestID", "summary"],
        "properties": {
            "outcome": { "type": "string", "enum": ["ended"] },
            "requestID": string("The request of every item."),
            "summary": string("The whole in one sentence for people, with the location of the results."),
        },
    });
    let detail = required_response(of_a_machine(reference("FleetEnd"), execution()));

    map(json!({ "Detail": detail, "FleetEnd": ended }))
}

/// A detail with the report, and what the report is made of.
fn with_report(detail: &Value) -> Map<String, Value> {
    let report = serde_json::from_str(&read("docs/report.schema.json")).unwrap();
    let mut all = components("Report", &report);
    all.insert("Detail".to_owned(), required_response(detail.clone()));

    all
}

/// A detail with an error, whose message is this. An event that grew too old has no response.
fn with_error(detail: &Value, message: &str) -> Map<String, Value> {
    let error = json!({
        "type": "object",
        "properties": {
            "errorType": string("Retryable, Permanent, or an error of Lambda or Step Functions."),
            "errorMessage": string(message),
        },
    });

    map(json!({ "Detail": detail, "Error": error }))
}

fn required_response(mut detail: Value) -> Value {
    let required = detail["required"].as_array_mut().unwrap();
    required.push(json!("responsePayload"));

    detail
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn string(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn integer(description: &str) -> Value {
    json!({ "type": "integer", "format": "int32", "description": description })
}

fn merge(members: &mut Value, more: Value) {
    members.as_object_mut().unwrap().extend(map(more));
}

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("{value} is no object")
    };

    members
}
