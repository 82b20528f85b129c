//! DRS on the wire: from a request to a change of the [`World`], and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the API's model; the official clients check
//! them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::call::{self, Reply, Request, Service, digest, input, put},
    aws::constraints,
    world::{ApiError, Behaviour, Drs, Job, RecoveryInstance, SourceServer, World, fresh},
};

/// The operations whose path is their name, and whether they can change anything.
const OPERATIONS: [(&str, bool); 23] = [
    ("DescribeSourceServers", false),
    ("DisconnectSourceServer", true),
    ("DeleteSourceServer", true),
    ("StopReplication", true),
    ("StartReplication", true),
    ("RetryDataReplication", true),
    ("DescribeRecoveryInstances", false),
    ("DisconnectRecoveryInstance", true),
    ("TerminateRecoveryInstances", true),
    ("DeleteRecoveryInstance", true),
    ("StopFailback", true),
    ("ReverseReplication", true),
    ("DescribeJobs", false),
    ("DescribeJobLogItems", false),
    ("DeleteJob", true),
    ("DescribeRecoverySnapshots", false),
    ("ListExtensibleSourceServers", false),
    ("CreateExtendedSourceServer", true),
    ("GetReplicationConfiguration", false),
    ("InitializeService", true),
    ("TagResource", true),
    ("UntagResource", true),
    ("ListTagsForResource", false),
];

/// The operation of a request, by method and path; `None` for one that this DRS does not have.
#[must_use]
pub fn route(method: &str, path: &str) -> Option<&'static str> {
    let name = match (method, path.strip_prefix('/')?) {
        ("POST", path) if path.starts_with("tags/") => "TagResource",
        ("DELETE", path) if path.starts_with("tags/") => "UntagResource",
        ("GET", path) if path.starts_with("tags/") => "ListTagsForResource",
        ("POST", path) if !path.ends_with("Resource") => path,
        _ => return None,
    };
    OPERATIONS
        .iter()
        .map(|(operation, _)| *operation)
        .find(|operation| *operation == name)
}

/// Whether there is such an operation.
#[must_use]
pub fn serves(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, _)| *name == operation)
}

/// Whether an operation can change anything.
#[must_use]
pub fn changes(operation: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|(name, changes)| *name == operation && *changes)
}

/// The source server that a call changes, if it is one alone that it can change.
pub(crate) fn changes_one_server(request: &Request) -> Option<&str> {
    let text = |name: &str| request.input.get(name)?.as_str();
    match request.operation.as_str() {
        "TagResource" | "UntagResource" => text("resourceArn")?
            .split_once(":source-server/")
            .map(|(_, id)| id),
        _ => text("sourceServerID"),
    }
}

/// What a call is about, for people: an ID, an ARN, or how a list is filtered.
#[must_use]
pub fn subject(input: &Value) -> String {
    let named = [
        "sourceServerID",
        "recoveryInstanceID",
        "jobID",
        "resourceArn",
    ]
    .iter()
    .find_map(|name| input.get(name)?.as_str());
    if let Some(named) = named {
        return named.rsplit('/').next().unwrap_or(named).to_owned();
    }
    match input.get("filters").and_then(Value::as_object) {
        Some(filters) if !filters.is_empty() => {
            let filter = |(name, value): (&String, &Value)| match value.as_array() {
                Some(ids) if ids.len() > 2 => format!("{} {name}", ids.len()),
                Some(ids) => ids
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                None => format!("{name}: {}", value.as_str().unwrap_or_default()),
            };
            filters.iter().map(filter).collect::<Vec<_>>().join(", ")
        }
        _ => "all".to_owned(),
    }
}

/// The ARN that the path of a call carries.
pub(crate) fn path_members(path: &str) -> Vec<(&'static str, String)> {
    let arn = path.strip_prefix("/tags/");
    arn.map(|arn| ("resourceArn", call::percent_decode(arn)))
        .into_iter()
        .collect()
}

/// Answers a call.
///
/// # Errors
///
/// The error that AWS would answer with.
pub fn answer(world: &mut World, request: &Request) -> Reply {
    let context = Context::of(world, &request.region);
    if request.operation == "InitializeService" {
        input::<Nothing>(&request.input)?;
        world.drs.entry(request.region.clone()).or_default();
        return Ok((204, None));
    }
    if matches!(
        request.operation.as_str(),
        "TagResource" | "UntagResource" | "ListTagsForResource"
    ) {
        return tags(world, request);
    }
    let drs = world
        .drs
        .get_mut(&request.region)
        .ok_or_else(ApiError::uninitialized)?;
    match request.operation.as_str() {
        "ReverseReplication" => reverse(world, &context, request),
        operation if operation.ends_with("RecoveryInstance") || operation == "StopFailback" => {
            recovery_instances(drs, &context, request)
        }
        "TerminateRecoveryInstances" | "DescribeRecoveryInstances" => {
            recovery_instances(drs, &context, request)
        }
        "DescribeJobs" | "DescribeJobLogItems" | "DeleteJob" => jobs(drs, &context, request),
        "StopReplication" | "DisconnectSourceServer" => {
            let reply = source_servers(drs, &context, request)?;
            end_failback(world, request)?;
            Ok(reply)
        }
        _ => source_servers(drs, &context, request),
    }
}

/// A failback ends with the replication of the server that it goes to.
fn end_failback(world: &mut World, request: &Request) -> Result<(), ApiError> {
    let id = input::<OfServer>(&request.input)?.id;
    let server = world
        .drs
        .get_mut(&request.region)
        .and_then(|drs| drs.source_server(&id).ok());
    let failback = server.filter(|server| server.replication_direction == "FAILBACK");
    let Some(instance) = failback.and_then(|server| server.aws_instance_id.clone()) else {
        return Ok(());
    };
    for from in world
        .drs
        .values_mut()
        .filter_map(|drs| drs.recovery_instance(&instance).ok())
    {
        from.failback_state = "FAILBACK_NOT_STARTED".to_owned();
    }
    Ok(())
}

/// Checks what a world file says of DRS: an answer about it is one that the model has.
pub(crate) fn check(world: &World) -> Result<(), String> {
    for (region, drs) in &world.drs {
        let context = Context::of(world, region);
        let servers = drs
            .source_servers
            .iter()
            .map(|of| (&of.id, "SourceServer", server_json(of, &context)));
        let configurations = drs
            .source_servers
            .iter()
            .map(|of| (&of.id, "ReplicationConfiguration", configuration_json(of)));
        let instances = drs.recovery_instances.iter();
        let instances = instances.map(|of| {
            (
                &of.id,
                "RecoveryInstance",
                recovery_instance_json(of, drs, &context),
            )
        });
        let jobs = drs
            .jobs
            .iter()
            .map(|of| (&of.id, "Job", job_json(of, &context)));
        let mut seen = BTreeSet::new();
        for (id, shape, answer) in servers.chain(configurations).chain(instances).chain(jobs) {
            constraints::check(Service::Drs, shape, &answer)
                .map_err(|wrong| format!("{id}: {wrong}"))?;
            if !seen.insert((shape, id)) {
                return Err(format!("{id} is there twice"));
            }
        }
    }
    Ok(())
}

struct Context {
    account: String,
    region: String,
    now: DateTime<Utc>,
    long_ago: DateTime<Utc>,
    behaviour: Behaviour,
    /// The last launch of each server that was launched.
    launches: BTreeMap<String, Launch>,
}

/// A launch, as far as its job and what it launched tell of it.
#[derive(Default)]
struct Launch {
    is_drill: bool,
    job: Option<(String, DateTime<Utc>)>,
    /// A LaunchStatus.
    status: &'static str,
}

impl Context {
    fn of(world: &World, region: &str) -> Self {
        let mut launches: BTreeMap<String, Launch> = BTreeMap::new();
        let drs = world.drs.get(region);
        let jobs = drs
            .into_iter()
            .flat_map(|drs| &drs.jobs)
            .filter(|job| job.kind == "LAUNCH");
        for (job, server) in jobs.flat_map(|job| {
            job.source_server_ids
                .iter()
                .map(move |server| (job, server))
        }) {
            let last = launches
                .get(server)
                .and_then(|launch| launch.job.as_ref())
                .map(|(_, at)| *at);
            if last.is_none_or(|last| last <= job.created_at) {
                let (is_drill, status) = (
                    job.initiated_by == "START_DRILL",
                    launch_status(job, world.now),
                );
                let job = Some((job.id.clone(), job.created_at));
                launches.insert(
                    server.clone(),
                    Launch {
                        is_drill,
                        job,
                        status,
                    },
                );
            }
        }
        for instance in drs.into_iter().flat_map(|drs| &drs.recovery_instances) {
            let launch = launches
                .entry(instance.source_server_id.clone())
                .or_default();
            (launch.is_drill, launch.status) = (instance.is_drill, "LAUNCHED");
        }
        let (account, region) = (world.account.clone(), region.to_owned());
        let (now, long_ago, behaviour) = (world.now, world.long_ago(), world.behaviour);
        Self {
            account,
            region,
            now,
            long_ago,
            behaviour,
            launches,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfServer {
    #[serde(rename = "sourceServerID")]
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRecoveryInstance {
    #[serde(rename = "recoveryInstanceID")]
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfJob {
    #[serde(rename = "jobID")]
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terminate {
    #[serde(rename = "recoveryInstanceIDs")]
    ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Extend {
    source_server_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// The members of a list request; `F` are its filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct List<F> {
    #[serde(default)]
    filters: Option<F>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(rename = "sourceServerID", default)]
    source_server_id: Option<String>,
    #[serde(rename = "jobID", default)]
    job_id: Option<String>,
    #[serde(rename = "stagingAccountID", default)]
    staging_account_id: Option<String>,
    #[serde(default)]
    order: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct ServerFilters {
    #[serde(rename = "sourceServerIDs")]
    ids: Vec<String>,
    hardware_id: Option<String>,
    #[serde(rename = "stagingAccountIDs")]
    staging_account_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RecoveryInstanceFilters {
    #[serde(rename = "recoveryInstanceIDs")]
    ids: Vec<String>,
    #[serde(rename = "sourceServerIDs")]
    source_server_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct JobFilters {
    #[serde(rename = "jobIDs")]
    ids: Vec<String>,
    from_date: Option<DateTime<Utc>>,
    to_date: Option<DateTime<Utc>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct SnapshotFilters {
    from_date_time: Option<DateTime<Utc>>,
    to_date_time: Option<DateTime<Utc>>,
}

fn source_servers(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let of_server = || input::<OfServer>(&request.input).map(|server| server.id);
    match request.operation.as_str() {
        "DescribeSourceServers" => describe_source_servers(drs, context, request),
        "DescribeRecoverySnapshots" => describe_recovery_snapshots(drs, context, request),
        "ListExtensibleSourceServers" => list_extensible(drs, context, request),
        "CreateExtendedSourceServer" => extend(drs, context, request),
        "GetReplicationConfiguration" => {
            let id = of_server()?;
            drs.source_server(&id)
                .map(|server| (200, Some(configuration_json(server))))
        }
        "DisconnectSourceServer" => {
            let id = of_server()?;
            let before = server_json(drs.source_server(&id)?, context);
            let after = server_json(
                drs.disconnect(&id, context.now, context.behaviour)?,
                context,
            );
            Ok((
                200,
                Some(if context.behaviour.disconnect_answers_as_before {
                    before
                } else {
                    after
                }),
            ))
        }
        "RetryDataReplication" => drs
            .retry(&of_server()?, context.now)
            .map(|server| (200, Some(server_json(server, context)))),
        "DeleteSourceServer" => drs
            .delete(&of_server()?, context.now, context.behaviour)
            .map(|()| (204, Some(json!({})))),
        "StopReplication" => wrapped(drs.stop(&of_server()?)?, context),
        "StartReplication" => wrapped(drs.start(&of_server()?, context.now)?, context),
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

fn wrapped(server: &SourceServer, context: &Context) -> Reply {
    Ok((
        200,
        Some(json!({ "sourceServer": server_json(server, context) })),
    ))
}

fn describe_source_servers(drs: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<ServerFilters> = input(&request.input)?;
    let filters = list.filters.as_ref();
    let fits = |server: &&SourceServer| {
        filters.is_none_or(|filters| {
            (filters.ids.is_empty() || filters.ids.contains(&server.id))
                && filters.hardware_id.as_ref().is_none_or(|id| {
                    server.aws_instance_id.as_ref() == Some(id) || *id == mac_address(server)
                })
                && (filters.staging_account_ids.is_empty()
                    || filters
                        .staging_account_ids
                        .iter()
                        .any(|id| id == staging_account(server, context)))
        })
    };
    let items = drs
        .source_servers
        .iter()
        .filter(fits)
        .map(|server| server_json(server, context))
        .collect();
    page(items, &list, request, context)
}

fn describe_recovery_snapshots(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let list: List<SnapshotFilters> = input(&request.input)?;
    let id = list
        .source_server_id
        .clone()
        .ok_or_else(|| ApiError::validation("sourceServerID is required"))?;
    // The model knows no error for a server that does not exist, so it has no points.
    let Ok(server) = drs.source_server(&id) else {
        return page(Vec::new(), &list, request, context);
    };
    let filters = list.filters.as_ref();
    let mut items: Vec<(DateTime<Utc>, Value)> = server
        .points(context.now)
        .into_iter()
        .map(|at| (at, recovery_point(server, at)))
        .collect();
    items.retain(|(at, _)| {
        filters.is_none_or(|filters| {
            filters.from_date_time.is_none_or(|from| *at >= from)
                && filters.to_date_time.is_none_or(|to| *at <= to)
        })
    });
    if list.order.as_deref() == Some("ASC") {
        items.reverse();
    }
    page(
        items.into_iter().map(|(_, item)| item).collect(),
        &list,
        request,
        context,
    )
}

/// A recovery point of a server. Its IDs are made of its server and its time: the same whenever it
/// is asked for.
fn recovery_point(server: &SourceServer, taken: DateTime<Utc>) -> Value {
    let of = |kind: &str| digest(&format!("{kind} {} {}", server.id, taken.timestamp()));
    json!({
        "snapshotID": format!("pit-{:017x}", of("point")),
        "sourceServerID": server.id,
        "expectedTimestamp": time(taken),
        "timestamp": time(taken),
        "ebsSnapshots": [format!("snap-{:017x}", of("snapshot"))],
    })
}

/// Servers of a staging account that could be extended here. This world has one account, so there
/// are none.
fn list_extensible(_: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<Nothing> = input(&request.input)?;
    list.staging_account_id
        .as_ref()
        .ok_or_else(|| ApiError::validation("stagingAccountID is required"))?;
    page(Vec::new(), &list, request, context)
}

/// A server of another account in the same Region is extended into this one, once. Whether it is
/// there, nobody here knows.
fn extend(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let extend: Extend = input(&request.input)?;
    let own = constraints::arn("drs", &context.region, &context.account, "");
    let (place, account) = (
        own.rsplitn(3, ':').nth(2),
        extend.source_server_arn.split(':').nth(4),
    );
    let there =
        place.is_some_and(|place| extend.source_server_arn.starts_with(&format!("{place}:")));
    if !there || account == Some(&context.account) {
        let message = format!(
            "{} is not a server of another account in {}",
            extend.source_server_arn, context.region
        );
        return Err(ApiError::validation(message));
    }
    if drs
        .source_servers
        .iter()
        .any(|of| of.staging_source_server_arn.as_ref() == Some(&extend.source_server_arn))
    {
        return Err(ApiError::validation(format!(
            "{} is extended already",
            extend.source_server_arn
        )));
    }
    let server = SourceServer {
        staging_status: "EXTENDED".to_owned(),
        staging_source_server_arn: Some(extend.source_server_arn),
        tags: extend.tags,
        ..SourceServer::new(&drs.fresh_source_server_id())
    };
    let json = server_json(&server, context);
    drs.source_servers.push(server);
    Ok((201, Some(json!({ "sourceServer": json }))))
}

/// The account in which a server is replicated to.
fn staging_account<'a>(server: &'a SourceServer, context: &'a Context) -> &'a str {
    let extended = server
        .staging_source_server_arn
        .as_ref()
        .and_then(|arn| arn.split(':').nth(4));
    extended.unwrap_or(&context.account)
}

fn recovery_instances(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let of_instance = || input::<OfRecoveryInstance>(&request.input).map(|instance| instance.id);
    match request.operation.as_str() {
        "DescribeRecoveryInstances" => {
            let list: List<RecoveryInstanceFilters> = input(&request.input)?;
            let filters = list.filters.as_ref();
            let fits = |instance: &&RecoveryInstance| {
                filters.is_none_or(|filters| {
                    (filters.ids.is_empty() || filters.ids.contains(&instance.id))
                        && (filters.source_server_ids.is_empty()
                            || filters
                                .source_server_ids
                                .contains(&instance.source_server_id))
                })
            };
            let fitting = drs.recovery_instances.iter().filter(fits);
            page(
                fitting
                    .map(|instance| recovery_instance_json(instance, drs, context))
                    .collect(),
                &list,
                request,
                context,
            )
        }
        "TerminateRecoveryInstances" => {
            let ids = input::<Terminate>(&request.input)?.ids;
            drs.terminate(&ids, context.now)
                .map(|job| (200, Some(json!({ "job": job_json(job, context) }))))
        }
        "DisconnectRecoveryInstance" => drs
            .disconnect_recovery_instance(&of_instance()?)
            .map(|()| (200, None)),
        "DeleteRecoveryInstance" => drs
            .delete_recovery_instance(&of_instance()?)
            .map(|()| (200, None)),
        "StopFailback" => {
            drs.recovery_instance(&of_instance()?)?.failback_state =
                "FAILBACK_NOT_STARTED".to_owned();
            Ok((200, None))
        }
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

/// Replication from a recovery instance back to where its server came from, in EC2 alone, while its
/// agent is connected and nobody terminates it: the server gets a counterpart in the origin's
/// Region, which the instance is the source of, and the two name each other. The second time, the
/// counterpart is there.
fn reverse(world: &mut World, context: &Context, request: &Request) -> Reply {
    let id = input::<OfRecoveryInstance>(&request.input)?.id;
    let answer = |arn: &str| {
        Ok((
            200,
            Some(json!({ "reversedDirectionSourceServerArn": arn })),
        ))
    };
    let fresh = SourceServer::new(&fresh_in_all_regions(world));
    let here = world
        .drs
        .get_mut(&request.region)
        .ok_or_else(ApiError::uninitialized)?;
    let instance = here.recovery_instance(&id)?;
    let (disconnected, source_server_id) =
        (instance.disconnected, instance.source_server_id.clone());
    if disconnected || here.is_being_terminated(&id, context.now) {
        return Err(ApiError::conflict(format!(
            "{id} is disconnected or being terminated"
        )));
    }
    let server = here.source_server(&source_server_id)?.clone();
    let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) else {
        return Err(ApiError::validation(format!(
            "{source_server_id} did not originate in EC2"
        )));
    };
    if *account != context.account {
        return Err(ApiError::new(
            403,
            "AccessDeniedException",
            format!("the origin is in the account {account}"),
        ));
    }
    let origin = world
        .drs
        .get_mut(region)
        .ok_or_else(ApiError::uninitialized)?;
    let own_arn = arn(context, "source-server", &source_server_id);
    let replicates =
        |of: &&SourceServer| of.reversed_direction_source_server_arn.as_ref() == Some(&own_arn);
    let counterpart = match origin.source_servers.iter().find(replicates) {
        Some(known) if known.aws_instance_id.as_ref() == Some(&id) => known.id.clone(),
        Some(other) => {
            return Err(ApiError::conflict(format!(
                "{} replicates from another instance",
                other.id
            )));
        }
        None => {
            let mut counterpart = SourceServer {
                hostname: server.hostname.clone(),
                fqdn: server.fqdn.clone(),
                aws_instance_id: Some(id.clone()),
                origin_account_id: Some(context.account.clone()),
                origin_region: Some(context.region.clone()),
                replication_direction: "FAILBACK".to_owned(),
                reversed_direction_source_server_arn: Some(own_arn),
                disk_bytes: server.disk_bytes,
                ..fresh
            };
            counterpart.start(context.now);
            let made = counterpart.id.clone();
            origin.source_servers.push(counterpart);
            made
        }
    };
    let arn = constraints::arn(
        "drs",
        region,
        &context.account,
        &format!("source-server/{counterpart}"),
    );
    let here = world
        .drs
        .get_mut(&request.region)
        .ok_or_else(ApiError::uninitialized)?;
    here.source_server(&source_server_id)?
        .reversed_direction_source_server_arn = Some(arn.clone());
    here.recovery_instance(&id)?.failback_state = "FAILBACK_IN_PROGRESS".to_owned();
    answer(&arn)
}

fn fresh_in_all_regions(world: &World) -> String {
    let taken = world.drs.values();
    fresh(
        "s-",
        taken.flat_map(|drs| {
            drs.source_servers
                .iter()
                .map(|server| &server.id)
                .chain(&drs.gone)
        }),
    )
}

fn jobs(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    match request.operation.as_str() {
        "DescribeJobs" => {
            let list: List<JobFilters> = input(&request.input)?;
            let filters = list.filters.as_ref();
            let fits = |job: &&Job| {
                filters.is_none_or(|filters| {
                    (filters.ids.is_empty() || filters.ids.contains(&job.id))
                        && filters.from_date.is_none_or(|from| job.created_at >= from)
                        && filters.to_date.is_none_or(|to| job.created_at <= to)
                })
            };
            page(
                drs.jobs
                    .iter()
                    .filter(fits)
                    .map(|job| job_json(job, context))
                    .collect(),
                &list,
                request,
                context,
            )
        }
        "DescribeJobLogItems" => {
            let list: List<Nothing> = input(&request.input)?;
            let id = list
                .job_id
                .clone()
                .ok_or_else(|| ApiError::validation("jobID is required"))?;
            let items = drs
                .job(&id)
                .map(|job| log_items(job, context))
                .unwrap_or_default();
            page(items, &list, request, context)
        }
        _ => {
            let id = input::<OfJob>(&request.input)?.id;
            drs.delete_job(&id, context.now)
                .map(|()| (204, Some(json!({}))))
        }
    }
}

fn log_items(job: &Job, context: &Context) -> Vec<Value> {
    let item = |at: DateTime<Utc>, event: &str| json!({ "logDateTime": time(at), "event": event, "eventData": {} });
    let begun = item(job.created_at, "JOB_START");
    let ended = (context.now >= job.ends_at).then(|| item(job.ends_at, "JOB_END"));
    std::iter::once(begun).chain(ended).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tags {
    resource_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// Tags by ARN. In a Region without DRS, in another account, or of another service, there is no
/// such resource.
fn tags(world: &mut World, request: &Request) -> Reply {
    let wanted: Tags = input(&request.input)?;
    let parts: Vec<&str> = wanted.resource_arn.splitn(6, ':').collect();
    let ["arn", partition, "drs", region, account, resource] = parts.as_slice() else {
        return Err(ApiError::validation(
            "resourceArn is not the ARN of a DRS resource",
        ));
    };
    let partition_here = constraints::partition(&request.region);
    let here = *region == request.region
        && *account == world.account
        && Some(*partition) == partition_here;
    let drs = world.drs.get_mut(&request.region).filter(|_| here);
    let drs = drs.ok_or_else(|| ApiError::not_found(&wanted.resource_arn))?;
    let (kind, id) = resource
        .split_once('/')
        .ok_or_else(|| ApiError::validation("resourceArn names no resource"))?;
    let tags = drs.tags(kind, id)?;
    match request.operation.as_str() {
        "TagResource" => {
            let mut more = tags.clone();
            more.extend(wanted.tags);
            let reserved = more
                .keys()
                .any(|key| key.to_lowercase().starts_with("aws:") && !tags.contains_key(key));
            if more.len() > 50 || reserved {
                return Err(ApiError::validation(
                    "a resource has at most 50 tags, and keys with aws: are AWS's own",
                ));
            }
            *tags = more;
            Ok((200, None))
        }
        "UntagResource" => {
            tags.retain(|key, _| !wanted.tag_keys.contains(key));
            Ok((200, None))
        }
        _ => Ok((200, Some(json!({ "tags": tags })))),
    }
}

/// One page of a list.
fn page<F>(items: Vec<Value>, list: &List<F>, request: &Request, context: &Context) -> Reply {
    let size = list.max_results.unwrap_or(context.behaviour.page_size);
    let (items, token) = call::page(items, size, list.next_token.as_deref(), request)
        .ok_or_else(|| ApiError::validation("nextToken is not one of ours"))?;
    let mut page = json!({ "items": items });
    if let Some(token) = token {
        put(&mut page, "nextToken", json!(token));
    }
    Ok((200, Some(page)))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn arn(context: &Context, kind: &str, id: &str) -> String {
    constraints::arn(
        "drs",
        &context.region,
        &context.account,
        &format!("{kind}/{id}"),
    )
}

fn server_json(server: &SourceServer, context: &Context) -> Value {
    let mut json = json!({
        "sourceServerID": server.id,
        "arn": arn(context, "source-server", &server.id),
        "tags": server.tags,
        "lastLaunchResult": match context.launches.get(&server.id).map(|launch| launch.status) {
            None => "NOT_STARTED",
            Some("PENDING" | "IN_PROGRESS") => "PENDING",
            Some(_) => "SUCCEEDED",
        },
        "dataReplicationInfo": replication_json(server, context),
        "lifeCycle": life_cycle_json(server, context),
        "sourceProperties": properties_json(server, context),
        "stagingArea": { "status": server.staging_status, "stagingAccountID": staging_account(server, context) },
        "replicationDirection": server.replication_direction,
        "agentVersion": "6.4.0",
    });
    if let (Some(arn), Some(area)) = (
        &server.staging_source_server_arn,
        json.get_mut("stagingArea"),
    ) {
        put(area, "stagingSourceServerArn", json!(arn));
    }
    if let Some(id) = &server.recovery_instance_id {
        put(&mut json, "recoveryInstanceId", json!(id));
    }
    if let Some(arn) = &server.reversed_direction_source_server_arn {
        put(&mut json, "reversedDirectionSourceServerArn", json!(arn));
    }
    if let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) {
        let zone = format!("{region}a");
        put(
            &mut json,
            "sourceCloudProperties",
            json!({ "originAccountID": account, "originRegion": region, "originAvailabilityZone": zone }),
        );
    }
    json
}

fn replication_json(server: &SourceServer, context: &Context) -> Value {
    let bytes = if server.is_disconnected() {
        0
    } else {
        server.disk_bytes
    };
    let mut json = json!({
        "dataReplicationState": server.data_replication_state,
        "stagingAvailabilityZone": format!("{}a", context.region),
        "replicatedDisks": [{
            "deviceName": "/dev/xvda",
            "totalStorageBytes": bytes,
            "replicatedStorageBytes": bytes,
            "rescannedStorageBytes": 0,
            "backloggedStorageBytes": 0,
            "volumeStatus": "REGULAR",
        }],
    });
    match server.data_replication_state.as_str() {
        "CONTINUOUS" => put(&mut json, "lagDuration", json!("PT0S")),
        "STALLED" => put(
            &mut json,
            "dataReplicationError",
            json!({ "error": "AGENT_NOT_SEEN", "rawError": "agent not seen" }),
        ),
        _ => {}
    }
    json
}

fn life_cycle_json(server: &SourceServer, context: &Context) -> Value {
    let since = server.replicating_since.unwrap_or(context.long_ago);
    let hours = (context.now - since).num_hours();
    let mut json = json!({
        "addedToServiceDateTime": time(since),
        "firstByteDateTime": time(since),
        "elapsedReplicationDuration": format!("P{}DT{}H", hours / 24, hours % 24),
        "lastSeenByServiceDateTime": time(server.agent_gone_at.map_or(context.now, |gone| gone.min(context.now))),
    });
    if let Some(Launch {
        is_drill,
        job,
        status,
    }) = context.launches.get(&server.id)
    {
        let mut launch =
            json!({ "status": status, "initiated": { "type": launch_type(*is_drill) } });
        if let (Some((id, at)), Some(initiated)) = (job, launch.get_mut("initiated")) {
            put(initiated, "jobID", json!(id));
            put(initiated, "apiCallDateTime", json!(time(*at)));
        }
        put(&mut json, "lastLaunch", launch);
    }
    json
}

fn launch_type(is_drill: bool) -> &'static str {
    if is_drill { "DRILL" } else { "RECOVERY" }
}

/// The address of a server's network interface: its own, and the same in every run.
fn mac_address(server: &SourceServer) -> String {
    let bytes = digest(&server.id).to_be_bytes();
    bytes.iter().take(5).fold("0a".to_owned(), |address, byte| {
        format!("{address}:{byte:02x}")
    })
}

fn properties_json(server: &SourceServer, context: &Context) -> Value {
    let mut hints = json!({});
    let named = [
        ("hostname", &server.hostname),
        ("fqdn", &server.fqdn),
        ("awsInstanceID", &server.aws_instance_id),
    ];
    for (member, value) in named {
        if let Some(value) = value {
            put(&mut hints, member, json!(value));
        }
    }
    json!({
        "lastUpdatedDateTime": time(context.now),
        "recommendedInstanceType": "m6i.large",
        "identificationHints": hints,
        "networkInterfaces": [{ "macAddress": mac_address(server), "ips": ["10.20.30.40"], "isPrimary": true }],
        "disks": [{ "deviceName": "/dev/xvda", "bytes": server.disk_bytes }],
        "cpus": [{ "cores": 2, "modelName": "Intel(R) Xeon(R)" }],
        "ramBytes": 8_589_934_592_u64,
        "os": { "fullString": "Linux" },
        "supportsNitroInstances": true,
    })
}

fn recovery_instance_json(instance: &RecoveryInstance, drs: &Drs, context: &Context) -> Value {
    let server = drs
        .source_servers
        .iter()
        .find(|server| server.id == instance.source_server_id);
    let is_of_aws = server
        .is_none_or(|server| server.origin_region.is_some() || server.aws_instance_id.is_some());
    let mut properties =
        server.map_or_else(|| json!({}), |server| properties_json(server, context));
    let bytes = server.map(|server| server.disk_bytes).unwrap_or_default();
    // The model has 19 signs for an ID that has 21 today, so this is one of the old form.
    let volume = format!("vol-{:08x}", digest(&instance.id) >> 32);
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|member, _| {
            !matches!(
                member.as_str(),
                "recommendedInstanceType" | "supportsNitroInstances"
            )
        });
        let disk =
            json!({ "internalDeviceName": "/dev/xvda", "bytes": bytes, "ebsVolumeID": volume });
        properties.insert("disks".to_owned(), json!([disk]));
    }
    if let Some(hints) = properties.get_mut("identificationHints") {
        put(hints, "awsInstanceID", json!(instance.id));
    }
    let fails_back = instance.failback_state == "FAILBACK_IN_PROGRESS";
    let state = match instance.disconnected {
        true => "DISCONNECTED",
        false if fails_back => "INITIAL_SYNC",
        false => "NOT_STARTED",
    };
    let mut json = json!({
        "recoveryInstanceID": instance.id,
        "ec2InstanceID": instance.id,
        "ec2InstanceState": instance.ec2_instance_state,
        "sourceServerID": instance.source_server_id,
        "arn": arn(context, "recovery-instance", &instance.id),
        "tags": instance.tags,
        "failback": { "state": instance.failback_state },
        "isDrill": instance.is_drill,
        "originEnvironment": if is_of_aws { "AWS" } else { "ON_PREMISES" },
        "dataReplicationInfo": { "dataReplicationState": state },
        "recoveryInstanceProperties": properties,
        "agentVersion": "6.4.0",
    });
    if let Some(region) = server.and_then(|server| server.origin_region.as_ref()) {
        put(
            &mut json,
            "originAvailabilityZone",
            json!(format!("{region}a")),
        );
    }
    if let Some((id, at)) = context
        .launches
        .get(&instance.source_server_id)
        .and_then(|launch| launch.job.as_ref())
    {
        put(&mut json, "jobID", json!(id));
        put(&mut json, "pointInTimeSnapshotDateTime", json!(time(*at)));
    }
    json
}

fn launch_status(job: &Job, now: DateTime<Utc>) -> &'static str {
    match (job.status(now), job.kind.as_str()) {
        ("PENDING", _) => "PENDING",
        ("STARTED", _) => "IN_PROGRESS",
        (_, "TERMINATE") => "TERMINATED",
        _ => "LAUNCHED",
    }
}

fn job_json(job: &Job, context: &Context) -> Value {
    let status = job.status(context.now);
    let server = |(at, id): (usize, &String)| {
        let mut server =
            json!({ "sourceServerID": id, "launchStatus": launch_status(job, context.now) });
        if let Some(instance) = job.recovery_instance_ids.get(at) {
            put(&mut server, "recoveryInstanceID", json!(instance));
        }
        server
    };
    let mut json = json!({
        "jobID": job.id,
        "arn": arn(context, "job", &job.id),
        "type": job.kind,
        "initiatedBy": job.initiated_by,
        "creationDateTime": time(job.created_at),
        "status": status,
        "participatingServers": job.source_server_ids.iter().enumerate().map(server).collect::<Vec<_>>(),
        "tags": job.tags,
    });
    if status == "COMPLETED" {
        put(&mut json, "endDateTime", json!(time(job.ends_at)));
    }
    json
}

fn configuration_json(server: &SourceServer) -> Value {
    json!({
        "sourceServerID": server.id,
        "name": server.hostname.as_deref().unwrap_or(&server.id),
        "stagingAreaSubnetId": "subnet-0123456789abcdef0",
        "associateDefaultSecurityGroup": true,
        "replicationServersSecurityGroupsIDs": [],
        "replicationServerInstanceType": "t3.small",
        "useDedicatedReplicationServer": false,
        "defaultLargeStagingDiskType": "GP3",
        "replicatedDisks": [],
        "ebsEncryption": "DEFAULT",
        "bandwidthThrottling": 0,
        "dataPlaneRouting": "PRIVATE_IP",
        "createPublicIP": false,
        "stagingAreaTags": {},
        "pitPolicy": [
            { "ruleID": 1, "units": "MINUTE", "interval": 10, "retentionDuration": 60, "enabled": true },
            { "ruleID": 2, "units": "HOUR", "interval": 1, "retentionDuration": 24, "enabled": true },
            { "ruleID": 3, "units": "DAY", "interval": 1, "retentionDuration": 7, "enabled": true },
        ],
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const ONE: &str = "s-00000000000000001";
    const TWO: &str = "s-00000000000000002";
    const INSTANCE: &str = "i-0123456789abcdef0";

    fn world() -> World {
        let origin = |id: &str| SourceServer {
            origin_account_id: Some("111122223333".to_owned()),
            origin_region: Some("us-west-2".to_owned()),
            ..SourceServer::new(id)
        };
        let mut world = World::with([origin(ONE), SourceServer::new(TWO)]);
        let instance =
            json!({ "recoveryInstanceID": INSTANCE, "sourceServerID": ONE, "isDrill": true });
        world
            .here()
            .recovery_instances
            .push(serde_json::from_value(instance).unwrap());
        world
    }

    fn call(world: &mut World, operation: &str, input: Value) -> Result<Value, &'static str> {
        let (operation, region) = (operation.to_owned(), world.region.clone());
        let request = Request {
            service: Service::Drs,
            operation,
            region,
            input,
        };
        answer(world, &request)
            .map(|(_, body)| body.unwrap_or_default())
            .map_err(|error| error.code)
    }

    fn points(world: &mut World, id: &str) -> BTreeMap<String, String> {
        let list = call(
            world,
            "DescribeRecoverySnapshots",
            json!({ "sourceServerID": id, "maxResults": 100 }),
        )
        .unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                (
                    item["snapshotID"].to_string(),
                    item["timestamp"].to_string(),
                )
            })
            .collect()
    }

    #[test]
    fn a_recovery_point_is_of_one_server_and_one_time() {
        let mut world = world();
        let (one, two) = (points(&mut world, ONE), points(&mut world, TWO));
        assert_eq!((one.len(), two.len()), (37, 37));
        assert!(one.keys().all(|id| !two.contains_key(id)));
        let now = world.now;
        world.advance_to(now + TimeDelta::minutes(15));
        let later = points(&mut world, ONE);
        assert!(later.keys().filter(|id| one.contains_key(*id)).count() > 30);
        assert!(
            later
                .iter()
                .all(|(id, at)| one.get(id).is_none_or(|was| was == at))
        );
        assert!(
            one.keys().any(|id| !later.contains_key(id)),
            "the oldest are gone"
        );
    }

    #[test]
    fn tags_of_aws_are_written_by_nobody_else_and_a_resource_has_fifty() {
        let mut world = world();
        let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}");
        let tags = |count: usize| {
            (0..count)
                .map(|at| (at.to_string(), json!("")))
                .collect::<serde_json::Map<_, _>>()
        };
        for (tags, ok) in [
            (json!({ "aws:x": "y" }), false),
            (json!({ "AWS:x": "y" }), false),
            (json!(tags(51)), false),
            (json!(tags(50)), true),
        ] {
            let tagged = call(
                &mut world,
                "TagResource",
                json!({ "resourceArn": arn, "tags": tags }),
            );
            assert_eq!(tagged.is_ok(), ok, "{tags}");
        }
    }

    #[test]
    fn a_server_is_found_by_its_instance_and_by_its_network_interface() {
        let mut world = world();
        world.server(ONE).unwrap().aws_instance_id = Some("i-00000001".to_owned());
        let find = |world: &mut World, id: &str| {
            let list = call(
                world,
                "DescribeSourceServers",
                json!({ "filters": { "hardwareId": id } }),
            )
            .unwrap();
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["sourceServerID"].to_string())
                .collect::<Vec<_>>()
        };
        let mac = mac_address(world.server(ONE).unwrap());
        assert_eq!(find(&mut world, "i-00000001"), find(&mut world, &mac));
        assert_eq!(find(&mut world, &mac).len(), 1);
    }

    #[test]
    fn a_reversal_begins_in_the_region_of_the_origin_and_only_once() {
        let mut world = world();
        let reverse = |world: &mut World| {
            call(
                world,
                "ReverseReplication",
                json!({ "recoveryInstanceID": INSTANCE }),
            )
        };
        assert_eq!(
            reverse(&mut world),
            Err("UninitializedAccountException"),
            "the origin's Region"
        );
        world.drs.insert("us-west-2".to_owned(), Drs::default());
        let made = reverse(&mut world).unwrap();
        assert_eq!(reverse(&mut world), Ok(made.clone()));
        let [counterpart] = world.drs["us-west-2"].source_servers.as_slice() else {
            panic!("one")
        };
        let arn = format!(
            "arn:aws:drs:us-west-2:111122223333:source-server/{}",
            counterpart.id
        );
        assert_eq!(made["reversedDirectionSourceServerArn"], arn);
        assert_eq!(counterpart.aws_instance_id.as_deref(), Some(INSTANCE));
        let own = format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}");
        assert_eq!(counterpart.reversed_direction_source_server_arn, Some(own));
        assert_eq!(world.here().source_servers.len(), 2);
        let terminate = json!({ "recoveryInstanceIDs": [INSTANCE] });
        assert_eq!(
            call(&mut world, "TerminateRecoveryInstances", terminate.clone()),
            Err("ConflictException")
        );
        let id = world.drs["us-west-2"].source_servers[0].id.clone();
        world.region = "us-west-2".to_owned();
        call(
            &mut world,
            "StopReplication",
            json!({ "sourceServerID": id }),
        )
        .unwrap();
        world.region = "us-east-1".to_owned();
        call(&mut world, "TerminateRecoveryInstances", terminate).unwrap();
    }

    #[test]
    fn a_page_token_is_taken_only_as_it_was_given() {
        let mut world = world();
        let mut list = |token: &str| {
            call(
                &mut world,
                "DescribeSourceServers",
                json!({ "maxResults": 1, "nextToken": token }),
            )
            .map(|page| page["items"].as_array().unwrap().len())
        };
        let token = call::page_token(
            &Request {
                service: Service::Drs,
                operation: "DescribeSourceServers".to_owned(),
                region: "us-east-1".to_owned(),
                input: json!({}),
            },
            1,
        );
        assert_eq!(list(&token), Ok(1));
        let forged = [
            token.replace("-1", "-0"),
            token.replace("-1", "-99"),
            token.replace("-1", "-+1"),
            "-1".to_owned(),
        ];
        for token in forged {
            assert_eq!(list(&token), Err("ValidationException"), "{token}");
        }
    }

    #[test]
    fn a_reversal_needs_an_instance_that_stays() {
        let mut world = world();
        world.drs.insert("us-west-2".to_owned(), Drs::default());
        let reverse = |world: &mut World| {
            call(
                world,
                "ReverseReplication",
                json!({ "recoveryInstanceID": INSTANCE }),
            )
        };
        let mut terminating = world.clone();
        call(
            &mut terminating,
            "TerminateRecoveryInstances",
            json!({ "recoveryInstanceIDs": [INSTANCE] }),
        )
        .unwrap();
        assert_eq!(reverse(&mut terminating), Err("ConflictException"));
        call(
            &mut world,
            "DisconnectRecoveryInstance",
            json!({ "recoveryInstanceID": INSTANCE }),
        )
        .unwrap();
        assert_eq!(reverse(&mut world), Err("ConflictException"));
        assert!(world.drs["us-west-2"].source_servers.is_empty());
    }

    #[test]
    fn what_did_not_originate_in_ec2_cannot_be_reversed() {
        let mut world = world();
        world.server(ONE).unwrap().origin_region = None;
        let reversed = call(
            &mut world,
            "ReverseReplication",
            json!({ "recoveryInstanceID": INSTANCE }),
        );
        assert_eq!(reversed, Err("ValidationException"));
    }

    #[test]
    fn an_extended_server_names_its_staging_account_and_is_extended_once() {
        let mut world = world();
        let arn = |account: &str, region: &str| {
            format!("arn:aws:drs:{region}:{account}:source-server/{ONE}")
        };
        let extend = |world: &mut World, arn: String| {
            call(
                world,
                "CreateExtendedSourceServer",
                json!({ "sourceServerArn": arn }),
            )
        };
        for (account, region) in [("111122223333", "us-east-1"), ("444455556666", "us-west-2")] {
            assert_eq!(
                extend(&mut world, arn(account, region)),
                Err("ValidationException"),
                "{account} {region}"
            );
        }
        let wanted = arn("444455556666", "us-east-1");
        let made = extend(&mut world, wanted.clone()).unwrap();
        let area = json!({ "status": "EXTENDED", "stagingAccountID": "444455556666", "stagingSourceServerArn": wanted });
        assert_eq!(made["sourceServer"]["stagingArea"], area);
        assert_eq!(extend(&mut world, wanted), Err("ValidationException"));
        let of_account = |world: &mut World, account: &str| {
            let filters = json!({ "filters": { "stagingAccountIDs": [account] } });
            call(world, "DescribeSourceServers", filters).unwrap()["items"]
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(
            (
                of_account(&mut world, "444455556666"),
                of_account(&mut world, "111122223333")
            ),
            (1, 2)
        );
    }

    #[test]
    fn a_launch_is_seen_on_its_server_its_job_and_its_instance() {
        let mut world = world();
        let now = world.now;
        let job = json!({ "jobID": "drsjob-00000000000000001", "type": "LAUNCH", "initiatedBy": "START_DRILL",
            "createdAt": now - TimeDelta::hours(1), "endsAt": now, "sourceServerIDs": [ONE] });
        world.here().jobs.push(serde_json::from_value(job).unwrap());
        let servers = call(&mut world, "DescribeSourceServers", json!({})).unwrap();
        let [launched, other] = [0, 1].map(|at| &servers["items"][at]);
        assert_eq!(
            (&launched["lastLaunchResult"], &other["lastLaunchResult"]),
            (&json!("SUCCEEDED"), &json!("NOT_STARTED"))
        );
        let launch = &launched["lifeCycle"]["lastLaunch"];
        assert_eq!(
            (&launch["status"], &launch["initiated"]["type"]),
            (&json!("LAUNCHED"), &json!("DRILL"))
        );
        let instances = call(&mut world, "DescribeRecoveryInstances", json!({})).unwrap();
        let instance = &instances["items"][0];
        assert_eq!(instance["jobID"], launch["initiated"]["jobID"]);
        assert_eq!(
            instance["recoveryInstanceProperties"]["disks"][0]["bytes"],
            100_u64 << 30
        );
        assert_eq!(instance["originAvailabilityZone"], "us-west-2a");
        let terminated = call(
            &mut world,
            "TerminateRecoveryInstances",
            json!({ "recoveryInstanceIDs": [INSTANCE] }),
        );
        assert_eq!(
            terminated.unwrap()["job"]["participatingServers"][0]["recoveryInstanceID"],
            INSTANCE
        );
        check(&world).unwrap();
    }
}
