//! Source servers: what a seed makes of them, and what must hold whatever happens to them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use disconnect_source_server::command::DETAIL_TYPE;
use emulator::{
    Ask, SourceServer, World,
    world::{Behaviour, Reply},
};
use serde_json::{Value, json};

use crate::{
    engine::{Call, State, Tape, hides_an_effect, text},
    scenario::{
        APPROVED, Delivery, Function, HERE, Happening, PROTECTED, Request, Scenario, Trouble, What,
        When, epoch, job, recovery_instance,
    },
};

pub(crate) const CHANGE: &str = "CHG1";
const RIVAL: &str = "CHG2";

pub(crate) fn id(number: usize) -> String {
    format!("s-{number:017}")
}

/// A word that AWS may add to its lists one day.
const UNHEARD_OF: &str = "UNHEARD_OF";

/// Where the machines are that were replicated.
const ORIGIN: (&str, &str) = ("444455556666", "eu-central-1");

fn instance(number: usize) -> String {
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

pub(crate) fn expiry(hours: i64) -> String {
    (epoch() + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn chance(rng: &mut fastrand::Rng, percent: u8) -> bool {
    rng.u8(0..100) < percent
}

fn either(rng: &mut fastrand::Rng) -> Reply {
    if rng.bool() {
        Reply::Ok
    } else {
        Reply::Conflict
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
            What::Approve(id(number), instance(number)).apply(&mut world);
        }
        requests[0] = terminated(rng, number);
    }
    let early = deliveries(rng, requests.len());
    let happenings = happenings(rng, |rng| what(rng, count));
    let afterwards = afterwards(rng, count, |rng, number| {
        What::Restore(id(number), chance(rng, 20))
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
        happenings,
        afterwards,
        trouble: Trouble::Random {
            percent: if troubled { 30 } else { 0 },
            left: rng.usize(4..16),
        },
        timeout_seconds: *rng.choice(&[120, 300, 900]).unwrap_or(&900),
    }
}

/// One request, and in a quarter of the stories another one for the same resources.
pub(crate) fn requests(
    rng: &mut fastrand::Rng,
    request: impl Fn(&mut fastrand::Rng, &str) -> Request,
) -> Vec<Request> {
    let mut requests = vec![request(rng, CHANGE)];
    if chance(rng, 25) {
        requests.push(request(rng, RIVAL));
    }
    requests
}

/// Up to four things that others do meanwhile.
pub(crate) fn happenings(
    rng: &mut fastrand::Rng,
    what: impl Fn(&mut fastrand::Rng) -> What,
) -> Vec<Happening> {
    (0..rng.usize(0..5))
        .map(|_| Happening {
            when: when(rng),
            what: what(rng),
        })
        .collect()
}

/// What operators do afterwards to four in ten of the resources, by their numbers.
pub(crate) fn afterwards(
    rng: &mut fastrand::Rng,
    count: usize,
    what: impl Fn(&mut fastrand::Rng, usize) -> What,
) -> Vec<What> {
    let mut afterwards = Vec::new();
    for number in 1..=count {
        if chance(rng, 40) {
            afterwards.push(what(rng, number));
        }
    }
    afterwards
}

/// One or two late deliveries of the first request.
pub(crate) fn late(rng: &mut fastrand::Rng) -> Vec<Delivery> {
    (0..rng.usize(1..3)).map(|_| late_one(rng)).collect()
}

/// Mostly an hour later, sometimes most of a day, sometimes more.
fn late_one(rng: &mut fastrand::Rng) -> Delivery {
    let at = match rng.u8(0..10) {
        0..6 => rng.u64(60..7200),
        6..9 => rng.u64(3600..60_000),
        _ => 90_000,
    };
    Delivery {
        at,
        request: 0,
        kills: Vec::new(),
    }
}

/// One to three deliveries of the first request, and one or two of another, for two workers.
pub(crate) fn deliveries(rng: &mut fastrand::Rng, requests: usize) -> [Vec<Delivery>; 2] {
    let mut early = [Vec::new(), Vec::new()];
    for request in 0..requests {
        for number in 0..rng.usize(1..=3) {
            let at = match (number, rng.u8(0..4)) {
                (0, _) if request == 0 => 0,
                (_, 0 | 1) => 0,
                (_, 2) => rng.u64(0..30),
                _ => rng.u64(30..4000),
            };
            let mut kills = Vec::new();
            while kills.len() < 2 && chance(rng, 40) {
                kills.push(rng.usize(1..60));
            }
            let worker = usize::from(chance(rng, 50));
            if let Some(list) = early.get_mut(worker) {
                list.push(Delivery { at, request, kills });
            }
        }
    }
    early
        .iter_mut()
        .for_each(|list| list.sort_by_key(|delivery| delivery.at));
    early
}

fn when(rng: &mut fastrand::Rng) -> When {
    // Between two calls of a run is where a change hurts.
    if chance(rng, 65) {
        When::Call(rng.usize(0..24))
    } else {
        When::At(rng.u64(0..4000))
    }
}

fn what(rng: &mut fastrand::Rng, count: usize) -> What {
    let of = id(rng.usize(1..=count));
    match rng.u8(0..10) {
        0 | 1 => What::DrillStarts(of),
        2 => What::DrillEnds(of),
        3 => What::JobStarts(of),
        4 => What::JobsEnd(of),
        5 => What::Protect(of),
        6 => What::Approve(of, if rng.bool() { CHANGE } else { RIVAL }.to_owned()),
        7 => What::Unapprove(of),
        8 => What::Restore(of, chance(rng, 20)),
        _ => What::Retag(of),
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

/// The same request, spoiled.
pub(crate) fn malformed(rng: &mut fastrand::Rng, detail: Value) -> Request {
    let whole = Request::of(detail.clone(), None);
    let mut spoiled = detail.clone();
    let payload = match (rng.u8(0..9), spoiled.as_object_mut()) {
        (0, _) => whole.payload.replacen("\"version\":1", "\"version\":2", 1),
        (1, _) => whole
            .payload
            .replacen("\"version\"", "\"requestID\":\"twice\",\"version\"", 1),
        (2, _) => whole
            .payload
            .get(..whole.payload.len() / 2)
            .unwrap_or_default()
            .to_owned(),
        (3, _) => format!("{}{}", " ".repeat(70_000), whole.payload),
        (4, _) => format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
        (5, Some(members)) => {
            members.insert("force".to_owned(), json!(true));
            spoiled.to_string()
        }
        (6, Some(members)) => {
            members.insert("dryRun".to_owned(), json!("no"));
            spoiled.to_string()
        }
        (7, Some(members)) => {
            members.remove("expiresAt");
            spoiled.to_string()
        }
        _ => whole.payload.replacen(":[{", ":[{\"forceful\":1,", 1),
    };
    Request {
        payload,
        detail: None,
        ..whole
    }
}

/// What an attempt was shown of a server the last time that it looked, as it stood on the wire.
fn told_server(tape: &Tape, id: &str) -> Option<Value> {
    let shown = tape
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
pub(crate) fn as_told(state: &State, attempt: usize, ask: &Ask) -> Ask {
    let mut keys = ask.keys.clone();
    keys.retain(|key, _| !key.starts_with("aws:ResourceTag/"));
    let told = Ask {
        keys,
        ..ask.clone()
    };
    let id = ask.resource.rsplit('/').next().unwrap_or_default();
    let server = state
        .tapes
        .get(attempt)
        .and_then(|tape| told_server(tape, id))
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
fn told_list(tape: &Tape, operation: &str) -> Option<Vec<Value>> {
    let (mut items, mut whole) = (Vec::new(), None);
    for call in tape
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
fn is_one_of_several(tape: &Tape, target: &Value, id: &str) -> bool {
    let lists = tape
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
    let Some(tape) = state.tapes.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(tape.request).cloned() else {
        return;
    };
    let id = call.subject.as_str();
    let what = format!("{} of {id}", call.operation);
    let Some(told) = told_server(&tape, id) else {
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
        .any(|target| !is_one_of_several(&tape, target, id));
    rule(1, alone, "is one of several with these names");
    rule(
        1,
        told["tags"][APPROVED] == request.id.as_str(),
        "is not approved for this request",
    );
    rule(1, told["tags"][PROTECTED].is_null(), "is protected");
    rule(
        7,
        !request.is_stale(tape.began),
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
            is_free(&tape, &told, id),
            "is in use, or whether it is was not read to the end",
        ),
    }
    if call.operation == "DeleteSourceServer" {
        rule(1, disconnected, "is not DISCONNECTED");
    }
    for (invariant, sentence) in wrong {
        state.violate(invariant, format!("{what}, which {sentence}"));
    }
    check_limits(state, attempt, &tape, &request, call);
}

fn is_free(tape: &Tape, told: &Value, id: &str) -> bool {
    let (Some(jobs), Some(instances)) = (
        told_list(tape, "DescribeJobs"),
        told_list(tape, "DescribeRecoveryInstances"),
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
fn check_limits(state: &mut State, attempt: usize, tape: &Tape, request: &Request, call: &Call) {
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
    let mut acted: Vec<&str> = tape
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
pub(crate) fn grant(state: &mut State, what: &What) {
    let (id, again) = match what {
        What::Restore(id, keeps) => (id, *keeps || state.is_anything_under_way()),
        What::Approve(id, _) => (id, true),
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
    let Some(tape) = state.tapes.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(tape.request).cloned() else {
        return;
    };
    let id = text(&told["resource"], "sourceServerID").to_owned();
    let (outcome, reason) = (text(told, "outcome"), text(told, "reason"));
    // A server that is named twice is spoken of twice, and what was done is said of the first.
    let twice = reason == "named_twice";
    let called: Vec<&Call> = tape
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
            !tape.calls.iter().any(|call| call.mutating)
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

/// A scenario by hand: these servers, one request, one worker, nothing that happens by itself.
pub(crate) fn by_hand(number: u64) -> Scenario {
    let all = |count: usize| {
        (1..=count)
            .map(|number| json!({ "sourceServerID": id(number) }))
            .collect::<Vec<_>>()
    };
    let mut world = World {
        now: epoch(),
        ..World::empty()
    };
    for number in 1..=3 {
        world
            .here()
            .source_servers
            .push(server(number).tagged(APPROVED, CHANGE));
    }
    let disconnect = |world: &mut World, number: usize| {
        world
            .server(&id(number))
            .map(|server| "DISCONNECTED".clone_into(&mut server.data_replication_state))
            .unwrap_or_default();
    };
    let (mut action, mut servers) = ("disconnect", all(1));
    match number {
        0 => {}
        1 => action = "retire",
        2 => {
            action = "delete";
            disconnect(&mut world, 1);
        }
        3 => servers = all(2),
        4 => disconnect(&mut world, 1),
        5 => servers = vec![json!({ "hostname": "host1", "fqdn": "host1.example.com" })],
        6 => servers = vec![json!({ "awsInstanceID": instance(1) })],
        7 => {
            world.behaviour.second_disconnect = Reply::Ok;
            world.behaviour.disconnect_answers_as_before = true;
        }
        8 => {
            What::Protect(id(2)).apply(&mut world);
            servers = all(3);
        }
        9 => {
            What::DrillStarts(id(1)).apply(&mut world);
            servers = all(2);
        }
        10 => {
            world.behaviour.page_size = 1;
            let begun: DateTime<Utc> = epoch() - TimeDelta::hours(2);
            for at in 0..3 {
                world
                    .here()
                    .jobs
                    .push(job(at, &id(3), begun, begun + TimeDelta::hours(1)));
            }
        }
        11 => {
            action = "delete";
            disconnect(&mut world, 1);
            disconnect(&mut world, 2);
            servers = all(2);
        }
        _ => {
            action = "retire";
            servers = all(2);
            world.behaviour.second_disconnect = Reply::Ok;
        }
    }
    let detail = json!({ "version": 1, "requestID": CHANGE, "expiresAt": expiry(24), "action": action,
        "targets": servers, "dryRun": false });
    Scenario {
        function: Function::DisconnectSourceServer,
        seed: number,
        world,
        variables: vec![
            ("MODE", "enforce".to_owned()),
            ("ALLOW_DELETE", "true".to_owned()),
            ("MAX_SHARE_PERCENT", "100".to_owned()),
        ],
        requests: vec![Request::of(detail, None)],
        early: [
            vec![Delivery {
                at: 0,
                request: 0,
                kills: Vec::new(),
            }],
            Vec::new(),
        ],
        late: vec![Delivery {
            at: 60,
            request: 0,
            kills: Vec::new(),
        }],
        late_faults: 0,
        happenings: Vec::new(),
        afterwards: vec![What::Restore(id(1), false)],
        trouble: Trouble::Planned(Vec::new()),
        timeout_seconds: 900,
    }
}
