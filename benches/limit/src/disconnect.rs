//! `disconnect-source-server` without an SDK.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::{
    aws::{Aws, Call, escape},
    list, request, text, variable,
};

pub(crate) const NAME: &str = "disconnect-source-server";
const APPROVAL: &str = "drover:approved";
const PROTECTION: &str = "drover:protected";
/// How many servers a page is asked to hold.
const PAGE_SIZE: usize = 1000;
/// The largest share of the connected servers that one request may disconnect, in percent.
const SHARE: usize = 10;

pub(crate) fn answer(aws: &mut Aws, event: &[u8]) -> Result<Value> {
    let event: Value = serde_json::from_slice(event)?;
    let (change, targets) = request(&event, "targets")?;
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
    let seen: Vec<Option<&Value>> = targets
        .iter()
        .map(|target| matching(target, &account))
        .collect();
    let mut points = Vec::new();
    for id in &ids {
        points.push(
            pages(
                aws,
                "DescribeRecoverySnapshots",
                &json!({ "sourceServerID": id }),
            )?
            .len(),
        );
    }
    let jobs = pages(aws, "DescribeJobs", &json!({}))?;
    let instances = pages(
        aws,
        "DescribeRecoveryInstances",
        &json!({ "filters": { "sourceServerIDs": ids } }),
    )?;
    let refusals: Vec<Option<&str>> = seen
        .iter()
        .map(|server| {
            server.map_or(Some("not_found"), |it| {
                refusal(it, change, &jobs, &instances)
            })
        })
        .collect();
    let connected = account
        .iter()
        .filter(|server| state(server) != "DISCONNECTED")
        .count();
    let over = ids.len() > 1 && ids.len() > (connected * SHARE / 100).max(1);
    if over || refusals.iter().any(Option::is_some) || variable("MODE")? != "enforce" {
        return Ok(json!({ "requestID": change, "outcome": "refused", "reasons": refusals }));
    }
    let mut answers = Vec::new();
    for id in &ids {
        answers.push(post(
            aws,
            "DisconnectSourceServer",
            json!({ "sourceServerID": id }),
        )?);
    }
    let ended = |server: &&Value| state(server) == "DISCONNECTED";
    for server in answers.iter().filter(ended) {
        let path = format!("/tags/{}", escape(text(server, "arn")));
        let query = format!("tagKeys={}", escape(APPROVAL));
        let (service, method) = ("drs", "DELETE");
        aws.must(Call {
            service,
            region: None,
            method,
            path: &path,
            query: &query,
            body: None,
        })?;
    }
    let last = servers(aws, &json!({ "sourceServerIDs": ids }))?;
    let outcome = |done: bool| if done { "done" } else { "pending" };
    let told = last.iter().zip(&points).map(|(server, points)| {
        let id = text(server, "sourceServerID");
        json!({ "sourceServerID": id, "outcome": outcome(ended(&server)), "recoveryPointsLost": points })
    });
    let told: Vec<Value> = told.collect();
    let all = last.len() == ids.len() && last.iter().all(|server| ended(&server));
    Ok(json!({ "requestID": change, "outcome": outcome(all), "targets": told }))
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
