//! The surroundings of a call: who makes it, where, and when.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::aws::behaviour::Behaviour;

/// What an operation knows besides its input and the resources of its service.
#[derive(Debug, Clone)]
pub struct Context {
    /// The caller's account.
    pub account: String,
    /// The Region that the signature names.
    pub region: String,
    /// The time of the call.
    pub now: DateTime<Utc>,
    /// When resources without a creation date were created.
    pub long_ago: DateTime<Utc>,
    /// How AWS behaves where its documentation is silent.
    pub behaviour: Behaviour,
    /// Whether the account was imported, so that nothing may be made up about its resources.
    pub is_imported: bool,
}

impl Context {
    /// A description without the members that the emulator makes up, if nothing may be made up.
    /// Each is a JSON pointer, and its last part is what goes.
    #[must_use]
    pub(crate) fn without_made_up(&self, mut description: Value, made_up: &[&str]) -> Value {
        if !self.is_imported {
            return description;
        }

        for pointer in made_up {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
            let parent = description.pointer_mut(parent);
            if let Some(members) = parent.and_then(Value::as_object_mut) {
                members.remove(name);
            }
        }
        description
    }

    /// The same call in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }
}
