//! What must hold of each call that changes a file system or a replication, and of each effect.

use serde_json::Value;

use crate::{
    constants::{APPROVED, HERE, PROTECTED, THERE},
    efs::{
        MARK, changes,
        observed::{
            observed_file_system, observed_replication, protection, tag, was_read_to_the_end,
            was_replicated_at_first, wrong_with_second_look,
        },
        parts::behind,
        wanted::{Wanted, id_in, source_id},
    },
    record::{AttemptLog, Call, State, text},
    scenario::{Change, Request},
};

/// Checks a call that changes something against what the attempt had read before it.
///
/// As for source servers, an operator may do anything between the read and the change, and a read
/// may lag.
pub(crate) fn on_change(state: &mut State, attempt: usize, call: &Call) {
    let Some((log, request)) = state.attempt(attempt) else {
        return;
    };
    let Call {
        operation, subject, ..
    } = call;

    // What holds for every operation.
    if request.is_stale(log.clock) || request.lasts_too_long(log.clock) {
        state.violate(7, format!("{operation} for a request that has expired"));
    }
    let targets = request.targets().len();
    if targets > state.scenario.number("MAX_TARGETS", 10) {
        state.violate(6, format!("{operation} for a request of {targets} targets"));
    }

    // Each operation has its own rules.
    match operation.as_str() {
        "CreateReplicationConfiguration" => check_replication(state, &log, &request, call),
        "CreateMountTarget"
        | "CreateAccessPoint"
        | "PutLifecycleConfiguration"
        | "PutBackupPolicy"
        | "PutFileSystemPolicy"
        | "TagResource" => check_part(state, &log, &request, call),
        _ => state.violate(
            5,
            format!("{operation} of {subject}, which is never called"),
        ),
    }

    let tags = call.input["Tags"].as_array();
    if tags.into_iter().flatten().any(is_tag_of_others) {
        state.violate(
            5,
            format!("{operation} writes a tag of AWS or of operators"),
        );
    }
}

fn is_tag_of_others(tag: &Value) -> bool {
    let key = text(tag, "Key");

    key.starts_with("aws:") || (key.starts_with("drover:") && key != MARK)
}

fn check_replication(state: &mut State, log: &AttemptLog, request: &Request, call: &Call) {
    let id = call.subject.as_str();
    let what = format!("a replication of {id}");
    let targets = request.targets();
    let target = targets.iter().find(|target| source_id(target) == id);
    let Some(target) = target else {
        return state.violate(5, format!("{what}, which was not requested"));
    };
    let Some(source) = observed_file_system(log, HERE, id) else {
        return state.violate(5, format!("{what} without reading it first"));
    };

    if !is_named_twice(request, id) {
        check_source(state, log, source, id);
    }
    check_region(state, target, call, &what);

    let destination = &call.input["Destinations"][0];
    match destination["FileSystemId"].as_str() {
        None => check_new_destination(state, target, source, &what),
        Some(over) => {
            let overwrite = Overwrite {
                request,
                target,
                source,
                over: id_in(over),
            };
            check_overwrite(state, log, &overwrite);
        }
    }
}

fn check_source(state: &mut State, log: &AttemptLog, source: &Value, id: &str) {
    let what = format!("a replication of {id}");
    let replication = observed_replication(log, HERE, id);
    // EFS has a code for a file system without a replication.
    let has_none = replication.is_some_and(|call| {
        matches!(
            call.code.as_deref(),
            Some("ReplicationNotFound" | "FileSystemNotFound")
        )
    });
    if !has_none {
        state.violate(5, format!("{what}, which was not read to have none"));
    }
    // What is deleted meanwhile was deleted by somebody, for a reason of his own.
    if was_replicated_at_first(log, HERE, id) {
        state.violate(5, format!("{what}, which had one when it was read first"));
    }

    let is_replica = *protection(source) == "REPLICATING";
    if source["LifeCycleState"] != "available" || is_replica {
        state.violate(5, format!("{what}, which is changing, or a replica itself"));
    }
}

fn check_region(state: &mut State, target: &Value, call: &Call, what: &str) {
    let destination = &call.input["Destinations"][0];
    let region = region_of(target);
    let region = region.as_str();

    // The Region is given, or follows from the zone.
    let is_elsewhere = destination["Region"]
        .as_str()
        .is_some_and(|called| called != region);
    if is_elsewhere || !is_allowed(state, region) {
        let complaint = format!("{what} in a Region not requested or allowed: {destination}");
        state.violate(5, complaint);
    }

    // A zone is named after its Region.
    let zone = destination["AvailabilityZoneName"].as_str();
    if zone.is_some_and(|zone| !zone.starts_with(region)) {
        state.violate(
            5,
            format!("{what} in a zone of another Region: {destination}"),
        );
    }
}

/// The Region that a target asks for; that of the tag is always the same one.
fn region_of(target: &Value) -> String {
    match target["destination"].is_null() {
        true => THERE.to_owned(),
        false => Wanted::of(&target["destination"]).region,
    }
}

fn check_new_destination(state: &mut State, target: &Value, source: &Value, what: &str) {
    if !target["destination"]["fileSystemId"].is_null() {
        let complaint = format!("{what} to a new file system, not to the requested one");
        state.violate(5, complaint);
    }
    // An unencrypted source cannot become a destination, so nothing fails back to it.
    if source["Encrypted"] != true && target["acceptNoFailback"] != true {
        state.violate(
            5,
            format!("{what}, which cannot fail back, without consent"),
        );
    }
}

/// A replication over an existing file system.
struct Overwrite<'a> {
    request: &'a Request,
    target: &'a Value,
    source: &'a Value,
    over: &'a str,
}

fn check_overwrite(state: &mut State, log: &AttemptLog, overwrite: &Overwrite<'_>) {
    let Overwrite {
        request,
        target,
        source,
        over,
    } = overwrite;
    let id = source_id(target);
    let what = format!("a replication of {id} over {over}");
    let region = region_of(target);
    let region = region.as_str();
    let Some(existing) = observed_file_system(log, region, over) else {
        return state.violate(5, format!("{what} without reading it first"));
    };

    // Other targets may have taken their time, in which a key may have been turned back.
    if let Some(wrong) = wrong_with_second_look(log, region, over) {
        state.violate(5, format!("{what}, {wrong}"));
    }

    // An existing destination must not be a source itself.
    let own_replication = observed_replication(log, region, over);
    if own_replication.is_none_or(Call::is_ok) {
        let complaint = format!("{what}, which was not read to have no replication of its own");
        state.violate(5, complaint);
    }

    // The confirmation in the request, the approval, and the lifted protection.
    let has_three_keys = target["overwrite"] == **over
        && tag(existing, APPROVED) == Some(&request.id)
        && *protection(existing) == "DISABLED";
    if !has_three_keys || tag(existing, PROTECTED).is_some() {
        state.violate(5, format!("{what} without its three keys"));
    }
    if source["Encrypted"] == true && existing["Encrypted"] != true {
        let complaint = format!("{what}, where the source is encrypted and the other is not");
        state.violate(5, complaint);
    }
}

/// Whether the deployment allows replicas in a Region.
pub(crate) fn is_allowed(state: &State, region: &str) -> bool {
    let regions = state.scenario.variable("REPLICA_REGIONS").unwrap_or("*");

    regions == "*" || regions.split(',').any(|allowed| allowed == region)
}

/// Whether a request names a source twice. The reads for one mention cannot be told from those for
/// the other, and either excuses a call.
fn is_named_twice(request: &Request, id: &str) -> bool {
    let mentions = request.targets();
    let mentions = mentions.iter().filter(|target| source_id(target) == id);

    mentions.count() > 1
}

/// Only what the attempt has read to be the replica of a requested source gets a part.
fn check_part(state: &mut State, log: &AttemptLog, request: &Request, call: &Call) {
    // A subject names the file system first, and its part after it.
    let id = call.subject.split(' ').next().unwrap_or_default();
    let is_replica = request.targets().iter().any(|target| {
        let source = source_id(target);
        is_named_twice(request, source) || is_replica_of(log, source, id, &call.region)
    });

    if !is_replica {
        let complaint = format!(
            "{} of {id}, which was not read to be the replica",
            call.operation
        );
        state.violate(5, complaint);
    }
    if !was_looked_at(log, &call.operation, &call.region, id) {
        let complaint = format!(
            "{} of {id}, of which it was not read what it has already",
            call.operation
        );
        state.violate(5, complaint);
    }
}

/// Whether the attempt has read what the replica has of the part that a call gives it.
fn was_looked_at(log: &AttemptLog, operation: &str, region: &str, id: &str) -> bool {
    let question = match operation {
        "CreateMountTarget" => "DescribeMountTargets",
        "CreateAccessPoint" => "DescribeAccessPoints",
        "PutLifecycleConfiguration" => "DescribeLifecycleConfiguration",
        "PutBackupPolicy" => "DescribeBackupPolicy",
        "PutFileSystemPolicy" => "DescribeFileSystemPolicy",
        // The mark is a tag, and tags come with the file system.
        _ => "DescribeFileSystems",
    };

    was_read_to_the_end(log, question, region, id)
}

fn is_replica_of(log: &AttemptLog, source: &str, id: &str, region: &str) -> bool {
    let Some(call) = observed_replication(log, HERE, source) else {
        return false;
    };
    let replication = &call.body["Replications"][0];
    let destination = &replication["Destinations"][0];

    replication["SourceFileSystemId"] == source
        && destination["FileSystemId"] == id
        && destination["Region"] == region
        && destination["Status"] == "ENABLED"
}

/// A deleted replication may be created again; one over an existing file system only if somebody
/// unlocks that once more.
///
/// A new file system has no key of its own: its request ends by its expiry or by the tag, and not by
/// the deletion of its replication (docs/decisions.md).
pub(crate) fn on_event(state: &mut State, change: &Change) {
    let Change::Efs(changes::Change::EndReplication(id) | changes::Change::Unlock(id)) = change
    else {
        return;
    };

    for (number, request) in state.requests.clone().iter().enumerate() {
        for target in request.targets() {
            let over = Wanted::of(&target["destination"]).existing;
            let source = source_id(&target);
            // Each target that the change concerns may be replicated again.
            let may_happen_again = match over {
                None => source == id,
                Some(over) => over == id,
            };
            if may_happen_again {
                state.grant(source, number);
            }
        }
    }
}

/// At most one replication of a source by a request, and one more for each grant.
pub(crate) fn on_effect(state: &mut State, request: usize, operation: &str, subject: &str) {
    if operation != "CreateReplicationConfiguration" {
        return;
    }

    let effects = state
        .effects
        .iter()
        .filter(|effect| effect.is(operation, subject) && effect.request == request)
        .count();

    state.check_effects(subject, request, effects, "replicated");
}

/// No replica has the same access point more often than its source.
pub(crate) fn at_the_end(state: &mut State) {
    let world = state.cloud.world();
    let points = |region: &str, id: &str| -> Vec<Value> {
        let mut file_systems = world.efs.file_systems(region);
        let found = file_systems.find(|found| found.file_system_id == id);
        let points = found.into_iter().flat_map(|found| &found.access_points);
        points.map(behind).collect()
    };

    let is_ours = |id: &str| {
        let mut effects = state.effects.iter();
        effects.any(|effect| effect.is("CreateAccessPoint", id))
    };
    let replications = world.efs.replications.iter();
    let mut doubled = Vec::new();
    for replication in replications.filter(|it| is_ours(&it.destination_file_system_id)) {
        let (region, id) = (
            &replication.destination_region,
            &replication.destination_file_system_id,
        );
        let of_source = points(
            &replication.source_region,
            &replication.source_file_system_id,
        );
        let of_replica = points(region, id);

        let count = |list: &[Value], point: &Value| list.iter().filter(|it| *it == point).count();
        let is_doubled = of_replica
            .iter()
            .any(|point| count(&of_replica, point) > count(&of_source, point).max(1));
        if is_doubled {
            doubled.push(id.clone());
        }
    }

    for id in doubled {
        state.violate(4, format!("{id} has the same access point twice"));
    }
}
