//! The last launch of each server, as its job and its instance show it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{aws::behaviour::Behaviour, drs::model::types::Job, world::World};

pub(crate) struct Context {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) now: DateTime<Utc>,
    pub(crate) long_ago: DateTime<Utc>,
    pub(crate) behaviour: Behaviour,
    /// The last launch of each server that was launched.
    pub(crate) launches: BTreeMap<String, Launch>,
}

/// A launch, as far as its job and what it launched tell of it.
#[derive(Default)]
pub(crate) struct Launch {
    pub(crate) is_drill: bool,
    pub(crate) job: Option<(String, DateTime<Utc>)>,
    /// A LaunchStatus.
    pub(crate) status: &'static str,
}

impl Context {
    pub(crate) fn of(world: &World, region: &str) -> Self {
        let mut launches: BTreeMap<String, Launch> = BTreeMap::new();
        let drs = world.drs.get(region);
        let jobs = drs
            .into_iter()
            .flat_map(|drs| &drs.jobs)
            .filter(|job| job.kind == "LAUNCH");
        for (job, server) in jobs.flat_map(|job| {
            job.source_server_ids
                .iter()
                .map(move |server| (job, server))
        }) {
            let last = launches
                .get(server)
                .and_then(|launch| launch.job.as_ref())
                .map(|(_, at)| *at);
            if last.is_none_or(|last| last <= job.created_at) {
                let (is_drill, status) = (
                    job.initiated_by == "START_DRILL",
                    launch_status(job, world.now),
                );
                let job = Some((job.id.clone(), job.created_at));
                launches.insert(
                    server.clone(),
                    Launch {
                        is_drill,
                        job,
                        status,
                    },
                );
            }
        }
        for instance in drs.into_iter().flat_map(|drs| &drs.recovery_instances) {
            let launch = launches
                .entry(instance.source_server_id.clone())
                .or_default();
            (launch.is_drill, launch.status) = (instance.is_drill, "LAUNCHED");
        }
        let (account, region) = (world.account.clone(), region.to_owned());
        let (now, long_ago, behaviour) = (world.now, world.long_ago(), world.behaviour);
        Self {
            account,
            region,
            now,
            long_ago,
            behaviour,
            launches,
        }
    }
}

pub(crate) fn launch_status(job: &Job, now: DateTime<Utc>) -> &'static str {
    match (job.status(now), job.kind.as_str()) {
        ("PENDING", _) => "PENDING",
        ("STARTED", _) => "IN_PROGRESS",
        (_, "TERMINATE") => "TERMINATED",
        _ => "LAUNCHED",
    }
}

pub(crate) fn launch_type(is_drill: bool) -> &'static str {
    if is_drill { "DRILL" } else { "RECOVERY" }
}
