//! The process of a function, from its start to its end.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::lambda::functions::{Functions, InvocationResult, Logs, Process, lock};

impl Functions {
    /// Starts a function's binary, unless something serves the function already.
    pub(super) async fn ensure_running(&self, name: &str) -> Result<(), String> {
        // One lock a function, so that slow builds do not delay other functions.
        let starting = self
            .functions()
            .get(name)
            .map(|function| Arc::clone(&function.starting));
        let _one_at_a_time = match &starting {
            Some(starting) => Some(starting.lock().await),
            None => None,
        };

        // A runtime started by hand may be about to poll again.
        while !self.is_running(name) && self.is_between_polls(name) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.is_running(name) {
            return Ok(());
        }

        let (binaries, wanted) = (self.0.binaries.clone(), name.to_owned());
        // A build takes minutes.
        let found = tokio::task::spawn_blocking(move || binaries.find(&wanted)).await;
        let binary = found.map_err(|error| error.to_string())??;
        self.start(name, &binary)
            .map_err(|error| format!("{} could not be started: {error}", binary.display()))
    }

    /// Ends a process that was started before its deployment changed, once it is idle: an invocation
    /// is for the deployment as it is.
    pub(super) async fn retire_outdated(&self, name: &str) {
        let environment = self.environment(name);

        loop {
            // The lock ends with the block, before anything waits.
            {
                let mut functions = self.functions();
                let function = functions.get_mut(name);
                let Some(function) = function else { return };
                let is_idle = function.in_progress.is_empty();
                let outdated = function.process.as_mut();
                let outdated = outdated.filter(|process| process.environment != environment);
                match outdated {
                    None => return,
                    Some(process) if is_idle => process.end(),
                    Some(_) => {}
                }
            }
            // Longer than its connection takes to close, so that it takes no further invocation.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn start(&self, name: &str, binary: &Path) -> io::Result<()> {
        let environment = self.environment(name);
        let mut command = Command::new(binary);
        command
            // Credentials and endpoints of the surrounding shell must not reach the function.
            .env_clear()
            .envs(&environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The process ends with the emulator.
            .kill_on_drop(true);
        let mut child = command.spawn()?;

        let (end, ended) = oneshot::channel();
        let (stdout_reader, stdout_asked) = mpsc::unbounded_channel();
        let (stderr_reader, stderr_asked) = mpsc::unbounded_channel();
        let mut functions = self.functions();
        let function = functions.entry(name.to_owned()).or_default();
        function.process = Some(Process {
            end,
            environment,
            served: false,
            id: child.id(),
            readers: [stdout_reader, stderr_reader],
        });

        let logs = || Arc::clone(&function.logs);
        let stdout = child.stdout.take();
        let stdout = stdout.map(|stream| tokio::spawn(gather(stream, logs(), stdout_asked)));
        let stderr = child.stderr.take();
        let stderr = stderr.map(|stream| tokio::spawn(gather(stream, logs(), stderr_asked)));

        let watching = self
            .clone()
            .watch(name.to_owned(), child, ended, [stdout, stderr]);
        tokio::spawn(watching);
        Ok(())
    }

    /// Waits for the end of a process, fails what it worked on, and starts another if invocations
    /// are waiting.
    async fn watch(
        self,
        name: String,
        mut child: Child,
        ended: oneshot::Receiver<()>,
        outputs: [Option<JoinHandle<()>>; 2],
    ) {
        let exit = tokio::select! {
            status = child.wait() => status.map_or_else(|error| error.to_string(), exit_status),
            _ = ended => {
                // The invocation for which the process is ended has its result already.
                let _ = child.kill().await;
                "signal: killed".to_owned()
            }
        };

        // Its last lines come before the news of its end.
        for output in outputs.into_iter().flatten() {
            let _ = output.await;
        }
        if self.on_exit(&name, &exit) {
            Box::pin(self.restart(name)).await;
        }
    }

    /// Fails the invocations of a process that has ended. Whether others are waiting.
    fn on_exit(&self, name: &str, exit: &str) -> bool {
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(name) else {
            return false;
        };
        let fail =
            |request_id: &str| exited(request_id, &format!("Runtime exited with error: {exit}"));

        // From here on another process may start.
        let process = function.process.take();
        (function.pollers, function.last_seen) = (0, None);
        for (request_id, reply) in std::mem::take(&mut function.in_progress) {
            let _ = reply.send(fail(&request_id));
        }

        // A process that took nothing fails the invocation that it was started for. Otherwise it
        // would be started forever.
        let served = process.is_some_and(|process| process.served);
        if !served && let Some(first) = function.queue.pop_front() {
            let _ = first.reply.send(fail(&first.request_id));
        }
        !function.queue.is_empty()
    }

    async fn restart(&self, name: String) {
        let Err(why) = self.ensure_running(&name).await else {
            return;
        };

        let mut functions = self.functions();
        // It would be in vain to try again for each of them.
        let queue = functions
            .get_mut(&name)
            .map(|function| std::mem::take(&mut function.queue));
        for invocation in queue.into_iter().flatten() {
            let result = InvocationResult::NotBuilt(why.clone());
            let _ = invocation.reply.send(result);
        }
    }

    /// Fails an invocation that has no result in time, and ends the process that works on it.
    pub(super) async fn time_out(self, name: String, request_id: String, seconds: u32) {
        tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;

        let mut functions = self.functions();
        let Some(function) = functions.get_mut(&name) else {
            return;
        };
        let Some(reply) = function.in_progress.remove(&request_id) else {
            return;
        };
        let message =
            format!("RequestId: {request_id} Error: Task timed out after {seconds}.00 seconds");
        let error = json!({ "errorType": "Sandbox.Timedout", "errorMessage": message });
        let _ = reply.send(InvocationResult::Failed(error));

        if let Some(process) = &mut function.process {
            process.served = true;
            process.end();
        }
    }
}

impl Process {
    /// Ends the process. It counts as running until it has ended.
    fn end(&mut self) {
        let (end, _) = oneshot::channel();
        let ending = std::mem::replace(&mut self.end, end);

        self.id = None;
        let _ = ending.send(());
    }
}

/// Keeps what a process prints, line by line, and confirms on request that everything so far was
/// read.
async fn gather(
    stream: impl AsyncRead + Unpin,
    logs: Logs,
    mut asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut lines = BufReader::new(stream).lines();

    loop {
        tokio::select! {
            // Available lines come before the confirmation that they were read.
            biased;
            line = lines.next_line() => match line {
                Ok(Some(line)) => lock(&logs).push(line),
                _ => return,
            },
            Some(read) = asked.recv() => {
                let _ = read.send(());
            }
        }
    }
}

/// The end of a process in Lambda's words.
fn exit_status(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// The result of an invocation whose runtime has ended.
pub(super) fn exited(request_id: &str, reason: &str) -> InvocationResult {
    let message = format!("RequestId: {request_id} Error: {reason}");
    InvocationResult::Failed(json!({ "errorType": "Runtime.ExitError", "errorMessage": message }))
}
