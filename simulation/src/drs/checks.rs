//! What must hold of source servers, whatever happens to them.

use emulator::{Ask, SourceServer, World};
use serde_json::Value;

use crate::{
    drs::generate::UNHEARD_OF,
    record::{AttemptLog, Call, State, hides_an_effect, text},
    scenario::{APPROVED, Change, HERE, PROTECTED, Request},
};

/// What an attempt was shown of a server the last time that it looked, as it stood on the wire.
fn observed_server(log: &AttemptLog, id: &str) -> Option<Value> {
    let shown = log
        .calls
        .iter()
        .rev()
        .filter(|call| call.is_ok())
        .flat_map(|call| match call.operation.as_str() {
            "DescribeSourceServers" => call.body["items"].as_array().map_or(&[][..], Vec::as_slice),
            "DisconnectSourceServer" => std::slice::from_ref(&call.body),
            _ => &[],
        });
    shown
        .into_iter()
        .find(|server| server["sourceServerID"] == id)
        .cloned()
}

/// A question to IAM as it would be if the server still had the tags that the attempt was shown
/// last: between the look and the act an operator may take an approval away, and the role then
/// stops what the function cannot know.
pub(crate) fn as_observed(state: &State, attempt: usize, ask: &Ask) -> Ask {
    let mut keys = ask.keys.clone();
    keys.retain(|key, _| !key.starts_with("aws:ResourceTag/"));
    let told = Ask {
        keys,
        ..ask.clone()
    };
    let id = ask.resource.rsplit('/').next().unwrap_or_default();
    let server = state
        .attempts
        .get(attempt)
        .and_then(|log| observed_server(log, id))
        .unwrap_or_default();
    let tags = server["tags"].as_object().into_iter().flatten();
    tags.fold(told, |ask, (key, value)| {
        ask.with(
            &format!("aws:ResourceTag/{key}"),
            value.as_str().unwrap_or_default(),
        )
    })
}

/// What an attempt was shown by a list; `None` if it never read it to its end.
fn observed_list(log: &AttemptLog, operation: &str) -> Option<Vec<Value>> {
    let (mut items, mut whole) = (Vec::new(), None);
    for call in log
        .calls
        .iter()
        .filter(|call| call.operation == operation && call.is_ok())
    {
        if call.input["nextToken"].is_null() {
            items.clear();
        }
        items.extend(call.body["items"].as_array().into_iter().flatten().cloned());
        if call.body["nextToken"].is_null() {
            whole = Some(items.clone());
        }
    }
    whole
}

fn names_fit(target: &Value, item: &Value) -> bool {
    let hints = &item["sourceProperties"]["identificationHints"];
    let origin = &item["sourceCloudProperties"];
    let fits = |name: &str, seen: &Value| target[name].is_null() || target[name] == *seen;
    let source_server = &target["sourceServerID"];
    let by_id = source_server.is_null()
        || *source_server == item["sourceServerID"]
        || *source_server == item["arn"];
    by_id
        && fits("awsInstanceID", &hints["awsInstanceID"])
        && fits("hostname", &hints["hostname"])
        && fits("fqdn", &hints["fqdn"])
        && fits("originAccountID", &origin["originAccountID"])
        && fits("originRegion", &origin["originRegion"])
}

/// Whether an attempt was shown another server with the names of a target.
fn is_one_of_several(log: &AttemptLog, target: &Value, id: &str) -> bool {
    let lists = log
        .calls
        .iter()
        .filter(|call| call.operation == "DescribeSourceServers" && call.is_ok());
    let mut servers = lists.flat_map(|call| call.body["items"].as_array().into_iter().flatten());
    servers.any(|server| server["sourceServerID"] != id && names_fit(target, server))
}

/// Checks a call that changes something against what this attempt had been shown before.
///
/// The invariant is weaker than "was so when it acted": between the look and the act an operator
/// may do anything, and a read may lag. What an attempt must never do is to act against, or
/// without, what it was shown last.
pub(crate) fn on_change(state: &mut State, attempt: usize, call: &Call) {
    let Some(log) = state.attempts.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(log.request).cloned() else {
        return;
    };
    let id = call.subject.as_str();
    let what = format!("{} of {id}", call.operation);
    let Some(told) = observed_server(&log, id) else {
        return state.violate(1, format!("{what} without a look at it"));
    };
    let action = request
        .detail
        .as_ref()
        .map(|detail| text(detail, "action").to_owned())
        .unwrap_or_default();
    let wanted = match call.operation.as_str() {
        "DisconnectSourceServer" => action == "disconnect" || action == "retire",
        "UntagResource" => action == "disconnect",
        "DeleteSourceServer" => action == "delete",
        _ => false,
    };
    let allowed = action == "disconnect" || state.scenario.variable("ALLOW_DELETE") == Some("true");
    let mut wrong: Vec<(u8, &str)> = Vec::new();
    let mut rule = |invariant: u8, holds: bool, sentence: &'static str| {
        if !holds {
            wrong.push((invariant, sentence));
        }
    };
    rule(1, wanted && allowed, "was not asked for, or is not allowed");
    let mut meant = request.targets();
    meant.retain(|target| names_fit(target, &told));
    rule(
        1,
        !meant.is_empty(),
        "does not fit the names of the request",
    );
    let alone = meant
        .iter()
        .any(|target| !is_one_of_several(&log, target, id));
    rule(1, alone, "is one of several with these names");
    rule(
        1,
        told["tags"][APPROVED] == request.id.as_str(),
        "is not approved for this request",
    );
    rule(1, told["tags"][PROTECTED].is_null(), "is protected");
    rule(
        7,
        !request.is_stale(log.began),
        "was asked for by a request that has expired",
    );
    let disconnected = told["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED";
    match call.operation.as_str() {
        "UntagResource" => rule(
            4,
            disconnected,
            "still replicates: its approval is not to be consumed yet",
        ),
        _ => rule(
            1,
            is_free(&log, &told, id),
            "is in use, or whether it is was not read to the end",
        ),
    }
    if call.operation == "DeleteSourceServer" {
        rule(1, disconnected, "is not DISCONNECTED");
    }
    for (invariant, sentence) in wrong {
        state.violate(invariant, format!("{what}, which {sentence}"));
    }
    check_limits(state, attempt, &log, &request, call);
}

fn is_free(log: &AttemptLog, told: &Value, id: &str) -> bool {
    let (Some(jobs), Some(instances)) = (
        observed_list(log, "DescribeJobs"),
        observed_list(log, "DescribeRecoveryInstances"),
    ) else {
        return false;
    };
    let works_on = |job: &Value| {
        let servers = job["participatingServers"].as_array().into_iter().flatten();
        servers
            .into_iter()
            .any(|server| server["sourceServerID"] == id || server["sourceServerID"] == "")
    };
    told["replicationDirection"] == "FAILOVER"
        && told["reversedDirectionSourceServerArn"]
            .as_str()
            .is_none_or(str::is_empty)
        && told["stagingArea"]["status"] == "NOT_EXTENDED"
        && told["dataReplicationInfo"]["dataReplicationState"] != UNHEARD_OF
        && told["recoveryInstanceId"]
            .as_str()
            .is_none_or(str::is_empty)
        && !jobs
            .iter()
            .any(|job| job["status"] != "COMPLETED" && works_on(job))
        && !instances
            .iter()
            .any(|instance| instance["sourceServerID"] == id)
}

/// Limits hold for the whole request before its first action.
///
/// The share is that of the account as it was shown to the run; while others change the account, it
/// may be any that the account had since the run began.
fn check_limits(
    state: &mut State,
    attempt: usize,
    log: &AttemptLog,
    request: &Request,
    call: &Call,
) {
    if call.operation == "UntagResource" {
        return;
    }
    let targets = request.targets().len();
    if targets > state.scenario.number("MAX_TARGETS", 10) {
        state.violate(
            6,
            format!("{} for a request of {targets} targets", call.operation),
        );
    }
    let acts = |call: &&Call| {
        matches!(
            call.operation.as_str(),
            "DisconnectSourceServer" | "DeleteSourceServer"
        )
    };
    let mut acted: Vec<&str> = log
        .calls
        .iter()
        .filter(acts)
        .map(|call| call.subject.as_str())
        .collect();
    acted.push(&call.subject);
    acted.sort_unstable();
    acted.dedup();
    let percent = state.scenario.number("MAX_SHARE_PERCENT", 10);
    let count = |world: &World| {
        let drs = world.drs.get(HERE);
        let servers = drs.into_iter().flat_map(|drs| &drs.source_servers);
        servers
            .filter(|server| call.operation == "DeleteSourceServer" || !server.is_disconnected())
            .count()
    };
    let most = state
        .worlds_of(attempt)
        .into_iter()
        .map(count)
        .max()
        .unwrap_or_default();
    if acted.len() > (most * percent / 100).max(1) {
        state.violate(
            6,
            format!(
                "{} of {} servers, of which {percent} percent are allowed",
                acted.len(),
                most
            ),
        );
    }
}

/// When somebody puts a server back, or approves it again, there may be another effect:
///
/// "Until it is consumed, the approval stands: `retire` keeps it for the deletion, and so does a
/// run that was killed between disconnect and untagging. Whoever puts a server back in that time
/// removes the tag" (ARCHITECTURE.md). And there is no lock: what was looked at before the
/// restoration, or sent before it and takes effect late, may still act.
pub(crate) fn grant(state: &mut State, what: &Change) {
    let (id, again) = match what {
        Change::Restore(id, keeps) => (id, *keeps || state.is_anything_under_way()),
        Change::Approve(id, _) => (id, true),
        _ => return,
    };
    if !again {
        return;
    }
    for request in 0..state.requests.len() {
        *state.grants.entry((id.clone(), request)).or_default() += 1;
    }
}

/// At most one disconnect of a server by a request, and one more for each grant.
pub(crate) fn on_effect(state: &mut State, request: usize, operation: &str, subject: &str) {
    if operation != "DisconnectSourceServer" {
        return;
    }
    let id_of = |at: usize| state.requests.get(at).map(|request| request.id.clone());
    let same = |effect: &&(String, String, usize)| {
        effect.0 == operation && effect.1 == subject && id_of(effect.2) == id_of(request)
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
            format!("{subject} was disconnected {effects} times by one request, {granted} of them granted"),
        );
    }
}

fn find<'a>(world: &'a World, id: &str) -> Option<&'a SourceServer> {
    world
        .drs
        .get(HERE)?
        .source_servers
        .iter()
        .find(|server| server.id == id)
}

/// The servers that have the most exact name of a target.
fn named<'a>(world: &'a World, target: &Value) -> Vec<&'a SourceServer> {
    let is =
        |name: &str, seen: Option<&str>| !target[name].is_null() && target[name].as_str() == seen;
    let fits = |server: &&SourceServer| {
        if let Some(id) = target["sourceServerID"].as_str() {
            return id.rsplit('/').next() == Some(&server.id);
        }
        for (name, seen) in [
            ("awsInstanceID", &server.aws_instance_id),
            ("fqdn", &server.fqdn),
        ] {
            if !target[name].is_null() {
                return is(name, seen.as_deref());
            }
        }
        is("hostname", server.hostname.as_deref())
    };
    world
        .drs
        .get(HERE)
        .into_iter()
        .flat_map(|drs| &drs.source_servers)
        .filter(fits)
        .collect()
}

/// Checks what is said of one target against the worlds that the attempt may have been shown.
pub(crate) fn on_report(
    state: &mut State,
    attempt: usize,
    asked: &Value,
    told: &Value,
    all: &[String],
) {
    let Some(log) = state.attempts.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(log.request).cloned() else {
        return;
    };
    let id = text(&told["resource"], "sourceServerID").to_owned();
    let (outcome, reason) = (text(told, "outcome"), text(told, "reason"));
    // A server that is named twice is spoken of twice, and what was done is said of the first.
    let twice = reason == "named_twice";
    let called: Vec<&Call> = log
        .calls
        .iter()
        .filter(|call| call.mutating && call.subject == id && !id.is_empty() && !twice)
        .collect();
    let worlds = state.worlds_of(attempt);
    let ever = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let disconnected =
        || ever(&|world| find(world, &id).is_some_and(SourceServer::is_disconnected));
    let true_end = || match reason {
        "disconnected" => ever(&|world| {
            find(world, &id).is_some_and(|server| {
                server.is_disconnected() && server.tags.get(APPROVED) != Some(&request.id)
            })
        }),
        "record_deleted" => ever(&|world| named(world, asked).is_empty()),
        _ => false,
    };
    let holds = match outcome {
        "done" => !called.is_empty() && true_end(),
        // That something is not there tells that it was deleted only where it is named by its ID.
        "already_done" => {
            let by_id = text(asked, "sourceServerID").starts_with("s-");
            called.is_empty() && true_end() && (reason != "record_deleted" || by_id)
        }
        "planned" => {
            !log.calls.iter().any(|call| call.mutating)
                && (request.is_dry_run() || !state.scenario.enforces())
        }
        "refused" => {
            called.is_empty() && is_reason(state, &worlds, &request, asked, &id, reason, all)
        }
        "pending" => match reason {
            "record_awaits_deletion" => disconnected(),
            "not_seen_yet" => called.iter().any(|call| call.is_ok()),
            "out_of_time" => true,
            _ => false,
        },
        "indeterminate" => !called.is_empty(),
        // Doubt is not called a failure.
        "failed" => {
            matches!(reason, "rejected_by_aws" | "unreadable")
                && !hides_an_effect(&called, text(told, "message"))
        }
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
            format!("`{outcome} {reason}` of {asked} ({id}) is not true; calls: {calls:?}"),
        );
    }
}

fn is_reason(
    state: &State,
    worlds: &[&World],
    request: &Request,
    asked: &Value,
    id: &str,
    reason: &str,
    all: &[String],
) -> bool {
    let ever = |holds: &dyn Fn(&SourceServer) -> bool| {
        worlds
            .iter()
            .any(|world| find(world, id).is_some_and(holds))
    };
    let ever_in = |holds: &dyn Fn(&World) -> bool| worlds.iter().any(|world| holds(world));
    let tag = |server: &SourceServer, key: &str| server.tags.get(key).cloned();
    let differs = |name: &str, seen: &Option<String>| {
        !asked[name].is_null() && asked[name].as_str() != seen.as_deref()
    };
    let targets = request.targets().len();
    match reason {
        "protected" => ever(&|server| tag(server, PROTECTED).is_some()),
        "not_approved" => ever(&|server| tag(server, APPROVED).is_none()),
        "approved_for_another_request" => {
            ever(&|server| tag(server, APPROVED).is_some_and(|approved| approved != request.id))
        }
        "recovery_instance_present" | "drill_instance_present" => ever_in(&|world| {
            let mut instances = world
                .drs
                .get(HERE)
                .into_iter()
                .flat_map(|drs| &drs.recovery_instances);
            instances.any(|instance| instance.source_server_id == id)
                || find(world, id).is_some_and(|server| server.recovery_instance_id.is_some())
        }),
        "job_running" => ever_in(&|world| {
            let mut jobs = world.drs.get(HERE).into_iter().flat_map(|drs| &drs.jobs);
            let works = |of: &String| of == id || of.is_empty();
            jobs.any(|job| {
                job.source_server_ids.iter().any(works) && job.status(world.now) != "COMPLETED"
            })
        }),
        "unknown_state" => ever(&|server| {
            [
                &server.data_replication_state,
                &server.staging_status,
                &server.replication_direction,
            ]
            .iter()
            .any(|word| *word == UNHEARD_OF)
        }),
        "failback_direction" => ever(&|server| server.replication_direction == "FAILBACK"),
        "reversed_pair" => ever(&|server| server.reversed_direction_source_server_arn.is_some()),
        "extended" => ever(&|server| server.staging_status == "EXTENDED"),
        "not_disconnected" => ever(&|server| !server.is_disconnected()),
        "delete_not_allowed" => state.scenario.variable("ALLOW_DELETE") == Some("false"),
        "over_max_targets" => targets > state.scenario.number("MAX_TARGETS", 10),
        "over_max_share" => targets > 1 && state.scenario.number("MAX_SHARE_PERCENT", 10) < 100,
        "not_found" => ever_in(&|world| named(world, asked).is_empty()),
        "ambiguous" => ever_in(&|world| named(world, asked).len() > 1),
        "named_twice" => all.iter().filter(|other| *other == id).count() > 1,
        "arn_mismatch" => {
            text(asked, "sourceServerID").starts_with("arn:")
                && text(asked, "sourceServerID").contains("999999999999")
        }
        "aws_instance_id_mismatch" => {
            ever(&|server| differs("awsInstanceID", &server.aws_instance_id))
        }
        "hostname_mismatch" => ever(&|server| differs("hostname", &server.hostname)),
        "fqdn_mismatch" => ever(&|server| differs("fqdn", &server.fqdn)),
        "origin_mismatch" => ever(&|server| {
            differs("originAccountID", &server.origin_account_id)
                || differs("originRegion", &server.origin_region)
        }),
        _ => false,
    }
}
