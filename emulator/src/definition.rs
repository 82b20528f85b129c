//! What the emulator has to know about a service, as a value.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    aws::{
        call::{ApiResult, Request, Service},
        context::Context,
        error::ApiError,
        operation::PathMembers,
    },
    iam::{IamCall, IamRequest},
    saved::Saved,
    world::World,
};

/// A service: plain functions and names. Each service defines its own, and `services.rs` lists
/// them.
pub(crate) struct Definition {
    /// The service.
    pub(crate) service: Service,
    /// Its name in signatures.
    pub(crate) signing_name: &'static str,
    /// How its requests and answers are written.
    pub(crate) protocol: Protocol,

    /// The operation of a request, by method, path and `X-Amz-Target`; `None` if it is not
    /// emulated.
    pub(crate) route: fn(method: &str, path: &str, target: Option<&str>) -> Option<&'static str>,
    /// Whether an operation can change anything; `None` if it is not emulated.
    pub(crate) changes: fn(operation: &str) -> Option<bool>,
    /// The members of a call that its path carries.
    pub(crate) bind: fn(operation: &str, path: &str) -> PathMembers,
    /// The members that carry a page token: of the request, and of the answer.
    pub(crate) tokens: fn(operation: &str) -> (&'static str, &'static str),
    /// A token of the first page of a list; `None` if the request accepts no token.
    pub(crate) first_token: fn(&Request, DateTime<Utc>) -> Option<String>,
    /// The subject of a call, for people.
    pub(crate) subject: fn(input: &Value) -> String,

    /// Answers a call.
    pub(crate) answer: fn(&mut World, &Context, &Request) -> ApiResult,
    /// What IAM is asked about a call.
    pub(crate) iam: fn(&IamCall<'_>) -> Vec<IamRequest>,
    /// What a call can change, as it is before the call.
    pub(crate) save: fn(&World, &Request) -> Saved,

    /// The body of an error, without its additional member.
    pub(crate) error_body: fn(&ApiError) -> Value,
    /// The code of a request that the service model forbids.
    pub(crate) invalid: &'static str,
    /// The code of an internal error.
    pub(crate) internal: &'static str,
    /// The code and the status of a throttled call.
    pub(crate) throttled: (&'static str, u16),
}

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Paths name operations, and errors have their code in `x-amzn-errortype`.
    RestJson,
    /// `X-Amz-Target` names operations, and errors have their code in the body.
    Json11,
}

impl Protocol {
    /// The content type of answers.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::RestJson => "application/json",
            Self::Json11 => "application/x-amz-json-1.1",
        }
    }
}
