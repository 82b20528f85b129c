//! The reports of functions, read leniently: what a report does not say is left out, and members
//! that are new are no trouble.

use emulator::{Ended, InvocationResult};
use serde_json::Value;

use crate::{functions::target_names, sanitize::sanitized};

/// The reports of an invocation. If its answer is too small for them, they are in its log.
pub(super) fn of(ended: &Ended) -> Vec<Value> {
    let answer = match &ended.result {
        InvocationResult::Answered(body) => serde_json::from_slice(body).unwrap_or_default(),
        InvocationResult::Failed(error) => {
            // A failure carries its report as a text, since Lambda has no other place for it.
            let message = text(error, "errorMessage").unwrap_or_default();
            serde_json::from_str(message).unwrap_or_default()
        }
        InvocationResult::Unknown | InvocationResult::NotBuilt(_) => Value::Null,
    };

    // A batch answers with a list, or with a member for it.
    let answer = sanitized(answer);
    let several = answer.as_array();
    let several = several.or_else(|| answer.get("reports")?.as_array());
    if let Some(several) = several {
        return several.clone();
    }
    if answer.get("targets").is_some() {
        return vec![answer];
    }

    // An answer to a queue names what failed and says no more.
    let logged = ended.log.iter().filter_map(|line| in_log(line));
    logged.map(sanitized).collect()
}

fn in_log(line: &str) -> Option<Value> {
    // A function logs JSON, but what ends it may print anything.
    let line: Value = serde_json::from_str(line).ok()?;
    serde_json::from_str(line.get("fields")?.get("report")?.as_str()?).ok()
}

/// A text of an object.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

/// The items of a list of an object; none if it has no such list.
pub(super) fn items<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.get(member).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// The facts of a reason: names with texts, numbers, or whether something is so.
fn facts(reason: &Value) -> Vec<String> {
    let facts = reason.get("facts").and_then(Value::as_object);
    let facts = facts.into_iter().flatten();

    facts
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some(format!("{name} {text}")),
            Value::Number(_) | Value::Bool(_) => Some(format!("{name} {value}")),
            // Anything deeper is in the answer, which the card shows as well.
            _ => None,
        })
        .collect()
}

/// What one target of a report says.
pub(super) struct Target<'a>(pub(super) &'a Value);

/// Why a target is as it is: a code, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reason<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    /// What was seen that makes it so, each as a few words.
    pub(super) facts: Vec<String>,
}

/// What somebody is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NextStep<'a> {
    pub(super) who: Option<&'a str>,
    pub(super) what: &'a str,
    pub(super) command: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The names in the request, the most exact first. Several mean that all of them must match.
    pub(super) fn name(&self) -> String {
        let named = self.0.get("target").unwrap_or(self.0);
        let names: Vec<&str> = target_names()
            .filter_map(|name| text(named, name))
            .collect();

        names.join(" + ")
    }

    /// The ID of the resource that it turned out to be, or else the ID that it was named by.
    pub(super) fn id(&self) -> Option<&'a str> {
        // What was found is more exact than what was asked for, if anything was found.
        let places = [self.0.get("resource"), self.0.get("target")];
        let members = ["sourceServerID", "sourceFileSystemId"];

        places.into_iter().flatten().find_map(|place| {
            let mut members = members.iter();
            members.find_map(|member| text(place, member))
        })
    }

    pub(super) fn outcome(&self) -> &'a str {
        text(self.0, "outcome").unwrap_or("unknown")
    }

    /// The reasons; of a report that has one only, that one with the message of the target.
    pub(super) fn reasons(&self) -> Vec<Reason<'a>> {
        let reasons: Vec<Reason<'a>> = items(self.0, "reasons")
            .map(|reason| Reason {
                code: text(reason, "reason").unwrap_or_default(),
                message: text(reason, "message").unwrap_or_default(),
                facts: facts(reason),
            })
            .collect();
        if !reasons.is_empty() {
            return reasons;
        }

        // The older form has one reason, beside the outcome.
        let message = text(self.0, "message");
        let only = message.map(|message| Reason {
            code: text(self.0, "reason").unwrap_or_default(),
            message,
            facts: Vec::new(),
        });
        only.into_iter().collect()
    }

    /// The steps, each a sentence, in the older form or in the newer one.
    pub(super) fn steps(&self) -> Vec<&'a str> {
        let steps = items(self.0, "plan");

        steps
            .filter_map(|step| step.as_str().or_else(|| text(step, "sentence")))
            .collect()
    }

    pub(super) fn next_steps(&self) -> Vec<NextStep<'a>> {
        let steps = items(self.0, "nextSteps");

        steps
            .filter_map(|step| {
                Some(NextStep {
                    who: text(step, "who"),
                    what: text(step, "what")?,
                    command: text(step, "command"),
                })
            })
            .collect()
    }

    /// A text of the evidence.
    pub(super) fn evidence(&self, member: &str) -> Option<&'a str> {
        text(self.0.get("evidence")?, member)
    }

    /// A number of the evidence.
    pub(super) fn number(&self, member: &str) -> Option<u64> {
        self.0.get("evidence")?.get(member)?.as_u64()
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::json;

    use super::*;

    fn ended(result: InvocationResult, log: &[&str]) -> Ended {
        Ended {
            at: Utc::now(),
            function: "f".to_owned(),
            request_id: "1".to_owned(),
            payload: "{}".into(),
            result,
            log: log.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn reports_are_found_in_an_answer_an_error_a_batch_and_a_log() {
        let report = json!({ "outcome": "done", "targets": [] });
        let answered = |value: &Value| InvocationResult::Answered(value.to_string().into());
        let failed = json!({ "errorType": "Retryable", "errorMessage": report.to_string() });
        let line = json!({ "fields": { "report": report.to_string() } }).to_string();

        for ended in [
            ended(answered(&report), &[]),
            ended(answered(&json!([report])), &[]),
            ended(answered(&json!({ "reports": [report] })), &[]),
            ended(InvocationResult::Failed(failed), &[]),
            ended(
                answered(&json!({ "batchItemFailures": [] })),
                &["no JSON", &line],
            ),
        ] {
            assert_eq!(of(&ended), std::slice::from_ref(&report), "{ended:?}");
        }
        assert!(of(&ended(InvocationResult::Unknown, &[])).is_empty());
    }

    #[test]
    fn a_target_is_read_in_both_forms() {
        let older = json!({
            "target": { "hostname": "db02" },
            "resource": { "sourceServerID": "s-1" },
            "outcome": "refused",
            "reason": "protected",
            "message": "The tag is set.",
            "plan": ["disconnect s-1"],
        });
        let newer = json!({
            "target": { "hostname": "db02" },
            "resource": { "sourceServerID": "s-1" },
            "outcome": "refused",
            "reasons": [{ "reason": "protected", "message": "The tag is set.",
                "facts": { "tag": "drover:protected", "days": 2, "more": {} } }],
            "plan": [{ "step": "disconnect", "sentence": "disconnect s-1" }],
        });

        let facts = ["days 2".to_owned(), "tag drover:protected".to_owned()];
        for (target, facts) in [(Target(&older), vec![]), (Target(&newer), facts.into())] {
            assert_eq!(target.name(), "db02");
            assert_eq!(target.id(), Some("s-1"));
            let reason = Reason {
                code: "protected",
                message: "The tag is set.",
                facts,
            };
            assert_eq!(target.reasons(), [reason]);
            assert_eq!(target.steps(), ["disconnect s-1"]);
        }
    }

    #[test]
    fn a_target_that_says_nothing_is_no_trouble() {
        let empty = json!(7);
        let target = Target(&empty);

        assert_eq!((target.name().as_str(), target.outcome()), ("", "unknown"));
        assert!(target.reasons().is_empty() && target.steps().is_empty());
        assert!(target.next_steps().is_empty() && target.id().is_none());
    }
}
