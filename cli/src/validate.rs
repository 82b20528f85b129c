//! `drover validate`: whether an event is a request, by the parsers of the functions themselves.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name gives null where there is no such member"
)]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::{Rejection, RejectionCode, code};

use crate::{
    console::{self, BAD, GOOD},
    files,
    functions::{self, FUNCTIONS, Function},
    place::line_of,
    sanitize::sanitize,
};

/// The arguments of `drover validate`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The event, a JSON file: as EventBridge, SNS, SQS or `aws events put-events` have it, or the
    /// request alone. `{{now+12h}}` in it is replaced by a time.
    event: PathBuf,
    /// The function that is to read it [default: the one that does]
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
}

/// What a function says of one message of an event.
struct Finding {
    /// Where the message stands in the event.
    inside: String,
    /// What it is, or why it is none.
    said: Result<(), Rejection>,
}

/// Says of each message of an event whether it is a request; 1 if any is none.
///
/// # Errors
///
/// When the file cannot be read, or there is no such function.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let name = arguments.event.display().to_string();
    let text = files::read_text(&arguments.event)?;
    if let Some(wrong) = not_json(&text) {
        console::print(&format!(
            "{BAD}not JSON{BAD:#} {name}: {}",
            sanitize(&wrong)
        ))?;
        return Ok(ExitCode::FAILURE);
    }

    let now = Utc::now();
    let function = match &arguments.function {
        Some(function) => functions::known(function)?,
        None => nearest(&text, now),
    };
    let findings = findings(function, &text, now);
    for finding in &findings {
        console::print(&line(&name, &text, function, finding))?;
    }

    Ok(match findings.iter().all(|finding| finding.said.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Why a text is no JSON, with what it may be instead.
fn not_json(text: &str) -> Option<String> {
    let wrong = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;

    // YAML begins with a name and a colon, where JSON has a bracket.
    let first = text.trim_start().lines().next().unwrap_or_default();
    let is_yaml = !first.starts_with(['{', '[']) && (first.contains(": ") || first.ends_with(':'));
    Some(match is_yaml || first == "---" {
        true => "this looks like YAML; events are JSON".to_owned(),
        false => wrong.to_string(),
    })
}

/// The function that reads an event, or that comes nearest to it: what it says of it is about the
/// request, and not about the kind of the event.
fn nearest(text: &str, now: DateTime<Utc>) -> &'static Function {
    let distance = |function: &&'static Function| {
        let findings = findings(function, text, now);
        let codes = findings.iter().map(|finding| match &finding.said {
            Ok(()) => 0,
            Err(rejection) => match rejection.code {
                // The members of another function's request.
                RejectionCode::UnknownField | RejectionCode::MissingField => 2,
                RejectionCode::UnsupportedEvent => 3,
                _ => 1,
            },
        });
        codes.min().unwrap_or(3)
    };

    let [first, ..] = &FUNCTIONS;
    FUNCTIONS.iter().min_by_key(distance).unwrap_or(first)
}

/// What a function says of each message in an event.
fn findings(function: &Function, text: &str, now: DateTime<Utc>) -> Vec<Finding> {
    // What people send is read as what the bus makes of it.
    let (list, entries) = entries(text);
    if !entries.is_empty() {
        let of_entry = |(number, entry): (usize, &Value)| Finding {
            inside: format!("{list}[{number}].Detail"),
            said: as_event(entry).and_then(|event| function.read_one(&event.to_string(), now)),
        };
        return entries.iter().enumerate().map(of_entry).collect();
    }

    let event: Value = serde_json::from_str(text).unwrap_or_default();
    let said = function.read_all(text, now);
    let several = said.len() > 1;
    said.into_iter()
        .enumerate()
        .map(|(number, said)| Finding {
            inside: match &event {
                Value::Array(_) => format!("[{number}]"),
                _ if event["Records"].is_array() => format!("Records[{number}]"),
                _ if event["detail"].is_object() && !several => "detail".to_owned(),
                _ => String::new(),
            },
            said,
        })
        .collect()
}

/// The entries of an input of `PutEvents`, and the member that lists them; none if it is no such
/// input.
fn entries(text: &str) -> (&'static str, Vec<Value>) {
    let input: Value = serde_json::from_str(text).unwrap_or_default();
    let (list, entries) = match (&input["Entries"], input.as_array()) {
        (Value::Array(entries), _) => ("Entries", entries.clone()),
        // `aws events put-events --entries file://` takes the list alone.
        (_, Some(entries)) => ("", entries.clone()),
        _ => ("", Vec::new()),
    };

    let is_entry = |entry: &Value| entry.get("DetailType").is_some();
    match entries.iter().any(is_entry) {
        true => (list, entries),
        false => ("", Vec::new()),
    }
}

/// The event that the bus makes of an entry: it takes the detail as a text, and hands it on as an
/// object.
fn as_event(entry: &Value) -> Result<Value, Rejection> {
    let Some(text) = entry["Detail"].as_str() else {
        let message = "the detail of an entry is a text that holds JSON";
        return Err(Rejection::new(RejectionCode::WrongType, message));
    };
    let detail: Value = serde_json::from_str(text)
        .map_err(|wrong| Rejection::new(RejectionCode::MalformedJson, wrong.to_string()))?;

    Ok(json!({
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": detail,
    }))
}

/// A finding in one line: where it is, and what is wrong there.
fn line(name: &str, text: &str, function: &Function, finding: &Finding) -> String {
    let Finding { inside, said } = finding;
    let path = match said {
        Ok(()) => inside.clone(),
        Err(rejection) => {
            let path = rejection.path.as_deref().unwrap_or_default();
            format!("{inside}.{path}")
        }
    };
    let line = line_of(text, &path);

    match said {
        Ok(()) => format!(
            "{GOOD}ok{GOOD:#} {name}:{line}: a request for {}",
            function.name
        ),
        Err(rejection) => {
            let (code, message) = (code(rejection.code), sanitize(&rejection.message));
            // No rule finds such an event, and the bus drops it without a word.
            let meant = match functions::meant_detail_type(text) {
                Some(meant) => format!(". Is its detail-type to be `{meant}`?"),
                None => String::new(),
            };
            let function = function.name;
            format!("{BAD}{code}{BAD:#} {name}:{line}: {message} ({function}){meant}")
        }
    }
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
        let function = nearest(text, now());
        let findings = findings(function, text, now());

        let lines = findings.iter().map(|it| line("f", text, function, it));
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
    fn yaml_is_called_by_its_name() {
        let yaml = "version: 1\nrequestID: CHG1\n";
        assert!(not_json(yaml).unwrap().contains("looks like YAML"));
        assert!(not_json("---\n").unwrap().contains("looks like YAML"));
        assert!(not_json("{").unwrap().contains("EOF"));
        assert_eq!(not_json("{}"), None);
    }
}
