//! What DRS answers, and the resources of a world that are made of it.
//!
//! A member that a world cannot do without is required. One that AWS may leave out, and that means
//! the same when it is absent, is not.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Job, RecoveryInstance, SourceServer};
use serde::Deserialize;
use serde_json::Value;

use super::value::{Duration, Time};

/// A list of DRS.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
    pub(super) next_token: Option<String>,
}

/// A source server as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribedServer {
    #[serde(rename = "sourceServerID")]
    id: String,
    pub(super) arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    data_replication_info: ReplicationInfo,
    life_cycle: Option<LifeCycle>,
    source_properties: Option<Properties>,
    source_cloud_properties: Option<CloudProperties>,
    staging_area: Option<StagingArea>,
    replication_direction: Option<String>,
    reversed_direction_source_server_arn: Option<String>,
    recovery_instance_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicationInfo {
    data_replication_state: String,
    data_replication_error: Option<ReplicationError>,
    lag_duration: Option<Duration>,
    replicated_disks: Option<Vec<ReplicatedDisk>>,
}

#[derive(Deserialize)]
struct ReplicationError {
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicatedDisk {
    total_storage_bytes: Option<u64>,
    replicated_storage_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifeCycle {
    elapsed_replication_duration: Option<Duration>,
    first_byte_date_time: Option<Time>,
    last_seen_by_service_date_time: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    identification_hints: Option<Hints>,
    disks: Option<Vec<Disk>>,
}

#[derive(Deserialize, Default)]
struct Hints {
    hostname: Option<String>,
    fqdn: Option<String>,
    #[serde(rename = "awsInstanceID")]
    aws_instance_id: Option<String>,
}

#[derive(Deserialize)]
struct Disk {
    bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloudProperties {
    #[serde(rename = "originAccountID")]
    origin_account_id: Option<String>,
    origin_region: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StagingArea {
    status: Option<String>,
    staging_source_server_arn: Option<String>,
}

impl DescribedServer {
    /// The server, at the time when it was described.
    pub(super) fn into_server(self, now: DateTime<Utc>) -> SourceServer {
        // What no answer says is set to what shows nothing, and not to what is healthy.
        let mut server = SourceServer::new(&self.id);
        let (disk_bytes, replicated_bytes) = self.sizes();
        server.first_byte_at = self.life_cycle.as_ref().and_then(|it| it.first_byte(now));
        let seen = self.last_seen(now);
        match self.is_silent(seen, now) {
            true => server.agent_unreachable_since = seen,
            false => server.agent_seen_at = seen,
        }
        server.lag_seconds = self.data_replication_info.lag();
        server.data_replication_error = self.data_replication_info.error();
        server.data_replication_state = self.data_replication_info.data_replication_state;
        server.tags = self.tags.unwrap_or_default();

        let hints = self
            .source_properties
            .and_then(|it| it.identification_hints);
        let hints = hints.unwrap_or_default();
        (server.hostname, server.fqdn) = (hints.hostname, hints.fqdn);
        server.aws_instance_id = hints.aws_instance_id;
        if let Some(origin) = self.source_cloud_properties {
            server.origin_account_id = origin.origin_account_id;
            server.origin_region = origin.origin_region;
        }

        // Only failback, pairs and extended servers are marked.
        if let Some(direction) = self.replication_direction {
            server.replication_direction = direction;
        }
        server.reversed_direction_source_server_arn = self.reversed_direction_source_server_arn;
        server.recovery_instance_id = self.recovery_instance_id.filter(|id| !id.is_empty());
        if let Some(staging) = self.staging_area {
            server.staging_source_server_arn = staging.staging_source_server_arn;
            let is_extended = server.staging_source_server_arn.is_some();
            let unsaid = if is_extended {
                "EXTENDED"
            } else {
                "NOT_EXTENDED"
            };
            server.staging_status = staging.status.unwrap_or_else(|| unsaid.to_owned());
        }

        (server.disk_bytes, server.replicated_bytes) = (disk_bytes, replicated_bytes);
        // What no answer counted is not believed: only a call for each server shows it.
        server.recovery_points = 0;
        server
    }

    /// The size of all disks, and how much of it is replicated, if not all. 0 is an unknown size.
    fn sizes(&self) -> (u64, Option<u64>) {
        let info = &self.data_replication_info;
        // A disconnect sets the sizes of what was replicated to zero, and leaves the machine's.
        if info.data_replication_state == "DISCONNECTED" {
            let disks = self
                .source_properties
                .iter()
                .filter_map(|it| it.disks.as_ref());
            let sizes = disks.flatten().map(|disk| disk.bytes);
            return (sum(sizes).unwrap_or_default(), None);
        }

        let disks = || info.replicated_disks.iter().flatten();
        let total = sum(disks().map(|disk| disk.total_storage_bytes));
        let done = sum(disks().map(|disk| disk.replicated_storage_bytes));
        match (total, done) {
            (Some(total), Some(done)) => (total, Some(done).filter(|done| *done != total)),
            _ => (0, None),
        }
    }

    /// When its agent was last seen.
    fn last_seen(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Time(seen) = self.life_cycle.as_ref()?.last_seen_by_service_date_time?;
        Some(seen.min(now))
    }

    /// Whether something keeps its agent from reaching DRS.
    fn is_silent(&self, seen: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let info = &self.data_replication_info;
        let is_missed = info.error().as_deref() == Some("AGENT_NOT_SEEN");

        // Whatever is said of it, an agent that talks is seen every few minutes, until a disconnect.
        let is_old = seen.is_some_and(|seen| now - seen > TimeDelta::minutes(15));
        is_missed || is_old && info.data_replication_state != "DISCONNECTED"
    }
}

impl ReplicationInfo {
    /// The code of the replication error.
    fn error(&self) -> Option<String> {
        self.data_replication_error.as_ref()?.error.clone()
    }

    /// By how many seconds the replica lags.
    fn lag(&self) -> Option<u32> {
        let Duration(lag) = self.lag_duration?;
        u32::try_from(lag.num_seconds()).ok()
    }
}

/// The sum of sizes; `None` if one of them is not known.
fn sum(mut sizes: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    sizes.try_fold(0_u64, |sum, size| sum.checked_add(size?))
}

impl LifeCycle {
    /// When replication began, so that it has lasted as long as is said.
    fn first_byte(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Without a duration nothing is said of how long it has lasted.
        let Duration(elapsed) = self.elapsed_replication_duration?;
        let fits = |first: &DateTime<Utc>| (now - first).num_hours() == elapsed.num_hours();

        // The date is exact, and the duration counts: an interrupted replication is shorter.
        let first = self.first_byte_date_time.map(|Time(first)| first);
        first
            .filter(fits)
            .or_else(|| now.checked_sub_signed(elapsed))
    }
}

/// A recovery instance as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribedInstance {
    #[serde(rename = "recoveryInstanceID")]
    id: String,
    #[serde(rename = "sourceServerID")]
    source_server_id: String,
    pub(super) arn: Option<String>,
    is_drill: Option<bool>,
    ec2_instance_state: String,
    failback: Failback,
    data_replication_info: Option<InstanceReplicationInfo>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Failback {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceReplicationInfo {
    data_replication_state: Option<String>,
}

impl DescribedInstance {
    pub(super) fn into_instance(self) -> RecoveryInstance {
        // It replicates only for a failback.
        let state = self.data_replication_info;
        let state = state.and_then(|info| info.data_replication_state);

        RecoveryInstance {
            id: self.id,
            source_server_id: self.source_server_id,
            // An instance that is not for a drill counts for more.
            is_drill: self.is_drill.unwrap_or_default(),
            ec2_instance_state: self.ec2_instance_state,
            failback_state: self.failback.state,
            disconnected: state.as_deref() == Some("DISCONNECTED"),
            tags: self.tags.unwrap_or_default(),
        }
    }
}

/// A job as it is described.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribedJob {
    #[serde(rename = "jobID")]
    id: String,
    pub(super) arn: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    initiated_by: String,
    creation_date_time: Time,
    end_date_time: Option<Time>,
    status: String,
    participating_servers: Option<Vec<Participant>>,
    participating_resources: Option<Vec<Value>>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Participant {
    #[serde(rename = "sourceServerID")]
    source_server_id: String,
    #[serde(rename = "recoveryInstanceID")]
    recovery_instance_id: Option<String>,
}

impl DescribedJob {
    /// The job, at the time when it was described.
    pub(super) fn into_job(self, now: DateTime<Utc>) -> Job {
        let created_at = self.creation_date_time.0;
        // Nobody knows when a running job will end.
        let ends_at = self.end_date_time.map_or(now, |Time(end)| end);
        let participants = self.participating_servers.unwrap_or_default();
        let instances = participants
            .iter()
            .map(|it| it.recovery_instance_id.clone());
        // They are in the order of the servers, so one that is missing would move the others.
        let recovery_instance_ids: Option<Vec<String>> = instances.collect();

        let mut job = Job {
            id: self.id,
            kind: self.kind,
            initiated_by: self.initiated_by,
            created_at,
            ends_at: ends_at.max(created_at),
            ordered_status: None,
            source_server_ids: participants
                .into_iter()
                .map(|it| it.source_server_id)
                .collect(),
            recovery_instance_ids: recovery_instance_ids.unwrap_or_default(),
            participating_resources: self.participating_resources.unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
        };
        // What is said holds until somebody says otherwise.
        if self.status != "COMPLETED" || job.status(now) != self.status {
            job.ordered_status = Some(self.status);
        }
        job
    }
}

/// A recovery point, which the API calls a recovery snapshot.
#[derive(Deserialize)]
pub(super) struct DescribedSnapshot {
    #[serde(rename = "snapshotID")]
    pub(super) id: String,
    #[serde(rename = "sourceServerID")]
    pub(super) source_server_id: String,
}
