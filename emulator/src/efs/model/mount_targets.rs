//! Mount targets.

use chrono::TimeDelta;

use crate::{
    aws::{behaviour::Reply, context::Context, error::ApiError, ids::fresh},
    efs::model::{
        errors::{lost, wrong_state},
        names::is_id,
        types::{FileSystem, Model, MountTarget, Side, Subnet},
    },
};

/// How long a mount target is `creating`. AWS documents no pace; this one is plausible.
pub(super) const MOUNT_TARGET_TAKES: TimeDelta = TimeDelta::seconds(90);
/// The quota of security groups of a mount target.
const MAX_SECURITY_GROUPS: usize = 5;
/// The default security group of every VPC.
const DEFAULT_SECURITY_GROUP: &str = "sg-0123456789abcdef0";

impl Model {
    /// `CreateMountTarget`: the new mount target, and its file system as it was before.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, SubnetNotFound,
    /// AvailabilityZonesMismatch, MountTargetConflict, IpAddressInUse, SecurityGroupLimitExceeded,
    /// or SecurityGroupNotFound.
    pub fn create_mount_target(
        &mut self,
        context: &Context,
        name: &str,
        subnet_id: &str,
        ip_address: Option<&str>,
        mut security_groups: Vec<String>,
    ) -> Result<(FileSystem, MountTarget), ApiError> {
        let file_system = self.named_file_system(context, name)?.clone();
        file_system.require_available()?;
        // What the file system allows comes before what the network allows.
        self.require_mountable(context, &file_system.file_system_id)?;
        check_security_groups(&security_groups)?;

        // The subnet decides about zone, VPC and address.
        let subnet = self.subnet(&context.region, subnet_id)?;
        self.require_place(&context.region, &file_system, &subnet)?;
        let ip_address = self.free_address(&context.region, &subnet, ip_address)?;

        // IDs are unique across Regions, as those of file systems.
        let present = self
            .all_file_systems()
            .flat_map(|file_system| &file_system.mount_targets)
            .map(|target| &target.mount_target_id);
        let mount_target_id = fresh("fsmt-", present.chain(self.gone()));
        if security_groups.is_empty() {
            security_groups.push(DEFAULT_SECURITY_GROUP.to_owned());
        }

        let target = MountTarget {
            mount_target_id,
            subnet_id: subnet_id.to_owned(),
            ip_address,
            availability_zone_name: subnet.availability_zone_name,
            security_groups,
            created_at: Some(context.now),
            state: "creating".to_owned(),
        };
        let stored = self.named_file_system(context, name)?;
        stored.mount_targets.push(target.clone());
        Ok((file_system, target))
    }

    /// Checks that a file system is not the destination of a replication that is being enabled, if
    /// those cannot be mounted.
    fn require_mountable(&self, context: &Context, id: &str) -> Result<(), ApiError> {
        // A source can be mounted at any time.
        let replication = self.replication_of(&context.region, id);
        let is_enabling = replication.is_some_and(|replication| {
            replication.side(&context.region, id) == Some(Side::Destination)
                && replication.status(context.now, context.behaviour) == "ENABLING"
        });

        match context.behaviour.mount_targets_while_enabling {
            Reply::Conflict if is_enabling => {
                let message = format!("the replication to {id} is being enabled");
                Err(wrong_state(message))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a file system can have a mount target in a subnet: one a zone, all in one VPC,
    /// and for a One Zone file system only in its own zone.
    fn require_place(
        &self,
        region: &str,
        file_system: &FileSystem,
        subnet: &Subnet,
    ) -> Result<(), ApiError> {
        let zone = &subnet.availability_zone_name;
        // One Zone storage is in one zone, and so are its mount targets.
        let own_zone = file_system.availability_zone_name.as_ref();
        if own_zone.is_some_and(|own| own != zone) {
            let message = format!("{} is not in {zone}", file_system.file_system_id);
            return Err(ApiError::new(400, "AvailabilityZonesMismatch", message));
        }

        let conflict = |message| Err(ApiError::new(409, "MountTargetConflict", message));
        let mut targets = file_system.mount_targets.iter();
        if targets.any(|target| target.availability_zone_name == *zone) {
            return conflict("mount target already exists in this AZ");
        }

        // All mount targets of a file system are in one VPC.
        let mut subnets = file_system
            .mount_targets
            .iter()
            .filter_map(|target| self.subnet(region, &target.subnet_id).ok());
        if subnets.any(|other| other.vpc_id != subnet.vpc_id) {
            return conflict(
                "requested subnet for new mount target is not in the same VPC as existing mount \
                 targets",
            );
        }
        Ok(())
    }

    /// The caller's mount target with this ID, and the ID of its file system.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn mount_target(
        &mut self,
        context: &Context,
        id: &str,
    ) -> Result<(String, &mut MountTarget), ApiError> {
        if !is_id("fsmt-", id) {
            let message = format!("`{id}` is not the ID of a mount target");
            return Err(ApiError::validation(message));
        }

        let account = &context.account;
        let efs = self.regions.get_mut(&context.region).into_iter();
        // Mount targets are named by bare IDs, so that callers reach only their own.
        let own = efs
            .flat_map(|efs| &mut efs.file_systems)
            .filter(|file_system| file_system.owner(account) == account);
        for file_system in own {
            let mut targets = file_system.mount_targets.iter_mut();
            if let Some(target) = targets.find(|target| target.mount_target_id == id) {
                return Ok((file_system.file_system_id.clone(), target));
            }
        }

        let message = format!("Mount target '{id}' does not exist.");
        Err(ApiError::new(404, "MountTargetNotFound", message))
    }

    /// `DeleteMountTarget`.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn delete_mount_target(&mut self, context: &Context, id: &str) -> Result<(), ApiError> {
        let (file_system_id, _) = self.mount_target(context, id)?;
        let file_system = self
            .file_system(&context.region, &file_system_id)
            .ok_or_else(lost)?;

        file_system
            .mount_targets
            .retain(|target| target.mount_target_id != id);
        self.region_mut(context).gone.insert(id.to_owned());
        Ok(())
    }
}

/// Checks the security groups of a mount target. Every valid ID exists.
pub(crate) fn check_security_groups(groups: &[String]) -> Result<(), ApiError> {
    if groups.len() > MAX_SECURITY_GROUPS {
        let message = "a mount target has at most five security groups";
        return Err(ApiError::new(400, "SecurityGroupLimitExceeded", message));
    }

    // Which groups a VPC has is unknown here.
    match groups.iter().find(|group| !is_id("sg-", group)) {
        None => Ok(()),
        Some(group) => {
            let message = format!("the security group '{group}' does not exist");
            Err(ApiError::new(400, "SecurityGroupNotFound", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::{
        fixtures::{Account, HERE, REPLICA, SOURCE, THERE},
        replications::ENABLING,
        types::{default_addresses, default_vpc},
    };

    /// Mounts the source: the zone, or the code of the error.
    fn mount(
        account: &mut Account,
        subnet: &str,
        address: Option<&str>,
        groups: &[&str],
    ) -> Result<String, &'static str> {
        let context = account.call(HERE);
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let made = account
            .efs
            .create_mount_target(&context, SOURCE, subnet, address, groups);

        made.map(|(_, made)| made.availability_zone_name)
            .map_err(|error| error.code)
    }

    #[test]
    fn switch_decides_about_mount_targets_of_an_enabling_destination() {
        let mut account = Account::new();
        account
            .efs
            .bind((HERE, SOURCE), (THERE, REPLICA), account.now);
        account.behaviour.mount_targets_while_enabling = Reply::Conflict;

        let refused = account.mount(THERE, REPLICA, "subnet-00000000");
        assert_eq!(
            refused.unwrap_err().code,
            "IncorrectFileSystemLifeCycleState"
        );
        account.advance(ENABLING);
        account.mount(THERE, REPLICA, "subnet-00000000").unwrap();
    }

    #[test]
    fn zone_has_one_mount_target() {
        let mut account = Account::new();
        let first = mount(
            &mut account,
            "subnet-00000000",
            Some("10.0.0.11"),
            &["sg-00000000"],
        );
        assert_eq!(first, Ok("us-east-1a".to_owned()));

        let second = mount(&mut account, "subnet-00000003", None, &[]);
        assert_eq!(second, Err("MountTargetConflict"));
        let elsewhere = mount(&mut account, "subnet-00000001", None, &[]);
        assert_eq!(elsewhere, Ok("us-east-1b".to_owned()));
    }

    #[test]
    fn address_is_free_and_in_the_usable_range_of_the_subnet() {
        let mut account = Account::new();
        mount(&mut account, "subnet-00000000", Some("10.0.0.11"), &[]).unwrap();
        let mut mount = |address| mount(&mut account, "subnet-00000001", Some(address), &[]);

        assert_eq!(mount("10.0.0.11"), Err("IpAddressInUse"));
        for address in [
            "10.1.0.11",
            "10.0.0.311",
            "10.0.0.0",
            "10.0.0.3",
            "10.0.255.255",
        ] {
            assert_eq!(mount(address), Err("BadRequest"), "{address}");
        }
    }

    #[test]
    fn security_groups_exist_and_are_five_at_most() {
        let mut account = Account::new();
        let mut mount = |groups: &[&str]| mount(&mut account, "subnet-00000001", None, groups);

        assert_eq!(mount(&["default"]), Err("SecurityGroupNotFound"));
        assert_eq!(
            mount(&["sg-00000000"; 6]),
            Err("SecurityGroupLimitExceeded")
        );
    }

    #[test]
    fn one_zone_file_system_is_mounted_in_its_own_zone() {
        let mut account = Account::new();
        let subnet = Subnet {
            region: HERE.to_owned(),
            availability_zone_name: "us-east-1f".into(),
            vpc_id: default_vpc(),
            cidr_block: default_addresses(),
        };
        account
            .efs
            .subnets
            .insert("subnet-0000000f".to_owned(), subnet);
        account.add(
            HERE,
            FileSystem {
                availability_zone_name: Some("us-east-1a".into()),
                ..FileSystem::new("fs-00000001")
            },
        );

        for (subnet, code) in [
            ("subnet-00000000", "SubnetNotFound"),
            ("subnet-0000000f", "AvailabilityZonesMismatch"),
        ] {
            let made = account.mount(HERE, "fs-00000001", subnet);
            assert_eq!(made.unwrap_err().code, code);
        }
    }
}
