//! Accounts that the tests of this wing begin with.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::drs::model::types::{Drs, RecoveryInstance, SourceServer, running};

pub(crate) const ID: &str = "s-00000000000000001";

pub(crate) fn drs() -> Drs {
    Drs {
        source_servers: vec![SourceServer::new(ID)],
        ..Drs::default()
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

pub(crate) fn launched(failback_state: &str) -> Drs {
    let instance = |id: &str| RecoveryInstance {
        id: id.to_owned(),
        source_server_id: ID.to_owned(),
        is_drill: true,
        ec2_instance_state: running(),
        failback_state: failback_state.to_owned(),
        disconnected: false,
        tags: BTreeMap::new(),
    };
    Drs {
        recovery_instances: vec![instance("i-00000001"), instance("i-00000002")],
        ..drs()
    }
}
