//! What is said of a target: an outcome, every reason for it with its facts, and what to do next.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    advice::{Advice, NextStep},
    api::{FailedCall, Unobserved},
    fault::FaultKind,
    grounds::Grounds,
    guardrails::{Approval, Guardrails},
    ids::RequestId,
    invocation::Invocation,
    outcome::Outcome,
    target_report::{StatedReason, TargetReport},
    variant::code,
};

/// What is said of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// What became of it.
    pub outcome: Outcome,
    /// Every reason for it; never empty.
    pub reasons: Vec<StatedReason>,
    /// What people can do, each with the place of the reason that it is about.
    advice: Vec<(usize, Advice)>,
    /// When a pending target is worth another look, in seconds.
    pub look_again_after_seconds: Option<u32>,
    /// Whether a queue should deliver the request again, because nobody else would finish it.
    pub unfinished: bool,
}

/// A reason out of a function's closed set.
pub trait Explain: Serialize {
    /// The reason as a sentence for the person who asked.
    fn sentence(&self) -> &'static str;

    /// What people can do about it.
    fn advice(&self) -> &'static [Advice];

    /// How many seconds later another look is worthwhile.
    fn look_again_after_seconds(&self) -> Option<u32>;

    /// Whether nobody else would finish what is left, so that a queue should deliver again.
    fn is_unfinished(&self) -> bool;
}

/// What a target is in a report: its name, the words of the request, and the resource.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The name by which people know it.
    pub name: String,
    /// The target in the words of the request.
    pub target: Value,
    /// The resource that it turned out to be; `null` while it is unknown.
    pub resource: Value,
    /// What commands to paste may name, besides the facts of a reason.
    pub facts: Map<String, Value>,
}

impl Subject {
    /// What commands to paste may name of every target of a request. `service` is the service as
    /// Service Quotas and ARNs spell it.
    #[must_use]
    pub fn facts_of_all(
        request_id: &RequestId,
        service: &str,
        guardrails: &Guardrails,
        invocation: &Invocation,
    ) -> Map<String, Value> {
        let mut facts = Map::new();

        facts.insert("requestID".to_owned(), request_id.to_string().into());
        facts.insert("service".to_owned(), service.into());
        if let Approval::Tag(tag) = &guardrails.approval {
            facts.insert("tag".to_owned(), tag.as_str().into());
        }
        // Where the function looks; what it finds may say it more exactly.
        let region = invocation.function.region.as_str();
        if !region.is_empty() {
            facts.insert("region".to_owned(), region.into());
        }
        facts
    }
}

impl Conclusion {
    /// The conclusion for a reason, or for a reason and its facts.
    #[must_use]
    pub fn new<R: Explain>(outcome: Outcome, grounds: impl Into<Grounds<R>>) -> Self {
        Self::of(outcome, &[grounds.into()])
    }

    /// The conclusion for several reasons; the first is the one that counts.
    #[must_use]
    pub fn of<R: Explain>(outcome: Outcome, grounds: &[Grounds<R>]) -> Self {
        // Only what is pending is worth another look.
        let is_pending = outcome == Outcome::Pending;
        // The others may be gone once the first is mended.
        let first = grounds.first().map(|grounds| &grounds.reason);
        let look_again = first.and_then(Explain::look_again_after_seconds);

        Self {
            outcome,
            reasons: grounds.iter().map(stated).collect(),
            advice: grounds.iter().enumerate().flat_map(advised).collect(),
            look_again_after_seconds: look_again.filter(|_| is_pending),
            unfinished: first.is_some_and(Explain::is_unfinished),
        }
    }

    /// The conclusion for a call that failed.
    #[must_use]
    pub fn failed(call: &FailedCall, outcome: Outcome) -> Self {
        // The reason names the fault; the doubt is what matters to people.
        let doubt = match outcome {
            Outcome::Indeterminate => "; whether it took effect could not be settled",
            _ => "",
        };
        Self::failed_with(call, outcome, format!("{call}{doubt}"))
    }

    /// The same with a sentence of its own.
    #[must_use]
    pub fn failed_with(call: &FailedCall, outcome: Outcome, message: String) -> Self {
        let facts = call.facts();
        let kind = call.fault.kind;
        let in_doubt = (outcome == Outcome::Indeterminate).then_some(&FaultKind::IN_DOUBT);
        let advice = kind.advice().iter().chain(in_doubt);

        Self {
            outcome,
            advice: advice.map(|advice| (0, *advice)).collect(),
            reasons: vec![StatedReason {
                reason: code(kind),
                message,
                facts,
            }],
            look_again_after_seconds: None,
            unfinished: false,
        }
    }

    /// The conclusion for a target that could not be observed.
    #[must_use]
    pub fn unobserved<R: Explain>(why: &Unobserved, out_of_time: R) -> Self {
        match why {
            Unobserved::Failed(call) => Self::failed(call, Outcome::of_fault(&call.fault)),
            Unobserved::OutOfTime => Self::new(Outcome::Pending, out_of_time),
        }
    }

    /// The same with one more reason, which changes neither the outcome nor when to look again.
    #[must_use]
    pub fn with<R: Explain>(mut self, grounds: impl Into<Grounds<R>>) -> Self {
        let grounds = grounds.into();
        let place = self.reasons.len();

        self.advice.extend(advised((place, &grounds)));
        self.reasons.push(stated(&grounds));
        self
    }

    /// The name of the reason that counts.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reasons.first().map_or("", |stated| &stated.reason)
    }

    /// The sentence of the reason that counts.
    #[must_use]
    pub fn message(&self) -> &str {
        self.reasons.first().map_or("", |stated| &stated.message)
    }

    /// The report of the target of which it is said, without a plan and calls.
    #[must_use]
    pub fn into_report(self, subject: Subject, evidence: Value) -> TargetReport {
        let (reason, message) = (self.reason().to_owned(), self.message().to_owned());

        TargetReport {
            next_steps: self.next_steps(&subject.facts),
            name: subject.name,
            target: subject.target,
            resource: subject.resource,
            outcome: self.outcome,
            reason,
            message,
            reasons: self.reasons,
            plan: Vec::new(),
            evidence,
            calls: Vec::new(),
            look_again_after_seconds: self.look_again_after_seconds,
            unfinished: self.unfinished,
        }
    }

    /// What people can do, each thing once.
    fn next_steps(&self, known: &Map<String, Value>) -> Vec<NextStep> {
        let mut steps = Vec::new();

        for (place, advice) in &self.advice {
            // What the reason knows is closer than what the target is.
            let mut all = known.clone();
            let reason = self.reasons.get(*place);
            all.extend(
                reason
                    .map(|reason| reason.facts.clone())
                    .unwrap_or_default(),
            );
            let step = advice.fill(&all);
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps
    }
}

fn stated<R: Explain>(grounds: &Grounds<R>) -> StatedReason {
    let sentence = grounds.reason.sentence();
    let message = match &grounds.detail {
        Some(detail) => format!("{sentence}: {detail}"),
        None => sentence.to_owned(),
    };

    StatedReason {
        reason: code(&grounds.reason),
        message,
        facts: grounds.facts.clone(),
    }
}

fn advised<R: Explain>(
    (place, grounds): (usize, &Grounds<R>),
) -> impl Iterator<Item = (usize, Advice)> {
    let advice = grounds.reason.advice().iter();

    advice.map(move |advice| (place, *advice))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reasons as a function has them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Reason {
        Protected,
        NotApproved,
        Slow,
    }

    const APPROVE: Advice = Advice::approver("Approve it.").by("approve {name} for {requestID}");

    impl Explain for Reason {
        fn sentence(&self) -> &'static str {
            match self {
                Self::Protected => "It is protected",
                Self::NotApproved => "It is not approved",
                Self::Slow => "It takes time",
            }
        }

        fn advice(&self) -> &'static [Advice] {
            match self {
                Self::Protected | Self::NotApproved => &[APPROVE],
                Self::Slow => &[],
            }
        }

        fn look_again_after_seconds(&self) -> Option<u32> {
            (*self == Self::Slow).then_some(60)
        }

        fn is_unfinished(&self) -> bool {
            *self == Self::Slow
        }
    }

    #[test]
    fn the_first_reason_counts_and_none_is_left_out() {
        let protected = Grounds::new(Reason::Protected)
            .detail("tag keep is set")
            .fact("tag", "keep");
        let conclusion = Conclusion::of(Outcome::Refused, &[protected, Reason::NotApproved.into()]);
        let facts = json!({ "requestID": "CHG1", "name": "web01" });
        let subject = Subject {
            name: "web01".to_owned(),
            target: Value::Null,
            resource: Value::Null,
            facts: facts.as_object().unwrap().clone(),
        };

        let report = conclusion.into_report(subject, Value::Null);
        assert_eq!(report.reason, "protected");
        assert_eq!(report.message, "It is protected: tag keep is set");
        assert_eq!(report.reasons[0].facts["tag"], "keep");
        assert_eq!(report.reasons[1].reason, "not_approved");
        // Two reasons with one way out have one next step.
        let commands: Vec<_> = report.next_steps.iter().map(|it| &it.command).collect();
        assert_eq!(commands, [&Some("approve web01 for CHG1".to_owned())]);
    }

    #[test]
    fn only_what_is_pending_is_worth_another_look() {
        let seconds = |outcome| Conclusion::new(outcome, Reason::Slow).look_again_after_seconds;

        assert_eq!(seconds(Outcome::Pending), Some(60));
        assert_eq!(seconds(Outcome::Refused), None);
    }

    #[test]
    fn a_failed_call_is_named_with_its_code() {
        let mut call = FailedCall::new("TagResource", FaultKind::AccessDenied);
        call.fault.code = Some("AccessDeniedException".to_owned());
        let conclusion = Conclusion::failed(&call, Outcome::Permanent);

        assert_eq!(conclusion.reason(), "access_denied");
        let facts = json!({ "operation": "TagResource", "code": "AccessDeniedException" });
        assert_eq!(json!(conclusion.reasons[0].facts), facts);
        assert!(!conclusion.advice.is_empty());
    }

    #[test]
    fn a_change_in_doubt_is_reported_as_such() {
        let message = |kind, outcome| {
            let call = FailedCall::new("TagResource", kind);
            Conclusion::failed(&call, outcome).message().to_owned()
        };

        assert_eq!(
            message(FaultKind::Timeout, Outcome::Indeterminate),
            "TagResource: AWS did not answer in time; whether it took effect could not be settled"
        );
        assert_eq!(
            message(FaultKind::Conflict, Outcome::Retryable),
            "TagResource: AWS reports a conflict"
        );
    }
}
