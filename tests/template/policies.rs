//! Policies: nobody may do what nobody needs, and no condition asks for a key that AWS does not
//! pass on.

use serde_json::{Value, json};
use template::{
    ACCOUNT, Role,
    delivery::ResourceStatement,
    facts::{FACTS, has_key, keys_of_service},
    text_of, texts_of,
};

use crate::iam::everything;

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
        checked, 12,
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
}
