//! The surroundings of a call: who makes it, where, and when.

use chrono::{DateTime, Utc};

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
}

impl Context {
    /// The same call in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }
}
