//! What is really so in the simulated world, whatever the function has read of it.

use emulator::{AccessPoint, FileSystem, Replication, World};
use serde_json::{Value, json};

use crate::{
    constants::{HERE, THERE},
    efs::MARK,
    record::text,
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
    world
        .efs
        .replications
        .iter()
        .find(|replication| replication.source_file_system_id == source)
}

pub(crate) fn find<'a>(world: &'a World, region: &str, id: &str) -> Option<&'a FileSystem> {
    world
        .efs
        .file_systems(region)
        .find(|file_system| file_system.file_system_id == id)
}

/// Whether the replica of a target is usable: replicated, where it was requested, and with every
/// part that was requested.
pub(crate) fn is_usable(world: &World, target: &Value) -> bool {
    let id = text(target, "sourceFileSystemId");
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
    let is_marked = replica.tags.contains_key(MARK);

    is_synced
        && is_marked
        && replica.life_cycle_state == "available"
        && is_where_requested(replication, replica, &target["destination"])
        && has_parts(source, replica, &target["replica"])
}

fn is_where_requested(
    replication: &Replication,
    replica: &FileSystem,
    destination: &Value,
) -> bool {
    match destination["fileSystemId"].as_str() {
        // Over an existing file system, or a new one in the Region or in one zone.
        Some(id) => replica.file_system_id == id,
        None => {
            let zone = replica.availability_zone_name.as_deref();
            replication.destination_region == THERE
                && zone == destination["availabilityZoneName"].as_str()
        }
    }
}

fn has_parts(source: &FileSystem, replica: &FileSystem, parts: &Value) -> bool {
    let copies = |part: &str| parts[part] == "copy";

    has_mount_targets(replica, &parts["mountTargets"])
        && has_backup(replica, &parts["backup"])
        && (!copies("accessPoints") || has_access_points(source, replica))
        && (!copies("tags") || has_tags(source, replica))
        && (!copies("lifecycle") || source.lifecycle_policies == replica.lifecycle_policies)
        && (!copies("policy") || has_policy(source, replica))
}

fn has_mount_targets(replica: &FileSystem, requested: &Value) -> bool {
    let mut requested = requested.as_array().into_iter().flatten();

    requested.all(|requested| {
        // Without security groups, EFS chooses the default one.
        let groups = &requested["securityGroups"];
        replica.mount_targets.iter().any(|mount_target| {
            requested["subnetId"] == mount_target.subnet_id.as_str()
                && (groups.is_null() || *groups == json!(mount_target.security_groups))
                && mount_target.state == "available"
        })
    })
}

fn has_backup(replica: &FileSystem, requested: &Value) -> bool {
    let is_enabled = replica.backup.as_deref() == Some("ENABLED");

    match requested.as_str() {
        Some("enabled") => is_enabled,
        Some("disabled") => !is_enabled,
        _ => true,
    }
}

/// Access points correspond if a client finds the same directory behind them.
fn has_access_points(source: &FileSystem, replica: &FileSystem) -> bool {
    let path = |point: &AccessPoint| {
        let root = point.root_directory.as_ref();
        root.map(|root| root["Path"].clone())
    };

    source.access_points.iter().all(|original| {
        let copy = replica
            .access_points
            .iter()
            .find(|copy| path(copy) == path(original));

        copy.is_some_and(|copy| {
            copy.state == "available" && copy.tags.get("Name") == original.tags.get("Name")
        })
    })
}

fn has_tags(source: &FileSystem, replica: &FileSystem) -> bool {
    source.tags.iter().all(|(key, value)| {
        // AWS reserves one prefix, and the other holds approvals.
        let is_not_copied = key.starts_with("drover:") || key.starts_with("aws:");
        is_not_copied || replica.tags.get(key) == Some(value)
    })
}

fn has_policy(source: &FileSystem, replica: &FileSystem) -> bool {
    let names_replica = |policy: &String| policy.contains(&replica.file_system_id);

    source.policy.is_none() || replica.policy.as_ref().is_some_and(names_replica)
}
