//! File systems.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{behaviour::Behaviour, constraints, error::ApiError, ids::fresh},
    efs::model::{
        access_points::ACCESS_POINT_TAKES,
        errors::{access_denied, bad_request, lost, no_file_system, unsupported_zone},
        mount_targets::MOUNT_TARGET_TAKES,
        names::{Named, region_of},
        types::{FileSystem, MountTarget, available},
    },
    world::World,
};

/// How long a file system is `creating`. Not documented; a plausible pace.
pub(crate) const FILE_SYSTEM_TAKES: TimeDelta = TimeDelta::minutes(1);

/// The quotas: file systems of an account in a Region, access points of a file system, security
/// groups of a mount target, tags of a resource.
pub(crate) const MAX_FILE_SYSTEMS: usize = 1000;

/// Throughput may be lowered, or its mode changed, once in this time.
pub(crate) const THROUGHPUT_STANDS: TimeDelta = TimeDelta::hours(24);

impl FileSystem {
    /// What `CreateFileSystem` does not let pass, whatever else there is.
    pub(crate) fn check_modes(&self) -> Result<(), ApiError> {
        let one_zone = self.availability_zone_name.is_some();
        match (
            self.performance_mode.as_str(),
            self.throughput_mode.as_str(),
        ) {
            ("maxIO", _) if one_zone => Err(bad_request("maxIO is not for One Zone file systems")),
            ("maxIO", "elastic") => Err(bad_request("maxIO does not go with elastic throughput")),
            ("generalPurpose" | "maxIO", "bursting" | "elastic" | "provisioned") => Ok(()),
            (performance, throughput) => Err(ApiError::validation(format!(
                "`{performance}` or `{throughput}` is not a mode"
            ))),
        }?;
        match (
            self.throughput_mode.as_str(),
            self.provisioned_throughput_in_mibps,
        ) {
            ("provisioned", Some(mibps)) if mibps >= 1.0 => {}
            ("provisioned", _) => {
                return Err(bad_request(
                    "provisioned throughput must be at least 1 MiB/s",
                ));
            }
            (_, Some(_)) => {
                return Err(bad_request(
                    "only the mode provisioned has a provisioned throughput",
                ));
            }
            (_, None) => {}
        }
        if self.kms_key_id.is_some() && !self.encrypted {
            return Err(bad_request("a KMS key is for an encrypted file system"));
        }
        Ok(())
    }

    /// That it could have been created in a Region: its modes go together, its key, its zone and
    /// its mount targets are of there, a zone has one of those, and its policy is one.
    pub(crate) fn check_alone(&self, region: &str) -> Result<(), ApiError> {
        self.check_modes()?;
        check_key(self.kms_key_id.as_deref(), region)?;
        if self
            .availability_zone_name
            .as_ref()
            .is_some_and(|zone| region_of(zone) != Some(region))
        {
            return Err(unsupported_zone(region));
        }
        let mut zones = BTreeSet::new();
        for MountTarget {
            mount_target_id,
            availability_zone_name: zone,
            ..
        } in &self.mount_targets
        {
            let is_apart = self
                .availability_zone_name
                .as_ref()
                .is_some_and(|own| own != zone);
            if is_apart || region_of(zone) != Some(region) || !zones.insert(zone) {
                return Err(bad_request(format!(
                    "{mount_target_id} cannot be in {zone}, or another one is"
                )));
            }
        }
        let Some(policy) = &self.policy else {
            return Ok(());
        };
        let mut open = Self {
            life_cycle_state: available(),
            ..Self::new(&self.file_system_id)
        };
        open.set_policy(policy, true, Behaviour::default())
    }

    /// `UpdateFileSystem`: another throughput.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, BadRequest for modes that do not go together, or
    /// TooManyRequests where the mode is changed or the throughput lowered for the second time in a
    /// day.
    pub fn set_throughput(
        &mut self,
        mode: Option<String>,
        mibps: Option<f64>,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        self.require_available()?;
        let mut wanted = self.clone();
        wanted.throughput_mode = mode.unwrap_or(wanted.throughput_mode);
        let kept = wanted
            .provisioned_throughput_in_mibps
            .filter(|_| wanted.throughput_mode == "provisioned");
        wanted.provisioned_throughput_in_mibps = mibps.or(kept);
        wanted.check_modes()?;
        let held = self
            .throughput_changed_at
            .is_some_and(|at| now < at + THROUGHPUT_STANDS);
        let lowered = match (
            self.provisioned_throughput_in_mibps,
            wanted.provisioned_throughput_in_mibps,
        ) {
            (Some(before), Some(after)) => after < before,
            _ => self.throughput_mode != wanted.throughput_mode,
        };
        if held && lowered {
            return Err(ApiError::new(
                429,
                "TooManyRequests",
                "wait at least 24 hours after the last change",
            ));
        }
        // What changes nothing does not begin another day.
        if wanted != *self {
            wanted.throughput_changed_at = Some(now);
        }
        *self = wanted;
        Ok(())
    }

    /// `UpdateFileSystemProtection`.
    ///
    /// # Errors
    ///
    /// ReplicationAlreadyExists for a destination, IncorrectFileSystemLifeCycleState, or BadRequest
    /// for anything but ENABLED and DISABLED.
    pub fn protect(&mut self, protection: &str) -> Result<(), ApiError> {
        self.require_available()?;
        if self.protection == "REPLICATING" {
            let message = "ReplicationOverwriteProtection cannot be changed while the file system is a replication destination.";
            return Err(ApiError::new(409, "ReplicationAlreadyExists", message));
        }
        if !matches!(protection, "ENABLED" | "DISABLED") {
            return Err(bad_request(format!(
                "`{protection}` is neither ENABLED nor DISABLED"
            )));
        }
        self.protection = protection.to_owned();
        Ok(())
    }

    pub(crate) fn settle(&mut self, now: DateTime<Utc>) {
        settle(
            &mut self.life_cycle_state,
            &mut self.created_at,
            FILE_SYSTEM_TAKES,
            now,
        );
        for target in &mut self.mount_targets {
            settle(
                &mut target.state,
                &mut target.created_at,
                MOUNT_TARGET_TAKES,
                now,
            );
        }
        for point in &mut self.access_points {
            settle(
                &mut point.state,
                &mut point.created_at,
                ACCESS_POINT_TAKES,
                now,
            );
        }
    }
}

impl World {
    /// The file system with this ID, whoever owns it.
    pub fn file_system(&mut self, region: &str, id: &str) -> Option<&mut FileSystem> {
        let file_systems = &mut self.efs.get_mut(region)?.file_systems;
        file_systems
            .iter_mut()
            .find(|file_system| file_system.file_system_id == id)
    }

    /// The file systems of a Region, of all owners.
    pub fn file_systems(&self, region: &str) -> impl Iterator<Item = &FileSystem> {
        self.efs
            .get(region)
            .into_iter()
            .flat_map(|efs| &efs.file_systems)
    }

    /// The same world with a file system in a Region.
    #[must_use]
    pub fn with_file_system(mut self, region: &str, file_system: FileSystem) -> Self {
        self.efs
            .entry(region.to_owned())
            .or_default()
            .file_systems
            .push(file_system);
        self
    }

    /// The file system that the caller names, by ID or ARN, if the caller may know of it.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or AccessDeniedException for one of another owner that does not let the
    /// caller in.
    pub fn named_file_system(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<&mut FileSystem, ApiError> {
        let named = Named::file_system(name)?;
        let account = self.account.clone();
        let file_system = self
            .file_system(region, named.id)
            .ok_or_else(|| no_file_system(named.id))?;
        let owner = file_system.owner(&account);
        match named.place {
            Some((of, named_owner)) if of != region || named_owner != owner => {
                Err(no_file_system(named.id))
            }
            None if owner != account => Err(no_file_system(named.id)),
            Some(_) if owner != account && !file_system.lets_in(&account) => {
                Err(access_denied(named.id))
            }
            _ => Ok(file_system),
        }
    }

    /// `CreateFileSystem`: adds a file system of the caller's; its ID, owner and dates are given
    /// here.
    ///
    /// # Errors
    ///
    /// FileSystemAlreadyExists with the ID of the one that has the token, BadRequest for modes that
    /// do not go together, UnsupportedAvailabilityZone, or FileSystemLimitExceeded.
    pub fn create_file_system(
        &mut self,
        region: &str,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        wanted.check_modes()?;
        let account = self.account.clone();
        let (account, token) = (&account, &wanted.creation_token);
        let same = |of: &&FileSystem| of.owner(account) == account && of.creation_token == *token;
        let first = self
            .file_systems(region)
            .find(same)
            .map(|first| first.file_system_id.clone());
        if let Some(id) = first {
            let message = format!("{id} was created with this token");
            return Err(ApiError {
                more: Some(("FileSystemId", id)),
                ..ApiError::new(409, "FileSystemAlreadyExists", message)
            });
        }
        if wanted
            .availability_zone_name
            .as_ref()
            .is_some_and(|zone| region_of(zone) != Some(region))
        {
            return Err(unsupported_zone(region));
        }
        check_key(wanted.kms_key_id.as_deref(), region)?;
        self.add_file_system(region, wanted)
    }

    pub(crate) fn add_file_system(
        &mut self,
        region: &str,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        let own = self
            .file_systems(region)
            .filter(|file_system| file_system.owner_id.is_none());
        if own.count() >= MAX_FILE_SYSTEMS {
            return Err(ApiError::new(
                403,
                "FileSystemLimitExceeded",
                "the account has 1,000 file systems here",
            ));
        }
        // An ID is of one Region alone, so that a call to the wrong one is noticed.
        let taken = self.efs.values().flat_map(|efs| &efs.file_systems);
        let file_system_id = fresh(
            "fs-",
            taken
                .map(|file_system| &file_system.file_system_id)
                .chain(self.gone()),
        );
        let (created_at, life_cycle_state) = (Some(self.now), "creating".to_owned());
        let file_systems = &mut self.efs.entry(region.to_owned()).or_default().file_systems;
        file_systems.push(FileSystem {
            file_system_id,
            created_at,
            life_cycle_state,
            ..wanted
        });
        file_systems.last_mut().ok_or_else(lost)
    }

    /// `DeleteFileSystem`: removes a file system that nothing uses.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or FileSystemInUse while it has mount targets or is replicated.
    pub fn delete_file_system(&mut self, region: &str, name: &str) -> Result<(), ApiError> {
        let file_system = self.named_file_system(region, name)?;
        let (id, mounted) = (
            file_system.file_system_id.clone(),
            !file_system.mount_targets.is_empty(),
        );
        let points: Vec<String> = file_system
            .access_points
            .iter()
            .map(|point| point.access_point_id.clone())
            .collect();
        let in_use = |message: String| Err(ApiError::new(409, "FileSystemInUse", message));
        if mounted {
            return in_use(format!("{id} has mount targets"));
        }
        if self.replication_of(region, &id).is_some() {
            return in_use(format!(
                "You cannot delete file system '{id}' because it is in a replication configuration"
            ));
        }
        if let Some(efs) = self.efs.get_mut(region) {
            efs.file_systems
                .retain(|file_system| file_system.file_system_id != id);
            efs.gone.extend(points);
            efs.gone.insert(id);
        }
        Ok(())
    }

    /// The IDs that are not given again.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &String> {
        self.efs.values().flat_map(|efs| &efs.gone)
    }
}

/// What is being created is available after a while. One that does not say since when begins with
/// the first look.
pub(crate) fn settle(
    state: &mut String,
    created_at: &mut Option<DateTime<Utc>>,
    takes: TimeDelta,
    now: DateTime<Utc>,
) {
    if state == "creating" && now >= *created_at.get_or_insert(now) + takes {
        *state = available();
    }
}

/// That a key can be one of a Region: only an ARN tells.
pub(crate) fn check_key(key: Option<&str>, region: &str) -> Result<(), ApiError> {
    let Some(key) = key else { return Ok(()) };
    let parts: Vec<&str> = key.split(':').collect();
    match parts.as_slice() {
        [_] => Ok(()),
        ["arn", partition, "kms", of, _, _]
            if *of == region && constraints::partition(of) == Some(partition) =>
        {
            Ok(())
        }
        ["arn", _, "kms", _, _, _] => Err(bad_request(
            "Failed to create destination file system: Invalid KMS key ID (unexpected region)",
        )),
        _ => Err(ApiError::validation(format!("`{key}` is not a KMS key"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::*;
    use crate::efs::model::{
        fixtures::{HERE, SOURCE, THERE, advance},
        types::AccessPoint,
    };

    #[test]
    fn what_is_created_is_available_after_a_while() {
        let mut world = world();
        let wanted = FileSystem {
            creation_token: "one".to_owned(),
            ..FileSystem::new("")
        };
        let id = world
            .create_file_system(HERE, wanted)
            .unwrap()
            .file_system_id
            .clone();
        assert_eq!(
            world
                .create_mount_target(HERE, &id, "subnet-00000000", None, vec![])
                .unwrap_err()
                .status,
            409
        );
        advance(&mut world, FILE_SYSTEM_TAKES);
        let target = world
            .create_mount_target(HERE, &id, "subnet-00000000", None, vec![])
            .unwrap();
        let state = |world: &mut World| {
            world
                .mount_target(HERE, &target.mount_target_id)
                .unwrap()
                .1
                .state
                .clone()
        };
        assert_eq!(state(&mut world), "creating");
        advance(&mut world, MOUNT_TARGET_TAKES);
        assert_eq!(state(&mut world), "available");
    }

    #[test]
    fn a_token_that_comes_again_names_what_it_made() {
        let mut world = world();
        let wanted = FileSystem {
            creation_token: "once".to_owned(),
            ..FileSystem::new("")
        };
        let id = world
            .create_file_system(HERE, wanted.clone())
            .unwrap()
            .file_system_id
            .clone();
        let again = world.create_file_system(HERE, wanted.clone()).unwrap_err();
        assert_eq!(
            (again.code, again.more),
            ("FileSystemAlreadyExists", Some(("FileSystemId", id)))
        );
        world.create_file_system(THERE, wanted).unwrap();
    }

    #[test]
    fn a_throughput_stands_for_a_day() {
        let now = World::empty().now;
        let mut of = FileSystem::new(SOURCE);
        of.set_throughput(Some("provisioned".to_owned()), Some(64.0), now)
            .unwrap();
        of.set_throughput(None, Some(128.0), now).unwrap();
        assert_eq!(
            of.set_throughput(None, Some(32.0), now).unwrap_err().code,
            "TooManyRequests"
        );
        // What stands already is no change.
        of.set_throughput(None, Some(128.0), now + TimeDelta::hours(23))
            .unwrap();
        of.set_throughput(Some("bursting".to_owned()), None, now + THROUGHPUT_STANDS)
            .unwrap();
        assert_eq!(of.provisioned_throughput_in_mibps, None);
    }

    #[test]
    fn the_id_of_what_was_deleted_is_not_given_again() {
        let mut world = World::empty();
        let mut ids = BTreeSet::new();
        for token in ["first", "second"] {
            let wanted = FileSystem {
                creation_token: token.to_owned(),
                ..FileSystem::new("")
            };
            let id = world
                .create_file_system(HERE, wanted)
                .unwrap()
                .file_system_id
                .clone();
            world.file_system(HERE, &id).unwrap().life_cycle_state = available();
            let target = world
                .create_mount_target(HERE, &id, "subnet-00000001", None, Vec::new())
                .unwrap()
                .mount_target_id;
            world.delete_mount_target(HERE, &target).unwrap();
            let [with, before] = [token, "deleted before"].map(|client_token| {
                let wanted = AccessPoint {
                    client_token: client_token.to_owned(),
                    ..point()
                };
                world
                    .create_access_point(HERE, &id, wanted)
                    .unwrap()
                    .access_point_id
            });
            world.delete_access_point(HERE, &before).unwrap();
            world.delete_file_system(HERE, &id).unwrap();
            ids.extend([id, target, with, before]);
        }
        assert_eq!(ids.len(), 8);
    }
}
