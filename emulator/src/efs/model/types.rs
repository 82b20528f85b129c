//! The resources of EFS. A world file has them in the same shape.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// EFS of the account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// The Regions that have file systems.
    pub regions: BTreeMap<String, Efs>,
    /// The replications between file systems.
    pub replications: Vec<Replication>,
    /// The subnets, by ID. Without any, every subnet exists in every Region, in the zone that its
    /// last digit selects.
    pub subnets: BTreeMap<String, Subnet>,
}

/// EFS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Efs {
    /// The file systems of all owners.
    pub file_systems: Vec<FileSystem>,
    /// The IDs of deleted file systems, mount targets and access points. They are never assigned
    /// again.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
    /// The IDs of resources that lost all their tags. The Resource Groups Tagging API lists them,
    /// and none that never had tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub untagged: BTreeSet<String>,
}

/// A file system. Only its ID is required; everything else defaults to a healthy file system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileSystem {
    /// `fs-` and 8 to 40 hexadecimal digits.
    pub file_system_id: String,
    /// The account that owns it; by default the account of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The creation token.
    #[serde(default)]
    pub creation_token: String,
    /// When it was created; by default long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle state, as the API spells it.
    #[serde(default = "available")]
    pub life_cycle_state: String,
    /// The size of its data.
    #[serde(default = "six_kibibytes")]
    pub size_bytes: u64,
    /// generalPurpose or maxIO.
    #[serde(default = "general_purpose")]
    pub performance_mode: String,
    /// bursting, provisioned or elastic.
    #[serde(default = "elastic")]
    pub throughput_mode: String,
    /// The throughput in the mode provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_throughput_in_mibps: Option<f64>,
    /// When the throughput was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_changed_at: Option<DateTime<Utc>>,
    /// Whether it is encrypted at rest.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The KMS key; by default the AWS managed key of EFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The zone of a One Zone file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone_name: Option<String>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The overwrite protection: ENABLED, DISABLED or REPLICATING.
    #[serde(default = "enabled")]
    pub protection: String,
    /// The lifecycle policies, as the API spells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle_policies: Vec<Value>,
    /// The backup policy: ENABLED or DISABLED; by default there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// The file system policy in JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The mount targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_targets: Vec<MountTarget>,
    /// How many more mount targets it has, of which nothing is known.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unlisted_mount_targets: usize,
    /// The access points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_points: Vec<AccessPoint>,
}

/// A mount target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MountTarget {
    /// `fsmt-` and hexadecimal digits.
    pub mount_target_id: String,
    /// The subnet.
    pub subnet_id: String,
    /// The address in the subnet.
    pub ip_address: String,
    /// The zone of the subnet.
    pub availability_zone_name: String,
    /// The security groups of the network interface.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// When it was created; by default long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle state, as the API spells it.
    #[serde(default = "available")]
    pub state: String,
}

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessPoint {
    /// `fsap-` and hexadecimal digits.
    pub access_point_id: String,
    /// The client token.
    pub client_token: String,
    /// The tags. `Name` is the name.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The enforced user, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posix_user: Option<Value>,
    /// The exposed directory, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<Value>,
    /// When it was created; by default long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle state, as the API spells it.
    #[serde(default = "available")]
    pub state: String,
}

/// A replication from one file system to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Replication {
    /// The Region of the source.
    pub source_region: String,
    /// The source.
    pub source_file_system_id: String,
    /// The account of the source; by default the account of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_owner_id: Option<String>,
    /// The Region of the destination.
    pub destination_region: String,
    /// The destination.
    pub destination_file_system_id: String,
    /// The account of the destination; by default the account of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_owner_id: Option<String>,
    /// The IAM role that EFS replicates with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When the destination is complete for the first time.
    pub first_sync_ends_at: DateTime<Utc>,
    /// A status set from outside. While it is set, nothing is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<OrderedStatus>,
    /// The side that deleted the configuration for itself only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_by: Option<Side>,
}

/// A status set from outside, such as by an outage or an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OrderedStatus {
    /// PAUSED, ERROR, or another status of the API.
    pub status: String,
    /// The explanation that EFS gives; none if it is empty.
    pub message: String,
}

/// An end of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// Where the data comes from.
    Source,
    /// Where the data goes.
    Destination,
}

/// A subnet for mount targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Subnet {
    /// The Region.
    pub region: String,
    /// The zone.
    pub availability_zone_name: String,
    /// The VPC.
    #[serde(default = "default_vpc")]
    pub vpc_id: String,
    /// The IPv4 addresses.
    #[serde(default = "default_addresses")]
    pub cidr_block: String,
}

impl FileSystem {
    /// An encrypted Regional file system that is available.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            file_system_id: id.to_owned(),
            owner_id: None,
            creation_token: String::new(),
            created_at: None,
            life_cycle_state: available(),

            size_bytes: six_kibibytes(),
            performance_mode: general_purpose(),
            throughput_mode: elastic(),
            provisioned_throughput_in_mibps: None,
            throughput_changed_at: None,

            encrypted: true,
            kms_key_id: None,
            availability_zone_name: None,
            tags: BTreeMap::new(),
            protection: enabled(),
            lifecycle_policies: Vec::new(),
            backup: None,
            policy: None,

            mount_targets: Vec::new(),
            unlisted_mount_targets: 0,
            access_points: Vec::new(),
        }
    }

    /// The same file system with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The tags that AWS lists: those of the owner, and its own if backups are on.
    pub(crate) fn listed_tags(&self) -> Vec<(&str, &str)> {
        let own = self.tags.iter();
        let mut tags: Vec<(&str, &str)> = own
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();

        if self.backup.as_deref() == Some("ENABLED") {
            tags.push(("aws:elasticfilesystem:default-backup", "enabled"));
        }
        tags
    }

    /// How many mount targets it has.
    pub(crate) fn count_mount_targets(&self) -> usize {
        self.mount_targets.len() + self.unlisted_mount_targets
    }

    /// The owner, in the world of an account.
    #[must_use]
    pub fn owner<'a>(&'a self, account: &'a str) -> &'a str {
        self.owner_id.as_deref().unwrap_or(account)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what it may skip by reference"
)]
fn is_none(count: &usize) -> bool {
    *count == 0
}

pub(super) fn available() -> String {
    "available".to_owned()
}

fn six_kibibytes() -> u64 {
    6144
}

pub(super) fn general_purpose() -> String {
    "generalPurpose".to_owned()
}

fn elastic() -> String {
    "elastic".to_owned()
}

fn yes() -> bool {
    true
}

pub(super) fn enabled() -> String {
    "ENABLED".to_owned()
}

pub(super) fn default_vpc() -> String {
    "vpc-0123456789abcdef0".to_owned()
}

pub(super) fn default_addresses() -> String {
    "10.0.0.0/16".to_owned()
}
