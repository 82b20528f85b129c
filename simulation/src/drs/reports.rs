//! What must hold of each report on a source server.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use emulator::{SourceServer, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, HERE},
    drs::{
        judge::{has_staging, is_named, is_overdue, reasons_against},
        observed::points_read,
    },
    fault_checks::is_in_doubt,
    judge::{reasons, right_answer, untrue},
    judgement::{Case, broken},
    record::{AttemptLog, Call, Reported, State, hides_an_effect, made, text},
    scenario::Request,
};

/// The longest that Lambda lets an invocation take, in seconds.
const LONGEST_INVOCATION: i64 = 900;

/// The worlds that an attempt may have read, and what it reports of one server.
struct Claim<'a> {
    worlds: Vec<&'a World>,
    state: &'a State,
    log: &'a AttemptLog,
    request: &'a Request,
    target: &'a Value,
    id: &'a str,
    reason: &'a str,
    /// Every reason of it.
    reasons: BTreeSet<&'a str>,
    /// The calls that changed the server.
    changes: Vec<&'a Call>,
}

/// Checks what is reported of one target against the worlds that the attempt may have read.
pub(crate) fn on_report(state: &mut State, attempt: usize, reported: Reported<'_>) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let Reported { target, result, .. } = reported;
    let id = text(&result["resource"], "sourceServerID");
    let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));

    // A server that is named twice is reported twice; what was done belongs to the first report.
    let is_first = reason != "named_twice" && !id.is_empty();
    let changes = log
        .calls
        .iter()
        .filter(|call| is_first && call.mutating && call.subject == id)
        .collect();
    // Everything that the attempt may have read is a world that can make the report true.
    let claim = Claim {
        worlds: state.worlds_of(attempt),
        state,
        log: &log,
        request: &request,
        target,
        id,
        reason,
        reasons: reasons(result),
        changes,
    };

    let message = text(result, "message");
    let wrong = claim.wrong(outcome, message, &reported.all_ids("sourceServerID"));
    let lost = &result["evidence"]["recoveryPointsLost"];
    let has_lost = claim.has_lost(lost);
    let wrong_hand_over = wrongly_handed_on(&claim, &reported);

    if let Some(wrong) = wrong {
        let right = right_answer(state, &request, claim.worlds.last(), reported.number);
        let made = made(&claim.changes);
        let complaint = untrue(&reported, id, &format!("{wrong}{made}"), &right);
        state.violate(3, complaint);
    }
    if let Some(complaint) = wrong_hand_over {
        state.violate(3, complaint);
    }
    if !has_lost {
        state.violate(3, format!("{id} did not lose {lost} recovery points"));
    }
}

impl Claim<'_> {
    /// What is not so of what is reported; `None` if all of it may be true. `all_ids` are the servers
    /// of the whole report.
    fn wrong(&self, outcome: &str, message: &str, all_ids: &[&str]) -> Option<&'static str> {
        let is_in_doubt = is_in_doubt(&self.changes, message);
        let hides_an_effect = hides_an_effect(&self.changes, message);
        let is_failure = match self.reason {
            "staging_left" => self.is_left() && is_overdue(self.target, self.log.clock),
            reason => matches!(reason, "rejected_by_aws" | "unreadable"),
        };

        // Whether it holds, and what is wrong if it does not.
        let rules: &[(bool, &str)] = match outcome {
            // What is done was changed and confirmed; what is already done was only confirmed.
            "done" => &[
                (self.has_changed(), "no call changed it"),
                (self.is_final_state(), "it was never seen so"),
            ],
            "already_done" => &[
                (!self.has_changed(), "a call changed it"),
                (self.is_final_state(), "it was never seen so"),
                (
                    self.proves_deletion(),
                    "nothing proves that its record is gone",
                ),
            ],
            // A plan and a refusal change nothing.
            "planned" => &[
                (self.log.changes_nothing(), "a call changed something"),
                (self.state.is_plan(self.request), "it was to be carried out"),
            ],
            "refused" => &[
                (!self.has_changed(), "a call changed it"),
                (self.are_reasons(all_ids), "that was never so"),
            ],
            "pending" => &[(self.is_pending(), "that was never so")],
            "indeterminate" => &[(self.has_changed(), "no call changed it")],
            // Doubt is not a failure.
            "failed" => &[
                (is_failure, "that is no failure"),
                (!hides_an_effect, "the call had an effect"),
                (!is_in_doubt, "the call may have had an effect"),
            ],
            // Otherwise a fault says nothing of the server.
            "retryable" | "permanent" => &[(!is_in_doubt, "the call may have had an effect")],
            _ => &[(false, "there is no such outcome")],
        };

        broken(rules)
    }

    fn has_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether some world that the attempt may have read was so.
    fn ever(&self, holds: impl Fn(&World) -> bool) -> bool {
        self.worlds.iter().any(|world| holds(world))
    }

    /// Whether the server was so in some world that the attempt may have read.
    fn server_ever(&self, holds: impl Fn(&SourceServer) -> bool) -> bool {
        self.ever(|world| find(world, self.id).is_some_and(&holds))
    }

    /// Whether the server was to be disconnected and had at least so many recovery points: fewer are
    /// counted where somebody else disconnects it meanwhile. Null says nothing.
    fn has_lost(&self, lost: &Value) -> bool {
        let Some(lost) = lost.as_u64() else {
            return true;
        };
        let mut changes = self.changes.iter();
        let is_disconnected = changes.any(|call| call.operation == "DisconnectSourceServer");
        // A list may move while it is read: what counts is what its pages showed.
        let read = points_read(self.log, self.id);

        is_disconnected && read.is_some_and(|read| lost <= read as u64)
    }

    fn is_final_state(&self) -> bool {
        match self.reason {
            // A disconnect is final only once its approval is consumed.
            "disconnected" => self.server_ever(|server| {
                server.is_disconnected() && server.tags.get(APPROVED) != Some(&self.request.id)
            }),
            // Somebody may have registered the machine anew: a record with another ID.
            "record_deleted" => self.ever(|world| {
                let is_gone = !self.id.is_empty() && find(world, self.id).is_none();
                is_gone || named(world, self.target).is_empty()
            }),
            // The server and its recovery points are read one after the other.
            "cleanup_verified" => {
                let is_clean = |world: &World| {
                    find(world, self.id).is_none_or(|server| !has_staging(world, server))
                };
                self.server_ever(SourceServer::is_disconnected) && self.ever(is_clean)
            }
            _ => false,
        }
    }

    /// Whether DRS ever showed something of the staging area of the disconnected server.
    fn is_left(&self) -> bool {
        let is_left =
            |world: &World| find(world, self.id).is_some_and(|server| has_staging(world, server));

        self.server_ever(SourceServer::is_disconnected) && self.ever(is_left)
    }

    /// A missing record proves a deletion only where the target names it by its ID, and DRS was asked
    /// for it alone: a list of several pages may leave out what moved between two of them.
    fn proves_deletion(&self) -> bool {
        let id = text(self.target, "sourceServerID");
        let mut calls = self.log.calls.iter();
        let was_asked = calls.any(|call| {
            // Where DRS was never initialised, it says so instead.
            let code = call.code.as_deref().unwrap_or_default();
            let is_answered = call.is_ok() || code.starts_with("UninitializedAccount");
            let is_of_servers = call.operation == "DescribeSourceServers" && is_answered;
            is_of_servers && call.input["filters"]["sourceServerIDs"] == json!([id])
        });

        self.reason != "record_deleted" || id.starts_with("s-") && was_asked
    }

    /// Whether the server was read after its last change.
    fn was_read_back(&self) -> bool {
        let calls = self.log.calls.iter().rev();
        let mut since = calls.take_while(|call| !(call.mutating && call.subject == self.id));

        since.any(|call| call.operation == "DescribeSourceServers" && call.is_ok())
    }

    fn is_pending(&self) -> bool {
        match self.reason {
            "record_awaits_deletion" => {
                let is_seen = !self.has_changed() || self.was_read_back();
                is_seen && self.server_ever(SourceServer::is_disconnected)
            }
            "cleanup_awaits_verification" => {
                let is_seen = !self.has_changed() || self.was_read_back();
                let verifies = self.state.scenario.variable("VERIFY_CLEANUP") == Some("true");
                verifies && is_seen && self.server_ever(SourceServer::is_disconnected)
            }
            "cleanup_pending" => !self.has_changed() && self.is_left(),
            "agent_not_silent_yet" => self.state.scenario.number("REQUIRE_SILENT_MINUTES", 0) > 0,
            "not_seen_yet" => self.changes.iter().any(|call| call.is_ok()),
            "out_of_time" => true,
            _ => false,
        }
    }

    /// Whether every reason of a refusal is true, the one that counts among them.
    fn are_reasons(&self, all_ids: &[&str]) -> bool {
        let mut reasons = self.reasons.iter();

        self.reasons.contains(self.reason) && reasons.all(|reason| self.is_reason(reason, all_ids))
    }

    /// Whether a reason is true. `all_ids` are the servers of the whole report.
    fn is_reason(&self, reason: &str, all_ids: &[&str]) -> bool {
        let scenario = &self.state.scenario;
        let targets = self.request.targets().len();

        match reason {
            "over_max_targets" => targets > scenario.number("MAX_TARGETS", 10),
            "over_max_share" => targets > 1 && scenario.number("MAX_SHARE_PERCENT", 10) < 100,
            "named_twice" => all_ids.iter().filter(|other| *other == &self.id).count() > 1,
            // A list of several pages may miss what moved between two of them, or show it twice.
            "not_found" | "ambiguous" if self.was_read_in_pages() => true,
            reason if self.state.is_of_wording(reason) => true,
            // Which of both it is depends on the record and on the list, read one after the other.
            "recovery_instance_present" | "drill_instance_present" => {
                self.holds_ever("recovery_instance_present")
                    || self.holds_ever("drill_instance_present")
            }
            reason => self.holds_ever(reason),
        }
    }

    /// Whether a reason holds by the judge, in some world that the attempt may have read.
    fn holds_ever(&self, reason: &str) -> bool {
        let holds = |world: &World| {
            let case = Case {
                world,
                scenario: &self.state.scenario,
                request: self.request,
            };
            reasons_against(&case, self.target).contains(&reason)
        };

        // Each list shows its own moment, so that servers may be older than the jobs beside them.
        let mixed = || {
            let worlds = &self.worlds;
            let pairs = worlds
                .iter()
                .flat_map(|world| worlds.iter().map(move |other| (*world, *other)));
            pairs
                .map(|(world, other)| with_servers_of(world, other))
                .any(|world| holds(&world))
        };
        self.ever(holds) || mixed()
    }

    fn was_read_in_pages(&self) -> bool {
        self.log.calls.iter().any(|call| {
            call.operation == "DescribeSourceServers" && !call.input["nextToken"].is_null()
        })
    }
}

/// What is not so of the disconnect that the next request names.
fn wrongly_handed_on(claim: &Claim<'_>, reported: &Reported<'_>) -> Option<String> {
    // A server that is named twice is handed on once.
    if claim.reason == "named_twice" {
        return None;
    }
    let next = reported.body["nextRequest"]["targets"].as_array();
    let mut next = next.into_iter().flatten();
    let target = next.find(|target| target["sourceServerID"] == claim.id)?;
    let disconnect = &target["disconnect"];

    // The clock of the function says when its invocation began, which may be one for a whole batch.
    let seen = text(disconnect, "at").parse::<DateTime<Utc>>().ok();
    let before = seen.map(|seen| (claim.log.clock - seen).num_seconds());
    let is_then = before.is_some_and(|seconds| (0..=LONGEST_INVOCATION).contains(&seconds));
    let silent = &disconnect["agentSilentSeconds"];
    let mut changes = claim.changes.iter();
    let is_disconnected = changes.any(|call| call.operation == "DisconnectSourceServer");
    let is_silence = silent.is_null()
        || is_disconnected && *silent == reported.result["evidence"]["agentSilentSeconds"];
    // Nobody asks EC2 for them where the deployment does not verify.
    let snapshots = disconnect["ebsSnapshotIDs"].as_array();
    let verifies = claim.state.scenario.variable("VERIFY_CLEANUP") == Some("true");
    let are_snapshots = snapshots
        .is_none_or(|ids| verifies && json!(ids) == reported.result["evidence"]["ebsSnapshotIDs"]);

    let is_right = is_then && is_silence && are_snapshots;
    (!is_right).then(|| format!("hands on {disconnect} of {}, which was not so", claim.id))
}

/// A world with the servers of another one.
fn with_servers_of(world: &World, other: &World) -> World {
    let mut mixed = world.clone();
    let servers = other.drs.regions.get(HERE).map(|drs| &drs.source_servers);
    if let Some((drs, servers)) = mixed.drs.regions.get_mut(HERE).zip(servers) {
        drs.source_servers.clone_from(servers);
    }

    mixed
}

fn find<'a>(world: &'a World, id: &str) -> Option<&'a SourceServer> {
    let drs = world.drs.regions.get(HERE)?;

    drs.source_servers.iter().find(|server| server.id == id)
}

/// The servers that have the most exact name of a target.
fn named<'a>(world: &'a World, target: &Value) -> Vec<&'a SourceServer> {
    let drs = world.drs.regions.get(HERE).into_iter();

    drs.flat_map(|drs| &drs.source_servers)
        .filter(|server| is_named(server, target))
        .collect()
}
