//! DRS on the wire: from a request to a change of the model, and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the service model; AWS's own clients check
//! them.

mod descriptions;
mod extended_servers;
mod jobs;
mod launches;
mod lists;
mod recovery_instances;
mod recovery_points;
mod reversal;
mod source_servers;
mod tags;

#[cfg(test)]
mod fixtures;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    aws::{
        call::{ApiResult, Request, Service},
        constraints,
        context::Context,
        operation::{self, Handler, Operation},
    },
    drs::{
        api::{
            descriptions::{configuration_json, server_json},
            jobs::job_json,
            launches::View,
            lists::Nothing,
            recovery_instances::instance_json,
        },
        model::{Drs, Model},
    },
};

/// The path of the operations on tags.
const TAGS: &str = "/tags/{resourceArn+}";

/// The operations of DRS that are emulated.
#[rustfmt::skip] // A row an operation.
pub(super) static OPERATIONS: [Operation<Model>; 23] = [
    reads("/DescribeSourceServers", source_servers::describe),
    changes("/DisconnectSourceServer", source_servers::disconnect),
    changes("/DeleteSourceServer", source_servers::delete),
    changes("/StopReplication", source_servers::stop),
    changes("/StartReplication", source_servers::start),
    changes("/RetryDataReplication", source_servers::retry),
    reads("/DescribeRecoveryInstances", recovery_instances::describe),
    changes("/DisconnectRecoveryInstance", recovery_instances::disconnect),
    changes("/TerminateRecoveryInstances", recovery_instances::terminate),
    changes("/DeleteRecoveryInstance", recovery_instances::delete),
    changes("/StopFailback", recovery_instances::stop_failback),
    changes("/ReverseReplication", reversal::reverse),
    reads("/DescribeJobs", jobs::describe),
    reads("/DescribeJobLogItems", jobs::describe_log),
    changes("/DeleteJob", jobs::delete),
    reads("/DescribeRecoverySnapshots", recovery_points::describe),
    reads("/ListExtensibleSourceServers", extended_servers::list_extensible),
    changes("/CreateExtendedSourceServer", extended_servers::extend),
    reads("/GetReplicationConfiguration", source_servers::get_configuration),
    changes("/InitializeService", initialize),
    operation::changes("TagResource", "POST", TAGS, tags::tag),
    operation::changes("UntagResource", "DELETE", TAGS, tags::untag),
    operation::reads("ListTagsForResource", "GET", TAGS, tags::list),
];

const fn reads(path: &'static str, handler: Handler<Model>) -> Operation<Model> {
    operation::reads(name_of(path), "POST", path, handler)
}

const fn changes(path: &'static str, handler: Handler<Model>) -> Operation<Model> {
    operation::changes(name_of(path), "POST", path, handler)
}

/// The operation that a path is for. Except for tags, DRS has one path an operation, such as
/// `/DescribeJobs`.
const fn name_of(path: &'static str) -> &'static str {
    let (_slash, name) = path.split_at(1);
    name
}

/// `InitializeService`.
fn initialize(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    // Initialising a Region again changes nothing.
    let Nothing {} = request.read()?;
    model.regions.entry(context.region.clone()).or_default();

    Ok((204, None))
}

/// The members of a call that carry a page token: of the request, and of the answer.
pub(super) const TOKENS: (&str, &str) = ("nextToken", "nextToken");

/// The subject of a call, for people: an ID, or the filters of a list.
pub(super) fn subject(input: &Value) -> String {
    let names = [
        "sourceServerID",
        "recoveryInstanceID",
        "jobID",
        "resourceArn",
    ];
    // An ARN ends with the ID, which is all that people look for.
    let named = names.iter().find_map(|name| input.get(name)?.as_str());
    if let Some(named) = named {
        return named.rsplit('/').next().unwrap_or(named).to_owned();
    }

    match input.get("filters").and_then(Value::as_object) {
        Some(filters) if !filters.is_empty() => {
            let filters: Vec<String> = filters
                .iter()
                .map(|(name, value)| describe_filter(name, value))
                .collect();
            filters.join(", ")
        }
        _ => "all".to_owned(),
    }
}

/// A filter in a few words: up to two IDs, or the number of them.
fn describe_filter(name: &str, value: &Value) -> String {
    match value.as_array() {
        // A hundred IDs would fill the screen.
        Some(ids) if ids.len() > 2 => format!("{} {name}", ids.len()),
        Some(ids) => {
            let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            ids.join(" ")
        }
        None => format!("{name}: {}", value.as_str().unwrap_or_default()),
    }
}

/// Checks the values of a world file: each description of a resource fits the service model.
///
/// # Errors
///
/// A sentence about the first value that does not fit.
pub(crate) fn check(model: &Model, context_in: impl Fn(&str) -> Context) -> Result<(), String> {
    for (region, drs) in &model.regions {
        check_region(drs, &context_in(region))?;
    }
    Ok(())
}

fn check_region(drs: &Drs, context: &Context) -> Result<(), String> {
    let view = View::new(drs, context);
    let mut known = BTreeSet::new();
    let mut check = |shape: &'static str, id: &str, description: &Value| {
        constraints::check(Service::Drs, shape, description)
            .map_err(|wrong| format!("{id}: {wrong}"))?;

        // A server and its configuration share an ID, and have different shapes.
        match known.insert((shape, id.to_owned())) {
            true => Ok(()),
            false => Err(format!("{id} appears twice")),
        }
    };

    for server in &drs.source_servers {
        check("SourceServer", &server.id, &server_json(server, &view))?;
    }
    for server in &drs.source_servers {
        let configuration = configuration_json(server);
        check("ReplicationConfiguration", &server.id, &configuration)?;
    }
    for instance in &drs.recovery_instances {
        let description = instance_json(instance, drs, &view);
        check("RecoveryInstance", &instance.id, &description)?;
    }
    for job in &drs.jobs {
        check("Job", &job.id, &job_json(job, context))?;
    }

    Ok(())
}
