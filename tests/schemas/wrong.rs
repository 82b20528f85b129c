//! Wrong requests, reports and results do not fit their schemas.

use harness::{FUNCTIONS, FunctionUnderTest};
use serde_json::{Value, json};

use super::{Event, RESULTS, examples, result};
use crate::stage::drs::{ONE, Stage, by_id, request};

/// Every copy of an object that lacks one of these members.
fn lacking(value: &Value, members: &Value) -> Vec<Value> {
    let names = members.as_array().unwrap().iter();

    names
        .map(|name| {
            let mut value = value.clone();
            value
                .as_object_mut()
                .unwrap()
                .remove(name.as_str().unwrap());
            value
        })
        .collect()
}

/// A copy of a value with another one at a place.
fn with(value: &Value, pointer: &str, other: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap() = other;

    value
}

fn required(event: &Event, component: &str) -> Value {
    event.document()["components"]["schemas"][component]["required"].clone()
}

/// An example of a function's request, and its schema.
fn asked(function: &FunctionUnderTest) -> (Event, Value) {
    let schema = Event::request(function);
    let (_, event) = examples(function, &schema.detail_type).remove(0);

    (schema, event)
}

#[test]
fn a_wrong_request_does_not_fit_its_schema() {
    for function in FUNCTIONS {
        let (schema, event) = asked(function);
        let detail = &event["detail"];
        let mut wrong = lacking(detail, &required(&schema, &schema.logical_id()));
        wrong.extend([
            with(detail, "/version", json!(2)),
            with(detail, "/version", json!("1")),
            with(detail, "/requestID", json!("two words")),
            with(detail, "/requestID", json!("")),
            with(detail, "/requestID", Value::Null),
            with(detail, "", json!([detail])),
        ]);
        let mut unknown = detail.clone();
        unknown["unknown"] = json!(1);
        wrong.push(unknown);

        for detail in wrong {
            assert!(!schema.errors_of_detail(&detail).is_empty(), "{detail}");
            let event = with(&event, "/detail", detail);
            assert!(!schema.errors(&event).is_empty(), "{event}");
        }
        for event in lacking(&event, &required(&schema, "AWSEvent")) {
            assert!(!schema.errors(&event).is_empty(), "{event}");
        }
    }
}

#[test]
fn wrong_targets_do_not_fit_the_schema() {
    let (schema, event) = asked(&harness::DISCONNECT);
    let detail = &event["detail"];
    let server = &detail["targets"][0];

    let wrong = [
        with(detail, "/targets", json!([])),
        with(detail, "/targets", json!(vec![server; 101])),
        with(detail, "/targets/0", json!({})),
        with(detail, "/targets/0/sourceServerID", json!("s-1")),
        with(detail, "/expiresAt", json!("tomorrow")),
        with(detail, "/action", json!("destroy")),
        with(detail, "/dryRun", json!("false")),
    ];
    for detail in wrong {
        assert!(!schema.errors_of_detail(&detail).is_empty(), "{detail}");
    }
}

#[tokio::test]
async fn a_wrong_report_does_not_fit_its_schema() {
    let asked = request("disconnect", &[by_id(ONE)]);
    let report = Stage::new().await.deliver(&asked).await.body;
    let event = &RESULTS[0];

    let mut wrong = lacking(&report, &required(event, "Report"));
    wrong.extend([
        with(&report, "/outcome", json!("ended")),
        with(&report, "/targets/0/outcome", json!("finished")),
        with(&report, "/targets/0/resource", json!("s-1")),
        with(&report, "/counts/done", json!(-1)),
        with(&report, "/targets/0/reasons", json!({})),
        with(&report, "/invocation/startedAt", json!("now")),
    ]);
    for report in wrong {
        assert!(!event.errors_of("Report", &report).is_empty(), "{report}");
    }
}

#[test]
fn a_result_without_its_report_does_not_fit_its_schema() {
    let context = json!({ "functionArn": "f", "condition": "Success" });
    let detail = json!({ "requestContext": context, "requestPayload": {} });

    for event in RESULTS
        .iter()
        .filter(|it| it.detail_type.ends_with("Success"))
    {
        assert!(
            !event.errors_of_detail(&detail).is_empty(),
            "{}",
            event.detail_type
        );
    }
    // An event that grew too old was never answered.
    let failure = result("lambda", "Lambda Function Invocation Result - Failure");
    assert_eq!(failure.errors_of_detail(&detail), [""; 0]);
}
