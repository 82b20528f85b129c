//! What a report says of one target: the outcome, every reason with its facts, the whole plan, what
//! was read, and who does what next.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    advice::NextStep,
    api::Call,
    outcome::Outcome,
    sanitize::{sanitize, sanitize_value},
};

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The name by which people know it: the most familiar one that the request gives.
    pub name: String,
    /// The target in the words of the request.
    pub target: Value,
    /// The resource that it turned out to be, by the API's own member names; `null` while it is
    /// unknown.
    pub resource: Value,
    /// What became of it.
    pub outcome: Outcome,
    /// Why: a reason of the function, or the fault of a call. The first of `reasons`.
    pub reason: String,
    /// The same as a sentence, with its facts.
    pub message: String,
    /// Every reason for the outcome, in the order in which the rules are checked.
    pub reasons: Vec<StatedReason>,
    /// Who has to do what next.
    pub next_steps: Vec<NextStep>,
    /// Every step that was planned, in order; also those that come later.
    pub plan: Vec<PlannedStep>,
    /// What was read before and after.
    pub evidence: Value,
    /// The calls that were made for this target alone.
    pub calls: Vec<Call>,
    /// When a pending target is worth another look, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_again_after_seconds: Option<u32>,
    /// Whether a queue should deliver the request again, because nobody else would finish it. Not
    /// part of the answer.
    #[serde(skip)]
    pub unfinished: bool,
}

/// One reason for an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatedReason {
    /// Its name.
    pub reason: String,
    /// The same as a sentence, with its facts.
    pub message: String,
    /// The facts by name: limits and figures, IDs, tags, settings.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

/// One step of a plan, or several alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedStep {
    /// The API's name of the call.
    pub step: &'static str,
    /// The ID of the resource that it changes; `null` for one that does not exist yet.
    pub resource: Option<String>,
    /// What it waits for.
    pub when: When,
    /// The step in words.
    pub sentence: String,
    /// How many steps alike it stands for, where there are more than a report names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// What a step of a plan waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing: it is taken at once.
    Now,
    /// AWS has removed the staging resources of a disconnected server, which takes up to 90 minutes.
    StagingRemoved,
    /// The replication is ENABLED.
    ReplicationEnabled,
    /// The steps before it have been taken and read back.
    EarlierStepsDone,
    /// The first sync of the replication is complete.
    FirstSyncComplete,
}

impl TargetReport {
    /// Makes every text fit for logs, people and terminals: AWS and others wrote them.
    pub(crate) fn sanitize(&mut self) {
        self.name = sanitize(&self.name);
        self.message = sanitize(&self.message);
        sanitize_value(&mut self.target);
        sanitize_value(&mut self.resource);
        sanitize_value(&mut self.evidence);

        // Facts are tags and words of AWS, too.
        for reason in &mut self.reasons {
            reason.message = sanitize(&reason.message);
            reason.facts.values_mut().for_each(sanitize_value);
        }
        // What is quoted for a shell stays so: no letter that it knows is replaced.
        for step in &mut self.next_steps {
            step.command = step.command.as_deref().map(sanitize);
        }
        for step in &mut self.plan {
            step.resource = step.resource.as_deref().map(sanitize);
            step.sentence = sanitize(&step.sentence);
        }
        for call in &mut self.calls {
            call.answer = sanitize(&call.answer);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::advice::Advice;

    pub(crate) fn target(outcome: Outcome) -> TargetReport {
        TargetReport {
            name: "web01".to_owned(),
            target: Value::Null,
            resource: Value::Null,
            outcome,
            reason: "test".to_owned(),
            message: String::new(),
            reasons: Vec::new(),
            next_steps: Vec::new(),
            plan: Vec::new(),
            evidence: Value::Null,
            calls: Vec::new(),
            look_again_after_seconds: None,
            unfinished: false,
        }
    }

    #[test]
    fn every_text_of_a_target_is_sanitized() {
        const HOSTILE: &str = "a\u{1b}[2J";
        let facts: Map<String, Value> = [("tag".to_owned(), HOSTILE.into())].into_iter().collect();
        let mut target = TargetReport {
            name: HOSTILE.to_owned(),
            target: HOSTILE.into(),
            resource: HOSTILE.into(),
            message: HOSTILE.to_owned(),
            next_steps: vec![Advice::operator("Look.").by("get {tag}").fill(&facts)],
            reasons: vec![StatedReason {
                reason: "test".to_owned(),
                message: HOSTILE.to_owned(),
                facts,
            }],
            plan: vec![PlannedStep {
                step: "TagResource",
                resource: Some(HOSTILE.to_owned()),
                when: When::Now,
                sentence: HOSTILE.to_owned(),
                count: None,
            }],
            evidence: HOSTILE.into(),
            calls: vec![Call {
                operation: "TagResource",
                requests: 1,
                answer: HOSTILE.to_owned(),
            }],
            ..target(Outcome::Refused)
        };

        target.sanitize();
        let json = serde_json::to_string(&target).unwrap();
        assert!(!json.contains("\\u001b"), "{json}");
        assert_eq!(json.matches('\u{fffd}').count(), 11, "{json}");
    }
}
