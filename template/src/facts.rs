//! What AWS documents, each fact with its source: `tests/deployment/facts.json`, which the
//! end-to-end proof reads too.

use std::sync::LazyLock;

use serde_json::Value;

use crate::values::texts_of;

/// The whole table.
pub static FACTS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/deployment/facts.json")).unwrap()
});

/// The keys that a service hands to the policy of what it sends to, as far as AWS documents them.
///
/// A receiver is the service of its ARN, such as `sqs`; `sts` is a role that the service assumes.
#[must_use]
pub fn keys_of_service(service: &str, receiver: &str) -> Vec<String> {
    let mut services = FACTS["services"].as_array().unwrap().iter();
    let found = services.find(|fact| fact["service"] == service && fact["receiver"] == receiver);
    texts_of(
        &found.unwrap_or_else(|| panic!("nothing is documented of {service} and {receiver}"))["keys"],
    )
}

/// Whether AWS documents that a request for an action has a condition key.
#[must_use]
pub fn has_key(action: &str, key: &str) -> bool {
    let listed = |of: &Value| {
        texts_of(of)
            .iter()
            .any(|known| known == key || (known.ends_with('/') && key.starts_with(known)))
    };
    let mut actions = FACTS["actions"].as_array().unwrap().iter();
    listed(&FACTS["everyRequest"]["keys"])
        || actions.any(|fact| {
            texts_of(&fact["actions"]).iter().any(|of| of == action) && listed(&fact["keys"])
        })
}

/// Whether a number is within a limit of AWS.
#[must_use]
pub fn is_within(value: u64, of: &str) -> bool {
    let mut limits = FACTS["limits"].as_array().unwrap().iter();
    let limit = limits
        .find(|limit| limit["of"] == of)
        .unwrap_or_else(|| panic!("no limit of {of} is known"));
    limit["least"].as_u64().is_none_or(|least| least <= value)
        && limit["most"].as_u64().is_none_or(|most| value <= most)
}
