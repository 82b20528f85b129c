//! What the requests of every function have in common: a version, an expiry, and a number of
//! targets.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    envelope::Event,
    ids::InvalidValue,
    rejection::{Rejection, RejectionCode},
    strict,
};

/// How far ahead `expiresAt` may be: a request that waits longer than a day is to be made again.
pub const MAX_HOURS_TO_EXPIRY: i64 = 24;

/// How far the clocks of a sender and of a function may disagree about that. AWS accepts the
/// signature of a call under the same condition.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);

/// Reads the version alone, so that a request of a later version is rejected as such, not because its
/// fields are unknown.
///
/// # Errors
///
/// [`RejectionCode::UnsupportedVersion`] or [`RejectionCode::MissingField`].
pub fn check_version(text: &str) -> Result<(), Rejection> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<Box<RawValue>>,
    }

    // Only the exact text `1` is version 1: neither `1.0` nor `"1"`.
    let version = strict::read::<Version>(text)?.version;
    match version.as_deref().map(RawValue::get) {
        Some("1") => Ok(()),
        None | Some("null") => Err(Rejection::new(
            RejectionCode::MissingField,
            "missing field `version`; this function reads version 1",
        )),
        Some(version) => {
            let message = format!(
                "version {version} is not known; this function reads version 1, written as 1"
            );
            let rejection = Rejection::new(RejectionCode::UnsupportedVersion, message);
            Err(rejection.about("version"))
        }
    }
}

/// The detail of an event that carries a request: from any source but AWS's own, whose names nobody
/// else may use.
///
/// # Errors
///
/// [`RejectionCode::ReservedSource`].
pub fn detail(event: &Event) -> Result<&str, Rejection> {
    // EventBridge lets nobody but AWS use such a source, so that this one is forged.
    if event.source.starts_with("aws.") {
        let message = format!(
            "`{}` is a source of AWS's own; a request names another",
            event.source
        );
        return Err(Rejection::new(RejectionCode::ReservedSource, message));
    }
    Ok(&event.detail)
}

/// The rejection of an event of a kind that a function does not serve.
#[must_use]
pub fn unsupported(event: &Event) -> Rejection {
    let message = format!(
        "`{}` from `{}` is not an event that this function handles",
        event.detail_type, event.source
    );
    Rejection::new(RejectionCode::UnsupportedEvent, message)
}

/// Refuses a request that has gone stale, or that would not for too long.
///
/// # Errors
///
/// [`RejectionCode::Expired`] or [`RejectionCode::ExpiresTooLate`].
pub fn check_expiry(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Rejection> {
    // Whoever compares the two wants no fractions of a second.
    let [expires, is] = [expires_at, now].map(|it| it.to_rfc3339_opts(SecondsFormat::Secs, true));

    // A request that arrives late must not surprise anybody.
    if expires_at <= now {
        let message = format!("the request expired at {expires}; it is {is}");
        return Err(Rejection::new(RejectionCode::Expired, message).about("expiresAt"));
    }
    check_not_too_late(expires_at, now)
}

/// Refuses a request that would not go stale for too long.
///
/// # Errors
///
/// [`RejectionCode::ExpiresTooLate`].
pub fn check_not_too_late(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Rejection> {
    // A sender whose clock is ahead asks for a day, and not for more.
    if expires_at <= now + TimeDelta::hours(MAX_HOURS_TO_EXPIRY) + CLOCKS {
        return Ok(());
    }

    let [expires, is] = [expires_at, now].map(|it| it.to_rfc3339_opts(SecondsFormat::Secs, true));
    let message =
        format!("expiresAt {expires} is more than {MAX_HOURS_TO_EXPIRY} hours ahead; it is {is}");
    Err(Rejection::new(RejectionCode::ExpiresTooLate, message).about("expiresAt"))
}

/// Refuses a request with no targets or too many; `field` is where they stand.
///
/// # Errors
///
/// [`RejectionCode::InvalidValue`] or [`RejectionCode::TooManyTargets`].
pub fn check_count(field: &str, count: usize, most: usize) -> Result<(), Rejection> {
    if count == 0 {
        let message = format!("`{field}` is empty");
        return Err(Rejection::new(RejectionCode::InvalidValue, message).about(field));
    }

    // The contract's own limit; the deployment may have a lower one.
    if count > most {
        let message = format!("{count} {field} in one request; at most {most} are read");
        return Err(Rejection::new(RejectionCode::TooManyTargets, message).about(field));
    }
    Ok(())
}

/// A point in time as RFC 3339 writes it, and in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Timestamp(pub DateTime<Utc>);

impl TryFrom<String> for Timestamp {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let expected = "a date and time such as 2026-11-22T00:00:00Z";
        let parsed =
            DateTime::parse_from_rfc3339(&text).map_err(|_| InvalidValue::new(&text, expected))?;
        Ok(Self(parsed.to_utc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(result: Result<T, Rejection>, expected: Option<RejectionCode>) {
        assert_eq!(result.err().map(|rejection| rejection.code), expected);
    }

    fn event(source: &str) -> Event {
        let [source, detail_type, detail] =
            [source, "Asked", r#"{"version": 1}"#].map(str::to_owned);
        Event {
            source,
            detail_type,
            account: None,
            region: None,
            time: None,
            resources: Vec::new(),
            detail,
        }
    }

    #[test]
    fn version_1_is_read_whatever_stands_beside_it_and_no_other() {
        check(
            check_version(r#"{"version": 1, "fieldOfVersion2": true}"#),
            None,
        );
        check(
            check_version(r#"{"version": 2, "fieldOfVersion2": true}"#),
            Some(RejectionCode::UnsupportedVersion),
        );
        check(
            check_version(r#"{"version": "1"}"#),
            Some(RejectionCode::UnsupportedVersion),
        );
        check(
            check_version(r#"{"version": null}"#),
            Some(RejectionCode::MissingField),
        );
        check(check_version("{}"), Some(RejectionCode::MissingField));
        for version in ["1e0", "1.0", "true", "[1]"] {
            let wrong = check_version(&format!(r#"{{"version": {version}}}"#)).unwrap_err();
            assert_eq!(wrong.code, RejectionCode::UnsupportedVersion);
            assert!(
                wrong
                    .message
                    .contains(&format!("version {version} is not known")),
                "{}",
                wrong.message
            );
        }
    }

    #[test]
    fn only_aws_may_call_itself_aws() {
        assert_eq!(detail(&event("change-management")), Ok(r#"{"version": 1}"#));
        assert_eq!(detail(&event("awsome")), Ok(r#"{"version": 1}"#));
        check(
            detail(&event("aws.drs")),
            Some(RejectionCode::ReservedSource),
        );
    }

    #[test]
    fn a_request_is_read_before_it_expires_and_at_most_a_day_ahead() {
        let time = |text: &str| Timestamp::try_from(text.to_owned()).unwrap().0;
        let expires = |text: &str| check_expiry(time(text), time("2026-11-21T12:00:00Z"));
        check(
            expires("2026-11-21T12:00:00Z"),
            Some(RejectionCode::Expired),
        );
        check(
            expires("2026-11-21T11:59:59Z"),
            Some(RejectionCode::Expired),
        );
        check(expires("2026-11-21T12:00:01Z"), None);
        // A day, and five minutes between two clocks.
        check(expires("2026-11-22T12:05:00Z"), None);
        check(
            expires("2026-11-22T12:05:01Z"),
            Some(RejectionCode::ExpiresTooLate),
        );
    }

    #[test]
    fn a_point_in_time_is_written_as_rfc_3339_writes_it() {
        let time = |text: &str| {
            Timestamp::try_from(text.to_owned())
                .map(|timestamp| timestamp.0.to_rfc3339())
                .ok()
        };
        let midnight = Some("2026-11-22T00:00:00+00:00".to_owned());
        for same in [
            "2026-11-22T00:00:00Z",
            "2026-11-22T00:00:00.000Z",
            "2026-11-22T01:00:00+01:00",
            "2026-11-22t00:00:00z",
        ] {
            assert_eq!(time(same), midnight, "{same}");
        }
        for wrong in [
            "2026-11-22",
            "2026-11-22T00:00:00",
            "2026-11-22T00:00Z",
            "20261122T000000Z",
            "2026-11-22T24:00:00Z",
            "2026-11-31T00:00:00Z",
            "Sun, 22 Nov 2026 00:00:00 GMT",
            "1795305600",
            " 2026-11-22T00:00:00Z",
            "",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_request_has_a_target_and_not_too_many() {
        check(
            check_count("targets", 0, 3),
            Some(RejectionCode::InvalidValue),
        );
        check(check_count("targets", 1, 3), None);
        check(check_count("targets", 3, 3), None);
        check(
            check_count("targets", 4, 3),
            Some(RejectionCode::TooManyTargets),
        );
    }
}
