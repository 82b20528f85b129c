//! Mount targets, and the subnets that they are in.

use std::{collections::BTreeSet, net::Ipv4Addr};

use chrono::TimeDelta;

use crate::{
    aws::{behaviour::Reply, error::ApiError, ids::fresh},
    efs::model::{
        errors::{bad_request, lost, wrong_state},
        names::is_id,
        types::{FileSystem, MountTarget, Side, Subnet, default_addresses, default_vpc},
    },
    world::World,
};

/// How long a mount target is `creating`. Not documented; a plausible pace.
pub(crate) const MOUNT_TARGET_TAKES: TimeDelta = TimeDelta::seconds(90);

pub(crate) const MAX_SECURITY_GROUPS: usize = 5;

pub(crate) const DEFAULT_SECURITY_GROUP: &str = "sg-0123456789abcdef0";

impl World {
    /// `CreateMountTarget`: a mount target in a subnet, whose ID, address and dates are given here.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, SubnetNotFound,
    /// AvailabilityZonesMismatch, MountTargetConflict, IpAddressInUse, SecurityGroupLimitExceeded,
    /// or SecurityGroupNotFound.
    pub fn create_mount_target(
        &mut self,
        region: &str,
        name: &str,
        subnet_id: &str,
        ip_address: Option<&str>,
        security_groups: Vec<String>,
    ) -> Result<MountTarget, ApiError> {
        let file_system = self.named_file_system(region, name)?.clone();
        file_system.require_available()?;
        self.require_mountable(region, &file_system.file_system_id)?;
        check_security_groups(&security_groups)?;
        let subnet = self.subnet(region, subnet_id)?;
        self.require_place(region, &file_system, &subnet)?;
        let target = MountTarget {
            mount_target_id: fresh(
                "fsmt-",
                self.all_mount_targets()
                    .map(|target| &target.mount_target_id)
                    .chain(self.gone()),
            ),
            subnet_id: subnet_id.to_owned(),
            ip_address: self.free_address(region, &subnet, ip_address)?,
            availability_zone_name: subnet.availability_zone_name,
            security_groups: match security_groups.is_empty() {
                true => vec![DEFAULT_SECURITY_GROUP.to_owned()],
                false => security_groups,
            },
            created_at: Some(self.now),
            state: "creating".to_owned(),
        };
        self.named_file_system(region, name)?
            .mount_targets
            .push(target.clone());
        Ok(target)
    }

    pub(crate) fn require_mountable(&self, region: &str, id: &str) -> Result<(), ApiError> {
        let enabling = self.replication_of(region, id).is_some_and(|replication| {
            replication.side(region, id) == Some(Side::Destination)
                && replication.status(self.now, self.behaviour) == "ENABLING"
        });
        match self.behaviour.mount_targets_while_enabling {
            Reply::Conflict if enabling => Err(wrong_state(format!(
                "the replication to {id} is being enabled"
            ))),
            _ => Ok(()),
        }
    }

    /// One mount target a zone, all in one VPC; a One Zone file system has it in its own zone.
    pub(crate) fn require_place(
        &self,
        region: &str,
        file_system: &FileSystem,
        subnet: &Subnet,
    ) -> Result<(), ApiError> {
        let zone = &subnet.availability_zone_name;
        if file_system
            .availability_zone_name
            .as_ref()
            .is_some_and(|own| own != zone)
        {
            let message = format!("{} is not in {zone}", file_system.file_system_id);
            return Err(ApiError::new(400, "AvailabilityZonesMismatch", message));
        }
        let conflict = |message: &str| Err(ApiError::new(409, "MountTargetConflict", message));
        if file_system
            .mount_targets
            .iter()
            .any(|target| target.availability_zone_name == *zone)
        {
            return conflict("mount target already exists in this AZ");
        }
        let mut subnets = file_system
            .mount_targets
            .iter()
            .filter_map(|of| self.subnet(region, &of.subnet_id).ok());
        if subnets.any(|other| other.vpc_id != subnet.vpc_id) {
            return conflict(
                "requested subnet for new mount target is not in the same VPC as existing mount targets",
            );
        }
        Ok(())
    }

    pub(crate) fn all_mount_targets(&self) -> impl Iterator<Item = &MountTarget> {
        let file_systems = self.efs.values().flat_map(|efs| &efs.file_systems);
        file_systems.flat_map(|file_system| &file_system.mount_targets)
    }

    pub(crate) fn mount_targets_in(&self, region: &str) -> impl Iterator<Item = &MountTarget> {
        self.file_systems(region)
            .flat_map(|file_system| &file_system.mount_targets)
    }

    /// The address that is asked for, or one that is free.
    pub(crate) fn free_address(
        &self,
        region: &str,
        subnet: &Subnet,
        wanted: Option<&str>,
    ) -> Result<String, ApiError> {
        let (first, last) = addresses(&subnet.cidr_block).ok_or_else(lost)?;
        let taken: BTreeSet<&str> = self
            .mount_targets_in(region)
            .map(|target| target.ip_address.as_str())
            .collect();
        if let Some(wanted) = wanted {
            let address = wanted.parse::<Ipv4Addr>();
            let address =
                address.map_err(|_| bad_request(format!("`{wanted}` is not an IPv4 address")))?;
            if !(first..=last).contains(&address.to_bits()) {
                return Err(bad_request(
                    "Address does not fall within the subnet's address range",
                ));
            }
            // AWS keeps the first four addresses of a subnet and the last.
            if !(first.saturating_add(4)..last).contains(&address.to_bits()) {
                return Err(bad_request("Address is in subnet's reserved address range"));
            }
            let message = format!("{wanted} is in use");
            return match taken.contains(wanted) {
                true => Err(ApiError::new(409, "IpAddressInUse", message)),
                false => Ok(wanted.to_owned()),
            };
        }
        let mut free =
            (first.saturating_add(4)..last).map(|address| Ipv4Addr::from_bits(address).to_string());
        let free = free.find(|address| !taken.contains(address.as_str()));
        free.ok_or_else(|| ApiError::new(409, "NoFreeAddressesInSubnet", "the subnet is full"))
    }

    /// The subnet with this ID.
    ///
    /// # Errors
    ///
    /// SubnetNotFound.
    pub fn subnet(&self, region: &str, id: &str) -> Result<Subnet, ApiError> {
        if !is_id("subnet-", id) {
            return Err(ApiError::validation(format!(
                "`{id}` is not the ID of a subnet"
            )));
        }
        if !self.subnets.is_empty() {
            let known = self
                .subnets
                .get(id)
                .filter(|subnet| subnet.region == region);
            return known.cloned().ok_or_else(|| {
                ApiError::new(
                    400,
                    "SubnetNotFound",
                    format!("The subnet ID '{id}' does not exist"),
                )
            });
        }
        let zone = match id
            .chars()
            .last()
            .and_then(|digit| digit.to_digit(16))
            .unwrap_or_default()
            % 3
        {
            0 => "a",
            1 => "b",
            _ => "c",
        };
        Ok(Subnet {
            region: region.to_owned(),
            availability_zone_name: format!("{region}{zone}"),
            vpc_id: default_vpc(),
            cidr_block: default_addresses(),
        })
    }

    /// The caller's mount target with this ID, and the file system that it is of.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn mount_target(
        &mut self,
        region: &str,
        id: &str,
    ) -> Result<(String, &mut MountTarget), ApiError> {
        let missing = || {
            ApiError::new(
                404,
                "MountTargetNotFound",
                format!("Mount target '{id}' does not exist."),
            )
        };
        if !is_id("fsmt-", id) {
            return Err(ApiError::validation(format!(
                "`{id}` is not the ID of a mount target"
            )));
        }
        let account = self.account.clone();
        let own = self
            .efs
            .get_mut(region)
            .into_iter()
            .flat_map(|efs| &mut efs.file_systems);
        for file_system in own.filter(|file_system| file_system.owner(&account) == account) {
            let of = file_system.file_system_id.clone();
            if let Some(found) = file_system
                .mount_targets
                .iter_mut()
                .find(|target| target.mount_target_id == id)
            {
                return Ok((of, found));
            }
        }
        Err(missing())
    }

    /// `DeleteMountTarget`.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn delete_mount_target(&mut self, region: &str, id: &str) -> Result<(), ApiError> {
        let (of, _) = self.mount_target(region, id)?;
        let file_system = self.file_system(region, &of).ok_or_else(lost)?;
        file_system
            .mount_targets
            .retain(|target| target.mount_target_id != id);
        self.efs
            .entry(region.to_owned())
            .or_default()
            .gone
            .insert(id.to_owned());
        Ok(())
    }
}

/// The first and the last address of a block.
pub(crate) fn addresses(cidr_block: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr_block.split_once('/')?;
    let (address, length) = (
        address.parse::<Ipv4Addr>().ok()?,
        length.parse::<u32>().ok()?,
    );
    let mask = u32::MAX
        .checked_shl(32_u32.checked_sub(length)?)
        .filter(|_| (16..=28).contains(&length))?;
    Some((address.to_bits() & mask, address.to_bits() | !mask))
}

/// That a mount target may have these security groups; every one that looks like one exists.
pub(crate) fn check_security_groups(groups: &[String]) -> Result<(), ApiError> {
    if groups.len() > MAX_SECURITY_GROUPS {
        let message = "a mount target has at most five security groups";
        return Err(ApiError::new(400, "SecurityGroupLimitExceeded", message));
    }
    match groups.iter().find(|group| !is_id("sg-", group)) {
        Some(group) => Err(ApiError::new(
            400,
            "SecurityGroupNotFound",
            format!("the security group '{group}' does not exist"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::*;
    use crate::efs::model::{
        fixtures::{HERE, REPLICA, SOURCE, THERE, advance},
        replications::ENABLING,
    };

    #[test]
    fn mount_targets_of_an_enabling_destination_are_a_switch() {
        let mut world = world();
        world.bind((HERE, SOURCE), (THERE, REPLICA)).unwrap();
        world.behaviour.mount_targets_while_enabling = Reply::Conflict;
        let mut mount = |after| {
            advance(&mut world, after);
            world
                .create_mount_target(THERE, REPLICA, "subnet-00000000", None, vec![])
                .map_err(|error| error.code)
        };
        assert_eq!(
            mount(TimeDelta::zero()).unwrap_err(),
            "IncorrectFileSystemLifeCycleState"
        );
        mount(ENABLING).unwrap();
    }

    #[test]
    fn there_is_one_mount_target_a_zone_and_of_one_zone_it_is_the_own() {
        let mut world = world();
        let mut mount = |subnet: &str, address: Option<&str>, groups: &[&str]| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let made = world.create_mount_target(HERE, SOURCE, subnet, address, groups);
            made.map(|made| made.availability_zone_name)
                .map_err(|error| error.code)
        };
        assert_eq!(
            mount("subnet-00000000", Some("10.0.0.11"), &["sg-00000000"]),
            Ok("us-east-1a".to_owned())
        );
        assert_eq!(
            mount("subnet-00000003", None, &[]),
            Err("MountTargetConflict")
        );
        assert_eq!(
            mount("subnet-00000001", Some("10.0.0.11"), &[]),
            Err("IpAddressInUse")
        );
        assert_eq!(
            mount("subnet-00000001", Some("10.1.0.11"), &[]),
            Err("BadRequest")
        );
        for address in ["10.0.0.311", "10.0.0.0", "10.0.0.3", "10.0.255.255"] {
            assert_eq!(
                mount("subnet-00000001", Some(address), &[]),
                Err("BadRequest"),
                "{address}"
            );
        }
        assert_eq!(
            mount("subnet-00000001", None, &["default"]),
            Err("SecurityGroupNotFound")
        );
        assert_eq!(
            mount("subnet-00000001", None, &["sg-00000000"; 6]),
            Err("SecurityGroupLimitExceeded")
        );
        assert_eq!(
            mount("subnet-00000001", None, &[]),
            Ok("us-east-1b".to_owned())
        );
        let subnet = Subnet {
            region: HERE.to_owned(),
            availability_zone_name: "us-east-1f".into(),
            vpc_id: default_vpc(),
            cidr_block: default_addresses(),
        };
        world.subnets.insert("subnet-0000000f".to_owned(), subnet);
        let one_zone = FileSystem {
            availability_zone_name: Some("us-east-1a".into()),
            ..FileSystem::new("fs-00000001")
        };
        world = world.with_file_system(HERE, one_zone);
        for (subnet, code) in [
            ("subnet-00000000", "SubnetNotFound"),
            ("subnet-0000000f", "AvailabilityZonesMismatch"),
        ] {
            let made = world.create_mount_target(HERE, "fs-00000001", subnet, None, vec![]);
            assert_eq!(made.unwrap_err().code, code);
        }
    }
}
