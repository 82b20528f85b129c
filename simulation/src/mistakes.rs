//! Mistakes that people make in every function's requests and settings.

use serde_json::{Value, json};

use crate::constants::epoch;

/// A change of a request after which it is none.
pub(crate) type Mistake = fn(&mut Value);

/// What is wrong in a request of any function.
pub(crate) const REQUESTS: [Mistake; 14] = [
    |request| request["version"] = json!("1"),
    |request| request["version"] = json!(1.0),
    |request| request["version"] = Value::Null,
    |request| request["requestID"] = Value::Null,
    |request| request["requestID"] = json!("CHG 1"),
    |request| request["requestID"] = json!("C".repeat(129)),
    // Spellings of a time that some readers accept.
    |request| request["expiresAt"] = json!("2027-01-15 20:00:00 +0000"),
    |request| request["expiresAt"] = json!("2027-01-15T20:00:00"),
    |request| request["expiresAt"] = json!(epoch().timestamp() + 3600),
    |request| request["targets"] = json!([]),
    |request| request["targets"] = Value::Null,
    |request| request["targets"][0] = json!("the first one"),
    // One more than a request may have.
    |request| request["targets"] = json!(vec![request["targets"][0].clone(); 101]),
    |request| request["dryRun"] = Value::Null,
];

/// Settings with which no function may start.
pub(crate) const SETTINGS: [(&str, &str); 12] = [
    ("MODE", ""),
    ("MODE", "Enforce"),
    ("MAX_TARGETS", "0"),
    ("MAX_TARGETS", "101"),
    ("MAX_TARGETS", "ten"),
    ("APPROVAL_TAG", ""),
    ("APPROVAL_TAG", "drover:approved "),
    ("APPROVAL_TAG", "aws:approved"),
    ("PROTECTION_TAG", "none"),
    ("PROTECTION_TAG", " drover:protected"),
    // One tag cannot both allow and forbid.
    ("PROTECTION_TAG", "drover:approved"),
    ("APPROVAL_TAG", "drover:protected"),
];
