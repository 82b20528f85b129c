//! What is known of an account that was imported: which of AWS's answers were collected.
//!
//! A list that nobody collected is not an empty list. So a read whose answer was not collected is
//! answered with an error that says so, and whoever reads reports it as unread.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::aws::{
    call::{Request, Service},
    error::ApiError,
};

/// The code of a read whose answer was not collected. No service has it, so that nobody takes it
/// for a word of AWS; its status is that of a denied access, which is what it comes to.
pub const NOT_COLLECTED: &str = "NotCollectedException";

/// The reads whose answers were collected, by Region and operation.
pub type Known = BTreeMap<String, BTreeMap<String, Collected>>;

/// How much of an operation's answers was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Collected {
    /// The IDs of the resources for which it was not called, or was denied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<String>,
}

/// Whether the answer of an operation in a Region was collected, about a resource or about all. Of an
/// account that was not imported everything is known.
#[must_use]
pub fn knows(known: Option<&Known>, region: &str, operation: &str, resource: Option<&str>) -> bool {
    let Some(known) = known else {
        return true;
    };

    let collected = known.get(region).and_then(|known| known.get(operation));
    collected.is_some_and(|collected| collected.covers(resource))
}

impl Collected {
    /// Whether the answer about a resource was collected; without a resource, about all of them.
    fn covers(&self, resource: Option<&str>) -> bool {
        let kind = |id: &str| id.split('-').next().map(str::to_owned);
        let Some(id) = resource else {
            return self.except.is_empty();
        };

        // By an access point or a mount target, nobody can tell which file system is meant.
        self.except
            .iter()
            .all(|missing| kind(missing) == kind(id) && missing != id)
    }
}

/// Refuses a call whose answer was not collected. A change is answered from what it changes;
/// `exists` says whether the account has a file system, by its owner and its ID.
///
/// # Errors
///
/// [`NOT_COLLECTED`], by the operation to collect.
pub(crate) fn check(
    known: &Known,
    request: &Request,
    changes: bool,
    exists: impl Fn(&str, &str) -> bool,
) -> Result<(), ApiError> {
    let named = resource(request);
    // No list of one's own account shows what another account has.
    if let Some((owner, id)) = owner_and_id(request)
        && !exists(owner, id)
    {
        return Err(not_collected(&request.operation, request));
    }

    let missing = sources(request, changes).into_iter().find(|operation| {
        // What a resource was found in has the tags of every resource there.
        let resource = match *operation == request.operation {
            true => named.as_deref(),
            false => None,
        };
        !knows(Some(known), &request.region, operation, resource)
    });
    match missing {
        Some(operation) => Err(not_collected(operation, request)),
        None => Ok(()),
    }
}

/// The collected operations that an answer is made of.
fn sources(request: &Request, changes: bool) -> Vec<&str> {
    let operation = request.operation.as_str();
    let arn = request.text("resourceArn").unwrap_or_default();
    let id = request.text("ResourceId").unwrap_or_default();

    match (request.service, operation) {
        // Tags come with the descriptions of resources.
        (Service::Drs, "ListTagsForResource") if arn.contains(":job/") => vec!["DescribeJobs"],
        (Service::Drs, "ListTagsForResource") if arn.contains(":recovery-instance/") => {
            vec!["DescribeRecoveryInstances"]
        }
        (Service::Drs, "ListTagsForResource") => vec!["DescribeSourceServers"],
        (Service::Efs, "ListTagsForResource") if id.contains("fsap-") => {
            vec!["DescribeAccessPoints"]
        }
        (Service::Efs, "ListTagsForResource") => vec!["DescribeFileSystems"],
        (Service::Tagging, _) => vec![
            "DescribeSourceServers",
            "DescribeRecoveryInstances",
            "DescribeFileSystems",
            "DescribeAccessPoints",
        ],

        // A Region of which nothing is known has nothing that could be changed.
        (Service::Drs, _) if changes => vec!["DescribeSourceServers"],
        (Service::Efs, _) if changes => vec!["DescribeFileSystems"],
        _ => vec![operation],
    }
}

/// The ID of the resource that a read names, if it names one.
fn resource(request: &Request) -> Option<String> {
    let names = [
        "sourceServerID",
        "FileSystemId",
        "MountTargetId",
        "AccessPointId",
    ];
    let named = names.iter().find_map(|name| request.text(name))?;

    // An ARN ends with the ID.
    named.rsplit('/').next().map(str::to_owned)
}

/// The owner and the ID of the file system that a call names by ARN.
fn owner_and_id(request: &Request) -> Option<(&str, &str)> {
    let arn = request.text("FileSystemId")?;

    Some((arn.split(':').nth(4)?, arn.rsplit('/').next()?))
}

fn not_collected(operation: &str, request: &Request) -> ApiError {
    let region = &request.region;
    let message = format!(
        "the answer of {operation} in {region} was not collected; import the world again with it"
    );
    ApiError::new(403, NOT_COLLECTED, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        drs::model::SourceServer,
        efs::model::FileSystem,
        services::{self, definition},
        world::World,
    };

    const SERVER: &str = "s-00000000000000001";
    const HERE: &str = "us-east-1";

    /// An account with a server and a file system, of which these answers were collected.
    fn world(known: Value) -> World {
        World {
            known: Some(serde_json::from_value(json!({ HERE: known })).unwrap()),
            ..World::with([SourceServer::new(SERVER)])
                .with_file_system(HERE, FileSystem::new("fs-00000001"))
                .with_file_system(HERE, FileSystem::new("fs-00000002"))
        }
    }

    /// The code of the error for a call in a Region, or its status.
    fn answer(world: &mut World, region: &str, operation: &str, input: Value) -> String {
        let mut services = Service::ALL.into_iter();
        let service = services.find(|service| (definition(*service).changes)(operation).is_some());
        let request = Request {
            service: service.unwrap(),
            operation: operation.to_owned(),
            region: region.to_owned(),
            input,
        };

        match services::answer(world, &request) {
            Ok((status, _)) => status.to_string(),
            Err(error) => error.code.to_owned(),
        }
    }

    #[test]
    fn a_list_that_was_not_collected_is_an_error_and_not_empty() {
        let mut world = world(json!({ "DescribeSourceServers": {} }));
        let mut call = |region, operation, input| answer(&mut world, region, operation, input);

        assert_eq!(call(HERE, "DescribeSourceServers", json!({})), "200");
        for operation in [
            "DescribeJobs",
            "DescribeRecoveryInstances",
            "DescribeFileSystems",
            "GetResources",
        ] {
            assert_eq!(
                call(HERE, operation, json!({})),
                NOT_COLLECTED,
                "{operation}"
            );
        }

        // Of another Region nothing is known, not even that DRS was never initialised there.
        let elsewhere = call("eu-west-1", "DescribeSourceServers", json!({}));
        assert_eq!(elsewhere, NOT_COLLECTED);
        let named = json!({ "sourceServerID": SERVER });
        let log = call(HERE, "GetReplicationConfiguration", named);
        assert_eq!(log, NOT_COLLECTED);
    }

    #[test]
    fn a_resource_that_was_left_out_is_unknown_and_others_are_not() {
        let left_out = json!({ "except": ["fs-00000002"] });
        let mut world = world(json!({ "DescribeMountTargets": left_out }));
        let mut targets = |input| answer(&mut world, HERE, "DescribeMountTargets", input);

        assert_eq!(targets(json!({ "FileSystemId": "fs-00000001" })), "200");
        let unknown = json!({ "FileSystemId": "fs-00000002" });
        assert_eq!(targets(unknown), NOT_COLLECTED);
        let by_target = json!({ "MountTargetId": "fsmt-00000009" });
        assert_eq!(targets(by_target), NOT_COLLECTED);
    }

    #[test]
    fn tags_are_known_with_the_resources_that_have_them() {
        let arn = |kind: &str, id: &str| json!({ "resourceArn": format!("arn:aws:drs:{HERE}:111122223333:{kind}/{id}") });
        let mut world = world(json!({ "DescribeSourceServers": {} }));
        let mut tags = |input| answer(&mut world, HERE, "ListTagsForResource", input);

        assert_eq!(tags(arn("source-server", SERVER)), "200");
        let of_job = arn("job", "drsjob-00000000000000001");
        assert_eq!(tags(of_job), NOT_COLLECTED);
    }

    #[test]
    fn a_file_system_of_another_account_is_unknown_unless_it_was_collected() {
        let mut world = world(json!({ "DescribeFileSystems": {} }));
        let mut find = |account: &str, id: &str| {
            let arn = format!("arn:aws:elasticfilesystem:{HERE}:{account}:file-system/{id}");
            let input = json!({ "FileSystemId": arn });
            answer(&mut world, HERE, "DescribeFileSystems", input)
        };

        assert_eq!(find("444455556666", "fs-00000009"), NOT_COLLECTED);
        assert_eq!(find("111122223333", "fs-00000009"), "FileSystemNotFound");
    }

    #[test]
    fn changes_need_the_resources_of_their_region() {
        let mut world = world(json!({ "DescribeSourceServers": {} }));
        let mut disconnect = |region| {
            let input = json!({ "sourceServerID": SERVER });
            answer(&mut world, region, "DisconnectSourceServer", input)
        };

        assert_eq!(disconnect("eu-west-1"), NOT_COLLECTED);
        assert_eq!(disconnect(HERE), "200");
    }
}
