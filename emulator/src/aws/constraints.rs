//! The limits of AWS's service models, in a table that is generated from them.
//!
//! The input of a call is checked before anything answers it, and the resources of a world are
//! checked by the answers that describe them. So neither can have a value that no model has.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::aws::{
    call::{Pair, Service},
    error::ApiError,
    shapes::{Kind, Origin, Shapes},
};

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the table is part of this program, and a test reads it"
    )]
    serde_json::from_str(include_str!("constraints.json"))
        .expect("the table of constraints can be read")
});

#[derive(Deserialize)]
struct Table {
    partitions: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    models: BTreeMap<Service, Model>,
}

#[derive(Deserialize)]
struct Model {
    regions: Vec<String>,
    operations: BTreeMap<String, Operation>,
    shapes: Shapes,
}

#[derive(Deserialize)]
struct Operation {
    input: Option<String>,
    /// The members in path and query, by the names that they have there.
    #[serde(default)]
    uri: BTreeMap<String, String>,
    #[serde(default)]
    querystring: BTreeMap<String, String>,
}

fn operation(service: Service, name: &str) -> Option<(&'static Model, &'static Operation)> {
    let model = TABLE.models.get(&service)?;
    Some((model, model.operations.get(name)?))
}

/// The partition of a Region; `None` for a Region that does not exist.
#[must_use]
pub fn partition(region: &str) -> Option<&'static str> {
    let mut partitions = TABLE.partitions.iter();
    let (partition, _) =
        partitions.find(|(_, regions)| regions.iter().any(|known| known == region))?;

    Some(partition)
}

/// The ARN of a resource, in the partition of its Region.
#[must_use]
pub fn arn(service: &str, region: &str, account: &str, resource: &str) -> String {
    // Unknown Regions are refused elsewhere; an ARN needs some partition.
    let partition = partition(region).unwrap_or("aws");
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

/// Whether a service has an endpoint in a Region.
#[must_use]
pub fn is_in(service: Service, region: &str) -> bool {
    let model = TABLE.models.get(&service);
    model.is_some_and(|model| model.regions.iter().any(|known| known == region))
}

/// The members of a call from its body, its path and its query, if the model allows them.
pub(crate) fn input(
    service: Service,
    name: &str,
    path: &[(&str, String)],
    query: &[Pair],
    body: Value,
) -> Result<Value, ApiError> {
    let (model, operation) = operation(service, name)
        .ok_or_else(|| ApiError::validation(format!("{name} is not in the model")))?;
    let Value::Object(mut members) = body else {
        return Err(ApiError::serialization("the body is not an object"));
    };

    // A caller that sends such a member in the body is mistaken about where it belongs.
    let mut elsewhere = operation.uri.values().chain(operation.querystring.values());
    if let Some(member) = elsewhere.find(|member| members.contains_key(*member)) {
        let message = format!("{member} does not belong in the body");
        return Err(ApiError::validation(message));
    }
    for (name, value) in path {
        // The name in the path and the name of the member may differ.
        let member = operation.uri.get(*name).map_or(*name, String::as_str);
        members.insert(member.to_owned(), json!(value));
    }
    for parameter in query {
        add_parameter(model, operation, parameter, &mut members)?;
    }

    // Wherever its members came from, the input is checked as a whole.
    let mut input = Value::Object(members);
    // An operation without an input takes no members.
    match &operation.input {
        Some(shape) => model.shapes.check(shape, &mut input, Origin::Caller)?,
        None if input == json!({}) => {}
        None => {
            let message = format!("1 validation error detected: {name} has no members");
            return Err(ApiError::validation(message));
        }
    }
    Ok(input)
}

/// Adds a parameter of the query to the members of a call.
fn add_parameter(
    model: &Model,
    operation: &Operation,
    (name, value): &Pair,
    members: &mut Map<String, Value>,
) -> Result<(), ApiError> {
    let member = operation
        .querystring
        .get(name)
        .ok_or_else(|| ApiError::validation(format!("`{name}` is not a parameter of it")))?;
    let shape = operation.input.as_ref();
    let kind = shape.and_then(|shape| model.shapes.member(shape, member));

    // A list in a query is a parameter that repeats.
    if matches!(kind, Some(Kind::List { .. })) {
        let list = members.entry(member.clone()).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!(value));
        }
        return Ok(());
    }

    // Services differ in which of two values they take.
    if members.contains_key(member) {
        return Err(ApiError::serialization(format!("{name} appears twice")));
    }
    // Text is all that a query has, so the model says what it stands for.
    let value = match kind {
        Some(Kind::Integer) => {
            let number: Option<i64> = value.parse().ok();
            json!(number.ok_or_else(|| ApiError::serialization(format!("{name} is not a number")))?)
        }
        _ => json!(value),
    };
    members.insert(member.clone(), value);
    Ok(())
}

/// Whether an operation has a member in its input.
pub(crate) fn takes(service: Service, name: &str, member: &str) -> bool {
    let Some((model, operation)) = operation(service, name) else {
        return false;
    };
    let shape = operation.input.as_ref();

    shape.is_some_and(|shape| model.shapes.member(shape, member).is_some())
}

/// Checks the members of a call, wherever it carries them.
///
/// # Errors
///
/// As [`check`], or a sentence for an operation that is not emulated.
pub(crate) fn check_input(service: Service, name: &str, input: &Value) -> Result<(), String> {
    let (_, operation) =
        operation(service, name).ok_or("it is not an operation that is emulated")?;

    match &operation.input {
        Some(shape) => check(service, shape, input),
        None => Ok(()),
    }
}

/// Checks a value of AWS against a shape of a service's model.
///
/// # Errors
///
/// A sentence about each member that does not fit, and what its model requires.
pub(crate) fn check(service: Service, shape: &str, value: &Value) -> Result<(), String> {
    let model = TABLE
        .models
        .get(&service)
        .ok_or("the service has no model")?;

    model
        .shapes
        .check(shape, &mut value.clone(), Origin::Aws)
        .map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code and the message of the error for a call; `none` if it is accepted.
    fn refusal(service: Service, operation: &str, query: &[(&str, &str)], body: Value) -> String {
        let query: Vec<Pair> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();

        match input(service, operation, &[], &query, body) {
            Ok(_) => "none".to_owned(),
            Err(error) => format!("{} {}", error.code, error.message),
        }
    }

    fn drs(operation: &str, body: Value) -> String {
        refusal(Service::Drs, operation, &[], body)
    }

    fn efs(operation: &str, body: Value) -> String {
        refusal(Service::Efs, operation, &[], body)
    }

    /// The refusal of a replication to a destination.
    fn replicate_to(destination: Value) -> String {
        let members = [("SourceFileSystemId", "fs-00000001".to_owned())];
        let body = json!({ "Destinations": [destination] });
        let operation = "CreateReplicationConfiguration";

        match input(Service::Efs, operation, &members, &[], body) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn violation_is_refused_by_the_name_of_the_member() {
        let ids = ["s-00000000000000001", "s-0000000000000000_"];
        let filters = json!({ "filters": { "sourceServerIDs": ids } });
        assert_eq!(
            drs("DescribeSourceServers", filters),
            "ValidationException 1 validation error detected: Value 's-0000000000000000_' at \
             'filters.sourceServerIDs.2.member' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: s-[0-9a-zA-Z]{17}"
        );

        let absent = json!({ "sourceServerID": null });
        assert_eq!(
            drs("DisconnectSourceServer", absent),
            "ValidationException 1 validation error detected: Value null at 'sourceServerID' \
             failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn length_counts_characters() {
        let tag = |length: usize| {
            let members = [("resourceArn", "arn:aws:drs:us-east-1:1:x/y".to_owned())];
            let body = json!({ "tags": { "key": "ä".repeat(length) } });
            input(Service::Drs, "TagResource", &members, &[], body).is_ok()
        };

        assert!(tag(256));
        assert!(!tag(257));
    }

    #[test]
    fn member_of_the_path_does_not_belong_in_the_body() {
        let body = json!({ "resourceArn": "arn:aws:drs:us-east-1:1:x/y", "tags": { "a": "b" } });

        let refused = drs("TagResource", body);
        assert!(refused.contains("does not belong in the body"), "{refused}");
    }

    #[test]
    fn limits_are_exact() {
        for (count, refused) in [(0, true), (1, false), (200, false), (201, true)] {
            let ids = json!({ "recoveryInstanceIDs": vec!["i-0123456789abcdef0"; count] });
            let refusal = drs("TerminateRecoveryInstances", ids);
            assert_eq!(refusal != "none", refused, "{count}");
        }

        for (size, refusal) in [
            (json!(0), "ValidationException"),
            (json!(1), "none"),
            (json!(i32::MAX), "none"),
            (json!(1_u64 << 31), "SerializationException"),
            (json!(1.5), "SerializationException"),
            (json!("1"), "SerializationException"),
            (json!(null), "none"),
        ] {
            let refused = drs("DescribeJobs", json!({ "maxResults": size }));
            assert!(refused.starts_with(refusal), "{size}: {refused}");
        }
    }

    #[test]
    fn number_in_a_query_has_the_limits_of_the_model() {
        let refusal = |size| {
            let query = [("MaxItems", size)];
            refusal(Service::Efs, "DescribeFileSystems", &query, json!({}))
        };

        assert_eq!(refusal("2147483647"), "none");
        for size in ["0", "2147483648", "many", ""] {
            assert_ne!(refusal(size), "none", "{size}");
        }
    }

    #[test]
    fn query_parameter_that_is_no_list_appears_once() {
        for (operation, name, value) in [
            ("DescribeFileSystems", "MaxItems", "5"),
            ("DescribeAccessPoints", "MaxResults", "5"),
            ("DescribeFileSystems", "FileSystemId", "fs-00000001"),
        ] {
            let twice = [(name, value), (name, value)];
            assert_eq!(
                refusal(Service::Efs, operation, &twice, json!({})),
                format!("SerializationException {name} appears twice")
            );
        }
    }

    #[test]
    fn nested_member_has_its_own_limits() {
        let create = |more: Value| {
            let mut body = json!({ "CreationToken": "once" });
            let members = body.as_object_mut().unwrap();
            members.extend(more.as_object().unwrap().clone());
            efs("CreateFileSystem", body)
        };
        let tagged = json!({ "KmsKeyId": "alias/dr", "Tags": [{ "Key": "ä", "Value": "" }] });
        assert_eq!(create(tagged), "none");

        for wrong in [
            json!({ "KmsKeyId": "any text" }),
            json!({ "Tags": [{ "Value": "of no key" }] }),
            json!({ "Tags": [{ "Key": "Aws:mine", "Value": "" }] }),
            json!({ "Tags": [{ "Key": "a\nb", "Value": "" }] }),
            json!({ "Tags": [null] }),
            json!({ "Tags": { "a": "b" } }),
            json!({ "Backup": "true" }),
            json!({ "PerformanceMode": "GeneralPurpose" }),
            json!({ "ProvisionedThroughputInMibps": 0.5 }),
            json!({ "creationToken": "twice" }),
        ] {
            assert_ne!(create(wrong.clone()), "none", "{wrong}");
        }
    }

    #[test]
    fn pattern_matches_the_whole_text() {
        for (path, ok) in [
            ("/", true),
            ("/a/b.c/d/e", true),
            ("/a/b/c/d/e", false),
            ("/.a", false),
            ("/a/", false),
            ("", false),
        ] {
            let body = json!({
                "ClientToken": "a",
                "FileSystemId": "fs-00000001",
                "RootDirectory": { "Path": path },
            });
            assert_eq!(efs("CreateAccessPoint", body) == "none", ok, "{path}");
        }

        assert_eq!(replicate_to(json!({ "Region": "eu-west-1" })), "none");
        assert_ne!(replicate_to(json!({ "Region": "fips-us-east-1" })), "none");
    }

    #[test]
    fn region_is_in_one_partition_and_has_its_services() {
        assert_eq!(partition("us-east-1"), Some("aws"));
        assert_eq!(partition("us-gov-west-1"), Some("aws-us-gov"));
        for unknown in ["us-east-9", "aws-global", "fips-us-east-1"] {
            assert_eq!(partition(unknown), None, "{unknown}");
        }

        assert!(is_in(Service::Efs, "cn-north-1"));
        assert!(!is_in(Service::Drs, "cn-north-1"));
    }
}
