//! The last launch of each server, as its job and its recovery instance show it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    aws::context::Context,
    drs::model::{Drs, Job},
};

/// What describes the resources of a Region besides the resources themselves.
pub(super) struct View<'a> {
    pub(super) context: &'a Context,
    /// The last launch of each server that was launched, by server ID.
    pub(super) launches: BTreeMap<String, Launch>,
}

/// A launch, as far as its job and the launched instance reveal it.
#[derive(Default)]
pub(super) struct Launch {
    pub(super) is_drill: bool,
    /// The ID of the job and when it was created.
    pub(super) job: Option<(String, DateTime<Utc>)>,
    /// A LaunchStatus.
    pub(super) status: &'static str,
}

impl<'a> View<'a> {
    pub(super) fn new(drs: &Drs, context: &'a Context) -> Self {
        let mut launches: BTreeMap<String, Launch> = BTreeMap::new();
        let created_at = |launch: &Launch| launch.job.as_ref().map(|(_, created_at)| *created_at);

        for job in drs.jobs.iter().filter(|job| job.kind == "LAUNCH") {
            for server_id in &job.source_server_ids {
                let known = launches.get(server_id).and_then(created_at);

                // Jobs need not be in the order of their creation.
                if known.is_none_or(|known| known <= job.created_at) {
                    launches.insert(server_id.clone(), Launch::of_job(job, context.now));
                }
            }
        }

        // A world file may have an instance whose job was deleted long ago.
        for instance in &drs.recovery_instances {
            let launch = launches
                .entry(instance.source_server_id.clone())
                .or_default();
            (launch.is_drill, launch.status) = (instance.is_drill, "LAUNCHED");
        }

        Self { context, launches }
    }
}

impl Launch {
    fn of_job(job: &Job, now: DateTime<Utc>) -> Self {
        Self {
            is_drill: job.initiated_by == "START_DRILL",
            job: Some((job.id.clone(), job.created_at)),
            status: launch_status(job, now),
        }
    }

    /// DRILL or RECOVERY.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_drill { "DRILL" } else { "RECOVERY" }
    }
}

/// The LaunchStatus of the servers in a job.
pub(super) fn launch_status(job: &Job, now: DateTime<Utc>) -> &'static str {
    match (job.status(now), job.kind.as_str()) {
        ("PENDING", _) => "PENDING",
        ("STARTED", _) => "IN_PROGRESS",
        (_, "TERMINATE") => "TERMINATED",
        _ => "LAUNCHED",
    }
}
