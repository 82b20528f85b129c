//! Mount targets on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input, put},
        error::ApiError,
    },
    efs::{
        api::lists::{OfMountTarget, not_served, page},
        model::{
            errors::bad_request,
            mount_targets::check_security_groups,
            names::zone_id,
            types::{FileSystem, MountTarget},
        },
    },
    world::World,
};

/// How many mount targets a page holds; the API reference gives this and 100.
pub(crate) const MOUNT_TARGETS_PAGE: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CreateMountTarget {
    pub(crate) file_system_id: String,
    pub(crate) subnet_id: String,
    pub(crate) ip_address: Option<String>,
    pub(crate) ipv6_address: Option<String>,
    pub(crate) ip_address_type: Option<String>,
    #[serde(default)]
    pub(crate) security_groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ModifySecurityGroups {
    pub(crate) mount_target_id: String,
    #[serde(default)]
    pub(crate) security_groups: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub(crate) struct ListMountTargets {
    /// Not listened to, as documented.
    #[serde(rename = "MaxItems")]
    pub(crate) _max_items: Option<usize>,
    pub(crate) marker: Option<String>,
    pub(crate) file_system_id: Option<String>,
    pub(crate) mount_target_id: Option<String>,
    pub(crate) access_point_id: Option<String>,
}

pub(crate) fn mount_targets(world: &mut World, request: &Request) -> Reply {
    let region = request.region.as_str();
    match request.operation.as_str() {
        "DescribeMountTargets" => describe_mount_targets(world, request),
        "CreateMountTarget" => create_mount_target(world, request),
        "DeleteMountTarget" => {
            let of: OfMountTarget = input(&request.input)?;
            world
                .delete_mount_target(region, &of.mount_target_id)
                .map(|()| (204, None))
        }
        "DescribeMountTargetSecurityGroups" => {
            let of: OfMountTarget = input(&request.input)?;
            let target = settled(world, region, &of.mount_target_id)?;
            Ok((200, Some(security_groups_json(target))))
        }
        "ModifyMountTargetSecurityGroups" => {
            let modify: ModifySecurityGroups = input(&request.input)?;
            let target = settled(world, region, &modify.mount_target_id)?;
            check_security_groups(&modify.security_groups)?;
            target.security_groups = modify.security_groups;
            Ok((204, None))
        }
        other => not_served(other),
    }
}

/// A mount target that is available.
pub(crate) fn settled<'a>(
    world: &'a mut World,
    region: &str,
    id: &str,
) -> Result<&'a mut MountTarget, ApiError> {
    let (_, target) = world.mount_target(region, id)?;
    match target.state.as_str() {
        "available" => Ok(target),
        state => Err(ApiError::new(
            409,
            "IncorrectMountTargetState",
            format!("{id} is {state}"),
        )),
    }
}

pub(crate) fn create_mount_target(world: &mut World, request: &Request) -> Reply {
    let wanted: CreateMountTarget = input(&request.input)?;
    let region = request.region.as_str();
    if wanted.ipv6_address.is_some()
        || wanted
            .ip_address_type
            .is_some_and(|kind| kind != "IPV4_ONLY")
    {
        return Err(bad_request("the subnets here have IPv4 addresses only"));
    }
    let target = world.create_mount_target(
        region,
        &wanted.file_system_id,
        &wanted.subnet_id,
        wanted.ip_address.as_deref(),
        wanted.security_groups,
    )?;
    let file_system = world
        .named_file_system(region, &wanted.file_system_id)?
        .clone();
    Ok((
        200,
        Some(mount_target_json(&target, &file_system, region, world)),
    ))
}

pub(crate) fn describe_mount_targets(world: &mut World, request: &Request) -> Reply {
    let list: ListMountTargets = input(&request.input)?;
    let region = request.region.as_str();
    let (file_system, only) = match (
        &list.file_system_id,
        &list.mount_target_id,
        &list.access_point_id,
    ) {
        (Some(name), None, None) => (world.named_file_system(region, name)?.clone(), None),
        (None, None, Some(name)) => (world.named_access_point(region, name)?.0.clone(), None),
        (None, Some(id), None) => {
            let (of, _) = world.mount_target(region, id)?;
            (world.named_file_system(region, &of)?.clone(), Some(id))
        }
        _ => {
            return Err(bad_request(
                "one of FileSystemId, MountTargetId and AccessPointId is required",
            ));
        }
    };
    let targets = file_system.mount_targets.iter();
    let targets = targets.filter(|target| only.is_none_or(|id| target.mount_target_id == *id));
    let items = targets
        .map(|target| mount_target_json(target, &file_system, region, world))
        .collect();
    page(
        request,
        "MountTargets",
        items,
        MOUNT_TARGETS_PAGE,
        list.marker.as_deref(),
    )
}

pub(crate) fn mount_target_json(
    target: &MountTarget,
    of: &FileSystem,
    region: &str,
    world: &World,
) -> Value {
    let mut json = json!({
        "OwnerId": of.owner(&world.account),
        "MountTargetId": target.mount_target_id,
        "FileSystemId": of.file_system_id,
        "SubnetId": target.subnet_id,
        "LifeCycleState": target.state,
        "IpAddress": target.ip_address,
        "NetworkInterfaceId": target.mount_target_id.replace("fsmt-", "eni-"),
        "AvailabilityZoneName": target.availability_zone_name,
    });
    if let Some(id) = zone_id(&target.availability_zone_name) {
        put(&mut json, "AvailabilityZoneId", json!(id));
    }
    if let Ok(subnet) = world.subnet(region, &target.subnet_id) {
        put(&mut json, "VpcId", json!(subnet.vpc_id));
    }
    json
}

pub(crate) fn security_groups_json(target: &MountTarget) -> Value {
    json!({ "SecurityGroups": target.security_groups })
}
