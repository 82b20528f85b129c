//! `parse`: from the message that arrived to a [`Command`], or a named [`Rejection`].
//!
//! The only validation of input. Whether a destination fits its source is for the planner to say,
//! which sees both.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    Event, Message, Mode, Rejection, RejectionCode, RequestId,
    ids::{InvalidValue, matches_pattern},
    request::{self, Timestamp, check_count, check_expiry, check_version},
    strict::{self, Object},
};

/// The detail-type of a request that comes as an EventBridge event.
pub const DETAIL_TYPE: &str = "File System Replication Requested";
/// The most file systems that one request may name, whatever the deployment allows.
pub const MAX_TARGETS_IN_CONTRACT: usize = 100;

/// What is asked for, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The change under which it is asked for, and the value of the approval tag on a file system
    /// to be overwritten.
    pub request_id: RequestId,
    /// Which file systems; 1 to 100.
    pub targets: Vec<Target>,
    /// `Plan` for a dry run.
    pub mode: Mode,
}

/// One file system that is to have a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file system, in the function's own account and Region.
    pub source: FileSystemRef,
    /// Where to; `None` means that the tag `drover:replicate-to` of the source says so.
    pub destination: Option<Destination>,
    /// The ID of the file system that may be overwritten, repeated.
    pub overwrite: Option<FileSystemId>,
    /// Whether an unencrypted source may have an encrypted replica, from which it can never be
    /// restored.
    pub accept_no_failback: bool,
    /// What the replica is to have besides the data.
    pub replica: Replica,
}

/// Where a replica is to be, as the request says it; at least one of the first three is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The Region.
    pub region: Option<String>,
    /// The Availability Zone of a new One Zone file system.
    pub availability_zone_name: Option<String>,
    /// An existing file system.
    pub file_system: Option<FileSystemRef>,
    /// The KMS key of a new file system, in any of the forms that EFS knows.
    pub kms_key_id: Option<String>,
    /// The role by which EFS replicates into another account.
    pub role_arn: Option<String>,
}

/// What a replica is to have; EFS itself copies only the data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replica {
    /// Mount targets, one for each subnet.
    pub mount_targets: Vec<MountTarget>,
    /// Whether the source's access points are copied.
    pub access_points: Part,
    /// Whether the source's lifecycle policies are copied.
    pub lifecycle: Part,
    /// Whether automatic backups are on; as it is if left out.
    pub backup: Option<Backup>,
    /// Whether the source's file system policy is translated and merged.
    pub policy: Part,
    /// Whether the source's tags are copied.
    pub tags: Part,
}

/// What becomes of one part of the replica.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It is made as the source has it.
    Copy,
    /// It stays as it is.
    #[default]
    Leave,
}

/// Whether automatic backups are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Backup {
    /// They are.
    Enabled,
    /// They are not.
    Disabled,
}

/// A mount target that the replica is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MountTarget {
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

/// A file system as a request names it: by ID, or by ARN, in which case account and Region must fit
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileSystemRef {
    /// The ID, also if an ARN was given.
    pub id: FileSystemId,
    /// The ARN, if one was given.
    pub arn: Option<String>,
}

/// The ID of an EFS file system: `fs-` and 8 to 40 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FileSystemId(String);

impl Command {
    /// Reads a message at the time `now`.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the message breaks.
    pub fn parse(message: &Message, now: DateTime<Utc>) -> Result<Self, Rejection> {
        match message {
            Message::Bare(text) => parse_request(text, now),
            Message::Event(event) if event.detail_type == DETAIL_TYPE => {
                parse_request(request::detail(event)?, now)
            }
            Message::Event(event) if is_efs_call(event) => parse_efs_call(event),
            Message::Event(event) => Err(request::unsupported(event)),
        }
    }
}

/// The detail of a request, version 1, as it is written.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "File System Replication Requested"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    /// The version of this contract.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    #[expect(
        dead_code,
        reason = "checked before the rest is read; declared so that it is not an unknown field"
    )]
    version: u8,
    /// The change under which this is asked for.
    #[serde(rename = "requestID")]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            length(min = 1, max = 128),
            regex(pattern = r"^[0-9A-Za-z._:/=+@-]+$")
        )
    )]
    request_id: RequestId,
    /// When the request is no longer to be carried out: RFC 3339, at most 24 hours ahead.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    expires_at: Timestamp,
    /// The file systems that are to have a replica.
    #[cfg_attr(
        test,
        schemars(with = "Vec<RequestedFileSystem>", length(min = 1, max = 100))
    )]
    targets: Vec<Object<RequestedFileSystem>>,
    /// Whether to look, plan and report only.
    #[serde(default)]
    dry_run: bool,
}

/// One file system and its replica.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RequestedFileSystem {
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
    source_file_system_id: FileSystemRef,
    /// Where the replica is to be.
    #[cfg_attr(test, schemars(with = "RequestedDestination"))]
    destination: Object<RequestedDestination>,
    /// The ID of the existing file system that may be overwritten, repeated; `null` for a new one.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Option<String>", regex(pattern = r"^fs-[0-9a-f]{8,40}$"))
    )]
    overwrite: Option<FileSystemId>,
    /// Whether an unencrypted source may have an encrypted replica, from which it can never be
    /// restored.
    #[serde(default)]
    accept_no_failback: bool,
    /// What the replica is to have besides the data.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<RequestedReplica>"))]
    replica: Option<Object<RequestedReplica>>,
}

/// Where a replica is to be: a Region, a zone for One Zone, or an existing file system.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[derive(Default)]
struct RequestedDestination {
    /// The Region.
    region: Option<String>,
    /// The Availability Zone of a new One Zone file system.
    availability_zone_name: Option<String>,
    /// The KMS key of a new file system: ID, ARN, alias or ARN of an alias, in the Region of the
    /// replica.
    kms_key_id: Option<String>,
    /// An existing file system; by ARN if it is in another account.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    file_system_id: Option<FileSystemRef>,
    /// The role by which EFS replicates into another account.
    role_arn: Option<String>,
}

/// What the replica is to have; what is left out stays as it is.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[derive(Default)]
struct RequestedReplica {
    /// Mount targets, one for each subnet.
    #[cfg_attr(test, schemars(with = "Vec<MountTarget>"))]
    mount_targets: Vec<Object<MountTarget>>,
    /// `copy` makes the source's access points.
    access_points: Part,
    /// `copy` sets the source's lifecycle policies.
    lifecycle: Part,
    /// Whether automatic backups are on.
    backup: Option<Backup>,
    /// `copy` translates the source's file system policy and merges it.
    policy: Part,
    /// `copy` sets the source's tags, but for those of AWS and of drover.
    tags: Part,
}

fn parse_request(text: &str, now: DateTime<Utc>) -> Result<Command, Rejection> {
    check_version(text)?;
    let request: Request = strict::read(text)?;
    check_expiry(request.expires_at.0, now)?;
    check_count("targets", request.targets.len(), MAX_TARGETS_IN_CONTRACT)?;
    let targets = request
        .targets
        .into_iter()
        .map(|file_system| target(file_system.0));
    Ok(Command {
        request_id: request.request_id,
        targets: targets.collect::<Result<_, _>>()?,
        mode: if request.dry_run {
            Mode::Plan
        } else {
            Mode::Enforce
        },
    })
}

fn target(asked: RequestedFileSystem) -> Result<Target, Rejection> {
    Ok(Target {
        source: asked.source_file_system_id,
        destination: Some(destination(asked.destination.0)?),
        overwrite: asked.overwrite,
        accept_no_failback: asked.accept_no_failback,
        replica: asked
            .replica
            .map(|replica| replica_of(replica.0))
            .transpose()?
            .unwrap_or_default(),
    })
}

fn destination(asked: RequestedDestination) -> Result<Destination, Rejection> {
    let RequestedDestination {
        region,
        availability_zone_name,
        kms_key_id,
        file_system_id,
        role_arn,
    } = asked;
    if region.is_none() && availability_zone_name.is_none() && file_system_id.is_none() {
        let message = "a destination names a region, an availabilityZoneName or a fileSystemId";
        return Err(Rejection::new(RejectionCode::MissingField, message));
    }
    if file_system_id
        .as_ref()
        .is_some_and(|existing| existing.arn.is_none())
        && region.is_none()
    {
        let message = "an existing destination is named by its ARN, or by fileSystemId and region";
        return Err(Rejection::new(RejectionCode::MissingField, message));
    }
    if file_system_id.is_some() && (availability_zone_name.is_some() || kms_key_id.is_some()) {
        let message = "an existing destination keeps its zone and its key; availabilityZoneName and kmsKeyId are for new ones";
        return Err(Rejection::new(RejectionCode::InvalidValue, message));
    }
    check(
        "region",
        region.as_deref(),
        is_region,
        "a Region such as eu-west-1",
    )?;
    check(
        "availabilityZoneName",
        availability_zone_name.as_deref(),
        is_zone,
        "a zone such as eu-west-1a",
    )?;
    check(
        "kmsKeyId",
        kms_key_id.as_deref(),
        is_kms_key,
        "a KMS key: ID, ARN, alias or ARN of an alias",
    )?;
    check(
        "roleArn",
        role_arn.as_deref(),
        is_role,
        "the ARN of an IAM role",
    )?;
    Ok(Destination {
        region,
        availability_zone_name,
        file_system: file_system_id,
        kms_key_id,
        role_arn,
    })
}

fn replica_of(asked: RequestedReplica) -> Result<Replica, Rejection> {
    let RequestedReplica {
        mount_targets,
        access_points,
        lifecycle,
        backup,
        policy,
        tags,
    } = asked;
    let mount_targets: Vec<MountTarget> =
        mount_targets.into_iter().map(|target| target.0).collect();
    for (
        at,
        MountTarget {
            subnet_id,
            security_groups,
        },
    ) in mount_targets.iter().enumerate()
    {
        check(
            "subnetId",
            Some(subnet_id),
            |text| is_resource(text, "subnet-"),
            "a subnet such as subnet-0abc1234",
        )?;
        for group in security_groups {
            check(
                "securityGroups",
                Some(group),
                |text| is_resource(text, "sg-"),
                "a security group such as sg-0abc1234",
            )?;
        }
        if security_groups.len() > 5 {
            let message = format!(
                "{subnet_id} has {} security groups; a mount target takes five",
                security_groups.len()
            );
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
        if mount_targets
            .iter()
            .take(at)
            .any(|earlier| earlier.subnet_id == *subnet_id)
        {
            return Err(Rejection::new(
                RejectionCode::InvalidValue,
                format!("{subnet_id} is named twice"),
            ));
        }
    }
    Ok(Replica {
        mount_targets,
        access_points,
        lifecycle,
        backup,
        policy,
        tags,
    })
}

fn check(
    field: &str,
    text: Option<&str>,
    fits: fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), Rejection> {
    match text {
        Some(text) if !fits(text) => {
            let wrong = InvalidValue::new(text, expected);
            Err(Rejection::new(
                RejectionCode::InvalidValue,
                format!("{field}: {wrong}"),
            ))
        }
        _ => Ok(()),
    }
}

fn is_lower(byte: &u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-'
}

/// Whether a text can be a Region: lower-case words, three or more, of which the last is a number.
#[must_use]
pub fn is_region(text: &str) -> bool {
    matches_pattern(text, "", is_lower, 5..=32)
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.split('-').count() >= 3
}

/// A zone is its Region and a letter.
fn is_zone(text: &str) -> bool {
    text.strip_suffix(|last: char| last.is_ascii_lowercase())
        .is_some_and(is_region)
}

fn is_kms_key(text: &str) -> bool {
    matches_pattern(
        text,
        "",
        |byte| byte.is_ascii_alphanumeric() || b":/_-".contains(byte),
        1..=2048,
    )
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, iam, region, account, role] = parts.as_slice() else {
        return false;
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+=,.@/-".contains(byte);
    *arn == "arn"
        && partition.starts_with("aws")
        && *iam == "iam"
        && region.is_empty()
        && is_account(account)
        && matches_pattern(role, "role/", allowed, 1..=512)
}

fn is_account(text: &str) -> bool {
    matches_pattern(text, "", u8::is_ascii_digit, 12..=12)
}

fn is_resource(text: &str, prefix: &str) -> bool {
    matches_pattern(
        text,
        prefix,
        |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        8..=40,
    )
}

/// The calls to EFS, as CloudTrail delivers them, after which a file system may ask for a replica
/// by its tag.
fn is_efs_call(event: &Event) -> bool {
    event.source == "aws.elasticfilesystem" && event.detail_type == "AWS API Call via CloudTrail"
}

/// A file system that was created or tagged may carry `drover:replicate-to`. Only its ID is taken
/// from the event; the tag, and whether it is a replica itself, is read from EFS.
///
/// It does not expire: what the tag says now is what is wanted now.
fn parse_efs_call(event: &Event) -> Result<Command, Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Detail {
        event_source: String,
        event_name: String,
        #[serde(default)]
        error_code: Option<Value>,
        #[serde(default)]
        request_parameters: Option<Value>,
        #[serde(default)]
        response_elements: Option<Value>,
    }
    let detail: Detail = strict::read(&event.detail)?;
    if let Some(code) = &detail.error_code {
        let what = format!(
            "`{}` failed, by its errorCode {code}, and asks for no replica",
            detail.event_name
        );
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, what));
    }
    let named = |of: &Option<Value>, name: &str| Some(of.as_ref()?.get(name)?.as_str()?.to_owned());
    let requested = |name: &str| named(&detail.request_parameters, name);
    let id = match detail.event_name.as_str() {
        _ if detail.event_source != "elasticfilesystem.amazonaws.com" => None,
        "CreateFileSystem" => named(&detail.response_elements, "fileSystemId"),
        "TagResource" | "CreateTags" => {
            requested("resourceId").or_else(|| requested("fileSystemId"))
        }
        _ => None,
    };
    let Some(id) = id.filter(|id| !id.starts_with("fsap-")) else {
        let what = format!(
            "`{}` of `{}` asks for no replica",
            detail.event_name, detail.event_source
        );
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, what));
    };
    let source = FileSystemRef::try_from(id)
        .map_err(|wrong| Rejection::new(RejectionCode::InvalidValue, wrong.to_string()))?;
    let request_id = RequestId::try_from(source.id.0.clone());
    let request_id = request_id
        .map_err(|wrong| Rejection::new(RejectionCode::InvalidValue, wrong.to_string()))?;
    let target = Target {
        source,
        destination: None,
        overwrite: None,
        accept_no_failback: false,
        replica: Replica::default(),
    };
    Ok(Command {
        request_id,
        targets: vec![target],
        mode: Mode::Enforce,
    })
}

impl Destination {
    /// The Region that the destination says it is in, in whichever way: by name, by zone, or in an
    /// ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let zone = self
            .availability_zone_name
            .as_deref()
            .and_then(region_of_zone);
        let arn = self.file_system.as_ref().and_then(FileSystemRef::region);
        self.region.as_deref().or(zone).or(arn)
    }
}

/// The Region of a zone: its name without the last letter.
#[must_use]
pub fn region_of_zone(zone: &str) -> Option<&str> {
    zone.strip_suffix(|last: char| last.is_ascii_lowercase())
}

impl FileSystemRef {
    /// The Region in the ARN, if one was given.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn.as_deref()?.split(':').nth(3)
    }

    /// The account in the ARN, if one was given.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn.as_deref()?.split(':').nth(4)
    }

    /// The ARN, or the ID where none was given: what the API takes.
    #[must_use]
    pub fn text(&self) -> &str {
        self.arn.as_deref().unwrap_or(self.id.as_ref())
    }
}

impl TryFrom<String> for FileSystemId {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if is_resource(&text, "fs-") {
            return Ok(Self(text));
        }
        Err(InvalidValue::new(
            &text,
            "a file system ID: fs- and 8 to 40 lower-case hexadecimal digits",
        ))
    }
}

impl TryFrom<String> for FileSystemRef {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if !text.starts_with("arn:") {
            return FileSystemId::try_from(text).map(|id| Self { id, arn: None });
        }
        match id_in_arn(&text) {
            Some(id) => Ok(Self {
                id,
                arn: Some(text),
            }),
            None => Err(InvalidValue::new(
                &text,
                "the ARN of a file system: arn:aws:elasticfilesystem:REGION:ACCOUNT:file-system/ID",
            )),
        }
    }
}

/// The ID at the end of a file system's ARN; `None` if it is not such an ARN.
fn id_in_arn(arn: &str) -> Option<FileSystemId> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [
        "arn",
        partition,
        "elasticfilesystem",
        region,
        account,
        resource,
    ] = parts.as_slice()
    else {
        return None;
    };
    let id = FileSystemId::try_from(resource.strip_prefix("file-system/")?.to_owned()).ok()?;
    let fits = partition.starts_with("aws") && is_region(region) && is_account(account);
    fits.then_some(id)
}

impl From<FileSystemRef> for String {
    fn from(file_system: FileSystemRef) -> Self {
        file_system.arn.unwrap_or(file_system.id.0)
    }
}

impl AsRef<str> for FileSystemId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileSystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, path::Path};

    use expect_test::{expect, expect_file};
    use serde_json::json;
    use shared::{Inbound, envelope};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn request() -> Value {
        json!({
            "version": 1,
            "requestID": "CHG0031235",
            "expiresAt": "2026-11-22T00:00:00Z",
            "targets": [{ "sourceFileSystemId": "fs-0123456789abcdef0", "destination": { "region": "eu-west-1" } }],
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut request = request();
        request["targets"][0][member] = value;
        request
    }

    fn to(destination: Value) -> Value {
        with("destination", destination)
    }

    fn parse(request: &Value) -> Result<Command, Rejection> {
        Command::parse(&Message::Bare(request.to_string()), now())
    }

    #[track_caller]
    fn rejects(request: &Value, code: RejectionCode, part: &str) {
        let rejection = parse(request).unwrap_err();
        assert_eq!(rejection.code, code, "{rejection}");
        assert!(
            rejection.message.contains(part),
            "`{rejection}` does not say `{part}`"
        );
    }

    #[test]
    fn what_is_left_out_stays_as_it_is() {
        let command = parse(&request()).unwrap();
        assert_eq!(
            (command.mode, &command.targets[0].replica),
            (Mode::Enforce, &Replica::default())
        );
        let nulls = json!({ "region": "eu-west-1", "availabilityZoneName": null, "kmsKeyId": null, "fileSystemId": null, "roleArn": null });
        assert_eq!(parse(&to(nulls)).unwrap(), command);
    }

    #[test]
    fn a_destination_tells_its_region_in_three_ways() {
        let region = |destination| {
            parse(&to(destination)).unwrap().targets[0]
                .destination
                .as_ref()
                .unwrap()
                .region()
                .map(str::to_owned)
        };
        assert_eq!(
            region(json!({ "region": "eu-west-1" })).as_deref(),
            Some("eu-west-1")
        );
        assert_eq!(
            region(json!({ "availabilityZoneName": "eu-west-1b" })).as_deref(),
            Some("eu-west-1")
        );
        let arn = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000001";
        assert_eq!(
            region(json!({ "fileSystemId": arn })).as_deref(),
            Some("eu-west-1")
        );
        rejects(
            &to(json!({ "fileSystemId": "fs-00000001" })),
            RejectionCode::MissingField,
            "by its ARN, or by fileSystemId and region",
        );
    }

    #[test]
    fn every_field_is_checked_and_its_fault_is_named() {
        use RejectionCode::*;
        rejects(
            &with("sourceFileSystemId", json!("fs-0123")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("fs-0123456789ABCDEF0")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("fs-0123456789аbcdef")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("arn:aws:s3:::bucket")),
            InvalidValue,
            "the ARN of a file system",
        );
        rejects(
            &with("sourceFilesystemId", json!("fs-00000001")),
            UnknownField,
            "sourceFilesystemId",
        );
        rejects(&with("overwrite", json!(true)), WrongType, "string");
        rejects(&to(json!({})), MissingField, "names a region");
        rejects(&to(json!("eu-west-1")), WrongType, "an object");
        rejects(&to(json!(["eu-west-1"])), WrongType, "an object");
        rejects(&to(json!({ "region": "Europe" })), InvalidValue, "a Region");
        rejects(
            &to(json!({ "availabilityZoneName": "eu-west-1" })),
            InvalidValue,
            "a zone",
        );
        rejects(
            &to(json!({ "region": "eu-west-1", "roleArn": "replicate" })),
            InvalidValue,
            "an IAM role",
        );
        rejects(
            &to(json!({ "region": "eu-west-1", "kmsKeyId": "a b" })),
            InvalidValue,
            "a KMS key",
        );
        rejects(
            &to(
                json!({ "region": "eu-west-1", "fileSystemId": "fs-00000001", "kmsKeyId": "alias/dr" }),
            ),
            InvalidValue,
            "keeps its zone and its key",
        );
    }

    #[test]
    fn an_arn_is_that_of_a_file_system_or_a_role_in_every_part() {
        let file_system =
            "arn:aws-us-gov:elasticfilesystem:us-gov-west-1:111122223333:file-system/fs-00000001";
        let role = "arn:aws:iam::111122223333:role/service-role/replicate_1";
        let to_role = |role: &str| to(json!({ "region": "eu-west-1", "roleArn": role }));
        parse(&with("sourceFileSystemId", json!(file_system))).unwrap();
        let command = parse(&to_role(role)).unwrap();
        assert_eq!(
            command.targets[0]
                .destination
                .as_ref()
                .unwrap()
                .role_arn
                .as_deref(),
            Some(role)
        );
        for (part, wrong) in [
            ("arn:", "urn:"),
            ("arn:aws", "arn:evil"),
            ("elasticfilesystem", "fsx"),
            ("us-gov-west-1", "US"),
            ("111122223333", "11112222333"),
            ("file-system/", "access-point/"),
            ("fs-00000001", "fs-1"),
        ] {
            let wrong = with(
                "sourceFileSystemId",
                json!(file_system.replace(part, wrong)),
            );
            rejects(&wrong, RejectionCode::InvalidValue, "a file system");
        }
        for (part, wrong) in [
            ("arn:", "urn:"),
            ("arn:aws", "arn:evil"),
            ("iam", "sts"),
            ("::", ":eu-west-1:"),
            ("111122223333", "11112222333"),
            ("role/", "user/"),
            ("replicate", "repli cate"),
        ] {
            rejects(
                &to_role(&role.replace(part, wrong)),
                RejectionCode::InvalidValue,
                "an IAM role",
            );
        }
    }

    #[test]
    fn a_file_system_is_told_as_it_was_named() {
        for name in [
            "fs-00000001",
            "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000001",
        ] {
            let named = FileSystemRef::try_from(name.to_owned()).unwrap();
            assert_eq!(
                (named.text(), named.id.to_string().as_str()),
                (name, "fs-00000001")
            );
            assert_eq!(json!(named), json!(name));
        }
    }

    #[test]
    fn every_part_of_the_replica_is_checked() {
        use RejectionCode::*;
        let mounts = |mounts: Value| with("replica", json!({ "mountTargets": mounts }));
        rejects(
            &mounts(json!([{ "subnetId": "subnet-1" }])),
            InvalidValue,
            "a subnet",
        );
        rejects(
            &mounts(json!([{ "subnetId": "subnet-00000001", "securityGroups": ["x"] }])),
            InvalidValue,
            "a security group",
        );
        rejects(
            &mounts(
                json!([{ "subnetId": "subnet-00000001", "securityGroups": vec!["sg-00000001"; 6] }]),
            ),
            InvalidValue,
            "takes five",
        );
        let five = vec!["sg-00000001"; 5];
        parse(&mounts(
            json!([{ "subnetId": "subnet-00000001", "securityGroups": five }]),
        ))
        .unwrap();
        rejects(
            &mounts(json!([{ "subnetId": "subnet-00000001" }, { "subnetId": "subnet-00000001" }])),
            InvalidValue,
            "named twice",
        );
        rejects(
            &with("replica", json!({ "tags": "all" })),
            InvalidValue,
            "all",
        );
        rejects(
            &with("replica", json!({ "backup": true })),
            WrongType,
            "another type",
        );
    }

    #[test]
    fn only_efss_own_calls_that_succeeded_ask_for_a_replica() {
        let call = |source: &str, detail: Value| {
            let event =
                json!({ "detail-type": "AWS API Call via CloudTrail", "source": source, "detail": detail }).to_string();
            let Inbound::One(Ok(message)) = envelope::open(&event) else {
                panic!("not an event")
            };
            Command::parse(&message, now())
        };
        let created = |source: &str| json!({ "eventSource": source, "eventName": "CreateFileSystem", "responseElements": { "fileSystemId": "fs-00000001" } });
        let command = call(
            "aws.elasticfilesystem",
            created("elasticfilesystem.amazonaws.com"),
        )
        .unwrap();
        assert_eq!(
            (
                command.request_id.as_ref(),
                command.targets[0].source.id.as_ref()
            ),
            ("fs-00000001", "fs-00000001")
        );
        call("aws.elasticfilesystem", created("s3files.amazonaws.com")).unwrap_err();
        call("aws.fsx", created("fsx.amazonaws.com")).unwrap_err();
        let failed = json!({ "eventSource": "elasticfilesystem.amazonaws.com", "eventName": "CreateFileSystem", "errorCode": "BadRequest" });
        call("aws.elasticfilesystem", failed).unwrap_err();
        let tagged = |id: &str| json!({ "eventSource": "elasticfilesystem.amazonaws.com", "eventName": "CreateTags", "requestParameters": { "fileSystemId": id } });
        call("aws.elasticfilesystem", tagged("fs-00000001")).unwrap();
        call("aws.elasticfilesystem", tagged("fsap-00000001")).unwrap_err();
        call("aws.elasticfilesystem", tagged("nonsense")).unwrap_err();
    }

    /// Every message in a file, with what it was read as.
    fn readings(text: &str) -> Vec<String> {
        let messages = match envelope::open(text) {
            Inbound::One(message) => vec![message],
            Inbound::Sns(messages) => messages,
            Inbound::Sqs(deliveries) => deliveries
                .into_iter()
                .map(|delivery| delivery.message)
                .collect(),
        };
        let name = |target: &Target| {
            let destination = target
                .destination
                .as_ref()
                .map(|destination| destination.region().unwrap_or("?"));
            format!(
                "{} to {}",
                target.source.id,
                destination.unwrap_or("where its tag says")
            )
        };
        let read = |message: Result<Message, Rejection>| match message
            .and_then(|message| Command::parse(&message, now()))
        {
            Ok(command) => format!(
                "under {}: {}",
                command.request_id,
                command
                    .targets
                    .iter()
                    .map(name)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Err(rejection) => format!("{:?}: {rejection}", rejection.code),
        };
        messages.into_iter().map(read).collect()
    }

    fn table(folder: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../events")
            .join(folder);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let mut table = String::new();
        for file in files.iter().filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "json")
        }) {
            let text =
                emulator::event::fill(&std::fs::read_to_string(file).unwrap(), now()).unwrap();
            for reading in readings(&text) {
                writeln!(
                    table,
                    "{}\n    {reading}",
                    file.file_name().unwrap().display()
                )
                .unwrap();
            }
        }
        table
    }

    #[test]
    fn every_event_of_this_function_is_what_its_name_says() {
        expect![[r#"
            file-system-created.json
                under fs-0123456789abcdef2: fs-0123456789abcdef2 to where its tag says
            file-system-tagged.json
                under fs-0123456789abcdef2: fs-0123456789abcdef2 to where its tag says
            replication-onto-existing-requested.json
                under CHG0031236: fs-0123456789abcdef1 to eu-west-1
            replication-requested.json
                under CHG0031235: fs-0123456789abcdef0 to eu-west-1
            replication-requested.sns.json
                under CHG0031235: fs-0123456789abcdef0 to eu-west-1
            replication-requested.sqs.json
                under CHG0031235: fs-0123456789abcdef0 to eu-west-1
            replication-requested.sqs.json
                under CHG0031236: fs-0123456789abcdef1 to eu-west-1
            request.json
                under CHG0031235: fs-0123456789abcdef0 to eu-west-1
        "#]]
        .assert_eq(&table("bootstrap-efs-replication"));
    }

    #[test]
    fn every_sample_event_is_a_command_or_a_named_rejection() {
        expect_file!["../../../events/samples/as-replication.txt"].assert_eq(&table("samples"));
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
