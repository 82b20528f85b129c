//! The job of `bootstrap-efs-replication`: start the replication of file systems.

use emulator::{FileSystem, World};
use serde_json::json;

use crate::job::Job;

/// Starts the replication of file systems.
pub const REPLICATE: Job = Job {
    function: "bootstrap-efs-replication",
    target: "one file system",
    targets: "file systems",
    // File systems are read one by one.
    reads_account: false,
    counted_calls: &[],
    // The replica is in another Region, so at another host.
    most_connections: None,
    detail_type: "File System Replication Requested",
    // A replication takes its time: what has been started is pending.
    outcome: "pending",
    changes: &["CreateReplicationConfiguration"],
    id,
    world,
    request: |number| json!({ "sourceFileSystemId": id(number), "destination": { "region": "eu-west-1" } }),
    is_done: |world, id| {
        world
            .efs
            .replications
            .iter()
            .any(|replication| replication.source_file_system_id == id)
    },
};

fn id(number: usize) -> String {
    format!("fs-{number:017}")
}

fn world(account: usize) -> World {
    let mut world = World::empty();
    let file_systems =
        (0..account).map(|number| FileSystem::new(&id(number)).tagged("Name", "data"));

    let region = world.region.clone();
    world.efs.regions.entry(region).or_default().file_systems = file_systems.collect();

    world
}
