//! What EFS answers, and the resources of a world that are made of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{AccessPoint, Behaviour, FileSystem, MountTarget, OrderedStatus, Replication};
use serde::Deserialize;
use serde_json::{Value, json};

use super::value::Time;

/// The tag that EFS adds to a file system whose backups are on.
const BACKUP_TAG: &str = "aws:elasticfilesystem:default-backup";
/// The alias of the key that EFS uses where none was chosen.
const MANAGED_KEY: &str = ":alias/aws/elasticfilesystem";
/// When a replication is taken to be complete that AWS does not call so yet.
const FIRST_SYNC: TimeDelta = TimeDelta::hours(1);

/// The answer of DescribeFileSystems.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileSystems {
    pub(super) file_systems: Vec<DescribedFileSystem>,
    pub(super) next_marker: Option<String>,
}

/// A file system as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribedFileSystem {
    file_system_id: String,
    pub(super) file_system_arn: Option<String>,
    owner_id: String,
    creation_token: String,
    creation_time: Time,
    life_cycle_state: String,
    pub(super) number_of_mount_targets: usize,
    size_in_bytes: Size,
    performance_mode: String,
    throughput_mode: String,
    provisioned_throughput_in_mibps: Option<f64>,
    encrypted: bool,
    kms_key_id: Option<String>,
    availability_zone_name: Option<String>,
    file_system_protection: Protection,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    value: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Protection {
    replication_overwrite_protection: String,
}

/// A tag of EFS.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

fn tags(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// The creation date of a resource. What is being created starts over, at the emulator's pace;
/// by its date it would be there at once.
fn created_at(time: Time, state: &str) -> Option<DateTime<Utc>> {
    (state != "creating").then_some(time.0)
}

impl DescribedFileSystem {
    /// The file system, in the world of an account, without what other answers say of it.
    pub(super) fn into_file_system(self, account: &str) -> FileSystem {
        let id = self.file_system_id;
        let mut tags = tags(self.tags);
        // The emulator adds the tag itself.
        let has_backup = tags.remove(BACKUP_TAG).is_some();
        let key = self.kms_key_id.filter(|key| !key.ends_with(MANAGED_KEY));
        let token = Some(self.creation_token).filter(|token| *token != id);

        FileSystem {
            // Of its own account, nothing is said.
            owner_id: Some(self.owner_id).filter(|owner| owner != account),
            creation_token: token.unwrap_or_default(),
            created_at: created_at(self.creation_time, &self.life_cycle_state),
            life_cycle_state: self.life_cycle_state,
            size_bytes: self.size_in_bytes.value,
            performance_mode: self.performance_mode,
            throughput_mode: self.throughput_mode,
            provisioned_throughput_in_mibps: self.provisioned_throughput_in_mibps,
            encrypted: self.encrypted,
            kms_key_id: key,
            availability_zone_name: self.availability_zone_name,
            protection: self.file_system_protection.replication_overwrite_protection,
            backup: has_backup.then(|| "ENABLED".to_owned()),
            tags,
            // Until they are listed, they are known by their number alone.
            unlisted_mount_targets: self.number_of_mount_targets,
            ..FileSystem::new(&id)
        }
    }
}

/// The answer of DescribeMountTargets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MountTargets {
    pub(super) mount_targets: Vec<DescribedMountTarget>,
    pub(super) next_marker: Option<String>,
}

/// A mount target as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribedMountTarget {
    mount_target_id: String,
    pub(super) file_system_id: String,
    subnet_id: String,
    life_cycle_state: String,
    ip_address: Option<String>,
    availability_zone_name: String,
}

impl DescribedMountTarget {
    /// The mount target; `None` for one without an IPv4 address, which the emulator does not have.
    pub(super) fn into_mount_target(self) -> Option<MountTarget> {
        Some(MountTarget {
            mount_target_id: self.mount_target_id,
            subnet_id: self.subnet_id,
            ip_address: self.ip_address.filter(|address| !address.is_empty())?,
            availability_zone_name: self.availability_zone_name,
            security_groups: Vec::new(),
            created_at: None,
            state: self.life_cycle_state,
        })
    }
}

/// The answer of DescribeMountTargetSecurityGroups.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecurityGroups {
    pub(super) security_groups: Vec<String>,
}

/// The answer of DescribeAccessPoints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessPoints {
    pub(super) access_points: Vec<DescribedAccessPoint>,
    pub(super) next_token: Option<String>,
}

/// An access point as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribedAccessPoint {
    access_point_id: String,
    pub(super) file_system_id: String,
    client_token: Option<String>,
    life_cycle_state: String,
    posix_user: Option<Value>,
    root_directory: Option<Value>,
    tags: Option<Vec<Tag>>,
}

impl DescribedAccessPoint {
    pub(super) fn into_access_point(self) -> AccessPoint {
        // The root of the file system is what an access point without a directory exposes.
        let whole = json!({ "Path": "/" });

        AccessPoint {
            // A token is unique, and decides nothing; so is the ID.
            client_token: self
                .client_token
                .unwrap_or_else(|| self.access_point_id.clone()),
            access_point_id: self.access_point_id,
            tags: tags(self.tags.unwrap_or_default()),
            posix_user: self.posix_user.filter(|user| !user.is_null()),
            root_directory: self
                .root_directory
                .filter(|root| !root.is_null() && *root != whole),
            created_at: None,
            state: self.life_cycle_state,
        }
    }
}

/// The answer of DescribeLifecycleConfiguration.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Lifecycle {
    pub(super) lifecycle_policies: Vec<Value>,
}

/// The answer of DescribeBackupPolicy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Backup {
    pub(super) backup_policy: BackupPolicy,
}

/// A backup policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BackupPolicy {
    pub(super) status: String,
}

/// The answer of DescribeFileSystemPolicy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    pub(super) policy: String,
}

/// The answer of DescribeReplicationConfigurations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Replications {
    pub(super) replications: Vec<DescribedReplication>,
    pub(super) next_token: Option<String>,
}

/// A replication as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribedReplication {
    source_file_system_id: String,
    source_file_system_owner_id: Option<String>,
    pub(super) source_file_system_region: String,
    creation_time: Time,
    pub(super) destinations: [DescribedDestination; 1],
}

/// The destination of a replication.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribedDestination {
    status: String,
    file_system_id: String,
    pub(super) region: String,
    owner_id: Option<String>,
    role_arn: Option<String>,
    last_replicated_timestamp: Option<Time>,
    status_message: Option<String>,
}

impl DescribedReplication {
    /// The replication, at the time when it was described, in the world of an account.
    pub(super) fn into_replication(self, now: DateTime<Utc>, account: &str) -> Replication {
        let created_at = self.creation_time.0.min(now);
        let [destination] = self.destinations;
        let last = destination.last_replicated_timestamp.map(|Time(last)| last);

        let mut replication = Replication {
            source_region: self.source_file_system_region,
            source_file_system_id: self.source_file_system_id,
            source_owner_id: self
                .source_file_system_owner_id
                .filter(|owner| owner != account),
            destination_region: destination.region,
            destination_file_system_id: destination.file_system_id,
            destination_owner_id: destination.owner_id.filter(|owner| owner != account),
            role_arn: destination.role_arn,
            created_at,
            // A replication goes on from its last sync.
            first_sync_ends_at: last.unwrap_or(now + FIRST_SYNC),
            ordered: None,
            forgotten_by: None,
        };
        // What would be said otherwise, now or of the last sync, stands still as it was found.
        let is_running = replication.status(now, Behaviour::default()) == destination.status
            && replication.last_replicated_at(now) == last
            && destination.status_message.is_none();
        if !is_running {
            replication.ordered = Some(OrderedStatus {
                status: destination.status,
                message: destination.status_message.unwrap_or_default(),
            });
        }
        replication
    }
}
