//! What is asked of a function, in which account, and how to tell that it was really done.

use anyhow::{Result, bail, ensure};
use chrono::{DateTime, Utc};
use emulator::{Cloud, FileSystem, SourceServer, World};
use serde_json::{Value, json};

const CHANGE: &str = "CHG0031234";
/// How many servers an account has for each that is asked for: so few that the default share allows
/// the request, and so that an account grows with the request.
const ACCOUNT: usize = 10;

/// When everything happens.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap_or_default()
}

/// One of the two jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// To disconnect source servers.
    Disconnect,
    /// To begin the replication of file systems.
    Replicate,
}

impl Job {
    /// The job of the function with this name.
    pub(crate) fn named(function: &str) -> Option<Self> {
        match function {
            "disconnect-source-server" => Some(Self::Disconnect),
            "bootstrap-efs-replication" => Some(Self::Replicate),
            _ => None,
        }
    }
}

/// One event in one account.
pub(crate) struct Scene {
    job: Job,
    ids: Vec<String>,
    pub(crate) world: World,
    pub(crate) event: String,
}

impl Scene {
    /// A request for so many servers or file systems.
    pub(crate) fn new(job: Job, targets: usize) -> Self {
        let (kind, prefix) = match job {
            Job::Disconnect => ("Source Server Decommission Requested", "s"),
            Job::Replicate => ("File System Replication Requested", "fs"),
        };
        let ids: Vec<String> = (0..targets)
            .map(|number| format!("{prefix}-{number:017}"))
            .collect();
        let asked = |(number, id): (usize, &String)| match job {
            Job::Disconnect => json!({ "sourceServerID": id, "hostname": host(number) }),
            Job::Replicate => {
                json!({ "sourceFileSystemId": id, "destination": { "region": "eu-west-1" } })
            }
        };
        let asked: Vec<Value> = ids.iter().enumerate().map(asked).collect();
        let event = json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": kind,
            "source": "com.example.cmdb",
            "account": "111122223333",
            "time": "2026-11-22T12:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {
                "version": 1,
                "requestID": CHANGE,
                "expiresAt": "2026-11-23T00:00:00Z",
                "targets": asked,
                "dryRun": false,
            },
        });
        let mut world = match job {
            Job::Disconnect => World::with((0..targets * ACCOUNT).map(server)),
            Job::Replicate => World::empty(),
        };
        if job == Job::Replicate {
            let file_systems = ids
                .iter()
                .map(|id| FileSystem::new(id).tagged("Name", "data"));
            world
                .efs
                .entry(world.region.clone())
                .or_default()
                .file_systems = file_systems.collect();
        }
        world.now = noon();
        Self {
            job,
            ids,
            world,
            event: event.to_string(),
        }
    }

    /// Checks that the event did what it asks for, once, where it may, and that the answer says so.
    pub(crate) fn check(&self, cloud: &Cloud, answer: &Value, mode: &str) -> Result<()> {
        if let Err(complaints) = cloud.finish() {
            bail!("{complaints:?}");
        }
        let (outcome, changes): (&str, &[&str]) = match (self.job, mode) {
            (_, "plan") => ("planned", &[]),
            (Job::Disconnect, _) => ("done", &["DisconnectSourceServer", "UntagResource"]),
            // A replication takes its time: what was begun is pending.
            (Job::Replicate, _) => ("pending", &["CreateReplicationConfiguration"]),
        };
        let targets = answer
            .get("targets")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let told = targets
            .iter()
            .all(|target| target.get("outcome").and_then(Value::as_str) == Some(outcome));
        ensure!(
            told && targets.len() == self.ids.len(),
            "every target was to be {outcome}: {answer}"
        );
        let mut expected: Vec<String> = self
            .ids
            .iter()
            .flat_map(|id| changes.iter().map(move |change| format!("{change} {id}")))
            .collect();
        let mut changed = cloud.changes();
        expected.sort();
        changed.sort();
        ensure!(changed == expected, "it changed {changed:?}");
        Ok(())
    }
}

fn host(number: usize) -> String {
    format!("host{number:05}.example.com")
}

fn server(number: usize) -> SourceServer {
    let mut server = SourceServer::new(&format!("s-{number:017}"))
        .tagged("Name", &host(number))
        .tagged("drover:approved", CHANGE);
    server.hostname = Some(host(number));
    server.fqdn = Some(host(number));
    server.aws_instance_id = Some(format!("i-{number:017}"));
    server
}
