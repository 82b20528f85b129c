//! `drover world`: what differs between two worlds.

mod diff;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use emulator::World;

pub(crate) use self::diff::changes;
use crate::{console, files};

/// The arguments of `drover world`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Say what differs between two worlds: 0 if nothing, 1 if anything.
    Diff {
        /// A world, a JSON file.
        before: PathBuf,
        /// Another world, or the same one later.
        after: PathBuf,
    },
}

/// Runs `drover world`.
///
/// # Errors
///
/// When a file is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Command::Diff { before, after } = &arguments.command;
    let [before, after] = [before, after].map(|file| files::read_world(Some(file)));

    print_changes(&before?, &after?)
}

fn print_changes(before: &World, after: &World) -> Result<ExitCode> {
    let changes = changes(before, after)?;
    if changes.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }

    // As diff has it, so that scripts can ask.
    console::print(&changes.join("\n"))?;
    Ok(ExitCode::FAILURE)
}
