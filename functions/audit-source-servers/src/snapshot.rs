//! What was observed of DRS, as far as an assessment needs it.

use std::collections::BTreeMap;

use shared::drs::{AccountSize, RecoveryInstance, Server, SourceServerId, State};

use crate::policy::Policy;

/// What was observed of DRS in one account and Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether DRS was ever initialised here.
    pub initialised: bool,
    /// The servers that were looked at, by ID; of their tags those of approval and protection.
    pub servers: Vec<Server>,
    /// How many servers the account has; `None` where only some were looked at.
    pub account: Option<AccountSize>,
    /// The recovery instances of the account, or of the servers that were looked at.
    pub recovery_instances: Vec<RecoveryInstance>,
    /// For how many seconds DRS has not seen the agent of each server, by the clock of the read; a
    /// server is missing if DRS does not say.
    pub silent_seconds: BTreeMap<SourceServerId, u64>,
    /// How many recovery points each server has that may go or has gone; a server is missing if
    /// they were not counted.
    pub recovery_points: BTreeMap<SourceServerId, usize>,
}

impl Snapshot {
    /// What is observed where DRS was never initialised.
    #[must_use]
    pub fn uninitialised() -> Self {
        Self {
            initialised: false,
            servers: Vec::new(),
            account: None,
            recovery_instances: Vec::new(),
            silent_seconds: BTreeMap::new(),
            recovery_points: BTreeMap::new(),
        }
    }

    /// For how many seconds the agent of a connected server has been silent, if that is longer than
    /// the deployment allows.
    #[must_use]
    pub fn silence(&self, server: &Server, policy: &Policy) -> Option<u64> {
        let silent = self.silent_seconds.get(&server.id).copied();
        let is_over = |seconds: &u64| *seconds > policy.silent_hours * 3600;

        // The agent of a disconnected server is uninstalled.
        silent.filter(|seconds| is_over(seconds) && server.state != State::Disconnected)
    }

    /// Whether a server may have to go, so that its recovery points are worth a call.
    #[must_use]
    pub fn may_go(&self, server: &Server, policy: &Policy) -> bool {
        // Points that nobody would destroy are not worth a call.
        let approved = policy.guardrails.approved_request(&server.tags);

        server.state == State::Disconnected
            || approved.is_some()
            || self.silence(server, policy).is_some()
    }
}
