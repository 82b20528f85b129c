//! The reports in a text, wherever they were found: an answer, a log, a dead letter, a result event,
//! a fleet's output.

use std::collections::HashMap;

use emulator::InvocationResult;
use serde_json::{Deserializer, Value};
use shared::{Outcome, code};

use crate::{report::Report, sanitize::sanitized};

/// How many texts inside of texts are opened: a dead letter of a queue behind a topic has four.
const DEEPEST: usize = 8;

/// The reports of an invocation. If its answer is too small for them, they are in its log.
pub(crate) fn reports_of(result: &InvocationResult, log: &[String]) -> Vec<Report> {
    let answer = match result {
        InvocationResult::Answered(body) => String::from_utf8_lossy(body).into_owned(),
        InvocationResult::Failed(error) => error.to_string(),
        InvocationResult::Unknown | InvocationResult::NotBuilt(_) => return Vec::new(),
    };

    // A batch answers with what failed, and says no more.
    let answered = reports_in(&answer);
    match answered.is_empty() {
        true => reports_in(&log.join("\n")),
        false => answered,
    }
}

/// Every report in a text, in order, each once, with everything that others wrote sanitized.
pub(crate) fn reports_in(text: &str) -> Vec<Report> {
    look_in(text).reports
}

/// What was found in a text.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every report, each once.
    pub(crate) reports: Vec<Report>,
    /// What is like a report and cannot be read as one: the member, and what is wrong with it.
    pub(crate) unreadable: Vec<String>,
    /// Where those of the same time and summary stand among them: a log may hold a hundred
    /// thousand.
    alike: HashMap<(Option<String>, String), Vec<usize>>,
}

impl Found {
    /// Adds a report, unless it is there: a fleet and a result event hold the same one twice.
    fn add(&mut self, report: Report) {
        let started = report.invocation.as_ref().map(|it| it.started_at.clone());
        let key = (started, report.summary.clone());
        let places = self.alike.entry(key).or_default();

        let mut alike = places.iter().filter_map(|place| self.reports.get(*place));
        if !alike.any(|known| *known == report) {
            places.push(self.reports.len());
            self.reports.push(report);
        }
    }
}

/// Looks for reports, and for what would be one but for a member.
pub(crate) fn look_in(text: &str) -> Found {
    let mut found = Found::default();

    for value in values_in(text) {
        collect(&value, DEEPEST, &mut found);
    }
    found
}

/// The JSON values of a text: one, several one after the other, or those of a log, whose lines may
/// begin with a time.
fn values_in(text: &str) -> Vec<Value> {
    // Most files are JSON from their first letter to their last.
    let whole: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
    if let Ok(values) = whole {
        return values;
    }

    // Else each value begins where a bracket does, whatever stands around it: times, names of
    // streams, other lines.
    let mut values = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        rest = rest.get(start..).unwrap_or_default();
        let mut read = Deserializer::from_str(rest).into_iter();
        let passed = match read.next() {
            Some(Ok(value)) => {
                values.push(value);
                read.byte_offset()
            }
            // This bracket is not one of JSON.
            _ => 1,
        };
        rest = rest.get(passed..).unwrap_or_default();
    }
    values
}

fn collect(value: &Value, depth: usize, found: &mut Found) {
    if depth == 0 {
        return;
    }

    match value {
        Value::Object(members) => {
            if is_report(value) {
                match serde_path_to_error::deserialize::<_, Report>(sanitized(value.clone())) {
                    Ok(report) => found.add(report.with_findings()),
                    Err(wrong) => found.unreadable.push(wrong.to_string()),
                }
                return;
            }
            for member in members.values() {
                collect(member, depth, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, depth, found);
            }
        }
        // A report is often a text inside of JSON, and that again.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            for value in values_in(text) {
                collect(&value, depth - 1, found);
            }
        }
        _ => {}
    }
}

fn is_report(value: &Value) -> bool {
    // Other things have outcomes and targets, too, but not of these names.
    let outcome = value.get("outcome").and_then(Value::as_str);
    let is_known = |outcome: &str| Outcome::ALL.iter().any(|known| code(known) == outcome);

    outcome.is_some_and(is_known) && value.get("targets").is_some_and(Value::is_array)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::tests::plan_of_two;

    fn found(text: &Value) -> usize {
        reports_in(&text.to_string()).len()
    }

    #[test]
    fn a_report_is_found_wherever_it_is() {
        let report = plan_of_two();
        let error = json!({ "errorType": "Permanent", "errorMessage": report.to_string() });
        let result = json!({ "detail": { "responsePayload": report, "requestPayload": {} } });
        let dead_letter = json!({ "Records": [{ "body": result.to_string() }] });
        let on_a_topic = json!({ "Message": dead_letter.to_string() });

        for text in [&report, &error, &result, &dead_letter, &on_a_topic] {
            assert_eq!(found(text), 1, "{text}");
        }
        let batch = json!({ "reports": [report, { "outcome": "done", "targets": [] }] });
        assert_eq!(found(&batch), 2);
        let fleet = json!({ "items": [{ "report": report }, { "report": report }] });
        assert_eq!(found(&fleet), 1);
    }

    #[test]
    fn the_reports_of_a_batch_are_in_its_log() {
        let log = json!({ "fields": { "report": plan_of_two() } }).to_string();
        let found = |answer: &str| {
            let result = InvocationResult::Answered(answer.to_owned().into());
            reports_of(&result, std::slice::from_ref(&log)).len()
        };

        assert_eq!(found(r#"{"batchItemFailures":[]}"#), 1);
        assert!(reports_of(&InvocationResult::Unknown, &[log]).is_empty());
    }

    #[test]
    fn a_report_is_found_in_a_log_with_times_and_other_lines() {
        let line = json!({ "level": "INFO", "fields": { "report": plan_of_two() } });
        for before in [
            "2026-11-29T10:00:00",
            "2026/11/29/[$LATEST]ab12",
            "[INFO]",
            "{x}",
        ] {
            let log = format!("START RequestId: 1\n{before} {line}\nEND {{ no JSON\n");
            assert_eq!(reports_in(&log).len(), 1, "{before}");
        }
        let pretty = format!("a line\n{:#}\nanother", plan_of_two());
        assert_eq!(reports_in(&pretty).len(), 1);
        assert!(reports_in("").is_empty());
        assert!(reports_in("nothing of the kind").is_empty());
    }

    #[test]
    fn a_report_that_cannot_be_read_is_told_by_its_member() {
        let mut odd = plan_of_two();
        odd["targets"][0]["calls"] = json!(5);
        let found = look_in(&json!([plan_of_two(), odd]).to_string());

        assert_eq!(found.reports.len(), 1);
        assert!(
            found.unreadable[0].starts_with("targets[0].calls: "),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_nested_without_end_is_not_opened() {
        let mut text = plan_of_two().to_string();
        for _ in 0..20 {
            text = json!({ "body": text }).to_string();
        }

        assert!(reports_in(&text).is_empty());
    }
}
