//! Who may send to whom: policies of queues and topics, and permissions of functions.

use serde_json::{Value, json};

use crate::{
    facts,
    resolve::Deployment,
    role::{Role, ask},
    values::{ACCOUNT, text_of, texts_of},
};

/// Whether a service may send on behalf of a resource, and, where it says whose behalf, not of its
/// like in another account or of one named alike.
#[must_use]
pub fn admits_alone(deployment: &Deployment, service: &str, source: &str, receiver: &str) -> bool {
    let admits = |source: &str| admits(deployment, service, source, receiver);
    let theirs = source.replace(ACCOUNT, "999999999999");
    // The role of a target that is a state machine says it.
    let says_whose = !receiver.contains(":states:")
        && !facts::keys_of_service(service, kind(receiver)).is_empty();
    admits(source) && !(says_whose && (admits(&theirs) || admits(&format!("{source}x"))))
}

/// The service of an ARN.
#[must_use]
pub fn kind(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap()
}

/// Whether a function, a queue or a topic lets a service send to it on behalf of a resource. The
/// service hands to its policy what AWS documents, and nothing else.
#[must_use]
pub fn admits(deployment: &Deployment, service: &str, source: &str, receiver: &str) -> bool {
    // The role of the target says it.
    kind(receiver) == "states"
        || admits_with(
            deployment,
            service,
            source,
            receiver,
            &facts::keys_of_service(service, kind(receiver)),
        )
}

/// The same where the service hands over these keys.
#[must_use]
pub fn admits_with(
    deployment: &Deployment,
    service: &str,
    source: &str,
    receiver: &str,
    keys: &[String],
) -> bool {
    let action = match kind(receiver) {
        "lambda" => return is_invoked_by(deployment, service, source, receiver, keys),
        "sqs" => "sqs:SendMessage",
        "sns" => "sns:Publish",
        other => panic!("{other} is not known here"),
    };
    let policies = ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
        .map(|kind| deployment.of_type(kind))
        .concat();
    let statements = policies
        .iter()
        .flat_map(|(_, policy)| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let of_service = statements.filter(|statement| {
        texts_of(
            statement["Principal"]
                .get("Service")
                .unwrap_or(&Value::Null),
        )
        .iter()
        .any(|of| of == service)
    });
    let role = Role::read(&json!({ "Statement": of_service.collect::<Vec<_>>() }));
    role.allows(
        &keys
            .iter()
            .fold(ask(action, receiver), |ask, key| match key.as_str() {
                "aws:SourceArn" => ask.with(key, source),
                other => panic!("{other} is not known here"),
            }),
    )
}

fn is_invoked_by(
    deployment: &Deployment,
    service: &str,
    source: &str,
    function: &str,
    keys: &[String],
) -> bool {
    let permissions = deployment.of_type("AWS::Lambda::Permission");
    permissions.iter().any(|(_, permission)| {
        // Each of these members is a condition, which holds only if the service hands the key to
        // the policy.
        let members = permission
            .as_object()
            .unwrap()
            .keys()
            .filter_map(|member| member.strip_prefix("Source"));
        members
            .map(|member| format!("aws:Source{member}"))
            .all(|key| keys.contains(&key))
            && permission["Principal"] == service
            && permission["SourceArn"] == source
            && function.ends_with(&format!(":{}", text_of(&permission["FunctionName"])))
    })
}

/// Every statement of a policy of a resource, and of the trust of a role, that is about a service:
/// where it stands, the service, the receiver as the facts name it, and the statement.
#[must_use]
pub fn statements_for_services(
    deployment: &Deployment,
) -> Vec<(String, String, &'static str, Value)> {
    let mut found = Vec::new();
    for (kind, member, receiver) in [
        ("AWS::SQS::QueuePolicy", "PolicyDocument", "sqs"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument", "sns"),
        ("AWS::S3::BucketPolicy", "PolicyDocument", "s3"),
        ("AWS::KMS::Key", "KeyPolicy", "kms"),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument", "sts"),
    ] {
        for (name, policy) in deployment.of_type(kind) {
            for statement in policy[member]["Statement"].as_array().unwrap() {
                let services = texts_of(
                    statement["Principal"]
                        .get("Service")
                        .unwrap_or(&Value::Null),
                );
                found.extend(
                    services
                        .into_iter()
                        .map(|of| (name.to_owned(), of, receiver, statement.clone())),
                );
            }
        }
    }
    found
}
