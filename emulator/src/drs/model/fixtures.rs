//! Accounts for the tests of the model.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    aws::{behaviour::Behaviour, context::Context},
    drs::model::types::{Drs, RecoveryInstance, SourceServer},
};

pub(crate) const ID: &str = "s-00000000000000001";

/// A Region with one healthy server.
pub(crate) fn drs() -> Drs {
    Drs {
        source_servers: vec![SourceServer::new(ID)],
        ..Drs::default()
    }
}

/// The time of most calls.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// A call at a time, in an account that behaves in the default way.
pub(crate) fn call_at(now: DateTime<Utc>) -> Context {
    Context {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        now,
        long_ago: now,
        behaviour: Behaviour::default(),
        is_imported: false,
    }
}

/// A call at noon with these switches.
pub(crate) fn call_with(behaviour: Behaviour) -> Context {
    Context {
        behaviour,
        ..call_at(noon())
    }
}

/// A recovery instance of the server.
pub(crate) fn instance(id: &str, failback_state: &str) -> RecoveryInstance {
    RecoveryInstance {
        id: id.to_owned(),
        source_server_id: ID.to_owned(),
        is_drill: true,
        ec2_instance_state: "RUNNING".to_owned(),
        failback_state: failback_state.to_owned(),
        disconnected: false,
        tags: BTreeMap::new(),
    }
}

/// A Region with one server that was launched twice.
pub(crate) fn launched(failback_state: &str) -> Drs {
    let ids = ["i-00000001", "i-00000002"];

    Drs {
        recovery_instances: ids.map(|id| instance(id, failback_state)).into(),
        ..drs()
    }
}
