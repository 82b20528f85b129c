//! File systems on the wire.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input, put},
        constraints,
        error::ApiError,
    },
    efs::model::names::zone_id,
    efs::{
        api::{
            lists::{OfFileSystem, PAGE, arn, not_served, page, time},
            tags::{Tag, file_system_tags_json, read_tags},
        },
        model::types::FileSystem,
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CreateFileSystem {
    pub(crate) creation_token: String,
    pub(crate) performance_mode: Option<String>,
    #[serde(default)]
    pub(crate) encrypted: bool,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) throughput_mode: Option<String>,
    pub(crate) provisioned_throughput_in_mibps: Option<f64>,
    pub(crate) availability_zone_name: Option<String>,
    pub(crate) backup: Option<bool>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
#[derive(Default)]
pub(crate) struct ListFileSystems {
    /// Not listened to, as documented.
    #[serde(rename = "MaxItems")]
    pub(crate) _max_items: Option<usize>,
    pub(crate) marker: Option<String>,
    pub(crate) creation_token: Option<String>,
    pub(crate) file_system_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct UpdateFileSystem {
    pub(crate) file_system_id: String,
    pub(crate) throughput_mode: Option<String>,
    pub(crate) provisioned_throughput_in_mibps: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Protect {
    pub(crate) file_system_id: String,
    pub(crate) replication_overwrite_protection: Option<String>,
}

pub(crate) fn file_systems(world: &mut World, request: &Request) -> Reply {
    let (account, region, now) = (world.account.clone(), request.region.as_str(), world.now);
    let times = (now, world.long_ago());
    match request.operation.as_str() {
        "DescribeFileSystems" => describe_file_systems(world, request),
        "CreateFileSystem" => {
            let wanted = new_file_system(input(&request.input)?)?;
            let made = world.create_file_system(region, wanted)?;
            Ok((201, Some(file_system_json(made, region, &account, times))))
        }
        "UpdateFileSystem" => {
            let update: UpdateFileSystem = input(&request.input)?;
            let file_system = world.named_file_system(region, &update.file_system_id)?;
            file_system.set_throughput(
                update.throughput_mode,
                update.provisioned_throughput_in_mibps,
                now,
            )?;
            Ok((
                202,
                Some(file_system_json(file_system, region, &account, times)),
            ))
        }
        "UpdateFileSystemProtection" => {
            let protect: Protect = input(&request.input)?;
            let file_system = world.named_file_system(region, &protect.file_system_id)?;
            let wanted = protect
                .replication_overwrite_protection
                .unwrap_or_else(|| file_system.protection.clone());
            file_system.protect(&wanted)?;
            Ok((
                200,
                Some(json!({ "ReplicationOverwriteProtection": file_system.protection })),
            ))
        }
        "DeleteFileSystem" => {
            let of: OfFileSystem = input(&request.input)?;
            world
                .delete_file_system(region, &of.file_system_id)
                .map(|()| (204, None))
        }
        other => not_served(other),
    }
}

pub(crate) fn new_file_system(wanted: CreateFileSystem) -> Result<FileSystem, ApiError> {
    let backup = wanted
        .backup
        .unwrap_or(wanted.availability_zone_name.is_some());
    Ok(FileSystem {
        creation_token: wanted.creation_token,
        performance_mode: wanted
            .performance_mode
            .unwrap_or_else(|| "generalPurpose".to_owned()),
        throughput_mode: wanted
            .throughput_mode
            .unwrap_or_else(|| "bursting".to_owned()),
        provisioned_throughput_in_mibps: wanted.provisioned_throughput_in_mibps,
        encrypted: wanted.encrypted,
        kms_key_id: wanted.kms_key_id,
        availability_zone_name: wanted.availability_zone_name,
        backup: backup.then(|| "ENABLED".to_owned()),
        tags: read_tags(wanted.tags)?,
        ..FileSystem::new("")
    })
}

pub(crate) fn describe_file_systems(world: &mut World, request: &Request) -> Reply {
    let list: ListFileSystems = input(&request.input)?;
    let (account, region, times) = (
        world.account.clone(),
        request.region.as_str(),
        (world.now, world.long_ago()),
    );
    let found: Vec<FileSystem> = match &list.file_system_id {
        Some(name) => vec![world.named_file_system(region, name)?.clone()],
        None => world
            .file_systems(region)
            .filter(|of| of.owner(&account) == account)
            .cloned()
            .collect(),
    };
    let fits = |of: &&FileSystem| {
        list.creation_token
            .as_ref()
            .is_none_or(|token| of.creation_token == *token)
    };
    let items = found
        .iter()
        .filter(fits)
        .map(|of| file_system_json(of, region, &account, times))
        .collect();
    page(request, "FileSystems", items, PAGE, list.marker.as_deref())
}

/// A file system as the API describes it; `times` are now, and when what has no date of its own was
/// made.
pub(crate) fn file_system_json(
    of: &FileSystem,
    region: &str,
    account: &str,
    times: (DateTime<Utc>, DateTime<Utc>),
) -> Value {
    let (now, long_ago) = times;
    let owner = of.owner(account);
    let token = if of.creation_token.is_empty() {
        &of.file_system_id
    } else {
        &of.creation_token
    };
    let mut json = json!({
        "OwnerId": owner,
        "CreationToken": token,
        "FileSystemId": of.file_system_id,
        "FileSystemArn": arn(region, owner, "file-system", &of.file_system_id),
        "CreationTime": time(of.created_at.unwrap_or(long_ago)),
        "LifeCycleState": of.life_cycle_state,
        "NumberOfMountTargets": of.mount_targets.len(),
        "SizeInBytes": {
            "Value": of.size_bytes,
            "Timestamp": time(now),
            "ValueInIA": 0,
            "ValueInStandard": of.size_bytes,
            "ValueInArchive": 0,
        },
        "PerformanceMode": of.performance_mode,
        "Encrypted": of.encrypted,
        "ThroughputMode": of.throughput_mode,
        "Tags": file_system_tags_json(of),
        "FileSystemProtection": { "ReplicationOverwriteProtection": of.protection },
    });
    if of.encrypted {
        let own = || constraints::arn("kms", region, owner, "alias/aws/elasticfilesystem");
        put(
            &mut json,
            "KmsKeyId",
            json!(of.kms_key_id.clone().unwrap_or_else(own)),
        );
    }
    if let Some(mibps) = of.provisioned_throughput_in_mibps {
        put(&mut json, "ProvisionedThroughputInMibps", json!(mibps));
    }
    let (zone, name) = (of.availability_zone_name.as_ref(), of.tags.get("Name"));
    let zone_id = zone.and_then(|zone| zone_id(zone));
    for (member, value) in [
        ("Name", name),
        ("AvailabilityZoneName", zone),
        ("AvailabilityZoneId", zone_id.as_ref()),
    ] {
        if let Some(value) = value {
            put(&mut json, member, json!(value));
        }
    }
    json
}
