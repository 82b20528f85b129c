//! What the policies and the roles of the template allow.

use serde_json::{Value, json};
use template::{ACCOUNT, Role, ask, delivery::Way, facts::keys_of_service, text_of, texts_of};

use crate::way::{account::Account, hop::Tag};

/// Whether a resource may send to a receiver through a service; if not, that is a violation.
pub(super) fn may_send(
    account: &Account,
    tag: Tag,
    service: &'static str,
    (source, receiver): (&str, &str),
) -> bool {
    // The policy of the receiver, with the keys that the service passes on.
    let way = Way::new(service, source, &json!(receiver));
    let is_open = way.is_open(&account.stack.deployment);
    let may_encrypt = may_encrypt(account, service, receiver);

    if !is_open || !may_encrypt {
        let what = if is_open { "use the key of" } else { "send to" };
        account.violate(tag, 9, &format!("{source} may not {what} {receiver}"));
    }
    is_open && may_encrypt
}

/// The ARN of the key of a topic, if the topic has one of the stack.
pub(super) fn key_of(account: &Account, topic: &str) -> Option<String> {
    let deployment = &account.stack.deployment;
    let name = account.stack.by_arn("AWS::SNS::Topic", topic)?;
    let key = deployment.properties(name).get("KmsMasterKeyId")?;

    let keys = deployment.of_type("AWS::KMS::Key").into_iter();
    let mut names = keys.map(|(name, _)| name);
    names
        .find(|name| *key == **name)
        .map(|name| deployment.arn(name))
}

/// Whether a service may use the key of a topic.
fn may_encrypt(account: &Account, service: &str, receiver: &str) -> bool {
    let deployment = &account.stack.deployment;
    let Some(topic) = account.stack.by_arn("AWS::SNS::Topic", receiver) else {
        return true;
    };
    let Some(key) = deployment.properties(topic).get("KmsMasterKeyId") else {
        return true;
    };

    // The key that AWS manages is for identities of the account alone.
    let keys = deployment.of_type("AWS::KMS::Key");
    let Some((_, own)) = keys.iter().find(|(name, _)| key == *name) else {
        return false;
    };
    let needed = ["kms:Decrypt", "kms:GenerateDataKey"];
    let statements = own["KeyPolicy"]["Statement"].as_array();
    needed.iter().all(|action| {
        let mut statements = statements.into_iter().flatten();
        statements.any(|statement| is_for(statement, service, action))
    })
}

fn is_for(statement: &Value, service: &str, action: &str) -> bool {
    let services = statement["Principal"].get("Service");
    let services = texts_of(services.unwrap_or(&Value::Null));
    let role = Role::read(&json!({ "Statement": [statement] }));

    services.iter().any(|known| known == service) && role.allows(&ask(action, "*"))
}

/// Whether a service, for the sake of a resource, may do something with a role; if not, that is a
/// violation.
pub(super) fn may(
    account: &Account,
    tag: Tag,
    (service, source): (&str, &str),
    role: &str,
    (action, resource): (&str, &str),
) -> bool {
    let name = role.rsplit('/').next().unwrap_or_default();
    let deployment = &account.stack.deployment;
    let trust = &deployment.properties(name)["AssumeRolePolicyDocument"];
    if !may_assume(trust, service, source) {
        account.violate(tag, 9, &format!("{service} may not assume {name}"));
        return false;
    }

    let is_allowed = Role::by_arn(role, deployment, &[]).allows(&ask(action, resource));
    if !is_allowed {
        let complaint = format!("the role {name} does not allow {action} on {resource}");
        account.violate(tag, 9, &complaint);
    }
    is_allowed
}

fn may_assume(trust: &Value, service: &str, source: &str) -> bool {
    let mut asked = ask("sts:AssumeRole", "*");
    for key in keys_of_service(service, "sts") {
        let value = match key.as_str() {
            "aws:SourceAccount" => ACCOUNT,
            "aws:SourceArn" => source,
            other => panic!("{other} is not known here"),
        };
        asked = asked.with(&key, value);
    }

    // Each service is named in a statement of its own.
    let statements = trust["Statement"].as_array().into_iter().flatten();
    let mut for_service = statements.filter(|statement| {
        let services = texts_of(&statement["Principal"]["Service"]);
        services.iter().any(|known| known == service)
    });
    for_service.any(|statement| {
        let mut statement = statement.clone();
        // A trust is about its own role, and needs no name.
        statement["Resource"] = json!("*");
        statement["Sid"] = json!("Trust");
        Role::read(&json!({ "Statement": [statement] })).allows(&asked)
    })
}

/// The name of a bus in its ARN.
pub(super) fn bus_in(arn: &Value) -> String {
    let arn = text_of(arn);

    arn.rsplit('/').next().unwrap_or_default().to_owned()
}
