//! DRS as plain data and total functions, without HTTP.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::aws::error::ApiError;

#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod jobs;
pub(crate) mod recovery_instances;
pub(crate) mod source_servers;
pub(crate) mod types;
pub use self::{
    source_servers::{AGENT_GONE, STAGING_GONE},
    types::{Drs, Job, RecoveryInstance, SourceServer},
};

impl Drs {
    /// The tags of a resource by its kind and ID, as its ARN names them.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn tags(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        match kind {
            "source-server" => self.source_server(id).map(|server| &mut server.tags),
            "recovery-instance" => self
                .recovery_instance(id)
                .map(|instance| &mut instance.tags),
            "job" => {
                let job = self.jobs.iter_mut().find(|job| job.id == id);
                job.map(|job| &mut job.tags)
                    .ok_or_else(|| ApiError::not_found(id))
            }
            _ => Err(ApiError::not_found(id)),
        }
    }

    /// The tags of a resource, to read.
    pub(crate) fn tags_of(&self, kind: &str, id: &str) -> Option<&BTreeMap<String, String>> {
        match kind {
            "source-server" => self
                .source_servers
                .iter()
                .find(|server| server.id == id)
                .map(|server| &server.tags),
            "recovery-instance" => self
                .recovery_instances
                .iter()
                .find(|instance| instance.id == id)
                .map(|instance| &instance.tags),
            "job" => self
                .jobs
                .iter()
                .find(|job| job.id == id)
                .map(|job| &job.tags),
            _ => None,
        }
    }

    pub(crate) fn settle(&mut self, now: DateTime<Utc>) {
        self.source_servers
            .iter_mut()
            .for_each(|server| server.settle(now));
        let ended = self
            .jobs
            .iter()
            .filter(|job| job.kind == "TERMINATE" && !job.is_running(now));
        let gone: Vec<String> = ended
            .flat_map(|job| job.recovery_instance_ids.clone())
            .collect();
        self.forget_recovery_instances(&gone);
    }
}
