//! What operators and AWS do to source servers.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Job, RecoveryInstance, SourceServer, World};

use crate::constants::{APPROVED, PROTECTED};

/// A change of a source server, named by its ID.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    DrillStarts(String),
    DrillEnds(String),
    JobStarts(String),
    JobsEnd(String),
    Protect(String),
    Approve(String, String),
    Unapprove(String),
    /// Replication is started again; the approval tag stays where the operator forgets it.
    Restore {
        id: String,
        keeps_approval: bool,
    },
    Retag(String),
    /// Somebody else deletes the record.
    Delete(String),
    /// The machine gets another host name.
    Rename(String),
    /// The agent is installed anew: the same machine under another ID.
    Reregister(String),
    /// The machine is gone, or cannot reach DRS any more.
    Silence(String),
}

impl Change {
    pub(crate) fn apply(&self, world: &mut World) {
        match self {
            Self::DrillStarts(id) => start_drill(world, id),
            Self::DrillEnds(id) => end_drill(world, id),
            Self::JobStarts(id) => start_job(world, id),
            Self::JobsEnd(id) => end_jobs(world, id),
            Self::Delete(id) => delete(world, id),
            Self::Reregister(id) => reregister(world, id),
            Self::Protect(id)
            | Self::Approve(id, _)
            | Self::Unapprove(id)
            | Self::Restore { id, .. }
            | Self::Retag(id)
            | Self::Rename(id)
            | Self::Silence(id) => {
                let now = world.now;
                if let Some(server) = world.server(id) {
                    self.apply_to_server(server, now);
                }
            }
        }
    }

    fn apply_to_server(&self, server: &mut SourceServer, now: DateTime<Utc>) {
        match self {
            Self::Protect(_) => _ = server.tags.insert(PROTECTED.to_owned(), "yes".to_owned()),
            Self::Approve(_, request) => {
                _ = server.tags.insert(APPROVED.to_owned(), request.clone());
            }
            Self::Unapprove(_) => _ = server.tags.remove(APPROVED),
            // Only a disconnected server can be put back.
            Self::Restore { keeps_approval, .. } if server.is_disconnected() => {
                server.start(now);
                if !keeps_approval {
                    server.tags.remove(APPROVED);
                }
            }
            Self::Silence(_) => server.agent_unreachable_since = Some(now),
            Self::Rename(_) => server.hostname = Some("renamed".to_owned()),
            Self::Retag(_) => _ = server.tags.insert("team".to_owned(), now.to_string()),
            _ => {}
        }
    }
}

fn start_drill(world: &mut World, id: &str) {
    let drs = world.here();
    let instance = format!("i-{:017x}", drs.recovery_instances.len() + 100);
    let Some(server) = drs.source_servers.iter_mut().find(|server| server.id == id) else {
        return;
    };

    // DRS launches nothing from a disconnected server, and one instance at a time.
    if server.is_disconnected() || server.recovery_instance_id.is_some() {
        return;
    }

    server.recovery_instance_id = Some(instance.clone());
    drs.recovery_instances
        .push(recovery_instance(&instance, id));
}

fn end_drill(world: &mut World, id: &str) {
    world
        .here()
        .recovery_instances
        .retain(|instance| instance.source_server_id != id);

    if let Some(server) = world.server(id) {
        server.recovery_instance_id = None;
    }
}

fn delete(world: &mut World, id: &str) {
    let drs = world.here();

    drs.source_servers.retain(|server| server.id != id);
    // DRS never assigns the ID again.
    drs.gone.insert(id.to_owned());
}

fn reregister(world: &mut World, id: &str) {
    if let Some(server) = world.server(id) {
        // The tags are those of the record, so a new one has none.
        let anew = SourceServer {
            id: id.replacen("s-0", "s-9", 1),
            tags: BTreeMap::new(),
            recovery_instance_id: None,
            data_replication_state: "CONTINUOUS".to_owned(),
            ..server.clone()
        };
        delete(world, id);
        world.here().source_servers.push(anew);
    }
}

fn start_job(world: &mut World, id: &str) {
    // A job is started for a server that exists.
    if world.server(id).is_none() {
        return;
    }
    let now = world.now;
    let jobs = &mut world.here().jobs;

    // A drill launches its instance within a quarter of an hour.
    let ids = vec![id.to_owned()];
    let job = job(jobs.len(), ids, now, now + TimeDelta::minutes(15));
    jobs.push(job);
}

fn end_jobs(world: &mut World, id: &str) {
    let now = world.now;

    for job in &mut world.here().jobs {
        if job.source_server_ids.iter().any(|server| server == id) {
            job.ends_at = job.ends_at.min(now);
        }
    }
}

/// The running instance of a drill, or of a recovery with `is_drill` set to false.
pub(crate) fn recovery_instance(id: &str, server: &str) -> RecoveryInstance {
    RecoveryInstance {
        id: id.to_owned(),
        source_server_id: server.to_owned(),
        is_drill: true,
        ec2_instance_state: "RUNNING".to_owned(),
        failback_state: "FAILBACK_NOT_STARTED".to_owned(),
        disconnected: false,
        tags: BTreeMap::new(),
    }
}

/// A drill's job for these servers.
pub(crate) fn job(
    number: usize,
    source_server_ids: Vec<String>,
    created_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
) -> Job {
    Job {
        id: format!("drsjob-{:017}", number + 1),
        kind: "LAUNCH".to_owned(),
        initiated_by: "START_DRILL".to_owned(),
        created_at,
        ends_at,
        ordered_status: None,
        source_server_ids,
        recovery_instance_ids: Vec::new(),
        participating_resources: Vec::new(),
        tags: BTreeMap::new(),
    }
}
