//! What is true of the file systems of a world, told apart from how `audit-file-systems` finds it:
//! from the plain data of the emulator.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use emulator::{FileSystem, OrderedStatus, Replication, World};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    auditor::{Auditor, Findings},
    constants::{ELSEWHERE, HERE, THERE, UNHEARD_OF},
    dice::chance,
    efs::{
        MARK, REPLICATE_TO,
        estate::KEYS,
        judge::is_region,
        parts::{self, Ends},
        truth::find,
        wanted::id_in,
    },
    judgement::holding,
    record::text,
    scenario::Variables,
};

/// The function beside `bootstrap-efs-replication`.
pub(super) const AUDITOR: Auditor = Auditor {
    function: &harness::AUDIT_FILE_SYSTEMS,
    lists: &["DescribeReplicationConfigurations", "DescribeFileSystems"],
    never: &[
        "audited",
        "out_of_time",
        "not_found",
        "arn_mismatch",
        "not_read",
    ],
    settings,
    disturb,
    expected,
};

fn settings(rng: &mut Rng) -> Variables {
    let mut set = vec![("SYNC_SECONDS", rng.u64(60..7200).to_string())];
    // The key of the replicas of tagged file systems, sometimes by an alias, which says nothing.
    let key = rng
        .choice([KEYS[0], KEYS[1], "alias/dr"])
        .filter(|_| chance(rng, 50));
    if let Some(key) = key {
        set.push((
            "REPLICA_DEFAULTS",
            json!({ THERE: { "kmsKeyId": key } }).to_string(),
        ));
    }
    set
}

/// Gives replications and file systems what a request does not look at: age, ends that are gone,
/// and what people changed since.
fn disturb(rng: &mut Rng, world: &mut World) {
    let now = world.now;
    let mut removed = Vec::new();

    for replication in &mut world.efs.replications {
        let ends = ends_of(replication);
        match rng.u8(0..10) {
            // Not on the minute, where a second decides.
            0 => {
                let seconds = i64::from(rng.u16(0..200)) * 60 + 30;
                replication.created_at = now - TimeDelta::seconds(seconds);
                replication.first_sync_ends_at = now + TimeDelta::hours(1);
            }
            1 => {
                let seconds = i64::from(rng.u16(0..200)) * 60 + 30;
                replication.first_sync_ends_at = now - TimeDelta::seconds(seconds);
                let status = rng.choice(["PAUSED", "PAUSING", "ERROR", "DELETING", UNHEARD_OF]);
                replication.ordered = status.map(|status| OrderedStatus {
                    status: status.to_owned(),
                    message: "by the operator".to_owned(),
                });
            }
            2 => removed.push(ends[rng.usize(0..2)].clone()),
            _ => {}
        }
    }
    for (region, file_systems) in &mut world.efs.regions {
        let is_removed =
            |it: &FileSystem| removed.contains(&(region.clone(), it.file_system_id.clone()));
        file_systems.file_systems.retain(|it| !is_removed(it));
        for file_system in &mut file_systems.file_systems {
            change(rng, file_system);
        }
    }
}

fn ends_of(replication: &Replication) -> [(String, String); 2] {
    let it = replication.clone();

    [
        (it.source_region, it.source_file_system_id),
        (it.destination_region, it.destination_file_system_id),
    ]
}

fn change(rng: &mut Rng, file_system: &mut FileSystem) {
    match rng.u8(0..16) {
        0 => drop(file_system.tags.remove(MARK)),
        1 => drop(file_system.tags.insert(MARK.to_owned(), "CHG0".to_owned())),
        2 => file_system.mount_targets.clear(),
        3 => drop(file_system.access_points.pop()),
        4 => file_system.policy = None,
        5 => file_system.lifecycle_policies.clear(),
        6 => "DISABLED".clone_into(&mut file_system.protection),
        7 => "creating".clone_into(&mut file_system.life_cycle_state),
        8 => "available".clone_into(&mut file_system.life_cycle_state),
        9 => {
            let region = rng.choice([THERE, ELSEWHERE, HERE, "Europe"]);
            let region = region.unwrap_or(THERE).to_owned();
            file_system.tags.insert(REPLICATE_TO.to_owned(), region);
        }
        _ => {}
    }
}

/// What is found of each file system, by its name and its Region.
fn expected(world: &World, variables: &Variables) -> Option<Findings> {
    let variable = |name: &str| {
        let mut set = variables.iter();
        set.find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    };
    let defaults: Value =
        serde_json::from_str(variable("REPLICA_DEFAULTS").unwrap_or("{}")).ok()?;
    let case = Case {
        world,
        sync_seconds: variable("SYNC_SECONDS")?.parse().ok()?,
        default_key: text(&defaults[THERE], "kmsKeyId").to_owned(),
    };
    let mut told: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let mut say = |id: &str, region: &str, found: BTreeSet<&'static str>| {
        if !found.is_empty() {
            told.insert(format!("{id} {region}"), found);
        }
    };

    let mut in_replications = BTreeSet::new();
    let mut regions = BTreeSet::new();
    for replication in case.listed() {
        let [source, destination] = ends_of(replication);
        let has = |(region, id): &(String, String)| region == HERE && case.own(HERE, id).is_some();
        // A replication whose source is elsewhere, or gone, is told with its replica.
        if has(&destination) && !has(&source) {
            say(&destination.1, &source.0, case.incoming(replication));
            in_replications.insert(destination);
            continue;
        }

        say(&source.1, HERE, case.outgoing(replication));
        if case.is_own(replication.destination_owner_id.as_deref()) {
            regions.insert(destination.0.clone());
        }
        in_replications.extend([source, destination]);
    }

    for alone in case.own_in(HERE) {
        let end = (HERE.to_owned(), alone.file_system_id.clone());
        if in_replications.contains(&end) {
            continue;
        }
        say(&alone.file_system_id, HERE, case.alone(alone));
        let asked = alone.tags.get(REPLICATE_TO);
        regions.extend(asked.filter(|region| is_region(region)).cloned());
    }

    // Elsewhere nobody else looks for what may be overwritten.
    regions.remove(HERE);
    for region in &regions {
        let unlocked = case.own_in(region).filter(|it| it.protection == "DISABLED");
        for it in unlocked {
            let end = (region.clone(), it.file_system_id.clone());
            if !in_replications.contains(&end) {
                let found = BTreeSet::from(["overwrite_protection_off"]);
                say(&it.file_system_id, region, found);
            }
        }
    }
    Some(told)
}

/// A world, and where the line of the deployment is drawn.
struct Case<'a> {
    world: &'a World,
    sync_seconds: i64,
    /// The key that replicas of tagged file systems get there; empty if none is said.
    default_key: String,
}

impl<'a> Case<'a> {
    fn is_own(&self, owner: Option<&str>) -> bool {
        owner.is_none_or(|owner| owner == self.world.account)
    }

    fn own_in(&self, region: &str) -> impl Iterator<Item = &'a FileSystem> {
        let account = &self.world.account;
        let all = self.world.efs.file_systems(region);

        all.filter(move |it| it.owner(account) == account)
    }

    fn own(&self, region: &str, id: &str) -> Option<&'a FileSystem> {
        let found = find(self.world, region, id)?;

        self.is_own(found.owner_id.as_deref()).then_some(found)
    }

    /// The replications that EFS lists here: those of which a file system here is an end.
    fn listed(&self) -> impl Iterator<Item = &'a Replication> {
        let replications = self.world.efs.replications.iter();

        replications.filter(|it| {
            let mut ids = self.own_in(HERE).map(|own| own.file_system_id.as_str());
            ids.any(|id| it.side(HERE, id).is_some())
        })
    }

    fn status<'r>(&self, replication: &'r Replication) -> &'r str {
        replication.status(self.world.now, self.world.behaviour)
    }

    /// How many seconds ago a time is; EFS tells whole ones.
    fn age(&self, time: DateTime<Utc>) -> i64 {
        (self.world.now - time.trunc_subsecs(0)).num_seconds()
    }

    fn incoming(&self, replication: &Replication) -> BTreeSet<&'static str> {
        let [(region, id), _] = ends_of(replication);
        let is_own = self.is_own(replication.source_owner_id.as_deref());
        let mut found = BTreeSet::new();

        if is_own && self.own(&region, &id).is_none() {
            found.insert("source_gone");
        }
        if !is_own && self.status(replication) == "ERROR" {
            found.insert("replication_in_error");
        }
        found
    }

    fn outgoing(&self, replication: &Replication) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        let mut say = |holds: bool, finding: &'static str| {
            if holds {
                found.insert(finding);
            }
        };
        let status = self.status(replication);
        let [(_, source), (region, _)] = ends_of(replication);
        match status {
            "DELETING" => return BTreeSet::new(),
            "ERROR" => say(true, "replication_in_error"),
            "PAUSED" | "PAUSING" => say(true, "replication_paused"),
            "ENABLING" | "ENABLED" => {}
            _ => say(true, "unknown_state"),
        }

        let synced = replication.last_replicated_at(self.world.now);
        let is_late = |time| self.age(time) > self.sync_seconds;
        say(synced.is_some_and(is_late), "sync_overdue");
        let is_first = synced.is_none();
        say(
            is_first && is_late(replication.created_at),
            "first_sync_overdue",
        );
        say(region == HERE, "same_region");

        let source = self.own(HERE, &source);
        let asked = source.and_then(|source| source.tags.get(REPLICATE_TO));
        say(
            asked.is_some_and(|asked| !is_region(asked)),
            "bad_replicate_to_tag",
        );
        say(
            asked.is_some_and(|asked| is_region(asked) && *asked != region),
            "other_region",
        );

        found.extend(self.of_replica(replication, source));
        found
    }

    /// What is true of the replica, by itself and beside its source.
    fn of_replica(
        &self,
        replication: &Replication,
        source: Option<&FileSystem>,
    ) -> BTreeSet<&'static str> {
        let [_, (region, id)] = ends_of(replication);
        if !self.is_own(replication.destination_owner_id.as_deref()) {
            return BTreeSet::from(["replica_in_another_account"]);
        }
        let Some(replica) = self.own(&region, &id) else {
            return BTreeSet::from(["replica_not_found"]);
        };
        let mut found = BTreeSet::new();
        if self.has_another_key(source, replica, &region) {
            found.insert("kms_key_differs");
        }
        match replica.life_cycle_state.as_str() {
            "available" | "updating" => {}
            "creating" => return found,
            _ => {
                found.insert("replica_unusable");
                return found;
            }
        }

        let is_synced = replication.last_replicated_at(self.world.now).is_some();
        let is_marked = replica.tags.contains_key(MARK);
        found.extend(holding(&[
            (replica.mount_targets.is_empty(), "no_mount_target"),
            (is_synced && !is_marked, "replica_not_marked"),
        ]));

        let is_set_up = matches!(self.status(replication), "ENABLED" | "PAUSED" | "PAUSING");
        if let Some(source) = source.filter(|_| is_set_up) {
            let ends = Ends {
                account: &self.world.account,
                source: (HERE, source),
                replica: (&region, replica),
            };
            found.extend(differences(ends));
        }
        found
    }

    /// Whether a replica that a tag asks for has another key than those get, or none.
    fn has_another_key(
        &self,
        source: Option<&FileSystem>,
        replica: &FileSystem,
        region: &str,
    ) -> bool {
        let asked = source.and_then(|source| source.tags.get(REPLICATE_TO));
        let key = self.default_key.as_str();
        if region != THERE || asked.is_none_or(|asked| asked != THERE) || key.is_empty() {
            return false;
        }

        let is = replica.kms_key_id.as_deref().unwrap_or("aws/efs");
        !replica.encrypted || !key.contains("alias/") && id_in(is) != id_in(key)
    }

    fn alone(&self, file_system: &FileSystem) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        if file_system.life_cycle_state == "deleting" {
            return found;
        }

        if let Some(asked) = file_system.tags.get(REPLICATE_TO) {
            found.insert(match is_region(asked) {
                true => "not_replicated",
                false => "bad_replicate_to_tag",
            });
        }
        if file_system.protection == "DISABLED" {
            found.insert("overwrite_protection_off");
        }
        found
    }
}

/// What a replica lacks of what its source has, as if a request asked for all of it.
fn differences(ends: Ends<'_>) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let lacks = |part: &str| {
        let parts = parts::compare(ends, &json!({ part: "copy" }));
        !parts.missing.is_empty() || !parts.broken.is_empty()
    };
    let by_part = [
        ("accessPoints", "access_points_differ"),
        ("lifecycle", "lifecycle_differs"),
        ("tags", "tags_differ"),
    ];
    found.extend(
        by_part
            .iter()
            .filter(|(part, _)| lacks(part))
            .map(|it| it.1),
    );

    // An access point that is missing gets its counterpart by the request for it.
    let mut provided = ends.replica.1.clone();
    for point in &ends.source.1.access_points {
        let mut to_come = point.clone();
        to_come.access_point_id.push_str("-to-come");
        provided.access_points.push(to_come);
    }
    let with_points = Ends {
        replica: (ends.replica.0, &provided),
        ..ends
    };
    match parts::lacking_statements(with_points) {
        None => drop(found.insert("policy_not_translatable")),
        Some(lacking) if !lacking.is_empty() => drop(found.insert("policy_differs")),
        Some(_) => {}
    }
    found
}
