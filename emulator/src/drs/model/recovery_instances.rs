//! Recovery instances, and the jobs that terminate them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    aws::{error::ApiError, ids::fresh},
    drs::model::{
        jobs::JOB_TAKES,
        types::{Drs, Job, RecoveryInstance},
    },
};

/// The quota of source servers in a job.
const SERVERS_PER_JOB: usize = 100;

impl Drs {
    /// The recovery instance with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn recovery_instance(&mut self, id: &str) -> Result<&mut RecoveryInstance, ApiError> {
        self.recovery_instances
            .iter_mut()
            .find(|instance| instance.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// Whether a job is terminating a recovery instance.
    pub(crate) fn is_being_terminated(&self, id: &str, now: DateTime<Utc>) -> bool {
        // Jobs that have ended keep their lists of instances.
        let running = self.jobs.iter().filter(|job| job.is_running(now));
        let mut terminating = running.flat_map(|job| &job.recovery_instance_ids);

        terminating.any(|other| other == id)
    }

    /// `TerminateRecoveryInstances`: starts a job after which the instances are gone.
    ///
    /// # Errors
    ///
    /// ConflictException for an instance that is missing, listed twice, in a failback or already
    /// being terminated: the model has no other error for these. ServiceQuotaExceededException for
    /// more servers than a job may have.
    pub fn terminate(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<&Job, ApiError> {
        // The model allows 200 IDs; the quota is lower.
        if ids.len() > SERVERS_PER_JOB {
            let message = "a job has at most 100 servers";
            return Err(ApiError::new(402, "ServiceQuotaExceededException", message));
        }
        if let Some(id) = ids.iter().find(|id| self.is_being_terminated(id, now)) {
            return Err(ApiError::conflict(format!("{id} is being terminated")));
        }

        let mut source_server_ids = Vec::new();
        // The servers of the job are in the order of their instances.
        for (index, id) in ids.iter().enumerate() {
            let instance = self.terminable(id)?;
            // AWS documents no error for a repeated ID.
            if ids.iter().take(index).any(|earlier| earlier == id) {
                return Err(ApiError::conflict(format!("{id} is listed twice")));
            }
            source_server_ids.push(instance.source_server_id.clone());
        }

        let taken = self.jobs.iter().map(|job| &job.id).chain(&self.gone);
        let job = Job {
            id: fresh("drsjob-", taken),
            kind: "TERMINATE".to_owned(),
            initiated_by: "TERMINATE_RECOVERY_INSTANCES".to_owned(),
            created_at: now,
            ends_at: now + JOB_TAKES,
            ordered_status: None,
            source_server_ids,
            recovery_instance_ids: ids.to_vec(),
            participating_resources: Vec::new(),
            tags: BTreeMap::new(),
        };
        self.jobs.push(job);
        self.jobs
            .last()
            .ok_or_else(|| ApiError::internal("the job was lost"))
    }

    /// An instance that exists and is not in a failback.
    fn terminable(&self, id: &str) -> Result<&RecoveryInstance, ApiError> {
        let mut instances = self.recovery_instances.iter();
        let instance = instances
            .find(|instance| instance.id == id)
            .ok_or_else(|| ApiError::conflict(format!("{id} does not exist")))?;

        // An instance that is failed back from is the source of a replication.
        match instance.failback_state.as_str() {
            state @ ("FAILBACK_IN_PROGRESS" | "FAILBACK_READY_FOR_LAUNCH") => Err(
                ApiError::conflict(format!("{id} is being failed back: {state}")),
            ),
            _ => Ok(instance),
        }
    }

    /// `DisconnectRecoveryInstance`: the instance keeps running without its agent.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for an instance without an agent.
    pub fn disconnect_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self.recovery_instance(id)?;
        if instance.disconnected {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }

        instance.disconnected = true;
        Ok(())
    }

    /// `DeleteRecoveryInstance`: removes the record of a disconnected instance. The EC2 instance
    /// stays.
    ///
    /// # Errors
    ///
    /// ConflictException for an instance that is missing or still connected: the model has no
    /// other error for these.
    pub fn delete_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self
            .recovery_instance(id)
            .map_err(|error| ApiError::conflict(error.message))?;
        if !instance.disconnected {
            let message = format!("{id} must be disconnected first");
            return Err(ApiError::conflict(message));
        }

        self.remove_recovery_instances(&[id.to_owned()]);
        Ok(())
    }

    /// Removes instances, and their IDs from the records of source servers.
    pub(super) fn remove_recovery_instances(&mut self, ids: &[String]) {
        self.recovery_instances
            .retain(|instance| !ids.contains(&instance.id));

        for server in &mut self.source_servers {
            // A record may name an instance that no list has.
            let named = server.recovery_instance_id.take();
            server.recovery_instance_id = named.filter(|id| !ids.contains(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::model::{
        Model,
        fixtures::{ID, call_at, drs, instance, launched, noon},
    };

    fn terminate(drs: &mut Drs, ids: &[&str]) -> Result<Vec<String>, u16> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let job = drs.terminate(&ids, noon());

        job.map(|job| job.recovery_instance_ids.clone())
            .map_err(|error| error.status)
    }

    #[test]
    fn termination_is_refused_with_conflict_or_over_quota() {
        let mut drs = launched("FAILBACK_NOT_STARTED");
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000001"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000003"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001"; 101]), Err(402));

        assert!(terminate(&mut drs, &["i-00000001"]).is_ok());
        assert_eq!(
            terminate(&mut drs, &["i-00000001", "i-00000002"]),
            Err(409),
            "the first one is being terminated"
        );
    }

    #[test]
    fn running_failback_prevents_termination() {
        for state in ["FAILBACK_IN_PROGRESS", "FAILBACK_READY_FOR_LAUNCH"] {
            let terminated = terminate(&mut launched(state), &["i-00000002"]);
            assert_eq!(terminated, Err(409), "{state}");
        }

        assert!(terminate(&mut launched("FAILBACK_COMPLETED"), &["i-00000002"]).is_ok());
    }

    #[test]
    fn recovery_instance_prevents_disconnect_until_it_is_gone() {
        let region = "us-east-1";
        let mut here = drs();
        here.recovery_instances
            .push(instance("i-0000000000000000a", "FAILBACK_NOT_STARTED"));
        let mut model = Model {
            regions: [(region.to_owned(), here)].into(),
        };

        let drs = model.region_mut(region).unwrap();
        let refused = drs.disconnect(ID, &call_at(noon())).unwrap_err();
        assert_eq!(refused.status, 409);

        terminate(drs, &["i-0000000000000000a"]).unwrap();
        let later = noon() + JOB_TAKES;
        model.settle(later);
        let drs = model.region_mut(region).unwrap();
        drs.disconnect(ID, &call_at(later)).unwrap();
    }
}
