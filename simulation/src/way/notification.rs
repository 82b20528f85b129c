//! What must hold of a notification: people are told what is true, in words that SNS takes.

use serde_json::Value;
use template::delivery::is_subject;

use crate::way::{caller::Caller, hop::Ran, trace::Truth};

/// The outcomes of targets that were changed, or that may have been.
const CHANGED: [&str; 3] = ["done", "pending", "indeterminate"];

impl Caller<'_> {
    /// Checks a message that is sent to people.
    pub(super) fn check_message(&self, subject: &str, message: &str) {
        if !is_subject(subject) {
            let complaint = format!("SNS does not take the subject {subject:?}");
            self.account.violate(self.tag, 10, &complaint);
        }

        // What the function answered is true, whatever the machine makes of the event.
        let wrong = self.tag.fact.and_then(|fact| {
            let trace = self.account.trace.borrow();
            match &trace.facts[fact].truth {
                Truth::Success(report) => wrong_result(report, subject, message),
                Truth::Failure(error) => self.wrong_failure(error, subject, message),
            }
        });
        if let Some(wrong) = wrong {
            let complaint = format!("a notification lacks {wrong:?}: {subject}: {message}");
            self.account.violate(self.tag, 3, &complaint);
        }
    }

    /// What a message about a failure lacks, if it lacks anything.
    fn wrong_failure(&self, error: &str, subject: &str, message: &str) -> Option<String> {
        let last = self.last.borrow();
        let payload = match &last.ran {
            Ran::Failed(failed) => failed.payload.clone(),
            _ => Value::Null,
        };
        // A follow-up hands on what Lambda answered it.
        let report = report_in(&payload).map(|inner| report_in(&inner).unwrap_or(inner));
        let report = report.unwrap_or_default();

        let starts = "drover gave up (".to_owned();
        if !subject.starts_with(&starts) {
            return Some(starts);
        }
        let mut needed = vec![error.to_owned()];
        needed.extend(report["summary"].as_str().map(str::to_owned));
        for target in report["targets"].as_array().into_iter().flatten() {
            let [name, outcome] = ["name", "outcome"].map(|it| target[it].as_str());
            if let (Some(name), Some(outcome)) = (name, outcome)
                && CHANGED.contains(&outcome)
            {
                needed.push(format!("{name} ({outcome})"));
            }
        }
        needed.into_iter().find(|text| !message.contains(text))
    }
}

fn wrong_result(report: &Value, subject: &str, message: &str) -> Option<String> {
    let [summary, outcome] = ["summary", "outcome"].map(|it| report[it].as_str().unwrap_or("?"));

    let starts = format!("drover {outcome} (");
    if !subject.starts_with(&starts) {
        return Some(starts);
    }
    (!message.starts_with(summary)).then(|| summary.to_owned())
}

/// The report in the message of an error.
fn report_in(payload: &Value) -> Option<Value> {
    let message = payload["errorMessage"].as_str()?;

    serde_json::from_str(message).ok()
}
