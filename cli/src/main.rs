//! The command `drover`: invokes a function once and shows what happened, or serves the emulated
//! account until Ctrl-C.

mod console;
mod event;
mod explain;
mod files;
mod find;
mod functions;
mod invoke;
mod layout;
mod markdown;
mod narrative;
mod page;
mod place;
mod report;
mod sanitize;
mod screen;
mod serve;
mod show;
mod subject;
mod units;
mod validate;
mod web;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};

/// What stands below the help text.
const HELP: &str = "Examples:
  drover plan events/disconnect-source-server/decommission-requested.json
  drover event decommission --request CHG1 --server web01 | drover plan -
  drover explain not_approved

Exit codes: 0 Ok; 1 the function failed, or an event is no request; 2 wrong usage.
With --exit-code, plan and invoke also tell apart: 3 refused or rejected; 4 pending; 5 failed.";

/// A laptop-sized AWS that runs drover's functions: no account, no Docker, no network beyond this
/// machine.
#[derive(Parser)]
#[command(name = "drover", version, after_help = HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what a function would do about an event, without doing it.
    #[command(override_usage = "drover plan [OPTIONS] [FUNCTION] <EVENT>")]
    Plan(invoke::Arguments),
    /// Invoke a function with an event and show what happened.
    #[command(override_usage = "drover invoke [OPTIONS] [FUNCTION] <EVENT>")]
    Invoke(invoke::Invoke),
    /// Say whether an event is a request, and what is wrong with it, without running anything.
    Validate(validate::Arguments),
    /// Make a world of the answers of AWS, or compare two worlds.
    World(world::Arguments),
    /// Make a request, in the envelope in which it travels.
    Event(event::Arguments),
    /// Show any report, wherever it was found, on the screen or for a change ticket.
    Show(show::Arguments),
    /// Say what a reason means, who can do what about it, and whether sending again is safe.
    Explain(explain::Arguments),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Serve an AWS account on 127.0.0.1 until Ctrl-C, with a web console: DRS, EFS and Lambda.
    Serve(serve::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Plan(arguments) => invoke::plan(arguments).await,
        Command::Invoke(arguments) => arguments.run().await,
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Event(arguments) => event::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Completions { shell } => completions(shell),
        Command::Man => manual(),
        Command::World(arguments) => world::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments).await,
    };

    // 2 is the code of wrong usage, as clap has it. 1 means that the function failed.
    result.unwrap_or_else(|error| {
        console::error(&format!("{error:#}"));
        ExitCode::from(2)
    })
}

/// The completions of a shell, for its own folder of them.
fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    // Into memory first, so that a closed pipe is no panic.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "drover", &mut text);

    console::print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// The manual page, with a section for each command.
fn manual() -> Result<ExitCode> {
    // clap knows every option already, once the commands have inherited what they inherit.
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut text = Vec::new();

    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    // One page for all: `man drover` is where people look.
    for command in command.get_subcommands() {
        let name = format!("drover {}", command.get_name());
        let page = clap_mangen::Man::new(command.clone().display_name(name));
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
        page.render_extra_section(&mut text)?;
    }
    console::print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
