//! Accounts with source servers, and requests for them, out of a seed.

use chrono::TimeDelta;
use disconnect_source_server::command::DETAIL_TYPE;
use emulator::{SourceServer, World, world::Behaviour};
use serde_json::{Value, json};

use crate::{
    dice::{
        CHANGE, RIVAL, afterwards, chance, deliveries, either, expiry, external_events, late,
        malformed, requests,
    },
    scenario::{
        APPROVED, Change, FaultSchedule, Function, HERE, PROTECTED, Request, Scenario, epoch, job,
        recovery_instance,
    },
};

pub(crate) fn id(number: usize) -> String {
    format!("s-{number:017}")
}

/// A word that AWS may add to its lists one day.
pub(crate) const UNHEARD_OF: &str = "UNHEARD_OF";

/// Where the machines are that were replicated.
const ORIGIN: (&str, &str) = ("444455556666", "eu-central-1");

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

/// A simulation out of a seed.
pub(crate) fn generate(seed: u64) -> Scenario {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let count = rng.usize(2..8);
    let mut world = world(rng, count);
    let mut requests = requests(rng, |rng, change| request(rng, change, count));
    if chance(rng, 10) {
        let number = rng.usize(1..=count);
        // Who approves what is terminated names the instance.
        if chance(rng, 80) {
            Change::Approve(id(number), instance(number)).apply(&mut world);
        }
        requests[0] = terminated(rng, number);
    }
    let early = deliveries(rng, requests.len());
    let external_events = external_events(rng, |rng| what(rng, count));
    let afterwards = afterwards(rng, count, |rng, number| {
        Change::Restore(id(number), chance(rng, 20))
    });
    let late = late(rng);
    let troubled = chance(rng, 85);
    Scenario {
        function: Function::DisconnectSourceServer,
        seed,
        world,
        variables: variables(rng),
        requests,
        early,
        late,
        late_faults: rng.usize(0..4),
        external_events,
        afterwards,
        fault_schedule: FaultSchedule::Random {
            percent: if troubled { 30 } else { 0 },
            left: rng.usize(4..16),
        },
        timeout_seconds: *rng.choice(&[120, 300, 900]).unwrap_or(&900),
    }
}

fn what(rng: &mut fastrand::Rng, count: usize) -> Change {
    let of = id(rng.usize(1..=count));
    match rng.u8(0..10) {
        0 | 1 => Change::DrillStarts(of),
        2 => Change::DrillEnds(of),
        3 => Change::JobStarts(of),
        4 => Change::JobsEnd(of),
        5 => Change::Protect(of),
        6 => Change::Approve(of, if rng.bool() { CHANGE } else { RIVAL }.to_owned()),
        7 => Change::Unapprove(of),
        8 => Change::Restore(of, chance(rng, 20)),
        _ => Change::Retag(of),
    }
}

fn variables(rng: &mut fastrand::Rng) -> Vec<(&'static str, String)> {
    let pick =
        |rng: &mut fastrand::Rng, of: &[&str]| rng.choice(of.to_vec()).unwrap_or("10").to_owned();
    vec![
        (
            "MODE",
            if chance(rng, 94) { "enforce" } else { "plan" }.to_owned(),
        ),
        ("ALLOW_DELETE", chance(rng, 80).to_string()),
        ("MAX_TARGETS", pick(rng, &["2", "3", "10", "10"])),
        ("MAX_SHARE_PERCENT", pick(rng, &["10", "50", "100", "100"])),
    ]
}

fn world(rng: &mut fastrand::Rng, count: usize) -> World {
    let mut world = World {
        now: epoch(),
        ..World::empty()
    };
    world.behaviour = Behaviour {
        second_disconnect: either(rng),
        disconnect_extended: either(rng),
        disconnect_during_job: either(rng),
        disconnect_with_recovery_instance: either(rng),
        disconnect_answers_as_before: rng.bool(),
        delete_before_cleanup: either(rng),
        page_size: *rng.choice(&[1, 2, 50]).unwrap_or(&50),
        ..Behaviour::default()
    };
    for number in 1..=count {
        let mut server = server(number);
        match rng.u8(0..100) {
            0..72 => _ = server.tags.insert(APPROVED.to_owned(), CHANGE.to_owned()),
            72..86 => _ = server.tags.insert(APPROVED.to_owned(), RIVAL.to_owned()),
            _ => {}
        }
        if chance(rng, 7) {
            server.tags.insert(PROTECTED.to_owned(), String::new());
        }
        match rng.u8(0..100) {
            0..14 => "DISCONNECTED".clone_into(&mut server.data_replication_state),
            14..18 => "STALLED".clone_into(&mut server.data_replication_state),
            18..21 => "EXTENDED".clone_into(&mut server.staging_status),
            21..24 => "FAILBACK".clone_into(&mut server.replication_direction),
            24..26 => {
                server.reversed_direction_source_server_arn =
                    Some("arn:aws:drs:reversed".to_owned())
            }
            26..31 => server.hostname = Some("host1".to_owned()),
            31 => UNHEARD_OF.clone_into(&mut server.data_replication_state),
            32 => UNHEARD_OF.clone_into(&mut server.staging_status),
            33 => UNHEARD_OF.clone_into(&mut server.replication_direction),
            _ => {}
        }
        if chance(rng, 8) && !server.is_disconnected() {
            let instance = format!("i-{number:016x}f");
            server.recovery_instance_id = chance(rng, 70).then(|| instance.clone());
            world
                .here()
                .recovery_instances
                .push(recovery_instance(&instance, &server.id));
        }
        world.here().source_servers.push(server);
        let jobs = world.here().jobs.len();
        if chance(rng, 25) {
            let ends = if chance(rng, 35) {
                TimeDelta::minutes(rng.i64(1..40))
            } else {
                TimeDelta::minutes(-5)
            };
            let begun = epoch() - TimeDelta::hours(1);
            // One in ten does not say whose it is.
            let of = if chance(rng, 10) {
                String::new()
            } else {
                id(number)
            };
            world
                .here()
                .jobs
                .push(job(jobs, &of, begun, epoch() + ends));
        }
    }
    world
}

/// A server by one of its names or by several, of which one in ten is another's or is written
/// otherwise.
fn target(rng: &mut fastrand::Rng, number: usize) -> Value {
    let hostname = slip(rng, number, |number| format!("host{number}"));
    let fqdn = slip(rng, number, |number| format!("host{number}.example.com"));
    let arn = |account: &str| format!("arn:aws:drs:{HERE}:{account}:source-server/{}", id(number));
    match rng.u8(0..100) {
        0..35 => json!({ "sourceServerID": id(number) }),
        35..50 => json!({ "sourceServerID": id(number), "hostname": hostname }),
        50..58 => json!({ "sourceServerID": id(number), "fqdn": fqdn }),
        58..62 => json!({ "sourceServerID": arn("111122223333") }),
        62..65 => json!({ "sourceServerID": arn("999999999999") }),
        65..75 => json!({ "hostname": hostname }),
        75..82 => json!({ "fqdn": fqdn, "hostname": hostname }),
        82..88 => json!({ "awsInstanceID": instance(number) }),
        88..93 => json!({ "awsInstanceID": instance(number), "hostname": hostname }),
        93..97 => {
            json!({ "sourceServerID": id(number), "awsInstanceID": slip(rng, number, instance) })
        }
        97..99 => json!({ "sourceServerID": id(90 + number) }),
        _ => {
            json!({ "sourceServerID": arn("111122223333").replace(&id(number), &id(90 + number)) })
        }
    }
}

fn slip(rng: &mut fastrand::Rng, number: usize, name: impl Fn(usize) -> String) -> String {
    match rng.u8(0..20) {
        0 => name(number + 1),
        1 => name(number).to_uppercase().replace("I-", "i-"),
        _ => name(number),
    }
}

/// The event of a machine that was terminated, in ten of a hundred cases one of another account or
/// Region.
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
    let event = json!({ "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification", "account": account, "region": region,
        "time": "2027-01-15T08:00:00Z", "resources": [],
        "detail": { "instance-id": instance(number), "state": "terminated" } });
    let target = json!({ "awsInstanceID": instance(number), "originAccountID": account, "originRegion": region });
    let detail = json!({ "action": "disconnect", "targets": [target] });
    Request::native(&instance(number), &event, detail)
}

fn request(rng: &mut fastrand::Rng, change: &str, count: usize) -> Request {
    let mut numbers: Vec<usize> = (1..=count).collect();
    rng.shuffle(&mut numbers);
    numbers.truncate(rng.usize(1..=5));
    if chance(rng, 4) {
        numbers.extend(numbers.first().copied());
    }
    let servers: Vec<Value> = numbers
        .into_iter()
        .map(|number| target(rng, number))
        .collect();
    let action = match rng.u8(0..100) {
        0..60 => "disconnect",
        60..82 => "retire",
        _ => "delete",
    };
    let hours = if chance(rng, 85) { 24 } else { rng.i64(1..4) };
    let detail = json!({ "version": 1, "requestID": change, "expiresAt": expiry(hours), "action": action,
        "targets": servers, "dryRun": chance(rng, 8) });
    let inside = rng.bool().then_some(DETAIL_TYPE);
    if chance(rng, 6) {
        malformed(rng, detail)
    } else {
        Request::of(detail, inside)
    }
}
