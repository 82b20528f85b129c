//! Values as JSONata passes them on.

use serde_json::{Number, Value, json};

/// A value, `None` where JSONata has nothing, or the reason for which it has an error.
pub(super) type Evaluated = Result<Option<Value>, String>;

/// A value as text: a text as it is, and anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A whole number has no decimal point.
pub(super) fn number(value: f64) -> Value {
    // Beyond this a float no longer holds every whole number.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }
}
