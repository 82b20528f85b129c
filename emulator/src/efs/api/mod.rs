//! EFS on the wire: from a request to a change of the model, and back to the API's JSON.
//!
//! Member names, statuses and error codes are those of the service model; AWS's own clients check
//! them.

mod access_points;
mod file_systems;
mod lists;
mod mount_targets;
mod replications;
mod settings;
mod tags;

use serde_json::{Value, json};

pub(super) use self::lists::tokens;
use crate::{
    aws::{
        call::Service,
        constraints,
        context::Context,
        operation::{Operation, changes, reads},
    },
    efs::{
        api::{
            access_points::access_point_json,
            file_systems::file_system_json,
            mount_targets::{mount_target_json, security_groups_json},
            replications::replication_json,
            settings::{backup_json, lifecycle_json, policy_json},
        },
        model::{FileSystem, Model},
    },
};

const FILE_SYSTEMS: &str = "/2015-02-01/file-systems";
const FILE_SYSTEM: &str = "/2015-02-01/file-systems/{FileSystemId}";
const PROTECTION: &str = "/2015-02-01/file-systems/{FileSystemId}/protection";
const LIFECYCLE: &str = "/2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration";
const BACKUP: &str = "/2015-02-01/file-systems/{FileSystemId}/backup-policy";
const POLICY: &str = "/2015-02-01/file-systems/{FileSystemId}/policy";
const REPLICATIONS: &str = "/2015-02-01/file-systems/replication-configurations";
const REPLICATION: &str = "/2015-02-01/file-systems/{SourceFileSystemId}/replication-configuration";
const MOUNT_TARGETS: &str = "/2015-02-01/mount-targets";
const MOUNT_TARGET: &str = "/2015-02-01/mount-targets/{MountTargetId}";
const SECURITY_GROUPS: &str = "/2015-02-01/mount-targets/{MountTargetId}/security-groups";
const ACCESS_POINTS: &str = "/2015-02-01/access-points";
const ACCESS_POINT: &str = "/2015-02-01/access-points/{AccessPointId}";
const TAGS: &str = "/2015-02-01/resource-tags/{ResourceId}";

/// The operations of EFS that are emulated.
#[rustfmt::skip] // A row an operation.
pub(super) static OPERATIONS: [Operation<Model>; 26] = [
    changes("CreateFileSystem", "POST", FILE_SYSTEMS, file_systems::create),
    reads("DescribeFileSystems", "GET", FILE_SYSTEMS, file_systems::describe),
    changes("UpdateFileSystem", "PUT", FILE_SYSTEM, file_systems::update),
    changes("DeleteFileSystem", "DELETE", FILE_SYSTEM, file_systems::delete),
    changes("UpdateFileSystemProtection", "PUT", PROTECTION, file_systems::protect),
    changes("PutLifecycleConfiguration", "PUT", LIFECYCLE, settings::put_lifecycle),
    reads("DescribeLifecycleConfiguration", "GET", LIFECYCLE, settings::describe_lifecycle),
    changes("PutBackupPolicy", "PUT", BACKUP, settings::put_backup),
    reads("DescribeBackupPolicy", "GET", BACKUP, settings::describe_backup),
    changes("PutFileSystemPolicy", "PUT", POLICY, settings::put_policy),
    reads("DescribeFileSystemPolicy", "GET", POLICY, settings::describe_policy),
    changes("DeleteFileSystemPolicy", "DELETE", POLICY, settings::delete_policy),
    changes("CreateReplicationConfiguration", "POST", REPLICATION, replications::create),
    changes("DeleteReplicationConfiguration", "DELETE", REPLICATION, replications::delete),
    reads("DescribeReplicationConfigurations", "GET", REPLICATIONS, replications::describe),
    changes("CreateMountTarget", "POST", MOUNT_TARGETS, mount_targets::create),
    reads("DescribeMountTargets", "GET", MOUNT_TARGETS, mount_targets::describe),
    changes("DeleteMountTarget", "DELETE", MOUNT_TARGET, mount_targets::delete),
    reads("DescribeMountTargetSecurityGroups", "GET", SECURITY_GROUPS, mount_targets::describe_groups),
    changes("ModifyMountTargetSecurityGroups", "PUT", SECURITY_GROUPS, mount_targets::modify_groups),
    changes("CreateAccessPoint", "POST", ACCESS_POINTS, access_points::create),
    reads("DescribeAccessPoints", "GET", ACCESS_POINTS, access_points::describe),
    changes("DeleteAccessPoint", "DELETE", ACCESS_POINT, access_points::delete),
    changes("TagResource", "POST", TAGS, tags::change),
    changes("UntagResource", "DELETE", TAGS, tags::change),
    reads("ListTagsForResource", "GET", TAGS, tags::list),
];

/// The subject of a call, for people: an ID, and the subnet of a new mount target.
pub(super) fn subject(input: &Value) -> String {
    let names = [
        "SourceFileSystemId",
        "FileSystemId",
        "MountTargetId",
        "AccessPointId",
        "ResourceId",
        "CreationToken",
    ];
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    // The first member that a call has is the most telling one.
    let Some(named) = names.into_iter().find_map(text) else {
        return "all".to_owned();
    };

    let named = named.rsplit('/').next().unwrap_or(named);
    match text("SubnetId") {
        Some(subnet) => format!("{named} {subnet}"),
        None => named.to_owned(),
    }
}

/// Checks the values of a world file: each description of a resource fits the service model.
///
/// # Errors
///
/// A sentence about the first value that does not fit.
pub(crate) fn check(model: &Model, context_in: impl Fn(&str) -> Context) -> Result<(), String> {
    for (region, efs) in &model.regions {
        let context = context_in(region);
        for file_system in &efs.file_systems {
            check_file_system(file_system, model, &context)?;
        }
    }

    for replication in &model.replications {
        let id = &replication.source_file_system_id;
        // Either end describes the replication in the same way.
        let context = context_in(&replication.source_region);
        let description = replication_json(replication, &context);
        check_shape(id, "ReplicationConfigurationDescription", &description)?;
    }

    // No answer describes a subnet, but that of a mount target names its members.
    for (id, subnet) in &model.subnets {
        let target = json!({
            "SubnetId": id,
            "VpcId": subnet.vpc_id,
            "AvailabilityZoneName": subnet.availability_zone_name,
            "MountTargetId": "fsmt-00000000",
            "FileSystemId": "fs-00000000",
            "LifeCycleState": "available",
        });
        check_shape(id, "MountTargetDescription", &target)?;
    }
    Ok(())
}

fn check_file_system(
    file_system: &FileSystem,
    model: &Model,
    context: &Context,
) -> Result<(), String> {
    let id = &file_system.file_system_id;
    // The optional settings are described by answers of their own.
    let description = file_system_json(file_system, context);
    check_shape(id, "FileSystemDescription", &description)?;
    let lifecycle = lifecycle_json(file_system);
    check_shape(id, "LifecycleConfigurationDescription", &lifecycle)?;
    if let Some(policy) = policy_json(file_system) {
        check_shape(id, "FileSystemPolicyDescription", &policy)?;
    }
    if let Some(backup) = backup_json(file_system) {
        check_shape(id, "BackupPolicyDescription", &backup)?;
    }

    for target in &file_system.mount_targets {
        let id = &target.mount_target_id;
        let description = mount_target_json(target, file_system, model, context);
        check_shape(id, "MountTargetDescription", &description)?;
        let groups = security_groups_json(target);
        check_shape(id, "DescribeMountTargetSecurityGroupsResponse", &groups)?;
    }
    for point in &file_system.access_points {
        let description = access_point_json(point, file_system, context);
        check_shape(
            &point.access_point_id,
            "AccessPointDescription",
            &description,
        )?;
    }
    Ok(())
}

fn check_shape(id: &str, shape: &str, description: &Value) -> Result<(), String> {
    constraints::check(Service::Efs, shape, description).map_err(|wrong| format!("{id}: {wrong}"))
}
