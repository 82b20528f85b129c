//! State machines, with the substitutions that the template makes.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    resolve::Deployment,
    values::{ACCOUNT, REGION, text_of},
};

/// The definition of a state machine with its substitutions made.
#[must_use]
pub fn definition(name: &str, machine: &Value) -> Value {
    // SAM uploads the file, and substitutes its variables.
    let uri = text_of(&machine["DefinitionUri"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(uri);
    let mut text = fs::read_to_string(&path).unwrap();

    for (variable, value) in machine["DefinitionSubstitutions"].as_object().unwrap() {
        let variable = format!("${{{variable}}}");
        assert!(text.contains(&variable), "{name} does not use {variable}");
        text = text.replace(&variable, &text_of(value));
    }

    // A variable that is left over would reach Step Functions as it stands.
    if let Some((_, rest)) = text.split_once("${") {
        let variable = rest.split('}').next().unwrap_or_default();
        panic!("{name}: nothing is substituted for {variable}");
    }
    serde_json::from_str(&text).unwrap()
}

/// Every object in a value, including the value itself.
#[must_use]
pub fn objects(value: &Value) -> Vec<&Value> {
    let members: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return Vec::new(),
    };

    let own = value.is_object().then_some(value);
    let inner = members.into_iter().flat_map(objects);
    own.into_iter().chain(inner).collect()
}

/// The permissions that a state needs which calls a service: actions, each with a resource.
#[must_use]
pub fn needed(state: &Value, deployment: &Deployment) -> Vec<(&'static str, String)> {
    let arguments = &state["Arguments"];
    let argument = |name: &str| text_of(&arguments[name]);
    let object = |key: &str| format!("arn:aws:s3:::{}/{key}", argument("Bucket"));

    let need = match state["Resource"].as_str().unwrap() {
        "arn:aws:states:::lambda:invoke" => {
            // The input names the function, and it may be any that is deployed.
            let functions = deployment.of_type("AWS::Serverless::Function").into_iter();
            let arns = functions.map(|(name, _)| deployment.alias(name));
            return arns.map(|arn| ("lambda:InvokeFunction", arn)).collect();
        }
        "arn:aws:states:::states:startExecution" => {
            ("states:StartExecution", argument("StateMachineArn"))
        }
        "arn:aws:states:::events:putEvents" => {
            // All entries go to one bus.
            let bus = text_of(&arguments["Entries"][0]["EventBusName"]);
            let arn = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}");
            ("events:PutEvents", arn)
        }
        // The action supports no resource.
        "arn:aws:states:::aws-sdk:ec2:describeSnapshots" => {
            ("ec2:DescribeSnapshots", "*".to_owned())
        }
        "arn:aws:states:::sns:publish" => return published(&argument("TopicArn"), deployment),
        "arn:aws:states:::s3:getObject" => ("s3:GetObject", object("lists/any.json")),
        // The key is that of the execution.
        "arn:aws:states:::aws-sdk:s3:putObject" => ("s3:PutObject", object("items/any.json")),
        "arn:aws:states:::s3:putObject" => {
            let prefix = argument("Prefix");
            (
                "s3:PutObject",
                object(&format!("{prefix}/any/SUCCEEDED_0.json")),
            )
        }
        other => panic!("{other} is not known here"),
    };

    vec![need]
}

/// Who publishes to a topic encrypts with the key of the topic.
fn published(topic: &str, deployment: &Deployment) -> Vec<(&'static str, String)> {
    let topics = deployment.of_type("AWS::SNS::Topic").into_iter();
    let mut named = topics.filter(|(name, _)| deployment.arn(name) == topic);
    let (_, properties) = named
        .next()
        .unwrap_or_else(|| panic!("there is no {topic}"));

    // A new data key for each message, and the one that SNS keeps for a while.
    let mut needs = vec![("sns:Publish", topic.to_owned())];
    if let Some(key) = properties.get("KmsMasterKeyId") {
        let arn = deployment.arn(&text_of(key));
        needs.push(("kms:Decrypt", arn.clone()));
        needs.push(("kms:GenerateDataKey", arn));
    }
    needs
}
