//! The tags of a resource of any kind.

use std::collections::BTreeMap;

use crate::{aws::error::ApiError, drs::model::types::Drs};

impl Drs {
    /// The tags of a resource, by its kind and ID as in its ARN.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn tags_mut(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        let not_found = || ApiError::not_found(id);

        // The kinds are those of the ARNs. Others, such as launch templates, are not emulated.
        match kind {
            "source-server" => Ok(&mut self.source_server(id)?.tags),
            "recovery-instance" => Ok(&mut self.recovery_instance(id)?.tags),
            "job" => {
                let job = self.jobs.iter_mut().find(|job| job.id == id);
                Ok(&mut job.ok_or_else(not_found)?.tags)
            }
            _ => Err(not_found()),
        }
    }

    /// The tags of a resource, to read.
    pub(crate) fn tags(&self, kind: &str, id: &str) -> Option<&BTreeMap<String, String>> {
        match kind {
            "source-server" => {
                let mut servers = self.source_servers.iter();
                Some(&servers.find(|server| server.id == id)?.tags)
            }
            "recovery-instance" => {
                let mut instances = self.recovery_instances.iter();
                Some(&instances.find(|instance| instance.id == id)?.tags)
            }
            "job" => Some(&self.job(id).ok()?.tags),
            _ => None,
        }
    }
}
