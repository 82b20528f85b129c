//! Load test: many targets, worked off by the functions' own binaries over real sockets, with three
//! calls in ten faulty and a tenth of the invocations killed. Nothing is lost, nothing is done
//! twice, calls stay within their cap, and memory stays flat.
//!
//! `cargo run --package tests --example load -- [FUNCTION] [TARGETS, a multiple of ten]`

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which must fail loudly"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use emulator::{
    Binaries, Cloud, Deployment, Emulator, Fault, FaultKind, FileSystem, InvocationResult,
    SourceServer, World,
};
use futures_util::future::join_all;
use harness::binary::environment;
use serde_json::{Value, json};

/// How many accounts are worked off at once, each by a process of its own.
const ACCOUNTS: usize = 10;
/// The most deliveries that a request may need. Lambda gives up after three; a person sends it
/// again.
const MOST_DELIVERIES: u32 = 200;
/// The Region of the replicas.
const THERE: &str = "eu-west-1";

/// The load of one function.
struct Load {
    function: &'static str,
    /// How many targets a request names. It ends with a report in which all of them are done: of
    /// ten replicas, each read by a dozen calls, some read would fail every time.
    targets_of_a_request: usize,
    /// For how many calls of each kind a target there are faults.
    faults_of_a_target: usize,
    /// The most calls that a target may cost, retries of the SDK and reads of all deliveries
    /// included: a replica is read on both sides, part by part.
    most_calls_of_a_target: usize,
    /// The operations of the function.
    operations: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// An account with so many resources, approved for a change, and the targets of requests for
    /// them.
    world: fn(usize, &str) -> (World, Vec<Value>),
    /// The changes of each target.
    changes: &'static [&'static str],
    /// Whether everything is as it should be, for so many targets.
    is_done: fn(&mut World, usize) -> bool,
}

const LOADS: [Load; 2] = [
    Load {
        function: harness::DISCONNECT.name,
        targets_of_a_request: 100,
        faults_of_a_target: 4,
        most_calls_of_a_target: 15,
        operations: &[
            "DescribeSourceServers",
            "DescribeJobs",
            "DescribeRecoveryInstances",
            "DescribeRecoverySnapshots",
            "DisconnectSourceServer",
            "UntagResource",
        ],
        variables: &[
            ("MODE", "enforce"),
            ("MAX_TARGETS", "100"),
            ("MAX_SHARE_PERCENT", "100"),
        ],
        world: servers,
        changes: &["DisconnectSourceServer", "UntagResource"],
        is_done: |world, _| {
            let mut servers = world.here().source_servers.iter();
            servers.all(SourceServer::is_disconnected)
        },
    },
    Load {
        function: harness::BOOTSTRAP.name,
        targets_of_a_request: 2,
        faults_of_a_target: 6,
        most_calls_of_a_target: 250,
        operations: &[
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
        variables: &[("MODE", "enforce"), ("MAX_TARGETS", "100")],
        world: file_systems,
        changes: &[
            "CreateReplicationConfiguration",
            "PutBackupPolicy",
            "PutLifecycleConfiguration",
            "TagResource",
        ],
        is_done: |world, targets| world.efs.file_systems(THERE).count() == targets,
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

fn servers(count: usize, change: &str) -> (World, Vec<Value>) {
    let id = |number: usize| format!("s-{number:017}");
    let server = |number| SourceServer::new(&id(number)).tagged("drover:approved", change);
    let target = |number| json!({ "sourceServerID": id(number) });

    (
        World::with((0..count).map(server)),
        (0..count).map(target).collect(),
    )
}

fn file_systems(count: usize, _change: &str) -> (World, Vec<Value>) {
    let id = |number: usize| format!("fs-{number:017x}");
    let source = |number| FileSystem {
        lifecycle_policies: vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })],
        ..FileSystem::new(&id(number))
    };
    let add = |world: World, number| world.with_file_system("us-east-1", source(number));
    let replica = json!({
        "lifecycle": "copy",
        "accessPoints": "copy",
        "backup": "enabled",
        "policy": "copy",
    });
    let target = |number| {
        json!({
            "sourceFileSystemId": id(number),
            "destination": { "region": THERE },
            "replica": replica,
        })
    };

    (
        (0..count).fold(World::empty(), add),
        (0..count).map(target).collect(),
    )
}

/// The figures of one account.
#[derive(Default)]
struct Figures {
    calls: usize,
    faults: usize,
    deliveries: usize,
    kills: usize,
    /// The resident memory of a process after each of its invocations, for the one that lived
    /// longest.
    memory: Vec<usize>,
}

impl Figures {
    /// Keeps the memory of a process if no other lived longer.
    fn keep(&mut self, lived: &mut Vec<usize>) {
        if lived.len() > self.memory.len() {
            self.memory.clone_from(lived);
        }

        lived.clear();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let function = arguments.next().unwrap_or(LOADS[0].function.to_owned());
    let targets: usize = arguments
        .next()
        .map_or(10_000, |text| text.parse().unwrap());
    assert!(
        targets > 0 && targets.is_multiple_of(ACCOUNTS),
        "{targets} is no multiple of {ACCOUNTS}"
    );
    let load = LOADS.into_iter().find(|load| load.function == function);
    let load = load.unwrap_or_else(|| panic!("{function} is no function"));

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = Binaries::around(root).unwrap().find(&function).unwrap();
    let binaries = Binaries::Fixed([(function.clone(), binary)].into());
    let start = Instant::now();
    let accounts = (0..ACCOUNTS).map(|account| {
        let binaries = binaries.clone();
        work_off(&load, account, targets / ACCOUNTS, binaries)
    });
    let all = join_all(accounts).await;

    let minutes = start.elapsed().as_secs() / 60;
    println!("{function}: {targets} targets in {minutes} minutes");
    print_figures(&all, targets);
    check_memory(&all);
}

fn print_figures(all: &[Figures], targets: usize) {
    let sum = |figure: fn(&Figures) -> usize| all.iter().map(figure).sum::<usize>();
    let (calls, faults) = (sum(|it| it.calls), sum(|it| it.faults));
    let (deliveries, kills) = (sum(|it| it.deliveries), sum(|it| it.kills));
    let calls_of_a_target = calls as f64 / targets as f64;

    println!("  {calls} calls, {faults} of them faulty; {calls_of_a_target:.1} calls a target");
    println!("  {deliveries} deliveries, {kills} of them killed");
    println!("  nothing lost, nothing done twice");
}

/// The first invocations fill caches and the allocator; after them memory must not grow.
fn check_memory(all: &[Figures]) {
    let longest = all.iter().map(|it| &it.memory).max_by_key(|it| it.len());
    let memory = longest.unwrap();
    let invocations = memory.len();
    println!("  KiB resident after each of {invocations} invocations of a process: {memory:?}");

    let [_, _, third, .., last] = memory.as_slice() else {
        panic!("too few invocations of one process")
    };
    assert!(
        last * 10 <= third * 12,
        "memory grew from {third} to {last} KiB"
    );
}

/// One account full of resources, worked off by several requests, one after the other.
async fn work_off(load: &Load, account: usize, targets: usize, binaries: Binaries) -> Figures {
    let function = load.function;
    let change = format!("CHG{account}");
    let (world, targets) = (load.world)(targets, &change);
    let deployment = Deployment {
        timeout_seconds: 900,
        environment: environment(load.variables),
    };
    let world = World {
        faults: faults(load, account, targets.len()),
        functions: [(function.to_owned(), deployment)].into(),
        ..world
    };
    let local = Emulator::start(Cloud::new(world), 0, binaries).await;
    let mut sender = Sender {
        function,
        local: local.unwrap(),
        // The process of one account lives as long as the load, and shows what it keeps.
        kills: account > 0,
        dice: Dice(account as u64),
        figures: Figures::default(),
        lived: Vec::new(),
    };

    for (number, targets) in targets.chunks(load.targets_of_a_request).enumerate() {
        let request = json!({
            "version": 1,
            "requestID": change,
            "expiresAt": Utc::now() + TimeDelta::hours(12),
            "targets": targets,
        });
        sender.deliver_until_it_ends(&request.to_string()).await;
        println!("  {function}: account {account}, request {number} has ended");
    }

    sender.figures(load, targets.len())
}

/// Faults for about three calls in ten of each operation, each of some kind.
fn faults(load: &Load, seed: usize, targets: usize) -> Vec<Fault> {
    let mut dice = Dice(seed as u64 + 1);
    let mut faults = Vec::new();
    for operation in load.operations {
        for _ in 0..load.faults_of_a_target * targets {
            // How many calls in a row meet none, where each meets one with three chances in ten.
            let skip = (0..).take_while(|_| dice.roll(10) >= 3).count();
            let kind = KINDS[dice.roll(KINDS.len())];
            faults.push(Fault {
                skip: u32::try_from(skip).unwrap(),
                ..Fault::next(operation, kind)
            });
        }
    }

    faults
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

/// Sends requests to a function, and kills its process now and then.
struct Sender {
    function: &'static str,
    local: Emulator,
    /// Whether processes are killed.
    kills: bool,
    dice: Dice,
    figures: Figures,
    /// The resident memory of the current process after each of its invocations.
    lived: Vec<usize>,
}

impl Sender {
    /// Delivers a request until it is answered Ok and nothing is pending.
    async fn deliver_until_it_ends(&mut self, request: &str) {
        let (mut last, mut was_killed) = (Value::Null, false);
        for _ in 0..MOST_DELIVERIES {
            let (ended, killed) = self.deliver(request).await;
            match ended {
                InvocationResult::Answered(body) => {
                    let report: Value = serde_json::from_slice(&body).unwrap();
                    match report["outcome"].as_str() {
                        Some("done" | "already_done") => return,
                        // A first sync takes its time.
                        Some("pending") => self.local.advance(TimeDelta::hours(1)),
                        _ => panic!("{report}"),
                    }
                }
                InvocationResult::Failed(error) => {
                    let kind = error["errorType"].as_str().unwrap_or_default();
                    let is_reported = matches!(kind, "Retryable" | "Permanent");
                    // A process that was killed may still take the next invocation along.
                    assert!(is_reported || killed || was_killed, "{error}");
                    last = error;
                }
                other => panic!("{other:?}"),
            }
            was_killed = killed;
        }

        panic!("a request did not end in {MOST_DELIVERIES} deliveries: {last:#}");
    }

    /// One delivery, and whether its process was killed on the way: one in three, unless it ends
    /// before, so that at least a tenth of all is killed.
    async fn deliver(&mut self, request: &str) -> (InvocationResult, bool) {
        self.figures.deliveries += 1;
        let life = if self.kills && self.dice.roll(3) == 0 {
            Duration::from_millis(self.dice.roll(10_000) as u64)
        } else {
            Duration::MAX
        };

        let functions = self.local.functions();
        let invoked = functions.invoke(self.function, request.to_owned().into());
        let mut invoked = std::pin::pin!(invoked);
        let in_time = tokio::time::timeout(life, &mut invoked).await;
        let process = self.local.functions().process_id(self.function);
        let killed = in_time.is_err() && process.is_some_and(kill);
        if killed {
            self.figures.kills += 1;
            self.figures.keep(&mut self.lived);
        }

        let ended = match in_time {
            Ok(ended) => ended,
            Err(_) => invoked.await,
        };
        let process = self.local.functions().process_id(self.function);
        self.lived.extend(process.and_then(resident_kib));

        (ended, killed)
    }

    /// Checks that every target is done once, and returns the figures.
    fn figures(mut self, load: &Load, targets: usize) -> Figures {
        self.figures.keep(&mut self.lived);
        check_changes(load, &self.local, targets);
        assert!((load.is_done)(&mut self.local.world(), targets));

        let journal = self.local.journal();
        let unexpected = journal.iter().find(|entry| entry.unexpected);
        assert!(unexpected.is_none(), "{unexpected:?}");
        let most = targets * load.most_calls_of_a_target;
        assert!(journal.len() <= most, "{} calls", journal.len());

        let faulty = journal
            .iter()
            .filter(|entry| entry.answer.contains("(fault "));
        Figures {
            calls: journal.len(),
            faults: faulty.count(),
            ..self.figures
        }
    }
}

/// Each target was changed once in each way.
fn check_changes(load: &Load, local: &Emulator, targets: usize) {
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for change in local.changes() {
        *effects.entry(change).or_default() += 1;
    }
    let is_once = effects.values().all(|times| *times == 1);
    assert!(is_once, "once each: {effects:#?}");

    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for change in effects.keys() {
        let operation = change.split(' ').next().unwrap_or_default();
        *operations.entry(operation).or_default() += 1;
    }
    let expected = load.changes.iter().map(|operation| (*operation, targets));
    assert_eq!(operations, expected.collect());
}

/// Ends a process without a warning, as a machine does that fails. Whether there was one to end.
fn kill(process: u32) -> bool {
    std::process::Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .status()
        .is_ok_and(|status| status.success())
}

/// The resident memory of a process, where Linux shows it.
fn resident_kib(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;

    line.split_whitespace().next()?.parse().ok()
}
