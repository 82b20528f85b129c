//! JSON without forgiveness: what serde would quietly accept, and a request must not contain.

use std::{fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
    value::MapAccessDeserializer,
};
use serde_path_to_error::Path;

use crate::rejection::{Rejection, RejectionCode};

/// The largest request in bytes; EventBridge would carry a megabyte.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// The deepest nesting of arrays and objects; PutEvents accepts more than a thousand levels.
pub const MAX_DEPTH: usize = 32;

/// Reads a field that may be left out but not be `null`: a template that filled in nothing is a
/// mistake, not a wish.
///
/// # Errors
///
/// Those of a `T`, which `null` is not.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A `T` that was written as a JSON object.
///
/// A derived struct also accepts an array with its fields in order; in a request that is a mistake,
/// never a style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(ObjectVisitor(PhantomData))
            .map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// The members of an object whose names a contract does not know, in their order. A name that is
/// given twice is refused, as a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(MembersVisitor(PhantomData))
            .map(Members)
    }
}

struct MembersVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();

        while let Some((name, value)) = map.next_entry::<String, T>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}

/// Reads a request's text as an object `T`.
///
/// # Errors
///
/// A [`Rejection`] that names what is wrong: size, depth, syntax, or a member by its path.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Rejection> {
    // The cheap checks first: what is too large or too deep is never parsed.
    check_size(text)?;
    check_text(text)?;

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(read) = serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer)
        .map_err(|error| name(text, error.path(), error.inner()))?;
    // Nothing may follow the object.
    deserializer.end().map_err(|error| rejection(&error))?;
    Ok(read)
}

/// Refuses a request that is larger than [`MAX_REQUEST_BYTES`].
///
/// # Errors
///
/// [`RejectionCode::TooLarge`].
pub fn check_size(text: &str) -> Result<(), Rejection> {
    if text.len() > MAX_REQUEST_BYTES {
        let message = format!(
            "the request has {} bytes; at most {MAX_REQUEST_BYTES} are read",
            text.len()
        );
        return Err(Rejection::new(RejectionCode::TooLarge, message));
    }
    Ok(())
}

/// Refuses what no parser is to see: a byte order mark, which JSON forbids and nobody sees, and
/// nesting that is too deep.
///
/// # Errors
///
/// [`RejectionCode::MalformedJson`] or [`RejectionCode::TooDeep`].
pub fn check_text(text: &str) -> Result<(), Rejection> {
    // Some editors write one at the start of a file.
    if text.starts_with('\u{feff}') {
        let message = "not JSON: it begins with a byte order mark, which is to be left out";
        return Err(Rejection::new(RejectionCode::MalformedJson, message));
    }
    check_depth(text)
}

/// Names an error. serde_json calls a value of another type a syntax error where an enum is
/// expected; in a text that is JSON all the same, it is a wrong type. Half of a surrogate pair is
/// found only when the text is read.
fn name(text: &str, path: &Path, error: &serde_json::Error) -> Rejection {
    let rejection = rejection(error);
    if rejection.code != RejectionCode::MalformedJson {
        return at(path, rejection.code, &rejection.message);
    }
    // Only a text that is JSON can hold a value of the wrong type.
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return rejection;
    }

    let (line, column) = (error.line(), error.column());
    if rejection.message.contains("hex escape") {
        let message = format!(
            "not JSON: half of a surrogate pair, which is no character, at line {line} column {column}"
        );
        return Rejection::new(RejectionCode::MalformedJson, message);
    }

    let message = "a value of another type is expected";
    at(path, RejectionCode::WrongType, message)
}

/// What is wrong with a member, by its path.
fn at(path: &Path, code: RejectionCode, message: &str) -> Rejection {
    // The whole request has no path.
    match path.iter().next() {
        Some(_) => Rejection::at(&path.to_string(), code, message),
        None => Rejection::new(code, message),
    }
}

/// Refuses nesting deeper than [`MAX_DEPTH`], before any parser recurses into it.
///
/// # Errors
///
/// [`RejectionCode::TooDeep`].
fn check_depth(text: &str) -> Result<(), Rejection> {
    // Counted by hand: a parser would already have recursed.
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);

    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }

    if deepest > MAX_DEPTH {
        let message = format!(
            "arrays and objects are nested {deepest} deep; at most {MAX_DEPTH} levels are read"
        );
        return Err(Rejection::new(RejectionCode::TooDeep, message));
    }
    Ok(())
}

/// Names a serde_json error. Serde distinguishes its errors only in their text, which the tests below
/// hold still.
#[must_use]
pub fn rejection(error: &serde_json::Error) -> Rejection {
    let message = error.to_string();
    match error.classify() {
        serde_json::error::Category::Data => {
            // A line would count inside of what was read, which may itself be a text in an envelope.
            let message = message
                .rsplit_once(" at line ")
                .map_or(&*message, |it| it.0);
            Rejection::new(data_code(message), message)
        }
        _ => Rejection::new(RejectionCode::MalformedJson, format!("not JSON: {message}")),
    }
}

/// Names the error of one member's value.
#[must_use]
pub fn rejection_of(member: &str, error: &serde_json::Error) -> Rejection {
    let named = rejection(error);

    Rejection::at(member, named.code, &named.message)
}

fn data_code(message: &str) -> RejectionCode {
    let codes = [
        ("unknown field", RejectionCode::UnknownField),
        ("unknown variant", RejectionCode::InvalidValue),
        ("duplicate field", RejectionCode::DuplicateField),
        ("missing field", RejectionCode::MissingField),
        ("invalid type", RejectionCode::WrongType),
    ];

    // serde has no other way to tell what is wrong.
    let mut codes = codes.into_iter();
    let known = codes.find(|(start, _)| message.starts_with(start));
    known.map_or(RejectionCode::InvalidValue, |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        #[expect(dead_code, reason = "only whether it parses matters here")]
        count: u8,
        #[serde(default)]
        #[expect(dead_code, reason = "only whether it parses matters here")]
        inner: Vec<Object<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only whether it parses matters here")]
        a: u8,
    }

    #[track_caller]
    fn check(text: &str, expected: RejectionCode) {
        assert_eq!(read::<Request>(text).unwrap_err().code, expected, "{text}");
    }

    #[test]
    fn an_object_with_the_right_fields_is_read() {
        read::<Request>(r#"{"count": 1, "inner": [{"a": 1}]}"#).unwrap();
    }

    #[test]
    fn every_kind_of_wrong_text_has_its_name() {
        check("", RejectionCode::MalformedJson);
        check("{", RejectionCode::MalformedJson);
        check("{\"count\": 1} x", RejectionCode::MalformedJson);
        check("{\"count\": \u{0}1}", RejectionCode::MalformedJson);
        check(r#"{"count": 1, "Count": 2}"#, RejectionCode::UnknownField);
        check(r#"{"count": 1, "count": 2}"#, RejectionCode::DuplicateField);
        check("{}", RejectionCode::MissingField);
        check(r#"{"count": "1"}"#, RejectionCode::WrongType);
        check(r#"{"count": null}"#, RejectionCode::WrongType);
        check(r#"{"count": 1.0}"#, RejectionCode::WrongType);
        check(r#"{"count": 300}"#, RejectionCode::InvalidValue);
        check(
            r#"{"count": 18446744073709551616}"#,
            RejectionCode::WrongType,
        );
        check(r#"{"count": 1e999}"#, RejectionCode::WrongType);
    }

    #[derive(Debug, Deserialize)]
    enum Colour {
        #[serde(rename = "red")]
        Red,
    }

    #[test]
    fn an_enum_of_another_type_is_no_syntax_error() {
        #[derive(Debug, Deserialize)]
        struct Painted {
            #[expect(dead_code, reason = "only whether it parses matters here")]
            colour: Colour,
        }
        for (text, code) in [
            (r#"{"colour": true}"#, RejectionCode::WrongType),
            (r#"{"colour": "blue"}"#, RejectionCode::InvalidValue),
            (r#"{"colour": }"#, RejectionCode::MalformedJson),
        ] {
            assert_eq!(read::<Painted>(text).unwrap_err().code, code, "{text}");
        }
        read::<Painted>(r#"{"colour": "red"}"#).unwrap();
    }

    #[test]
    fn a_member_is_named_by_its_path() {
        for (text, message) in [
            (
                r#"{"count": 1, "inner": [{"a": 1}, {"a": "1"}]}"#,
                "`inner[1].a`: invalid type: string '1', expected u8",
            ),
            (
                r#"{"count": 1, "inner": [{"b": 1}]}"#,
                "`inner[0]`: missing field `a`",
            ),
            (
                r#"{"count": 1, "inner": 1}"#,
                "`inner`: invalid type: integer `1`, expected a sequence",
            ),
            ("{}", "missing field `count`"),
        ] {
            assert_eq!(read::<Request>(text).unwrap_err().message, message);
        }
        let unknown = read::<Request>(r#"{"count": 1, "Inner": 1}"#).unwrap_err();
        assert!(
            unknown.message.contains("unknown field `Inner`, expected"),
            "{unknown}"
        );
    }

    #[test]
    fn what_is_almost_json_is_named() {
        let said = |text: &str| {
            let rejection = read::<Request>(text).unwrap_err();
            (rejection.code, rejection.message)
        };
        for half in ["\\ud800", "\\udc00", "\\ud800x", "\\ud800\\u0041"] {
            let (code, message) = said(&format!("{{\"count\": \"{half}\"}}"));
            assert!(
                code == RejectionCode::MalformedJson && message.contains("surrogate"),
                "{half}: {message}"
            );
        }
        let (code, message) = said("\u{feff}{\"count\": 1}");
        assert!(
            code == RejectionCode::MalformedJson && message.contains("byte order mark"),
            "{message}"
        );
    }

    #[test]
    fn an_array_is_not_taken_for_an_object() {
        check("[1]", RejectionCode::WrongType);
        assert!(
            read::<Request>("[1]")
                .unwrap_err()
                .message
                .contains("expected an object")
        );
        check(r#"{"count": 1, "inner": [[1]]}"#, RejectionCode::WrongType);
    }

    #[test]
    fn size_and_depth_have_an_edge() {
        let padded = |bytes: usize| format!("{{\"count\": 1{}}}", " ".repeat(bytes - 12));
        read::<Request>(&padded(MAX_REQUEST_BYTES)).unwrap();
        check(&padded(MAX_REQUEST_BYTES + 1), RejectionCode::TooLarge);
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        check(&nested(MAX_DEPTH), RejectionCode::WrongType);
        check(&nested(MAX_DEPTH + 1), RejectionCode::TooDeep);
        check(&"[".repeat(60_000), RejectionCode::TooDeep);
    }

    #[test]
    fn brackets_inside_strings_are_no_depth() {
        check_depth(&format!("\"{}\\\"{}\"", "[".repeat(100), "{".repeat(100))).unwrap();
        let closed_in_strings = format!(
            "{}{}",
            r#"["]","}","#.repeat(MAX_DEPTH + 1),
            "]".repeat(MAX_DEPTH + 1)
        );
        assert_eq!(
            check_depth(&closed_in_strings).unwrap_err().code,
            RejectionCode::TooDeep
        );
    }

    #[test]
    fn what_stands_side_by_side_is_no_depth() {
        check_depth(&format!("[{}[]]", "[],{\"a\":[]},".repeat(100))).unwrap();
    }

    #[test]
    fn a_backslash_outside_of_a_string_hides_no_string() {
        let nested = "[".repeat(MAX_DEPTH + 1);
        check_depth(&format!("\\\"{nested}")).unwrap();
        assert_eq!(
            check_depth(&format!("\\{nested}")).unwrap_err().code,
            RejectionCode::TooDeep
        );
    }

    #[test]
    fn a_request_is_measured_in_bytes() {
        // Each of these characters takes two.
        let text = format!("{{\"{}\": 1}}", "ä".repeat(MAX_REQUEST_BYTES / 2));

        check(&text, RejectionCode::TooLarge);
    }
}
