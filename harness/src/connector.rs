//! The emulator as the SDK's HTTP client, without a socket between them.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        behavior_version::BehaviorVersion,
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, region::Region, sdk_config::Builder};
use emulator::wire::{Answer, Call};

/// The Region in which functions run, unless a test says otherwise.
pub const REGION: &str = "us-east-1";

/// A configuration of the SDK with a Region and the credentials of AWS's own examples.
#[must_use]
pub fn sdk_config() -> Builder {
    // The emulator checks that a call is signed, and not with which key.
    let credentials = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "not-a-secret",
        None,
        None,
        "harness",
    );

    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
}

/// A request of the SDK as the emulator reads it.
#[must_use]
pub fn to_call(request: &HttpRequest) -> Call<'_> {
    // scheme://host/path?query
    let uri = request.uri();
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    // A path without a slash is that of the root.
    let target = after_scheme
        .find('/')
        .and_then(|slash| after_scheme.get(slash..));
    let target = target.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));

    Call {
        method: request.method(),
        path,
        query,
        authorization: request.headers().get("authorization"),
        target: None,
        body: request.body().bytes().unwrap_or_default(),
    }
}

/// An answer of the emulator as the SDK reads it.
///
/// # Errors
///
/// A status that HTTP does not have.
pub fn to_response(answer: &Answer) -> Result<HttpResponse, ConnectorError> {
    let body = SdkBody::from(answer.body.clone().unwrap_or_default());

    to_response_with(answer, body)
}

/// The same answer with another body, such as one that breaks off.
///
/// # Errors
///
/// A status that HTTP does not have.
pub fn to_response_with(answer: &Answer, body: SdkBody) -> Result<HttpResponse, ConnectorError> {
    let status =
        StatusCode::try_from(answer.status).map_err(|wrong| ConnectorError::user(wrong.into()))?;
    let mut response = HttpResponse::new(status, body);

    // The headers that the SDK reads.
    let headers = response.headers_mut();
    headers.insert("content-type", "application/json");
    headers.insert("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    if let Some(seconds) = answer.retry_after {
        headers.insert("retry-after", seconds);
    }
    if let Some(code) = &answer.error_type {
        headers.insert("x-amzn-errortype", code.clone());
    }

    Ok(response)
}
