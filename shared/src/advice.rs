//! What people can do about a reason: one source for reports, `drover explain` and the documents.

use serde::Serialize;
use serde_json::{Map, Value};

/// Who has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Whoever sent the request.
    Requester,
    /// Whoever may tag the resource.
    Approver,
    /// Whoever runs the deployment and the account.
    Operator,
}

/// What somebody can do about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// Who.
    pub who: Who,
    /// What, as a sentence.
    pub what: &'static str,
    /// The command for it, with the names of facts in braces: `{sourceServerID}`.
    pub command: Option<&'static str>,
}

/// What somebody has to do next about a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NextStep {
    /// Who: `requester`, `approver` or `operator`.
    pub who: Who,
    /// What, as a sentence.
    pub what: &'static str,
    /// A command to paste. What has to be filled in stands in capitals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Advice {
    /// What whoever sent the request can do.
    #[must_use]
    pub const fn requester(what: &'static str) -> Self {
        Self::of(Who::Requester, what)
    }

    /// What whoever may tag the resource can do.
    #[must_use]
    pub const fn approver(what: &'static str) -> Self {
        Self::of(Who::Approver, what)
    }

    /// What whoever runs the deployment and the account can do.
    #[must_use]
    pub const fn operator(what: &'static str) -> Self {
        Self::of(Who::Operator, what)
    }

    const fn of(who: Who, what: &'static str) -> Self {
        Self {
            who,
            what,
            command: None,
        }
    }

    /// The same with the command for it.
    #[must_use]
    pub const fn by(self, command: &'static str) -> Self {
        Self {
            command: Some(command),
            ..self
        }
    }

    /// The same for one target, of which these facts are known.
    #[must_use]
    pub fn fill(&self, facts: &Map<String, Value>) -> NextStep {
        NextStep {
            who: self.who,
            what: self.what,
            command: self.command.map(|command| fill(command, facts)),
        }
    }
}

/// A command whose names in braces are replaced by facts, quoted for a shell; by themselves in
/// capitals where there is no such fact.
fn fill(command: &str, facts: &Map<String, Value>) -> String {
    let mut filled = String::new();
    let mut rest = command;

    while let Some((before, name, after)) = next_name(rest) {
        filled.push_str(before);
        filled.push_str(&match facts.get(name) {
            Some(Value::String(text)) => quoted(text),
            Some(Value::Number(number)) => number.to_string(),
            // A list, such as of instances, goes one by one.
            Some(Value::Array(items)) => {
                let texts = items.iter().filter_map(Value::as_str);
                texts.map(quoted).collect::<Vec<_>>().join(" ")
            }
            _ => in_capitals(name),
        });
        rest = after;
    }

    filled + rest
}

/// The text up to the next name in braces, the name, and what comes after it.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;

    Some((before, name, after))
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    // Nothing that a shell would take apart stays bare.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._:/@-".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// `sourceServerID` as `SOURCE_SERVER_ID`.
fn in_capitals(name: &str) -> String {
    let mut capitals = String::new();
    let mut was_small = false;

    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            capitals.push('_');
        }
        was_small = letter.is_lowercase();
        capitals.extend(letter.to_uppercase());
    }
    capitals
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(command: &'static str, facts: &Value) -> String {
        let advice = Advice::operator("Do it.").by(command);
        advice.fill(facts.as_object().unwrap()).command.unwrap()
    }

    #[test]
    fn a_command_is_filled_with_the_facts() {
        let facts = json!({ "arn": "arn:aws:drs:x", "ids": ["i-1", "i-2"], "limit": 5 });

        assert_eq!(
            filled("tag {arn} {ids} {limit}", &facts),
            "tag arn:aws:drs:x i-1 i-2 5"
        );
    }

    #[test]
    fn what_is_not_known_stands_in_capitals() {
        assert_eq!(
            filled("get {sourceServerID} in {region}", &json!({})),
            "get SOURCE_SERVER_ID in REGION"
        );
    }

    #[test]
    fn a_fact_is_one_word_of_the_shell_whatever_it_holds() {
        let pasted = |fact: &str| filled("echo {fact}", &json!({ "fact": fact }));

        assert_eq!(pasted("$(rm -rf /)"), "echo '$(rm -rf /)'");
        assert_eq!(pasted("it's; ls"), r"echo 'it'\''s; ls'");
        assert_eq!(pasted(""), "echo ''");
        // The name of a fact inside of a fact is text.
        assert_eq!(pasted("{fact}"), "echo '{fact}'");
    }
}
