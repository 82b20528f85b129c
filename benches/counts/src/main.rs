//! Works on one event as a warm function does, with the answers that an earlier run of the same
//! event was given.
//!
//! `benches/counts/run` has callgrind count the instructions of [`counted`]: the SDK and the
//! function, without a network, a service and a clock. The first run, uncounted, is against the
//! emulator and checks that the event did what it asks for; what it calls is printed.

#![expect(clippy::print_stdout, reason = "a program for a script")]

mod scene;
mod tape;

use std::{collections::BTreeMap, env, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use aws_types::SdkConfig;
use emulator::Cloud;
use serde_json::{Value, json};
use shared::{Answer, Failure, Invocation, start};
use tokio::{runtime::Runtime, task::unconstrained, time::Instant};

use crate::{
    scene::{Job, Scene, noon},
    tape::{Player, Recorder, configuration},
};

/// Longer than anything takes here, also under callgrind.
const A_DAY: Duration = Duration::from_hours(24);

/// A function with its clients, as long as its process lives.
enum Function {
    Disconnect(
        disconnect_source_server::Drs,
        disconnect_source_server::Policy,
    ),
    Replicate(
        Box<bootstrap_efs_replication::Efs>,
        bootstrap_efs_replication::Policy,
    ),
}

impl Function {
    /// The function as it is when its process has started.
    fn start(
        job: Job,
        configuration: &SdkConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        Ok(match job {
            Job::Disconnect => Self::Disconnect(
                disconnect_source_server::Drs::new(configuration),
                disconnect_source_server::Policy::from_lookup(variable)?,
            ),
            Job::Replicate => Self::Replicate(
                Box::new(bootstrap_efs_replication::Efs::new(configuration)),
                bootstrap_efs_replication::Policy::from_lookup(variable)?,
            ),
        })
    }

    async fn handle(&self, payload: &str) -> Result<Answer, Failure> {
        let invocation = Invocation {
            now: noon(),
            deadline: Instant::now() + A_DAY,
        };
        match self {
            Self::Disconnect(drs, policy) => {
                disconnect_source_server::handle(payload, invocation, drs, policy).await
            }
            Self::Replicate(efs, policy) => {
                bootstrap_efs_replication::handle(payload, invocation, efs, policy).await
            }
        }
    }
}

/// One event from its bytes to the answer. Calls at once take their turns in the same order each
/// time, since nothing is made to wait for others that are ready.
fn work(runtime: &Runtime, function: &Function, payload: &str) -> Result<Answer, Failure> {
    runtime.block_on(unconstrained(function.handle(payload)))
}

/// The one function whose instructions are counted, with all that it calls.
#[inline(never)]
fn counted(runtime: &Runtime, function: &Function, payload: &str) -> Result<Answer, Failure> {
    work(runtime, function, payload)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, mode, targets] = arguments.as_slice() else {
        bail!("counts FUNCTION MODE TARGETS")
    };
    let job = Job::named(name).with_context(|| format!("{name} is no function"))?;
    let scene = Scene::new(job, targets.parse().context("TARGETS is a number")?);
    start::log(name);
    // The identifiers of calls.
    fastrand::seed(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let variable = |name: &str| match name {
        "MODE" => Some(mode.clone()),
        "MAX_TARGETS" => Some("100".to_owned()),
        _ => None,
    };

    let cloud = Cloud::new(scene.world.clone());
    let recorder = Recorder::new(cloud.clone());
    let function = Function::start(
        job,
        &runtime.block_on(configuration(recorder.clone()))?,
        variable,
    )?;
    let answer = said(work(&runtime, &function, &scene.event))?;
    scene.check(&cloud, &answer, mode)?;

    // The first event makes what the later ones find: identities, endpoints, the client of another
    // Region.
    let player = Player::of(recorder.calls());
    let function = Function::start(
        job,
        &runtime.block_on(configuration(player.clone()))?,
        variable,
    )?;
    ensure!(
        said(work(&runtime, &function, &scene.event))? == answer,
        "the answer is another one: {answer}"
    );
    player.rewind()?;
    let played = counted(&runtime, &function, &scene.event);
    player.rewind()?;
    ensure!(
        said(played)? == answer,
        "the answer is another one: {answer}"
    );

    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for entry in cloud.journal() {
        *calls.entry(entry.operation).or_default() += 1;
    }
    // After the function's own log.
    println!("{}", json!(calls));
    Ok(())
}

fn said(answered: Result<Answer, Failure>) -> Result<Value> {
    match answered {
        Ok(answer) => Ok(json!(answer)),
        Err(failure) => bail!("the function failed: {failure:?}"),
    }
}
