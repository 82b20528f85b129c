//! What a correct `bootstrap-efs-replication` answers, by its README.

use emulator::{FileSystem, Replication, Reply};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, HERE, PROTECTED, UNHEARD_OF},
    efs::{
        DEFAULT_KEY, MARK, REPLICATE_TO, contents,
        parts::{self, Ends, Part, Parts},
        truth::find,
        wanted::{Wanted, id_in, source_id},
    },
    judgement::{Case, Effect, Expected, Judgement, holding},
    record::text,
};

/// What must be answered to a request.
pub(crate) fn judge(case: &Case<'_>) -> Judgement {
    let targets = case.request.targets();
    let expected = targets.iter().enumerate().map(|(index, target)| {
        let earlier = targets.get(..index).unwrap_or_default();
        let is_twice = earlier.iter().any(|earlier| is_same(earlier, target));
        let of_request = holding(&[
            (case.is_over_max_targets(), "over_max_targets"),
            (is_twice, "named_twice"),
        ]);
        let mut expected = of_target(case, target);
        // What is against the request comes before what is against the target.
        if !of_request.is_empty() {
            let own = match expected.outcome {
                "refused" => expected.reasons,
                _ => Vec::new(),
            };
            expected = refused([of_request, own].concat());
        }
        // Whatever is said, there is evidence of what was done, and of what is to be done.
        for member in ["created", "differs"] {
            if expected.evidence[member].is_null() {
                expected.show(member, json!([]));
            }
        }
        expected
    });

    Judgement {
        targets: expected.collect(),
        next_request: Value::Null,
    }
}

fn refused(reasons: Vec<&'static str>) -> Expected {
    Expected::said("refused", reasons)
}

fn pending(reason: &'static str, look_again: u64) -> Expected {
    Expected {
        look_again: Some(look_again),
        ..Expected::said("pending", vec![reason])
    }
}

fn failed(reasons: Vec<&'static str>) -> Expected {
    Expected::said("failed", reasons)
}

/// Every reason against a target by itself. What speaks against its destination counts whatever
/// state the source is in: it is read after the source, which may have changed by then.
pub(crate) fn reasons_against(case: &Case<'_>, target: &Value) -> Vec<&'static str> {
    let expected = of_target(case, target);
    let mut reasons = match expected.outcome {
        "refused" => expected.reasons,
        _ => Vec::new(),
    };

    if let Some(source) = find(case.world, HERE, source_id(target)) {
        let wish = Wish {
            case,
            target,
            source,
            wanted: Wanted::of(&target["destination"]),
        };
        if let Some(id) = wish.wanted.existing {
            reasons.extend(wish.against_overwrite(id));
        }
    }
    reasons
}

/// Whether two targets have one source, or overwrite one file system.
pub(crate) fn is_same(earlier: &Value, target: &Value) -> bool {
    let existing = |target: &Value| {
        let wanted = Wanted::of(&target["destination"]);
        Some((wanted.existing?.to_owned(), wanted.region))
    };

    source_id(earlier) == source_id(target)
        || existing(target).is_some_and(|it| existing(earlier) == Some(it))
}

/// A target whose source exists, and where its replica is to be.
struct Wish<'a> {
    case: &'a Case<'a>,
    target: &'a Value,
    source: &'a FileSystem,
    wanted: Wanted<'a>,
}

fn of_target(case: &Case<'_>, target: &Value) -> Expected {
    let expected = while_it_lasts(case, target);
    if expected.outcome != "planned" || !case.is_expired() {
        return expected;
    }

    // What is there is told after the expiry, and nothing is changed.
    refused(vec!["expired"])
}

fn while_it_lasts(case: &Case<'_>, target: &Value) -> Expected {
    let (id, name) = (source_id(target), text(target, "sourceFileSystemId"));
    let account = &case.world.account;
    let arn = format!("arn:aws:elasticfilesystem:{HERE}:{account}:file-system/{id}");
    let is_named_elsewhere = name.starts_with("arn:") && name != arn;

    let Some(source) = find(case.world, HERE, id) else {
        let is_elsewhere = is_named_elsewhere || target["isElsewhere"] == true;
        return refused(vec![if is_elsewhere {
            "source_elsewhere"
        } else {
            "not_found"
        }]);
    };
    if is_named_elsewhere {
        return refused(vec!["arn_mismatch"]);
    }

    // An event of AWS names no destination; the tag of the source does.
    let destination = &target["destination"];
    let mut wanted = Wanted::of(destination);
    match (destination.is_null(), source.tags.get(REPLICATE_TO)) {
        (true, None) => return refused(vec!["no_replicate_to_tag"]),
        (true, Some(tag)) if !is_region(tag) => return refused(vec!["bad_replicate_to_tag"]),
        // The deployment says which key it has.
        (true, Some(tag)) => {
            wanted.region.clone_from(tag);
            wanted.key = target[DEFAULT_KEY].as_str();
        }
        (false, _) => {}
    }
    let wish = Wish {
        case,
        target,
        source,
        wanted,
    };

    let impossible = wish.impossible();
    if !impossible.is_empty() {
        return refused(impossible);
    }
    match case.world.efs.replication_of(HERE, id) {
        Some(replication) => wish.replicated(replication),
        None => wish.unreplicated(),
    }
}

/// Whether a text is the name of a Region, as far as it matters here.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());

    parts.len() == 3 && parts.last().is_some_and(is_number)
}

impl Wish<'_> {
    /// Every reason against the request itself, whatever exists.
    fn impossible(&self) -> Vec<&'static str> {
        let wanted = &self.wanted;
        let region = wanted.region.as_str();
        let allowed = self.case.scenario.variable("REPLICA_REGIONS");
        let allowed = allowed.unwrap_or("*");
        let is_allowed = allowed == "*" || allowed.split(',').any(|allowed| allowed == region);

        // Another account is replicated into by a role, and has its parts from its own deployment.
        let is_foreign = self.is_foreign();
        let has_role = wanted.role.is_some();
        holding(&[
            (
                wanted.contradicts_itself(&self.target["destination"]),
                "region_mismatch",
            ),
            (
                wanted
                    .region_of_key()
                    .is_some_and(|of_key| of_key != region),
                "kms_key_region_mismatch",
            ),
            (
                wanted.existing == Some(source_id(self.target)),
                "same_file_system",
            ),
            (is_foreign && !has_role, "role_missing"),
            (!is_foreign && has_role, "role_not_needed"),
            (
                is_foreign && has_role && self.asks_for_parts(),
                "parts_in_another_account",
            ),
            (!is_allowed, "region_not_allowed"),
        ])
    }

    fn is_foreign(&self) -> bool {
        let account = self.wanted.account;

        account.is_some_and(|account| account != self.case.world.account)
    }

    /// Whether the request asks for anything besides the data.
    fn asks_for_parts(&self) -> bool {
        let asked = self.target["replica"].as_object();
        let mut parts = asked.into_iter().flat_map(serde_json::Map::values);

        parts.any(|part| *part != "leave" && part.as_array().is_none_or(|it| !it.is_empty()))
    }

    /// A source without a replication.
    fn unreplicated(&self) -> Expected {
        let source = self.source;
        if source.protection == "REPLICATING" {
            return refused(vec!["source_is_a_destination"]);
        }
        match source.life_cycle_state.as_str() {
            "available" => {}
            "creating" | "updating" => return pending("source_not_available", 60),
            _ => return refused(vec!["source_unusable"]),
        }

        // Consent and keys are asked for only where something would be created.
        let existing = self.wanted.existing;
        let reasons = match existing {
            None => self.against_new(),
            Some(id) => self.against_overwrite(id),
        };
        if !reasons.is_empty() {
            return refused(reasons);
        }

        let region = &self.wanted.region;
        let sentence = match existing {
            None => {
                let place = self.wanted.zone.unwrap_or(region);
                let key = self.wanted.key;
                let key = key.map_or_else(String::new, |key| format!(", encrypted with {key}"));
                format!("replicate to a new file system in {place}{key}")
            }
            Some(id) => format!("replicate to {id} in {region}, whose contents are overwritten"),
        };
        let mut expected = self.planned(vec![sentence]);
        expected.later = Some(self.follow_up());
        if !self.case.is_plan() {
            expected.effects = vec![Effect {
                operation: "CreateReplicationConfiguration",
                subject: source.file_system_id.clone(),
                content: contents::destination(&self.wanted),
            }];
            expected.outcome = "pending";
            expected.reasons = vec!["replication_enabling"];
            expected.look_again = Some(120);
            expected.evidence = json!({
                "statusBefore": null,
                "status": "ENABLING",
                "created": expected.plan,
            });
        }
        expected
    }

    /// The calls that come once there is a replica, in their order.
    fn follow_up(&self) -> Vec<&'static str> {
        let asked = &self.target["replica"];
        let copies = |part: &str| asked[part] == "copy";
        let mount_targets = asked["mountTargets"].as_array().map_or(0, Vec::len);

        let mut calls = vec!["CreateMountTarget"; mount_targets];
        if copies("accessPoints") {
            // The source's own, each named; of more than four the last step counts the rest.
            let world = self.case.world;
            let existing = self.wanted.existing;
            let existing = existing.and_then(|id| find(world, &self.wanted.region, id));
            let points = self.source.access_points.iter().filter(|point| {
                let has = existing.is_some_and(|it| parts::counterpart(it, point).is_some());
                point.state == "available" && !has
            });
            calls.extend(vec!["CreateAccessPoint"; points.count().min(4)]);
        }
        let has_tags = !parts::own_tags(self.source).is_empty();
        calls.extend(holding(&[
            (copies("lifecycle"), "PutLifecycleConfiguration"),
            (asked["backup"].is_string(), "PutBackupPolicy"),
            (copies("policy"), "PutFileSystemPolicy"),
            (copies("tags") && has_tags, "TagResource"),
            // The mark of a replica that is usable; one in another account is not ours to tag.
            (!self.is_foreign(), "TagResource"),
        ]));
        calls
    }

    fn planned(&self, plan: Vec<String>) -> Expected {
        Expected {
            evidence: json!({ "differs": plan }),
            plan,
            ..Expected::said("planned", vec!["plan_mode"])
        }
    }

    fn against_new(&self) -> Vec<&'static str> {
        // A new file system is always encrypted.
        match self.source.encrypted || self.target["acceptNoFailback"] == true {
            true => Vec::new(),
            false => vec!["failback_impossible"],
        }
    }

    /// Every reason against overwriting the existing file system.
    fn against_overwrite(&self, id: &str) -> Vec<&'static str> {
        let world = self.case.world;
        let region = self.wanted.region.as_str();
        let Some(existing) = find(world, region, id) else {
            return vec!["destination_not_found"];
        };
        let approval = existing.tags.get(APPROVED);
        let is_in_use =
            existing.protection == "REPLICATING" || world.efs.replication_of(region, id).is_some();
        let accepts_no_failback = self.target["acceptNoFailback"] == true;

        holding(&[
            (self.target["overwrite"] != id, "overwrite_not_confirmed"),
            (existing.tags.contains_key(PROTECTED), "protected"),
            (approval.is_none(), "not_approved"),
            (
                approval.is_some_and(|approval| *approval != self.case.request.id),
                "approved_for_another_request",
            ),
            (is_in_use, "destination_in_use"),
            (
                existing.protection == "ENABLED",
                "overwrite_protection_enabled",
            ),
            (existing.protection == UNHEARD_OF, "unknown_state"),
            (
                existing.life_cycle_state != "available",
                "destination_not_available",
            ),
            (
                self.source.encrypted && !existing.encrypted,
                "destination_not_encrypted",
            ),
            (
                !self.source.encrypted && existing.encrypted && !accepts_no_failback,
                "failback_impossible",
            ),
        ])
    }

    /// A source that is part of a replication.
    fn replicated(&self, replication: &Replication) -> Expected {
        let world = self.case.world;
        let is_source = replication.source_file_system_id == self.source.file_system_id
            && replication.source_region == HERE;
        if !is_source {
            return refused(vec!["source_is_a_destination"]);
        }

        // A replication that leads where the request asks for is adopted.
        let id = &replication.destination_file_system_id;
        let replica = find(world, &replication.destination_region, id);
        if !self.is_wanted(replication, replica) {
            return refused(vec!["replicates_elsewhere"]);
        }
        // A default is for new replicas, and stands in the way of none that is there.
        let by_default = self.target["destination"].is_null();
        if self.has_another_key(replica) && !by_default {
            return refused(vec!["kms_key_differs"]);
        }

        let status = replication.status(world.now, world.behaviour);
        let mut expected = match status {
            "ENABLING" => pending("replication_enabling", 120),
            "ENABLED" => self.enabled(replication, replica),
            "PAUSING" => failed(vec!["replication_pausing"]),
            "PAUSED" => failed(vec!["replication_paused"]),
            "ERROR" => failed(vec!["replication_in_error"]),
            "DELETING" => refused(vec!["replication_deleting"]),
            _ => failed(vec!["unknown_state"]),
        };
        let known = matches!(
            status,
            "ENABLING" | "ENABLED" | "PAUSING" | "PAUSED" | "ERROR" | "DELETING"
        );
        let status = if known { status } else { "unknown" };
        expected.show("statusBefore", json!(status));
        expected.show("status", json!(status));
        if self.is_late(replication) {
            expected.show("withinObjective", json!(false));
        }
        expected
    }

    /// Whether the last sync is beyond EFS's objective of 15 minutes even by a clock that is a quarter
    /// of an hour wrong.
    fn is_late(&self, replication: &Replication) -> bool {
        let now = self.case.world.now;
        let synced = replication.last_replicated_at(now);

        synced.is_some_and(|synced| (now - synced).num_minutes() > 30)
    }

    /// Whether a replication leads where the request asks for.
    fn is_wanted(&self, replication: &Replication, replica: Option<&FileSystem>) -> bool {
        let zone = replica.and_then(|replica| replica.availability_zone_name.as_deref());
        let own = self.case.world.account.as_str();
        let account = replication.destination_owner_id.as_deref().unwrap_or(own);

        replication.destination_region == self.wanted.region
            && account == self.wanted.account.unwrap_or(own)
            && match self.wanted.existing {
                None => replica.is_none() || zone == self.wanted.zone,
                Some(id) => id == replication.destination_file_system_id,
            }
    }

    /// Whether the replica is encrypted with another key than the request names, or not at all; an
    /// alias cannot be compared.
    fn has_another_key(&self, replica: Option<&FileSystem>) -> bool {
        let (Some(asked), Some(replica)) = (self.wanted.key, replica) else {
            return false;
        };
        if !replica.encrypted || asked.contains("alias/") {
            return !replica.encrypted;
        }

        // Without a key of its own, EFS encrypts with the one that AWS manages.
        let key = replica.kms_key_id.as_deref().unwrap_or("aws/efs");
        id_in(asked) != id_in(key)
    }

    /// A source whose replication is set up: the parts of its replica, the first sync, the mark.
    fn enabled(&self, replication: &Replication, replica: Option<&FileSystem>) -> Expected {
        let Some(replica) = replica else {
            return match self.asks_for_parts() {
                true => failed(vec!["replica_unusable"]),
                false => self.synced(replication, None),
            };
        };
        match replica.life_cycle_state.as_str() {
            "available" => {}
            "creating" | "updating" => return pending("replica_not_available", 60),
            _ => return failed(vec!["replica_unusable"]),
        }

        // A plan names the parts that are missing at first; what comes then is not known yet.
        let mut after = replica.clone();
        let first = self.compare(replication, replica).missing;
        let is_plan = self.case.is_plan();
        if is_plan && !first.is_empty() {
            return self.planned(parts::sentences(&first));
        }

        // One round after the other, until a read shows nothing that was not tried.
        let mut tried: Vec<Part> = Vec::new();
        let mut accepted: Vec<Part> = Vec::new();
        let mut effects = Vec::new();
        let last = loop {
            let now = self.compare(replication, &after);
            let new: Vec<Part> = now
                .missing
                .iter()
                .filter(|part| !tried.contains(part))
                .cloned()
                .collect();
            if new.is_empty() {
                break now;
            }
            for part in &new {
                if !self.is_refused(part) && !self.is_in_another_zone(part, replica) {
                    let content = contents::of_part(part, self.source, &after);
                    effects.push(Effect {
                        operation: part.operation(),
                        subject: replica.file_system_id.clone(),
                        content,
                    });
                    part.provide(&mut after);
                    accepted.push(part.clone());
                }
            }
            tried.extend(new);
        };

        let mut expected = self.after_parts(replication, &last, &mut effects, &after);
        if !tried.is_empty() && expected.outcome == "already_done" {
            expected.outcome = "done";
        }
        if !first.is_empty() {
            expected.plan = parts::sentences(&first);
        }
        expected.effects = effects;
        if !is_plan {
            accepted.extend(self.mark_of(&expected, &after));
            expected.show("created", json!(parts::sentences(&accepted)));
            expected.show("differs", json!(parts::sentences(&last.missing)));
        }
        expected
    }

    /// The mark, where it is among what is done.
    fn mark_of(&self, expected: &Expected, replica: &FileSystem) -> Option<Part> {
        let mark = parts::mark(replica, &self.case.request.id)?;
        let content = contents::of_part(&mark, self.source, replica);
        let mut effects = expected.effects.iter();

        effects
            .any(|effect| effect.content == content)
            .then_some(mark)
    }

    fn compare(&self, replication: &Replication, replica: &FileSystem) -> Parts {
        let ends = Ends {
            account: &self.case.world.account,
            source: (HERE, self.source),
            replica: (&replication.destination_region, replica),
        };

        parts::compare(ends, &self.target["replica"])
    }

    fn is_refused(&self, part: &Part) -> bool {
        part.may_be_refused()
            && self.case.world.behaviour.writes_while_replicating == Reply::Conflict
    }

    /// Whether a mount target is asked for in another zone than that of a One Zone file system.
    fn is_in_another_zone(&self, part: &Part, replica: &FileSystem) -> bool {
        let (Part::MountTarget(requested), Some(zone)) = (part, &replica.availability_zone_name)
        else {
            return false;
        };
        let subnet = text(requested, "subnetId");
        let subnet = self.case.world.efs.subnet(&self.wanted.region, subnet);

        subnet.is_ok_and(|subnet| subnet.availability_zone_name != *zone)
    }

    /// What is left once every part was tried.
    fn after_parts(
        &self,
        replication: &Replication,
        last: &Parts,
        effects: &mut Vec<Effect>,
        replica: &FileSystem,
    ) -> Expected {
        // What AWS rejects for good comes before what it accepts later.
        let mut missing = last.missing.iter();
        if missing.any(|part| self.is_in_another_zone(part, replica)) {
            return failed(vec!["rejected_by_aws"]);
        }
        if last.missing.iter().any(|part| self.is_refused(part)) {
            return pending("not_ready_yet", 60);
        }
        if !last.broken.is_empty() {
            return failed(last.broken.clone());
        }
        if last.is_creating {
            return pending("parts_not_available", 60);
        }

        let mut expected = self.synced(replication, Some(replica));
        effects.append(&mut expected.effects);
        expected
    }

    /// A replica that can be used, with what has to be known of it all the same.
    fn usable(
        &self,
        outcome: &'static str,
        reason: &'static str,
        replica: Option<&FileSystem>,
    ) -> Expected {
        let asked = self.target["replica"]["mountTargets"].as_array();
        let asks_for_none = asked.is_none_or(Vec::is_empty);
        let is_unmounted = replica.is_some_and(|replica| replica.mount_targets.is_empty());

        // Only KMS knows what an alias stands for, unless EFS names the same one.
        let alias = self.wanted.key.filter(|key| key.contains("alias/"));
        let named = replica.and_then(|replica| replica.kms_key_id.as_deref());
        let is_named = alias.is_some_and(|alias| named.map(id_in) == Some(id_in(alias)));
        let is_unresolved = alias.is_some() && replica.is_some() && !is_named;

        let is_unencrypted = replica.is_some_and(|replica| !replica.encrypted);
        let notes = holding(&[
            (asks_for_none && is_unmounted, "no_mount_targets"),
            (is_unresolved && !is_unencrypted, "kms_key_not_compared"),
            (self.has_another_key(replica), "kms_key_differs"),
        ]);
        Expected {
            notes: Some(notes),
            ..Expected::said(outcome, vec![reason])
        }
    }

    /// What is left once the replica has every part: the first sync, and the mark.
    fn synced(&self, replication: &Replication, replica: Option<&FileSystem>) -> Expected {
        let world = self.case.world;
        if replication.last_replicated_at(world.now).is_none() {
            return pending("first_sync_running", 300);
        }
        // A replica in another account is not ours to mark.
        let own = replica.filter(|replica| replica.owner(&world.account) == world.account);
        let Some(replica) = own else {
            return self.usable("already_done", "replica_usable", replica);
        };

        // The mark makes the difference between `done` and `already_done`.
        let is_marked = replica.tags.contains_key(MARK);
        let Some(mark) = parts::mark(replica, &self.case.request.id) else {
            let reason = match is_marked {
                true => "replica_usable",
                false => "replica_usable_unmarked",
            };
            return self.usable("already_done", reason, own);
        };
        // Not even the mark is set after the expiry.
        if self.case.is_expired() {
            return self.usable("already_done", "replica_usable_after_expiry", own);
        }
        let mut expected = self.planned(parts::sentences(std::slice::from_ref(&mark)));
        if !self.case.is_plan() {
            let usable = self.usable("done", "replica_usable", own);
            expected.outcome = usable.outcome;
            (expected.reasons, expected.notes) = (usable.reasons, usable.notes);
            expected.effects = vec![Effect {
                operation: mark.operation(),
                subject: replica.file_system_id.clone(),
                content: contents::of_part(&mark, self.source, replica),
            }];
        }
        expected
    }
}
