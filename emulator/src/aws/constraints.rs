//! What AWS's service models allow: the table that is generated from them, and the checks against
//! it.
//!
//! A request is held against the input of its operation before anything answers it; what a world
//! holds is held against the shapes that the answers about it have. So neither can have a value
//! that no model has.

use std::{collections::BTreeMap, fmt::Display, sync::LazyLock};

use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::{
    aws::call::{Pair, Service},
    aws::error::ApiError,
};

/// How much of a wrong value an error repeats.
const REPEATED: usize = 256;

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
    drs: Model,
    efs: Model,
}

#[derive(Deserialize)]
struct Model {
    regions: Vec<String>,
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
struct Operation {
    input: Option<String>,
    /// The members that the path and the query carry, by the names that they have there.
    #[serde(default)]
    uri: BTreeMap<String, String>,
    #[serde(default)]
    querystring: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Shape {
    #[serde(flatten)]
    kind: Kind,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Kind {
    Structure {
        members: BTreeMap<String, String>,
        required: Vec<String>,
    },
    List {
        member: String,
    },
    Map {
        key: String,
        value: String,
    },
    String {
        #[serde(default)]
        pattern: Option<Pattern>,
        /// What a caller may not begin with, though AWS does: its own tags.
        #[serde(default)]
        not: Option<Pattern>,
        #[serde(default, rename = "enum")]
        values: Vec<String>,
    },
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
}

/// An expression that a whole text has to fit, as the model writes it.
struct Pattern {
    text: String,
    regex: Regex,
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(serde::de::Error::custom)?;
        Ok(Self { text, regex })
    }
}

fn model(service: Service) -> &'static Model {
    match service {
        Service::Drs => &TABLE.drs,
        Service::Efs => &TABLE.efs,
    }
}

/// The partition of a Region, `None` for one that does not exist.
#[must_use]
pub fn partition(region: &str) -> Option<&'static str> {
    let of = TABLE
        .partitions
        .iter()
        .find(|(_, regions)| regions.iter().any(|known| known == region));
    of.map(|(partition, _)| partition.as_str())
}

/// The ARN of a resource in a Region, with the partition that the Region is in.
#[must_use]
pub fn arn(service: &str, region: &str, account: &str, resource: &str) -> String {
    format!(
        "arn:{}:{service}:{region}:{account}:{resource}",
        partition(region).unwrap_or("aws")
    )
}

/// Whether a service has an endpoint in a Region.
#[must_use]
pub fn is_in(service: Service, region: &str) -> bool {
    model(service).regions.iter().any(|known| known == region)
}

/// The members of a call, from its body and from what its path and its query say, as its model
/// allows them.
pub(crate) fn input(
    service: Service,
    operation: &str,
    path: &[(&str, String)],
    query: &[Pair],
    body: Value,
) -> Result<Value, ApiError> {
    let model = model(service);
    let unknown = || ApiError::validation(format!("{operation} is not in the model"));
    let of = model.operations.get(operation).ok_or_else(unknown)?;
    let Value::Object(mut members) = body else {
        return Err(serialization("the body is not an object"));
    };
    let elsewhere = of
        .uri
        .values()
        .chain(of.querystring.values())
        .find(|name| members.contains_key(*name));
    if let Some(name) = elsewhere {
        return Err(ApiError::validation(format!(
            "{name} does not belong in the body"
        )));
    }
    let shape = of.input.as_ref().and_then(|name| model.shapes.get(name));
    let of_member = |member: &str| match shape.map(|shape| &shape.kind) {
        Some(Kind::Structure { members, .. }) => {
            members.get(member).and_then(|name| model.shapes.get(name))
        }
        _ => None,
    };
    for (name, value) in path {
        let member = of.uri.get(*name).map_or(*name, String::as_str);
        members.insert(member.to_owned(), json!(value));
    }
    for (name, value) in query {
        let member = of.querystring.get(name);
        let member = member
            .ok_or_else(|| ApiError::validation(format!("`{name}` is not a parameter of it")))?;
        match of_member(member).map(|shape| &shape.kind) {
            Some(Kind::List { .. }) => {
                let list = members.entry(member.clone()).or_insert_with(|| json!([]));
                list.as_array_mut()
                    .into_iter()
                    .for_each(|list| list.push(json!(value)));
            }
            _ if members.contains_key(member) => {
                return Err(serialization(format!("{name} is there twice")));
            }
            Some(Kind::Integer) => {
                let number: i64 = value
                    .parse()
                    .map_err(|_| serialization(format!("{name} is not a number")))?;
                members.insert(member.clone(), json!(number));
            }
            _ => _ = members.insert(member.clone(), json!(value)),
        }
    }
    let mut input = Value::Object(members);
    let mut findings = Findings {
        model,
        of_a_caller: true,
        wrong_type: None,
        limits: Vec::new(),
    };
    match &of.input {
        Some(shape) => findings.walk(shape, "", &mut input),
        None if input == json!({}) => {}
        None => findings.limits.push(format!("{operation} has no members")),
    }
    findings.result().map(|()| input)
}

/// Whether an operation has a member of that name in its input.
pub(crate) fn takes(service: Service, operation: &str, member: &str) -> bool {
    let model = model(service);
    let input = model
        .operations
        .get(operation)
        .and_then(|of| model.shapes.get(of.input.as_ref()?));
    matches!(input.map(|shape| &shape.kind), Some(Kind::Structure { members, .. }) if members.contains_key(member))
}

/// Holds the members of a call, wherever it carries them, against its model.
///
/// # Errors
///
/// As [`check`], or a sentence for an operation that is not served.
pub(crate) fn check_input(service: Service, operation: &str, input: &Value) -> Result<(), String> {
    let of = model(service)
        .operations
        .get(operation)
        .ok_or("it is not an operation that is served")?;
    of.input
        .as_ref()
        .map_or(Ok(()), |shape| check(service, shape, input))
}

/// Holds a value against a shape of a service's model.
///
/// # Errors
///
/// A sentence that names each member that does not fit, and what its model wants.
pub(crate) fn check(service: Service, shape: &str, value: &Value) -> Result<(), String> {
    let mut findings = Findings {
        model: model(service),
        of_a_caller: false,
        wrong_type: None,
        limits: Vec::new(),
    };
    findings.walk(shape, "", &mut value.clone());
    findings.result().map_err(|error| error.message)
}

struct Findings {
    model: &'static Model,
    /// Whether the value comes from a caller and not from AWS.
    of_a_caller: bool,
    /// A value of another JSON type: it ends the reading of a request before limits are looked at.
    wrong_type: Option<String>,
    limits: Vec<String>,
}

impl Findings {
    /// Looks through a value, and removes the members that are null: they count as left out.
    fn walk(&mut self, name: &str, path: &str, value: &mut Value) {
        let model = self.model;
        let Some(shape) = model.shapes.get(name) else {
            return;
        };
        match (&shape.kind, value) {
            (Kind::Structure { members, required }, Value::Object(object)) => {
                object.retain(|_, value| !value.is_null());
                for (member, value) in object.iter_mut() {
                    match members.get(member) {
                        Some(shape) => self.walk(shape, &inside(path, member), value),
                        None => self
                            .limits
                            .push(format!("`{}` is not a member of {name}", shortened(member))),
                    }
                }
                for member in required
                    .iter()
                    .filter(|member| !object.contains_key(*member))
                {
                    self.refuse("null", &inside(path, member), "must not be null");
                }
            }
            (Kind::List { member }, Value::Array(items)) => {
                self.bound(shape, path, items.len() as f64, &json!(items), "length");
                for (at, item) in items.iter_mut().enumerate() {
                    let path = format!("{path}.{}.member", at + 1);
                    match item {
                        Value::Null => self.refuse("null", &path, "must not be null"),
                        item => self.walk(member, &path, item),
                    }
                }
            }
            (Kind::Map { key, value: of }, Value::Object(entries)) => {
                self.bound(shape, path, entries.len() as f64, &json!(entries), "length");
                for (name, value) in entries.iter_mut() {
                    self.walk(key, &format!("{path}.key"), &mut json!(name));
                    match value {
                        Value::Null => self.refuse("null", &inside(path, name), "must not be null"),
                        value => {
                            self.walk(of, &format!("{path}.{}.member", shortened(name)), value)
                        }
                    }
                }
            }
            (
                Kind::String {
                    pattern,
                    not,
                    values,
                },
                Value::String(text),
            ) => {
                let not = not.as_ref().filter(|_| self.of_a_caller);
                self.bound(
                    shape,
                    path,
                    text.chars().count() as f64,
                    &json!(text),
                    "length",
                );
                if let Some(pattern) = pattern
                    && (!pattern.regex.is_match(text)
                        || not.is_some_and(|not| not.regex.is_match(text)))
                {
                    self.refuse(
                        text,
                        path,
                        format!("must satisfy regular expression pattern: {}", pattern.text),
                    );
                }
                if !values.is_empty() && !values.contains(text) {
                    self.refuse(
                        text,
                        path,
                        format!("must satisfy enum value set: [{}]", values.join(", ")),
                    );
                }
            }
            (kind, value) if kind.is_number_like(value) => {
                self.bound(
                    shape,
                    path,
                    value.as_f64().unwrap_or_default(),
                    value,
                    "value",
                );
            }
            (Kind::Boolean, Value::Bool(_)) => {}
            (_, value) => {
                let value = shortened(&value.to_string());
                self.wrong_type
                    .get_or_insert_with(|| format!("{value} at '{path}' is of another type"));
            }
        }
    }

    fn bound(&mut self, shape: &Shape, path: &str, size: f64, value: &Value, of: &str) {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if let Some(min) = shape.min.filter(|min| size < *min) {
            self.refuse(
                &text,
                path,
                format!("must have {of} greater than or equal to {min}"),
            );
        }
        if let Some(max) = shape.max.filter(|max| size > *max) {
            self.refuse(
                &text,
                path,
                format!("must have {of} less than or equal to {max}"),
            );
        }
    }

    fn refuse(&mut self, value: &str, path: &str, must: impl Display) {
        let value = if value == "null" {
            value.to_owned()
        } else {
            format!("'{}'", shortened(value))
        };
        self.limits.push(format!(
            "Value {value} at '{path}' failed to satisfy constraint: Member {must}"
        ));
    }

    fn result(self) -> Result<(), ApiError> {
        if let Some(wrong) = self.wrong_type {
            return Err(serialization(wrong));
        }
        let count = self.limits.len();
        match count {
            0 => Ok(()),
            _ => {
                let plural = if count == 1 { "" } else { "s" };
                // Ten tell what is wrong with a request of a thousand.
                let all = self
                    .limits
                    .into_iter()
                    .take(10)
                    .collect::<Vec<_>>()
                    .join("; ");
                Err(ApiError::validation(format!(
                    "{count} validation error{plural} detected: {all}"
                )))
            }
        }
    }
}

impl Kind {
    /// Whether a value is a number as the kind has them: whole ones within 32 or 64 bits, or any.
    fn is_number_like(&self, value: &Value) -> bool {
        match self {
            Self::Integer => value
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
            Self::Long => value.is_i64(),
            Self::Float | Self::Double | Self::Timestamp => value.is_number(),
            _ => false,
        }
    }
}

/// The path of a member, in the spelling of AWS's errors.
fn inside(path: &str, member: &str) -> String {
    let mut letters = member.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let member: String = first.into_iter().chain(letters).take(REPEATED).collect();
    if path.is_empty() {
        member
    } else {
        format!("{path}.{member}")
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(REPEATED).collect()
}

/// What a REST-JSON service answers to what it cannot read at all.
pub(crate) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "SerializationException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn of_drs(operation: &str, body: Value) -> String {
        refusal(Service::Drs, operation, &[], body)
    }

    fn of_efs(operation: &str, body: Value) -> String {
        refusal(Service::Efs, operation, &[], body)
    }

    #[test]
    fn what_the_model_forbids_is_refused_by_the_name_of_the_member() {
        let id = "s-00000000000000001";
        let pattern = "Member must satisfy regular expression pattern: s-[0-9a-zA-Z]{17}";
        assert_eq!(
            of_drs(
                "DescribeSourceServers",
                json!({ "filters": { "sourceServerIDs": [id, "s-0000000000000000_"] } })
            ),
            format!(
                "ValidationException 1 validation error detected: Value 's-0000000000000000_' at \
                 'filters.sourceServerIDs.2.member' failed to satisfy constraint: {pattern}"
            )
        );
        assert_eq!(
            of_drs("DisconnectSourceServer", json!({ "sourceServerID": null })),
            "ValidationException 1 validation error detected: Value null at 'sourceServerID' failed to satisfy \
             constraint: Member must not be null"
        );
    }

    #[test]
    fn limits_hold_to_the_unit_and_lengths_are_those_of_characters() {
        let tags = |key: &str, value: &str| json!({ "resourceArn": "arn:aws:drs:us-east-1:1:x/y", "tags": { key: value } });
        let tag = |length: usize| {
            let members = [("resourceArn", "arn:aws:drs:us-east-1:1:x/y".to_owned())];
            let body = json!({ "tags": { "key": "ä".repeat(length) } });
            input(Service::Drs, "TagResource", &members, &[], body).is_ok()
        };
        assert!(tag(256) && !tag(257));
        assert!(of_drs("TagResource", tags("a", "b")).contains("does not belong in the body"));
        let ids =
            |count: usize| json!({ "recoveryInstanceIDs": vec!["i-0123456789abcdef0"; count] });
        for (count, refused) in [(0, true), (1, false), (200, false), (201, true)] {
            assert_eq!(
                of_drs("TerminateRecoveryInstances", ids(count)) != "none",
                refused,
                "{count}"
            );
        }
        for (size, answer) in [
            (json!(0), "ValidationException"),
            (json!(1), "none"),
            (json!(i32::MAX), "none"),
            (json!(1_u64 << 31), "SerializationException"),
            (json!(1.5), "SerializationException"),
            (json!("1"), "SerializationException"),
            (json!(null), "none"),
        ] {
            let refused = of_drs("DescribeJobs", json!({ "maxResults": size }));
            assert!(refused.starts_with(answer), "{size}: {refused}");
        }
        let of_query = |size| {
            refusal(
                Service::Efs,
                "DescribeFileSystems",
                &[("MaxItems", size)],
                json!({}),
            )
        };
        assert_eq!(of_query("2147483647"), "none");
        for size in ["0", "2147483648", "many", ""] {
            assert_ne!(of_query(size), "none", "{size}");
        }
    }

    #[test]
    fn a_query_parameter_that_is_no_list_is_there_once() {
        let twice = |operation: &str, name: &str, value: &str| {
            refusal(
                Service::Efs,
                operation,
                &[(name, value), (name, value)],
                json!({}),
            )
        };
        for (operation, name, value) in [
            ("DescribeFileSystems", "MaxItems", "5"),
            ("DescribeAccessPoints", "MaxResults", "5"),
            ("DescribeFileSystems", "FileSystemId", "fs-00000001"),
        ] {
            assert_eq!(
                twice(operation, name, value),
                format!("SerializationException {name} is there twice")
            );
        }
    }

    #[test]
    fn members_within_members_are_held_to_their_own_constraints() {
        let create = |more: Value| {
            let mut body = json!({ "CreationToken": "once" });
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            of_efs("CreateFileSystem", body)
        };
        assert_eq!(
            create(json!({ "KmsKeyId": "alias/dr", "Tags": [{ "Key": "ä", "Value": "" }] })),
            "none"
        );
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
        let root = |path: &str| {
            of_efs(
                "CreateAccessPoint",
                json!({ "ClientToken": "a", "FileSystemId": "fs-00000001", "RootDirectory": { "Path": path } }),
            )
        };
        for (path, ok) in [
            ("/", true),
            ("/a/b.c/d/e", true),
            ("/a/b/c/d/e", false),
            ("/.a", false),
            ("/a/", false),
            ("", false),
        ] {
            assert_eq!(root(path) == "none", ok, "{path}");
        }
        let region = |region: &str| of_destination(json!({ "Region": region }));
        assert_eq!(
            (region("eu-west-1"), region("fips-us-east-1") == "none"),
            ("none".to_owned(), false)
        );
    }

    fn of_destination(destination: Value) -> String {
        let members = [("SourceFileSystemId", "fs-00000001".to_owned())];
        let body = json!({ "Destinations": [destination] });
        let input = input(
            Service::Efs,
            "CreateReplicationConfiguration",
            &members,
            &[],
            body,
        );
        input.map_or_else(|error| error.message, |_| "none".to_owned())
    }

    #[test]
    fn a_region_is_of_one_partition_and_has_the_services_that_aws_has_there() {
        assert_eq!(partition("us-east-1"), Some("aws"));
        assert_eq!(partition("us-gov-west-1"), Some("aws-us-gov"));
        assert_eq!(
            (
                partition("us-east-9"),
                partition("aws-global"),
                partition("fips-us-east-1")
            ),
            (None, None, None)
        );
        assert!(is_in(Service::Efs, "cn-north-1") && !is_in(Service::Drs, "cn-north-1"));
    }
}
