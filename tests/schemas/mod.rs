//! `schemas/events.yaml`, the events of drover for EventBridge's schema registry: generated from the
//! types, and every event that the tests read or produce fits it.

mod event;
mod layout;
mod openapi;
mod results;
mod validate;
mod wrong;

use std::sync::LazyLock;

use expect_test::expect_file;
use harness::{FUNCTIONS, FunctionUnderTest};
use serde_json::Value;

use self::event::{Event, REQUEST_SOURCE};
use crate::{
    functions::DISCONNECT,
    rules::record,
    stage::{
        drs::{ONE, Stage, by_id, request},
        event as example,
    },
    tidy::{list, read},
};

static RESULTS: LazyLock<Vec<Event>> = LazyLock::new(results::results);

/// The limits of the service's API, and of a template that is deployed without a bucket.
const MAX_CONTENT: usize = 100_000;
const MAX_DESCRIPTION: usize = 256;
const MAX_TEMPLATE: usize = 51_200;

fn requests() -> Vec<Event> {
    FUNCTIONS.into_iter().map(Event::request).collect()
}

fn events() -> Vec<Event> {
    requests().into_iter().chain(results::results()).collect()
}

/// The schema of a result event.
fn result(source: &str, detail_type: &str) -> &'static Event {
    let is_of_it = |event: &&Event| event.source == source && event.detail_type == detail_type;

    RESULTS
        .iter()
        .find(is_of_it)
        .unwrap_or_else(|| panic!("{source} {detail_type} has no schema"))
}

/// Asserts that each report in an answer of a function fits the schema.
pub(crate) fn assert_reports(answer: &Value) {
    let event = &RESULTS[0];
    let reports = match answer {
        Value::Array(reports) => reports.as_slice(),
        _ => answer["reports"]
            .as_array()
            .map_or(std::slice::from_ref(answer), Vec::as_slice),
    };

    // The answer to a queue has no report.
    for report in reports
        .iter()
        .filter(|it| it.get("batchItemFailures").is_none())
    {
        let errors = event.errors_of("Report", report);
        assert!(errors.is_empty(), "{errors:#?} in {report:#}");
    }
}

/// Asserts that a result event has a schema, and that its detail fits.
pub(crate) fn assert_result(event: &Value) {
    let [source, detail_type] = ["source", "detail-type"].map(|name| event[name].as_str().unwrap());
    let errors = result(source, detail_type).errors_of_detail(&event["detail"]);

    assert!(errors.is_empty(), "{errors:#?} in {event:#}");
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_types() {
    let template = layout::template(&events());

    expect_file!["../../schemas/events.yaml"].assert_eq(&template);
}

#[test]
fn the_schemas_are_within_the_limits_of_the_registry_and_of_cloudformation() {
    let template = layout::template(&events());
    assert!(template.len() <= MAX_TEMPLATE, "{} bytes", template.len());

    for event in events() {
        let name = event.schema_name();
        let document = event.document();
        let content = layout::content(&document);
        // The layout leaves nothing out.
        assert_eq!(serde_json::from_str::<Value>(&content).unwrap(), document);
        assert!(content.len() <= MAX_CONTENT, "{name}: {}", content.len());
        assert!(event.description.len() <= MAX_DESCRIPTION, "{name}");

        // CloudFormation substitutes nothing else.
        let content = content.replace(REQUEST_SOURCE, "");
        assert!(!content.contains("${"), "{name}");
    }
}

#[test]
fn the_reference_names_every_schema() {
    let reference = read("docs/reference.md");

    for event in events() {
        let name = event
            .schema_name()
            .replace(REQUEST_SOURCE, "com.example.cmdb");
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
}

/// The examples of a function that are whole events with its request.
fn examples(function: &FunctionUnderTest, detail_type: &str) -> Vec<(String, Value)> {
    let folder = function.events();
    let files = list(&folder)
        .into_iter()
        .filter(|name| name.ends_with(".json"));
    let events = files.map(|name| {
        let event = example(&format!("{}/{name}", function.name));
        (name, event)
    });

    events
        .filter(|(_, event)| event["detail-type"] == detail_type)
        .collect()
}

#[test]
fn every_example_of_a_request_fits_its_schema() {
    for function in FUNCTIONS {
        let schema = Event::request(function);
        let examples = examples(function, &schema.detail_type);
        assert!(!examples.is_empty(), "{}", function.name);

        for (name, event) in examples {
            assert_eq!(schema.errors(&event), [""; 0], "{name}");
        }
        let bare = example(&format!("{}/request.json", function.name));
        assert_eq!(schema.errors_of_detail(&bare), [""; 0]);
    }
}

#[test]
fn every_event_that_a_state_machine_publishes_has_a_schema() {
    let machines = list("statemachines").into_iter();
    let texts = machines.map(|name| read(format!("statemachines/{name}")));

    let mut published = 0;
    for text in texts {
        for rest in text.split("\"DetailType\": \"").skip(1) {
            let (detail_type, _) = rest.split_once('"').unwrap();
            result("drover", detail_type);
            published += 1;
        }
    }
    assert_eq!(
        published, 4,
        "follow-ups and fleets, as they succeed and fail"
    );
}

#[tokio::test]
async fn the_record_of_an_invocation_fits_its_schema() {
    let asked = request("disconnect", &[by_id(ONE)]);
    let answer = Stage::new().await.deliver(&asked).await;

    let done = record(&DISCONNECT, "Success", &asked, &answer.body);
    assert_result(&done);
    let error =
        serde_json::json!({ "errorType": "Retryable", "errorMessage": answer.body.to_string() });
    assert_result(&record(&DISCONNECT, "RetriesExhausted", &asked, &error));

    // The sample of Lambda's guide.
    let sample: Value = serde_json::from_str(&read(
        "events/samples/lambda-onfailure-destination-record.json",
    ))
    .unwrap();
    let failure = result("lambda", "Lambda Function Invocation Result - Failure");
    assert_eq!(failure.errors_of_detail(&sample), [""; 0]);
}
