//! What `disconnect-source-server` may do to a server, and in which order.

use crate::bug::Bug;

const DISCONNECT_EXECUTE: &str = "functions/disconnect-source-server/src/execute.rs";
const DISCONNECT_PLAN: &str = "functions/disconnect-source-server/src/plan.rs";
const DISCONNECT_POLICY: &str = "functions/disconnect-source-server/src/policy.rs";
const DISCONNECT_REPORT: &str = "functions/disconnect-source-server/src/report.rs";
const DISCONNECT_SNAPSHOT: &str = "functions/disconnect-source-server/src/snapshot.rs";

pub(super) const BUGS: &[Bug] = &[
    // Nothing is done, or said to be.
    Bug {
        name: "every request of several targets is refused",
        file: DISCONNECT_PLAN,
        from: "    if let Some(over) = policy.guardrails.against_targets(targets.len()) {",
        to: "    if targets.len() > 1
        && let over = Grounds::new(Reason::OverMaxTargets)
    {",
    },
    Bug {
        name: "what was disconnected is never done",
        file: DISCONNECT_REPORT,
        from: "        Verdict::Done(reason) => Some(Conclusion::new(done, *reason)),",
        to: "        Verdict::Done(reason) => {
            _ = done;
            Some(Conclusion::new(Outcome::AlreadyDone, *reason))
        }",
    },
    // Each rule forbids by itself.
    Bug {
        name: "the approval of a change is not asked for",
        file: DISCONNECT_PLAN,
        from: "    against.extend(policy.guardrails.against(&command.request_id, tags));",
        to: "    against.extend(policy.guardrails.against_protected(tags));",
    },
    Bug {
        name: "a protected server loses its approval",
        file: DISCONNECT_PLAN,
        from: "        .against_protected(&server.tags)
        .into_iter()",
        to: "        .against_protected(&server.tags)
        .filter(|_| false)
        .into_iter()",
    },
    Bug {
        name: "a server without an ARN is disconnected",
        file: DISCONNECT_PLAN,
        from: r#"server.arn.is_none().then(|| grounds::unknown("arn"))"#,
        to: "None",
    },
    Bug {
        name: "a contradicting name is overlooked",
        file: DISCONNECT_PLAN,
        from: "    if !mismatches.is_empty() {
        return Refused(mismatches);
    }
",
        to: "",
    },
    Bug {
        name: "ALLOW_DELETE is not asked",
        file: DISCONNECT_PLAN,
        from: "if !policy.allows(command.action) {",
        to: "if !policy.allows(Action::Disconnect) {",
    },
    Bug {
        name: "the deployment's plan mode is not kept",
        file: DISCONNECT_PLAN,
        from: "mode: policy.guardrails.effective_mode(command.mode),",
        to: "mode: command.mode,",
    },
    // What uses a server forbids to change it.
    Bug {
        name: "jobs are ignored",
        file: DISCONNECT_PLAN,
        from: "against.extend(in_job(server, &usage.servers_in_jobs));",
        to: "against.extend(in_job(server, &[]));",
    },
    Bug {
        name: "a job without named servers uses none",
        file: DISCONNECT_PLAN,
        from: "// A job whose servers AWS did not name may work on this one.
            None => true,",
        to: "None => false,",
    },
    Bug {
        name: "a recovery instance without a server belongs to none",
        file: DISCONNECT_PLAN,
        from: "// It may be of any server.
            None => true,",
        to: "None => false,",
    },
    Bug {
        name: "a recovery instance in the server's record alone is ignored",
        file: DISCONNECT_PLAN,
        from: "true if server.recovery_instance_id.is_none() => return None,",
        to: "true => return None,",
    },
    Bug {
        name: "one drill makes every recovery instance a drill",
        file: DISCONNECT_PLAN,
        from: "of_server.iter().all(|instance| instance.is_drill)",
        to: "of_server.iter().any(|instance| instance.is_drill)",
    },
    Bug {
        name: "usage that was not read allows a change",
        file: DISCONNECT_PLAN,
        from: r#"None => against.push(grounds::unknown("jobs and recovery instances")),"#,
        to: "None => {}",
    },
    Bug {
        name: "an extended server is disconnected",
        file: DISCONNECT_PLAN,
        from: "Staging::Extended => against.push(grounds::extended(Reason::Extended, server)),",
        to: "Staging::Extended => {}",
    },
    Bug {
        name: "a server with an unknown staging area is disconnected",
        file: DISCONNECT_PLAN,
        from: r#"Staging::Unknown => against.push(grounds::unknown("stagingArea.status")),"#,
        to: "Staging::Unknown => {}",
    },
    Bug {
        name: "a failback is cut off",
        file: DISCONNECT_PLAN,
        from: "Direction::Failback => against.push(Reason::FailbackDirection.into()),",
        to: "Direction::Failback => {}",
    },
    Bug {
        name: "one server of a reversed pair is disconnected",
        file: DISCONNECT_PLAN,
        from: "Direction::ReversedPair => against.push(grounds::reversed(server)),",
        to: "Direction::ReversedPair => {}",
    },
    Bug {
        name: "a server that replicates in an unknown direction is disconnected",
        file: DISCONNECT_PLAN,
        from: r#"Direction::Unknown => against.push(grounds::unknown("replicationDirection")),"#,
        to: "Direction::Unknown => {}",
    },
    Bug {
        name: "a server in an unknown state is disconnected",
        file: DISCONNECT_PLAN,
        from: "    if server.state == State::Unknown {",
        to: "    if false {",
    },
    // The approval goes last, and stays for a deletion.
    Bug {
        name: "the approval is removed before the disconnect",
        file: DISCONNECT_PLAN,
        from: "let mut steps = vec![Step::Disconnect];
    steps.extend(consume_approval(command, server, policy));",
        to: "let mut steps: Vec<Step> = consume_approval(command, server, policy).into_iter().collect();
    steps.push(Step::Disconnect);",
    },
    Bug {
        name: "the approval is left on a disconnected server",
        file: DISCONNECT_PLAN,
        from: "    steps.extend(consume_approval(command, server, policy));
",
        to: "    steps.truncate(1);
",
    },
    Bug {
        name: "a run that was killed after the disconnect is not resumed",
        file: DISCONNECT_PLAN,
        from: "if approval.is_none() {",
        to: "if approval.is_none() || server.state == State::Disconnected {",
    },
    Bug {
        name: "a retirement removes the approval that its deletion needs",
        file: DISCONNECT_PLAN,
        from: "// The approval stays: the deletion needs it.
    Act(vec![Step::Disconnect])",
        to: "let mut steps = vec![Step::Disconnect];
    steps.extend(consume_approval(command, server, policy));
    Act(steps)",
    },
    Bug {
        name: "a retirement that awaits its deletion says done",
        file: DISCONNECT_PLAN,
        from: "return Pending(Reason::RecordAwaitsDeletion.into());",
        to: "return Done(Reason::Disconnected);",
    },
    Bug {
        name: "a record is deleted while its server replicates",
        file: DISCONNECT_PLAN,
        from: "    if server.state != State::Disconnected {
        against.push",
        to: "    if false {
        against.push",
    },
    // With a record goes what DRS shows of its staging area, so that its deletion waits.
    Bug {
        name: "a record is deleted while something of its staging area is left",
        file: DISCONNECT_PLAN,
        from: "Some(verdict) if !command.skip_cleanup_check => verdict,",
        to: "Some(verdict) if false => verdict,",
    },
    Bug {
        name: "a deletion that does not want to wait waits",
        file: DISCONNECT_PLAN,
        from: "Some(verdict) if !command.skip_cleanup_check => verdict,",
        to: "Some(verdict) => verdict,",
    },
    Bug {
        name: "a staging area that was not read is gone",
        file: DISCONNECT_PLAN,
        from: "        Some(leftovers) if leftovers.is_empty() => None,
",
        to: "        None => None,
        Some(leftovers) if leftovers.is_empty() => None,
",
    },
    Bug {
        name: "a staging area that is left is waited for without end",
        file: DISCONNECT_PLAN,
        from: "Some(left) if snapshot.cleanup_overdue.contains(&server.id) => {",
        to: "Some(left) if false => {",
    },
    Bug {
        name: "a server that replicates again is verified",
        file: DISCONNECT_PLAN,
        from: "    if server.state != State::Disconnected {
        return Refused(vec![grounds::not_disconnected(server)]);
    }

    unproven",
        to: "    unproven",
    },
    Bug {
        name: "a disconnect is done before its clean-up is verified",
        file: DISCONNECT_PLAN,
        from: "Some(_) if policy.verify_cleanup =>",
        to: "Some(Failed(_)) if policy.verify_cleanup =>",
    },
    Bug {
        name: "every deployment waits for the clean-up",
        file: DISCONNECT_PLAN,
        from: "Some(_) if policy.verify_cleanup =>",
        to: "Some(_) =>",
    },
    // Absence is success for a deletion by a plain ID alone.
    Bug {
        name: "a record named by another account's ARN counts as deleted",
        file: DISCONNECT_PLAN,
        from: ".is_some_and(|source_server| source_server.arn.is_none());",
        to: ".is_some();",
    },
    Bug {
        name: "a server that does not exist counts as disconnected",
        file: DISCONNECT_PLAN,
        from: "action == Action::Delete && by_plain_id && snapshot.initialised",
        to: "by_plain_id && snapshot.initialised",
    },
    Bug {
        name: "a record counts as deleted where DRS was never initialised",
        file: DISCONNECT_PLAN,
        from: "action == Action::Delete && by_plain_id && snapshot.initialised",
        to: "action == Action::Delete && by_plain_id",
    },
    // Limits are of the whole request, before its first change.
    Bug {
        name: "a server that is named twice is changed twice",
        file: DISCONNECT_PLAN,
        from: "target.refuse(&twice);",
        to: "let _ = twice;",
    },
    Bug {
        name: "MAX_TARGETS counts only targets that would be changed",
        file: DISCONNECT_PLAN,
        from: "policy.guardrails.against_targets(targets.len())",
        to: "policy.guardrails.against_targets(count_changes(&targets))",
    },
    Bug {
        name: "removing approvals counts against the share",
        file: DISCONNECT_PLAN,
        from: "steps.any(|step| matches!(step, Step::Disconnect | Step::Delete))",
        to: "steps.any(|_| true)",
    },
    Bug {
        name: "one server more than the share is changed",
        file: DISCONNECT_PLAN,
        from: "        && changes > policy.allowed_changes",
        to: "        && changes.saturating_sub(1) > policy.allowed_changes",
    },
    Bug {
        name: "old records make room for disconnects",
        file: DISCONNECT_POLICY,
        from: "Action::Disconnect | Action::Retire => account.connected,",
        to: "Action::Disconnect | Action::Retire => account.records,",
    },
    Bug {
        name: "the share is rounded up",
        file: DISCONNECT_POLICY,
        from: "(share_base(action, account) * self.max_share_percent / 100).max(1)",
        to: "(share_base(action, account) * self.max_share_percent).div_ceil(100).max(1)",
    },
    Bug {
        name: "a small account can change nothing",
        file: DISCONNECT_POLICY,
        from: "(share_base(action, account) * self.max_share_percent / 100).max(1)",
        to: "share_base(action, account) * self.max_share_percent / 100",
    },
    Bug {
        name: "a retirement needs no ALLOW_DELETE",
        file: DISCONNECT_POLICY,
        from: "Action::Retire | Action::Delete => self.allow_delete,",
        to: "Action::Retire => true,
            Action::Delete => self.allow_delete,",
    },
    Bug {
        name: "two targets are not worth a count",
        file: DISCONNECT_POLICY,
        from: "targets > 1 && self.max_share_percent < 100",
        to: "targets > 2 && self.max_share_percent < 100",
    },
    Bug {
        name: "records may be deleted by default",
        file: DISCONNECT_POLICY,
        from: r#"value("ALLOW_DELETE", "false")"#,
        to: r#"value("ALLOW_DELETE", "true")"#,
    },
    Bug {
        name: "half of an account may be changed by default",
        file: DISCONNECT_POLICY,
        from: r#"value("MAX_SHARE_PERCENT", "10")"#,
        to: r#"value("MAX_SHARE_PERCENT", "50")"#,
    },
    // A machine that talks is not gone.
    Bug {
        name: "a machine may talk for ever after its termination",
        file: "functions/disconnect-source-server/src/observe.rs",
        from: "if let Some(end) = command.terminated_at {",
        to: "if let Some(end) = command.expires_at {",
    },
    Bug {
        name: "silence is asked for in seconds",
        file: DISCONNECT_PLAN,
        from: "if *seconds >= required * 60 => None,",
        to: "if *seconds >= required => None,",
    },
    Bug {
        name: "a server that DRS never saw counts as silent",
        file: DISCONNECT_PLAN,
        from: "        _ if required == 0 => None,",
        to: "        None => None,\n        _ if required == 0 => None,",
    },
    Bug {
        name: "an event does not wait for the silence of its machine",
        file: DISCONNECT_PLAN,
        from: "if command.is_native() && lacks_silence",
        to: "if false && lacks_silence",
    },
    // Each step follows on a read, once, and by the first plan.
    Bug {
        name: "a step that only a later plan asks for is taken",
        file: DISCONNECT_EXECUTE,
        from: "(planned && !attempted && !unread)",
        to: "(!attempted && !unread)",
    },
    Bug {
        name: "a step follows on what could not be read",
        file: DISCONNECT_EXECUTE,
        from: "(planned && !attempted && !unread)",
        to: "(planned && !attempted)",
    },
    Bug {
        name: "any answer to a disconnect is taken for a read",
        file: DISCONNECT_EXECUTE,
        from: "confirmed: consumes_next && result == Ok(true),",
        to: "confirmed: consumes_next && result.is_ok(),",
    },
    Bug {
        name: "a retirement trusts the answer to its disconnect",
        file: DISCONNECT_EXECUTE,
        from: "confirmed: consumes_next && result == Ok(true),",
        to: "confirmed: result == Ok(true),",
    },
    Bug {
        name: "the read after a round gets no time",
        file: DISCONNECT_EXECUTE,
        from: "        .saturating_sub(1)
        .saturating_mul(CONCURRENT_CALLS);",
        to: "        .saturating_mul(CONCURRENT_CALLS);",
    },
    Bug {
        name: "one round may take the time of all rounds",
        file: DISCONNECT_EXECUTE,
        from: ".checked_div(rounds)",
        to: ".checked_div(rounds.min(1))",
    },
    Bug {
        name: "a server that could not be read back was read back",
        file: DISCONNECT_EXECUTE,
        from: "Some(attempt) => attempt.made.is_some() && attempt.unread.is_none(),",
        to: "Some(attempt) => attempt.made.is_some(),",
    },
    Bug {
        name: "a loss is counted without a read",
        file: DISCONNECT_EXECUTE,
        from: "called && self.was_read_back() && state ==",
        to: "called && state ==",
    },
    Bug {
        name: "what was read before stays beside what is read now",
        file: DISCONNECT_SNAPSHOT,
        from: "        self.servers.retain(|server| !ids.contains(&server.id));
",
        to: "",
    },
];
