//! The shapes of a service model, and the check of a value against them.

use std::{collections::BTreeMap, fmt::Display};

use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::aws::error::ApiError;

/// How much of a wrong value an error repeats.
const MAX_REPEATED: usize = 256;
/// How many violations an error lists.
const MAX_LISTED: usize = 10;

/// The shapes of a service model, by name.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Shapes(BTreeMap<String, Shape>);

#[derive(Deserialize)]
struct Shape {
    #[serde(flatten)]
    kind: Kind,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Kind {
    Structure {
        members: BTreeMap<String, String>,
        required: Vec<String>,
    },
    List {
        member: String,
    },
    Map {
        key: String,
        value: String,
    },
    String {
        #[serde(default)]
        pattern: Option<Pattern>,
        /// The pattern of what AWS may use and callers may not, such as the tags of AWS.
        #[serde(default)]
        not: Option<Pattern>,
        #[serde(default, rename = "enum")]
        values: Vec<String>,
    },
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
}

/// An expression of the model that matches whole values.
pub(super) struct Pattern {
    text: String,
    regex: Regex,
}

/// Where a value comes from. AWS may use values that callers may not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Caller,
    Aws,
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(serde::de::Error::custom)?;

        Ok(Self { text, regex })
    }
}

impl Shapes {
    /// The kind of a member of a structure.
    pub(super) fn member(&self, structure: &str, member: &str) -> Option<&Kind> {
        // Only structures have members; maps have keys of any name.
        let Kind::Structure { members, .. } = &self.0.get(structure)?.kind else {
            return None;
        };
        Some(&self.0.get(members.get(member)?)?.kind)
    }

    /// Checks a value, and removes members that are null: they count as absent.
    ///
    /// # Errors
    ///
    /// ValidationException with the violations, or SerializationException for a value of another
    /// JSON type.
    pub(super) fn check(
        &self,
        shape: &str,
        value: &mut Value,
        origin: Origin,
    ) -> Result<(), ApiError> {
        let mut check = Check {
            shapes: self,
            origin,
            wrong_type: None,
            violations: Vec::new(),
        };
        check.walk(shape, "", value);
        check.result()
    }
}

/// A check that is under way.
struct Check<'a> {
    shapes: &'a Shapes,
    origin: Origin,
    /// A value of another JSON type. AWS fails to parse such a request before it looks at limits.
    wrong_type: Option<String>,
    violations: Vec<String>,
}

impl Check<'_> {
    fn walk(&mut self, name: &str, path: &str, value: &mut Value) {
        let Some(shape) = self.shapes.0.get(name) else {
            return;
        };

        match (&shape.kind, value) {
            (Kind::Structure { members, required }, Value::Object(object)) => {
                // Clients in some languages write absent members as null.
                object.retain(|_, value| !value.is_null());
                self.walk_members(name, path, members, object);
                for member in required.iter().filter(|name| !object.contains_key(*name)) {
                    self.refuse_null(&join(path, member));
                }
            }
            (Kind::List { member }, Value::Array(items)) => {
                self.check_size(shape, path, items.len(), &json!(items));
                // AWS numbers the items of a list from one.
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk_item(member, &format!("{path}.{}.member", index + 1), item);
                }
            }
            (Kind::Map { key, value }, Value::Object(entries)) => {
                self.check_size(shape, path, entries.len(), &json!(entries));
                for (name, item) in entries.iter_mut() {
                    // Keys have limits of their own, such as those of tags.
                    let item_path = format!("{path}.{}.member", shortened(name));
                    self.walk(key, &format!("{path}.key"), &mut json!(name));
                    self.walk_item(value, &item_path, item);
                }
            }
            (Kind::String { .. }, Value::String(text)) => self.check_text(shape, path, text),
            (Kind::Boolean, Value::Bool(_)) => {}
            (kind, number) if kind.has_number(number) => {
                let size = number.as_f64().unwrap_or_default();
                self.check_bounds(shape, path, size, number, "value");
            }
            // The first value of a wrong type ends the check for AWS, so only that one is kept.
            (_, value) => {
                let value = shortened(&value.to_string());
                self.wrong_type
                    .get_or_insert_with(|| format!("{value} at '{path}' is of another type"));
            }
        }
    }

    fn walk_members(
        &mut self,
        structure: &str,
        path: &str,
        members: &BTreeMap<String, String>,
        object: &mut Map<String, Value>,
    ) {
        for (name, value) in object.iter_mut() {
            match members.get(name) {
                Some(shape) => self.walk(shape, &join(path, name), value),
                None => {
                    let name = shortened(name);
                    let violation = format!("`{name}` is not a member of {structure}");
                    self.violations.push(violation);
                }
            }
        }
    }

    /// An item of a list or a map, which unlike a member cannot be absent.
    fn walk_item(&mut self, shape: &str, path: &str, item: &mut Value) {
        match item {
            Value::Null => self.refuse_null(path),
            item => self.walk(shape, path, item),
        }
    }

    fn check_text(&mut self, shape: &Shape, path: &str, text: &str) {
        let Kind::String {
            pattern,
            not,
            values,
        } = &shape.kind
        else {
            return;
        };
        // Lengths of the models are in characters, not in bytes.
        self.check_size(shape, path, text.chars().count(), &json!(text));

        if let Some(pattern) = pattern {
            // Tags of AWS are valid in answers and forbidden in requests.
            let is_reserved = self.origin == Origin::Caller
                && not.as_ref().is_some_and(|not| not.regex.is_match(text));
            if is_reserved || !pattern.regex.is_match(text) {
                let pattern = &pattern.text;
                let must = format!("must satisfy regular expression pattern: {pattern}");
                self.refuse(text, path, must);
            }
        }
        if !values.is_empty() && !values.iter().any(|value| value == text) {
            let values = values.join(", ");
            let must = format!("must satisfy enum value set: [{values}]");
            self.refuse(text, path, must);
        }
    }

    fn check_size(&mut self, shape: &Shape, path: &str, size: usize, value: &Value) {
        self.check_bounds(shape, path, size as f64, value, "length");
    }

    fn check_bounds(&mut self, shape: &Shape, path: &str, size: f64, value: &Value, what: &str) {
        // Texts are quoted as they are, other values as JSON.
        let text = || {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };

        if let Some(min) = shape.min.filter(|min| size < *min) {
            let must = format!("must have {what} greater than or equal to {min}");
            self.refuse(&text(), path, must);
        }
        if let Some(max) = shape.max.filter(|max| size > *max) {
            let must = format!("must have {what} less than or equal to {max}");
            self.refuse(&text(), path, must);
        }
    }

    fn refuse(&mut self, value: &str, path: &str, must: impl Display) {
        let value = shortened(value);
        self.violations.push(format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: Member {must}"
        ));
    }

    fn refuse_null(&mut self, path: &str) {
        self.violations.push(format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ));
    }

    fn result(self) -> Result<(), ApiError> {
        if let Some(wrong) = self.wrong_type {
            return Err(ApiError::serialization(wrong));
        }

        let (count, plural) = match self.violations.len() {
            0 => return Ok(()),
            1 => (1, ""),
            count => (count, "s"),
        };
        // The first ten are enough to understand a request with a thousand violations.
        let listed: Vec<String> = self.violations.into_iter().take(MAX_LISTED).collect();
        let listed = listed.join("; ");
        Err(ApiError::validation(format!(
            "{count} validation error{plural} detected: {listed}"
        )))
    }
}

impl Kind {
    /// Whether a value is a number of the kind: an integer of 32 or 64 bits, or any number.
    fn has_number(&self, value: &Value) -> bool {
        match self {
            Self::Integer => value
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
            // JSON has one type of numbers; the models have several.
            Self::Long => value.is_i64(),
            Self::Float | Self::Double | Self::Timestamp => value.is_number(),
            _ => false,
        }
    }
}

/// The path of a member, as AWS's errors spell it.
fn join(path: &str, member: &str) -> String {
    let mut letters = member.chars();
    // AWS writes paths in camel case, also for models in Pascal case.
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let member: String = first
        .into_iter()
        .chain(letters)
        .take(MAX_REPEATED)
        .collect();

    match path {
        "" => member,
        _ => format!("{path}.{member}"),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_REPEATED).collect()
}
