//! Replications between file systems.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::{
    aws::{behaviour::Behaviour, constraints, error::ApiError},
    efs::model::{
        errors::{bad_request, lost, no_file_system, no_replication, unsupported_zone},
        file_systems::check_key,
        names::{Named, is_within_reach, region_of},
        types::{FileSystem, Replication, Side, enabled, general_purpose},
    },
    world::World,
};

/// How long a replication is ENABLING. Not documented; a plausible pace.
pub(crate) const ENABLING: TimeDelta = TimeDelta::minutes(5);

/// How much a first sync copies in a second. Not documented; a plausible pace.
pub(crate) const BYTES_PER_SECOND: u64 = 100 << 20;

/// The recovery point objective, in minutes.
pub(crate) const OBJECTIVE_MINUTES: i64 = 15;

/// The hidden metadata of a destination.
pub const METADATA_BYTES: u64 = 12 << 20;

/// The largest size that the model has a number for.
pub(crate) const LARGEST: u64 = i64::MAX.cast_unsigned();

/// Where a replication is to go, with the API's member names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Destination {
    /// The Region.
    pub region: Option<String>,
    /// The zone of a new One Zone file system.
    pub availability_zone_name: Option<String>,
    /// The key of a new file system.
    pub kms_key_id: Option<String>,
    /// An existing file system.
    pub file_system_id: Option<String>,
    /// The role under which EFS replicates.
    pub role_arn: Option<String>,
}

impl Replication {
    /// Its status at a moment.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>, behaviour: Behaviour) -> &str {
        match &self.ordered {
            _ if self.forgotten_by.is_some() => "ERROR",
            Some(ordered) => &ordered.status,
            None if now < self.created_at + ENABLING => "ENABLING",
            None if behaviour.enabled_after_first_sync && now < self.first_sync_ends_at => {
                "ENABLING"
            }
            None => "ENABLED",
        }
    }

    /// What EFS says about its status.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        match self.forgotten_by {
            Some(_) => {
                Some("The other file system is not in the replication configuration any more.")
            }
            None => self
                .ordered
                .as_ref()
                .map(|ordered| ordered.message.as_str()),
        }
    }

    /// The time of the last complete sync; `None` until the first one.
    #[must_use]
    pub fn last_replicated_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let since = now - self.first_sync_ends_at;
        if since < TimeDelta::zero() {
            return None;
        }
        // While it stands still nothing is known but the first.
        let syncs = if self.is_running() {
            since.num_minutes() / OBJECTIVE_MINUTES
        } else {
            0
        };
        Some(self.first_sync_ends_at + TimeDelta::minutes(syncs * OBJECTIVE_MINUTES))
    }

    /// Whether data flows.
    fn is_running(&self) -> bool {
        self.ordered.is_none() && self.forgotten_by.is_none()
    }

    /// Which end of it a file system is, as far as that end knows of it.
    #[must_use]
    pub fn side(&self, region: &str, id: &str) -> Option<Side> {
        let is = |of: &str, end: &str| of == region && end == id;
        let side = match self {
            _ if is(&self.source_region, &self.source_file_system_id) => Side::Source,
            _ if is(&self.destination_region, &self.destination_file_system_id) => {
                Side::Destination
            }
            _ => return None,
        };
        (self.forgotten_by != Some(side)).then_some(side)
    }
}

impl World {
    /// The replication that a file system is in, if it knows of one.
    #[must_use]
    pub fn replication_of(&self, region: &str, id: &str) -> Option<&Replication> {
        self.replications
            .iter()
            .find(|replication| replication.side(region, id).is_some())
    }

    /// Makes one file system the destination of another, from now on and without a question.
    ///
    /// Each is named by its Region and ID; `None` where one of them is not there.
    pub fn bind(
        &mut self,
        source: (&str, &str),
        destination: (&str, &str),
    ) -> Option<&mut Replication> {
        let size = self.file_system(source.0, source.1)?.size_bytes;
        let replica = self.file_system(destination.0, destination.1)?;
        replica.protection = "REPLICATING".to_owned();
        let destination_owner_id = replica.owner_id.clone();
        let seconds = i64::try_from(size / BYTES_PER_SECOND).unwrap_or(i64::from(i32::MAX));
        let copying = TimeDelta::try_seconds(seconds).unwrap_or_default();
        self.replications.push(Replication {
            source_region: source.0.to_owned(),
            source_file_system_id: source.1.to_owned(),
            destination_region: destination.0.to_owned(),
            destination_file_system_id: destination.1.to_owned(),
            destination_owner_id,
            role_arn: None,
            created_at: self.now,
            first_sync_ends_at: self.now + ENABLING + copying,
            ordered: None,
            forgotten_by: None,
        });
        self.replications.last_mut()
    }

    /// `CreateReplicationConfiguration`.
    ///
    /// # Errors
    ///
    /// What stands in the way, by the code that the model has for it; where it has none,
    /// [`Behaviour`] says.
    pub fn replicate(
        &mut self,
        region: &str,
        source: &str,
        destinations: &[Destination],
    ) -> Result<&Replication, ApiError> {
        let [wanted] = destinations else {
            return Err(bad_request("a replication has exactly one destination"));
        };
        let partition = wanted
            .role_arn
            .as_deref()
            .map(|role| role.split(':').nth(1));
        if partition.is_some_and(|of| of != constraints::partition(region)) {
            return Err(bad_request("the role is in another partition"));
        }
        let source = self.replicable(region, source)?;
        let (to, id) = match &wanted.file_system_id {
            Some(name) => self.existing_destination(region, &source, wanted, name)?,
            None => self.new_destination(&source, wanted)?,
        };
        let replication = self
            .bind((region, &source.file_system_id), (&to, &id))
            .ok_or_else(lost)?;
        replication.role_arn.clone_from(&wanted.role_arn);
        Ok(replication)
    }

    /// The source of a replication to be: the caller's, available, and in no replication.
    pub(crate) fn replicable(&mut self, region: &str, name: &str) -> Result<FileSystem, ApiError> {
        let source = self.named_file_system(region, name)?.clone();
        if source
            .owner_id
            .as_ref()
            .is_some_and(|owner| *owner != self.account)
        {
            return Err(no_file_system(&source.file_system_id));
        }
        source.require_available()?;
        self.require_single(region, &source.file_system_id)?;
        Ok(source)
    }

    pub(crate) fn require_single(&self, region: &str, id: &str) -> Result<(), ApiError> {
        match self.replication_of(region, id) {
            None => Ok(()),
            Some(_) => Err(self
                .behaviour
                .second_replication
                .error(format!("{id} is already in a replication configuration"))),
        }
    }

    /// The Region and ID of an existing file system that may become a destination.
    pub(crate) fn existing_destination(
        &mut self,
        region: &str,
        source: &FileSystem,
        wanted: &Destination,
        name: &str,
    ) -> Result<(String, String), ApiError> {
        if wanted.kms_key_id.is_some() || wanted.availability_zone_name.is_some() {
            return Err(bad_request(
                "an existing destination has its key and its zone",
            ));
        }
        let named = Named::file_system(name)?;
        let of_arn = named.place.map(|(of, _)| of);
        let to = wanted
            .region
            .as_deref()
            .or(of_arn)
            .ok_or_else(|| bad_request("Region is required"))?;
        if of_arn.is_some_and(|of| of != to) {
            return Err(bad_request(format!("{name} is not in {to}")));
        }
        if named.place.is_some_and(|(_, owner)| owner != self.account) && wanted.role_arn.is_none()
        {
            let message =
                "No RoleArn provided.  RoleArn is required for cross-account replication.";
            return Err(bad_request(message));
        }
        let behaviour = self.behaviour;
        self.named_file_system(to, name)?;
        if (to, named.id) == (region, source.file_system_id.as_str()) {
            return Err(bad_request("a file system is not its own destination"));
        }
        self.require_single(to, named.id)?;
        let replica = self.named_file_system(to, name)?;
        replica.require_available()?;
        if replica.protection != "DISABLED" {
            let message = format!(
                "the overwrite protection of {} is {}",
                named.id, replica.protection
            );
            return Err(behaviour.protected_destination.error(message));
        }
        if source.encrypted && !replica.encrypted {
            return Err(ApiError::conflict(format!(
                "{} is encrypted, {} is not",
                source.file_system_id, named.id
            )));
        }
        Ok((to.to_owned(), named.id.to_owned()))
    }

    /// The Region and ID of a file system that is created to be a destination.
    pub(crate) fn new_destination(
        &mut self,
        source: &FileSystem,
        wanted: &Destination,
    ) -> Result<(String, String), ApiError> {
        let zone = wanted.availability_zone_name.as_deref();
        let to = match (wanted.region.as_deref(), zone) {
            (Some(region), _) => region,
            (None, Some(zone)) => region_of(zone).ok_or_else(|| unsupported_zone(zone))?,
            (None, None) => {
                return Err(bad_request(
                    "a destination needs a Region or an Availability Zone",
                ));
            }
        };
        if !is_within_reach(&self.region, to) {
            return Err(bad_request(format!(
                "EFS is not in {to}, or it is in another partition"
            )));
        }
        if zone.is_some_and(|zone| region_of(zone) != Some(to)) {
            return Err(unsupported_zone(to));
        }
        check_key(wanted.kms_key_id.as_deref(), to)?;
        let backup = zone.is_some() || self.behaviour.backup_on_regional_replica;
        let replica = FileSystem {
            size_bytes: METADATA_BYTES,
            performance_mode: zone
                .map_or_else(|| source.performance_mode.clone(), |_| general_purpose()),
            throughput_mode: source.throughput_mode.clone(),
            provisioned_throughput_in_mibps: source.provisioned_throughput_in_mibps,
            kms_key_id: wanted.kms_key_id.clone(),
            availability_zone_name: zone.map(str::to_owned),
            backup: backup.then(enabled),
            ..FileSystem::new("")
        };
        let replica = self.add_file_system(to, replica)?;
        // A token is of one file system alone, however often a source is replicated.
        replica.creation_token = format!("destination-{}", replica.file_system_id);
        Ok((to.to_owned(), replica.file_system_id.clone()))
    }

    /// `DeleteReplicationConfiguration`: by its source, in the Region of either end. The
    /// destination stays and can be written again; `locally` leaves the other end in ERROR.
    ///
    /// # Errors
    ///
    /// ReplicationNotFound, FileSystemNotFound, or BadRequest for a local deletion within one
    /// account and Region.
    pub fn stop_replicating(
        &mut self,
        region: &str,
        source: &str,
        locally: bool,
    ) -> Result<(), ApiError> {
        let Named { id, place } = Named::file_system(source)?;
        // The Region of an ARN is the source's, which the call need not be made in.
        let is_source = |replication: &Replication| {
            let own = (replication.source_region.as_str(), self.account.as_str());
            replication.source_file_system_id == id && place.is_none_or(|place| place == own)
        };
        let side_here = |replication: &Replication| {
            let to = &replication.destination_file_system_id;
            replication
                .side(region, id)
                .or_else(|| replication.side(region, to))
        };
        let mut replications = self.replications.iter().enumerate();
        let found = replications.find_map(|(at, replication)| {
            let side = side_here(replication).filter(|_| is_source(replication))?;
            Some((at, side, replication.clone()))
        });
        let Some((at, side, replication)) = found else {
            self.named_file_system(region, source)?;
            return Err(no_replication(id));
        };
        let here_only = replication.source_region == replication.destination_region;
        if locally && here_only && replication.destination_owner_id.is_none() {
            return Err(bad_request(
                "both file systems are in this account and Region",
            ));
        }
        // A destination that forgot the replication was released then, and may be another one's by
        // now.
        let forgotten = replication.forgotten_by == Some(Side::Destination);
        if (!locally || side == Side::Destination) && !forgotten {
            self.release(&replication);
        }
        match self.replications.get_mut(at) {
            Some(kept) if locally && kept.forgotten_by.is_none() => kept.forgotten_by = Some(side),
            _ => drop(self.replications.remove(at)),
        }
        Ok(())
    }

    /// Makes a destination a file system like any other.
    pub(crate) fn release(&mut self, replication: &Replication) {
        let Replication {
            destination_region,
            destination_file_system_id,
            ..
        } = replication;
        if let Some(replica) = self.file_system(destination_region, destination_file_system_id) {
            replica.protection = enabled();
        }
    }

    /// What time does to file systems and replications between a moment and now.
    pub(crate) fn settle_efs(&mut self, before: DateTime<Utc>) {
        let now = self.now;
        for file_system in self.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
            file_system.settle(now);
        }
        for replication in &mut self.replications {
            if !replication.is_running() && replication.first_sync_ends_at > before {
                replication.first_sync_ends_at += now - before;
            }
        }
        let synced = self
            .replications
            .iter()
            .filter(|replication| replication.is_running());
        let synced: Vec<Replication> = synced
            .filter(|of| of.first_sync_ends_at <= now)
            .cloned()
            .collect();
        for replication in synced {
            let source = self.file_system(
                &replication.source_region,
                &replication.source_file_system_id,
            );
            let size = source.map(|source| {
                source
                    .size_bytes
                    .saturating_add(METADATA_BYTES)
                    .min(LARGEST)
            });
            let replica = self.file_system(
                &replication.destination_region,
                &replication.destination_file_system_id,
            );
            if let Some((replica, size)) = replica.zip(size) {
                replica.size_bytes = size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::*;
    use crate::{
        aws::behaviour::Refusal,
        efs::model::{
            fixtures::{
                GIBIBYTE, HERE, OTHER_ACCOUNT, REPLICA, ROLE, SOURCE, THERE, advance, replicate,
                to_existing, to_region,
            },
            types::OrderedStatus,
        },
    };
    use std::collections::BTreeSet;

    #[test]
    fn a_replication_is_enabling_then_enabled_then_synced_every_quarter_of_an_hour() {
        let mut world = world();
        let id = replicate(&mut world, to_region()).unwrap();
        let begun = world.now;
        let first = TimeDelta::minutes(5) + TimeDelta::seconds(61);
        let mut seen = |after: TimeDelta| {
            world.advance_to(begun + after);
            let replication = &world.replications[0];
            let last = replication
                .last_replicated_at(world.now)
                .map(|at| at - begun);
            (
                replication
                    .status(world.now, Behaviour::default())
                    .to_owned(),
                last,
            )
        };
        assert_eq!(seen(TimeDelta::minutes(4)), ("ENABLING".to_owned(), None));
        assert_eq!(seen(TimeDelta::minutes(5)), ("ENABLED".to_owned(), None));
        assert_eq!(seen(first), ("ENABLED".to_owned(), Some(first)));
        let second = first + TimeDelta::minutes(15);
        assert_eq!(seen(second - TimeDelta::seconds(1)).1, Some(first));
        assert_eq!(seen(second + TimeDelta::seconds(1)).1, Some(second));
        assert_eq!(
            world.file_system(THERE, &id).unwrap().size_bytes,
            6 * GIBIBYTE + METADATA_BYTES
        );
    }

    #[test]
    fn an_order_to_pause_holds_the_first_sync_up() {
        let mut world = world();
        replicate(&mut world, to_region()).unwrap();
        let ordered = OrderedStatus {
            status: "PAUSED".to_owned(),
            message: "the key cannot be used".to_owned(),
        };
        world.replications[0].ordered = Some(ordered);
        advance(&mut world, TimeDelta::hours(5));
        assert_eq!(
            world.replications[0].status(world.now, Behaviour::default()),
            "PAUSED"
        );
        assert_eq!(world.replications[0].last_replicated_at(world.now), None);
        world.replications[0].ordered = None;
        advance(&mut world, TimeDelta::minutes(7));
        assert!(
            world.replications[0]
                .last_replicated_at(world.now)
                .is_some()
        );
    }

    #[test]
    fn a_new_destination_has_what_aws_gives_it_and_nothing_else() {
        let mut world = world();
        let mut source = FileSystem::new(SOURCE).tagged("Name", "shared");
        source.performance_mode = "maxIO".to_owned();
        source.throughput_mode = "bursting".to_owned();
        source.encrypted = false;
        source.backup = Some(enabled());
        *world.file_system(HERE, SOURCE).unwrap() = source.clone();
        let mut other = world.clone();
        let id = replicate(&mut world, to_region()).unwrap();
        let regional = world.file_system(THERE, &id).unwrap();
        assert_eq!(
            (
                regional.performance_mode.as_str(),
                regional.throughput_mode.as_str()
            ),
            ("maxIO", "bursting")
        );
        assert_eq!(
            (regional.protection.as_str(), regional.size_bytes),
            ("REPLICATING", METADATA_BYTES)
        );
        assert!(regional.encrypted && regional.tags.is_empty() && regional.backup.is_none());
        let zone = Some(format!("{THERE}b"));
        let id = replicate(
            &mut other,
            Destination {
                availability_zone_name: zone,
                ..Destination::default()
            },
        )
        .unwrap();
        let one_zone = other.file_system(THERE, &id).unwrap();
        assert_eq!(one_zone.performance_mode, "generalPurpose");
        assert_eq!(one_zone.backup.as_deref(), Some("ENABLED"));
    }

    #[test]
    fn overwrite_protection_goes_from_enabled_over_disabled_and_replicating_back_to_enabled() {
        let mut world = world();
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Err("BadRequest")
        );
        let replica = world.file_system(THERE, REPLICA).unwrap();
        assert_eq!(
            replica.protect("REPLICATING").unwrap_err().code,
            "BadRequest"
        );
        replica.protect("DISABLED").unwrap();
        replica.protect("DISABLED").unwrap();
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Ok(REPLICA.to_owned())
        );
        let replica = world.file_system(THERE, REPLICA).unwrap();
        assert_eq!(replica.protection, "REPLICATING");
        assert_eq!(
            replica.protect("ENABLED").unwrap_err().code,
            "ReplicationAlreadyExists"
        );
        assert_eq!(
            world.delete_file_system(THERE, REPLICA).unwrap_err().code,
            "FileSystemInUse"
        );
        world.stop_replicating(THERE, SOURCE, false).unwrap();
        assert_eq!(
            world.file_system(THERE, REPLICA).unwrap().protection,
            "ENABLED"
        );
        assert_eq!(
            world
                .stop_replicating(HERE, SOURCE, false)
                .unwrap_err()
                .code,
            "ReplicationNotFound"
        );
        assert_eq!(
            world
                .stop_replicating(THERE, SOURCE, false)
                .unwrap_err()
                .code,
            "FileSystemNotFound"
        );
    }

    #[test]
    fn an_arn_deletes_the_replication_of_its_own_account_and_region_alone() {
        let arn = |region: &str, account: &str| {
            format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{SOURCE}")
        };
        let mut world = world();
        replicate(&mut world, to_region()).unwrap();
        for (region, account) in [
            (HERE, OTHER_ACCOUNT),
            (THERE, "111122223333"),
            ("us-west-2", OTHER_ACCOUNT),
        ] {
            for from in [HERE, THERE] {
                let refused = world
                    .stop_replicating(from, &arn(region, account), false)
                    .unwrap_err();
                assert_eq!(
                    refused.code, "FileSystemNotFound",
                    "{region} {account} from {from}"
                );
            }
        }
        world
            .stop_replicating(THERE, &arn(HERE, "111122223333"), false)
            .unwrap();
        assert_eq!(world.replications, []);
    }

    #[test]
    fn a_local_deletion_leaves_the_other_end_in_error() {
        let mut world = world();
        let id = replicate(&mut world, to_region()).unwrap();
        world.stop_replicating(HERE, SOURCE, true).unwrap();
        assert!(world.replication_of(HERE, SOURCE).is_none());
        let left = world.replication_of(THERE, &id).unwrap();
        assert_eq!(left.status(world.now, Behaviour::default()), "ERROR");
        assert_eq!(
            world.file_system(THERE, &id).unwrap().protection,
            "REPLICATING"
        );
        world.stop_replicating(THERE, SOURCE, true).unwrap();
        assert_eq!(world.replications, []);
        assert_eq!(world.file_system(THERE, &id).unwrap().protection, "ENABLED");
    }

    #[test]
    fn what_forbids_a_replication_is_told_by_its_code() {
        let zone = |region: Option<&str>, zone: &str| Destination {
            region: region.map(str::to_owned),
            availability_zone_name: Some(zone.to_owned()),
            ..Destination::default()
        };
        let key = |key: &str| Destination {
            kms_key_id: Some(key.to_owned()),
            ..to_region()
        };
        let key_here = format!("arn:aws:kms:{HERE}:111122223333:key/mrk-0123");
        for (to, code) in [
            (Destination::default(), "BadRequest"),
            (
                zone(Some(THERE), "us-east-1a"),
                "UnsupportedAvailabilityZone",
            ),
            (zone(None, "eu-west-1z"), "UnsupportedAvailabilityZone"),
            (key(&key_here), "BadRequest"),
            (to_existing("fs-00000000000000009"), "FileSystemNotFound"),
            (
                Destination {
                    region: Some("us-nowhere-1".to_owned()),
                    ..Destination::default()
                },
                "BadRequest",
            ),
            (
                Destination {
                    region: Some("us-gov-east-1".to_owned()),
                    ..Destination::default()
                },
                "BadRequest",
            ),
            (zone(None, "cn-north-1a"), "BadRequest"),
            (
                Destination {
                    role_arn: Some(ROLE.replace("aws", "aws-cn")),
                    ..to_region()
                },
                "BadRequest",
            ),
            (
                to_existing(&format!(
                    "arn:aws-cn:elasticfilesystem:{THERE}:111122223333:file-system/{REPLICA}"
                )),
                "BadRequest",
            ),
        ] {
            let mut world = world();
            let before = world.clone();
            assert_eq!(replicate(&mut world, to), Err(code));
            assert_eq!(world, before, "a refusal changes nothing");
        }
        let mut world = world();
        assert_eq!(
            world.replicate(HERE, SOURCE, &[]).unwrap_err().code,
            "BadRequest"
        );
        assert_eq!(
            world
                .replicate(THERE, SOURCE, &[to_region()])
                .unwrap_err()
                .code,
            "FileSystemNotFound"
        );
        world.file_system(HERE, SOURCE).unwrap().life_cycle_state = "updating".to_owned();
        assert_eq!(
            replicate(&mut world, to_region()),
            Err("IncorrectFileSystemLifeCycleState")
        );
    }

    #[test]
    fn an_encrypted_source_needs_an_encrypted_destination_and_not_the_other_way_round() {
        for (source, replica, expected) in [
            (true, false, Err("ConflictException")),
            (false, true, Ok(REPLICA.to_owned())),
        ] {
            let mut world = world();
            world.file_system(HERE, SOURCE).unwrap().encrypted = source;
            let existing = world.file_system(THERE, REPLICA).unwrap();
            (existing.encrypted, existing.protection) = (replica, "DISABLED".to_owned());
            assert_eq!(replicate(&mut world, to_existing(REPLICA)), expected);
        }
    }

    #[test]
    fn a_second_replication_is_refused_as_the_switch_says() {
        for (refusal, code) in [
            (Refusal::BadRequest, "BadRequest"),
            (Refusal::Conflict, "ConflictException"),
        ] {
            let mut world = world();
            world.behaviour.second_replication = refusal;
            let id = replicate(&mut world, to_region()).unwrap();
            assert_eq!(replicate(&mut world, to_region()), Err(code));
            advance(&mut world, TimeDelta::minutes(1));
            let back = Destination {
                region: Some(HERE.to_owned()),
                ..Destination::default()
            };
            assert_eq!(
                world.replicate(THERE, &id, &[back]).unwrap_err().code,
                code,
                "a chain"
            );
        }
    }

    #[test]
    fn a_protected_destination_is_refused_as_the_switch_says() {
        let mut world = world();
        world.behaviour.protected_destination = Refusal::Conflict;
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Err("ConflictException")
        );
    }

    #[test]
    fn another_account_needs_a_role_an_arn_and_a_policy_that_lets_us_in() {
        let mut world = world();
        let arn =
            format!("arn:aws:elasticfilesystem:{THERE}:{OTHER_ACCOUNT}:file-system/{REPLICA}");
        let replica = world.file_system(THERE, REPLICA).unwrap();
        (replica.owner_id, replica.protection) =
            (Some(OTHER_ACCOUNT.to_owned()), "DISABLED".to_owned());
        let with_role = |name: &str| Destination {
            role_arn: Some(ROLE.to_owned()),
            ..to_existing(name)
        };
        assert_eq!(replicate(&mut world, to_existing(&arn)), Err("BadRequest"));
        assert_eq!(
            replicate(&mut world, with_role(REPLICA)),
            Err("FileSystemNotFound")
        );
        assert_eq!(
            replicate(&mut world, with_role(&arn)),
            Err("AccessDeniedException")
        );
        let policy = r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}"#;
        world.file_system(THERE, REPLICA).unwrap().policy = Some(policy.to_owned());
        assert_eq!(
            replicate(&mut world, with_role(&arn)),
            Ok(REPLICA.to_owned())
        );
        assert_eq!(
            world.replications[0].destination_owner_id.as_deref(),
            Some(OTHER_ACCOUNT)
        );
        assert_eq!(world.replications[0].role_arn.as_deref(), Some(ROLE));
        assert_eq!(
            world.named_file_system(THERE, &arn).unwrap().file_system_id,
            REPLICA
        );
        assert_eq!(
            world.named_file_system(THERE, REPLICA).unwrap_err().code,
            "FileSystemNotFound"
        );
    }

    #[test]
    fn two_replicas_of_one_source_have_two_tokens() {
        let mut world = world();
        for _ in 0..2 {
            replicate(&mut world, to_region()).unwrap();
            world.stop_replicating(HERE, SOURCE, false).unwrap();
        }
        let tokens: BTreeSet<&String> = world
            .file_systems(THERE)
            .map(|of| &of.creation_token)
            .collect();
        assert_eq!(
            tokens.len(),
            world.file_systems(THERE).count(),
            "{tokens:?}"
        );
    }

    #[test]
    fn backups_of_a_regional_destination_and_enabled_before_the_sync_are_switches() {
        let mut world = world();
        world.behaviour.backup_on_regional_replica = true;
        world.behaviour.enabled_after_first_sync = true;
        let id = replicate(&mut world, to_region()).unwrap();
        assert_eq!(
            world.file_system(THERE, &id).unwrap().backup.as_deref(),
            Some("ENABLED")
        );
        advance(&mut world, TimeDelta::minutes(6));
        assert_eq!(
            world.replications[0].status(world.now, world.behaviour),
            "ENABLING"
        );
        advance(&mut world, TimeDelta::minutes(1));
        assert_eq!(
            world.replications[0].status(world.now, world.behaviour),
            "ENABLED"
        );
    }

    #[test]
    fn a_replica_is_no_larger_than_a_number_of_the_model() {
        let mut world = world();
        world.file_system(HERE, SOURCE).unwrap().size_bytes = LARGEST;
        world
            .bind((HERE, SOURCE), (THERE, REPLICA))
            .unwrap()
            .first_sync_ends_at = world.now;
        let later = world.now + TimeDelta::minutes(1);
        world.advance_to(later);
        assert_eq!(
            world.file_system(THERE, REPLICA).unwrap().size_bytes,
            LARGEST
        );
    }
}
