//! The emulated account: plain data and total functions, without HTTP.
//!
//! Time passes only in [`World::advance_to`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{behaviour::Behaviour, call::Service, context::Context},
    drs::model::{self as drs, Drs, SourceServer},
    efs::model::{self as efs, FileSystem},
    fault::Fault,
    known::Known,
};

/// The years that a world can be in: all have four digits, as the times of DRS have.
pub(crate) const YEARS: std::ops::Range<i32> = 2000..3000;

/// An AWS account at a point in time. A world file describes one in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The account ID, 12 digits.
    pub account: String,
    /// The Region in which the functions run.
    pub region: String,
    /// The time in the account.
    pub now: DateTime<Utc>,
    /// When the account started to run, if it did. Resources without a date are half a year older,
    /// however late it is now.
    pub began: Option<DateTime<Utc>>,
    /// How AWS behaves where its documentation is silent.
    pub behaviour: Behaviour,
    /// How the functions are deployed, by name.
    pub functions: BTreeMap<String, Deployment>,
    /// Faults to inject into upcoming calls.
    pub faults: Vec<Fault>,
    /// Which of AWS's answers the account was imported from; `None` for one that is known as a
    /// whole.
    pub known: Option<Known>,
    /// DRS, by Region.
    pub drs: drs::Model,
    /// EFS, by Region, and the replications between Regions.
    pub efs: efs::Model,
    /// Calls that have yet to take effect.
    pub late: Vec<LateEffect>,
}

/// A call that got no answer and takes effect later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LateEffect {
    /// When it takes effect.
    pub at: DateTime<Utc>,
    /// The service that was called.
    #[serde(default)]
    pub service: Service,
    /// The operation, by its name in the API.
    pub operation: String,
    /// The Region that the signature named.
    pub region: String,
    /// The members of the call.
    pub input: serde_json::Value,
}

/// How a function is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Deployment {
    /// The timeout. Five minutes unless a world says otherwise, in which a function can do all that
    /// it may.
    pub timeout_seconds: u32,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            timeout_seconds: 300,
            environment: BTreeMap::new(),
        }
    }
}

impl World {
    /// An account in which DRS was never initialised.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            now: Utc::now(),
            began: None,
            behaviour: Behaviour::default(),
            functions: BTreeMap::new(),
            faults: Vec::new(),
            known: None,
            drs: drs::Model::default(),
            efs: efs::Model::default(),
            late: Vec::new(),
        }
    }

    /// An account with these servers in the Region of the functions.
    #[must_use]
    pub fn with(servers: impl IntoIterator<Item = SourceServer>) -> Self {
        let mut world = Self::empty();
        world.here().source_servers = servers.into_iter().collect();
        world
    }

    /// The same account with a file system in a Region.
    #[must_use]
    pub fn with_file_system(mut self, region: &str, file_system: FileSystem) -> Self {
        let efs = self.efs.regions.entry(region.to_owned()).or_default();
        efs.file_systems.push(file_system);
        self
    }

    /// DRS in the Region of the functions, initialised if need be.
    pub fn here(&mut self) -> &mut Drs {
        self.drs.regions.entry(self.region.clone()).or_default()
    }

    /// The server with this ID in the Region of the functions.
    pub fn server(&mut self, id: &str) -> Option<&mut SourceServer> {
        let mut servers = self.here().source_servers.iter_mut();
        servers.find(|server| server.id == id)
    }

    /// The context of a call in a Region, now.
    #[must_use]
    pub fn context(&self, region: &str) -> Context {
        Context {
            account: self.account.clone(),
            region: region.to_owned(),
            now: self.now,
            // Counted from the start of the account, so that resources do not grow younger.
            long_ago: self.began.unwrap_or(self.now) - TimeDelta::days(180),
            behaviour: self.behaviour,
            is_imported: self.known.is_some(),
        }
    }

    /// Whether the answers of a read in a Region are known, but for those of single resources.
    #[must_use]
    pub fn knows(&self, region: &str, operation: &str) -> bool {
        let Some(known) = &self.known else {
            return true;
        };

        known
            .get(region)
            .is_some_and(|operations| operations.contains_key(operation))
    }

    /// The same account, with the tags that each server and file system had in an earlier one.
    #[must_use]
    pub fn with_tags_of(&self, earlier: &Self) -> Self {
        let mut world = self.clone();

        // Resources that did not exist earlier keep their tags.
        let servers = world.drs.regions.values_mut();
        for server in servers.flat_map(|drs| &mut drs.source_servers) {
            let regions = earlier.drs.regions.values();
            let mut earlier = regions.flat_map(|drs| &drs.source_servers);
            if let Some(before) = earlier.find(|before| before.id == server.id) {
                server.tags.clone_from(&before.tags);
            }
        }

        let file_systems = world.efs.regions.values_mut();
        for file_system in file_systems.flat_map(|efs| &mut efs.file_systems) {
            let id = &file_system.file_system_id;
            let mut earlier = earlier.efs.all_file_systems();
            if let Some(before) = earlier.find(|before| before.file_system_id == *id) {
                file_system.tags.clone_from(&before.tags);
            }
        }

        world
    }

    /// Lets time pass until `now`. It does not run backwards.
    pub fn advance_to(&mut self, now: DateTime<Utc>) {
        let before = self.now;
        self.now = before.max(now);

        // EFS needs the previous time too: stopped replications lose the time in between.
        self.efs.settle(before, self.now);
        self.drs.settle(self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_tags_are_those_before_the_last_change_and_nothing_else_is_stale() {
        let id = "s-00000000000000001";
        let mut before = World::with([SourceServer::new(id).tagged("a", "1")]);
        let mut now = before.clone();
        let server = now.server(id).unwrap();
        server.tags.clear();
        server.data_replication_state = "DISCONNECTED".to_owned();

        let mut stale = now.with_tags_of(&before);
        let tags = &before.server(id).unwrap().tags;
        assert_eq!(stale.server(id).unwrap().tags, *tags);
        assert!(stale.server(id).unwrap().is_disconnected());
    }
}
