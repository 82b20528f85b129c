//! Bugs planted by two people who knew neither this list nor the simulator, ten each. One is in both.

use crate::bug::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "old records make room for more retirements",
        file: "functions/disconnect-source-server/src/policy.rs",
        from: "        Action::Disconnect | Action::Retire => account.connected,
        Action::Delete | Action::Verify => account.records,
",
        to: "        Action::Disconnect => account.connected,
        Action::Retire | Action::Delete | Action::Verify => account.records,
",
    },
    Bug {
        name: "beyond the deadline the limit counts finished targets",
        file: "functions/disconnect-source-server/src/execute.rs",
        from: "    let acting = runs.iter_mut().filter(|run| !run.first.steps().is_empty());
    for run in acting.skip(in_time) {
",
        to: "    let late = runs.iter_mut().skip(in_time);
    for run in late.filter(|run| !run.first.steps().is_empty()) {
",
    },
    Bug {
        name: "a target is bound to the server of its neighbour",
        file: "functions/disconnect-source-server/src/execute.rs",
        from: "    let bound = command.clone().bound_to(runs.iter().map(TargetRun::id));
",
        to: "    let bound = command
        .clone()
        .bound_to(runs.iter().filter_map(TargetRun::id).map(Some));
",
    },
    Bug {
        name: "an overwrite goes on where the look before it failed",
        file: "functions/bootstrap-efs-replication/src/execute.rs",
        from: "        run = recheck(command, target, context, calls).await;
",
        to: "        let rechecked = recheck(command, target, context, calls).await;
        // A look that failed says nothing new.
        if !matches!(rechecked.first, Verdict::Unobserved(_)) {
            run = rechecked;
        }
",
    },
    Bug {
        name: "a broken access point is named by the ID of the healthy one",
        file: "shared/src/efs/comparison.rs",
        from: "                self.broken.get_or_insert_with(|| existing.id.clone());
",
        to: "                self.broken.get_or_insert_with(|| point.id.clone());
",
    },
    Bug {
        name: "a policy that names a VPC is copied as it is",
        file: "shared/src/efs/document.rs",
        from: r#"    let is_network = text.starts_with("vpc-") || text.starts_with("vpce-");
"#,
        to: r#"    let is_network = text.starts_with("vpce-");
"#,
    },
    Bug {
        name: "a server of a job that AWS did not name is left out",
        file: "shared/src/drs/observe.rs",
        from: ".map(|server| in_job(read_id(server.source_server_id())))",
        to: ".filter_map(|server| read_id(server.source_server_id()))
        .map(|id| in_job(Some(id)))",
    },
    Bug {
        name: "a call without a token is repeated where no answer came",
        file: "shared/src/rate_limit.rs",
        from: "            Some(answer) if throttles(answer) => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
",
        to: "            Some(answer) if !throttles(answer) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
",
    },
    Bug {
        name: "a topic's message for the function that is not there is dropped",
        file: "template.yaml",
        from: "                  - !If [Disconnects, Source Server Decommission Requested, !Ref AWS::NoValue]
                  - !If [Replicates, File System Replication Requested, !Ref AWS::NoValue]
",
        to: "                  - Source Server Decommission Requested
                  - File System Replication Requested
",
    },
    Bug {
        name: "nobody is told of a tag that names no Region",
        file: "template.yaml",
        from: "reason: [{ anything-but: [not_found, no_replicate_to_tag] }]",
        to: "reason: [{ anything-but: [not_found, no_replicate_to_tag, bad_replicate_to_tag] }]",
    },
    Bug {
        name: "a target that was named by ARN keeps its ARN",
        file: "functions/disconnect-source-server/src/command.rs",
        from: "            if let Some(id) = id {
                // The other names stay, and still have to match.
                target.source_server = Some(id.clone().into());
            }
",
        to: "            if let Some(id) = id {
                // The other names stay, and still have to match.
                target.source_server.get_or_insert_with(|| id.clone().into());
            }
",
    },
    Bug {
        name: "the deletion comes before the rest of its retirement",
        file: "functions/disconnect-source-server/src/report.rs",
        from: "        if target.outcome != Outcome::Pending {
            continue;
        }
        // Something else is still pending: the same request has to be sent again first.
        if target.reason != awaits {
            return None;
        }
",
        to: "        // Only what is disconnected by now can be deleted next.
        if target.outcome != Outcome::Pending || target.reason != awaits {
            continue;
        }
",
    },
    Bug {
        name: "a name that DRS leaves out contradicts nothing",
        file: "functions/disconnect-source-server/src/matching.rs",
        from: "        // A name that the request leaves out matches every server.
        asked.is_some() && asked != read.as_deref()
",
        to: "        // A name that one of the two leaves out contradicts nothing.
        matches!((asked, read), (Some(asked), Some(read)) if asked != read.as_str())
",
    },
    Bug {
        name: "a second request marks the replica again",
        file: "functions/bootstrap-efs-replication/src/plan.rs",
        from: "        if replica.tags.contains_key(BOOTSTRAPPED_BY_TAG) {
",
        to: "        let marked_by = replica.tags.get(BOOTSTRAPPED_BY_TAG).map(String::as_str);
        if marked_by == Some(self.command.request_id.as_ref()) {
",
    },
    Bug {
        name: "a One Zone replica stands in for a Regional one",
        file: "functions/bootstrap-efs-replication/src/destination.rs",
        from: "    replica.availability_zone_name == destination.availability_zone_name
",
        to: "    !differs(
        &destination.availability_zone_name,
        &replica.availability_zone_name,
    )
",
    },
    Bug {
        name: "the last access point within the limit loses its tags",
        file: "functions/bootstrap-efs-replication/src/observe.rs",
        from: "        is_missing && missing <= limit
",
        to: "        is_missing && missing < limit
",
    },
    Bug {
        name: "an expired request is good for five more minutes",
        file: "shared/src/request.rs",
        from: "    if expires_at <= now {
",
        to: "    if expires_at + CLOCKS <= now {
",
    },
    Bug {
        name: "backups that are being switched off count as on",
        file: "shared/src/efs/observe.rs",
        from: "    matches!(status, types::Status::Enabled | types::Status::Enabling)
",
        to: "    !matches!(status, types::Status::Disabled)
",
    },
    Bug {
        name: "terminations are awaited on the bus of requests",
        file: "template.yaml",
        from: "      State: !Ref InstanceTerminatedTrigger
",
        to: "      EventBusName: !Ref EventBusName
      State: !Ref InstanceTerminatedTrigger
",
    },
];
