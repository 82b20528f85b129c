//! What must hold of file systems and their replicas, whatever happens to them.

use emulator::{
    World,
    efs_world::{AccessPoint, FileSystem, Replication},
};
use serde_json::{Value, json};

use crate::{
    efs::{MARK, REPLICATE_TO},
    record::{AttemptLog, Call, State, hides_an_effect, text},
    scenario::{APPROVED, Change, HERE, PROTECTED, Request, THERE},
};

/// What an attempt was shown the last time that it asked for something: the status and the body.
fn told<'a>(log: &'a AttemptLog, operation: &str, region: &str, id: &str) -> Option<&'a Call> {
    // An error says nothing but that something is not there.
    let tells = |call: &&Call| {
        call.is_ok()
            || call
                .code
                .as_deref()
                .is_some_and(|code| code.ends_with("NotFound"))
    };
    let mut calls = log.calls.iter().rev().filter(tells);
    calls.find(|call| call.operation == operation && call.region == region && call.subject == id)
}

fn observed_file_system<'a>(log: &'a AttemptLog, region: &str, id: &str) -> Option<&'a Value> {
    let call = told(log, "DescribeFileSystems", region, id)?;
    call.body["FileSystems"].get(0).filter(|_| call.is_ok())
}

fn tag<'a>(file_system: &'a Value, key: &str) -> Option<&'a str> {
    let tags = file_system["Tags"].as_array()?;
    tags.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

/// Checks a call that changes something against what this attempt had been shown before; as for
/// servers, an operator may do anything between the look and the act, and a read may lag.
pub(crate) fn on_change(state: &mut State, attempt: usize, call: &Call) {
    let Some(log) = state.attempts.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(log.request).cloned() else {
        return;
    };
    if request.is_stale(log.began) {
        state.violate(
            7,
            format!("{} for a request that has expired", call.operation),
        );
    }
    if request.targets().len() > state.scenario.number("MAX_TARGETS", 10) {
        state.violate(
            6,
            format!(
                "{} for a request of {} targets",
                call.operation,
                request.targets().len()
            ),
        );
    }
    match call.operation.as_str() {
        "CreateReplicationConfiguration" => on_create(state, &log, &request, call),
        "CreateMountTarget"
        | "CreateAccessPoint"
        | "PutLifecycleConfiguration"
        | "PutBackupPolicy"
        | "PutFileSystemPolicy"
        | "TagResource" => on_part(state, &log, &request, call),
        other => state.violate(
            5,
            format!("{other} of {}, which nothing here calls", call.subject),
        ),
    }
    let keys = call.input["Tags"].as_array().cloned().unwrap_or_default();
    let others = |key: &str| key.starts_with("aws:") || (key.starts_with("drover:") && key != MARK);
    if keys.iter().any(|tag| others(text(tag, "Key"))) {
        state.violate(
            5,
            format!(
                "{} writes a tag of AWS's or of the operators'",
                call.operation
            ),
        );
    }
}

fn on_create(state: &mut State, log: &AttemptLog, request: &Request, call: &Call) {
    let id = call.subject.as_str();
    let what = format!("a replication of {id}");
    let targets = request.targets();
    let Some(asked) = targets
        .iter()
        .find(|target| target["sourceFileSystemId"] == id)
    else {
        return state.violate(5, format!("{what}, which was not asked for"));
    };
    let Some(seen) = observed_file_system(log, HERE, id) else {
        return state.violate(5, format!("{what} without a look at it"));
    };
    let none = told(log, "DescribeReplicationConfigurations", HERE, id);
    if !is_named_twice(request, id)
        && !none.is_some_and(|call| {
            matches!(
                call.code.as_deref(),
                Some("ReplicationNotFound" | "FileSystemNotFound")
            )
        })
    {
        state.violate(5, format!("{what}, which was not seen to have none"));
    }
    let wanted = &call.input["Destinations"][0];
    let region = asked["destination"]["region"].as_str().unwrap_or(THERE);
    if wanted["Region"].as_str().is_some_and(|to| to != region) || !is_allowed(state, region) {
        state.violate(
            5,
            format!("{what} in another Region than is asked for or allowed: {wanted}"),
        );
    }
    if wanted["AvailabilityZoneName"]
        .as_str()
        .is_some_and(|zone| !zone.starts_with(region))
    {
        state.violate(5, format!("{what} in a zone of another Region: {wanted}"));
    }
    let is_replica =
        seen["FileSystemProtection"]["ReplicationOverwriteProtection"] == "REPLICATING";
    if !is_named_twice(request, id) && (seen["LifeCycleState"] != "available" || is_replica) {
        state.violate(
            5,
            format!("{what}, which was seen to be changing, or a replica itself"),
        );
    }
    let encrypted = seen["Encrypted"] == true;
    let Some(over) = wanted["FileSystemId"].as_str() else {
        if !asked["destination"]["fileSystemId"].is_null() {
            state.violate(
                5,
                format!("{what} to a new file system, where an existing one was asked for"),
            );
        }
        if !encrypted && asked["acceptNoFailback"] != true {
            state.violate(
                5,
                format!("{what}, from which nothing comes back, without consent"),
            );
        }
        return;
    };
    let Some(there) = observed_file_system(log, region, over) else {
        return state.violate(5, format!("{what} over {over} without a look at it"));
    };
    let keys = asked["overwrite"] == over
        && tag(there, APPROVED) == Some(&request.id)
        && there["FileSystemProtection"]["ReplicationOverwriteProtection"] == "DISABLED";
    let own = told(log, "DescribeReplicationConfigurations", region, over);
    if own.is_none_or(Call::is_ok) {
        state.violate(
            5,
            format!("{what} over {over}, which was not seen to have none of its own"),
        );
    }
    if !keys || tag(there, PROTECTED).is_some() {
        state.violate(5, format!("{what} over {over} without its three keys"));
    }
    if encrypted && there["Encrypted"] != true {
        state.violate(
            5,
            format!("{what}, which is encrypted, over {over}, which is not"),
        );
    }
}

fn is_allowed(state: &State, region: &str) -> bool {
    let allowed = state.scenario.variable("REPLICA_REGIONS").unwrap_or("*");
    allowed == "*" || allowed.split(',').any(|of| of == region)
}

/// Whether the last look of an attempt showed a replication of this source, and nothing failed in
/// it afterwards.
fn is_seen(log: &AttemptLog, id: &str) -> bool {
    let asked =
        |call: &&Call| call.operation == "DescribeReplicationConfigurations" && call.subject == id;
    let after: Vec<&Call> = log
        .calls
        .iter()
        .rev()
        .take_while(|call| !asked(call))
        .collect();
    let told = told(log, "DescribeReplicationConfigurations", HERE, id);
    told.is_some_and(|told| told.body["Replications"][0]["SourceFileSystemId"] == id)
        && after.iter().all(|call| {
            call.status
                .is_some_and(|status| status < 400 || status == 404)
        })
}

/// Whether a request names a source twice: then the looks at the one mention and at the other
/// cannot be told apart here, and what either showed excuses a call.
fn is_named_twice(request: &Request, id: &str) -> bool {
    request
        .targets()
        .iter()
        .filter(|target| target["sourceFileSystemId"] == id)
        .count()
        > 1
}

/// Only what was shown to be the replica of a source of the request is furnished.
fn on_part(state: &mut State, log: &AttemptLog, request: &Request, call: &Call) {
    let id = call.subject.split(' ').next().unwrap_or_default();
    let is_replica = request.targets().iter().any(|target| {
        let source = text(target, "sourceFileSystemId");
        let told = told(log, "DescribeReplicationConfigurations", HERE, source);
        is_named_twice(request, source)
            || told.is_some_and(|told| {
                let replication = &told.body["Replications"][0];
                let destination = &replication["Destinations"][0];
                replication["SourceFileSystemId"] == source
                    && destination["FileSystemId"] == id
                    && destination["Region"] == call.region.as_str()
                    && destination["Status"] == "ENABLED"
            })
    });
    if !is_replica {
        state.violate(
            5,
            format!(
                "{} of {id}, which was not seen to be the replica",
                call.operation
            ),
        );
    }
}

/// "A new file system has no such key: whoever deletes its replication ends the request first, by
/// its expiry or by the tag" (ARCHITECTURE.md). So a deleted replication may be made again; one
/// over an existing file system only if somebody unlocks that once more.
pub(crate) fn grant(state: &mut State, what: &Change) {
    let (Change::EndReplication(id) | Change::Unlock(id)) = what else {
        return;
    };
    let sources: Vec<(String, usize)> = state
        .requests
        .iter()
        .enumerate()
        .flat_map(|(at, request)| {
            request.targets().into_iter().filter_map(move |target| {
                let of = text(&target, "sourceFileSystemId").to_owned();
                let to = &target["destination"]["fileSystemId"];
                let again = if to.is_null() {
                    of == *id
                } else {
                    *to == id.as_str()
                };
                again.then_some((of, at))
            })
        })
        .collect();
    for key in sources {
        *state.grants.entry(key).or_default() += 1;
    }
}

pub(crate) fn on_effect(state: &mut State, request: usize, operation: &str, subject: &str) {
    if operation == "CreateReplicationConfiguration" {
        let same = |effect: &&(String, String, usize)| {
            *effect == &(operation.to_owned(), subject.to_owned(), request)
        };
        let effects = state.effects.iter().filter(same).count();
        let granted = state
            .grants
            .get(&(subject.to_owned(), request))
            .copied()
            .unwrap_or_default();
        if effects > 1 + granted {
            state.violate(
                4,
                format!("{subject} was replicated {effects} times by one request, {granted} of them granted"),
            );
        }
    }
}

/// A source that has more than one destination, if there is one.
pub(crate) fn with_two_destinations(world: &World) -> Option<&str> {
    let mut sources: Vec<&str> = world
        .replications
        .iter()
        .map(|of| of.source_file_system_id.as_str())
        .collect();
    sources.sort_unstable();
    sources
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

fn replication<'a>(world: &'a World, source: &str) -> Option<&'a Replication> {
    world
        .replications
        .iter()
        .find(|of| of.source_file_system_id == source)
}

fn find<'a>(world: &'a World, region: &str, id: &str) -> Option<&'a FileSystem> {
    world
        .file_systems(region)
        .find(|of| of.file_system_id == id)
}

/// Whether the world shows all that a usable replica is.
fn is_usable(world: &World, asked: &Value) -> bool {
    let id = text(asked, "sourceFileSystemId");
    let (Some(source), Some(of)) = (find(world, HERE, id), replication(world, id)) else {
        return false;
    };
    let Some(replica) = find(
        world,
        &of.destination_region,
        &of.destination_file_system_id,
    ) else {
        return false;
    };
    let parts = &asked["replica"];
    let copies = |part: &str| parts[part] == "copy";
    let destination = &asked["destination"];
    let where_asked = match destination["fileSystemId"].as_str() {
        Some(id) => replica.file_system_id == id,
        None => {
            of.destination_region == THERE
                && replica.availability_zone_name.as_deref()
                    == destination["availabilityZoneName"].as_str()
        }
    };
    let mounted = parts["mountTargets"]
        .as_array()
        .into_iter()
        .flatten()
        .all(|wanted| {
            replica.mount_targets.iter().any(|there| {
                wanted["subnetId"] == there.subnet_id.as_str()
                    && (wanted["securityGroups"].is_null()
                        || wanted["securityGroups"] == json!(there.security_groups))
                    && there.state == "available"
            })
        });
    let points = !copies("accessPoints")
        || source.access_points.iter().all(|wanted| {
            let same = |there: &&AccessPoint| {
                there.root_directory.as_ref().map(|root| &root["Path"])
                    == wanted.root_directory.as_ref().map(|root| &root["Path"])
            };
            let tagged = |there: &AccessPoint| there.tags.get("Name") == wanted.tags.get("Name");
            replica
                .access_points
                .iter()
                .find(same)
                .is_some_and(|there| there.state == "available" && tagged(there))
        });
    let backup = match parts["backup"].as_str() {
        Some("enabled") => replica.backup.as_deref() == Some("ENABLED"),
        Some("disabled") => replica.backup.as_deref() != Some("ENABLED"),
        _ => true,
    };
    let tags = !copies("tags")
        || source.tags.iter().all(|(key, value)| {
            key.starts_with("drover:")
                || key.starts_with("aws:")
                || replica.tags.get(key) == Some(value)
        });
    let policy = |policy: &String| policy.contains(&replica.file_system_id);
    of.status(world.now, world.behaviour) == "ENABLED"
        && of.last_replicated_at(world.now).is_some()
        && replica.life_cycle_state == "available"
        && replica.tags.contains_key(MARK)
        && where_asked
        && mounted
        && points
        && backup
        && tags
        && (!copies("lifecycle") || source.lifecycle_policies == replica.lifecycle_policies)
        && (!copies("policy")
            || source.policy.is_none()
            || replica.policy.as_ref().is_some_and(policy))
}

/// Checks what is said of one target against the worlds that the attempt may have been shown.
pub(crate) fn on_report(state: &mut State, attempt: usize, asked: &Value, told: &Value) {
    let Some(log) = state.attempts.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(log.request).cloned() else {
        return;
    };
    let id = text(asked, "sourceFileSystemId").to_owned();
    let (outcome, reason, message) = (
        text(told, "outcome"),
        text(told, "reason"),
        text(told, "message"),
    );
    let twice = reason == "named_twice";
    let worlds = state.worlds_of(attempt);
    let replicas: Vec<&str> = worlds
        .iter()
        .filter_map(|world| Some(replication(world, &id)?.destination_file_system_id.as_str()))
        .collect();
    let of_target = |call: &&Call| {
        let subject = call.subject.split(' ').next().unwrap_or_default();
        call.mutating && !twice && (subject == id || replicas.contains(&subject))
    };
    let called: Vec<&Call> = log.calls.iter().filter(of_target).collect();
    let ever = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let status = |wanted: &str| {
        ever(&|world| {
            replication(world, &id)
                .is_some_and(|of| of.status(world.now, world.behaviour) == wanted)
        })
    };
    let holds = match outcome {
        "done" => !called.is_empty() && ever(&|world| is_usable(world, asked)),
        "already_done" => called.is_empty() && ever(&|world| is_usable(world, asked)),
        "planned" => {
            !log.calls.iter().any(|call| call.mutating)
                && (request.is_dry_run() || !state.scenario.enforces())
        }
        "refused" => called.is_empty() && is_reason(state, &worlds, &request, asked, reason),
        "pending" => match reason {
            "replication_enabling" => status("ENABLING"),
            "first_sync_running" => ever(&|world| {
                replication(world, &id).is_some_and(|of| of.last_replicated_at(world.now).is_none())
            }),
            "source_not_available" => ever(&|world| {
                find(world, HERE, &id).is_some_and(|of| of.life_cycle_state != "available")
            }),
            "not_seen_yet" => called.iter().any(|call| call.is_ok()),
            "not_ready_yet" => called
                .iter()
                .any(|call| call.code.as_deref() == Some("IncorrectFileSystemLifeCycleState")),
            _ => true,
        },
        "indeterminate" => !called.is_empty(),
        "failed" => match reason {
            "replication_paused" => status("PAUSED"),
            "timeout" | "no_answer" | "service_error" => false,
            _ if message.starts_with("CreateReplicationConfiguration") => {
                let ours =
                    |effect: &(String, String, usize)| effect.1 == id && effect.2 == log.request;
                !(hides_an_effect(&called, message)
                    || is_seen(&log, &id) && state.effects.iter().any(ours))
            }
            _ => true,
        },
        "retryable" | "permanent" => true,
        _ => false,
    };
    if !holds {
        let calls: Vec<String> = called
            .iter()
            .map(|call| {
                format!(
                    "{} {:?} changed {}",
                    call.operation, call.status, call.changed
                )
            })
            .collect();
        state.violate(
            3,
            format!("`{outcome} {reason}` of {asked} is not true; calls: {calls:?}"),
        );
    }
}

fn is_reason(
    state: &State,
    worlds: &[&World],
    request: &Request,
    asked: &Value,
    reason: &str,
) -> bool {
    let id = text(asked, "sourceFileSystemId");
    let over = text(&asked["destination"], "fileSystemId");
    let ever = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let there = |holds: &dyn Fn(&FileSystem) -> bool| {
        ever(&|world| find(world, THERE, over).is_some_and(holds))
    };
    let here = |holds: &dyn Fn(&FileSystem) -> bool| {
        ever(&|world| find(world, HERE, id).is_some_and(holds))
    };
    match reason {
        "not_found" => ever(&|world| find(world, HERE, id).is_none()),
        "named_twice" => {
            let same = |target: &&Value| {
                target["sourceFileSystemId"] == id
                    || (!over.is_empty() && target["destination"]["fileSystemId"] == over)
            };
            request.targets().iter().filter(same).count() > 1
        }
        "over_max_targets" => request.targets().len() > state.scenario.number("MAX_TARGETS", 10),
        "region_not_allowed" => !is_allowed(state, THERE),
        "not_approved" => there(&|of| !of.tags.contains_key(APPROVED)),
        "approved_for_another_request" => there(&|of| {
            of.tags
                .get(APPROVED)
                .is_some_and(|for_| *for_ != request.id)
        }),
        "protected" => there(&|of| of.tags.contains_key(PROTECTED)),
        "overwrite_protection_enabled" => there(&|of| of.protection == "ENABLED"),
        "overwrite_not_confirmed" => asked["overwrite"] != over,
        "destination_not_found" => ever(&|world| find(world, THERE, over).is_none()),
        "destination_in_use" => {
            there(&|of| of.protection == "REPLICATING")
                || ever(&|world| replication(world, over).is_some())
        }
        "destination_not_encrypted" => here(&|of| of.encrypted) && there(&|of| !of.encrypted),
        "failback_impossible" => here(&|of| !of.encrypted),
        "region_mismatch" => asked["destination"]["availabilityZoneName"] == "eu-central-1a",
        "source_is_a_destination" => ever(&|world| {
            world
                .replications
                .iter()
                .any(|of| of.destination_file_system_id == id)
        }),
        "no_replicate_to_tag" => here(&|of| !of.tags.contains_key(REPLICATE_TO)),
        "bad_replicate_to_tag" => {
            here(&|of| of.tags.get(REPLICATE_TO).is_some_and(|to| to != THERE))
        }
        "replicates_elsewhere" => ever(&|world| replication(world, id).is_some()),
        _ => false,
    }
}

/// A repeated call makes no second part.
pub(crate) fn at_the_end(state: &mut State) {
    let world = state.cloud.world();
    for replica in world.file_systems(THERE) {
        let mut paths: Vec<String> = replica
            .access_points
            .iter()
            .map(|point| format!("{:?}{:?}", point.posix_user, point.root_directory))
            .collect();
        let count = paths.len();
        paths.sort();
        paths.dedup();
        if paths.len() != count {
            state.violate(
                4,
                format!("{} has the same access point twice", replica.file_system_id),
            );
        }
    }
}
