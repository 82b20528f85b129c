//! `report`: what may truthfully be said of each target, and why.

use std::slice;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    CallRecord, Conclusion, EbsSnapshotId, Mode, Outcome, PlannedStep, Report, Subject,
    TargetReport, Unobserved, When, Wording, code,
    drs::{EBS_SNAPSHOTS_KEPT, Leftovers, Server, State},
    request::{MAX_HOURS_TO_EXPIRY, Timestamp},
    settle::{Change, ReadBack, Settled, settle},
};

use crate::{
    command::{Action, Command, Lost, PriorDisconnect, Target, UNREACHABLE_SECONDS},
    context::Context,
    execute::{Execution, TargetRun},
    plan::{Step, Verdict},
    policy::Policy,
    reason::{Reason, STAGING_CLEANUP_SECONDS},
};

/// How many EBS snapshots a request hands on. EC2 takes 200 in one filter, and describes each with
/// its tags; the whole has to fit a state of the follow-up machine.
const SNAPSHOTS_OF_A_REQUEST: usize = 100;

/// What was read before and after. Host names and addresses of AWS's answer stay out of it: reports
/// are logged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    /// The request that the approval tag named.
    approved_for: Option<&'a String>,
    /// The replication state at the first read.
    state_before: &'a str,
    /// The replication state at the last read after a change.
    state_after: Option<&'a str>,
    /// When DRS last saw the agent.
    last_seen_by_service_date_time: Option<DateTime<Utc>>,
    /// For how long it had not seen it, when the server was first read.
    agent_silent_seconds: Option<u64>,
    /// How far the replication was behind.
    lag_seconds: Option<u64>,
    /// Why the replication was stalled, by the name of DRS.
    data_replication_error: Option<&'a String>,
    /// How many recovery points there were, if they could be counted.
    recovery_points: Option<usize>,
    /// How many of them this run destroyed.
    recovery_points_lost: Option<usize>,
    /// The EBS snapshots of the newest of them, by their IDs.
    #[serde(rename = "ebsSnapshotIDs")]
    ebs_snapshot_ids: Option<&'a [EbsSnapshotId]>,
    /// What DRS showed of the staging area of a server that was DISCONNECTED, if it was read.
    leftovers: Option<&'a Leftovers>,
    /// The bytes replicated so far.
    replicated_bytes: Option<i64>,
    /// How long the server has replicated.
    replication_hours: Option<u64>,
    /// The same, where this run ended it.
    replication_hours_ended: Option<u64>,
}

/// The report on a request for which nothing could be observed.
#[must_use]
pub(crate) fn unobserved(
    command: &Command,
    why: &Unobserved,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    let targets = command
        .targets
        .iter()
        .map(|target| {
            let conclusion = Conclusion::unobserved(why, Reason::OutOfTime);
            conclusion.into_report(subject(command, target, None, context), Value::Null)
        })
        .collect();

    // The report says under which mode nothing happened.
    let mode = context.policy.guardrails.effective_mode(command.mode);
    written(command, mode, targets, context, calls)
}

/// The report on a request that was planned, and executed as far as its mode allowed.
#[must_use]
pub(crate) fn report(
    command: &Command,
    mode: Mode,
    execution: &Execution,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    let policy = context.policy;
    let mut targets = Vec::new();

    for (target, run) in command.targets.iter().zip(&execution.runs) {
        let conclusion = match mode {
            Mode::Plan => preview(run),
            Mode::Enforce => conclude(run),
        };
        let conclusion = match agent_may_remain(command, target, run, execution) {
            true => conclusion.with(Reason::AgentMayRemain),
            false => conclusion,
        };
        let server = run.first.server.as_ref();
        let subject = subject(command, target, server, context);

        let mut report = conclusion.into_report(subject, json!(evidence(run, execution, policy)));
        report.plan = planned(command.action, run);
        for attempt in &run.attempts {
            let made = attempt.made.iter();
            report
                .calls
                .extend(made.flat_map(|made| made.calls.clone()));
        }
        targets.push(report);
    }

    let mut report = written(command, mode, targets, context, calls);
    report.next_request = next_request(command, &report, execution, context);
    report
}

/// The report of these targets, with a summary in the words of the action.
fn written(
    command: &Command,
    mode: Mode,
    targets: Vec<TargetReport>,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    let awaits = match command.action {
        Action::Disconnect => code(Reason::CleanupAwaitsVerification),
        Action::Retire | Action::Delete | Action::Verify => code(Reason::RecordAwaitsDeletion),
    };
    let awaited = match command.action {
        Action::Disconnect => "the clean-up is verified from",
        Action::Retire | Action::Delete | Action::Verify => "records can be deleted from",
    };
    // AWS takes up to 90 minutes from the disconnect on.
    let from = context.invocation.time() + TimeDelta::seconds(STAGING_CLEANUP_SECONDS.into());
    let note = format!("{awaited} {}", from.format("%H:%M UTC"));

    let done = match command.action {
        Action::Disconnect | Action::Retire => "disconnected",
        Action::Delete => "deleted",
        Action::Verify => "cleaned up",
    };
    let wording = Wording {
        request_id: command.request_id.as_ref(),
        action: match command.action {
            Action::Disconnect => "disconnect",
            Action::Retire => "retire",
            Action::Delete => "delete",
            Action::Verify => "verify",
        },
        planned: done,
        done,
        done_with: Some((&awaits, &note)),
    };
    Report::of(wording, mode, targets, calls.into_calls())
}

/// What a target is called, and what commands about it may name.
fn subject(
    command: &Command,
    target: &Target,
    server: Option<&Server>,
    context: &Context<'_>,
) -> Subject {
    let mut facts = Subject::facts_of_all(
        &command.request_id,
        "drs",
        &context.policy.guardrails,
        context.invocation,
    );
    let mut know = |name: &str, value: String| drop(facts.insert(name.to_owned(), value.into()));

    if let Some(server) = server {
        know("sourceServerID", server.id.to_string());
    }
    if let Some(arn) = server.and_then(|server| server.arn.as_ref()) {
        know("arn", arn.to_string());
        if let Some(region) = arn.region() {
            know("region", region.to_string());
        }
    }

    Subject {
        name: target.familiar_name(),
        // In the words of the request, so that the sender recognises it.
        target: json!(target),
        resource: match server {
            Some(server) => json!({ "sourceServerID": server.id, "arn": server.arn }),
            None => Value::Null,
        },
        facts,
    }
}

/// What a dry run says: steps are planned, everything else is as it is.
fn preview(run: &TargetRun) -> Conclusion {
    stated(&run.first.verdict, Outcome::AlreadyDone)
        .unwrap_or_else(|| Conclusion::new(Outcome::Planned, Reason::PlanMode))
}

/// What may be said after the last read.
fn conclude(run: &TargetRun) -> Conclusion {
    let Some(last) = run.attempts.last() else {
        return preview(run);
    };

    // What a read shows counts, whatever the call answered. A refusal after a change does not: it
    // speaks of what comes next, not of what was done.
    let shows_the_change = !matches!(run.last.verdict, Verdict::Refused(_) | Verdict::Failed(_));
    if last.unread.is_none()
        && shows_the_change
        && let Some(conclusion) = stated(&run.last.verdict, Outcome::Done)
    {
        return conclusion;
    }

    // Nothing is visible: what may be said depends on how the call ended. The SDK repeats it.
    let change = Change::new(last.step.operation(), last.made.as_ref(), true);
    match settle(change, ReadBack::new(last.unread.as_ref())) {
        Settled::OutOfTime => Conclusion::new(Outcome::Pending, Reason::OutOfTime),
        Settled::NotSeenYet => Conclusion::new(Outcome::Pending, Reason::NotSeenYet),
        Settled::Concluded(conclusion) => conclusion,
    }
}

/// What a verdict without steps says; `done` is the outcome where nothing is left to do.
fn stated(verdict: &Verdict, done: Outcome) -> Option<Conclusion> {
    match verdict {
        Verdict::Act(_) => None,
        Verdict::Done(reason) => Some(Conclusion::new(done, *reason)),
        Verdict::Pending(why) => Some(Conclusion::of(Outcome::Pending, slice::from_ref(why))),
        Verdict::Failed(why) => Some(Conclusion::of(Outcome::Failed, slice::from_ref(why))),
        Verdict::Refused(against) => Some(Conclusion::of(Outcome::Refused, against)),
    }
}

/// Whether DRS could not tell the agent to uninstall itself, which matters once the server is
/// disconnected.
fn agent_may_remain(
    command: &Command,
    target: &Target,
    run: &TargetRun,
    execution: &Execution,
) -> bool {
    match command.action {
        Action::Disconnect | Action::Retire => {
            // The machine of an event is gone, and its agent with it.
            let silent = run.silent_seconds(execution);
            let was_unreachable = silent.is_some_and(|seconds| seconds >= UNREACHABLE_SECONDS);
            was_unreachable && run.ended_replication() && !command.is_native()
        }
        Action::Delete | Action::Verify => {
            let is_good = matches!(run.last.verdict, Verdict::Done(_));
            is_good && target.was_unreachable()
        }
    }
}

/// What a request ends with after AWS has cleaned up, of those servers and no others, once it is all
/// that is still to be done: the deletion of a retirement, and the verification of a disconnect.
fn next_request(
    command: &Command,
    report: &Report,
    execution: &Execution,
    context: &Context<'_>,
) -> Option<Value> {
    let (action, awaits) = match command.action {
        Action::Disconnect => (Action::Verify, Reason::CleanupAwaitsVerification),
        Action::Retire => (Action::Delete, Reason::RecordAwaitsDeletion),
        // They are sent again as they are.
        Action::Delete | Action::Verify => return None,
    };
    let awaits = code(awaits);
    let mut targets = Vec::new();

    for (target, run) in report.targets.iter().zip(&execution.runs) {
        if target.outcome != Outcome::Pending {
            continue;
        }
        // Something else is still pending: the same request has to be sent again first.
        if target.reason != awaits {
            return None;
        }
        targets.push(handed_on(target, run, execution, context));
    }
    // Without such a server there is nothing to follow up.
    if targets.is_empty() {
        return None;
    }

    // An event of AWS does not expire, and what follows on it is good for as long as a request.
    let a_day = TimeDelta::hours(MAX_HOURS_TO_EXPIRY);
    let expires_at = command.expires_at;
    Some(json!({
        "version": 1,
        "requestID": command.request_id,
        "expiresAt": expires_at.unwrap_or(now(context) + a_day),
        "action": action,
        "targets": targets,
        "dryRun": report.mode == Mode::Plan,
    }))
}

/// When the invocation started, in whole seconds.
fn now(context: &Context<'_>) -> DateTime<Utc> {
    context.invocation.now.trunc_subsecs(0)
}

/// A target in the words of the request, by the ID of the server that it turned out to be, and with
/// what its disconnect was and destroyed: the last report is to say so, too.
fn handed_on(
    report: &TargetReport,
    run: &TargetRun,
    execution: &Execution,
    context: &Context<'_>,
) -> Value {
    const ID: &str = "sourceServerID";
    let mut target = report.target.clone();
    let Some(members) = target.as_object_mut() else {
        return target;
    };

    if let Some(id) = report.resource.get(ID) {
        // The request must mean the server that was disconnected, even if another has its name by
        // then.
        members.entry(ID).or_insert_with(|| id.clone());
    }
    // What an event says of its machine is no part of a request.
    members.remove("originAccountID");
    members.remove("originRegion");

    let figure = |name| report.evidence.get(name).and_then(Value::as_u64);
    let lost = Lost {
        recovery_points: figure("recoveryPointsLost"),
        replication_hours: figure("replicationHoursEnded"),
    };
    // Whoever finds the server disconnected has seen nothing of it.
    if lost.recovery_points.is_some() || lost.replication_hours.is_some() {
        members.insert("lost".to_owned(), json!(lost));
    }
    let disconnect = disconnect(run, execution, context);
    members.insert("disconnect".to_owned(), json!(disconnect));
    target
}

/// What there is to say of the disconnect of a server that is DISCONNECTED.
fn disconnect(run: &TargetRun, execution: &Execution, context: &Context<'_>) -> PriorDisconnect {
    // An agent that was uninstalled is silent, too.
    let silent = run.silent_seconds(execution);
    let snapshots = match context.policy.verify_cleanup {
        true => ebs_snapshots(run, execution).map(<[_]>::to_vec),
        // Nobody would ask EC2 for them.
        false => None,
    };

    PriorDisconnect {
        at: Some(Timestamp(now(context))),
        agent_silent_seconds: silent.filter(|_| run.ended_replication()),
        ebs_snapshot_ids: snapshots.unwrap_or_default(),
    }
}

/// The EBS snapshots of the newest recovery points of a server, before it was disconnected: as many
/// as its share of what one request hands on.
fn ebs_snapshots<'a>(run: &TargetRun, execution: &'a Execution) -> Option<&'a [EbsSnapshotId]> {
    let id = &run.first.server.as_ref()?.id;
    let newest = &execution.recovery_points.get(id)?.ebs_snapshots;

    let share = SNAPSHOTS_OF_A_REQUEST / execution.runs.len().max(1);
    let most = share.clamp(1, EBS_SNAPSHOTS_KEPT).min(newest.len());
    newest.get(..most)
}

/// A loss is reported only where the last read shows that the replication has ended.
fn evidence<'a>(
    run: &'a TargetRun,
    execution: &'a Execution,
    policy: &Policy,
) -> Option<Evidence<'a>> {
    let server = run.first.server.as_ref()?;
    // Counted before the disconnect: afterwards they are on their way out.
    let recovery_points = execution.recovery_points.get(&server.id);
    let recovery_points = recovery_points.map(|points| points.count);
    let ended = run.ended_replication();

    Some(Evidence {
        approved_for: policy.guardrails.approved_request(&server.tags),
        state_before: state(Some(server)),
        state_after: run.was_read_back().then(|| state(run.last.server.as_ref())),
        last_seen_by_service_date_time: server.last_seen,
        agent_silent_seconds: run.silent_seconds(execution),
        lag_seconds: server.lag_seconds,
        data_replication_error: server.replication_error.as_ref(),
        recovery_points,
        recovery_points_lost: recovery_points.filter(|_| ended),
        ebs_snapshot_ids: ebs_snapshots(run, execution),
        leftovers: execution.leftovers.get(&server.id),
        replicated_bytes: server.replicated_bytes,
        replication_hours: server.replication_hours,
        replication_hours_ended: server.replication_hours.filter(|_| ended),
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

/// The steps of the first plan, and the one that a retirement leaves for later.
fn planned(action: Action, run: &TargetRun) -> Vec<PlannedStep> {
    let Some(server) = &run.first.server else {
        return Vec::new();
    };

    let id = &server.id;
    let planned = |step: &Step, when: When| PlannedStep {
        step: step.operation(),
        resource: Some(id.to_string()),
        when,
        sentence: match step {
            Step::Disconnect => format!("disconnect {id}"),
            Step::ConsumeApproval { tag, .. } => format!("remove the tag {tag} from {id}"),
            Step::Delete => format!("delete the record of {id}"),
        },
        count: None,
    };

    let steps = run.first.steps().iter();
    let mut plan: Vec<PlannedStep> = steps.map(|step| planned(step, When::Now)).collect();
    if action == Action::Retire && !matches!(run.first.verdict, Verdict::Refused(_)) {
        plan.push(planned(&Step::Delete, When::StagingRemoved));
    }
    plan
}

#[cfg(test)]
mod tests {
    use shared::{
        Call, FaultKind, Grounds, Invocation,
        drs::{Drs, RecoveryPoints},
    };
    use tokio::time::Instant;

    use super::*;
    use crate::{
        execute::Attempt,
        fixtures::{attempt, by_id, command, consume, id, policy, server, tried, unread},
        plan::TargetPlan,
    };

    const DONE: Verdict = Verdict::Done(Reason::Disconnected);

    fn later() -> Verdict {
        Verdict::Pending(Reason::RecordAwaitsDeletion.into())
    }

    fn forbidden() -> Verdict {
        Verdict::Refused(vec![Reason::Protected.into()])
    }

    fn target(verdict: Verdict) -> TargetPlan {
        TargetPlan {
            server: None,
            verdict,
        }
    }

    fn unfinished() -> TargetPlan {
        target(Verdict::Act(vec![Step::Disconnect]))
    }

    fn untried() -> Attempt {
        Attempt {
            step: Step::Disconnect,
            made: None,
            unread: None,
        }
    }

    #[track_caller]
    fn check(attempt: Attempt, last: &TargetPlan, outcome: Outcome, reason: &str) {
        let conclusion = conclude(&TargetRun {
            first: unfinished(),
            attempts: vec![attempt],
            last: last.clone(),
        });

        let concluded = (conclusion.outcome, conclusion.reason());
        assert_eq!(concluded, (outcome, reason));
    }

    #[test]
    fn without_an_attempt_the_plan_is_reported() {
        let concluded = |verdict| {
            let conclusion = conclude(&TargetRun::new(target(verdict)));
            (conclusion.outcome, conclusion.reason().to_owned())
        };

        let already_done = (Outcome::AlreadyDone, "disconnected".to_owned());
        assert_eq!(concluded(DONE), already_done);
        let pending = (Outcome::Pending, "record_awaits_deletion".to_owned());
        assert_eq!(concluded(later()), pending);
        let refused = (Outcome::Refused, "protected".to_owned());
        assert_eq!(concluded(forbidden()), refused);
    }

    #[test]
    fn what_a_read_shows_counts_whatever_the_call_answered() {
        for result in [
            Ok(()),
            Err(FaultKind::Timeout),
            Err(FaultKind::Conflict),
            Err(FaultKind::Throttled),
        ] {
            let attempt = || tried(result);
            check(attempt(), &target(DONE), Outcome::Done, "disconnected");
            let later = target(later());
            check(
                attempt(),
                &later,
                Outcome::Pending,
                "record_awaits_deletion",
            );
        }
    }

    // Invariant 3.
    #[test]
    fn what_a_read_does_not_show_is_never_done_or_refused() {
        let failures = [
            (FaultKind::Timeout, Outcome::Indeterminate, "timeout"),
            (FaultKind::NoAnswer, Outcome::Indeterminate, "no_answer"),
            (
                FaultKind::ServiceError,
                Outcome::Indeterminate,
                "service_error",
            ),
            (FaultKind::Conflict, Outcome::Retryable, "conflict"),
            (FaultKind::Throttled, Outcome::Retryable, "throttled"),
            (FaultKind::AccessDenied, Outcome::Permanent, "access_denied"),
            (
                FaultKind::RejectedByAws,
                Outcome::Indeterminate,
                "rejected_by_aws",
            ),
        ];

        for last in [unfinished(), target(forbidden())] {
            check(tried(Ok(())), &last, Outcome::Pending, "not_seen_yet");
            check(untried(), &last, Outcome::Pending, "out_of_time");
            for (kind, outcome, reason) in failures {
                check(tried(Err(kind)), &last, outcome, reason);
            }
        }
    }

    // Invariant 3.
    #[test]
    fn a_change_that_cannot_be_read_back_is_in_doubt() {
        let last = unfinished();
        let doubt = Outcome::Indeterminate;

        check(unread(tried(Ok(()))), &last, doubt, "throttled");
        check(unread(tried(Ok(()))), &target(DONE), doubt, "throttled");
        let denied = tried(Err(FaultKind::AccessDenied));
        check(unread(denied), &last, Outcome::Permanent, "access_denied");
        check(unread(untried()), &last, Outcome::Pending, "out_of_time");
    }

    #[test]
    fn a_deletion_follows_once_nothing_else_is_pending() {
        let done = TargetRun::new(target(later()));
        let doubtful = TargetRun {
            first: unfinished(),
            attempts: vec![untried()],
            last: unfinished(),
        };
        let next = |runs: Vec<TargetRun>| {
            let command = command(Action::Retire, (1..=runs.len()).map(by_id).collect());
            let execution = Execution {
                runs,
                ..Execution::default()
            };
            report_in_context(&command, &execution).next_request
        };

        let at = json!({ "at": "2027-01-15T08:00:00Z" });
        let targets = json!([{ "sourceServerID": id(1), "disconnect": at }]);
        assert_eq!(next(vec![done.clone()]).unwrap()["targets"], targets);
        assert_eq!(next(vec![done, doubtful]), None);
    }

    #[test]
    fn one_question_to_ec2_holds_the_snapshots_of_all_targets() {
        let snapshot = |number| EbsSnapshotId::try_from(format!("snap-{number:017}")).unwrap();
        let points = RecoveryPoints {
            count: 37,
            ebs_snapshots: (0..EBS_SNAPSHOTS_KEPT).map(snapshot).collect(),
        };
        let run = TargetRun::new(TargetPlan {
            server: Some(server(1)),
            verdict: DONE,
        });

        let kept = |targets: usize| {
            let execution = Execution {
                runs: vec![run.clone(); targets],
                recovery_points: [(id(1), points.clone())].into(),
                ..Execution::default()
            };
            ebs_snapshots(&run, &execution).unwrap().len()
        };
        assert_eq!([1, 10, 11, 100].map(kept), [10, 10, 9, 1]);
    }

    #[test]
    fn the_calls_of_each_target_are_reported() {
        let mut made = tried(Ok(()));
        let call = Call {
            operation: "DisconnectSourceServer",
            requests: 2,
            answer: "ok".to_owned(),
        };
        made.made.as_mut().unwrap().calls.push(call);
        let run = TargetRun {
            first: unfinished(),
            attempts: vec![made],
            last: target(DONE),
        };
        assert_eq!(reported(run).calls[0].requests, 2);
    }

    fn reported(run: TargetRun) -> TargetReport {
        let command = command(Action::Disconnect, vec![by_id(1)]);
        let execution = Execution {
            runs: vec![run],
            ..Execution::default()
        };

        report_in_context(&command, &execution).targets.remove(0)
    }

    fn report_in_context(command: &Command, execution: &Execution) -> Report {
        let noon = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut invocation = Invocation::at(noon, Instant::now());
        invocation.function.region = "eu-west-1".to_owned();
        let context = Context {
            invocation: &invocation,
            drs: &Drs::new(&harness::sdk_config().build()),
            policy: &policy(),
        };

        report(
            command,
            Mode::Enforce,
            execution,
            &context,
            CallRecord::default(),
        )
    }

    #[test]
    fn a_retirement_plans_the_deletion_too_and_says_from_when() {
        let command = command(Action::Retire, vec![by_id(1)]);
        let run = |verdict| {
            TargetRun::new(TargetPlan {
                server: Some(server(1)),
                verdict,
            })
        };
        let planned = |verdict| planned(Action::Retire, &run(verdict));

        let plan = planned(Verdict::Act(vec![Step::Disconnect]));
        let steps: Vec<_> = plan.iter().map(|step| (step.step, step.when)).collect();
        let expected = [
            ("DisconnectSourceServer", When::Now),
            ("DeleteSourceServer", When::StagingRemoved),
        ];
        assert_eq!(steps, expected);
        assert_eq!(planned(later())[0].when, When::StagingRemoved);
        assert!(planned(forbidden()).is_empty());

        let execution = Execution {
            runs: vec![run(later())],
            ..Execution::default()
        };
        assert_eq!(
            report_in_context(&command, &execution).summary,
            "CHG1 retire: 1 of 1 disconnected, records can be deleted from 09:30 UTC"
        );
    }

    #[test]
    fn a_refusal_has_its_facts_and_the_command_to_paste() {
        let against = Grounds::new(Reason::NotApproved).fact("tag", "drover:approved");
        let refused = reported(TargetRun::new(TargetPlan {
            server: Some(server(1)),
            verdict: Verdict::Refused(vec![against]),
        }));

        assert_eq!(refused.reasons[0].facts["tag"], "drover:approved");
        let command = format!(
            "aws drs tag-resource --region us-east-1 --resource-arn {} --tags drover:approved=CHG1",
            server(1).arn.unwrap()
        );
        assert_eq!(refused.next_steps[0].command.as_deref(), Some(&*command));

        // Of what was not found, the Region is that of the function.
        let unknown = Verdict::Refused(vec![Reason::NotFound.into()]);
        let missing = reported(TargetRun::new(target(unknown)));
        let command = missing.next_steps[0].command.as_deref().unwrap();
        assert!(command.contains(" --region eu-west-1 "), "{command}");
    }

    #[test]
    fn a_target_is_reported_with_its_server_and_every_step_that_was_planned() {
        let steps = vec![Step::Disconnect, consume(1), Step::Delete];
        let named = reported(TargetRun::new(TargetPlan {
            server: Some(server(1)),
            verdict: Verdict::Act(steps),
        }));

        let resource = json!({ "sourceServerID": id(1), "arn": server(1).arn });
        assert_eq!(named.resource, resource);
        let plan = [
            format!("disconnect {}", id(1)),
            format!("remove the tag drover:approved from {}", id(1)),
            format!("delete the record of {}", id(1)),
        ];
        let sentences: Vec<&String> = named.plan.iter().map(|step| &step.sentence).collect();
        assert_eq!(sentences, plan.iter().collect::<Vec<_>>());
        let unknown = reported(TargetRun::new(target(forbidden())));
        assert_eq!(unknown.resource, Value::Null);
    }

    #[test]
    fn a_state_after_is_reported_only_after_a_call() {
        let policy = Policy::from_lookup(|_| None).unwrap();
        let state_after = |attempt: Attempt| {
            let connected = TargetPlan {
                server: Some(server(1)),
                ..unfinished()
            };
            let run = TargetRun {
                first: connected.clone(),
                attempts: vec![attempt],
                last: connected,
            };
            let execution = Execution::default();
            let evidence = evidence(&run, &execution, &policy).unwrap();
            evidence.state_after.map(str::to_owned)
        };

        assert_eq!(state_after(tried(Ok(()))).as_deref(), Some("CONTINUOUS"));
        assert_eq!(state_after(unread(tried(Ok(())))), None);
        assert_eq!(state_after(untried()), None);
    }

    #[test]
    fn a_loss_is_reported_only_where_the_disconnect_was_called_and_its_result_read() {
        let policy = Policy::from_lookup(|_| None).unwrap();
        let in_state = |state: State| TargetPlan {
            server: Some(Server { state, ..server(1) }),
            ..unfinished()
        };
        let connected = || State::Connected("CONTINUOUS".to_owned());
        let points = RecoveryPoints {
            count: 3,
            ..RecoveryPoints::default()
        };
        let lost = |attempt: Attempt, last: State| {
            let run = TargetRun {
                first: in_state(connected()),
                attempts: vec![attempt],
                last: in_state(last),
            };
            let execution = Execution {
                recovery_points: [(id(1), points.clone())].into(),
                ..Execution::default()
            };
            evidence(&run, &execution, &policy)
                .unwrap()
                .recovery_points_lost
        };

        assert_eq!(lost(tried(Ok(())), State::Disconnected), Some(3));
        let timeout = tried(Err(FaultKind::Timeout));
        assert_eq!(lost(timeout, State::Disconnected), Some(3));

        assert_eq!(lost(tried(Ok(())), connected()), None);
        assert_eq!(lost(untried(), State::Disconnected), None);
        assert_eq!(lost(unread(tried(Ok(()))), State::Disconnected), None);
        let untagged = attempt(consume(1), Ok(()));
        assert_eq!(lost(untagged, State::Disconnected), None);
    }
}
