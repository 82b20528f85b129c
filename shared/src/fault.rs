//! Why a call to AWS did not answer as asked, in the few kinds that lead to different behaviour.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Serialize;

/// A failed call: its kind, and the code that AWS gave, if AWS answered.
///
/// It never holds AWS's message, a header or a body: those may name hosts and addresses, and faults are logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", kind.sentence(), code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct Fault {
    /// What it means for us.
    pub kind: FaultKind,
    /// AWS's error code, such as `ConflictException`.
    pub code: Option<String>,
}

/// The closed set of faults. The README documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// AWS asked us to slow down, also after the SDK's own retries.
    Throttled,
    /// AWS answered with a server error.
    ServiceError,
    /// No answer within the time limit of the call.
    Timeout,
    /// The connection failed, or the answer was cut off.
    NoAnswer,
    /// A list could not be read to its end: AWS gave the same page token twice.
    BrokenPaging,
    /// AWS's answer lacks what identifies a resource.
    Unreadable,
    /// The credentials have expired; the next process gets new ones.
    CredentialsExpired,
    /// AWS says that the change conflicts with something, and does not say with what.
    Conflict,
    /// AWS does not know the resource.
    NotFound,
    /// The role may not do this.
    AccessDenied,
    /// The call could not even be made: an endpoint or an input is impossible.
    Misconfigured,
    /// AWS refused the call for another reason.
    RejectedByAws,
}

/// The codes by which AWS's services throttle, whatever the status; as the SDK's own retries know them.
const THROTTLES: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// What Lambda is told about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// The same request may succeed later without anybody doing anything.
    Retry,
    /// Somebody must change the deployment first.
    Repair,
    /// Retrying cannot help; a human must look.
    Human,
}

impl FaultKind {
    /// Every fault, in the order of the README's table.
    pub const ALL: [Self; 12] = [
        Self::Throttled,
        Self::ServiceError,
        Self::Timeout,
        Self::NoAnswer,
        Self::BrokenPaging,
        Self::Unreadable,
        Self::CredentialsExpired,
        Self::Conflict,
        Self::NotFound,
        Self::AccessDenied,
        Self::Misconfigured,
        Self::RejectedByAws,
    ];

    /// What it takes to get past the fault.
    #[must_use]
    pub fn cure(self) -> Cure {
        match self {
            Self::Throttled | Self::ServiceError | Self::Timeout | Self::NoAnswer | Self::BrokenPaging => Cure::Retry,
            Self::CredentialsExpired | Self::Conflict | Self::NotFound => Cure::Retry,
            Self::AccessDenied | Self::Misconfigured => Cure::Repair,
            Self::RejectedByAws | Self::Unreadable => Cure::Human,
        }
    }

    /// Whether the change may have happened all the same: AWS may have acted and its answer may have been lost.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::ServiceError | Self::Timeout | Self::NoAnswer)
    }

    /// The fault in a few words, without AWS's own.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Throttled => "AWS throttled the call",
            Self::ServiceError => "AWS answered with a server error",
            Self::Timeout => "AWS did not answer in time",
            Self::NoAnswer => "the connection to AWS broke before a complete answer",
            Self::BrokenPaging => "AWS repeated a page token, so the list is incomplete",
            Self::Unreadable => "AWS's answer lacks what identifies a resource",
            Self::CredentialsExpired => "the credentials have expired",
            Self::Conflict => "AWS reports a conflict",
            Self::NotFound => "AWS does not know the resource",
            Self::AccessDenied => "the role of the function may not do this",
            Self::Misconfigured => "the call could not be made: an endpoint or an input is impossible",
            Self::RejectedByAws => "AWS refused the call",
        }
    }
}

impl Fault {
    /// A fault without a code from AWS.
    #[must_use]
    pub fn of(kind: FaultKind) -> Self {
        Self { kind, code: None }
    }

    /// Classifies what the SDK returned, after its own retries.
    pub fn from_sdk<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::of(FaultKind::Misconfigured),
            SdkError::TimeoutError(_) => Self::of(FaultKind::Timeout),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::of(FaultKind::Timeout),
            SdkError::DispatchFailure(failure) if failure.is_user() => Self::of(FaultKind::Misconfigured),
            SdkError::ServiceError(answer) => Self::from_answer(answer.raw().status().as_u16(), answer.err().code()),
            SdkError::ResponseError(answer) if answer.raw().status().is_server_error() => {
                Self::of(FaultKind::ServiceError)
            }
            _ => Self::of(FaultKind::NoAnswer),
        }
    }

    /// Classifies an error answer: by code where a code says more than its status, else by status.
    fn from_answer(status: u16, code: Option<&str>) -> Self {
        let kind = match (status, code.unwrap_or_default()) {
            (_, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => FaultKind::CredentialsExpired,
            (status, code) if is_throttle(status, code) => FaultKind::Throttled,
            (200..=299, _) => FaultKind::NoAnswer,
            (401 | 403, _) => FaultKind::AccessDenied,
            (404, _) => FaultKind::NotFound,
            (409, _) => FaultKind::Conflict,
            (500..=599, _) => FaultKind::ServiceError,
            _ => FaultKind::RejectedByAws,
        };
        Self { kind, code: code.map(tidy) }
    }
}

/// Whether an error answer with this status and code asks to slow down.
pub(crate) fn is_throttle(status: u16, code: &str) -> bool {
    status == 429 || THROTTLES.contains(&code)
}

/// An error code as it may stand in a log: at most 64 letters and digits.
fn tidy(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
    use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};

    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, expected: FaultKind) {
        assert_eq!(Fault::from_answer(status, Some(code)).kind, expected, "{status} {code}");
    }

    #[test]
    fn answers_are_told_apart_by_code_then_by_status() {
        check(429, "ThrottlingException", FaultKind::Throttled);
        check(400, "ThrottlingException", FaultKind::Throttled);
        check(429, "Unknown", FaultKind::Throttled);
        check(403, "ExpiredTokenException", FaultKind::CredentialsExpired);
        check(403, "AccessDeniedException", FaultKind::AccessDenied);
        check(404, "ResourceNotFoundException", FaultKind::NotFound);
        check(409, "ConflictException", FaultKind::Conflict);
        check(402, "ServiceQuotaExceededException", FaultKind::RejectedByAws);
        check(400, "ValidationException", FaultKind::RejectedByAws);
        check(500, "InternalServerException", FaultKind::ServiceError);
        check(503, "", FaultKind::ServiceError);
        check(200, "", FaultKind::NoAnswer);
    }

    #[test]
    fn what_the_sdk_returns_is_told_apart_by_how_far_the_call_came() {
        let from = |error: SdkError<ErrorMetadata, HttpResponse>| Fault::from_sdk(&error);
        let answer = |status: u16| HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        let lost = |error: ConnectorError| from(SdkError::dispatch_failure(error)).kind;
        assert_eq!(from(SdkError::construction_failure("no such input")).kind, FaultKind::Misconfigured);
        assert_eq!(lost(ConnectorError::user("no such host name".into())), FaultKind::Misconfigured);
        assert_eq!(from(SdkError::timeout_error("15 seconds")).kind, FaultKind::Timeout);
        assert_eq!(lost(ConnectorError::timeout("5 seconds".into())), FaultKind::Timeout);
        assert_eq!(lost(ConnectorError::io("reset".into())), FaultKind::NoAnswer);
        assert_eq!(lost(ConnectorError::other("closed".into(), None)), FaultKind::NoAnswer);
        assert_eq!(from(SdkError::response_error("cut off", answer(200))).kind, FaultKind::NoAnswer);
        assert_eq!(from(SdkError::response_error("not JSON", answer(502))).kind, FaultKind::ServiceError);
        let refused = ErrorMetadata::builder().code("ConflictException").build();
        let conflict = Fault { kind: FaultKind::Conflict, code: Some("ConflictException".to_owned()) };
        assert_eq!(from(SdkError::service_error(refused, answer(409))), conflict);
    }

    #[test]
    fn only_an_answer_that_was_lost_or_broken_leaves_doubt() {
        let doubtful: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(|kind| kind.leaves_doubt()).collect();
        assert_eq!(doubtful, [FaultKind::ServiceError, FaultKind::Timeout, FaultKind::NoAnswer]);
    }

    #[test]
    fn a_code_cannot_carry_anything_into_a_log() {
        let fault = Fault::from_answer(400, Some("Bad\n{\"host\": 1}"));
        assert_eq!(fault.to_string(), "AWS refused the call (Badhost1)");
    }
}
