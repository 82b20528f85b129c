//! The levels at which a bug may be noticed, and how each is run.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    process::{Ending, run},
    tree::Tree,
};

/// How long a build may take; the first one builds the SDKs.
const BUILD: Duration = Duration::from_mins(30);
/// How long unit tests may take, which take seconds.
const UNIT: Duration = Duration::from_mins(2);
/// How long the tests of a level may take otherwise.
const TESTS: Duration = Duration::from_mins(5);
/// How long a batch of seeds may take.
const SEEDS: Duration = Duration::from_mins(10);

/// A level at which a bug may be noticed, from the cheapest to the dearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// The code does not build; every other level finds that out.
    #[value(skip)]
    Compiler,
    /// The unit tests of the crate.
    Unit,
    /// Deterministic simulation testing.
    Simulator,
    /// The tests that cross crates: scenarios, roles, hostile text, documents.
    Scenarios,
    /// The functions' own binaries over the Runtime API.
    Binary,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}");
        f.write_str(&name.to_lowercase())
    }
}

/// What a level came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything passed.
    Passed,
    /// It failed, by this test or violation.
    Noticed(String),
    /// The code does not build, for this reason.
    Unbuilt(String),
}

/// A program that was built to test, and the crate that it belongs to.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    package: PathBuf,
    target: String,
    is_library: bool,
}

impl Tree {
    /// Runs a level over the code as it is, as far as a change of this file may matter to it.
    ///
    /// # Errors
    ///
    /// When a program cannot be started.
    pub(crate) fn run(&self, level: Level, file: &str, seeds: u64) -> Result<Outcome> {
        let folder = room(file);
        match level {
            // What does not build is found by building for the others.
            Level::Compiler => Ok(Outcome::Passed),
            Level::Unit => self.test(&["--lib"], UNIT, |program| {
                program.is_library && program.package == self.root.join(folder)
            }),
            Level::Scenarios => self.test(&["--test", "tests"], TESTS, |program| {
                program.package == self.root.join("tests")
            }),
            Level::Binary => self.test(&["--test", "binary"], TESTS, |program| {
                let functions = functions(file).into_iter();
                let mut folders = functions.map(|name| self.root.join("functions").join(name));
                program.target == "binary" && folders.any(|folder| folder == program.package)
            }),
            Level::Simulator => self.simulate(file, seeds),
        }
    }

    /// Builds test targets of the whole workspace, whose features are those of every other build,
    /// and runs some of them until one fails.
    fn test(
        &self,
        targets: &[&str],
        limit: Duration,
        which: impl Fn(&Program) -> bool,
    ) -> Result<Outcome> {
        let mut command = self.cargo("test");
        command.args(["--workspace", "--no-run"]).args(targets);
        let programs = match build(command)? {
            Ok(programs) => programs,
            Err(error) => return Ok(Outcome::Unbuilt(error)),
        };

        for program in programs.iter().filter(|program| which(program)) {
            // Where cargo would run them, and with what it would tell them.
            let mut tests = Command::new(&program.path);
            tests
                .current_dir(&program.package)
                .env("CARGO_MANIFEST_DIR", &program.package)
                .env("CARGO_TARGET_DIR", &self.target);

            // One test that fails is enough.
            let failed = |line: &str| line.starts_with("test ") && line.ends_with("FAILED");
            match run(&mut tests, limit, failed)? {
                Ending::Exited { success: true } => {}
                Ending::Exited { success: false } => {
                    return Ok(Outcome::Noticed("the tests crash".to_owned()));
                }
                Ending::Stopped(line) => return Ok(Outcome::Noticed(test_name(&line))),
                Ending::TimedOut => return Ok(Outcome::Noticed("the tests hang".to_owned())),
            }
        }
        Ok(Outcome::Passed)
    }

    /// Runs seeds in batches that grow: most bugs that are caught at all are caught early.
    fn simulate(&self, file: &str, seeds: u64) -> Result<Outcome> {
        // Unoptimised, the seeds would take minutes.
        let mut command = self.cargo("build");
        command.args(["--profile", "simulation", "--package", "simulation"]);
        let programs = match build(command)? {
            Ok(programs) => programs,
            Err(error) => return Ok(Outcome::Unbuilt(error)),
        };
        let Some(simulator) = programs.iter().find(|it| it.target == "simulation") else {
            return Ok(Outcome::Unbuilt("no simulator was built".to_owned()));
        };

        let mut from = 0;
        for end in [seeds / 50, seeds / 5, seeds] {
            // Each batch goes on where the last one ended.
            for function in functions(file) {
                for kind in kinds(file) {
                    let mut command = Command::new(&simulator.path);
                    let range = [from, end - from].map(|number| number.to_string());
                    let [from, count] = &range;
                    command.args(["--function", function, "--from", from, "--seeds", count]);
                    command.args(*kind);
                    if let Some(noticed) = simulated(&mut command)? {
                        return Ok(Outcome::Noticed(noticed));
                    }
                }
            }
            from = end;
        }
        Ok(Outcome::Passed)
    }

    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new("cargo");

        // Incremental also where the profile is optimised: one file changes between two builds.
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "1")
            .args([subcommand, "--locked", "--message-format", "json"]);
        command
    }
}

/// What a batch of seeds notices.
fn simulated(command: &mut Command) -> Result<Option<String>> {
    let is_violation = |line: &str| line.contains(": invariant ");

    Ok(match run(command, SEEDS, is_violation)? {
        Ending::Exited { success: true } => None,
        Ending::Exited { success: false } => Some("the simulator crashes".to_owned()),
        Ending::Stopped(line) => Some(violation(&line)),
        Ending::TimedOut => Some("a seed hangs".to_owned()),
    })
}

/// The programs that a command of cargo's built, or the first error of the compiler.
fn build(mut command: Command) -> Result<Result<Vec<Program>, String>> {
    let mut programs = Vec::new();
    let mut error = None;

    // The first error is the one to read; the others often follow from it.
    let ending = run(&mut command, BUILD, |line| {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        programs.extend(read_program(&message));
        error = error.take().or_else(|| read_error(&message));
        false
    })?;
    Ok(match ending {
        Ending::Exited { success: true } => Ok(programs),
        _ => Err(error.unwrap_or_else(|| "cargo fails".to_owned())),
    })
}

fn read_program(message: &Value) -> Option<Program> {
    let target = message.get("target")?;
    let manifest = Path::new(message.get("manifest_path")?.as_str()?);
    let kinds = target.get("kind")?.as_array()?;

    Some(Program {
        path: message.get("executable")?.as_str()?.into(),
        package: manifest.parent()?.to_owned(),
        target: target.get("name")?.as_str()?.to_owned(),
        is_library: kinds.iter().any(|kind| kind == "lib"),
    })
}

fn read_error(message: &Value) -> Option<String> {
    let message = message.get("message")?;
    let is_error = message.get("level")?.as_str()? == "error";
    let text = message.get("message")?.as_str()?;

    is_error.then(|| text.to_owned())
}

/// The folder of the crate that a file belongs to.
fn room(file: &str) -> &str {
    file.split_once("/src/").map_or(file, |(room, _)| room)
}

/// The functions that a file may matter to.
fn functions(file: &str) -> Vec<&'static str> {
    let [disconnect, bootstrap] = ["disconnect-source-server", "bootstrap-efs-replication"];

    match file {
        _ if file.contains(disconnect) || file.contains("/drs/") => vec![disconnect],
        _ if file.contains(bootstrap) || file.contains("/efs/") => vec![bootstrap],
        _ => vec![disconnect, bootstrap],
    }
}

/// The kinds of simulation that a file may matter to, each by its arguments.
fn kinds(file: &str) -> &'static [&'static [&'static str]] {
    // The simulator reads neither documents nor what forwards events to drover.
    if file.ends_with(".md") || file.starts_with("forwarding/") {
        return &[];
    }
    // Of the template, a function alone meets its role and no more.
    let is_wiring = file == "template.yaml" || file.starts_with("statemachines/");
    // What becomes of a message shows where there are queues.
    let is_message = file.starts_with("shared/src/") || file.ends_with("/report.rs");

    match (is_wiring, is_message) {
        (true, _) => &[&["--way"], &[]],
        (false, true) => &[&[], &["--way"]],
        (false, false) => &[&[]],
    }
}

/// The name in a line such as `test plan::tests::a ... FAILED`.
fn test_name(line: &str) -> String {
    let name = line.split(' ').nth(1).unwrap_or(line);

    name.rsplit("::").next().unwrap_or(name).to_owned()
}

/// The invariant in a line such as `disconnect-source-server seed 3: invariant 1: ...`.
fn violation(line: &str) -> String {
    let parts: Vec<&str> = line.splitn(3, ": ").collect();
    match parts.as_slice() {
        [seed, invariant, _] => {
            let seed = seed.rsplit(' ').next().unwrap_or_default();
            format!("{invariant}, seed {seed}")
        }
        _ => line.to_owned(),
    }
}
