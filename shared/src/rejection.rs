//! Why an input is not a request for this function.

use serde::Serialize;
use strum::{EnumMessage, VariantArray};

/// Why an input is not a request for this function. Answered Ok and never retried: it would be the
/// same next time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The name of the rule that the input broke.
    pub code: RejectionCode,
    /// A sentence for the sender.
    pub message: String,
    /// The member that is wrong, such as `targets[2].hostname`, where it is one: its path in what
    /// was read, a request or its envelope.
    pub path: Option<String>,
}

/// The closed set of rejections. The first line of each comment is the sentence in the documents'
/// table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumMessage, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// The text is not JSON.
    MalformedJson,
    /// The request is larger than 64 KiB.
    TooLarge,
    /// Arrays and objects are nested deeper than 32 levels.
    TooDeep,
    /// The event is not of a kind that this function handles.
    UnsupportedEvent,
    /// The source of the request starts with `aws.`, which is reserved for AWS.
    ReservedSource,
    /// The version is not 1.
    UnsupportedVersion,
    /// The contract has no such field.
    UnknownField,
    /// A field is given twice.
    DuplicateField,
    /// A required field is missing.
    MissingField,
    /// A value has the wrong JSON type.
    WrongType,
    /// A value is not allowed, such as an ID of the wrong form.
    InvalidValue,
    /// The request has more than 100 targets.
    TooManyTargets,
    /// `expiresAt` has passed.
    Expired,
    /// `expiresAt` is more than 24 hours ahead.
    ExpiresTooLate,
}

impl RejectionCode {
    /// Every rejection, in the order of the documents' table.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Rejection {
    /// A rejection with a sentence, which may quote the input.
    ///
    /// It is cut after 300 characters. EventBridge fills it into the JSON of a notification as it
    /// is, so that characters which would end the JSON string are replaced.
    pub fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        let harmless = |letter: char| match letter {
            '"' => '\'',
            '\\' => '/',
            letter if letter.is_control() => ' ',
            letter => letter,
        };
        // 300 characters are enough to recognise one's own input.
        let message: String = message.into();

        Self {
            code,
            message: message.chars().take(300).map(harmless).collect(),
            path: None,
        }
    }

    /// A rejection because of a member of the request, by its path.
    #[must_use]
    pub fn at(path: &str, code: RejectionCode, message: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..Self::new(code, format!("`{path}`: {message}"))
        }
    }

    /// The same about a member whose name the message has already.
    #[must_use]
    pub fn about(self, path: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// The same about one target of a request, by its place in the list.
    #[must_use]
    pub fn in_target(self, position: usize) -> Self {
        Self::at(&format!("targets[{position}]"), self.code, &self.message)
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(RejectionCode::UnsupportedEvent, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_no_string_of_json() {
        let rejection = Rejection::new(RejectionCode::InvalidValue, "`a\"b\\c\nd` is wrong");

        assert_eq!(rejection.message, "`a'b/c d` is wrong");
    }
}
