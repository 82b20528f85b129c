//! What has to be true of the DRS resources in a world file: calls could have led to them.

use chrono::{DateTime, Utc};

use crate::{
    aws::constraints,
    drs::model::types::{Job, Model, SourceServer},
};

impl Model {
    /// Checks that the resources could exist at a time in the partition of a Region.
    ///
    /// # Errors
    ///
    /// A sentence about the first resource that could not.
    pub(crate) fn check(
        &self,
        now: DateTime<Utc>,
        region: &str,
        is_imported: bool,
    ) -> Result<(), String> {
        for drs in self.regions.values() {
            for server in &drs.source_servers {
                server.check(now, region)?;
            }
            for job in &drs.jobs {
                job.check(now, is_imported)?;
            }
        }
        Ok(())
    }
}

impl SourceServer {
    fn check(&self, now: DateTime<Utc>, region: &str) -> Result<(), String> {
        let id = &self.id;
        if self.replicating_since.is_some_and(|since| since > now) {
            return Err(format!("{id} replicates since a time in the future"));
        }
        let seen = [self.agent_unreachable_since, self.agent_seen_at];
        if seen.into_iter().flatten().any(|seen| seen > now) {
            return Err(format!("{id} was last seen at a time in the future"));
        }

        if self.first_byte_at.is_some_and(|first| first > now) {
            return Err(format!("{id} replicated its first byte in the future"));
        }

        // DRS replicates within a partition.
        let partition = constraints::partition(region);
        let is_in_partition = self.origin_region.as_ref().is_none_or(|origin| {
            let of_origin = constraints::partition(origin);
            of_origin.is_some() && of_origin == partition
        });
        if !is_in_partition || self.origin_account_id.is_some() != self.origin_region.is_some() {
            return Err(format!(
                "{id} needs originAccountID and originRegion, a Region of this partition, or neither"
            ));
        }

        Ok(())
    }
}

impl Job {
    fn check(&self, now: DateTime<Utc>, is_imported: bool) -> Result<(), String> {
        let id = &self.id;
        if self.created_at > self.ends_at || self.created_at > now {
            return Err(format!("{id} was created after it ends, or in the future"));
        }

        // A termination pairs its servers with its instances. AWS may not name those of an old one.
        let instances = self.recovery_instance_ids.len();
        let is_unnamed = is_imported && instances == 0;
        if self.kind == "TERMINATE" && instances != self.source_server_ids.len() && !is_unnamed {
            return Err(format!(
                "{id} terminates other recovery instances than those of its servers"
            ));
        }

        Ok(())
    }
}
