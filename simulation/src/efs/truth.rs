//! What is really so in the simulated world, whatever the function has read of it.

use emulator::{FileSystem, Replication, World};
use serde_json::Value;

use crate::{
    constants::{HERE, THERE},
    efs::{
        parts::{self, Ends},
        wanted::{Wanted, source_id},
    },
};

/// The complaint about a source with more than one destination, if there is one.
pub(crate) fn source_with_two_destinations(world: &World) -> Option<String> {
    let mut sources: Vec<&str> = world
        .efs
        .replications
        .iter()
        .map(|replication| replication.source_file_system_id.as_str())
        .collect();
    sources.sort_unstable();

    sources
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| format!("{} has two destinations", pair[0]))
}

pub(crate) fn replication<'a>(world: &'a World, source: &str) -> Option<&'a Replication> {
    let mut replications = world.efs.replications.iter();

    replications.find(|replication| {
        replication.source_file_system_id == source && replication.source_region == HERE
    })
}

pub(crate) fn find<'a>(world: &'a World, region: &str, id: &str) -> Option<&'a FileSystem> {
    world
        .efs
        .file_systems(region)
        .find(|file_system| file_system.file_system_id == id)
}

/// Whether the replica of a target is usable: replicated, where it was requested, and with every
/// part that was requested. One for a request that has expired need not be marked.
pub(crate) fn is_usable(world: &World, target: &Value, has_to_be_marked: bool) -> bool {
    let id = source_id(target);
    let Some(source) = find(world, HERE, id) else {
        return false;
    };
    let Some(replication) = replication(world, id) else {
        return false;
    };
    let region = &replication.destination_region;
    let Some(replica) = find(world, region, &replication.destination_file_system_id) else {
        return false;
    };

    // EFS replicates continuously; the first complete sync makes a replica usable.
    let is_synced = replication.status(world.now, world.behaviour) == "ENABLED"
        && replication.last_replicated_at(world.now).is_some();
    // A replica in another account is not ours to mark.
    let is_foreign = replica.owner(&world.account) != world.account;
    let is_marked = is_foreign || parts::mark(replica, "").is_none();
    let ends = Ends {
        account: &world.account,
        source: (HERE, source),
        replica: (region, replica),
    };

    is_synced
        && (is_marked || !has_to_be_marked)
        && replica.life_cycle_state == "available"
        && is_where_requested(replication, replica, &target["destination"])
        && parts::compare(ends, &target["replica"]).is_complete()
}

fn is_where_requested(
    replication: &Replication,
    replica: &FileSystem,
    destination: &Value,
) -> bool {
    let wanted = Wanted::of(destination);

    match wanted.existing {
        // Over an existing file system, or a new one in the Region or in one zone.
        Some(id) => replica.file_system_id == id,
        None if destination.is_null() => replication.destination_region == THERE,
        None => {
            let zone = replica.availability_zone_name.as_deref();
            replication.destination_region == wanted.region && zone == wanted.zone
        }
    }
}
