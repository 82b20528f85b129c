//! `report`: what may truthfully be said of each target, and why.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    CallRecord, Conclusion, FailedCall, Mode, Outcome, Report, Subject, Wording,
    api::merge,
    efs::{FileSystem, ReplicationStatus},
    settle::{Change, ReadBack, Settled, settle},
};

use crate::{
    command::{Command, Target},
    context::Context,
    execute::{Attempt, Execution, TargetRun},
    plan::{Step, Verdict},
    reason::Reason,
    snapshot::View,
    steps::{sentences, whole_plan},
};

/// The age of the last sync within which EFS means to stay, for most file systems (EFS User Guide).
const OBJECTIVE_SECONDS: i64 = 15 * 60;

/// What was read, at last and as far as it came, and what was done about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence {
    /// The status of the replication at the first read.
    status_before: Option<&'static str>,
    /// Its status at the last read.
    status: Option<&'static str>,
    /// When the last sync was complete.
    last_replicated_timestamp: Option<DateTime<Utc>>,
    /// How long ago that was.
    seconds_since_last_sync: Option<i64>,
    /// Whether that is within EFS's recovery point objective.
    within_objective: Option<bool>,
    /// `SizeInBytes` of the source.
    source_size_in_bytes: Option<i64>,
    /// `SizeInBytes` of the replica.
    replica_size_in_bytes: Option<i64>,
    /// How many access points the replica lacks.
    access_points_missing: usize,
    /// The steps that AWS accepted.
    created: Vec<String>,
    /// The steps that are still to be taken: as the last read showed, less what AWS accepted since.
    differs: Vec<String>,
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
    let now = context.invocation.now;
    let mut targets = Vec::new();

    for (target, run) in command.targets.iter().zip(&execution.runs) {
        let conclusion = match mode {
            Mode::Plan => preview(run),
            Mode::Enforce => conclude(run),
        };
        let subject = subject(command, target, run, context);

        let mut report = conclusion.into_report(subject, json!(evidence(run, now)));
        report.plan = whole_plan(command, target, run, context.policy);
        let made = run
            .attempts
            .iter()
            .filter_map(|attempt| attempt.made.as_ref());
        merge(&mut report.calls, made.flat_map(|made| made.calls.clone()));
        targets.push(report);
    }

    let wording = Wording {
        request_id: command.request_id.as_ref(),
        action: "replicate",
        planned: "changed",
        done: "usable",
        done_with: None,
    };
    Report::of(wording, mode, targets, calls.into_calls())
}

/// What a dry run says: steps are planned, everything else is as it is.
fn preview(run: &TargetRun) -> Conclusion {
    stated(&run.first, Outcome::AlreadyDone)
        .unwrap_or_else(|| Conclusion::new(Outcome::Planned, Reason::PlanMode))
}

/// What may be said after the last read.
fn conclude(run: &TargetRun) -> Conclusion {
    let Some(attempt) = run.decisive_attempt() else {
        return preview(run);
    };

    // What a read shows counts, whatever the call answered. A refusal after a change does not: it
    // speaks of what comes next, not of what was done.
    let shows_the_change = !matches!(run.last, Verdict::Refused(_));
    if run.unread.is_none()
        && shows_the_change
        && let Some(conclusion) = stated(&run.last, Outcome::Done)
    {
        return conclusion;
    }
    // Waiting helps, and nobody has to act.
    if is_not_ready(attempt) {
        return Conclusion::new(Outcome::Pending, Reason::NotReadyYet);
    }
    if let Some(incomplete) = &run.unread
        && shows_replication(attempt, &incomplete.view)
    {
        return Conclusion::unobserved(&incomplete.why, Reason::OutOfTime);
    }

    // The SDK repeats no call that creates a replication or a mount target, and the others are the
    // same when repeated, so that a rejection is final.
    let change = Change::new(attempt.step.operation(), attempt.made.as_ref(), false);
    let unread = run.unread.as_ref().map(|incomplete| &incomplete.why);
    match settle(change, ReadBack::new(unread)) {
        Settled::OutOfTime => Conclusion::new(Outcome::Pending, Reason::OutOfTime),
        // The read did show the change; what is missing is the time for the rest.
        Settled::NotSeenYet if !run.next_steps().is_empty() => {
            Conclusion::new(Outcome::Pending, Reason::OutOfTime)
        }
        Settled::NotSeenYet => Conclusion::new(Outcome::Pending, Reason::NotSeenYet),
        Settled::Concluded(conclusion) => conclusion,
    }
}

/// Whether EFS answered "later": the file system, or the replication, is not in the state for it.
fn is_not_ready(attempt: &Attempt) -> bool {
    let code = |call: &FailedCall| call.fault.code.clone();

    let failed = attempt
        .made
        .as_ref()
        .and_then(|made| made.result.as_ref().err());
    failed.and_then(code).as_deref() == Some("IncorrectFileSystemLifeCycleState")
}

/// Whether a read that failed had shown the replication that was created: it stands on the source's
/// side, whatever the other side answers.
fn shows_replication(attempt: &Attempt, view: &View) -> bool {
    // The source is read first, and its replication right after it.
    let (Some(source), Some(replication)) = (&view.source, &view.replication) else {
        return false;
    };

    let created = matches!(attempt.step, Step::Replicate(_)) && attempt.succeeded();
    created && replication.source_id == source.id
}

/// What a verdict without steps says; `done` is the outcome where nothing is left to do.
fn stated(verdict: &Verdict, done: Outcome) -> Option<Conclusion> {
    Some(match verdict {
        Verdict::Act(_) => return None,
        Verdict::Unobserved(why) => Conclusion::unobserved(why, Reason::OutOfTime),
        Verdict::Done(known) => Conclusion::of(done, known),
        Verdict::Pending(reason) => Conclusion::new(Outcome::Pending, *reason),
        Verdict::Refused(against) => Conclusion::of(Outcome::Refused, against),
        Verdict::Failed(broken) => Conclusion::of(Outcome::Failed, broken),
    })
}

/// What a target is called, and what commands about it may name.
fn subject(command: &Command, target: &Target, run: &TargetRun, context: &Context<'_>) -> Subject {
    let view = last_view(run);
    let mut facts = Subject::facts_of_all(
        &command.request_id,
        "elasticfilesystem",
        &context.policy.guardrails,
        context.invocation,
    );
    let mut know = |name: &str, value: String| drop(facts.insert(name.to_owned(), value.into()));

    know("sourceFileSystemId", target.source.id.to_string());
    if let Some(source) = &view.source {
        know("region", source.region.to_string());
    }

    // Where the replica is, or is to be.
    let wanted = target.destination.as_ref();
    if let Some(region) = wanted.and_then(|destination| destination.region()) {
        know("destinationRegion", region.to_string());
    }
    if let Some(existing) = wanted.and_then(|destination| destination.file_system.as_ref()) {
        know("destinationFileSystemId", existing.id.to_string());
    }
    if let Some(replica) = &view.destination {
        know("destinationRegion", replica.region.to_string());
        know("destinationFileSystemId", replica.id.to_string());
    }

    Subject {
        name: target.source.id.to_string(),
        target: named(target),
        resource: resource(view),
        facts,
    }
}

/// The target in the words of the request.
fn named(target: &Target) -> Value {
    let destination = target.destination.as_ref();

    json!({
        "sourceFileSystemId": target.source,
        "region": destination.and_then(|destination| destination.region()),
        "fileSystemId": destination.and_then(|destination| destination.file_system.as_ref()),
    })
}

fn resource(view: &View) -> Value {
    let Some(source) = &view.source else {
        return Value::Null;
    };

    let replication = view.replication.as_ref();
    // The other end of a replication that only leads here is not ours to report.
    let replica = replication.filter(|replication| replication.source_id == source.id);
    json!({
        "sourceFileSystemArn": source.arn,
        "destinationFileSystemId": replica.map(|replica| &replica.destination_id),
        "destinationRegion": replica.map(|replica| &replica.destination_region),
    })
}

/// What the last read showed, also if it did not come to its end.
fn last_view(run: &TargetRun) -> &View {
    match &run.unread {
        Some(incomplete) => &incomplete.view,
        None => &run.view,
    }
}

fn evidence(run: &TargetRun, now: DateTime<Utc>) -> Evidence {
    let view = last_view(run);
    let replication = view.replication.as_ref();
    let size = |file_system: &FileSystem| file_system.size_in_bytes;

    let synced = replication.and_then(|replication| replication.last_replicated);
    let age = synced.map(|synced| (now - synced).num_seconds().max(0));
    // Only what AWS accepted counts as created.
    let created = run.attempts.iter().filter(|attempt| attempt.succeeded());

    Evidence {
        status_before: run.status_before.map(ReplicationStatus::name),
        status: replication.map(|replication| replication.status.name()),
        last_replicated_timestamp: synced,
        seconds_since_last_sync: age,
        within_objective: age.map(|age| age <= OBJECTIVE_SECONDS),
        source_size_in_bytes: view.source.as_ref().map(size),
        replica_size_in_bytes: view.destination.as_ref().map(size),
        access_points_missing: run.missing_access_points,
        created: sentences(created.map(|attempt| &attempt.step)),
        differs: sentences(run.open_steps()),
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        Call, Fault, FaultKind, Grounds, Invocation, Message, Unobserved,
        efs::{Destination, Efs},
        guardrails::Tags,
        settle::Made,
    };
    use tokio::time::Instant;

    use super::*;
    use crate::{
        command::Backup,
        fixtures::{self, done, file_system, point, policy, provision, replication, tags, target},
        plan::Resource,
        snapshot::{Incomplete, Observation},
    };

    fn command() -> Command {
        fixtures::command(vec![target()])
    }

    fn step() -> Step {
        provision(Resource::Backup(Backup::Enabled))
    }

    fn attempt(step: &Step, result: Result<(), Fault>) -> Attempt {
        let operation = step.operation();
        let call = Call {
            operation,
            requests: 1,
            answer: String::new(),
        };

        Attempt {
            step: step.without_tags(),
            made: Some(Made {
                calls: vec![call],
                result: result.map_err(|fault| FailedCall { operation, fault }),
            }),
        }
    }

    fn tried(result: Result<(), FaultKind>) -> Attempt {
        attempt(&step(), result.map_err(Fault::of))
    }

    fn failed(kind: FaultKind) -> Attempt {
        tried(Err(kind))
    }

    fn started(first: Verdict) -> TargetRun {
        TargetRun::new(first, Observation::Complete(View::default()))
    }

    fn run(attempts: Vec<Attempt>, last: Verdict) -> TargetRun {
        TargetRun {
            attempts,
            last,
            ..started(Verdict::Act(vec![step()]))
        }
    }

    fn incomplete(operation: &'static str, kind: FaultKind, view: View) -> Incomplete {
        Incomplete {
            why: Unobserved::Failed(FailedCall::new(operation, kind)),
            view,
        }
    }

    #[track_caller]
    fn check(attempts: Vec<Attempt>, last: &Verdict, outcome: Outcome, reason: &str) {
        let conclusion = conclude(&run(attempts, last.clone()));

        let concluded = (conclusion.outcome, conclusion.reason());
        assert_eq!(concluded, (outcome, reason));
    }

    #[test]
    fn what_a_read_shows_counts_whatever_the_call_answered() {
        let usable = done(Reason::ReplicaUsable);
        let pending = Verdict::Pending(Reason::FirstSyncRunning);

        for attempt in [
            tried(Ok(())),
            failed(FaultKind::Timeout),
            failed(FaultKind::Conflict),
        ] {
            let attempts = vec![attempt];
            check(attempts.clone(), &usable, Outcome::Done, "replica_usable");
            check(attempts, &pending, Outcome::Pending, "first_sync_running");
        }
    }

    // Invariant 3.
    #[test]
    fn what_a_read_does_not_show_is_never_done_or_refused() {
        let failures = [
            (FaultKind::Timeout, Outcome::Indeterminate, "timeout"),
            (FaultKind::Throttled, Outcome::Retryable, "throttled"),
            (FaultKind::AccessDenied, Outcome::Permanent, "access_denied"),
            (FaultKind::RejectedByAws, Outcome::Failed, "rejected_by_aws"),
        ];

        for last in [
            Verdict::Act(vec![step()]),
            Verdict::Refused(vec![Reason::ReplicatesElsewhere.into()]),
        ] {
            check(vec![tried(Ok(()))], &last, Outcome::Pending, "not_seen_yet");
            for (kind, outcome, reason) in failures {
                check(vec![failed(kind)], &last, outcome, reason);
            }

            let untried = Attempt {
                step: step(),
                made: None,
            };
            check(vec![untried], &last, Outcome::Pending, "out_of_time");
        }
    }

    #[test]
    fn after_a_read_that_failed_nothing_follows_and_nothing_is_done() {
        let unread = Some(incomplete(
            "DescribeFileSystems",
            FaultKind::AccessDenied,
            View::default(),
        ));
        let with = |last: Verdict| TargetRun {
            unread: unread.clone(),
            ..run(vec![tried(Ok(()))], last)
        };

        let unfinished = with(Verdict::Act(vec![tags(1)]));
        assert!(unfinished.next_steps().is_empty());
        let conclusion = conclude(&with(done(Reason::ReplicaUsable)));
        assert_ne!(conclusion.outcome, Outcome::Done);
    }

    #[test]
    fn a_resource_that_failed_is_reported_though_another_was_created_after_it() {
        let other = attempt(&tags(1), Ok(()));
        let attempts = vec![failed(FaultKind::AccessDenied), other];

        let unfinished = Verdict::Act(vec![step()]);
        check(
            attempts.clone(),
            &unfinished,
            Outcome::Permanent,
            "access_denied",
        );
        let untagged = Verdict::Act(vec![tags(1)]);
        check(attempts, &untagged, Outcome::Pending, "not_seen_yet");
    }

    #[test]
    fn an_access_point_is_attempted_once_and_its_tags_are_not_kept() {
        let both = Verdict::Act(vec![point(1), point(2)]);
        let created = attempt(&point(1), Ok(()));
        let Step::Provision {
            resource: Resource::AccessPoint(kept),
            ..
        } = &created.step
        else {
            panic!("another step")
        };
        assert_eq!((kept.id.as_str(), &kept.tags), ("fsap-1", &Tags::new()));

        let run = TargetRun {
            attempts: vec![created],
            ..started(both.clone())
        };
        assert_eq!(run.next_steps(), [&point(2)]);

        let denied = attempt(&point(1), Err(Fault::of(FaultKind::AccessDenied)));
        let attempts = vec![denied, tried(Ok(()))];
        check(attempts, &both, Outcome::Permanent, "access_denied");
    }

    #[test]
    fn a_file_system_that_is_not_ready_is_waited_for() {
        let fault = Fault {
            kind: FaultKind::Conflict,
            code: Some("IncorrectFileSystemLifeCycleState".to_owned()),
        };
        let attempts = vec![attempt(&step(), Err(fault))];

        let last = Verdict::Act(vec![step()]);
        check(attempts, &last, Outcome::Pending, "not_ready_yet");
    }

    // Invariant 3.
    #[test]
    fn a_change_that_cannot_be_read_back_is_in_doubt() {
        let dark = || incomplete("DescribeFileSystems", FaultKind::Throttled, View::default());
        let unread = |attempt| TargetRun {
            unread: Some(dark()),
            ..run(vec![attempt], Verdict::Act(vec![step()]))
        };
        let outcome = |attempt| conclude(&unread(attempt)).outcome;

        assert_eq!(outcome(tried(Ok(()))), Outcome::Indeterminate);
        assert_eq!(unread(tried(Ok(()))).next_steps(), [] as [&Step; 0]);
        // Its last answer may not be the only one.
        let rejected = failed(FaultKind::RejectedByAws);
        assert_eq!(outcome(rejected), Outcome::Indeterminate);
        let denied = failed(FaultKind::AccessDenied);
        assert_eq!(outcome(denied), Outcome::Permanent);
    }

    // Invariant 3.
    #[test]
    fn the_read_that_failed_is_named_and_what_it_had_shown_before_counts() {
        let create = Step::Replicate(Destination::default());
        let concluded = |step: &Step, view: View| {
            let dark = incomplete("DescribeFileSystems", FaultKind::AccessDenied, view);
            conclude(&TargetRun {
                attempts: vec![attempt(step, Ok(()))],
                unread: Some(dark),
                ..started(Verdict::Act(vec![step.clone()]))
            })
        };
        let denied = "DescribeFileSystems: the role of the function may not do this";

        // The source's side shows the replication; only the other side is dark.
        let conclusion = concluded(&create, view());
        assert_eq!(conclusion.outcome, Outcome::Permanent);
        assert_eq!(conclusion.reason(), "access_denied");
        assert_eq!(conclusion.message(), denied);

        for (step, view, change) in [
            (create, View::default(), "CreateReplicationConfiguration"),
            (step(), view(), "PutBackupPolicy"),
        ] {
            let conclusion = concluded(&step, view);
            assert_eq!(conclusion.outcome, Outcome::Indeterminate);
            let doubt = format!("{denied}; whether {change} took effect could not be settled");
            assert_eq!(conclusion.message(), doubt);
        }
    }

    #[test]
    fn what_failed_is_not_among_what_was_created() {
        let run = TargetRun {
            attempts: vec![failed(FaultKind::AccessDenied), attempt(&tags(1), Ok(()))],
            last: Verdict::Act(vec![step()]),
            ..started(Verdict::Act(vec![step(), tags(1)]))
        };
        let evidence = evidence(&run, DateTime::default());

        assert_eq!(evidence.created, ["set the tags t01"]);
        assert_eq!(evidence.differs, ["set automatic backups to enabled"]);
    }

    #[test]
    fn what_aws_accepted_before_a_read_that_failed_no_longer_differs() {
        let accepted = TargetRun {
            attempts: vec![failed(FaultKind::AccessDenied), attempt(&tags(1), Ok(()))],
            last: Verdict::Act(vec![step(), tags(1)]),
            ..started(Verdict::Act(vec![step(), tags(1)]))
        };
        let differs = |run: &TargetRun| evidence(run, DateTime::default()).differs;

        // A read that came to its end counts, whatever AWS accepted.
        let read = ["set automatic backups to enabled", "set the tags t01"];
        assert_eq!(differs(&accepted), read);

        let dark = incomplete("DescribeTags", FaultKind::AccessDenied, View::default());
        let unread = TargetRun {
            unread: Some(dark),
            ..accepted
        };
        assert_eq!(differs(&unread), ["set automatic backups to enabled"]);
    }

    #[test]
    fn what_could_not_be_observed_in_time_is_pending() {
        let out_of_time = Incomplete {
            why: Unobserved::OutOfTime,
            view: View::default(),
        };
        let verdict = Verdict::Unobserved(Unobserved::OutOfTime);
        let run = TargetRun::new(verdict, Observation::Incomplete(out_of_time));
        let execution = Execution { runs: vec![run] };
        let report = report_at(&command(), &execution, DateTime::default());
        assert_eq!(report.outcome, Outcome::Pending);
        assert_eq!(report.targets[0].reason, "out_of_time");
        assert!(report.wants_redelivery());
    }

    /// A replica that was synced at the second 0.
    fn view() -> View {
        let sized = |id: &str, region: &str, size_in_bytes| FileSystem {
            size_in_bytes,
            ..file_system(id, region)
        };
        let mut replication = replication();
        replication.last_replicated = DateTime::from_timestamp(0, 0);

        View {
            source: Some(sized("fs-00000001", "us-east-1", 8192)),
            replication: Some(replication),
            destination: Some(sized("fs-00000002", "eu-west-1", 6144)),
            ..View::default()
        }
    }

    fn reported(verdict: Verdict, view: View, seconds: i64) -> Value {
        let request = json!({
            "version": 1,
            "requestID": "CHG1",
            "expiresAt": "1970-01-01T01:00:00Z",
            "targets": [{
                "sourceFileSystemId": "fs-00000001",
                "destination": { "region": "eu-west-1" },
            }],
        });
        let epoch = DateTime::from_timestamp(0, 0).unwrap();
        let command = Command::parse(&Message::Bare(request.to_string()), epoch).unwrap();

        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        let run = TargetRun::new(verdict, Observation::Complete(view));
        let execution = Execution { runs: vec![run] };
        json!(report_at(&command, &execution, now))
    }

    fn report_at(command: &Command, execution: &Execution, now: DateTime<Utc>) -> Report {
        let context = Context {
            invocation: &Invocation::at(now, Instant::now()),
            efs: &Efs::new(&harness::sdk_config().build()),
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
    fn a_target_is_reported_with_what_was_read_of_both_sides() {
        let report = reported(Verdict::Pending(Reason::FirstSyncRunning), view(), 60);
        let target = &report["targets"][0];

        let named = json!({
            "sourceFileSystemId": "fs-00000001",
            "region": "eu-west-1",
            "fileSystemId": null,
        });
        assert_eq!(target["target"], named);
        assert_eq!(target["lookAgainAfterSeconds"], json!(300));
        assert_eq!(report["lookAgainAfterSeconds"], json!(300));

        let evidence = &target["evidence"];
        assert_eq!(evidence["sourceSizeInBytes"], json!(8192));
        assert_eq!(evidence["replicaSizeInBytes"], json!(6144));
        assert_eq!(evidence["statusBefore"], json!("ENABLED"));
        assert_eq!(evidence["status"], json!("ENABLED"));
    }

    #[test]
    fn the_objective_is_fifteen_minutes() {
        let within = |seconds| {
            let report = reported(done(Reason::ReplicaUsable), view(), seconds);
            let evidence = &report["targets"][0]["evidence"];
            evidence["withinObjective"].as_bool().unwrap()
        };

        assert!(within(0) && within(900) && !within(901));
    }

    #[test]
    fn the_replica_is_reported_by_its_id_and_region() {
        let expected = json!({
            "sourceFileSystemArn": "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001",
            "destinationFileSystemId": "fs-00000002",
            "destinationRegion": "eu-west-1",
        });

        let paused = Verdict::Failed(vec![Reason::ReplicationPaused.into()]);
        let report = reported(paused, view(), 0);
        assert_eq!(report["targets"][0]["resource"], expected);
    }

    #[test]
    fn a_command_to_paste_names_the_file_system_and_its_region() {
        let against = Grounds::new(Reason::NotApproved).fact("tag", "drover:approved");
        let report = reported(Verdict::Refused(vec![against]), view(), 0);

        assert_eq!(
            report["targets"][0]["nextSteps"][0]["command"],
            "aws efs tag-resource --region eu-west-1 --resource-id fs-00000002 \
             --tags Key=drover:approved,Value=CHG1"
        );
    }

    #[test]
    fn a_read_that_shows_the_change_but_not_the_rest_is_out_of_time() {
        let untried = Verdict::Act(vec![step(), tags(1)]);
        let attempts = vec![attempt(&tags(2), Ok(()))];

        check(attempts, &untried, Outcome::Pending, "out_of_time");
    }

    #[test]
    fn the_replica_of_somebody_else_is_not_reported() {
        let mut turned = view();
        let replication = turned.replication.as_mut().unwrap();
        replication.source_id = "fs-00000003".to_owned().try_into().unwrap();

        let against = vec![Reason::SourceIsADestination.into()];
        let report = reported(Verdict::Refused(against), turned, 0);
        let target = &report["targets"][0];
        assert_eq!(target["resource"]["destinationFileSystemId"], Value::Null);
    }

    #[test]
    fn a_replication_is_created_only_if_the_first_plan_has_it() {
        let create = Step::Replicate(Destination::default());
        let late = TargetRun {
            last: Verdict::Act(vec![create.clone()]),
            ..started(Verdict::Act(vec![step()]))
        };
        assert_eq!(late.next_steps(), [] as [&Step; 0]);

        let planned = started(Verdict::Act(vec![create.clone()]));
        assert_eq!(planned.next_steps(), [&create]);
    }
}
