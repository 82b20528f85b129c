//! Replications on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::call::{Reply, Request, input, put},
    efs::{
        api::lists::{PAGE, arn, page, time},
        model::{errors::no_replication, replications::Destination, types::Replication},
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Replicate {
    pub(crate) source_file_system_id: String,
    pub(crate) destinations: Vec<Destination>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct StopReplicating {
    pub(crate) source_file_system_id: String,
    pub(crate) deletion_mode: Option<String>,
}

/// The members of the lists that are paged by NextToken.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub(crate) struct List {
    pub(crate) file_system_id: Option<String>,
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<usize>,
}

pub(crate) fn replications(world: &mut World, request: &Request) -> Reply {
    let region = request.region.as_str();
    match request.operation.as_str() {
        "CreateReplicationConfiguration" => {
            let wanted: Replicate = input(&request.input)?;
            let made = world
                .replicate(region, &wanted.source_file_system_id, &wanted.destinations)?
                .clone();
            Ok((200, Some(replication_json(&made, world))))
        }
        "DeleteReplicationConfiguration" => {
            let wanted: StopReplicating = input(&request.input)?;
            let locally = wanted.deletion_mode.as_deref() == Some("LOCAL_CONFIGURATION_ONLY");
            world
                .stop_replicating(region, &wanted.source_file_system_id, locally)
                .map(|()| (204, None))
        }
        _ => describe_replications(world, request),
    }
}

/// By a file system, the one that it is in; without, all that have an end of the caller's in this
/// Region.
pub(crate) fn describe_replications(world: &mut World, request: &Request) -> Reply {
    let list: List = input(&request.input)?;
    let region = request.region.as_str();
    let ids: Vec<String> = match &list.file_system_id {
        Some(name) => vec![
            world
                .named_file_system(region, name)?
                .file_system_id
                .clone(),
        ],
        None => {
            let own = world
                .file_systems(region)
                .filter(|of| of.owner(&world.account) == world.account);
            own.map(|of| of.file_system_id.clone()).collect()
        }
    };
    let here =
        |replication: &&Replication| ids.iter().any(|id| replication.side(region, id).is_some());
    let items: Vec<Value> = world
        .replications
        .iter()
        .filter(here)
        .map(|of| replication_json(of, world))
        .collect();
    match &list.file_system_id {
        Some(name) if items.is_empty() => Err(no_replication(name)),
        _ => page(
            request,
            "Replications",
            items,
            list.max_results.unwrap_or(PAGE),
            list.next_token.as_deref(),
        ),
    }
}

pub(crate) fn replication_json(replication: &Replication, world: &World) -> Value {
    let account = &world.account;
    let source_arn = arn(
        &replication.source_region,
        account,
        "file-system",
        &replication.source_file_system_id,
    );
    let mut destination = json!({
        "Status": replication.status(world.now, world.behaviour),
        "FileSystemId": replication.destination_file_system_id,
        "Region": replication.destination_region,
        "OwnerId": replication.destination_owner_id.as_ref().unwrap_or(account),
    });
    let more = [
        (
            "LastReplicatedTimestamp",
            replication
                .last_replicated_at(world.now)
                .map(|at| json!(time(at))),
        ),
        (
            "StatusMessage",
            replication.status_message().map(|message| json!(message)),
        ),
        (
            "RoleArn",
            replication.role_arn.as_ref().map(|role| json!(role)),
        ),
    ];
    for (member, value) in more {
        if let Some(value) = value {
            put(&mut destination, member, value);
        }
    }
    json!({
        "SourceFileSystemId": replication.source_file_system_id,
        "SourceFileSystemRegion": replication.source_region,
        "SourceFileSystemArn": source_arn,
        "OriginalSourceFileSystemArn": source_arn,
        "CreationTime": time(replication.created_at),
        "Destinations": [destination],
        "SourceFileSystemOwnerId": account,
    })
}
