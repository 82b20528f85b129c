//! Source servers and their replication.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{
        behaviour::{Behaviour, Reply},
        error::ApiError,
        ids::fresh,
    },
    drs::model::types::{
        Drs, SourceServer, a_week_of_points, continuous, failover, hundred_gibibytes, not_extended,
    },
};

/// Staging resources are removed within 90 minutes of a disconnect (`DisconnectSourceServer`).
pub const STAGING_GONE: TimeDelta = TimeDelta::minutes(90);

/// The agent is told to uninstall itself within about 10 minutes of a disconnect
/// (`DisconnectSourceServer`).
pub const AGENT_GONE: TimeDelta = TimeDelta::minutes(10);

/// How long a started replication initiates, and then synchronises. Not documented; a plausible
/// pace.
pub(crate) const INITIATING: TimeDelta = TimeDelta::minutes(10);

pub(crate) const INITIAL_SYNC: TimeDelta = TimeDelta::hours(2);

impl SourceServer {
    /// A healthy server of an EC2 instance.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            hostname: None,
            fqdn: None,
            aws_instance_id: None,
            origin_account_id: None,
            origin_region: None,
            data_replication_state: continuous(),
            replication_direction: failover(),
            reversed_direction_source_server_arn: None,
            staging_status: not_extended(),
            staging_source_server_arn: None,
            recovery_instance_id: None,
            tags: BTreeMap::new(),
            disk_bytes: hundred_gibibytes(),
            recovery_points: a_week_of_points(),
            replicating_since: None,
            staging_gone_at: None,
            agent_gone_at: None,
        }
    }

    /// The same server with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Whether it shares the replication of a server in a staging account, or did so.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.staging_status != "NOT_EXTENDED"
    }

    /// Whether replication has ended for good.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.data_replication_state == "DISCONNECTED"
    }

    /// The times of its recovery points, the newest first. They stand for as long as AWS keeps
    /// them: a point is taken every ten minutes, and of those that are an hour old the first of
    /// each hour is kept, a day later the first of each day.
    #[must_use]
    pub fn points(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let (minutes, hours, days) = (6, 24, 7);
        let age_of = |(step, from): (i64, DateTime<Utc>)| {
            let newest = from.timestamp().div_euclid(step * 60) * step;
            (0..).map(move |back| {
                DateTime::from_timestamp((newest - back * step) * 60, 0).unwrap_or(from)
            })
        };
        let hour_ago = now - TimeDelta::hours(1);
        let day_ago = hour_ago - TimeDelta::hours(hours);
        let kept = [
            (10, now, minutes),
            (60, hour_ago, hours),
            (24 * 60, day_ago, days),
        ];
        let all = kept
            .into_iter()
            .flat_map(|(step, from, count)| age_of((step, from)).zip(0..count));
        let first = self
            .replicating_since
            .map(|since| since + INITIATING + INITIAL_SYNC);
        let taken = all
            .map(|(at, _)| at)
            .filter(|at| first.is_none_or(|first| *at >= first));
        taken.take(self.recovery_points as usize).collect()
    }

    /// Begins a replication from nothing, as an operator does who restores a server.
    pub fn start(&mut self, now: DateTime<Utc>) {
        self.data_replication_state = "INITIATING".to_owned();
        self.recovery_points = a_week_of_points();
        self.replicating_since = Some(now);
        (self.staging_gone_at, self.agent_gone_at) = (None, None);
    }

    pub(crate) fn settle(&mut self, now: DateTime<Utc>) {
        let Some(since) = self.replicating_since else {
            return;
        };
        let reached = match now - since {
            age if age < INITIATING => "INITIATING",
            age if age < INITIATING + INITIAL_SYNC => "INITIAL_SYNC",
            _ => "CONTINUOUS",
        };
        if matches!(
            self.data_replication_state.as_str(),
            "INITIATING" | "INITIAL_SYNC"
        ) {
            self.data_replication_state = reached.to_owned();
        }
    }
}

impl Drs {
    /// The server with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn source_server(&mut self, id: &str) -> Result<&mut SourceServer, ApiError> {
        self.source_servers
            .iter_mut()
            .find(|server| server.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// An ID that no source server has.
    #[must_use]
    pub fn fresh_source_server_id(&self) -> String {
        fresh(
            "s-",
            self.source_servers
                .iter()
                .map(|server| &server.id)
                .chain(&self.gone),
        )
    }

    /// `DisconnectSourceServer`: ends replication, destroys the recovery points, and leaves the
    /// rest to time.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException with a recovery instance and where
    /// [`Behaviour`] says so.
    pub fn disconnect(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
        behaviour: Behaviour,
    ) -> Result<&SourceServer, ApiError> {
        let in_job = self
            .jobs
            .iter()
            .any(|job| job.is_running(now) && job.source_server_ids.iter().any(|of| of == id));
        let launched = self
            .recovery_instances
            .iter()
            .any(|instance| instance.source_server_id == id);
        let server = self.source_server(id)?;
        let launched = launched || server.recovery_instance_id.is_some();
        refuse_if(
            launched,
            behaviour.disconnect_with_recovery_instance,
            || format!("{id} has a Recovery Instance"),
        )?;
        refuse_if(
            server.is_disconnected(),
            behaviour.second_disconnect,
            || format!("{id} is disconnected"),
        )?;
        refuse_if(in_job, behaviour.disconnect_during_job, || {
            format!("{id} is in a running job")
        })?;
        refuse_if(server.is_extended(), behaviour.disconnect_extended, || {
            format!("{id} is extended")
        })?;
        if !server.is_disconnected() {
            server.data_replication_state = "DISCONNECTED".to_owned();
            server.recovery_points = 0;
            server.staging_gone_at = Some(now + STAGING_GONE);
            server.agent_gone_at = Some(now + AGENT_GONE);
        }
        Ok(server)
    }

    /// `DeleteSourceServer`: removes the record of a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that still replicates.
    pub fn delete(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        let server = self.source_server(id)?;
        // What is extended from a staging account can go at any time: it does not replicate.
        if !server.is_disconnected() && !server.is_extended() {
            return Err(ApiError::conflict(format!(
                "{id} must be disconnected first"
            )));
        }
        let cleaning = server.staging_gone_at.is_some_and(|gone| now < gone);
        refuse_if(cleaning, behaviour.delete_before_cleanup, || {
            format!("{id} still has staging resources")
        })?;
        self.source_servers.retain(|server| server.id != id);
        self.gone.insert(id.to_owned());
        Ok(())
    }

    /// `StopReplication`: stops for a while; keeps the agent and the record, deletes the recovery
    /// points.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that is DISCONNECTED.
    pub fn stop(&mut self, id: &str) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if server.is_disconnected() {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }
        server.data_replication_state = "STOPPED".to_owned();
        server.recovery_points = 0;
        Ok(server)
    }

    /// `StartReplication`: begins a stopped replication from nothing.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that is not STOPPED.
    pub fn start(&mut self, id: &str, now: DateTime<Utc>) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if server.data_replication_state != "STOPPED" {
            return Err(ApiError::conflict(format!("{id} is not stopped")));
        }
        server.start(now);
        Ok(server)
    }

    /// `RetryDataReplication`: begins again, also for a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ValidationException for a server that is neither stalled,
    /// STOPPED nor DISCONNECTED.
    pub fn retry(&mut self, id: &str, now: DateTime<Utc>) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if !matches!(
            server.data_replication_state.as_str(),
            "STALLED" | "STOPPED" | "DISCONNECTED"
        ) {
            return Err(ApiError::validation(format!(
                "{id} is {}",
                server.data_replication_state
            )));
        }
        server.start(now);
        Ok(server)
    }
}

pub(crate) fn refuse_if(
    condition: bool,
    reply: Reply,
    message: impl Fn() -> String,
) -> Result<(), ApiError> {
    if condition && reply == Reply::Conflict {
        Err(ApiError::conflict(message()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::model::fixtures::{ID, drs, noon};
    use crate::world::World;

    #[test]
    fn a_disconnect_destroys_the_recovery_points_and_dates_the_cleanup() {
        let mut drs = drs();
        let server = drs.disconnect(ID, noon(), Behaviour::default()).unwrap();
        assert_eq!(
            (
                server.data_replication_state.as_str(),
                server.recovery_points
            ),
            ("DISCONNECTED", 0)
        );
        assert_eq!(
            server.staging_gone_at,
            Some(noon() + TimeDelta::minutes(90))
        );
        assert_eq!(server.agent_gone_at, Some(noon() + TimeDelta::minutes(10)));
    }

    #[test]
    fn recovery_points_have_times_that_stand_until_aws_thins_them_out() {
        let server = SourceServer::new(ID);
        let mut before = server.points(noon());
        assert_eq!(before.len(), 37);
        assert!(
            before.is_sorted_by(|newer, older| newer > older),
            "{before:?}"
        );
        assert!(noon() - before[36] > TimeDelta::days(7));
        for minutes in (1..30 * 60).step_by(7) {
            let now = noon() + TimeDelta::minutes(minutes);
            let points = server.points(now);
            assert_eq!(points.len(), 37);
            let new = |at: &&DateTime<Utc>| !before.contains(at);
            assert!(
                points
                    .iter()
                    .filter(new)
                    .all(|at| now - at < TimeDelta::minutes(10)),
                "{minutes}"
            );
            before = points;
        }
        let few = SourceServer {
            recovery_points: 3,
            ..SourceServer::new(ID)
        };
        assert_eq!(few.points(noon()), server.points(noon())[..3]);
    }

    #[test]
    fn a_restarted_server_has_points_again_once_it_is_synchronised() {
        let mut drs = drs();
        drs.stop(ID).unwrap();
        drs.start(ID, noon()).unwrap();
        let server = drs.source_server(ID).unwrap();
        assert!(server.points(noon() + TimeDelta::hours(2)).is_empty());
        assert_eq!(server.points(noon() + TimeDelta::hours(3)).len(), 6);
    }

    #[test]
    fn an_extended_server_can_be_deleted_at_any_time() {
        for status in ["EXTENDED", "EXTENSION_ERROR"] {
            let mut drs = drs();
            drs.source_servers[0].staging_status = status.to_owned();
            drs.delete(ID, noon(), Behaviour::default()).unwrap();
        }
    }

    #[test]
    fn a_second_disconnect_is_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let behaviour = Behaviour {
                second_disconnect: reply,
                ..Behaviour::default()
            };
            drs.disconnect(ID, noon(), behaviour).unwrap();
            assert_eq!(
                drs.disconnect(ID, noon() + STAGING_GONE, behaviour).is_ok(),
                ok
            );
            assert_eq!(
                drs.source_servers[0].staging_gone_at,
                Some(noon() + STAGING_GONE)
            );
        }
    }

    #[test]
    fn only_a_disconnected_server_can_be_deleted() {
        let mut drs = drs();
        assert_eq!(
            drs.delete(ID, noon(), Behaviour::default())
                .unwrap_err()
                .status,
            409
        );
        drs.disconnect(ID, noon(), Behaviour::default()).unwrap();
        drs.delete(ID, noon(), Behaviour::default()).unwrap();
        assert_eq!(
            drs.delete(ID, noon(), Behaviour::default())
                .unwrap_err()
                .status,
            404
        );
    }

    #[test]
    fn a_deletion_before_the_cleanup_is_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let behaviour = Behaviour {
                delete_before_cleanup: reply,
                ..Behaviour::default()
            };
            drs.disconnect(ID, noon(), behaviour).unwrap();
            assert_eq!(
                drs.delete(ID, noon() + TimeDelta::minutes(89), behaviour)
                    .is_ok(),
                ok
            );
            assert_eq!(
                drs.delete(ID, noon() + STAGING_GONE, behaviour).is_ok(),
                !ok
            );
        }
    }

    #[test]
    fn a_restored_server_replicates_from_the_beginning() {
        let mut world = World::with([SourceServer::new(ID)]);
        let now = world.now;
        world
            .here()
            .disconnect(ID, now, Behaviour::default())
            .unwrap();
        world.here().retry(ID, now).unwrap();
        let mut states = Vec::new();
        for minutes in [0, 10, 130] {
            world.advance_to(now + TimeDelta::minutes(minutes));
            states.push(world.server(ID).unwrap().data_replication_state.clone());
        }
        assert_eq!(states, ["INITIATING", "INITIAL_SYNC", "CONTINUOUS"]);
    }
}
