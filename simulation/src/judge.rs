//! The judge: what a correct function must answer while nothing disturbs it.
//!
//! The invariants say what must not happen; a function that refuses everything keeps them all. The
//! judge says what must happen. It has a small model of the rules for each service, written from
//! the documents over the world's own truth, and shares nothing with the planners.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use emulator::{Cloud, World};
use serde_json::{Value, json};

use crate::{
    judgement::{Calm, Case, Effect, Expected, Judgement},
    record::{AttemptLog, Reported, State, text},
    scenario::Request,
};

/// The outcomes from the one that needs somebody soonest to the one that needs nobody
/// (docs/reference.md).
const OUTCOMES: [&str; 10] = [
    "indeterminate",
    "retryable",
    "permanent",
    "pending",
    "failed",
    "refused",
    "rejected",
    "planned",
    "done",
    "already_done",
];

/// The operation that is only for evidence: where it is denied nothing stops, and less is known.
const EVIDENCE: &str = "DescribeRecoverySnapshots";

impl State {
    /// The world of an attempt that begins while nothing else is under way.
    pub(crate) fn calm(&self) -> Option<Calm> {
        (!self.is_anything_under_way()).then(|| Calm {
            world: self.cloud.world(),
            disturbances: self.disturbances,
        })
    }
}

/// Judges an attempt, unless something disturbed it.
pub(crate) fn judge(state: &mut State, attempt: usize, body: &Value) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let Some(calm) = &log.calm else { return };
    // A fault, a change by others, or another attempt: then more than one answer is right.
    let is_last = attempt + 1 == state.attempts.len();
    if calm.disturbances != state.disturbances || !is_last {
        return;
    }
    if request.detail.is_none() || state.rejects(&request, log.clock) {
        return;
    }

    // How much there is time for is not what is judged.
    if is_out_of_time(body) && state.lacks_time() {
        return;
    }

    let world = state.cloud.world();
    let made: Vec<String> = log
        .calls
        .iter()
        .filter(|call| call.changed)
        .map(|call| {
            // EFS names a mount target by its file system and its subnet.
            let subject = call.subject.split(' ').next().unwrap_or_default();
            Effect::in_words(
                &call.operation,
                subject,
                &(state.subject.content)(&world, call),
            )
        })
        .collect();
    let denied = state.scenario.trouble.denied.filter(|operation| {
        let mut calls = log.calls.iter();
        calls.any(|call| call.operation == *operation && !call.is_ok())
    });
    let judgement_in = |world: &World| {
        let case = Case {
            world,
            scenario: &state.scenario,
            request: &request,
        };
        (state.subject.judge)(&case)
    };

    let end = at(&calm.world, state.now());
    let wrong = |expected: &Expected, result: &Value| match denied {
        None => of_target(expected, result),
        Some(operation) => of_target_where_denied(expected, result, operation),
    };
    let judgement = fitting(judgement_in(&calm.world), judgement_in(&end), body, wrong);
    let complaint = match denied {
        None => complaint(&judgement, body, &made),
        Some(operation) => complaint_where_denied(&judgement, body, &made, operation),
    };
    let complaint = complaint.or_else(|| miscounted(&log, body));
    state.figures.judged += 1;
    if let Some(complaint) = complaint {
        state.violate(3, complaint);
    }
}

/// What is wrong with the number of calls in a report.
fn miscounted(log: &AttemptLog, body: &Value) -> Option<String> {
    let results = body["targets"].as_array().into_iter().flatten();
    let parts = results.chain([body]);
    let reported: Vec<&Value> = parts
        .filter_map(|part| part["calls"].as_array())
        .flatten()
        .collect();
    let operations: BTreeSet<&str> = log.calls.iter().map(|call| &*call.operation).collect();

    operations.into_iter().find_map(|operation| {
        let made = log.calls.iter().filter(|call| call.operation == operation);
        let made = made.count() as u64;
        let of_operation = reported.iter().filter(|it| it["operation"] == operation);
        let told: u64 = of_operation.filter_map(|it| it["requests"].as_u64()).sum();
        (made != told)
            .then(|| format!("{operation} was called {made} times, and the report says {told}"))
    })
}

/// The world as it would be at a time if nobody called it.
fn at(world: &World, now: DateTime<Utc>) -> World {
    let cloud = Cloud::new(world.clone());
    cloud.advance(now - world.now);

    cloud.world()
}

/// What must be said of each target: by the world in which the attempt began, or by that of its end
/// where that one fits. A job may end meanwhile by itself, and an hour; each page of a list shows
/// its own moment.
fn fitting(
    first: Judgement,
    last: Judgement,
    body: &Value,
    wrong: impl Fn(&Expected, &Value) -> Option<String>,
) -> Judgement {
    let results = body["targets"].as_array().into_iter().flatten();
    let pairs = first.targets.into_iter().zip(last.targets);
    let targets = pairs
        .zip(results)
        .map(|((first, last), result)| match wrong(&last, result) {
            None => last,
            Some(_) => first,
        });

    Judgement {
        targets: targets.collect(),
        next_request: match hands_on(body, &last.next_request) {
            true => last.next_request,
            false => first.next_request,
        },
    }
}

/// What is wrong with a report, and with the calls that changed something.
fn complaint(judgement: &Judgement, body: &Value, made: &[String]) -> Option<String> {
    let results = body["targets"].as_array().map_or(&[][..], Vec::as_slice);

    // No change too few, none too many.
    let mut must = judgement.effects();
    must.sort_unstable();
    let mut did = made.to_vec();
    did.sort_unstable();
    let wrong_changes = (must != did).then(|| differing(&must, &did));

    // What is wrong with a result may follow from what is wrong with a change.
    for (number, (expected, result)) in judgement.targets.iter().zip(results).enumerate() {
        if let Some(complaint) = of_target(expected, result) {
            let changes = wrong_changes.map_or_else(String::new, |it| format!("; {it}"));
            return Some(format!("target {number}: {complaint}{changes}"));
        }
    }
    if wrong_changes.is_some() {
        return wrong_changes;
    }

    let must = &judgement.next_request;
    if !hands_on(body, must) {
        let next = names_what(body);
        return Some(format!("hands on {next} where {must} was to be handed on"));
    }
    None
}

/// The request that a report hands on, without what was seen of a disconnect: that repeats the
/// evidence, which is judged where it stands.
fn names_what(body: &Value) -> Value {
    let mut next = body["nextRequest"].clone();
    let targets = next.get_mut("targets").and_then(Value::as_array_mut);

    for target in targets.into_iter().flatten() {
        if let Some(members) = target.as_object_mut() {
            members.remove("lost");
            members.remove("disconnect");
        }
    }
    next
}

/// Whether a report hands on what it must.
fn hands_on(body: &Value, must: &Value) -> bool {
    let mut next = names_what(body);
    // An event of AWS does not expire, so any time is right for what follows on it.
    if next.is_object() && must["expiresAt"].is_null() {
        next["expiresAt"] = Value::Null;
    }

    next == *must
}

/// The changes that were to be made and were not, and those that were made and were not to be.
fn differing(must: &[String], did: &[String]) -> String {
    let list = |these: &[String], others: &[String]| {
        let only = these.iter().filter(|it| !others.contains(it));
        let only: Vec<&str> = only.map(String::as_str).collect();
        match only.as_slice() {
            [] => "none".to_owned(),
            only => only.join(", "),
        }
    };

    let (missing, wrong) = (list(must, did), list(did, must));
    format!("changes that are missing: {missing}; changes that are wrong: {wrong}")
}

/// What is wrong with a report where an operation is denied: a target whose call was denied says so,
/// and everything else is as if it were allowed.
fn complaint_where_denied(
    judgement: &Judgement,
    body: &Value,
    made: &[String],
    operation: &str,
) -> Option<String> {
    let results = body["targets"].as_array().map_or(&[][..], Vec::as_slice);

    for (number, (expected, result)) in judgement.targets.iter().zip(results).enumerate() {
        if let Some(complaint) = of_target_where_denied(expected, result, operation) {
            return Some(format!(
                "target {number}, where {operation} is denied: {complaint}"
            ));
        }
    }
    let says_so = |result: &Value| says_denied(result, operation);
    // What could not be read back stands among the calls of the whole while a target is awaited.
    let is_awaited = body["outcome"] == "pending" && shows_denied(body, operation);
    if operation != EVIDENCE && !is_awaited && !results.iter().any(says_so) {
        return Some(format!("{operation} was denied, and no target says so"));
    }

    // No change that would not have been made.
    let may = judgement.effects();
    let other = made.iter().find(|effect| !may.contains(effect))?;
    Some(format!("made a change that was not to be made: {other}"))
}

fn of_target_where_denied(expected: &Expected, result: &Value, operation: &str) -> Option<String> {
    // A staging area that cannot be read is not proven to be gone.
    let is_unproven = result["reason"] == "cleanup_awaits_verification";
    let is_about_it = says_denied(result, operation);
    if operation == EVIDENCE && (is_unproven || is_about_it) {
        return None;
    }
    if operation == EVIDENCE {
        let mut answered = result.clone();
        answered["plan"] = json!([]);
        let expected = Expected {
            plan: Vec::new(),
            later: None,
            evidence: json!({}),
            ..expected.clone()
        };
        return of_target(&expected, &answered);
    }

    // A target of which nothing was denied is judged as ever.
    match says_denied(result, operation) {
        true => None,
        false => of_target(expected, result),
    }
}

/// Whether a result says that an operation was denied, as its reason or among its calls.
fn says_denied(result: &Value, operation: &str) -> bool {
    let outcome = text(result, "outcome");
    // Where something was changed before, what cannot be read back is in doubt.
    if matches!(outcome, "permanent" | "indeterminate") {
        let is_named = text(result, "message").contains(operation);
        return is_named && result["reason"] == "access_denied";
    }

    // Another step may matter more, or be awaited; the calls show this one.
    matches!(outcome, "failed" | "pending") && shows_denied(result, operation)
}

/// Whether the calls of a report or of a result show that an operation was denied.
fn shows_denied(part: &Value, operation: &str) -> bool {
    let mut calls = part["calls"].as_array().into_iter().flatten();

    calls
        .any(|call| call["operation"] == operation && text(call, "answer").contains("AccessDenied"))
}

/// The sentences of the steps that are planned for now.
fn planned_now(result: &Value) -> Vec<&str> {
    let steps = result["plan"].as_array().into_iter().flatten();

    steps
        .filter(|step| step["when"] == "now")
        .map(|step| text(step, "sentence"))
        .collect()
}

/// The calls of the steps that are planned for later.
fn planned_later(result: &Value) -> Vec<&str> {
    let steps = result["plan"].as_array().into_iter().flatten();

    steps
        .filter(|step| step["when"] != "now")
        .map(|step| text(step, "step"))
        .collect()
}

/// Every reason of a result, once.
pub(crate) fn reasons(result: &Value) -> BTreeSet<&str> {
    let reasons = result["reasons"].as_array().into_iter().flatten();

    reasons.map(|stated| text(stated, "reason")).collect()
}

fn of_target(expected: &Expected, result: &Value) -> Option<String> {
    let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
    if outcome != expected.outcome || !expected.reasons.contains(&reason) {
        let (must, reasons) = (expected.outcome, expected.reasons.join(" or "));
        return Some(format!(
            "`{outcome} {reason}` where `{must} {reasons}` is right"
        ));
    }

    // A refusal names everything that is against the target, a failure all that is broken, and
    // neither anything else.
    let mut must: BTreeSet<&str> = match outcome {
        "refused" | "failed" => expected.reasons.iter().copied().collect(),
        _ => BTreeSet::from([reason]),
    };
    if let Some(notes) = &expected.notes {
        must.extend(notes);
        let said = reasons(result);
        if said != must {
            return Some(format!("the reasons are {said:?} where {must:?} are right"));
        }
    }

    let look_again = result["lookAgainAfterSeconds"].as_u64();
    if look_again != expected.look_again {
        let must = expected.look_again;
        return Some(format!(
            "look again after {look_again:?} s, where {must:?} is right"
        ));
    }
    let plan = planned_now(result);
    if plan != expected.plan {
        let must = &expected.plan;
        return Some(format!("the plan is {plan:?} where {must:?} is right"));
    }

    let later = planned_later(result);
    if expected.later.as_ref().is_some_and(|must| *must != later) {
        let must = &expected.later;
        return Some(format!(
            "the later steps are {later:?} where {must:?} are right"
        ));
    }

    // Members that the judge does not name may be anything.
    let members = expected.evidence.as_object();
    if members.is_none() && !result["evidence"].is_null() {
        return Some("there is evidence of a resource that was not found".to_owned());
    }
    let wrong = members
        .into_iter()
        .flatten()
        .find(|(name, value)| result["evidence"][*name] != **value);
    let (name, must) = wrong?;
    let said = &result["evidence"][name];
    Some(format!("{name} is {said} where {must} is right"))
}

/// What must be said of a target in a world, in words.
pub(crate) fn right_answer(
    state: &State,
    request: &Request,
    world: Option<&&World>,
    number: usize,
) -> String {
    let judgement = world.map(|world| {
        (state.subject.judge)(&Case {
            world,
            scenario: &state.scenario,
            request,
        })
    });
    let expected = judgement.as_ref().and_then(|it| it.targets.get(number));

    expected.map_or_else(String::new, |expected| {
        format!("`{} {}`", expected.outcome, expected.reasons.join(" or "))
    })
}

/// The complaint about a result that is not true, with what would be right.
pub(crate) fn untrue(reported: &Reported<'_>, id: &str, wrong: &str, right: &str) -> String {
    let Reported { number, result, .. } = reported;
    let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));

    format!(
        "`{outcome} {reason}` of target {number} ({id}), although {wrong}; \
         where nothing disturbs it, {right} is right now"
    )
}

/// Checks what the whole of a report says of its targets: the first outcome and the soonest look.
pub(crate) fn check_whole(state: &mut State, body: &Value) {
    let results = body["targets"].as_array().into_iter().flatten();
    let results: Vec<&Value> = results.collect();
    let rank = |result: &&&Value| {
        let outcome = text(result, "outcome");
        OUTCOMES.iter().position(|known| *known == outcome)
    };

    let first = results.iter().min_by_key(rank);
    if first.is_some_and(|first| first["outcome"] != body["outcome"]) {
        let outcome = &body["outcome"];
        state.violate(2, format!("{outcome} is not the first of its outcomes"));
    }

    let looks = results
        .iter()
        .filter_map(|result| result["lookAgainAfterSeconds"].as_u64());
    if looks.min() != body["lookAgainAfterSeconds"].as_u64() {
        state.violate(
            2,
            "the time to look again is not the soonest of its targets",
        );
    }
    let is_without_look = |result: &&&Value| {
        let is_pending = result["outcome"] == "pending";
        is_pending != result["lookAgainAfterSeconds"].is_u64()
    };
    if let Some(result) = results.iter().find(is_without_look) {
        let complaint = format!("{result} is pending without a time to look again, or has one");
        state.violate(2, complaint);
    }
}

/// Whether there was no time for some target.
pub(crate) fn is_out_of_time(body: &Value) -> bool {
    let mut results = body["targets"].as_array().into_iter().flatten();

    results.any(|result| result["reason"] == "out_of_time")
}
