//! Policies: nobody may do what nobody needs, and no condition asks for a key that AWS does not
//! pass on.

use serde_json::{Value, json};
use template::{
    ACCOUNT, Deployment, Role, arn_of_role, ask,
    delivery::ResourceStatement,
    facts::{FACTS, has_key, keys_of_service},
    text_of, texts_of,
};

use crate::{functions::FUNCTIONS, iam::everything};

/// A key that AWS does not pass to a policy makes it deny, without a word to anybody.
#[test]
fn a_policy_has_no_condition_key_that_its_service_does_not_pass_on() {
    let statements = ResourceStatement::all(&everything());
    let mut checked = 0;

    for statement in statements {
        for service in statement.services() {
            checked += 1;
            let known = keys_of_service(&service, statement.receiver);
            for key in condition_keys(&statement.statement) {
                assert!(
                    known.contains(&key),
                    "{service} does not pass {key} on: {statement:?}"
                );
            }
        }
    }

    assert_eq!(
        checked, 17,
        "so many statements let a service in: change the number here if all are meant"
    );
}

fn condition_keys(statement: &Value) -> Vec<String> {
    let conditions = statement.get("Condition").and_then(Value::as_object);

    conditions
        .into_iter()
        .flatten()
        .flat_map(|(_, keys)| keys.as_object().unwrap().keys())
        .cloned()
        .collect()
}

#[test]
fn a_permission_has_no_condition_but_the_source() {
    for (name, permission) in everything().of_type("AWS::Lambda::Permission") {
        let mut members: Vec<&String> = permission.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(
            members,
            ["Action", "FunctionName", "Principal", "SourceArn"],
            "{name}"
        );

        let keys = keys_of_service(permission["Principal"].as_str().unwrap(), "lambda");
        assert_eq!(keys, ["aws:SourceArn"], "{name}");
    }
}

#[test]
fn a_role_has_no_condition_key_that_its_actions_do_not_have() {
    let mut checked = 0;

    for (name, role) in everything().of_type("AWS::IAM::Role") {
        for policy in role["Policies"].as_array().unwrap() {
            for statement in Role::read(&policy["PolicyDocument"]).0 {
                for condition in &statement.conditions {
                    for action in &statement.actions {
                        checked += 1;
                        let key = &condition.key;
                        assert!(has_key(action, key), "{name}: {action} has no {key}");
                    }
                }
            }
        }
    }

    assert!(checked > 20, "{checked}");
}

#[test]
fn every_fact_has_its_source() {
    for section in ["services", "actions", "limits", "metrics", "queries"] {
        for fact in FACTS[section].as_array().unwrap() {
            let source = fact["source"].as_str().unwrap_or_default();
            assert!(source.starts_with("https://"), "{fact}");
        }
    }
}

#[test]
fn a_function_may_be_invoked_for_resources_of_this_account_alone() {
    for (name, permission) in everything().of_type("AWS::Lambda::Permission") {
        let source = text_of(&permission["SourceArn"]);
        assert!(source.contains(&format!(":{ACCOUNT}:")), "{name}");
    }
}

/// Where a service passes on whose behalf it sends, that is a resource of this account.
#[test]
fn no_service_may_do_anything_for_another_account() {
    let mut checked = 0;

    for statement in ResourceStatement::all(&everything()) {
        for service in statement.services() {
            if keys_of_service(&service, statement.receiver).is_empty() {
                continue;
            }
            checked += 1;

            let condition = &statement.statement["Condition"];
            let sources = ["ArnEquals", "ArnLike"]
                .iter()
                .find_map(|operator| condition[*operator].get("aws:SourceArn"));
            let sources = sources.unwrap_or_else(|| panic!("no source: {statement:?}"));
            for source in texts_of(sources) {
                assert!(source.contains(&format!(":{ACCOUNT}:")), "{statement:?}");
            }
        }
    }

    assert!(checked > 5, "{checked}");
}

#[test]
fn everything_at_rest_is_encrypted() {
    let deployment = everything();

    for (name, queue) in deployment.of_type("AWS::SQS::Queue") {
        let has_key = queue["KmsMasterKeyId"].is_string();
        assert!(queue["SqsManagedSseEnabled"] == true || has_key, "{name}");
    }
    for (name, topic) in deployment.of_type("AWS::SNS::Topic") {
        assert!(topic["KmsMasterKeyId"].is_string(), "{name}");
    }
    for (name, bucket) in deployment.of_type("AWS::S3::Bucket") {
        let rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"].as_array();
        assert!(rules.is_some_and(|rules| !rules.is_empty()), "{name}");
    }
}

#[test]
fn a_role_has_no_rights_that_are_not_checked_here() {
    let deployment = everything();

    for (name, role) in deployment.of_type("AWS::IAM::Role") {
        for elsewhere in ["ManagedPolicyArns", "PermissionsBoundary"] {
            assert!(role.get(elsewhere).is_none(), "{name}");
        }
    }
    for kind in [
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
    ] {
        assert!(deployment.of_type(kind).is_empty(), "{kind}");
    }
}

#[test]
fn no_resource_is_open_to_everybody() {
    let statements = ResourceStatement::all(&everything());
    assert!(statements.len() > 15, "{}", statements.len());

    for ResourceStatement {
        name,
        receiver,
        statement,
    } in statements
    {
        if statement["Effect"] == "Deny" {
            let without_tls = json!({ "Bool": { "aws:SecureTransport": "false" } });
            assert_eq!(statement["Condition"], without_tls, "{name}: {statement}");
            continue;
        }

        let principals = statement["Principal"].as_object().unwrap();
        let [(kind, principal)] = principals.iter().collect::<Vec<_>>()[..] else {
            panic!("{name}: {statement}")
        };
        match kind.as_str() {
            "Service" => check_services(&name, &statement, principal),
            "AWS" => {
                // Who of this account may send is for IAM to decide.
                assert_eq!(*principal, format!("arn:aws:iam::{ACCOUNT}:root"), "{name}");
                assert_eq!(receiver, "kms", "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
}

/// A statement for services of AWS names each action.
fn check_services(name: &str, statement: &Value, principal: &Value) {
    for service in texts_of(principal) {
        assert!(service.ends_with(".amazonaws.com"), "{name}: {statement}");
    }
    for action in texts_of(&statement["Action"]) {
        assert!(!action.ends_with(":*"), "{name}: {statement}");
    }
}

#[test]
fn a_service_may_only_encrypt_and_decrypt_with_the_key() {
    let mut statements = ResourceStatement::all(&everything());
    statements.retain(|it| it.receiver == "kms" && !it.services().is_empty());

    let actions: Vec<Vec<String>> = statements
        .iter()
        .map(|it| texts_of(&it.statement["Action"]))
        .collect();
    let needed = ["kms:Decrypt", "kms:GenerateDataKey*"];
    assert_eq!(actions, [needed, needed]);
}

#[test]
fn a_bucket_is_private() {
    for (name, bucket) in everything().of_type("AWS::S3::Bucket") {
        assert_private(name, bucket);
    }
}

pub(super) fn assert_private(name: &str, bucket: &Value) {
    for member in [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ] {
        let block = &bucket["PublicAccessBlockConfiguration"];
        assert_eq!(block[member], true, "{name}: {member}");
    }

    let ownership = &bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"];
    assert_eq!(*ownership, "BucketOwnerEnforced", "{name}");
    assert!(bucket.get("AccessControl").is_none(), "{name}");
}

/// The statements of every role, policy and key: the resource, the `Sid`, and the statement.
fn all_statements() -> Vec<(String, String, Value)> {
    let deployment = everything();
    let mut all = Vec::new();
    for ResourceStatement {
        name, statement, ..
    } in ResourceStatement::all(&deployment)
    {
        let sid = statement.get("Sid").map(text_of).unwrap_or_default();
        all.push((name, sid, statement));
    }

    for (name, role) in deployment.of_type("AWS::IAM::Role") {
        for policy in role["Policies"].as_array().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                all.push((
                    name.to_owned(),
                    text_of(&statement["Sid"]),
                    statement.clone(),
                ));
            }
        }
    }

    all
}

/// What a statement allows with a wildcard: its roles or policies, its `Sid`, every pattern in
/// resources, actions and conditions, and why no narrower one is possible or needed.
#[rustfmt::skip] // A row a statement.
const WILDCARDS: [(&str, &str, &[&str], &str); 39] = [
    ("NotificationsPolicy", "AllowCloudWatch", &["arn:aws:cloudwatch:us-east-1:111122223333:alarm:drover-*"], "the alarms of this stack"),
    ("NotificationsKey", "AllowAccount", &["*", "kms:*"], "the policy is the key's own, and IAM decides"),
    ("NotificationsKey", "AllowEventBridge", &["*", "kms:GenerateDataKey*"], "the policy is the key's own"),
    ("NotificationsKey", "AllowCloudWatch", &["*", "kms:GenerateDataKey*"], "the policy is the key's own"),
    ("FleetRole FollowUpRole NotifyRole", "", &["arn:aws:states:us-east-1:111122223333:stateMachine:*"], "a name would make a circle of role and machine"),
    ("BootstrapRole", "WriteLogs", &["arn:aws:logs:us-east-1:111122223333:log-group:BootstrapLogs:*"], "the streams of one group"),
    ("FileSystemAuditRole", "WriteLogs", &["arn:aws:logs:us-east-1:111122223333:log-group:FileSystemAuditLogs:*"], "the streams of one group"),
    ("FileSystemAuditRole", "ListFileSystems", &["*"], "a list of all is asked of no resource"),
    ("FileSystemAuditRole", "ReadFileSystems", &["arn:aws:elasticfilesystem:*:111122223333:file-system/*"], "replicas may be in any Region"),
    ("ServerAuditRole", "WriteLogs", &["arn:aws:logs:us-east-1:111122223333:log-group:ServerAuditLogs:*"], "the streams of one group"),
    ("DisconnectRole", "WriteLogs", &["arn:aws:logs:us-east-1:111122223333:log-group:DisconnectLogs:*"], "the streams of one group"),
    ("BootstrapRole DisconnectRole ServerAuditRole FileSystemAuditRole FleetRole FollowUpRole NotifyRole", "SendTraces", &["*"], "the actions support no resource"),
    ("BootstrapRole", "ReadQueue", &["arn:aws:sqs:us-east-1:111122223333:drover-ReplicationQueue-*"], "the queue may not be there yet"),
    ("DisconnectRole", "ReadQueue", &["arn:aws:sqs:us-east-1:111122223333:drover-DecommissionQueue-*"], "the queue may not be there yet"),
    ("BootstrapRole", "ReadFileSystems", &["arn:aws:elasticfilesystem:*:111122223333:file-system/*"], "both ends of any replication"),
    ("BootstrapRole", "ReadNetworks", &["*"], "the actions support no resource"),
    ("BootstrapRole", "Replicate", &["arn:aws:elasticfilesystem:*:111122223333:file-system/*"], "the action supports no tag condition"),
    ("BootstrapRole", "CreateReplicas", &["*"], "a file system that is created has no ARN yet"),
    ("BootstrapRole", "CreateReplicasFromSourceRegion", &["*"], "a file system that is created has no ARN yet"),
    ("BootstrapRole", "ProvisionReplicas", &["arn:aws:elasticfilesystem:*:111122223333:file-system/*"], "any replica, in the Regions of the condition"),
    ("BootstrapRole", "TagAccessPoints", &["arn:aws:elasticfilesystem:*:111122223333:access-point/*"], "only while one is created"),
    ("BootstrapRole", "ConnectMountTargets", &["arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:111122223333:network-interface/*"], "another account may share a subnet"),
    ("BootstrapRole", "CreateServiceLinkedRole", &["arn:aws:iam::111122223333:role/aws-service-role/elasticfilesystem.amazonaws.com/*"], "the one role of EFS"),
    ("BootstrapRole", "EncryptReplicas", &["arn:aws:kms:*:111122223333:key/*", "elasticfilesystem.*.amazonaws.com"], "the request names the key; through EFS alone"),
    ("BootstrapRole", "ReadReplicasInOtherAccounts", &["arn:aws:elasticfilesystem:*:*:file-system/*"], "the request names the account"),
    ("ServerAuditRole", "ListServersAndInstances", &["*"], "the actions support no resource"),
    ("ServerAuditRole", "CountRecoveryPoints", &["arn:aws:drs:us-east-1:111122223333:source-server/*"], "any server may have gone"),
    ("DisconnectRole", "ListServersAndUsage", &["*"], "the actions support no resource"),
    ("DisconnectRole", "CountRecoveryPoints", &["arn:aws:drs:us-east-1:111122223333:source-server/*"], "any server may be named"),
    ("DisconnectRole", "DisconnectApproved", &["arn:aws:drs:us-east-1:111122223333:source-server/*"], "any server with an approval"),
    ("DisconnectRole", "DeleteApproved", &["arn:aws:drs:us-east-1:111122223333:source-server/*"], "any server with an approval"),
    ("DisconnectRole", "ConsumeApproval", &["arn:aws:drs:us-east-1:111122223333:source-server/*"], "the approval of any server"),
    ("FleetRole", "WatchItems", &["arn:aws:states:us-east-1:111122223333:execution:drover-fleet/*:*", "arn:aws:states:us-east-1:111122223333:execution:drover-fleet:*"], "the executions of this fleet"),
    ("FleetRole", "ReadLists", &["arn:aws:s3:::Fleets/*"], "an operator chooses the key of a list"),
    ("FleetRole", "StoreLists", &["arn:aws:s3:::Fleets/items/*"], "one list for each execution"),
    ("FleetRole", "WriteResults", &["arn:aws:s3:::Fleets/results/*"], "several objects for each execution"),
    ("FollowUpRole", "FindSnapshots", &["*"], "the action supports no resource"),
    ("NotifyRole", "EncryptNotifications", &["kms:GenerateDataKey*"], "SNS documents the two actions so"),
    ("FleetRole FollowUpRole NotifyRole", "DeliverLogs", &["*"], "the actions support no resource"),
];

/// A role or a schedule that names the function itself runs `$LATEST`, which no rollback reaches.
#[test]
fn roles_and_schedules_invoke_aliases_only() {
    let deployment = everything();
    let aliases = FUNCTIONS.map(|it| deployment.alias(deployment.function(it.name())));
    let schedules = deployment
        .of_type("AWS::Scheduler::Schedule")
        .into_iter()
        .map(|(name, schedule)| (name.to_owned(), texts_of(&schedule["Target"]["Arn"])));
    let roles = all_statements()
        .into_iter()
        .filter(|(_, _, statement)| {
            let actions = texts_of(&statement["Action"]);
            statement["Principal"].is_null() && actions.contains(&"lambda:InvokeFunction".into())
        })
        .map(|(name, _, statement)| (name, texts_of(&statement["Resource"])));

    let mut checked = 0;
    for (name, invoked) in schedules.chain(roles) {
        checked += 1;
        for arn in invoked {
            assert!(aliases.contains(&arn), "{name}: {arn}");
        }
    }
    assert_eq!(checked, 5, "two schedules and three roles");
}

/// Lambda connects a function to its VPC with the role of the function, whose code must not do the
/// same. EFS creates the network interface of a mount target with the permissions of the caller.
#[test]
fn the_code_of_a_function_may_not_use_the_permissions_for_its_vpc() {
    let vpc = [
        ("VpcSubnetIds", "subnet-01"),
        ("VpcSecurityGroupIds", "sg-01"),
    ];
    let deployment = Deployment::with(&vpc);
    let interface = format!("arn:aws:ec2:us-east-1:{ACCOUNT}:network-interface/eni-01");

    for function in FUNCTIONS {
        let name = function.name();
        let role = Role::by_arn(&arn_of_role(name, &deployment), &deployment, &[]);
        let arn = deployment.arn(deployment.function(name));
        for action in [
            "CreateNetworkInterface",
            "DeleteNetworkInterface",
            "AssignPrivateIpAddresses",
            "UnassignPrivateIpAddresses",
        ] {
            let by_lambda = ask(&format!("ec2:{action}"), &interface);
            let by_code = by_lambda.clone().with("lambda:SourceFunctionArn", &arn);
            let is_of_mount_targets =
                name == "bootstrap-efs-replication" && action == "CreateNetworkInterface";
            assert!(role.allows(&by_lambda), "{name} {action}");
            assert_eq!(
                role.allows(&by_code),
                is_of_mount_targets,
                "{name} {action}"
            );
        }
    }
}

/// The patterns with a wildcard in a statement.
fn wildcards(statement: &Value) -> Vec<String> {
    let mut texts = texts_of(statement.get("Resource").unwrap_or(&Value::Null));
    texts.extend(texts_of(&statement["Action"]));
    let conditions = statement.get("Condition").and_then(Value::as_object);
    for (_, keys) in conditions.into_iter().flatten() {
        texts.extend(keys.as_object().unwrap().values().flat_map(texts_of));
    }

    texts.retain(|text| text.contains('*'));
    texts.sort();
    texts
}

#[test]
fn every_wildcard_has_a_reason() {
    let mut used = [false; WILDCARDS.len()];

    for (name, sid, statement) in all_statements() {
        let found = wildcards(&statement);
        // What is denied may be as wide as can be.
        if found.is_empty() || statement["Effect"] == "Deny" {
            continue;
        }
        let index = WILDCARDS.iter().position(|(names, id, patterns, _)| {
            names.split(' ').any(|it| it == name) && *id == sid && found == *patterns
        });
        let index = index.unwrap_or_else(|| panic!("{name} {sid} allows {found:?}"));
        used[index] = true;
    }

    assert!(used.iter().all(|it| *it), "a reason for nothing: {used:?}");
}

/// What a role may do that no scenario of a function shows: to run, to be started, to write logs.
#[rustfmt::skip] // A row a statement.
const ACTIONS: [(&str, &str, &str); 19] = [
    ("WriteLogs", "logs:CreateLogStream logs:PutLogEvents", "Lambda writes the log with the function's role"),
    ("SendTraces", "xray:PutTraceSegments xray:PutTelemetryRecords", "Lambda sends traces with the function's role"),
    ("SendTraces", "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets", "Step Functions samples too"),
    ("SendResults", "events:PutEvents", "a result is an event on the bus"),
    ("ReadQueue", "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes", "Lambda reads the queue with the function's role"),
    ("InvokeFunctions", "lambda:InvokeFunction", "a machine sends requests"),
    ("DeliverLogs", "logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups", "what Step Functions documents for its log"),
    ("FindSnapshots", "ec2:DescribeSnapshots", "what is left of a staging area"),
    ("StartItems", "states:StartExecution", "a distributed map starts executions, and a pending item a follow-up"),
    ("WatchItems", "states:DescribeExecution states:StopExecution", "a distributed map stops what it started"),
    ("ReadLists", "s3:GetObject", "the list of a fleet"),
    ("StoreLists", "s3:PutObject", "a list that came in the input"),
    ("WriteResults", "s3:PutObject s3:ListMultipartUploadParts s3:AbortMultipartUpload", "what a result writer needs"),
    ("InvokeAudits", "lambda:InvokeFunction", "the schedule starts audits"),
    ("KeepUndelivered", "sqs:SendMessage", "what a schedule could not deliver"),
    ("StartFollowUps", "states:StartExecution", "the rule starts follow-ups"),
    ("StartNotifications", "states:StartExecution", "the rules start notifications"),
    ("Publish", "sns:Publish", "a notification is a message on the topic"),
    ("EncryptNotifications", "kms:Decrypt kms:GenerateDataKey*", "the topic has a key of the stack"),
];

#[test]
fn a_role_that_no_scenario_uses_has_no_action_without_a_reason() {
    let deployment = everything();
    let mut used = [false; ACTIONS.len()];

    for (name, role) in deployment.of_type("AWS::IAM::Role") {
        for policy in role["Policies"].as_array().unwrap() {
            // The scenarios show what these are for.
            if ["read", "change", "cross-accounts"]
                .iter()
                .any(|it| policy["PolicyName"] == *it)
            {
                continue;
            }
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                let actions = texts_of(&statement["Action"]).join(" ");
                let sid = text_of(&statement["Sid"]);
                let index = ACTIONS
                    .iter()
                    .position(|(id, known, _)| *id == sid && *known == actions);
                let index = index.unwrap_or_else(|| panic!("{name} {sid} allows {actions}"));
                used[index] = true;
            }
        }
    }

    assert!(used.iter().all(|it| *it), "a reason for nothing: {used:?}");
}

/// A policy that leaves out a key that its service passes on lets in others of that service.
#[test]
fn a_statement_for_a_service_uses_each_key_that_it_passes_on() {
    for statement in ResourceStatement::all(&everything()) {
        for service in statement.services() {
            let mut given = condition_keys(&statement.statement);
            given.sort();
            let known = keys_of_service(&service, statement.receiver);
            assert_eq!(given, known, "{}: {service}", statement.name);
        }
    }
}

#[test]
fn every_statement_and_every_policy_is_complete() {
    for (name, sid, statement) in all_statements() {
        let mut members = vec!["Action", "Effect"];
        // The trust of a role is about the role itself.
        members.push(if sid.is_empty() {
            "Principal"
        } else {
            "Resource"
        });
        for member in members {
            assert!(statement.get(member).is_some(), "{name} {sid}: {member}");
        }
    }

    // An older version reads variables as text.
    let deployment = everything();
    for (name, resource) in &deployment.resources {
        assert!(resource["Type"].is_string(), "{name}");
        let objects = template::machine::objects(resource);
        for policy in objects.iter().filter(|it| it.get("Statement").is_some()) {
            assert_eq!(policy["Version"], "2012-10-17", "{name}");
        }
    }
}

#[test]
fn everything_that_is_sent_to_refuses_plain_http() {
    let deployment = everything();
    let policies = [
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
    ];

    for (kind, policy_kind, member) in policies {
        let mut covered = Vec::new();
        for (name, policy) in deployment.of_type(policy_kind) {
            let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
            let denies = statements
                .iter()
                .any(|it| it["Sid"] == "DenyInsecureTransport");
            assert!(denies, "{name}");
            covered.extend(texts_of(&policy[member]));
        }
        // A queue goes by its URL, a topic by its ARN, a bucket by its name.
        let resources = deployment.of_type(kind);
        assert_eq!(covered.len(), resources.len(), "{kind}");
        for (name, _) in resources {
            assert!(covered.iter().any(|it| it.contains(name)), "{name}");
        }
    }
}
