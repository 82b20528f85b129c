//! Why an input is not a request for this function.

use serde::Serialize;

/// Why an input is not a request for this function. Answered Ok and never retried: it would be the
/// same next time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The name of the rule that the input broke.
    pub code: RejectionCode,
    /// A sentence for whoever sent it.
    pub message: String,
}

/// The closed set of rejections. The README documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// The text is not JSON.
    MalformedJson,
    /// The request is larger than 64 KiB.
    TooLarge,
    /// Arrays and objects are nested deeper than 32 levels.
    TooDeep,
    /// An event of a kind that this function does not serve.
    UnsupportedEvent,
    /// A request whose source claims to be AWS itself.
    ReservedSource,
    /// `version` is not one that this function reads.
    UnsupportedVersion,
    /// A field that the contract does not have.
    UnknownField,
    /// A field that is written twice.
    DuplicateField,
    /// A field that the contract requires.
    MissingField,
    /// A field with a value of another JSON type.
    WrongType,
    /// A value of the right type that is not allowed.
    InvalidValue,
    /// More targets than the contract allows.
    TooManyTargets,
    /// `expiresAt` has passed.
    Expired,
    /// `expiresAt` is further ahead than the contract allows.
    ExpiresTooLate,
}

impl RejectionCode {
    /// Every rejection, in the order of the README's table.
    pub const ALL: [Self; 14] = [
        Self::MalformedJson,
        Self::TooLarge,
        Self::TooDeep,
        Self::UnsupportedEvent,
        Self::ReservedSource,
        Self::UnsupportedVersion,
        Self::UnknownField,
        Self::DuplicateField,
        Self::MissingField,
        Self::WrongType,
        Self::InvalidValue,
        Self::TooManyTargets,
        Self::Expired,
        Self::ExpiresTooLate,
    ];
}

impl Rejection {
    /// A rejection with a sentence. The sentence may quote the input: it is cut after 300
    /// characters, and what would break it out of the JSON string of a notification, which
    /// EventBridge fills in as it is, is written otherwise.
    pub fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        let plain = |sign: char| match sign {
            '"' => '\'',
            '\\' => '/',
            sign if sign.is_control() => ' ',
            sign => sign,
        };
        Self {
            code,
            message: message.into().chars().take(300).map(plain).collect(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(RejectionCode::UnsupportedEvent, what)
    }
}
