//! Accounts with source servers, and requests for them, generated from a seed.

use chrono::TimeDelta;
use disconnect_source_server::command::DETAIL_TYPE;
use emulator::{Behaviour, Job, RecoveryInstance, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, CHANGE, HERE, PROTECTED, RIVAL, UNHEARD_OF, epoch},
    dice::{
        Draws, chance, expiry, hours_to_expiry, native, numbers, reply, requests, scenario,
        some_left_out, wrapped,
    },
    drs::{
        STEPS,
        changes::{Change, job, recovery_instance},
        mistakes::{EVENTS, REQUESTS},
        wordings::WORDINGS,
    },
    mistakes::Right,
    scenario::{self, Request, Scenario, Variables},
};

/// The account and the Region of the machines that are replicated.
const ORIGIN: (&str, &str) = ("444455556666", "eu-central-1");

pub(crate) fn id(number: usize) -> String {
    format!("s-{number:017}")
}

/// The types of jobs, each with what may start it.
const JOBS: [(&str, &str); 5] = [
    ("LAUNCH", "START_DRILL"),
    ("LAUNCH", "START_RECOVERY"),
    ("LAUNCH", "FAILBACK"),
    ("TERMINATE", "TERMINATE_RECOVERY_INSTANCES"),
    ("CREATE_CONVERTED_SNAPSHOT", "START_DRILL"),
];

pub(crate) fn instance(number: usize) -> String {
    format!("i-{number:017x}")
}

/// A server with all its names.
pub(crate) fn server(number: usize) -> SourceServer {
    SourceServer {
        hostname: Some(format!("host{number}")),
        fqdn: Some(format!("host{number}.example.com")),
        aws_instance_id: Some(instance(number)),
        origin_account_id: Some(ORIGIN.0.to_owned()),
        origin_region: Some(ORIGIN.1.to_owned()),
        recovery_points: 3,
        ..SourceServer::new(&id(number))
    }
}

/// A scenario from a seed.
pub(crate) fn generate(seed: u64) -> Scenario {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let count = rng.usize(2..8);
    let mut world = world(rng, count);
    // The requests, of which one in ten is an event of EC2.
    let mut requests = requests(rng, |rng, change| request(rng, change, count));

    if chance(rng, 10) {
        let number = rng.usize(1..=count);
        // Whoever approves a termination names the instance.
        if chance(rng, 80) {
            Change::Approve(id(number), instance(number)).apply(&mut world);
        }
        // A machine that is gone is silent; now and then it is another one that is meant.
        if chance(rng, 85) {
            Change::Silence(id(number)).apply(&mut world);
        }
        requests[0] = terminated(rng, number);
    }

    let draws = Draws {
        count,
        change,
        afterwards: |rng, number| restore(rng, id(number)).into(),
        variables,
        steps: &STEPS,
        reads: &[
            "DescribeSourceServers",
            "DescribeRecoveryInstances",
            "DescribeJobs",
            "DescribeRecoverySnapshots",
        ],
        regions: &[HERE],
        wordings: &WORDINGS,
        faults: 16,
        // The shortest has just enough time for one server, if no call is slow.
        timeouts: [95, 300, 900],
    };
    scenario(rng, seed, world, requests, &draws)
}

fn change(rng: &mut fastrand::Rng, count: usize) -> scenario::Change {
    let server = id(rng.usize(1..=count));
    let change = match rng.u8(0..13) {
        // A drill makes a server unavailable for a disconnect, so it comes more often.
        0 | 1 => Change::DrillStarts(server),
        2 => Change::DrillEnds(server),
        3 => Change::JobStarts(server),
        4 => Change::JobsEnd(server),
        5 => Change::Protect(server),
        6 => {
            let request = if rng.bool() { CHANGE } else { RIVAL };
            Change::Approve(server, request.to_owned())
        }
        7 => Change::Unapprove(server),
        8 => restore(rng, server),
        9 => Change::Rename(server),
        // What is gone for good happens less often.
        10 if rng.bool() => Change::Delete(server),
        10 => Change::Reregister(server),
        11 => Change::Silence(server),
        _ => Change::Retag(server),
    };

    change.into()
}

fn restore(rng: &mut fastrand::Rng, id: String) -> Change {
    Change::Restore {
        id,
        keeps_approval: chance(rng, 20),
    }
}

fn variables(rng: &mut fastrand::Rng) -> Variables {
    // Plan mode finds little, so most deployments enforce.
    let mode = if chance(rng, 96) { "enforce" } else { "plan" };
    let allow_delete = chance(rng, 94);
    let max_targets = if chance(rng, 5) { "2" } else { "10" };
    let max_share = match rng.u8(0..100) {
        0..6 => "10",
        6..18 => "50",
        _ => "100",
    };

    let silent_minutes = if chance(rng, 6) { "30" } else { "0" };

    let verify_cleanup = chance(rng, 40);
    // The account of the machines, without it, or no list at all.
    let origin_accounts = match rng.u8(0..100) {
        0..10 => "999999999999",
        10..30 => "444455556666,999999999999",
        _ => "",
    };

    let all = vec![
        ("MODE", mode.to_owned()),
        ("ALLOW_DELETE", allow_delete.to_string()),
        ("MAX_TARGETS", max_targets.to_owned()),
        ("MAX_SHARE_PERCENT", max_share.to_owned()),
        ("REQUIRE_SILENT_MINUTES", silent_minutes.to_owned()),
        ("VERIFY_CLEANUP", verify_cleanup.to_string()),
        ("ORIGIN_ACCOUNTS", origin_accounts.to_owned()),
    ];
    some_left_out(rng, all)
}

fn world(rng: &mut fastrand::Rng, count: usize) -> World {
    let mut world = World {
        now: epoch(),
        behaviour: behaviour(rng),
        ..World::empty()
    };

    for number in 1..=count {
        let mut server = server(number);
        lose_names(rng, &mut server);
        add_tags(rng, &mut server);
        add_state(rng, &mut server);
        if chance(rng, 15) {
            let minutes = rng.i64(0..90);
            server.agent_unreachable_since = Some(epoch() - TimeDelta::minutes(minutes));
        }
        if chance(rng, 8) && !server.is_disconnected() {
            add_recovery_instance(rng, &mut world, &mut server, number);
        }
        world.here().source_servers.push(server);

        if chance(rng, 18) {
            add_job(rng, &mut world, number, count);
        }
    }

    // DRS may never have been initialised here.
    if chance(rng, 1) {
        world.drs.regions.remove(HERE);
    }
    world
}

fn behaviour(rng: &mut fastrand::Rng) -> Behaviour {
    Behaviour {
        second_disconnect: reply(rng),
        disconnect_extended: reply(rng),
        disconnect_during_job: reply(rng),
        disconnect_with_recovery_instance: reply(rng),
        disconnect_answers_as_before: rng.bool(),
        delete_before_cleanup: reply(rng),
        // Small pages make lists of several calls, each of which can fail.
        page_size: *rng.choice(&[1, 2, 50]).unwrap_or(&50),
        longest_page: *rng.choice(&[1, 2, 1000]).unwrap_or(&1000),
        ..Behaviour::default()
    }
}

/// DRS does not know every name of every machine.
fn lose_names(rng: &mut fastrand::Rng, server: &mut SourceServer) {
    match rng.u8(0..100) {
        0..3 => server.hostname = None,
        3..6 => server.fqdn = None,
        6..8 => server.aws_instance_id = None,
        8 => server.origin_account_id = None,
        9 => server.origin_region = None,
        _ => {}
    }
}

fn add_tags(rng: &mut fastrand::Rng, server: &mut SourceServer) {
    let approval = match rng.u8(0..100) {
        0..90 => Some(CHANGE),
        90..95 => Some(RIVAL),
        95..97 => Some("chg1"),
        // With a letter that is not seen, and turns the writing round.
        97 => Some("CHG1\u{202e}"),
        _ => None,
    };
    if let Some(request) = approval {
        server.tags.insert(APPROVED.to_owned(), request.to_owned());
    }

    if chance(rng, 4) {
        // Whatever its value says.
        let value = *rng.choice(&["", "true", "false"]).unwrap_or(&"");
        server.tags.insert(PROTECTED.to_owned(), value.to_owned());
    }
}

/// A third of the servers has something that stands out.
fn add_state(rng: &mut fastrand::Rng, server: &mut SourceServer) {
    match rng.u8(0..100) {
        0..10 => {
            "DISCONNECTED".clone_into(&mut server.data_replication_state);
            // AWS may still be cleaning up, or leave something behind for hours.
            if chance(rng, 50) {
                let minutes = rng.i64(1..300);
                server.staging_gone_at = Some(epoch() + TimeDelta::minutes(minutes));
            }
        }
        10..18 => "STALLED".clone_into(&mut server.data_replication_state),
        18..20 => "EXTENDED".clone_into(&mut server.staging_status),
        20 => "EXTENSION_ERROR".clone_into(&mut server.staging_status),
        21..24 => "FAILBACK".clone_into(&mut server.replication_direction),
        24..26 => {
            let reversed = "arn:aws:drs:reversed".to_owned();
            server.reversed_direction_source_server_arn = Some(reversed);
        }
        // Several servers with one host name make it ambiguous.
        26..31 => server.hostname = Some("host1".to_owned()),
        // An unknown state must be refused, whatever it turns out to mean.
        31 => UNHEARD_OF.clone_into(&mut server.data_replication_state),
        32 => UNHEARD_OF.clone_into(&mut server.staging_status),
        33 => UNHEARD_OF.clone_into(&mut server.replication_direction),
        _ => {}
    }
}

fn add_recovery_instance(
    rng: &mut fastrand::Rng,
    world: &mut World,
    server: &mut SourceServer,
    number: usize,
) {
    let instance = format!("i-{number:016x}f");
    // DRS may list the instance before the server names it.
    server.recovery_instance_id = chance(rng, 70).then(|| instance.clone());

    // The instance itself, which DRS lists by itself; a record may name one that no list has.
    let is_listed = server.recovery_instance_id.is_none() || chance(rng, 85);
    let is_drill = chance(rng, 50);
    if is_listed {
        world.here().recovery_instances.push(RecoveryInstance {
            is_drill,
            ..recovery_instance(&instance, &server.id)
        });
    }

    // A real recovery beside a drill.
    if chance(rng, 20) {
        world.here().recovery_instances.push(RecoveryInstance {
            is_drill: false,
            ..recovery_instance(&format!("i-{number:016x}e"), &server.id)
        });
    }
}

/// A job of any type for one server or several.
fn add_job(rng: &mut fastrand::Rng, world: &mut World, number: usize, count: usize) {
    // A third of the jobs ends while the request is worked on.
    let is_running = chance(rng, 35);
    let minutes_left = if is_running { rng.i64(1..40) } else { -5 };
    // One job in ten does not name its servers.
    let mut servers = vec![if chance(rng, 10) {
        String::new()
    } else {
        id(number)
    }];
    // DRS launches many servers by one job; the one that matters may be anywhere in it.
    for _ in 0..rng.usize(0..3) {
        servers.push(id(rng.usize(1..=count)));
    }
    rng.shuffle(&mut servers);
    // And now and then a job that names none.
    if chance(rng, 4) {
        servers.clear();
    }
    let (kind, initiated_by) = *rng.choice(&JOBS).unwrap_or(&JOBS[0]);

    // DRS lists completed jobs too.
    let created_at = epoch() - TimeDelta::hours(1);
    let ends_at = epoch() + TimeDelta::minutes(minutes_left);
    let jobs = &mut world.here().jobs;
    jobs.push(Job {
        kind: kind.to_owned(),
        initiated_by: initiated_by.to_owned(),
        // A status that AWS adds one day says nothing of an end.
        ordered_status: chance(rng, 6).then(|| UNHEARD_OF.to_owned()),
        ..job(jobs.len(), servers, created_at, ends_at)
    });
}

fn request(rng: &mut fastrand::Rng, change: &str, count: usize) -> Request {
    let mut targets: Vec<Value> = numbers(rng, count, 5)
        .into_iter()
        .map(|number| target(rng, number))
        .collect();
    let action = match rng.u8(0..100) {
        // A retirement hands on a deletion; a deletion needs a disconnected server.
        0..66 => "disconnect",
        66..90 => "retire",
        90..96 => "delete",
        _ => "verify",
    };
    if action == "delete" || action == "verify" {
        for target in &mut targets {
            if chance(rng, 50) {
                target["disconnect"] = disconnect(rng);
            }
        }
    }
    let hours = hours_to_expiry(rng);
    let mut detail = json!({
        "version": 1,
        "requestID": change,
        "expiresAt": expiry(hours),
        "action": action,
        "targets": targets,
        "dryRun": chance(rng, 3),
    });
    if action == "delete" && chance(rng, 30) {
        detail["skipCleanupCheck"] = json!(true);
    }

    wrapped(rng, detail, DETAIL_TYPE, &REQUESTS)
}

/// What somebody says of the disconnect before a deletion or a verification.
fn disconnect(rng: &mut fastrand::Rng) -> Value {
    let seen = epoch() - TimeDelta::minutes(rng.i64(-10..300));
    let mut disconnect = json!({ "at": seen });

    if chance(rng, 50) {
        disconnect["agentSilentSeconds"] = json!(rng.u32(0..2000));
    }
    disconnect
}

/// A server by one of its names or by several, of which one in fifteen is another server's or
/// is misspelt.
fn target(rng: &mut fastrand::Rng, number: usize) -> Value {
    let hostname = slip(rng, number, |number| format!("host{number}"));
    let fqdn = slip(rng, number, |number| format!("host{number}.example.com"));
    let absent = id(90 + number);
    let arn = |account: &str, id: &str| format!("arn:aws:drs:{HERE}:{account}:source-server/{id}");
    let id = id(number);

    match rng.u8(0..100) {
        0..35 => json!({ "sourceServerID": id }),
        35..50 => json!({ "sourceServerID": id, "hostname": hostname }),
        50..58 => json!({ "sourceServerID": id, "fqdn": fqdn }),
        // By ARN, of this account and of another one.
        58..62 => json!({ "sourceServerID": arn("111122223333", &id) }),
        62..65 => json!({ "sourceServerID": arn("999999999999", &id) }),
        65..75 => json!({ "hostname": hostname }),
        75..82 => json!({ "fqdn": fqdn, "hostname": hostname }),
        82..88 => json!({ "awsInstanceID": instance(number) }),
        88..93 => json!({ "awsInstanceID": instance(number), "hostname": hostname }),
        93..97 => {
            let instance = slip(rng, number, instance);
            json!({ "sourceServerID": id, "awsInstanceID": instance })
        }
        // A server that does not exist.
        97..99 => json!({ "sourceServerID": absent }),
        _ => json!({ "sourceServerID": arn("111122223333", &absent) }),
    }
}

/// A name, or what people write by mistake.
fn slip(rng: &mut fastrand::Rng, number: usize, name: impl Fn(usize) -> String) -> String {
    match rng.u8(0..30) {
        0 => name(number + 1),
        1 => name(number).to_uppercase().replace("I-", "i-"),
        _ => name(number),
    }
}

/// What looks like a request and is none, by the number of its mistake.
pub(crate) fn mistaken(number: u64) -> Request {
    let detail = json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": expiry(12),
        "action": "disconnect",
        "targets": [{ "sourceServerID": id(1) }],
        "dryRun": false,
    });

    let right = Right {
        detail,
        detail_type: DETAIL_TYPE,
        event: termination(ORIGIN, 1),
        of_request: &REQUESTS,
        of_event: &EVENTS,
    };
    right.with_mistake(number)
}

/// The event of an instance that was terminated in an account and a Region.
fn termination((account, region): (&str, &str), number: usize) -> Value {
    json!({
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": account,
        "region": region,
        "time": "2027-01-15T08:00:00Z",
        "resources": [],
        "detail": { "instance-id": instance(number), "state": "terminated" },
    })
}

/// The event of an instance that was terminated; one in ten is of another account or Region.
fn terminated(rng: &mut fastrand::Rng, number: usize) -> Request {
    let account = if chance(rng, 5) {
        "999999999999"
    } else {
        ORIGIN.0
    };
    let region = if chance(rng, 5) {
        "eu-west-3"
    } else {
        ORIGIN.1
    };
    let instance = instance(number);

    let event = termination((account, region), number);
    // The request that the event amounts to.
    let target = json!({
        "awsInstanceID": instance,
        "originAccountID": account,
        "originRegion": region,
    });
    let detail = json!({
        "action": "disconnect",
        "targets": [target],
        "terminatedAt": event["time"],
    });

    native(rng, &instance, &event, detail, &EVENTS)
}
