//! Values as CloudFormation compares and passes them on, and the account that they belong to.

use serde_json::Value;

/// The account of the worlds in scenarios.
pub const ACCOUNT: &str = "111122223333";
/// Their Region.
pub const REGION: &str = "us-east-1";
pub(crate) const STACK: &str = "drover";

/// A scalar as text.
#[must_use]
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => panic!("{other} is not a text"),
    }
}

/// One value or a list of them, where the template may have either.
#[must_use]
pub fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Null => Vec::new(),
        one => vec![text_of(one)],
    }
}
