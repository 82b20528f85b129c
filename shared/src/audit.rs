//! What an audit found: the resources that something should be done about, the worst first.

use std::collections::{BTreeMap, BTreeSet};

use lambda_runtime::tracing;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    advice::NextStep,
    conclusion::{Conclusion, Explain, Subject},
    grounds::Grounds,
    ids::RequestId,
    invocation::Invocation,
    outcome::Outcome,
    sanitize::{sanitize, sanitize_value},
    target_report::StatedReason,
};

/// The most resources that a report lists in full.
const MOST_LISTED: usize = 50;
/// How many kinds of findings a sentence names.
const MOST_NAMED: usize = 4;
/// The most bytes that they may have together, so that the report fits what carries it.
const MOST_BYTES: usize = 60_000;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// How many resources were looked at.
    pub examined: usize,
    /// How many of them have findings.
    pub with_findings: usize,
    /// How many resources have each finding.
    pub counts: BTreeMap<String, usize>,
    /// What the resources with findings hold together.
    pub totals: Map<String, Value>,
    /// The resources with findings, the worst first.
    pub found: Vec<Found>,
    /// How many more there are: each is one line of the log.
    pub unlisted: usize,
}

/// A resource that something should be done about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The name by which people know it, of those that reports may hold.
    pub name: String,
    /// The resource, by the API's own member names.
    pub resource: Value,
    /// What is to be said of it, the worst first; never empty.
    pub findings: Vec<StatedReason>,
    /// Who can do what about it.
    pub next_steps: Vec<NextStep>,
    /// What was read of it.
    pub evidence: Value,
    /// The request to send, if the resource is to go, or is to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
}

impl Found {
    /// A resource with its findings, of which there is at least one.
    #[must_use]
    pub fn new<R: Explain>(subject: Subject, findings: &[Grounds<R>], evidence: Value) -> Self {
        // Worded as the reasons of any other report.
        let said = Conclusion::of(Outcome::Done, findings).into_report(subject, evidence);

        Self {
            name: said.name,
            resource: said.resource,
            findings: said.reasons,
            next_steps: said.next_steps,
            evidence: said.evidence,
            request: None,
        }
    }

    fn sanitize(&mut self) {
        self.name = sanitize(&self.name);
        sanitize_value(&mut self.resource);
        sanitize_value(&mut self.evidence);

        for finding in &mut self.findings {
            finding.message = sanitize(&finding.message);
            finding.facts.values_mut().for_each(sanitize_value);
        }
        for step in &mut self.next_steps {
            step.command = step.command.as_deref().map(sanitize);
        }
        self.request.iter_mut().for_each(sanitize_value);
    }
}

impl Audit {
    /// The audit of some resources; `found` are those with findings, the worst first, and `whole` is
    /// what is to be said of the account or the Regions that they are in.
    ///
    /// What a report has no room for is logged, one line each.
    #[must_use]
    pub fn of(
        examined: usize,
        totals: Map<String, Value>,
        whole: Vec<Found>,
        resources: Vec<Found>,
    ) -> Self {
        let with_findings = resources.len();
        // What is said of all comes first.
        let mut found: Vec<Found> = whole.into_iter().chain(resources).collect();
        // Before they are measured and logged.
        found.iter_mut().for_each(Found::sanitize);

        // Two members may be unknown, or two quotas near: a resource counts once for each finding.
        let mut counts = BTreeMap::new();
        for one in &found {
            let codes: BTreeSet<&String> = one.findings.iter().map(|it| &it.reason).collect();
            for code in codes {
                *counts.entry(code.clone()).or_insert(0) += 1;
            }
        }

        let rest = found.split_off(fitting(&found));
        for one in &rest {
            tracing::info!(found = json!(one).to_string(), "{}", one.name);
        }
        Self {
            examined,
            with_findings,
            counts,
            totals,
            found,
            unlisted: rest.len(),
        }
    }

    /// The audit in one sentence for people. `what` are the resources and where they are; `kinds` are
    /// the codes of all findings that there are, the worst first.
    #[must_use]
    pub fn sentence(
        &self,
        request: &RequestId,
        what: &str,
        kinds: impl Iterator<Item = String>,
    ) -> String {
        let (examined, with) = (self.examined, self.with_findings);
        if self.counts.is_empty() {
            return format!("{request} audit: nothing found in {examined} {what}");
        }

        let mut named: Vec<String> = kinds
            .filter_map(|kind| {
                let count = self.counts.get(&kind)?;
                Some(format!("{count} {}", kind.replace('_', " ")))
            })
            .collect();
        // The report itself counts every one.
        let more = named.len().saturating_sub(MOST_NAMED);
        named.truncate(MOST_NAMED);
        if more > 0 {
            named.push(format!("{more} other findings"));
        }
        let named = named.join(", ");
        format!("{request} audit: {with} of {examined} {what} have findings: {named}")
    }

    /// Logs the figures as metrics: CloudWatch makes them of a line in its embedded metric format.
    ///
    /// Findings that nothing has count 0, so that an alarm sees them end. `kinds` are the codes of
    /// all findings that there are.
    pub fn log_metrics(&self, kinds: impl Iterator<Item = String>, invocation: &Invocation) {
        let line = self.metrics(kinds, invocation).to_string();

        tracing::info!(metrics = line, "metrics");
    }

    fn metrics(&self, kinds: impl Iterator<Item = String>, invocation: &Invocation) -> Value {
        let function = invocation.function.name.as_str();
        // The template names a function by its stack, and keeps the stack's metrics by it.
        let stack = function.split_once("-audit-").map(|(stack, _)| stack);
        let namespace = stack.map_or_else(|| "drover".to_owned(), |it| format!("drover/{it}"));

        let mut figures = BTreeMap::from([
            ("Examined".to_owned(), self.examined),
            ("WithFindings".to_owned(), self.with_findings),
        ]);
        for kind in kinds {
            let count = self.counts.get(&kind).copied().unwrap_or_default();
            figures.insert(metric_name(&kind), count);
        }

        // Each metric is named twice: here, and with its figure at the top.
        let names = figures.keys();
        let metrics: Vec<Value> = names
            .map(|name| json!({ "Name": name, "Unit": "Count" }))
            .collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": invocation.now.timestamp_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": metrics,
                }],
            },
            "FunctionName": function,
        });
        if let Some(members) = line.as_object_mut() {
            members.extend(
                figures
                    .into_iter()
                    .map(|(name, count)| (name, json!(count))),
            );
        }
        line
    }
}

/// How many resources a report has room for.
fn fitting(found: &[Found]) -> usize {
    let mut bytes = 0;

    // As they are written: an escaped letter has two bytes.
    let fits = found.iter().take(MOST_LISTED).take_while(|one| {
        bytes += json!(one).to_string().len();
        bytes <= MOST_BYTES
    });
    fits.count()
}

/// `agent_silent` as `AgentSilent`, as the metrics of AWS are named.
fn metric_name(code: &str) -> String {
    let words = code.split('_');

    words
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, codes: &[&str], message: &str) -> Found {
        let finding = |code: &&str| StatedReason {
            reason: (*code).to_owned(),
            message: message.to_owned(),
            facts: Map::new(),
        };

        Found {
            name: name.to_owned(),
            resource: Value::Null,
            findings: codes.iter().map(finding).collect(),
            next_steps: Vec::new(),
            evidence: Value::Null,
            request: None,
        }
    }

    #[test]
    fn resources_and_findings_are_counted() {
        let two = vec![
            found("a", &["stalled", "agent_silent", "agent_silent"], ""),
            found("b", &["agent_silent"], ""),
        ];
        let audit = Audit::of(40, Map::new(), vec![found("all", &["quota_near"], "")], two);

        assert_eq!((audit.examined, audit.with_findings), (40, 2));
        assert_eq!(
            json!(audit.counts),
            json!({ "agent_silent": 2, "quota_near": 1, "stalled": 1 })
        );
        assert_eq!((audit.found.len(), audit.unlisted), (3, 0));
        assert_eq!(audit.found[0].name, "all");
    }

    #[test]
    fn a_sentence_names_the_worst_and_counts_the_rest() {
        let request = RequestId::try_from("AUDIT1".to_owned()).unwrap();
        let kinds = || ["e", "d", "c", "b", "a"].map(str::to_owned).into_iter();
        let with = |found| Audit::of(9, Map::new(), vec![], found);

        let some = with(vec![found("x", &["a", "b"], ""), found("y", &["b"], "")]);
        let sentence = some.sentence(&request, "servers", kinds());
        assert_eq!(
            sentence,
            "AUDIT1 audit: 2 of 9 servers have findings: 2 b, 1 a"
        );
        let many = with(vec![found("x", &["a", "b", "c", "d", "e"], "")]);
        let sentence = many.sentence(&request, "servers", kinds());
        assert!(sentence.ends_with(": 1 e, 1 d, 1 c, 1 b, 1 other findings"));
        let none = with(vec![]).sentence(&request, "servers", kinds());
        assert_eq!(none, "AUDIT1 audit: nothing found in 9 servers");
    }

    // Invariant 10.
    #[test]
    fn a_report_lists_the_worst_and_counts_all() {
        let many = |message: &str| {
            let found = (0..4000).map(|_| found("a", &["stalled", "slow"], message));
            Audit::of(4000, Map::new(), vec![], found.collect())
        };

        let audit = many("short");
        assert_eq!((audit.found.len(), audit.unlisted), (50, 3950));
        assert_eq!(audit.counts.get("stalled"), Some(&4000));
        let long = many(&"x".repeat(900));
        assert!(long.found.len() < 50);
        assert_eq!(long.found.len() + long.unlisted, 4000);
        assert!(json!(long).to_string().len() < 70_000);
    }

    #[test]
    fn metrics_count_every_kind_of_finding() {
        let audit = Audit::of(
            7,
            Map::new(),
            vec![],
            vec![found("a", &["agent_silent"], "")],
        );
        let kinds = ["agent_silent", "stalled"].map(str::to_owned).into_iter();
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut invocation = Invocation::at(now, tokio::time::Instant::now());
        invocation.function.name = "my-stack-audit-source-servers".to_owned();

        let line = audit.metrics(kinds, &invocation);
        let names = ["AgentSilent", "Examined", "Stalled", "WithFindings"];
        let metrics = names.map(|name| json!({ "Name": name, "Unit": "Count" }));
        let expected = json!({
            "_aws": {
                "Timestamp": 1_800_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "drover/my-stack",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": metrics,
                }],
            },
            "FunctionName": "my-stack-audit-source-servers",
            "AgentSilent": 1, "Examined": 7, "Stalled": 0, "WithFindings": 1,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn every_text_of_a_finding_is_sanitized() {
        let audit = Audit::of(
            1,
            Map::new(),
            vec![],
            vec![found("a\u{1b}", &["x"], "b\u{1b}")],
        );

        let json = json!(audit).to_string();
        assert!(!json.contains("\\u001b"), "{json}");
        assert_eq!(json.matches('\u{fffd}').count(), 2, "{json}");
    }
}
