//! What is read of AWS: lists to their end, absence by its code alone, nothing guessed.

use crate::bug::Bug;

const API: &str = "shared/src/api.rs";
const BOOTSTRAP_OBSERVE: &str = "functions/bootstrap-efs-replication/src/observe.rs";
const DISCONNECT_OBSERVE: &str = "functions/disconnect-source-server/src/observe.rs";
const DRS_CHANGE: &str = "shared/src/drs/change.rs";
const DRS_MODEL: &str = "shared/src/drs/model.rs";
const DRS_OBSERVE: &str = "shared/src/drs/observe.rs";
const EFS_OBSERVE: &str = "shared/src/efs/observe.rs";

pub(super) const BUGS: &[Bug] = &[
    // A list is read to its end, and an error is no absence.
    Bug {
        name: "only the first page of a list is read",
        file: API,
        from: "if is_last {",
        to: "if is_last || requests == 1 {",
    },
    Bug {
        name: "a repeated page token is followed",
        file: API,
        from: "token.is_some_and(|token| !tokens.insert(token));",
        to: "token.is_some_and(|token| tokens.get(&token) == Some::<&String>(&token));",
    },
    Bug {
        name: "any error is taken for absence",
        file: API,
        from: "codes.contains(&code).then(|| code.to_owned())",
        to: "(!codes.is_empty()).then(|| code.to_owned())",
    },
    Bug {
        name: "a call does not wait for its turn",
        file: API,
        from: "// A future of the SDK sends nothing before it is awaited.
        self.limiter.acquire().await;",
        to: "// A future of the SDK sends nothing before it is awaited.",
    },
    Bug {
        name: "calls that are alike count as one",
        file: API,
        from: "Some(known) => known.requests += call.requests,",
        to: "Some(known) => known.requests = call.requests,",
    },
    // A job uses all its servers until it has ended.
    Bug {
        name: "only the first server of a job counts",
        file: DRS_OBSERVE,
        from: ".map(|server| in_job(read_id(server.source_server_id())))",
        to: ".take(1)
        .map(|server| in_job(read_id(server.source_server_id())))",
    },
    Bug {
        name: "a job in an unknown state has ended",
        file: DRS_OBSERVE,
        from: "if job.status() == Some(&JobStatus::Completed) {",
        to: "if !matches!(job.status(), Some(JobStatus::Pending | JobStatus::Started)) {",
    },
    Bug {
        name: "a job that terminates instances has ended",
        file: DRS_OBSERVE,
        from: "if job.status() == Some(&JobStatus::Completed) {",
        to: "if job.status() == Some(&JobStatus::Completed)
        || job.r#type() == Some(&types::JobType::Terminate)
    {",
    },
    Bug {
        name: "a job that has not started has ended",
        file: DRS_OBSERVE,
        from: "if job.status() == Some(&JobStatus::Completed) {",
        to: "if job.status() != Some(&JobStatus::Started) {",
    },
    Bug {
        name: "only the first page of jobs is read",
        file: DRS_OBSERVE,
        from: r#""DescribeJobs",
                pages,
                |page| page.next_token(),"#,
        to: r#""DescribeJobs",
                pages,
                |_| None,"#,
    },
    Bug {
        name: "only the first page of recovery instances is read",
        file: DRS_OBSERVE,
        from: r#""DescribeRecoveryInstances",
                pages,
                |page| page.next_token(),"#,
        to: r#""DescribeRecoveryInstances",
                pages,
                |_| None,"#,
    },
    Bug {
        name: "only the recovery points of the last page count",
        file: DRS_OBSERVE,
        from: "                    for point in page.items() {",
        to: "                    ids.clear();\n                    for point in page.items() {",
    },
    // What AWS says of a server is taken as it stands, and what is unknown stays unknown.
    Bug {
        name: "disconnected servers count as connected",
        file: DRS_OBSERVE,
        from: "connected.insert(server.id.clone(), server.state != State::Disconnected);",
        to: "connected.insert(server.id.clone(), true);",
    },
    Bug {
        name: "a recovery instance of unknown kind is a drill",
        file: DRS_OBSERVE,
        from: "is_drill: instance.is_drill() == Some(true),",
        to: "is_drill: instance.is_drill() != Some(false),",
    },
    Bug {
        name: "a reversed pair is not recognised",
        file: DRS_OBSERVE,
        from: "        _ if is_paired => Direction::ReversedPair,
",
        to: "",
    },
    Bug {
        name: "an unknown direction is failover",
        file: DRS_OBSERVE,
        from: "Some(_) => Direction::Unknown,",
        to: "Some(_) => Direction::Failover,",
    },
    Bug {
        name: "a server that names a staging server has its own staging area",
        file: DRS_OBSERVE,
        from: "None if !names_staging_server => Staging::Own,",
        to: "None => Staging::Own,",
    },
    Bug {
        name: "a state of the future is a connected one",
        file: DRS_OBSERVE,
        from: "Some(known) if DataReplicationState::values().contains(&known.as_str()) => {",
        to: "Some(known) => {",
    },
    Bug {
        name: "only the largest disk counts",
        file: DRS_OBSERVE,
        from: ".reduce(i64::saturating_add)",
        to: ".max()",
    },
    Bug {
        name: "a day of replication counts as an hour",
        file: DRS_OBSERVE,
        from: "('D', false) => Some(24 * 3600),",
        to: "('D', false) => Some(3600),",
    },
    Bug {
        name: "an empty recovery instance ID is an instance",
        file: DRS_OBSERVE,
        from: "owned(server.recovery_instance_id()).filter(|id| !id.is_empty()),",
        to: "owned(server.recovery_instance_id()),",
    },
    Bug {
        name: "a missing permission is taken for an account without DRS",
        file: DRS_OBSERVE,
        from: "&[UNINITIALIZED],",
        to: r#"&[UNINITIALIZED, "AccessDeniedException"],"#,
    },
    Bug {
        name: "a record without an ID is passed over",
        file: DRS_OBSERVE,
        from: "let server = read_server(item).ok_or(FaultKind::Unreadable)?;",
        to: "let Some(server) = read_server(item) else {
                        continue;
                    };",
    },
    Bug {
        name: "the fqdn of a server is its host name",
        file: DRS_OBSERVE,
        from: "fqdn: owned(hints.and_then(|hints| hints.fqdn())),",
        to: "fqdn: owned(hints.and_then(|hints| hints.hostname())),",
    },
    Bug {
        name: "the tags in the answer to a disconnect are not compared",
        file: DRS_CHANGE,
        from: "            && self.tags == server.tags
",
        to: "",
    },
    // What may use the servers is read of all of them, last, and jobs first.
    Bug {
        name: "recovery instances are listed before jobs",
        file: DISCONNECT_OBSERVE,
        from: "let servers_in_jobs = drs.servers_in_jobs(calls).await?;
    let recovery_instances = drs.recovery_instances(&ids, calls).await?;",
        to: "let recovery_instances = drs.recovery_instances(&ids, calls).await?;
    let servers_in_jobs = drs.servers_in_jobs(calls).await?;",
    },
    Bug {
        name: "a record that a list left out counts as deleted",
        file: DISCONNECT_OBSERVE,
        from: "for id in missing_records(command, &filter, &listed.servers) {",
        to: "for id in missing_records(command, &filter, &listed.servers).drain(..0) {",
    },
    Bug {
        name: "jobs that could not be listed are taken for none",
        file: DISCONNECT_OBSERVE,
        from: "drs.servers_in_jobs(calls).await?;",
        to: "drs.servers_in_jobs(calls).await.unwrap_or_default();",
    },
    Bug {
        name: "recovery instances are listed of the first server",
        file: DISCONNECT_OBSERVE,
        from: "drs.recovery_instances(&ids, calls)",
        to: "drs.recovery_instances(&ids[..1], calls)",
    },
    Bug {
        name: "several targets are listed by the instance of the first",
        file: DISCONNECT_OBSERVE,
        from: "[target] => match &target.aws_instance_id {",
        to: "[target, ..] => match &target.aws_instance_id {",
    },
    Bug {
        name: "the account is counted by the servers that were asked for",
        file: DISCONNECT_OBSERVE,
        from: "    if needs_size {
        return ServerFilter::All;
    }
",
        to: "    _ = needs_size;
",
    },
    Bug {
        name: "recovery points that could not be counted are none",
        file: DISCONNECT_OBSERVE,
        from: "Some((id.clone(), points.ok()?))",
        to: "Some((id.clone(), points.unwrap_or_default()))",
    },
    Bug {
        name: "counting recovery points takes the time of the steps",
        file: DISCONNECT_OBSERVE,
        from: "let has_time = || context.invocation.calls_left() > CALLS_KEPT_FREE;",
        to: "let has_time = || context.invocation.calls_left() > 0;",
    },
    Bug {
        name: "the recovery points that a retirement destroys are not counted",
        file: DISCONNECT_OBSERVE,
        from: "matches!(command.action, Action::Disconnect | Action::Retire)",
        to: "command.action == Action::Disconnect",
    },
    // What is left of a staging area is read in whole, and for as long as it may be there.
    Bug {
        name: "a disk that still has data is nothing left of a staging area",
        file: DRS_MODEL,
        from: "disks: server.staged_disks,",
        to: "disks: 0,",
    },
    Bug {
        name: "a lag is nothing left of a staging area",
        file: DRS_MODEL,
        from: "lag: server.has_lag,",
        to: "lag: false,",
    },
    Bug {
        name: "an estimate is no lag",
        file: DRS_OBSERVE,
        from: "has_lag: [lag, estimate]",
        to: "has_lag: [lag, None]",
    },
    Bug {
        name: "a staging area that is left is a failure at once",
        file: DISCONNECT_OBSERVE,
        from: "disconnected_at.is_some_and(|seen| now - seen.0 > allowed)",
        to: "disconnected_at.is_some_and(|seen| now - seen.0 > allowed / 1000)",
    },
    Bug {
        name: "a staging area that cannot be read is waited for",
        file: DISCONNECT_OBSERVE,
        from: "(Err(call), _) if is_needed => return Err(call),",
        to: "(Err(call), _) if false => return Err(call),",
    },
    Bug {
        name: "a disconnect depends on what is left of servers that were disconnected before",
        file: DISCONNECT_OBSERVE,
        from: "(Err(call), _) if is_needed => return Err(call),",
        to: "(Err(call), _) => return Err(call),",
    },
    Bug {
        name: "the snapshots of the oldest recovery points are kept",
        file: DRS_OBSERVE,
        from: "RecoverySnapshotsOrder::Desc",
        to: "RecoverySnapshotsOrder::Asc",
    },
    // Of EFS both sides are read, each where it is.
    Bug {
        name: "the replication of an existing destination is not read",
        file: BOOTSTRAP_OBSERVE,
        from: "if view.replication.is_none() && view.destination.is_some() {",
        to: "if view.replication.is_some() && view.destination.is_none() {",
    },
    Bug {
        name: "the replica is looked for in the source's Region",
        file: BOOTSTRAP_OBSERVE,
        from: "let away = context.efs.in_region(&region);",
        to: "let away = home.clone();",
    },
    Bug {
        name: "a plan promises access points that the destination has",
        file: BOOTSTRAP_OBSERVE,
        from: "Resources::to_come(&points, &existing_points)",
        to: "Resources::to_come(&points, &[])",
    },
    Bug {
        name: "a policy is translated without access points",
        file: BOOTSTRAP_OBSERVE,
        from: "if asked.access_points == Copying::Copy || asked.policy == Copying::Copy {",
        to: "if asked.access_points == Copying::Copy {",
    },
    Bug {
        name: "the last access point of a plan loses its tags",
        file: BOOTSTRAP_OBSERVE,
        from: "is_missing && missing <= limit",
        to: "is_missing && missing < limit",
    },
    Bug {
        name: "mount targets take no time to read",
        file: BOOTSTRAP_OBSERVE,
        from: "CALLS_PER_OBSERVATION + CALLS_FOR_RESOURCES + asked.replica.mount_targets.len()",
        to: "CALLS_PER_OBSERVATION + CALLS_FOR_RESOURCES",
    },
    Bug {
        name: "a policy that may not be read is taken for none",
        file: EFS_OBSERVE,
        from: r#".find(OPERATION, &["PolicyNotFound"], request.send())"#,
        to: r#".find(OPERATION, &["PolicyNotFound", "AccessDeniedException"], request.send())"#,
    },
    Bug {
        name: "only the first page of access points is read",
        file: EFS_OBSERVE,
        from: r#""DescribeAccessPoints",
                pages,
                |page| page.next_token(),"#,
        to: r#""DescribeAccessPoints",
                pages,
                |_| None,"#,
    },
    Bug {
        name: "only the first page of mount targets is read",
        file: EFS_OBSERVE,
        from: r#""DescribeMountTargets",
                pages,
                |page| page.next_marker(),"#,
        to: r#""DescribeMountTargets",
                pages,
                |_| None,"#,
    },
    Bug {
        name: "security groups are compared in the order of EFS",
        file: EFS_OBSERVE,
        from: "        groups.sort();
",
        to: "",
    },
    Bug {
        name: "overwrite protection that AWS leaves out is disabled",
        file: EFS_OBSERVE,
        from: "_ => Protection::Unknown,",
        to: "_ => Protection::Disabled,",
    },
    Bug {
        name: "secondary groups of an access point are not read",
        file: EFS_OBSERVE,
        from: "secondary_gids: user.secondary_gids().to_vec(),",
        to: "secondary_gids: Vec::new(),",
    },
    Bug {
        name: "an unknown life cycle state is available",
        file: EFS_OBSERVE,
        from: "_ => LifeCycle::Error,",
        to: "_ => LifeCycle::Available,",
    },
    Bug {
        name: "backups that are being enabled are enabled again",
        file: EFS_OBSERVE,
        from: "matches!(status, types::Status::Enabled | types::Status::Enabling)",
        to: "matches!(status, types::Status::Enabled)",
    },
    Bug {
        name: "an account with dashes is unreadable",
        file: EFS_OBSERVE,
        from: r#"AccountId::try_from(text.replace('-', "")).ok()"#,
        to: "AccountId::try_from(text.to_owned()).ok()",
    },
    Bug {
        name: "the transition to the archive is not read",
        file: EFS_OBSERVE,
        from: "[to_ia, to_primary, to_archive]",
        to: "[to_ia, to_primary]",
    },
    Bug {
        name: "an empty list of file systems is absence",
        file: EFS_OBSERVE,
        from: "let found = answer.file_systems().first().ok_or_else(unreadable)?;",
        to: "let Some(found) = answer.file_systems().first() else {
            return Ok(None);
        };",
    },
];
