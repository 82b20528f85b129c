//! The template as text.

use std::fmt::Write as _;

use serde_json::Value;

use super::event::{Event, REQUEST_SOURCE};

/// The template with a schema for each event.
pub(super) fn template(events: &[Event]) -> String {
    let mut text = include_str!("head.yaml").to_owned();
    for event in events {
        text.push('\n');
        text.push_str(&resource(event));
    }

    text
}

fn resource(event: &Event) -> String {
    let name = event.schema_name();
    // CloudFormation reads the parameter inside the text, too.
    let substituted = match event.source {
        REQUEST_SOURCE => "!Sub ",
        _ => "",
    };

    let mut text = format!("  {}:\n", event.logical_id());
    text.push_str("    Type: AWS::EventSchemas::Schema\n    Properties:\n");
    text.push_str("      RegistryName: !GetAtt Registry.RegistryName\n");
    writeln!(text, "      SchemaName: {substituted}{name}").unwrap();
    text.push_str("      Type: OpenApi3\n");
    let description = Value::from(event.description.as_str());
    writeln!(text, "      Description: {description}").unwrap();
    writeln!(text, "      Content: {substituted}|-").unwrap();
    for line in content(&event.document()).lines() {
        writeln!(text, "        {line}").unwrap();
    }

    text
}

/// A document with a component a line: indented as usual, all of them together would be too large
/// for a template that is deployed without a bucket.
pub(super) fn content(document: &Value) -> String {
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let schemas: Vec<String> = sorted(schemas)
        .map(|(name, schema)| format!("{}:{}", Value::from(name.as_str()), in_order(schema)))
        .collect();

    let [version, info, paths] = ["openapi", "info", "paths"].map(|name| in_order(&document[name]));
    let head = format!(r#"{{"openapi":{version},"info":{info},"paths":{paths},"#);
    format!(
        "{head}\n\"components\":{{\"schemas\":{{\n{}\n}}}}}}",
        schemas.join(",\n")
    )
}

/// JSON in one line.
fn in_order(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = sorted(members)
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), in_order(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items = items.iter().map(in_order);
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        _ => value.to_string(),
    }
}

/// The members by name, whatever order the map of this build keeps.
fn sorted(members: &serde_json::Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);

    members.into_iter()
}
