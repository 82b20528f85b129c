//! Many targets over a real socket, with a third of the calls faulty and a tenth of the invocations killed: nothing is
//! lost, nothing is done twice, calls stay within their cap, and memory stays flat.
//!
//! `cargo run --package tests --example load -- [TARGETS]`

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which is to fail loudly"
)]

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_drs::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};
use chrono::{TimeDelta, Utc};
use disconnect_source_server::{Policy, handle};
use futures_util::{StreamExt, stream};
use local::{Fault, FaultKind, Local, SourceServer, World};
use serde_json::{Value, json};
use shared::Invocation;

/// How many servers one account has, and one request names.
const SERVERS: usize = 1000;
const TARGETS_OF_A_REQUEST: usize = 100;
const REQUESTS_AT_ONCE: usize = 4;
/// The most deliveries that a request may need. Lambda gives up after three; a person sends it again.
const MOST_DELIVERIES: u32 = 60;
/// The most calls that a target may cost, retries of the SDK and looks of all deliveries included.
const MOST_CALLS_OF_A_TARGET: usize = 25;

const OPERATIONS: [&str; 6] = [
    "DescribeSourceServers",
    "DescribeJobs",
    "DescribeRecoveryInstances",
    "DescribeRecoverySnapshots",
    "DisconnectSourceServer",
    "UntagResource",
];
const KINDS: [FaultKind; 9] = [
    FaultKind::Throttle,
    FaultKind::InternalError,
    FaultKind::Unavailable,
    FaultKind::AccessDenied,
    FaultKind::ExpiredToken,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::HangAfter,
    FaultKind::Truncated,
];

#[derive(Default)]
struct Figures {
    calls: usize,
    faults: usize,
    deliveries: u32,
    kills: u32,
}

/// A sequence that looks random and is the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn main() {
    let targets: usize = std::env::args().nth(1).map_or(10_000, |text| text.parse().unwrap());
    let (mut figures, mut memory) = (Figures::default(), Vec::new());
    for round in 0..targets.div_ceil(SERVERS) {
        // An account is served until its runtime ends, so each round has its own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work_off(round, &mut figures));
        drop(runtime);
        memory.push(resident_kib());
        println!("{} targets, {} MiB resident", (round + 1) * SERVERS, resident_kib() / 1024);
    }
    let Figures { calls, faults, deliveries, kills } = figures;
    println!("{calls} calls, {faults} of them faulty; {deliveries} deliveries, {kills} of them killed");
    println!("nothing lost, nothing done twice, {:.1} calls a target", calls as f64 / targets as f64);
    // The first rounds fill caches and the allocator; after them there is nothing left to grow.
    if let [.., last] = memory.as_slice()
        && let Some(third) = memory.get(2)
    {
        assert!(last * 10 <= third * 12, "memory grew from {third} to {last} KiB");
    }
}

/// An account full of servers, each disconnected by one of several requests at once.
async fn work_off(round: usize, figures: &mut Figures) {
    let change = format!("CHG{round}");
    let id = |number: usize| format!("s-{number:017}");
    let server = |number| SourceServer::new(&id(number)).tagged("drover:approved", &change);
    let world = World { faults: mischief(round), ..World::with((0..SERVERS).map(server)) };
    let local = Local::without_functions(world).await.unwrap();
    let requests = (0..SERVERS).collect::<Vec<_>>();
    let requests = requests.chunks(TARGETS_OF_A_REQUEST).map(|numbers| {
        let servers: Vec<Value> = numbers.iter().map(|number| json!({ "sourceServerID": id(*number) })).collect();
        let expires_at = Utc::now() + TimeDelta::hours(12);
        json!({ "version": 1, "requestID": change, "expiresAt": expires_at, "servers": servers }).to_string()
    });
    let requests: Vec<String> = requests.collect();
    let deliveries = stream::iter(requests.iter().enumerate())
        .map(|(at, request)| deliver_until_it_ends(&local, request, Dice((round * 100 + at) as u64)))
        .buffer_unordered(REQUESTS_AT_ONCE);
    let ended: Vec<(u32, u32)> = deliveries.collect().await;
    for (deliveries, kills) in ended {
        figures.deliveries += deliveries;
        figures.kills += kills;
    }
    let journal = local.journal();
    figures.calls += journal.len();
    figures.faults += journal.iter().filter(|entry| entry.answer.contains("(fault ")).count();
    assert!(journal.len() <= SERVERS * MOST_CALLS_OF_A_TARGET, "{} calls", journal.len());
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for change in local.changes() {
        *effects.entry(change).or_default() += 1;
    }
    assert_eq!(effects.len(), 2 * SERVERS, "each server is disconnected and its approval consumed");
    assert!(effects.values().all(|times| *times == 1), "once each");
    assert!(local.world().here().source_servers.iter().all(SourceServer::is_disconnected));
}

/// Faults for about three calls in ten of each operation, each of some kind.
fn mischief(seed: usize) -> Vec<Fault> {
    let mut dice = Dice(seed as u64 + 1);
    let mut faults = Vec::new();
    for operation in OPERATIONS {
        for _ in 0..2 * SERVERS {
            // How many calls in a row meet none, where each meets one with three chances in ten.
            let skip = (0..).take_while(|_| dice.roll(10) >= 3).count();
            let skip = u32::try_from(skip).unwrap();
            faults.push(Fault { skip, ..Fault::next(operation, KINDS[dice.roll(KINDS.len())]) });
        }
    }
    faults
}

/// Delivers a request as a queue does: again until it is answered Ok and nothing is pending. One in eight is to be
/// killed on its way, unless it ends before.
async fn deliver_until_it_ends(local: &Local, request: &str, mut dice: Dice) -> (u32, u32) {
    let policy = Policy::from_lookup(|name| match name {
        "MODE" => Some("enforce".to_owned()),
        "MAX_TARGETS" | "MAX_SHARE_PERCENT" => Some("100".to_owned()),
        _ => None,
    });
    let (policy, mut kills, mut told) = (policy.unwrap(), 0, Vec::new());
    for delivery in 1..=MOST_DELIVERIES {
        let drs = client(local);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
        let answer = handle(request, Invocation { now: Utc::now(), deadline }, &drs, &policy);
        let life =
            if dice.roll(8) == 0 { Duration::from_millis(dice.roll(300) as u64) } else { Duration::from_secs(600) };
        let ended = tokio::time::timeout(life, answer).await;
        match ended {
            Err(_) => kills += 1,
            Ok(Err(failure)) => told.push(format!("{failure:?}")),
            Ok(Ok(answer)) => {
                let outcome = json!(answer)["outcome"].clone();
                if outcome != "pending" {
                    assert!(outcome == "done" || outcome == "already_done", "{}", json!(answer));
                    return (delivery, kills);
                }
            }
        }
    }
    panic!("a request did not end in {MOST_DELIVERIES} deliveries: {told:#?}");
}

fn client(local: &Local) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1));
    let config = aws_sdk_drs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(local.endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "not-a-secret", None, None, "load"))
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    Client::from_conf(config.build())
}

/// What Linux says this process holds in memory.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
