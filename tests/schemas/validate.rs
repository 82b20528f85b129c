//! Whether a value fits a schema of OpenAPI 3.0, as far as ours use it. A keyword that is unknown
//! here fails. `tests/deployment/schemas.py` asks a library the same of the example events.

use chrono::DateTime;
use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with a value by a schema of a document.
pub(super) fn errors(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        document,
        errors: Vec::new(),
    };
    check.value("", schema, value);

    check.errors
}

struct Check<'a> {
    document: &'a Value,
    errors: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, path: &str, schema: &Value, value: &Value) {
        let members = schema.as_object().unwrap();
        if let Some(reference) = members.get("$ref") {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            let referenced = self.document.pointer(pointer).unwrap();
            return self.value(path, referenced, value);
        }
        if value.is_null() && members.get("nullable") == Some(&Value::Bool(true)) {
            return;
        }

        for (keyword, limit) in members {
            if !self.holds(path, members, keyword, limit, value) {
                self.errors
                    .push(format!("{path}: {value} by {keyword} {limit}"));
            }
        }
    }

    /// Whether a value is as one keyword says. What is inside the value is checked by itself.
    fn holds(
        &mut self,
        path: &str,
        members: &Map<String, Value>,
        keyword: &str,
        limit: &Value,
        value: &Value,
    ) -> bool {
        let number = || limit.as_u64().unwrap();

        match keyword {
            "type" => is_a(limit.as_str().unwrap(), value),
            "enum" => limit.as_array().unwrap().contains(value),
            "minimum" => value
                .as_i64()
                .is_none_or(|it| it >= limit.as_i64().unwrap()),
            "maximum" => value
                .as_i64()
                .is_none_or(|it| it <= limit.as_i64().unwrap()),
            "minLength" => length(value).is_none_or(|it| it >= number()),
            "maxLength" => length(value).is_none_or(|it| it <= number()),
            "minItems" | "minProperties" => size(value).is_none_or(|it| it >= number()),
            "maxItems" => size(value).is_none_or(|it| it <= number()),
            "pattern" => {
                let pattern = Regex::new(limit.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "format" if limit == "date-time" => value
                .as_str()
                .is_none_or(|text| DateTime::parse_from_rfc3339(text).is_ok()),
            "required" => {
                let names = limit.as_array().unwrap();
                value.as_object().is_none_or(|it| {
                    names
                        .iter()
                        .all(|name| it.contains_key(name.as_str().unwrap()))
                })
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(&format!("{path}/{index}"), limit, item);
                }
                true
            }
            "properties" | "additionalProperties" => {
                self.members(path, members, keyword, limit, value)
            }
            "format" | "description" | "default" | "nullable" => true,
            _ => keyword.starts_with("x-") || panic!("{keyword} is not known here"),
        }
    }

    /// Checks the declared members of an object, or the others.
    fn members(
        &mut self,
        path: &str,
        schema: &Map<String, Value>,
        keyword: &str,
        limit: &Value,
        value: &Value,
    ) -> bool {
        let declared = schema.get("properties").and_then(Value::as_object);
        let mut good = true;
        for (name, member) in value.as_object().into_iter().flatten() {
            let declared = declared.and_then(|declared| declared.get(name));
            let schema = match (keyword, declared) {
                ("properties", Some(schema)) => schema,
                ("additionalProperties", None) if limit.is_object() => limit,
                ("additionalProperties", None) => {
                    good &= limit == &Value::Bool(true);
                    continue;
                }
                _ => continue,
            };
            self.value(&format!("{path}/{name}"), schema, member);
        }

        good
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => panic!("{kind} is not known here"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn size(value: &Value) -> Option<u64> {
    let size = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };

    Some(size as u64)
}
