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

/// The quota: source servers of a job.
pub(crate) const SERVERS_OF_A_JOB: usize = 100;

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
        let mut running = self
            .jobs
            .iter()
            .filter(|job| job.is_running(now))
            .flat_map(|job| &job.recovery_instance_ids);
        running.any(|of| of == id)
    }

    /// `TerminateRecoveryInstances`: begins a job that ends with the instances gone.
    ///
    /// # Errors
    ///
    /// ConflictException for an instance that is not there, is there twice, is failed back from, or
    /// is being terminated: the model knows no other error for it. ServiceQuotaExceededException
    /// for more servers than a job may have.
    pub fn terminate(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<&Job, ApiError> {
        let conflict = |why: String| Err(ApiError::conflict(why));
        if ids.len() > SERVERS_OF_A_JOB {
            return Err(ApiError::new(
                402,
                "ServiceQuotaExceededException",
                "a job has at most 100 servers",
            ));
        }
        if let Some(id) = ids.iter().find(|id| self.is_being_terminated(id, now)) {
            return conflict(format!("{id} is being terminated"));
        }
        let mut source_server_ids = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let known = self
                .recovery_instances
                .iter()
                .find(|instance| instance.id == *id);
            let known = known.ok_or_else(|| ApiError::conflict(format!("{id} does not exist")))?;
            if ids.iter().take(at).any(|before| before == id) {
                return conflict(format!("{id} is there twice"));
            }
            if matches!(
                known.failback_state.as_str(),
                "FAILBACK_IN_PROGRESS" | "FAILBACK_READY_FOR_LAUNCH"
            ) {
                return conflict(format!(
                    "{id} is being failed back: {}",
                    known.failback_state
                ));
            }
            source_server_ids.push(known.source_server_id.clone());
        }
        self.jobs.push(Job {
            id: fresh(
                "drsjob-",
                self.jobs.iter().map(|job| &job.id).chain(&self.gone),
            ),
            kind: "TERMINATE".to_owned(),
            initiated_by: "TERMINATE_RECOVERY_INSTANCES".to_owned(),
            created_at: now,
            ends_at: now + JOB_TAKES,
            source_server_ids,
            recovery_instance_ids: ids.to_vec(),
            tags: BTreeMap::new(),
        });
        self.jobs
            .last()
            .ok_or_else(|| ApiError::internal("the job was lost"))
    }

    /// `DisconnectRecoveryInstance`: the instance runs on without its agent.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException the second time.
    pub fn disconnect_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self.recovery_instance(id)?;
        if instance.disconnected {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }
        instance.disconnected = true;
        Ok(())
    }

    /// `DeleteRecoveryInstance`: removes the record of an instance that was disconnected; the
    /// instance itself stays.
    ///
    /// # Errors
    ///
    /// ConflictException for one that is not there or was not disconnected: the model knows no
    /// other error for it.
    pub fn delete_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self
            .recovery_instance(id)
            .map_err(|error| ApiError::conflict(error.message))?;
        if !instance.disconnected {
            return Err(ApiError::conflict(format!(
                "{id} must be disconnected first"
            )));
        }
        self.forget_recovery_instances(&[id.to_owned()]);
        Ok(())
    }

    pub(crate) fn forget_recovery_instances(&mut self, ids: &[String]) {
        self.recovery_instances
            .retain(|instance| !ids.contains(&instance.id));
        for server in &mut self.source_servers {
            server.recovery_instance_id = server
                .recovery_instance_id
                .take()
                .filter(|id| !ids.contains(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::model::fixtures::{ID, launched, noon};
    use crate::{
        aws::behaviour::Behaviour,
        drs::model::types::{SourceServer, failback_not_started, running},
        world::World,
    };

    #[test]
    fn what_cannot_be_terminated_is_a_conflict_or_over_the_quota() {
        let terminate = |drs: &mut Drs, ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            drs.terminate(&ids, noon())
                .map(|job| job.recovery_instance_ids.clone())
                .map_err(|error| error.status)
        };
        let mut drs = launched("FAILBACK_NOT_STARTED");
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000001"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000003"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001"; 101]), Err(402));
        assert!(terminate(&mut drs, &["i-00000001"]).is_ok());
        assert_eq!(
            terminate(&mut drs, &["i-00000001", "i-00000002"]),
            Err(409),
            "it is being terminated"
        );
        for state in ["FAILBACK_IN_PROGRESS", "FAILBACK_READY_FOR_LAUNCH"] {
            assert_eq!(
                terminate(&mut launched(state), &["i-00000002"]),
                Err(409),
                "{state}"
            );
        }
        assert!(terminate(&mut launched("FAILBACK_COMPLETED"), &["i-00000002"]).is_ok());
    }

    #[test]
    fn a_recovery_instance_forbids_a_disconnect_until_it_is_gone() {
        let mut world = World::with([SourceServer::new(ID)]);
        world.here().recovery_instances.push(RecoveryInstance {
            id: "i-0000000000000000a".to_owned(),
            source_server_id: ID.to_owned(),
            is_drill: true,
            ec2_instance_state: running(),
            failback_state: failback_not_started(),
            disconnected: false,
            tags: BTreeMap::new(),
        });
        let now = world.now;
        assert_eq!(
            world
                .here()
                .disconnect(ID, now, Behaviour::default())
                .unwrap_err()
                .status,
            409
        );
        world
            .here()
            .terminate(&["i-0000000000000000a".to_owned()], now)
            .unwrap();
        world.advance_to(now + JOB_TAKES);
        world
            .here()
            .disconnect(ID, now + JOB_TAKES, Behaviour::default())
            .unwrap();
    }
}
