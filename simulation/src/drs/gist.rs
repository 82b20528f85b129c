//! What an answer of DRS says that matters, in a few words, for whoever reads a failing seed.

use serde_json::Value;

use crate::{
    constants::{APPROVED, PROTECTED},
    record::{Call, text},
};

/// The items of a list that are told; the others are counted.
const TOLD: usize = 4;

/// What an answer says that matters; empty where that is nothing but its status.
pub(crate) fn gist(call: &Call) -> String {
    let items = call.body["items"].as_array().map_or(&[][..], Vec::as_slice);
    let tell: fn(&Value) -> String = match call.operation.as_str() {
        "DescribeSourceServers" => server,
        "DescribeJobs" => job,
        "DescribeRecoveryInstances" => instance,
        _ => return String::new(),
    };

    let mut told: Vec<String> = items.iter().take(TOLD).map(tell).collect();
    if items.len() > TOLD {
        told.push(format!("{} more", items.len() - TOLD));
    }
    if call.has_more() {
        told.push("another page".to_owned());
    }
    told.join("; ")
}

/// A server: its state, and everything that is not as it mostly is.
fn server(server: &Value) -> String {
    let hints = &server["sourceProperties"]["identificationHints"];
    let info = &server["dataReplicationInfo"];
    let tags = &server["tags"];
    let mut words = vec![text(server, "sourceServerID"), text(hints, "hostname")];
    words.push(text(info, "dataReplicationState"));
    words.retain(|word| !word.is_empty());
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();

    // DRS does not know every name of every machine.
    for name in ["hostname", "fqdn", "awsInstanceID"] {
        if hints[name].is_null() {
            words.push(format!("without {name}"));
        }
    }
    words.push(match tags[APPROVED].as_str() {
        Some(request) => format!("approved for {request}"),
        None => "not approved".to_owned(),
    });
    if tags[PROTECTED].is_string() {
        words.push("protected".to_owned());
    }
    let staging = text(&server["stagingArea"], "status");
    if staging != "NOT_EXTENDED" {
        words.push(format!("staging {staging}"));
    }
    let direction = text(server, "replicationDirection");
    if direction != "FAILOVER" {
        words.push(format!("direction {direction}"));
    }
    let instance = text(server, "recoveryInstanceId");
    if !instance.is_empty() {
        words.push(format!("recovery instance {instance}"));
    }
    words.join(" ")
}

fn job(job: &Value) -> String {
    let servers = job["participatingServers"].as_array().into_iter().flatten();
    let servers: Vec<&str> = servers
        .map(|server| text(server, "sourceServerID"))
        .collect();

    let servers = match servers.is_empty() {
        true => "no servers".to_owned(),
        false => servers.join(", "),
    };
    format!(
        "{} {} of {}",
        text(job, "jobID"),
        text(job, "status"),
        servers
    )
}

fn instance(instance: &Value) -> String {
    let kind = match instance["isDrill"] == true {
        true => "drill",
        false => "recovery",
    };
    let (id, server) = (
        text(instance, "recoveryInstanceID"),
        text(instance, "sourceServerID"),
    );

    format!("{id} {kind} of {server}")
}
