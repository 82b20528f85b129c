//! The pretend account: plain data and total functions, without HTTP.
//!
//! What each change does follows the DRS API reference; where that is silent, a switch in
//! [`Behaviour`] decides, and tests run under both settings. Time passes only when
//! [`World::advance_to`] says so.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    aws::call::Service,
    drs::model::types::{Drs, SourceServer},
    efs::model::types::{Efs, Replication, Subnet},
    fault::Fault,
};

pub use crate::{
    aws::{
        behaviour::{Behaviour, Reply},
        error::ApiError,
    },
    drs::model::{Job, RecoveryInstance},
};

/// The years that a world can be in: all have four digits, as the times of DRS have.
pub(crate) const YEARS: std::ops::Range<i32> = 2000..3000;

/// An AWS account as it stands at a moment. A world file is this as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct World {
    /// The account's ID, 12 digits.
    pub account: String,
    /// The Region in which the functions run.
    pub region: String,
    /// What time it is there.
    #[serde(default = "Utc::now")]
    pub now: DateTime<Utc>,
    /// When it began to run, if it did. What has no date of its own is half a year older, however
    /// late it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<DateTime<Utc>>,
    /// How it behaves where the API reference is silent.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// How the functions are deployed, by name.
    #[serde(default)]
    pub functions: BTreeMap<String, Deployment>,
    /// The faults that calls to come will meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// DRS in each Region where it was initialised.
    #[serde(default)]
    pub drs: BTreeMap<String, Drs>,
    /// EFS in each Region where there is a file system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub efs: BTreeMap<String, Efs>,
    /// The replications between file systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replications: Vec<Replication>,
    /// The subnets by ID; without any, there is every subnet in every Region, in the zone that its
    /// last digit gives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<String, Subnet>,
    /// Calls whose effect is still to come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<LateEffect>,
}

/// A call that was never answered, and takes effect later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LateEffect {
    /// When it does.
    pub at: DateTime<Utc>,
    /// The service that was called.
    #[serde(default)]
    pub service: Service,
    /// The API's name of the operation.
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
    /// Lambda's timeout for it.
    pub timeout_seconds: u32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            timeout_seconds: 120,
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
            drs: BTreeMap::new(),
            efs: BTreeMap::new(),
            replications: Vec::new(),
            subnets: BTreeMap::new(),
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

    /// When what has no date of its own was made.
    #[must_use]
    pub fn long_ago(&self) -> DateTime<Utc> {
        self.began.unwrap_or(self.now) - TimeDelta::days(180)
    }

    /// DRS in the Region of the functions, initialised if it was not.
    pub fn here(&mut self) -> &mut Drs {
        self.drs.entry(self.region.clone()).or_default()
    }

    /// The server with this ID in the Region of the functions.
    pub fn server(&mut self, id: &str) -> Option<&mut SourceServer> {
        self.here()
            .source_servers
            .iter_mut()
            .find(|server| server.id == id)
    }

    /// The same world, where every server and file system still has the tags that it had in an
    /// earlier one.
    #[must_use]
    pub fn with_tags_of(&self, earlier: &Self) -> Self {
        let mut world = self.clone();
        for server in world
            .drs
            .values_mut()
            .flat_map(|drs| &mut drs.source_servers)
        {
            let mut servers = earlier.drs.values().flat_map(|drs| &drs.source_servers);
            if let Some(was) = servers.find(|was| was.id == server.id) {
                server.tags.clone_from(&was.tags);
            }
        }
        for file_system in world.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
            let mut file_systems = earlier.efs.values().flat_map(|efs| &efs.file_systems);
            if let Some(was) =
                file_systems.find(|was| was.file_system_id == file_system.file_system_id)
            {
                file_system.tags.clone_from(&was.tags);
            }
        }
        world
    }

    /// Lets time pass until `now`. Time does not run backwards.
    pub fn advance_to(&mut self, now: DateTime<Utc>) {
        let before = self.now;
        self.now = before.max(now);
        self.settle_efs(before);
        for drs in self.drs.values_mut() {
            drs.settle(self.now);
        }
    }
}
