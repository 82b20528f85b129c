//! Many targets, worked off by the functions' own binaries over real sockets, with three calls in
//! ten faulty and a tenth of the invocations killed: nothing is lost, nothing is done twice, calls
//! stay within their cap, and memory stays flat.
//!
//! `cargo run --package tests --example load -- [FUNCTION] [TARGETS, a multiple of ten]`

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which is to fail loudly"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use emulator::{
    Binaries, Cloud, Emulator, Ended, Fault, FaultKind, FileSystem, SourceServer, World,
    world::Deployment,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// What is worked off at once, each account by a process of its own.
const ACCOUNTS: usize = 10;
/// The most deliveries that a request may need. Lambda gives up after three; a person sends it
/// again.
const MOST_DELIVERIES: u32 = 60;

const DISCONNECT: &str = "disconnect-source-server";
const BOOTSTRAP: &str = "bootstrap-efs-replication";
const THERE: &str = "eu-west-1";

/// What one function is loaded with.
struct Load {
    function: &'static str,
    /// How many targets a request names. It ends with a report in which all of them are done: of
    /// ten replicas, each looked at by a dozen calls, some look would fail every time.
    targets_of_a_request: usize,
    /// For how many calls of each kind a target there are faults.
    faults_of_a_target: usize,
    /// The most calls that a target may cost, retries of the SDK and looks of all deliveries
    /// included: a replica is looked at on both sides, part by part.
    most_calls_of_a_target: usize,
    /// What the function calls.
    calls: &'static [&'static str],
}

const LOADS: [Load; 2] = [
    Load {
        function: DISCONNECT,
        targets_of_a_request: 100,
        faults_of_a_target: 4,
        most_calls_of_a_target: 15,
        calls: &[
            "DescribeSourceServers",
            "DescribeJobs",
            "DescribeRecoveryInstances",
            "DescribeRecoverySnapshots",
            "DisconnectSourceServer",
            "UntagResource",
        ],
    },
    Load {
        function: BOOTSTRAP,
        targets_of_a_request: 2,
        faults_of_a_target: 6,
        most_calls_of_a_target: 250,
        calls: &[
            "DescribeFileSystems",
            "DescribeReplicationConfigurations",
            "DescribeLifecycleConfiguration",
            "DescribeBackupPolicy",
            "DescribeFileSystemPolicy",
            "DescribeAccessPoints",
            "CreateReplicationConfiguration",
            "PutLifecycleConfiguration",
            "PutBackupPolicy",
            "TagResource",
        ],
    },
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
    /// The resident memory of a process after each of its invocations, for the one that lived
    /// longest.
    memory: Vec<usize>,
}

impl Figures {
    /// Keeps what was seen of a process if no other lived longer.
    fn keep(&mut self, lived: &mut Vec<usize>) {
        if lived.len() > self.memory.len() {
            self.memory.clone_from(lived);
        }
        lived.clear();
    }
}

/// A sequence that looks random and is the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let function = arguments.next().unwrap_or_else(|| DISCONNECT.to_owned());
    let targets: usize = arguments
        .next()
        .map_or(10_000, |text| text.parse().unwrap());
    let load = LOADS.into_iter().find(|load| load.function == function);
    let load = load.unwrap_or_else(|| panic!("{function} is no function"));
    assert!(
        targets > 0 && targets.is_multiple_of(ACCOUNTS),
        "{targets} is no multiple of {ACCOUNTS}"
    );
    let binary = Binaries::around(Path::new(env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .find(&function)
        .unwrap();
    let binaries = Binaries::Fixed([(function.clone(), binary)].into());
    let begun = Instant::now();
    let accounts =
        (0..ACCOUNTS).map(|account| work_off(&load, account, targets / ACCOUNTS, binaries.clone()));
    let all = join_all(accounts).await;
    let sum = |of: fn(&Figures) -> usize| all.iter().map(of).sum::<usize>();
    let (calls, faults) = (sum(|of| of.calls), sum(|of| of.faults));
    println!(
        "{function}: {targets} targets in {} minutes",
        begun.elapsed().as_secs() / 60
    );
    println!(
        "  {calls} calls, {faults} of them faulty; {:.1} calls a target",
        calls as f64 / targets as f64
    );
    println!(
        "  {} deliveries, {} of them killed",
        sum(|of| of.deliveries as usize),
        sum(|of| of.kills as usize)
    );
    println!("  nothing lost, nothing done twice");
    let memory = all
        .into_iter()
        .map(|of| of.memory)
        .max_by_key(Vec::len)
        .unwrap_or_default();
    println!(
        "  KiB resident after each of {} invocations of a process: {memory:?}",
        memory.len()
    );
    // The first invocations fill caches and the allocator; after them there is nothing left to
    // grow.
    let [_, _, third, .., last] = memory.as_slice() else {
        panic!("too few invocations of one process")
    };
    assert!(
        last * 10 <= third * 12,
        "memory grew from {third} to {last} KiB"
    );
}

/// One account full of what is to be worked off by several requests, one after the other.
async fn work_off(load: &Load, account: usize, targets: usize, binaries: Binaries) -> Figures {
    let function = load.function;
    let change = format!("CHG{account}");
    let (world, targets) = match function {
        DISCONNECT => servers(targets, &change),
        _ => file_systems(targets),
    };
    let environment = [("MODE", "enforce"), ("MAX_TARGETS", "100")].into_iter();
    let share = (function == DISCONNECT).then_some(("MAX_SHARE_PERCENT", "100"));
    let environment = environment
        .chain(share)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let deployment = Deployment {
        timeout_seconds: 900,
        environment,
    };
    let world = World {
        faults: mischief(load, account, targets.len()),
        functions: [(function.to_owned(), deployment)].into(),
        ..world
    };
    let local = Emulator::start(Cloud::new(world), 0, binaries)
        .await
        .unwrap();
    let (mut figures, mut dice, mut lived) = (Figures::default(), Dice(account as u64), Vec::new());
    for (number, some) in targets.chunks(load.targets_of_a_request).enumerate() {
        let expires_at = Utc::now() + TimeDelta::hours(12);
        let request =
            json!({ "version": 1, "requestID": change, "expiresAt": expires_at, "targets": some })
                .to_string();
        deliver_until_it_ends(
            &local,
            function,
            &request,
            &mut dice,
            &mut figures,
            &mut lived,
        )
        .await;
        println!("  {function}: account {account}, request {number} has ended");
    }
    figures.keep(&mut lived);
    check(function, &local, targets.len());
    let journal = local.journal();
    assert!(
        journal.iter().all(|entry| !entry.unexpected),
        "something was called that nobody expects"
    );
    figures.calls = journal.len();
    figures.faults = journal
        .iter()
        .filter(|entry| entry.answer.contains("(fault "))
        .count();
    assert!(
        journal.len() <= targets.len() * load.most_calls_of_a_target,
        "{} calls",
        journal.len()
    );
    figures
}

fn servers(count: usize, change: &str) -> (World, Vec<Value>) {
    let id = |number: usize| format!("s-{number:017}");
    let world = World::with(
        (0..count).map(|number| SourceServer::new(&id(number)).tagged("drover:approved", change)),
    );
    (
        world,
        (0..count)
            .map(|number| json!({ "sourceServerID": id(number) }))
            .collect(),
    )
}

fn file_systems(count: usize) -> (World, Vec<Value>) {
    let id = |number: usize| format!("fs-{number:017x}");
    let source = |number| FileSystem {
        lifecycle_policies: vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })],
        ..FileSystem::new(&id(number))
    };
    let add = |world: World, number| world.with_file_system("us-east-1", source(number));
    let replica = json!({ "lifecycle": "copy", "accessPoints": "copy", "backup": "enabled", "policy": "copy" });
    let target = |number| json!({ "sourceFileSystemId": id(number), "destination": { "region": THERE }, "replica": replica });
    (
        (0..count).fold(World::empty(), add),
        (0..count).map(target).collect(),
    )
}

/// Each target was brought to its end, once.
fn check(function: &str, local: &Emulator, targets: usize) {
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for change in local.changes() {
        *effects.entry(change).or_default() += 1;
    }
    assert!(
        effects.values().all(|times| *times == 1),
        "once each: {effects:#?}"
    );
    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for change in effects.keys() {
        *operations
            .entry(change.split(' ').next().unwrap_or_default())
            .or_default() += 1;
    }
    let wanted: &[&str] = match function {
        DISCONNECT => &["DisconnectSourceServer", "UntagResource"],
        _ => &[
            "CreateReplicationConfiguration",
            "PutBackupPolicy",
            "PutLifecycleConfiguration",
            "TagResource",
        ],
    };
    assert_eq!(
        operations,
        wanted
            .iter()
            .map(|operation| (*operation, targets))
            .collect()
    );
    let mut world = local.world();
    if function == DISCONNECT {
        assert!(
            world
                .here()
                .source_servers
                .iter()
                .all(SourceServer::is_disconnected)
        );
    } else {
        assert_eq!(world.file_systems(THERE).count(), targets);
    }
}

/// Faults for about three calls in ten of each operation, each of some kind.
fn mischief(load: &Load, seed: usize, targets: usize) -> Vec<Fault> {
    let mut dice = Dice(seed as u64 + 1);
    let mut faults = Vec::new();
    for operation in load.calls {
        for _ in 0..load.faults_of_a_target * targets {
            // How many calls in a row meet none, where each meets one with three chances in ten.
            let skip = (0..).take_while(|_| dice.roll(10) >= 3).count();
            let skip = u32::try_from(skip).unwrap();
            faults.push(Fault {
                skip,
                ..Fault::next(operation, KINDS[dice.roll(KINDS.len())])
            });
        }
    }
    faults
}

/// Delivers a request until it is answered Ok and nothing is pending. One delivery in eight is to
/// be killed on its way, unless it ends before.
async fn deliver_until_it_ends(
    local: &Emulator,
    function: &str,
    request: &str,
    dice: &mut Dice,
    figures: &mut Figures,
    lived: &mut Vec<usize>,
) {
    let (mut told, mut killed) = (Value::Null, false);
    for _ in 0..MOST_DELIVERIES {
        figures.deliveries += 1;
        let life = if dice.roll(8) == 0 {
            Duration::from_millis(dice.roll(20_000) as u64)
        } else {
            Duration::MAX
        };
        // A process that was killed may still take the next invocation along.
        let was_killed = killed;
        let invoked = local
            .functions()
            .invoke(function, request.to_owned().into());
        let mut invoked = std::pin::pin!(invoked);
        let in_time = tokio::time::timeout(life, &mut invoked).await;
        killed = in_time.is_err() && local.functions().process_id(function).is_some_and(kill);
        if killed {
            figures.kills += 1;
            figures.keep(lived);
        }
        let ended = match in_time {
            Ok(ended) => ended,
            Err(_) => invoked.await,
        };
        lived.extend(
            local
                .functions()
                .process_id(function)
                .and_then(resident_kib),
        );
        match ended {
            Ended::Answered(body) => {
                let report: Value = serde_json::from_slice(&body).unwrap();
                match report["outcome"].as_str() {
                    Some("done" | "already_done") => return,
                    // What waits for a first sync is looked at later.
                    Some("pending") => local.advance(TimeDelta::hours(1)),
                    _ => panic!("{report}"),
                }
            }
            Ended::Failed(error) => {
                let kind = error["errorType"].as_str().unwrap_or_default();
                let expected = matches!(kind, "Retryable" | "Permanent") || (killed || was_killed);
                assert!(expected, "{error}");
                told = error;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("a request did not end in {MOST_DELIVERIES} deliveries: {told:#}");
}

/// Ends a process without a warning, as a machine does that fails. Whether there was one to end.
fn kill(process: u32) -> bool {
    std::process::Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .status()
        .is_ok_and(|status| status.success())
}

/// What Linux says a process holds in memory.
fn resident_kib(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
