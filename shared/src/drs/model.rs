//! What DRS answers, as far as decisions need it: our own types, so that planners know no SDK.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    arn::{Arn, Resource, ResourceRef},
    guardrails::Tags,
    ids::{EbsSnapshotId, Id, Kind, RequestId, matches_pattern},
    units,
};

/// The ID of a source server: `s-` and 17 ASCII letters or digits.
pub type SourceServerId = Id<SourceServerKind>;

/// A source server as a request names it: by ID or by ARN.
pub type SourceServerRef = ResourceRef<SourceServerKind>;

/// The kind of [`SourceServerId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceServerKind;

impl Kind for SourceServerKind {
    const EXPECTED: &'static str = "a source server ID: s- and 17 letters or digits";

    fn matches(text: &str) -> bool {
        // The API model allows both cases (`SourceServerID`).
        matches_pattern(text, "s-", u8::is_ascii_alphanumeric, 17..=17)
    }
}

impl Resource for SourceServerKind {
    const SERVICE: &'static str = "drs";
    const TYPE: &'static str = "source-server";
    const EXPECTED_ARN: &'static str =
        "the ARN of a source server: arn:aws:drs:REGION:ACCOUNT:source-server/ID";
}

impl From<SourceServerId> for RequestId {
    /// Every ID of a source server is a valid request ID; a native event has no other name.
    fn from(id: SourceServerId) -> Self {
        id.widened()
    }
}

/// A source server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `sourceServerID`.
    pub id: SourceServerId,
    /// `arn`, if AWS gave a readable one.
    pub arn: Option<Arn>,
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
    /// `reversedDirectionSourceServerArn`.
    pub reversed_by: Option<String>,
    /// `stagingArea.status`.
    pub staging: Staging,
    /// `stagingArea.stagingSourceServerArn`.
    pub extended_from: Option<String>,
    /// `recoveryInstanceId`.
    pub recovery_instance_id: Option<String>,
    /// `tags`.
    pub tags: Tags,
    /// The sum of `replicatedStorageBytes` over its disks, if AWS named any.
    pub replicated_bytes: Option<i64>,
    /// `lifeCycle.elapsedReplicationDuration` in whole hours, if it was readable.
    pub replication_hours: Option<u64>,
    /// `lifeCycle.lastSeenByServiceDateTime`: when DRS last saw its agent, if it was readable.
    pub last_seen: Option<DateTime<Utc>>,
    /// `dataReplicationInfo.lagDuration` in seconds, if there is a lag and it was readable.
    pub lag_seconds: Option<u64>,
    /// `dataReplicationInfo.dataReplicationError.error`, by its name.
    pub replication_error: Option<String>,
    /// How many of its disks have a `totalStorageBytes` above zero.
    pub staged_disks: usize,
    /// Whether `dataReplicationInfo` has a `lagDuration` or an `etaDateTime`, readable or not.
    pub has_lag: bool,
}

/// The replication state of a source server.
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

/// Whose staging area a source server uses.
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

/// The recovery points of a source server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryPoints {
    /// How many DRS lists.
    pub count: usize,
    /// The EBS snapshots of the newest points, newest first; a bounded number of them.
    pub ebs_snapshots: Vec<EbsSnapshotId>,
}

/// What DRS shows of the staging area of a source server that is DISCONNECTED.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftovers {
    /// How many disks have a `totalStorageBytes` above zero.
    pub disks: usize,
    /// Whether there is a `lagDuration` or an `etaDateTime`.
    pub lag: bool,
    /// How many recovery points are listed.
    pub recovery_points: usize,
}

impl Leftovers {
    /// What a record shows, beside so many recovery points.
    #[must_use]
    pub fn seen(server: &Server, recovery_points: usize) -> Self {
        Self {
            disks: server.staged_disks,
            lag: server.has_lag,
            recovery_points,
        }
    }

    /// Whether nothing is left, as far as DRS shows it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is left, as a phrase for people.
    #[must_use]
    pub fn words(&self) -> String {
        let mut left = Vec::new();

        if self.disks > 0 {
            left.push(units::counted(self.disks as u64, "disk"));
        }
        if self.lag {
            left.push("a lag".to_owned());
        }
        if self.recovery_points > 0 {
            left.push(units::counted(
                self.recovery_points as u64,
                "recovery point",
            ));
        }
        left.join(", ")
    }
}

/// A recovery instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryInstance {
    /// `recoveryInstanceID`.
    pub id: Option<String>,
    /// The server that it was launched for; without one it may be any of those asked about.
    pub source_server_id: Option<SourceServerId>,
    /// Whether it was launched for a drill.
    pub is_drill: bool,
}

/// A server that a job which has not ended works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInJob {
    /// `jobID`.
    pub job_id: Option<String>,
    /// The server; `None` for one that AWS did not name, which may be any.
    pub server_id: Option<SourceServerId>,
}

/// How many source servers an account has in one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSize {
    /// All records.
    pub records: usize,
    /// Those that are not DISCONNECTED.
    pub connected: usize,
}
