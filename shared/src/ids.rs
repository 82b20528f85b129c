//! Words that must not be confused, each checked where it is made.
//!
//! Every check is by byte: a Cyrillic `а` or a NUL is not part of any identifier, whatever it looks
//! like.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a change, given by whoever asks for it: a ticket number, or the instance of a native
/// event.
///
/// It is also the value that the approval tag must carry, so it keeps to characters that every tag
/// editor accepts: 1 to 128 ASCII letters, digits and `. _ : / = + @ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestId(String);

/// The ID of an EC2 instance, as DRS knows it in `identificationHints.awsInstanceID`: `i-` and 8 to
/// 17 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AwsInstanceId(String);

/// A text that is not the identifier that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct InvalidValue {
    found: String,
    expected: &'static str,
}

impl InvalidValue {
    /// An error that shows the start of what was found, control characters escaped, and says what
    /// was expected.
    #[must_use]
    pub fn new(found: &str, expected: &'static str) -> Self {
        Self {
            found: found
                .chars()
                .take(64)
                .flat_map(char::escape_debug)
                .collect(),
            expected,
        }
    }
}

/// Whether `text` is `prefix` and then as many bytes of `class` as `length` allows.
#[must_use]
pub fn matches_pattern(
    text: &str,
    prefix: &str,
    class: fn(&u8) -> bool,
    length: std::ops::RangeInclusive<usize>,
) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| length.contains(&rest.len()) && rest.as_bytes().iter().all(class))
}

impl TryFrom<String> for RequestId {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/=+@-".contains(byte);
        if matches_pattern(&text, "", allowed, 1..=128) {
            return Ok(Self(text));
        }
        Err(InvalidValue::new(
            &text,
            "a requestID: 1 to 128 letters, digits and . _ : / = + @ -",
        ))
    }
}

impl TryFrom<String> for AwsInstanceId {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if matches_pattern(&text, "i-", u8::is_ascii_hexdigit, 8..=17) {
            return Ok(Self(text));
        }
        Err(InvalidValue::new(
            &text,
            "an EC2 instance ID: i- and 8 to 17 hexadecimal digits",
        ))
    }
}

impl From<AwsInstanceId> for RequestId {
    /// Every instance ID is a valid request ID; a native event has no other name.
    fn from(id: AwsInstanceId) -> Self {
        Self(id.0)
    }
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for AwsInstanceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AwsInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(text: &str) -> Result<AwsInstanceId, InvalidValue> {
        AwsInstanceId::try_from(text.to_owned())
    }

    #[test]
    fn an_instance_id_has_8_to_17_hexadecimal_digits() {
        instance("i-0abc1234def567890").unwrap();
        instance("i-0abc1234").unwrap();
        for wrong in [
            "",
            "i-",
            "i-0abc123",
            "i-0abc1234def5678901",
            "i-0abc1234def56789g",
            "I-0abc1234",
            " i-0abc1234",
        ] {
            instance(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_homoglyph_or_a_nul_is_no_identifier() {
        let error = instance("i-0аbc1234\u{0}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`i-0аbc1234\\0` is not an EC2 instance ID: i- and 8 to 17 hexadecimal digits"
        );
        RequestId::try_from("CHG\u{0}1".to_owned()).unwrap_err();
        RequestId::try_from("СHG1".to_owned()).unwrap_err();
    }

    #[test]
    fn an_identifier_is_read_back_as_it_was_written() {
        let id = instance("i-0abc1234").unwrap();
        assert_eq!(
            (id.as_ref(), id.to_string().as_str()),
            ("i-0abc1234", "i-0abc1234")
        );
        let request = RequestId::from(id);
        assert_eq!(
            (request.as_ref(), request.to_string().as_str()),
            ("i-0abc1234", "i-0abc1234")
        );
    }

    #[test]
    fn a_request_id_fits_into_a_tag() {
        RequestId::try_from("CHG0031234".to_owned()).unwrap();
        RequestId::try_from("x".repeat(128)).unwrap();
        RequestId::try_from("x".repeat(129)).unwrap_err();
        RequestId::try_from(String::new()).unwrap_err();
        RequestId::try_from("CHG 1".to_owned()).unwrap_err();
    }
}
