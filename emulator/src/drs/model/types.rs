//! The resources of DRS. A world file has them in the same shape.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// DRS of the account, by Region. A Region in which DRS was never initialised is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Model {
    /// The Regions in which DRS is initialised.
    pub regions: BTreeMap<String, Drs>,
}

/// DRS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Drs {
    /// The records of all source servers.
    pub source_servers: Vec<SourceServer>,
    /// All recovery instances.
    pub recovery_instances: Vec<RecoveryInstance>,
    /// All jobs.
    pub jobs: Vec<Job>,
    /// The IDs of deleted servers and jobs. They are never assigned again.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
    /// The IDs of resources that lost all their tags. The Resource Groups Tagging API lists them,
    /// and none that never had tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub untagged: BTreeSet<String>,
}

/// The record of a source server. Only its ID is required; everything else defaults to a healthy
/// server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceServer {
    /// `s-` and 17 letters or digits.
    #[serde(rename = "sourceServerID")]
    pub id: String,
    /// The name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The name of the host with its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// The ID of the EC2 instance, if the server is one.
    #[serde(
        rename = "awsInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub aws_instance_id: Option<String>,
    /// The account of the EC2 instance.
    #[serde(
        rename = "originAccountID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub origin_account_id: Option<String>,
    /// The Region of the EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_region: Option<String>,
    /// The replication state, as the API spells it.
    #[serde(default = "continuous")]
    pub data_replication_state: String,
    /// The code of its replication error, as the API spells it; by default that of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_replication_error: Option<String>,
    /// By how many seconds the replica lags; by default none if it is CONTINUOUS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u32>,
    /// FAILOVER or FAILBACK.
    #[serde(default = "failover")]
    pub replication_direction: String,
    /// The server that replicates in the opposite direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_direction_source_server_arn: Option<String>,
    /// NOT_EXTENDED, EXTENDED or EXTENSION_ERROR.
    #[serde(default = "not_extended")]
    pub staging_status: String,
    /// For an extended server, the server of the staging account whose replication it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_source_server_arn: Option<String>,
    /// The recovery instance that the record names.
    #[serde(
        rename = "recoveryInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub recovery_instance_id: Option<String>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The size of its only disk, which is fully replicated.
    #[serde(default = "hundred_gibibytes")]
    pub disk_bytes: u64,
    /// How much of it is replicated, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicated_bytes: Option<u64>,
    /// The maximum number of recovery points: one every ten minutes for an hour, then one an hour
    /// for a day, then one a day.
    #[serde(default = "a_week_of_points")]
    pub recovery_points: u32,
    /// When the first byte was replicated; by default when replication last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_at: Option<DateTime<Utc>>,
    /// When replication last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicating_since: Option<DateTime<Utc>>,
    /// When the staging resources are gone, its recovery points among them. A disconnect sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_gone_at: Option<DateTime<Utc>>,
    /// When the agent was last seen, where something keeps it from reaching DRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_unreachable_since: Option<DateTime<Utc>>,
    /// When the agent of an imported server was last seen, if nothing keeps it from reaching DRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_seen_at: Option<DateTime<Utc>>,
    /// When the agent is uninstalled. A disconnect sets it, if it can reach DRS.
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
    /// The state of the failback from it.
    #[serde(default = "failback_not_started")]
    pub failback_state: String,
    /// Whether its agent was disconnected.
    #[serde(default)]
    pub disconnected: bool,
    /// The tags.
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
    /// The initiator, as the API spells it.
    pub initiated_by: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// A status set from outside, such as one that the API does not have yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_status: Option<String>,
    /// The servers that it works on.
    #[serde(rename = "sourceServerIDs")]
    pub source_server_ids: Vec<String>,
    /// The recovery instances that it terminates.
    #[serde(rename = "recoveryInstanceIDs", default)]
    pub recovery_instance_ids: Vec<String>,
    /// What else it works on, such as networks, as the API spells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participating_resources: Vec<Value>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl SourceServer {
    /// A healthy server.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            hostname: None,
            fqdn: None,
            aws_instance_id: None,
            origin_account_id: None,
            origin_region: None,

            data_replication_state: continuous(),
            data_replication_error: None,
            lag_seconds: None,
            replication_direction: failover(),
            reversed_direction_source_server_arn: None,
            staging_status: not_extended(),
            staging_source_server_arn: None,
            recovery_instance_id: None,
            tags: BTreeMap::new(),

            disk_bytes: hundred_gibibytes(),
            replicated_bytes: None,
            recovery_points: a_week_of_points(),
            first_byte_at: None,
            replicating_since: None,
            staging_gone_at: None,
            agent_unreachable_since: None,
            agent_seen_at: None,
            agent_gone_at: None,
        }
    }

    /// The same server with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }
}

fn continuous() -> String {
    "CONTINUOUS".to_owned()
}

fn failover() -> String {
    "FAILOVER".to_owned()
}

fn not_extended() -> String {
    "NOT_EXTENDED".to_owned()
}

fn running() -> String {
    "RUNNING".to_owned()
}

fn failback_not_started() -> String {
    "FAILBACK_NOT_STARTED".to_owned()
}

fn hundred_gibibytes() -> u64 {
    100 << 30
}

/// 6 of the last hour, 24 of the last day and 7 of the last week.
pub(super) fn a_week_of_points() -> u32 {
    37
}
