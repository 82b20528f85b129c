//! `drover serve`: the emulated account for any client, with its console, until Ctrl-C.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use emulator::{Cloud, Emulator, Ended, Entry, InvocationResult};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    console::{self, DIM, HEAD, WARN},
    files,
    sanitize::sanitize,
    web,
};

/// The variables that lead every AWS client to the account.
const CLIENT_VARIABLES: [&str; 5] = [
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
];

/// The arguments of `drover serve`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  drover serve                                  # then open http://127.0.0.1:9010
  drover serve --world world.json --port 9020
  curl http://127.0.0.1:9010/local/journal      # every call so far")]
pub(crate) struct Arguments {
    /// The account at the start, a JSON file [default: emulator/worlds/default.json]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Functions built elsewhere: a folder with a file for each [default: those of the workspace, or
    /// beside this command]
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 9010)]
    port: u16,
    /// Do not log each call on standard error.
    #[arg(long)]
    quiet: bool,
}

/// Serves the account until the process is asked to end.
///
/// # Errors
///
/// When the world file is wrong or the port is in use.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let world = files::read_world(arguments.world.as_deref())?;
    let binaries = files::binaries(arguments.binaries.as_deref())?;

    let (cloud, port) = (Cloud::running(world), arguments.port);
    let emulator = Emulator::start_with(cloud, port, binaries, web::front)
        .await
        .with_context(|| {
            format!("cannot listen on port {port} of 127.0.0.1. Choose another with --port")
        })?;
    // The first line names the address, which scripts read.
    console::print(&welcome(&emulator))?;
    if !arguments.quiet {
        tokio::spawn(log_calls(emulator));
    }

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

/// Logs each call and each invocation on standard error, one line each.
async fn log_calls(emulator: Emulator) {
    let mut follower = emulator.follow();
    let mut calls = 0;
    let mut last_invocation = String::new();

    while follower.changed().await.is_ok() {
        // Calls that come while these are written are for the next round.
        let until = emulator.calls();
        let new = emulator.journal_after(calls);
        for entry in new.iter().take(until - calls) {
            console::progress(&call_line(entry));
        }
        calls = until;

        let ended = emulator.functions().ended();
        let known = ended
            .iter()
            .position(|ended| ended.request_id == last_invocation);
        for ended in ended.iter().skip(known.map_or(0, |known| known + 1)) {
            console::progress(&invocation_line(ended));
            last_invocation.clone_from(&ended.request_id);
        }
    }
}

fn call_line(entry: &Entry) -> String {
    let mark = match entry.changed {
        true => format!(" {WARN}changed{WARN:#}"),
        false => String::new(),
    };

    let (subject, answer) = (sanitize(&entry.subject), sanitize(&entry.answer));
    format!(
        "{DIM}{}{DIM:#} {} {subject}: {answer}{mark}",
        time(entry.at),
        sanitize(&entry.operation),
    )
}

fn invocation_line(ended: &Ended) -> String {
    let answer = match &ended.result {
        InvocationResult::Answered(_) => "answered".to_owned(),
        InvocationResult::Failed(error) => {
            let error = error.get("errorType").and_then(|error| error.as_str());
            format!("failed, {}", sanitize(error.unwrap_or("without a type")))
        }
        InvocationResult::Unknown => "there is no such function".to_owned(),
        InvocationResult::NotBuilt(_) => "could not be built".to_owned(),
    };

    let function = sanitize(&ended.function);
    format!("{DIM}{}{DIM:#} Invoke {function}: {answer}", time(ended.at))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How to use the running account, as commands to paste.
fn welcome(emulator: &Emulator) -> String {
    let url = emulator.endpoint();
    let functions = emulator.functions();
    let names = functions.names();
    let first = names.first().map_or("FUNCTION", String::as_str);

    // What leads a function to the account leads every client there. No value has a quote in it.
    let environment = functions.environment(first);
    let exports: String = CLIENT_VARIABLES
        .iter()
        .filter_map(|name| Some(format!("export {name}='{}'\n", environment.get(*name)?)))
        .collect();
    let names = names.join(", ");

    format!(
        "{HEAD}serving{HEAD:#} an account with DRS, EFS and Lambda at {url}\n\
         {DIM}open it in a browser: its servers, file systems and decisions are there{DIM:#}\n\
         \n{DIM}# for the AWS command line and any AWS SDK{DIM:#}\n\
         {exports}\
         \n{DIM}# the account{DIM:#}\n\
         aws drs describe-source-servers\n\
         aws efs describe-file-systems\n\
         \n{DIM}# a function: {names}{DIM:#}\n\
         aws lambda invoke --function-name {first} --payload fileb://EVENT.json /dev/stdout\n\
         \n{DIM}# or one that is started by hand, in a debugger for instance{DIM:#}\n\
         eval \"$(curl -s {url}/local/environment/{first})\" && cargo run --package {first}\n\
         \nCtrl-C stops it."
    )
}
