//! Runs many seeds on all processors. A seed gives the same result wherever it runs.

use std::ops::Range;

use crate::{
    narrative::Line,
    record::{Bug, Ending, Figures, Subject, Violation},
    run::run,
    scenario::Scenario,
    story,
};

/// The most letters of a violation in a list of many.
const LONGEST: usize = 200;

/// After how many seeds a thread of a long run shows its progress.
const PROGRESS: u64 = 50_000;

/// A kind of simulation.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// What the command has for it.
    pub(crate) flag: &'static str,
    /// What is decided before it begins, for whoever reads it.
    pub(crate) tell: fn(&Scenario) -> Vec<String>,
    pub(crate) run: fn(&'static Subject, u64) -> Ending,
}

/// The function alone, with deliveries played by hand.
pub(crate) const FUNCTION: Kind = Kind {
    flag: "",
    tell: story::scenario,
    run: |subject, seed| run_seed(subject, seed, None),
};

/// The results of many seeds.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) figures: Figures,
    /// The first violation of each seed that has one.
    pub(crate) violations: Vec<String>,
    /// The first seed with a violation, and its narrative.
    pub(crate) first_narrative: Option<(u64, Vec<Line>)>,
}

/// Runs the scenario of a seed.
pub(crate) fn run_seed(subject: &'static Subject, seed: u64, bug: Option<&'static Bug>) -> Ending {
    run(subject, (subject.generate)(seed), bug)
}

/// The command that shows the narrative of a seed.
pub(crate) fn command(kind: Kind, subject: &Subject, seed: u64) -> String {
    let (flag, name) = (kind.flag, subject.name());
    let cargo = "cargo run --profile simulation --package simulation --";

    format!("{cargo} {flag}--function {name} --seed {seed}")
}

/// Runs a range of seeds, an equal share on each processor.
pub(crate) fn run_all(kind: Kind, subject: &'static Subject, seeds: Range<u64>) -> Results {
    // Simulations share nothing, so each processor takes a part of the seeds.
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let share = (seeds.end - seeds.start).div_ceil(threads).max(1);

    let parts: Vec<Results> = std::thread::scope(|scope| {
        let running: Vec<_> = (seeds.start..seeds.end)
            .step_by(usize::try_from(share).unwrap_or(usize::MAX))
            .map(|first| first..seeds.end.min(first + share))
            .map(|part| scope.spawn(move || run_some(kind, subject, part)))
            .collect();

        running
            .into_iter()
            .map(|thread| thread.join().expect("panics are caught inside"))
            .collect()
    });

    // The narrative of the lowest failing seed is kept.
    let mut all = Results::default();
    for part in parts {
        all.figures.add(&part.figures);
        all.violations.extend(part.violations);
        all.first_narrative = all.first_narrative.or(part.first_narrative);
    }

    all
}

fn run_some(kind: Kind, subject: &'static Subject, seeds: Range<u64>) -> Results {
    let name = subject.name();
    let mut results = Results::default();
    for (count, seed) in (1_u64..).zip(seeds) {
        let ending = (kind.run)(subject, seed);
        results.figures.add(&ending.figures);

        // The others of a seed mostly follow from its first.
        if let Some(Violation { invariant, text }) = ending.violations.first() {
            let start: String = text.chars().take(LONGEST).collect();
            let line = format!("seed {seed}: invariant {invariant}: {start}");
            results.violations.push(line);
            results
                .first_narrative
                .get_or_insert((seed, ending.narrative));
        }

        if count.is_multiple_of(PROGRESS) {
            let violations = results.violations.len();
            println!("{name}: {count} seeds of this thread, {violations} violations");
        }
    }

    results
}

/// The violation by which a bug is caught first, and after how many seeds.
pub(crate) fn first_catch(
    subject: &'static Subject,
    bug: &'static Bug,
    seeds: u64,
) -> Option<(u64, Violation)> {
    (0..seeds).find_map(|seed| {
        let ending = run_seed(subject, seed, Some(bug));
        let first = ending.violations.into_iter().next()?;
        Some((seed + 1, first))
    })
}
