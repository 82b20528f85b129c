//! One process of one variant, from its start to its end, and what it used.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hyper::body::Bytes;
use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    quota::Group,
    runtime::{Answered, Ready, Runtime, Sign, TIMEOUT_MS},
};

/// How long anything may take before the run is given up: an event has Lambda's longest timeout.
const PATIENCE: Duration = Duration::from_millis(TIMEOUT_MS);

/// A process that speaks to a Runtime API of its own.
pub(crate) struct Process {
    pub(crate) started: Instant,
    child: Child,
    pid: i32,
    runtime: Runtime,
    log: PathBuf,
}

/// The result of one event.
pub(crate) struct Worked {
    pub(crate) wall: Duration,
    pub(crate) answer: Bytes,
}

impl Process {
    /// Starts a command; what it prints goes to `log`.
    pub(crate) async fn start(
        mut command: Command,
        log: &Path,
        group: Option<&Group>,
    ) -> Result<Self> {
        let runtime = Runtime::start().await?;
        let output = File::create(log)?;
        command.env("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string());
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let pid = child.id().context("it ended at once")?;

        if let Some(group) = group {
            group.add(pid)?;
        }

        Ok(Self {
            started,
            child,
            pid: pid.try_into()?,
            runtime,
            log: log.to_owned(),
        })
    }

    /// Waits until the process asks for an event.
    pub(crate) async fn ready(&mut self) -> Result<Ready> {
        match self.sign().await? {
            Sign::Ready(ready) => Ok(ready),
            Sign::Answered(_) => bail!("an answer to no event"),
            Sign::Failed(why) => bail!(why),
        }
    }

    /// Hands out an event and waits for the answer.
    pub(crate) async fn work(&mut self, ready: Ready, event: &Bytes) -> Result<Worked> {
        let start = ready.take(event);
        match self.sign().await? {
            Sign::Answered(Answered { at, body }) => Ok(Worked {
                wall: at - start,
                answer: body,
            }),
            Sign::Ready(_) => bail!("no answer to an event"),
            Sign::Failed(why) => bail!(why),
        }
    }

    async fn sign(&mut self) -> Result<Sign> {
        let sign = tokio::select! {
            sign = timeout(PATIENCE, self.runtime.signs.recv()) => sign.context("it takes too long")?,
            ended = self.child.wait() => bail!("it ended with {}: {}", ended?, self.last_words()),
        };
        sign.context("the Runtime API is gone")
    }

    /// The processor time of all its threads so far, to the nanosecond.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let time = clock_gettime(clock_getcpuclockid(Pid::from_raw(self.pid))?)?;
        Ok(Duration::from(time))
    }

    /// The peak of its resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Kills the process.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// The end of what it printed.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.chars()
            .rev()
            .take(2000)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }
}
