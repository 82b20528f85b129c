//! What must hold of each call that changes a source server, and of each effect.

use std::collections::BTreeSet;

use emulator::World;
use serde_json::Value;

use crate::{
    constants::{APPROVED, HERE, PROTECTED},
    drs::{
        changes,
        observed::{
            is_ambiguous, is_free, jobs_were_read_first, matches, observed_servers, shows_nothing,
            was_counted, was_searched,
        },
    },
    record::{AttemptLog, Call, State, text},
    scenario::{Change, Request},
};

/// Checks a call that changes something against what the attempt had read before it.
///
/// The invariant is weaker than "it was so when the call was made": between the read and the change
/// an operator may do anything, and a read may lag. What an attempt must never do is to act
/// against, or without, what it read last.
pub(crate) fn on_change(state: &mut State, attempt: usize, call: &Call) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let id = call.subject.as_str();
    let what = format!("{} of {id}", call.operation);
    if request.detail.is_none() {
        let complaint = format!("{what} for an input that asks for nothing and must be rejected");
        return state.violate(1, complaint);
    }
    let Some(server) = observed_servers(&log, id).first().copied() else {
        return state.violate(1, format!("{what} without reading it first"));
    };

    let broken = rules(state, &log, &request, server, call);
    let broken = broken.iter().filter(|(_, holds, _)| !holds);
    let as_read = in_words(server);
    for (invariant, _, complaint) in broken {
        let text = format!("{what}, which {complaint}; as read: {as_read}");
        state.violate(*invariant, text);
    }
    check_limits(state, attempt, &log, &request, call);
}

/// What decides about a server, as an attempt read it.
fn in_words(server: &Value) -> String {
    let hints = &server["sourceProperties"]["identificationHints"];
    let state = &server["dataReplicationInfo"]["dataReplicationState"];
    let (direction, staging) = (
        &server["replicationDirection"],
        &server["stagingArea"]["status"],
    );
    let (instance, tags) = (&server["recoveryInstanceId"], &server["tags"]);

    format!(
        "names {hints}, {state} {direction} {staging}, recovery instance {instance}, tags {tags}"
    )
}

/// Every rule about a call: its invariant, whether it holds, and the complaint if it does not.
fn rules(
    state: &State,
    log: &AttemptLog,
    request: &Request,
    server: &Value,
    call: &Call,
) -> [(u8, bool, &'static str); 15] {
    let id = call.subject.as_str();
    let action = request.detail.as_ref().map(|detail| text(detail, "action"));
    let action = action.unwrap_or_default();
    let is_requested = is_part_of(action, call);
    // A retirement ends with a deletion.
    let is_allowed =
        action == "disconnect" || state.scenario.variable("ALLOW_DELETE") == Some("true");
    let is_fresh = !request.is_stale(log.clock);

    // The targets that mean this server, by what was read of it. Once it was changed, it stays the
    // one that was meant, even if somebody renames it.
    let untags = call.operation == "UntagResource";
    let reads = observed_servers(log, id);
    let first = reads.last().filter(|_| untags).copied().unwrap_or(server);
    let targets = targets_of(request, first);
    let is_matched = !targets.is_empty();
    // What matches nothing need not match nothing else.
    let of_targets = |holds: &dyn Fn(&Value) -> bool| !is_matched || targets.iter().any(holds);
    let is_unambiguous = of_targets(&|target| !is_ambiguous(log, target, id));
    let is_searched = of_targets(&|target| was_searched(log, target, id));

    // The guardrails.
    let is_approved = server["tags"][APPROVED] == request.id.as_str();
    let is_unprotected = server["tags"][PROTECTED].is_null();

    // What the operation needs: an approval may be removed from a server in use, since that changes
    // nothing of it.
    let is_disconnected = server["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED";
    let consumes_in_time = !untags || is_disconnected;
    let may_change = untags || is_free(log, server, id);
    // A job that ends between two lists has left its instance by the second.
    let jobs_come_first = untags || jobs_were_read_first(log);
    let may_delete = call.operation != "DeleteSourceServer" || is_disconnected;
    let is_proven = is_proven(log, request, server, call);

    // One server is always within the share, and everything is within all of it.
    let has_share = state.scenario.number("MAX_SHARE_PERCENT", 10) < 100;
    let needs_count = !untags && has_share && request.targets().len() > 1;
    let is_counted = !needs_count || was_counted(log);

    [
        (1, is_requested, "is no part of the requested action"),
        (1, is_allowed, "is not allowed: ALLOW_DELETE is not true"),
        (1, is_matched, "does not match the names in the request"),
        (1, is_unambiguous, "is one of several with these names"),
        (
            1,
            is_searched,
            "was changed before every server that may have its names was read",
        ),
        (1, is_approved, "is not approved for this request"),
        (1, is_unprotected, "is protected"),
        (7, is_fresh, "was requested by a request that has expired"),
        (
            4,
            consumes_in_time,
            "still replicates: its approval must not be consumed yet",
        ),
        (
            1,
            may_change,
            "is in use, or whether it is was not read to the end",
        ),
        (
            1,
            jobs_come_first,
            "was changed although jobs were read after what they leave behind",
        ),
        (1, may_delete, "is not DISCONNECTED"),
        (1, is_proven, "may have a staging area"),
        (1, server["arn"].is_string(), "has no ARN"),
        (6, is_counted, "was changed before the servers were counted"),
    ]
}

/// Whether DRS showed nothing of the staging area of a server that is deleted, or the request gives
/// that up: with its record goes what it shows.
fn is_proven(log: &AttemptLog, request: &Request, server: &Value, call: &Call) -> bool {
    let detail = request.detail.as_ref();
    let skips = detail.is_some_and(|detail| detail["skipCleanupCheck"] == true);

    call.operation != "DeleteSourceServer" || skips || shows_nothing(log, server)
}

/// The targets of a request that mean this server, as it was read.
fn targets_of(request: &Request, server: &Value) -> Vec<Value> {
    let mut targets = request.targets();
    targets.retain(|target| matches(target, server));

    targets
}

/// Whether a call is part of an action. A retirement keeps the approval for the deletion that
/// follows.
fn is_part_of(action: &str, call: &Call) -> bool {
    match call.operation.as_str() {
        "DisconnectSourceServer" => action == "disconnect" || action == "retire",
        "UntagResource" => action == "disconnect",
        "DeleteSourceServer" => action == "delete",
        _ => false,
    }
}

/// Limits hold for the whole request before its first change.
///
/// The share is one of the account as the run read it; while others change the account, it may be
/// one of any that the account had since the run began.
fn check_limits(
    state: &mut State,
    attempt: usize,
    log: &AttemptLog,
    request: &Request,
    call: &Call,
) {
    // Removing an approval changes no server.
    if call.operation == "UntagResource" {
        return;
    }

    let targets = request.targets().len();
    if targets > state.scenario.number("MAX_TARGETS", 10) {
        let complaint = format!("{} for a request of {targets} targets", call.operation);
        state.violate(6, complaint);
    }

    // Every server that the attempt has changed, this one included.
    let changed = log
        .calls
        .iter()
        .filter(|call| {
            matches!(
                call.operation.as_str(),
                "DisconnectSourceServer" | "DeleteSourceServer"
            )
        })
        .map(|call| call.subject.as_str());
    let changed: BTreeSet<&str> = changed.chain([call.subject.as_str()]).collect();

    // A deletion takes its share of all records, a disconnect of the connected servers.
    let counts = |server: &&emulator::SourceServer| {
        call.operation == "DeleteSourceServer" || !server.is_disconnected()
    };
    let count = |world: &World| {
        let drs = world.drs.regions.get(HERE).into_iter();
        drs.flat_map(|drs| &drs.source_servers)
            .filter(counts)
            .count()
    };
    let most = state.worlds_of(attempt).into_iter().map(count).max();
    let most = most.unwrap_or_default();

    let percent = state.scenario.number("MAX_SHARE_PERCENT", 10);
    // One server is always within the share.
    if changed.len() > (most * percent / 100).max(1) {
        let changed = changed.len();
        let complaint = format!("{changed} of {most} servers, where {percent} percent are allowed");
        state.violate(6, complaint);
    }
}

/// A server that somebody puts back or approves again may be disconnected once more.
///
/// An approval stands until it is consumed: `retire` keeps it for the deletion, and so does a run
/// that was killed between disconnect and untagging (docs/decisions.md). And there is no
/// lock: a run that read the server before it was put back may still act, and so may a call that
/// takes effect late.
pub(crate) fn on_event(state: &mut State, change: &Change) {
    let Change::Drs(change) = change else { return };
    let (id, may_happen_again) = match change {
        changes::Change::Restore { id, keeps_approval } => {
            (id, *keeps_approval || state.is_anything_under_way())
        }
        changes::Change::Approve(id, _) => (id, true),
        _ => return,
    };

    if may_happen_again {
        for request in 0..state.requests.len() {
            state.grant(id, request);
        }
    }
}

/// At most one disconnect of a server by a request, and one more for each grant.
pub(crate) fn on_effect(state: &mut State, request: usize, operation: &str, subject: &str) {
    if operation != "DisconnectSourceServer" {
        return;
    }

    // A follow-up is another request with the same ID.
    let id_of = |request: usize| state.requests.get(request).map(|request| &request.id);
    // Effects of the same request, whichever delivery had them.
    let effects = state
        .effects
        .iter()
        .filter(|effect| effect.is(operation, subject))
        .filter(|effect| id_of(effect.request) == id_of(request))
        .count();

    state.check_effects(subject, request, effects, "disconnected");
}
