//! Bugs planted by somebody who knew neither this list nor the simulator.

use crate::bug::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "old records make room for more retirements",
        file: "functions/disconnect-source-server/src/policy.rs",
        from: "            Action::Disconnect | Action::Retire => account.connected,
            Action::Delete => account.records,
",
        to: "            Action::Disconnect => account.connected,
            Action::Retire | Action::Delete => account.records,
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
        file: "functions/bootstrap-efs-replication/src/snapshot.rs",
        from: "                self.broken.get_or_insert_with(|| existing.id.clone());
",
        to: "                self.broken.get_or_insert_with(|| point.id.clone());
",
    },
    Bug {
        name: "a policy that names a VPC is copied as it is",
        file: "functions/bootstrap-efs-replication/src/document.rs",
        from: r#"    let is_network = text.starts_with("vpc-") || text.starts_with("vpce-");
"#,
        to: r#"    let is_network = text.starts_with("vpce-");
"#,
    },
    Bug {
        name: "a server of a job that AWS did not name is left out",
        file: "shared/src/drs/observe.rs",
        from: "        .map(|server| read_id(server.source_server_id()))
        .collect()
",
        to: "        .filter_map(|server| read_id(server.source_server_id()))
        .map(Some)
        .collect()
",
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
];
