//! What the operations of EFS have in common: inputs, lists, times and ARNs.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, ApiResult, Request, put},
        constraints,
        context::Context,
        error::ApiError,
    },
    efs::model::{FileSystem, Model, bad_request},
};

/// The page size of requests that set none, or whose page size EFS ignores.
pub(super) const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FileSystemName {
    file_system_id: String,
}

/// The file system that a call names, if it names nothing else.
pub(super) fn named_file_system<'a>(
    model: &'a mut Model,
    context: &Context,
    request: &Request,
) -> Result<&'a mut FileSystem, ApiError> {
    let FileSystemName { file_system_id } = request.read()?;
    model.named_file_system(context, &file_system_id)
}

/// The members that carry a page token: of the request, and of the answer.
pub(in crate::efs) fn tokens(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "DescribeFileSystems" | "DescribeMountTargets" => ("Marker", "NextMarker"),
        _ => ("NextToken", "NextToken"),
    }
}

/// A page of a list whose items are in the member `list`.
pub(super) fn page(
    context: &Context,
    request: &Request,
    list: &str,
    items: Vec<Value>,
    size: usize,
    token: Option<&str>,
) -> ApiResult {
    // Older lists of EFS have markers, younger ones tokens.
    let (token_member, next_member) = tokens(&request.operation);
    let size = size.min(context.behaviour.longest_page);
    let (items, next) = call::page(items, size, token, request)
        .ok_or_else(|| bad_request(format!("{token_member} is not one of this list")))?;
    let mut page = json!({ list: items });

    // Lists with markers repeat the marker of the request.
    if let Some(marker) = token.filter(|_| token_member == "Marker") {
        put(&mut page, token_member, json!(marker));
    }
    if let Some(next) = next {
        put(&mut page, next_member, json!(next));
    }
    Ok((200, Some(page)))
}

/// A time as EFS writes it.
pub(super) fn time(time: DateTime<Utc>) -> i64 {
    time.timestamp()
}

/// The ARN of a resource.
pub(super) fn arn(region: &str, account: &str, kind: &str, id: &str) -> String {
    let resource = format!("{kind}/{id}");
    constraints::arn("elasticfilesystem", region, account, &resource)
}
