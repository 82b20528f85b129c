//! DRS on the wire: from a request to a change of the [`World`], and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the API's model; the official clients check them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    constraints,
    service::{self, Reply, Request, Service, input, put},
    world::{ApiError, Behaviour, Drs, Job, RecoveryInstance, SourceServer, World},
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
    OPERATIONS.iter().map(|(operation, _)| *operation).find(|operation| *operation == name)
}

/// Whether there is such an operation.
#[must_use]
pub fn serves(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, _)| *name == operation)
}

/// Whether an operation can change anything.
#[must_use]
pub fn changes(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, changes)| *name == operation && *changes)
}

/// What a call is about, for people: an ID, an ARN, or how a list is filtered.
#[must_use]
pub fn subject(input: &Value) -> String {
    let named = ["sourceServerID", "recoveryInstanceID", "jobID", "resourceArn"]
        .iter()
        .find_map(|name| input.get(name)?.as_str());
    if let Some(named) = named {
        return named.rsplit('/').next().unwrap_or(named).to_owned();
    }
    match input.get("filters").and_then(Value::as_object) {
        Some(filters) if !filters.is_empty() => {
            let filter = |(name, value): (&String, &Value)| match value.as_array() {
                Some(ids) if ids.len() > 2 => format!("{} {name}", ids.len()),
                Some(ids) => ids.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
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
    arn.map(|arn| ("resourceArn", service::percent_decode(arn))).into_iter().collect()
}

/// Answers a call.
///
/// # Errors
///
/// The error that AWS would answer with.
pub fn answer(world: &mut World, request: &Request) -> Reply {
    let context = Context {
        account: world.account.clone(),
        region: request.region.clone(),
        now: world.now,
        behaviour: world.behaviour,
    };
    if request.operation == "InitializeService" {
        input::<Nothing>(&request.input)?;
        world.drs.entry(request.region.clone()).or_default();
        return Ok((204, None));
    }
    if matches!(request.operation.as_str(), "TagResource" | "UntagResource" | "ListTagsForResource") {
        return tags(world, request);
    }
    let drs = world.drs.get_mut(&request.region).ok_or_else(ApiError::uninitialized)?;
    match request.operation.as_str() {
        operation if operation.ends_with("RecoveryInstance") || operation == "StopFailback" => {
            recovery_instances(drs, &context, request)
        }
        "TerminateRecoveryInstances" | "DescribeRecoveryInstances" | "ReverseReplication" => {
            recovery_instances(drs, &context, request)
        }
        "DescribeJobs" | "DescribeJobLogItems" | "DeleteJob" => jobs(drs, &context, request),
        _ => source_servers(drs, &context, request),
    }
}

/// Checks what a world file says of DRS: an answer about it is one that the model has.
pub(crate) fn check(world: &World) -> Result<(), String> {
    for (region, drs) in &world.drs {
        let context = Context {
            account: world.account.clone(),
            region: region.clone(),
            now: world.now,
            behaviour: world.behaviour,
        };
        let servers = drs.source_servers.iter().map(|of| (&of.id, "SourceServer", server_json(of, &context)));
        let configurations =
            drs.source_servers.iter().map(|of| (&of.id, "ReplicationConfiguration", configuration_json(of)));
        let instances = drs.recovery_instances.iter();
        let instances = instances.map(|of| (&of.id, "RecoveryInstance", recovery_instance_json(of, &context)));
        let jobs = drs.jobs.iter().map(|of| (&of.id, "Job", job_json(of, &context)));
        let mut seen = BTreeSet::new();
        for (id, shape, answer) in servers.chain(configurations).chain(instances).chain(jobs) {
            constraints::check(Service::Drs, shape, &answer).map_err(|wrong| format!("{id}: {wrong}"))?;
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
    behaviour: Behaviour,
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
            drs.source_server(&id).map(|server| (200, Some(configuration_json(server))))
        }
        "DisconnectSourceServer" => {
            let id = of_server()?;
            let before = server_json(drs.source_server(&id)?, context);
            let after = server_json(drs.disconnect(&id, context.now, context.behaviour)?, context);
            Ok((200, Some(if context.behaviour.disconnect_answers_as_before { before } else { after })))
        }
        "RetryDataReplication" => {
            drs.retry(&of_server()?, context.now).map(|server| (200, Some(server_json(server, context))))
        }
        "DeleteSourceServer" => {
            drs.delete(&of_server()?, context.now, context.behaviour).map(|()| (204, Some(json!({}))))
        }
        "StopReplication" => wrapped(drs.stop(&of_server()?)?, context),
        "StartReplication" => wrapped(drs.start(&of_server()?, context.now)?, context),
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

fn wrapped(server: &SourceServer, context: &Context) -> Reply {
    Ok((200, Some(json!({ "sourceServer": server_json(server, context) }))))
}

fn describe_source_servers(drs: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<ServerFilters> = input(&request.input)?;
    let filters = list.filters.as_ref();
    let fits = |server: &&SourceServer| {
        filters.is_none_or(|filters| {
            (filters.ids.is_empty() || filters.ids.contains(&server.id))
                && filters.hardware_id.as_ref().is_none_or(|id| server.aws_instance_id.as_ref() == Some(id))
                && (filters.staging_account_ids.is_empty() || filters.staging_account_ids.contains(&context.account))
        })
    };
    let items = drs.source_servers.iter().filter(fits).map(|server| server_json(server, context)).collect();
    page(items, &list, context)
}

fn describe_recovery_snapshots(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let list: List<SnapshotFilters> = input(&request.input)?;
    let id = list.source_server_id.clone().ok_or_else(|| ApiError::validation("sourceServerID is required"))?;
    // The model knows no error for a server that does not exist, so it has no points.
    let Ok(server) = drs.source_server(&id) else { return page(Vec::new(), &list, context) };
    let filters = list.filters.as_ref();
    let mut items: Vec<(DateTime<Utc>, Value)> =
        (0..server.recovery_points).map(|at| recovery_point(server, at, context)).collect();
    items.retain(|(at, _)| {
        filters.is_none_or(|filters| {
            filters.from_date_time.is_none_or(|from| *at >= from) && filters.to_date_time.is_none_or(|to| *at <= to)
        })
    });
    if list.order.as_deref() == Some("ASC") {
        items.reverse();
    }
    page(items.into_iter().map(|(_, item)| item).collect(), &list, context)
}

/// Point `at` of a server, the newest first: every ten minutes of an hour, every hour of a day, every day.
fn recovery_point(server: &SourceServer, at: u32, context: &Context) -> (DateTime<Utc>, Value) {
    let minutes = match i64::from(at) {
        at if at < 6 => at * 10,
        at if at < 30 => (at - 5) * 60,
        at => (at - 28) * 24 * 60,
    };
    let taken = context.now - TimeDelta::minutes(minutes);
    let item = json!({
        "snapshotID": format!("pit-{at:017}"),
        "sourceServerID": server.id,
        "expectedTimestamp": time(taken),
        "timestamp": time(taken),
        "ebsSnapshots": [format!("snap-{at:017x}")],
    });
    (taken, item)
}

/// Servers of a staging account that could be extended here. This world has one account, so there are none.
fn list_extensible(_: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<Nothing> = input(&request.input)?;
    list.staging_account_id.as_ref().ok_or_else(|| ApiError::validation("stagingAccountID is required"))?;
    page(Vec::new(), &list, context)
}

fn extend(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let extend: Extend = input(&request.input)?;
    let mut server = SourceServer::new(&drs.fresh_source_server_id());
    server.staging_status = "EXTENDED".to_owned();
    server.tags = extend.tags;
    let mut json = server_json(&server, context);
    if let Some(area) = json.get_mut("stagingArea") {
        put(area, "stagingSourceServerArn", json!(extend.source_server_arn));
    }
    drs.source_servers.push(server);
    Ok((201, Some(json!({ "sourceServer": json }))))
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
                            || filters.source_server_ids.contains(&instance.source_server_id))
                })
            };
            let fitting = drs.recovery_instances.iter().filter(fits);
            page(fitting.map(|instance| recovery_instance_json(instance, context)).collect(), &list, context)
        }
        "TerminateRecoveryInstances" => {
            let ids = input::<Terminate>(&request.input)?.ids;
            drs.terminate(&ids, context.now).map(|job| (200, Some(json!({ "job": job_json(job, context) }))))
        }
        "DisconnectRecoveryInstance" => drs.disconnect_recovery_instance(&of_instance()?).map(|()| (200, None)),
        "DeleteRecoveryInstance" => drs.delete_recovery_instance(&of_instance()?).map(|()| (200, None)),
        "StopFailback" => {
            drs.recovery_instance(&of_instance()?)?.failback_state = "FAILBACK_NOT_STARTED".to_owned();
            Ok((200, None))
        }
        "ReverseReplication" => reverse(drs, &of_instance()?, context),
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

/// The server from which an instance came gets a counterpart, and the two name each other.
fn reverse(drs: &mut Drs, recovery_instance_id: &str, context: &Context) -> Reply {
    let source_server_id = drs.recovery_instance(recovery_instance_id)?.source_server_id.clone();
    let mut counterpart = SourceServer::new(&drs.fresh_source_server_id());
    counterpart.replication_direction = "FAILBACK".to_owned();
    counterpart.reversed_direction_source_server_arn = Some(arn(context, "source-server", &source_server_id));
    let arn = arn(context, "source-server", &counterpart.id);
    drs.source_server(&source_server_id)?.reversed_direction_source_server_arn = Some(arn.clone());
    drs.source_servers.push(counterpart);
    Ok((200, Some(json!({ "reversedDirectionSourceServerArn": arn }))))
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
            page(drs.jobs.iter().filter(fits).map(|job| job_json(job, context)).collect(), &list, context)
        }
        "DescribeJobLogItems" => {
            let list: List<Nothing> = input(&request.input)?;
            let id = list.job_id.clone().ok_or_else(|| ApiError::validation("jobID is required"))?;
            let items = drs.job(&id).map(|job| log_items(job, context)).unwrap_or_default();
            page(items, &list, context)
        }
        _ => {
            let id = input::<OfJob>(&request.input)?.id;
            drs.delete_job(&id, context.now).map(|()| (204, Some(json!({}))))
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

/// Tags by ARN. In a Region without DRS, in another account, or of another service, there is no such resource.
fn tags(world: &mut World, request: &Request) -> Reply {
    let wanted: Tags = input(&request.input)?;
    let parts: Vec<&str> = wanted.resource_arn.splitn(6, ':').collect();
    let ["arn", partition, "drs", region, account, resource] = parts.as_slice() else {
        return Err(ApiError::validation("resourceArn is not the ARN of a DRS resource"));
    };
    let partition_here = constraints::partition(&request.region);
    let here = *region == request.region && *account == world.account && Some(*partition) == partition_here;
    let drs = world.drs.get_mut(&request.region).filter(|_| here);
    let drs = drs.ok_or_else(|| ApiError::not_found(&wanted.resource_arn))?;
    let (kind, id) = resource.split_once('/').ok_or_else(|| ApiError::validation("resourceArn names no resource"))?;
    let tags = drs.tags(kind, id)?;
    match request.operation.as_str() {
        "TagResource" => {
            let mut more = tags.clone();
            more.extend(wanted.tags);
            if more.len() > 50 {
                return Err(ApiError::validation("a resource has at most 50 tags"));
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
fn page<F>(items: Vec<Value>, list: &List<F>, context: &Context) -> Reply {
    let size = list.max_results.unwrap_or(context.behaviour.page_size);
    let (items, token) = service::page(items, size, list.next_token.as_deref())
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
    constraints::arn("drs", &context.region, &context.account, &format!("{kind}/{id}"))
}

fn server_json(server: &SourceServer, context: &Context) -> Value {
    let mut json = json!({
        "sourceServerID": server.id,
        "arn": arn(context, "source-server", &server.id),
        "tags": server.tags,
        "lastLaunchResult": "NOT_STARTED",
        "dataReplicationInfo": replication_json(server, context),
        "lifeCycle": life_cycle_json(server, context),
        "sourceProperties": properties_json(server, context),
        "stagingArea": { "status": server.staging_status, "stagingAccountID": context.account },
        "replicationDirection": server.replication_direction,
        "agentVersion": "6.4.0",
    });
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
    let bytes = if server.is_disconnected() { 0 } else { server.disk_bytes };
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
        "STALLED" => {
            put(&mut json, "dataReplicationError", json!({ "error": "AGENT_NOT_SEEN", "rawError": "agent not seen" }))
        }
        _ => {}
    }
    json
}

fn life_cycle_json(server: &SourceServer, context: &Context) -> Value {
    let since = server.replicating_since.unwrap_or(context.now - TimeDelta::days(180));
    let hours = (context.now - since).num_hours();
    json!({
        "addedToServiceDateTime": time(since),
        "firstByteDateTime": time(since),
        "elapsedReplicationDuration": format!("P{}DT{}H", hours / 24, hours % 24),
        "lastSeenByServiceDateTime": time(server.agent_gone_at.map_or(context.now, |gone| gone.min(context.now))),
    })
}

fn properties_json(server: &SourceServer, context: &Context) -> Value {
    let mut hints = json!({});
    let named = [("hostname", &server.hostname), ("fqdn", &server.fqdn), ("awsInstanceID", &server.aws_instance_id)];
    for (member, value) in named {
        if let Some(value) = value {
            put(&mut hints, member, json!(value));
        }
    }
    json!({
        "lastUpdatedDateTime": time(context.now),
        "recommendedInstanceType": "m6i.large",
        "identificationHints": hints,
        "networkInterfaces": [{ "macAddress": "0a:00:27:00:00:01", "ips": ["10.20.30.40"], "isPrimary": true }],
        "disks": [{ "deviceName": "/dev/xvda", "bytes": server.disk_bytes }],
        "cpus": [{ "cores": 2, "modelName": "Intel(R) Xeon(R)" }],
        "ramBytes": 8_589_934_592_u64,
        "os": { "fullString": "Linux" },
        "supportsNitroInstances": true,
    })
}

fn recovery_instance_json(instance: &RecoveryInstance, context: &Context) -> Value {
    json!({
        "recoveryInstanceID": instance.id,
        "ec2InstanceID": instance.id,
        "ec2InstanceState": instance.ec2_instance_state,
        "sourceServerID": instance.source_server_id,
        "arn": arn(context, "recovery-instance", &instance.id),
        "tags": instance.tags,
        "failback": { "state": instance.failback_state },
        "isDrill": instance.is_drill,
        "originEnvironment": "AWS",
    })
}

fn job_json(job: &Job, context: &Context) -> Value {
    let status = job.status(context.now);
    let launch_status = match (status, job.kind.as_str()) {
        ("PENDING", _) => "PENDING",
        ("STARTED", _) => "IN_PROGRESS",
        (_, "TERMINATE") => "TERMINATED",
        _ => "LAUNCHED",
    };
    let server = |id: &String| json!({ "sourceServerID": id, "launchStatus": launch_status });
    let mut json = json!({
        "jobID": job.id,
        "arn": arn(context, "job", &job.id),
        "type": job.kind,
        "initiatedBy": job.initiated_by,
        "creationDateTime": time(job.created_at),
        "status": status,
        "participatingServers": job.source_server_ids.iter().map(server).collect::<Vec<_>>(),
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
