//! What the tests of this crate start from: healthy servers.

use std::collections::BTreeMap;

use shared::{
    Arn,
    drs::{Direction, Server, SourceServerId, Staging, State},
};

use crate::{command::Command, policy::Policy, snapshot::Snapshot};

pub(crate) fn id(number: usize) -> SourceServerId {
    SourceServerId::try_from(format!("s-{number:017}")).unwrap()
}

/// An audit of everything.
pub(crate) fn all() -> Command {
    Command {
        request_id: "AUDIT1".to_owned().try_into().unwrap(),
        source_servers: None,
    }
}

/// A healthy server.
pub(crate) fn server(number: usize) -> Server {
    let id = id(number);
    let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{id}");

    Server {
        id,
        arn: Some(Arn::try_from(arn).unwrap()),
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
        tags: BTreeMap::new(),
        replicated_bytes: Some(1),
        replication_hours: Some(1),
        last_seen: None,
        lag_seconds: Some(0),
        replication_error: None,
        staged_disks: 0,
        has_lag: false,
    }
}

/// What is observed of these servers, whose agents were all seen just now.
pub(crate) fn snapshot(servers: Vec<Server>) -> Snapshot {
    Snapshot {
        initialised: true,
        silent_seconds: servers.iter().map(|it| (it.id.clone(), 0)).collect(),
        servers,
        ..Snapshot::uninitialised()
    }
}

/// The defaults, with deletions allowed.
pub(crate) fn policy() -> Policy {
    Policy {
        allow_delete: true,
        ..Policy::from_lookup(|_| None).unwrap()
    }
}
