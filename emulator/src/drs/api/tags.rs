//! Tags on the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::{
        call::{Reply, Request, input},
        constraints,
        error::ApiError,
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Tags {
    pub(crate) resource_arn: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tag_keys: Vec<String>,
}

/// Tags by ARN. In a Region without DRS, in another account, or of another service, there is no
/// such resource.
pub(crate) fn tags(world: &mut World, request: &Request) -> Reply {
    let wanted: Tags = input(&request.input)?;
    let parts: Vec<&str> = wanted.resource_arn.splitn(6, ':').collect();
    let ["arn", partition, "drs", region, account, resource] = parts.as_slice() else {
        return Err(ApiError::validation(
            "resourceArn is not the ARN of a DRS resource",
        ));
    };
    let partition_here = constraints::partition(&request.region);
    let here = *region == request.region
        && *account == world.account
        && Some(*partition) == partition_here;
    let drs = world.drs.get_mut(&request.region).filter(|_| here);
    let drs = drs.ok_or_else(|| ApiError::not_found(&wanted.resource_arn))?;
    let (kind, id) = resource
        .split_once('/')
        .ok_or_else(|| ApiError::validation("resourceArn names no resource"))?;
    let tags = drs.tags(kind, id)?;
    match request.operation.as_str() {
        "TagResource" => {
            let mut more = tags.clone();
            more.extend(wanted.tags);
            let reserved = more
                .keys()
                .any(|key| key.to_lowercase().starts_with("aws:") && !tags.contains_key(key));
            if more.len() > 50 || reserved {
                return Err(ApiError::validation(
                    "a resource has at most 50 tags, and keys with aws: are AWS's own",
                ));
            }
            *tags = more;
            Ok((200, None))
        }
        "UntagResource" => {
            tags.retain(|key, _| !wanted.tag_keys.contains(key));
            Ok((200, None))
        }
        _ => Ok((200, Some(json!({ "tags": tags })))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::api::fixtures::call;
    use crate::drs::api::fixtures::*;

    #[test]
    fn tags_of_aws_are_written_by_nobody_else_and_a_resource_has_fifty() {
        let mut world = world();
        let arn = format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}");
        let tags = |count: usize| {
            (0..count)
                .map(|at| (at.to_string(), json!("")))
                .collect::<serde_json::Map<_, _>>()
        };
        for (tags, ok) in [
            (json!({ "aws:x": "y" }), false),
            (json!({ "AWS:x": "y" }), false),
            (json!(tags(51)), false),
            (json!(tags(50)), true),
        ] {
            let tagged = call(
                &mut world,
                "TagResource",
                json!({ "resourceArn": arn, "tags": tags }),
            );
            assert_eq!(tagged.is_ok(), ok, "{tags}");
        }
    }
}
