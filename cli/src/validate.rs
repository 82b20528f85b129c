//! `drover validate`: whether an event is a request, by the parsers of the functions themselves.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name gives null where there is no such member"
)]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::{Message, Rejection, RejectionCode, code};

use crate::{
    console::{self, BAD, GOOD},
    files,
    functions::{self, Function},
    place::line_of,
    sanitize::sanitize,
};

/// The most entries of one call, and the members of each (EventBridge API, PutEvents).
const MOST_ENTRIES: usize = 10;
const MEMBERS: [&str; 7] = [
    "Source",
    "DetailType",
    "Detail",
    "Resources",
    "Time",
    "EventBusName",
    "TraceHeader",
];

/// The arguments of `drover validate`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  drover validate event.json
  drover event decommission --request CHG1 --server web01 --as sqs | drover validate -

Exit codes: 0 every message is a request; 1 one is not; 2 wrong usage.")]
pub(crate) struct Arguments {
    /// The event, a JSON file or `-`: as EventBridge, SNS, SQS or `aws events put-events` have it,
    /// or the request alone. `{{now+12h}}` in it is replaced by a time.
    event: PathBuf,
    /// The function that is to read it [default: for each message the one that does]
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
}

/// What is said of one message of an event.
struct Finding {
    place: Place,
    /// The function that it is for, if it is for any.
    function: Option<&'static Function>,
    said: Result<(), Rejection>,
}

/// Where a message stands in an event.
#[derive(Default)]
struct Place {
    /// The message itself, in its envelope.
    message: String,
    /// Its request.
    request: String,
    /// What kind of event it is.
    kind: String,
}

/// Says of each message of an event whether it is a request; 1 if any is none.
///
/// # Errors
///
/// When the file cannot be read, or there is no such function.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let name = sanitize(&arguments.event.display().to_string());
    let function = arguments.function.as_deref();
    let function = function.map(functions::known).transpose()?;
    let text = files::read_text(&arguments.event)?;
    if let Some(wrong) = files::not_json(&text) {
        console::print(&format!("{BAD}malformed_json{BAD:#} {name}: {wrong}"))?;
        return Ok(ExitCode::FAILURE);
    }

    let findings = findings(function, &text, Utc::now());
    for finding in &findings {
        console::print(&line(&name, &text, finding))?;
    }
    Ok(match findings.iter().all(|finding| finding.said.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What is said of each message in an event, by one function or by whichever it is for.
fn findings(function: Option<&'static Function>, text: &str, now: DateTime<Utc>) -> Vec<Finding> {
    let said = |place, message: Result<Message, Rejection>| {
        let (function, said) = match (message, function) {
            (Err(rejection), _) => (None, Err(rejection)),
            (Ok(message), Some(function)) => (Some(function), function.read(&message, now)),
            (Ok(message), None) => functions::read(&message, now),
        };
        Finding {
            place,
            function,
            said,
        }
    };

    // What people send is read as what the bus makes of it.
    if let Some((list, entries)) = entries(text) {
        let wrong = wrong_number(list, entries.len());
        let wrong = wrong.map(|wrong| said(Place::default(), Err(wrong)));
        let entries = entries.iter().enumerate().map(|(number, entry)| {
            let message = format!("{list}[{number}]");
            let place = Place {
                request: format!("{message}.Detail"),
                kind: format!("{message}.DetailType"),
                message,
            };
            said(place, handed_on(entry))
        });
        return wrong.into_iter().chain(entries).collect();
    }

    let event: Value = serde_json::from_str(text).unwrap_or_default();
    let messages = functions::messages(text).into_iter().enumerate();
    messages
        .map(|(number, message)| {
            let place = match &event {
                Value::Array(_) => inside(format!("[{number}]")),
                _ if event["Records"].is_array() => inside(format!("Records[{number}]")),
                _ if event.get("detail-type").is_some() => Place {
                    message: String::new(),
                    request: "detail".to_owned(),
                    kind: "detail-type".to_owned(),
                },
                _ => Place::default(),
            };
            said(place, message)
        })
        .collect()
}

/// A message that is a text inside of a record, of which no line can be told.
fn inside(record: String) -> Place {
    Place {
        request: record.clone(),
        kind: record.clone(),
        message: record,
    }
}

/// The entries of an input of `PutEvents`, and the member that lists them; `None` if it is no such
/// input.
fn entries(text: &str) -> Option<(&'static str, Vec<Value>)> {
    let input: Value = serde_json::from_str(text).ok()?;
    if let Some(list) = input.get("Entries") {
        return Some(("Entries", list.as_array().cloned().unwrap_or_default()));
    }

    // `aws events put-events --entries file://` takes the list alone.
    let entries = input.as_array()?;
    let is_entry = |entry: &Value| entry.get("DetailType").is_some();
    entries.iter().any(is_entry).then(|| ("", entries.clone()))
}

fn wrong_number(list: &str, entries: usize) -> Option<Rejection> {
    let message = match entries {
        0 => "there is no entry".to_owned(),
        1..=MOST_ENTRIES => return None,
        more => format!("{more} entries; PutEvents takes {MOST_ENTRIES}"),
    };

    Some(Rejection::new(RejectionCode::InvalidValue, message).about(list))
}

/// The message that the bus makes of an entry: it takes the detail as a text, and hands it on as an
/// object.
fn handed_on(entry: &Value) -> Result<Message, Rejection> {
    let members = entry.as_object().into_iter().flatten();
    let mut names = members.map(|(name, _)| name);
    if let Some(name) = names.find(|name| !MEMBERS.contains(&name.as_str())) {
        let message = format!("an entry has no such member; it has {}", MEMBERS.join(", "));
        return Err(Rejection::at(name, RejectionCode::UnknownField, &message));
    }
    let Some(text) = entry["Detail"].as_str() else {
        let message = "the detail of an entry is a text that holds JSON";
        return Err(Rejection::at("Detail", RejectionCode::WrongType, message));
    };
    let detail: Value = serde_json::from_str(text).map_err(|wrong| {
        Rejection::at("Detail", RejectionCode::MalformedJson, &wrong.to_string())
    })?;

    let event = json!({
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": detail,
    });
    functions::messages(&event.to_string()).remove(0)
}

/// A finding in one line: where it is, and what is wrong there.
fn line(name: &str, text: &str, finding: &Finding) -> String {
    let Finding {
        place,
        function,
        said,
    } = finding;
    let function = function.map(|function| function.name);
    let Err(rejection) = said else {
        let line = line_of(text, &place.request);
        let function = function.unwrap_or_default();
        return format!("{GOOD}ok{GOOD:#} {name}:{line}: a request for {function}");
    };

    // What a function rejects is in the request; before that, in the envelope.
    let around = match (function, rejection.code) {
        (_, RejectionCode::UnsupportedEvent | RejectionCode::ReservedSource) => &place.kind,
        (Some(_), _) => &place.request,
        (None, _) => &place.message,
    };
    let path = rejection.path.as_deref().unwrap_or_default();
    let line = line_of(text, &format!("{around}.{path}"));

    let (code, message) = (code(rejection.code), sanitize(&rejection.message));
    let function = function.map_or_else(String::new, |function| format!(" ({function})"));
    format!("{BAD}{code}{BAD:#} {name}:{line}: {message}{function}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    fn request(target: &Value) -> Value {
        json!({
            "version": 1,
            "requestID": "CHG1",
            "expiresAt": "2026-11-29T13:00:00Z",
            "targets": [{ "hostname": "web01" }, target],
        })
    }

    /// What is said of an event, as people see it.
    fn said(text: &str) -> Vec<String> {
        let findings = findings(None, text, now());

        let lines = findings.iter().map(|it| line("f", text, it));
        lines
            .map(|line| anstream::adapter::strip_str(&line).to_string())
            .collect()
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_its_path() {
        let wrong = request(&json!({ "hostname": 5 }));
        let event = json!({ "detail-type": "Source Server Decommission Requested", "source": "cmdb", "detail": wrong });
        let text = serde_json::to_string_pretty(&event).unwrap();
        let line = text.lines().position(|line| line.contains('5')).unwrap() + 1;

        let path = "`targets[1].hostname`: invalid type: integer `5`, expected a string";
        assert_eq!(
            said(&text),
            [format!(
                "wrong_type f:{line}: {path} (disconnect-source-server)"
            )]
        );
        let pretty = serde_json::to_string_pretty(&request(&json!({ "hostname": "web02" })));
        let good = "ok f:1: a request for disconnect-source-server";
        assert_eq!(said(&pretty.unwrap()), [good]);
    }

    #[test]
    fn entries_are_read_as_the_bus_hands_them_on() {
        let entry = |detail: Value| json!({ "Source": "cmdb", "DetailType": "Source Server Decommission Requested", "Detail": detail });
        let right = request(&json!({ "hostname": "web02" }));
        let entries = [
            entry(json!(right.to_string())),
            entry(json!("{")),
            entry(right.clone()),
        ];
        let codes = |text: &str| -> Vec<String> {
            let words = said(text).into_iter();
            words
                .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
                .collect()
        };

        let expected = ["ok", "malformed_json", "wrong_type"];
        assert_eq!(codes(&json!({ "Entries": entries }).to_string()), expected);
        assert_eq!(codes(&json!(entries).to_string()), expected);
    }

    #[test]
    fn a_batch_is_told_message_by_message() {
        let record = |body: Value| json!({ "eventSource": "aws:sqs", "messageId": "m", "body": body.to_string() });
        let good = record(request(&json!({ "hostname": "web02" })));
        let bad = record(request(&json!({ "host": "web02" })));
        let said = said(&json!({ "Records": [good, bad] }).to_string());

        assert!(said[0].starts_with("ok "), "{said:?}");
        assert!(said[1].starts_with("unknown_field "), "{said:?}");
    }

    #[test]
    fn each_message_is_read_by_the_function_that_it_is_for() {
        let record = |body: Value| json!({ "eventSource": "aws:sqs", "messageId": "m", "body": body.to_string() });
        let mut replicate = request(&Value::Null);
        replicate["targets"] = json!([{
            "sourceFileSystemId": "fs-00000001",
            "destination": { "region": "eu-west-1" },
        }]);
        let mut wrong = replicate.clone();
        wrong["targets"][0]["foo"] = json!(1);
        let records = [
            record(request(&json!({ "hostname": "web02" }))),
            record(replicate),
            record(wrong),
        ];

        let said = said(&json!({ "Records": records }).to_string());
        assert!(
            said[0].ends_with("a request for disconnect-source-server"),
            "{said:?}"
        );
        assert!(
            said[1].ends_with("a request for bootstrap-efs-replication"),
            "{said:?}"
        );
        let wrong = "unknown_field f:1: `targets[0].foo`: unknown field `foo`";
        assert!(said[2].starts_with(wrong), "{said:?}");
        assert!(said[2].ends_with("(bootstrap-efs-replication)"), "{said:?}");
    }

    #[test]
    fn each_rejection_is_told_with_the_line_of_what_is_wrong() {
        let event = json!({
            "detail": request(&json!({ "hostname": "web02" })),
            "detail-type": "Source Server Decommission Requested",
            "source": "cmdb",
        });
        let line = |path: &[&str], value: Value, mark: &str| {
            let mut event = event.clone();
            let mut member = &mut event;
            for name in path {
                member = &mut member[*name];
            }
            *member = value;

            let text = serde_json::to_string_pretty(&event).unwrap();
            let right = text.lines().position(|line| line.contains(mark)).unwrap() + 1;
            (said(&text).remove(0), format!(" f:{right}: "))
        };

        for (path, value, mark) in [
            (&["detail-type"][..], json!("Decommissioned"), "detail-type"),
            (&["source"], json!("aws.drs"), "detail-type"),
            (&["source"], json!(5), "source"),
            (&["detail", "version"], json!(2), "version"),
            (
                &["detail", "expiresAt"],
                json!("2020-01-01T00:00:00Z"),
                "expiresAt",
            ),
            (&["detail", "targets"], json!([]), "targets"),
        ] {
            let (said, place) = line(path, value, mark);
            assert!(said.contains(&place), "{said} is not{place}");
        }
    }

    #[test]
    fn a_kind_with_a_slip_in_it_is_asked_about_wherever_it_stands() {
        let kind = "Source Server Decomission Requested";
        let event = json!({ "detail-type": kind, "source": "cmdb", "detail": {} });
        let entry = json!({ "DetailType": kind, "Source": "cmdb", "Detail": "{}" });

        for text in [event.to_string(), json!([entry]).to_string()] {
            let said = said(&text).remove(0);
            let question = "is its detail-type to be `Source Server Decommission Requested`?";
            assert!(said.contains(question), "{said}");
        }
    }

    #[test]
    fn an_input_that_put_events_refuses_is_none() {
        let entry = json!({ "Source": "cmdb", "DetailType": "x", "Detail": "{}" });
        let mut misspelt = entry.clone();
        misspelt["Sourc"] = json!("cmdb");

        let said = said(&json!({ "Entries": vec![entry; 11] }).to_string());
        assert!(
            said[0].contains("11 entries; PutEvents takes 10"),
            "{said:?}"
        );
        let said = super::tests::said(&json!({ "Entries": [] }).to_string());
        assert!(said[0].contains("there is no entry"), "{said:?}");
        let said = super::tests::said(&json!([misspelt]).to_string());
        assert!(
            said[0].starts_with("unknown_field f:1: `Sourc`"),
            "{said:?}"
        );
    }
}
