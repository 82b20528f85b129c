//! What is asked of every variant, in which account, and how to tell that it was really done.

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context, Result, bail, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use emulator::{Cloud, FileSystem, SourceServer, World};
use hyper::body::Bytes;
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

    /// The ID of a target.
    fn id(self, number: usize) -> String {
        match self {
            Self::Disconnect => format!("s-{number:017}"),
            Self::Replicate => format!("fs-{number:017}"),
        }
    }

    /// An account with so many servers or file systems, all of which may be changed.
    fn world(self, account: usize) -> World {
        match self {
            Self::Disconnect => World::with((0..account).map(|number| {
                let mut server = SourceServer::new(&self.id(number))
                    .tagged("Name", &host(number))
                    .tagged(APPROVAL, CHANGE);
                server.hostname = Some(host(number));
                server.fqdn = Some(host(number));
                server.aws_instance_id = Some(format!("i-{number:017}"));
                server
            })),
            Self::Replicate => {
                let mut world = World::empty();
                let region = world.region.clone();
                let file_systems = (0..account)
                    .map(|number| FileSystem::new(&self.id(number)).tagged("Name", "data"));
                world.efs.entry(region).or_default().file_systems = file_systems.collect();
                world
            }
        }
    }

    /// A request for these targets.
    fn request(self, targets: Range<usize>) -> Value {
        match self {
            Self::Disconnect => {
                let asked = targets.map(
                    |number| json!({ "sourceServerID": self.id(number), "hostname": host(number) }),
                );
                event(
                    "Source Server Decommission Requested",
                    &asked.collect::<Vec<_>>(),
                )
            }
            Self::Replicate => {
                let destination = json!({ "region": "eu-west-1" });
                let asked =
                    targets.map(|number| json!({ "sourceFileSystemId": self.id(number), "destination": destination }));
                event(
                    "File System Replication Requested",
                    &asked.collect::<Vec<_>>(),
                )
            }
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
        let event = Bytes::from(job.request(0..targets).to_string());
        Self {
            job,
            targets: (0..targets).map(|number| job.id(number)).collect(),
            world: job.world(account),
            event,
        }
    }

    /// So many targets in requests of so many each, which come as one batch of a queue.
    pub(crate) fn of_batch(job: Job, targets: usize, at_once: usize, account: usize) -> Self {
        let record = |first: usize| {
            json!({
                "messageId": format!("059f36b4-87a3-44ab-83d2-{first:012}"),
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": job.request(first..(first + at_once).min(targets)).to_string(),
                "attributes": { "ApproximateReceiveCount": "1" },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:requests",
                "awsRegion": "us-east-1",
            })
        };
        let records: Vec<Value> = (0..targets).step_by(at_once.max(1)).map(record).collect();
        Self {
            event: Bytes::from(json!({ "Records": records }).to_string()),
            ..Self::new(job, targets, account)
        }
    }

    /// How many of its targets are not as they were to be.
    pub(crate) fn lost(&self, world: World) -> usize {
        self.not_done(world).count()
    }

    /// Checks that the event did what it asks for, once, and that the answer says so; tells the
    /// calls.
    pub(crate) fn check(&self, cloud: &Cloud, answer: &[u8]) -> Result<Calls> {
        let text = String::from_utf8_lossy(answer);
        let answer: Value =
            serde_json::from_slice(answer).with_context(|| format!("no JSON: {text}"))?;
        if let Err(complaints) = cloud.finish() {
            bail!("{complaints:?}");
        }
        let (outcome, changes): (&str, &[&str]) = match self.job {
            Job::Disconnect => ("done", &["DisconnectSourceServer", "UntagResource"]),
            // A replication takes its time: what was begun is pending.
            Job::Replicate => ("pending", &["CreateReplicationConfiguration"]),
        };
        ensure!(
            answer.get("outcome").and_then(Value::as_str) == Some(outcome),
            "it was to be {outcome}: {text}"
        );
        let told = answer
            .get("targets")
            .and_then(Value::as_array)
            .map(Vec::len);
        ensure!(
            told == Some(self.targets.len()),
            "it does not tell of every target: {text}"
        );
        let mut expected: Vec<String> = changes
            .iter()
            .flat_map(|change| self.targets.iter().map(move |id| format!("{change} {id}")))
            .collect();
        let mut changed = cloud.changes();
        expected.sort();
        changed.sort();
        ensure!(changed == expected, "it changed {changed:?}");
        if let Some(id) = self.not_done(cloud.world()).next() {
            bail!("{id} is not as it was to be");
        }
        let mut calls = Calls::new();
        for entry in cloud.journal() {
            *calls.entry(entry.operation).or_default() += 1;
        }
        Ok(calls)
    }

    fn not_done(&self, mut world: World) -> impl Iterator<Item = &String> {
        self.targets.iter().filter(move |id| match self.job {
            Job::Disconnect => !world.server(id).is_some_and(|server| {
                server.is_disconnected() && !server.tags.contains_key(APPROVAL)
            }),
            Job::Replicate => !world
                .replications
                .iter()
                .any(|replication| replication.source_file_system_id == **id),
        })
    }
}

fn host(number: usize) -> String {
    format!("host{number:05}.example.com")
}

/// A request as EventBridge delivers it.
fn event(kind: &str, asked: &[Value]) -> Value {
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
            "targets": asked,
            "dryRun": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(targets: usize) -> Vec<u8> {
        json!({ "outcome": "done", "targets": vec![json!({}); targets] })
            .to_string()
            .into_bytes()
    }

    fn call(cloud: &Cloud, path: &str, body: &str) {
        let scope =
            "AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/drs/aws4_request, Signature=0";
        let method = if path.starts_with("/tags") {
            "DELETE"
        } else {
            "POST"
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = emulator::wire::Call {
            method,
            path,
            query,
            authorization: Some(scope),
            body: body.as_bytes(),
        };
        assert!(
            matches!(cloud.call(call), emulator::wire::Wire::Answer(answer) if answer.status < 300),
            "{path}"
        );
    }

    #[test]
    fn a_batch_asks_for_every_target_once() {
        let scene = Scene::of_batch(Job::Replicate, 250, 100, 250);
        let event: Value = serde_json::from_slice(&scene.event).unwrap();
        let asked = event["Records"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|record| {
                let request: Value =
                    serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
                request["detail"]["targets"].as_array().unwrap().clone()
            });
        let asked: Vec<String> = asked
            .map(|target| target["sourceFileSystemId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(asked, scene.targets);
        assert_eq!((asked.len(), scene.lost(scene.world.clone())), (250, 250));
    }

    #[test]
    fn a_job_that_was_not_done_in_full_is_not_measured() {
        let scene = Scene::new(Job::Disconnect, 1, 2);
        let cloud = Cloud::new(scene.world.clone());
        assert!(scene.check(&cloud, &done(1)).is_err(), "nothing was done");
        call(
            &cloud,
            "/DisconnectSourceServer",
            r#"{"sourceServerID":"s-00000000000000000"}"#,
        );
        assert!(
            scene.check(&cloud, &done(1)).is_err(),
            "the approval is still there"
        );
        let arn =
            "arn%3Aaws%3Adrs%3Aus-east-1%3A111122223333%3Asource-server%2Fs-00000000000000000";
        call(
            &cloud,
            &format!("/tags/{arn}?tagKeys=drover%3Aapproved"),
            "",
        );
        assert!(
            scene.check(&cloud, &done(2)).is_err(),
            "an answer about other targets"
        );
        assert!(scene.check(&cloud, b"null").is_err(), "no answer");
        let calls = scene.check(&cloud, &done(1)).unwrap();
        assert_eq!(
            calls,
            [
                ("DisconnectSourceServer".to_owned(), 1),
                ("UntagResource".to_owned(), 1)
            ]
            .into()
        );
    }
}
