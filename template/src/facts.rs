//! What AWS documents, each fact with its source: `tests/deployment/facts.json`, which the
//! end-to-end proof reads too.

use std::sync::LazyLock;

use serde_json::Value;

use crate::values::texts_of;

/// The whole table.
pub static FACTS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/deployment/facts.json")).unwrap()
});

/// The condition keys that a service passes to the policy of what it sends to, as AWS documents
/// them.
///
/// A receiver is the service of its ARN, such as `sqs`; `sts` is a role that the service assumes.
#[must_use]
pub fn keys_of_service(service: &str, receiver: &str) -> Vec<String> {
    let mut services = FACTS["services"].as_array().unwrap().iter();
    let fact = services.find(|fact| fact["service"] == service && fact["receiver"] == receiver);

    let fact =
        fact.unwrap_or_else(|| panic!("there is no fact about what {service} sends to {receiver}"));
    texts_of(&fact["keys"])
}

/// Whether AWS documents that a request for an action has a condition key.
#[must_use]
pub fn has_key(action: &str, key: &str) -> bool {
    // A key that ends in a slash stands for all with that prefix, such as tags.
    let lists_key = |fact: &Value| {
        texts_of(&fact["keys"])
            .iter()
            .any(|known| known == key || (known.ends_with('/') && key.starts_with(known)))
    };
    // A fact may be about several actions.
    let is_about = |fact: &Value| texts_of(&fact["actions"]).iter().any(|it| it == action);

    let mut actions = FACTS["actions"].as_array().unwrap().iter();
    lists_key(&FACTS["everyRequest"]) || actions.any(|fact| is_about(fact) && lists_key(fact))
}

/// Whether a number is within a limit of AWS, by the name of the limit.
#[must_use]
pub fn is_within(value: u64, limit: &str) -> bool {
    let mut limits = FACTS["limits"].as_array().unwrap().iter();
    let fact = limits.find(|fact| fact["name"] == limit);
    let fact = fact.unwrap_or_else(|| panic!("there is no fact about {limit}"));

    fact["least"].as_u64().is_none_or(|least| least <= value)
        && fact["most"].as_u64().is_none_or(|most| value <= most)
}
