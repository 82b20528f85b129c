//! A report small enough for whatever carries it.
//!
//! A log event has at most 256 KiB, and so have a result event, which also has the request of 64
//! KiB, and the input of a state machine. There the report is a text inside of JSON, so it is
//! measured as such.

use serde_json::Value;

use crate::{api::merge, report::Report, target_report::TargetReport};

/// The most bytes of a report, as a text inside of JSON. With a request of 64 KiB it fits an event
/// of 256 KiB.
pub const MAX_REPORT_BYTES: usize = 160_000;
/// The most characters of a name where names had to be cut.
const LONGEST_CUT_NAME: usize = 64;
/// The most characters of a message where messages had to be cut.
const LONGEST_CUT_MESSAGE: usize = 200;

/// What a target can do without, and how it is left out.
type Cut = (&'static str, fn(&mut TargetReport));

/// What is left out of a report, in order, while it is too large.
const CUTS: [Cut; 6] = [
    ("plan", |target| target.plan.clear()),
    ("nextSteps", |target| target.next_steps.clear()),
    ("evidence", |target| target.evidence = Value::Null),
    ("reasons", |target| target.reasons.clear()),
    ("names", |target| {
        shorten(&mut target.target);
        target.name = cut_off(&target.name, LONGEST_CUT_NAME);
    }),
    ("messages", |target| {
        target.message = cut_off(&target.message, LONGEST_CUT_MESSAGE);
    }),
];

/// The same report, small enough for whatever carries it, and its JSON. What matters least is left
/// out first, and named in `cut`; the outcome, the reason and the resource of every target always
/// stay.
#[must_use]
pub(crate) fn bounded(mut report: Report) -> (Report, String) {
    // Nearly every report fits, and is written once.
    let mut json = text(&report);
    if size(&json) > MAX_REPORT_BYTES {
        // They are still counted, with those that were made for all targets together.
        let of_targets = report.targets.iter_mut();
        let of_targets = of_targets.flat_map(|target| std::mem::take(&mut target.calls));
        merge(&mut report.calls, of_targets);
        report.cut.push("calls");
        json = text(&report);
    }

    for (part, cut) in CUTS {
        if size(&json) <= MAX_REPORT_BYTES {
            break;
        }
        report.targets.iter_mut().for_each(cut);
        report.cut.push(part);
        json = text(&report);
    }

    (report, json)
}

fn text(report: &Report) -> String {
    serde_json::to_string(report).unwrap_or_default()
}

/// How many bytes a JSON text has as a string inside of JSON.
fn size(json: &str) -> usize {
    json.bytes()
        .map(|byte| if matches!(byte, b'"' | b'\\') { 2 } else { 1 })
        .sum()
}

fn cut_off(text: &str, longest: usize) -> String {
    // By characters, so that none is cut in half.
    let cut = text.chars().nth(longest).is_some();
    text.chars()
        .take(longest)
        .chain(cut.then_some('…'))
        .collect()
}

/// Cuts every text of a value to what still identifies it.
fn shorten(value: &mut Value) {
    match value {
        // An ID or a host name is still recognised by its beginning.
        Value::String(text) => *text = cut_off(text, LONGEST_CUT_NAME),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        advice::Advice,
        api::Call,
        outcome::{Mode, Outcome},
        report::tests::{WORDING, report},
        target_report::{PlannedStep, StatedReason, When, tests::target},
    };

    fn step(sentence: String) -> PlannedStep {
        PlannedStep {
            step: "TagResource",
            resource: None,
            when: When::Now,
            sentence,
            count: None,
        }
    }

    /// A report of as many targets as a request may have, each with the longest texts that there
    /// can be.
    fn largest() -> Report {
        let call = Call {
            operation: "CreateReplicationConfiguration",
            requests: 1,
            answer: "ok".to_owned(),
        };
        let long = |text: &str| "\"".to_owned() + &text.repeat(crate::sanitize::LONGEST - 1);
        let reason = StatedReason {
            reason: "test".to_owned(),
            message: long("r"),
            facts: serde_json::Map::new(),
        };
        let advice = Advice::operator("Do it.").by("do it");
        let target = || TargetReport {
            name: "x".repeat(255),
            target: json!({ "sourceServerID": "x".repeat(120), "hostname": "x".repeat(255), "fqdn": "x".repeat(255) }),
            resource: json!({ "sourceServerID": "x".repeat(19), "arn": "x".repeat(120) }),
            message: long("m"),
            reasons: vec![reason.clone(); 8],
            next_steps: vec![advice.fill(&serde_json::Map::new()); 8],
            plan: vec![step(long("p")); 16],
            evidence: json!({ "created": [long("c")], "differs": [long("d")] }),
            calls: vec![call.clone(); 4],
            ..target(Outcome::Pending)
        };

        let targets = (0..100).map(|_| target()).collect();
        let mut report = Report::of(WORDING, Mode::Enforce, targets, vec![]);
        report.next_request = Some(Value::String("x".repeat(64 * 1024)));
        report
    }

    // Invariant 10.
    #[test]
    fn the_largest_report_fits_what_carries_it_and_says_what_was_cut() {
        let (report, json) = bounded(largest());
        let cut = [
            "calls",
            "plan",
            "nextSteps",
            "evidence",
            "reasons",
            "names",
            "messages",
        ];
        assert_eq!(report.cut, cut);
        assert_eq!(
            (report.targets.len(), report.targets[0].reason.as_str()),
            (100, "test")
        );

        let calls: Vec<_> = report
            .calls
            .iter()
            .map(|call| (call.operation, call.requests))
            .collect();
        assert_eq!(calls, [("CreateReplicationConfiguration", 400)]);
        assert_eq!(json, serde_json::to_string(&report).unwrap());
        let as_text = serde_json::to_string(&json).unwrap().len() - 2;
        assert_eq!(as_text, size(&json));
        assert!(as_text <= MAX_REPORT_BYTES, "{as_text}");
        // Of the 256 KiB of a log event or a result event, this much is left for the request and
        // the envelope.
        assert_eq!(256 * 1024 - MAX_REPORT_BYTES, 102_144);
    }

    #[test]
    fn a_report_that_fits_is_left_as_it_is() {
        let report = report(&[Outcome::Done; 100]);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(bounded(report).1, json);
    }

    #[test]
    fn a_report_is_cut_from_the_first_byte_that_is_too_much() {
        let mut report = report(&[Outcome::Done]);
        report.targets[0].plan = vec![step(String::new())];
        let room = MAX_REPORT_BYTES - size(&text(&report));

        for (more, cut) in [(0, Vec::<&str>::new()), (1, vec!["calls", "plan"])] {
            report.targets[0].plan = vec![step("x".repeat(room + more))];
            assert_eq!(bounded(report.clone()).0.cut, cut);
        }
    }

    #[test]
    fn a_text_is_cut_between_letters_and_marked() {
        assert_eq!(cut_off("äöü", 3), "äöü");
        assert_eq!(cut_off("äöü", 2), "äö…");

        // Wherever it stands in a value.
        let long = "x".repeat(LONGEST_CUT_NAME + 1);
        let cut = format!("{}…", "x".repeat(LONGEST_CUT_NAME));
        let mut value = json!({ "a": [&long], "b": 1, "c": "short" });
        shorten(&mut value);
        assert_eq!(value, json!({ "a": [cut], "b": 1, "c": "short" }));
    }
}
