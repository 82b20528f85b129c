//! A reason, and the facts behind it.

use serde_json::{Map, Value};

use crate::arn::Arn;

/// A reason out of a function's closed set, and what of this request or resource makes it hold.
///
/// Facts are AWS's IDs, figures, tags and settings; host names of AWS's answers stay out of them,
/// since reports are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds<R> {
    /// The reason.
    pub reason: R,
    /// The facts as a phrase for people.
    pub detail: Option<String>,
    /// The same by name.
    pub facts: Map<String, Value>,
}

impl<R> Grounds<R> {
    /// A reason that needs no facts.
    #[must_use]
    pub fn new(reason: R) -> Self {
        Self {
            reason,
            detail: None,
            facts: Map::new(),
        }
    }

    /// The same with its facts as a phrase.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same where a request names another ARN than that of the resource which was found.
    #[must_use]
    pub fn other_arn(self, asked: &Arn, found: Option<&Arn>) -> Self {
        let Some(found) = found else {
            return self.detail("AWS gave none");
        };

        // Two ARNs side by side show nobody at a glance where they part.
        let differs = asked.differing_parts(found);
        self.detail(format!("{found} has another {}", differs.join(" and ")))
            .fact("arn", found.to_string())
            .fact("differs", differs)
    }

    /// The same with one fact more.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

impl<R> From<R> for Grounds<R> {
    fn from(reason: R) -> Self {
        Self::new(reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_arn_that_differs_says_in_what() {
        let arn = |text: &str| Arn::try_from(text.to_owned()).unwrap();
        let asked = arn("arn:aws:drs:us-east-1:111122223333:source-server/s-1");
        let against = |found: Option<&Arn>| {
            let grounds = Grounds::new(()).other_arn(&asked, found);
            (
                grounds.detail.unwrap(),
                grounds.facts.get("differs").cloned(),
            )
        };

        let found = arn("arn:aws:drs:eu-west-1:444455556666:source-server/s-1");
        let (detail, differs) = against(Some(&found));
        assert_eq!(detail, format!("{found} has another Region and account"));
        assert_eq!(differs, Some(json!(["Region", "account"])));
        assert_eq!(against(None), ("AWS gave none".to_owned(), None));
    }
}
