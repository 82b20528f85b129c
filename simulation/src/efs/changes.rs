//! What operators and AWS do to file systems and their replications.

use chrono::{DateTime, Utc};
use emulator::{FileSystem, OrderedStatus, World};

use crate::constants::{APPROVED, HERE, PROTECTED};

/// A change of a file system or of the replication of a source, named by the ID of the file system.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Updates(String),
    BecomesAvailable(String),
    /// It falls into error.
    Breaks(String),
    Lock(String),
    Unlock(String),
    Unapprove(String),
    Protect(String),
    Retag(String),
    EndReplication(String),
    Pause(String),
    Resume(String),
    /// AWS reports the replication in another status.
    Status(String, &'static str),
    /// Somebody deletes an access point and a mount target.
    LosePart(String),
    /// Somebody deletes the file system, unless it is part of a replication.
    Vanish(String),
}

impl Change {
    pub(crate) fn apply(&self, world: &mut World) {
        match self {
            Self::EndReplication(id) => {
                _ = world.efs.stop_replicating(&world.context(HERE), id, false)
            }
            // AWS pauses a replication by itself, such as when the KMS key is gone.
            Self::Pause(id) => order(world, id, Some("PAUSED")),
            Self::Resume(id) => order(world, id, None),
            Self::Status(id, status) => order(world, id, Some(status)),
            Self::Vanish(id) => delete(world, id),
            Self::Updates(id)
            | Self::BecomesAvailable(id)
            | Self::Breaks(id)
            | Self::Lock(id)
            | Self::Unlock(id)
            | Self::Unapprove(id)
            | Self::Protect(id)
            | Self::Retag(id)
            | Self::LosePart(id) => {
                let now = world.now;
                if let Some(file_system) = find(world, id) {
                    self.apply_to_file_system(file_system, now);
                }
            }
        }
    }

    fn apply_to_file_system(&self, file_system: &mut FileSystem, now: DateTime<Utc>) {
        // EFS does not let anybody change the protection of a replica.
        let is_replica = file_system.protection == "REPLICATING";
        let tags = &mut file_system.tags;

        match self {
            Self::Updates(_) => "updating".clone_into(&mut file_system.life_cycle_state),
            Self::Breaks(_) => "error".clone_into(&mut file_system.life_cycle_state),
            Self::BecomesAvailable(_) => {
                "available".clone_into(&mut file_system.life_cycle_state);
            }
            Self::Lock(_) if !is_replica => "ENABLED".clone_into(&mut file_system.protection),
            Self::Unlock(_) if !is_replica => "DISABLED".clone_into(&mut file_system.protection),
            Self::Unapprove(_) => _ = tags.remove(APPROVED),
            Self::Protect(_) => _ = tags.insert(PROTECTED.to_owned(), "yes".to_owned()),
            Self::LosePart(_) => {
                file_system.access_points.pop();
                file_system.mount_targets.pop();
            }
            Self::Retag(_) => _ = tags.insert("team".to_owned(), now.to_string()),
            _ => {}
        }
    }
}

fn find<'a>(world: &'a mut World, id: &str) -> Option<&'a mut FileSystem> {
    world
        .efs
        .regions
        .values_mut()
        .flat_map(|efs| &mut efs.file_systems)
        .find(|file_system| file_system.file_system_id == id)
}

fn delete(world: &mut World, id: &str) {
    let replications = &world.efs.replications;
    let is_replicated = replications.iter().any(|replication| {
        replication.source_file_system_id == id || replication.destination_file_system_id == id
    });

    // EFS refuses to delete either end of a replication.
    if !is_replicated {
        for efs in world.efs.regions.values_mut() {
            efs.file_systems.retain(|found| found.file_system_id != id);
        }
    }
}

/// Gives the replications of a source a status of their own, or lets them follow the time again.
fn order(world: &mut World, source: &str, status: Option<&str>) {
    for replication in &mut world.efs.replications {
        if replication.source_file_system_id == source {
            replication.ordered = status.map(|status| OrderedStatus {
                status: status.to_owned(),
                message: "ordered".to_owned(),
            });
        }
    }
}
