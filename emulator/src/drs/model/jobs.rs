//! Jobs.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::error::ApiError,
    drs::model::types::{Drs, Job},
};

/// How long a job is PENDING. AWS documents no pace; this one is plausible.
const JOB_STARTS: TimeDelta = TimeDelta::minutes(1);
/// How long a job takes in total. AWS documents no pace; this one is plausible.
pub(super) const JOB_TAKES: TimeDelta = TimeDelta::minutes(15);

impl Job {
    /// The status at a time.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>) -> &str {
        if let Some(status) = &self.ordered_status {
            return status;
        }

        match now {
            now if now >= self.ends_at => "COMPLETED",
            now if now >= self.created_at + JOB_STARTS => "STARTED",
            _ => "PENDING",
        }
    }

    /// Whether it works on its servers at a time.
    #[must_use]
    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        self.status(now) != "COMPLETED"
    }
}

impl Drs {
    /// The job with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn job(&self, id: &str) -> Result<&Job, ApiError> {
        self.jobs
            .iter()
            .find(|job| job.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// `DeleteJob`: removes the record of a job that has ended.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a running job.
    pub fn delete_job(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        // A running job still changes its servers.
        if self.job(id)?.is_running(now) {
            return Err(ApiError::conflict(format!("{id} is running")));
        }

        self.jobs.retain(|job| job.id != id);
        self.gone.insert(id.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::model::{
        SourceServer,
        fixtures::{call_at, launched, noon},
    };

    #[test]
    fn ids_of_deleted_resources_are_not_assigned_again() {
        let mut drs = launched("FAILBACK_NOT_STARTED");
        let jobs = ["i-00000001", "i-00000002"].map(|instance| {
            let job = drs.terminate(&[instance.to_owned()], noon()).unwrap();
            let id = job.id.clone();
            drs.delete_job(&id, noon() + JOB_TAKES).unwrap();
            id
        });
        assert_ne!(jobs[0], jobs[1]);

        let server = drs.fresh_source_server_id();
        drs.source_servers.push(SourceServer {
            staging_status: "EXTENDED".to_owned(),
            ..SourceServer::new(&server)
        });
        drs.delete(&server, &call_at(noon())).unwrap();
        assert_ne!(drs.fresh_source_server_id(), server);
    }
}
