//! Resolves references, conditions and functions as CloudFormation does.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    values::{ACCOUNT, REGION, STACK, text_of, texts_of},
    written::Template,
};

/// A template for given parameters.
#[derive(Debug)]
pub struct Deployment {
    pub(crate) written: &'static Template,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, Value>,
    /// Its resources by their logical IDs, without those whose condition is false. Functions have
    /// the global properties too.
    pub resources: BTreeMap<String, Value>,
}

impl Deployment {
    /// A value with every function of CloudFormation resolved; `None` for one that is left out.
    pub(crate) fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                let items = items.iter().filter_map(|item| self.resolve(item));
                Some(items.collect())
            }
            Value::Object(members) => {
                // An object with one member may be a call of a function.
                if let Some((function, argument)) = function(members) {
                    return self.call(function, argument);
                }
                let members = members.iter().filter_map(|(name, member)| {
                    let member = self.resolve(member)?;
                    Some((name.clone(), member))
                });
                Some(Value::Object(members.collect()))
            }
            scalar => Some(scalar.clone()),
        }
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        match function {
            "Ref" => self.reference(argument.as_str().unwrap()),
            "Fn::Sub" => Some(json!(self.substitution(argument))),
            "Fn::GetAtt" => {
                let (name, attribute) = argument.as_str().unwrap().split_once('.').unwrap();
                Some(self.attribute(name, attribute))
            }
            "Fn::If" => {
                let [condition, if_true, if_false] = argument.as_array().unwrap().as_slice() else {
                    panic!("{argument}")
                };
                // Only the branch that counts is resolved: the other may refer to what does not
                // exist.
                let holds = self.holds(condition.as_str().unwrap());
                self.resolve(if holds { if_true } else { if_false })
            }
            "Fn::Join" => {
                let separator = argument[0].as_str().unwrap();
                let parts = self.resolve(&argument[1])?;
                Some(json!(texts_of(&parts).join(separator)))
            }
            // A list in a parameter of text.
            "Fn::Split" => {
                let separator = argument[0].as_str().unwrap();
                let text = text_of(&self.resolve(&argument[1])?);
                Some(text.split(separator).collect())
            }
            "Fn::Select" => {
                let items = self.resolve(&argument[1])?;
                let index = argument[0].as_u64().unwrap();
                Some(items[usize::try_from(index).unwrap()].clone())
            }
            other => panic!("{other} is not known: add it to template/src/resolve.rs"),
        }
    }

    /// Whether a condition of the template is true.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let condition = &self.written.whole["Conditions"][name];
        assert!(
            condition.is_object(),
            "the template has no condition {name}"
        );

        self.is_true(condition)
    }

    /// Whether a resource exists in this deployment.
    pub(crate) fn has(&self, resource: &Value) -> bool {
        let condition = resource["Condition"].as_str();

        condition.is_none_or(|condition| self.holds(condition))
    }

    /// Whether a condition or an assertion holds.
    pub(crate) fn is_true(&self, condition: &Value) -> bool {
        let (function, argument) = condition.as_object().unwrap().iter().next().unwrap();
        let text = |value: &Value| text_of(&self.resolve(value).unwrap());

        match function.as_str() {
            "Condition" => self.holds(argument.as_str().unwrap()),
            "Fn::Equals" => text(&argument[0]) == text(&argument[1]),
            "Fn::Not" => !self.is_true(&argument[0]),
            "Fn::Or" => {
                let mut conditions = argument.as_array().unwrap().iter();
                conditions.any(|condition| self.is_true(condition))
            }
            "Fn::And" => {
                let mut conditions = argument.as_array().unwrap().iter();
                conditions.all(|condition| self.is_true(condition))
            }
            other => panic!("{other} is not known: add it to template/src/resolve.rs"),
        }
    }

    /// What `Ref` gives: a pseudo parameter, a parameter, or the ID of a resource.
    pub(crate) fn reference(&self, name: &str) -> Option<Value> {
        let pseudo = match name {
            "AWS::NoValue" => return None,
            // SAM takes an attribute in a reference, such as the alias of a function.
            _ if name.contains('.') => {
                let (function, attribute) = name.split_once('.')?;
                return Some(self.attribute(function, attribute));
            }
            // The one value beside the parameters that a test may choose.
            "AWS::Partition" => {
                let given = self.parameters.get(name).cloned();
                return Some(given.unwrap_or_else(|| json!("aws")));
            }
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT,
            "AWS::StackName" => STACK,
            "AWS::URLSuffix" => "amazonaws.com",
            _ => {
                // CloudFormation has one namespace for parameters and resources.
                let parameter = self.parameters.get(name).cloned();
                return Some(parameter.unwrap_or_else(|| self.id(name)));
            }
        };

        Some(json!(pseudo))
    }

    fn substitution(&self, argument: &Value) -> String {
        let Some([text, variables]) = argument.as_array().map(Vec::as_slice) else {
            return self.substitute(argument.as_str().unwrap());
        };

        // A substitution may have variables of its own.
        let mut text = text.as_str().unwrap().to_owned();
        for (name, value) in variables.as_object().unwrap() {
            // They are resolved first, since their values may be references.
            let value = text_of(&self.resolve(value).unwrap());
            text = text.replace(&format!("${{{name}}}"), &value);
        }

        self.substitute(&text)
    }

    /// `${Name}` is a reference, `${Name.Attribute}` an attribute, and `${!Text}` stays as
    /// `${Text}`.
    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut substituted = parts.next().unwrap().to_owned();

        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            substituted += &match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some((name, attribute))) => text_of(&self.attribute(name, attribute)),
                (None, None) => text_of(&self.reference(name).unwrap()),
            };
            substituted += rest;
        }

        substituted
    }

    /// What `Ref` gives for a resource.
    fn id(&self, name: &str) -> Value {
        let (kind, own) = self.kind_and_name(name);

        match kind.as_str() {
            "AWS::SQS::Queue" => {
                json!(format!(
                    "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{own}"
                ))
            }
            // The ID of these is their ARN.
            "AWS::SNS::Topic" | "AWS::Serverless::StateMachine" => self.attribute(name, "Arn"),
            // On a bus of its own a rule is known by both names.
            "AWS::Events::Rule" => json!(format!("{}{own}", self.bus_of(name)).replace('/', "|")),
            _ => json!(own),
        }
    }

    /// What `Fn::GetAtt` gives for a resource.
    pub(crate) fn attribute(&self, name: &str, attribute: &str) -> Value {
        let (kind, own) = self.kind_and_name(name);
        let arn = |service: &str, resource: &str| {
            format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
        };

        json!(match (kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => own,
            ("AWS::SQS::Queue", "Arn") => arn("sqs", &own),
            ("AWS::SNS::Topic", "Arn") => arn("sns", &own),
            ("AWS::Serverless::StateMachine", "Arn") =>
                arn("states", &format!("stateMachine:{own}")),
            ("AWS::Serverless::Function", "Arn") => arn("lambda", &format!("function:{own}")),
            // SAM makes the alias.
            ("AWS::Serverless::Function", "Alias") => {
                let alias = &self.written.whole["Globals"]["Function"]["AutoPublishAlias"];
                arn("lambda", &format!("function:{own}:{}", text_of(alias)))
            }
            ("AWS::Events::Rule", "Arn") =>
                arn("events", &format!("rule/{}{own}", self.bus_of(name))),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{own}:*")),
            ("AWS::CloudWatch::Alarm", "Arn") => arn("cloudwatch", &format!("alarm:{own}")),
            ("AWS::KMS::Key", "Arn") => arn("kms", &format!("key/{own}")),
            ("AWS::IAM::Role", "Arn") => {
                let path = &self.written.resource(name)["Properties"]["Path"];
                let path = self
                    .resolve(path)
                    .map_or("/".to_owned(), |path| text_of(&path));
                format!("arn:aws:iam::{ACCOUNT}:role{path}{own}")
            }
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{own}"),
            _ => panic!("{attribute} of {name}, a {kind}, is not known here"),
        })
    }

    /// The bus in the ARN of a rule; the default one is left out.
    fn bus_of(&self, rule: &str) -> String {
        let bus = &self.written.resource(rule)["Properties"]["EventBusName"];

        match self.resolve(bus) {
            Some(Value::String(bus)) if bus != "default" => format!("{bus}/"),
            _ => String::new(),
        }
    }

    /// The type of a resource, and its name: the one that the template gives it, or one like
    /// CloudFormation's.
    fn kind_and_name(&self, name: &str) -> (String, String) {
        let resource = self.written.resource(name);
        assert!(
            self.has(resource),
            "something refers to {name}, which does not exist"
        );
        // Each type has its own member for the name.
        let kind = text_of(&resource["Type"]);

        let members = [
            "FunctionName",
            "Name",
            "AlarmName",
            "LogGroupName",
            "DashboardName",
        ];
        let given = members
            .iter()
            .find_map(|member| resource["Properties"].get(*member))
            .and_then(|name| self.resolve(name));

        let own = match given {
            Some(given) => text_of(&given),
            // CloudFormation names a queue after the stack, the logical ID and a random suffix.
            None if kind == "AWS::SQS::Queue" => format!("{STACK}-{name}-1A2B3C"),
            None => name.to_owned(),
        };

        (kind, own)
    }
}

/// The function and its argument, if an object is a call.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next()?;
    let is_call = members.len() == 1 && (name == "Ref" || name.starts_with("Fn::"));

    is_call.then_some((name, argument))
}
