//! A deterministic simulator of drover: the real functions over AWS's real clients, against a world
//! that fails, changes and waits, in virtual time. A seed is a whole story, and tells it again
//! whenever it is asked to.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a simulator that meets the unexpected is to fail loudly, and it speaks to a terminal"
)]

mod bugs;
mod calls;
mod connector;
mod dice;
mod drs;
mod efs;
mod exhaustive;
mod record;
mod report_checks;
mod run;
mod scenario;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Range, panic::AssertUnwindSafe, process::ExitCode, time::Instant};

use clap::Parser;

use crate::{
    bugs::Bug,
    exhaustive::Tally,
    record::{Ending, Figures, Violation},
    scenario::{Function, Scenario},
};

/// Simulates the functions of drover, seed by seed, and checks their invariants after every call
/// and every report.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One function only.
    #[arg(long, value_enum)]
    function: Option<Function>,
    /// Tells the story of this one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants each bug in turn, and tells by what and after how many seeds it is caught.
    #[arg(long)]
    bugs: bool,
    /// Runs every single fault at every call, a kill at every await, and every pair of faults of so
    /// many scenarios by hand.
    #[arg(long, value_name = "SCENARIOS")]
    exhaustive: Option<u64>,
}

/// After how many seeds a long run says that it is still there.
const PROGRESS: u64 = 50_000;

fn scenario(function: Function, seed: u64) -> Scenario {
    match function {
        Function::DisconnectSourceServer => drs::generate::generate(seed),
        Function::BootstrapEfsReplication => efs::generate::generate(seed),
    }
}

/// Runs a scenario; a panic of the function is a broken promise like any other.
fn run(scenario: Scenario, bug: Option<Bug>) -> Ending {
    std::panic::catch_unwind(AssertUnwindSafe(|| run::run(scenario, bug))).unwrap_or_else(|_| {
        Ending {
            violations: vec![Violation {
                invariant: 7,
                text: "a panic".to_owned(),
            }],
            narrative: Vec::new(),
            figures: Figures::default(),
            polls: 0,
            calls_to_acknowledge: 0,
        }
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen = |function: &Function| arguments.function.is_none_or(|only| only == *function);
    let functions: Vec<Function> = Function::ALL.into_iter().filter(chosen).collect();
    let held = match (arguments.seed, arguments.exhaustive) {
        (Some(seed), _) => functions.iter().all(|function| narrate(*function, seed)),
        (_, Some(pairs)) => functions.iter().all(|function| exhaust(*function, pairs)),
        _ if arguments.bugs => catch(&functions, arguments.seeds),
        _ => functions
            .iter()
            .all(|function| simulate(*function, &arguments)),
    };
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Simulates on all processors; each seed comes to the same wherever it runs.
fn simulate(function: Function, arguments: &Arguments) -> bool {
    let begun = Begun::now();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let (share, end) = (
        arguments.seeds.div_ceil(threads),
        arguments.from + arguments.seeds,
    );
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let first = (0..threads).map(|thread| arguments.from + thread * share);
        let begin =
            |first| scope.spawn(move || simulate_some(function, first..end.min(first + share)));
        let threads: Vec<_> = first.map(begin).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread that catches panics"))
            .collect()
    });
    let mut figures = Figures::default();
    parts.iter().for_each(|part| figures.add(&part.figures));
    let broken = parts.iter().map(|part| part.broken.len()).sum();
    // One story is enough to begin with; the others are told by their commands.
    parts
        .iter()
        .find_map(|part| part.first_narrative.as_ref())
        .into_iter()
        .flatten()
        .for_each(|line| println!("{line}"));
    parts
        .iter()
        .flat_map(|part| &part.broken)
        .for_each(|broken| println!("{broken}"));
    println!("{}", function.name());
    print_figures(&figures, begun, broken);
    broken == 0
}

/// What one thread's share of the seeds came to.
#[derive(Default)]
struct Part {
    figures: Figures,
    broken: Vec<String>,
    first_narrative: Option<Vec<String>>,
}

fn simulate_some(function: Function, seeds: Range<u64>) -> Part {
    let mut part = Part::default();
    for (told, seed) in (1_u64..).zip(seeds) {
        let ending = run(scenario(function, seed), None);
        part.figures.add(&ending.figures);
        for Violation { invariant, text } in &ending.violations {
            let again = again(function, seed);
            part.broken.push(format!(
                "{} seed {seed}: invariant {invariant}: {text}\n  {again}",
                function.name()
            ));
        }
        if !ending.violations.is_empty() && part.first_narrative.is_none() {
            part.first_narrative = Some(ending.narrative);
        }
        if told.is_multiple_of(PROGRESS) {
            println!(
                "{}: {told} seeds of this thread, {} violations",
                function.name(),
                part.broken.len()
            );
        }
    }
    part
}

fn print_figures(figures: &Figures, begun: Begun, broken: usize) {
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    println!("  simulations     {}", figures.simulations);
    println!(
        "  attempts        {} (killed: {})",
        figures.deliveries, figures.kills
    );
    println!(
        "  calls           {} (with an effect: {})",
        figures.calls, figures.effects
    );
    println!(
        "  faults          {} ({})",
        figures.faults.values().sum::<u64>(),
        counts(&figures.faults)
    );
    println!("  changes by others {}", figures.external_events);
    println!(
        "  targets told of {} ({})",
        figures.targets,
        counts(&figures.outcomes)
    );
    println!(
        "  virtual time    {:.1} years",
        figures.virtual_seconds as f64 / (365.25 * 86_400.0)
    );
    println!("  {begun}");
    println!("  violations      {broken}");
}

/// When something began.
#[derive(Clone, Copy)]
struct Begun {
    at: Instant,
    processor_seconds: f64,
}

impl Begun {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            processor_seconds: processor_seconds(),
        }
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processor_seconds = processor_seconds() - self.processor_seconds;
        write!(
            f,
            "wall time {:.1} s; processor time {processor_seconds:.1} s",
            self.at.elapsed().as_secs_f64()
        )
    }
}

/// What the process has used so far, where the system tells.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

/// The command that tells the story of a seed.
fn again(function: Function, seed: u64) -> String {
    format!(
        "cargo run --profile simulation --package simulation -- --function {} --seed {seed}",
        function.name()
    )
}

/// Tells the story of one seed: its world and deliveries, every call, fault, kill and report, and
/// the verdict.
fn narrate(function: Function, seed: u64) -> bool {
    let scenario = scenario(function, seed);
    println!(
        "{} seed {seed}\n\nthe deployment: {:?}, {} s",
        function.name(),
        scenario.variables,
        scenario.timeout_seconds
    );
    println!(
        "\nthe world: {}",
        serde_json::to_string_pretty(&scenario.world).unwrap_or_default()
    );
    for (number, request) in scenario.requests.iter().enumerate() {
        println!("\nrequest {number}: {:.2000}", request.payload);
    }
    println!(
        "\ndeliveries: {:#?}\nlate: {:?}",
        scenario.early, scenario.late
    );
    println!(
        "\nwhat others do: {:#?}\nafterwards: {:?}\n",
        scenario.external_events, scenario.afterwards
    );
    let ending = run(scenario, None);
    ending.narrative.iter().for_each(|line| println!("{line}"));
    println!(
        "\nviolations: {}; hash of the narrative: {:016x}",
        ending.violations.len(),
        ending.hash()
    );
    println!("again: {}", again(function, seed));
    ending.violations.is_empty()
}

fn exhaust(function: Function, pairs: u64) -> bool {
    let begun = Begun::now();
    let of = |schedules: fn(Function, u64) -> Tally, scenarios: u64| {
        let mut all = Tally::default();
        for number in 0..scenarios {
            let tally = schedules(function, number);
            all.schedules += tally.schedules;
            all.figures.add(&tally.figures);
            all.broken.extend(tally.broken);
        }
        all
    };
    let singles = of(exhaustive::single_faults, exhaustive::SCENARIOS);
    let kills = of(exhaustive::kills, exhaustive::SCENARIOS);
    let doubles = of(exhaustive::double_faults, pairs.min(exhaustive::SCENARIOS));
    println!("{}", function.name());
    for (name, tally) in [
        ("single faults", &singles),
        ("kills", &kills),
        ("pairs of faults", &doubles),
    ] {
        println!(
            "  {name}: {} schedules, {} calls, {} violations",
            tally.schedules,
            tally.figures.calls,
            tally.broken.len()
        );
        tally
            .broken
            .iter()
            .take(20)
            .for_each(|broken| println!("    {broken}"));
    }
    println!("  {begun}");
    singles.broken.is_empty() && kills.broken.is_empty() && doubles.broken.is_empty()
}

/// By which invariant a bug is caught first, and how many seeds it took.
fn first_catch(bug: Bug, seeds: u64) -> Option<(u64, Violation)> {
    (0..seeds).find_map(|seed| {
        let ending = run(scenario(bug.function(), seed), Some(bug));
        Some((seed + 1, ending.violations.into_iter().next()?))
    })
}

/// The table of planted bugs, as it stands in the README.
fn catch(functions: &[Function], seeds: u64) -> bool {
    println!(
        "| bug | function | invariant | seeds | what was told |\n| --- | --- | --- | --- | --- |"
    );
    let mut all = true;
    for bug in Bug::ALL
        .into_iter()
        .filter(|bug| functions.contains(&bug.function()))
    {
        let (words, name) = (bug.words(), bug.function().name());
        match first_catch(bug, seeds) {
            Some((seed, violation)) => {
                let told: String = violation
                    .text
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(100)
                    .collect();
                println!(
                    "| {words} | {name} | {} | {seed} | {} |",
                    violation.invariant,
                    told.replace('|', "/")
                );
            }
            None => {
                all = false;
                println!("| {words} | {name} | - | not within {seeds} | - |");
            }
        }
    }
    all
}
