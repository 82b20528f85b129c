//! What an audit may say and offer.

use crate::bug::Bug;

const SERVERS: &str = "functions/audit-source-servers/src/assess.rs";
const FILE_SYSTEMS: &str = "functions/audit-file-systems/src/assess.rs";
const FILE_SYSTEMS_COMPARISON: &str = "functions/audit-file-systems/src/comparison.rs";
const FILE_SYSTEMS_OBSERVE: &str = "functions/audit-file-systems/src/observe.rs";
const FILE_SYSTEMS_REPORT: &str = "functions/audit-file-systems/src/report.rs";

pub(super) const BUGS: &[Bug] = &[
    // What is offered is what somebody will paste.
    Bug {
        name: "the retirement of a whole silent site is offered",
        file: SERVERS,
        from: "let may_go = is_silent && !is_outage && needs_approval;",
        to: "let may_go = is_silent && needs_approval;",
    },
    Bug {
        name: "a retirement is offered where nobody has to approve",
        file: SERVERS,
        from: "let may_go = is_silent && !is_outage && needs_approval;",
        to: "let may_go = is_silent && !is_outage;",
    },
    Bug {
        name: "a retirement is offered for a protected server",
        file: SERVERS,
        from: "if self.is_protected() || !is_plain",
        to: "if !is_plain",
    },
    Bug {
        name: "a retirement is offered beside a recovery instance",
        file: SERVERS,
        from: "server.arn.is_none() || !self.instances().is_empty()",
        to: "server.arn.is_none()",
    },
    Bug {
        name: "a deletion is offered for points that were not counted",
        file: SERVERS,
        from: "let is_clean = self.points().is_some() && self.leftovers().is_empty();",
        to: "let is_clean = self.leftovers().is_empty();",
    },
    Bug {
        name: "what a replica lacks is offered as a new replica",
        file: FILE_SYSTEMS,
        from: "replica: Some(replica.id.clone()),",
        to: "replica: None,",
    },
    Bug {
        name: "a request is offered for a paused replication",
        file: FILE_SYSTEMS,
        from: "if outgoing.replication.status != ReplicationStatus::Enabled {",
        to: "if outgoing.replication.status == ReplicationStatus::Error {",
    },
    Bug {
        name: "tags without room are offered",
        file: FILE_SYSTEMS,
        from: ".filter(|(finding, _)| fits || *finding != Finding::TagsDiffer)",
        to: ".filter(|(finding, _)| fits || *finding == Finding::TagsDiffer)",
    },
    // What is found is true, and all that is true is found.
    Bug {
        name: "a silence of a day and a minute is none",
        file: "functions/audit-source-servers/src/snapshot.rs",
        from: "*seconds > policy.silent_hours * 3600",
        to: "*seconds / 3600 > policy.silent_hours",
    },
    Bug {
        name: "a stall is an error as well",
        file: SERVERS,
        from: r#"("STALLED", error) => {"#,
        to: r#"("STALLED", error @ None) => {"#,
    },
    Bug {
        name: "both servers of a reversed pair are duplicates",
        file: SERVERS,
        from: "is_connected && server.direction == Direction::Failover && server.staging == Staging::Own",
        to: "is_connected && server.staging == Staging::Own",
    },
    Bug {
        name: "an instance of no named server is nobody's",
        file: SERVERS,
        from: "if id.is_none_or(|id| *id == self.server.id) {",
        to: "if id.is_some_and(|id| *id == self.server.id) {",
    },
    Bug {
        name: "a first sync has all the time",
        file: FILE_SYSTEMS,
        from: "None => (Finding::FirstSyncOverdue, outgoing.age_seconds?),",
        to: "None => return None,",
    },
    Bug {
        name: "a replica is to be marked before its first sync",
        file: FILE_SYSTEMS,
        from: "let unmarked = (is_synced && !is_marked)",
        to: "let unmarked = (is_synced || !is_marked)",
    },
    Bug {
        name: "a replication that is being deleted is told",
        file: FILE_SYSTEMS,
        from: "if outgoing.replication.status == ReplicationStatus::Deleting {
        return Vec::new();
    }",
        to: "",
    },
    Bug {
        name: "a policy is looked at up to the first access point that is missing",
        file: FILE_SYSTEMS_COMPARISON,
        from: "            add_points_to_come(&mut names, &points, &text);
",
        to: "",
    },
    // What was not read is not known.
    Bug {
        name: "the replica of another account is looked for by its ID",
        file: FILE_SYSTEMS_OBSERVE,
        from: "match owner.filter(|owner| Some(*owner) != account) {",
        to: "match owner.filter(|_| account.is_none()) {",
    },
    Bug {
        name: "what the own Region has is told twice",
        file: FILE_SYSTEMS_OBSERVE,
        from: "left.filter(|it| is_away && is_unprotected(it));",
        to: "left.filter(|it| (is_away || !is_away) && is_unprotected(it));",
    },
    Bug {
        name: "an audit of one file system is logged as the account's",
        file: FILE_SYSTEMS_REPORT,
        from: "    if command.file_systems.is_none() {
        audit.log_metrics(",
        to: "    if !command.request_id.as_ref().is_empty() {
        audit.log_metrics(",
    },
    Bug {
        name: "what cannot be read of a source is gone",
        file: FILE_SYSTEMS_OBSERVE,
        from: "        Err(why) => Sighting::Unread(why),
    }
}

/// The replicas",
        to: "        Err(_) => Sighting::Gone,
    }
}

/// The replicas",
    },
];
