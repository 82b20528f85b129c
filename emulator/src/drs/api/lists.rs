//! What the operations of DRS have in common.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, Reply, Request, put},
        constraints,
        error::ApiError,
    },
    drs::api::launches::Context,
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The members of a list request; `F` are its filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct List<F> {
    #[serde(default)]
    pub(crate) filters: Option<F>,
    #[serde(default)]
    pub(crate) max_results: Option<usize>,
    #[serde(default)]
    pub(crate) next_token: Option<String>,
    #[serde(rename = "sourceServerID", default)]
    pub(crate) source_server_id: Option<String>,
    #[serde(rename = "jobID", default)]
    pub(crate) job_id: Option<String>,
    #[serde(rename = "stagingAccountID", default)]
    pub(crate) staging_account_id: Option<String>,
    #[serde(default)]
    pub(crate) order: Option<String>,
}

/// One page of a list.
pub(crate) fn page<F>(
    items: Vec<Value>,
    list: &List<F>,
    request: &Request,
    context: &Context,
) -> Reply {
    let size = list.max_results.unwrap_or(context.behaviour.page_size);
    let (items, token) = call::page(items, size, list.next_token.as_deref(), request)
        .ok_or_else(|| ApiError::validation("nextToken is not one of ours"))?;
    let mut page = json!({ "items": items });
    if let Some(token) = token {
        put(&mut page, "nextToken", json!(token));
    }
    Ok((200, Some(page)))
}

pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn arn(context: &Context, kind: &str, id: &str) -> String {
    constraints::arn(
        "drs",
        &context.region,
        &context.account,
        &format!("{kind}/{id}"),
    )
}
