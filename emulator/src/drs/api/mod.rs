//! DRS on the wire: from a request to a change of the [`World`], and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the API's model; the official clients check
//! them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    aws::{
        call::{self, Reply, Request, Service, input},
        constraints,
        error::ApiError,
    },
    drs::api::{
        jobs::{job_json, jobs},
        launches::Context,
        lists::Nothing,
        recovery_instances::{recovery_instance_json, recovery_instances, reverse},
        source_servers::{OfServer, configuration_json, server_json, source_servers},
        tags::tags,
    },
    world::World,
};

#[cfg(test)]
mod fixtures;
mod jobs;
mod launches;
mod lists;
mod recovery_instances;
mod source_servers;
mod tags;

/// The operations whose path is their name, and whether they can change anything.
pub(crate) const OPERATIONS: [(&str, bool); 23] = [
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
pub(crate) fn end_failback(world: &mut World, request: &Request) -> Result<(), ApiError> {
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
