//! The contract of a request, version 1, as it is written on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    AwsInstanceId, EbsSnapshotId, Rejection, RequestId,
    drs::SourceServerRef,
    ids::{Id, Kind, matches_pattern},
    request::{Timestamp, check_count, check_expiry, check_not_too_late, check_version},
    strict::{self, Object},
};

/// The detail-type of a request that comes as an EventBridge event.
pub const DETAIL_TYPE: &str = "Source Server Decommission Requested";

/// The most targets that one request may name, whatever the deployment allows.
const MAX_TARGETS: usize = 100;

/// What to do with a source server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Stop replication for good. The record stays, DISCONNECTED, and the approval is removed.
    #[default]
    Disconnect,
    /// Disconnect and keep the approval: the record is to be deleted 90 minutes later.
    Retire,
    /// Delete the record of a server that is DISCONNECTED, once DRS shows nothing of its staging
    /// area.
    Delete,
    /// Read whether DRS shows anything of the staging area of a server that is DISCONNECTED.
    Verify,
}

/// A host name as the DRS agent reported it: 1 to 255 ASCII letters, digits and `. _ -`.
pub type HostName = Id<HostNameKind>;

/// The kind of [`HostName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostNameKind;

impl Kind for HostNameKind {
    const EXPECTED: &'static str = "a host name: 1 to 255 letters, digits and . _ -";

    fn matches(text: &str) -> bool {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        matches_pattern(text, "", allowed, 1..=255)
    }
}

/// The detail of a request.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Source Server Decommission Requested"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Request {
    /// The version of this contract.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    #[expect(
        dead_code,
        reason = "checked before the rest is read; declared so that it is not an unknown field"
    )]
    version: u8,
    /// The ID of the change; the approval tag on each server must have the same value.
    #[serde(rename = "requestID")]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            length(min = 1, max = 128),
            regex(pattern = r"^[0-9A-Za-z._:/=+@-]+$")
        )
    )]
    pub(crate) request_id: RequestId,
    /// When the request expires: RFC 3339, at most 24 hours ahead.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub(crate) expires_at: Timestamp,
    /// What to do with the servers.
    #[serde(default)]
    pub(crate) action: Action,
    /// The servers, each by one name or several.
    #[cfg_attr(
        test,
        schemars(with = "Vec<RequestedServer>", length(min = 1, max = 100))
    )]
    pub(crate) targets: Vec<Object<RequestedServer>>,
    /// Whether to observe, plan and report only.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Of a deletion: whether to delete the record even while DRS shows something of the staging
    /// area.
    #[serde(default)]
    pub(crate) skip_cleanup_check: bool,
}

/// One source server. Every name that is given must match the same server exactly.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("minProperties" = 1), transform = tests::drop_null_defaults))]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestedServer {
    /// The ID or the ARN of the source server.
    #[serde(
        rename = "sourceServerID",
        default,
        deserialize_with = "strict::present"
    )]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            regex(
                pattern = r"^(arn:aws[a-z-]*:drs:[a-z0-9-]+:[0-9]{12}:source-server/)?s-[0-9A-Za-z]{17}$"
            )
        )
    )]
    pub(crate) source_server: Option<SourceServerRef>,
    /// The EC2 instance that is replicated.
    #[serde(
        rename = "awsInstanceID",
        default,
        deserialize_with = "strict::present"
    )]
    #[cfg_attr(
        test,
        schemars(with = "String", regex(pattern = r"^i-[0-9A-Fa-f]{8,17}$"))
    )]
    pub(crate) aws_instance_id: Option<AwsInstanceId>,
    /// The host name, as the DRS agent reported it.
    #[serde(default, deserialize_with = "strict::present")]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            length(min = 1, max = 255),
            regex(pattern = r"^[0-9A-Za-z._-]+$")
        )
    )]
    pub(crate) hostname: Option<HostName>,
    /// The fully qualified host name, as the DRS agent reported it.
    #[serde(default, deserialize_with = "strict::present")]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            length(min = 1, max = 255),
            regex(pattern = r"^[0-9A-Za-z._-]+$")
        )
    )]
    pub(crate) fqdn: Option<HostName>,
    /// Of a deletion or a verification: what the disconnect before it destroyed, as its report
    /// says. It is reported again, and decides nothing.
    #[serde(default, deserialize_with = "strict::present")]
    #[cfg_attr(test, schemars(with = "Lost"))]
    pub(crate) lost: Option<Object<Lost>>,
    /// Of a deletion or a verification: the disconnect before it, as its report says.
    #[serde(default, deserialize_with = "strict::present")]
    #[cfg_attr(test, schemars(with = "PriorDisconnect"))]
    pub(crate) disconnect: Option<Object<PriorDisconnect>>,
}

/// What a disconnect destroyed for good, as an earlier report of the same request says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transform = tests::drop_null_defaults))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Lost {
    /// How many recovery points.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub recovery_points: Option<u64>,
    /// How long the server had replicated, in hours.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub replication_hours: Option<u64>,
}

/// The disconnect of a server, as an earlier report of the same request says: DRS remembers nothing
/// of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transform = tests::drop_null_defaults))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PriorDisconnect {
    /// When a report saw the server DISCONNECTED, to within minutes: RFC 3339. Without it a staging
    /// area that is left is waited for and never a failure.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub at: Option<Timestamp>,
    /// For how many seconds DRS had not seen the agent before.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub agent_silent_seconds: Option<u64>,
    /// The EBS snapshots of the newest recovery points before, at most ten. The follow-up asks EC2
    /// for them.
    #[serde(
        rename = "ebsSnapshotIDs",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    #[cfg_attr(
        test,
        schemars(
            with = "Vec<String>",
            length(max = 10),
            inner(regex(pattern = r"^snap-[0-9A-Fa-f]{8,17}$"))
        )
    )]
    pub ebs_snapshot_ids: Vec<EbsSnapshotId>,
}

/// Reads the detail of a request at the time `now`.
pub(crate) fn read(text: &str, now: DateTime<Utc>) -> Result<Request, Rejection> {
    // The version first: a later one may have other fields.
    check_version(text)?;
    let request: Request = strict::read(text)?;

    // Expiry forbids changes, and no looks.
    match request.action {
        Action::Verify => check_not_too_late(request.expires_at.0, now)?,
        Action::Disconnect | Action::Retire | Action::Delete => {
            check_expiry(request.expires_at.0, now)?;
        }
    }
    check_count("targets", request.targets.len(), MAX_TARGETS)?;

    Ok(request)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use serde_json::Value;

    use super::*;

    /// A name that is left out has no default value, and `null` is not one.
    pub(super) fn drop_null_defaults(schema: &mut schemars::Schema) {
        let properties = schema
            .get_mut("properties")
            .and_then(Value::as_object_mut)
            .unwrap();
        properties
            .values_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|property| drop(property.remove("default")));
    }

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_types() {
        let schema = schemars::schema_for!(Request);
        let text = serde_json::to_string_pretty(&schema)
            .unwrap()
            .replace("\\n", " ")
            + "\n";
        expect_file!["../request.schema.json"].assert_eq(&text);
    }
}
