//! The template for given parameters, and what it has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{resolve::Deployment, values::text_of, written::WRITTEN};

/// Every trigger, none of which is on by default.
pub const TRIGGERS: [(&str, &str); 5] = [
    ("EventTrigger", "ENABLED"),
    ("TopicTrigger", "ENABLED"),
    ("QueueTrigger", "ENABLED"),
    ("InstanceTerminatedTrigger", "ENABLED"),
    ("FileSystemTaggedTrigger", "ENABLED"),
];

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
