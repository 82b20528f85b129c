//! `bootstrap-efs-replication`.

use emulator::IamRequest;
use serde_json::{Value, json};
use template::ask;

use crate::{
    functions::{Changes, Function, Gate, Parts, asked, world_of_events},
    stage::efs::{
        ROLE, Stage, beside_existing, beside_theirs, over_existing, over_theirs, provisioned,
        source_with_parts,
    },
};

pub(crate) static BOOTSTRAP: Function = Function {
    under_test: &harness::BOOTSTRAP,
    parts: Parts {
        words: &["Bootstrap"],
        metric: "Replications",
        logs: "BootstrapLogs",
    },
    timeout_seconds: 600,
    settings: &[
        ("MODE", "enforce"),
        ("MAX_TARGETS", "11"),
        ("REPLICA_REGIONS", "eu-west-1,eu-north-1"),
        (
            "REPLICA_DEFAULTS",
            r#"{"eu-west-1":{"kmsKeyId":"alias/dr"}}"#,
        ),
    ],
    flows: || Box::pin(flows()),
    forbidden,
    allowed: provisioning,
    changes: Some(Changes {
        queue: "ReplicationQueue",
        gate: Gate {
            parameter: "ReplicationRoleArn",
            action: "iam:PassRole",
            more: || {
                let action = "elasticfilesystem:DescribeFileSystems";
                vec![ask_there(action, THEIR_REPLICA)]
            },
        },
    }),
};

async fn flows() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for (stage, event) in stages().await {
        // From the first call to the first complete sync.
        for minutes in [0, 10, 10, 30] {
            stage.wait(minutes);
            stage.deliver(&event).await;
        }
        asks.extend(asked(&stage.local));
    }

    let other_readings: Vec<IamRequest> = asks.iter().filter_map(in_another_reading).collect();
    asks.extend(other_readings);

    asks
}

async fn stages() -> Vec<(Stage, Value)> {
    let mut stages = Vec::new();
    for event in BOOTSTRAP.events() {
        stages.push((Stage::with(world_of_events()).await, event));
    }

    let mut with_key = provisioned();
    with_key["targets"][0]["destination"]["kmsKeyId"] =
        json!("1234abcd-12ab-34cd-56ef-1234567890ab");
    stages.push((Stage::with(source_with_parts()).await, with_key));
    stages.push((Stage::with(beside_existing()).await, over_existing()));
    stages.push((beside_theirs().await, over_theirs(json!(ROLE))));

    stages
}

/// The question to IAM as it may be where AWS's documents leave it open: EFS creates a replica in
/// the name of the caller, and the requested Region is the replica's or the source's.
fn in_another_reading(ask: &IamRequest) -> Option<IamRequest> {
    if ask.action != "elasticfilesystem:CreateFileSystem" {
        return None;
    }

    Some(in_region(ask.clone(), "us-east-1"))
}

fn in_region(ask: IamRequest, region: &str) -> IamRequest {
    let mut keys = ask.keys;
    keys.insert("aws:RequestedRegion".to_owned(), vec![region.to_owned()]);

    IamRequest { keys, ..ask }
}

const REPLICA: &str = "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000001";
const THEIR_REPLICA: &str =
    "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000001";
const ACCESS_POINT: &str =
    "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-00000001";
const NETWORK_INTERFACE: &str = "arn:aws:ec2:eu-west-1:111122223333:network-interface/*";
const EFS: &str = "elasticfilesystem.amazonaws.com";

/// A question in the Region of the replicas.
fn ask_there(action: &str, resource: &str) -> IamRequest {
    in_region(ask(action, resource), "eu-west-1")
}

/// The same question in a Region in which no replicas may be created.
fn elsewhere(ask: IamRequest) -> IamRequest {
    let resource = ask.resource.replace("eu-west-1", "us-west-2");

    in_region(IamRequest { resource, ..ask }, "us-west-2")
}

/// The same question about another account.
fn theirs(ask: IamRequest) -> IamRequest {
    let resource = ask.resource.replace("111122223333", "999999999999");

    IamRequest { resource, ..ask }
}

/// The calls that provision a replica, each as it is allowed in the Region of the replicas.
fn provisioning() -> Vec<IamRequest> {
    let operations = [
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutLifecycleConfiguration",
        "PutBackupPolicy",
        "PutFileSystemPolicy",
    ];
    let mut asks: Vec<IamRequest> = operations
        .map(|operation| ask_there(&format!("elasticfilesystem:{operation}"), REPLICA))
        .into();
    asks.push(ask_there("elasticfilesystem:TagResource", REPLICA).with("aws:TagKeys", "Name"));
    asks.push(tag_of_new_access_point().with("aws:TagKeys", "Name"));

    asks
}

fn tag_of_new_access_point() -> IamRequest {
    ask_there("elasticfilesystem:TagResource", ACCESS_POINT)
        .with("elasticfilesystem:CreateAction", "CreateAccessPoint")
}

fn forbidden() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    asks.extend(changes_elsewhere());
    asks.extend(other_operations());
    asks.extend(tags_of_operators());
    asks.extend(resources_of_others());
    asks.extend(keys());
    asks.extend(roles());

    asks
}

fn changes_elsewhere() -> Vec<IamRequest> {
    let mut asks = provisioning();
    asks.push(ask_there("elasticfilesystem:CreateFileSystem", "*"));
    asks.push(ask_there("ec2:CreateNetworkInterface", NETWORK_INTERFACE));

    asks.into_iter().map(elsewhere).collect()
}

fn other_operations() -> Vec<IamRequest> {
    let operations = [
        "UpdateFileSystemProtection",
        "UpdateFileSystem",
        "DeleteFileSystem",
        "DeleteFileSystemPolicy",
        "DeleteReplicationConfiguration",
        "DeleteMountTarget",
        "DeleteAccessPoint",
        "ModifyMountTargetSecurityGroups",
        "UntagResource",
    ];
    let mut asks: Vec<IamRequest> = operations
        .map(|operation| ask_there(&format!("elasticfilesystem:{operation}"), REPLICA))
        .into();

    // Nobody may list everything at once.
    asks.push(ask_there("elasticfilesystem:DescribeFileSystems", "*"));
    asks.push(ask_there("elasticfilesystem:DescribeMountTargets", "*"));

    asks
}

fn tags_of_operators() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for key in ["drover:approved", "drover:protected", "drover:replicate-to"] {
        let written = [
            ask_there("elasticfilesystem:TagResource", REPLICA),
            ask_there("elasticfilesystem:CreateAccessPoint", REPLICA),
            ask_there("elasticfilesystem:CreateFileSystem", "*"),
            tag_of_new_access_point(),
        ];
        asks.extend(written.map(|ask| ask.with("aws:TagKeys", "Name").with("aws:TagKeys", key)));
    }

    // An access point may be tagged when it is created, and not later.
    asks.push(ask_there("elasticfilesystem:TagResource", ACCESS_POINT).with("aws:TagKeys", "Name"));

    asks
}

fn resources_of_others() -> Vec<IamRequest> {
    let mut asks: Vec<IamRequest> = provisioning().into_iter().map(theirs).collect();
    for operation in ["CreateReplicationConfiguration", "DescribeMountTargets"] {
        let action = format!("elasticfilesystem:{operation}");
        asks.push(ask_there(&action, THEIR_REPLICA));
    }
    asks.push(theirs(ask_there(
        "ec2:CreateNetworkInterface",
        NETWORK_INTERFACE,
    )));

    asks
}

/// KMS keys are used by way of EFS alone, and only those of this account.
fn keys() -> Vec<IamRequest> {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234";
    let by_way_of = |ask: IamRequest, service: &str| {
        ask.with(
            "kms:ViaService",
            &format!("{service}.eu-west-1.amazonaws.com"),
        )
    };

    let mut asks = Vec::new();
    for action in [
        "kms:DescribeKey",
        "kms:Decrypt",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:CreateGrant",
    ] {
        asks.push(ask_there(action, key));
        asks.push(by_way_of(ask_there(action, key), "s3"));
        asks.push(theirs(by_way_of(
            ask_there(action, key),
            "elasticfilesystem",
        )));
    }

    asks
}

/// Roles are passed to EFS alone, and service-linked roles created for EFS alone.
fn roles() -> Vec<IamRequest> {
    let passed_to = "iam:PassedToService";
    let named = "iam:AWSServiceName";
    let other_role = ROLE.replace("replicate", "administrator");
    let linked = |service: &str| {
        let arn = format!("arn:aws:iam::111122223333:role/aws-service-role/{service}");
        ask(
            "iam:CreateServiceLinkedRole",
            &format!("{arn}/AWSServiceRoleForX"),
        )
    };

    vec![
        ask("iam:PassRole", ROLE),
        ask("iam:PassRole", ROLE).with(passed_to, "lambda.amazonaws.com"),
        ask("iam:PassRole", &other_role).with(passed_to, EFS),
        linked(EFS).with(named, "drs.amazonaws.com"),
        linked("drs.amazonaws.com").with(named, EFS),
    ]
}
