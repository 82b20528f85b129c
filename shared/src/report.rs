//! What a function answers: one outcome for each target, out of a closed set, with the evidence for
//! it.

use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{Call, FailedCall, Unobserved, merge},
    fault::FaultKind,
    outcome::{Mode, Outcome},
    rejection::Rejection,
    sanitize::{sanitize, sanitize_value},
    variant::code,
};

/// The most bytes of a report, as a text inside of JSON. With a request of 64 KiB it fits an event
/// of 256 KiB.
pub const MAX_REPORT_BYTES: usize = 160_000;
/// The most characters of a name where names had to be cut.
const LONGEST_CUT_NAME: usize = 64;
/// The most characters of a message where messages had to be cut.
const LONGEST_CUT_MESSAGE: usize = 200;

/// What became of one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The target in the words of the request.
    pub target: Value,
    /// The resource that it turned out to be, by the API's own member names; `null` while it is
    /// unknown.
    pub resource: Value,
    /// What became of it.
    pub outcome: Outcome,
    /// Why: a reason of the function, or the fault of a call.
    pub reason: String,
    /// The same as a sentence.
    pub message: String,
    /// The steps that were planned, in order.
    pub plan: Vec<String>,
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

/// What is said of a target: an outcome, and the name and sentence of its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, by the name of the reason.
    pub reason: String,
    /// The same as a sentence.
    pub message: String,
    /// When a pending target is worth another look, in seconds.
    pub look_again_after_seconds: Option<u32>,
    /// Whether a queue should deliver the request again, because nobody else would finish it.
    pub unfinished: bool,
}

/// A reason out of a function's closed set.
pub trait Explain: Serialize {
    /// The reason as a sentence for the person who asked.
    fn sentence(&self) -> &'static str;

    /// How many seconds later another look is worthwhile.
    fn look_again_after_seconds(&self) -> Option<u32>;

    /// Whether nobody else would finish what is left, so that a queue should deliver again.
    fn is_unfinished(&self) -> bool;
}

impl Conclusion {
    /// The conclusion for a reason.
    #[must_use]
    pub fn new(outcome: Outcome, reason: impl Explain) -> Self {
        // Only what is pending is worth another look.
        let pending = outcome == Outcome::Pending;

        Self {
            outcome,
            reason: code(&reason),
            message: reason.sentence().to_owned(),
            look_again_after_seconds: reason.look_again_after_seconds().filter(|_| pending),
            unfinished: reason.is_unfinished(),
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

        Self {
            outcome,
            reason: code(call.fault.kind),
            message: format!("{call}{doubt}"),
            look_again_after_seconds: None,
            unfinished: false,
        }
    }

    /// The conclusion for a target that could not be observed.
    #[must_use]
    pub fn unobserved(why: &Unobserved, out_of_time: impl Explain) -> Self {
        match why {
            Unobserved::Failed(call) => Self::failed(call, Outcome::of_fault(&call.fault)),
            Unobserved::OutOfTime => Self::new(Outcome::Pending, out_of_time),
        }
    }

    /// The report of the target of which it is said, without a plan and calls.
    #[must_use]
    pub fn into_report(self, target: Value, resource: Value, evidence: Value) -> TargetReport {
        TargetReport {
            target,
            resource,
            outcome: self.outcome,
            reason: self.reason,
            message: self.message,
            plan: Vec::new(),
            evidence,
            calls: Vec::new(),
            look_again_after_seconds: self.look_again_after_seconds,
            unfinished: self.unfinished,
        }
    }
}

/// The answer to one request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The first outcome, in their order, that any target has.
    pub outcome: Outcome,
    /// The whole in one sentence.
    pub summary: String,
    /// Which request it answers; `null` for a rejected input.
    #[serde(rename = "requestID")]
    pub request_id: Option<String>,
    /// Whether anything could have been changed.
    pub mode: Mode,
    /// Why the input was rejected, or which fault kept AWS from being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a pending request is worth another look, in seconds: the soonest of its targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_again_after_seconds: Option<u32>,
    /// The request to send then, where it is not the same again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_request: Option<Value>,
    /// What was left out of each target, so that the report fits what carries it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<&'static str>,
    /// One for each target, in the order of the request.
    pub targets: Vec<TargetReport>,
    /// The calls that were made for all targets together.
    pub calls: Vec<Call>,
}

impl Report {
    /// The answer to an input that is not a request for this function.
    #[must_use]
    pub fn rejected(rejection: &Rejection, mode: Mode) -> Self {
        Self {
            outcome: Outcome::Rejected,
            summary: format!("rejected: {}", rejection.message),
            request_id: None,
            mode,
            reason: Some(code(rejection.code)),
            look_again_after_seconds: None,
            next_request: None,
            cut: Vec::new(),
            targets: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// The answer to a request, its outcome and summary drawn from its targets.
    #[must_use]
    pub fn of(request_id: &str, mode: Mode, targets: Vec<TargetReport>, calls: Vec<Call>) -> Self {
        // A request is as bad as its worst target.
        let outcome = targets
            .iter()
            .map(|target| target.outcome)
            .min()
            .unwrap_or(Outcome::AlreadyDone);
        // The soonest counts: looking early is harmless.
        let look_again = targets
            .iter()
            .filter_map(|target| target.look_again_after_seconds);

        Self {
            outcome,
            summary: summary(&targets),
            request_id: Some(request_id.to_owned()),
            mode,
            reason: None,
            look_again_after_seconds: look_again.min(),
            next_request: None,
            cut: Vec::new(),
            targets,
            calls,
        }
    }

    /// The same report with every text sanitized: what AWS and others wrote goes to logs, people
    /// and terminals.
    #[must_use]
    pub fn sanitized(mut self) -> Self {
        self.summary = sanitize(&self.summary);

        for target in &mut self.targets {
            target.message = sanitize(&target.message);
            for step in &mut target.plan {
                *step = sanitize(step);
            }
            sanitize_value(&mut target.target);
            sanitize_value(&mut target.resource);
            sanitize_value(&mut target.evidence);
        }

        let calls = self
            .targets
            .iter_mut()
            .flat_map(|target| &mut target.calls)
            .chain(&mut self.calls);
        for call in calls {
            call.answer = sanitize(&call.answer);
        }
        self
    }

    /// The same report, small enough for whatever carries it, and its JSON. What matters least is
    /// left out first, and named in `cut`.
    ///
    /// A log event has at most 256 KiB, and so have a result event, which also has the request of
    /// 64 KiB, and the input of a state machine. There the report is a text inside of JSON, so it
    /// is measured as such.
    #[must_use]
    pub fn bounded(mut self) -> (Self, String) {
        // Nearly every report fits, and is written once.
        let mut json = self.json();
        if size(&json) > MAX_REPORT_BYTES {
            // They are still counted, with those that were made for all targets together.
            let of_targets = self.targets.iter_mut();
            let of_targets = of_targets.flat_map(|target| std::mem::take(&mut target.calls));
            merge(&mut self.calls, of_targets);
            self.cut.push("calls");
            json = self.json();
        }

        let cuts: [Cut; 4] = [
            ("plan", |target| target.plan.clear()),
            ("evidence", |target| target.evidence = Value::Null),
            ("names", |target| shorten(&mut target.target)),
            ("messages", |target| {
                target.message = cut_off(&target.message, LONGEST_CUT_MESSAGE)
            }),
        ];

        // The outcome, the reason and the resource of every target always stay.
        for (part, cut) in cuts {
            if size(&json) <= MAX_REPORT_BYTES {
                break;
            }
            self.targets.iter_mut().for_each(cut);
            self.cut.push(part);
            json = self.json();
        }

        (self, json)
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether AWS said of any call that the credentials have expired.
    #[must_use]
    pub fn met_expired_credentials(&self) -> bool {
        let mut calls = self
            .targets
            .iter()
            .flat_map(|target| &target.calls)
            .chain(&self.calls);

        // The fault is only in the record by now.
        let expired = FaultKind::CredentialsExpired.phrase();
        calls.any(|call| call.answer.starts_with(&expired))
    }

    /// Whether a queue should deliver the request again: Lambda's answer is an error, or time ran
    /// out.
    #[must_use]
    pub fn wants_redelivery(&self) -> bool {
        self.outcome.error_type().is_some() || self.targets.iter().any(|target| target.unfinished)
    }
}

/// How many bytes a JSON text has as a string inside of JSON.
fn size(json: &str) -> usize {
    json.bytes()
        .map(|byte| if matches!(byte, b'"' | b'\\') { 2 } else { 1 })
        .sum()
}

/// What a target can do without, and how it is left out.
type Cut = (&'static str, fn(&mut TargetReport));

fn cut_off(text: &str, longest: usize) -> String {
    // By characters, so that none is cut in half.
    let cut = text.chars().nth(longest).is_some();
    text.chars()
        .take(longest)
        .chain(cut.then_some('…'))
        .collect()
}

/// Cuts every text of a value to what still identifies it.
fn shorten(value: &mut Value) {
    match value {
        // An ID or a host name is still recognised by its beginning.
        Value::String(text) => *text = cut_off(text, LONGEST_CUT_NAME),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

fn summary(targets: &[TargetReport]) -> String {
    // In the order of the outcomes: what needs somebody comes first.
    let mut parts = Vec::new();
    for outcome in Outcome::ALL {
        let having = targets.iter().filter(|target| target.outcome == *outcome);
        match having.count() {
            0 => {}
            count => parts.push(format!("{count} {}", outcome.words())),
        }
    }

    // "1 target" reads better than "1 targets".
    let parts = parts.join(", ");
    match targets.len() {
        1 => format!("{parts} of 1 target"),
        count => format!("{parts} of {count} targets"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fault::{Fault, FaultKind};

    fn target(outcome: Outcome) -> TargetReport {
        TargetReport {
            target: Value::Null,
            resource: Value::Null,
            outcome,
            reason: "test".to_owned(),
            message: String::new(),
            plan: Vec::new(),
            evidence: Value::Null,
            calls: Vec::new(),
            look_again_after_seconds: None,
            unfinished: false,
        }
    }

    pub(crate) fn report(outcomes: &[Outcome]) -> Report {
        Report::of(
            "CHG1",
            Mode::Enforce,
            outcomes.iter().copied().map(target).collect(),
            Vec::new(),
        )
    }

    #[test]
    fn a_request_is_as_bad_as_its_worst_target() {
        let report = report(&[
            Outcome::Done,
            Outcome::Refused,
            Outcome::Done,
            Outcome::Pending,
        ]);
        assert_eq!(report.outcome, Outcome::Pending);
        assert_eq!(report.summary, "1 pending, 1 refused, 2 done of 4 targets");
    }

    /// A report of as many targets as a request may have, each with the longest texts that there
    /// can be.
    fn largest() -> Report {
        let call = Call {
            operation: "CreateReplicationConfiguration",
            requests: 1,
            answer: "ok".to_owned(),
        };
        let long = |text: &str| "\"".to_owned() + &text.repeat(crate::sanitize::LONGEST - 1);
        let target = || TargetReport {
            target: serde_json::json!({ "sourceServerID": "x".repeat(120), "hostname": "x".repeat(255), "fqdn": "x".repeat(255) }),
            resource: serde_json::json!({ "sourceServerID": "x".repeat(19), "arn": "x".repeat(120) }),
            message: long("m"),
            plan: vec![long("p"); 16],
            evidence: serde_json::json!({ "created": [long("c")], "differs": [long("d")] }),
            calls: vec![call.clone(); 4],
            ..target(Outcome::Pending)
        };
        let mut report = Report::of(
            &"x".repeat(128),
            Mode::Enforce,
            (0..100).map(|_| target()).collect(),
            vec![],
        );
        report.next_request = Some(Value::String("x".repeat(64 * 1024)));
        report
    }

    // Invariant 10.
    #[test]
    fn the_largest_report_fits_what_carries_it_and_says_what_was_cut() {
        let (report, json) = largest().bounded();
        assert_eq!(
            report.cut,
            ["calls", "plan", "evidence", "names", "messages"]
        );
        assert_eq!(
            (report.targets.len(), report.targets[0].reason.as_str()),
            (100, "test")
        );
        let calls: Vec<_> = report
            .calls
            .iter()
            .map(|call| (call.operation, call.requests))
            .collect();
        assert_eq!(calls, [("CreateReplicationConfiguration", 400)]);
        assert_eq!(json, serde_json::to_string(&report).unwrap());
        let as_text = serde_json::to_string(&json).unwrap().len() - 2;
        assert_eq!(as_text, size(&json));
        assert!(as_text <= MAX_REPORT_BYTES, "{as_text}");
        // Of the 256 KiB of a log event or a result event, this much is left for the request and
        // the envelope.
        assert_eq!(256 * 1024 - MAX_REPORT_BYTES, 102_144);
    }

    #[test]
    fn a_report_that_fits_is_left_as_it_is() {
        let report = report(&[Outcome::Done; 100]);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(report.bounded().1, json);
    }

    #[test]
    fn a_report_is_cut_from_the_first_byte_that_is_too_much() {
        let room = MAX_REPORT_BYTES - size(&report(&[Outcome::Done]).json());
        for (more, cut) in [(0, Vec::<&str>::new()), (1, vec!["calls", "plan"])] {
            let mut report = report(&[Outcome::Done]);
            // A text in a list costs its four quotation marks, as text inside of JSON.
            report.targets[0].plan = vec!["x".repeat(room + more - 4)];
            assert_eq!(report.bounded().0.cut, cut);
        }
    }

    #[test]
    fn a_text_is_cut_between_letters_and_marked() {
        assert_eq!(cut_off("äöü", 3), "äöü");
        assert_eq!(cut_off("äöü", 2), "äö…");

        // Wherever it stands in a value.
        let long = "x".repeat(LONGEST_CUT_NAME + 1);
        let cut = format!("{}…", "x".repeat(LONGEST_CUT_NAME));
        let mut value = serde_json::json!({ "a": [&long], "b": 1, "c": "short" });
        shorten(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "a": [cut], "b": 1, "c": "short" })
        );
    }

    #[test]
    fn credentials_that_expired_are_met_by_a_call_of_any_target_or_of_all() {
        let call = |kind: FaultKind| Call {
            operation: "DescribeJobs",
            requests: 1,
            answer: Fault::of(kind).to_string(),
        };
        let mut report = report(&[Outcome::Done]);
        report.calls = vec![call(FaultKind::Throttled)];
        assert!(!report.met_expired_credentials());

        report.targets[0].calls = vec![call(FaultKind::CredentialsExpired)];
        assert!(report.met_expired_credentials());
        report.calls.append(&mut report.targets[0].calls);
        assert!(report.met_expired_credentials());
    }

    #[test]
    fn it_is_worth_to_look_again_when_the_soonest_target_says_so() {
        let pending = |seconds| TargetReport {
            look_again_after_seconds: seconds,
            ..target(Outcome::Pending)
        };
        let report =
            |targets: Vec<TargetReport>| Report::of("CHG1", Mode::Enforce, targets, vec![]);
        let soonest = report(vec![
            pending(Some(5400)),
            pending(None),
            pending(Some(60)),
            pending(Some(300)),
        ]);
        assert_eq!(soonest.look_again_after_seconds, Some(60));
        assert_eq!(report(vec![pending(None)]).look_again_after_seconds, None);
    }

    #[test]
    fn a_change_in_doubt_is_reported_as_such() {
        let message = |kind, outcome| {
            let call = FailedCall::new("TagResource", kind);
            Conclusion::failed(&call, outcome).message
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

    #[test]
    fn a_queue_delivers_again_what_failed_or_was_left_unfinished() {
        assert!(!report(&[Outcome::Done, Outcome::Pending]).wants_redelivery());
        assert!(report(&[Outcome::Done, Outcome::Retryable]).wants_redelivery());
        let mut unfinished = report(&[Outcome::Done, Outcome::Pending]);
        unfinished.targets[1].unfinished = true;
        assert!(unfinished.wants_redelivery());
    }
}
