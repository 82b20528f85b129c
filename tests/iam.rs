//! What the roles of the template allow: every call of every scenario, and nothing that no scenario
//! needs.

use std::{collections::BTreeMap, sync::LazyLock};

use chrono::TimeDelta;
use emulator::{Ask, Emulator, World};
use serde_json::{Value, json};
use template::{Condition, Deployment, Role, Statement, TRIGGERS, arn_of_role, ask, text_of};

use crate::{
    stage::{drs, efs, event},
    tidy::{list, read},
};

pub(crate) const DISCONNECT: &str = "disconnect-source-server";
pub(crate) const BOOTSTRAP: &str = "bootstrap-efs-replication";

/// The role of the template that may do all that a function can do in its account.
static ENFORCING: LazyLock<Deployment> =
    LazyLock::new(|| Deployment::with(&[("Mode", "enforce"), ("AllowDelete", "true")]));

/// Checks that a function's role allows everything that was asked in an account, or that it does
/// not where a scenario says so, and why.
pub(crate) fn check(
    local: &Emulator,
    function: &str,
    replication_role: &str,
    beyond: Option<&str>,
) {
    if std::thread::panicking() {
        return;
    }
    let role = match replication_role {
        "" => Role::of(function, &ENFORCING),
        role => {
            let parameters = [
                ("Mode", "enforce"),
                ("AllowDelete", "true"),
                ("ReplicationRoleArn", role),
            ];
            Role::of(function, &Deployment::with(&parameters))
        }
    };
    let denied: Vec<Ask> = asked(local)
        .into_iter()
        .filter(|ask| !role.allows(ask))
        .collect();
    match beyond {
        None => assert!(
            denied.is_empty(),
            "the role of {function} does not allow {denied:#?}"
        ),
        Some(why) => assert!(
            !denied.is_empty(),
            "the role of {function} allows it all, although {why}"
        ),
    }
}

/// Everything that the template can allow, with replicas in one Region.
pub(crate) fn everything() -> Deployment {
    let more = [
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("ReplicaRegions", "eu-west-1"),
        ("ReplicationRoleArn", efs::ROLE),
    ];
    Deployment::with(&[&TRIGGERS[..], &more].concat())
}

/// The events of a function, and the world that they are about.
fn events(function: &str) -> (Vec<Value>, World) {
    let files = list(&format!("events/{function}"));
    let events = files
        .iter()
        .map(|file| event(&format!("{function}/{file}")));
    (
        events.collect(),
        World::from_json(&read("emulator/worlds/default.json")).unwrap(),
    )
}

fn asked(local: &Emulator) -> Vec<Ask> {
    local
        .journal()
        .into_iter()
        .flat_map(|entry| entry.asks)
        .collect()
}

/// What is asked of IAM in the course of everything that the functions do, in their order.
static FLOWS: LazyLock<[Vec<Ask>; 2]> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { [flows_of_disconnect().await, flows_of_bootstrap().await] })
});

fn flows(function: &str) -> &'static [Ask] {
    let [disconnect, bootstrap] = &*FLOWS;
    if function == DISCONNECT {
        disconnect
    } else {
        bootstrap
    }
}

async fn flows_of_disconnect() -> Vec<Ask> {
    let (events, world) = events(DISCONNECT);
    let mut asks = Vec::new();
    for event in events {
        let stage = drs::Stage::with(world.clone()).await;
        stage.deliver(&event).await;
        asks.extend(asked(&stage.local));
    }
    let stage = drs::Stage::new().await;
    for action in ["retire", "delete"] {
        stage
            .deliver(&drs::request(action, &[drs::by_id(drs::ONE)]))
            .await;
        stage.local.advance(TimeDelta::minutes(90));
    }
    assert!(
        stage
            .changes()
            .iter()
            .any(|change| change.starts_with("DeleteSourceServer"))
    );
    asks.extend(asked(&stage.local));
    asks
}

async fn flows_of_bootstrap() -> Vec<Ask> {
    let (events, world) = events(BOOTSTRAP);
    let mut flows = Vec::new();
    for event in events {
        flows.push((efs::Stage::with(world.clone()).await, event));
    }
    let mut with_key = efs::furnished();
    with_key["targets"][0]["destination"]["kmsKeyId"] =
        json!("1234abcd-12ab-34cd-56ef-1234567890ab");
    flows.push((efs::Stage::with(efs::furnished_source()).await, with_key));
    flows.push((
        efs::Stage::with(efs::beside_existing()).await,
        efs::over_existing(),
    ));
    flows.push((
        efs::beside_theirs().await,
        efs::over_theirs(json!(efs::ROLE)),
    ));
    let mut asks = Vec::new();
    for (stage, event) in flows {
        for minutes in [0, 10, 10, 30] {
            stage.wait(minutes);
            stage.deliver(&event).await;
        }
        asks.extend(asked(&stage.local));
    }
    let other_readings: Vec<Ask> = asks.iter().filter_map(in_another_reading).collect();
    asks.extend(other_readings);
    asks
}

/// What a call may be to IAM where AWS's documents leave it open: EFS creates a replica in the name
/// of the caller, and the Region that is asked is the replica's or the source's.
fn in_another_reading(ask: &Ask) -> Option<Ask> {
    let region = [(
        "aws:RequestedRegion".to_owned(),
        vec!["us-east-1".to_owned()],
    )];
    let keys = ask.keys.clone().into_iter().chain(region).collect();
    (ask.action == "elasticfilesystem:CreateFileSystem").then(|| Ask {
        keys,
        ..ask.clone()
    })
}

const SERVER: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001";
const THEIR_SERVER: &str = "arn:aws:drs:us-east-1:999999999999:source-server/s-00000000000000001";
const REPLICA: &str = "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000001";
const THEIR_REPLICA: &str =
    "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000001";
const ACCESS_POINT: &str =
    "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-00000001";
const NETWORK_INTERFACE: &str = "arn:aws:ec2:eu-west-1:111122223333:network-interface/*";
const EFS: &str = "elasticfilesystem.amazonaws.com";

const APPROVED: &str = "aws:ResourceTag/drover:approved";
const PROTECTED: &str = "aws:ResourceTag/drover:protected";

/// What no parameter allows the function that retires servers.
fn forbidden_to_disconnect() -> Vec<Ask> {
    let approved = |action: &str, resource: &str| ask(action, resource).with(APPROVED, "CHG1");
    let untag = |keys: &[&str]| {
        keys.iter()
            .fold(approved("drs:UntagResource", SERVER), |ask, key| {
                ask.with("aws:TagKeys", key)
            })
    };
    let mut asks = vec![
        untag(&[]),
        untag(&["Name"]),
        untag(&["drover:protected"]),
        untag(&["drover:approved", "Name"]),
        untag(&["drover:approved"]).with(PROTECTED, ""),
        Ask {
            resource: THEIR_SERVER.to_owned(),
            ..untag(&["drover:approved"])
        },
        Ask {
            resource: SERVER.replace("source-server", "recovery-instance"),
            ..untag(&["drover:approved"])
        },
        approved("drs:DescribeRecoverySnapshots", THEIR_SERVER),
        ask("drs:InitializeService", "*"),
        ask("ec2:TerminateInstances", "*"),
        ask(
            "drs:StopSourceNetworkReplication",
            &SERVER.replace("source-server", "source-network"),
        ),
    ];
    for action in ["drs:DisconnectSourceServer", "drs:DeleteSourceServer"] {
        asks.push(ask(action, SERVER));
        asks.push(ask(action, SERVER).with("aws:ResourceTag/Approved", "CHG1"));
        asks.push(approved(action, SERVER).with(PROTECTED, ""));
        asks.push(approved(action, THEIR_SERVER));
        asks.push(approved(action, &SERVER.replace("us-east-1", "eu-west-1")));
    }
    for operation in [
        "StopReplication",
        "StartReplication",
        "RetryDataReplication",
    ] {
        asks.push(approved(&format!("drs:{operation}"), SERVER));
    }
    for operation in [
        "TerminateRecoveryInstances",
        "DisconnectRecoveryInstance",
        "DeleteRecoveryInstance",
    ] {
        asks.push(approved(
            &format!("drs:{operation}"),
            &SERVER.replace("source-server", "recovery-instance"),
        ));
    }
    for key in ["drover:approved", "drover:protected", "Name"] {
        asks.push(approved("drs:TagResource", SERVER).with("aws:TagKeys", key));
    }
    asks
}

/// Calls that furnish a replica, each as it is allowed in the Region of replicas.
fn furnishing() -> Vec<Ask> {
    let of_replica = [
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutLifecycleConfiguration",
        "PutBackupPolicy",
        "PutFileSystemPolicy",
    ];
    let mut asks: Vec<Ask> = of_replica
        .map(|operation| there(&format!("elasticfilesystem:{operation}"), REPLICA))
        .into();
    asks.push(there("elasticfilesystem:TagResource", REPLICA).with("aws:TagKeys", "Name"));
    asks.push(tag_of_new_access_point().with("aws:TagKeys", "Name"));
    asks
}

/// Asks in the Region of replicas.
fn there(action: &str, resource: &str) -> Ask {
    let ask = Ask {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: [].into(),
    };
    ask.with("aws:RequestedRegion", "eu-west-1")
}

fn tag_of_new_access_point() -> Ask {
    there("elasticfilesystem:TagResource", ACCESS_POINT)
        .with("elasticfilesystem:CreateAction", "CreateAccessPoint")
}

/// The same in a Region in which no replicas may be made.
fn elsewhere(ask: Ask) -> Ask {
    let moved = Ask {
        resource: ask.resource.replace("eu-west-1", "us-west-2"),
        ..ask
    };
    let region = [(
        "aws:RequestedRegion".to_owned(),
        vec!["us-west-2".to_owned()],
    )];
    Ask {
        keys: moved.keys.into_iter().chain(region).collect(),
        ..moved
    }
}

/// What no parameter allows the function that bootstraps replications.
fn forbidden_to_bootstrap() -> Vec<Ask> {
    let mut asks = forbidden_of_others();
    asks.extend(furnishing().into_iter().map(elsewhere));
    asks.push(elsewhere(there("elasticfilesystem:CreateFileSystem", "*")));
    asks.push(elsewhere(there(
        "ec2:CreateNetworkInterface",
        NETWORK_INTERFACE,
    )));
    for operation in [
        "UpdateFileSystemProtection",
        "UpdateFileSystem",
        "DeleteFileSystem",
        "DeleteFileSystemPolicy",
        "DeleteReplicationConfiguration",
        "DeleteMountTarget",
        "DeleteAccessPoint",
        "ModifyMountTargetSecurityGroups",
        "UntagResource",
    ] {
        asks.push(there(&format!("elasticfilesystem:{operation}"), REPLICA));
    }
    for key in ["drover:approved", "drover:protected", "drover:replicate-to"] {
        let written = [
            there("elasticfilesystem:TagResource", REPLICA),
            there("elasticfilesystem:CreateAccessPoint", REPLICA),
            there("elasticfilesystem:CreateFileSystem", "*"),
            tag_of_new_access_point(),
        ];
        asks.extend(written.map(|ask| ask.with("aws:TagKeys", "Name").with("aws:TagKeys", key)));
    }
    // An access point may be tagged as it is made, and not later.
    asks.push(there("elasticfilesystem:TagResource", ACCESS_POINT).with("aws:TagKeys", "Name"));
    // Everything at once is nobody's to list.
    asks.push(there("elasticfilesystem:DescribeFileSystems", "*"));
    asks.push(there("elasticfilesystem:DescribeMountTargets", "*"));
    asks
}

/// Other accounts' file systems, keys and networks, and roles and keys for others than EFS.
fn forbidden_of_others() -> Vec<Ask> {
    let their = |ask: Ask| Ask {
        resource: ask.resource.replace("111122223333", "999999999999"),
        ..ask
    };
    let mut asks: Vec<Ask> = furnishing().into_iter().map(their).collect();
    asks.push(there(
        "elasticfilesystem:CreateReplicationConfiguration",
        THEIR_REPLICA,
    ));
    asks.push(there(
        "elasticfilesystem:DescribeMountTargets",
        THEIR_REPLICA,
    ));
    asks.push(there(
        "ec2:CreateNetworkInterface",
        &NETWORK_INTERFACE.replace("111122223333", "999999999999"),
    ));
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234";
    for action in [
        "kms:DescribeKey",
        "kms:Decrypt",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:CreateGrant",
    ] {
        asks.push(there(action, key));
        asks.push(there(action, key).with("kms:ViaService", "s3.eu-west-1.amazonaws.com"));
        asks.push(their(there(action, key).with(
            "kms:ViaService",
            "elasticfilesystem.eu-west-1.amazonaws.com",
        )));
    }
    let passed = "iam:PassedToService";
    let linked = |service: &str| {
        format!("arn:aws:iam::111122223333:role/aws-service-role/{service}/AWSServiceRoleForX")
    };
    asks.extend([
        ask("iam:PassRole", efs::ROLE),
        ask("iam:PassRole", efs::ROLE).with(passed, "lambda.amazonaws.com"),
        ask(
            "iam:PassRole",
            &efs::ROLE.replace("replicate", "administrator"),
        )
        .with(passed, EFS),
        ask("iam:CreateServiceLinkedRole", &linked(EFS))
            .with("iam:AWSServiceName", "drs.amazonaws.com"),
        ask("iam:CreateServiceLinkedRole", &linked("drs.amazonaws.com"))
            .with("iam:AWSServiceName", EFS),
    ]);
    asks
}

fn forbidden(function: &str) -> Vec<Ask> {
    if function == DISCONNECT {
        forbidden_to_disconnect()
    } else {
        forbidden_to_bootstrap()
    }
}

#[test]
fn what_no_function_may_do_is_denied_and_what_it_does_is_allowed() {
    for function in [DISCONNECT, BOOTSTRAP] {
        let role = Role::of(function, &everything());
        for ask in forbidden(function) {
            assert!(!role.allows(&ask), "{function} may {ask:?}");
        }
        for ask in flows(function) {
            assert!(role.allows(ask), "{function} may not {ask:?}");
        }
    }
    // The table is worth something only if its neighbours are allowed.
    let role = Role::of(BOOTSTRAP, &everything());
    for ask in furnishing() {
        assert!(role.allows(&ask), "{BOOTSTRAP} may not {ask:?}");
    }
}

/// What the policy `run` allows, and why no scenario asks for it: Lambda does, in the name of the
/// role.
const REASONS: [(&str, &str); 8] = [
    ("logs:CreateLogStream", "it writes the function's log"),
    ("logs:PutLogEvents", "it writes the function's log"),
    ("xray:PutTraceSegments", "it traces invocations"),
    ("xray:PutTelemetryRecords", "it traces invocations"),
    ("events:PutEvents", "it sends results to their destination"),
    ("sqs:ReceiveMessage", "it reads the function's queue"),
    ("sqs:DeleteMessage", "it reads the function's queue"),
    ("sqs:GetQueueAttributes", "it reads the function's queue"),
];

#[test]
fn each_allowed_action_is_used_by_a_scenario_or_has_a_reason() {
    for function in [DISCONNECT, BOOTSTRAP] {
        let role = Role::by_arn(&arn_of_role(function, &everything()), &everything(), &[]);
        for action in role.actions() {
            let used = flows(function).iter().any(|ask| ask.action == action);
            let reason = REASONS
                .iter()
                .find(|(excused, _)| *excused == action)
                .map(|(_, why)| why);
            assert!(
                used != reason.is_some(),
                "{action} of {function}: used {used}, {reason:?}"
            );
        }
    }
}

/// Every way in which a role can be made smaller or larger by one part, each with its name.
fn variants(role: &Role) -> Vec<(String, Role)> {
    let mut variants = Vec::new();
    for (at, statement) in role.0.iter().enumerate() {
        let mut without = role.clone();
        without.0.remove(at);
        variants.push((format!("without {}", statement.id), without));
        for (name, changed) in variants_of(statement) {
            let mut other = role.clone();
            other.0[at] = changed;
            variants.push((format!("{}: {name}", statement.id), other));
        }
    }
    variants
}

fn variants_of(statement: &Statement) -> Vec<(String, Statement)> {
    let mut variants = Vec::new();
    for (name, fewer) in without_one(&statement.actions) {
        variants.push((
            name,
            Statement {
                actions: fewer,
                ..statement.clone()
            },
        ));
    }
    for (name, fewer) in without_one(&statement.resources) {
        variants.push((
            name,
            Statement {
                resources: fewer,
                ..statement.clone()
            },
        ));
    }
    if statement.resources != ["*"] {
        variants.push((
            "any resource".to_owned(),
            Statement {
                resources: vec!["*".to_owned()],
                ..statement.clone()
            },
        ));
    }
    for (
        at,
        Condition {
            operator,
            key,
            values,
        },
    ) in statement.conditions.iter().enumerate()
    {
        let mut unconditional = statement.clone();
        unconditional.conditions.remove(at);
        variants.push((format!("without {operator} {key}"), unconditional));
        for (name, fewer) in without_one(values) {
            let mut changed = statement.clone();
            changed.conditions[at].values = fewer;
            variants.push((name, changed));
        }
    }
    variants
}

/// A list without each of its items, where it has more than one.
fn without_one(items: &[String]) -> Vec<(String, Vec<String>)> {
    let without = |item: &String| {
        items
            .iter()
            .filter(|other| *other != item)
            .cloned()
            .collect::<Vec<_>>()
    };
    let all = items
        .iter()
        .map(|item| (format!("without {item}"), without(item)));
    all.filter(|(_, fewer)| !fewer.is_empty()).collect()
}

/// With and without replication to other accounts: what that allows besides may cover for what is
/// allowed without.
#[test]
fn taking_away_any_part_of_a_statement_breaks_something() {
    let only_ours = Deployment::with(&[
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("ReplicaRegions", "eu-west-1"),
    ]);
    for function in [DISCONNECT, BOOTSTRAP] {
        let forbidden = forbidden(function);
        let mut noticed: BTreeMap<String, bool> = BTreeMap::new();
        for deployment in [&everything(), &only_ours] {
            let role = Role::of(function, deployment);
            let asked: Vec<&Ask> = flows(function)
                .iter()
                .filter(|ask| role.allows(ask))
                .collect();
            for (name, changed) in variants(&role) {
                let breaks = asked.iter().any(|ask| !changed.allows(ask))
                    || forbidden.iter().any(|ask| changed.allows(ask));
                *noticed.entry(name).or_default() |= breaks;
            }
        }
        let unnoticed: Vec<&String> = noticed
            .iter()
            .filter(|(_, noticed)| !**noticed)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            unnoticed,
            [""; 0],
            "of {} parts of {function}",
            noticed.len()
        );
    }
}

/// Whether an action leaves everything as it is, by its name.
fn only_looks(action: &str) -> bool {
    action
        .split_once(':')
        .is_some_and(|(_, name)| name.starts_with("Describe"))
}

#[test]
fn in_plan_mode_no_role_may_change_anything() {
    let more = [("AllowDelete", "true"), ("ReplicationRoleArn", efs::ROLE)];
    for deployment in [
        Deployment::by_default(),
        Deployment::with(&[&TRIGGERS[..], &more].concat()),
    ] {
        for function in [DISCONNECT, BOOTSTRAP] {
            let role = Role::of(function, &deployment);
            for action in role.actions() {
                assert!(
                    only_looks(action) && !action.contains('*'),
                    "{function} may {action} in plan mode"
                );
            }
            for ask in flows(function).iter().chain(&forbidden(function)) {
                assert!(
                    only_looks(&ask.action) || !role.allows(ask),
                    "{function} may {ask:?} in plan mode"
                );
            }
        }
    }
}

#[test]
fn what_a_parameter_is_to_allow_is_denied_without_it() {
    let without = |missing: &str| {
        let all = [
            ("Mode", "enforce"),
            ("AllowDelete", "true"),
            ("ReplicationRoleArn", efs::ROLE),
        ];
        Deployment::with(
            &all.into_iter()
                .filter(|(name, _)| *name != missing)
                .collect::<Vec<_>>(),
        )
    };
    for (parameter, function, action) in [
        ("AllowDelete", DISCONNECT, "drs:DeleteSourceServer"),
        ("ReplicationRoleArn", BOOTSTRAP, "iam:PassRole"),
    ] {
        let asked = flows(function);
        let of_action: Vec<&Ask> = asked.iter().filter(|ask| ask.action == action).collect();
        assert!(!of_action.is_empty());
        let role = Role::of(function, &without(parameter));
        assert!(
            of_action.iter().all(|ask| !role.allows(ask)),
            "{action} is allowed without {parameter}"
        );
    }
    let of_another = there("elasticfilesystem:DescribeFileSystems", THEIR_REPLICA);
    assert!(!Role::of(BOOTSTRAP, &without("ReplicationRoleArn")).allows(&of_another));
    assert!(Role::of(BOOTSTRAP, &everything()).allows(&of_another));
}

/// Lambda itself asks for these, so no scenario does.
#[test]
fn a_function_is_run_with_what_lambda_needs_for_it() {
    let deployment = everything();
    for function in [DISCONNECT, BOOTSTRAP] {
        let run = Role::by_arn(
            &arn_of_role(function, &deployment),
            &deployment,
            &["look", "change", "cross-accounts"],
        );
        assert!(
            run.actions().eq(REASONS.iter().map(|(action, _)| *action)),
            "{function}"
        );
        let properties = deployment.properties(deployment.function(function));
        for end in ["OnSuccess", "OnFailure"] {
            let bus =
                text_of(&properties["EventInvokeConfig"]["DestinationConfig"][end]["Destination"]);
            assert!(
                run.allows(&ask("events:PutEvents", &bus)),
                "{function} may not send to {bus}"
            );
        }
    }
}
