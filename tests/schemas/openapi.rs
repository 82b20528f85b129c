//! JSON Schema 2020-12, as `schemars` writes it, as OpenAPI 3.0.
//!
//! Without composition, which code generators read in different ways: a reference stands alone, and
//! an enumeration is a list. `null` is kept where a value is plain, and left out beside a reference,
//! where it means the same as no member.

use serde_json::{Map, Value, json};

/// The components of a schema: itself under a name, and what it defines.
pub(super) fn components(name: &str, schema: &Value) -> Map<String, Value> {
    let definitions = schema["$defs"].as_object().into_iter().flatten();
    let mut components: Map<String, Value> = definitions
        .map(|(name, definition)| (name.clone(), converted(definition)))
        .collect();
    components.insert(name.to_owned(), converted(schema));

    components
}

fn converted(schema: &Value) -> Value {
    let members = schema.as_object().unwrap();
    if let Some(name) = referenced(members) {
        // OpenAPI 3.0 ignores what stands beside a reference.
        return json!({ "$ref": format!("#/components/schemas/{name}") });
    }
    if let Some(variants) = members.get("oneOf") {
        return enumeration(&text(&members["description"]), variants);
    }

    let mut converted = Map::new();
    for (keyword, value) in members {
        converted.extend(translated(keyword, value));
    }
    if !members.contains_key("type") {
        // What the types leave open is an object, or null while it is unknown.
        converted.insert("type".to_owned(), json!("object"));
        converted.insert("nullable".to_owned(), json!(true));
    }

    Value::Object(converted)
}

/// A keyword and its value in OpenAPI 3.0. One that is unknown here fails.
fn translated(keyword: &str, value: &Value) -> Map<String, Value> {
    let members = match keyword {
        "type" => return types(value),
        "$schema" | "$defs" | "title" => json!({}),
        "default" if value.is_null() => json!({}),
        "description" => json!({ keyword: text(value) }),
        "format" => json!({ keyword: format(value.as_str().unwrap()) }),
        "items" => json!({ keyword: converted(value) }),
        "additionalProperties" if value.is_object() => json!({ keyword: converted(value) }),
        "properties" => {
            let properties = value.as_object().unwrap().iter();
            let properties = properties.map(|(name, schema)| (name.clone(), converted(schema)));
            json!({ keyword: properties.collect::<Map<_, _>>() })
        }
        "additionalProperties"
        | "default"
        | "maxItems"
        | "maxLength"
        | "maximum"
        | "minItems"
        | "minLength"
        | "minProperties"
        | "minimum"
        | "pattern"
        | "required" => {
            json!({ keyword: value })
        }
        _ => panic!("{keyword} has no translation yet"),
    };

    members.as_object().unwrap().clone()
}

/// The name of the definition that a schema refers to, also where `null` is another choice.
fn referenced(members: &Map<String, Value>) -> Option<&str> {
    let reference = match members.get("anyOf") {
        None => members.get("$ref")?,
        Some(choices) => {
            assert_eq!(choices[1], json!({ "type": "null" }), "{choices}");
            choices[0].get("$ref").unwrap()
        }
    };

    reference.as_str().unwrap().strip_prefix("#/$defs/")
}

/// An enumeration whose description says what each value means.
fn enumeration(description: &str, variants: &Value) -> Value {
    let variants = variants.as_array().unwrap();
    let values: Vec<&Value> = variants.iter().map(|variant| &variant["const"]).collect();

    // What follows the first sentence is for readers of the code.
    let first = description.split(". ").next().unwrap();
    let mut sentences = vec![format!("{}.", first.trim_end_matches('.'))];
    for variant in variants {
        assert_eq!(variant["type"], "string", "{variant}");
        let value = variant["const"].as_str().unwrap();
        sentences.push(format!("{value}: {}", text(&variant["description"])));
    }
    json!({ "type": "string", "enum": values, "description": sentences.join(" ") })
}

/// A type; two of them are one that may be `null`.
fn types(value: &Value) -> Map<String, Value> {
    let members = match value.as_array().map(Vec::as_slice) {
        None => json!({ "type": value }),
        Some([one, null]) if null == "null" => json!({ "type": one, "nullable": true }),
        Some(_) => panic!("{value} has no translation yet"),
    };

    members.as_object().unwrap().clone()
}

/// The formats that OpenAPI 3.0 defines. It has no unsigned integers.
fn format(format: &str) -> &str {
    match format {
        "date-time" => format,
        "uint8" => "int32",
        "uint" | "uint32" | "uint64" => "int64",
        _ => panic!("the format {format} has no translation yet"),
    }
}

/// A text in one line.
fn text(value: &Value) -> String {
    let words = value.as_str().unwrap().split_whitespace();

    words.collect::<Vec<_>>().join(" ")
}
