//! What is asked of every variant, in which account, and how to tell that it was really done.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use hyper::body::Bytes;
use local::{Cloud, FileSystem, SourceServer, World};
use serde_json::{Value, json};

const CHANGE: &str = "CHG0031234";
const APPROVAL: &str = "drover:approved";

/// One of the two jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// To disconnect source servers.
    Disconnect,
    /// To begin the replication of file systems.
    Replicate,
}

impl Job {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Disconnect, Self::Replicate];

    /// The function that does it.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect-source-server",
            Self::Replicate => "bootstrap-efs-replication",
        }
    }
}

/// One event in one account.
pub(crate) struct Scene {
    job: Job,
    targets: Vec<String>,
    pub(crate) world: World,
    pub(crate) event: Bytes,
}

/// How often each operation was called.
pub(crate) type Calls = BTreeMap<String, usize>;

impl Scene {
    /// So many targets of a request, in an account of so many servers or file systems.
    pub(crate) fn new(job: Job, targets: usize, account: usize) -> Self {
        let (event, world, ids) = match job {
            Job::Disconnect => disconnect(targets, account),
            Job::Replicate => replicate(targets, account),
        };
        Self { job, targets: ids, world, event: Bytes::from(event.to_string()) }
    }

    /// Checks that the event did what it asks for, once, and that the answer says so; tells the calls.
    pub(crate) fn check(&self, cloud: &Cloud, answer: &[u8]) -> Result<Calls> {
        let text = String::from_utf8_lossy(answer);
        let answer: Value = serde_json::from_slice(answer).with_context(|| format!("no JSON: {text}"))?;
        if let Err(complaints) = cloud.finish() {
            bail!("{complaints:?}");
        }
        let (outcome, changes): (&str, &[&str]) = match self.job {
            Job::Disconnect => ("done", &["DisconnectSourceServer", "UntagResource"]),
            // A replication takes its time: what was begun is pending.
            Job::Replicate => ("pending", &["CreateReplicationConfiguration"]),
        };
        ensure!(answer.get("outcome").and_then(Value::as_str) == Some(outcome), "it was to be {outcome}: {text}");
        let told = answer.get("targets").and_then(Value::as_array).map(Vec::len);
        ensure!(told == Some(self.targets.len()), "it does not tell of every target: {text}");
        let mut expected: Vec<String> =
            changes.iter().flat_map(|change| self.targets.iter().map(move |id| format!("{change} {id}"))).collect();
        let mut changed = cloud.changes();
        expected.sort();
        changed.sort();
        ensure!(changed == expected, "it changed {changed:?}");
        self.check_world(cloud.world())?;
        let mut calls = Calls::new();
        for entry in cloud.journal() {
            *calls.entry(entry.operation).or_default() += 1;
        }
        Ok(calls)
    }

    fn check_world(&self, mut world: World) -> Result<()> {
        for id in &self.targets {
            let seen = match self.job {
                Job::Disconnect => world
                    .server(id)
                    .is_some_and(|server| server.is_disconnected() && !server.tags.contains_key(APPROVAL)),
                Job::Replicate => world.replications.iter().any(|replication| replication.source_file_system_id == *id),
            };
            ensure!(seen, "{id} is not as it was to be");
        }
        Ok(())
    }
}

fn disconnect(targets: usize, account: usize) -> (Value, World, Vec<String>) {
    let id = |number: usize| format!("s-{number:017}");
    let host = |number: usize| format!("host{number:05}.example.com");
    let server = |number: usize| {
        let mut server = SourceServer::new(&id(number)).tagged("Name", &host(number)).tagged(APPROVAL, CHANGE);
        server.hostname = Some(host(number));
        server.fqdn = Some(host(number));
        server.aws_instance_id = Some(format!("i-{number:017}"));
        server
    };
    let asked: Vec<Value> =
        (0..targets).map(|number| json!({ "sourceServerID": id(number), "hostname": host(number) })).collect();
    let event = event("Source Server Decommission Requested", "servers", &asked);
    (event, World::with((0..account).map(server)), (0..targets).map(id).collect())
}

fn replicate(targets: usize, account: usize) -> (Value, World, Vec<String>) {
    let id = |number: usize| format!("fs-{number:017}");
    let mut world = World::empty();
    let region = world.region.clone();
    let file_systems = (0..account).map(|number| FileSystem::new(&id(number)).tagged("Name", "data"));
    world.efs.entry(region).or_default().file_systems = file_systems.collect();
    let destination = json!({ "region": "eu-west-1" });
    let asked: Vec<Value> =
        (0..targets).map(|number| json!({ "sourceFileSystemId": id(number), "destination": destination })).collect();
    let event = event("File System Replication Requested", "fileSystems", &asked);
    (event, world, (0..targets).map(id).collect())
}

/// A request as EventBridge delivers it.
fn event(kind: &str, targets: &str, asked: &[Value]) -> Value {
    let expires_at = (Utc::now() + TimeDelta::hours(12)).to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": kind,
        "source": "com.example.cmdb",
        "account": "111122223333",
        "time": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "version": 1,
            "requestID": CHANGE,
            "expiresAt": expires_at,
            targets: asked,
            "dryRun": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(targets: usize) -> Vec<u8> {
        json!({ "outcome": "done", "targets": vec![json!({}); targets] }).to_string().into_bytes()
    }

    fn call(cloud: &Cloud, path: &str, body: &str) {
        let scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/drs/aws4_request, Signature=0";
        let method = if path.starts_with("/tags") { "DELETE" } else { "POST" };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = local::wire::Call { method, path, query, authorization: Some(scope), body: body.as_bytes() };
        assert!(matches!(cloud.call(call), local::wire::Wire::Answer(answer) if answer.status < 300), "{path}");
    }

    #[test]
    fn a_job_that_was_not_done_in_full_is_not_measured() {
        let scene = Scene::new(Job::Disconnect, 1, 2);
        let cloud = Cloud::new(scene.world.clone());
        assert!(scene.check(&cloud, &done(1)).is_err(), "nothing was done");
        call(&cloud, "/DisconnectSourceServer", r#"{"sourceServerID":"s-00000000000000000"}"#);
        assert!(scene.check(&cloud, &done(1)).is_err(), "the approval is still there");
        let arn = "arn%3Aaws%3Adrs%3Aus-east-1%3A111122223333%3Asource-server%2Fs-00000000000000000";
        call(&cloud, &format!("/tags/{arn}?tagKeys=drover%3Aapproved"), "");
        assert!(scene.check(&cloud, &done(2)).is_err(), "an answer about other targets");
        assert!(scene.check(&cloud, b"null").is_err(), "no answer");
        let calls = scene.check(&cloud, &done(1)).unwrap();
        assert_eq!(calls, [("DisconnectSourceServer".to_owned(), 1), ("UntagResource".to_owned(), 1)].into());
    }
}
