//! A call as it stands on the wire, beneath whatever carries it: HTTP here, or a test that has no
//! sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    aws::call::{self, Pair, Service},
    aws::constraints,
    aws::error::ApiError,
    cloud::{Action, Cloud},
};

/// How late a slow answer is: within the time that a client should give a call.
pub const SLOW: Duration = Duration::from_secs(4);

/// A call as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, as it was sent.
    pub path: &'a str,
    /// The query, as it was sent; empty without one.
    pub query: &'a str,
    /// The header `authorization`, which names the service and the Region.
    pub authorization: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// An answer as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<String>,
    /// The body, JSON; `None` for none.
    pub body: Option<String>,
}

/// What a caller meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// An answer.
    Answer(Answer),
    /// An answer that comes [`SLOW`] later.
    Slow(Answer),
    /// The first half of an answer; then the connection breaks.
    Truncate(Answer),
    /// The connection breaks without an answer.
    Reset,
    /// No answer ever comes.
    Hang,
}

impl Cloud {
    /// Answers one call.
    #[must_use]
    pub fn call(&self, call: Call<'_>) -> Wire {
        let Some(scope) = scope(call.authorization) else {
            self.note_unexpected(call.method, call.path, "no signature");
            let message = "the request has no AWS signature, version 4";
            return Wire::Answer(Answer::error(
                403,
                "MissingAuthenticationTokenException",
                message,
            ));
        };
        if let Err(wrong) = self.admits(&scope) {
            self.note_unexpected(
                call.method,
                call.path,
                &format!("signed for {}", scope.region),
            );
            return Wire::Answer(wrong);
        }
        let service = Service::signed(&scope.service);
        let routed =
            service.and_then(|service| Some((service, service.route(call.method, call.path)?)));
        let Some((service, operation)) = routed else {
            self.note_unexpected(
                call.method,
                call.path,
                &format!("not an operation of {}", scope.service),
            );
            let message = format!(
                "{} {} of {} is not served",
                call.method, call.path, scope.service
            );
            return Wire::Answer(Answer::error(404, "UnknownOperationException", &message));
        };
        let request = match input(service, operation, call) {
            Ok(input) => call::Request {
                service,
                operation: operation.to_owned(),
                region: scope.region,
                input,
            },
            Err(wrong) => {
                self.note_unexpected(operation, call.path, &wrong.message);
                return Wire::Answer(Answer::of(service, Err(wrong)));
            }
        };
        match self.meet(&request) {
            Action::Answer(reply) => Wire::Answer(Answer::of(service, reply)),
            Action::Slow(reply) => Wire::Slow(Answer::of(service, reply)),
            Action::Truncate(reply) => Wire::Truncate(Answer::of(service, reply)),
            Action::Status(status) => Wire::Answer(Answer {
                status,
                error_type: None,
                body: None,
            }),
            Action::Reset => Wire::Reset,
            Action::Hang => Wire::Hang,
        }
    }

    /// A signature is for a Region that exists, and an account is in one partition.
    fn admits(&self, scope: &Scope) -> Result<(), Answer> {
        let (_, here) = self.place();
        let service = Service::signed(&scope.service);
        let partition = constraints::partition(&scope.region);
        if partition.is_none()
            || service.is_some_and(|service| !constraints::is_in(service, &scope.region))
        {
            let message = "Credential should be scoped to a valid region.";
            return Err(Answer::error(403, "InvalidSignatureException", message));
        }
        if partition != constraints::partition(&here) {
            let message = "The security token included in the request is invalid.";
            return Err(Answer::error(403, "UnrecognizedClientException", message));
        }
        Ok(())
    }
}

impl Answer {
    /// An error outside the services, as AWS writes it for a REST-JSON service: the code in a
    /// header, a text in the body.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "message": message, "code": code });
        Self {
            status,
            error_type: Some(code.to_owned()),
            body: Some(body.to_string()),
        }
    }

    fn of(service: Service, reply: call::Reply) -> Self {
        match reply {
            Ok((status, None)) => Self {
                status,
                error_type: None,
                body: None,
            },
            Ok((204, _)) => Self {
                status: 204,
                error_type: None,
                body: None,
            },
            Ok((status, Some(body))) => Self {
                status,
                error_type: None,
                body: Some(body.to_string()),
            },
            Err(wrong) => Self {
                status: wrong.status,
                error_type: Some(wrong.code.to_owned()),
                body: Some(service.error_body(&wrong).to_string()),
            },
        }
    }
}

/// What a signature says it is for. Whether it is genuine is not checked: there are no secrets
/// here.
struct Scope {
    region: String,
    service: String,
}

fn scope(authorization: Option<&str>) -> Option<Scope> {
    let signature = authorization?.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let mut scope = signature.split(',').next()?.split('/').skip(2);
    Some(Scope {
        region: scope.next()?.to_owned(),
        service: scope.next()?.to_owned(),
    })
}

/// The members of a call: the body, and what the API's model binds to path and query.
fn input(service: Service, operation: &str, call: Call<'_>) -> Result<Value, ApiError> {
    let body = match call.body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(call.body)
            .map_err(|error| constraints::serialization(error.to_string()))?,
    };
    let is_text = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8()
            .is_ok()
    };
    if !is_text(call.path) || !is_text(call.query) {
        return Err(constraints::serialization(
            "the path or the query is not UTF-8",
        ));
    }
    let pairs = call.query.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<Pair> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (call::percent_decode(name), call::percent_decode(value)))
        .collect();
    constraints::input(
        service,
        operation,
        &service.path_members(operation, call.path),
        &query,
        body,
    )
}
