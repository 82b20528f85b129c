//! The contract of a request, version 1, as it is written on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    Rejection, RequestId,
    efs::{FileSystemId, FileSystemRef},
    request::{Timestamp, check_count, check_not_too_late, check_version},
    strict::{self, Object},
};

/// The detail-type of a request that comes as an EventBridge event.
pub const DETAIL_TYPE: &str = "File System Replication Requested";

/// The most file systems that one request may name, whatever the deployment allows.
const MAX_TARGETS: usize = 100;

/// What to do with one resource of the replica.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Copying {
    /// Copy it from the source.
    Copy,
    /// Leave it as it is.
    #[default]
    Leave,
}

/// Whether automatic backups are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Backup {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// A mount target that the replica is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestedMountTarget {
    /// The subnet, in the VPC and Region of the replica.
    #[cfg_attr(test, schemars(regex(pattern = r"^subnet-[0-9a-f]{8,40}$")))]
    pub subnet_id: String,
    /// Its security groups, at most five; none is the VPC's default.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(length(max = 5), inner(regex(pattern = r"^sg-[0-9a-f]{8,40}$")))
    )]
    pub security_groups: Vec<String>,
}

/// The detail of a request.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "File System Replication Requested"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Request {
    /// The version of this contract.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    #[expect(
        dead_code,
        reason = "checked before the rest is read; declared so that it is not an unknown field"
    )]
    version: u8,
    /// The ID of the change.
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
    /// The file systems that are to have a replica.
    #[cfg_attr(
        test,
        schemars(with = "Vec<RequestedFileSystem>", length(min = 1, max = 100))
    )]
    pub(crate) targets: Vec<Object<RequestedFileSystem>>,
    /// Whether to observe, plan and report only.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// One file system and its replica.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RequestedFileSystem {
    /// The ID or the ARN of the source.
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            regex(
                pattern = r"^(arn:aws[a-z-]*:elasticfilesystem:[a-z0-9-]+:[0-9]{12}:file-system/)?fs-[0-9a-f]{8,40}$"
            )
        )
    )]
    pub(crate) source_file_system_id: FileSystemRef,
    /// Where the replica is to be.
    #[cfg_attr(test, schemars(with = "RequestedDestination"))]
    pub(crate) destination: Object<RequestedDestination>,
    /// The ID of the existing file system that may be overwritten, repeated; `null` for a new one.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Option<String>", regex(pattern = r"^fs-[0-9a-f]{8,40}$"))
    )]
    pub(crate) overwrite: Option<FileSystemId>,
    /// Whether an unencrypted source may have an encrypted replica, from which it can never be
    /// restored.
    #[serde(default)]
    pub(crate) accept_no_failback: bool,
    /// What the replica is to have besides the data.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<RequestedReplica>"))]
    pub(crate) replica: Option<Object<RequestedReplica>>,
}

/// Where a replica is to be: a Region, a zone for One Zone, or an existing file system.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[derive(Default)]
pub(crate) struct RequestedDestination {
    /// The Region.
    pub(crate) region: Option<String>,
    /// The Availability Zone of a new One Zone file system.
    pub(crate) availability_zone_name: Option<String>,
    /// The KMS key of a new file system: ID, ARN, alias or ARN of an alias, in the Region of the
    /// replica.
    pub(crate) kms_key_id: Option<String>,
    /// An existing file system; by ARN if it is in another account.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(crate) file_system_id: Option<FileSystemRef>,
    /// The role by which EFS replicates into another account.
    pub(crate) role_arn: Option<String>,
}

/// What the replica is to have; what is left out stays as it is.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[derive(Default)]
pub(crate) struct RequestedReplica {
    /// Mount targets, one for each Availability Zone, all in one VPC.
    #[cfg_attr(test, schemars(with = "Vec<RequestedMountTarget>", length(max = 12)))]
    pub(crate) mount_targets: Vec<Object<RequestedMountTarget>>,
    /// `copy` makes the source's access points.
    pub(crate) access_points: Copying,
    /// `copy` sets the source's lifecycle policies.
    pub(crate) lifecycle: Copying,
    /// Whether automatic backups are on.
    pub(crate) backup: Option<Backup>,
    /// `copy` translates the source's file system policy and merges it.
    pub(crate) policy: Copying,
    /// `copy` sets the source's tags, but for those of AWS and of drover.
    pub(crate) tags: Copying,
}

/// Reads the detail of a request at the time `now`.
pub(crate) fn read(text: &str, now: DateTime<Utc>) -> Result<Request, Rejection> {
    // The version first: a later one may have other fields.
    check_version(text)?;
    let request: Request = strict::read(text)?;

    // Whether it has expired is for the planner: expiry forbids changes, and no looks.
    check_not_too_late(request.expires_at.0, now)?;
    check_count("targets", request.targets.len(), MAX_TARGETS)?;

    Ok(request)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

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
