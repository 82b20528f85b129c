//! One life of one process: started, ready, a first event, warm events.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hyper::body::Bytes;
use jobs::Scene;
use serde_json::Value;

use crate::{
    figures::{median, percentile},
    process::{Process, Worked},
    quota::Group,
    service::Service,
    variants::{Stage, Variant},
};

/// How many warm events go by before any is measured, so that every variant has settled.
const UNMEASURED: usize = 20;

/// How often each operation was called.
pub(crate) type Calls = BTreeMap<String, usize>;

/// What everything is measured with.
pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) service: Service,
}

/// The first event of a process, and what came before.
pub(crate) struct First {
    pub(crate) ready: Duration,
    pub(crate) ready_cpu: Duration,
    pub(crate) wall: Duration,
    /// What of it was the service's own.
    pub(crate) service: Duration,
    /// From the start to the answer.
    pub(crate) cpu: Duration,
    pub(crate) memory: u64,
    /// How many bytes the answer has.
    pub(crate) answer: usize,
    /// How many calls it made before it asked for the event; they are not in `calls`.
    pub(crate) init_calls: usize,
    pub(crate) calls: Calls,
    /// Opened since the start.
    pub(crate) connections: usize,
}

/// The warm events of a process.
pub(crate) struct Warm {
    /// The median, without the service's own time.
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
    pub(crate) connections: f64,
    pub(crate) memory: u64,
}

/// An event whose calls were throttled.
pub(crate) struct Slow {
    pub(crate) wall: Duration,
    /// How many calls were let pass, and how many were not.
    pub(crate) passed: usize,
    pub(crate) throttled: usize,
    /// How many targets are not as they were to be.
    pub(crate) lost: usize,
}

impl Bench {
    /// A process that works on one event.
    pub(crate) async fn cold(&self, variant: Variant, scene: &Scene) -> Result<First> {
        let (process, first) = self.first(variant, scene).await?;
        process.end().await?;
        Ok(first)
    }

    /// A process that works on a first event and then on so many more.
    pub(crate) async fn life(
        &self,
        variant: Variant,
        scene: &Scene,
        events: usize,
    ) -> Result<(First, Warm)> {
        let (mut process, first) = self.first(variant, scene).await?;
        for _ in 0..UNMEASURED {
            self.event(&mut process, scene).await?;
        }

        let (connections, cpu) = (self.service.connections(), process.processor_time()?);
        let (mut walls, mut above) = (Vec::new(), Vec::new());

        for _ in 0..events {
            let (worked, calls) = self.event(&mut process, scene).await?;
            ensure!(
                calls == first.calls,
                "its calls are {calls:?}, and were {:?} at first",
                first.calls
            );
            walls.push(ms(worked.wall));
            above.push(ms(worked.wall.saturating_sub(self.service.busy())));
        }

        walls.sort_by(f64::total_cmp);
        above.sort_by(f64::total_cmp);
        let count = events as f64;
        let warm = Warm {
            median: median(&above).context("no warm event")?,
            p99: percentile(&walls, 99).context("no warm event")?,
            cpu: ms(process.processor_time()?.saturating_sub(cpu)) / count,
            connections: (self.service.connections() - connections) as f64 / count,
            memory: process.peak_memory()?,
        };

        process.end().await?;
        Ok((first, warm))
    }

    /// How long the first event takes under a quota, with the init before it at full speed.
    pub(crate) async fn throttled(
        &self,
        variant: Variant,
        scene: &Scene,
        group: &Group,
    ) -> Result<Duration> {
        group.lift()?;
        let mut process = self.start(variant, scene, Some(group)).await?;
        let ready = process.ready().await?;
        group.limit()?;
        self.service.reset(&scene.world);
        let worked = process.work(ready, &event_of(scene)).await?;
        self.check(&process, scene, &worked)?;
        process.end().await?;

        Ok(worked.wall)
    }

    /// An event under a service that throttles, which several processes can work on at once. What
    /// was not done in the end is counted, also where the process gave up.
    pub(crate) async fn slow(&self, variant: Variant, scene: &Scene) -> Result<Slow> {
        let service = self.service.throttling().await?;
        let bench = Self {
            stage: self.stage.clone(),
            service,
        };
        let mut process = bench.start(variant, scene, None).await?;
        let ready = process.ready().await?;
        bench.service.reset(&scene.world);
        let start = Instant::now();

        if let Err(why) = process.work(ready, &event_of(scene)).await {
            eprintln!(
                "{} of {} gave up: {why:#}",
                scene.function(),
                variant.name()
            );
        }

        let wall = start.elapsed();
        process.end().await?;
        let cloud = bench.service.cloud();
        let (passed, throttled) = (cloud.journal().len(), bench.service.throttled());

        Ok(Slow {
            wall,
            passed,
            throttled,
            lost: scene.lost(cloud.world()),
        })
    }

    /// Starts a process in an account in which no call was made.
    async fn start(
        &self,
        variant: Variant,
        scene: &Scene,
        group: Option<&Group>,
    ) -> Result<Process> {
        self.service.reset(&scene.world);
        let command = variant.command(&self.stage, scene, &self.service);
        let log: PathBuf = self
            .stage
            .path(&format!("{}-{}.log", scene.function(), variant.name()));

        Process::start(command, &log, group).await
    }

    /// A process with its first event behind it.
    async fn first(&self, variant: Variant, scene: &Scene) -> Result<(Process, First)> {
        let connections = self.service.connections();
        let mut process = self.start(variant, scene, None).await?;
        let ready = process.ready().await?;
        let ready_cpu = process.processor_time()?;
        let since_start: Duration = ready.at - process.started;
        let init = self.service.cloud();
        ensure!(
            init.finish().is_ok() && init.changes().is_empty(),
            "its calls during init are {:?}",
            init.journal()
        );
        self.service.reset(&scene.world);
        let worked = process.work(ready, &event_of(scene)).await?;
        let cpu = process.processor_time()?;
        let memory = process.peak_memory()?;
        let calls = self.check(&process, scene, &worked)?;
        let first = First {
            ready: since_start,
            ready_cpu,
            wall: worked.wall,
            service: self.service.busy(),
            cpu,
            memory,
            answer: worked.answer.len(),
            init_calls: init.journal().len(),
            calls,
            connections: self.service.connections() - connections,
        };

        Ok((process, first))
    }

    /// A warm event, with all its work before it.
    async fn event(&self, process: &mut Process, scene: &Scene) -> Result<(Worked, Calls)> {
        let ready = process.ready().await?;
        self.service.reset(&scene.world);
        let worked = process.work(ready, &event_of(scene)).await?;
        let calls = self.check(process, scene, &worked)?;
        Ok((worked, calls))
    }

    /// Checks that the event did its work, and counts its calls.
    fn check(&self, process: &Process, scene: &Scene, worked: &Worked) -> Result<Calls> {
        let cloud = self.service.cloud();
        let text = String::from_utf8_lossy(&worked.answer);
        let checked = serde_json::from_slice::<Value>(&worked.answer)
            .with_context(|| format!("no JSON: {text}"))
            .and_then(|answer| scene.check(&cloud, &answer));
        checked.with_context(|| format!("it printed: {}", process.last_words()))?;

        let mut calls = Calls::new();
        for entry in cloud.journal() {
            *calls.entry(entry.operation).or_default() += 1;
        }
        Ok(calls)
    }
}

fn event_of(scene: &Scene) -> Bytes {
    Bytes::from(scene.event.clone())
}

/// A time in milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// How long something took, for people.
pub(crate) fn minutes_since(start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    format!("{} min {} s", seconds / 60, seconds % 60)
}
