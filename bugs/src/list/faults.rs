//! What a failed call means, how long one may take, and how fast calls are made.

use crate::bug::Bug;

const CLASSIFY: &str = "shared/src/classify.rs";
const CODES: &str = "shared/src/codes.rs";
const DISPATCH: &str = "shared/src/dispatch.rs";
const DRS_CLIENT: &str = "shared/src/drs/client.rs";
const EFS_CLIENT: &str = "shared/src/efs/client.rs";
const FAULT: &str = "shared/src/fault.rs";
const INVOCATION: &str = "shared/src/invocation.rs";
const RATE_LIMIT: &str = "shared/src/rate_limit.rs";
const REPORT: &str = "shared/src/report.rs";
const START: &str = "shared/src/start.rs";

pub(super) const BUGS: &[Bug] = &[
    // A fault is known by its code, and decides who acts.
    Bug {
        name: "a conflict is final",
        file: FAULT,
        from: "Self::Conflict | Self::NotFound => Remedy::Retry,",
        to: "Self::Conflict | Self::NotFound => Remedy::Manual,",
    },
    Bug {
        name: "a server error leaves no doubt",
        file: FAULT,
        from: "matches!(self, Self::ServiceError | Self::Timeout | Self::NoAnswer)",
        to: "matches!(self, Self::Timeout | Self::NoAnswer)",
    },
    Bug {
        name: "a timeout leaves no doubt",
        file: FAULT,
        from: "matches!(self, Self::ServiceError | Self::Timeout | Self::NoAnswer)",
        to: "matches!(self, Self::ServiceError | Self::NoAnswer)",
    },
    Bug {
        name: "a quota of EFS is taken for a missing permission",
        file: CLASSIFY,
        from: "if let Some((kind, _)) = CODES.iter().find(|(_, codes)| codes.contains(&code)) {",
        to: "if let Some((kind, _)) = CODES
            .iter()
            .find(|(_, codes)| codes.contains(&code) && status != 403)
        {",
    },
    Bug {
        name: "a success that cannot be read is a rejection",
        file: CLASSIFY,
        from: "200..=299 => Self::NoAnswer,",
        to: "200..=299 => Self::RejectedByAws,",
    },
    Bug {
        name: "a throttle without a code is a rejection",
        file: CLASSIFY,
        from: "            _ if is_rate => Self::Throttled,
",
        to: "            _ if is_rate => Self::RejectedByAws,
",
    },
    Bug {
        name: "an error code is logged as it stands",
        file: CLASSIFY,
        from: "        .filter(char::is_ascii_alphanumeric)
",
        to: "",
    },
    Bug {
        name: "the namespace of an error is taken for its code",
        file: CLASSIFY,
        from: "text.rsplit('#').next()",
        to: "text.split('#').next()",
    },
    Bug {
        name: "an expired token is not known",
        file: CODES,
        from: r#"            "ExpiredToken",
"#,
        to: "",
    },
    Bug {
        name: "a setting that EFS changes once a day is retried",
        file: CODES,
        from: r#"            "TooManyRequests",
"#,
        to: "",
    },
    Bug {
        name: "expired credentials are not noticed",
        file: REPORT,
        from: "calls.any(|call| call.answer.starts_with(&expired))",
        to: "calls.any(|call| call.answer == expired)",
    },
    Bug {
        name: "a batch does not notice expired credentials",
        file: DISPATCH,
        from: "credentials_expired: reports.iter().any(Report::met_expired_credentials),",
        to: "credentials_expired: false,",
    },
    Bug {
        name: "a failure by expired credentials does not end the process",
        file: START,
        from: "Err(failure) => failure.met_expired_credentials(),",
        to: "Err(_) => false,",
    },
    // Time is kept: for the read after a change, and for the report after a read.
    Bug {
        name: "expiry is judged by the deadline",
        file: INVOCATION,
        from: "..Self::at(Utc::now(), Instant::now() + remaining)",
        to: "..Self::at(Utc::now() + remaining, Instant::now() + remaining)",
    },
    Bug {
        name: "a call is given the time of one attempt",
        file: INVOCATION,
        from: "let slowest_call = LONGEST_TURN + OPERATION_TIMEOUT;",
        to: "let slowest_call = ATTEMPT_TIMEOUT;",
    },
    Bug {
        name: "an observation takes the time of its report",
        file: INVOCATION,
        from: ".checked_sub(TIME_TO_REPORT)",
        to: ".checked_sub(Duration::ZERO)",
    },
    Bug {
        name: "an attempt has no time limit",
        file: START,
        from: "        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
",
        to: "",
    },
    // The limiter that waits is the one that learns.
    Bug {
        name: "the limiter of DRS that waits is not the one that learns",
        file: DRS_CLIENT,
        from: ".interceptor(limiter.clone())",
        to: ".interceptor(RateLimiter::default())",
    },
    Bug {
        name: "the limiter of EFS that waits is not the one that learns",
        file: EFS_CLIENT,
        from: ".interceptor(limiter.clone())",
        to: ".interceptor(RateLimiter::default())",
    },
    Bug {
        name: "no call waits for another",
        file: RATE_LIMIT,
        from: "self.next = Some(now + throttled.interval(now));",
        to: "self.next = Some(now);",
    },
    Bug {
        name: "the allowed rate is whatever passed",
        file: RATE_LIMIT,
        from: "passed.min(rate).max(least)",
        to: "passed.max(least)",
    },
    Bug {
        name: "a throttle is never forgotten",
        file: RATE_LIMIT,
        from: ".filter(|throttled| now - throttled.at < MEMORY);",
        to: ".filter(|_| true);",
    },
    Bug {
        name: "each throttle of a storm is learned from",
        file: RATE_LIMIT,
        from: "            Some(known) if now - known.at < STORM => known,
",
        to: "",
    },
    Bug {
        name: "a throttle without a known code is not repeated",
        file: RATE_LIMIT,
        from: "Some(answer) if throttles(answer) => RetryAction::throttling_error(),",
        to: "Some(answer) if throttles(answer) => RetryAction::NoActionIndicated,",
    },
    Bug {
        name: "calls wait for minutes",
        file: RATE_LIMIT,
        from: "const MIN_RATE: f64 = 2.0;",
        to: "const MIN_RATE: f64 = 0.02;",
    },
    // The log is for Lambda's metric filters, and holds no host names.
    Bug {
        name: "the SDK's own lines are logged at DEBUG",
        file: START,
        from: ".with_default(level.min(LevelFilter::INFO))",
        to: ".with_default(level)",
    },
    Bug {
        name: "a log format of JSON in capitals is not known",
        file: START,
        from: r#"if format.eq_ignore_ascii_case("json") {"#,
        to: r#"if format == "json" {"#,
    },
];
