//! The templates as they are written.

use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};

/// `template.yaml`, with its short tags in their long form, such as `{"Ref": "Mode"}`.
pub(crate) static MAIN: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../template.yaml")));

/// `forwarding/forward.yaml`, in the same form.
pub(crate) static FORWARDING: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../forwarding/forward.yaml")));

/// `forwarding/alarms.yaml`, in the same form.
pub(crate) static ALARMS: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../forwarding/alarms.yaml")));

/// `examples/stacksets/code.yaml`, in the same form.
pub(crate) static CODE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../examples/stacksets/code.yaml")));

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) whole: Value,
    /// The names of the parameters in their order, which JSON does not keep.
    pub(crate) parameters: Vec<String>,
}

impl Template {
    fn read(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).unwrap();
        let [document] = documents.as_slice() else {
            panic!("the template is one document")
        };

        // A mapping of YAML keeps its order.
        let names = document["Parameters"].as_mapping().unwrap().keys();
        let parameters = names.map(|name| name.as_str().unwrap().to_owned());

        Self {
            whole: to_json(document),
            parameters: parameters.collect(),
        }
    }

    /// A resource as it is written, by its logical ID.
    pub(crate) fn resource(&self, name: &str) -> &Value {
        let resource = &self.whole["Resources"][name];
        assert!(resource.is_object(), "the template has no {name}");

        resource
    }
}

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
            // CloudFormation reads the short tag `!X` as the function `Fn::X`, except for two.
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({ name: to_json(value) })
        }
        other => panic!("{other:?} is not expected in a template"),
    }
}
