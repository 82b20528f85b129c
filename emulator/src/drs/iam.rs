//! What IAM is asked about a call to DRS.

use serde_json::Value;

use crate::{
    drs::model::Model,
    iam::{DependentActions, IamCall, IamRequest, Tags},
};

/// The actions that DRS carries out with the caller's permissions.
const DEPENDENT: &DependentActions = &[
    (
        "DescribeRecoveryInstances",
        &["drs:DescribeSourceServers", "ec2:DescribeInstances"],
    ),
    (
        "ListExtensibleSourceServers",
        &["drs:DescribeSourceServers"],
    ),
    (
        "CreateExtendedSourceServer",
        &[
            "drs:DescribeSourceServers",
            "drs:GetReplicationConfiguration",
        ],
    ),
    (
        "TerminateRecoveryInstances",
        &[
            "drs:DescribeSourceServers",
            "ec2:DescribeInstances",
            "ec2:DescribeVolumes",
            "ec2:TerminateInstances",
            "ec2:DeleteVolume",
        ],
    ),
    (
        "InitializeService",
        &[
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:CreateServiceLinkedRole",
            "iam:GetInstanceProfile",
        ],
    ),
];

/// The members that name a resource, and its kind. No list has one of them.
const NAMES: [(&str, &str); 3] = [
    ("sourceServerID", "source-server"),
    ("recoveryInstanceID", "recovery-instance"),
    ("jobID", "job"),
];

/// What IAM is asked about a call.
pub(super) fn requests(call: &IamCall<'_>) -> Vec<IamRequest> {
    let operation = &call.request.operation;
    let action = format!("drs:{operation}");

    // Each resource is a request of its own, and a policy has to allow them all.
    let resources = resources(call);
    let requests = resources.iter().map(|resource| {
        let tags = tags(&call.world.drs, resource);
        call.on(&action, resource, tags)
    });
    requests
        .chain(call.dependent(DEPENDENT, operation))
        .collect()
}

/// The resources of a call: one for each recovery instance of a list, otherwise one.
fn resources(call: &IamCall<'_>) -> Vec<String> {
    // TerminateRecoveryInstances is authorized for each instance.
    let instances = call.request.input.get("recoveryInstanceIDs");
    if let Some(ids) = instances.and_then(Value::as_array) {
        let ids = ids.iter().filter_map(Value::as_str);
        return ids
            .map(|id| call.arn("drs", "recovery-instance", id))
            .collect();
    }

    // The tags of a resource are listed without naming the resource to IAM.
    let named = call
        .request
        .text("resourceArn")
        .filter(|_| call.request.operation != "ListTagsForResource");
    // The calls name resources by ID; policies know them by ARN.
    let by_id = || {
        NAMES.iter().find_map(|(member, kind)| {
            let id = call.request.text(member)?;
            Some(call.arn("drs", kind, id))
        })
    };

    let resource = named.map(str::to_owned).or_else(by_id);
    vec![resource.unwrap_or_else(|| "*".to_owned())]
}

/// The tags that a resource has, by its ARN.
fn tags<'a>(model: &'a Model, arn: &str) -> Option<&'a Tags> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, region, _, resource] = parts.as_slice() else {
        return None;
    };

    let (kind, id) = resource.split_once('/')?;
    model.regions.get(*region)?.tags(kind, id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        aws::call::Service, drs::model::SourceServer, iam::fixtures::requests, world::World,
    };

    #[test]
    fn change_is_requested_with_the_tags_of_resource_and_call() {
        let id = "s-00000000000000001";
        let world = World::with([SourceServer::new(id).tagged("a", "1")]);
        let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{id}");
        let requests = |operation, input| requests(Service::Drs, operation, input, &world);

        assert_eq!(
            requests("DisconnectSourceServer", json!({ "sourceServerID": id })),
            [format!(
                "drs:DisconnectSourceServer {arn} aws:ResourceTag/a=1"
            )]
        );
        assert_eq!(
            requests(
                "UntagResource",
                json!({ "resourceArn": arn, "tagKeys": ["a", "b"] })
            ),
            [format!(
                "drs:UntagResource {arn} aws:ResourceTag/a=1 aws:TagKeys=a+b"
            )]
        );
        assert_eq!(
            requests(
                "TagResource",
                json!({ "resourceArn": arn, "tags": { "c": "3" } })
            ),
            [format!(
                "drs:TagResource {arn} aws:RequestTag/c=3 aws:ResourceTag/a=1 aws:TagKeys=c"
            )]
        );
    }

    #[test]
    fn list_has_no_resource_and_may_need_further_actions() {
        let filters = json!({ "filters": { "sourceServerIDs": ["s-1"] } });
        let world = World::with([]);

        assert_eq!(
            requests(Service::Drs, "DescribeRecoveryInstances", filters, &world),
            [
                "drs:DescribeRecoveryInstances *",
                "drs:DescribeSourceServers * aws:ViaAWSService=true",
                "ec2:DescribeInstances * aws:ViaAWSService=true"
            ]
        );
    }
}
