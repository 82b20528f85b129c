//! `report`: what may truthfully be said of each target, and why.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    CallRecord, Conclusion, Mode, Outcome, PlannedStep, Report, Subject, TargetReport, Unobserved,
    When, Wording, code,
    drs::{Server, State},
    settle::{Change, ReadBack, Settled, settle},
};

use crate::{
    command::{Action, Command, Lost, Target},
    context::Context,
    execute::{Execution, TargetRun},
    plan::{Step, Verdict},
    policy::Policy,
    reason::{Reason, STAGING_CLEANUP_SECONDS},
};

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
    report.next_request = next_request(command, &report);
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
    let awaits = code(Reason::RecordAwaitsDeletion);
    // AWS takes up to 90 minutes from the disconnect on.
    let from = context.invocation.time() + TimeDelta::seconds(STAGING_CLEANUP_SECONDS.into());
    let note = from
        .format("records can be deleted from %H:%M UTC")
        .to_string();

    let done = match command.action {
        Action::Disconnect | Action::Retire => "disconnected",
        Action::Delete => "deleted",
    };
    let wording = Wording {
        request_id: command.request_id.as_ref(),
        action: match command.action {
            Action::Disconnect => "disconnect",
            Action::Retire => "retire",
            Action::Delete => "delete",
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
    let shows_the_change = !matches!(run.last.verdict, Verdict::Refused(_));
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
        Verdict::Pending(reason) => Some(Conclusion::new(Outcome::Pending, *reason)),
        Verdict::Refused(against) => Some(Conclusion::of(Outcome::Refused, against)),
    }
}

/// The deletion that a retirement ends with, of those servers and no others, once it is all that is
/// still to be done.
fn next_request(command: &Command, report: &Report) -> Option<Value> {
    let awaits_deletion = code(Reason::RecordAwaitsDeletion);
    let mut targets = Vec::new();

    for target in &report.targets {
        if target.outcome != Outcome::Pending {
            continue;
        }
        // Something else is still pending: the same request has to be sent again first.
        if target.reason != awaits_deletion {
            return None;
        }
        targets.push(handed_on(target));
    }
    // Without a retirement there is nothing to follow up.
    if targets.is_empty() {
        return None;
    }

    Some(json!({
        "version": 1,
        "requestID": command.request_id,
        "expiresAt": command.expires_at,
        "action": Action::Delete,
        "targets": targets,
        "dryRun": report.mode == Mode::Plan,
    }))
}

/// A target in the words of the request, by the ID of the server that it turned out to be, and with
/// what its disconnect destroyed: the last report of a retirement is to say so, too.
fn handed_on(report: &TargetReport) -> Value {
    const ID: &str = "sourceServerID";
    let mut target = report.target.clone();
    let Some(members) = target.as_object_mut() else {
        return target;
    };

    if let Some(id) = report.resource.get(ID) {
        // The deletion must mean the server that was disconnected, even if another has its name by
        // then.
        members.entry(ID).or_insert_with(|| id.clone());
    }

    let figure = |name| report.evidence.get(name).and_then(Value::as_u64);
    let lost = Lost {
        recovery_points: figure("recoveryPointsLost"),
        replication_hours: figure("replicationHoursEnded"),
    };
    // Whoever finds the server disconnected has seen nothing of it.
    if lost.recovery_points.is_some() || lost.replication_hours.is_some() {
        members.insert("lost".to_owned(), json!(lost));
    }
    target
}

/// A loss is reported only where the last read shows that the replication has ended.
fn evidence<'a>(
    run: &'a TargetRun,
    execution: &Execution,
    policy: &Policy,
) -> Option<Evidence<'a>> {
    let server = run.first.server.as_ref()?;
    // Counted before the disconnect: afterwards they no longer exist.
    let recovery_points = execution.recovery_points.get(&server.id).copied();
    let ended = run.ended_replication();

    Some(Evidence {
        approved_for: policy.guardrails.approved_request(&server.tags),
        state_before: state(Some(server)),
        state_after: run.was_read_back().then(|| state(run.last.server.as_ref())),
        last_seen_by_service_date_time: server.last_seen,
        agent_silent_seconds: execution.silent_seconds.get(&server.id).copied(),
        lag_seconds: server.lag_seconds,
        data_replication_error: server.replication_error.as_ref(),
        recovery_points,
        recovery_points_lost: recovery_points.filter(|_| ended),
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
    use std::collections::BTreeMap;

    use shared::{Call, FaultKind, Grounds, Invocation, drs::Drs};
    use tokio::time::Instant;

    use super::*;
    use crate::{
        execute::Attempt,
        fixtures::{attempt, by_id, command, consume, id, policy, server, tried, unread},
        plan::TargetPlan,
    };

    const DONE: Verdict = Verdict::Done(Reason::Disconnected);
    const LATER: Verdict = Verdict::Pending(Reason::RecordAwaitsDeletion);

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
        assert_eq!(concluded(LATER), pending);
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
            let later = target(LATER);
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
        let done = TargetRun::new(target(LATER));
        let doubtful = TargetRun {
            first: unfinished(),
            attempts: vec![untried()],
            last: unfinished(),
        };
        let next = |runs: Vec<TargetRun>| {
            let command = command(Action::Retire, (1..=runs.len()).map(by_id).collect());
            let execution = Execution {
                runs,
                recovery_points: BTreeMap::new(),
                silent_seconds: BTreeMap::new(),
            };
            report_in_context(&command, &execution).next_request
        };

        let targets = json!([{ "sourceServerID": id(1) }]);
        assert_eq!(next(vec![done.clone()]).unwrap()["targets"], targets);
        assert_eq!(next(vec![done, doubtful]), None);
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
            recovery_points: BTreeMap::new(),
            silent_seconds: BTreeMap::new(),
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
        assert_eq!(planned(LATER)[0].when, When::StagingRemoved);
        assert!(planned(forbidden()).is_empty());

        let execution = Execution {
            runs: vec![run(LATER)],
            recovery_points: BTreeMap::new(),
            silent_seconds: BTreeMap::new(),
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
            let execution = Execution {
                runs: Vec::new(),
                recovery_points: [].into(),
                silent_seconds: BTreeMap::new(),
            };
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
        let lost = |attempt: Attempt, last: State| {
            let run = TargetRun {
                first: in_state(connected()),
                attempts: vec![attempt],
                last: in_state(last),
            };
            let execution = Execution {
                runs: Vec::new(),
                recovery_points: [(id(1), 3)].into(),
                silent_seconds: BTreeMap::new(),
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
