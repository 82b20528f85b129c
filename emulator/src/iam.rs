//! What IAM is asked about a call: for the call itself, and for what AWS then does with the
//! caller's rights.
//!
//! After AWS's tables of actions, resources and condition keys. Nothing is decided here: the
//! journal keeps what was asked, and whoever has a policy can answer it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    aws::call::{Request, Service},
    aws::constraints,
    efs::model::{Destination, FileSystem},
    world::World,
};

/// One question to IAM: an action on a resource, under the condition keys that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The action, by the name that policies have for it.
    pub action: String,
    /// The ARN of the resource; `*` where the action takes none. What is yet to be made has `*` for
    /// its ID.
    pub resource: String,
    /// The condition keys of the request and their values. A key without a value is not there.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// What else is asked with the caller's rights, by the action that needs it.
const DEPENDENT: [(&str, &[&str]); 9] = [
    (
        "drs:DescribeRecoveryInstances",
        &["drs:DescribeSourceServers", "ec2:DescribeInstances"],
    ),
    (
        "drs:ListExtensibleSourceServers",
        &["drs:DescribeSourceServers"],
    ),
    (
        "drs:CreateExtendedSourceServer",
        &[
            "drs:DescribeSourceServers",
            "drs:GetReplicationConfiguration",
        ],
    ),
    (
        "drs:TerminateRecoveryInstances",
        &[
            "drs:DescribeSourceServers",
            "ec2:DescribeInstances",
            "ec2:DescribeVolumes",
            "ec2:TerminateInstances",
            "ec2:DeleteVolume",
        ],
    ),
    (
        "drs:InitializeService",
        &[
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:CreateServiceLinkedRole",
            "iam:GetInstanceProfile",
        ],
    ),
    (
        "elasticfilesystem:CreateMountTarget",
        &["ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"],
    ),
    (
        "elasticfilesystem:DescribeMountTargetSecurityGroups",
        &["ec2:DescribeNetworkInterfaceAttribute"],
    ),
    (
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
        &["ec2:ModifyNetworkInterfaceAttribute"],
    ),
    (
        "elasticfilesystem:DeleteMountTarget",
        &["ec2:DeleteNetworkInterface"],
    ),
];

/// The members by which DRS's calls name a resource, and its kind. No list has one of them.
const NAMES_OF_DRS: [(&str, &str); 3] = [
    ("sourceServerID", "source-server"),
    ("recoveryInstanceID", "recovery-instance"),
    ("jobID", "job"),
];

/// What EFS needs of a key of the customer's.
const KEY_ACTIONS: [&str; 4] = [
    "kms:DescribeKey",
    "kms:Decrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:CreateGrant",
];

/// Actions in whose conditions EFS does not support tags.
const WITHOUT_TAGS: [&str; 3] = [
    "CreateReplicationConfiguration",
    "DeleteReplicationConfiguration",
    "UpdateFileSystemProtection",
];

/// What IAM is asked about a call, in the world as it is before the call.
#[must_use]
pub fn asks(request: &Request, world: &World) -> Vec<Ask> {
    let call = Call { request, world };
    let mut asks = match request.service {
        Service::Drs => call.of_drs(),
        Service::Efs => call.of_efs(),
    };
    let action = call.action(&request.operation);
    let dependent = DEPENDENT
        .iter()
        .filter(|(of, _)| *of == action)
        .flat_map(|(_, more)| *more);
    asks.extend(
        dependent
            .map(|action| Ask::new(action, "*", &request.region).with("aws:ViaAWSService", "true")),
    );
    asks
}

impl Ask {
    fn new(action: &str, resource: &str, region: &str) -> Self {
        let ask = Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            keys: BTreeMap::new(),
        };
        ask.with("aws:RequestedRegion", region)
    }

    /// The same with one more value of a condition key.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.keys
            .entry(key.to_owned())
            .or_default()
            .push(value.to_owned());
        self
    }
}

#[derive(Clone, Copy)]
struct Call<'a> {
    request: &'a Request,
    world: &'a World,
}

impl Call<'_> {
    fn action(self, operation: &str) -> String {
        let service = match self.request.service {
            Service::Drs => "drs",
            Service::Efs => "elasticfilesystem",
        };
        format!("{service}:{operation}")
    }

    /// A member of the call that is a text.
    fn text(&self, name: &str) -> Option<&str> {
        self.request.input.get(name)?.as_str()
    }

    /// Asks for the operation of the call on a resource, with the tags of both.
    fn ask(self, resource: &str) -> Ask {
        let ask = Ask::new(
            &self.action(&self.request.operation),
            resource,
            &self.request.region,
        );
        let tags = self
            .tags_of(resource)
            .filter(|_| !WITHOUT_TAGS.contains(&self.request.operation.as_str()));
        let of_resource = |ask: Ask, (key, value): (&String, &String)| {
            ask.with(&format!("aws:ResourceTag/{key}"), value)
        };
        self.with_tags(tags.into_iter().flatten().fold(ask, of_resource))
    }

    /// Adds the tags that the call writes or removes.
    fn with_tags(self, mut ask: Ask) -> Ask {
        for (key, value) in written_tags(&self.request.input) {
            ask = ask
                .with("aws:TagKeys", key)
                .with(&format!("aws:RequestTag/{key}"), value);
        }
        let removed = ["tagKeys", "TagKeys"]
            .iter()
            .find_map(|name| self.request.input.get(name)?.as_array());
        let removed = removed.into_iter().flatten().filter_map(Value::as_str);
        removed.fold(ask, |ask, key| ask.with("aws:TagKeys", key))
    }

    /// The ARN of a resource in the Region of the call, which may be named by its ARN already.
    fn arn(self, service: &str, kind: &str, name: &str) -> String {
        arn(
            service,
            &self.request.region,
            &self.world.account,
            kind,
            name,
        )
    }

    fn of_drs(self) -> Vec<Ask> {
        if let Some(ids) = self
            .request
            .input
            .get("recoveryInstanceIDs")
            .and_then(Value::as_array)
        {
            let ids = ids.iter().filter_map(Value::as_str);
            return ids
                .map(|id| self.ask(&self.arn("drs", "recovery-instance", id)))
                .collect();
        }
        // The tags of a resource are listed without asking for it.
        let named = self
            .text("resourceArn")
            .filter(|_| self.request.operation != "ListTagsForResource");
        let by_id = || {
            NAMES_OF_DRS
                .iter()
                .find_map(|(name, kind)| Some(self.arn("drs", kind, self.text(name)?)))
        };
        let resource = named.map(str::to_owned).or_else(by_id);
        vec![self.ask(resource.as_deref().unwrap_or("*"))]
    }

    fn of_efs(self) -> Vec<Ask> {
        let mut asks = vec![self.ask(self.resource_of_efs().as_deref().unwrap_or("*"))];
        match self.request.operation.as_str() {
            "CreateReplicationConfiguration" => {
                let destinations = self
                    .request
                    .input
                    .get("Destinations")
                    .and_then(Value::as_array);
                for destination in destinations.into_iter().flatten() {
                    let wanted: Destination =
                        serde_json::from_value(destination.clone()).unwrap_or_default();
                    asks.extend(self.of_destination(&wanted));
                }
            }
            "CreateMountTarget" => asks.extend(self.of_network_interface()),
            "CreateAccessPoint" => asks.extend(self.of_new_tags("access-point")),
            "CreateFileSystem" => {
                asks.extend(self.of_new_tags("file-system"));
                asks.extend(self.of_key(self.text("KmsKeyId"), &self.request.region));
            }
            // On an encrypted file system it needs what its creation needed.
            "PutLifecycleConfiguration" => {
                let name = self.text("FileSystemId").unwrap_or_default();
                let key = self
                    .file_system(&self.request.region, name)
                    .and_then(|of| of.kms_key_id.as_deref());
                asks.extend(self.of_key(key, &self.request.region));
            }
            _ => {}
        }
        asks
    }

    fn resource_of_efs(self) -> Option<String> {
        let file_system = |id: &str| self.arn("elasticfilesystem", "file-system", id);
        let access_point = |id: &str| self.arn("elasticfilesystem", "access-point", id);
        let by_id = self
            .text("SourceFileSystemId")
            .or_else(|| self.text("FileSystemId"))
            .map(file_system);
        let by_mount_target = || {
            let id = self.text("MountTargetId")?;
            let mut all = self.world.file_systems(&self.request.region);
            let of = all.find(|of| {
                of.mount_targets
                    .iter()
                    .any(|target| target.mount_target_id == id)
            });
            of.map(|of| file_system(&of.file_system_id))
        };
        let by_tags = || {
            let id = self.text("ResourceId")?;
            Some(if id.starts_with("fsap-") {
                access_point(id)
            } else {
                file_system(id)
            })
        };
        by_id
            .or_else(|| self.text("AccessPointId").map(access_point))
            .or_else(by_mount_target)
            .or_else(by_tags)
    }

    /// A network interface is made in a subnet and with security groups: those of the call, or the
    /// network's own.
    fn of_network_interface(self) -> Vec<Ask> {
        let subnet = self.text("SubnetId").unwrap_or("*");
        let groups = self
            .request
            .input
            .get("SecurityGroups")
            .and_then(Value::as_array);
        let mut groups: Vec<&str> = groups
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if groups.is_empty() {
            groups.push("*");
        }
        let more = groups.into_iter().map(|group| ("security-group", group));
        let all = [("network-interface", "*"), ("subnet", subnet)]
            .into_iter()
            .chain(more);
        let asked = all.map(|(kind, id)| {
            let resource = self.arn("ec2", kind, id);
            Ask::new(
                "ec2:CreateNetworkInterface",
                &resource,
                &self.request.region,
            )
            .with("aws:ViaAWSService", "true")
        });
        asked.collect()
    }

    /// What is made with tags is tagged as it is made.
    fn of_new_tags(self, kind: &str) -> Option<Ask> {
        written_tags(&self.request.input).next()?;
        let resource = self.arn("elasticfilesystem", kind, "*");
        let ask = Ask::new(
            "elasticfilesystem:TagResource",
            &resource,
            &self.request.region,
        );
        Some(self.with_tags(ask.with("elasticfilesystem:CreateAction", &self.request.operation)))
    }

    /// A role is passed; without one, EFS has its own. In another account the role is asked, not
    /// the caller.
    fn of_destination(self, wanted: &Destination) -> Vec<Ask> {
        let zone = wanted
            .availability_zone_name
            .as_deref()
            .map(|zone| zone.trim_end_matches(char::is_alphabetic));
        let region = wanted
            .region
            .as_deref()
            .or(zone)
            .unwrap_or(&self.request.region);
        let mut asks = Vec::new();
        match &wanted.file_system_id {
            Some(name) => {
                let existing = arn(
                    "elasticfilesystem",
                    region,
                    &self.world.account,
                    "file-system",
                    name,
                );
                if existing.split(':').nth(4) == Some(&self.world.account) {
                    asks.push(Ask {
                        resource: existing,
                        ..self.ask("*")
                    });
                }
            }
            None => {
                asks.push(Ask::new("elasticfilesystem:CreateFileSystem", "*", region));
                asks.extend(self.of_key(wanted.kms_key_id.as_deref(), region));
            }
        }
        let efs = "elasticfilesystem.amazonaws.com";
        asks.push(match &wanted.role_arn {
            Some(role) => Ask::new("iam:PassRole", role, &self.request.region).with("iam:PassedToService", efs),
            None => {
                let (partition, home) = home_of_iam(&self.request.region);
                let role = format!(
                    "arn:{partition}:iam::{}:role/aws-service-role/{efs}/AWSServiceRoleForAmazonElasticFileSystem",
                    self.world.account
                );
                Ask::new("iam:CreateServiceLinkedRole", &role, home).with("iam:AWSServiceName", efs)
            }
        });
        asks
    }

    /// Which key is behind an alias is not known here.
    fn of_key(self, key: Option<&str>, region: &str) -> Vec<Ask> {
        let Some(name) = key else { return Vec::new() };
        let id = match name.split_once("alias/") {
            None => name.to_owned(),
            Some(("", _)) => "*".to_owned(),
            Some((place, _)) => format!("{place}key/*"),
        };
        let resource = arn("kms", region, &self.world.account, "key", &id);
        let via = format!("elasticfilesystem.{region}.amazonaws.com");
        KEY_ACTIONS
            .map(|action| Ask::new(action, &resource, region).with("kms:ViaService", &via))
            .into()
    }

    /// A file system by its ID or ARN.
    fn file_system(&self, region: &str, name: &str) -> Option<&FileSystem> {
        let id = name.rsplit('/').next()?;
        self.world
            .file_systems(region)
            .find(|of| of.file_system_id == id)
    }

    /// The tags that a resource has now, if it is there.
    fn tags_of(&self, resource: &str) -> Option<&BTreeMap<String, String>> {
        let parts: Vec<&str> = resource.splitn(6, ':').collect();
        let [_, _, service, region, _, resource] = parts.as_slice() else {
            return None;
        };
        let (kind, id) = resource.split_once('/')?;
        match (*service, kind) {
            ("elasticfilesystem", "access-point") => {
                let mut points = self
                    .world
                    .file_systems(region)
                    .flat_map(|of| &of.access_points);
                points
                    .find(|point| point.access_point_id == id)
                    .map(|point| &point.tags)
            }
            ("elasticfilesystem", _) => self.file_system(region, id).map(|of| &of.tags),
            _ => self.world.drs.get(*region)?.tags_of(kind, id),
        }
    }
}

/// The tags that a call writes, in either service's spelling.
fn written_tags(input: &Value) -> impl Iterator<Item = (&str, &str)> {
    let of_drs = input
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let of_efs = input
        .get("Tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let of_efs =
        of_efs.filter_map(|tag| Some((tag.get("Key")?.as_str()?, tag.get("Value")?.as_str()?)));
    of_drs
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .chain(of_efs)
}

fn arn(service: &str, region: &str, account: &str, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    constraints::arn(service, region, account, &format!("{kind}/{name}"))
}

/// The partition of a Region, and the one Region in which IAM is there.
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
    use crate::drs::model::SourceServer;

    fn asked(service: Service, operation: &str, input: Value, world: &World) -> Vec<String> {
        let request = Request {
            service,
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            input,
        };
        let line = |Ask {
                        action,
                        resource,
                        keys,
                    }| {
            let keys = keys.iter().filter(|(key, _)| *key != "aws:RequestedRegion");
            let keys: String = keys
                .map(|(key, values)| format!(" {key}={}", values.join("+")))
                .collect();
            format!("{action} {resource}{keys}")
        };
        asks(&request, world).into_iter().map(line).collect()
    }

    #[test]
    fn a_change_is_asked_with_the_tags_of_its_resource_and_of_itself() {
        let world = World::with([SourceServer::new("s-00000000000000001").tagged("a", "1")]);
        let arn = "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001";
        let disconnect = json!({ "sourceServerID": "s-00000000000000001" });
        assert_eq!(
            asked(Service::Drs, "DisconnectSourceServer", disconnect, &world),
            [format!(
                "drs:DisconnectSourceServer {arn} aws:ResourceTag/a=1"
            )]
        );
        let untag = json!({ "resourceArn": arn, "tagKeys": ["a", "b"] });
        assert_eq!(
            asked(Service::Drs, "UntagResource", untag, &world),
            [format!(
                "drs:UntagResource {arn} aws:ResourceTag/a=1 aws:TagKeys=a+b"
            )]
        );
        let tag = json!({ "resourceArn": arn, "tags": { "c": "3" } });
        assert_eq!(
            asked(Service::Drs, "TagResource", tag, &world),
            [format!(
                "drs:TagResource {arn} aws:RequestTag/c=3 aws:ResourceTag/a=1 aws:TagKeys=c"
            )]
        );
    }

    #[test]
    fn a_list_takes_no_resource_and_may_need_more_than_itself() {
        let (world, filters) = (
            World::with([]),
            json!({ "filters": { "sourceServerIDs": ["s-1"] } }),
        );
        assert_eq!(
            asked(Service::Drs, "DescribeRecoveryInstances", filters, &world),
            [
                "drs:DescribeRecoveryInstances *",
                "drs:DescribeSourceServers * aws:ViaAWSService=true",
                "ec2:DescribeInstances * aws:ViaAWSService=true"
            ]
        );
    }

    #[test]
    fn a_new_replica_is_asked_for_in_its_own_region_with_its_key() {
        let world = World::empty()
            .with_file_system("us-east-1", FileSystem::new("fs-00000001").tagged("a", "1"));
        let destination = json!([{ "Region": "eu-west-1", "KmsKeyId": "alias/data" }]);
        let replicate = json!({ "SourceFileSystemId": "fs-00000001", "Destinations": destination });
        let asked = asked(
            Service::Efs,
            "CreateReplicationConfiguration",
            replicate,
            &world,
        );
        let source = "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";
        assert_eq!(
            asked[0],
            format!("elasticfilesystem:CreateReplicationConfiguration {source}")
        );
        assert_eq!(asked[1], "elasticfilesystem:CreateFileSystem *");
        let via = "kms:ViaService=elasticfilesystem.eu-west-1.amazonaws.com";
        assert_eq!(
            asked[2],
            format!("kms:DescribeKey arn:aws:kms:eu-west-1:111122223333:key/* {via}")
        );
        assert!(asked[6].starts_with(
            "iam:CreateServiceLinkedRole arn:aws:iam::111122223333:role/aws-service-role/"
        ));
        assert_eq!(asked.len(), 7);
    }

    #[test]
    fn an_existing_destination_is_asked_for_where_it_is_ours_and_a_role_is_passed() {
        let replicate = |file_system: &str| {
            let destination =
                json!([{ "Region": "eu-west-1", "FileSystemId": file_system, "RoleArn": "arn:r" }]);
            let input = json!({ "SourceFileSystemId": "fs-00000001", "Destinations": destination });
            asked(
                Service::Efs,
                "CreateReplicationConfiguration",
                input,
                &World::empty(),
            )
            .split_off(1)
        };
        let passed = "iam:PassRole arn:r iam:PassedToService=elasticfilesystem.amazonaws.com";
        let ours = "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000002";
        let asked = format!("elasticfilesystem:CreateReplicationConfiguration {ours}");
        assert_eq!(replicate("fs-00000002"), [asked.as_str(), passed]);
        assert_eq!(
            replicate("arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000002"),
            [passed]
        );
    }
}
