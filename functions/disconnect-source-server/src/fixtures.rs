//! What the tests of this crate start from: a healthy, approved server and a request for it.

use chrono::{DateTime, Utc};
use shared::{
    Arn, FailedCall, FaultKind, Mode, Unobserved,
    drs::{Direction, Server, SourceServerId, SourceServerRef, Staging, State},
    settle::Made,
};

use crate::{
    command::{Action, Command, Target},
    execute::Attempt,
    plan::Step,
    policy::Policy,
};

/// When DRS last saw the agent of every server.
pub(crate) const NOON: DateTime<Utc> = DateTime::from_timestamp(1_795_262_400, 0).unwrap();

/// The approval that every server carries.
pub(crate) const APPROVED: (&str, &str) = ("drover:approved", "CHG1");

pub(crate) fn id(number: usize) -> SourceServerId {
    SourceServerId::try_from(format!("s-{number:017}")).unwrap()
}

pub(crate) fn arn(number: usize) -> Arn {
    let id = id(number);
    let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{id}");
    Arn::try_from(arn).unwrap()
}

/// A healthy server that is approved for CHG1.
pub(crate) fn server(number: usize) -> Server {
    Server {
        id: id(number),
        arn: Some(arn(number)),
        aws_instance_id: Some(format!("i-{number:017}")),
        hostname: Some(format!("host{number}")),
        fqdn: Some(format!("host{number}.example.com")),
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        state: State::Connected("CONTINUOUS".to_owned()),
        direction: Direction::Failover,
        reversed_by: None,
        staging: Staging::Own,
        extended_from: None,
        recovery_instance_id: None,
        tags: [(APPROVED.0.to_owned(), APPROVED.1.to_owned())].into(),
        replicated_bytes: Some(1),
        replication_hours: Some(1),
        last_seen: Some(NOON),
        lag_seconds: Some(0),
        replication_error: None,
        staged_disks: 1,
        has_lag: true,
    }
}

/// The step that removes the approval of CHG1.
pub(crate) fn consume(number: usize) -> Step {
    Step::ConsumeApproval {
        arn: arn(number),
        tag: APPROVED.0.to_owned(),
    }
}

/// A target named by the ID of a server.
pub(crate) fn by_id(number: usize) -> Target {
    Target {
        source_server: Some(SourceServerRef::from(id(number))),
        ..Target::default()
    }
}

/// A target named by a host name.
pub(crate) fn by_hostname(name: &str) -> Target {
    Target {
        hostname: Some(name.to_owned().try_into().unwrap()),
        ..Target::default()
    }
}

/// Makes a server one that was disconnected.
pub(crate) fn disconnected(server: &mut Server) {
    server.state = State::Disconnected;
    (server.staged_disks, server.has_lag) = (0, false);
}

/// A request under CHG1.
pub(crate) fn command(action: Action, targets: Vec<Target>) -> Command {
    let request_id = "CHG1".to_owned().try_into().unwrap();
    Command {
        request_id,
        action,
        targets,
        mode: Mode::Enforce,
        expires_at: None,
        terminated_at: None,
        skip_cleanup_check: false,
    }
}

/// The defaults, with deletions allowed.
pub(crate) fn policy() -> Policy {
    Policy {
        allow_delete: true,
        ..Policy::from_lookup(|_| None).unwrap()
    }
}

/// An attempt to disconnect, and what its call came to.
pub(crate) fn tried(result: Result<(), FaultKind>) -> Attempt {
    attempt(Step::Disconnect, result)
}

/// An attempt at a step, and what its call came to.
pub(crate) fn attempt(step: Step, result: Result<(), FaultKind>) -> Attempt {
    let operation = step.operation();
    // A fault is always reported under the call that failed.
    let result = result.map_err(|kind| FailedCall::new(operation, kind));

    Attempt {
        step,
        made: Some(Made {
            calls: Vec::new(),
            result,
        }),
        unread: None,
    }
}

/// The same attempt where the read after it failed.
pub(crate) fn unread(attempt: Attempt) -> Attempt {
    let call = FailedCall::new("DescribeSourceServers", FaultKind::Throttled);

    Attempt {
        unread: Some(Unobserved::Failed(call)),
        ..attempt
    }
}
