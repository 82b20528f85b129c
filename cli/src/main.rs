//! The command line: invoke a function once and tell its story, or serve until Ctrl-C.

#![expect(
    clippy::indexing_slicing,
    reason = "reading a JSON value by name gives null where there is none"
)]

mod narrative;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstream::eprintln;
use anyhow::{Context, Result, bail};
use chrono::{TimeDelta, Utc};
use clap::{Parser, Subcommand, ValueEnum};
use emulator::{Binaries, Cloud, Emulator, Ended, World, event};
use hyper::body::Bytes;
use tokio::signal::unix::{SignalKind, signal};

/// A laptop-sized AWS that runs drover's functions: no account, no Docker, nothing leaves this
/// machine.
#[derive(Parser)]
#[command(name = "drover", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send one event to a function, built and started for it, and tell what happened.
    Invoke(Invoke),
    /// Serve DRS, EFS, the Lambda Runtime API and the Invoke API on 127.0.0.1 until Ctrl-C.
    Serve(Serve),
}

#[derive(clap::Args)]
struct Invoke {
    /// The function: a folder of `functions`.
    function: String,
    /// The event: a JSON file; `{{now+12h}}` in it stands for a time.
    event: PathBuf,
    /// The account to begin with, a JSON file; without it, the one in emulator/worlds/default.json.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Let this much time pass in the account before, such as 20m or 2h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    advance: Option<TimeDelta>,
    /// What MODE the function is deployed with; without it, what the world says.
    #[arg(long)]
    mode: Option<Mode>,
    /// Print the function's answer on standard output, and nothing else.
    #[arg(long)]
    json: bool,
    /// Write the account as it is afterwards to a file, for the next invocation.
    #[arg(long, value_name = "FILE")]
    save_world: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Serve {
    /// The account to begin with, a JSON file; without it, the one in emulator/worlds/default.json.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 9010)]
    port: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Plan,
    Enforce,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Invoke(invoke) => run(invoke).await,
        Command::Serve(serve) => wait(serve).await.map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        let error = narrative::plain(&format!("{error:#}"));
        eprintln!(
            "{}error:{} {error}",
            narrative::BAD.render(),
            narrative::BAD.render_reset()
        );
        ExitCode::from(2)
    })
}

async fn run(invoke: Invoke) -> Result<ExitCode> {
    let binaries = workspace()?;
    if !binaries.have(&invoke.function) {
        bail!(
            "there is no function `{}`; there is {}",
            invoke.function,
            binaries.names().join(", ")
        );
    }
    let payload = read_event(&invoke.event)?;
    let mut world = read_world(invoke.world.as_deref())?;
    if let Some(mode) = invoke.mode {
        let mode = if matches!(mode, Mode::Plan) {
            "plan"
        } else {
            "enforce"
        };
        let deployment = world.functions.entry(invoke.function.clone()).or_default();
        deployment
            .environment
            .insert("MODE".to_owned(), mode.to_owned());
    }
    let local = Emulator::start(Cloud::running(world), 0, binaries).await?;
    local.advance(invoke.advance.unwrap_or_default());
    eprintln!(
        "building and starting {} (the first time takes minutes, then seconds)",
        invoke.function
    );
    let ended = local
        .functions()
        .invoke(&invoke.function, Bytes::from(payload.clone()))
        .await;
    if let Ended::NotBuilt(why) = &ended {
        bail!("{why}");
    }
    if let Some(file) = &invoke.save_world {
        save_world(&local.world(), file)?;
    }
    print(&if invoke.json {
        raw(&ended)
    } else {
        narrative::tell(&invoke.event, &payload, &local, &invoke.function, &ended)
    })?;
    for complaint in local.finish().err().into_iter().flatten() {
        let complaint = narrative::plain(&complaint);
        eprintln!(
            "{}warning:{} {complaint}",
            narrative::WARN.render(),
            narrative::WARN.render_reset()
        );
    }
    Ok(if matches!(ended, Ended::Answered(_)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn wait(serve: Serve) -> Result<()> {
    let world = read_world(serve.world.as_deref())?;
    let binaries = workspace()?;
    let names = binaries.names();
    let port = serve.port;
    let local = Emulator::start(Cloud::running(world), port, binaries)
        .await
        .with_context(|| {
            format!("port {port} of 127.0.0.1 cannot be used; choose another with --port")
        })?;
    print(&narrative::welcome(&local, &names))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    print("\nstopped; nothing was kept")
}

/// Prints, in colour where that is wanted. Whoever closed the pipe has read enough.
fn print(text: &str) -> Result<()> {
    match writeln!(anstream::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Reads a time such as 90s, 20m, 2h or 1d.
fn duration(text: &str) -> Result<TimeDelta, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600)];
    let read = units.iter().find_map(|(unit, seconds)| {
        let number: i64 = text.strip_suffix(unit)?.parse::<u32>().ok()?.into();
        TimeDelta::try_seconds(number * seconds)
    });
    let within_a_year = read.filter(|time| *time <= TimeDelta::days(365));
    within_a_year
        .ok_or_else(|| "a time is a whole number and s, m, h or d, a year at most".to_owned())
}

fn workspace() -> Result<Binaries> {
    let here = std::env::current_dir()?;
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let found = manifest
        .iter()
        .chain([&here])
        .find_map(|folder| Binaries::around(folder));
    found.context("no Cargo workspace with a `functions` folder is around this folder")
}

/// The text of a JSON file. Some editors begin one with a byte order mark, which JSON forbids and
/// nobody sees.
fn read_json(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let has_mark = text.starts_with('\u{feff}');
    anyhow::ensure!(
        !has_mark,
        "{} begins with a byte order mark, which is to be left out",
        file.display()
    );
    Ok(text)
}

fn read_event(file: &Path) -> Result<String> {
    let text = read_json(file)?;
    let text = event::fill(&text, Utc::now())
        .map_err(|wrong| anyhow::anyhow!("{}: {wrong}", file.display()))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .with_context(|| format!("{} is not JSON", file.display()))?;
    Ok(text)
}

fn read_world(file: Option<&Path>) -> Result<World> {
    let Some(file) = file else {
        return Ok(World::default());
    };
    let text = read_json(file)?;
    World::from_json(&text)
        .map_err(|wrong| anyhow::anyhow!("{} is not a world: {wrong}", file.display()))
}

fn save_world(world: &World, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(world)? + "\n";
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// The answer, or the error object, exactly as the function gave it.
fn raw(ended: &Ended) -> String {
    match ended {
        Ended::Answered(body) => String::from_utf8_lossy(body).into_owned(),
        Ended::Failed(error) => error.to_string(),
        Ended::Unknown | Ended::NotBuilt(_) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_byte_order_mark_is_told_so() {
        let file = std::env::temp_dir().join(format!("drover-{}.json", std::process::id()));
        std::fs::write(&file, "\u{feff}{}").unwrap();
        let wrong = [
            read_event(&file).unwrap_err(),
            read_world(Some(&file)).unwrap_err(),
        ]
        .map(|error| error.to_string());
        std::fs::remove_file(&file).unwrap();
        assert!(
            wrong
                .iter()
                .all(|wrong| wrong
                    .ends_with("begins with a byte order mark, which is to be left out")),
            "{wrong:?}"
        );
    }
}
