//! The job of `disconnect-source-server`: disconnect source servers.

use emulator::{SourceServer, World};
use serde_json::json;

use crate::job::{APPROVAL, CHANGE, CountedCall, Job};

/// Disconnects source servers.
pub const DISCONNECT: Job = Job {
    function: "disconnect-source-server",
    target: "one source server",
    targets: "source servers",
    reads_account: true,
    // One read of all targets, and one of what became of them.
    counted_calls: &[
        counted("looks", "DescribeSourceServers", 2.0),
        counted("disconnects", "DisconnectSourceServer", 1.0),
        counted("untags", "UntagResource", 1.0),
    ],
    most_connections: Some(1.0),
    detail_type: "Source Server Decommission Requested",
    outcome: "done",
    changes: &["DisconnectSourceServer", "UntagResource"],
    id,
    world,
    request: |number| json!({ "sourceServerID": id(number), "hostname": host(number) }),
    is_done: |world, id| {
        world
            .server(id)
            .is_some_and(|server| server.is_disconnected() && !server.tags.contains_key(APPROVAL))
    },
};

const fn counted(key: &'static str, operation: &'static str, most: f64) -> CountedCall {
    CountedCall {
        key,
        operation,
        most,
    }
}

fn id(number: usize) -> String {
    format!("s-{number:017}")
}

fn host(number: usize) -> String {
    format!("host{number:05}.example.com")
}

fn world(account: usize) -> World {
    World::with((0..account).map(server))
}

fn server(number: usize) -> SourceServer {
    SourceServer {
        hostname: Some(host(number)),
        fqdn: Some(host(number)),
        aws_instance_id: Some(format!("i-{number:017}")),
        ..SourceServer::new(&id(number))
            .tagged("Name", &host(number))
            .tagged(APPROVAL, CHANGE)
    }
}
