//! Source servers and their replication.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{behaviour::Reply, context::Context, error::ApiError, ids::fresh},
    drs::model::types::{Drs, SourceServer, a_week_of_points},
};

/// AWS removes staging resources within 90 minutes of a disconnect (`DisconnectSourceServer`).
const STAGING_GONE: TimeDelta = TimeDelta::minutes(90);
/// The agent uninstalls itself within about 10 minutes of a disconnect
/// (`DisconnectSourceServer`).
const AGENT_GONE: TimeDelta = TimeDelta::minutes(10);
/// The steps by which a replication starts, in their order.
pub(crate) const STEPS: [&str; 11] = [
    "WAIT",
    "CREATE_SECURITY_GROUP",
    "LAUNCH_REPLICATION_SERVER",
    "BOOT_REPLICATION_SERVER",
    "AUTHENTICATE_WITH_SERVICE",
    "DOWNLOAD_REPLICATION_SOFTWARE",
    "CREATE_STAGING_DISKS",
    "ATTACH_STAGING_DISKS",
    "PAIR_REPLICATION_SERVER_WITH_AGENT",
    "CONNECT_AGENT_TO_REPLICATION_SERVER",
    "START_DATA_TRANSFER",
];
/// How long a step takes. AWS documents no pace; this one is plausible.
const STEP_TAKES: TimeDelta = TimeDelta::minutes(1);
/// How long a started replication is INITIATING: as long as its steps take, the first of which only
/// waits.
const INITIATING: TimeDelta = TimeDelta::minutes(10);
/// How long the initial sync takes. AWS documents no pace; this one is plausible.
const INITIAL_SYNC: TimeDelta = TimeDelta::hours(2);

impl SourceServer {
    /// Whether it shares, or shared, the replication of a server in a staging account.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.staging_status != "NOT_EXTENDED"
    }

    /// Whether replication has ended permanently.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.data_replication_state == "DISCONNECTED"
    }

    /// When its agent was last seen, or will be; `None` for one that talks at any time.
    pub(crate) fn last_seen(&self) -> Option<DateTime<Utc>> {
        self.agent_unreachable_since
            .or(self.agent_gone_at)
            .or(self.agent_seen_at)
    }

    /// The code of its replication error, if it has one.
    pub(crate) fn replication_error(&self) -> Option<&str> {
        if self.is_disconnected() {
            return None;
        }

        // Any other error of the API would do for a server that is STALLED while its agent is seen.
        let is_stalled = self.data_replication_state == "STALLED";
        let implied = match self.agent_unreachable_since {
            Some(_) => "AGENT_NOT_SEEN",
            None => "NOT_CONVERGING",
        };
        let error = self.data_replication_error.as_deref();
        error.or(is_stalled.then_some(implied))
    }

    /// By how many seconds its replica lags. A disconnect nullifies it (`DisconnectSourceServer`).
    pub(crate) fn lag(&self) -> Option<u32> {
        let is_continuous = self.data_replication_state == "CONTINUOUS";
        let lag = self.lag_seconds.or(is_continuous.then_some(0));
        lag.filter(|_| !self.is_disconnected())
    }

    /// The times of its recovery points, newest first.
    ///
    /// DRS takes a point every ten minutes. Of the points older than an hour it keeps the first of
    /// each hour, and of those a day older the first of each day. After a disconnect those that
    /// there are stay as they are, and end with the staging area.
    #[must_use]
    pub fn points(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        match (self.is_disconnected(), self.staging_gone_at) {
            (false, _) => self.points_taken_by(now),
            // The replication stopped as long before as AWS takes to clean up.
            (true, Some(gone)) if now < gone => self.points_taken_by(now.min(gone - STAGING_GONE)),
            (true, _) => Vec::new(),
        }
    }

    /// The points of a replication that goes on until a time.
    fn points_taken_by(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let hour_ago = now - TimeDelta::hours(1);
        let day_ago = hour_ago - TimeDelta::hours(24);
        let most = self.recovery_points as usize;
        // Six of the last hour, 24 of the day before it, and one of each day before that.
        let kept = points_before(now, 10)
            .take(6)
            .chain(points_before(hour_ago, 60).take(24))
            .chain(points_before(day_ago, 24 * 60).take(most));

        // There are no points of the time before the initial sync was complete.
        let first = self
            .replicating_since
            .map(|since| since + INITIATING + INITIAL_SYNC);
        let taken = kept.filter(|time| first.is_none_or(|first| *time >= first));

        taken.take(most).collect()
    }

    /// How many of the steps are done by which its replication started at this time.
    #[must_use]
    pub fn steps_done(since: DateTime<Utc>, now: DateTime<Utc>) -> usize {
        let begun = (now - since).num_seconds() / STEP_TAKES.num_seconds();

        // The first step only waits, and is done as soon as the second begins.
        usize::try_from(begun + 1).map_or(0, |done| done.min(STEPS.len()))
    }

    /// When its initial sync will be complete, while it runs.
    #[must_use]
    pub fn synced_at(&self) -> Option<DateTime<Utc>> {
        let state = self.data_replication_state.as_str();
        let is_starting = matches!(state, "INITIATING" | "INITIAL_SYNC");

        let since = self.replicating_since.filter(|_| is_starting)?;
        Some(since + INITIATING + INITIAL_SYNC)
    }

    /// Starts replication from the beginning, as an operator does who restores a server.
    pub fn start(&mut self, now: DateTime<Utc>) {
        self.data_replication_state = "INITIATING".to_owned();
        (self.data_replication_error, self.lag_seconds) = (None, None);
        // The limit of a world file ends with the replication that it was for.
        self.recovery_points = a_week_of_points();
        self.replicating_since = Some(now);
        (self.first_byte_at, self.replicated_bytes) = (None, None);
        (self.staging_gone_at, self.agent_gone_at) = (None, None);
    }

    pub(super) fn settle(&mut self, now: DateTime<Utc>) {
        let Some(since) = self.replicating_since else {
            return;
        };
        // A server that was stopped or disconnected meanwhile stays so.
        let is_starting = matches!(
            self.data_replication_state.as_str(),
            "INITIATING" | "INITIAL_SYNC"
        );

        if is_starting {
            let reached = match now - since {
                age if age < INITIATING => "INITIATING",
                age if age < INITIATING + INITIAL_SYNC => "INITIAL_SYNC",
                _ => "CONTINUOUS",
            };
            self.data_replication_state = reached.to_owned();
        }
    }
}

/// The full multiples of some minutes up to a time, latest first.
fn points_before(time: DateTime<Utc>, minutes: i64) -> impl Iterator<Item = DateTime<Utc>> {
    let seconds = minutes * 60;
    let latest = time.timestamp().div_euclid(seconds);

    (0..).map(move |back| DateTime::from_timestamp((latest - back) * seconds, 0).unwrap_or(time))
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

    /// The IDs that no new server gets.
    pub(super) fn taken_server_ids(&self) -> impl Iterator<Item = &String> {
        let present = self.source_servers.iter().map(|server| &server.id);
        present.chain(&self.gone)
    }

    /// A source server ID that is free in this Region.
    #[must_use]
    pub fn fresh_source_server_id(&self) -> String {
        fresh("s-", self.taken_server_ids())
    }

    /// `DisconnectSourceServer`: ends replication. The staging resources, its recovery points among
    /// them, and the agent disappear later.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException as the switches of the account decide.
    pub fn disconnect(&mut self, id: &str, context: &Context) -> Result<&SourceServer, ApiError> {
        let (now, behaviour) = (context.now, context.behaviour);
        let is_in_job = self.jobs.iter().any(|job| {
            job.is_running(now) && job.source_server_ids.iter().any(|server| server == id)
        });
        let has_instance = self
            .recovery_instances
            .iter()
            .any(|instance| instance.source_server_id == id);
        let server = self.source_server(id)?;

        // The record names its recovery instance too, even if the instance itself is not listed.
        let is_launched = has_instance || server.recovery_instance_id.is_some();
        refuse_if(
            is_launched,
            behaviour.disconnect_with_recovery_instance,
            format!("{id} has a Recovery Instance"),
        )?;
        refuse_if(
            server.is_disconnected(),
            behaviour.second_disconnect,
            format!("{id} is disconnected"),
        )?;
        refuse_if(
            is_in_job,
            behaviour.disconnect_during_job,
            format!("{id} is in a running job"),
        )?;
        refuse_if(
            server.is_extended(),
            behaviour.disconnect_extended,
            format!("{id} is extended"),
        )?;

        // A second disconnect does not delay the cleanup of the first.
        if !server.is_disconnected() {
            server.data_replication_state = "DISCONNECTED".to_owned();
            server.staging_gone_at = Some(now + STAGING_GONE);
            // The command to uninstall itself reaches only an agent that can reach DRS.
            let is_reached = server.agent_unreachable_since.is_none();
            server.agent_gone_at = is_reached.then(|| now + AGENT_GONE);
        }

        Ok(server)
    }

    /// `DeleteSourceServer`: removes the record of a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that still replicates.
    pub fn delete(&mut self, id: &str, context: &Context) -> Result<(), ApiError> {
        let server = self.source_server(id)?;

        // A server extended from a staging account does not replicate, so it can go at any time.
        if !server.is_disconnected() && !server.is_extended() {
            return Err(ApiError::conflict(format!(
                "{id} must be disconnected first"
            )));
        }
        refuse_if(
            server
                .staging_gone_at
                .is_some_and(|gone| context.now < gone),
            context.behaviour.delete_before_cleanup,
            format!("{id} still has staging resources"),
        )?;

        // The ID stays taken: AWS does not assign IDs twice.
        self.source_servers.retain(|server| server.id != id);
        self.gone.insert(id.to_owned());
        Ok(())
    }

    /// `StopReplication`: pauses replication. The agent and the record stay, the recovery points
    /// are deleted.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that is DISCONNECTED.
    pub fn stop(&mut self, id: &str) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if server.is_disconnected() {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }

        // Unlike a disconnect it keeps the agent, so that the server can start again.
        server.data_replication_state = "STOPPED".to_owned();
        server.recovery_points = 0;
        Ok(server)
    }

    /// `StartReplication`: starts a stopped replication from the beginning.
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

    /// `RetryDataReplication`: starts from the beginning, also for a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ValidationException for a server that is neither STALLED,
    /// STOPPED nor DISCONNECTED.
    pub fn retry(&mut self, id: &str, now: DateTime<Utc>) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        // A disconnected server can be retried as long as its record exists.
        let state = &server.data_replication_state;
        if !matches!(state.as_str(), "STALLED" | "STOPPED" | "DISCONNECTED") {
            return Err(ApiError::validation(format!("{id} is {state}")));
        }

        server.start(now);
        Ok(server)
    }
}

/// Refuses a call under a condition, unless the account lets it pass.
fn refuse_if(condition: bool, reply: Reply, message: String) -> Result<(), ApiError> {
    match reply {
        Reply::Conflict if condition => Err(ApiError::conflict(message)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::behaviour::Behaviour,
        drs::model::{
            Model,
            fixtures::{ID, call_at, call_with, drs, noon},
        },
    };

    #[test]
    fn disconnect_ends_replication_and_schedules_cleanup() {
        let mut drs = drs();
        let server = drs.disconnect(ID, &call_at(noon())).unwrap();

        assert_eq!(server.data_replication_state, "DISCONNECTED");
        assert_eq!(
            server.staging_gone_at,
            Some(noon() + TimeDelta::minutes(90))
        );
        assert_eq!(server.agent_gone_at, Some(noon() + TimeDelta::minutes(10)));
    }

    #[test]
    fn unreachable_agent_is_not_uninstalled() {
        let mut drs = drs();
        drs.source_servers[0].agent_unreachable_since = Some(noon() - TimeDelta::days(3));

        let server = drs.disconnect(ID, &call_at(noon())).unwrap();
        assert_eq!(server.agent_gone_at, None);
        assert_eq!(
            server.staging_gone_at,
            Some(noon() + TimeDelta::minutes(90))
        );
    }

    #[test]
    fn replication_starts_step_by_step() {
        let done = [0, 1, 9, 10, 10_000]
            .map(|minutes| SourceServer::steps_done(noon(), noon() + TimeDelta::minutes(minutes)));
        assert_eq!(done, [1, 2, 10, 11, 11]);
    }

    #[test]
    fn recovery_points_keep_their_times_until_aws_thins_them_out() {
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

            let mut new = points.iter().filter(|time| !before.contains(time));
            assert!(
                new.all(|time| now - time < TimeDelta::minutes(10)),
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
    fn recovery_points_end_with_the_staging_area() {
        let mut drs = drs();
        let before = drs.source_servers[0].points(noon());
        let server = drs.disconnect(ID, &call_at(noon())).unwrap();
        let points = |minutes| server.points(noon() + TimeDelta::minutes(minutes));

        assert_eq!(points(0), before);
        assert_eq!(points(89), before, "none is taken, and none is dropped");
        assert!(points(90).is_empty());

        // A server that was disconnected before the world began has been cleaned up.
        let old = SourceServer {
            data_replication_state: "DISCONNECTED".to_owned(),
            ..SourceServer::new(ID)
        };
        assert!(old.points(noon()).is_empty());
    }

    #[test]
    fn restarted_server_has_points_after_its_initial_sync() {
        let mut drs = drs();
        drs.stop(ID).unwrap();
        drs.start(ID, noon()).unwrap();

        let server = drs.source_server(ID).unwrap();
        assert!(server.points(noon() + TimeDelta::hours(2)).is_empty());
        assert_eq!(server.points(noon() + TimeDelta::hours(3)).len(), 6);
    }

    #[test]
    fn extended_server_can_be_deleted_at_any_time() {
        for status in ["EXTENDED", "EXTENSION_ERROR"] {
            let mut drs = drs();
            drs.source_servers[0].staging_status = status.to_owned();

            drs.delete(ID, &call_at(noon())).unwrap();
        }
    }

    #[test]
    fn switch_decides_about_second_disconnect() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let first = call_with(Behaviour {
                second_disconnect: reply,
                ..Behaviour::default()
            });
            let second = Context {
                now: noon() + STAGING_GONE,
                ..first.clone()
            };

            drs.disconnect(ID, &first).unwrap();
            assert_eq!(drs.disconnect(ID, &second).is_ok(), ok);
            assert_eq!(
                drs.source_servers[0].staging_gone_at,
                Some(noon() + STAGING_GONE)
            );
        }
    }

    #[test]
    fn only_disconnected_server_can_be_deleted() {
        let mut drs = drs();
        let call = call_at(noon());

        assert_eq!(drs.delete(ID, &call).unwrap_err().status, 409);
        drs.disconnect(ID, &call).unwrap();
        drs.delete(ID, &call).unwrap();
        assert_eq!(drs.delete(ID, &call).unwrap_err().status, 404);
    }

    #[test]
    fn switch_decides_about_deletion_before_cleanup() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let call = call_with(Behaviour {
                delete_before_cleanup: reply,
                ..Behaviour::default()
            });
            let after = |time| Context {
                now: noon() + time,
                ..call.clone()
            };

            drs.disconnect(ID, &call).unwrap();
            let early = drs.delete(ID, &after(TimeDelta::minutes(89)));
            assert_eq!(early.is_ok(), ok);
            assert_eq!(drs.delete(ID, &after(STAGING_GONE)).is_ok(), !ok);
        }
    }

    #[test]
    fn restored_server_replicates_from_the_beginning() {
        let mut model = Model {
            regions: [("us-east-1".to_owned(), drs())].into(),
        };
        let drs = model.region_mut("us-east-1").unwrap();
        drs.disconnect(ID, &call_at(noon())).unwrap();
        drs.retry(ID, noon()).unwrap();

        let states = [0, 10, 130].map(|minutes| {
            model.settle(noon() + TimeDelta::minutes(minutes));
            let server = &model.regions["us-east-1"].source_servers[0];
            server.data_replication_state.clone()
        });
        assert_eq!(states, ["INITIATING", "INITIAL_SYNC", "CONTINUOUS"]);
    }
}
