//! A reason, and the facts behind it.

use serde_json::{Map, Value};

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
