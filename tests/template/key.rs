//! The policy of the customer's key, `KmsKeyArn`, in `docs/operations.md`: it lets those use the key
//! who write to what the template encrypts with it, and nobody else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use template::{ACCOUNT, Deployment, REGION, Role, TRIGGERS, ask, text_of, texts_of};

use crate::tidy::read;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";

fn encrypted() -> Deployment {
    Deployment::with(&[&TRIGGERS[..], &[("KmsKeyArn", KEY)]].concat())
}

fn statements() -> Vec<Value> {
    let guide = read("docs/operations.md");
    let section = guide.split("### The policy of the key").nth(1).unwrap();
    let policy = section.split("```json\n").nth(1).unwrap();
    let policy: Value = serde_json::from_str(policy.split("\n```").next().unwrap()).unwrap();

    policy["Statement"].as_array().unwrap().clone()
}

/// What the policy allows a service of AWS.
fn allowed(service: &str) -> Role {
    let own: Vec<Value> = statements()
        .into_iter()
        .filter(|it| texts_of(&it["Principal"]["Service"]).contains(&service.to_owned()))
        .collect();

    Role::read(&json!({ "Statement": own }))
}

/// The services that may send to a queue which is encrypted with the key.
fn senders(deployment: &Deployment) -> BTreeSet<String> {
    let mut services = BTreeSet::new();
    for (name, policy) in deployment.of_type("AWS::SQS::QueuePolicy") {
        let queues = texts_of(&policy["Queues"]);
        let covers = |queue: &str| queues.iter().any(|url| url.contains(queue));
        let of_key = deployment
            .of_type("AWS::SQS::Queue")
            .into_iter()
            .any(|(queue, it)| covers(queue) && it["KmsMasterKeyId"] == KEY);
        assert!(of_key, "{name}");

        for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
            if let Some(service) = statement["Principal"].get("Service") {
                services.extend(texts_of(service));
            }
        }
    }

    services
}

#[test]
fn the_key_lets_every_service_that_writes_use_it_and_no_other() {
    let deployment = encrypted();
    let logs = format!("logs.{REGION}.amazonaws.com");
    let mut expected = senders(&deployment);
    assert!(expected.len() > 1, "{expected:?}");
    expected.insert(logs);

    let named: BTreeSet<String> = statements()
        .iter()
        .filter_map(|it| it["Principal"].get("Service"))
        .flat_map(texts_of)
        .collect();
    assert_eq!(named, expected);
    for service in senders(&deployment) {
        for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
            assert!(
                allowed(&service).allows(&ask(action, KEY)),
                "{service} {action}"
            );
        }
        for action in ["kms:Encrypt", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"] {
            assert!(
                !allowed(&service).allows(&ask(action, KEY)),
                "{service} {action}"
            );
        }
    }

    let account = &statements()[0];
    assert_eq!(
        account["Principal"],
        json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") })
    );
}

#[test]
fn the_key_encrypts_the_log_groups_of_the_stack_alone() {
    let deployment = encrypted();
    let logs = allowed(&format!("logs.{REGION}.amazonaws.com"));
    let may = |group: &str| {
        let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}");
        [
            "Encrypt",
            "Decrypt",
            "ReEncryptFrom",
            "GenerateDataKey",
            "DescribeKey",
        ]
        .iter()
        .all(|action| {
            let asked = ask(&format!("kms:{action}"), KEY);
            logs.allows(&asked.with("kms:EncryptionContext:aws:logs:arn", &arn))
        })
    };

    let groups = deployment.of_type("AWS::Logs::LogGroup");
    assert!(groups.len() > 4);
    for (name, group) in groups {
        assert_eq!(group["KmsKeyId"], KEY, "{name}");
        // Where the template names none, CloudFormation does.
        let own = group.get("LogGroupName").map(text_of);
        assert!(
            may(&own.unwrap_or(format!("drover-{name}-1A2B3C"))),
            "{name}"
        );
    }
    assert!(!may("billing-Logs-1A2B3C"));
    assert!(
        !logs.allows(&ask("kms:Encrypt", KEY)),
        "without a log group"
    );
}

/// SQS uses the key with the permissions of whoever sends or reads.
#[test]
fn roles_that_send_to_a_queue_or_read_it_may_use_its_key() {
    let deployment = encrypted();

    for (name, actions) in [
        (
            "AuditScheduleRole",
            &["kms:GenerateDataKey", "kms:Decrypt"][..],
        ),
        ("DisconnectRole", &["kms:Decrypt"]),
        ("BootstrapRole", &["kms:Decrypt"]),
    ] {
        let role = Role::by_arn(name, &deployment, &[]);
        for action in actions {
            assert!(role.allows(&ask(action, KEY)), "{name} {action}");
        }
    }
}
