//! The Resource Groups Tagging API as a service among others.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Request, Service},
        error::ApiError,
        operation::{self, Operation},
    },
    definition::{Definition, Protocol},
    iam::{IamCall, IamRequest},
    saved::Saved,
    tagging::{get_resources::get_resources, pages},
    world::World,
};

/// What `X-Amz-Target` starts with.
const TARGET_PREFIX: &str = "ResourceGroupsTaggingAPI_20170126.";

/// The operations that are emulated.
static OPERATIONS: [Operation<World>; 1] =
    [operation::reads("GetResources", "POST", "/", get_resources)];

/// The Resource Groups Tagging API.
pub(crate) static DEFINITION: Definition = Definition {
    service: Service::Tagging,
    signing_name: "tagging",
    protocol: Protocol::Json11,

    route,
    changes: |name| Some(operation::find(&OPERATIONS, name)?.changes),
    bind: |_, _| Vec::new(),
    tokens: |_| ("PaginationToken", "PaginationToken"),
    first_token,
    subject,

    answer: |world, context, request| operation::answer(&OPERATIONS, world, context, request),
    iam: requests,
    save: |_, _| Saved::Nothing,

    error_body,
    invalid: "InvalidParameterException",
    internal: "InternalServiceException",
    throttled: ("ThrottledException", 400),
};

/// All operations share a path, and the target names one of them.
fn route(method: &str, path: &str, target: Option<&str>) -> Option<&'static str> {
    let name = target?.strip_prefix(TARGET_PREFIX)?;
    let operation = operation::find(&OPERATIONS, name)?;

    (operation.method == method && operation.path == path).then_some(operation.name)
}

/// Tokens of this API have a time. A list of ARNs has one page, and its requests accept no token.
fn first_token(request: &Request, now: DateTime<Utc>) -> Option<String> {
    let has_pages = request.input.get("ResourceARNList").is_none();
    has_pages.then(|| pages::token(request, 0, now))
}

fn error_body(error: &ApiError) -> Value {
    json!({ "__type": error.code, "Message": error.message })
}

/// IAM knows no resource for actions that read all tags of a Region.
fn requests(call: &IamCall<'_>) -> Vec<IamRequest> {
    let action = format!("tag:{}", call.request.operation);
    vec![IamRequest::new(&action, "*", call.region())]
}

/// The subject of a call, for people: the number of ARNs, or the filters.
fn subject(input: &Value) -> String {
    let texts = |member: &str, name: Option<&str>| -> Vec<String> {
        let items = input.get(member).and_then(Value::as_array);
        let items = items.into_iter().flatten();
        items
            .filter_map(|item| name.map_or(Some(item), |name| item.get(name))?.as_str())
            .map(str::to_owned)
            .collect()
    };

    // ARNs are long, so they are counted.
    let arns = texts("ResourceARNList", None);
    if !arns.is_empty() {
        return format!("{} ARNs", arns.len());
    }
    let mut filters = texts("ResourceTypeFilters", None);
    filters.extend(texts("TagFilters", Some("Key")));
    match filters.is_empty() {
        true => "all".to_owned(),
        false => filters.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::fixtures;

    #[test]
    fn target_selects_the_operation() {
        let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
        assert_eq!(route("POST", "/", Some(target)), Some("GetResources"));

        for (method, path, target) in [
            ("GET", "/", Some(target)),
            ("POST", "/GetResources", Some(target)),
            ("POST", "/", None),
            ("POST", "/", Some("GetResources")),
            (
                "POST",
                "/",
                Some("ResourceGroupsTaggingAPI_20170126.TagResources"),
            ),
        ] {
            assert_eq!(route(method, path, target), None, "{method} {path}");
        }
    }

    #[test]
    fn call_is_requested_on_any_resource() {
        let requests =
            fixtures::requests(Service::Tagging, "GetResources", json!({}), &World::empty());
        assert_eq!(requests, ["tag:GetResources *"]);
    }

    #[test]
    fn subject_names_the_filters() {
        assert_eq!(subject(&json!({})), "all");
        assert_eq!(subject(&json!({ "ResourceARNList": ["a", "b"] })), "2 ARNs");
        let filters = json!({ "ResourceTypeFilters": ["drs"], "TagFilters": [{ "Key": "a" }] });
        assert_eq!(subject(&filters), "drs a");
    }
}
