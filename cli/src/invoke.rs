//! `drover invoke` and `drover plan`: one event, one invocation, and what happened.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use emulator::{Binaries, Cloud, Emulator, InvocationResult, World};
use hyper::body::Bytes;

use crate::{
    console, files, find, functions, layout::Layout, narrative, report::Report, sanitize::sanitize,
    screen::Screen, units, world::changes,
};

/// What stands below the help text of both commands.
const EXAMPLES: &str = "Examples:
  drover plan events/disconnect-source-server/retire-requested.json
  drover plan --world world.json event.json           # in your own account, see `drover world`
  drover event decommission --request CHG1 --server web01 | drover plan -
  drover invoke --mode enforce --save-world after.json event.json
  drover invoke --world after.json --advance 90m event.json

Exit codes: 0 Ok; 1 the function failed; 2 wrong usage. With --exit-code also: 3 refused or
rejected; 4 pending; 5 failed.";

/// From which age of an account on its dates are too old for the clock of this machine, in seconds:
/// a talking agent is seen every few minutes.
const OLD_ACCOUNT_SECONDS: u64 = 15 * 60;

/// What both commands need to invoke a function.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The event, a JSON file or `-`; before it, if need be, the function: a folder of `functions`.
    /// `{{now+12h}}` in the file is replaced by a time.
    #[arg(required = true, num_args = 1..=2, value_name = "[FUNCTION] EVENT")]
    event: Vec<String>,
    /// The account before the invocation, a JSON file [default: emulator/worlds/default.json]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Advance the account's clock before invoking (20m, 2h).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    advance: Option<TimeDelta>,
    /// Functions built elsewhere: a folder with a file for each [default: those of the workspace, or
    /// beside this command]
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Print only the function's answer, as JSON.
    #[arg(long)]
    json: bool,
    /// List every call to AWS.
    #[arg(long)]
    calls: bool,
    /// List every target, however many are alike.
    #[arg(long)]
    all: bool,
    /// Exit with 3 where anything is refused or rejected, 4 where it is pending, 5 where it failed.
    #[arg(long)]
    exit_code: bool,
}

/// The arguments of `drover invoke`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Invoke {
    #[command(flatten)]
    arguments: Arguments,
    /// The MODE of the function [default: as in the world]
    #[arg(long)]
    mode: Option<Mode>,
    /// The same as `--mode plan`.
    #[arg(long, conflicts_with = "mode")]
    dry_run: bool,
    /// Write the account after the invocation to a file, for the next one.
    #[arg(long, value_name = "FILE")]
    save_world: Option<PathBuf>,
    /// Replace the file of --save-world if it is there.
    #[arg(long, requires = "save_world")]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Plan,
    Enforce,
}

impl Invoke {
    /// Invokes the function and prints what happened.
    ///
    /// # Errors
    ///
    /// When a file is wrong, or the function does not exist or cannot be built.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let mode = self.dry_run.then_some(Mode::Plan).or(self.mode);
        // Before the run, whose result would be lost.
        if let Some(file) = &self.save_world {
            files::check_can_save(file, self.force)?;
        }

        invoke(self.arguments, mode, self.save_world.as_deref()).await
    }
}

/// Invokes a function in plan mode, whatever the world says, and prints what it would do.
///
/// # Errors
///
/// As [`Invoke::run`].
pub(crate) async fn plan(arguments: Arguments) -> Result<ExitCode> {
    invoke(arguments, Some(Mode::Plan), None).await
}

async fn invoke(
    arguments: Arguments,
    mode: Option<Mode>,
    save_world: Option<&Path>,
) -> Result<ExitCode> {
    let shown = narrative::Shown {
        screen: Screen {
            layout: Layout::of_stdout(),
            all: arguments.all,
        },
        calls: arguments.calls,
    };
    let binaries = files::binaries(arguments.binaries.as_deref())?;
    let Prepared {
        function,
        event,
        payload,
        world,
    } = prepare(&arguments, mode, &binaries)?;

    let builds = matches!(binaries, Binaries::Workspace(_));
    // As it was given: what passes while it is advanced is a change, too.
    let before = world.clone();
    // Port 0: any free port, so that invocations can run at the same time.
    let emulator = Emulator::start(Cloud::running(world), 0, binaries).await?;
    emulator.advance(arguments.advance.unwrap_or_default());
    let account = narrative::account(&emulator.world());

    console::progress(&match builds {
        true => format!("building and starting {function} (minutes the first time, then seconds)"),
        false => format!("starting {function}"),
    });
    let payload_bytes = Bytes::from(payload.clone());
    let result = emulator.functions().invoke(&function, payload_bytes).await;
    if let InvocationResult::NotBuilt(why) = &result {
        bail!("{why}");
    }

    // Saved first, so that a closed pipe cannot lose it.
    if let Some(file) = save_world {
        files::save_world(&emulator.world(), file)?;
        tell_changes(&before, &emulator.world(), file)?;
    }
    console::print(&match arguments.json {
        true => raw(&result),
        false => narrative::narrate(
            shown,
            (&event, &payload),
            &account,
            &emulator,
            &function,
            &result,
        ),
    })?;
    // Warnings come last, where they are noticed.
    if let Some(warning) = old_account(&before, Utc::now()) {
        console::warn(&warning);
    }
    for complaint in emulator.finish().err().into_iter().flatten() {
        console::warn(&complaint);
    }

    if !matches!(result, InvocationResult::Answered(_)) {
        return Ok(ExitCode::FAILURE);
    }
    // A queue is answered without reports; they are in the log.
    let log = emulator.functions().logs(&function);
    Ok(match arguments.exit_code {
        true => exit_code(&find::reports_of(&result, &log)),
        false => ExitCode::SUCCESS,
    })
}

/// The code of the worst of these reports.
fn exit_code(reports: &[Report]) -> ExitCode {
    let of_reports = reports.iter().map(|report| report.outcome.as_str());
    let targets = reports.iter().flat_map(|report| &report.targets);
    let all: Vec<&str> = targets
        .map(|target| target.outcome.as_str())
        .chain(of_reports)
        .collect();
    let has = |outcomes: &[&str]| all.iter().any(|outcome| outcomes.contains(outcome));

    // What needs somebody comes before what needs time.
    match () {
        () if has(&["failed"]) => ExitCode::from(5),
        () if has(&["refused", "rejected"]) => ExitCode::from(3),
        () if has(&["pending"]) => ExitCode::from(4),
        () => ExitCode::SUCCESS,
    }
}

/// What an invocation needs besides the account that it runs in.
struct Prepared {
    function: String,
    event: PathBuf,
    payload: String,
    world: World,
}

/// Reads all input, before the build, which takes minutes.
fn prepare(arguments: &Arguments, mode: Option<Mode>, binaries: &Binaries) -> Result<Prepared> {
    let (function, event) = match arguments.event.as_slice() {
        [function, event] => (Some(functions::named(binaries, function)?), event),
        [event] if binaries.have(event) && !Path::new(event).exists() => {
            bail!("an event for {event} is missing: a JSON file, after the name of the function")
        }
        [event] => (None, event),
        _ => bail!("an event, and perhaps a function before it"),
    };
    let event = Path::new(event);
    let payload = files::read_event(event)?;
    let function = match function {
        // Also one that rejects the event: people want to see why.
        Some(function) => function,
        None => functions::of_event(&payload, Utc::now())?,
    };
    let mut world = files::read_world(arguments.world.as_deref())?;
    for name in world.functions.keys() {
        // Under a misspelt name a function would run with its defaults, in plan mode.
        functions::named(binaries, name).context("the world deploys a function")?;
    }
    if let Some(mode) = mode {
        set_mode(&mut world, &function, mode);
    }

    Ok(Prepared {
        function,
        event: event.to_owned(),
        payload,
        world,
    })
}

/// A warning about an account of the past: functions tell ages by the clock of this machine.
fn old_account(world: &World, now: DateTime<Utc>) -> Option<String> {
    // Time that was advanced is ahead of this machine.
    let age = u64::try_from((now - world.now).num_seconds()).ok()?;

    (age > OLD_ACCOUNT_SECONDS).then(|| {
        let time = world.now.format("%Y-%m-%d %H:%M UTC");
        format!(
            "the account is as it was at {time}, {} ago: an agent that was seen then counts as \
             silent since",
            units::seconds(age)
        )
    })
}

/// Says what differs in a saved world, on standard error: the answer alone is for standard output.
fn tell_changes(before: &World, after: &World, file: &Path) -> Result<()> {
    let file = sanitize(&file.display().to_string());
    let changes = changes(before, after)?;

    match changes.is_empty() {
        true => console::progress(&format!("nothing changed in {file}")),
        false => console::progress(&format!("what changed in {file}:\n{}", changes.join("\n"))),
    }
    Ok(())
}

fn set_mode(world: &mut World, function: &str, mode: Mode) {
    let mode = match mode {
        Mode::Plan => "plan",
        Mode::Enforce => "enforce",
    };

    // The option is stronger than the world file.
    let deployment = world.functions.entry(function.to_owned()).or_default();
    let environment = &mut deployment.environment;
    environment.insert("MODE".to_owned(), mode.to_owned());
}

/// The answer or the error object, exactly as the function returned it.
fn raw(result: &InvocationResult) -> String {
    match result {
        InvocationResult::Answered(body) => String::from_utf8_lossy(body).into_owned(),
        InvocationResult::Failed(error) => error.to_string(),
        InvocationResult::Unknown | InvocationResult::NotBuilt(_) => "null".to_owned(),
    }
}

/// Parses a time such as 90s, 20m, 2h or 1d.
pub(crate) fn duration(text: &str) -> Result<TimeDelta, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600)];
    // The number must be unsigned and fit, so that no product overflows.
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        TimeDelta::try_seconds(i64::from(number) * seconds)
    });

    parsed
        .filter(|time| *time <= TimeDelta::days(365))
        .ok_or_else(|| "write a whole number and s, m, h or d, at most a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_a_whole_number_and_a_unit_within_a_year() {
        assert_eq!(duration("90s"), Ok(TimeDelta::seconds(90)));
        assert_eq!(duration("20m"), Ok(TimeDelta::minutes(20)));
        assert_eq!(duration("2h"), Ok(TimeDelta::hours(2)));
        assert_eq!(duration("365d"), Ok(TimeDelta::days(365)));

        for wrong in ["", "20", "m", "1.5h", "-1h", "366d", "4294967296s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
