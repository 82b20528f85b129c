//! `drover serve`: the emulated account for any client, until Ctrl-C.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use emulator::{Cloud, Emulator};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    console::{self, DIM, HEAD},
    files,
};

/// The arguments of `drover serve`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The account at the start, a JSON file [default: emulator/worlds/default.json]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 9010)]
    port: u16,
}

/// Serves the account until the process is asked to end.
///
/// # Errors
///
/// When the world file is wrong or the port is in use.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let world = files::read_world(arguments.world.as_deref())?;
    let binaries = files::workspace()?;
    let functions = binaries.names();

    let port = arguments.port;
    let emulator = Emulator::start(Cloud::running(world), port, binaries)
        .await
        .with_context(|| {
            format!("cannot listen on port {port} of 127.0.0.1. Choose another with --port")
        })?;
    // The first line names the address, which scripts read.
    console::print(&welcome(&emulator, &functions))?;

    wait_for_signal().await?;
    console::print("\nstopped; the account was not saved")?;
    Ok(ExitCode::SUCCESS)
}

async fn wait_for_signal() -> Result<()> {
    // Containers and terminals end processes in different ways.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;

    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

/// How to use the running account, as commands to paste.
fn welcome(emulator: &Emulator, functions: &[String]) -> String {
    let url = emulator.endpoint();
    let mut text = format!(
        "{HEAD}serving{HEAD:#} DRS, EFS, the Lambda Runtime API and the Invoke API at {url}\n"
    );

    for function in functions {
        text.push_str(&function_commands(emulator, function));
    }

    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n{DIM}# the account{DIM:#}\n\
         aws drs describe-source-servers\n\
         aws efs describe-file-systems\n\
         curl {url}/local/world     {DIM}# as it is now{DIM:#}\n\
         curl {url}/local/journal   {DIM}# every call so far{DIM:#}\n\
         curl {url}/local/advance -d '{{\"minutes\": 90}}'   {DIM}# advance the clock{DIM:#}\n\
         curl {url}/local/faults -d '{{\"operation\": \"DisconnectSourceServer\", \
         \"kind\": \"reset_after\"}}'\n\
         \nCtrl-C stops it.",
    );
    text
}

/// How to use a function, as commands to paste.
fn function_commands(emulator: &Emulator, function: &str) -> String {
    let url = emulator.endpoint();
    let port = url.rsplit(':').next().unwrap_or_default();

    let mut text =
        format!("\n{DIM}# for {function}, started by hand or called by an AWS client{DIM:#}\n");
    // No value has a quote in it.
    for (name, value) in emulator.functions().environment(function) {
        let _ = writeln!(text, "export {name}='{value}'");
    }

    let _ = write!(
        text,
        "\n{DIM}# invoke it; it is built and started unless a process polls for it{DIM:#}\n\
         cargo lambda invoke -A 127.0.0.1 -P {port} --data-file EVENT.json {function}\n\
         aws lambda invoke --function-name {function} --payload fileb://EVENT.json /dev/stdout\n\
         {DIM}# or start it by hand, in a debugger for instance{DIM:#}\n\
         cargo run --package {function}\n\
         curl {url}/local/logs/{function}   {DIM}# its log, unless started by hand{DIM:#}\n",
    );
    text
}
