//! What Lambda is answered: reports, or a failure that carries them.

use std::fmt;

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::Diagnostic;
use serde::Serialize;

use crate::{outcome::Outcome, report::Report};

/// What one invocation answers when it answers Ok.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The report of the one request.
    One(Box<Report>),
    /// The reports of several SNS records.
    Many {
        /// One for each record, in their order.
        reports: Vec<Report>,
    },
    /// A batch, with the records that Lambda has to deliver again.
    Batch {
        /// The SQS records to deliver again.
        #[serde(flatten)]
        failed: SqsBatchResponse,
        /// Whether AWS said of any record's calls that the credentials have expired.
        #[serde(skip)]
        credentials_expired: bool,
    },
}

/// What one invocation answers when Lambda is to deliver again, or a human is to repair the
/// deployment.
///
/// It carries all its reports, so that a dead letter shows what was done before.
pub struct Failure {
    error_type: &'static str,
    reports: Vec<Report>,
}

impl Answer {
    /// The answer for one report.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if its outcome is one.
    pub fn one(report: Report) -> Result<Self, Failure> {
        // Lambda retries an asynchronous event only if it gets an error.
        match report.outcome.error_type() {
            None => Ok(Self::One(Box::new(report))),
            Some(error_type) => Err(Failure {
                error_type,
                reports: vec![report],
            }),
        }
    }

    /// The answer for the reports of several records that are retried together.
    ///
    /// # Errors
    ///
    /// A [`Failure`] with all of them if the outcome of any is one.
    pub fn many(mut reports: Vec<Report>) -> Result<Self, Failure> {
        // Lambda sends SNS records one at a time, and then the answer has no list.
        if reports.len() == 1 {
            return Self::one(reports.remove(0));
        }
        // The records of one SNS event can only be retried together.
        let worst = reports.iter().map(|report| report.outcome).min();
        match worst.and_then(Outcome::error_type) {
            None => Ok(Self::Many { reports }),
            Some(error_type) => Err(Failure {
                error_type,
                reports,
            }),
        }
    }

    /// Whether AWS said of any call that the credentials have expired.
    #[must_use]
    pub fn met_expired_credentials(&self) -> bool {
        match self {
            Self::One(report) => report.met_expired_credentials(),
            // Every record had the same credentials.
            Self::Many { reports } => reports.iter().any(Report::met_expired_credentials),
            Self::Batch {
                credentials_expired,
                ..
            } => *credentials_expired,
        }
    }
}

impl Failure {
    /// A failure of a batch as a whole, whose records cannot be named one by one.
    #[must_use]
    pub fn of_batch(reports: Vec<Report>) -> Self {
        Self {
            error_type: "Retryable",
            reports,
        }
    }

    /// Whether AWS said of any call that the credentials have expired.
    #[must_use]
    pub fn met_expired_credentials(&self) -> bool {
        self.reports.iter().any(Report::met_expired_credentials)
    }

    fn json(&self) -> String {
        let text = match self.reports.as_slice() {
            [report] => serde_json::to_string(report),
            reports => serde_json::to_string(reports),
        };
        text.unwrap_or_else(|_| self.to_string())
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.error_type.to_owned(),
            error_message: failure.json(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summaries: Vec<&str> = self
            .reports
            .iter()
            .map(|report| report.summary.as_str())
            .collect();
        write!(f, "{}: {}", self.error_type, summaries.join("; "))
    }
}

/// Short by hand: the runtime logs a handler's error with `{:?}`, and the reports have their own
/// log line.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{api::Call, fault::FaultKind, report::tests::report};

    #[test]
    fn only_faults_and_doubt_make_lambda_fail() {
        for outcome in Outcome::ALL {
            let failed = Answer::one(report(&[*outcome])).is_err();
            let expected = matches!(
                outcome,
                Outcome::Indeterminate | Outcome::Retryable | Outcome::Permanent
            );
            assert_eq!(failed, expected, "{outcome:?}");
        }
    }

    #[test]
    fn a_failure_carries_every_report() {
        let failure = Answer::many(vec![
            report(&[Outcome::Done]),
            report(&[Outcome::Indeterminate]),
        ])
        .unwrap_err();
        assert_eq!(
            format!("{failure:?}"),
            "Retryable: CHG1 tag: 1 of 1 tagged; CHG1 tag: 0 of 1 tagged. 1 indeterminate: web01 (test)"
        );
        let diagnostic = Diagnostic::from(failure);
        assert_eq!(diagnostic.error_type, "Retryable");
        let reports: Vec<Value> = serde_json::from_str(&diagnostic.error_message).unwrap();
        assert_eq!(reports[0]["outcome"], "done");
        assert_eq!(reports[1]["outcome"], "indeterminate");
    }

    #[test]
    fn expired_credentials_are_found_in_every_answer() {
        let good = || report(&[Outcome::Done]);
        let expired = |outcome| {
            let mut report = report(&[outcome]);
            report.calls.push(Call {
                operation: "DescribeJobs",
                requests: 1,
                answer: FaultKind::CredentialsExpired.phrase() + " (ExpiredTokenException)",
            });
            report
        };
        let met = |reports| match Answer::many(reports) {
            Ok(answer) => answer.met_expired_credentials(),
            Err(failure) => failure.met_expired_credentials(),
        };

        assert!(!met(vec![good()]));
        assert!(!met(vec![good(), good()]));
        assert!(!met(vec![report(&[Outcome::Retryable])]));
        assert!(met(vec![expired(Outcome::Done)]));
        assert!(met(vec![good(), expired(Outcome::Done)]));
        assert!(met(vec![good(), expired(Outcome::Retryable)]));
        for credentials_expired in [false, true] {
            let batch = Answer::Batch {
                failed: SqsBatchResponse::default(),
                credentials_expired,
            };
            assert_eq!(batch.met_expired_credentials(), credentials_expired);
        }
    }

    #[test]
    fn retrying_is_preferred_while_it_may_help() {
        let failure = Answer::one(report(&[Outcome::Permanent, Outcome::Retryable])).unwrap_err();
        assert_eq!(Diagnostic::from(failure).error_type, "Retryable");
    }
}
