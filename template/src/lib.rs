//! The deployment as AWS would see it: `template.yaml`, resolved for given parameters as
//! CloudFormation does, and its roles, read as IAM does.
//!
//! For tests alone: whatever in the template is not known here fails them.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the template has and this crate does not know is to fail loudly"
)]

pub mod facts;
mod role;

use std::{collections::BTreeMap, sync::LazyLock};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

pub use crate::role::{Condition, Role, Statement, arn_of_role};

/// The account of the worlds in scenarios.
pub const ACCOUNT: &str = "111122223333";
/// The Region, likewise.
pub const REGION: &str = "us-east-1";
const STACK: &str = "drover";

/// Every trigger, none of which is on by default.
pub const TRIGGERS: [(&str, &str); 5] = [
    ("EventTrigger", "ENABLED"),
    ("TopicTrigger", "ENABLED"),
    ("QueueTrigger", "ENABLED"),
    ("InstanceTerminatedTrigger", "ENABLED"),
    ("FileSystemTaggedTrigger", "ENABLED"),
];

/// The template as it is written, with its short tags in their long form, such as `{"Ref":
/// "Mode"}`.
static WRITTEN: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../template.yaml")));

struct Template {
    whole: Value,
    /// The names of the parameters in their order, which JSON does not keep.
    parameters: Vec<String>,
}

impl Template {
    fn read(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).unwrap();
        let [document] = documents.as_slice() else {
            panic!("the template is one document")
        };
        let keys = document["Parameters"].as_mapping().unwrap().keys();
        let parameters = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
        Self {
            whole: to_json(document),
            parameters,
        }
    }
}

/// YAML as JSON. CloudFormation reads the short tag `!X` as the function `Fn::X`, but for two.
fn to_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let member =
                |(key, value): (&Yaml, &Yaml)| (key.as_str().unwrap().to_owned(), to_json(value));
            Value::Object(members.iter().map(member).collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({ name: to_json(value) })
        }
        other => panic!("{other:?} is not expected in a template"),
    }
}

/// The template for given parameters.
#[derive(Debug)]
pub struct Deployment {
    /// Its parameters by name.
    pub parameters: BTreeMap<String, Value>,
    /// Its resources by their logical IDs, but for those whose condition is false. A function has
    /// what is global too.
    pub resources: BTreeMap<String, Value>,
}

impl Deployment {
    /// With the defaults of all parameters.
    #[must_use]
    pub fn by_default() -> Self {
        Self::with(&[])
    }

    /// With some parameters given, and the others at their defaults.
    #[must_use]
    pub fn with(parameters: &[(&str, &str)]) -> Self {
        let declared = WRITTEN.whole["Parameters"].as_object().unwrap();
        for (name, _) in parameters {
            assert!(
                declared.contains_key(*name),
                "the template has no parameter {name}"
            );
        }
        let value = |(name, declaration): (&String, &Value)| {
            let given = parameters
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| (*value).to_owned());
            let text = given.unwrap_or_else(|| text_of(&declaration["Default"]));
            let listed = declaration["Type"] == "CommaDelimitedList";
            (
                name.clone(),
                if listed {
                    text.split(',').map(str::trim).collect()
                } else {
                    json!(text)
                },
            )
        };
        let mut deployment = Self {
            parameters: declared.iter().map(value).collect(),
            resources: BTreeMap::new(),
        };
        let resources = WRITTEN.whole["Resources"].as_object().unwrap().iter();
        deployment.resources = resources
            .filter(|(_, resource)| {
                resource["Condition"]
                    .as_str()
                    .is_none_or(|name| deployment.holds(name))
            })
            .map(|(name, resource)| (name.clone(), deployment.resolve(resource).unwrap()))
            .collect();
        let globals = deployment
            .resolve(&WRITTEN.whole["Globals"]["Function"])
            .unwrap();
        for resource in deployment
            .resources
            .values_mut()
            .filter(|of| of["Type"] == "AWS::Serverless::Function")
        {
            let own = resource["Properties"].as_object_mut().unwrap();
            for (name, value) in globals.as_object().unwrap() {
                own.entry(name.as_str()).or_insert_with(|| value.clone());
            }
        }
        deployment
    }

    /// The resources of a type.
    #[must_use]
    pub fn of_type(&self, wanted: &str) -> Vec<(&str, &Value)> {
        let resources = self
            .resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == wanted);
        resources
            .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
            .collect()
    }

    /// The properties of a resource by its logical ID.
    #[must_use]
    pub fn properties(&self, name: &str) -> &Value {
        &self
            .resources
            .get(name)
            .unwrap_or_else(|| panic!("there is no {name}"))["Properties"]
    }

    /// The logical ID of the function with a binary.
    #[must_use]
    pub fn function(&self, binary: &str) -> &str {
        let mut functions = self
            .resources
            .iter()
            .filter(|(_, of)| of["Type"] == "AWS::Serverless::Function");
        let found = functions.find(|(_, of)| of["Metadata"]["BuildProperties"]["Binary"] == binary);
        found
            .unwrap_or_else(|| panic!("no function is built from {binary}"))
            .0
    }

    /// The ARN of a resource by its logical ID.
    #[must_use]
    pub fn arn(&self, name: &str) -> String {
        text_of(&self.attribute(name, "Arn"))
    }

    /// The parameters of the template in its order, each with its declaration.
    pub fn declared() -> impl Iterator<Item = (&'static str, &'static Value)> {
        WRITTEN
            .parameters
            .iter()
            .map(|name| (name.as_str(), &WRITTEN.whole["Parameters"][name]))
    }

    /// A value without functions; `None` for one that is left out.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.resolve(item)).collect())
            }
            Value::Object(members) => match members.iter().next() {
                Some((name, of))
                    if members.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) =>
                {
                    self.call(name, of)
                }
                _ => {
                    let members = members.iter();
                    let resolved =
                        members.filter_map(|(name, of)| Some((name.clone(), self.resolve(of)?)));
                    Some(Value::Object(resolved.collect::<Map<_, _>>()))
                }
            },
            plain => Some(plain.clone()),
        }
    }

    fn call(&self, function: &str, of: &Value) -> Option<Value> {
        match function {
            "Ref" => self.reference(of.as_str().unwrap()),
            "Fn::Sub" if of.is_array() => {
                // With variables of its own.
                let mut text = of[0].as_str().unwrap().to_owned();
                for (name, value) in of[1].as_object().unwrap() {
                    text = text.replace(
                        &format!("${{{name}}}"),
                        &text_of(&self.resolve(value).unwrap()),
                    );
                }
                Some(json!(self.substitute(&text)))
            }
            "Fn::Sub" => Some(json!(self.substitute(of.as_str().unwrap()))),
            "Fn::GetAtt" => {
                let (name, attribute) = of.as_str().unwrap().split_once('.').unwrap();
                Some(self.attribute(name, attribute))
            }
            "Fn::If" => {
                let [condition, then, otherwise] = of.as_array().unwrap().as_slice() else {
                    panic!("{of}")
                };
                self.resolve(if self.holds(condition.as_str().unwrap()) {
                    then
                } else {
                    otherwise
                })
            }
            "Fn::Join" => {
                let parts = self.resolve(&of[1])?;
                Some(json!(texts_of(&parts).join(of[0].as_str().unwrap())))
            }
            other => panic!("{other} is not known here"),
        }
    }

    /// Whether a condition of the template is true.
    fn holds(&self, name: &str) -> bool {
        let condition = &WRITTEN.whole["Conditions"][name];
        assert!(
            condition.is_object(),
            "the template has no condition {name}"
        );
        self.is_true(condition)
    }

    fn is_true(&self, condition: &Value) -> bool {
        let (function, of) = condition.as_object().unwrap().iter().next().unwrap();
        match function.as_str() {
            "Condition" => self.holds(of.as_str().unwrap()),
            "Fn::Equals" => {
                text_of(&self.resolve(&of[0]).unwrap()) == text_of(&self.resolve(&of[1]).unwrap())
            }
            "Fn::Not" => !self.is_true(&of[0]),
            "Fn::And" => of
                .as_array()
                .unwrap()
                .iter()
                .all(|condition| self.is_true(condition)),
            other => panic!("{other} is not known here"),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        let pseudo = match name {
            "AWS::NoValue" => return None,
            "AWS::Partition" => "aws",
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT,
            "AWS::StackName" => STACK,
            "AWS::URLSuffix" => "amazonaws.com",
            _ => {
                return Some(
                    self.parameters
                        .get(name)
                        .cloned()
                        .unwrap_or_else(|| self.id(name)),
                );
            }
        };
        Some(json!(pseudo))
    }

    /// `${Name}` is a reference, `${Name.Attribute}` an attribute, and `${!Text}` stays as
    /// `${Text}`.
    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            whole += &match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some((name, attribute))) => text_of(&self.attribute(name, attribute)),
                (None, None) => text_of(&self.reference(name).unwrap()),
            };
            whole += rest;
        }
        whole
    }

    /// What `Ref` gives for a resource.
    fn id(&self, name: &str) -> Value {
        let (kind, own) = self.kind_and_name(name);
        json!(match kind.as_str() {
            "AWS::SQS::Queue" => format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{own}"),
            "AWS::SNS::Topic" | "AWS::Serverless::StateMachine" =>
                text_of(&self.attribute(name, "Arn")),
            _ => own,
        })
    }

    /// What `Fn::GetAtt` gives for a resource.
    fn attribute(&self, name: &str, attribute: &str) -> Value {
        let (kind, own) = self.kind_and_name(name);
        let arn = |service: &str, resource: &str| {
            format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
        };
        json!(match (kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "QueueName") => own,
            ("AWS::SQS::Queue", "Arn") => arn("sqs", &own),
            ("AWS::SNS::Topic", "Arn") => arn("sns", &own),
            ("AWS::SNS::Topic", "TopicName") => own,
            ("AWS::Serverless::StateMachine", "Arn") =>
                arn("states", &format!("stateMachine:{own}")),
            ("AWS::Serverless::Function", "Arn") => arn("lambda", &format!("function:{own}")),
            ("AWS::Events::Rule", "Arn") =>
                arn("events", &format!("rule/{}{own}", self.bus_of(name))),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{own}:*")),
            ("AWS::CloudWatch::Alarm", "Arn") => arn("cloudwatch", &format!("alarm:{own}")),
            ("AWS::KMS::Key", "Arn") => arn("kms", &format!("key/{own}")),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{own}"),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{own}"),
            _ => panic!("{attribute} of {name}, a {kind}, is not known here"),
        })
    }

    /// What the ARN of a rule says of its bus: nothing of the default one.
    fn bus_of(&self, rule: &str) -> String {
        let bus = &WRITTEN.whole["Resources"][rule]["Properties"]["EventBusName"];
        match self.resolve(bus) {
            Some(Value::String(bus)) if bus != "default" => format!("{bus}/"),
            _ => String::new(),
        }
    }

    /// The type of a resource, and its name: the one that the template gives it, or else one like
    /// CloudFormation's.
    fn kind_and_name(&self, name: &str) -> (String, String) {
        let resource = &WRITTEN.whole["Resources"][name];
        assert!(resource.is_object(), "the template has no {name}");
        let is_there = resource["Condition"]
            .as_str()
            .is_none_or(|condition| self.holds(condition));
        assert!(is_there, "something asks for {name}, which is not there");
        let properties = &resource["Properties"];
        let given = [
            "FunctionName",
            "Name",
            "AlarmName",
            "LogGroupName",
            "DashboardName",
        ];
        let given = given
            .iter()
            .find_map(|member| properties.get(*member))
            .and_then(|value| self.resolve(value));
        // CloudFormation makes up the name of a queue, of the stack's name, the logical ID and
        // more.
        let made_up = || {
            if resource["Type"] == "AWS::SQS::Queue" {
                format!("{STACK}-{name}-1A2B3C")
            } else {
                name.to_owned()
            }
        };
        (
            text_of(&resource["Type"]),
            given.map_or_else(made_up, |value| text_of(&value)),
        )
    }
}

/// A scalar as CloudFormation compares and hands it on.
#[must_use]
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => panic!("{other} is not a text"),
    }
}

/// A value, or all of a list: where the template may have either.
#[must_use]
pub fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Null => Vec::new(),
        one => vec![text_of(one)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_resolved_as_cloudformation_does() {
        let deployment = Deployment::by_default();
        let resolved = |value: Value| deployment.resolve(&value);
        assert_eq!(resolved(json!({ "Ref": "Mode" })), Some(json!("plan")));
        assert_eq!(
            resolved(json!({ "Ref": "ReplicaRegions" })),
            Some(json!(["*"]))
        );
        assert_eq!(
            resolved(json!([1, { "Ref": "AWS::NoValue" }, { "a": { "Ref": "AWS::NoValue" } }])),
            Some(json!([1, {}]))
        );
        assert_eq!(
            resolved(json!({ "Fn::If": ["Enforces", 1, { "Ref": "AWS::Region" }] })),
            Some(json!("us-east-1"))
        );
        let text =
            "${AWS::Partition}:${EventBusName}:${FailedRequests.Arn}:${FailedRequests}:${!Kept}";
        let queue = "arn:aws:sqs:us-east-1:111122223333:drover-FailedRequests-1A2B3C";
        let url = "https://sqs.us-east-1.amazonaws.com/111122223333/drover-FailedRequests-1A2B3C";
        assert_eq!(
            resolved(json!({ "Fn::Sub": text })),
            Some(json!(format!("aws:default:{queue}:{url}:${{Kept}}")))
        );
        let changed = Deployment::with(&[
            ("Mode", "enforce"),
            ("ReplicaRegions", "eu-west-1, eu-north-1"),
        ]);
        assert!(
            changed.holds("Enforces") && !changed.holds("Deletes") && !deployment.holds("Enforces")
        );
        assert_eq!(
            changed.reference("ReplicaRegions"),
            Some(json!(["eu-west-1", "eu-north-1"]))
        );
        assert!(!deployment.resources.contains_key("DecommissionQueue"));
    }
}
