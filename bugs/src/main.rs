//! Plants realistic bugs in a copy of the repository, one at a time, and says which level of its
//! tests notices each.

#![expect(clippy::print_stdout, reason = "it prints to a terminal")]

mod bug;
mod level;
mod list;
mod process;
mod results;
mod tree;
mod verdict;

use std::{process::ExitCode, thread, time::Instant};

use anyhow::{Result, bail};
use clap::Parser;

use crate::{
    bug::Bug,
    level::{Level, Outcome},
    results::{Levels, Results},
    tree::Tree,
    verdict::TESTS,
};

/// Plants realistic bugs in a copy of the repository, one at a time, and says which level of its
/// tests notices each.
#[derive(Debug, Parser)]
struct Arguments {
    /// Plant only bugs whose name or file contains this text, or one of several.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Run this level alone.
    #[arg(long)]
    level: Option<Level>,
    /// How many seeds the simulator runs for each bug.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Forget what earlier runs found.
    #[arg(long)]
    again: bool,
    /// Print what each level came to last as a table of Markdown, and plant nothing.
    #[arg(long)]
    table: bool,
}

/// No bug: with it every level has to pass, or it would seem to notice each one.
const NOTHING: Bug = Bug {
    name: "nothing",
    file: "shared/src/lib.rs",
    from: "",
    to: "",
};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let tree = Tree::find()?;
    let results = Results::read(&tree, arguments.seeds, arguments.again)?;

    let is_chosen = |bug: &&Bug| {
        let contains = |text: &String| bug.name.contains(text) || bug.file.contains(text);
        arguments.only.is_empty() || arguments.only.iter().any(contains)
    };
    let bugs: Vec<&Bug> = list::all().filter(is_chosen).collect();
    // The table is of what is known, so nothing is planted for it.
    if arguments.table {
        let known = bugs.iter().map(|bug| (*bug, results.last_of_bug(bug)));
        print!("{}", verdict::table(known));
        return Ok(ExitCode::SUCCESS);
    }

    let _lock = tree.refresh()?;
    check_passes(&tree, &results, &arguments)?;
    for (number, bug) in (1..).zip(&bugs) {
        let start = Instant::now();
        try_bug(bug, &tree, &results, &arguments)?;

        // A line for each as it ends: a run that is cut has said what it found.
        let words = verdict::in_words(&results.of_bug(bug));
        let (total, seconds) = (bugs.len(), start.elapsed().as_secs());
        println!("{number}/{total} {}: {words} [{seconds} s]", bug.name);
    }

    let found: Vec<(&Bug, Levels)> = bugs.iter().map(|bug| (*bug, results.of_bug(bug))).collect();
    println!("\n{}", verdict::summary(&found));
    // One level alone says nothing of the others.
    let is_missed = |(_, levels): &(&Bug, Levels)| match arguments.level {
        Some(_) => !verdict::is_noticed(levels),
        None => verdict::survives(levels),
    };
    Ok(match found.iter().any(is_missed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Runs the levels without a bug.
fn check_passes(tree: &Tree, results: &Results, arguments: &Arguments) -> Result<()> {
    println!("without a bug, at {}:", tree.commit);
    run_levels(&NOTHING, tree, results, arguments)?;

    let levels = results.of_bug(&NOTHING);
    if verdict::is_noticed(&levels) {
        bail!("the code does not pass: {}", verdict::in_words(&levels));
    }
    println!("everything passes");
    Ok(())
}

/// Plants a bug and runs the levels of which nothing is known yet.
fn try_bug(bug: &Bug, tree: &Tree, results: &Results, arguments: &Arguments) -> Result<()> {
    // Planting it would have cargo build once more.
    if !verdict::is_open(&results.of_bug(bug), arguments.level) {
        return Ok(());
    }

    let _planted = tree.plant(bug)?;

    run_levels(bug, tree, results, arguments)
}

fn run_levels(bug: &Bug, tree: &Tree, results: &Results, arguments: &Arguments) -> Result<()> {
    let is_wanted = |level: &Level| arguments.level.is_none_or(|only| only == *level);
    let run = |level: Level| run_level(level, bug, tree, results);

    // The simulator has a profile of its own, and so is built and run beside the tests.
    thread::scope(|scope| {
        let simulator = scope.spawn(|| match is_wanted(&Level::Simulator) {
            true => run(Level::Simulator).map(drop),
            false => Ok(()),
        });

        let mut tests = Ok(());
        for level in TESTS.into_iter().filter(is_wanted) {
            match run(level) {
                Ok(false) => {}
                // What a test notices, dearer ones need not.
                Ok(true) => break,
                Err(error) => {
                    tests = Err(error);
                    break;
                }
            }
        }

        match simulator.join() {
            Ok(simulated) => tests.and(simulated),
            Err(_) => bail!("the simulator's thread panicked"),
        }
    })
}

/// Runs a level unless its result is known; whether the bug is noticed by it.
fn run_level(level: Level, bug: &Bug, tree: &Tree, results: &Results) -> Result<bool> {
    let known = results.of_bug(bug);
    if let Some(noticed) = known.get(&level).or_else(|| known.get(&Level::Compiler)) {
        return Ok(noticed.is_some());
    }

    let start = Instant::now();
    let outcome = tree.run(level, bug.file, results.seeds)?;
    let seconds = start.elapsed().as_secs();
    match outcome {
        Outcome::Passed => results.add(bug, level, None, seconds)?,
        Outcome::Noticed(what) => {
            results.add(bug, level, Some(what), seconds)?;
            return Ok(true);
        }
        Outcome::Unbuilt(error) => {
            results.add(bug, Level::Compiler, Some(error), seconds)?;
            return Ok(true);
        }
    }
    Ok(false)
}
