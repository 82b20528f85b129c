//! Identifiers, each a type of its own that is checked where it is made.
//!
//! Every check is by byte: a Cyrillic `а` or a NUL is not part of any identifier, whatever it looks
//! like.

use std::{fmt, marker::PhantomData, ops::RangeInclusive};

use serde::{Deserialize, Serialize, Serializer};

/// One kind of identifier.
pub trait Kind {
    /// What a text of this kind looks like, for the message of an [`InvalidValue`].
    const EXPECTED: &'static str;

    /// Whether a text is an identifier of this kind.
    fn matches(text: &str) -> bool;
}

/// An identifier of one kind. It can only be made from a text that matches the kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String", bound = "K: Kind")]
pub struct Id<K> {
    text: String,
    kind: PhantomData<K>,
}

/// The ID of a request, given by the sender: a change number, or the instance of a native event.
///
/// The approval tag must have the same value, so it keeps to characters that every tag editor
/// accepts: 1 to 128 ASCII letters, digits and `. _ : / = + @ -`.
pub type RequestId = Id<Request>;

/// The ID of an EC2 instance, as in `identificationHints.awsInstanceID`: `i-` and 8 to 17
/// hexadecimal digits.
pub type AwsInstanceId = Id<AwsInstance>;

/// The ID of an EBS snapshot, as in `ebsSnapshots` of a recovery point: `snap-` and 8 to 17
/// hexadecimal digits.
pub type EbsSnapshotId = Id<EbsSnapshot>;

/// The kind of [`RequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request;

/// The kind of [`AwsInstanceId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsInstance;

/// The kind of [`EbsSnapshotId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EbsSnapshot;

impl Kind for Request {
    const EXPECTED: &'static str = "a requestID: 1 to 128 letters, digits and . _ : / = + @ -";

    fn matches(text: &str) -> bool {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/=+@-".contains(byte);
        matches_pattern(text, "", allowed, 1..=128)
    }
}

impl Kind for AwsInstance {
    const EXPECTED: &'static str = "an EC2 instance ID: i- and 8 to 17 hexadecimal digits";

    fn matches(text: &str) -> bool {
        matches_pattern(text, "i-", u8::is_ascii_hexdigit, 8..=17)
    }
}

impl Kind for EbsSnapshot {
    const EXPECTED: &'static str = "an EBS snapshot ID: snap- and 8 to 17 hexadecimal digits";

    fn matches(text: &str) -> bool {
        matches_pattern(text, "snap-", u8::is_ascii_hexdigit, 8..=17)
    }
}

/// A text that is not what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct InvalidValue {
    found: String,
    expected: &'static str,
}

impl InvalidValue {
    /// An error that shows the first 64 characters of what was found, control characters escaped,
    /// and says what was expected.
    #[must_use]
    pub fn new(found: &str, expected: &'static str) -> Self {
        // What was found may be long, and may hold anything.
        let found = found.chars().take(64).flat_map(char::escape_debug);

        Self {
            found: found.collect(),
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
    length: RangeInclusive<usize>,
) -> bool {
    // The prefix says what kind of resource it is.
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };

    length.contains(&rest.len()) && rest.as_bytes().iter().all(class)
}

impl<K: Kind> TryFrom<String> for Id<K> {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // The one way to make an identifier from a text.
        if !K::matches(&text) {
            return Err(InvalidValue::new(&text, K::EXPECTED));
        }

        Ok(Self {
            text,
            kind: PhantomData,
        })
    }
}

impl<K> Id<K> {
    /// The same text as an identifier of another kind, of which every one of this kind is one.
    pub(crate) fn widened<Other>(self) -> Id<Other> {
        Id {
            text: self.text,
            kind: PhantomData,
        }
    }
}

impl From<AwsInstanceId> for RequestId {
    /// Every instance ID is a valid request ID; a native event has no other name.
    fn from(id: AwsInstanceId) -> Self {
        id.widened()
    }
}

impl<K> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.text
    }
}

impl<K> AsRef<str> for Id<K> {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
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

        let id = instance("i-0abc1234").unwrap();
        assert_eq!(String::from(id), "i-0abc1234");
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
