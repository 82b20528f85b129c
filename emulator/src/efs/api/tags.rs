//! Tags on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input},
        error::ApiError,
    },
    efs::{
        api::lists::{PAGE, page},
        model::{errors::bad_request, settings::check_tags, types::FileSystem},
    },
    world::World,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// The tags of a call, none of them twice and all of them such as can be written.
pub(crate) fn read_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let count = tags.len();
    let tags: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if tags.len() != count {
        return Err(bad_request("a tag is there twice"));
    }
    check_tags(&tags).map(|()| tags)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Tags {
    pub(crate) resource_id: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    #[serde(default)]
    pub(crate) tag_keys: Vec<String>,
    pub(crate) max_results: Option<usize>,
    pub(crate) next_token: Option<String>,
}

pub(crate) fn tags(world: &mut World, request: &Request) -> Reply {
    let wanted: Tags = input(&request.input)?;
    let region = request.region.as_str();
    if request.operation == "ListTagsForResource" {
        let items = match world.named_file_system(region, &wanted.resource_id) {
            Ok(file_system) => file_system_tags_json(file_system),
            Err(_) => tags_json(world.efs_tags(region, &wanted.resource_id)?),
        };
        return page(
            request,
            "Tags",
            items,
            wanted.max_results.unwrap_or(PAGE),
            wanted.next_token.as_deref(),
        );
    }
    let tags = world.efs_tags(region, &wanted.resource_id)?;
    // AWS's own tags may be there already; the model lets nobody else write or remove one.
    let mut changed = tags.clone();
    changed.extend(read_tags(wanted.tags)?);
    changed.retain(|key, _| !wanted.tag_keys.contains(key));
    check_tags(&changed)?;
    *tags = changed;
    Ok((200, None))
}

pub(crate) fn tags_json(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// The tags of a file system, with the one that AWS adds where backups are on.
pub(crate) fn file_system_tags_json(file_system: &FileSystem) -> Vec<Value> {
    let mut tags = tags_json(&file_system.tags);
    if file_system.backup.as_deref() == Some("ENABLED") {
        tags.push(json!({ "Key": "aws:elasticfilesystem:default-backup", "Value": "enabled" }));
    }
    tags
}
