//! A call as it is on the wire, without what carries it: HTTP here, or a test without sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, ApiResult, Pair, Request},
        constraints,
        error::ApiError,
    },
    cloud::{Action, Cloud, RATE_EXCEEDED},
    definition::{Definition, Protocol},
    services, sts,
};

/// The delay of a slow answer, which is within the time that a client should give a call.
pub const SLOW: Duration = Duration::from_secs(4);

/// How many seconds a throttled caller is told to wait.
const RETRY_AFTER: &str = "2";

/// A call as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query, percent-encoded; empty if there is none.
    pub query: &'a str,
    /// The header `authorization`, which names the service and the Region.
    pub authorization: Option<&'a str>,
    /// The header `x-amz-target`, which names the operation of a JSON 1.1 service.
    pub target: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// An answer as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<String>,
    /// The header `retry-after`, in seconds.
    pub retry_after: Option<&'static str>,
    /// The content type of the body.
    pub content_type: &'static str,
    /// The body, if there is one.
    pub body: Option<String>,
}

/// What a caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// An answer.
    Answer(Answer),
    /// An answer that comes [`SLOW`] later.
    Slow(Answer),
    /// The first half of an answer, before the connection breaks.
    Truncate(Answer),
    /// A broken connection instead of an answer.
    Reset,
    /// No answer at all.
    Hang,
}

impl Cloud {
    /// Answers one call.
    #[must_use]
    pub fn call(&self, call: Call<'_>) -> Wire {
        let (definition, request) = match self.read(call) {
            Ok(read) => read,
            Err(answer) => return Wire::Answer(answer),
        };
        let answer = |result| Answer::new(definition, result);

        match self.handle(&request) {
            Action::Answer(result) => Wire::Answer(answer(result)),
            Action::Slow(result) => Wire::Slow(answer(result)),
            Action::Truncate(result) => Wire::Truncate(answer(result)),
            Action::Status(status) => Wire::Answer(Answer::empty(status)),
            Action::TooMany => Wire::Answer(Answer {
                body: Some(json!({ "message": RATE_EXCEEDED }).to_string()),
                ..Answer::empty(400)
            }),
            Action::TooManyUntil(error) => Wire::Answer(Answer {
                retry_after: Some(RETRY_AFTER),
                ..answer(Err(error))
            }),
            Action::Reset => Wire::Reset,
            Action::Hang => Wire::Hang,
        }
    }

    /// Reads a call of a service. STS, which is none, is answered here, and what nobody should call
    /// is refused.
    fn read(&self, call: Call<'_>) -> Result<(&'static Definition, Request), Answer> {
        let Call { method, path, .. } = call;
        // All services require a signature, whatever the path.
        let Some(scope) = Scope::parse(call.authorization) else {
            self.record_unexpected(method, path, "no signature");
            let message = "the request has no AWS signature, version 4";
            let code = "MissingAuthenticationTokenException";
            return Err(Answer::error(403, code, message));
        };
        if scope.service == sts::SIGNING_NAME {
            return Err(self.identify(&scope.region, call));
        }
        // A signature of another service, such as Lambda, is refused by its route.
        let definition = services::signed_for(&scope.service);
        if let Err(refused) = self.admit(&scope.region, definition) {
            let answer = format!("signed for {}", scope.region);
            self.record_unexpected(method, path, &answer);
            return Err(refused);
        }

        // An unknown service and an unknown operation look the same to a caller.
        let routed = definition.and_then(|definition| {
            let operation = (definition.route)(method, path, call.target)?;
            Some((definition, operation))
        });
        let Some((definition, operation)) = routed else {
            let answer = format!("not an operation of {}", scope.service);
            self.record_unexpected(method, path, &answer);
            let message = format!("{method} {path} of {} is not emulated", scope.service);
            return Err(Answer::error(404, "UnknownOperationException", &message));
        };

        let input = read_input(definition, operation, call).map_err(|error| {
            self.record_unexpected(operation, path, &error.message);
            Answer::new(definition, Err(error))
        })?;
        let request = Request {
            service: definition.service,
            operation: operation.to_owned(),
            region: scope.region,
            input,
        };
        Ok((definition, request))
    }

    /// Answers a call of STS, which needs nothing of the account but its ID.
    fn identify(&self, region: &str, call: Call<'_>) -> Answer {
        if let Err(refused) = self.admit(region, None) {
            return refused;
        }
        let (account, _) = self.place();
        let action = sts::action(call.query, call.body);
        let (status, body) = match action == sts::GET_CALLER_IDENTITY {
            true => (200, sts::caller_identity(&account, region)),
            false => (400, sts::invalid_action()),
        };

        // Whatever a tool asks first, people can see in the journal that it did.
        match status {
            200 => self.record_read(sts::GET_CALLER_IDENTITY, region, &account, "200"),
            _ => self.record_unexpected(&action, call.path, "400 InvalidAction"),
        }
        Answer {
            content_type: sts::CONTENT_TYPE,
            body: Some(body),
            ..Answer::empty(status)
        }
    }

    /// Admits a signature for a Region that exists and has the service, in the partition of the
    /// account.
    fn admit(&self, region: &str, definition: Option<&Definition>) -> Result<(), Answer> {
        let (_, home) = self.place();
        let partition = constraints::partition(region);
        let is_available =
            definition.is_none_or(|definition| constraints::is_in(definition.service, region));

        if partition.is_none() || !is_available {
            let message = "Credential should be scoped to a valid region.";
            return Err(Answer::error(403, "InvalidSignatureException", message));
        }
        // Credentials of one partition mean nothing in another.
        if partition != constraints::partition(&home) {
            let message = "The security token included in the request is invalid.";
            return Err(Answer::error(403, "UnrecognizedClientException", message));
        }
        Ok(())
    }
}

impl Answer {
    /// An error outside the services, as AWS writes it for REST-JSON services.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "message": message, "code": code });

        Self {
            error_type: Some(code.to_owned()),
            body: Some(body.to_string()),
            ..Self::empty(status)
        }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            error_type: None,
            retry_after: None,
            content_type: Protocol::RestJson.content_type(),
            body: None,
        }
    }

    fn new(definition: &Definition, result: ApiResult) -> Self {
        let protocol = definition.protocol;
        let answer = match result {
            // HTTP forbids a body with 204, even if an operation has an empty one.
            Ok((status, None)) | Ok((status @ 204, _)) => Self::empty(status),
            Ok((status, Some(body))) => Self {
                body: Some(body.to_string()),
                ..Self::empty(status)
            },
            Err(error) => Self {
                error_type: (protocol == Protocol::RestJson).then(|| error.code.to_owned()),
                body: Some(error_body(definition, &error).to_string()),
                ..Self::empty(error.status)
            },
        };

        Self {
            content_type: protocol.content_type(),
            ..answer
        }
    }
}

fn error_body(definition: &Definition, error: &ApiError) -> Value {
    let mut body = (definition.error_body)(error);
    if let Some((member, value)) = &error.more {
        call::put(&mut body, member, json!(value));
    }
    body
}

/// What a signature is for. Whether it is genuine is not checked: there are no secrets here.
struct Scope {
    region: String,
    service: String,
}

impl Scope {
    fn parse(authorization: Option<&str>) -> Option<Self> {
        let signature = authorization?.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;

        // KEY/DATE/REGION/SERVICE/aws4_request
        let mut parts = signature.split(',').next()?.split('/').skip(2);
        Some(Self {
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
        })
    }
}

/// The members of a call, from its body, its path and its query.
fn read_input(definition: &Definition, operation: &str, call: Call<'_>) -> Result<Value, ApiError> {
    let body = match call.body {
        b"" => json!({}),
        body => serde_json::from_slice(body)
            .map_err(|error| ApiError::serialization(error.to_string()))?,
    };
    // Decoding would replace invalid bytes silently.
    if !is_utf8(call.path) || !is_utf8(call.query) {
        let message = "the path or the query is not UTF-8";
        return Err(ApiError::serialization(message));
    }

    let path = (definition.bind)(operation, call.path);
    let query = read_query(call.query);
    let input = constraints::input(definition.service, operation, &path, &query, body);
    input.map_err(|error| match error.code {
        "ValidationException" => ApiError {
            code: definition.invalid,
            ..error
        },
        // A request that cannot be parsed has the same code in every service.
        _ => error,
    })
}

fn is_utf8(encoded: &str) -> bool {
    percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .is_ok()
}

fn read_query(query: &str) -> Vec<Pair> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());

    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (call::percent_decode(name), call::percent_decode(value))
        })
        .collect()
}
