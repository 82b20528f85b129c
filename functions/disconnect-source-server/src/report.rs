//! `report`: what may truthfully be said of each target, and why.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{Call, Fault, Mode, Outcome, Report, TargetReport, report::code};

use crate::{
    command::{Command, SourceServerId},
    plan::{Step, TargetPlan},
    policy::Policy,
    snapshot::{Server, State},
};

/// How long AWS may take to remove a disconnected server's staging resources (`DisconnectSourceServer`, API reference).
pub const STAGING_CLEANUP_SECONDS: u32 = 90 * 60;
/// When a change that a read does not show yet is worth another look.
pub const SOON_SECONDS: u32 = 60;

/// Why a target is treated as it is: the closed set, each a row of the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The server is DISCONNECTED and this request has no approval left on it.
    Disconnected,
    /// There is no record of the server.
    RecordDeleted,
    /// The server is DISCONNECTED, and its record may be deleted when AWS has removed the staging resources.
    RecordAwaitsDeletion,
    /// AWS accepted the change, and reading back does not show it yet.
    NotSeenYet,
    /// There was no time left to begin.
    OutOfTime,
    /// Plan mode: the steps are shown and not taken.
    PlanMode,
    /// No source server fits.
    NotFound,
    /// Several source servers fit.
    Ambiguous,
    /// Another target of the request is the same server.
    NamedTwice,
    /// The ARN names another account, Region or server.
    ArnMismatch,
    /// The server is another EC2 instance.
    AwsInstanceIdMismatch,
    /// The server has another host name.
    HostnameMismatch,
    /// The server has another fully qualified name.
    FqdnMismatch,
    /// The server comes from another account or Region than the event.
    OriginMismatch,
    /// The protection tag is on the server.
    Protected,
    /// The approval tag is not on the server.
    NotApproved,
    /// The approval tag on the server names another request.
    ApprovedForAnotherRequest,
    /// A recovery instance runs for the server.
    RecoveryInstancePresent,
    /// A drill instance runs for the server.
    DrillInstancePresent,
    /// A job works on the server.
    JobRunning,
    /// The server replicates back to its source.
    FailbackDirection,
    /// Another source server replicates the other way.
    ReversedPair,
    /// The server is extended from another account.
    Extended,
    /// The server is extended from another account, with an error.
    ExtensionError,
    /// The replication state, direction or staging is not one that this program knows.
    UnknownState,
    /// The record is to be deleted, and the server is not DISCONNECTED.
    NotDisconnected,
    /// The deployment does not allow records to be deleted.
    DeleteNotAllowed,
    /// The request names more servers than the deployment allows.
    OverMaxTargets,
    /// The request would change a larger share of the account's servers than the deployment allows.
    OverMaxShare,
}

/// One step that was taken, or for which there was no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The step.
    pub step: Step,
    /// The call and its result; `None` if there was no time to make it.
    pub made: Option<(Call, Result<(), Fault>)>,
    /// Why the server could not be read again afterwards, if it could not.
    pub unread: Option<Fault>,
}

/// Everything about one target, from the first look to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The plan after the first look.
    pub first: TargetPlan,
    /// What was attempted, in order.
    pub attempts: Vec<Attempt>,
    /// The plan after the last look.
    pub last: TargetPlan,
}

/// What is said of a target: an outcome, and the name and sentence of its reason.
struct Saying {
    outcome: Outcome,
    reason: String,
    message: String,
    look_again_after_seconds: Option<u32>,
    unfinished: bool,
}

/// The answer when nothing could be seen: every target has the fault of the look.
#[must_use]
pub fn blind(command: &Command, policy: &Policy, fault: &Fault, calls: Vec<Call>) -> Report {
    let saying = || Saying::fault(Outcome::of_fault(fault), fault);
    let unseen = command.targets.iter().map(|target| saying().about(json!(target), Value::Null, Value::Null));
    Report::of(command.request_id.as_ref(), crate::plan::mode(command, policy), unseen.collect(), calls)
}

/// The answer to a request that was planned, and carried out as far as `mode` allowed and the world let it.
///
/// `lost` counts the recovery points of the servers that were to be disconnected.
#[must_use]
pub fn report(
    command: &Command,
    courses: &[Course],
    lost: &BTreeMap<SourceServerId, usize>,
    policy: &Policy,
    mode: Mode,
    calls: Vec<Call>,
) -> Report {
    let targets = command.targets.iter().zip(courses).map(|(target, course)| {
        let saying = if mode == Mode::Plan { foretell(course) } else { conclude(course) };
        let mut report = saying.about(json!(target), resource(course), evidence(course, lost));
        report.plan = course.first.steps.iter().map(|step| sentence_of(*step, course, policy)).collect();
        report.calls = course.attempts.iter().filter_map(|attempt| Some(attempt.made.as_ref()?.0.clone())).collect();
        report
    });
    Report::of(command.request_id.as_ref(), mode, targets.collect(), calls)
}

/// What a dry run says: steps are planned, everything else is as it is.
fn foretell(course: &Course) -> Saying {
    if !course.first.steps.is_empty() {
        return Saying::reason(Outcome::Planned, Reason::PlanMode);
    }
    let (outcome, reason) = course.first.verdict.outcome(false);
    Saying::reason(outcome, reason)
}

/// What may be said after the last look. The rules stand in the order in which they are asked.
fn conclude(course: &Course) -> Saying {
    let Some(last) = course.attempts.last() else {
        let (outcome, reason) = course.first.verdict.outcome(false);
        return Saying::reason(outcome, reason);
    };
    if last.unread.is_none() && course.last.steps.is_empty() && !course.last.is_refused() {
        let (outcome, reason) =
            course.last.verdict.outcome(course.attempts.iter().any(|attempt| attempt.made.is_some()));
        return Saying::reason(outcome, reason);
    }
    match (&last.made, &last.unread) {
        (None, _) => Saying::reason(Outcome::Pending, Reason::OutOfTime),
        (Some((_, Err(fault))), _) if fault.kind.leaves_doubt() => Saying::fault(Outcome::Indeterminate, fault),
        (Some((_, Err(fault))), _) => Saying::fault(Outcome::of_fault(fault), fault),
        (Some((_, Ok(()))), Some(unread)) => Saying::fault(Outcome::Indeterminate, unread),
        (Some((_, Ok(()))), None) => Saying::reason(Outcome::Pending, Reason::NotSeenYet),
    }
}

fn resource(course: &Course) -> Value {
    match course.first.server.as_ref() {
        Some(server) => json!({ "sourceServerID": server.id, "arn": server.arn }),
        None => Value::Null,
    }
}

/// What was seen before and after. Host names and addresses of AWS's answer stay out of it: reports are logged.
fn evidence(course: &Course, lost: &BTreeMap<SourceServerId, usize>) -> Value {
    let Some(server) = &course.first.server else { return Value::Null };
    let ends_replication = course.first.steps.contains(&Step::Disconnect);
    json!({
        "stateBefore": state(Some(server)),
        "stateAfter": course.attempts.last().and_then(|last| match last.unread {
            None => Some(state(course.last.server.as_ref())),
            Some(_) => None,
        }),
        "recoveryPointsLost": lost.get(&server.id),
        "replicatedBytes": server.replicated_bytes,
        "replicationHoursEnded": ends_replication.then_some(server.replication_hours).flatten(),
    })
}

fn state(server: Option<&Server>) -> &str {
    match server.map(|server| &server.state) {
        None => "no record",
        Some(State::Disconnected) => "DISCONNECTED",
        Some(State::Connected(name)) => name,
        Some(State::Unknown) => "unknown",
    }
}

fn sentence_of(step: Step, course: &Course, policy: &Policy) -> String {
    let id = course.first.server.as_ref().map(|server| server.id.as_ref()).unwrap_or_default();
    match step {
        Step::Disconnect => format!("disconnect {id}"),
        Step::ConsumeApproval => format!("remove the tag {} from {id}", policy.approval_tag()),
        Step::Delete => format!("delete the record of {id}"),
    }
}

impl Saying {
    fn reason(outcome: Outcome, reason: Reason) -> Self {
        Self {
            outcome,
            reason: code(reason),
            message: reason.sentence().to_owned(),
            look_again_after_seconds: reason.look_again_after_seconds().filter(|_| outcome == Outcome::Pending),
            unfinished: matches!(reason, Reason::NotSeenYet | Reason::OutOfTime),
        }
    }

    fn fault(outcome: Outcome, fault: &Fault) -> Self {
        let doubt =
            if outcome == Outcome::Indeterminate { "; whether it took effect could not be settled" } else { "" };
        Self {
            outcome,
            reason: code(fault.kind),
            message: format!("{fault}{doubt}"),
            look_again_after_seconds: None,
            unfinished: false,
        }
    }

    fn about(self, target: Value, resource: Value, evidence: Value) -> TargetReport {
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

impl Reason {
    /// Every reason, in the order of the README's table.
    pub const ALL: [Self; 29] = [
        Self::Disconnected,
        Self::RecordDeleted,
        Self::RecordAwaitsDeletion,
        Self::NotSeenYet,
        Self::OutOfTime,
        Self::PlanMode,
        Self::NotFound,
        Self::Ambiguous,
        Self::NamedTwice,
        Self::ArnMismatch,
        Self::AwsInstanceIdMismatch,
        Self::HostnameMismatch,
        Self::FqdnMismatch,
        Self::OriginMismatch,
        Self::Protected,
        Self::NotApproved,
        Self::ApprovedForAnotherRequest,
        Self::RecoveryInstancePresent,
        Self::DrillInstancePresent,
        Self::JobRunning,
        Self::FailbackDirection,
        Self::ReversedPair,
        Self::Extended,
        Self::ExtensionError,
        Self::UnknownState,
        Self::NotDisconnected,
        Self::DeleteNotAllowed,
        Self::OverMaxTargets,
        Self::OverMaxShare,
    ];

    /// The reason as a sentence for the person who asked.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Disconnected => "seen DISCONNECTED, with no approval of this request left on it",
            Self::RecordDeleted => "seen: no record of this server exists",
            Self::RecordAwaitsDeletion => {
                "seen DISCONNECTED; the record may be deleted when AWS has removed the staging resources, within 90 minutes"
            }
            Self::NotSeenYet => "AWS accepted the change, but reading back does not show it yet",
            Self::OutOfTime => "not begun: the function's deadline was too near to see it through",
            Self::PlanMode => "plan mode: nothing was changed; these steps would be taken",
            Self::NotFound => "no source server with this name exists in this account and Region",
            Self::Ambiguous => "several source servers fit this name; name the one by sourceServerID",
            Self::NamedTwice => "another target of this request is the same source server",
            Self::ArnMismatch => "the ARN names another account, Region or partition than the source server is in",
            Self::AwsInstanceIdMismatch => "the source server is another EC2 instance than the request says",
            Self::HostnameMismatch => "the source server has another hostname than the request says",
            Self::FqdnMismatch => "the source server has another fqdn than the request says",
            Self::OriginMismatch => "the source server comes from another account or Region than the event",
            Self::Protected => "the protection tag is on the source server",
            Self::NotApproved => "the approval tag is not on the source server",
            Self::ApprovedForAnotherRequest => "the approval tag on the source server names another request",
            Self::RecoveryInstancePresent => "a recovery instance exists for the source server: it may be in use",
            Self::DrillInstancePresent => "a drill instance exists for the source server: end the drill first",
            Self::JobRunning => "a DRS job is working on the source server",
            Self::FailbackDirection => "the source server replicates back to its origin: a failback is under way",
            Self::ReversedPair => "another source server replicates the other way: end that replication first",
            Self::Extended => "the source server is extended from another account and is to be disconnected there",
            Self::ExtensionError => "the source server is extended from another account, with an error",
            Self::UnknownState => "AWS describes the source server in a way that drover does not know",
            Self::NotDisconnected => "only the record of a DISCONNECTED source server may be deleted",
            Self::DeleteNotAllowed => "this deployment does not allow records to be deleted (ALLOW_DELETE)",
            Self::OverMaxTargets => "the request names more source servers than this deployment allows (MAX_TARGETS)",
            Self::OverMaxShare => {
                "the request would change a larger share of the account's source servers than allowed (MAX_SHARE_PERCENT)"
            }
        }
    }

    /// When it is worth to look again, in seconds.
    #[must_use]
    pub fn look_again_after_seconds(self) -> Option<u32> {
        match self {
            Self::RecordAwaitsDeletion => Some(STAGING_CLEANUP_SECONDS),
            Self::NotSeenYet | Self::OutOfTime => Some(SOON_SECONDS),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::FaultKind;

    use super::*;
    use crate::plan::Verdict;

    const DONE: Verdict = Verdict::Done(Reason::Disconnected);
    const LATER: Verdict = Verdict::Pending(Reason::RecordAwaitsDeletion);
    const FORBIDDEN: Verdict = Verdict::Refused(Reason::Protected);

    fn target(steps: &[Step], verdict: Verdict) -> TargetPlan {
        TargetPlan { server: None, steps: steps.to_vec(), verdict }
    }

    fn tried(result: Result<(), FaultKind>) -> Attempt {
        let call = Call { operation: "DisconnectSourceServer", requests: 1, answer: String::new() };
        Attempt { step: Step::Disconnect, made: Some((call, result.map_err(Fault::of))), unread: None }
    }

    fn untried() -> Attempt {
        Attempt { step: Step::Disconnect, made: None, unread: None }
    }

    #[track_caller]
    fn check(attempts: Vec<Attempt>, last: TargetPlan, outcome: Outcome, reason: &str) {
        let first = target(&[Step::Disconnect], DONE);
        let saying = conclude(&Course { first, attempts, last });
        assert_eq!((saying.outcome, saying.reason.as_str()), (outcome, reason));
    }

    #[test]
    fn nothing_tried_is_said_as_planned() {
        let said = |verdict| {
            let plan = target(&[], verdict);
            let saying = conclude(&Course { first: plan.clone(), attempts: vec![], last: plan });
            (saying.outcome, saying.reason)
        };
        assert_eq!(said(DONE), (Outcome::AlreadyDone, "disconnected".to_owned()));
        assert_eq!(said(LATER), (Outcome::Pending, "record_awaits_deletion".to_owned()));
        assert_eq!(said(FORBIDDEN), (Outcome::Refused, "protected".to_owned()));
    }

    #[test]
    fn what_is_seen_counts_whatever_the_call_said() {
        for result in [Ok(()), Err(FaultKind::Timeout), Err(FaultKind::Conflict), Err(FaultKind::Throttled)] {
            check(vec![tried(result)], target(&[], DONE), Outcome::Done, "disconnected");
            check(vec![tried(result)], target(&[], LATER), Outcome::Pending, "record_awaits_deletion");
        }
    }

    #[test]
    fn what_is_not_seen_is_never_called_done_or_refused() {
        let not_seen = [target(&[Step::Disconnect], DONE), target(&[], FORBIDDEN)];
        for last in not_seen {
            check(vec![tried(Ok(()))], last.clone(), Outcome::Pending, "not_seen_yet");
            check(vec![tried(Err(FaultKind::Timeout))], last.clone(), Outcome::Indeterminate, "timeout");
            check(vec![tried(Err(FaultKind::NoAnswer))], last.clone(), Outcome::Indeterminate, "no_answer");
            check(vec![tried(Err(FaultKind::ServiceError))], last.clone(), Outcome::Indeterminate, "service_error");
            check(vec![tried(Err(FaultKind::Conflict))], last.clone(), Outcome::Retryable, "conflict");
            check(vec![tried(Err(FaultKind::Throttled))], last.clone(), Outcome::Retryable, "throttled");
            check(vec![tried(Err(FaultKind::AccessDenied))], last.clone(), Outcome::Permanent, "access_denied");
            check(vec![tried(Err(FaultKind::RejectedByAws))], last.clone(), Outcome::Failed, "rejected_by_aws");
            check(vec![untried()], last, Outcome::Pending, "out_of_time");
        }
    }

    #[test]
    fn a_change_that_cannot_be_read_back_is_in_doubt() {
        let unread = |attempt: Attempt| Attempt { unread: Some(Fault::of(FaultKind::Throttled)), ..attempt };
        let last = target(&[Step::Disconnect], DONE);
        check(vec![unread(tried(Ok(())))], last.clone(), Outcome::Indeterminate, "throttled");
        check(vec![unread(tried(Err(FaultKind::AccessDenied)))], last.clone(), Outcome::Permanent, "access_denied");
        check(vec![unread(untried())], last, Outcome::Pending, "out_of_time");
        check(vec![unread(tried(Ok(())))], target(&[], DONE), Outcome::Indeterminate, "throttled");
    }

    #[test]
    fn every_reason_is_listed_once() {
        let mut names: Vec<String> = Reason::ALL.into_iter().map(code).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
