//! `disconnect-source-server` without an SDK.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::{
    aws::{Aws, Call, escape},
    environment::variable,
    request::{list, request, text},
};

pub(crate) const NAME: &str = "disconnect-source-server";
const APPROVAL: &str = "drover:approved";
const PROTECTION: &str = "drover:protected";
/// How many servers a page is asked to hold.
const PAGE_SIZE: usize = 250;
/// The largest share of the connected servers that one request may disconnect, in percent.
const SHARE: usize = 10;

pub(crate) fn answer(aws: &mut Aws, event: &[u8]) -> Result<Value> {
    let event: Value = serde_json::from_slice(event)?;
    let (change, targets) = request(&event)?;
    let ids: Vec<&str> = targets
        .iter()
        .map(|target| text(target, "sourceServerID"))
        .collect();

    // A share can only be taken of all servers; one target is always allowed.
    let filters = if ids.len() > 1 {
        json!({})
    } else {
        json!({ "sourceServerIDs": ids })
    };
    let account = servers(aws, &filters)?;
    let points = recovery_points(aws, &ids)?;
    let refusals = refusals(aws, change, targets, &ids, &account)?;
    let is_over = ids.len() > 1 && ids.len() > share_of(&account);
    if is_over || refusals.iter().any(Option::is_some) || variable("MODE")? != "enforce" {
        return Ok(json!({ "requestID": change, "outcome": "refused", "reasons": refusals }));
    }

    disconnect(aws, &ids)?;

    let last = servers(aws, &json!({ "sourceServerIDs": ids }))?;
    Ok(report(change, &ids, &last, &points))
}

/// How many recovery points each server has.
fn recovery_points(aws: &mut Aws, ids: &[&str]) -> Result<Vec<usize>> {
    let mut points = Vec::new();
    for id in ids {
        let filter = json!({ "sourceServerID": id });
        points.push(pages(aws, "DescribeRecoverySnapshots", &filter)?.len());
    }

    Ok(points)
}

/// The reason against each target, if there is one.
fn refusals(
    aws: &mut Aws,
    change: &str,
    targets: &[Value],
    ids: &[&str],
    account: &[Value],
) -> Result<Vec<Option<&'static str>>> {
    let jobs = pages(aws, "DescribeJobs", &json!({}))?;
    let filters = json!({ "filters": { "sourceServerIDs": ids } });
    let instances = pages(aws, "DescribeRecoveryInstances", &filters)?;

    let refusals = targets.iter().map(|target| {
        let Some(server) = matching(target, account) else {
            return Some("not_found");
        };
        refusal(server, change, &jobs, &instances)
    });
    Ok(refusals.collect())
}

/// How many servers one request may disconnect.
fn share_of(account: &[Value]) -> usize {
    let connected = account
        .iter()
        .filter(|server| state(server) != "DISCONNECTED")
        .count();

    (connected * SHARE / 100).max(1)
}

/// Disconnects the servers, and removes the approval of each that AWS shows disconnected.
fn disconnect(aws: &mut Aws, ids: &[&str]) -> Result<()> {
    let mut answers = Vec::new();
    for id in ids {
        let input = json!({ "sourceServerID": id });
        answers.push(post(aws, "DisconnectSourceServer", input)?);
    }

    for server in answers.iter().filter(|server| is_disconnected(server)) {
        let path = format!("/tags/{}", escape(text(server, "arn")));
        let query = format!("tagKeys={}", escape(APPROVAL));
        aws.must(Call {
            service: "drs",
            region: None,
            method: "DELETE",
            path: &path,
            query: &query,
            body: None,
        })?;
    }

    Ok(())
}

fn report(change: &str, ids: &[&str], last: &[Value], points: &[usize]) -> Value {
    let outcome = |done: bool| if done { "done" } else { "pending" };
    let result = |(server, points): (&Value, &usize)| {
        json!({
            "sourceServerID": text(server, "sourceServerID"),
            "outcome": outcome(is_disconnected(server)),
            "recoveryPointsLost": points,
        })
    };

    let results: Vec<Value> = last.iter().zip(points).map(result).collect();
    let all = last.len() == ids.len() && last.iter().all(is_disconnected);
    json!({ "requestID": change, "outcome": outcome(all), "targets": results })
}

fn is_disconnected(server: &Value) -> bool {
    state(server) == "DISCONNECTED"
}

/// The server with the ID of a target, if its other name fits.
fn matching<'a>(target: &Value, account: &'a [Value]) -> Option<&'a Value> {
    let server = account
        .iter()
        .find(|server| text(server, "sourceServerID") == text(target, "sourceServerID"))?;
    let hints = server.pointer("/sourceProperties/identificationHints")?;
    let asked = text(target, "hostname");
    (asked.is_empty() || text(hints, "hostname") == asked).then_some(server)
}

/// The first rule that forbids to disconnect a server.
fn refusal(
    server: &Value,
    change: &str,
    jobs: &[Value],
    instances: &[Value],
) -> Option<&'static str> {
    let id = text(server, "sourceServerID");
    let extended = server
        .pointer("/stagingArea/status")
        .and_then(Value::as_str)
        .is_some_and(|it| it != "NOT_EXTENDED");
    let of_server = |participant: &Value| text(participant, "sourceServerID") == id;
    let works = |job: &&Value| {
        text(job, "status") != "COMPLETED"
            && list(job, "participatingServers").iter().any(of_server)
    };

    if tag(server, PROTECTION).is_some() {
        Some("protected")
    } else if tag(server, APPROVAL) != Some(change) {
        Some("not_approved")
    } else if extended || text(server, "replicationDirection") == "FAILBACK" {
        Some("in_use")
    } else if !text(server, "recoveryInstanceId").is_empty() || instances.iter().any(of_server) {
        Some("recovery_instance_present")
    } else if jobs.iter().any(|job| works(&job)) {
        Some("job_running")
    } else {
        None
    }
}

fn tag<'a>(server: &'a Value, key: &str) -> Option<&'a str> {
    server
        .get("tags")
        .and_then(Value::as_object)
        .and_then(|tags: &Map<String, Value>| tags.get(key)?.as_str())
}

fn state(server: &Value) -> &str {
    server
        .pointer("/dataReplicationInfo/dataReplicationState")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn servers(aws: &mut Aws, filters: &Value) -> Result<Vec<Value>> {
    pages(
        aws,
        "DescribeSourceServers",
        &json!({ "filters": filters, "maxResults": PAGE_SIZE }),
    )
}

fn pages(aws: &mut Aws, operation: &str, input: &Value) -> Result<Vec<Value>> {
    let (mut found, mut input) = (Vec::new(), input.clone());
    loop {
        let page = post(aws, operation, input.clone())?;
        found.extend_from_slice(list(&page, "items"));
        match (
            page.get("nextToken").filter(|token| token.is_string()),
            input.as_object_mut(),
        ) {
            (Some(token), Some(input)) => _ = input.insert("nextToken".to_owned(), token.clone()),
            _ => return Ok(found),
        }
    }
}

fn post(aws: &mut Aws, operation: &str, input: Value) -> Result<Value> {
    let path = format!("/{operation}");
    aws.must(Call {
        service: "drs",
        region: None,
        method: "POST",
        path: &path,
        query: "",
        body: Some(input),
    })
}
