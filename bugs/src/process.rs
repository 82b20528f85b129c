//! A program that is run for its output, and ended when enough is known or too much time has passed.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with success or without.
    Exited { success: bool },
    /// It was ended for this line of its output.
    Stopped(String),
    /// It was ended for the time that it took.
    TimedOut,
}

/// Runs a program to its end, until a line of its output is one to stop at, or for so long.
///
/// # Errors
///
/// When the program cannot be started.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    mut stop_at: impl FnMut(&str) -> bool,
) -> Result<Ending> {
    let deadline = Instant::now() + limit;
    let (mut group, lines) = start(command)?;

    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) if stop_at(&line) => return Ok(Ending::Stopped(line)),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(Ending::TimedOut),
            // All of its output was read.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }

    let status = group.0.wait().context("a program cannot be waited for")?;
    Ok(Ending::Exited {
        success: status.success(),
    })
}

fn start(command: &mut Command) -> Result<(Group, Receiver<String>)> {
    // A group of its own: cargo and tests start programs themselves.
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{command:?} cannot be started"))?;
    let mut group = Group(child);

    let (sender, lines) = mpsc::channel();
    if let Some(output) = group.0.stdout.take() {
        thread::spawn(move || {
            // Nobody listens any more once the program was ended.
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    Ok((group, lines))
}

/// A program and all that it started; they end with it.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // One that has ended may have left others behind.
        let group = format!("-{}", self.0.id());
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &group]).stderr(Stdio::null());

        _ = kill.status();
        _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: u64) -> Ending {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(&mut command, Duration::from_secs(seconds), |line| {
            line.ends_with("FAILED")
        })
        .unwrap()
    }

    #[test]
    fn a_program_ends_by_itself_at_a_line_or_in_time() {
        assert_eq!(shell("echo ok", 60), Ending::Exited { success: true });
        assert_eq!(shell("exit 1", 60), Ending::Exited { success: false });
        assert_eq!(
            shell("echo test a ... FAILED; sleep 600", 60),
            Ending::Stopped("test a ... FAILED".to_owned())
        );
        assert_eq!(shell("sleep 600 & sleep 600", 1), Ending::TimedOut);
    }
}
