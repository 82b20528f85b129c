//! `drover invoke`: one event, one invocation, and what happened.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use chrono::TimeDelta;
use clap::ValueEnum;
use emulator::{Binaries, Cloud, Emulator, InvocationResult, World};
use hyper::body::Bytes;

use crate::{console, files, narrative};

/// The arguments of `drover invoke`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The function: a folder of `functions`.
    function: String,
    /// The event, a JSON file. `{{now+12h}}` in it is replaced by a time.
    event: PathBuf,
    /// The account before the invocation, a JSON file [default: emulator/worlds/default.json]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Advance the account's clock before invoking (20m, 2h).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    advance: Option<TimeDelta>,
    /// The MODE of the function [default: as in the world]
    #[arg(long)]
    mode: Option<Mode>,
    /// Print only the function's answer, as JSON.
    #[arg(long)]
    json: bool,
    /// Write the account after the invocation to a file, for the next one.
    #[arg(long, value_name = "FILE")]
    save_world: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Plan,
    Enforce,
}

/// Invokes the function and prints what happened.
///
/// # Errors
///
/// When a file is wrong, or the function does not exist or cannot be built.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let binaries = files::workspace()?;
    require_function(&binaries, &arguments.function)?;
    // All input is read before the build, which takes minutes.
    let payload = files::read_event(&arguments.event)?;
    let mut world = files::read_world(arguments.world.as_deref())?;
    if let Some(mode) = arguments.mode {
        set_mode(&mut world, &arguments.function, mode);
    }

    // Port 0: any free port, so that invocations can run at the same time.
    let emulator = Emulator::start(Cloud::running(world), 0, binaries).await?;
    emulator.advance(arguments.advance.unwrap_or_default());

    let function = &arguments.function;
    console::progress(&format!(
        "building and starting {function} (minutes the first time, then seconds)"
    ));
    let payload_bytes = Bytes::from(payload.clone());
    let result = emulator.functions().invoke(function, payload_bytes).await;
    if let InvocationResult::NotBuilt(why) = &result {
        bail!("{why}");
    }

    // Saved first, so that a closed pipe cannot lose it.
    if let Some(file) = &arguments.save_world {
        files::save_world(&emulator.world(), file)?;
    }
    console::print(&match arguments.json {
        true => raw(&result),
        false => narrative::narrate(&arguments.event, &payload, &emulator, function, &result),
    })?;
    // Warnings come last, where they are noticed.
    for complaint in emulator.finish().err().into_iter().flatten() {
        console::warn(&complaint);
    }

    Ok(match result {
        InvocationResult::Answered(_) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn require_function(binaries: &Binaries, function: &str) -> Result<()> {
    if !binaries.have(function) {
        let known = binaries.names().join(", ");
        bail!("there is no function `{function}`. The functions are: {known}");
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
fn duration(text: &str) -> Result<TimeDelta, String> {
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
