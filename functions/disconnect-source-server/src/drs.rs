//! `observe` and `execute`: the only file that speaks to DRS.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_drs::{
    Client, Config,
    error::{ProvideErrorMetadata, SdkError},
    operation::disconnect_source_server::DisconnectSourceServerOutput,
    types::{
        self, DataReplicationState, DescribeRecoveryInstancesRequestFilters,
        DescribeSourceServersRequestFilters, ExtensionStatus, JobStatus, ReplicationDirection,
    },
};
use futures_util::{StreamExt, stream};
use shared::{
    Call, Fault, FaultKind, Invocation, RateLimiter, api::merge, pages::Pages,
    rate_limit::Throttles,
};

use crate::{
    command::{Command, SourceServerId, Target},
    plan::{self, Found, Step},
    policy::Policy,
    snapshot::{AccountSize, Direction, RecoveryInstance, Server, Snapshot, Staging, State},
};

/// The most IDs that one filter of DescribeSourceServers or DescribeRecoveryInstances takes.
const IDS_IN_A_FILTER: usize = 200;
/// How many servers a page is asked to hold. DRS has no upper bound; with 50 tags on each a page is
/// 5 MB.
const PAGE_SIZE: i32 = 250;
/// How many calls are under way at once. DRS publishes no limit; this is far below what its console
/// makes.
pub(crate) const CALLS_AT_ONCE: usize = 8;
/// How many calls one after the other a look is, where every list has one page.
pub(crate) const CALLS_PER_OBSERVATION: usize = 3;
/// How many calls one after the other are kept free where recovery points are counted: the two
/// steps of a target with a look after each, without which nothing is begun.
const CALLS_BESIDE_COUNTS: usize = 4;

/// DRS as one process speaks to it: a client with its connections, and one pace for all that is
/// called.
#[derive(Debug)]
pub struct Drs {
    client: Client,
    pace: RateLimiter,
}

impl Drs {
    /// DRS by way of a client with this configuration.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        let pace = RateLimiter::default();
        let config = config
            .into()
            .to_builder()
            .interceptor(pace.clone())
            .retry_classifier(Throttles);
        Self {
            client: Client::from_conf(config.build()),
            pace,
        }
    }

    /// A call that changes nothing and answers little. Only the connection that it leaves open is
    /// of use.
    pub async fn warm_up(&self) {
        let _ = self.client.describe_jobs().max_results(1).send().await;
    }
}

/// Looks at everything that the plan for a request depends on.
///
/// # Errors
///
/// The [`Fault`] of the first call that failed: an unread list is never taken for an empty one.
/// `calls` gets every call, also the failed one.
pub async fn observe(
    drs: &Drs,
    command: &Command,
    policy: &Policy,
    invocation: Invocation,
    calls: &mut Vec<Call>,
) -> Result<Snapshot, Fault> {
    let count = plan::needs_count(command, policy);
    let named = |server: &Server| {
        command
            .targets
            .iter()
            .any(|target| plan::has_name(target, server))
    };
    let seen = servers(drs, &filters(command, count), named, calls).await?;
    let Some((servers, size)) = seen else {
        return Ok(Snapshot::default());
    };
    let account = count.then_some(size);
    let matched = matched(command, &servers);
    let mut snapshot = Snapshot {
        servers,
        account,
        initialised: true,
        ..Snapshot::default()
    };
    if matched.is_empty() {
        return Ok(snapshot);
    }
    // One after the other, since calls at once would each want a connection. What servers are in
    // use for comes last: it changes by itself.
    let candidates = plan::plan(command, &snapshot, policy).disconnects();
    snapshot.recovery_points = recovery_points(drs, &candidates, invocation, calls).await;
    // Jobs first: one that ends in between has left its instance for the second list.
    snapshot.servers_in_jobs = servers_in_jobs(drs, calls).await?;
    snapshot.recovery_instances = recovery_instances(drs, &matched, calls).await?;
    Ok(snapshot)
}

/// Reads the servers with these IDs again and puts them in the place of what was seen of them
/// before.
///
/// # Errors
///
/// The [`Fault`] of the call; `snapshot` is unchanged then.
pub async fn read_back(
    drs: &Drs,
    ids: &[SourceServerId],
    snapshot: &mut Snapshot,
    calls: &mut Vec<Call>,
) -> Result<(), Fault> {
    let seen = servers(drs, &by_ids(ids), |_| true, calls).await?;
    // An account with servers was initialised; an answer that it was not tells nothing of them.
    snapshot.initialised = seen.is_some();
    snapshot.servers.retain(|server| !ids.contains(&server.id));
    snapshot
        .servers
        .extend(seen.into_iter().flat_map(|(servers, _)| servers));
    Ok(())
}

/// Makes the one call that a step is, and says whether AWS's answer shows the server disconnected
/// and else as it was seen.
///
/// # Errors
///
/// The [`Fault`] of the call. Whether it had an effect all the same is for a read to tell.
pub async fn execute(
    drs: &Drs,
    step: Step,
    server: &Server,
    approval_tag: &str,
) -> (Call, Result<bool, Fault>) {
    let id = server.id.as_ref();
    drs.pace.acquire().await;
    let (operation, result) = match step {
        Step::Disconnect => {
            let answer = drs
                .client
                .disconnect_source_server()
                .source_server_id(id)
                .send()
                .await;
            let told = answer.map(|answer| tells_disconnected(&answer, server));
            (
                "DisconnectSourceServer",
                told.map_err(|error| Fault::from_sdk(&error)),
            )
        }
        Step::ConsumeApproval => {
            let answer = drs
                .client
                .untag_resource()
                .resource_arn(&server.arn)
                .tag_keys(approval_tag)
                .send()
                .await;
            (
                "UntagResource",
                answer
                    .map(|_| false)
                    .map_err(|error| Fault::from_sdk(&error)),
            )
        }
        Step::Delete => {
            let answer = drs
                .client
                .delete_source_server()
                .source_server_id(id)
                .send()
                .await;
            (
                "DeleteSourceServer",
                answer
                    .map(|_| false)
                    .map_err(|error| Fault::from_sdk(&error)),
            )
        }
    };
    (Call::new(operation, 1, result.as_ref().err()), result)
}

/// The server in the answer is the one that was seen, now DISCONNECTED, and nobody has changed its
/// tags meanwhile.
fn tells_disconnected(answer: &DisconnectSourceServerOutput, server: &Server) -> bool {
    let replication = answer.data_replication_info();
    answer.source_server_id() == Some(server.id.as_ref())
        && state(replication.and_then(|replication| replication.data_replication_state()))
            == State::Disconnected
        && tags(answer.tags()) == server.tags
}

/// The narrowest filters that serve: by ID, by instance, or none where a name has no filter or a
/// count is needed.
fn filters(command: &Command, count: bool) -> Vec<DescribeSourceServersRequestFilters> {
    let everything = || vec![DescribeSourceServersRequestFilters::builder().build()];
    if count {
        return everything();
    }
    let id = |target: &Target| {
        target
            .source_server
            .as_ref()
            .map(|source_server| source_server.id.clone())
    };
    if let Some(ids) = command.targets.iter().map(id).collect::<Option<Vec<_>>>() {
        return by_ids(&ids);
    }
    match command.targets.as_slice() {
        [
            Target {
                aws_instance_id: Some(id),
                ..
            },
        ] => {
            vec![
                DescribeSourceServersRequestFilters::builder()
                    .hardware_id(id.as_ref())
                    .build(),
            ]
        }
        _ => everything(),
    }
}

fn by_ids(ids: &[SourceServerId]) -> Vec<DescribeSourceServersRequestFilters> {
    let filter = |ids: &[SourceServerId]| {
        let ids = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        DescribeSourceServersRequestFilters::builder()
            .set_source_server_ids(Some(ids))
            .build()
    };
    ids.chunks(IDS_IN_A_FILTER).map(filter).collect()
}

/// All pages of all filters, of which only those servers are kept that are wanted, and how many
/// there are in all; `None` where DRS was never initialised, and so has no servers.
///
/// An account may have 4,000 records with 50 tags each, which would not fit into the function's
/// memory.
async fn servers(
    drs: &Drs,
    filters: &[DescribeSourceServersRequestFilters],
    wanted: impl Fn(&Server) -> bool,
    calls: &mut Vec<Call>,
) -> Result<Option<(Vec<Server>, AccountSize)>, Fault> {
    // A record that moves from page to page while it is listed may be seen twice; by its ID it is
    // one.
    let (mut servers, mut connected) = (BTreeMap::new(), BTreeMap::new());
    for filter in filters {
        let mut pages = Pages::of("DescribeSourceServers");
        let request = drs
            .client
            .describe_source_servers()
            .filters(filter.clone())
            .max_results(PAGE_SIZE);
        let mut answers = request
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();
        while let Some(answer) = pages.next(&drs.pace, answers.next()).await {
            if is_uninitialised(&answer) {
                pages.end(calls, "UninitializedAccountException");
                return Ok(None);
            }
            let page = pages.turn(answer, calls, |page| page.next_token())?;
            for item in page.items.unwrap_or_default() {
                let server = server(&item)
                    .ok_or_else(|| pages.fail(Fault::of(FaultKind::Unreadable), calls))?;
                connected.insert(server.id.clone(), server.state != State::Disconnected);
                if wanted(&server) {
                    servers.insert(server.id.clone(), server);
                }
            }
        }
        pages.end(calls, "ok");
    }
    let size = AccountSize {
        records: connected.len(),
        connected: connected.into_values().filter(|yes| *yes).count(),
    };
    Ok(Some((servers.into_values().collect(), size)))
}

fn is_uninitialised<T, E: ProvideErrorMetadata, R>(answer: &Result<T, SdkError<E, R>>) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| error.code() == Some("UninitializedAccountException"))
}

async fn recovery_instances(
    drs: &Drs,
    ids: &[SourceServerId],
    calls: &mut Vec<Call>,
) -> Result<Vec<RecoveryInstance>, Fault> {
    let mut instances = Vec::new();
    for ids in ids.chunks(IDS_IN_A_FILTER) {
        let ids = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let filter = DescribeRecoveryInstancesRequestFilters::builder()
            .set_source_server_ids(Some(ids))
            .build();
        let mut pages = Pages::of("DescribeRecoveryInstances");
        let mut answers = drs
            .client
            .describe_recovery_instances()
            .filters(filter)
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();
        while let Some(answer) = pages.next(&drs.pace, answers.next()).await {
            let page = pages.turn(answer, calls, |page| page.next_token())?;
            instances.extend(page.items.unwrap_or_default().iter().map(recovery_instance));
        }
        pages.end(calls, "ok");
    }
    Ok(instances)
}

/// The servers of every job that has not ended. DescribeJobs knows no filter by server or by
/// status.
async fn servers_in_jobs(
    drs: &Drs,
    calls: &mut Vec<Call>,
) -> Result<Vec<Option<SourceServerId>>, Fault> {
    let mut ids = Vec::new();
    let mut pages = Pages::of("DescribeJobs");
    let mut answers = drs
        .client
        .describe_jobs()
        .into_paginator()
        .stop_on_duplicate_token(false)
        .send();
    while let Some(answer) = pages.next(&drs.pace, answers.next()).await {
        let page = pages.turn(answer, calls, |page| page.next_token())?;
        ids.extend(
            page.items
                .unwrap_or_default()
                .iter()
                .flat_map(servers_in_job),
        );
    }
    pages.end(calls, "ok");
    Ok(ids)
}

/// The servers that a job works on: none once it has ended, whatever its type; all of them in every
/// other state.
fn servers_in_job(job: &types::Job) -> Vec<Option<SourceServerId>> {
    if job.status() == Some(&JobStatus::Completed) {
        return Vec::new();
    }
    job.participating_servers()
        .iter()
        .map(|server| id(server.source_server_id()))
        .collect()
}

/// Counts the recovery points that disconnects would destroy.
///
/// They are evidence and decide nothing, so a server whose count failed is left out, and the report
/// says that the number is not known. So is one for which there is no time, with every call of the
/// rest at its slowest.
async fn recovery_points(
    drs: &Drs,
    ids: &[SourceServerId],
    invocation: Invocation,
    calls: &mut Vec<Call>,
) -> BTreeMap<SourceServerId, usize> {
    let counts = ids.iter().map(
        async |id| match invocation.calls_left() > CALLS_BESIDE_COUNTS {
            true => count_recovery_points(drs, id).await,
            false => (None, Vec::new()),
        },
    );
    let counted: Vec<_> = stream::iter(counts).buffered(CALLS_AT_ONCE).collect().await;
    let mut points = BTreeMap::new();
    for (id, (count, call)) in ids.iter().zip(counted) {
        points.extend(count.map(|count| (id.clone(), count)));
        merge(calls, call);
    }
    points
}

async fn count_recovery_points(drs: &Drs, id: &SourceServerId) -> (Option<usize>, Vec<Call>) {
    let mut calls = Vec::new();
    let mut count = 0;
    let mut pages = Pages::of("DescribeRecoverySnapshots");
    let request = drs
        .client
        .describe_recovery_snapshots()
        .source_server_id(id.as_ref());
    let mut answers = request
        .into_paginator()
        .stop_on_duplicate_token(false)
        .send();
    while let Some(answer) = pages.next(&drs.pace, answers.next()).await {
        match pages.turn(answer, &mut calls, |page| page.next_token()) {
            Ok(page) => count += page.items().len(),
            Err(_) => return (None, calls),
        }
    }
    pages.end(&mut calls, "ok");
    (Some(count), calls)
}

fn matched(command: &Command, servers: &[Server]) -> Vec<SourceServerId> {
    let ids = command
        .targets
        .iter()
        .filter_map(|target| match plan::find(target, servers) {
            Found::One(server) => Some(server.id.clone()),
            _ => None,
        });
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

fn id(text: Option<&str>) -> Option<SourceServerId> {
    SourceServerId::try_from(text?.to_owned()).ok()
}

/// Every member of the API's shape is optional; a record without a readable ID is `None`.
fn server(server: &types::SourceServer) -> Option<Server> {
    let hints = server
        .source_properties()
        .and_then(|properties| properties.identification_hints());
    let origin = server.source_cloud_properties();
    let replication = server.data_replication_info();
    let disks = replication
        .map(|replication| replication.replicated_disks())
        .unwrap_or_default();
    Some(Server {
        id: id(server.source_server_id())?,
        arn: server.arn().unwrap_or_default().to_owned(),
        aws_instance_id: hints
            .and_then(|hints| hints.aws_instance_id())
            .map(str::to_owned),
        hostname: hints.and_then(|hints| hints.hostname()).map(str::to_owned),
        fqdn: hints.and_then(|hints| hints.fqdn()).map(str::to_owned),
        origin_account_id: origin
            .and_then(|origin| origin.origin_account_id())
            .map(str::to_owned),
        origin_region: origin
            .and_then(|origin| origin.origin_region())
            .map(str::to_owned),
        state: state(replication.and_then(|replication| replication.data_replication_state())),
        direction: direction(server),
        staging: staging(server.staging_area()),
        recovery_instance_id: server
            .recovery_instance_id()
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        tags: tags(server.tags()),
        replicated_bytes: bytes(disks),
        replication_hours: server
            .life_cycle()
            .and_then(|cycle| hours(cycle.elapsed_replication_duration()?)),
    })
}

fn tags(tags: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn bytes(disks: &[types::DataReplicationInfoReplicatedDisk]) -> Option<i64> {
    disks
        .iter()
        .map(|disk| disk.replicated_storage_bytes())
        .reduce(i64::saturating_add)
}

fn recovery_instance(instance: &types::RecoveryInstance) -> RecoveryInstance {
    RecoveryInstance {
        source_server_id: id(instance.source_server_id()),
        is_drill: instance.is_drill() == Some(true),
    }
}

fn state(state: Option<&DataReplicationState>) -> State {
    match state {
        Some(DataReplicationState::Disconnected) => State::Disconnected,
        Some(known) if DataReplicationState::values().contains(&known.as_str()) => {
            State::Connected(known.as_str().to_owned())
        }
        _ => State::Unknown,
    }
}

/// A server without a direction, or of no pair, replicates from its source: only failback and pairs
/// are marked.
fn direction(server: &types::SourceServer) -> Direction {
    let paired = server
        .reversed_direction_source_server_arn()
        .is_some_and(|arn| !arn.is_empty());
    match server.replication_direction() {
        Some(ReplicationDirection::Failback) => Direction::Failback,
        _ if paired => Direction::ReversedPair,
        Some(ReplicationDirection::Failover) | None => Direction::Failover,
        Some(_) => Direction::Unknown,
    }
}

/// A server without a staging status is extended if it names a staging server all the same.
fn staging(area: Option<&types::StagingArea>) -> Staging {
    let extended = area
        .and_then(|area| area.staging_source_server_arn())
        .is_some_and(|arn| !arn.is_empty());
    match area.and_then(|area| area.status()) {
        Some(ExtensionStatus::NotExtended) => Staging::Own,
        None if !extended => Staging::Own,
        Some(ExtensionStatus::Extended) | None => Staging::Extended,
        Some(ExtensionStatus::ExtensionError) => Staging::ExtensionError,
        Some(_) => Staging::Unknown,
    }
}

/// The whole hours of an ISO-8601 duration such as `P30DT4H5M6S`. Years and months have no fixed
/// length and are not read.
fn hours(duration: &str) -> Option<u64> {
    let (mut seconds, mut number, mut in_time) = (0_u64, String::new(), false);
    for character in duration.strip_prefix('P')?.chars() {
        match character {
            '0'..='9' | '.' => number.push(character),
            'T' => in_time = true,
            unit => {
                let whole: u64 = number.split('.').next()?.parse().ok()?;
                seconds = seconds.checked_add(whole.checked_mul(seconds_in(unit, in_time)?)?)?;
                number.clear();
            }
        }
    }
    number.is_empty().then_some(seconds / 3600)
}

fn seconds_in(unit: char, in_time: bool) -> Option<u64> {
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

    /// A server of which AWS tells the ID and nothing else.
    pub(crate) fn bare_server() -> Server {
        server(
            &types::SourceServer::builder()
                .source_server_id("s-0123456789abcdef0")
                .build(),
        )
        .unwrap()
    }

    #[test]
    fn an_answer_tells_of_the_server_that_was_seen_and_of_no_other() {
        let seen = Server {
            tags: [("drover:approved".to_owned(), "CHG1".to_owned())].into(),
            ..bare_server()
        };
        let tells = |id: &str, state: DataReplicationState, approval: &str| {
            let replication = types::DataReplicationInfo::builder()
                .data_replication_state(state)
                .build();
            let answer = DisconnectSourceServerOutput::builder()
                .source_server_id(id)
                .data_replication_info(replication);
            tells_disconnected(&answer.tags("drover:approved", approval).build(), &seen)
        };
        let id = seen.id.as_ref();
        assert!(tells(id, DataReplicationState::Disconnected, "CHG1"));
        assert!(!tells(
            "s-0123456789abcdef1",
            DataReplicationState::Disconnected,
            "CHG1"
        ));
        assert!(!tells(id, DataReplicationState::Continuous, "CHG1"));
        assert!(!tells(id, DataReplicationState::Disconnected, "CHG2"));
        assert!(!tells_disconnected(
            &DisconnectSourceServerOutput::builder().build(),
            &seen
        ));
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
                .flatten()
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
    fn durations_are_read_in_whole_hours() {
        let cases = [
            ("PT1H", Some(1)),
            ("P30DT4H5M6S", Some(724)),
            ("P1W", Some(168)),
            ("PT0.5S", Some(0)),
            ("PT7200S", Some(2)),
            ("PT90M3000S", Some(2)),
            ("P1Y", None),
            ("P1M", None),
            ("1H", None),
            ("PT5", None),
            ("PT99999999999999999999H", None),
        ];
        for (text, expected) in cases {
            assert_eq!(hours(text), expected, "{text}");
        }
    }

    #[test]
    fn a_server_with_no_members_but_its_id_is_of_unknown_state() {
        let server = bare_server();
        assert_eq!((server.state, server.arn.as_str()), (State::Unknown, ""));
    }

    #[test]
    fn a_recovery_instance_that_only_the_record_names_is_read() {
        let named = |id: &str| {
            let found = types::SourceServer::builder()
                .source_server_id("s-0123456789abcdef0")
                .recovery_instance_id(id);
            server(&found.build()).unwrap().recovery_instance_id
        };
        assert_eq!(
            (named("i-0abc1234").as_deref(), named("")),
            (Some("i-0abc1234"), None)
        );
    }

    #[test]
    fn a_state_of_the_future_is_not_taken_for_a_known_one() {
        assert_eq!(
            state(Some(&DataReplicationState::from("RESURRECTED"))),
            State::Unknown
        );
        assert_eq!(
            state(Some(&DataReplicationState::Stalled)),
            State::Connected("STALLED".to_owned())
        );
        let area = |status: &str| types::StagingArea::builder().status(status.into()).build();
        assert_eq!(staging(Some(&area("SHARED"))), Staging::Unknown);
        assert_eq!(staging(Some(&area("NOT_EXTENDED"))), Staging::Own);
        let unsaid = types::StagingArea::builder()
            .staging_source_server_arn("arn")
            .build();
        assert_eq!(
            (staging(Some(&unsaid)), staging(None)),
            (Staging::Extended, Staging::Own)
        );
    }
}
