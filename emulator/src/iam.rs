//! What IAM is asked about a call: about the call itself, and about what AWS then does with the
//! caller's permissions.
//!
//! It follows the actions, resources and condition keys of the Service Authorization Reference.
//! Nothing is decided here: the journal keeps the requests, and a test that has a policy can
//! evaluate them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    aws::{call::Request, constraints},
    world::World,
};

/// A request to IAM: an action on a resource, with the condition keys that are present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamRequest {
    /// The action, as policies spell it.
    pub action: String,
    /// The ARN of the resource; `*` if the action takes none. A resource that is yet to be created
    /// has `*` for its ID.
    pub resource: String,
    /// The values of the condition keys. Absent keys are absent from the request.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// The tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// The actions that AWS carries out with the caller's permissions, by the action that needs them.
pub(crate) type DependentActions = [(&'static str, &'static [&'static str])];

/// A call to be authorized, in the account as it is before the call.
#[derive(Clone, Copy)]
pub(crate) struct IamCall<'a> {
    pub(crate) request: &'a Request,
    pub(crate) world: &'a World,
}

impl IamRequest {
    pub(crate) fn new(action: &str, resource: &str, region: &str) -> Self {
        let request = Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            keys: BTreeMap::new(),
        };
        request.with("aws:RequestedRegion", region)
    }

    /// The same request with one more value of a condition key.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        // Keys such as aws:TagKeys have several values.
        let values = self.keys.entry(key.to_owned()).or_default();
        values.push(value.to_owned());
        self
    }
}

impl<'a> IamCall<'a> {
    /// The Region of the call.
    pub(crate) fn region(self) -> &'a str {
        &self.request.region
    }

    /// An action on a resource, with the tags of the resource and those of the call.
    pub(crate) fn on(self, action: &str, resource: &str, tags: Option<&Tags>) -> IamRequest {
        let mut request = IamRequest::new(action, resource, self.region());

        for (key, value) in tags.into_iter().flatten() {
            request = request.with(&format!("aws:ResourceTag/{key}"), value);
        }
        self.with_tags_of_call(request)
    }

    /// Adds the tags that the call writes or removes.
    pub(crate) fn with_tags_of_call(self, mut request: IamRequest) -> IamRequest {
        let input = &self.request.input;
        for (key, value) in written_tags(input) {
            request = request
                .with("aws:TagKeys", key)
                .with(&format!("aws:RequestTag/{key}"), value);
        }

        // DRS and EFS spell the member differently.
        let removed = ["tagKeys", "TagKeys"]
            .iter()
            .find_map(|name| input.get(name)?.as_array());
        for key in removed.into_iter().flatten().filter_map(Value::as_str) {
            request = request.with("aws:TagKeys", key);
        }

        request
    }

    /// The requests for what AWS does with the caller's permissions to carry out an action.
    pub(crate) fn dependent(
        self,
        table: &DependentActions,
        action: &str,
    ) -> impl Iterator<Item = IamRequest> {
        // Most actions need no others.
        let row = table.iter().find(|(needing, _)| *needing == action);
        let needed = row.map(|(_, needed)| *needed).unwrap_or_default();

        needed.iter().map(move |needed| {
            IamRequest::new(needed, "*", self.region()).with("aws:ViaAWSService", "true")
        })
    }

    /// The ARN of a resource in the Region of the call. A name that is an ARN stays as it is.
    pub(crate) fn arn(self, service: &str, kind: &str, name: &str) -> String {
        arn(service, self.region(), &self.world.account, kind, name)
    }
}

/// The ARN of a resource. A name that is an ARN stays as it is.
pub(crate) fn arn(service: &str, region: &str, account: &str, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    constraints::arn(service, region, account, &format!("{kind}/{name}"))
}

/// The tags that a call writes: an object in DRS, a list in EFS.
pub(crate) fn written_tags(input: &Value) -> impl Iterator<Item = (&str, &str)> {
    let object = input.get("tags").and_then(Value::as_object);
    let members = object
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));

    let list = input.get("Tags").and_then(Value::as_array);
    let items = list
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag.get("Key")?.as_str()?, tag.get("Value")?.as_str()?)));

    members.chain(items)
}

/// Requests as text for the tests of all services.
#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;
    use crate::{aws::call::Service, services};

    /// The requests of a call in us-east-1, a line each, without the Region.
    pub(crate) fn requests(
        service: Service,
        operation: &str,
        input: Value,
        world: &World,
    ) -> Vec<String> {
        let request = Request {
            service,
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            input,
        };
        let call = IamCall {
            request: &request,
            world,
        };

        let requests = (services::definition(service).iam)(&call);
        requests.iter().map(line).collect()
    }

    fn line(request: &IamRequest) -> String {
        let mut line = format!("{} {}", request.action, request.resource);
        for (key, values) in &request.keys {
            if key != "aws:RequestedRegion" {
                line += &format!(" {key}={}", values.join("+"));
            }
        }
        line
    }
}
