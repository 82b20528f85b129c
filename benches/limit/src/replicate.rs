//! `bootstrap-efs-replication` without an SDK, as far as a new replication goes.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    aws::{Aws, Call, Reply},
    environment::variable,
    request::{list, request, text},
};

pub(crate) const NAME: &str = "bootstrap-efs-replication";

pub(crate) fn answer(aws: &mut Aws, event: &[u8]) -> Result<Value> {
    let event: Value = serde_json::from_slice(event)?;
    let (change, targets) = request(&event)?;
    let mut reports = Vec::new();

    for target in targets {
        reports.push(replicate(aws, target)?);
    }

    let pending = reports
        .iter()
        .all(|report| text(report, "outcome") == "pending");
    let outcome = if pending { "pending" } else { "refused" };

    Ok(json!({ "requestID": change, "outcome": outcome, "targets": reports }))
}

fn replicate(aws: &mut Aws, target: &Value) -> Result<Value> {
    let id = text(target, "sourceFileSystemId");
    let region = target
        .pointer("/destination/region")
        .and_then(Value::as_str)
        .context("no Region")?;
    let source = file_system(aws, id, None)?;
    let known = replication(aws, id)?;
    let protection = source
        .pointer("/FileSystemProtection/ReplicationOverwriteProtection")
        .and_then(Value::as_str);
    let usable =
        text(&source, "LifeCycleState") == "available" && protection != Some("REPLICATING");
    let encrypted = source.get("Encrypted") == Some(&Value::Bool(true));

    if known.is_some() || !usable || !encrypted || variable("MODE")? != "enforce" {
        return Ok(json!({ "sourceFileSystemId": id, "outcome": "refused" }));
    }

    let path = format!("/2015-02-01/file-systems/{id}/replication-configuration");
    let body = json!({ "Destinations": [{ "Region": region }] });
    efs(aws, None, "POST", &path, "", Some(body))?.map_err(anyhow::Error::msg)?;
    let source = file_system(aws, id, None)?;
    let seen = replication(aws, id)?.context("the replication is not to be seen")?;
    let there = list(&seen, "Destinations")
        .first()
        .context("no destination")?;
    let replica = file_system(
        aws,
        text(there, "FileSystemId"),
        Some(text(there, "Region")),
    )?;

    let status = text(there, "Status");
    Ok(json!({
        "sourceFileSystemId": text(&source, "FileSystemId"),
        "destinationFileSystemId": text(&replica, "FileSystemId"),
        "status": status,
        "outcome": if status == "ENABLING" { "pending" } else { "refused" },
    }))
}

fn file_system(aws: &mut Aws, id: &str, region: Option<&str>) -> Result<Value> {
    let query = format!("FileSystemId={id}");
    let answer = efs(aws, region, "GET", "/2015-02-01/file-systems", &query, None)?
        .map_err(anyhow::Error::msg)?;
    list(&answer, "FileSystems")
        .first()
        .cloned()
        .context("no file system")
}

/// The replication of a file system; `None` if EFS says that there is none.
fn replication(aws: &mut Aws, id: &str) -> Result<Option<Value>> {
    let path = "/2015-02-01/file-systems/replication-configurations";
    match efs(aws, None, "GET", path, &format!("FileSystemId={id}"), None)? {
        Ok(answer) => Ok(list(&answer, "Replications").first().cloned()),
        Err(code) if code == "ReplicationNotFound" => Ok(None),
        Err(code) => bail!(code),
    }
}

fn efs(
    aws: &mut Aws,
    region: Option<&str>,
    method: &str,
    path: &str,
    query: &str,
    body: Option<Value>,
) -> Result<Reply> {
    aws.call(Call {
        service: "elasticfilesystem",
        region,
        method,
        path,
        query,
        body,
    })
}
