//! The account before a change, for reads that lag behind and to tell whether anything changed.

use chrono::{DateTime, Utc};

use crate::{drs, drs::model::SourceServer, efs, world::World};

/// What a change can reach, as it was before the change. An account may be large, so that a copy
/// of everything for each call would be slow.
#[derive(Debug)]
pub(crate) enum Saved {
    /// Nothing has changed yet.
    Nothing,
    /// One source server, by its Region and its index.
    SourceServer {
        region: String,
        index: usize,
        server: Box<SourceServer>,
    },
    /// All of DRS.
    Drs(drs::model::Model),
    /// All of EFS.
    Efs(efs::model::Model),
    /// Everything, for changes by tests and operators.
    World(Box<World>),
}

/// What was saved, and when.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) now: DateTime<Utc>,
    pub(crate) saved: Saved,
}

impl Before {
    /// The whole account before a change.
    pub(crate) fn world(world: &World) -> Self {
        Self {
            now: world.now,
            saved: Saved::World(Box::new(world.clone())),
        }
    }

    /// Whether the account is different now.
    pub(crate) fn differs_from(&self, world: &World) -> bool {
        match &self.saved {
            Saved::Nothing => false,
            Saved::SourceServer {
                region,
                index,
                server,
            } => {
                // A deleted server changes the list, so that another one or none is at its index.
                let drs = world.drs.regions.get(region);
                let now = drs.and_then(|drs| drs.source_servers.get(*index));
                now != Some(&**server)
            }
            Saved::Drs(drs) => *drs != world.drs,
            Saved::Efs(efs) => *efs != world.efs,
            Saved::World(before) => **before != *world,
        }
    }

    /// The account as it was before the change.
    pub(crate) fn restored(&self, world: &World) -> World {
        let mut before = World {
            now: self.now,
            ..world.clone()
        };

        match &self.saved {
            Saved::Nothing => {}
            Saved::SourceServer {
                region,
                index,
                server,
            } => {
                if let Some(drs) = before.drs.regions.get_mut(region) {
                    let servers = &mut drs.source_servers;
                    // The server is put back at its place, whether it was changed or deleted.
                    servers.retain(|other| other.id != server.id);
                    servers.insert((*index).min(servers.len()), (**server).clone());
                }
            }
            Saved::Drs(drs) => before.drs.clone_from(drs),
            Saved::Efs(efs) => before.efs.clone_from(efs),
            Saved::World(world) => before.clone_from(world),
        }

        before
    }
}
