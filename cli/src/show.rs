//! `drover show`: any report, wherever it was found, as the plan and the result that people read, or
//! as a document for a change ticket.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail, ensure};

use crate::{
    console::{self, DIM},
    files,
    find::look_in,
    layout::Layout,
    markdown, page,
    report::Report,
    screen::Screen,
};

/// The arguments of `drover show`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  drover show answer.json                      # what a function answered
  aws logs tail /aws/lambda/NAME | drover show -
  drover show --markdown dead-letter.json      # for a change ticket
  drover show --html result.json > report.html # one file, printable")]
pub(crate) struct Arguments {
    /// A file with reports in it, or `-`: an answer, a log, a dead letter, a result event, the output
    /// of a fleet.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// As Markdown.
    #[arg(long)]
    markdown: bool,
    /// As a web page: one file without scripts.
    #[arg(long, conflicts_with = "markdown")]
    html: bool,
    /// List every target, however many are alike.
    #[arg(long)]
    all: bool,
}

/// Shows every report in a file.
///
/// # Errors
///
/// When the file cannot be read, or has no report in it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    // Whatever carries a report may be shown, not only JSON.
    let text = files::read_any(&arguments.file)?;
    let name = arguments.file.display();
    ensure!(!text.trim().is_empty(), "{name} is empty");

    let found = look_in(&text);
    for wrong in &found.unreadable {
        console::warn(&format!("a report in {name} cannot be read: {wrong}"));
    }
    let reports = found.reports;
    if reports.is_empty() {
        bail!(
            "{name} has no report that can be read. A report is what a function answers, or a log \
             line, a dead letter, or a result event that carries it"
        );
    }
    let screen = Screen {
        layout: Layout::of_stdout(),
        all: arguments.all,
    };

    console::print(&match (arguments.markdown, arguments.html) {
        (true, _) => markdown::document(&reports),
        (false, true) => page::document(&reports),
        (false, false) => on_screen(screen, &reports),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn on_screen(screen: Screen, reports: &[Report]) -> String {
    let mut lines = Vec::new();

    // Several reports are parted by an empty line, as in an invocation of several messages.
    for report in reports {
        // A report of the laptop and one of an account look alike otherwise.
        if let Some(line) = report.origin() {
            lines.push(format!("{DIM}{line}{DIM:#}"));
        }
        lines.extend(screen.targets(report));
        lines.push(String::new());
        lines.extend(screen.look_again(report));
        lines.extend(screen.last_line(report));
        lines.push(String::new());
    }
    lines.join("\n").trim_end().to_owned()
}
