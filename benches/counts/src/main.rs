//! Works on one event as a warm function does, with the answers that an earlier run of the same
//! event was given.
//!
//! `benches/counts/run` has callgrind count the instructions of [`counted`]: the SDK and the
//! function, without a network, a service and a clock. The first run, uncounted, is against the
//! emulator and checks that the event did its work; its calls are printed.

#![expect(clippy::print_stdout, reason = "a program for a script")]

mod replay;

use std::{collections::BTreeMap, env, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use emulator::Cloud;
use harness::{FunctionUnderTest, Handler};
use jobs::Scene;
use serde_json::{Value, json};
use shared::{Answer, Failure, Invocation, start};
use tokio::{runtime::Runtime, task::unconstrained, time::Instant};

use crate::replay::{Recorder, Replay};

/// Longer than anything takes here, also under callgrind.
const A_DAY: Duration = Duration::from_hours(24);
/// How many servers an account has for each target: so few that the default share allows the
/// request, and so that an account grows with the request.
const ACCOUNT: usize = 10;

/// The time of everything.
fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap_or_default()
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, mode, targets] = arguments.as_slice() else {
        bail!("counts FUNCTION MODE TARGETS")
    };
    let function = harness::function(name).with_context(|| format!("{name} is no function"))?;
    let scene = scene(name, targets.parse().context("TARGETS is a number")?)?;
    start::log(name);
    // The identifiers of calls.
    fastrand::seed(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;

    // Against the emulator, which records what it answers.
    let cloud = Cloud::new(scene.world.clone());
    let recorder = Recorder::new(cloud.clone());
    let handler = started(function, &runtime, recorder.clone(), mode)?;
    let answer = answered(work(&runtime, &handler, &scene.event))?;
    if mode == "plan" {
        scene.check_plan(&cloud, &answer)?;
    } else {
        scene.check(&cloud, &answer)?;
    }

    // The first event creates what later ones find: identities, endpoints, the client of another
    // Region.
    let replay = Replay::new(recorder.calls());
    let handler = started(function, &runtime, replay.clone(), mode)?;
    let first = answered(work(&runtime, &handler, &scene.event))?;
    ensure!(first == answer, "another answer than before: {first}");
    replay.rewind()?;

    // The second is what is counted.
    let second = counted(&runtime, &handler, &scene.event);
    replay.rewind()?;
    let second = answered(second)?;
    ensure!(second == answer, "another answer than before: {second}");

    print_calls(&cloud);
    Ok(())
}

fn scene(function: &str, targets: usize) -> Result<Scene> {
    let job = jobs::job(function).with_context(|| format!("{function} has no job"))?;
    let account = if job.reads_account {
        targets * ACCOUNT
    } else {
        targets
    };

    Ok(Scene::new(job, targets, account, noon()))
}

/// A function as it is when its process has started, with something else for HTTP and for the clock.
fn started(
    function: &FunctionUnderTest,
    runtime: &Runtime,
    http: impl HttpClient + 'static,
    mode: &str,
) -> Result<Handler> {
    let config: SdkConfig = runtime
        .block_on(start::aws())?
        .into_builder()
        .http_client(http)
        .time_source(StaticTimeSource::new(noon().into()))
        .build();
    let variable = |name: &str| match name {
        "MODE" => Some(mode.to_owned()),
        "MAX_TARGETS" => Some("100".to_owned()),
        _ => None,
    };

    Ok((function.start)(&config, &variable)?)
}

/// One event from its bytes to the answer. Concurrent calls take turns in the same order each time,
/// since nothing waits for others that are ready.
fn work(runtime: &Runtime, handler: &Handler, payload: &str) -> Result<Answer, Failure> {
    runtime.block_on(unconstrained(async {
        let invocation = Invocation::at(noon(), Instant::now() + A_DAY);
        handler(payload.to_owned(), invocation).await
    }))
}

/// The one function whose instructions are counted, with everything that it calls.
#[inline(never)]
fn counted(runtime: &Runtime, handler: &Handler, payload: &str) -> Result<Answer, Failure> {
    work(runtime, handler, payload)
}

/// An answer without the times at which it was made.
fn answered(answer: Result<Answer, Failure>) -> Result<Value> {
    match answer {
        Ok(answer) => {
            let mut answer = json!(answer);
            // How long the work took is not what is counted here.
            if let Some(report) = answer.as_object_mut() {
                report.remove("invocation");
            }
            Ok(answer)
        }
        Err(failure) => bail!("the function failed: {failure:?}"),
    }
}

/// Prints how often each operation was called, after the function's own log.
fn print_calls(cloud: &Cloud) {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for entry in cloud.journal() {
        *calls.entry(entry.operation).or_default() += 1;
    }

    println!("{}", json!(calls));
}
