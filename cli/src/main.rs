//! The command `drover`: invokes a function once and shows what happened, or serves the emulated
//! account until Ctrl-C.

mod console;
mod files;
mod functions;
mod invoke;
mod narrative;
mod place;
mod sanitize;
mod serve;
mod targets;
mod validate;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A laptop-sized AWS that runs drover's functions: no account, no Docker, no network beyond this
/// machine.
#[derive(Parser)]
#[command(name = "drover", version)]
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
    /// Serve DRS, EFS, the Lambda Runtime API and the Invoke API on 127.0.0.1 until Ctrl-C.
    Serve(serve::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Plan(arguments) => invoke::plan(arguments).await,
        Command::Invoke(arguments) => arguments.run().await,
        Command::Validate(arguments) => validate::run(&arguments),
        Command::World(arguments) => world::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments).await,
    };

    // 2 is the code of wrong usage, as clap has it. 1 means that the function failed.
    result.unwrap_or_else(|error| {
        console::error(&format!("{error:#}"));
        ExitCode::from(2)
    })
}
