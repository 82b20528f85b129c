//! Lifecycle configuration, backup policy and file system policy on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request},
        context::Context,
        error::ApiError,
    },
    efs::{
        api::lists::named_file_system,
        model::{FileSystem, Model, bad_request},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutLifecycle {
    file_system_id: String,
    lifecycle_policies: Vec<LifecyclePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LifecyclePolicy {
    #[serde(rename = "TransitionToIA", skip_serializing_if = "Option::is_none")]
    infrequent_access: Option<String>,
    #[serde(
        rename = "TransitionToArchive",
        skip_serializing_if = "Option::is_none"
    )]
    archive: Option<String>,
    #[serde(
        rename = "TransitionToPrimaryStorageClass",
        skip_serializing_if = "Option::is_none"
    )]
    primary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutBackup {
    file_system_id: String,
    backup_policy: BackupPolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct BackupPolicy {
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutPolicy {
    file_system_id: String,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

/// `PutLifecycleConfiguration`.
pub(super) fn put_lifecycle(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: PutLifecycle = request.read()?;
    let file_system = model.named_file_system(context, &input.file_system_id)?;
    // Parsed and written again, so that nothing but the known transitions is stored.
    let policies = input.lifecycle_policies.iter();
    let policies = policies.map(|policy| json!(policy)).collect();
    file_system.set_lifecycle(policies, context.behaviour)?;

    Ok((200, Some(lifecycle_json(file_system))))
}

/// `DescribeLifecycleConfiguration`.
pub(super) fn describe_lifecycle(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    let file_system = named_file_system(model, context, request)?;
    Ok((200, Some(lifecycle_json(file_system))))
}

/// `PutBackupPolicy`.
pub(super) fn put_backup(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: PutBackup = request.read()?;
    let file_system = model.named_file_system(context, &input.file_system_id)?;
    file_system.require_available()?;

    // The other statuses of the service model are those of a change that is under way.
    let status = input.backup_policy.status;
    if !matches!(status.as_str(), "ENABLED" | "DISABLED") {
        return Err(bad_request("Status is neither ENABLED nor DISABLED"));
    }

    file_system.backup = Some(status);
    Ok((200, backup_json(file_system)))
}

/// `DescribeBackupPolicy`.
pub(super) fn describe_backup(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    let file_system = named_file_system(model, context, request)?;
    let policy = backup_json(file_system).ok_or_else(|| no_policy("backup policy"))?;

    Ok((200, Some(policy)))
}

/// `PutFileSystemPolicy`.
pub(super) fn put_policy(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: PutPolicy = request.read()?;
    let file_system = model.named_file_system(context, &input.file_system_id)?;
    let bypass = input.bypass_policy_lockout_safety_check;
    file_system.set_policy(&input.policy, bypass, context.behaviour)?;

    Ok((200, policy_json(file_system)))
}

/// `DescribeFileSystemPolicy`.
pub(super) fn describe_policy(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    let file_system = named_file_system(model, context, request)?;
    let policy = policy_json(file_system).ok_or_else(|| no_policy("policy"))?;

    Ok((200, Some(policy)))
}

/// `DeleteFileSystemPolicy`.
pub(super) fn delete_policy(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let file_system = named_file_system(model, context, request)?;
    file_system.require_open(context.behaviour.writes_while_replicating)?;

    file_system.policy = None;
    Ok((200, None))
}

fn no_policy(what: &str) -> ApiError {
    ApiError::new(404, "PolicyNotFound", format!("there is no {what}"))
}

/// The lifecycle configuration of a file system.
pub(super) fn lifecycle_json(file_system: &FileSystem) -> Value {
    json!({ "LifecyclePolicies": file_system.lifecycle_policies })
}

/// The backup policy of a file system, if it has one.
pub(super) fn backup_json(file_system: &FileSystem) -> Option<Value> {
    let status = file_system.backup.as_ref()?;
    Some(json!({ "BackupPolicy": { "Status": status } }))
}

/// The policy of a file system, if it has one.
pub(super) fn policy_json(file_system: &FileSystem) -> Option<Value> {
    let policy = file_system.policy.as_ref()?;
    Some(json!({ "FileSystemId": file_system.file_system_id, "Policy": policy }))
}
