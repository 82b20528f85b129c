//! What was seen of EFS on both sides, as far as decisions need it: our own types, so that the
//! planner knows no SDK.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::Fault;

/// What was seen for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The source, if it exists.
    pub source: Option<FileSystem>,
    /// The replication that the source is part of, on either end.
    pub replication: Option<Replication>,
    /// The destination, if there is one: of the replication, or the existing one that was asked
    /// for.
    pub destination: Option<FileSystem>,
    /// The replication that the existing destination which was asked for is part of already.
    pub replication_of_destination: Option<Replication>,
    /// What the source has besides the data; read once the replica can be furnished.
    pub source_parts: Parts,
    /// What the replica has besides the data; read once it can be furnished.
    pub replica_parts: Parts,
    /// How many access points of the source have no counterpart on the replica.
    pub missing_access_points: usize,
}

impl View {
    /// The same without the parts, which are many and have served once a plan is made of them.
    #[must_use]
    pub fn without_parts(self) -> Self {
        Self {
            source_parts: Parts::default(),
            replica_parts: Parts::default(),
            ..self
        }
    }
}

/// Why a target could not be looked at to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The call that failed, by the API's name of the operation; `None` where time ran out.
    pub failed: Option<(&'static str, Fault)>,
    /// What was seen before.
    pub seen: View,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// `FileSystemId`.
    pub id: String,
    /// `FileSystemArn`.
    pub arn: String,
    /// `OwnerId`.
    pub owner_id: String,
    /// The Region that it was seen in.
    pub region: String,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// `Encrypted`.
    pub encrypted: bool,
    /// `KmsKeyId`, which is an ARN, of an encrypted file system.
    pub kms_key_arn: Option<String>,
    /// `AvailabilityZoneName`, of a One Zone file system.
    pub availability_zone_name: Option<String>,
    /// `FileSystemProtection.ReplicationOverwriteProtection`.
    pub protection: Protection,
    /// `SizeInBytes.Value`.
    pub size_in_bytes: i64,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// The state of a file system, a mount target or an access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeCycle {
    /// It will be available.
    Creating,
    /// It is.
    Available,
    /// It is, and its settings are being changed.
    Updating,
    /// It is going or gone.
    Deleting,
    /// It is broken, or in a state that this program does not know.
    Error,
}

/// Whether a file system may become a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// It may not.
    Enabled,
    /// Somebody has allowed it to be overwritten.
    Disabled,
    /// It is a destination.
    Replicating,
    /// Not said, or in a way that this program does not know.
    Unknown,
}

/// A replication with its one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// `SourceFileSystemId`.
    pub source_id: String,
    /// `SourceFileSystemRegion`.
    pub source_region: String,
    /// `Destinations[0].FileSystemId`.
    pub destination_id: String,
    /// `Destinations[0].Region`.
    pub destination_region: String,
    /// `Destinations[0].OwnerId`, where it is told.
    pub destination_owner_id: Option<String>,
    /// `Destinations[0].Status`.
    pub status: Status,
    /// `Destinations[0].StatusMessage`.
    pub status_message: Option<String>,
    /// `Destinations[0].LastReplicatedTimestamp`: absent until the first sync is complete.
    pub last_replicated: Option<DateTime<Utc>>,
}

/// The status of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is being set up.
    Enabling,
    /// It replicates; whether the first sync is complete, this does not say.
    Enabled,
    /// It is about to stand still.
    Pausing,
    /// It stands still.
    Paused,
    /// It is beyond repair.
    Error,
    /// It is being deleted.
    Deleting,
    /// A status that this program does not know.
    Unknown,
}

/// What a file system has besides the data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Its mount targets.
    pub mount_targets: Vec<MountTarget>,
    /// Its access points.
    pub access_points: Vec<AccessPoint>,
    /// Its lifecycle policies: the transitions, as the API names and spells them.
    pub lifecycle: BTreeMap<String, String>,
    /// Whether automatic backups are on.
    pub backup: bool,
    /// Its file system policy, if it has one of its own.
    pub policy: Option<Value>,
}

/// A mount target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountTarget {
    /// `SubnetId`.
    pub subnet_id: String,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// Its security groups, sorted.
    pub security_groups: Vec<String>,
}

/// An access point, with what makes two of them the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// `AccessPointId`.
    pub id: String,
    /// `AccessPointArn`.
    pub arn: String,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// What a client finds behind it.
    pub entrance: Entrance,
    /// `Tags`, of those of the source that are to be made next; nothing else asks for them.
    pub tags: BTreeMap<String, String>,
}

/// What a client finds behind an access point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrance {
    /// `PosixUser`: uid, gid and secondary gids.
    pub posix_user: Option<(i64, i64, Vec<i64>)>,
    /// `RootDirectory.Path`.
    pub path: String,
    /// `RootDirectory.CreationInfo`: uid, gid and permissions.
    pub creation_info: Option<(i64, i64, String)>,
}
