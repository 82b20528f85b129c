//! The template for given parameters, and its resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    resolve::Deployment,
    values::text_of,
    written::{ALARMS, CODE, FORWARDING, MAIN, Template},
};

/// Every trigger; by default each is off.
pub const TRIGGERS: [(&str, &str); 8] = [
    ("EventTrigger", "ENABLED"),
    ("TopicTrigger", "ENABLED"),
    ("QueueTrigger", "ENABLED"),
    ("InstanceTerminatedTrigger", "ENABLED"),
    ("FileSystemTaggedTrigger", "ENABLED"),
    ("ReplicationStalledTrigger", "ENABLED"),
    ("AuditTrigger", "ENABLED"),
    ("RecoveryEventsTrigger", "ENABLED"),
];

impl Deployment {
    /// With all parameters at their defaults.
    #[must_use]
    pub fn by_default() -> Self {
        Self::with(&[])
    }

    /// With some parameters given, and the others at their defaults.
    #[must_use]
    pub fn with(parameters: &[(&str, &str)]) -> Self {
        let mut deployment = Self::of(&MAIN, parameters);
        deployment.add_globals();

        deployment
    }

    /// `forwarding/forward.yaml` with these parameters, and the others at their defaults.
    #[must_use]
    pub fn forwarding(parameters: &[(&str, &str)]) -> Self {
        Self::of(&FORWARDING, parameters)
    }

    /// `forwarding/alarms.yaml` with these parameters, and the others at their defaults.
    #[must_use]
    pub fn alarms(parameters: &[(&str, &str)]) -> Self {
        Self::of(&ALARMS, parameters)
    }

    /// `examples/stacksets/code.yaml` with these parameters, and the others at their defaults.
    #[must_use]
    pub fn code(parameters: &[(&str, &str)]) -> Self {
        Self::of(&CODE, parameters)
    }

    fn of(written: &'static Template, parameters: &[(&str, &str)]) -> Self {
        let mut deployment = Self {
            written,
            parameters: values_of(written, parameters),
            resources: BTreeMap::new(),
        };

        // Conditions and references need the parameters alone.
        let resources = written.whole["Resources"].as_object().unwrap().iter();
        deployment.resources = resources
            .filter(|(_, resource)| deployment.has(resource))
            .map(|(name, resource)| (name.clone(), deployment.resolve(resource).unwrap()))
            .collect();

        deployment
    }

    /// Gives functions the global properties that they do not have themselves.
    fn add_globals(&mut self) {
        let globals = self
            .resolve(&self.written.whole["Globals"]["Function"])
            .unwrap();

        for resource in self.resources.values_mut().filter(|it| is_function(it)) {
            merge(&mut resource["Properties"], &globals);
        }
    }

    /// The resources of a type: the logical ID and the properties of each.
    #[must_use]
    pub fn of_type(&self, wanted: &str) -> Vec<(&str, &Value)> {
        self.resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == wanted)
            .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
            .collect()
    }

    /// The properties of a resource by its logical ID.
    #[must_use]
    pub fn properties(&self, name: &str) -> &Value {
        let resource = self.resources.get(name);

        &resource.unwrap_or_else(|| panic!("there is no {name}"))["Properties"]
    }

    /// The logical ID of the function with a binary.
    #[must_use]
    pub fn function(&self, binary: &str) -> &str {
        // A logical ID may change; the binary is the function's name.
        let mut functions = self.resources.iter().filter(|(_, it)| is_function(it));
        let found = functions
            .find(|(_, function)| function["Metadata"]["BuildProperties"]["Binary"] == binary);

        let (name, _) = found.unwrap_or_else(|| panic!("no function is built from {binary}"));
        name
    }

    /// The ARN of a resource by its logical ID.
    #[must_use]
    pub fn arn(&self, name: &str) -> String {
        text_of(&self.attribute(name, "Arn"))
    }

    /// The ARN of the alias of a function by its logical ID, which is what everything invokes.
    #[must_use]
    pub fn alias(&self, function: &str) -> String {
        text_of(&self.attribute(function, "Alias"))
    }

    /// The outputs of the deployment, each with its value.
    #[must_use]
    pub fn outputs(&self) -> BTreeMap<&'static str, String> {
        let outputs = self.written.whole["Outputs"].as_object().unwrap().iter();

        // An output may have a condition, as a resource may.
        outputs
            .filter(|(_, output)| self.has(output))
            .map(|(name, output)| {
                let value = self.resolve(&output["Value"]).unwrap();
                (name.as_str(), text_of(&value))
            })
            .collect()
    }

    /// Why CloudFormation does not deploy the template with these parameters: the description of each
    /// assertion of its rules that does not hold.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let rules = self.written.whole["Rules"].as_object().unwrap().values();

        // A rule without a condition holds for every deployment.
        rules
            .filter(|rule| {
                let condition = rule.get("RuleCondition");
                condition.is_none_or(|condition| self.is_true(condition))
            })
            .flat_map(|rule| rule["Assertions"].as_array().unwrap())
            .filter(|assertion| !self.is_true(&assertion["Assert"]))
            .map(|assertion| text_of(&assertion["AssertDescription"]))
            .collect()
    }

    /// The parameters of the template in their order, each with its declaration.
    pub fn declared() -> impl Iterator<Item = (&'static str, &'static Value)> {
        declared_by(&MAIN)
    }

    /// Those of `forwarding/forward.yaml`.
    pub fn declared_by_forwarding() -> impl Iterator<Item = (&'static str, &'static Value)> {
        declared_by(&FORWARDING)
    }
}

/// Adds what a function does not say itself, in the objects inside too.
fn merge(own: &mut Value, globals: &Value) {
    let (Value::Object(own), Value::Object(globals)) = (own, globals) else {
        return;
    };

    // What a function says itself wins.
    for (name, value) in globals {
        match own.get_mut(name) {
            Some(known) => merge(known, value),
            None => _ = own.insert(name.clone(), value.clone()),
        }
    }
}

fn declared_by(written: &'static Template) -> impl Iterator<Item = (&'static str, &'static Value)> {
    // JSON does not keep their order.
    let names = written.parameters.iter();

    names.map(|name| (name.as_str(), &written.whole["Parameters"][name]))
}

fn is_function(resource: &Value) -> bool {
    resource["Type"] == "AWS::Serverless::Function"
}

/// The value of every parameter.
fn values_of(written: &Template, given: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let declared = written.whole["Parameters"].as_object().unwrap();
    // A misspelt parameter would be ignored, and its test would prove nothing.
    for (name, _) in given {
        assert!(
            declared.contains_key(*name) || *name == "AWS::Partition",
            "the template has no parameter {name}"
        );
    }

    let partition = given.iter().filter(|(name, _)| *name == "AWS::Partition");
    let partition = partition.map(|(name, value)| ((*name).to_owned(), json!(value)));
    declared
        .iter()
        .map(|(name, declaration)| {
            let given = given.iter().find(|(given, _)| given == name);
            let text = match given {
                Some((_, value)) => (*value).to_owned(),
                None => text_of(&declaration["Default"]),
            };
            let value = if declaration["Type"] == "CommaDelimitedList" {
                text.split(',').map(str::trim).collect()
            } else {
                json!(text)
            };
            (name.clone(), value)
        })
        .chain(partition)
        .collect()
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
