//! Which service may send to which resource: policies of queues and topics, and permissions of
//! functions.

use serde_json::{Value, json};

use crate::{
    facts,
    resolve::Deployment,
    role::{Role, ask},
    values::{ACCOUNT, text_of, texts_of},
};

/// A way on which a service sends to a receiver on behalf of a resource.
#[derive(Debug, Clone)]
pub struct Way {
    /// Such as `events.amazonaws.com`.
    pub service: &'static str,
    /// The ARN of the resource.
    pub source: String,
    /// The ARN of the receiver.
    pub receiver: String,
}

impl Way {
    /// A way, by its three ends.
    #[must_use]
    pub fn new(service: &'static str, source: impl Into<String>, receiver: &Value) -> Self {
        Self {
            service,
            source: source.into(),
            receiver: text_of(receiver),
        }
    }

    /// Whether the role of a target decides, and not a policy of the receiver.
    #[must_use]
    pub fn is_by_role(&self) -> bool {
        service_of(&self.receiver) == "states"
    }

    /// The condition keys that the service passes to the receiver's policy, as AWS documents them.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        facts::keys_of_service(self.service, service_of(&self.receiver))
    }

    /// Whether the receiver admits the service.
    #[must_use]
    pub fn is_open(&self, deployment: &Deployment) -> bool {
        self.is_by_role() || self.is_open_with(deployment, &self.keys())
    }

    /// Whether the receiver admits the service for this resource alone: not for one in another
    /// account, and not for one whose name starts alike. Where the service does not pass the
    /// resource on, no policy can tell.
    #[must_use]
    pub fn is_open_for_this_alone(&self, deployment: &Deployment) -> bool {
        // The same way for another source.
        let is_open_for = |source: String| {
            let other = Self {
                source,
                ..self.clone()
            };
            other.is_open(deployment)
        };
        let in_another_account = self.source.replace(ACCOUNT, "999999999999");
        let with_longer_name = format!("{}x", self.source);
        // A role says for whom it is; a policy can tell only by the keys that it gets.
        let can_tell = !self.is_by_role() && !self.keys().is_empty();

        self.is_open(deployment)
            && !(can_tell && (is_open_for(in_another_account) || is_open_for(with_longer_name)))
    }

    /// Whether the receiver admits the service if that passes on these condition keys.
    #[must_use]
    pub fn is_open_with(&self, deployment: &Deployment, keys: &[String]) -> bool {
        let action = match service_of(&self.receiver) {
            "lambda" => return self.is_permitted(deployment, keys),
            "sqs" => "sqs:SendMessage",
            "sns" => "sns:Publish",
            other => panic!("{other} is not known here"),
        };

        // The request as the policy sees it.
        let mut asked = ask(action, &self.receiver);
        for key in keys {
            assert_eq!(key, "aws:SourceArn", "{key} is not known here");
            asked = asked.with(key, &self.source);
        }

        // Only the statements about this service count.
        let statements = statements_for(deployment, self.service);
        Role::read(&json!({ "Statement": statements })).allows(&asked)
    }

    /// Whether a permission lets the service invoke the function.
    fn is_permitted(&self, deployment: &Deployment, keys: &[String]) -> bool {
        let permissions = deployment.of_type("AWS::Lambda::Permission");

        permissions.iter().any(|(_, permission)| {
            // Each member with this prefix is a condition, which holds only if the service passes
            // the key on.
            let mut conditions = permission
                .as_object()
                .unwrap()
                .keys()
                .filter_map(|member| member.strip_prefix("Source"))
                .map(|member| format!("aws:Source{member}"));
            // A permission is for the alias alone, by its ARN.
            let alias = text_of(&permission["FunctionName"]);

            conditions.all(|key| keys.contains(&key))
                && permission["Principal"] == self.service
                && permission["SourceArn"] == self.source.as_str()
                && self.receiver == alias
        })
    }
}

/// Whether SNS takes a text as the subject of a message, by
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    let length = text.chars().count() as u64;
    // A space is no start, and a line break would be another header of the e-mail.
    let is_printable = text.chars().all(|it| it == ' ' || it.is_ascii_graphic());

    is_printable
        && !text.starts_with(' ')
        && facts::is_within(length, "the subject of a message on a topic, in characters")
}

/// The service in an ARN.
fn service_of(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap()
}

/// The statements of all queues and topics that are about a service.
fn statements_for(deployment: &Deployment, service: &str) -> Vec<Value> {
    let policies = ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
        .map(|kind| deployment.of_type(kind))
        .concat();

    policies
        .iter()
        .flat_map(|(_, policy)| statements(&policy["PolicyDocument"]))
        .filter(|statement| services_in(statement).iter().any(|it| it == service))
        .cloned()
        .collect()
}

/// A resource's own policy: the resource's type, the member that holds the policy, and the receiver
/// as the facts name it.
const POLICIES: [(&str, &str, &str); 5] = [
    ("AWS::SQS::QueuePolicy", "PolicyDocument", "sqs"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument", "sns"),
    ("AWS::S3::BucketPolicy", "PolicyDocument", "s3"),
    ("AWS::KMS::Key", "KeyPolicy", "kms"),
    ("AWS::IAM::Role", "AssumeRolePolicyDocument", "sts"),
];

/// One statement of a resource's own policy, or of the trust of a role.
#[derive(Debug, Clone)]
pub struct ResourceStatement {
    /// The logical ID of the policy.
    pub name: String,
    /// The receiver, as the facts name it.
    pub receiver: &'static str,
    /// The statement.
    pub statement: Value,
}

impl ResourceStatement {
    /// Every statement of the template.
    #[must_use]
    pub fn all(deployment: &Deployment) -> Vec<Self> {
        let mut all = Vec::new();
        for (kind, member, receiver) in POLICIES {
            for (name, policy) in deployment.of_type(kind) {
                let statements = statements(&policy[member]).iter();
                all.extend(statements.map(|statement| Self {
                    name: name.to_owned(),
                    receiver,
                    statement: statement.clone(),
                }));
            }
        }

        all
    }

    /// The services that it is about.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        services_in(&self.statement)
    }
}

fn statements(document: &Value) -> &[Value] {
    document["Statement"].as_array().unwrap()
}

fn services_in(statement: &Value) -> Vec<String> {
    let services = statement["Principal"].get("Service");

    texts_of(services.unwrap_or(&Value::Null))
}
