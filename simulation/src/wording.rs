//! What AWS may answer in other words: the same in another spelling, or less than it should say.

use serde_json::Value;

/// Another wording of the answers to one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording {
    /// The name under which it is counted.
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    /// Whether it says the same as the usual one, so that the same has to follow from it.
    pub(crate) is_the_same: bool,
    /// Reasons of a refusal that may follow from it, although the world has none of them.
    pub(crate) may_lead_to: &'static [&'static str],
    pub(crate) reword: fn(&mut Value),
}

/// The items of a list, to be changed.
pub(crate) fn items<'a>(body: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = body.get_mut(name).and_then(Value::as_array_mut);

    items.into_iter().flatten()
}

/// Leaves out a member.
pub(crate) fn leave_out(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(name);
    }
}
