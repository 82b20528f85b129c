//! Every sample of `events/`, as each function reads it: bare, and in every envelope.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use expect_test::expect_file;
use harness::{FUNCTIONS, FunctionUnderTest};
use serde_json::{Value, json};
use shared::{Inbound, Message, Rejection, envelope};

use crate::tidy::{list, read};

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// The events of a folder by name, with their times filled in.
fn events(folder: &str) -> Vec<(String, String)> {
    let names = list(folder).into_iter();

    names
        .filter(|name| name.ends_with(".json"))
        .map(|name| {
            let text = read(format!("{folder}/{name}"));
            (name, emulator::event::fill(&text, now()).unwrap())
        })
        .collect()
}

/// Every message in a text.
fn messages(text: &str) -> Vec<Result<Message, Rejection>> {
    match envelope::open(text) {
        Inbound::One(message) => vec![message],
        Inbound::Sns(messages) => messages,
        Inbound::Sqs(deliveries) => deliveries
            .into_iter()
            .map(|delivery| delivery.message)
            .collect(),
    }
}

/// What a function makes of every message in a text: a command, or a rejection.
fn readings(function: &FunctionUnderTest, text: &str) -> Vec<String> {
    let read = |message: Result<Message, Rejection>| {
        let command = message.and_then(|message| (function.read)(&message, now()));
        command.unwrap_or_else(|rejection| format!("{:?}: {rejection}", rejection.code))
    };

    messages(text).into_iter().map(read).collect()
}

fn table(function: &FunctionUnderTest, folder: &str) -> String {
    let mut table = String::new();

    for (name, text) in events(folder) {
        for reading in readings(function, &text) {
            writeln!(table, "{name}\n    {reading}").unwrap();
        }
    }
    table
}

#[test]
fn every_event_of_a_function_is_what_its_name_says() {
    for function in FUNCTIONS {
        let table = table(function, &function.events());

        expect_file![format!("events/{}.txt", function.name)].assert_eq(&table);
    }
}

// Invariant 7.
#[test]
fn every_sample_event_is_a_command_or_a_named_rejection() {
    for function in FUNCTIONS {
        let table = table(function, "events/samples");

        let file = format!("../events/samples/as-read-by-{}.txt", function.name);
        expect_file![file].assert_eq(&table);
    }
}

/// An SNS envelope around a message, and the record in which Lambda delivers it.
fn sns(message: &str) -> (Value, Value) {
    let envelope = json!({
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "t",
        "Timestamp": "2026-03-20T17:43:20Z",
        "SignatureVersion": "1",
        "Signature": "s",
        "SigningCertURL": "u",
        "UnsubscribeURL": "u",
        "Message": message,
    });
    let record = json!({
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "a",
        "Sns": envelope,
    });

    (envelope, json!({ "Records": [record] }))
}

/// The record in which Lambda delivers a message of a queue.
fn sqs(body: &str) -> Value {
    json!({ "Records": [{ "messageId": "1", "eventSource": "aws:sqs", "body": body }] })
}

// Invariant 7.
#[test]
fn nesting_changes_nothing() {
    for function in FUNCTIONS {
        let folders = [function.events(), "events/samples".to_owned()];

        for (name, text) in folders.iter().flat_map(|folder| events(folder)) {
            // A batch inside a message is no request.
            let expected = match text.contains("\"Records\"") {
                true => {
                    vec!["UnsupportedEvent: `Records` inside a message hold no request".to_owned()]
                }
                false => readings(function, &text),
            };

            let (envelope, record) = sns(&text);
            for nested in [record, sqs(&text), sqs(&envelope.to_string())] {
                let inside = readings(function, &nested.to_string());
                assert_eq!(inside, expected, "{name} in {nested}");
            }
        }
    }
}
