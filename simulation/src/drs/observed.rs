//! What an attempt has read of source servers, as it stood on the wire.

use std::collections::BTreeSet;

use emulator::IamRequest;
use serde_json::Value;

use crate::{
    constants::UNHEARD_OF,
    record::{AttemptLog, Call, State, text, without_resource_tags},
};

/// A server as the attempt has read it, the last read first.
pub(crate) fn observed_servers<'a>(log: &'a AttemptLog, id: &str) -> Vec<&'a Value> {
    let servers = log
        .calls
        .iter()
        .rev()
        .filter(|call| call.is_ok())
        .flat_map(|call| match call.operation.as_str() {
            // DRS answers a disconnect with the server, which counts as a read.
            "DescribeSourceServers" => items(&call.body),
            "DisconnectSourceServer" => std::slice::from_ref(&call.body),
            _ => &[],
        });

    servers
        .filter(|server| server["sourceServerID"] == id)
        .collect()
}

/// A list as the attempt read it last, by a filter that lets through what matters; `None` if it
/// never read such a list to its end.
fn observed_list(
    log: &AttemptLog,
    operation: &str,
    lets_through: impl Fn(&Value) -> bool,
) -> Option<Vec<Value>> {
    let pages = log
        .calls
        .iter()
        .filter(|call| call.operation == operation && call.is_ok())
        .filter(|call| lets_through(&call.input["filters"]));

    let mut current = Vec::new();
    let mut complete = None;
    for page in pages {
        // Without a token the list starts over.
        if page.input["nextToken"].is_null() {
            current.clear();
        }
        current.extend_from_slice(items(&page.body));

        // Only the last page makes the list complete.
        if page.body["nextToken"].is_null() {
            complete = Some(current.clone());
        }
    }

    complete
}

/// The filter of a list with its one condition, where it has one: a name and what it asks for.
fn condition(filters: &Value) -> Option<(&str, &Value)> {
    // A member that is null or empty holds nothing back.
    let is_condition = |(_, value): &(&String, &Value)| {
        !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty())
    };
    let mut conditions = filters
        .as_object()
        .into_iter()
        .flatten()
        .filter(is_condition);

    conditions
        .next()
        .map(|(name, value)| (name.as_str(), value))
}

/// Whether a filter lets this server through, whatever else it holds back.
fn lets_server_through(filters: &Value, id: &str) -> bool {
    match condition(filters) {
        None => true,
        Some(("sourceServerIDs", ids)) => ids.as_array().into_iter().flatten().any(|it| it == id),
        Some(_) => false,
    }
}

/// Whether the attempt has read to its end a list with every server that a target may mean.
pub(crate) fn was_searched(log: &AttemptLog, target: &Value, id: &str) -> bool {
    let searches = |filters: &Value| match condition(filters) {
        None => true,
        // An ID means one server; by any other name there may be several.
        Some(("sourceServerIDs", _)) => {
            !target["sourceServerID"].is_null() && lets_server_through(filters, id)
        }
        Some(("hardwareId", instance)) => *instance == target["awsInstanceID"],
        Some(_) => false,
    };

    observed_list(log, "DescribeSourceServers", searches).is_some()
}

/// Whether the attempt has read every server of the account.
pub(crate) fn was_counted(log: &AttemptLog) -> bool {
    observed_list(log, "DescribeSourceServers", |filters| {
        condition(filters).is_none()
    })
    .is_some()
}

/// How many recovery points of a server the attempt has read; `None` if their list never came to
/// its end, since such a list counts nothing.
pub(crate) fn points_read(log: &AttemptLog, id: &str) -> Option<usize> {
    let is_page = |call: &&Call| {
        call.operation == "DescribeRecoverySnapshots" && call.subject == id && call.is_ok()
    };
    let pages = || log.calls.iter().filter(is_page);
    let points: BTreeSet<&str> = pages()
        .flat_map(|page| items(&page.body))
        .map(|point| text(point, "snapshotID"))
        .collect();

    pages().any(|page| !page.has_more()).then_some(points.len())
}

/// Whether DRS showed nothing of the staging area of a server: neither on its record nor in the list
/// of its recovery points, which was read to its end.
pub(crate) fn shows_nothing(log: &AttemptLog, server: &Value) -> bool {
    let info = &server["dataReplicationInfo"];
    let mut disks = info["replicatedDisks"].as_array().into_iter().flatten();
    let has_data = disks.any(|disk| disk["totalStorageBytes"] != 0);
    let has_lag = !info["lagDuration"].is_null() || !info["etaDateTime"].is_null();

    let points = points_read(log, text(server, "sourceServerID"));
    !has_data && !has_lag && points == Some(0)
}

fn items(body: &Value) -> &[Value] {
    body["items"].as_array().map_or(&[], Vec::as_slice)
}

/// The question to IAM as it would be if the server still had the tags that the attempt read last.
///
/// Between the read and the change an operator may remove an approval, and the role then denies
/// what the function cannot know.
pub(crate) fn as_observed(state: &State, attempt: usize, ask: &IamRequest) -> IamRequest {
    let id = ask.resource.rsplit('/').next().unwrap_or_default();
    let server = state
        .attempts
        .get(attempt)
        .and_then(|log| observed_servers(log, id).first().copied())
        .unwrap_or(&Value::Null);

    let mut observed = without_resource_tags(ask);
    for (key, value) in server["tags"].as_object().into_iter().flatten() {
        let key = format!("aws:ResourceTag/{key}");
        observed = observed.with(&key, value.as_str().unwrap_or_default());
    }

    observed
}

/// Whether every name in a target is a name of the server.
pub(crate) fn matches(target: &Value, server: &Value) -> bool {
    let hints = &server["sourceProperties"]["identificationHints"];
    let origin = &server["sourceCloudProperties"];
    let agrees = |name: &str, found: &Value| target[name].is_null() || target[name] == *found;

    // A target may name the server by its ID or by its ARN.
    let id = &target["sourceServerID"];
    let agrees_by_id = id.is_null() || *id == server["sourceServerID"] || *id == server["arn"];

    agrees_by_id
        && agrees("awsInstanceID", &hints["awsInstanceID"])
        && agrees("hostname", &hints["hostname"])
        && agrees("fqdn", &hints["fqdn"])
        && agrees("originAccountID", &origin["originAccountID"])
        && agrees("originRegion", &origin["originRegion"])
}

/// Whether the attempt has read another server that a target matches as well.
pub(crate) fn is_ambiguous(log: &AttemptLog, target: &Value, id: &str) -> bool {
    log.calls
        .iter()
        .filter(|call| call.operation == "DescribeSourceServers" && call.is_ok())
        .flat_map(|call| items(&call.body))
        .any(|server| server["sourceServerID"] != id && matches(target, server))
}

/// Whether nothing that the attempt has read uses the server.
pub(crate) fn is_free(log: &AttemptLog, server: &Value, id: &str) -> bool {
    // A list that was not read to its end, or not for this server, says nothing.
    let any_job = |filters: &Value| condition(filters).is_none();
    let of_server = |filters: &Value| lets_server_through(filters, id);
    let Some(jobs) = observed_list(log, "DescribeJobs", any_job) else {
        return false;
    };
    let Some(instances) = observed_list(log, "DescribeRecoveryInstances", of_server) else {
        return false;
    };

    // A job or an instance in use forbids a change.
    let has_job = jobs
        .iter()
        .any(|job| job["status"] != "COMPLETED" && works_on(job, id));
    // An instance whose server DRS does not name may be of any.
    let has_instance = instances.iter().any(|instance| {
        let server = &instance["sourceServerID"];
        server.is_null() || *server == id
    });
    let is_absent = |member: &Value| member.as_str().is_none_or(str::is_empty);

    server["replicationDirection"] == "FAILOVER"
        && is_absent(&server["reversedDirectionSourceServerArn"])
        && server["stagingArea"]["status"] == "NOT_EXTENDED"
        && server["dataReplicationInfo"]["dataReplicationState"] != UNHEARD_OF
        && is_absent(&server["recoveryInstanceId"])
        && !has_job
        && !has_instance
}

/// Whether the list of jobs that was read last came to its end before that of recovery instances
/// began.
pub(crate) fn jobs_were_read_first(log: &AttemptLog) -> bool {
    let jobs = log
        .calls
        .iter()
        .rposition(|call| call.operation == "DescribeJobs" && call.is_ok());
    let instances = log
        .calls
        .iter()
        .position(|call| call.operation == "DescribeRecoveryInstances" && call.is_ok());

    jobs < instances
}

/// Whether a job works on a server. A job that does not name its servers may work on any.
fn works_on(job: &Value, id: &str) -> bool {
    let servers = job["participatingServers"].as_array();
    let servers = servers.map_or(&[][..], Vec::as_slice);

    let is_meant = |server: &Value| {
        let named = &server["sourceServerID"];
        named == id || named == ""
    };
    servers.is_empty() || servers.iter().any(is_meant)
}
