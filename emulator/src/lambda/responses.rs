//! HTTP responses.

use std::{convert::Infallible, io};

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::{Body as _, Bytes},
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use crate::wire::Answer;

/// A body of any kind. Its error breaks the connection.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer of a service as an HTTP response.
pub(crate) fn on_http(answer: Answer) -> Response<Body> {
    let body = answer.body.map(Bytes::from).unwrap_or_default();
    let mut response = response(answer.status, body);

    // Without a body there is nothing to describe.
    if !response.body().is_end_stream() {
        let content_type = HeaderValue::from_static(answer.content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    if let Some(seconds) = answer.retry_after {
        let seconds = HeaderValue::from_static(seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    // Codes are ASCII, so that parsing them does not fail.
    if let Some(code) = answer.error_type.and_then(|code| code.parse().ok()) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// An error outside the services.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    on_http(Answer::error(status, code, message))
}

/// An error as Lambda writes it. The member of the message is `message` for an invalid request and
/// `Message` otherwise.
pub(crate) fn lambda_error(status: u16, code: &str, message: &str) -> Response<Body> {
    let member = if status == 400 { "message" } else { "Message" };
    let body = json!({ "Type": "User", member: message });

    on_http(Answer {
        body: Some(body.to_string()),
        ..Answer::error(status, code, message)
    })
}

/// A response in JSON.
pub(crate) fn plain_json(status: u16, body: &Value) -> Response<Body> {
    on_http(Answer {
        body: Some(body.to_string()),
        ..Answer::empty(status)
    })
}

/// A response in plain text.
pub(crate) fn plain_text(text: &str) -> Response<Body> {
    on_http(Answer {
        content_type: "text/plain; charset=utf-8",
        body: Some(text.to_owned()),
        ..Answer::empty(200)
    })
}

/// A response with any body.
pub(crate) fn response(status: u16, body: Bytes) -> Response<Body> {
    let body = Full::new(body).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());

    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // SDKs log the request ID, and AWS sends one with every answer.
    if let Ok(id) = uuid::Uuid::new_v4().to_string().parse() {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
