//! What a function answers: one outcome for each target, out of a closed set, with the evidence for
//! it.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::Call,
    audit::Audit,
    fault::FaultKind,
    invocation::Invocation,
    outcome::{Mode, Outcome},
    rejection::Rejection,
    sanitize::sanitize,
    summary::{Wording, summary},
    target_report::TargetReport,
    variant::code,
};

/// The answer to one request.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The first outcome, in their order, that any target has.
    pub outcome: Outcome,
    /// The whole in one sentence for people.
    pub summary: String,
    /// Which request it answers; `null` for a rejected input.
    #[serde(rename = "requestID")]
    pub request_id: Option<String>,
    /// Whether anything could have been changed.
    pub mode: Mode,
    /// Why the input was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many targets have each outcome.
    pub counts: BTreeMap<Outcome, usize>,
    /// When a pending request is worth another look, in seconds: the soonest of its targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_again_after_seconds: Option<u32>,
    /// The request to send then, where it is not the same again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_request: Option<Value>,
    /// What was left out of each target, so that the report fits what carries it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<&'static str>,
    /// Where and when it was processed, and by which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<Processed>,
    /// One for each target, in the order of the request.
    pub targets: Vec<TargetReport>,
    /// What an audit found; absent in the report of a request for a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// The calls that were made for all targets together.
    pub calls: Vec<Call>,
}

/// Where and when a request was processed, and by which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Processed {
    /// The account of the function.
    pub account: String,
    /// The Region of the function.
    pub region: String,
    /// The name of the function.
    pub function: String,
    /// The version of the function: a number, or `$LATEST`.
    pub function_version: String,
    /// The version of drover.
    pub drover_version: &'static str,
    /// When the invocation started, by the function's clock.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: DateTime<Utc>,
    /// When the report was made.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub ended_at: DateTime<Utc>,
}

impl Report {
    /// The answer to an input that is not a request for this function.
    #[must_use]
    pub fn rejected(rejection: &Rejection, mode: Mode) -> Self {
        Self {
            outcome: Outcome::Rejected,
            summary: format!("rejected: {}", rejection.message),
            request_id: None,
            mode,
            reason: Some(code(rejection.code)),
            counts: BTreeMap::new(),
            look_again_after_seconds: None,
            next_request: None,
            cut: Vec::new(),
            invocation: None,
            targets: Vec::new(),
            audit: None,
            calls: Vec::new(),
        }
    }

    /// The answer to a request, its outcome and summary drawn from its targets.
    #[must_use]
    pub fn of(
        wording: Wording<'_>,
        mode: Mode,
        targets: Vec<TargetReport>,
        calls: Vec<Call>,
    ) -> Self {
        let mut counts = BTreeMap::new();
        for target in &targets {
            *counts.entry(target.outcome).or_insert(0) += 1;
        }
        // A request is as bad as its worst target.
        let outcome = counts.keys().next().copied();
        // The soonest counts: looking early is harmless.
        let look_again = targets
            .iter()
            .filter_map(|target| target.look_again_after_seconds);

        Self {
            outcome: outcome.unwrap_or(Outcome::AlreadyDone),
            summary: summary(wording, mode, &targets),
            request_id: Some(wording.request_id.to_owned()),
            mode,
            reason: None,
            counts,
            look_again_after_seconds: look_again.min(),
            next_request: None,
            cut: Vec::new(),
            invocation: None,
            targets,
            audit: None,
            calls,
        }
    }

    /// Of an audit: what is to be added of the named resources that could not be looked at.
    #[must_use]
    pub fn unaudited(&self) -> String {
        let refused = self.targets.iter();
        let refused = refused.filter(|target| target.outcome != Outcome::Done);

        let names: Vec<String> = refused
            .map(|target| format!("{} ({})", target.name, target.reason.replace('_', " ")))
            .collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(". Not looked at: {}", names.join(", ")),
        }
    }

    /// The same report with where and when it was made.
    #[must_use]
    pub fn processed_in(self, invocation: &Invocation) -> Self {
        // The clock is the function's: a report is compared with its log.
        let function = &invocation.function;

        Self {
            invocation: Some(Processed {
                account: function.account.clone(),
                region: function.region.clone(),
                function: function.name.clone(),
                function_version: function.version.clone(),
                drover_version: env!("CARGO_PKG_VERSION"),
                // Nobody compares reports by less than a millisecond.
                started_at: invocation.now.trunc_subsecs(3),
                ended_at: invocation.time().trunc_subsecs(3),
            }),
            ..self
        }
    }

    /// The same report with every text sanitized: what AWS and others wrote goes to logs, people
    /// and terminals.
    #[must_use]
    pub fn sanitized(mut self) -> Self {
        self.summary = sanitize(&self.summary);

        self.targets.iter_mut().for_each(TargetReport::sanitize);
        for call in &mut self.calls {
            call.answer = sanitize(&call.answer);
        }
        self
    }

    /// Whether AWS said of any call that the credentials have expired.
    #[must_use]
    pub fn met_expired_credentials(&self) -> bool {
        let mut calls = self
            .targets
            .iter()
            .flat_map(|target| &target.calls)
            .chain(&self.calls);

        // The fault is only in the record by now.
        let expired = FaultKind::CredentialsExpired.phrase();
        calls.any(|call| call.answer.starts_with(&expired))
    }

    /// Whether a queue should deliver the request again: Lambda's answer is an error, or time ran
    /// out.
    #[must_use]
    pub fn wants_redelivery(&self) -> bool {
        self.outcome.error_type().is_some() || self.targets.iter().any(|target| target.unfinished)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        fault::{Fault, FaultKind},
        target_report::tests::target,
    };

    pub(crate) const WORDING: Wording<'static> = Wording {
        request_id: "CHG1",
        action: "tag",
        planned: "tagged",
        done: "tagged",
        done_with: None,
    };

    pub(crate) fn report(outcomes: &[Outcome]) -> Report {
        let targets = outcomes.iter().copied().map(target).collect();

        Report::of(WORDING, Mode::Enforce, targets, Vec::new())
    }

    #[test]
    fn a_request_is_as_bad_as_its_worst_target() {
        let report = report(&[
            Outcome::Done,
            Outcome::Refused,
            Outcome::Done,
            Outcome::Pending,
        ]);

        assert_eq!(report.outcome, Outcome::Pending);
        let counts = serde_json::json!({ "pending": 1, "refused": 1, "done": 2 });
        assert_eq!(serde_json::json!(report.counts), counts);
    }

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_types() {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<Report>();

        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect_test::expect_file!["../../docs/report.schema.json"].assert_eq(&text);
    }

    #[test]
    fn a_report_says_where_and_when_it_was_made() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut invocation = Invocation::at(now, tokio::time::Instant::now());
        invocation.function.region = "eu-west-1".to_owned();

        let report = report(&[Outcome::Done]).processed_in(&invocation);
        let processed = report.invocation.unwrap();
        assert_eq!(processed.region, "eu-west-1");
        assert_eq!(processed.started_at, now);
        assert!(processed.ended_at >= now);
        assert_eq!(processed.drover_version, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn credentials_that_expired_are_met_by_a_call_of_any_target_or_of_all() {
        let call = |kind: FaultKind| Call {
            operation: "DescribeJobs",
            requests: 1,
            answer: Fault::of(kind).to_string(),
        };
        let mut report = report(&[Outcome::Done]);
        report.calls = vec![call(FaultKind::Throttled)];
        assert!(!report.met_expired_credentials());

        report.targets[0].calls = vec![call(FaultKind::CredentialsExpired)];
        assert!(report.met_expired_credentials());
        report.calls.append(&mut report.targets[0].calls);
        assert!(report.met_expired_credentials());
    }

    #[test]
    fn it_is_worth_to_look_again_when_the_soonest_target_says_so() {
        let pending = |seconds| TargetReport {
            look_again_after_seconds: seconds,
            ..target(Outcome::Pending)
        };
        let report =
            |targets: Vec<TargetReport>| Report::of(WORDING, Mode::Enforce, targets, vec![]);
        let soonest = report(vec![
            pending(Some(5400)),
            pending(None),
            pending(Some(60)),
            pending(Some(300)),
        ]);

        assert_eq!(soonest.look_again_after_seconds, Some(60));
        assert_eq!(report(vec![pending(None)]).look_again_after_seconds, None);
    }

    #[test]
    fn a_queue_delivers_again_what_failed_or_was_left_unfinished() {
        assert!(!report(&[Outcome::Done, Outcome::Pending]).wants_redelivery());
        assert!(report(&[Outcome::Done, Outcome::Retryable]).wants_redelivery());
        let mut unfinished = report(&[Outcome::Done, Outcome::Pending]);
        unfinished.targets[1].unfinished = true;
        assert!(unfinished.wants_redelivery());
    }
}
