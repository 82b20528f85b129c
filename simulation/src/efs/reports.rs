//! What must hold of each report on a file system.

use std::collections::BTreeSet;

use emulator::{FileSystem, World};
use serde_json::Value;

use crate::{
    constants::HERE,
    efs::{
        REPLICATE_TO,
        judge::{is_same, reasons_against},
        observed::{is_replicated, tag},
        truth::{find, is_usable, replication},
        wanted::source_id,
    },
    fault_checks::is_in_doubt,
    judge::{reasons, right_answer, untrue},
    judgement::{Case, broken},
    record::{AttemptLog, Call, Effect, Reported, State, hides_an_effect, made, text},
    scenario::Request,
};

/// The worlds that an attempt may have read, and what it reports of one file system.
struct Claim<'a> {
    worlds: Vec<&'a World>,
    state: &'a State,
    log: &'a AttemptLog,
    request: &'a Request,
    target: &'a Value,
    /// The source.
    id: &'a str,
    reason: &'a str,
    /// Every reason of it.
    reasons: BTreeSet<&'a str>,
    message: &'a str,
    /// The calls that changed the source or its replica.
    changes: Vec<&'a Call>,
}

/// Checks what is reported of one target against the worlds that the attempt may have read.
pub(crate) fn on_report(state: &mut State, attempt: usize, reported: Reported<'_>) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let Reported { target, result, .. } = reported;
    let id = source_id(target);
    let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
    let worlds = state.worlds_of(attempt);
    let claim = Claim {
        changes: changes(&log, &worlds, id, reason),
        worlds,
        state,
        log: &log,
        request: &request,
        target,
        id,
        reason,
        reasons: reasons(result),
        message: text(result, "message"),
    };

    // Everything that the attempt may have read is a world that can make the report true.
    if let Some(wrong) = claim.wrong(outcome) {
        let right = right_answer(state, &request, claim.worlds.last(), reported.number);
        let made = made(&claim.changes);
        let complaint = untrue(&reported, id, &format!("{wrong}{made}"), &right);
        state.violate(3, complaint);
    }
}

/// The calls that changed a source or any replica that it had meanwhile.
fn changes<'a>(log: &'a AttemptLog, worlds: &[&World], id: &str, reason: &str) -> Vec<&'a Call> {
    // A source that is named twice is reported twice; what was done belongs to the first report.
    if reason == "named_twice" {
        return Vec::new();
    }
    // Parts are created in the replica, which may have changed meanwhile.
    let replicas: Vec<&str> = worlds
        .iter()
        .filter_map(|world| replication(world, id))
        .map(|replication| replication.destination_file_system_id.as_str())
        .collect();

    log.calls
        .iter()
        .filter(|call| call.mutating)
        .filter(|call| {
            let subject = call.subject.split(' ').next().unwrap_or_default();
            subject == id || replicas.contains(&subject)
        })
        .collect()
}

impl Claim<'_> {
    /// What is not so of what is reported; `None` if all of it may be true.
    fn wrong(&self, outcome: &str) -> Option<&'static str> {
        // Whether it holds, and what is wrong if it does not.
        let rules: &[(bool, &str)] = match outcome {
            "done" => &[
                (self.has_changed(), "no call changed anything"),
                (
                    self.was_usable(),
                    "the replica never had everything that is asked for",
                ),
            ],
            "already_done" => &[
                (!self.has_changed(), "a call changed something"),
                (
                    self.was_usable(),
                    "the replica never had everything that is asked for",
                ),
            ],
            // A plan and a refusal change nothing.
            "planned" => &[
                (self.log.changes_nothing(), "a call changed something"),
                (self.state.is_plan(self.request), "it was to be carried out"),
            ],
            "refused" => &[
                (!self.has_changed(), "a call changed something"),
                (self.are_reasons(), "that was never so"),
            ],
            "pending" => &[(self.is_pending(), "that was never so")],
            "indeterminate" => &[(self.has_changed(), "no call changed anything")],
            "failed" => &[(
                self.is_failure(),
                "that is no failure, or may have had an effect",
            )],
            // Otherwise a fault says nothing of the file system.
            "retryable" | "permanent" => &[(
                !self.is_replication_in_doubt(),
                "the replication may have been created",
            )],
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

    /// Whether the replica was usable in some world that the attempt may have read, or with the
    /// replications of another one: each call shows its own moment, and may lag.
    fn was_usable(&self) -> bool {
        let worlds = &self.worlds;
        let pairs = worlds
            .iter()
            .flat_map(|world| worlds.iter().map(move |other| (*world, *other)));
        let mut mixed = pairs.map(|(world, other)| {
            let mut mixed = world.clone();
            mixed.efs.replications.clone_from(&other.efs.replications);
            mixed
        });

        let is_marked = self.reason != "replica_usable_after_expiry";
        let was = |world: &World| is_usable(world, self.target, is_marked);
        self.ever(was) || mixed.any(|world| was(&world))
    }

    /// Whether the source was so in some world that the attempt may have read.
    fn source_ever(&self, holds: impl Fn(&FileSystem) -> bool) -> bool {
        self.ever(|world| find(world, HERE, self.id).is_some_and(&holds))
    }

    fn status_was(&self, status: &str) -> bool {
        self.ever(|world| {
            let replication = replication(world, self.id);
            replication.is_some_and(|found| found.status(world.now, world.behaviour) == status)
        })
    }

    fn is_pending(&self) -> bool {
        match self.reason {
            "replication_enabling" => self.status_was("ENABLING"),
            "first_sync_running" => self.ever(|world| {
                let replication = replication(world, self.id);
                replication.is_some_and(|found| found.last_replicated_at(world.now).is_none())
            }),
            "source_not_available" => {
                self.source_ever(|source| source.life_cycle_state != "available")
            }
            // AWS accepted the change, and no read shows it yet.
            "not_seen_yet" => self.changes.iter().any(|call| call.is_ok()),
            "not_ready_yet" => self
                .changes
                .iter()
                .any(|call| call.code.as_deref() == Some("IncorrectFileSystemLifeCycleState")),
            _ => true,
        }
    }

    /// Whether a replication may have been created although its creation is what failed. Which of
    /// several parts a call was for cannot be told.
    fn is_replication_in_doubt(&self) -> bool {
        let is_creation = self.message.starts_with("CreateReplicationConfiguration:");

        is_creation && is_in_doubt(&self.changes, self.message)
    }

    fn is_failure(&self) -> bool {
        match self.reason {
            "replication_paused" => self.status_was("PAUSED"),
            // Doubt is not a failure.
            "timeout" | "no_answer" | "service_error" => false,
            _ if self.message.starts_with("CreateReplicationConfiguration") => {
                !self.is_replication_in_doubt()
                    && !hides_an_effect(&self.changes, self.message)
                    && !self.has_replication_of_request()
            }
            _ => true,
        }
    }

    /// Whether the attempt has read the replication, and this request created it.
    fn has_replication_of_request(&self) -> bool {
        // An effect of this request, whichever attempt had it.
        let is_ours =
            |effect: &Effect| effect.subject == self.id && effect.request == self.log.request;

        // One that somebody is deleting is none that the request still has.
        is_replicated(self.log, self.id)
            && self.state.effects.iter().any(is_ours)
            && !self.status_was("DELETING")
            && !self.is_of_another()
    }

    /// Whether the source was replicated otherwise than this request asks for: by another one, after
    /// somebody ended the replication that this one created.
    fn is_of_another(&self) -> bool {
        self.holds_ever("kms_key_differs") || self.holds_ever("replicates_elsewhere")
    }

    /// Whether every reason of a refusal is true, the one that counts among them.
    fn are_reasons(&self) -> bool {
        let mut reasons = self.reasons.iter();

        self.reasons.contains(self.reason) && reasons.all(|reason| self.is_reason(reason))
    }

    /// Whether a reason is true.
    fn is_reason(&self, reason: &str) -> bool {
        let scenario = &self.state.scenario;

        match reason {
            "named_twice" => self.is_named_twice(),
            "over_max_targets" => self.request.targets().len() > scenario.number("MAX_TARGETS", 10),
            "expired" => self.request.is_stale(self.log.clock),
            reason if self.state.is_of_wording(reason) => true,
            // Tags alone may lag, as no world ever was.
            "no_replicate_to_tag" if self.was_read_without_tag() => true,
            reason => self.holds_ever(reason),
        }
    }

    /// Whether a reason holds by the judge, in some world that the attempt may have read.
    fn holds_ever(&self, reason: &str) -> bool {
        self.ever(|world| {
            let case = Case {
                world,
                scenario: &self.state.scenario,
                request: self.request,
            };
            reasons_against(&case, self.target).contains(&reason)
        })
    }

    fn was_read_without_tag(&self) -> bool {
        let mut reads = self.log.calls.iter().filter(|call| {
            let is_of_source = call.region == HERE && call.subject == self.id;
            is_of_source && call.operation == "DescribeFileSystems" && call.is_ok()
        });

        reads.any(|call| tag(&call.body["FileSystems"][0], REPLICATE_TO).is_none())
    }

    fn is_named_twice(&self) -> bool {
        let targets = self.request.targets();
        let same = targets.iter().filter(|other| is_same(other, self.target));

        same.count() > 1
    }
}
