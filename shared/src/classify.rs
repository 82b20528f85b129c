//! What an error of the SDK means: which kind of fault it is.
//!
//! A cause is decided by its code first and its HTTP status second: a quota is not a missing
//! permission, and an endpoint that cannot exist is not a broken connection.

use std::error::Error;

use aws_smithy_http::endpoint::ResolveEndpointError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Deserialize;

use crate::{
    codes::CODES,
    fault::{Fault, FaultKind},
};

impl FaultKind {
    /// What an error answer means.
    pub(crate) fn of_response(answer: &HttpResponse) -> Self {
        let ErrorAnswer { code, message } = ErrorAnswer::read(answer);
        Self::of_answer(
            answer.status().as_u16(),
            code.as_deref(),
            message.as_deref(),
        )
    }

    /// What an error answer means: by its code, else by what its code is called, else by its
    /// status.
    fn of_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let code = code.unwrap_or_default();
        // The code decides, whatever the status: EFS answers quotas with 403.
        if let Some((kind, _)) = CODES.iter().find(|(_, codes)| codes.contains(&code)) {
            return *kind;
        }

        // Codes of the future keep to AWS's habits.
        let is_quota = code.contains("LimitExceeded") || code.contains("QuotaExceeded");
        // AWS's front door may throttle before it knows the service, and then gives a sentence and
        // no code.
        let is_rate = code.is_empty()
            && message.is_some_and(|message| message.eq_ignore_ascii_case("rate exceeded"));

        match status {
            _ if is_quota => Self::QuotaExceeded,
            429 => Self::Throttled,
            _ if is_rate => Self::Throttled,
            // A success that the SDK could not read: nobody knows what happened.
            200..=299 => Self::NoAnswer,
            401 | 403 => Self::AccessDenied,
            402 => Self::QuotaExceeded,
            404 => Self::NotFound,
            408 => Self::Timeout,
            409 => Self::Conflict,
            500..=599 => Self::ServiceError,
            _ => Self::RejectedByAws,
        }
    }
}

impl Fault {
    /// Classifies what the SDK returned, after its own retries.
    pub fn from_sdk<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::of(FaultKind::Misconfigured),
            SdkError::TimeoutError(_) => Self::of(FaultKind::Timeout),
            SdkError::DispatchFailure(failure) => Self::of(of_dispatch(failure)),
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                // Where AWS gives no code, the SDK keeps the message to itself.
                let read = ErrorAnswer::read(answer.raw());
                let code = answer.err().code().or(read.code.as_deref());

                Self::from_answer(status, code, read.message.as_deref())
            }
            SdkError::ResponseError(answer) if answer.raw().status().is_server_error() => {
                Self::of(FaultKind::ServiceError)
            }
            _ => Self::of(FaultKind::NoAnswer),
        }
    }

    /// Classifies an error answer. Of the message only the words of a throttle count, and only
    /// where no code says more.
    fn from_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        Self {
            kind: FaultKind::of_answer(status, code, message),
            code: code.map(tidy),
        }
    }
}

/// Why a call could not be sent, or its answer not be received.
fn of_dispatch(failure: &DispatchFailure) -> FaultKind {
    if failure.is_timeout() {
        return FaultKind::Timeout;
    }

    let cause = failure.as_connector_error();
    if failure.is_user() || cause.is_some_and(|error| is_impossible(error)) {
        return FaultKind::Misconfigured;
    }
    FaultKind::NoAnswer
}

/// Whether a call can never be sent: the SDK finds no endpoint in its configuration, or one of a
/// scheme that it does not speak. Only hyper's words tell the latter from a connection that failed.
fn is_impossible(error: &(dyn Error + 'static)) -> bool {
    let says_so =
        error.is::<ResolveEndpointError>() || error.to_string().contains("unsupported scheme");
    says_so || error.source().is_some_and(is_impossible)
}

/// What an error answer says of itself.
struct ErrorAnswer {
    code: Option<String>,
    message: Option<String>,
}

impl ErrorAnswer {
    /// Reads the code that AWS puts in a header, between a namespace with a `#` and an address
    /// after a `:`, or in the body, and the message of the body.
    fn read(answer: &HttpResponse) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Body {
            code: Option<String>,
            #[serde(rename = "__type")]
            kind: Option<String>,
            message: Option<String>,
        }

        // A body that is no JSON, such as a proxy's page, names nothing.
        let body: Body =
            serde_json::from_slice(answer.body().bytes().unwrap_or_default()).unwrap_or_default();
        let bare = |text: &str| {
            text.split(':')
                .next()
                .and_then(|text| text.rsplit('#').next())
                .map(str::to_owned)
        };
        // A header is read before the body, whose shape depends on the protocol.
        let named = body.code.as_deref().or(body.kind.as_deref());

        Self {
            code: answer
                .headers()
                .get("x-amzn-errortype")
                .or(named)
                .and_then(bare),
            message: body.message,
        }
    }
}

/// An error code as it may stand in a log: at most 64 letters and digits.
fn tidy(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
    use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
    use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};

    use super::*;
    use crate::fault::Remedy;

    #[track_caller]
    fn check(status: u16, code: &str, expected: FaultKind) {
        assert_eq!(
            Fault::from_answer(status, Some(code), None).kind,
            expected,
            "{status} {code}"
        );
    }

    // Invariant 3.
    #[test]
    fn a_known_code_counts_whatever_the_status() {
        check(429, "ThrottlingException", FaultKind::Throttled);
        check(400, "ThrottlingException", FaultKind::Throttled);
        check(400, "RequestLimitExceeded", FaultKind::Throttled);
        check(429, "TooManyRequests", FaultKind::RejectedByAws);
        check(503, "InsufficientThroughputCapacity", FaultKind::NoCapacity);
        check(403, "ExpiredTokenException", FaultKind::CredentialsExpired);
        check(400, "ExpiredTokenException", FaultKind::CredentialsExpired);
        check(403, "AccessDeniedException", FaultKind::AccessDenied);
        check(400, "AccessDeniedException", FaultKind::AccessDenied);
        check(404, "ResourceNotFoundException", FaultKind::NotFound);
        check(409, "ConflictException", FaultKind::Conflict);
        check(400, "ValidationException", FaultKind::RejectedByAws);
        check(500, "InternalServerException", FaultKind::ServiceError);
    }

    // Invariant 3.
    #[test]
    fn what_a_new_token_or_a_while_mends_is_known_under_each_of_its_codes() {
        // As "Common Errors" of AWS and botocore spell them.
        let expired = [
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidToken",
            "TokenRefreshRequired",
        ];

        for code in expired {
            check(403, code, FaultKind::CredentialsExpired);
        }
        for code in THROTTLING_ERRORS {
            check(400, code, FaultKind::Throttled);
        }
    }

    // Invariant 3.
    #[test]
    fn a_quota_is_no_missing_permission() {
        for code in [
            "FileSystemLimitExceeded",
            "AccessPointLimitExceeded",
            "MountTargetLimitExceeded",
        ] {
            check(403, code, FaultKind::QuotaExceeded);
        }
        check(
            402,
            "ServiceQuotaExceededException",
            FaultKind::QuotaExceeded,
        );
        check(402, "PaymentRequired", FaultKind::QuotaExceeded);
        check(400, "ReplicaQuotaExceeded", FaultKind::QuotaExceeded);
        let fault = Fault::from_answer(403, Some("FileSystemLimitExceeded"), None);
        assert_eq!(
            fault.to_string(),
            "a quota of the account is used up (FileSystemLimitExceeded)"
        );
        assert_eq!(fault.kind.remedy(), Remedy::Manual);
    }

    // Invariant 3.
    #[test]
    fn a_refused_signature_passes_and_a_region_that_is_off_does_not() {
        let signature = [
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "RequestTimeTooSkewed",
            "RequestInTheFuture",
        ];
        for code in signature {
            check(403, code, FaultKind::SignatureRefused);
        }
        assert_eq!(FaultKind::SignatureRefused.remedy(), Remedy::Retry);
        for code in [
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "OptInRequired",
        ] {
            check(403, code, FaultKind::RegionNotEnabled);
        }
        assert_eq!(FaultKind::RegionNotEnabled.remedy(), Remedy::FixDeployment);
    }

    #[test]
    fn an_unknown_code_is_classified_by_its_status() {
        check(429, "Unknown", FaultKind::Throttled);
        check(403, "Unknown", FaultKind::AccessDenied);
        check(401, "Unknown", FaultKind::AccessDenied);
        check(404, "Unknown", FaultKind::NotFound);
        check(408, "Unknown", FaultKind::Timeout);
        check(409, "Unknown", FaultKind::Conflict);
        check(503, "", FaultKind::ServiceError);
        check(200, "", FaultKind::NoAnswer);
        check(418, "Unknown", FaultKind::RejectedByAws);
    }

    #[test]
    fn a_throttle_without_a_code_is_known_by_its_words() {
        let kind = |status, code, message| Fault::from_answer(status, code, Some(message)).kind;
        assert_eq!(kind(400, None, "Rate exceeded"), FaultKind::Throttled);
        assert_eq!(kind(400, Some(""), "Rate exceeded"), FaultKind::Throttled);
        assert_eq!(
            kind(400, Some("ValidationException"), "Rate exceeded"),
            FaultKind::RejectedByAws
        );
        assert_eq!(
            kind(400, None, "no such file system"),
            FaultKind::RejectedByAws
        );
    }

    #[test]
    fn every_code_stands_in_the_table_once_and_every_kind_has_a_sentence_of_its_own() {
        let mut codes: Vec<&str> = CODES
            .iter()
            .flat_map(|(_, codes)| *codes)
            .copied()
            .collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|two| two[0] != two[1]), "{codes:?}");

        let mut phrases: Vec<String> = FaultKind::ALL.iter().map(|kind| kind.phrase()).collect();
        phrases.sort_unstable();
        assert!(phrases.windows(2).all(|two| two[0] != two[1]));
    }

    #[test]
    fn a_call_that_cannot_be_sent_differs_from_a_connection_that_failed() {
        let from = |error: ConnectorError| {
            Fault::from_sdk(&SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(
                error,
            ))
            .kind
        };
        let no_endpoint =
            ResolveEndpointError::message("FIPS and custom endpoint are not supported");
        assert_eq!(
            from(ConnectorError::other(no_endpoint.into(), None)),
            FaultKind::Misconfigured
        );
        assert_eq!(
            from(ConnectorError::io("unsupported scheme ftp".into())),
            FaultKind::Misconfigured
        );
        assert_eq!(
            from(ConnectorError::io("tcp connect error".into())),
            FaultKind::NoAnswer
        );
    }

    #[test]
    fn an_sdk_error_is_classified_by_how_far_the_call_came() {
        let from = |error: SdkError<ErrorMetadata, HttpResponse>| Fault::from_sdk(&error);
        let answer = |status: u16| {
            HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
        };
        let lost = |error: ConnectorError| from(SdkError::dispatch_failure(error)).kind;
        assert_eq!(
            from(SdkError::construction_failure("no such input")).kind,
            FaultKind::Misconfigured
        );
        assert_eq!(
            lost(ConnectorError::user("no such host name".into())),
            FaultKind::Misconfigured
        );
        assert_eq!(
            from(SdkError::timeout_error("15 seconds")).kind,
            FaultKind::Timeout
        );
        assert_eq!(
            lost(ConnectorError::timeout("5 seconds".into())),
            FaultKind::Timeout
        );
        assert_eq!(
            lost(ConnectorError::io("reset".into())),
            FaultKind::NoAnswer
        );
        assert_eq!(
            lost(ConnectorError::other("closed".into(), None)),
            FaultKind::NoAnswer
        );
        assert_eq!(
            from(SdkError::response_error("cut off", answer(200))).kind,
            FaultKind::NoAnswer
        );
        assert_eq!(
            from(SdkError::response_error("not JSON", answer(502))).kind,
            FaultKind::ServiceError
        );
        let refused = ErrorMetadata::builder().code("ConflictException").build();
        let conflict = Fault {
            kind: FaultKind::Conflict,
            code: Some("ConflictException".to_owned()),
        };
        assert_eq!(
            from(SdkError::service_error(refused, answer(409))),
            conflict
        );
    }

    #[test]
    fn a_code_cannot_carry_anything_into_a_log() {
        let fault = Fault::from_answer(400, Some("Bad\n{\"host\": 1}"), None);
        assert_eq!(fault.to_string(), "AWS refused the call (Badhost1)");
    }
}
