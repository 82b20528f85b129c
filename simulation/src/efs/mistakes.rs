//! Mistakes that people make in requests and settings for file systems.

use serde_json::{Value, json};

use crate::mistakes::Mistake;

fn source(request: &mut Value, name: &str) {
    request["targets"][0]["sourceFileSystemId"] = json!(name);
}

/// Names the source by an ARN with these parts between the partition and the ID.
fn by_arn(request: &mut Value, parts: &str) {
    source(request, &format!("arn:aws:{parts}/fs-00000001"));
}

fn destination(request: &mut Value, value: Value) {
    request["targets"][0]["destination"] = value;
}

/// A new file system in a Region, with one thing more.
fn in_region(request: &mut Value, member: &str, value: &str) {
    destination(request, json!({ "region": "eu-west-1", member: value }));
}

/// An existing file system, with one thing more.
fn over_existing(request: &mut Value, member: &str, value: &str) {
    let id = "fs-000000e1";

    destination(
        request,
        json!({ "region": "eu-west-1", "fileSystemId": id, member: value }),
    );
}

fn replica(request: &mut Value, member: &str, value: Value) {
    request["targets"][0]["replica"] = json!({ member: value });
}

/// Mount targets in these subnets, each with these security groups.
fn mount_targets(request: &mut Value, subnets: &[&str], groups: &[&str]) {
    let targets = subnets.iter();
    let targets = targets.map(|subnet| json!({ "subnetId": subnet, "securityGroups": groups }));

    replica(request, "mountTargets", targets.collect());
}

/// What is wrong in a request.
pub(crate) const REQUESTS: [Mistake; 34] = [
    |request| source(request, "fs-1"),
    |request| source(request, "fs-0000000g"),
    |request| source(request, "fs-0000000!"),
    |request| by_arn(request, "s3:us-east-1:111122223333:file-system"),
    |request| {
        by_arn(
            request,
            "elasticfilesystem:us-east-1:111122223333:access-point",
        )
    },
    |request| by_arn(request, "elasticfilesystem::111122223333:file-system"),
    |request| by_arn(request, "elasticfilesystem:us-east-1::file-system"),
    |request| {
        by_arn(
            request,
            "elasticfilesystem:us-east-1:11112222333:file-system",
        )
    },
    |request| request["targets"][0]["overwrite"] = json!("fs-1"),
    |request| request["targets"][0]["acceptNoFailback"] = json!("yes"),
    // Where the replica is to be.
    |request| destination(request, Value::Null),
    |request| destination(request, json!({})),
    |request| destination(request, json!({ "region": "Ireland" })),
    |request| destination(request, json!({ "region": "eu-west" })),
    |request| destination(request, json!({ "region": "eu-we5t-1" })),
    |request| destination(request, json!({ "region": "europe1" })),
    |request| destination(request, json!({ "availabilityZoneName": "eu-west-1" })),
    |request| destination(request, json!({ "fileSystemId": "fs-00000001" })),
    |request| in_region(request, "kmsKeyId", ""),
    |request| in_region(request, "kmsKeyId", "arn:aws:kms"),
    |request| {
        in_region(
            request,
            "roleArn",
            "arn:aws:iam::111122223333:user/replicate",
        )
    },
    |request| {
        in_region(
            request,
            "roleArn",
            "arn:aws:s3::111122223333:role/replicate",
        )
    },
    |request| {
        in_region(
            request,
            "roleArn",
            "arn:aws:sts::111122223333:assumed-role/replicate",
        )
    },
    |request| in_region(request, "roleArn", "replicate"),
    // An existing file system keeps its key and its zone.
    |request| over_existing(request, "kmsKeyId", "alias/dr"),
    |request| over_existing(request, "availabilityZoneName", "eu-west-1a"),
    // What it is to have.
    |request| replica(request, "accessPoints", json!("Copy")),
    |request| replica(request, "backup", json!("on")),
    |request| replica(request, "tags", json!(true)),
    |request| mount_targets(request, &["subnet-1"], &["sg-00000001"]),
    |request| mount_targets(request, &["vpc-00000001"], &["sg-00000001"]),
    |request| mount_targets(request, &["subnet-00000001"; 2], &["sg-00000001"]),
    |request| mount_targets(request, &["subnet-00000001"], &["default"]),
    |request| mount_targets(request, &["subnet-00000001"], &["sg-00000001"; 6]),
];

/// What an event of CloudTrail may be instead of a call that made or tagged a file system.
pub(crate) const EVENTS: [Mistake; 7] = [
    |event| event["source"] = json!("change.management"),
    |event| event["detail-type"] = json!("AWS Service Event via CloudTrail"),
    |event| event["detail"]["errorCode"] = json!("AccessDenied"),
    |event| event["detail"]["eventSource"] = json!("ec2.amazonaws.com"),
    |event| event["detail"]["eventName"] = json!("UntagResource"),
    |event| tags(event, "fsap-0123456789abcdef0"),
    |event| tags(event, "fs-1"),
];

/// Makes it the tagging of this resource.
fn tags(event: &mut Value, id: &str) {
    event["detail"]["eventName"] = json!("TagResource");
    event["detail"]["requestParameters"] = json!({ "resourceId": id });
}

/// Settings with which the function may not start.
pub(crate) const SETTINGS: [(&str, &str); 8] = [
    // What overwrites data never goes without an approval.
    ("APPROVAL_TAG", "none"),
    ("REPLICA_REGIONS", ""),
    ("REPLICA_REGIONS", "Ireland"),
    ("REPLICA_REGIONS", "eu-west-1,eu-west1"),
    ("REPLICA_DEFAULTS", ""),
    ("REPLICA_DEFAULTS", r#"{ "Ireland": {} }"#),
    (
        "REPLICA_DEFAULTS",
        r#"{ "eu-west-1": {}, "eu-west-1": {} }"#,
    ),
    (
        "REPLICA_DEFAULTS",
        r#"{ "eu-west-1": { "replica": { "tags": "all" } } }"#,
    ),
];
