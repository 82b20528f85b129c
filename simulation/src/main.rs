//! A deterministic simulator of drover: the real functions over AWS's real clients, against a world that fails, changes
//! and waits, in virtual time. A seed is a whole story, and tells it again whenever it is asked to.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a simulator that meets the unexpected is to fail loudly; indexing JSON never panics"
)]

mod bugs;
mod drs;
mod efs;
mod engine;
mod scenario;

use std::{panic::AssertUnwindSafe, process::ExitCode, time::Instant};

use clap::Parser;

use crate::{
    bugs::Bug,
    engine::{Ending, Figures, Violation},
    scenario::{Function, Scenario},
};

/// Simulates the functions of drover, seed by seed, and checks their invariants after every call and every report.
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
}

fn scenario(function: Function, seed: u64) -> Scenario {
    match function {
        Function::DisconnectSourceServer => drs::generate(seed),
        Function::BootstrapEfsReplication => efs::generate(seed),
    }
}

/// Runs a scenario; a panic of the function is a broken promise like any other.
fn run(scenario: Scenario, bug: Option<Bug>) -> Ending {
    std::panic::catch_unwind(AssertUnwindSafe(|| engine::run(scenario, bug))).unwrap_or_else(|_| Ending {
        violations: vec![Violation { invariant: 7, text: "a panic".to_owned() }],
        story: Vec::new(),
        figures: Figures::default(),
        polls: 0,
        calls_to_acknowledge: 0,
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let functions: Vec<Function> =
        Function::ALL.into_iter().filter(|of| arguments.function.is_none_or(|only| only == *of)).collect();
    if let Some(seed) = arguments.seed {
        functions.iter().for_each(|function| tell(*function, seed));
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let mut broken = 0;
    for function in functions {
        let mut figures = Figures::default();
        for seed in arguments.from..arguments.from + arguments.seeds {
            let ending = run(scenario(function, seed), None);
            figures.add(&ending.figures);
            for violation in &ending.violations {
                broken += 1;
                if broken < 40 {
                    println!("{} seed {seed}: invariant {}: {}", function.name(), violation.invariant, violation.text);
                }
            }
        }
        println!("{function:?} {figures:#?}");
    }
    println!("{:?} wall", begun.elapsed());
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(function: Function, seed: u64) {
    let scenario = scenario(function, seed);
    println!("{scenario:#?}");
    let ending = run(scenario, None);
    ending.story.iter().for_each(|line| println!("{line}"));
}
