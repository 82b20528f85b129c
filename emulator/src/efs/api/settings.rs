//! Lifecycle, backup policy and file system policy on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input},
        error::ApiError,
    },
    efs::{
        api::lists::{not_served, of_file_system},
        model::{errors::bad_request, types::FileSystem},
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PutLifecycle {
    pub(crate) file_system_id: String,
    pub(crate) lifecycle_policies: Vec<LifecyclePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LifecyclePolicy {
    #[serde(rename = "TransitionToIA", skip_serializing_if = "Option::is_none")]
    pub(crate) infrequent: Option<String>,
    #[serde(
        rename = "TransitionToArchive",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) archive: Option<String>,
    #[serde(
        rename = "TransitionToPrimaryStorageClass",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) primary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PutBackup {
    pub(crate) file_system_id: String,
    pub(crate) backup_policy: BackupPolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct BackupPolicy {
    pub(crate) status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PutPolicy {
    pub(crate) file_system_id: String,
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) bypass_policy_lockout_safety_check: bool,
}

/// The settings of a file system: lifecycle, backup policy, file system policy.
pub(crate) fn settings(world: &mut World, request: &Request) -> Reply {
    let (region, behaviour) = (request.region.as_str(), world.behaviour);
    let missing = |what: &str| ApiError::new(404, "PolicyNotFound", format!("there is no {what}"));
    match request.operation.as_str() {
        "DescribeLifecycleConfiguration" => {
            Ok((200, Some(lifecycle_json(of_file_system(world, request)?))))
        }
        "DescribeBackupPolicy" => {
            let policy = backup_json(of_file_system(world, request)?)
                .ok_or_else(|| missing("backup policy"))?;
            Ok((200, Some(policy)))
        }
        "DescribeFileSystemPolicy" => {
            let policy =
                policy_json(of_file_system(world, request)?).ok_or_else(|| missing("policy"))?;
            Ok((200, Some(policy)))
        }
        "DeleteFileSystemPolicy" => {
            let file_system = of_file_system(world, request)?;
            file_system.require_open(behaviour.writes_while_replicating)?;
            file_system.policy = None;
            Ok((200, None))
        }
        "PutLifecycleConfiguration" => {
            let put: PutLifecycle = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.set_lifecycle(
                put.lifecycle_policies
                    .iter()
                    .map(|policy| json!(policy))
                    .collect(),
                behaviour,
            )?;
            Ok((200, Some(lifecycle_json(file_system))))
        }
        "PutBackupPolicy" => {
            let put: PutBackup = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.require_available()?;
            if !matches!(put.backup_policy.status.as_str(), "ENABLED" | "DISABLED") {
                return Err(bad_request("Status is neither ENABLED nor DISABLED"));
            }
            file_system.backup = Some(put.backup_policy.status);
            Ok((200, backup_json(file_system)))
        }
        "PutFileSystemPolicy" => {
            let put: PutPolicy = input(&request.input)?;
            let file_system = world.named_file_system(region, &put.file_system_id)?;
            file_system.set_policy(
                &put.policy,
                put.bypass_policy_lockout_safety_check,
                behaviour,
            )?;
            Ok((200, policy_json(file_system)))
        }
        other => not_served(other),
    }
}

pub(crate) fn lifecycle_json(file_system: &FileSystem) -> Value {
    json!({ "LifecyclePolicies": file_system.lifecycle_policies })
}

pub(crate) fn backup_json(file_system: &FileSystem) -> Option<Value> {
    let status = file_system.backup.as_ref()?;
    Some(json!({ "BackupPolicy": { "Status": status } }))
}

pub(crate) fn policy_json(file_system: &FileSystem) -> Option<Value> {
    let policy = file_system.policy.as_ref()?;
    Some(json!({ "FileSystemId": file_system.file_system_id, "Policy": policy }))
}
