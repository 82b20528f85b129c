//! What a call that changes a file system says, however it is spelt: for the judge, who says the
//! same of the parts that a replica is to get.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{AccessPoint, FileSystem, World};
use serde_json::{Value, json};

use crate::{
    efs::{
        parts::{Part, behind, behind_call, groups, meaning, own_of, policy_of, statements_of},
        truth::find,
        wanted::Wanted,
    },
    record::{Call, text},
};

/// What a call says, beside what it is about, in the world as it is after it.
pub(crate) fn of_call(world: &World, call: &Call) -> Value {
    let input = &call.input;

    match call.operation.as_str() {
        "CreateReplicationConfiguration" => {
            let called = &input["Destinations"][0];
            let names = [
                ("region", "Region"),
                ("availabilityZoneName", "AvailabilityZoneName"),
                ("fileSystemId", "FileSystemId"),
                ("kmsKeyId", "KmsKeyId"),
                ("roleArn", "RoleArn"),
            ];
            let members = names.map(|(ours, of_efs)| (ours.to_owned(), called[of_efs].clone()));
            destination(&Wanted::of(&Value::from_iter(members)))
        }
        "CreateMountTarget" => {
            let groups = input["SecurityGroups"].as_array().into_iter().flatten();
            mount_target(text(input, "SubnetId"), groups.filter_map(Value::as_str))
        }
        "CreateAccessPoint" => access_point(&behind_call(input), tags(input)),
        "PutLifecycleConfiguration" => {
            let policies = input["LifecyclePolicies"].as_array();
            lifecycle(policies.map_or(&[][..], Vec::as_slice))
        }
        "PutBackupPolicy" => input["BackupPolicy"]["Status"].clone(),
        "PutFileSystemPolicy" => {
            let policy = serde_json::from_str(text(input, "Policy"));
            let replica = find(world, &call.region, &call.subject);
            let points = replica.map_or(&[][..], |replica| &replica.access_points);
            policy_in_words(&policy.unwrap_or_default(), points)
        }
        _ => json!(tags(input)),
    }
}

fn tags(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();

    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned()))
        .collect()
}

/// What the call that replicates to a destination says.
pub(crate) fn destination(wanted: &Wanted<'_>) -> Value {
    let mut members = json!({
        "region": wanted.region,
        "zone": wanted.zone,
        "existing": wanted.existing,
        "account": wanted.account,
        "key": wanted.key,
        "role": wanted.role,
    });
    if let Some(members) = members.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    members
}

/// What the call that provides a part says, of a replica as it is.
pub(crate) fn of_part(part: &Part, source: &FileSystem, replica: &FileSystem) -> Value {
    match part {
        Part::MountTarget(requested) => {
            mount_target(text(requested, "subnetId"), groups(requested))
        }
        Part::AccessPoint(point) => access_point(&behind(point), own_of(&point.tags)),
        Part::Lifecycle(policies) => lifecycle(policies),
        Part::Backup(backup) => json!(backup.to_uppercase()),
        Part::Policy(lacking) => {
            let policies = [policy_of(replica), policy_of(source)];
            let first = policies.iter().find(|policy| !policy.is_null());
            let version = first.and_then(|policy| policy["Version"].as_str());

            let mut statements = statements_of(&policies[0]);
            statements.extend(lacking.iter().cloned());
            // Where two have one name, one of them loses it.
            for statement in &mut statements {
                statement["Sid"] = Value::Null;
            }
            let policy = json!({
                "Version": version.unwrap_or("2012-10-17"),
                "Statement": statements,
            });
            policy_in_words(&policy, &replica.access_points)
        }
        Part::Tags(tags) => json!(tags),
    }
}

fn mount_target<'a>(subnet: &str, groups: impl Iterator<Item = &'a str>) -> Value {
    json!({ "subnet": subnet, "groups": groups.collect::<BTreeSet<_>>() })
}

fn access_point(behind: &Value, tags: BTreeMap<String, String>) -> Value {
    json!({ "behind": behind, "tags": tags })
}

/// One transition is one policy, in no order.
fn lifecycle(policies: &[Value]) -> Value {
    let transitions = policies.iter().filter_map(Value::as_object).flatten();
    let transitions: BTreeMap<&String, &Value> = transitions.collect();

    json!(transitions)
}

/// The version of a policy and what its statements say; two names that are the same are not valid.
fn policy_in_words(policy: &Value, points: &[AccessPoint]) -> Value {
    let statements = statements_of(policy);
    let names = statements.iter().filter_map(|it| it["Sid"].as_str());
    let different: BTreeSet<&str> = names.clone().collect();

    // EFS chooses the IDs of access points, so they go by what is behind them.
    let by_what_is_behind = |statement: &Value| {
        let text = meaning(statement).to_string();
        points.iter().fold(text, |text, point| {
            let behind = behind(point).to_string().replace('"', "'");
            text.replace(&point.access_point_id, &behind)
        })
    };
    let meanings: BTreeSet<String> = statements.iter().map(by_what_is_behind).collect();
    json!({
        "version": policy["Version"],
        "statements": meanings,
        "hasSidTwice": different.len() < names.count(),
    })
}
