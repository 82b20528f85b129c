//! Resolves references, conditions and functions as CloudFormation does.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    values::{ACCOUNT, REGION, STACK, text_of, texts_of},
    written::WRITTEN,
};

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
    /// A value without functions; `None` for one that is left out.
    pub(crate) fn resolve(&self, value: &Value) -> Option<Value> {
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
    pub(crate) fn holds(&self, name: &str) -> bool {
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

    pub(crate) fn reference(&self, name: &str) -> Option<Value> {
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
    pub(crate) fn attribute(&self, name: &str, attribute: &str) -> Value {
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
