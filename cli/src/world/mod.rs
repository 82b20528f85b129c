//! `drover world`: worlds from the answers of AWS, and what differs between two.

mod answer;
mod diff;
mod document;
mod draft;
mod drs;
mod drs_answers;
mod efs;
mod efs_answers;
mod import;
mod redact;
mod summary;
mod value;
mod words;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use chrono::Utc;
use emulator::World;

pub(crate) use self::diff::changes;
use crate::{console, files};

/// What stands below the help text.
const EXAMPLES: &str = "Examples:
  scripts/collect.sh us-east-1 eu-west-1 | drover world import - --output world.json
  drover plan --world world.json event.json
  drover world diff before.json after.json";

/// The arguments of `drover world`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a world from what read-only AWS commands print.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Say what differs between two worlds: 0 if nothing, 1 if anything.
    Diff {
        /// A world, a JSON file.
        before: PathBuf,
        /// Another world, or the same one later.
        after: PathBuf,
    },
}

const IMPORT_EXAMPLES: &str = "Examples:
  scripts/collect.sh us-east-1 eu-west-1 > answers.json
  drover world import answers.json --output world.json
  drover plan --world world.json EVENT.json

  aws drs describe-source-servers | drover world import - > world.json
  drover world import answers.json --redact --output for-a-bug-report.json";

#[derive(clap::Args)]
struct Import {
    /// Files with answers, or `-`: JSON as the AWS CLI prints it, one document after the other.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the world to a file [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The account, where no ARN names it.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The Region of answers without ARNs, and the Region in which the functions run.
    #[arg(long)]
    region: Option<String>,
    /// Replace names, addresses, tags, accounts and IDs, for a bug report.
    #[arg(long)]
    redact: bool,
    /// Replace the file of --output if it is there.
    #[arg(long, requires = "output")]
    force: bool,
}

/// Runs `drover world`.
///
/// # Errors
///
/// When a file is wrong, or the answers make no world.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Import(arguments) => arguments.run(),
        Command::Diff { before, after } => {
            let worlds = [before, after].map(|file| files::read_world(Some(file)));
            let [before, after] = worlds;
            print_changes(&before?, &after?)
        }
    }
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

impl Import {
    fn run(&self) -> Result<ExitCode> {
        if let Some(file) = &self.output {
            files::check_can_save(file, self.force)?;
        }
        // Standard input ends once.
        let from_input = self.files.iter().filter(|file| file.as_os_str() == "-");
        ensure!(from_input.count() < 2, "standard input is named twice");

        let documents = document::read(&self.files)?;
        let place = draft::Place {
            account: self.account.clone(),
            region: self.region.clone(),
            now: Utc::now(),
        };
        let imported = import::import(documents, place)?;
        let summary = summary::summary(&imported, self.output.as_deref());
        let world = match self.redact {
            true => redact::redact(&imported.world)?,
            false => imported.world,
        };

        match &self.output {
            Some(file) => files::save_world(&world, file)?,
            None => console::print(&serde_json::to_string_pretty(&world)?)?,
        }
        // Said on standard error, so that the world can be piped.
        for line in summary {
            console::progress(&line);
        }
        Ok(ExitCode::SUCCESS)
    }
}
