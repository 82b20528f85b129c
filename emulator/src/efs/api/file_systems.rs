//! File systems on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        constraints,
        context::Context,
        error::ApiError,
    },
    efs::{
        api::{
            lists::{PAGE, arn, page, time},
            tags::{Tag, file_system_tags_json, read_tags},
        },
        model::{FileSystem, Model, zone_id},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateFileSystem {
    creation_token: String,
    performance_mode: Option<String>,
    #[serde(default)]
    encrypted: bool,
    kms_key_id: Option<String>,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
    availability_zone_name: Option<String>,
    backup: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListFileSystems {
    /// EFS ignores it, as documented.
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
    marker: Option<String>,
    creation_token: Option<String>,
    file_system_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UpdateFileSystem {
    file_system_id: String,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UpdateProtection {
    file_system_id: String,
    replication_overwrite_protection: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DeleteFileSystem {
    file_system_id: String,
}

impl CreateFileSystem {
    /// The file system, with the defaults of the API.
    fn into_file_system(self) -> Result<FileSystem, ApiError> {
        // A One Zone file system has automatic backups unless the call says otherwise.
        let is_one_zone = self.availability_zone_name.is_some();
        let has_backups = self.backup.unwrap_or(is_one_zone);
        let or_default =
            |mode: Option<String>, default: &str| mode.unwrap_or_else(|| default.to_owned());

        Ok(FileSystem {
            creation_token: self.creation_token,
            performance_mode: or_default(self.performance_mode, "generalPurpose"),
            throughput_mode: or_default(self.throughput_mode, "bursting"),
            provisioned_throughput_in_mibps: self.provisioned_throughput_in_mibps,
            encrypted: self.encrypted,
            kms_key_id: self.kms_key_id,
            availability_zone_name: self.availability_zone_name,
            backup: has_backups.then(|| "ENABLED".to_owned()),
            tags: read_tags(self.tags)?,
            ..FileSystem::new("")
        })
    }
}

/// `CreateFileSystem`.
pub(super) fn create(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: CreateFileSystem = request.read()?;
    let created = model.create_file_system(context, input.into_file_system()?)?;

    Ok((201, Some(file_system_json(created, context))))
}

/// `DescribeFileSystems`.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let list: ListFileSystems = request.read()?;
    // Without a name the list has what the caller owns. A foreign file system has to be named.
    let found: Vec<&FileSystem> = match &list.file_system_id {
        Some(name) => vec![model.named_file_system(context, name)?],
        None => model.own_file_systems(context).collect(),
    };

    // Both filters may be given, and then both must match.
    let token = list.creation_token.as_ref();
    let matching = found
        .into_iter()
        .filter(|found| token.is_none_or(|token| found.creation_token == *token));
    let items = matching
        .map(|file_system| file_system_json(file_system, context))
        .collect();
    page(
        context,
        request,
        "FileSystems",
        items,
        PAGE,
        list.marker.as_deref(),
    )
}

/// `UpdateFileSystem`.
pub(super) fn update(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: UpdateFileSystem = request.read()?;
    let file_system = model.named_file_system(context, &input.file_system_id)?;
    let (mode, mibps) = (input.throughput_mode, input.provisioned_throughput_in_mibps);
    file_system.set_throughput(mode, mibps, context.now)?;

    Ok((202, Some(file_system_json(file_system, context))))
}

/// `UpdateFileSystemProtection`.
pub(super) fn protect(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: UpdateProtection = request.read()?;
    let file_system = model.named_file_system(context, &input.file_system_id)?;
    // Without a value the call checks the state and changes nothing.
    let present = file_system.protection.clone();
    file_system.protect(&input.replication_overwrite_protection.unwrap_or(present))?;

    let body = json!({ "ReplicationOverwriteProtection": file_system.protection });
    Ok((200, Some(body)))
}

/// `DeleteFileSystem`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: DeleteFileSystem = request.read()?;
    model.delete_file_system(context, &input.file_system_id)?;

    Ok((204, None))
}

/// The members that the emulator makes up about every file system.
const MADE_UP: [&str; 5] = [
    "/SizeInBytes/Timestamp",
    "/SizeInBytes/ValueInIA",
    "/SizeInBytes/ValueInStandard",
    "/SizeInBytes/ValueInArchive",
    "/AvailabilityZoneId",
];

/// A file system as EFS describes it.
pub(super) fn file_system_json(file_system: &FileSystem, context: &Context) -> Value {
    let FileSystem {
        file_system_id: id,
        creation_token: token,
        size_bytes: size,
        ..
    } = file_system;
    let region = &context.region;
    // The ARN and the default key are those of the owner.
    let owner = file_system.owner(&context.account);
    let created_at = file_system.created_at.unwrap_or(context.long_ago);

    let mut json = json!({
        "OwnerId": owner,
        "CreationToken": if token.is_empty() { id } else { token },
        "FileSystemId": id,
        "FileSystemArn": arn(region, owner, "file-system", id),
        "CreationTime": time(created_at),
        "LifeCycleState": file_system.life_cycle_state,
        "NumberOfMountTargets": file_system.count_mount_targets(),
        "SizeInBytes": {
            "Value": size,
            "Timestamp": time(context.now),
            "ValueInIA": 0,
            "ValueInStandard": size,
            "ValueInArchive": 0,
        },
        "PerformanceMode": file_system.performance_mode,
        "Encrypted": file_system.encrypted,
        "ThroughputMode": file_system.throughput_mode,
        "Tags": file_system_tags_json(file_system),
        "FileSystemProtection": { "ReplicationOverwriteProtection": file_system.protection },
    });

    if file_system.encrypted {
        let managed = || constraints::arn("kms", region, owner, "alias/aws/elasticfilesystem");
        let key = file_system.kms_key_id.clone().unwrap_or_else(managed);
        put(&mut json, "KmsKeyId", json!(key));
    }
    if let Some(mibps) = file_system.provisioned_throughput_in_mibps {
        put(&mut json, "ProvisionedThroughputInMibps", json!(mibps));
    }
    // EFS repeats the tag as a member.
    if let Some(name) = file_system.tags.get("Name") {
        put(&mut json, "Name", json!(name));
    }
    if let Some(zone) = &file_system.availability_zone_name {
        put(&mut json, "AvailabilityZoneName", json!(zone));
        put_zone_id(&mut json, zone);
    }
    context.without_made_up(json, &MADE_UP)
}

/// Adds the ID of a zone, if the zone exists.
pub(super) fn put_zone_id(json: &mut Value, zone: &str) {
    if let Some(id) = zone_id(zone) {
        put(json, "AvailabilityZoneId", json!(id));
    }
}
