//! Replications on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        context::Context,
    },
    efs::{
        api::lists::{PAGE, arn, page, time},
        model::{Destination, Model, Replication, no_replication},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateReplication {
    source_file_system_id: String,
    destinations: Vec<Destination>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DeleteReplication {
    source_file_system_id: String,
    deletion_mode: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListReplications {
    file_system_id: Option<String>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

/// `CreateReplicationConfiguration`.
pub(super) fn create(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: CreateReplication = request.read()?;
    let source = &input.source_file_system_id;
    let created = model.replicate(context, source, &input.destinations)?;

    Ok((200, Some(replication_json(created, context))))
}

/// `DeleteReplicationConfiguration`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: DeleteReplication = request.read()?;
    let locally = input.deletion_mode.as_deref() == Some("LOCAL_CONFIGURATION_ONLY");
    model.stop_replicating(context, &input.source_file_system_id, locally)?;

    Ok((204, None))
}

/// `DescribeReplicationConfigurations`: of one file system, or of all file systems of the caller
/// in the Region.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let list: ListReplications = request.read()?;
    // A file system is known by either end of its replication.
    let ids: Vec<String> = match &list.file_system_id {
        Some(name) => {
            let file_system = model.named_file_system(context, name)?;
            vec![file_system.file_system_id.clone()]
        }
        None => {
            let own = model.own_file_systems(context);
            own.map(|own| own.file_system_id.clone()).collect()
        }
    };

    // Both ends list the same configuration.
    let has_end_here = |replication: &&Replication| {
        let mut sides = ids.iter().map(|id| replication.side(&context.region, id));
        sides.any(|side| side.is_some())
    };
    let replications = model.replications.iter().filter(has_end_here);
    let items: Vec<Value> = replications
        .map(|replication| replication_json(replication, context))
        .collect();

    // A list without matches is empty, but a named file system has a replication or an error.
    match &list.file_system_id {
        Some(name) if items.is_empty() => Err(no_replication(name)),
        _ => {
            let size = list.max_results.unwrap_or(PAGE);
            let token = list.next_token.as_deref();
            page(context, request, "Replications", items, size, token)
        }
    }
}

/// A replication as EFS describes it.
pub(super) fn replication_json(replication: &Replication, context: &Context) -> Value {
    let owner = replication.source_owner_id.as_ref();
    let account = owner.unwrap_or(&context.account);
    let (region, id) = (
        &replication.source_region,
        &replication.source_file_system_id,
    );
    // A replica cannot be replicated, so that the source is always the original one.
    let source_arn = arn(region, account, "file-system", id);

    json!({
        "SourceFileSystemId": id,
        "SourceFileSystemRegion": region,
        "SourceFileSystemArn": source_arn,
        "OriginalSourceFileSystemArn": source_arn,
        "CreationTime": time(replication.created_at),
        "Destinations": [destination_json(replication, context)],
        "SourceFileSystemOwnerId": account,
    })
}

fn destination_json(replication: &Replication, context: &Context) -> Value {
    let owner = replication.destination_owner_id.as_ref();
    let mut destination = json!({
        "Status": replication.status(context.now, context.behaviour),
        "FileSystemId": replication.destination_file_system_id,
        "Region": replication.destination_region,
        "OwnerId": owner.unwrap_or(&context.account),
    });

    if let Some(last) = replication.last_replicated_at(context.now) {
        put(
            &mut destination,
            "LastReplicatedTimestamp",
            json!(time(last)),
        );
    }
    if let Some(message) = replication.status_message() {
        put(&mut destination, "StatusMessage", json!(message));
    }
    if let Some(role) = &replication.role_arn {
        put(&mut destination, "RoleArn", json!(role));
    }
    destination
}
