//! What a function does for one request, in an account, and how to tell that it was done.

use std::ops::Range;

use anyhow::{Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use emulator::{Cloud, World};
use serde_json::{Value, json};

use crate::{
    audit::Audit,
    check::{check_answer, check_changes},
};

/// The change under which everything is approved.
pub(crate) const CHANGE: &str = "CHG0031234";
pub(crate) const APPROVAL: &str = "drover:approved";

/// What a function does for one request.
#[derive(Debug)]
pub struct Job {
    /// The name of the function.
    pub function: &'static str,
    /// One target, for people.
    pub target: &'static str,
    /// Several targets, for people.
    pub targets: &'static str,
    /// Whether a request for several targets reads the whole account, as a share of it needs.
    pub reads_account: bool,
    /// The calls that a report counts by themselves, each with its key, its name, and the most that
    /// an event may make.
    pub counted_calls: &'static [CountedCall],
    /// The most connections that init and a first event may open.
    pub most_connections: Option<f64>,
    /// The type of the event that requests it.
    pub(crate) detail_type: &'static str,
    /// The outcome of an event that did its work.
    pub(crate) outcome: &'static str,
    /// The changes of each target.
    pub(crate) changes: &'static [&'static str],
    /// The ID of a target.
    pub(crate) id: fn(usize) -> String,
    /// An account with so many resources, all of which may be changed.
    pub(crate) world: fn(usize) -> World,
    /// A target as a request names it.
    pub(crate) request: fn(usize) -> Value,
    /// Whether a target is as it should be.
    pub(crate) is_done: fn(&mut World, &str) -> bool,
}

/// An operation whose calls are counted by themselves.
#[derive(Debug, Clone, Copy)]
pub struct CountedCall {
    /// Its name in the results.
    pub key: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// The most calls of an event.
    pub most: f64,
}

impl Job {
    /// A request for a range of targets, in an event.
    fn event(&self, targets: Range<usize>, now: DateTime<Utc>) -> Value {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let targets: Vec<Value> = targets.map(self.request).collect();

        json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": self.detail_type,
            "source": "com.example.cmdb",
            "account": "111122223333",
            "time": time(now),
            "region": "us-east-1",
            "resources": [],
            "detail": {
                "version": 1,
                "requestID": CHANGE,
                "expiresAt": time(now + TimeDelta::hours(12)),
                "targets": targets,
                "dryRun": false,
            },
        })
    }
}

/// One event in one account.
#[derive(Debug)]
pub struct Scene {
    asked: Asked,
    /// The account.
    pub world: World,
    /// The event.
    pub event: String,
}

/// What an event asks for.
#[derive(Debug)]
enum Asked {
    /// A change of the targets with these IDs.
    Change(&'static Job, Vec<String>),
    /// A look at everything.
    Look(&'static Audit),
}

impl Scene {
    /// A request for so many targets, in an account of so many resources, at a time.
    #[must_use]
    pub fn new(job: &'static Job, targets: usize, account: usize, now: DateTime<Utc>) -> Self {
        let mut world = (job.world)(account);
        world.now = now;

        Self {
            asked: Asked::Change(job, (0..targets).map(job.id).collect()),
            world,
            event: job.event(0..targets, now).to_string(),
        }
    }

    /// So many targets in requests of so many each, which arrive as one batch of a queue.
    #[must_use]
    pub fn batch(
        job: &'static Job,
        targets: usize,
        at_once: usize,
        account: usize,
        now: DateTime<Utc>,
    ) -> Self {
        let record = |first: usize| {
            let last = (first + at_once).min(targets);
            json!({
                "messageId": format!("059f36b4-87a3-44ab-83d2-{first:012}"),
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": job.event(first..last, now).to_string(),
                "attributes": { "ApproximateReceiveCount": "1" },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:requests",
                "awsRegion": "us-east-1",
            })
        };
        let records: Vec<Value> = (0..targets).step_by(at_once.max(1)).map(record).collect();

        Self {
            event: json!({ "Records": records }).to_string(),
            ..Self::new(job, targets, account, now)
        }
    }

    /// A request for an audit, in its account, at a time.
    #[must_use]
    pub fn audit(audit: &'static Audit, now: DateTime<Utc>) -> Self {
        let mut world = (audit.world)(now);
        world.now = now;

        Self {
            asked: Asked::Look(audit),
            world,
            event: audit.event(now).to_string(),
        }
    }

    /// The function that gets the event.
    #[must_use]
    pub fn function(&self) -> &'static str {
        match &self.asked {
            Asked::Change(job, _) => job.function,
            Asked::Look(audit) => audit.function,
        }
    }

    /// The variables of the function that do not have the values of every function.
    #[must_use]
    pub fn variables(&self) -> &'static [(&'static str, &'static str)] {
        match &self.asked {
            Asked::Change(..) => &[],
            Asked::Look(audit) => audit.variables,
        }
    }

    /// How many targets are not as they should be.
    #[must_use]
    pub fn lost(&self, mut world: World) -> usize {
        let Asked::Change(job, ids) = &self.asked else {
            return 0;
        };
        let is_lost = |id: &&String| !(job.is_done)(&mut world, id);

        ids.iter().filter(is_lost).count()
    }

    /// Checks that the event did its work once, and that the answer says so.
    ///
    /// # Errors
    ///
    /// The first thing that is not so.
    pub fn check(&self, cloud: &Cloud, answer: &Value) -> Result<()> {
        let (job, ids) = match &self.asked {
            Asked::Change(job, ids) => (job, ids),
            Asked::Look(audit) => return audit.check(cloud, answer),
        };
        check_answer(ids, answer, job.outcome)?;
        check_changes(ids, cloud, job.changes)?;

        let lost = self.lost(cloud.world());
        ensure!(lost == 0, "{lost} targets are not as they should be");
        Ok(())
    }

    /// Checks that the event changed nothing, and that the answer is a plan.
    ///
    /// # Errors
    ///
    /// The first thing that is not so.
    pub fn check_plan(&self, cloud: &Cloud, answer: &Value) -> Result<()> {
        let ids = match &self.asked {
            Asked::Change(_, ids) => ids,
            // It changes nothing in any mode.
            Asked::Look(audit) => return audit.check(cloud, answer),
        };
        check_answer(ids, answer, "planned")?;

        check_changes(ids, cloud, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DISCONNECT, REPLICATE};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_348_800, 0).unwrap()
    }

    fn done(targets: usize) -> Value {
        json!({ "outcome": "done", "targets": vec![json!({ "outcome": "done" }); targets] })
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

        let wire = cloud.call(emulator::wire::Call {
            method,
            path,
            query,
            authorization: Some(scope),
            target: None,
            body: body.as_bytes(),
        });
        let is_ok = matches!(wire, emulator::wire::Wire::Answer(answer) if answer.status < 300);
        assert!(is_ok, "{path}");
    }

    #[test]
    fn a_batch_requests_every_target_once() {
        let scene = Scene::batch(&REPLICATE, 250, 100, 250, now());
        let event: Value = serde_json::from_str(&scene.event).unwrap();

        let mut requested = Vec::new();
        for record in event["Records"].as_array().unwrap() {
            let request: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
            for target in request["detail"]["targets"].as_array().unwrap() {
                requested.push(target["sourceFileSystemId"].as_str().unwrap().to_owned());
            }
        }
        let ids: Vec<String> = (0..250).map(REPLICATE.id).collect();
        assert_eq!(requested, ids);
        assert_eq!(scene.lost(scene.world.clone()), 250);
    }

    #[test]
    fn a_job_that_was_not_done_in_full_is_not_measured() {
        let scene = Scene::new(&DISCONNECT, 1, 2, now());
        let cloud = Cloud::new(scene.world.clone());
        let check = |answer: &Value| scene.check(&cloud, answer);
        assert!(check(&done(1)).is_err(), "nothing was done");

        let server = r#"{"sourceServerID":"s-00000000000000000"}"#;
        call(&cloud, "/DisconnectSourceServer", server);
        assert!(check(&done(1)).is_err(), "the approval still stands");

        let arn =
            "arn%3Aaws%3Adrs%3Aus-east-1%3A111122223333%3Asource-server%2Fs-00000000000000000";
        let untag = format!("/tags/{arn}?tagKeys=drover%3Aapproved");
        call(&cloud, &untag, "");
        assert!(check(&done(2)).is_err(), "an answer about other targets");
        assert!(check(&Value::Null).is_err(), "no answer");

        check(&done(1)).unwrap();
    }
}
