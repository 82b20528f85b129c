//! What was observed of DRS, as far as decisions need it.

use std::collections::{BTreeMap, BTreeSet};

use shared::drs::{
    AccountSize, Leftovers, RecoveryInstance, RecoveryPoints, Server, ServerInJob, SourceServerId,
    State,
};

/// What was observed of DRS in one account and Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether DRS was ever initialised here.
    pub initialised: bool,
    /// The servers that the targets may be.
    pub servers: Vec<Server>,
    /// How many servers the account has; counted when a share of them has to be computed.
    pub account: Option<AccountSize>,
    /// What may use the servers; not read where no server matched a target, and so not to be
    /// mistaken for nothing.
    pub usage: Option<Usage>,
    /// For how many seconds DRS has not seen the agent of each server, by the clock of the read; a
    /// server is missing if DRS does not say.
    pub silent_seconds: BTreeMap<SourceServerId, u64>,
    /// How many seconds after the end of its machine, by a native event, DRS saw the agent of a server;
    /// one that was not seen well after it is missing.
    pub seconds_after_end: BTreeMap<SourceServerId, u64>,
    /// The recovery points of each server that is to be disconnected; a server is missing if they
    /// could not be counted.
    pub recovery_points: BTreeMap<SourceServerId, RecoveryPoints>,
    /// What DRS still shows of the staging area of each server that is DISCONNECTED; a server is
    /// missing if that was not read, and then nothing is proven.
    pub leftovers: BTreeMap<SourceServerId, Leftovers>,
    /// The servers whose staging area AWS should have removed by now, by the time of the disconnect
    /// that the request names.
    pub cleanup_overdue: BTreeSet<SourceServerId>,
}

/// What may use a server, so that it must not be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The servers of unfinished jobs.
    pub servers_in_jobs: Vec<ServerInJob>,
    /// The recovery instances of the matched servers.
    pub recovery_instances: Vec<RecoveryInstance>,
}

impl Snapshot {
    /// What is observed where DRS was never initialised.
    #[must_use]
    pub fn uninitialised() -> Self {
        Self {
            initialised: false,
            servers: Vec::new(),
            account: None,
            usage: None,
            silent_seconds: BTreeMap::new(),
            seconds_after_end: BTreeMap::new(),
            recovery_points: BTreeMap::new(),
            leftovers: BTreeMap::new(),
            cleanup_overdue: BTreeSet::new(),
        }
    }

    /// Takes over what AWS's answers to disconnects show of these servers; all else is as it was
    /// read.
    pub fn mark_disconnected(&mut self, ids: &[SourceServerId]) {
        for server in &mut self.servers {
            // Its tags stay as they were read, so that the approval is still there to remove.
            if ids.contains(&server.id) {
                server.state = State::Disconnected;
            }
        }
    }

    /// Replaces these servers by what a new read shows of them; `None` is an account in which DRS
    /// was never initialised.
    pub fn replace(&mut self, ids: &[SourceServerId], read: Option<Vec<Server>>) {
        self.initialised = read.is_some();
        // A server that the read no longer shows has no record any more.
        self.servers.retain(|server| !ids.contains(&server.id));
        self.servers.extend(read.into_iter().flatten());
    }
}
