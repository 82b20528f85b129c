//! `report`: what may truthfully be said of each target, and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::{Call, Conclusion, Fault, Mode, Outcome, Report, code, fault::Remedy, pages::failed};

use crate::{
    command::{Action, Command, SourceServerId},
    plan::{Step, TargetPlan, Verdict},
    policy::Policy,
    reason::Reason,
    snapshot::{Server, Snapshot, State},
};

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

impl Course {
    /// The course of a target that was looked at once.
    #[must_use]
    pub fn begin(plan: TargetPlan) -> Self {
        Self {
            last: plan.clone(),
            first: plan,
            attempts: vec![],
        }
    }

    /// The step that comes next: one that was planned at first, was not tried yet, and follows on
    /// what could be read.
    #[must_use]
    pub fn next(&self) -> Option<(Step, &Server)> {
        let step = *self.last.steps().first()?;
        let planned = self.first.steps().contains(&step);
        let tried = self
            .attempts
            .iter()
            .any(|attempt| attempt.step == step || attempt.unread.is_some());
        if planned && !tried {
            Some((step, self.last.server.as_ref()?))
        } else {
            None
        }
    }

    /// Whether the approval is to be removed after the next step.
    #[must_use]
    pub fn consumes_next(&self) -> bool {
        self.last.steps().get(1) == Some(&Step::ConsumeApproval)
    }

    /// Adds an attempt, and the plan after the look that followed it, or after what AWS's answer
    /// told.
    pub fn go_on(&mut self, attempt: Attempt, last: &TargetPlan) {
        if attempt.unread.is_none() {
            self.last = last.clone();
        }
        self.attempts.push(attempt);
    }

    /// Whether this course ended the replication: the step was taken, and the last look shows it.
    fn ended_replication(&self) -> bool {
        let took = |attempt: &Attempt| attempt.step == Step::Disconnect && attempt.made.is_some();
        let seen = self
            .attempts
            .last()
            .is_some_and(|last| last.unread.is_none());
        let state = self.last.server.as_ref().map(|server| &server.state);
        self.attempts.iter().any(took) && seen && state == Some(&State::Disconnected)
    }
}

/// The answer when nothing could be seen: every target has the fault of the look, or `None` where
/// time ran out.
#[must_use]
pub fn blind(
    command: &Command,
    policy: &Policy,
    fault: Option<&Fault>,
    calls: Vec<Call>,
) -> Report {
    let saying = || match fault {
        Some(fault) => Conclusion::fault(failed(&calls, fault), Outcome::of_fault(fault), fault),
        None => reason(Outcome::Pending, Reason::OutOfTime),
    };
    let unseen = command
        .targets
        .iter()
        .map(|target| saying().into_report(json!(target), Value::Null, Value::Null))
        .collect();
    Report::of(
        command.request_id.as_ref(),
        crate::plan::mode(command, policy),
        unseen,
        calls,
    )
}

/// The answer to a request that was planned, and carried out as far as `mode` allowed and the world
/// let it.
///
/// `snapshot` is the last one; it counts the recovery points as they were at first.
#[must_use]
pub fn report(
    command: &Command,
    courses: &[Course],
    snapshot: &Snapshot,
    policy: &Policy,
    mode: Mode,
    calls: Vec<Call>,
) -> Report {
    let targets = command.targets.iter().zip(courses).map(|(target, course)| {
        let saying = if mode == Mode::Plan {
            foretell(course)
        } else {
            conclude(course)
        };
        let mut report = saying.into_report(
            json!(target),
            resource(course),
            evidence(course, &snapshot.recovery_points, policy),
        );
        report.plan = course
            .first
            .steps()
            .iter()
            .map(|step| sentence_of(*step, course, policy))
            .collect();
        report.calls = course
            .attempts
            .iter()
            .filter_map(|attempt| Some(attempt.made.as_ref()?.0.clone()))
            .collect();
        report
    });
    let mut report = Report::of(command.request_id.as_ref(), mode, targets.collect(), calls);
    report.next_request = next_request(command, &report);
    report
}

/// The deletion that a retirement ends with, of those servers and no others, once it is all that is
/// still to be done.
fn next_request(command: &Command, report: &Report) -> Option<Value> {
    let pending = || {
        report
            .targets
            .iter()
            .filter(|target| target.outcome == Outcome::Pending)
    };
    if pending().any(|target| target.reason != code(Reason::RecordAwaitsDeletion)) {
        return None;
    }
    let servers: Vec<Value> = pending()
        .map(|target| named_by_id(&target.target, &target.resource))
        .collect();
    let request = json!({
        "version": 1,
        "requestID": command.request_id,
        "expiresAt": command.expires_at,
        "action": Action::Delete,
        "targets": servers,
        "dryRun": report.mode == Mode::Plan,
    });
    Some(request).filter(|_| !servers.is_empty())
}

/// A target in the words of the request, and by the ID of the server that it turned out to be.
fn named_by_id(target: &Value, resource: &Value) -> Value {
    let id = |value: &Value| value.get("sourceServerID").cloned();
    let mut named = target.clone();
    if let (Some(names), None, Some(id)) = (named.as_object_mut(), id(target), id(resource)) {
        names.insert("sourceServerID".to_owned(), id);
    }
    named
}

/// What a dry run says: steps are planned, everything else is as it is.
fn foretell(course: &Course) -> Conclusion {
    said(&course.first.verdict).unwrap_or_else(|| reason(Outcome::Planned, Reason::PlanMode))
}

/// What may be said after the last look. The rules stand in the order in which they are asked.
fn conclude(course: &Course) -> Conclusion {
    let Some(last) = course.attempts.last() else {
        return foretell(course);
    };
    if last.unread.is_none() {
        match course.last.verdict {
            Verdict::Done(why) => return reason(Outcome::Done, why),
            Verdict::Pending(why) => return reason(Outcome::Pending, why),
            Verdict::Act(_) | Verdict::Refused(_) => {}
        }
    }
    match (&last.made, &last.unread) {
        (None, _) => reason(Outcome::Pending, Reason::OutOfTime),
        // The SDK may have repeated the call after an answer that was lost, and tells the last
        // answer alone.
        (Some((call, Err(fault))), _) if fault.kind.remedy() == Remedy::Manual => {
            Conclusion::fault(call.operation, Outcome::Indeterminate, fault)
        }
        (Some((call, Err(fault))), _) => Conclusion::failed_change(call.operation, fault),
        (Some((call, Ok(()))), Some(unread)) => {
            Conclusion::unread(call.operation, "DescribeSourceServers", unread)
        }
        (Some((_, Ok(()))), None) => reason(Outcome::Pending, Reason::NotSeenYet),
    }
}

/// What a verdict without steps says by itself.
fn said(verdict: &Verdict) -> Option<Conclusion> {
    match verdict {
        Verdict::Act(_) => None,
        Verdict::Done(why) => Some(reason(Outcome::AlreadyDone, *why)),
        Verdict::Pending(why) => Some(reason(Outcome::Pending, *why)),
        Verdict::Refused(why) => Some(reason(Outcome::Refused, *why)),
    }
}

fn resource(course: &Course) -> Value {
    match course.first.server.as_ref() {
        Some(server) => json!({ "sourceServerID": server.id, "arn": server.arn }),
        None => Value::Null,
    }
}

/// What was seen before and after. Host names and addresses of AWS's answer stay out of it: reports
/// are logged.
///
/// A loss is told only where the last look shows that the replication has ended.
fn evidence(course: &Course, points: &BTreeMap<SourceServerId, usize>, policy: &Policy) -> Value {
    let Some(server) = &course.first.server else {
        return Value::Null;
    };
    let read = course
        .attempts
        .last()
        .is_some_and(|last| last.unread.is_none());
    let points = points.get(&server.id);
    let ended = course.ended_replication();
    json!({
        "approvedFor": server.tags.get(policy.approval_tag()),
        "stateBefore": state(Some(server)),
        "stateAfter": read.then(|| state(course.last.server.as_ref())),
        "recoveryPoints": points,
        "recoveryPointsLost": points.filter(|_| ended),
        "replicatedBytes": server.replicated_bytes,
        "replicationHours": server.replication_hours,
        "replicationHoursEnded": server.replication_hours.filter(|_| ended),
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
    let id = course
        .first
        .server
        .as_ref()
        .map(|server| server.id.as_ref())
        .unwrap_or_default();
    match step {
        Step::Disconnect => format!("disconnect {id}"),
        Step::ConsumeApproval => format!("remove the tag {} from {id}", policy.approval_tag()),
        Step::Delete => format!("delete the record of {id}"),
    }
}

fn reason(outcome: Outcome, reason: Reason) -> Conclusion {
    Conclusion {
        outcome,
        reason: code(reason),
        message: reason.sentence().to_owned(),
        look_again_after_seconds: reason
            .look_again_after_seconds()
            .filter(|_| outcome == Outcome::Pending),
        unfinished: reason.is_unfinished(),
    }
}

#[cfg(test)]
mod tests {
    use shared::FaultKind;

    use super::*;

    const DONE: Verdict = Verdict::Done(Reason::Disconnected);
    const LATER: Verdict = Verdict::Pending(Reason::RecordAwaitsDeletion);
    const FORBIDDEN: Verdict = Verdict::Refused(Reason::Protected);

    fn target(verdict: Verdict) -> TargetPlan {
        TargetPlan {
            server: None,
            verdict,
        }
    }

    fn to_do() -> TargetPlan {
        target(Verdict::Act(vec![Step::Disconnect]))
    }

    fn tried(result: Result<(), FaultKind>) -> Attempt {
        let call = Call {
            operation: "DisconnectSourceServer",
            requests: 1,
            answer: String::new(),
        };
        Attempt {
            step: Step::Disconnect,
            made: Some((call, result.map_err(Fault::of))),
            unread: None,
        }
    }

    fn untried() -> Attempt {
        Attempt {
            step: Step::Disconnect,
            made: None,
            unread: None,
        }
    }

    #[track_caller]
    fn check(attempts: Vec<Attempt>, last: TargetPlan, outcome: Outcome, reason: &str) {
        let first = to_do();
        let saying = conclude(&Course {
            first,
            attempts,
            last,
        });
        assert_eq!((saying.outcome, saying.reason.as_str()), (outcome, reason));
    }

    #[test]
    fn nothing_tried_is_said_as_planned() {
        let said = |verdict| {
            let plan = target(verdict);
            let saying = conclude(&Course {
                first: plan.clone(),
                attempts: vec![],
                last: plan,
            });
            (saying.outcome, saying.reason)
        };
        assert_eq!(
            said(DONE),
            (Outcome::AlreadyDone, "disconnected".to_owned())
        );
        assert_eq!(
            said(LATER),
            (Outcome::Pending, "record_awaits_deletion".to_owned())
        );
        assert_eq!(said(FORBIDDEN), (Outcome::Refused, "protected".to_owned()));
    }

    #[test]
    fn what_is_seen_counts_whatever_the_call_said() {
        for result in [
            Ok(()),
            Err(FaultKind::Timeout),
            Err(FaultKind::Conflict),
            Err(FaultKind::Throttled),
        ] {
            check(
                vec![tried(result)],
                target(DONE),
                Outcome::Done,
                "disconnected",
            );
            check(
                vec![tried(result)],
                target(LATER),
                Outcome::Pending,
                "record_awaits_deletion",
            );
        }
    }

    #[test]
    fn what_is_not_seen_is_never_called_done_or_refused() {
        let not_seen = [to_do(), target(FORBIDDEN)];
        for last in not_seen {
            check(
                vec![tried(Ok(()))],
                last.clone(),
                Outcome::Pending,
                "not_seen_yet",
            );
            check(
                vec![tried(Err(FaultKind::Timeout))],
                last.clone(),
                Outcome::Indeterminate,
                "timeout",
            );
            check(
                vec![tried(Err(FaultKind::NoAnswer))],
                last.clone(),
                Outcome::Indeterminate,
                "no_answer",
            );
            check(
                vec![tried(Err(FaultKind::ServiceError))],
                last.clone(),
                Outcome::Indeterminate,
                "service_error",
            );
            check(
                vec![tried(Err(FaultKind::Conflict))],
                last.clone(),
                Outcome::Retryable,
                "conflict",
            );
            check(
                vec![tried(Err(FaultKind::Throttled))],
                last.clone(),
                Outcome::Retryable,
                "throttled",
            );
            check(
                vec![tried(Err(FaultKind::AccessDenied))],
                last.clone(),
                Outcome::Permanent,
                "access_denied",
            );
            check(
                vec![tried(Err(FaultKind::RejectedByAws))],
                last.clone(),
                Outcome::Indeterminate,
                "rejected_by_aws",
            );
            check(vec![untried()], last, Outcome::Pending, "out_of_time");
        }
    }

    #[test]
    fn a_change_that_cannot_be_read_back_is_in_doubt() {
        let unread = |attempt: Attempt| Attempt {
            unread: Some(Fault::of(FaultKind::Throttled)),
            ..attempt
        };
        let last = to_do();
        check(
            vec![unread(tried(Ok(())))],
            last.clone(),
            Outcome::Indeterminate,
            "throttled",
        );
        check(
            vec![unread(tried(Err(FaultKind::AccessDenied)))],
            last.clone(),
            Outcome::Permanent,
            "access_denied",
        );
        check(
            vec![unread(untried())],
            last,
            Outcome::Pending,
            "out_of_time",
        );
        check(
            vec![unread(tried(Ok(())))],
            target(DONE),
            Outcome::Indeterminate,
            "throttled",
        );
    }

    #[test]
    fn a_loss_is_told_only_where_the_disconnect_was_called_and_seen() {
        let connected = || State::Connected("CONTINUOUS".to_owned());
        let of = |state: State| {
            let server = Server {
                state,
                ..crate::drs::tests::bare_server()
            };
            TargetPlan {
                server: Some(server),
                ..to_do()
            }
        };
        let points = [(crate::drs::tests::bare_server().id, 3)].into();
        let policy = Policy::from_lookup(|_| None).unwrap();
        let lost = |attempt: Attempt, last: State| {
            let course = Course {
                first: of(connected()),
                attempts: vec![attempt],
                last: of(last),
            };
            evidence(&course, &points, &policy)["recoveryPointsLost"].clone()
        };
        assert_eq!(lost(tried(Ok(())), State::Disconnected), json!(3));
        assert_eq!(
            lost(tried(Err(FaultKind::Timeout)), State::Disconnected),
            json!(3)
        );
        assert_eq!(lost(tried(Ok(())), connected()), Value::Null);
        assert_eq!(lost(untried(), State::Disconnected), Value::Null);
        let unread = Attempt {
            unread: Some(Fault::of(FaultKind::Throttled)),
            ..tried(Ok(()))
        };
        assert_eq!(lost(unread, State::Disconnected), Value::Null);
        let untagged = Attempt {
            step: Step::ConsumeApproval,
            ..tried(Ok(()))
        };
        assert_eq!(lost(untagged, State::Disconnected), Value::Null);
    }

    #[test]
    fn only_a_step_of_the_first_plan_is_taken_and_none_twice() {
        let server = || crate::drs::tests::bare_server();
        let of = |verdict: Verdict| TargetPlan {
            server: Some(server()),
            verdict,
        };
        let both = || of(Verdict::Act(vec![Step::Disconnect, Step::ConsumeApproval]));
        let rest = || of(Verdict::Act(vec![Step::ConsumeApproval]));
        let next = |first: TargetPlan, attempts: Vec<Attempt>, last: TargetPlan| {
            Course {
                first,
                attempts,
                last,
            }
            .next()
            .map(|(step, _)| step)
        };
        assert_eq!(next(both(), vec![], both()), Some(Step::Disconnect));
        assert_eq!(
            next(both(), vec![tried(Ok(()))], rest()),
            Some(Step::ConsumeApproval)
        );
        assert_eq!(next(both(), vec![tried(Ok(()))], both()), None);
        let unread = Attempt {
            unread: Some(Fault::of(FaultKind::Timeout)),
            ..tried(Ok(()))
        };
        assert_eq!(next(both(), vec![unread], rest()), None);
        // Somebody restored the server after the first look: what is planned anew waits for a new
        // delivery.
        let untagged = Attempt {
            step: Step::ConsumeApproval,
            ..tried(Err(FaultKind::Throttled))
        };
        assert_eq!(next(rest(), vec![untagged], both()), None);
    }
}
