//! The SDK in virtual time: its HTTP client calls the simulated world, and its clock is tokio's.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::{rt::sleep::TokioSleep, time::TimeSource};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig, timeout::TimeoutConfig};
use chrono::TimeDelta;
use emulator::wire::{SLOW, Wire};
use harness::{
    Handler,
    connector::{to_response, to_response_with},
    sdk_config,
};
use shared::invocation::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT};
use tokio::time::Instant;

use crate::{bugs, constants::epoch, dice, record::Simulation, trouble::Process};

/// A warm Lambda sandbox: the started function, and the attempt that it works on.
pub(crate) struct Worker {
    pub(crate) attempt: Arc<AtomicUsize>,
    /// What is wrong with the process.
    pub(crate) process: Arc<Mutex<Process>>,
    pub(crate) handler: Handler,
}

impl Worker {
    /// Whether its clock is right and its credentials do not run out.
    pub(crate) fn is_good(&self) -> bool {
        let process = lock(&self.process);

        process.ahead.is_zero() && process.calls_until_expiry.is_none()
    }

    /// The calls from now on belong to this attempt.
    pub(crate) fn starts(&self, attempt: usize) {
        self.attempt.store(attempt, Ordering::Relaxed);
    }
}

/// What is wrong with a process, as it is now.
pub(crate) fn lock(process: &Mutex<Process>) -> MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulation {
    /// A new sandbox, with clients and a retry budget of its own.
    pub(crate) fn worker(&self) -> Worker {
        let mut state = self.state();
        let mut process = match state.scenario.trouble.processes {
            true => dice::process(&mut state.rng),
            false => Process::default(),
        };
        state.sandboxes += 1;
        process.sandbox = state.sandboxes;
        let clock = Clock {
            start: state.start,
            ahead: process.ahead,
        };

        let attempt = Arc::new(AtomicUsize::new(0));
        let process = Arc::new(Mutex::new(process));
        let connector = Connector {
            simulation: self.clone(),
            attempt: Arc::clone(&attempt),
            process: Arc::clone(&process),
        };

        // A sandbox starts in the scenario's own environment.
        // The limits of production; only the network and the clock are not real.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let config = sdk_config()
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard())
            .sleep_impl(TokioSleep::new())
            .time_source(clock)
            .http_client(connector)
            .build();

        // The policy is read once, when the sandbox starts.
        let variables = bugs::variables(&state);
        let lookup = |name: &str| {
            let variable = variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| value.clone())
        };
        let start = state.subject.function.start;
        let handler = start(&config, &lookup).expect("the variables of a scenario are valid");

        Worker {
            attempt,
            process,
            handler,
        }
    }

    /// The answer to the last call of an attempt.
    fn last_answer(&self, attempt: usize) -> OnItsWay {
        let state = self.state();
        let log = state.attempts.get(attempt);

        OnItsWay {
            simulation: self.clone(),
            attempt,
            calls: log.map_or(0, |log| log.calls.len()),
            is_received: false,
        }
    }

    /// How long a call takes on its way to the world, and back.
    fn latency(&self) -> (Duration, Duration) {
        let rng = &mut self.state().rng;
        let to = Duration::from_millis(rng.u64(1..40));
        let back = Duration::from_millis(rng.u64(1..40));

        (to, back)
    }
}

/// An answer on its way. One that is dropped there, since nobody waits any longer, was never read.
struct OnItsWay {
    simulation: Simulation,
    attempt: usize,
    /// How many calls the attempt had made, this one included.
    calls: usize,
    is_received: bool,
}

impl OnItsWay {
    fn arrives(mut self) {
        self.is_received = true;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if !self.is_received {
            self.simulation
                .state()
                .lose_answer(self.attempt, self.calls);
        }
    }
}

/// The SDK's clock, which is that of its process.
#[derive(Debug)]
struct Clock {
    start: Instant,
    ahead: TimeDelta,
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let elapsed = TimeDelta::from_std(self.start.elapsed()).unwrap_or_default();

        SystemTime::from(epoch() + elapsed + self.ahead)
    }
}

/// The SDK's HTTP client.
#[derive(Debug, Clone)]
struct Connector {
    simulation: Simulation,
    attempt: Arc<AtomicUsize>,
    process: Arc<Mutex<Process>>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let simulation = self.simulation.clone();
        let attempt = self.attempt.load(Ordering::Relaxed);
        let process = Arc::clone(&self.process);

        HttpConnectorFuture::new(async move {
            // What is sent into a dead connection reaches nobody.
            if lock(&process).dead_connections > 0 {
                lock(&process).dead_connections -= 1;
                simulation.state().meet_dead_connection(attempt);
                return respond(Wire::Reset).await;
            }

            // A call takes time in both directions, so that a run can be killed in either.
            let (to, back) = simulation.latency();
            tokio::time::sleep(to).await;
            let wire = {
                let mut process = lock(&process);
                simulation.state().answer(attempt, &request, &mut process)
            };
            let answer = simulation.last_answer(attempt);
            tokio::time::sleep(back).await;

            let response = respond(wire).await;
            answer.arrives();
            response
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// What the SDK gets for an answer.
pub(crate) async fn respond(wire: Wire) -> Result<HttpResponse, ConnectorError> {
    match wire {
        Wire::Answer(answer) => to_response(&answer),
        Wire::Slow(answer) => {
            tokio::time::sleep(SLOW).await;
            to_response(&answer)
        }
        // A taken body fails when it is read, as one does that is cut off.
        Wire::Truncate(answer) => to_response_with(&answer, SdkBody::taken()),
        Wire::Reset => Err(ConnectorError::io("connection reset".into())),
        Wire::Hang => std::future::pending().await,
    }
}
