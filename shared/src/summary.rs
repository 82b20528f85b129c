//! A report in one sentence for people: `CHG0042001 retire: 3 of 6 disconnected. 3 refused: web02
//! (drill instance present), app3 (hostname mismatch), db05 (protected)`.

use crate::{
    outcome::{Mode, Outcome},
    target_report::TargetReport,
};

/// How many targets are named of each reason.
const NAMES: usize = 3;
/// How many reasons are named of each outcome.
const REASONS: usize = 4;
/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// How people speak of a request.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// The ID of the request.
    pub request_id: &'a str,
    /// What is asked for: `retire`.
    pub action: &'static str,
    /// What would be done to a target that is planned: `disconnected`.
    pub planned: &'static str,
    /// What a target is once it is so: `disconnected`.
    pub done: &'static str,
    /// The reason with which a pending target counts as done too, and what is said of those.
    pub done_with: Option<(&'a str, &'a str)>,
}

/// The sentence about these targets.
#[must_use]
pub(crate) fn summary(wording: Wording<'_>, mode: Mode, targets: &[TargetReport]) -> String {
    let Wording {
        request_id,
        action,
        planned: would,
        done,
        ..
    } = wording;
    let count = |outcome: Outcome| targets.iter().filter(|it| it.outcome == outcome).count();
    let of_all = targets.len();

    // What a plan would do must not sound like what was done.
    let mut text = match mode {
        Mode::Plan => {
            let planned = count(Outcome::Planned);
            format!("{request_id} {action}, plan only: {planned} of {of_all} would be {would}")
        }
        Mode::Enforce => {
            let is_done = |target: &&TargetReport| is_done(wording, target);
            let finished = targets.iter().filter(is_done).count();
            format!("{request_id} {action}: {finished} of {of_all} {done}")
        }
    };
    // What needed nothing is not what this run has done.
    match (mode, count(Outcome::AlreadyDone)) {
        (_, 0) => {}
        (Mode::Plan, already) => text.push_str(&format!(", {already} already {done}")),
        (Mode::Enforce, already) => text.push_str(&format!(", {already} of them before")),
    }
    if let Some((reason, note)) = &wording.done_with
        && targets.iter().any(|target| target.reason == *reason)
    {
        text.push_str(&format!(", {note}"));
    }

    // In the order of the outcomes: what needs somebody comes first.
    for outcome in Outcome::ALL {
        let others: Vec<&TargetReport> = targets
            .iter()
            .filter(|target| target.outcome == *outcome && !is_done(wording, target))
            .collect();
        if !others.is_empty() && *outcome != Outcome::Planned {
            let (count, words) = (others.len(), outcome.words());
            text.push_str(&format!(". {count} {words}: {}", named(&others)));
        }
    }
    text
}

/// Whether a target is as the request wants it, for the time being.
fn is_done(wording: Wording<'_>, target: &TargetReport) -> bool {
    match target.outcome {
        Outcome::Done | Outcome::AlreadyDone => true,
        Outcome::Pending => wording
            .done_with
            .is_some_and(|(reason, _)| reason == target.reason),
        _ => false,
    }
}

/// Targets by name, those with the same reason together.
fn named(targets: &[&TargetReport]) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for target in targets {
        if !reasons.contains(&target.reason.as_str()) {
            reasons.push(&target.reason);
        }
    }

    // Whoever reads it sees which reasons there are before how many have them.
    let mut groups: Vec<String> = Vec::new();
    let mut unnamed = targets.len();
    for reason in reasons.iter().take(REASONS) {
        let having: Vec<&&TargetReport> = targets
            .iter()
            .filter(|target| target.reason == *reason)
            .collect();
        unnamed -= having.len();
        groups.push(format!("{} ({})", names(&having), reason.replace('_', " ")));
    }
    if unnamed > 0 {
        groups.push(format!("{unnamed} more for other reasons"));
    }
    groups.join(", ")
}

/// The first names, and how many there are besides.
fn names(targets: &[&&TargetReport]) -> String {
    let name =
        |target: &&&TargetReport| -> String { target.name.chars().take(LONGEST_NAME).collect() };
    let mut names: Vec<String> = targets.iter().take(NAMES).map(name).collect();

    // The report itself names every one.
    let more = targets.len() - names.len();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_report::tests::target as with_outcome;

    const RETIRE: Wording<'static> = Wording {
        request_id: "CHG1",
        action: "retire",
        planned: "disconnected",
        done: "disconnected",
        done_with: Some(("awaits", "records can be deleted from 15:02 UTC")),
    };

    fn target(name: &str, outcome: Outcome, reason: &str) -> TargetReport {
        TargetReport {
            name: name.to_owned(),
            reason: reason.to_owned(),
            ..with_outcome(outcome)
        }
    }

    fn enforced(targets: &[TargetReport]) -> String {
        summary(RETIRE, Mode::Enforce, targets)
    }

    #[test]
    fn it_says_what_is_done_and_who_was_left_out_and_why() {
        let targets = [
            target("web01", Outcome::Pending, "awaits"),
            target("web02", Outcome::Refused, "drill_instance_present"),
            target("app3", Outcome::Refused, "hostname_mismatch"),
            target("web04", Outcome::Pending, "awaits"),
            target("db05", Outcome::Indeterminate, "timeout"),
        ];

        assert_eq!(
            enforced(&targets),
            "CHG1 retire: 2 of 5 disconnected, records can be deleted from 15:02 UTC. \
             1 indeterminate: db05 (timeout). \
             2 refused: web02 (drill instance present), app3 (hostname mismatch)"
        );
    }

    #[test]
    fn a_plan_does_not_sound_like_a_deed() {
        let targets = [
            target("web01", Outcome::Planned, "plan_mode"),
            target("web02", Outcome::AlreadyDone, "disconnected"),
            target("web03", Outcome::Refused, "not_approved"),
        ];

        assert_eq!(
            summary(RETIRE, Mode::Plan, &targets),
            "CHG1 retire, plan only: 1 of 3 would be disconnected, 1 already disconnected. \
             1 refused: web03 (not approved)"
        );
    }

    #[test]
    fn what_was_so_before_is_told_apart() {
        let targets = [
            target("web01", Outcome::Done, "disconnected"),
            target("web02", Outcome::AlreadyDone, "disconnected"),
        ];

        let expected = "CHG1 retire: 2 of 2 disconnected, 1 of them before";
        assert_eq!(enforced(&targets), expected);
    }

    #[test]
    fn many_are_counted_and_not_named() {
        let many: Vec<TargetReport> = (0..100)
            .map(|number| {
                let reason = format!("reason_{}", number % 6);
                target(&"x".repeat(255), Outcome::Refused, &reason)
            })
            .collect();
        let text = enforced(&many);
        assert!(text.ends_with("14 more (reason 3), 32 more for other reasons"));
        assert!(text.len() < 1000, "{}", text.len());

        let alike = vec![target("web", Outcome::Refused, "over_max_share"); 5];
        let expected = "CHG1 retire: 0 of 5 disconnected. \
                        5 refused: web, web, web, 2 more (over max share)";
        assert_eq!(enforced(&alike), expected);
    }
}
