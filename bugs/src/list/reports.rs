//! What is said: of a target, of a request, to Lambda, to queues, to people.

use crate::bug::Bug;

const ANSWER: &str = "shared/src/answer.rs";
const BOOTSTRAP_REASON: &str = "functions/bootstrap-efs-replication/src/reason.rs";
const BOOTSTRAP_REPORT: &str = "functions/bootstrap-efs-replication/src/report.rs";
const DISCONNECT_REASON: &str = "functions/disconnect-source-server/src/reason.rs";
const DISCONNECT_REPORT: &str = "functions/disconnect-source-server/src/report.rs";
const DISPATCH: &str = "shared/src/dispatch.rs";
const OUTCOME: &str = "shared/src/outcome.rs";
const REJECTION: &str = "shared/src/rejection.rs";
const REPORT: &str = "shared/src/report.rs";
const SANITIZE: &str = "shared/src/sanitize.rs";
const SETTLE: &str = "shared/src/settle.rs";

pub(super) const BUGS: &[Bug] = &[
    // What a read shows is said, and nothing else.
    Bug {
        name: "a refusal after a disconnect is what is said",
        file: DISCONNECT_REPORT,
        from: "!matches!(run.last.verdict, Verdict::Refused(_) | Verdict::Failed(_));",
        to: "true;",
    },
    Bug {
        name: "done is said of a server that could not be read back",
        file: DISCONNECT_REPORT,
        from: "if last.unread.is_none()
        && shows_the_change",
        to: "if shows_the_change",
    },
    Bug {
        name: "the SDK's repetitions of a disconnect are forgotten",
        file: DISCONNECT_REPORT,
        from: "Change::new(last.step.operation(), last.made.as_ref(), true)",
        to: "Change::new(last.step.operation(), last.made.as_ref(), false)",
    },
    Bug {
        name: "a refusal after a replication is what is said",
        file: BOOTSTRAP_REPORT,
        from: "let shows_the_change = !matches!(run.last, Verdict::Refused(_));",
        to: "let shows_the_change = true;",
    },
    Bug {
        name: "done is said of a replica that could not be read back",
        file: BOOTSTRAP_REPORT,
        from: "if run.unread.is_none()
        && shows_the_change",
        to: "if shows_the_change",
    },
    Bug {
        name: "a file system that is not ready has failed",
        file: BOOTSTRAP_REPORT,
        from: r#"Some("IncorrectFileSystemLifeCycleState")"#,
        to: r#"Some("IncorrectMountTargetState")"#,
    },
    Bug {
        name: "a replication that somebody else created counts as created",
        file: BOOTSTRAP_REPORT,
        from: "created && replication.source_id == source.id",
        to: "replication.source_id == source.id",
    },
    Bug {
        name: "a rejection after a lost answer leaves no doubt",
        file: SETTLE,
        from: "call.fault.kind.leaves_doubt() || rejected && (repeats || unread);",
        to: "call.fault.kind.leaves_doubt() || rejected && repeats && unread;",
    },
    Bug {
        name: "a lost answer leaves no doubt",
        file: SETTLE,
        from: "call.fault.kind.leaves_doubt() || rejected && (repeats || unread);",
        to: "rejected && (repeats || unread);",
    },
    Bug {
        name: "a change that no read showed is merely retried",
        file: SETTLE,
        from: "Conclusion::failed_with(read, Outcome::Indeterminate, message)",
        to: "Conclusion::failed_with(read, Outcome::Retryable, message)",
    },
    // Evidence is what was read, and what AWS accepted.
    Bug {
        name: "recovery points are lost by every disconnect",
        file: DISCONNECT_REPORT,
        from: "recovery_points_lost: recovery_points.filter(|_| ended),",
        to: "recovery_points_lost: recovery_points,",
    },
    Bug {
        name: "the state after a change is the state before",
        file: DISCONNECT_REPORT,
        from: "state_after: run.was_read_back().then(|| state(run.last.server.as_ref())),",
        to: "state_after: run.was_read_back().then(|| state(Some(server))),",
    },
    Bug {
        name: "the calls that changed a server are not reported",
        file: DISCONNECT_REPORT,
        from: ".extend(made.flat_map(|made| made.calls.clone()));",
        to: ".extend(made.flat_map(|made| made.calls.clone()).take(0));",
    },
    Bug {
        name: "the plan in a report is the last one",
        file: DISCONNECT_REPORT,
        from: "let steps = run.first.steps().iter();",
        to: "let steps = run.last.steps().iter();",
    },
    Bug {
        name: "what AWS refused counts as created",
        file: BOOTSTRAP_REPORT,
        from: "run.attempts.iter().filter(|attempt| attempt.succeeded());",
        to: "run.attempts.iter().filter(|attempt| attempt.made.is_some());",
    },
    Bug {
        name: "what was missing at first still differs",
        file: BOOTSTRAP_REPORT,
        from: "differs: sentences(run.open_steps()),",
        to: "differs: sentences(run.first.steps()),",
    },
    Bug {
        name: "what AWS accepted still differs where nobody could read it",
        file: BOOTSTRAP_REPORT,
        from: "differs: sentences(run.open_steps()),",
        to: "differs: sentences(run.last.steps()),",
    },
    Bug {
        name: "a sync of last night is within the objective",
        file: BOOTSTRAP_REPORT,
        from: "const OBJECTIVE_SECONDS: i64 = 15 * 60;",
        to: "const OBJECTIVE_SECONDS: i64 = 15 * 3600;",
    },
    Bug {
        name: "the replica of another source is reported",
        file: BOOTSTRAP_REPORT,
        from: "let replica = replication.filter(|replication| replication.source_id == source.id);",
        to: "let replica = replication;",
    },
    Bug {
        name: "access points of later plans are not announced",
        file: "functions/bootstrap-efs-replication/src/steps.rs",
        from: "    plan.extend(access_points_to_follow(command, run));
",
        to: "",
    },
    // What is pending is looked at again, in time, and by the right request.
    Bug {
        name: "a deletion is sent while another target is pending",
        file: DISCONNECT_REPORT,
        from: "if target.reason != awaits {
            return None;",
        to: "if target.reason != awaits {
            continue;",
    },
    Bug {
        name: "a deletion names its servers as the retirement did",
        file: DISCONNECT_REPORT,
        from: "members.entry(ID).or_insert_with(|| id.clone());",
        to: "_ = id;",
    },
    Bug {
        name: "a deletion does not say what its disconnect destroyed",
        file: DISCONNECT_REPORT,
        from: r#"members.insert("lost".to_owned(), json!(lost));"#,
        to: "drop(lost);",
    },
    Bug {
        name: "a dry run is followed by a deletion",
        file: DISCONNECT_REPORT,
        from: r#""dryRun": report.mode == Mode::Plan,"#,
        to: r#""dryRun": false,"#,
    },
    Bug {
        name: "a deletion does not expire with its retirement",
        file: DISCONNECT_REPORT,
        from: r#""expiresAt": expires_at.unwrap_or(now(context) + a_day),"#,
        to: r#""expiresAt": Value::Null,"#,
    },
    Bug {
        name: "what follows an event has no expiry",
        file: DISCONNECT_REPORT,
        from: r#""expiresAt": expires_at.unwrap_or(now(context) + a_day),"#,
        to: r#""expiresAt": expires_at.filter(|at| *at < now(context) + a_day),"#,
    },
    Bug {
        name: "what follows an event names the account of its machine",
        file: DISCONNECT_REPORT,
        from: r#"    members.remove("originAccountID");
"#,
        to: "",
    },
    Bug {
        name: "snapshots are handed on although nobody asks for them",
        file: DISCONNECT_REPORT,
        from: "match context.policy.verify_cleanup {",
        to: "match true {",
    },
    Bug {
        name: "an agent that was uninstalled counts as silent before",
        file: DISCONNECT_REPORT,
        from: "silent.filter(|_| run.ended_replication())",
        to: "silent",
    },
    Bug {
        name: "an agent that could not be reached is not told of",
        file: DISCONNECT_REPORT,
        from: "true => conclusion.with(Reason::AgentMayRemain),",
        to: "true => conclusion,",
    },
    Bug {
        name: "the agent of a machine that is gone may remain",
        file: DISCONNECT_REPORT,
        from: "was_unreachable && run.ended_replication() && !command.is_native()",
        to: "was_unreachable && run.ended_replication()",
    },
    Bug {
        name: "a record is deleted after a quarter of an hour",
        file: DISCONNECT_REASON,
        from: "pub const STAGING_CLEANUP_SECONDS: u32 = 90 * 60;",
        to: "pub const STAGING_CLEANUP_SECONDS: u32 = 15 * 60;",
    },
    Bug {
        name: "a disconnect that is not seen is not looked at again",
        file: DISCONNECT_REASON,
        from: "Self::NotSeenYet | Self::OutOfTime => Some(SOON_SECONDS),",
        to: "Self::OutOfTime => Some(SOON_SECONDS),",
    },
    Bug {
        name: "a disconnect that ran out of time leaves the queue",
        file: DISCONNECT_REASON,
        from: "matches!(self, Self::NotSeenYet | Self::OutOfTime)",
        to: "matches!(self, Self::NotSeenYet)",
    },
    Bug {
        name: "a first sync is not looked at again",
        file: BOOTSTRAP_REASON,
        from: "Self::FirstSyncRunning => Some(5 * 60),",
        to: "Self::FirstSyncRunning => None,",
    },
    Bug {
        name: "a replica whose resources are created leaves the queue",
        file: BOOTSTRAP_REASON,
        from: "                | Self::PartsNotAvailable
        )",
        to: "        )",
    },
    Bug {
        name: "a request is looked at again when its last target is",
        file: REPORT,
        from: "look_again_after_seconds: look_again.min(),",
        to: "look_again_after_seconds: look_again.max(),",
    },
    Bug {
        name: "no request is unfinished",
        file: "shared/src/conclusion.rs",
        from: "unfinished: first.is_some_and(Explain::is_unfinished),",
        to: "unfinished: false,",
    },
    // A request is as bad as its worst target, and so is a batch.
    Bug {
        name: "a request is as good as its best target",
        file: REPORT,
        from: "let outcome = counts.keys().next().copied();",
        to: "let outcome = counts.keys().next_back().copied();",
    },
    Bug {
        name: "a missing permission is acknowledged",
        file: OUTCOME,
        from: "Remedy::FixDeployment => Self::Permanent,",
        to: "Remedy::FixDeployment => Self::Failed,",
    },
    Bug {
        name: "a broken deployment is retried",
        file: OUTCOME,
        from: r#"Self::Permanent => Some("Permanent"),"#,
        to: r#"Self::Permanent => Some("Retryable"),"#,
    },
    Bug {
        name: "the best of several SNS records decides",
        file: ANSWER,
        from: "reports.iter().map(|report| report.outcome).min();",
        to: "reports.iter().map(|report| report.outcome).max();",
    },
    Bug {
        name: "what ran out of time leaves the queue",
        file: DISPATCH,
        from: "let is_finished = !report.wants_redelivery();",
        to: "let is_finished = report.outcome.error_type().is_none();",
    },
    Bug {
        name: "an ordered queue is overtaken",
        file: DISPATCH,
        from: "            is_stopped = is_stopped || delivery.fifo;
",
        to: "            is_stopped = is_stopped && delivery.fifo;
",
    },
    Bug {
        name: "a batch may never be processed for lack of time",
        file: DISPATCH,
        from: "reports.is_empty() || self.invocation.calls_left() >= self.calls_per_observation;",
        to: "self.invocation.calls_left() >= self.calls_per_observation;",
    },
    Bug {
        name: "a record without an ID is acknowledged",
        file: DISPATCH,
        from: "None => return Err(Failure::of_batch(reports)),",
        to: "None => {}",
    },
    // What is logged can be counted, and what others wrote is harmless there.
    Bug {
        name: "the error line lacks the outcome that alarms count",
        file: DISPATCH,
        from: "error_type,
            outcome,
",
        to: "error_type,
",
    },
    Bug {
        name: "the log is written before the text of others is sanitized",
        file: DISPATCH,
        from: "        let report = report.sanitized().processed_in(&self.invocation);
        let (report, json) = bounded(report);",
        to: "        let (report, json) = bounded(report.processed_in(&self.invocation));
        let report = report.sanitized();",
    },
    Bug {
        name: "messages are not sanitized",
        file: "shared/src/target_report.rs",
        from: "        self.message = sanitize(&self.message);
",
        to: "",
    },
    Bug {
        name: "evidence is not sanitized",
        file: "shared/src/target_report.rs",
        from: "        sanitize_value(&mut self.evidence);
",
        to: "",
    },
    Bug {
        name: "a report is measured without its escapes",
        file: "shared/src/bounded.rs",
        from: "if size(&json) > MAX_REPORT_BYTES {",
        to: "if json.len() > MAX_REPORT_BYTES {",
    },
    Bug {
        name: "calls that are cut are not counted",
        file: "shared/src/bounded.rs",
        from: "merge(&mut report.calls, of_targets);",
        to: "of_targets.for_each(drop);",
    },
    Bug {
        name: "a report may fill all of a log event",
        file: "shared/src/bounded.rs",
        from: "pub const MAX_REPORT_BYTES: usize = 160_000;",
        to: "pub const MAX_REPORT_BYTES: usize = 256_000;",
    },
    Bug {
        name: "characters that reverse the writing stay",
        file: SANITIZE,
        from: "!letter.is_control() && !is_hidden",
        to: "!letter.is_control()",
    },
    Bug {
        name: "a long text is not cut",
        file: SANITIZE,
        from: "if is_printable && text.len() <= LONGEST {",
        to: "if is_printable {",
    },
    Bug {
        name: "names of members are not sanitized",
        file: SANITIZE,
        from: "(sanitize(&name), member)",
        to: "(name, member)",
    },
    Bug {
        name: "a quote of the input ends a notification's JSON",
        file: REJECTION,
        from: r#"'"' => '\'',"#,
        to: r#"'"' => '"',"#,
    },
];
