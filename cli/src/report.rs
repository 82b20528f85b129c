//! A report of a function, as people are shown it: read leniently, since it may be of another
//! version of drover.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::units;

/// What stands for an outcome where an audit found something.
pub(crate) const FOUND: &str = "found";

/// The answer to one request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) outcome: String,
    pub(crate) summary: String,
    #[serde(rename = "requestID")]
    pub(crate) request_id: Option<String>,
    pub(crate) mode: String,
    pub(crate) reason: Option<String>,
    pub(crate) look_again_after_seconds: Option<u64>,
    pub(crate) next_request: Option<Value>,
    pub(crate) cut: Vec<String>,
    pub(crate) invocation: Option<Processed>,
    pub(crate) targets: Vec<Target>,
    pub(crate) audit: Option<Audit>,
    pub(crate) calls: Vec<Call>,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Audit {
    pub(crate) totals: Value,
    pub(crate) found: Vec<Found>,
    pub(crate) unlisted: u64,
}

/// A resource that something should be done about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Found {
    name: String,
    resource: Value,
    findings: Vec<Reason>,
    next_steps: Vec<NextStep>,
    evidence: Value,
    request: Option<Value>,
}

/// Where and when a request was processed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Processed {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) function: String,
    pub(crate) function_version: String,
    pub(crate) drover_version: String,
    pub(crate) started_at: String,
    pub(crate) ended_at: String,
}

/// What became of one target.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) target: Value,
    pub(crate) resource: Value,
    pub(crate) outcome: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) next_steps: Vec<NextStep>,
    pub(crate) plan: Vec<Step>,
    pub(crate) evidence: Value,
    pub(crate) calls: Vec<Call>,
    pub(crate) look_again_after_seconds: Option<u64>,
}

/// One reason for an outcome.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Reason {
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) facts: Map<String, Value>,
}

/// What somebody has to do next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct NextStep {
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) command: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) step: String,
    pub(crate) resource: Option<String>,
    pub(crate) when: String,
    pub(crate) sentence: String,
}

/// A call that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) requests: u64,
    pub(crate) answer: String,
}

impl Report {
    /// The same with what an audit found among its targets, where people are shown it.
    pub(crate) fn with_findings(mut self) -> Self {
        let Some(audit) = self.audit.take() else {
            return self;
        };

        // What it was looked for in comes first, with the figures of all.
        if let [whole] = self.targets.as_mut_slice()
            && whole.evidence.is_null()
        {
            whole.evidence = audit.totals;
        }
        self.targets
            .extend(audit.found.into_iter().map(Target::from));
        if audit.unlisted > 0 {
            let more = format!("; {} more are listed in the log alone", audit.unlisted);
            self.summary.push_str(&more);
        }
        self
    }

    /// Where and when it was made, in one line.
    pub(crate) fn origin(&self) -> Option<String> {
        let made = self.invocation.as_ref()?;
        let (account, region) = (&made.account, &made.region);
        let (function, version) = (&made.function, &made.function_version);
        let (drover, end) = (&made.drover_version, &made.ended_at);

        Some(format!(
            "{end}, {account} in {region}, {function} ({version}), drover {drover}"
        ))
    }

    /// Whether nothing could be changed.
    pub(crate) fn is_plan(&self) -> bool {
        self.mode == "plan"
    }
}

/// What is said beside a request that an audit offers: before it is sent, what it destroys.
fn what_it_does(request: &Value, points: Option<u64>) -> String {
    let send = "To have drover do it, send this request.";
    let action = request.get("action").and_then(Value::as_str);

    match (action, points) {
        (Some("disconnect" | "retire"), Some(points)) => {
            let points = units::counted(points, "recovery point");
            format!("{send} It destroys {points} for good.")
        }
        (Some("disconnect" | "retire"), None) => {
            format!("{send} It destroys the recovery points for good.")
        }
        _ => send.to_owned(),
    }
}

impl From<Found> for Target {
    fn from(found: Found) -> Self {
        let first = found.findings.first().cloned().unwrap_or_default();
        let mut next_steps = found.next_steps;
        // As one line, which can be pasted.
        let points = found.evidence.get("recoveryPoints").and_then(Value::as_u64);
        next_steps.extend(found.request.map(|request| NextStep {
            who: "requester".to_owned(),
            what: what_it_does(&request, points),
            command: Some(request.to_string()),
        }));

        Self {
            name: found.name,
            resource: found.resource,
            outcome: FOUND.to_owned(),
            reason: first.reason,
            message: first.message,
            reasons: found.findings,
            next_steps,
            evidence: found.evidence,
            ..Self::default()
        }
    }
}

impl Target {
    /// The ID of the source server or the source file system.
    pub(crate) fn id(&self) -> Option<&str> {
        // What was found comes before what was asked for.
        let server = self.resource.get("sourceServerID");
        let file_system = || self.target.get("sourceFileSystemId");

        server.or_else(file_system)?.as_str()
    }

    /// The replica of a file system, with its Region.
    pub(crate) fn replica(&self) -> Option<(&str, &str)> {
        // Both or neither: an ID says nothing without its Region.
        let text = |name: &str| self.resource.get(name)?.as_str();

        Some((text("destinationFileSystemId")?, text("destinationRegion")?))
    }

    /// A figure of the evidence.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        self.evidence.get(name)?.as_u64()
    }

    /// A figure of what the disconnect before a deletion destroyed, as the request says.
    pub(crate) fn lost_earlier(&self, name: &str) -> Option<u64> {
        self.target.get("lost")?.get(name)?.as_u64()
    }

    /// The steps that are taken now.
    pub(crate) fn steps_now(&self) -> impl Iterator<Item = &Step> {
        self.plan.iter().filter(|step| step.when == "now")
    }

    /// The steps that come later.
    pub(crate) fn steps_later(&self) -> impl Iterator<Item = &Step> {
        self.plan.iter().filter(|step| step.when != "now")
    }
}

impl Step {
    /// Whether it destroys something that cannot be had back.
    pub(crate) fn destroys(&self) -> bool {
        // By the API's names, which no version of drover changes.
        match self.step.as_str() {
            "DisconnectSourceServer" | "DeleteSourceServer" => true,
            _ => self.overwrites(),
        }
    }

    /// Whether it replicates onto an existing file system.
    pub(crate) fn overwrites(&self) -> bool {
        self.step == "CreateReplicationConfiguration" && self.resource.is_some()
    }

    /// Whether it makes something new.
    pub(crate) fn creates(&self) -> bool {
        self.step.starts_with("Create")
    }

    /// The step in words, without the ID of the resource that stands beside it anyway.
    pub(crate) fn words(&self, id: Option<&str>) -> String {
        let Some(id) = id else {
            return self.sentence.clone();
        };

        // "remove the tag drover:approved from s-…" stands beside the ID already.
        let mut words = self.sentence.clone();
        for with_id in [format!(" from {id}"), format!(" of {id}"), format!(" {id}")] {
            if let Some(before) = words.strip_suffix(&with_id) {
                words = before.to_owned();
                break;
            }
        }
        words
    }

    /// What it waits for, in words.
    pub(crate) fn awaits(&self) -> &str {
        match self.when.as_str() {
            "staging_removed" => "once AWS has removed the staging resources, within 90 minutes",
            "replication_enabled" => "once the replication is ENABLED",
            "earlier_steps_done" => "once these are done",
            "first_sync_complete" => "once the first sync is complete",
            // Of another version.
            other => other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A plan for two servers, one of which may go.
    pub(crate) fn plan_of_two() -> Value {
        json!({
            "outcome": "refused",
            "summary": "CHG1 retire, plan only: 1 of 2 would be disconnected. 1 refused: db02 (not approved)",
            "requestID": "CHG1",
            "mode": "plan",
            "counts": { "refused": 1, "planned": 1 },
            "invocation": { "account": "111122223333", "region": "us-east-1" },
            "targets": [
                {
                    "name": "web01",
                    "target": { "hostname": "web01" },
                    "resource": { "sourceServerID": "s-1" },
                    "outcome": "planned",
                    "reason": "plan_mode",
                    "message": "Plan mode: nothing was changed",
                    "plan": [
                        { "step": "DisconnectSourceServer", "resource": "s-1", "when": "now", "sentence": "disconnect s-1" },
                        { "step": "DeleteSourceServer", "resource": "s-1", "when": "staging_removed", "sentence": "delete the record of s-1" },
                    ],
                    "evidence": { "recoveryPoints": 37, "replicatedBytes": 120_u64 << 30, "replicationHours": 6528 },
                },
                {
                    "name": "db02",
                    "target": { "hostname": "db02" },
                    "resource": { "sourceServerID": "s-2" },
                    "outcome": "refused",
                    "reason": "not_approved",
                    "message": "The approval tag is missing: drover:approved = CHG1",
                    "reasons": [
                        { "reason": "not_approved", "message": "The approval tag is missing: drover:approved = CHG1" },
                        { "reason": "job_running", "message": "A DRS job is working on the server: drsjob-1" },
                    ],
                    "nextSteps": [
                        { "who": "approver", "what": "Approve the change.", "command": "aws drs tag-resource --resource-arn s-2" },
                    ],
                },
            ],
            "calls": [{ "operation": "DescribeSourceServers", "requests": 1, "answer": "ok" }],
        })
    }

    #[test]
    fn a_report_of_another_version_is_read_as_far_as_it_goes() {
        let report = json!({ "outcome": "done", "new": 1, "targets": [{ "outcome": "done" }] });
        let report: Report = serde_json::from_value(report).unwrap();

        assert_eq!(report.targets[0].outcome, "done");
        assert_eq!(report.targets[0].id(), None);
    }

    #[test]
    fn a_step_is_told_without_the_id_beside_it() {
        let words = |sentence: &str| {
            let step = Step {
                sentence: sentence.to_owned(),
                ..Step::default()
            };
            step.words(Some("s-1"))
        };

        assert_eq!(words("disconnect s-1"), "disconnect");
        assert_eq!(words("remove the tag t from s-1"), "remove the tag t");
        assert_eq!(words("delete the record of s-1"), "delete the record");
        assert_eq!(words("replicate to fs-2"), "replicate to fs-2");
    }
}
