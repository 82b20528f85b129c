//! Mount targets on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        context::Context,
        error::ApiError,
    },
    efs::{
        api::{file_systems::put_zone_id, lists::page},
        model::{FileSystem, Model, MountTarget, bad_request, check_security_groups},
    },
};

/// The page size, which EFS does not let requests set. The API reference says 10 and 100.
const PAGE: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateMountTarget {
    file_system_id: String,
    subnet_id: String,
    ip_address: Option<String>,
    ipv6_address: Option<String>,
    ip_address_type: Option<String>,
    #[serde(default)]
    security_groups: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListMountTargets {
    /// EFS ignores it, as documented.
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
    marker: Option<String>,
    file_system_id: Option<String>,
    mount_target_id: Option<String>,
    access_point_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MountTargetName {
    mount_target_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ModifySecurityGroups {
    mount_target_id: String,
    #[serde(default)]
    security_groups: Vec<String>,
}

/// `CreateMountTarget`.
pub(super) fn create(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: CreateMountTarget = request.read()?;
    // The service model also allows IPv6 and dual stack, which no subnet of the account has.
    let is_ipv4 = input
        .ip_address_type
        .is_none_or(|address_type| address_type == "IPV4_ONLY");
    if input.ipv6_address.is_some() || !is_ipv4 {
        return Err(bad_request("the subnets here have IPv4 addresses only"));
    }

    let (file_system, target) = model.create_mount_target(
        context,
        &input.file_system_id,
        &input.subnet_id,
        input.ip_address.as_deref(),
        input.security_groups,
    )?;

    let body = mount_target_json(&target, &file_system, model, context);
    Ok((200, Some(body)))
}

/// `DescribeMountTargets`: of a file system, which the call can name by one of its parts.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let list: ListMountTargets = request.read()?;
    // EFS takes exactly one of the three.
    let file_system = match (
        &list.file_system_id,
        &list.mount_target_id,
        &list.access_point_id,
    ) {
        (Some(name), None, None) => model.named_file_system(context, name)?.clone(),
        (None, None, Some(name)) => model.named_access_point(context, name)?.0.clone(),
        (None, Some(id), None) => {
            let (file_system_id, _) = model.mount_target(context, id)?;
            model.named_file_system(context, &file_system_id)?.clone()
        }
        _ => {
            return Err(bad_request(
                "one of FileSystemId, MountTargetId and AccessPointId is required",
            ));
        }
    };

    // By its own ID a mount target is the only one of its list.
    let only = list.mount_target_id.as_ref();
    let targets = file_system.mount_targets.iter();
    let items = targets
        .filter(|target| only.is_none_or(|id| target.mount_target_id == *id))
        .map(|target| mount_target_json(target, &file_system, model, context))
        .collect();
    page(
        context,
        request,
        "MountTargets",
        items,
        PAGE,
        list.marker.as_deref(),
    )
}

/// `DeleteMountTarget`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let MountTargetName { mount_target_id } = request.read()?;
    model.delete_mount_target(context, &mount_target_id)?;

    Ok((204, None))
}

/// `DescribeMountTargetSecurityGroups`.
pub(super) fn describe_groups(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    let MountTargetName { mount_target_id } = request.read()?;
    let target = available(model, context, &mount_target_id)?;

    Ok((200, Some(security_groups_json(target))))
}

/// `ModifyMountTargetSecurityGroups`.
pub(super) fn modify_groups(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: ModifySecurityGroups = request.read()?;
    let target = available(model, context, &input.mount_target_id)?;
    // Unlike in CreateMountTarget, an empty list does not stand for the default group.
    check_security_groups(&input.security_groups)?;

    target.security_groups = input.security_groups;
    Ok((204, None))
}

/// A mount target, if it is available.
fn available<'a>(
    model: &'a mut Model,
    context: &Context,
    id: &str,
) -> Result<&'a mut MountTarget, ApiError> {
    let (_, target) = model.mount_target(context, id)?;

    match target.state.as_str() {
        "available" => Ok(target),
        state => {
            let message = format!("{id} is {state}");
            Err(ApiError::new(409, "IncorrectMountTargetState", message))
        }
    }
}

/// The members that the emulator makes up about every mount target.
const MADE_UP: [&str; 3] = ["/NetworkInterfaceId", "/AvailabilityZoneId", "/VpcId"];

/// A mount target as EFS describes it.
pub(super) fn mount_target_json(
    target: &MountTarget,
    file_system: &FileSystem,
    model: &Model,
    context: &Context,
) -> Value {
    let id = &target.mount_target_id;
    let mut json = json!({
        "OwnerId": file_system.owner(&context.account),
        "MountTargetId": id,
        "FileSystemId": file_system.file_system_id,
        "SubnetId": target.subnet_id,
        "LifeCycleState": target.state,
        "IpAddress": target.ip_address,
        // Derived from the ID, so that it is the same in every answer.
        "NetworkInterfaceId": id.replace("fsmt-", "eni-"),
        "AvailabilityZoneName": target.availability_zone_name,
    });

    put_zone_id(&mut json, &target.availability_zone_name);
    if let Ok(subnet) = model.subnet(&context.region, &target.subnet_id) {
        put(&mut json, "VpcId", json!(subnet.vpc_id));
    }
    context.without_made_up(json, &MADE_UP)
}

/// The security groups of a mount target.
pub(super) fn security_groups_json(target: &MountTarget) -> Value {
    json!({ "SecurityGroups": target.security_groups })
}
