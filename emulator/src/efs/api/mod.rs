//! EFS on the wire: from a request to a change of the [`World`], and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the API's model; the official clients check
//! them.

use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, Service, percent_decode},
        constraints,
    },
    efs::api::{
        access_points::{access_point_json, access_points},
        file_systems::{file_system_json, file_systems},
        mount_targets::{mount_target_json, mount_targets, security_groups_json},
        replications::{replication_json, replications},
        settings::{backup_json, lifecycle_json, policy_json, settings},
        tags::tags,
    },
    world::World,
};

mod access_points;
mod file_systems;
mod lists;
mod mount_targets;
mod replications;
mod settings;
mod tags;
pub(crate) use self::lists::tokens;

/// What every path begins with.
pub(crate) const VERSION: &str = "/2015-02-01/";

/// The operations: name, method, path, and whether they can change anything.
pub(crate) const OPERATIONS: [(&str, &str, &str, bool); 26] = [
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
pub(crate) fn parameters(
    template: &'static str,
    path: &str,
) -> Option<Vec<(&'static str, String)>> {
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
