//! Deterministic simulation testing: runs the functions of drover in virtual time against injected
//! faults, crashes and concurrent operators, and checks their invariants after every call and every
//! report. A seed always gives the same run.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a simulator that meets the unexpected must fail loudly, and it prints to a terminal"
)]

mod audit;
mod auditor;
mod bugs;
mod calls;
mod connector;
mod constants;
mod coverage;
mod dice;
mod drs;
mod efs;
mod exhaustive;
mod fault_checks;
mod judge;
mod judgement;
mod lasting;
mod mistakes;
mod narrative;
mod record;
mod report_checks;
mod run;
mod scenario;
mod seeds;
mod stopwatch;
mod story;
#[cfg(test)]
mod tests;
mod trouble;
mod virtual_time;
mod way;
mod wording;

use std::{collections::BTreeMap, process::ExitCode};

use clap::Parser;

use crate::{
    exhaustive::Tally,
    narrative::{Line, until_violation},
    record::{Figures, Subject, Violation},
    seeds::{FUNCTION, Kind},
    stopwatch::Stopwatch,
    way::{WAY, scale},
};

/// Every function in the simulator.
static SUBJECTS: [&Subject; 2] = [&drs::SUBJECT, &efs::SUBJECT];

/// How many violations of one kind of schedule are printed.
const MOST_PRINTED: usize = 20;

/// How a narrative is read.
const HOW_TO_READ: &str = "seconds, then what happened: a call shows its Region, operation, resource and answer, and CHANGED if it had an effect";

/// Simulates the functions of drover and checks their invariants after every call and every report.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run the whole way, from the event that is put to the result that is told: the template with
    /// its rules, queues, topics and machines.
    #[arg(long, conflicts_with_all = ["bugs", "exhaustive"])]
    way: bool,
    /// Run one function only.
    #[arg(long, value_parser = subject)]
    function: Option<&'static Subject>,
    /// Show everything that happens in the run of this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Plant each bug in turn; show which invariant catches it, and after how many seeds.
    #[arg(long)]
    bugs: bool,
    #[command(flatten)]
    fleet: scale::Arguments,
    /// Run every fault at every call and a kill at every await of the scenarios written by hand, and
    /// every pair of faults of so many of them.
    #[arg(long, value_name = "SCENARIOS")]
    exhaustive: Option<u64>,
}

impl Arguments {
    fn kind(&self) -> Kind {
        if self.way { WAY } else { FUNCTION }
    }
}

fn subject(name: &str) -> Result<&'static Subject, String> {
    let found = SUBJECTS.into_iter().find(|subject| subject.name() == name);

    found.ok_or_else(|| format!("functions: {}", SUBJECTS.map(Subject::name).join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let subjects = match arguments.function {
        Some(subject) => vec![subject],
        None => SUBJECTS.to_vec(),
    };

    // Fleets at scale, one seed in full, all schedules, planted bugs, or many seeds.
    let holds = if arguments.fleet.fleet {
        scale::run(arguments.fleet, arguments.seed.unwrap_or_default())
    } else if let Some(seed) = arguments.seed {
        subjects
            .iter()
            .all(|subject| show(arguments.kind(), subject, seed))
    } else if let Some(pairs) = arguments.exhaustive {
        subjects.iter().all(|subject| exhaust(subject, pairs))
    } else if arguments.bugs {
        plant_bugs(&subjects, arguments.seeds)
    } else {
        subjects.iter().all(|subject| simulate(subject, &arguments))
    };

    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn simulate(subject: &'static Subject, arguments: &Arguments) -> bool {
    let stopwatch = Stopwatch::start();
    let end = arguments.from + arguments.seeds;
    let results = seeds::run_all(arguments.kind(), subject, arguments.from..end);

    // A run that fails is about what fails, and its figures would only be in the way.
    if let Some((seed, narrative)) = &results.first_narrative {
        tell_failure(arguments.kind(), subject, *seed, narrative);
        let (failing, all) = (results.violations.len(), arguments.seeds);
        if failing > 1 {
            println!("\nThe first violation of each failing seed:");
            print_lines(results.violations.iter().take(MOST_PRINTED));
        }
        println!("\n{}: {failing} failing seeds of {all}", subject.name());
        return false;
    }
    println!("{}", subject.name());
    print_figures(&results.figures);
    println!("  {stopwatch}");
    println!("  failing seeds   0");

    // In a short run much is left to chance.
    let (missing, enough) = match arguments.way {
        true => (
            way::coverage::never_happened(subject, &results.figures.hops),
            way::coverage::ENOUGH_SEEDS,
        ),
        false => (
            coverage::never_happened(subject, &results.figures),
            coverage::ENOUGH_SEEDS,
        ),
    };
    let is_long = arguments.seeds >= enough;
    for missing in &missing {
        println!("  never happened  {missing}");
    }
    missing.is_empty() || !is_long
}

/// Tells the first failing seed up to what is wrong.
fn tell_failure(kind: Kind, subject: &'static Subject, seed: u64, narrative: &[Line]) {
    let command = seeds::command(kind, subject, seed);

    println!("{} seed {seed} fails\n", subject.name());
    let wrong = narrative::first_violation(narrative);
    println!("{}\n", wrong.map_or("", |line| line.text.trim_start()));
    print_lines(&(kind.tell)(&(subject.generate)(seed)));
    println!("\n{HOW_TO_READ}\n");
    print_lines(&until_violation(narrative, &command));
}

fn print_lines<'a>(lines: impl IntoIterator<Item = &'a String>) {
    for line in lines {
        println!("{line}");
    }
}

fn print_figures(figures: &Figures) {
    let Figures {
        simulations,
        deliveries,
        kills,
        calls,
        effects,
        external_events,
        targets,
        judged,
        requested,
        changed,
        ..
    } = figures;
    let faults: u64 = figures.faults.values().sum();
    let kinds = counts(&figures.faults);
    let outcomes = counts(&figures.outcomes);
    let years = figures.virtual_seconds as f64 / (365.25 * 86_400.0);

    println!("  simulations     {simulations}");
    println!("  attempts        {deliveries} (killed: {kills}, judged: {judged})");
    println!("  calls           {calls} (with an effect: {effects})");
    println!("  faults          {faults} ({kinds})");
    println!("  external events {external_events}");
    println!("  results         {targets} ({outcomes})");
    println!("  reasons         {}", counts(&figures.reasons));
    println!("  targets         {requested} (changed: {changed})");
    println!("  steps           {}", counts(&figures.steps));
    println!("  switches        {}", counts(&figures.switches));
    println!("  events          {}", counts(&figures.events));
    if !figures.findings.is_empty() {
        println!("  findings        {}", counts(&figures.findings));
    }
    if !figures.hops.is_empty() {
        println!("  hops            {}", counts(&figures.hops));
    }
    println!("  virtual time    {years:.1} years");
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();

    counts.join(", ")
}

/// Shows the run of one seed: its world and deliveries, every call, fault, kill and report, and the
/// verdict.
fn show(kind: Kind, subject: &'static Subject, seed: u64) -> bool {
    let scenario = (subject.generate)(seed);
    let world = serde_json::to_string_pretty(&scenario.world).unwrap_or_default();
    let told = (kind.tell)(&scenario);
    let ending = (kind.run)(subject, seed);

    println!("{} seed {seed}\n\nworld: {world}\n", subject.name());
    print_lines(&told);
    println!("\n{HOW_TO_READ}\n");
    print_lines(ending.narrative.iter().map(|line| &line.text));

    // What is wrong stands at the end, where the eye is.
    println!("\nviolations: {}", ending.violations.len());
    print_lines(
        &ending
            .violations
            .iter()
            .map(Violation::in_words)
            .collect::<Vec<_>>(),
    );
    println!("hash of the narrative: {:016x}", ending.hash());
    println!("again: {}", seeds::command(kind, subject, seed));

    ending.violations.is_empty()
}

fn exhaust(subject: &'static Subject, pairs: u64) -> bool {
    let stopwatch = Stopwatch::start();
    let of_scenarios = |schedules: fn(&'static Subject, u64) -> Tally, scenarios: u64| {
        let mut all = Tally::default();
        for number in 0..scenarios {
            all.append(schedules(subject, number));
        }
        all
    };
    let pairs = pairs.min(exhaustive::SCENARIOS);
    let tallies = [
        (
            "single faults",
            of_scenarios(exhaustive::single_faults, exhaustive::SCENARIOS),
        ),
        (
            "kills",
            of_scenarios(exhaustive::kills, exhaustive::SCENARIOS),
        ),
        (
            "pairs of faults",
            of_scenarios(exhaustive::double_faults, pairs),
        ),
    ];

    println!("{}", subject.name());
    for (name, tally) in &tallies {
        let (schedules, calls) = (tally.schedules, tally.figures.calls);
        let violations = tally.violations.len();
        println!("  {name}: {schedules} schedules, {calls} calls, {violations} violations");
        print_lines(tally.violations.iter().take(MOST_PRINTED));
    }
    println!("  {stopwatch}");

    tallies.iter().all(|(_, tally)| tally.violations.is_empty())
}

/// Prints the table of planted bugs, as the README has it.
fn plant_bugs(subjects: &[&'static Subject], seeds: u64) -> bool {
    println!("| bug | function | invariant | seeds | violation |");
    println!("| --- | --- | --- | --- | --- |");

    let mut all_caught = true;
    for subject in subjects {
        for bug in subject.bugs {
            let (bug_name, name) = (bug.name, subject.name());
            if let Some((seed, violation)) = seeds::first_catch(subject, bug, seeds) {
                let (invariant, text) = (violation.invariant, summary(&violation));
                println!("| {bug_name} | {name} | {invariant} | {seed} | {text} |");
            } else {
                all_caught = false;
                println!("| {bug_name} | {name} | - | not within {seeds} | - |");
            }
        }
    }

    all_caught
}

/// The start of a violation, as a cell of a table.
fn summary(violation: &Violation) -> String {
    let first = violation.text.split(';').next().unwrap_or_default();
    let start: String = first.chars().take(100).collect();

    start.replace('|', "/")
}
