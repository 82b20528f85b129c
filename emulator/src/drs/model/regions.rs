//! What reaches across Regions, and what time does to all of them.

use chrono::{DateTime, Utc};

use crate::{
    aws::{error::ApiError, ids::fresh},
    drs::model::types::{Drs, Model},
};

impl Model {
    /// DRS in a Region.
    ///
    /// # Errors
    ///
    /// UninitializedAccountException.
    pub fn region_mut(&mut self, region: &str) -> Result<&mut Drs, ApiError> {
        self.regions.get_mut(region).ok_or_else(|| {
            let message = "the account was never initialised for DRS in this Region";
            ApiError::new(400, "UninitializedAccountException", message)
        })
    }

    /// A source server ID that is free in every Region.
    #[must_use]
    pub(crate) fn fresh_source_server_id(&self) -> String {
        let taken = self.regions.values().flat_map(Drs::taken_server_ids);
        fresh("s-", taken)
    }

    /// Ends the failback to a server, if it is the target of one: a failback ends with the
    /// replication of its target.
    pub(crate) fn end_failback(&mut self, region: &str, server_id: &str) {
        let drs = self.regions.get_mut(region);
        let server = drs.and_then(|drs| drs.source_server(server_id).ok());
        let failback = server.filter(|server| server.replication_direction == "FAILBACK");

        // The recovery instance replicates from its own Region, which may be any.
        let Some(instance_id) = failback.and_then(|server| server.aws_instance_id.clone()) else {
            return;
        };
        for drs in self.regions.values_mut() {
            if let Ok(instance) = drs.recovery_instance(&instance_id) {
                instance.failback_state = "FAILBACK_NOT_STARTED".to_owned();
            }
        }
    }

    /// Lets time pass until `now`.
    pub(crate) fn settle(&mut self, now: DateTime<Utc>) {
        for drs in self.regions.values_mut() {
            drs.settle(now);
        }
    }
}

impl Drs {
    fn settle(&mut self, now: DateTime<Utc>) {
        for server in &mut self.source_servers {
            server.settle(now);
        }

        // The instances of a TERMINATE job disappear when it ends.
        let ended_terminations = self
            .jobs
            .iter()
            .filter(|job| job.kind == "TERMINATE" && !job.is_running(now));
        let terminated: Vec<String> = ended_terminations
            .flat_map(|job| job.recovery_instance_ids.clone())
            .collect();
        self.remove_recovery_instances(&terminated);
    }
}
