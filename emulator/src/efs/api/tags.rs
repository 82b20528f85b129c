//! Tags on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request},
        context::Context,
        error::ApiError,
    },
    efs::{
        api::lists::{PAGE, page},
        model::{FileSystem, Model, bad_request, check_tags},
    },
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Tags {
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// `TagResource` and `UntagResource`.
pub(super) fn change(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: Tags = request.read()?;
    let name = &input.resource_id;
    let tags = model.tags_mut(context, name)?;

    // Tags of AWS may be there already. The service model lets nobody else write or remove one.
    let mut changed = tags.clone();
    changed.extend(read_tags(input.tags)?);
    changed.retain(|key, _| !input.tag_keys.contains(key));
    check_tags(&changed)?;

    // The Resource Groups Tagging API keeps listing the resource.
    let lost_all = changed.is_empty() && !tags.is_empty();
    *tags = changed;
    if lost_all {
        model.mark_untagged(context, name);
    }
    Ok((200, None))
}

/// `ListTagsForResource`.
pub(super) fn list(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: Tags = request.read()?;
    // A file system lists one more tag than it stores.
    let items = match model.named_file_system(context, &input.resource_id) {
        Ok(file_system) => file_system_tags_json(file_system),
        Err(_) => tags_json(model.tags_mut(context, &input.resource_id)?),
    };

    let size = input.max_results.unwrap_or(PAGE);
    page(
        context,
        request,
        "Tags",
        items,
        size,
        input.next_token.as_deref(),
    )
}

/// The tags of a call, if none appears twice and all can be written.
pub(super) fn read_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let count = tags.len();
    let tags: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    // A map would keep the last of two tags with one key.
    if tags.len() != count {
        return Err(bad_request("a tag appears twice"));
    }

    check_tags(&tags)?;
    Ok(tags)
}

/// Tags as EFS lists them.
pub(super) fn tags_json(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(tag_json).collect()
}

/// The tags of a file system, with the tag that AWS adds if backups are on.
pub(super) fn file_system_tags_json(file_system: &FileSystem) -> Vec<Value> {
    let tags = file_system.listed_tags().into_iter();
    tags.map(tag_json).collect()
}

fn tag_json((key, value): (impl Serialize, impl Serialize)) -> Value {
    json!({ "Key": key, "Value": value })
}
