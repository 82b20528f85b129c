//! The resources of DRS, as a world file has them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// DRS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Drs {
    /// All records of source servers.
    pub source_servers: Vec<SourceServer>,
    /// All recovery instances.
    pub recovery_instances: Vec<RecoveryInstance>,
    /// All jobs.
    pub jobs: Vec<Job>,
    /// The IDs of the servers and jobs that were deleted: no other ever has them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
}

/// The record of a source server. Only its ID is needed; the rest has the values of a healthy
/// server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceServer {
    /// `s-` and 17 letters or digits.
    #[serde(rename = "sourceServerID")]
    pub id: String,
    /// The host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The host's name with its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// The EC2 instance, if it is one.
    #[serde(
        rename = "awsInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub aws_instance_id: Option<String>,
    /// The account of the instance.
    #[serde(
        rename = "originAccountID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub origin_account_id: Option<String>,
    /// The Region of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_region: Option<String>,
    /// The replication state, as the API spells it.
    #[serde(default = "continuous")]
    pub data_replication_state: String,
    /// FAILOVER or FAILBACK.
    #[serde(default = "failover")]
    pub replication_direction: String,
    /// The server that replicates the other way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_direction_source_server_arn: Option<String>,
    /// NOT_EXTENDED, EXTENDED or EXTENSION_ERROR.
    #[serde(default = "not_extended")]
    pub staging_status: String,
    /// Of an extended server: the server of a staging account whose replication it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_source_server_arn: Option<String>,
    /// The recovery instance that the record names.
    #[serde(
        rename = "recoveryInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub recovery_instance_id: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The size of its one disk; replicated in full.
    #[serde(default = "hundred_gibibytes")]
    pub disk_bytes: u64,
    /// How many recovery points it has at most: every ten minutes of an hour, then every hour of a
    /// day, then every day of a week.
    #[serde(default = "a_week_of_points")]
    pub recovery_points: u32,
    /// When its replication began, for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicating_since: Option<DateTime<Utc>>,
    /// When its staging resources will be gone; set by a disconnect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_gone_at: Option<DateTime<Utc>>,
    /// When its agent will have been uninstalled; set by a disconnect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_gone_at: Option<DateTime<Utc>>,
}

/// A recovery instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecoveryInstance {
    /// `i-` and hexadecimal digits.
    #[serde(rename = "recoveryInstanceID")]
    pub id: String,
    /// The server that it was launched for.
    #[serde(rename = "sourceServerID")]
    pub source_server_id: String,
    /// Whether it was launched for a drill.
    #[serde(default)]
    pub is_drill: bool,
    /// The state of the EC2 instance.
    #[serde(default = "running")]
    pub ec2_instance_state: String,
    /// The state of a failback from it.
    #[serde(default = "failback_not_started")]
    pub failback_state: String,
    /// Whether its agent was disconnected.
    #[serde(default)]
    pub disconnected: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Job {
    /// `drsjob-` and 17 letters or digits.
    #[serde(rename = "jobID")]
    pub id: String,
    /// LAUNCH, TERMINATE or CREATE_CONVERTED_SNAPSHOT.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who began it, as the API spells it.
    pub initiated_by: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was deleted or will have ended.
    pub ends_at: DateTime<Utc>,
    /// The servers that it works on.
    #[serde(rename = "sourceServerIDs")]
    pub source_server_ids: Vec<String>,
    /// The recovery instances that it terminates.
    #[serde(rename = "recoveryInstanceIDs", default)]
    pub recovery_instance_ids: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

pub(crate) fn continuous() -> String {
    "CONTINUOUS".to_owned()
}

pub(crate) fn failover() -> String {
    "FAILOVER".to_owned()
}

pub(crate) fn not_extended() -> String {
    "NOT_EXTENDED".to_owned()
}

pub(crate) fn running() -> String {
    "RUNNING".to_owned()
}

pub(crate) fn failback_not_started() -> String {
    "FAILBACK_NOT_STARTED".to_owned()
}

pub(crate) fn hundred_gibibytes() -> u64 {
    100 << 30
}

/// Six of the last hour, 24 of the last day, seven of the last week.
pub(crate) fn a_week_of_points() -> u32 {
    37
}
