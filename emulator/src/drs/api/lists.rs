//! What the operations of DRS have in common: lists, times and ARNs.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{
    call::{self, ApiResult, Request, put},
    constraints,
    context::Context,
    error::ApiError,
};

/// An input, or filters, without members.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The input of a list with filters `F`. The constraints know which list has which members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct List<F> {
    #[serde(default)]
    pub(super) filters: Option<F>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(rename = "sourceServerID", default)]
    source_server_id: Option<String>,
    #[serde(rename = "jobID", default)]
    job_id: Option<String>,
    #[serde(rename = "stagingAccountID", default)]
    staging_account_id: Option<String>,
    #[serde(default)]
    pub(super) order: Option<String>,
}

impl<F: Default> List<F> {
    /// The filters; without any, filters that match everything.
    pub(super) fn take_filters(&mut self) -> F {
        self.filters.take().unwrap_or_default()
    }

    pub(super) fn source_server_id(&self) -> Result<&str, ApiError> {
        required(self.source_server_id.as_deref(), "sourceServerID")
    }

    pub(super) fn job_id(&self) -> Result<&str, ApiError> {
        required(self.job_id.as_deref(), "jobID")
    }

    pub(super) fn staging_account_id(&self) -> Result<&str, ApiError> {
        required(self.staging_account_id.as_deref(), "stagingAccountID")
    }

    /// The page of the list that the request asks for.
    pub(super) fn page(
        &self,
        items: Vec<Value>,
        context: &Context,
        request: &Request,
    ) -> ApiResult {
        self.described_page(items, context, request, |item| item)
    }

    /// The page of the list that the request asks for, of items that are described only if they
    /// are on it: a list may have thousands.
    pub(super) fn described_page<T>(
        &self,
        items: Vec<T>,
        context: &Context,
        request: &Request,
        describe: impl Fn(T) -> Value,
    ) -> ApiResult {
        // AWS documents no default, so that it is a switch of the account.
        let asked = self.max_results.unwrap_or(context.behaviour.page_size);
        let size = asked.min(context.behaviour.longest_page);
        let token = self.next_token.as_deref();
        let (items, next_token) = call::page(items, size, token, request)
            .ok_or_else(|| ApiError::validation("nextToken is not one of this list"))?;

        let items: Vec<Value> = items.into_iter().map(describe).collect();
        let mut page = json!({ "items": items });
        if let Some(token) = next_token {
            put(&mut page, "nextToken", json!(token));
        }
        Ok((200, Some(page)))
    }
}

fn required<'a>(member: Option<&'a str>, name: &str) -> Result<&'a str, ApiError> {
    member.ok_or_else(|| ApiError::validation(format!("{name} is required")))
}

/// A time as DRS writes it.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The ARN of a resource in the Region of the call.
pub(super) fn arn(context: &Context, kind: &str, id: &str) -> String {
    let resource = format!("{kind}/{id}");
    constraints::arn("drs", &context.region, &context.account, &resource)
}
