//! What was seen of DRS, as far as decisions need it: our own types, so that the planner knows no
//! SDK.

use std::collections::BTreeMap;

use crate::command::SourceServerId;

/// What was seen of DRS in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The servers that the targets could be: all that were listed.
    pub servers: Vec<Server>,
    /// How many servers the account has; known when a share of them had to be computed.
    pub account: Option<AccountSize>,
    /// The recovery instances of the servers that the targets turned out to be.
    pub recovery_instances: Vec<RecoveryInstance>,
    /// The servers that unfinished jobs work on; `None` for one that AWS did not name.
    pub servers_in_jobs: Vec<Option<SourceServerId>>,
    /// How many recovery points each server has that is to be disconnected; one that is missing
    /// could not be counted.
    pub recovery_points: BTreeMap<SourceServerId, usize>,
    /// Whether DRS was ever initialised here.
    pub initialised: bool,
}

impl Snapshot {
    /// Takes over what AWS's answers to disconnects tell of these servers; all else is as it was
    /// seen.
    pub fn mark_disconnected(&mut self, ids: &[SourceServerId]) {
        let told = self
            .servers
            .iter_mut()
            .filter(|server| ids.contains(&server.id));
        told.for_each(|server| server.state = State::Disconnected);
    }
}

/// How many source servers an account has in one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSize {
    /// All records.
    pub records: usize,
    /// Those that are not DISCONNECTED.
    pub connected: usize,
}

/// A source server, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `sourceServerID`.
    pub id: SourceServerId,
    /// `arn`.
    pub arn: String,
    /// `identificationHints.awsInstanceID`.
    pub aws_instance_id: Option<String>,
    /// `identificationHints.hostname`.
    pub hostname: Option<String>,
    /// `identificationHints.fqdn`.
    pub fqdn: Option<String>,
    /// `sourceCloudProperties.originAccountID`.
    pub origin_account_id: Option<String>,
    /// `sourceCloudProperties.originRegion`.
    pub origin_region: Option<String>,
    /// `dataReplicationInfo.dataReplicationState`.
    pub state: State,
    /// `replicationDirection` and `reversedDirectionSourceServerArn`.
    pub direction: Direction,
    /// `stagingArea.status`.
    pub staging: Staging,
    /// `recoveryInstanceId`.
    pub recovery_instance_id: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// The sum of `replicatedStorageBytes` over its disks, if AWS named any.
    pub replicated_bytes: Option<i64>,
    /// `lifeCycle.elapsedReplicationDuration`, in hours, if AWS told it readably.
    pub replication_hours: Option<u64>,
}

/// A replication state, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Replication has ended for good.
    Disconnected,
    /// One of the other states of the API reference, by its name.
    Connected(String),
    /// No state, or one that this program does not know.
    Unknown,
}

/// Which way data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the source to AWS, and no server replicates the other way.
    Failover,
    /// Back to the source.
    Failback,
    /// From the source, while another source server replicates the other way.
    ReversedPair,
    /// A direction that this program does not know.
    Unknown,
}

/// Whose staging area a server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staging {
    /// Its own.
    Own,
    /// That of a server in another account.
    Extended,
    /// That of a server in another account, which cannot be reached.
    ExtensionError,
    /// A status that this program does not know.
    Unknown,
}

/// A recovery instance, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryInstance {
    /// The server that it was launched for; without one it may be any of those that were asked
    /// about.
    pub source_server_id: Option<SourceServerId>,
    /// Whether it was launched for a drill.
    pub is_drill: bool,
}
