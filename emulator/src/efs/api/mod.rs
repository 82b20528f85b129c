//! EFS on the wire: from a request to a change of the [`World`], and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the API's model; the official clients check
//! them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::call::{self, Reply, Request, Service, input, percent_decode, put},
    aws::constraints,
    efs::model::{
        AccessPoint, Destination, FileSystem, MountTarget, Replication, bad_request,
        check_security_groups, check_tags, no_replication, zone_id,
    },
    world::{ApiError, World},
};

/// What every path begins with.
const VERSION: &str = "/2015-02-01/";
/// How many items a page holds where the request does not say, or is not listened to.
const PAGE: usize = 100;
/// How many mount targets a page holds; the API reference gives this and 100.
const MOUNT_TARGETS_PAGE: usize = 10;

/// The operations: name, method, path, and whether they can change anything.
const OPERATIONS: [(&str, &str, &str, bool); 26] = [
    ("CreateFileSystem", "POST", "file-systems", true),
    ("DescribeFileSystems", "GET", "file-systems", false),
    (
        "UpdateFileSystem",
        "PUT",
        "file-systems/{FileSystemId}",
        true,
    ),
    (
        "DeleteFileSystem",
        "DELETE",
        "file-systems/{FileSystemId}",
        true,
    ),
    (
        "UpdateFileSystemProtection",
        "PUT",
        "file-systems/{FileSystemId}/protection",
        true,
    ),
    (
        "PutLifecycleConfiguration",
        "PUT",
        "file-systems/{FileSystemId}/lifecycle-configuration",
        true,
    ),
    (
        "DescribeLifecycleConfiguration",
        "GET",
        "file-systems/{FileSystemId}/lifecycle-configuration",
        false,
    ),
    (
        "PutBackupPolicy",
        "PUT",
        "file-systems/{FileSystemId}/backup-policy",
        true,
    ),
    (
        "DescribeBackupPolicy",
        "GET",
        "file-systems/{FileSystemId}/backup-policy",
        false,
    ),
    (
        "PutFileSystemPolicy",
        "PUT",
        "file-systems/{FileSystemId}/policy",
        true,
    ),
    (
        "DescribeFileSystemPolicy",
        "GET",
        "file-systems/{FileSystemId}/policy",
        false,
    ),
    (
        "DeleteFileSystemPolicy",
        "DELETE",
        "file-systems/{FileSystemId}/policy",
        true,
    ),
    (
        "CreateReplicationConfiguration",
        "POST",
        "file-systems/{SourceFileSystemId}/replication-configuration",
        true,
    ),
    (
        "DeleteReplicationConfiguration",
        "DELETE",
        "file-systems/{SourceFileSystemId}/replication-configuration",
        true,
    ),
    (
        "DescribeReplicationConfigurations",
        "GET",
        "file-systems/replication-configurations",
        false,
    ),
    ("CreateMountTarget", "POST", "mount-targets", true),
    ("DescribeMountTargets", "GET", "mount-targets", false),
    (
        "DeleteMountTarget",
        "DELETE",
        "mount-targets/{MountTargetId}",
        true,
    ),
    (
        "DescribeMountTargetSecurityGroups",
        "GET",
        "mount-targets/{MountTargetId}/security-groups",
        false,
    ),
    (
        "ModifyMountTargetSecurityGroups",
        "PUT",
        "mount-targets/{MountTargetId}/security-groups",
        true,
    ),
    ("CreateAccessPoint", "POST", "access-points", true),
    ("DescribeAccessPoints", "GET", "access-points", false),
    (
        "DeleteAccessPoint",
        "DELETE",
        "access-points/{AccessPointId}",
        true,
    ),
    ("TagResource", "POST", "resource-tags/{ResourceId}", true),
    (
        "UntagResource",
        "DELETE",
        "resource-tags/{ResourceId}",
        true,
    ),
    (
        "ListTagsForResource",
        "GET",
        "resource-tags/{ResourceId}",
        false,
    ),
];

/// The operation of a request, by method and path; `None` for one that this EFS does not have.
#[must_use]
pub fn route(method: &str, path: &str) -> Option<&'static str> {
    let path = path.strip_prefix(VERSION)?;
    let mut operations = OPERATIONS.iter().filter(|(_, of, ..)| *of == method);
    operations
        .find(|(_, _, template, _)| parameters(template, path).is_some())
        .map(|(name, ..)| *name)
}

/// What a path says for the parameters of a template; `None` if it does not fit.
fn parameters(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (wanted, segment) in template.split('/').zip(path.split('/')) {
        match wanted
            .strip_prefix('{')
            .and_then(|wanted| wanted.strip_suffix('}'))
        {
            Some(name) if !segment.is_empty() => parameters.push((name, percent_decode(segment))),
            None if wanted == segment => {}
            _ => return None,
        }
    }
    Some(parameters)
}

/// Whether there is such an operation.
#[must_use]
pub fn serves(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, ..)| *name == operation)
}

/// Whether an operation can change anything.
#[must_use]
pub fn changes(operation: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|(name, _, _, changes)| *name == operation && *changes)
}

/// What a call is about, for people: an ID, and the subnet or the Region that a part of it goes to.
#[must_use]
pub fn subject(input: &Value) -> String {
    let names = [
        "SourceFileSystemId",
        "FileSystemId",
        "MountTargetId",
        "AccessPointId",
        "ResourceId",
        "CreationToken",
    ];
    let Some(named) = names.iter().find_map(|name| input.get(name)?.as_str()) else {
        return "all".to_owned();
    };
    let named = named.rsplit('/').next().unwrap_or(named);
    match input.get("SubnetId").and_then(Value::as_str) {
        Some(subnet) => format!("{named} {subnet}"),
        None => named.to_owned(),
    }
}

/// The members that carry a page token: of the request, and of the answer.
pub(crate) fn tokens(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "DescribeFileSystems" | "DescribeMountTargets" => ("Marker", "NextMarker"),
        _ => ("NextToken", "NextToken"),
    }
}

/// The members that the path of a call carries.
pub(crate) fn path_members(operation: &str, path: &str) -> Vec<(&'static str, String)> {
    let of = OPERATIONS
        .iter()
        .find(|(name, ..)| *name == operation)
        .zip(path.strip_prefix(VERSION));
    of.and_then(|((_, _, template, _), path)| parameters(template, path))
        .unwrap_or_default()
}

/// Answers a call.
///
/// # Errors
///
/// The error that AWS would answer with.
pub fn answer(world: &mut World, request: &Request) -> Reply {
    match request.operation.as_str() {
        "CreateReplicationConfiguration"
        | "DeleteReplicationConfiguration"
        | "DescribeReplicationConfigurations" => replications(world, request),
        "TagResource" | "UntagResource" | "ListTagsForResource" => tags(world, request),
        operation if operation.contains("MountTarget") => mount_targets(world, request),
        operation if operation.contains("AccessPoint") => access_points(world, request),
        operation if operation.ends_with("Policy") || operation.ends_with("Configuration") => {
            settings(world, request)
        }
        _ => file_systems(world, request),
    }
}

/// Checks what a world file says of EFS: an answer about it is one that the model has.
pub(crate) fn check(world: &World) -> Result<(), String> {
    let account = &world.account;
    let fits = |id: &str, shape: &str, answer: &Value| {
        constraints::check(Service::Efs, shape, answer).map_err(|wrong| format!("{id}: {wrong}"))
    };
    for (region, of) in world
        .efs
        .iter()
        .flat_map(|(region, efs)| efs.file_systems.iter().map(move |of| (region, of)))
    {
        let id = &of.file_system_id;
        fits(
            id,
            "FileSystemDescription",
            &file_system_json(of, region, account, (world.now, world.long_ago())),
        )?;
        fits(id, "LifecycleConfigurationDescription", &lifecycle_json(of))?;
        policy_json(of).map_or(Ok(()), |policy| {
            fits(id, "FileSystemPolicyDescription", &policy)
        })?;
        backup_json(of).map_or(Ok(()), |backup| {
            fits(id, "BackupPolicyDescription", &backup)
        })?;
        for target in &of.mount_targets {
            let id = &target.mount_target_id;
            fits(
                id,
                "MountTargetDescription",
                &mount_target_json(target, of, region, world),
            )?;
            fits(
                id,
                "DescribeMountTargetSecurityGroupsResponse",
                &security_groups_json(target),
            )?;
        }
        for point in &of.access_points {
            fits(
                &point.access_point_id,
                "AccessPointDescription",
                &access_point_json(point, of, region, account),
            )?;
        }
    }
    for replication in &world.replications {
        let id = &replication.source_file_system_id;
        fits(
            id,
            "ReplicationConfigurationDescription",
            &replication_json(replication, world),
        )?;
    }
    for (id, subnet) in &world.subnets {
        let target = json!({ "SubnetId": id, "VpcId": subnet.vpc_id,
            "AvailabilityZoneName": subnet.availability_zone_name, "MountTargetId": "fsmt-00000000",
            "FileSystemId": "fs-00000000", "LifeCycleState": "available" });
        fits(id, "MountTargetDescription", &target)?;
    }
    Ok(())
}

fn not_served(operation: &str) -> Reply {
    Err(ApiError::new(
        500,
        "InternalServerError",
        format!("{operation} is not served"),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct OfFileSystem {
    file_system_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct OfMountTarget {
    mount_target_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct OfAccessPoint {
    access_point_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// The tags of a call, none of them twice and all of them such as can be written.
fn read_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let count = tags.len();
    let tags: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if tags.len() != count {
        return Err(bad_request("a tag is there twice"));
    }
    check_tags(&tags).map(|()| tags)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateFileSystem {
    creation_token: String,
    performance_mode: Option<String>,
    #[serde(default)]
    encrypted: bool,
    kms_key_id: Option<String>,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
    availability_zone_name: Option<String>,
    backup: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
#[derive(Default)]
struct ListFileSystems {
    /// Not listened to, as documented.
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
    marker: Option<String>,
    creation_token: Option<String>,
    file_system_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UpdateFileSystem {
    file_system_id: String,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Protect {
    file_system_id: String,
    replication_overwrite_protection: Option<String>,
}

fn file_systems(world: &mut World, request: &Request) -> Reply {
    let (account, region, now) = (world.account.clone(), request.region.as_str(), world.now);
    let times = (now, world.long_ago());
    match request.operation.as_str() {
        "DescribeFileSystems" => describe_file_systems(world, request),
        "CreateFileSystem" => {
            let wanted = new_file_system(input(&request.input)?)?;
            let made = world.create_file_system(region, wanted)?;
            Ok((201, Some(file_system_json(made, region, &account, times))))
        }
        "UpdateFileSystem" => {
            let update: UpdateFileSystem = input(&request.input)?;
            let file_system = world.named_file_system(region, &update.file_system_id)?;
            file_system.set_throughput(
                update.throughput_mode,
                update.provisioned_throughput_in_mibps,
                now,
            )?;
            Ok((
                202,
                Some(file_system_json(file_system, region, &account, times)),
            ))
        }
        "UpdateFileSystemProtection" => {
            let protect: Protect = input(&request.input)?;
            let file_system = world.named_file_system(region, &protect.file_system_id)?;
            let wanted = protect
                .replication_overwrite_protection
                .unwrap_or_else(|| file_system.protection.clone());
            file_system.protect(&wanted)?;
            Ok((
                200,
                Some(json!({ "ReplicationOverwriteProtection": file_system.protection })),
            ))
        }
        "DeleteFileSystem" => {
            let of: OfFileSystem = input(&request.input)?;
            world
                .delete_file_system(region, &of.file_system_id)
                .map(|()| (204, None))
        }
        other => not_served(other),
    }
}

fn new_file_system(wanted: CreateFileSystem) -> Result<FileSystem, ApiError> {
    let backup = wanted
        .backup
        .unwrap_or(wanted.availability_zone_name.is_some());
    Ok(FileSystem {
        creation_token: wanted.creation_token,
        performance_mode: wanted
            .performance_mode
            .unwrap_or_else(|| "generalPurpose".to_owned()),
        throughput_mode: wanted
            .throughput_mode
            .unwrap_or_else(|| "bursting".to_owned()),
        provisioned_throughput_in_mibps: wanted.provisioned_throughput_in_mibps,
        encrypted: wanted.encrypted,
        kms_key_id: wanted.kms_key_id,
        availability_zone_name: wanted.availability_zone_name,
        backup: backup.then(|| "ENABLED".to_owned()),
        tags: read_tags(wanted.tags)?,
        ..FileSystem::new("")
    })
}

fn describe_file_systems(world: &mut World, request: &Request) -> Reply {
    let list: ListFileSystems = input(&request.input)?;
    let (account, region, times) = (
        world.account.clone(),
        request.region.as_str(),
        (world.now, world.long_ago()),
    );
    let found: Vec<FileSystem> = match &list.file_system_id {
        Some(name) => vec![world.named_file_system(region, name)?.clone()],
        None => world
            .file_systems(region)
            .filter(|of| of.owner(&account) == account)
            .cloned()
            .collect(),
    };
    let fits = |of: &&FileSystem| {
        list.creation_token
            .as_ref()
            .is_none_or(|token| of.creation_token == *token)
    };
    let items = found
        .iter()
        .filter(fits)
        .map(|of| file_system_json(of, region, &account, times))
        .collect();
    page(request, "FileSystems", items, PAGE, list.marker.as_deref())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutLifecycle {
    file_system_id: String,
    lifecycle_policies: Vec<LifecyclePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LifecyclePolicy {
    #[serde(rename = "TransitionToIA", skip_serializing_if = "Option::is_none")]
    infrequent: Option<String>,
    #[serde(
        rename = "TransitionToArchive",
        skip_serializing_if = "Option::is_none"
    )]
    archive: Option<String>,
    #[serde(
        rename = "TransitionToPrimaryStorageClass",
        skip_serializing_if = "Option::is_none"
    )]
    primary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutBackup {
    file_system_id: String,
    backup_policy: BackupPolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct BackupPolicy {
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutPolicy {
    file_system_id: String,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

/// The file system that a call names, and nothing else.
fn of_file_system<'a>(
    world: &'a mut World,
    request: &Request,
) -> Result<&'a mut FileSystem, ApiError> {
    let of: OfFileSystem = input(&request.input)?;
    world.named_file_system(&request.region, &of.file_system_id)
}

/// The settings of a file system: lifecycle, backup policy, file system policy.
fn settings(world: &mut World, request: &Request) -> Reply {
    let (region, behaviour) = (request.region.as_str(), world.behaviour);
    let missing = |what: &str| ApiError::new(404, "PolicyNotFound", format!("there is no {what}"));
    match request.operation.as_str() {
        "DescribeLifecycleConfiguration" => {
            Ok((200, Some(lifecycle_json(of_file_system(world, request)?))))
        }
        "DescribeBackupPolicy" => {
            let policy = backup_json(of_file_system(world, request)?)
                .ok_or_else(|| missing("backup policy"))?;
            Ok((200, Some(policy)))
        }
        "DescribeFileSystemPolicy" => {
            let policy =
                policy_json(of_file_system(world, request)?).ok_or_else(|| missing("policy"))?;
            Ok((200, Some(policy)))
        }
        "DeleteFileSystemPolicy" => {
            let file_system = of_file_system(world, request)?;
            file_system.require_open(behaviour.writes_while_replicating)?;
            file_system.policy = None;
            Ok((200, None))
        }
        "PutLifecycleConfiguration" => {
            let put: PutLifecycle = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.set_lifecycle(
                put.lifecycle_policies
                    .iter()
                    .map(|policy| json!(policy))
                    .collect(),
                behaviour,
            )?;
            Ok((200, Some(lifecycle_json(file_system))))
        }
        "PutBackupPolicy" => {
            let put: PutBackup = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.require_available()?;
            if !matches!(put.backup_policy.status.as_str(), "ENABLED" | "DISABLED") {
                return Err(bad_request("Status is neither ENABLED nor DISABLED"));
            }
            file_system.backup = Some(put.backup_policy.status);
            Ok((200, backup_json(file_system)))
        }
        "PutFileSystemPolicy" => {
            let put: PutPolicy = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.set_policy(
                &put.policy,
                put.bypass_policy_lockout_safety_check,
                behaviour,
            )?;
            Ok((200, policy_json(file_system)))
        }
        other => not_served(other),
    }
}

fn lifecycle_json(file_system: &FileSystem) -> Value {
    json!({ "LifecyclePolicies": file_system.lifecycle_policies })
}

fn backup_json(file_system: &FileSystem) -> Option<Value> {
    let status = file_system.backup.as_ref()?;
    Some(json!({ "BackupPolicy": { "Status": status } }))
}

fn security_groups_json(target: &MountTarget) -> Value {
    json!({ "SecurityGroups": target.security_groups })
}

fn policy_json(file_system: &FileSystem) -> Option<Value> {
    let policy = file_system.policy.as_ref()?;
    Some(json!({ "FileSystemId": file_system.file_system_id, "Policy": policy }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Replicate {
    source_file_system_id: String,
    destinations: Vec<Destination>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct StopReplicating {
    source_file_system_id: String,
    deletion_mode: Option<String>,
}

/// The members of the lists that are paged by NextToken.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct List {
    file_system_id: Option<String>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

fn replications(world: &mut World, request: &Request) -> Reply {
    let region = request.region.as_str();
    match request.operation.as_str() {
        "CreateReplicationConfiguration" => {
            let wanted: Replicate = input(&request.input)?;
            let made = world
                .replicate(region, &wanted.source_file_system_id, &wanted.destinations)?
                .clone();
            Ok((200, Some(replication_json(&made, world))))
        }
        "DeleteReplicationConfiguration" => {
            let wanted: StopReplicating = input(&request.input)?;
            let locally = wanted.deletion_mode.as_deref() == Some("LOCAL_CONFIGURATION_ONLY");
            world
                .stop_replicating(region, &wanted.source_file_system_id, locally)
                .map(|()| (204, None))
        }
        _ => describe_replications(world, request),
    }
}

/// By a file system, the one that it is in; without, all that have an end of the caller's in this
/// Region.
fn describe_replications(world: &mut World, request: &Request) -> Reply {
    let list: List = input(&request.input)?;
    let region = request.region.as_str();
    let ids: Vec<String> = match &list.file_system_id {
        Some(name) => vec![
            world
                .named_file_system(region, name)?
                .file_system_id
                .clone(),
        ],
        None => {
            let own = world
                .file_systems(region)
                .filter(|of| of.owner(&world.account) == world.account);
            own.map(|of| of.file_system_id.clone()).collect()
        }
    };
    let here =
        |replication: &&Replication| ids.iter().any(|id| replication.side(region, id).is_some());
    let items: Vec<Value> = world
        .replications
        .iter()
        .filter(here)
        .map(|of| replication_json(of, world))
        .collect();
    match &list.file_system_id {
        Some(name) if items.is_empty() => Err(no_replication(name)),
        _ => page(
            request,
            "Replications",
            items,
            list.max_results.unwrap_or(PAGE),
            list.next_token.as_deref(),
        ),
    }
}

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ModifySecurityGroups {
    mount_target_id: String,
    #[serde(default)]
    security_groups: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListMountTargets {
    /// Not listened to, as documented.
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
    marker: Option<String>,
    file_system_id: Option<String>,
    mount_target_id: Option<String>,
    access_point_id: Option<String>,
}

fn mount_targets(world: &mut World, request: &Request) -> Reply {
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
fn settled<'a>(
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

fn create_mount_target(world: &mut World, request: &Request) -> Reply {
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

fn describe_mount_targets(world: &mut World, request: &Request) -> Reply {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateAccessPoint {
    client_token: String,
    file_system_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    posix_user: Option<PosixUser>,
    root_directory: Option<RootDirectory>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PosixUser {
    uid: u32,
    gid: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secondary_gids: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RootDirectory {
    #[serde(default = "slash")]
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creation_info: Option<CreationInfo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreationInfo {
    owner_uid: u32,
    owner_gid: u32,
    permissions: String,
}

fn slash() -> String {
    "/".to_owned()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListAccessPoints {
    max_results: Option<usize>,
    next_token: Option<String>,
    access_point_id: Option<String>,
    file_system_id: Option<String>,
}

fn access_points(world: &mut World, request: &Request) -> Reply {
    let (account, region) = (world.account.clone(), request.region.as_str());
    match request.operation.as_str() {
        "DescribeAccessPoints" => describe_access_points(world, request),
        "CreateAccessPoint" => {
            let wanted: CreateAccessPoint = input(&request.input)?;
            let name = wanted.file_system_id.clone();
            let point = world.create_access_point(region, &name, new_access_point(wanted)?)?;
            let file_system = world.named_file_system(region, &name)?;
            Ok((
                200,
                Some(access_point_json(&point, file_system, region, &account)),
            ))
        }
        "DeleteAccessPoint" => {
            let of: OfAccessPoint = input(&request.input)?;
            world
                .delete_access_point(region, &of.access_point_id)
                .map(|()| (204, None))
        }
        other => not_served(other),
    }
}

fn new_access_point(wanted: CreateAccessPoint) -> Result<AccessPoint, ApiError> {
    Ok(AccessPoint {
        access_point_id: String::new(),
        client_token: wanted.client_token,
        tags: read_tags(wanted.tags)?,
        posix_user: wanted.posix_user.map(|user| json!(user)),
        root_directory: wanted.root_directory.map(|root| json!(root)),
        created_at: None,
        state: String::new(),
    })
}

fn describe_access_points(world: &mut World, request: &Request) -> Reply {
    let list: ListAccessPoints = input(&request.input)?;
    let (account, region) = (world.account.clone(), request.region.as_str());
    let json =
        |point: &AccessPoint, of: &FileSystem| access_point_json(point, of, region, &account);
    let all = |of: &FileSystem| {
        of.access_points
            .iter()
            .map(|point| json(point, of))
            .collect::<Vec<_>>()
    };
    let items = match (&list.access_point_id, &list.file_system_id) {
        (Some(_), Some(_)) => {
            return Err(bad_request(
                "AccessPointId and FileSystemId exclude each other",
            ));
        }
        (Some(name), None) => {
            let (file_system, point) = world.named_access_point(region, name)?;
            vec![json(&point, file_system)]
        }
        (None, Some(name)) => all(world.named_file_system(region, name)?),
        (None, None) => world
            .file_systems(region)
            .filter(|of| of.owner(&account) == account)
            .flat_map(all)
            .collect(),
    };
    page(
        request,
        "AccessPoints",
        items,
        list.max_results.unwrap_or(PAGE),
        list.next_token.as_deref(),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Tags {
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn tags(world: &mut World, request: &Request) -> Reply {
    let wanted: Tags = input(&request.input)?;
    let region = request.region.as_str();
    if request.operation == "ListTagsForResource" {
        let items = match world.named_file_system(region, &wanted.resource_id) {
            Ok(file_system) => file_system_tags_json(file_system),
            Err(_) => tags_json(world.efs_tags(region, &wanted.resource_id)?),
        };
        return page(
            request,
            "Tags",
            items,
            wanted.max_results.unwrap_or(PAGE),
            wanted.next_token.as_deref(),
        );
    }
    let tags = world.efs_tags(region, &wanted.resource_id)?;
    // AWS's own tags may be there already; the model lets nobody else write or remove one.
    let mut changed = tags.clone();
    changed.extend(read_tags(wanted.tags)?);
    changed.retain(|key, _| !wanted.tag_keys.contains(key));
    check_tags(&changed)?;
    *tags = changed;
    Ok((200, None))
}

fn tags_json(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// The tags of a file system, with the one that AWS adds where backups are on.
fn file_system_tags_json(file_system: &FileSystem) -> Vec<Value> {
    let mut tags = tags_json(&file_system.tags);
    if file_system.backup.as_deref() == Some("ENABLED") {
        tags.push(json!({ "Key": "aws:elasticfilesystem:default-backup", "Value": "enabled" }));
    }
    tags
}

/// One page of a list.
fn page(
    request: &Request,
    list: &str,
    items: Vec<Value>,
    size: usize,
    token_asked: Option<&str>,
) -> Reply {
    let (asked, next) = tokens(&request.operation);
    let (items, token) = call::page(items, size, token_asked, request)
        .ok_or_else(|| bad_request(format!("{asked} is not ours")))?;
    let mut page = json!({ list: items });
    // What is paged by markers repeats the one that it was asked with.
    if let Some(marker) = token_asked.filter(|_| asked == "Marker") {
        put(&mut page, asked, json!(marker));
    }
    if let Some(token) = token {
        put(&mut page, next, json!(token));
    }
    Ok((200, Some(page)))
}

fn time(at: DateTime<Utc>) -> i64 {
    at.timestamp()
}

fn arn(region: &str, account: &str, kind: &str, id: &str) -> String {
    constraints::arn(
        "elasticfilesystem",
        region,
        account,
        &format!("{kind}/{id}"),
    )
}

/// A file system as the API describes it; `times` are now, and when what has no date of its own was
/// made.
fn file_system_json(
    of: &FileSystem,
    region: &str,
    account: &str,
    times: (DateTime<Utc>, DateTime<Utc>),
) -> Value {
    let (now, long_ago) = times;
    let owner = of.owner(account);
    let token = if of.creation_token.is_empty() {
        &of.file_system_id
    } else {
        &of.creation_token
    };
    let mut json = json!({
        "OwnerId": owner,
        "CreationToken": token,
        "FileSystemId": of.file_system_id,
        "FileSystemArn": arn(region, owner, "file-system", &of.file_system_id),
        "CreationTime": time(of.created_at.unwrap_or(long_ago)),
        "LifeCycleState": of.life_cycle_state,
        "NumberOfMountTargets": of.mount_targets.len(),
        "SizeInBytes": {
            "Value": of.size_bytes,
            "Timestamp": time(now),
            "ValueInIA": 0,
            "ValueInStandard": of.size_bytes,
            "ValueInArchive": 0,
        },
        "PerformanceMode": of.performance_mode,
        "Encrypted": of.encrypted,
        "ThroughputMode": of.throughput_mode,
        "Tags": file_system_tags_json(of),
        "FileSystemProtection": { "ReplicationOverwriteProtection": of.protection },
    });
    if of.encrypted {
        let own = || constraints::arn("kms", region, owner, "alias/aws/elasticfilesystem");
        put(
            &mut json,
            "KmsKeyId",
            json!(of.kms_key_id.clone().unwrap_or_else(own)),
        );
    }
    if let Some(mibps) = of.provisioned_throughput_in_mibps {
        put(&mut json, "ProvisionedThroughputInMibps", json!(mibps));
    }
    let (zone, name) = (of.availability_zone_name.as_ref(), of.tags.get("Name"));
    let zone_id = zone.and_then(|zone| zone_id(zone));
    for (member, value) in [
        ("Name", name),
        ("AvailabilityZoneName", zone),
        ("AvailabilityZoneId", zone_id.as_ref()),
    ] {
        if let Some(value) = value {
            put(&mut json, member, json!(value));
        }
    }
    json
}

fn mount_target_json(target: &MountTarget, of: &FileSystem, region: &str, world: &World) -> Value {
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

fn access_point_json(point: &AccessPoint, of: &FileSystem, region: &str, account: &str) -> Value {
    let owner = of.owner(account);
    let mut json = json!({
        "ClientToken": point.client_token,
        "Tags": tags_json(&point.tags),
        "AccessPointId": point.access_point_id,
        "AccessPointArn": arn(region, owner, "access-point", &point.access_point_id),
        "FileSystemId": of.file_system_id,
        "RootDirectory": point.root_directory.clone().unwrap_or_else(|| json!({ "Path": "/" })),
        "OwnerId": owner,
        "LifeCycleState": point.state,
    });
    if let Some(name) = point.tags.get("Name") {
        put(&mut json, "Name", json!(name));
    }
    if let Some(user) = &point.posix_user {
        put(&mut json, "PosixUser", user.clone());
    }
    json
}

fn replication_json(replication: &Replication, world: &World) -> Value {
    let account = &world.account;
    let source_arn = arn(
        &replication.source_region,
        account,
        "file-system",
        &replication.source_file_system_id,
    );
    let mut destination = json!({
        "Status": replication.status(world.now, world.behaviour),
        "FileSystemId": replication.destination_file_system_id,
        "Region": replication.destination_region,
        "OwnerId": replication.destination_owner_id.as_ref().unwrap_or(account),
    });
    let more = [
        (
            "LastReplicatedTimestamp",
            replication
                .last_replicated_at(world.now)
                .map(|at| json!(time(at))),
        ),
        (
            "StatusMessage",
            replication.status_message().map(|message| json!(message)),
        ),
        (
            "RoleArn",
            replication.role_arn.as_ref().map(|role| json!(role)),
        ),
    ];
    for (member, value) in more {
        if let Some(value) = value {
            put(&mut destination, member, value);
        }
    }
    json!({
        "SourceFileSystemId": replication.source_file_system_id,
        "SourceFileSystemRegion": replication.source_region,
        "SourceFileSystemArn": source_arn,
        "OriginalSourceFileSystemArn": source_arn,
        "CreationTime": time(replication.created_at),
        "Destinations": [destination],
        "SourceFileSystemOwnerId": account,
    })
}
