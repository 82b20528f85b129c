//! Every list of DRS that a function may need, read to its end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_drs::{
    operation::describe_source_servers::DescribeSourceServersOutput,
    types::{
        self, DataReplicationState, DescribeRecoveryInstancesRequestFilters,
        DescribeSourceServersRequestFilters, ExtensionStatus, JobStatus, RecoverySnapshotsOrder,
        ReplicationDirection,
    },
};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use super::{
    CONCURRENT_CALLS,
    client::Drs,
    model::{
        AccountSize, Direction, RecoveryInstance, RecoveryPoints, Server, ServerInJob,
        SourceServerId, Staging, State,
    },
};
use crate::{
    api::{CallRecord, FailedCall},
    arn::Arn,
    fault::FaultKind,
    guardrails::Tags,
    ids::{AwsInstanceId, EbsSnapshotId},
};

/// The most IDs that one filter of DescribeSourceServers or DescribeRecoveryInstances takes.
const IDS_PER_FILTER: usize = 200;

/// How many EBS snapshots are kept of the newest recovery points of a server. A point has one for
/// each disk, of which there may be 60, and a server has hundreds of points.
pub const EBS_SNAPSHOTS_KEPT: usize = 10;

/// How many servers a page is asked to hold. DRS has no upper bound; with 50 tags on each a page is
/// 5 MB.
const PAGE_SIZE: i32 = 250;

/// The error of an account and Region in which DRS was never initialised.
const UNINITIALIZED: &str = "UninitializedAccountException";

/// Which source servers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerFilter {
    /// All of the account and Region.
    All,
    /// Those with these IDs.
    Ids(Vec<SourceServerId>),
    /// Those that replicate this EC2 instance.
    Instance(AwsInstanceId),
}

/// What a list of source servers showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceServers {
    /// The servers that were to be kept, by ID.
    pub servers: Vec<Server>,
    /// How many were listed in all.
    pub size: AccountSize,
}

impl Drs {
    /// Lists source servers and keeps what `keep` leaves of each; `None` where DRS was never
    /// initialised, and so has no servers.
    ///
    /// An account may have 4,000 records with 50 tags each, which would not fit into a function's
    /// memory.
    ///
    /// # Errors
    ///
    /// The call and its fault; [`FaultKind::Unreadable`] for a record without an ID.
    pub async fn source_servers(
        &self,
        filter: &ServerFilter,
        keep: impl Fn(Server) -> Option<Server>,
        record: &CallRecord,
    ) -> Result<Option<SourceServers>, FailedCall> {
        // A record that moves between pages while it is listed may be seen twice; its ID makes it
        // one.
        let mut servers = BTreeMap::new();
        let mut connected = BTreeMap::new();

        for filter in sdk_filters(filter) {
            // All pages, always: a server on the second one is as real as on the first.
            let pages = self
                .client
                .describe_source_servers()
                .filters(filter)
                .max_results(PAGE_SIZE)
                .into_paginator()
                .stop_on_duplicate_token(false)
                .send();
            let read = |page: DescribeSourceServersOutput| {
                for item in page.items() {
                    let server = read_server(item).ok_or(FaultKind::Unreadable)?;
                    connected.insert(server.id.clone(), server.state != State::Disconnected);
                    if let Some(server) = keep(server) {
                        servers.insert(server.id.clone(), server);
                    }
                }
                Ok(())
            };

            let listed = self
                .api(record)
                .find_list(
                    "DescribeSourceServers",
                    &[UNINITIALIZED],
                    pages,
                    |page| page.next_token(),
                    read,
                )
                .await?;
            // An account that was never initialised has no servers, and that is no fault.
            if listed.is_none() {
                return Ok(None);
            }
        }

        Ok(Some(SourceServers {
            servers: servers.into_values().collect(),
            size: AccountSize {
                records: connected.len(),
                connected: connected.into_values().filter(|yes| *yes).count(),
            },
        }))
    }

    /// The recovery instances of these servers.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn recovery_instances(
        &self,
        ids: &[SourceServerId],
        record: &CallRecord,
    ) -> Result<Vec<RecoveryInstance>, FailedCall> {
        let mut instances = Vec::new();

        // DRS rejects a filter with more IDs.
        for ids in ids.chunks(IDS_PER_FILTER) {
            let filter = DescribeRecoveryInstancesRequestFilters::builder()
                .set_source_server_ids(Some(texts(ids)))
                .build();
            instances.extend(self.list_recovery_instances(Some(filter), record).await?);
        }

        Ok(instances)
    }

    /// The recovery instances of the account and Region.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn all_recovery_instances(
        &self,
        record: &CallRecord,
    ) -> Result<Vec<RecoveryInstance>, FailedCall> {
        self.list_recovery_instances(None, record).await
    }

    async fn list_recovery_instances(
        &self,
        filter: Option<DescribeRecoveryInstancesRequestFilters>,
        record: &CallRecord,
    ) -> Result<Vec<RecoveryInstance>, FailedCall> {
        let mut instances = Vec::new();
        // Without a filter DRS lists those of all servers.
        let pages = self
            .client
            .describe_recovery_instances()
            .set_filters(filter)
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();

        self.api(record)
            .list(
                "DescribeRecoveryInstances",
                pages,
                |page| page.next_token(),
                |page| {
                    instances.extend(page.items().iter().map(read_recovery_instance));
                    Ok(())
                },
            )
            .await?;

        Ok(instances)
    }

    /// The servers of every job that has not ended.
    ///
    /// DescribeJobs has no filter by server or by status.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn servers_in_jobs(
        &self,
        record: &CallRecord,
    ) -> Result<Vec<ServerInJob>, FailedCall> {
        let mut servers = Vec::new();
        let pages = self
            .client
            .describe_jobs()
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();

        self.api(record)
            .list(
                "DescribeJobs",
                pages,
                |page| page.next_token(),
                |page| {
                    servers.extend(page.items().iter().flat_map(servers_in_job));
                    Ok(())
                },
            )
            .await?;

        Ok(servers)
    }

    /// The recovery points of several servers, a few at once, in their order. Once there is no time
    /// any more, `has_time` says so, and the servers that are left are missing.
    pub async fn recovery_points_of<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a SourceServerId>,
        has_time: impl Fn() -> bool,
        record: &CallRecord,
    ) -> Vec<(&'a SourceServerId, Result<RecoveryPoints, FailedCall>)> {
        let has_time = &has_time;
        let reads = ids.into_iter().map(async |id| {
            if !has_time() {
                return None;
            }

            let own = CallRecord::default();
            let points = self.recovery_points(id, &own).await;
            Some((id, points, own))
        });
        let read: Vec<_> = stream::iter(reads)
            .buffered(CONCURRENT_CALLS)
            .collect()
            .await;

        // Merged in their order, whichever was answered first.
        read.into_iter()
            .flatten()
            .map(|(id, points, own)| {
                record.merge(own);
                (id, points)
            })
            .collect()
    }

    /// The recovery points of a server.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn recovery_points(
        &self,
        id: &SourceServerId,
        record: &CallRecord,
    ) -> Result<RecoveryPoints, FailedCall> {
        // A list of several pages may show one twice that has moved meanwhile.
        let mut ids = BTreeSet::new();
        let mut ebs_snapshots = Vec::new();
        let pages = self
            .client
            .describe_recovery_snapshots()
            .source_server_id(id.as_ref())
            // The newest first: AWS does not say which order is the default.
            .order(RecoverySnapshotsOrder::Desc)
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();

        self.api(record)
            .list(
                "DescribeRecoverySnapshots",
                pages,
                |page| page.next_token(),
                |page| {
                    for point in page.items() {
                        if ids.insert(point.snapshot_id().to_owned()) {
                            keep_snapshots(point, &mut ebs_snapshots);
                        }
                    }
                    Ok(())
                },
            )
            .await?;

        Ok(RecoveryPoints {
            count: ids.len(),
            ebs_snapshots,
        })
    }
}

/// Keeps the EBS snapshots of a recovery point, while there is room.
fn keep_snapshots(point: &types::RecoverySnapshot, kept: &mut Vec<EbsSnapshotId>) {
    let room = EBS_SNAPSHOTS_KEPT.saturating_sub(kept.len());
    let named = point.ebs_snapshots().iter();

    // They are evidence, and decide nothing: one that is not readable is no fault.
    let readable = named.filter_map(|id| EbsSnapshotId::try_from(id.clone()).ok());
    kept.extend(readable.take(room));
}

/// For how many seconds DRS has not seen the agent of each server; one of which DRS does not say it
/// is missing.
#[must_use]
pub fn silent_seconds(servers: &[Server], now: DateTime<Utc>) -> BTreeMap<SourceServerId, u64> {
    // A clock that is behind that of DRS makes an agent seen now, and not later.
    let since = |seen: DateTime<Utc>| (now - seen).num_seconds().try_into().unwrap_or(0);

    servers
        .iter()
        .filter_map(|server| Some((server.id.clone(), since(server.last_seen?))))
        .collect()
}

fn sdk_filters(filter: &ServerFilter) -> Vec<DescribeSourceServersRequestFilters> {
    let empty = DescribeSourceServersRequestFilters::builder;

    match filter {
        ServerFilter::All => vec![empty().build()],
        ServerFilter::Instance(id) => vec![empty().hardware_id(id.as_ref()).build()],
        ServerFilter::Ids(ids) => ids
            .chunks(IDS_PER_FILTER)
            .map(|ids| empty().set_source_server_ids(Some(texts(ids))).build())
            .collect(),
    }
}

fn texts(ids: &[SourceServerId]) -> Vec<String> {
    ids.iter().map(|id| id.as_ref().to_owned()).collect()
}

/// The servers that a job works on: none once it has ended, whatever its type; all of them in every
/// other state.
fn servers_in_job(job: &types::Job) -> Vec<ServerInJob> {
    let in_job = |server_id: Option<SourceServerId>| ServerInJob {
        job_id: Some(job.job_id().to_owned()).filter(|id| !id.is_empty()),
        server_id,
    };

    // A status of the future is not COMPLETED, and so counts as unfinished.
    if job.status() == Some(&JobStatus::Completed) {
        return Vec::new();
    }

    // One that names nothing at all may work on any server; one that names other resources, such as
    // networks, works on those.
    let servers = job.participating_servers();
    if servers.is_empty() && job.participating_resources().is_empty() {
        return vec![in_job(None)];
    }

    servers
        .iter()
        .map(|server| in_job(read_id(server.source_server_id())))
        .collect()
}

pub(super) fn read_id(text: Option<&str>) -> Option<SourceServerId> {
    SourceServerId::try_from(text?.to_owned()).ok()
}

/// Every member of the API's shape is optional; a record without a readable ID is `None`.
fn read_server(server: &types::SourceServer) -> Option<Server> {
    let owned = |text: Option<&str>| text.map(str::to_owned);

    // What identifies the machine, as its agent reported it.
    let hints = server
        .source_properties()
        .and_then(|properties| properties.identification_hints());
    // Where the machine runs, if it is an EC2 instance itself.
    let origin = server.source_cloud_properties();
    let replication = server.data_replication_info();
    let disks = replication
        .map(|info| info.replicated_disks())
        .unwrap_or_default();
    let cycle = server.life_cycle();
    let duration = cycle.and_then(|cycle| cycle.elapsed_replication_duration());
    let last_seen = cycle.and_then(|cycle| cycle.last_seen_by_service_date_time());
    let error = replication
        .and_then(|info| info.data_replication_error())
        .and_then(|error| error.error());
    let lag = replication.and_then(|info| info.lag_duration());
    let estimate = replication.and_then(|info| info.eta_date_time());

    Some(Server {
        id: read_id(server.source_server_id())?,
        arn: server
            .arn()
            .and_then(|arn| Arn::try_from(arn.to_owned()).ok()),
        aws_instance_id: owned(hints.and_then(|hints| hints.aws_instance_id())),
        hostname: owned(hints.and_then(|hints| hints.hostname())),
        fqdn: owned(hints.and_then(|hints| hints.fqdn())),
        origin_account_id: owned(origin.and_then(|origin| origin.origin_account_id())),
        origin_region: owned(origin.and_then(|origin| origin.origin_region())),
        state: read_state(replication.and_then(|info| info.data_replication_state())),
        direction: read_direction(server),
        reversed_by: owned(server.reversed_direction_source_server_arn()),
        staging: read_staging(server.staging_area()),
        extended_from: owned(
            server
                .staging_area()
                .and_then(|area| area.staging_source_server_arn()),
        ),
        recovery_instance_id: owned(server.recovery_instance_id()).filter(|id| !id.is_empty()),
        tags: read_tags(server.tags()),
        replicated_bytes: replicated_bytes(disks),
        replication_hours: duration.and_then(seconds_of).map(|seconds| seconds / 3600),
        last_seen: last_seen.and_then(|text| text.parse().ok()),
        lag_seconds: lag.and_then(seconds_of),
        replication_error: error.map(|error| error.as_str().to_owned()),
        staged_disks: disks
            .iter()
            .filter(|disk| disk.total_storage_bytes() > 0)
            .count(),
        // Some answers of AWS have an empty text for what is not there.
        has_lag: [lag, estimate]
            .into_iter()
            .flatten()
            .any(|text| !text.is_empty()),
    })
}

pub(super) fn read_tags(tags: Option<&HashMap<String, String>>) -> Tags {
    tags.cloned().into_iter().flatten().collect()
}

fn replicated_bytes(disks: &[types::DataReplicationInfoReplicatedDisk]) -> Option<i64> {
    disks
        .iter()
        .map(|disk| disk.replicated_storage_bytes())
        // Without disks there is no sum, and not zero bytes.
        .reduce(i64::saturating_add)
}

fn read_recovery_instance(instance: &types::RecoveryInstance) -> RecoveryInstance {
    RecoveryInstance {
        id: instance.recovery_instance_id().map(str::to_owned),
        source_server_id: read_id(instance.source_server_id()),
        is_drill: instance.is_drill() == Some(true),
    }
}

pub(super) fn read_state(state: Option<&DataReplicationState>) -> State {
    match state {
        Some(DataReplicationState::Disconnected) => State::Disconnected,
        // The SDK keeps unknown states as they are, so that they have to be sorted out here.
        Some(known) if DataReplicationState::values().contains(&known.as_str()) => {
            State::Connected(known.as_str().to_owned())
        }
        _ => State::Unknown,
    }
}

/// A server without a direction, or of no pair, replicates from its source: only failback and pairs
/// are marked.
fn read_direction(server: &types::SourceServer) -> Direction {
    // The ARN of the other server stays where the direction says nothing.
    let is_paired = server
        .reversed_direction_source_server_arn()
        .is_some_and(|arn| !arn.is_empty());

    // Failback counts before a pair: data flows back now.
    match server.replication_direction() {
        Some(ReplicationDirection::Failback) => Direction::Failback,
        _ if is_paired => Direction::ReversedPair,
        Some(ReplicationDirection::Failover) | None => Direction::Failover,
        Some(_) => Direction::Unknown,
    }
}

/// A server without a staging status is extended if it names a staging server all the same.
fn read_staging(area: Option<&types::StagingArea>) -> Staging {
    let names_staging_server = area
        .and_then(|area| area.staging_source_server_arn())
        .is_some_and(|arn| !arn.is_empty());

    // A status of the future is not taken for a known one.
    match area.and_then(|area| area.status()) {
        Some(ExtensionStatus::NotExtended) => Staging::Own,
        None if !names_staging_server => Staging::Own,
        Some(ExtensionStatus::Extended) | None => Staging::Extended,
        Some(ExtensionStatus::ExtensionError) => Staging::ExtensionError,
        Some(_) => Staging::Unknown,
    }
}

/// The seconds of an ISO 8601 duration such as `P30DT4H5M6S`. Years and months have no fixed length
/// and are not read.
fn seconds_of(duration: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    let mut number = String::new();
    let mut in_time = false;

    for character in duration.strip_prefix('P')?.chars() {
        match character {
            '0'..='9' | '.' => number.push(character),
            'T' => in_time = true,
            // A unit ends its number; fractions are cut off.
            unit => {
                let whole: u64 = number.split('.').next()?.parse().ok()?;
                seconds = seconds.checked_add(whole.checked_mul(seconds_in(unit, in_time)?)?)?;
                number.clear();
            }
        }
    }

    number.is_empty().then_some(seconds)
}

fn seconds_in(unit: char, in_time: bool) -> Option<u64> {
    // `M` is a month before the `T`, and a minute after it.
    match (unit, in_time) {
        ('W', false) => Some(7 * 24 * 3600),
        ('D', false) => Some(24 * 3600),
        ('H', true) => Some(3600),
        ('M', true) => Some(60),
        ('S', true) => Some(1),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A server of which AWS gives the ID and nothing else.
    pub(crate) fn bare_server() -> Server {
        let server = types::SourceServer::builder()
            .source_server_id("s-0123456789abcdef0")
            .build();
        read_server(&server).unwrap()
    }

    #[test]
    fn a_job_works_on_all_of_its_servers_until_it_has_ended() {
        let ids = [
            "s-00000000000000001",
            "s-00000000000000002",
            "s-00000000000000003",
        ];
        let servers = ids.map(|id| {
            types::ParticipatingServer::builder()
                .source_server_id(id)
                .build()
        });
        let job = |kind: &str, status: Option<&str>| {
            let job = types::Job::builder()
                .job_id("drsjob-00000000000000001")
                .r#type(kind.into());
            let job = job
                .set_status(status.map(JobStatus::from))
                .set_participating_servers(Some(servers.to_vec()));
            servers_in_job(&job.build().unwrap())
                .into_iter()
                .filter_map(|in_job| in_job.server_id)
                .map(|id| id.to_string())
                .collect::<Vec<_>>()
        };
        for kind in [
            "LAUNCH",
            "TERMINATE",
            "CREATE_CONVERTED_SNAPSHOT",
            "HIBERNATE",
        ] {
            for status in [Some("PENDING"), Some("STARTED"), Some("RESTING"), None] {
                assert_eq!(job(kind, status), ids, "{kind} {status:?}");
            }
            assert_eq!(job(kind, Some("COMPLETED")), [""; 0], "{kind}");
        }
    }

    #[test]
    fn a_job_that_names_nothing_may_work_on_any_server_and_one_of_networks_on_none() {
        let job = || {
            types::Job::builder()
                .job_id("drsjob-00000000000000001")
                .status(JobStatus::Started)
        };
        let network = types::ParticipatingResource::builder().build();

        let unnamed = servers_in_job(&job().build().unwrap());
        assert_eq!(unnamed.len(), 1);
        assert_eq!(unnamed[0].server_id, None);
        let of_network = job().participating_resources(network).build().unwrap();
        assert_eq!(servers_in_job(&of_network), []);
        let ended = job().status(JobStatus::Completed).build().unwrap();
        assert_eq!(servers_in_job(&ended), []);
    }

    #[test]
    fn durations_are_read_in_seconds() {
        let cases = [
            ("PT1H", Some(3600)),
            ("P30DT4H5M6S", Some(2_606_706)),
            ("P1W", Some(604_800)),
            ("PT0.5S", Some(0)),
            ("PT7200S", Some(7200)),
            ("PT90M3000S", Some(8400)),
            ("P1Y", None),
            ("P1M", None),
            ("1H", None),
            ("PT5", None),
            ("PT99999999999999999999H", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_server_with_no_members_but_its_id_is_of_unknown_state() {
        let server = bare_server();
        assert_eq!((server.state, server.arn), (State::Unknown, None));
    }

    #[test]
    fn a_recovery_instance_that_only_the_record_names_is_read() {
        let named = |id: &str| {
            let found = types::SourceServer::builder()
                .source_server_id("s-0123456789abcdef0")
                .recovery_instance_id(id);
            read_server(&found.build()).unwrap().recovery_instance_id
        };
        assert_eq!(
            (named("i-0abc1234").as_deref(), named("")),
            (Some("i-0abc1234"), None)
        );
    }

    #[test]
    fn a_state_of_the_future_is_not_taken_for_a_known_one() {
        assert_eq!(
            read_state(Some(&DataReplicationState::from("RESURRECTED"))),
            State::Unknown
        );
        assert_eq!(
            read_state(Some(&DataReplicationState::Stalled)),
            State::Connected("STALLED".to_owned())
        );
        let area = |status: &str| types::StagingArea::builder().status(status.into()).build();
        assert_eq!(read_staging(Some(&area("SHARED"))), Staging::Unknown);
        assert_eq!(read_staging(Some(&area("NOT_EXTENDED"))), Staging::Own);
        let unsaid = types::StagingArea::builder()
            .staging_source_server_arn("arn")
            .build();
        assert_eq!(
            (read_staging(Some(&unsaid)), read_staging(None)),
            (Staging::Extended, Staging::Own)
        );
    }
}
