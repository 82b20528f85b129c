//! What EFS answers, as far as decisions need it: our own types, so that planners know no SDK.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    arn::{AccountId, Arn, Region, Resource, ResourceRef, region_of_zone},
    guardrails::Tags,
    ids::{Id, Kind, matches_pattern},
};

/// The ID of an EFS file system: `fs-` and 8 to 40 lower-case hexadecimal digits.
pub type FileSystemId = Id<FileSystemKind>;

/// A file system as a request names it: by ID or by ARN.
pub type FileSystemRef = ResourceRef<FileSystemKind>;

/// The kind of [`FileSystemId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileSystemKind;

impl Kind for FileSystemKind {
    const EXPECTED: &'static str =
        "a file system ID: fs- and 8 to 40 lower-case hexadecimal digits";

    fn matches(text: &str) -> bool {
        let allowed = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        matches_pattern(text, "fs-", allowed, 8..=40)
    }
}

impl Resource for FileSystemKind {
    const SERVICE: &'static str = "elasticfilesystem";
    const TYPE: &'static str = "file-system";
    const EXPECTED_ARN: &'static str =
        "the ARN of a file system: arn:aws:elasticfilesystem:REGION:ACCOUNT:file-system/ID";
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// `FileSystemId`.
    pub id: FileSystemId,
    /// `FileSystemArn`, if AWS gave a readable one.
    pub arn: Option<Arn>,
    /// `OwnerId`.
    pub owner_id: AccountId,
    /// The Region that it was read in.
    pub region: Region,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// `Encrypted`.
    pub encrypted: bool,
    /// `KmsKeyId` of an encrypted file system, which is an ARN.
    pub kms_key_arn: Option<String>,
    /// `AvailabilityZoneName` of a One Zone file system.
    pub availability_zone_name: Option<String>,
    /// `FileSystemProtection.ReplicationOverwriteProtection`.
    pub protection: Protection,
    /// `SizeInBytes.Value`.
    pub size_in_bytes: i64,
    /// `NumberOfMountTargets`.
    pub mount_targets: usize,
    /// `Tags`.
    pub tags: Tags,
}

/// The state of a file system, a mount target or an access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeCycle {
    /// It will be available.
    Creating,
    /// It is available.
    Available,
    /// It is available, and its settings are being changed.
    Updating,
    /// It is being deleted, or is deleted.
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
    /// AWS does not say, or in a way that this program does not know.
    Unknown,
}

/// A replication with its one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// `SourceFileSystemId`.
    pub source_id: FileSystemId,
    /// `SourceFileSystemRegion`.
    pub source_region: Region,
    /// `SourceFileSystemOwnerId`, or the account of `SourceFileSystemArn`.
    pub source_owner_id: Option<AccountId>,
    /// `Destinations[0].FileSystemId`.
    pub destination_id: FileSystemId,
    /// `Destinations[0].Region`.
    pub destination_region: Region,
    /// `Destinations[0].OwnerId`, where AWS gives it.
    pub destination_owner_id: Option<AccountId>,
    /// `Destinations[0].Status`.
    pub status: ReplicationStatus,
    /// `Destinations[0].StatusMessage`.
    pub status_message: Option<String>,
    /// `CreationTime`.
    pub created: Option<DateTime<Utc>>,
    /// `Destinations[0].LastReplicatedTimestamp`: absent until the first sync is complete.
    pub last_replicated: Option<DateTime<Utc>>,
}

/// The most characters of EFS's own words that a report repeats.
const MAX_STATUS_MESSAGE: usize = 300;

impl Replication {
    /// What EFS says of the status, as much of it as fits into a report: it may be of any length.
    #[must_use]
    pub fn short_status_message(&self) -> Option<String> {
        // Characters, so that none is cut in two.
        let message = self.status_message.as_ref()?;

        Some(message.chars().take(MAX_STATUS_MESSAGE).collect())
    }
}

/// The status of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationStatus {
    /// It is being set up.
    Enabling,
    /// It replicates. Whether the first sync is complete, this does not say.
    Enabled,
    /// It is about to be paused.
    Pausing,
    /// It is paused.
    Paused,
    /// It cannot be repaired.
    Error,
    /// It is being deleted.
    Deleting,
    /// A status that this program does not know.
    Unknown,
}

impl ReplicationStatus {
    /// As the API spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabling => "ENABLING",
            Self::Enabled => "ENABLED",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Error => "ERROR",
            Self::Deleting => "DELETING",
            // In small letters, which no status of the API has.
            Self::Unknown => "unknown",
        }
    }
}

/// Where a replication leads, or is to lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The Region.
    pub region: Option<Region>,
    /// The Availability Zone of a new One Zone file system.
    pub availability_zone_name: Option<String>,
    /// An existing file system.
    pub file_system: Option<FileSystemRef>,
    /// The KMS key of a new file system, in any of the forms that EFS takes.
    pub kms_key_id: Option<String>,
    /// The role by which EFS replicates into another account.
    pub role_arn: Option<Arn>,
}

impl Destination {
    /// The Region, in whichever way it is given: by name, by zone, or in an ARN.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        // The request may give any of the three; the planner checks that they agree.
        let by_name = || self.region.clone();
        let by_zone = || region_of_zone(self.availability_zone_name.as_deref()?);
        let by_arn = || self.file_system.as_ref()?.region();

        by_name().or_else(by_zone).or_else(by_arn)
    }
}

/// The lifecycle policies of a file system: the transitions, as the API names and spells them.
pub type Transitions = BTreeMap<String, String>;

/// A mount target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountTarget {
    /// `SubnetId`.
    pub subnet_id: String,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// Its security groups, sorted; none while it is being created.
    pub security_groups: Vec<String>,
}

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// `AccessPointId`.
    pub id: String,
    /// `AccessPointArn`, if AWS gave a readable one.
    pub arn: Option<Arn>,
    /// `LifeCycleState`.
    pub state: LifeCycle,
    /// What a client finds behind it.
    pub root: AccessPointRoot,
    /// `Tags`, where they were asked for.
    pub tags: Tags,
}

impl AccessPoint {
    /// The same without its tags, which are most of it.
    #[must_use]
    pub fn without_tags(&self) -> Self {
        Self {
            id: self.id.clone(),
            arn: self.arn.clone(),
            state: self.state,
            root: self.root.clone(),
            tags: Tags::new(),
        }
    }
}

/// What a client finds behind an access point. Two access points with the same root are the same to
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessPointRoot {
    /// `PosixUser`.
    pub posix_user: Option<PosixUser>,
    /// `RootDirectory.Path`.
    pub path: String,
    /// `RootDirectory.CreationInfo`.
    pub creation_info: Option<Owner>,
}

/// The user as whom a client acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PosixUser {
    /// `Uid`.
    pub uid: i64,
    /// `Gid`.
    pub gid: i64,
    /// `SecondaryGids`.
    pub secondary_gids: Vec<i64>,
}

/// The owner and the permissions of a root directory that EFS creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `OwnerUid`.
    pub uid: i64,
    /// `OwnerGid`.
    pub gid: i64,
    /// `Permissions`, in octal.
    pub permissions: String,
}
