//! Replications: their status, what time does to them, and how they end.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{behaviour::Behaviour, context::Context, error::ApiError},
    efs::model::{
        errors::{bad_request, no_replication},
        names::Named,
        types::{Model, Replication, Side, enabled},
    },
};

/// How long a replication is ENABLING. AWS documents no pace; this one is plausible.
pub(super) const ENABLING: TimeDelta = TimeDelta::minutes(5);
/// The pace of a first sync. AWS documents none; this one is plausible.
const BYTES_PER_SECOND: u64 = 100 << 20;
/// The recovery point objective.
const OBJECTIVE_MINUTES: i64 = 15;
/// The size of the hidden metadata of a destination.
pub(super) const METADATA_BYTES: u64 = 12 << 20;
/// The largest size in the service model.
const MAX_BYTES: u64 = i64::MAX.cast_unsigned();

impl Replication {
    /// The status at a time.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>, behaviour: Behaviour) -> &str {
        // AWS does not document whether the first sync is part of ENABLING, so it is a switch.
        let is_enabling = now < self.created_at + ENABLING
            || (behaviour.enabled_after_first_sync && now < self.first_sync_ends_at);

        // What one end deleted is broken for the other, whatever was ordered.
        match &self.ordered {
            _ if self.forgotten_by.is_some() => "ERROR",
            Some(ordered) => &ordered.status,
            None if is_enabling => "ENABLING",
            None => "ENABLED",
        }
    }

    /// The explanation that EFS gives for the status.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        // The text of AWS is not documented.
        if self.forgotten_by.is_some() {
            return Some("The other file system is not in the replication configuration any more.");
        }
        let message = self.ordered.as_ref()?.message.as_str();
        Some(message).filter(|message| !message.is_empty())
    }

    /// The time of the last complete sync; `None` before the first.
    #[must_use]
    pub fn last_replicated_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // From the first sync on there is one every fifteen minutes, which is the objective of EFS.
        let since_first = now - self.first_sync_ends_at;
        if since_first < TimeDelta::zero() {
            return None;
        }

        // While a replication is stopped, only its first sync is known.
        let syncs = match self.is_running() {
            true => since_first.num_minutes() / OBJECTIVE_MINUTES,
            false => 0,
        };
        Some(self.first_sync_ends_at + TimeDelta::minutes(syncs * OBJECTIVE_MINUTES))
    }

    /// Whether data is being replicated.
    fn is_running(&self) -> bool {
        self.ordered.is_none() && self.forgotten_by.is_none()
    }

    /// The end at which a file system is, unless that end has deleted the configuration.
    #[must_use]
    pub fn side(&self, region: &str, id: &str) -> Option<Side> {
        let source = (&*self.source_region, &*self.source_file_system_id);
        let destination = (&*self.destination_region, &*self.destination_file_system_id);

        let side = match (region, id) {
            end if end == source => Side::Source,
            end if end == destination => Side::Destination,
            _ => return None,
        };
        // An end that deleted the configuration for itself knows nothing of it any more.
        (self.forgotten_by != Some(side)).then_some(side)
    }
}

impl Model {
    /// The replication that a file system is in.
    #[must_use]
    pub fn replication_of(&self, region: &str, id: &str) -> Option<&Replication> {
        self.replications
            .iter()
            .find(|replication| replication.side(region, id).is_some())
    }

    /// Makes one file system the destination of another, without any checks.
    ///
    /// Each is named by its Region and ID; `None` if one of them does not exist.
    pub fn bind(
        &mut self,
        source: (&str, &str),
        destination: (&str, &str),
        now: DateTime<Utc>,
    ) -> Option<&mut Replication> {
        // The size decides how long the first sync takes.
        let size = self.file_system(source.0, source.1)?.size_bytes;
        let seconds = i64::try_from(size / BYTES_PER_SECOND).unwrap_or(i64::from(i32::MAX));
        let copying = TimeDelta::try_seconds(seconds).unwrap_or_default();

        let replica = self.file_system(destination.0, destination.1)?;
        replica.protection = "REPLICATING".to_owned();
        let replication = Replication {
            source_region: source.0.to_owned(),
            source_file_system_id: source.1.to_owned(),
            source_owner_id: None,
            destination_region: destination.0.to_owned(),
            destination_file_system_id: destination.1.to_owned(),
            destination_owner_id: replica.owner_id.clone(),
            role_arn: None,
            created_at: now,
            first_sync_ends_at: now + ENABLING + copying,
            ordered: None,
            forgotten_by: None,
        };

        self.replications.push(replication);
        self.replications.last_mut()
    }

    /// `DeleteReplicationConfiguration`: names the source, in the Region of either end. The
    /// destination stays and becomes writable. `locally` leaves the other end in ERROR.
    ///
    /// # Errors
    ///
    /// ReplicationNotFound, FileSystemNotFound, or BadRequest for a local deletion within one
    /// account and Region.
    pub fn stop_replicating(
        &mut self,
        context: &Context,
        source: &str,
        locally: bool,
    ) -> Result<(), ApiError> {
        let named = Named::file_system(source)?;
        let Some((index, side)) = self.end_in_region(context, &named) else {
            self.named_file_system(context, source)?;
            return Err(no_replication(named.id));
        };
        let Some(replication) = self.replications.get(index).cloned() else {
            return Err(no_replication(named.id));
        };

        // There would be no other end that could be left in ERROR.
        let is_one_region = replication.source_region == replication.destination_region;
        if locally && is_one_region && replication.destination_owner_id.is_none() {
            return Err(bad_request(
                "both file systems are in this account and Region",
            ));
        }

        // A destination that deleted the configuration is free since then, and may be that of
        // another replication by now.
        let is_free = replication.forgotten_by == Some(Side::Destination);
        if (!locally || side == Side::Destination) && !is_free {
            self.release(&replication);
        }
        // The first local deletion leaves the configuration to the other end, the second ends it.
        match self.replications.get_mut(index) {
            Some(kept) if locally && kept.forgotten_by.is_none() => kept.forgotten_by = Some(side),
            _ => drop(self.replications.remove(index)),
        }
        Ok(())
    }

    /// The index of the replication of a source, and its end in the Region of the call.
    fn end_in_region(&self, context: &Context, named: &Named<'_>) -> Option<(usize, Side)> {
        let Context {
            account, region, ..
        } = context;
        let mut replications = self.replications.iter().enumerate();

        replications.find_map(|(index, replication)| {
            // The Region of an ARN is that of the source, which can differ from the call's.
            let own = (replication.source_region.as_str(), account.as_str());
            let is_named = replication.source_file_system_id == named.id
                && named.place.is_none_or(|place| place == own);

            // The call may be made at the destination, which names the source all the same.
            let destination = &replication.destination_file_system_id;
            let side = replication
                .side(region, named.id)
                .or_else(|| replication.side(region, destination))?;
            is_named.then_some((index, side))
        })
    }

    /// Makes a destination writable.
    fn release(&mut self, replication: &Replication) {
        let Replication {
            destination_region: region,
            destination_file_system_id: id,
            ..
        } = replication;

        if let Some(replica) = self.file_system(region, id) {
            replica.protection = enabled();
        }
    }

    /// Lets time pass.
    pub(crate) fn settle(&mut self, before: DateTime<Utc>, now: DateTime<Utc>) {
        for efs in self.regions.values_mut() {
            for file_system in &mut efs.file_systems {
                file_system.settle(now);
            }
        }

        // The first sync of a stopped replication ends later.
        for replication in &mut self.replications {
            if !replication.is_running() && replication.first_sync_ends_at > before {
                replication.first_sync_ends_at += now - before;
            }
        }

        // What changed after the last sync waits for the next. Each copies the present size,
        // however many syncs the time had.
        let has_synced = |replication: &&Replication| {
            let last = replication.last_replicated_at(now);
            replication.is_running() && last != replication.last_replicated_at(before)
        };
        let replications = self.replications.iter();
        let synced: Vec<Replication> = replications.filter(has_synced).cloned().collect();
        for replication in synced {
            self.copy_size(&replication);
        }
    }

    /// Gives a destination the size of its source and its metadata.
    fn copy_size(&mut self, replication: &Replication) {
        let (region, id) = (
            &replication.source_region,
            &replication.source_file_system_id,
        );
        let Some(source) = self.file_system(region, id) else {
            return;
        };
        let size = source.size_bytes.saturating_add(METADATA_BYTES);

        let (region, id) = (
            &replication.destination_region,
            &replication.destination_file_system_id,
        );
        if let Some(replica) = self.file_system(region, id) {
            replica.size_bytes = size.min(MAX_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::{
        OrderedStatus,
        fixtures::{
            Account, GIBIBYTE, HERE, OTHER_ACCOUNT, OWN_ACCOUNT, REPLICA, SOURCE, THERE,
            to_existing, to_region,
        },
    };

    #[test]
    fn replication_is_enabled_then_synced_every_quarter_of_an_hour() {
        let mut account = Account::new();
        let id = account.replicate(to_region()).unwrap();
        let start = account.now;

        let mut after = |passed: TimeDelta| {
            account.advance(start + passed - account.now);
            let last = account.efs.replications[0].last_replicated_at(account.now);
            let last = last.map(|last| last - start);
            (account.status().to_owned(), last)
        };
        let first = TimeDelta::minutes(5) + TimeDelta::seconds(61);
        assert_eq!(after(TimeDelta::minutes(4)), ("ENABLING".to_owned(), None));
        assert_eq!(after(TimeDelta::minutes(5)), ("ENABLED".to_owned(), None));
        assert_eq!(after(first), ("ENABLED".to_owned(), Some(first)));

        let second = first + TimeDelta::minutes(15);
        assert_eq!(after(second - TimeDelta::seconds(1)).1, Some(first));
        assert_eq!(after(second + TimeDelta::seconds(1)).1, Some(second));
        let replica = account.efs.file_system(THERE, &id).unwrap();
        assert_eq!(replica.size_bytes, 6 * GIBIBYTE + METADATA_BYTES);
    }

    #[test]
    fn paused_replication_delays_its_first_sync() {
        let mut account = Account::new();
        account.replicate(to_region()).unwrap();
        account.efs.replications[0].ordered = Some(OrderedStatus {
            status: "PAUSED".to_owned(),
            message: "the key cannot be used".to_owned(),
        });
        let last = |account: &Account| account.efs.replications[0].last_replicated_at(account.now);

        account.advance(TimeDelta::hours(5));
        assert_eq!(account.status(), "PAUSED");
        assert_eq!(last(&account), None);

        account.efs.replications[0].ordered = None;
        account.advance(TimeDelta::minutes(7));
        assert!(last(&account).is_some());
    }

    #[test]
    fn overwrite_protection_follows_the_replication() {
        let mut account = Account::new();
        assert_eq!(account.replicate(to_existing(REPLICA)), Err("BadRequest"));
        let replica = account.replica();
        let refused = replica.protect("REPLICATING").unwrap_err();
        assert_eq!(refused.code, "BadRequest");
        replica.protect("DISABLED").unwrap();
        replica.protect("DISABLED").unwrap();

        let replicated = account.replicate(to_existing(REPLICA));
        assert_eq!(replicated, Ok(REPLICA.to_owned()));
        let replica = account.replica();
        assert_eq!(replica.protection, "REPLICATING");
        let refused = replica.protect("ENABLED").unwrap_err();
        assert_eq!(refused.code, "ReplicationAlreadyExists");
        let context = account.call(THERE);
        let refused = account.efs.delete_file_system(&context, REPLICA);
        assert_eq!(refused.unwrap_err().code, "FileSystemInUse");

        account.stop_replicating(THERE, SOURCE, false).unwrap();
        assert_eq!(account.replica().protection, "ENABLED");
        for (region, code) in [(HERE, "ReplicationNotFound"), (THERE, "FileSystemNotFound")] {
            assert_eq!(account.stop_replicating(region, SOURCE, false), Err(code));
        }
    }

    #[test]
    fn arn_deletes_only_the_replication_of_its_account_and_region() {
        let arn = |region: &str, account: &str| {
            format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{SOURCE}")
        };
        let mut account = Account::new();
        account.replicate(to_region()).unwrap();

        for (region, owner) in [
            (HERE, OTHER_ACCOUNT),
            (THERE, OWN_ACCOUNT),
            ("us-west-2", OTHER_ACCOUNT),
        ] {
            for from in [HERE, THERE] {
                assert_eq!(
                    account.stop_replicating(from, &arn(region, owner), false),
                    Err("FileSystemNotFound"),
                    "{region} {owner} from {from}"
                );
            }
        }

        account
            .stop_replicating(THERE, &arn(HERE, OWN_ACCOUNT), false)
            .unwrap();
        assert_eq!(account.efs.replications, []);
    }

    #[test]
    fn local_deletion_leaves_the_other_end_in_error() {
        let mut account = Account::new();
        let id = account.replicate(to_region()).unwrap();
        let protection = |account: &mut Account| {
            let replica = account.efs.file_system(THERE, &id).unwrap();
            replica.protection.clone()
        };

        account.stop_replicating(HERE, SOURCE, true).unwrap();
        assert!(account.efs.replication_of(HERE, SOURCE).is_none());
        let left = account.efs.replication_of(THERE, &id).unwrap();
        assert_eq!(left.status(account.now, account.behaviour), "ERROR");
        assert_eq!(protection(&mut account), "REPLICATING");

        account.stop_replicating(THERE, SOURCE, true).unwrap();
        assert_eq!(account.efs.replications, []);
        assert_eq!(protection(&mut account), "ENABLED");
    }

    #[test]
    fn replica_is_at_most_as_large_as_the_model_allows() {
        let mut account = Account::new();
        account.source().size_bytes = MAX_BYTES;
        let now = account.now;
        let replication = account.efs.bind((HERE, SOURCE), (THERE, REPLICA), now);
        replication.unwrap().first_sync_ends_at = now + TimeDelta::seconds(30);

        account.advance(TimeDelta::minutes(1));
        assert_eq!(account.replica().size_bytes, MAX_BYTES);
    }
}
