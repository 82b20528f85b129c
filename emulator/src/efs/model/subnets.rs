//! Subnets and their addresses.

use std::{collections::BTreeSet, net::Ipv4Addr};

use crate::{
    aws::error::ApiError,
    efs::model::{
        errors::{bad_request, lost},
        names::is_id,
        types::{Model, Subnet, default_addresses, default_vpc},
    },
};

impl Model {
    /// The subnet with this ID.
    ///
    /// # Errors
    ///
    /// SubnetNotFound.
    pub fn subnet(&self, region: &str, id: &str) -> Result<Subnet, ApiError> {
        if !is_id("subnet-", id) {
            let message = format!("`{id}` is not the ID of a subnet");
            return Err(ApiError::validation(message));
        }
        if self.subnets.is_empty() {
            return Ok(default_subnet(region, id));
        }

        // A subnet of another Region does not exist in this one.
        let known = self.subnets.get(id);
        let known = known.filter(|subnet| subnet.region == region);
        known.cloned().ok_or_else(|| {
            let message = format!("The subnet ID '{id}' does not exist");
            ApiError::new(400, "SubnetNotFound", message)
        })
    }

    /// The requested address in a subnet, or the first free one.
    pub(super) fn free_address(
        &self,
        region: &str,
        subnet: &Subnet,
        requested: Option<&str>,
    ) -> Result<String, ApiError> {
        let (first, last) = addresses(&subnet.cidr_block).ok_or_else(lost)?;
        // Other network interfaces of the subnet are not emulated.
        let targets = self
            .file_systems(region)
            .flat_map(|file_system| &file_system.mount_targets);
        let taken: BTreeSet<&str> = targets.map(|target| target.ip_address.as_str()).collect();

        // AWS reserves the first four addresses of a subnet and the last one.
        let usable = first.saturating_add(4)..last;

        // EFS picks an address if the call names none.
        let Some(requested) = requested else {
            return usable
                .map(|address| Ipv4Addr::from_bits(address).to_string())
                .find(|address| !taken.contains(address.as_str()))
                .ok_or_else(|| {
                    ApiError::new(409, "NoFreeAddressesInSubnet", "the subnet is full")
                });
        };

        let address: Ipv4Addr = requested
            .parse()
            .map_err(|_| bad_request(format!("`{requested}` is not an IPv4 address")))?;
        if !(first..=last).contains(&address.to_bits()) {
            let message = "Address does not fall within the subnet's address range";
            return Err(bad_request(message));
        }
        if !usable.contains(&address.to_bits()) {
            return Err(bad_request("Address is in subnet's reserved address range"));
        }
        if taken.contains(requested) {
            let message = format!("{requested} is in use");
            return Err(ApiError::new(409, "IpAddressInUse", message));
        }
        Ok(requested.to_owned())
    }
}

/// The subnet of any ID in an account whose subnets are not listed.
fn default_subnet(region: &str, id: &str) -> Subnet {
    // Three zones, so that a file system can be mounted in several.
    let last_digit = id.chars().last().and_then(|digit| digit.to_digit(16));
    let zone = match last_digit.unwrap_or_default() % 3 {
        0 => "a",
        1 => "b",
        _ => "c",
    };

    Subnet {
        region: region.to_owned(),
        availability_zone_name: format!("{region}{zone}"),
        vpc_id: default_vpc(),
        cidr_block: default_addresses(),
    }
}

/// The first and the last address of a block.
pub(super) fn addresses(cidr_block: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr_block.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;

    // A VPC has subnets of these sizes only.
    let is_allowed = (16..=28).contains(&length);
    let host_bits = 32_u32.checked_sub(length).filter(|_| is_allowed)?;
    let mask = u32::MAX.checked_shl(host_bits)?;

    Some((address.to_bits() & mask, address.to_bits() | !mask))
}
