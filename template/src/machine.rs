//! State machines, with what the template puts into them.

use std::{fs, path::Path};

use serde_json::Value;

use crate::values::{ACCOUNT, REGION, text_of};

/// The definition of a state machine with its substitutions made.
#[must_use]
pub fn definition(name: &str, machine: &Value) -> Value {
    let uri = text_of(&machine["DefinitionUri"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(uri);
    let mut text = fs::read_to_string(&path).unwrap();
    for (variable, value) in machine["DefinitionSubstitutions"].as_object().unwrap() {
        let variable = format!("${{{variable}}}");
        assert!(text.contains(&variable), "{name} does not use {variable}");
        text = text.replace(&variable, &text_of(value));
    }
    assert!(
        !text.contains("${"),
        "{name}: {}",
        text.split("${").nth(1).unwrap().split('}').next().unwrap()
    );
    serde_json::from_str(&text).unwrap()
}

/// Every object in a value, itself included.
#[must_use]
pub fn objects(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return Vec::new(),
    };
    std::iter::once(value)
        .filter(|value| value.is_object())
        .chain(inner.into_iter().flat_map(objects))
        .collect()
}

/// What a state needs that calls a service: an action and a resource.
#[must_use]
pub fn needed(state: &Value) -> (&'static str, String) {
    let arguments = &state["Arguments"];
    let object = |key: &str| format!("arn:aws:s3:::{}/{key}", text_of(&arguments["Bucket"]));
    match state["Resource"].as_str().unwrap() {
        "arn:aws:states:::lambda:invoke" => {
            ("lambda:InvokeFunction", text_of(&arguments["FunctionName"]))
        }
        "arn:aws:states:::states:startExecution" => (
            "states:StartExecution",
            text_of(&arguments["StateMachineArn"]),
        ),
        "arn:aws:states:::events:putEvents" => {
            let bus = text_of(&arguments["Entries"][0]["EventBusName"]);
            (
                "events:PutEvents",
                format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"),
            )
        }
        "arn:aws:states:::s3:getObject" => ("s3:GetObject", object("lists/any.json")),
        "arn:aws:states:::s3:putObject" => (
            "s3:PutObject",
            object(&format!(
                "{}/any/SUCCEEDED_0.json",
                text_of(&arguments["Prefix"])
            )),
        ),
        other => panic!("{other} is not known here"),
    }
}
