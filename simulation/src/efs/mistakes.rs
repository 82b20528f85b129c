//! Mistakes that people make in requests and settings for file systems.

use serde_json::{Value, json};

use crate::mistakes::Mistake;

fn source(request: &mut Value, value: Value) {
    request["targets"][0]["sourceFileSystemId"] = value;
}

fn destination(request: &mut Value, value: Value) {
    request["targets"][0]["destination"] = value;
}

fn replica(request: &mut Value, member: &str, value: Value) {
    request["targets"][0]["replica"] = json!({});
    request["targets"][0]["replica"][member] = value;
}

/// What is wrong in a request.
pub(crate) const REQUESTS: [Mistake; 32] = [
    |request| source(request, json!("fs-1")),
    |request| source(request, json!("fs-0000000g")),
    |request| source(request, json!("fs-0000000!")),
    |request| {
        source(
            request,
            arn("s3", "us-east-1", "111122223333", "file-system"),
        )
    },
    |request| {
        source(
            request,
            arn(
                "elasticfilesystem",
                "us-east-1",
                "111122223333",
                "access-point",
            ),
        )
    },
    |request| {
        source(
            request,
            arn("elasticfilesystem", "", "111122223333", "file-system"),
        )
    },
    |request| {
        source(
            request,
            arn("elasticfilesystem", "us-east-1", "", "file-system"),
        )
    },
    |request| {
        source(
            request,
            arn(
                "elasticfilesystem",
                "us-east-1",
                "11112222333",
                "file-system",
            ),
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
    |request| destination(request, json!({ "availabilityZoneName": "eu-west-1" })),
    |request| destination(request, json!({ "fileSystemId": "fs-00000001" })),
    |request| destination(request, json!({ "region": "eu-west-1", "kmsKeyId": "" })),
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "kmsKeyId": "arn:aws:kms" }),
        )
    },
    // An existing file system keeps its key and its zone.
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "fileSystemId": "fs-000000e1", "kmsKeyId": "alias/dr" }),
        )
    },
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "fileSystemId": "fs-000000e1", "availabilityZoneName": "eu-west-1a" }),
        )
    },
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "roleArn": "arn:aws:iam::111122223333:user/replicate" }),
        )
    },
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "roleArn": "arn:aws:s3::111122223333:role/replicate" }),
        )
    },
    |request| {
        destination(
            request,
            json!({ "region": "eu-west-1", "roleArn": "replicate" }),
        )
    },
    // What it is to have.
    |request| replica(request, "accessPoints", json!("Copy")),
    |request| replica(request, "backup", json!("on")),
    |request| replica(request, "tags", json!(true)),
    |request| replica(request, "mountTargets", json!([{ "subnetId": "subnet-1" }])),
    |request| {
        replica(
            request,
            "mountTargets",
            json!([{ "subnetId": "vpc-00000001" }]),
        )
    },
    |request| {
        replica(
            request,
            "mountTargets",
            json!([{ "subnetId": "subnet-00000001" }, { "subnetId": "subnet-00000001" }]),
        )
    },
    |request| {
        replica(
            request,
            "mountTargets",
            json!([{ "subnetId": "subnet-00000001", "securityGroups": ["default"] }]),
        )
    },
    |request| {
        replica(
            request,
            "mountTargets",
            json!([{ "subnetId": "subnet-00000001", "securityGroups": vec!["sg-00000001"; 6] }]),
        )
    },
];

fn arn(service: &str, region: &str, account: &str, resource: &str) -> Value {
    json!(format!(
        "arn:aws:{service}:{region}:{account}:{resource}/fs-00000001"
    ))
}

/// Settings with which the function may not start.
pub(crate) const SETTINGS: [(&str, &str); 4] = [
    // What overwrites data never goes without an approval.
    ("APPROVAL_TAG", "none"),
    ("REPLICA_REGIONS", ""),
    ("REPLICA_REGIONS", "Ireland"),
    ("REPLICA_REGIONS", "eu-west-1,eu-west1"),
];
