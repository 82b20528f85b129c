//! Tags on the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::{
        call::{ApiResult, Request},
        constraints,
        context::Context,
        error::ApiError,
    },
    drs::model::Model,
};

/// The quota of tags of a resource.
const MAX_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tags {
    resource_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// `TagResource`.
pub(super) fn tag(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: Tags = request.read()?;
    let tags = tags_mut(model, context, &input.resource_arn)?;
    let mut changed = tags.clone();
    changed.extend(input.tags);

    // Tags of AWS may be there already, but nobody else can write one.
    let adds_reserved = changed
        .keys()
        .any(|key| key.to_lowercase().starts_with("aws:") && !tags.contains_key(key));
    if changed.len() > MAX_TAGS || adds_reserved {
        let message = "a resource has at most 50 tags, and keys with aws: are AWS's own";
        return Err(ApiError::validation(message));
    }

    *tags = changed;
    Ok((200, None))
}

/// `UntagResource`.
pub(super) fn untag(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: Tags = request.read()?;
    let arn = &input.resource_arn;
    let tags = tags_mut(model, context, arn)?;
    let had_tags = !tags.is_empty();
    tags.retain(|key, _| !input.tag_keys.contains(key));

    // The Resource Groups Tagging API keeps listing the resource.
    if had_tags && tags.is_empty() {
        let id = arn.rsplit('/').next().unwrap_or(arn).to_owned();
        model.region_mut(&context.region)?.untagged.insert(id);
    }
    Ok((200, None))
}

/// `ListTagsForResource`.
pub(super) fn list(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: Tags = request.read()?;
    let tags = tags_mut(model, context, &input.resource_arn)?;

    Ok((200, Some(json!({ "tags": tags }))))
}

/// The tags of a resource by its ARN. In a Region without DRS, in another account and in another
/// partition there is no such resource.
fn tags_mut<'a>(
    model: &'a mut Model,
    context: &Context,
    arn: &str,
) -> Result<&'a mut BTreeMap<String, String>, ApiError> {
    // The sixth part may have colons of its own.
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "drs", region, account, resource] = parts.as_slice() else {
        let message = "resourceArn is not the ARN of a DRS resource";
        return Err(ApiError::validation(message));
    };

    // AWS answers for resources of the Region and account of the call alone.
    let is_here = *region == context.region
        && *account == context.account
        && Some(*partition) == constraints::partition(&context.region);
    let drs = model.regions.get_mut(&context.region);
    let drs = drs
        .filter(|_| is_here)
        .ok_or_else(|| ApiError::not_found(arn))?;

    let (kind, id) = resource
        .split_once('/')
        .ok_or_else(|| ApiError::validation("resourceArn names no resource"))?;
    drs.tags_mut(kind, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::api::fixtures::{ONE, call, world};

    #[test]
    fn resource_has_fifty_tags_and_none_of_the_aws_keys() {
        let mut world = world();
        let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}");
        let tags = |count: usize| -> BTreeMap<String, &str> {
            (0..count).map(|number| (number.to_string(), "")).collect()
        };

        for (tags, ok) in [
            (json!({ "aws:x": "y" }), false),
            (json!({ "AWS:x": "y" }), false),
            (json!(tags(51)), false),
            (json!(tags(50)), true),
        ] {
            let input = json!({ "resourceArn": arn, "tags": tags });
            let tagged = call(&mut world, "TagResource", input);
            assert_eq!(tagged.is_ok(), ok, "{tags}");
        }
    }
}
