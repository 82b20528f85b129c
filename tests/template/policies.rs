//! Policies: nobody may do what nobody needs, and no key is asked for that AWS does not send.

use serde_json::{Value, json};
use template::{
    ACCOUNT, Role,
    delivery::statements_for_services,
    facts::{self, FACTS},
    text_of, texts_of,
};

use crate::iam::everything;

/// What AWS does not hand to a policy makes it deny, without a word to anybody.
#[test]
fn a_service_is_asked_for_no_key_but_those_that_aws_documents() {
    let deployment = everything();
    let statements = statements_for_services(&deployment);
    assert!(statements.len() > 12, "{}", statements.len());
    for (name, service, receiver, statement) in statements {
        let known = facts::keys_of_service(&service, receiver);
        let operators = statement
            .get("Condition")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for key in operators.flat_map(|(_, keys)| keys.as_object().unwrap().keys()) {
            assert!(
                known.contains(key),
                "{name} asks {service} for {key}: {statement}"
            );
        }
    }
    for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
        let mut members: Vec<&String> = permission.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(
            members,
            ["Action", "FunctionName", "Principal", "SourceArn"],
            "{name}"
        );
        let keys = facts::keys_of_service(permission["Principal"].as_str().unwrap(), "lambda");
        assert_eq!(keys, ["aws:SourceArn"], "{name}");
    }
}

#[test]
fn a_role_is_asked_for_no_key_but_those_that_aws_documents() {
    let mut seen = 0;
    for (name, role) in everything().of_type("AWS::IAM::Role") {
        for policy in role["Policies"].as_array().unwrap() {
            for statement in Role::read(&policy["PolicyDocument"]).0 {
                for condition in &statement.conditions {
                    for action in &statement.actions {
                        seen += 1;
                        let key = &condition.key;
                        assert!(
                            facts::has_key(action, key),
                            "{name}: no {key} is known of {action}"
                        );
                    }
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn every_fact_has_its_source() {
    for section in ["services", "actions", "limits", "metrics"] {
        for fact in FACTS[section].as_array().unwrap() {
            assert!(
                fact["source"]
                    .as_str()
                    .is_some_and(|source| source.starts_with("https://")),
                "{fact}"
            );
        }
    }
}

/// Where a service says on whose behalf it sends, that is one resource of this account.
#[test]
fn no_service_may_do_anything_for_another_account() {
    let deployment = everything();
    for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
        assert!(
            text_of(&permission["SourceArn"]).contains(&format!(":{ACCOUNT}:")),
            "{name}"
        );
    }
    let mut seen = 0;
    for (name, service, receiver, statement) in statements_for_services(&deployment) {
        if facts::keys_of_service(&service, receiver).is_empty() {
            continue;
        }
        seen += 1;
        let condition = &statement["Condition"];
        let sources = ["ArnEquals", "ArnLike"]
            .iter()
            .find_map(|operator| condition[*operator].get("aws:SourceArn"));
        let sources =
            texts_of(sources.unwrap_or_else(|| panic!("{name} bounds no source: {statement}")));
        assert!(
            sources
                .iter()
                .all(|of| of.contains(&format!(":{ACCOUNT}:"))),
            "{name}: {statement}"
        );
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn what_is_kept_is_encrypted() {
    let deployment = everything();
    for (name, queue) in deployment.of_type("AWS::SQS::Queue") {
        assert!(
            queue["SqsManagedSseEnabled"] == true || queue["KmsMasterKeyId"].is_string(),
            "{name}"
        );
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
fn a_role_has_no_rights_but_those_that_are_looked_at_here() {
    for (name, role) in everything().of_type("AWS::IAM::Role") {
        for elsewhere in ["ManagedPolicyArns", "PermissionsBoundary"] {
            assert!(role.get(elsewhere).is_none(), "{name}");
        }
    }
    for kind in [
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
    ] {
        assert!(everything().of_type(kind).is_empty(), "{kind}");
    }
}

#[test]
fn nothing_is_everybodys() {
    let deployment = everything();
    let mut seen = 0;
    for (kind, member) in [
        ("AWS::SQS::QueuePolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ] {
        for (name, policy) in deployment.of_type(kind) {
            for statement in policy[member]["Statement"].as_array().unwrap() {
                seen += 1;
                if statement["Effect"] == "Deny" {
                    let expected = json!({ "Bool": { "aws:SecureTransport": "false" } });
                    assert_eq!(statement["Condition"], expected, "{name}: {statement}");
                    continue;
                }
                let principal = statement["Principal"].as_object().unwrap();
                let [(of, who)] = principal.iter().collect::<Vec<_>>()[..] else {
                    panic!("{name}: {statement}")
                };
                match of.as_str() {
                    "Service" => {
                        assert!(
                            texts_of(who)
                                .iter()
                                .all(|of| of.ends_with(".amazonaws.com")),
                            "{name}: {statement}"
                        );
                        let actions = texts_of(&statement["Action"]);
                        assert!(
                            actions.iter().all(|action| !action.ends_with(":*")),
                            "{name}: {statement}"
                        );
                    }
                    "AWS" => {
                        assert_eq!(
                            *who,
                            format!("arn:aws:iam::{ACCOUNT}:root"),
                            "{name}: {statement}"
                        );
                        assert_eq!(
                            kind, "AWS::KMS::Key",
                            "{name}: who may send is for IAM to say"
                        );
                    }
                    other => panic!("{name}: {other}"),
                }
            }
        }
    }
    assert!(seen > 15, "{seen}");
    let services: Vec<Vec<String>> = statements_for_services(&deployment)
        .iter()
        .filter(|(_, _, receiver, _)| *receiver == "kms")
        .map(|(_, _, _, statement)| texts_of(&statement["Action"]))
        .collect();
    assert_eq!(
        services,
        [
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            ["kms:Decrypt", "kms:GenerateDataKey*"]
        ]
    );
    for (name, bucket) in deployment.of_type("AWS::S3::Bucket") {
        let closed = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ];
        for member in closed {
            assert_eq!(
                bucket["PublicAccessBlockConfiguration"][member], true,
                "{name}: {member}"
            );
        }
        assert_eq!(
            bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced",
            "{name}"
        );
        assert!(bucket.get("AccessControl").is_none(), "{name}");
    }
}
