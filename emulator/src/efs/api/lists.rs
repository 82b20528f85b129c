//! What the operations of EFS have in common.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, Reply, Request, input, put},
        constraints,
        error::ApiError,
    },
    efs::model::{errors::bad_request, types::FileSystem},
    world::World,
};

/// How many items a page holds where the request does not say, or is not listened to.
pub(crate) const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct OfFileSystem {
    pub(crate) file_system_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct OfMountTarget {
    pub(crate) mount_target_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct OfAccessPoint {
    pub(crate) access_point_id: String,
}

pub(crate) fn not_served(operation: &str) -> Reply {
    Err(ApiError::new(
        500,
        "InternalServerError",
        format!("{operation} is not served"),
    ))
}

/// The file system that a call names, and nothing else.
pub(crate) fn of_file_system<'a>(
    world: &'a mut World,
    request: &Request,
) -> Result<&'a mut FileSystem, ApiError> {
    let of: OfFileSystem = input(&request.input)?;
    world.named_file_system(&request.region, &of.file_system_id)
}

/// The members that carry a page token: of the request, and of the answer.
pub(crate) fn tokens(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "DescribeFileSystems" | "DescribeMountTargets" => ("Marker", "NextMarker"),
        _ => ("NextToken", "NextToken"),
    }
}

/// One page of a list.
pub(crate) fn page(
    request: &Request,
    list: &str,
    items: Vec<Value>,
    size: usize,
    token_asked: Option<&str>,
) -> Reply {
    let (asked, next) = tokens(&request.operation);
    let (items, token) = call::page(items, size, token_asked, request)
        .ok_or_else(|| bad_request(format!("{asked} is not ours")))?;
    let mut page = json!({ list: items });
    // What is paged by markers repeats the one that it was asked with.
    if let Some(marker) = token_asked.filter(|_| asked == "Marker") {
        put(&mut page, asked, json!(marker));
    }
    if let Some(token) = token {
        put(&mut page, next, json!(token));
    }
    Ok((200, Some(page)))
}

pub(crate) fn time(at: DateTime<Utc>) -> i64 {
    at.timestamp()
}

pub(crate) fn arn(region: &str, account: &str, kind: &str, id: &str) -> String {
    constraints::arn(
        "elasticfilesystem",
        region,
        account,
        &format!("{kind}/{id}"),
    )
}
