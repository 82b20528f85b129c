//! File systems, from their creation to their deletion.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{
        behaviour::{Behaviour, Reply},
        context::Context,
        error::ApiError,
        ids::fresh,
    },
    efs::model::{
        access_points::ACCESS_POINT_TAKES,
        errors::{access_denied, bad_request, lost, no_file_system, unsupported_zone, wrong_state},
        mount_targets::MOUNT_TARGET_TAKES,
        names::{Named, check_key, region_of},
        types::{Efs, FileSystem, Model, available},
    },
};

/// How long a file system is `creating`. AWS documents no pace; this one is plausible.
const FILE_SYSTEM_TAKES: TimeDelta = TimeDelta::minutes(1);
/// The quota of file systems of an account in a Region.
const MAX_FILE_SYSTEMS: usize = 1000;

impl Model {
    /// The file system with this ID, of any owner, to read it.
    pub(crate) fn find(&self, region: &str, id: &str) -> Option<&FileSystem> {
        let mut file_systems = self.file_systems(region);
        file_systems.find(|file_system| file_system.file_system_id == id)
    }

    /// The file system with this ID, of any owner, to change it.
    pub fn file_system(&mut self, region: &str, id: &str) -> Option<&mut FileSystem> {
        let efs = self.regions.get_mut(region)?;
        let mut file_systems = efs.file_systems.iter_mut();
        file_systems.find(|file_system| file_system.file_system_id == id)
    }

    /// The file systems of a Region, of all owners.
    pub fn file_systems(&self, region: &str) -> impl Iterator<Item = &FileSystem> {
        let efs = self.regions.get(region);
        efs.into_iter().flat_map(|efs| &efs.file_systems)
    }

    /// The file systems of a Region that the caller owns.
    pub(crate) fn own_file_systems(&self, context: &Context) -> impl Iterator<Item = &FileSystem> {
        let account = &context.account;
        self.file_systems(&context.region)
            .filter(move |file_system| file_system.owner(account) == account)
    }

    /// The file systems of all Regions and owners.
    pub(crate) fn all_file_systems(&self) -> impl Iterator<Item = &FileSystem> {
        self.regions.values().flat_map(|efs| &efs.file_systems)
    }

    /// The IDs of deleted resources of all Regions.
    pub(super) fn gone(&self) -> impl Iterator<Item = &String> {
        self.regions.values().flat_map(|efs| &efs.gone)
    }

    /// EFS in the Region of a call.
    pub(super) fn region_mut(&mut self, context: &Context) -> &mut Efs {
        self.regions.entry(context.region.clone()).or_default()
    }

    /// The file system that the caller names by ID or ARN.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or AccessDeniedException for a file system of another owner whose policy
    /// does not name the caller's account.
    pub fn named_file_system(
        &mut self,
        context: &Context,
        name: &str,
    ) -> Result<&mut FileSystem, ApiError> {
        let Context {
            account, region, ..
        } = context;
        // A name that is neither an ID nor an ARN is refused before anything is looked up.
        let Named { id, place } = Named::file_system(name)?;
        let file_system = self
            .file_system(region, id)
            .ok_or_else(|| no_file_system(id))?;
        let owner = file_system.owner(account);

        match place {
            Some((named_region, named_owner)) if named_region != region || named_owner != owner => {
                Err(no_file_system(id))
            }
            // By a bare ID, callers reach only what they own.
            None if owner != account => Err(no_file_system(id)),
            Some(_) if owner != account && !file_system.policy_names(account) => {
                Err(access_denied(id))
            }
            _ => Ok(file_system),
        }
    }

    /// `CreateFileSystem`. The ID, the owner and the dates of `wanted` are set here.
    ///
    /// # Errors
    ///
    /// FileSystemAlreadyExists with the ID of the file system that has the token, BadRequest for
    /// incompatible modes, UnsupportedAvailabilityZone, or FileSystemLimitExceeded.
    pub fn create_file_system(
        &mut self,
        context: &Context,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        wanted.check_modes()?;

        // Tokens are unique among the file systems of an owner in a Region. A repeated one is
        // reported even if the rest of the call is wrong.
        let same = self
            .own_file_systems(context)
            .find(|known| known.creation_token == wanted.creation_token)
            .map(|known| known.file_system_id.clone());
        if let Some(id) = same {
            let message = format!("{id} was created with this token");
            return Err(ApiError {
                more: Some(("FileSystemId", id)),
                ..ApiError::new(409, "FileSystemAlreadyExists", message)
            });
        }

        wanted.check_zone(&context.region)?;
        check_key(wanted.kms_key_id.as_deref(), &context.region)?;
        self.add_file_system(context, wanted)
    }

    /// Adds a file system without checks other than that of the quota.
    pub(super) fn add_file_system(
        &mut self,
        context: &Context,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        let file_systems = self.file_systems(&context.region);
        // File systems of other owners count for their quotas.
        let own = file_systems.filter(|file_system| file_system.owner_id.is_none());
        if own.count() >= MAX_FILE_SYSTEMS {
            let message = "the account has 1,000 file systems here";
            return Err(ApiError::new(403, "FileSystemLimitExceeded", message));
        }

        // No two Regions share an ID, so that a call to the wrong Region fails.
        let present = self.all_file_systems();
        let present = present.map(|file_system| &file_system.file_system_id);
        let file_system = FileSystem {
            file_system_id: fresh("fs-", present.chain(self.gone())),
            created_at: Some(context.now),
            life_cycle_state: "creating".to_owned(),
            ..wanted
        };

        let file_systems = &mut self.region_mut(context).file_systems;
        file_systems.push(file_system);
        file_systems.last_mut().ok_or_else(lost)
    }

    /// `DeleteFileSystem`: removes a file system that is not in use.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or FileSystemInUse if it has mount targets or is replicated.
    pub fn delete_file_system(&mut self, context: &Context, name: &str) -> Result<(), ApiError> {
        let file_system = self.named_file_system(context, name)?;
        let id = file_system.file_system_id.clone();
        // Mount targets are deleted one by one before; access points go with the file system.
        let is_mounted = file_system.count_mount_targets() > 0;
        let points = file_system.access_points.iter();
        let point_ids: Vec<String> = points.map(|point| point.access_point_id.clone()).collect();

        // EFS has one code for both obstacles.
        let in_use = |message: String| Err(ApiError::new(409, "FileSystemInUse", message));
        if is_mounted {
            return in_use(format!("{id} has mount targets"));
        }
        if self.replication_of(&context.region, &id).is_some() {
            return in_use(format!(
                "You cannot delete file system '{id}' because it is in a replication configuration"
            ));
        }

        let efs = self.region_mut(context);
        efs.file_systems
            .retain(|file_system| file_system.file_system_id != id);
        efs.gone.extend(point_ids);
        efs.gone.insert(id);
        Ok(())
    }
}

impl FileSystem {
    /// Checks that it is available.
    pub(crate) fn require_available(&self) -> Result<(), ApiError> {
        let (id, state) = (&self.file_system_id, &self.life_cycle_state);

        match state.as_str() {
            "available" => Ok(()),
            _ => Err(wrong_state(format!("{id} is {state}"))),
        }
    }

    /// Checks that it is available, and that it is no destination if destinations accept no
    /// settings.
    pub(crate) fn require_open(&self, while_replicating: Reply) -> Result<(), ApiError> {
        self.require_available()?;

        // AWS does not document which settings of a destination can be changed, so it is a switch.
        if self.protection == "REPLICATING" && while_replicating == Reply::Conflict {
            let id = &self.file_system_id;
            return Err(wrong_state(format!("{id} is a replication destination")));
        }
        Ok(())
    }

    fn check_zone(&self, region: &str) -> Result<(), ApiError> {
        let zone = self.availability_zone_name.as_deref();

        match zone.is_none_or(|zone| region_of(zone) == Some(region)) {
            true => Ok(()),
            false => Err(unsupported_zone(region)),
        }
    }

    /// Checks that it could have been created in a Region: its modes are compatible, its key, its
    /// zone and its mount targets are of the Region, and its policy is valid.
    pub(super) fn check_alone(&self, region: &str) -> Result<(), ApiError> {
        self.check_modes()?;
        check_key(self.kms_key_id.as_deref(), region)?;
        self.check_zone(region)?;

        // There is one mount target a zone, and for a One Zone file system only in its own zone.
        let own_zone = self.availability_zone_name.as_ref();
        let mut zones = BTreeSet::new();
        for target in &self.mount_targets {
            let zone = &target.availability_zone_name;
            let is_elsewhere = own_zone.is_some_and(|own| own != zone);

            if is_elsewhere || region_of(zone) != Some(region) || !zones.insert(zone) {
                let id = &target.mount_target_id;
                let message = format!("{id} cannot be in {zone}, or another mount target is");
                return Err(bad_request(message));
            }
        }

        // A policy is checked as if it were set now, on a file system that accepts settings.
        match &self.policy {
            None => Ok(()),
            Some(policy) => {
                FileSystem::new(&self.file_system_id).set_policy(policy, true, Behaviour::default())
            }
        }
    }

    pub(super) fn settle(&mut self, now: DateTime<Utc>) {
        // Each resource has its own pace, and none depends on another.
        let (state, created_at) = (&mut self.life_cycle_state, &mut self.created_at);
        settle(state, created_at, FILE_SYSTEM_TAKES, now);

        for target in &mut self.mount_targets {
            let (state, created_at) = (&mut target.state, &mut target.created_at);
            settle(state, created_at, MOUNT_TARGET_TAKES, now);
        }
        for point in &mut self.access_points {
            let (state, created_at) = (&mut point.state, &mut point.created_at);
            settle(state, created_at, ACCESS_POINT_TAKES, now);
        }
    }
}

/// Makes a resource available some time after its creation. Without a date, creation starts now.
fn settle(
    state: &mut String,
    created_at: &mut Option<DateTime<Utc>>,
    takes: TimeDelta,
    now: DateTime<Utc>,
) {
    if state == "creating" && now >= *created_at.get_or_insert(now) + takes {
        *state = available();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::{
        AccessPoint,
        fixtures::{Account, HERE, THERE, point},
    };

    const SUBNET: &str = "subnet-00000000";

    #[test]
    fn created_resources_become_available_after_a_while() {
        let mut account = Account::new();
        let wanted = FileSystem {
            creation_token: "one".to_owned(),
            ..FileSystem::new("")
        };
        let context = account.call(HERE);
        let made = account.efs.create_file_system(&context, wanted).unwrap();
        let id = made.file_system_id.clone();
        let refused = account.mount(HERE, &id, SUBNET).unwrap_err();
        assert_eq!(refused.status, 409);

        account.advance(FILE_SYSTEM_TAKES);
        let target = account.mount(HERE, &id, SUBNET).unwrap();
        let state = |account: &mut Account| {
            let context = account.call(HERE);
            let found = account.efs.mount_target(&context, &target.mount_target_id);
            found.unwrap().1.state.clone()
        };
        assert_eq!(state(&mut account), "creating");
        account.advance(MOUNT_TARGET_TAKES);
        assert_eq!(state(&mut account), "available");
    }

    #[test]
    fn repeated_token_names_the_file_system_that_it_created() {
        let mut account = Account::new();
        let wanted = FileSystem {
            creation_token: "once".to_owned(),
            ..FileSystem::new("")
        };
        let (here, elsewhere) = (account.call(HERE), account.call(THERE));
        let mut create = |context| {
            let made = account.efs.create_file_system(context, wanted.clone());
            made.map(|made| made.file_system_id.clone())
        };

        let id = create(&here).unwrap();
        let again = create(&here).unwrap_err();
        assert_eq!(again.code, "FileSystemAlreadyExists");
        assert_eq!(again.more, Some(("FileSystemId", id)));
        create(&elsewhere).unwrap();
    }

    #[test]
    fn ids_of_deleted_resources_are_not_assigned_again() {
        let mut account = Account::empty();
        let context = account.call(HERE);
        let efs = &mut account.efs;
        let mut ids = BTreeSet::new();

        for token in ["first", "second"] {
            let wanted = FileSystem {
                creation_token: token.to_owned(),
                ..FileSystem::new("")
            };
            let made = efs.create_file_system(&context, wanted).unwrap();
            made.life_cycle_state = available();
            let id = made.file_system_id.clone();

            let target = efs.create_mount_target(&context, &id, SUBNET, None, Vec::new());
            let target_id = target.unwrap().1.mount_target_id;
            efs.delete_mount_target(&context, &target_id).unwrap();

            let [deleted_with, deleted_before] = [token, "deleted before"].map(|client_token| {
                let wanted = AccessPoint {
                    client_token: client_token.to_owned(),
                    ..point()
                };
                let made = efs.create_access_point(&context, &id, wanted).unwrap();
                made.access_point_id
            });
            efs.delete_access_point(&context, &deleted_before).unwrap();
            efs.delete_file_system(&context, &id).unwrap();
            ids.extend([id, target_id, deleted_with, deleted_before]);
        }

        assert_eq!(ids.len(), 8);
    }
}
