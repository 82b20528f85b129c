//! What IAM is asked about a call to EFS.

use serde_json::Value;

use crate::{
    aws::constraints,
    efs::model::{Destination, Model},
    iam::{self, DependentActions, IamCall, IamRequest, Tags, written_tags},
};

/// The actions that EFS carries out with the caller's permissions on resources of any name.
const DEPENDENT: &DependentActions = &[
    (
        "CreateMountTarget",
        &["ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"],
    ),
    (
        "DescribeMountTargetSecurityGroups",
        &["ec2:DescribeNetworkInterfaceAttribute"],
    ),
    (
        "ModifyMountTargetSecurityGroups",
        &["ec2:ModifyNetworkInterfaceAttribute"],
    ),
    ("DeleteMountTarget", &["ec2:DeleteNetworkInterface"]),
];

/// What EFS needs of a customer managed key.
const KEY_ACTIONS: [&str; 4] = [
    "kms:DescribeKey",
    "kms:Decrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:CreateGrant",
];

/// Actions whose conditions do not support the tags of the resource.
const WITHOUT_RESOURCE_TAGS: [&str; 3] = [
    "CreateReplicationConfiguration",
    "DeleteReplicationConfiguration",
    "UpdateFileSystemProtection",
];

/// The service principal of EFS.
const PRINCIPAL: &str = "elasticfilesystem.amazonaws.com";

/// What IAM is asked about a call.
pub(super) fn requests(call: &IamCall<'_>) -> Vec<IamRequest> {
    let operation = call.request.operation.as_str();
    let resource = resource(call).unwrap_or_else(|| "*".to_owned());
    let mut requests = vec![on_resource(call, &resource)];

    match operation {
        "CreateReplicationConfiguration" => {
            // A destination that cannot be read is refused by the call itself.
            let destinations = call.request.input.get("Destinations");
            let destinations = destinations.and_then(Value::as_array);
            for destination in destinations.into_iter().flatten() {
                let wanted = serde_json::from_value(destination.clone()).unwrap_or_default();
                requests.extend(for_destination(call, &wanted));
            }
        }
        "CreateMountTarget" => requests.extend(for_network_interface(call)),
        "CreateAccessPoint" => requests.extend(for_new_tags(call, "access-point")),
        "CreateFileSystem" => {
            let key = call.request.text("KmsKeyId");
            requests.extend(for_new_tags(call, "file-system"));
            requests.extend(for_key(call, key, call.region()));
        }
        // On an encrypted file system it needs what the creation of the file system needed.
        "PutLifecycleConfiguration" => {
            let name = call.request.text("FileSystemId").unwrap_or_default();
            // An ARN ends with the ID.
            let id = name.rsplit('/').next().unwrap_or(name);
            let file_system = call.world.efs.find(call.region(), id);
            let key = file_system.and_then(|file_system| file_system.kms_key_id.as_deref());
            requests.extend(for_key(call, key, call.region()));
        }
        _ => {}
    }

    requests.extend(call.dependent(DEPENDENT, operation));
    requests
}

/// The operation of the call on a resource.
fn on_resource(call: &IamCall<'_>, resource: &str) -> IamRequest {
    let operation = call.request.operation.as_str();
    let tags =
        tags(&call.world.efs, resource).filter(|_| !WITHOUT_RESOURCE_TAGS.contains(&operation));

    call.on(&format!("elasticfilesystem:{operation}"), resource, tags)
}

/// The ARN of the resource that a call names; `None` if it names none.
fn resource(call: &IamCall<'_>) -> Option<String> {
    let file_system = |id: &str| call.arn("elasticfilesystem", "file-system", id);
    let access_point = |id: &str| call.arn("elasticfilesystem", "access-point", id);
    let text = |member| call.request.text(member);

    if let Some(id) = text("SourceFileSystemId").or_else(|| text("FileSystemId")) {
        return Some(file_system(id));
    }
    if let Some(id) = text("AccessPointId") {
        return Some(access_point(id));
    }

    // A mount target is no resource of IAM, its file system is.
    let mounted = text("MountTargetId").and_then(|id| {
        let mut file_systems = call.world.efs.file_systems(call.region());
        file_systems.find(|file_system| {
            let mut targets = file_system.mount_targets.iter();
            targets.any(|target| target.mount_target_id == id)
        })
    });
    if let Some(mounted) = mounted {
        return Some(file_system(&mounted.file_system_id));
    }

    // The ID says what the tagged resource is.
    let tagged = text("ResourceId")?;
    Some(match tagged.starts_with("fsap-") {
        true => access_point(tagged),
        false => file_system(tagged),
    })
}

/// A mount target is a network interface in a subnet with security groups: those of the call, or
/// the default group of the VPC.
fn for_network_interface(call: &IamCall<'_>) -> Vec<IamRequest> {
    let subnet = call.request.text("SubnetId").unwrap_or("*");
    let groups = call.request.input.get("SecurityGroups");
    let groups = groups.and_then(Value::as_array);
    let mut groups: Vec<&str> = groups
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if groups.is_empty() {
        groups.push("*");
    }

    // Each part of the interface is a resource of the same action.
    let groups = groups.into_iter().map(|group| ("security-group", group));
    let resources = [("network-interface", "*"), ("subnet", subnet)];
    let requests = resources.into_iter().chain(groups).map(|(kind, id)| {
        let resource = call.arn("ec2", kind, id);
        IamRequest::new("ec2:CreateNetworkInterface", &resource, call.region())
            .with("aws:ViaAWSService", "true")
    });
    requests.collect()
}

/// A resource that is created with tags is tagged in the same call.
fn for_new_tags(call: &IamCall<'_>, kind: &str) -> Option<IamRequest> {
    written_tags(&call.request.input).next()?;

    let resource = call.arn("elasticfilesystem", kind, "*");
    let request = IamRequest::new("elasticfilesystem:TagResource", &resource, call.region())
        .with("elasticfilesystem:CreateAction", &call.request.operation);
    Some(call.with_tags_of_call(request))
}

fn for_destination(call: &IamCall<'_>, wanted: &Destination) -> Vec<IamRequest> {
    let zone = wanted.availability_zone_name.as_deref();
    // A destination may be named by its zone alone.
    let region_of_zone = zone.map(|zone| zone.trim_end_matches(char::is_alphabetic));
    let region = wanted
        .region
        .as_deref()
        .or(region_of_zone)
        .unwrap_or(call.region());

    let mut requests = Vec::new();
    match &wanted.file_system_id {
        // In another account EFS asks about the role instead of the caller.
        Some(name) => {
            let account = &call.world.account;
            let existing = iam::arn("elasticfilesystem", region, account, "file-system", name);
            if existing.split(':').nth(4) == Some(account) {
                requests.push(IamRequest {
                    resource: existing,
                    ..on_resource(call, "*")
                });
            }
        }
        None => {
            let create = "elasticfilesystem:CreateFileSystem";
            requests.push(IamRequest::new(create, "*", region));
            requests.extend(for_key(call, wanted.kms_key_id.as_deref(), region));
        }
    }
    requests.push(for_replication_role(call, wanted));
    requests
}

/// A role is passed to EFS. Without one, EFS creates its own.
fn for_replication_role(call: &IamCall<'_>, wanted: &Destination) -> IamRequest {
    if let Some(role) = &wanted.role_arn {
        return IamRequest::new("iam:PassRole", role, call.region())
            .with("iam:PassedToService", PRINCIPAL);
    }

    // Service-linked roles are global, and IAM is called in its home Region.
    let (partition, home) = home_of_iam(call.region());
    let account = &call.world.account;
    let role = format!(
        "arn:{partition}:iam::{account}:role/aws-service-role/{PRINCIPAL}/\
         AWSServiceRoleForAmazonElasticFileSystem"
    );
    IamRequest::new("iam:CreateServiceLinkedRole", &role, home)
        .with("iam:AWSServiceName", PRINCIPAL)
}

/// The requests for a key, if there is one. The key behind an alias is unknown here.
fn for_key(call: &IamCall<'_>, key: Option<&str>, region: &str) -> Vec<IamRequest> {
    let Some(name) = key else {
        return Vec::new();
    };
    let id = match name.split_once("alias/") {
        None => name.to_owned(),
        Some(("", _)) => "*".to_owned(),
        Some((place, _)) => format!("{place}key/*"),
    };

    let resource = iam::arn("kms", region, &call.world.account, "key", &id);
    // The key is used through EFS in the Region of the file system.
    let via = format!("elasticfilesystem.{region}.amazonaws.com");
    let requests = KEY_ACTIONS
        .map(|action| IamRequest::new(action, &resource, region).with("kms:ViaService", &via));
    requests.into()
}

/// The tags that a resource has, by its ARN.
fn tags<'a>(model: &'a Model, arn: &str) -> Option<&'a Tags> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, region, _, resource] = parts.as_slice() else {
        return None;
    };

    let (kind, id) = resource.split_once('/')?;
    if kind == "access-point" {
        let mut points = model
            .file_systems(region)
            .flat_map(|file_system| &file_system.access_points);
        return Some(&points.find(|point| point.access_point_id == id)?.tags);
    }
    Some(&model.find(region, id)?.tags)
}

/// The partition of a Region, and the only Region of the partition in which IAM is.
fn home_of_iam(region: &str) -> (&str, &str) {
    match constraints::partition(region).unwrap_or("aws") {
        "aws" => ("aws", "us-east-1"),
        "aws-cn" => ("aws-cn", "cn-north-1"),
        "aws-us-gov" => ("aws-us-gov", "us-gov-west-1"),
        other => (other, region),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{aws::call::Service, efs::model::FileSystem, iam::fixtures, world::World};

    /// The requests of a replication to a destination.
    fn replicate(destination: Value, world: &World) -> Vec<String> {
        let input = json!({
            "SourceFileSystemId": "fs-00000001",
            "Destinations": [destination],
        });
        let operation = "CreateReplicationConfiguration";
        fixtures::requests(Service::Efs, operation, input, world)
    }

    #[test]
    fn new_replica_is_requested_in_its_region_with_its_key() {
        let world = World::empty()
            .with_file_system("us-east-1", FileSystem::new("fs-00000001").tagged("a", "1"));
        let destination = json!({ "Region": "eu-west-1", "KmsKeyId": "alias/data" });
        let requests = replicate(destination, &world);

        let source = "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";
        assert_eq!(
            requests[0],
            format!("elasticfilesystem:CreateReplicationConfiguration {source}")
        );
        assert_eq!(requests[1], "elasticfilesystem:CreateFileSystem *");
        let via = "kms:ViaService=elasticfilesystem.eu-west-1.amazonaws.com";
        assert_eq!(
            requests[2],
            format!("kms:DescribeKey arn:aws:kms:eu-west-1:111122223333:key/* {via}")
        );
        let create_role = "iam:CreateServiceLinkedRole \
                           arn:aws:iam::111122223333:role/aws-service-role/";
        assert!(requests[6].starts_with(create_role));
        assert_eq!(requests.len(), 7);
    }

    #[test]
    fn existing_destination_of_this_account_is_requested_and_a_role_is_passed() {
        let replicate = |file_system: &str| {
            let destination = json!({
                "Region": "eu-west-1",
                "FileSystemId": file_system,
                "RoleArn": "arn:r",
            });
            replicate(destination, &World::empty()).split_off(1)
        };

        let passed = "iam:PassRole arn:r iam:PassedToService=elasticfilesystem.amazonaws.com";
        let own = "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000002";
        let requested = format!("elasticfilesystem:CreateReplicationConfiguration {own}");
        assert_eq!(replicate("fs-00000002"), [requested.as_str(), passed]);

        let foreign = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000002";
        assert_eq!(replicate(foreign), [passed]);
    }
}
