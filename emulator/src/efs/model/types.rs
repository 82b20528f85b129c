//! The resources of EFS, as a world file has them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    aws::{behaviour::Reply, error::ApiError},
    efs::model::errors::wrong_state,
};

/// The VPC and the security group that are there without being told of.
pub(crate) const DEFAULT_VPC: &str = "vpc-0123456789abcdef0";

/// EFS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Efs {
    /// All file systems, of all owners.
    pub file_systems: Vec<FileSystem>,
    /// The IDs of the file systems, mount targets and access points that were deleted: no other
    /// ever has them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
}

/// A file system. Only its ID is needed; the rest has the values of a healthy one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileSystem {
    /// `fs-` and 8 to 40 hexadecimal digits.
    pub file_system_id: String,
    /// The account that owns it; without it, the world's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The token that it was created with.
    #[serde(default)]
    pub creation_token: String,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
    #[serde(default = "available")]
    pub life_cycle_state: String,
    /// What it holds.
    #[serde(default = "six_kibibytes")]
    pub size_bytes: u64,
    /// generalPurpose or maxIO.
    #[serde(default = "general_purpose")]
    pub performance_mode: String,
    /// bursting, provisioned or elastic.
    #[serde(default = "elastic")]
    pub throughput_mode: String,
    /// The throughput of the mode provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_throughput_in_mibps: Option<f64>,
    /// When the throughput was changed for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_changed_at: Option<DateTime<Utc>>,
    /// Whether it is encrypted at rest.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The key, where it is not the service's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The zone of a One Zone file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone_name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its overwrite protection: ENABLED, DISABLED or REPLICATING.
    #[serde(default = "enabled")]
    pub protection: String,
    /// Its lifecycle policies, as the API spells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle_policies: Vec<Value>,
    /// ENABLED or DISABLED; without it, there is no backup policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Its policy, a JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its mount targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_targets: Vec<MountTarget>,
    /// Its access points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_points: Vec<AccessPoint>,
}

/// A mount target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MountTarget {
    /// `fsmt-` and hexadecimal digits.
    pub mount_target_id: String,
    /// The subnet in which it is.
    pub subnet_id: String,
    /// Its address there.
    pub ip_address: String,
    /// The zone of the subnet.
    pub availability_zone_name: String,
    /// The security groups of its network interface.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
    #[serde(default = "available")]
    pub state: String,
}

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessPoint {
    /// `fsap-` and hexadecimal digits.
    pub access_point_id: String,
    /// The token that it was created with.
    pub client_token: String,
    /// Its tags; `Name` is its name.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The user that it enforces, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posix_user: Option<Value>,
    /// The folder that it exposes, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<Value>,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
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
    /// The Region of the destination.
    pub destination_region: String,
    /// The destination.
    pub destination_file_system_id: String,
    /// The account of the destination; without it, the world's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_owner_id: Option<String>,
    /// The role under which EFS replicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When the destination is complete for the first time.
    pub first_sync_ends_at: DateTime<Utc>,
    /// A status to order; while it stands, nothing is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<OrderedStatus>,
    /// The side that deleted the configuration for itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_by: Option<Side>,
}

/// A status to order, as an outage or an operator brings it about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OrderedStatus {
    /// PAUSED, ERROR, or another that the API spells.
    pub status: String,
    /// What EFS says about it.
    pub message: String,
}

/// An end of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// Where the data comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// A subnet that mount targets may be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Subnet {
    /// Its Region.
    pub region: String,
    /// Its zone.
    pub availability_zone_name: String,
    /// Its VPC.
    #[serde(default = "default_vpc")]
    pub vpc_id: String,
    /// Its IPv4 addresses.
    #[serde(default = "default_addresses")]
    pub cidr_block: String,
}

pub(crate) fn available() -> String {
    "available".to_owned()
}

pub(crate) fn six_kibibytes() -> u64 {
    6144
}

pub(crate) fn general_purpose() -> String {
    "generalPurpose".to_owned()
}

pub(crate) fn elastic() -> String {
    "elastic".to_owned()
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn enabled() -> String {
    "ENABLED".to_owned()
}

pub(crate) fn default_vpc() -> String {
    DEFAULT_VPC.to_owned()
}

pub(crate) fn default_addresses() -> String {
    "10.0.0.0/16".to_owned()
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
            access_points: Vec::new(),
        }
    }

    /// The same file system with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Who owns it in the world of an account.
    #[must_use]
    pub fn owner<'a>(&'a self, account: &'a str) -> &'a str {
        self.owner_id.as_deref().unwrap_or(account)
    }

    /// Whether its policy names an account. Which actions it allows is not looked at.
    pub(crate) fn lets_in(&self, account: &str) -> bool {
        let policy = self
            .policy
            .as_ref()
            .and_then(|policy| serde_json::from_str::<Value>(policy).ok());
        let statements = policy.and_then(|policy| policy.get("Statement").cloned());
        let statements = match statements {
            Some(Value::Array(statements)) => statements,
            one => one.into_iter().collect(),
        };
        let allows =
            |statement: &Value| statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let names = |statement: &Value| {
            statement
                .get("Principal")
                .is_some_and(|who| who.to_string().contains(account))
        };
        statements
            .iter()
            .any(|statement| allows(statement) && names(statement))
    }

    pub(crate) fn require_available(&self) -> Result<(), ApiError> {
        let (id, state) = (&self.file_system_id, &self.life_cycle_state);
        if state == "available" {
            Ok(())
        } else {
            Err(wrong_state(format!("{id} is {state}")))
        }
    }

    /// That it is available, and not a destination where destinations take no settings.
    pub(crate) fn require_open(&self, while_replicating: Reply) -> Result<(), ApiError> {
        self.require_available()?;
        if self.protection == "REPLICATING" && while_replicating == Reply::Conflict {
            return Err(wrong_state(format!(
                "{} is a replication destination",
                self.file_system_id
            )));
        }
        Ok(())
    }
}
