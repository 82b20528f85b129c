//! The functions of the account: what waits for them, what they work on, and their processes.
//!
//! A function is served by any process that polls under its name. If none does when it is invoked,
//! its binary is started, with dummy credentials and an otherwise empty environment, so that no
//! local run can reach a real account.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{aws::constraints, cloud::Cloud, lambda::binaries::Binaries};

/// The memory of every function.
pub(super) const MEMORY_MB: u32 = 128;

/// The largest payload of a synchronous invocation.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// How long a runtime can take from an answer to its next poll. In that time no other process is
/// started for its function.
const BETWEEN_POLLS: Duration = Duration::from_secs(2);

/// The result of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvocationResult {
    /// The function answered.
    Answered(Bytes),
    /// The function failed, with an error object of `errorType` and `errorMessage`.
    Failed(Value),
    /// There is no function with this name.
    Unknown,
    /// The function's binary could not be built, for this reason.
    NotBuilt(String),
}

/// An invocation that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// When it ended, by the account's clock.
    pub at: DateTime<Utc>,
    /// The name of the function.
    pub function: String,
    /// The ID of the invocation.
    pub request_id: String,
    /// What the function was invoked with.
    pub payload: Bytes,
    /// How it ended.
    pub result: InvocationResult,
    /// What the function printed meanwhile, line by line.
    pub log: Vec<String>,
}

/// All functions of the account.
#[derive(Clone)]
pub struct Functions(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) cloud: Cloud,
    pub(super) binaries: Binaries,
    functions: Mutex<BTreeMap<String, Function>>,
    /// The last invocations that have ended, oldest first.
    pub(super) ended: Mutex<VecDeque<Ended>>,
    /// Wakes the pollers.
    pub(super) wake: Notify,
    address: Mutex<String>,
}

/// The state of a function.
#[derive(Default)]
pub(super) struct Function {
    pub(super) queue: VecDeque<Invocation>,
    /// Invocations that were handed out and have no result yet, by request ID.
    pub(super) in_progress: BTreeMap<String, oneshot::Sender<InvocationResult>>,
    /// How many pollers wait for an invocation.
    pub(super) pollers: usize,
    /// When a runtime last polled or answered.
    pub(super) last_seen: Option<Instant>,
    pub(super) process: Option<Process>,
    /// How many calls there were when its process took its first invocation.
    pub(super) calls_before: usize,
    /// Locked while a binary is built and started, so that it is started once.
    pub(super) starting: Arc<tokio::sync::Mutex<()>>,
    pub(super) logs: Logs,
}

/// The lines that a function printed.
pub(super) type Logs = Arc<Mutex<Vec<String>>>;

/// A process that the emulator has started.
pub(super) struct Process {
    /// Ends the process when it is sent or dropped.
    pub(super) end: oneshot::Sender<()>,
    /// What it was started with. A deployment may have changed since.
    pub(super) environment: BTreeMap<String, String>,
    /// Whether it took any invocation. If not, it fails to start.
    pub(super) served: bool,
    /// The process ID; `None` while the process is being ended.
    pub(super) id: Option<u32>,
    /// The readers of its output. Each confirms that it has read everything so far.
    pub(super) readers: [mpsc::UnboundedSender<oneshot::Sender<()>>; 2],
}

pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) event: Event,
    pub(super) reply: oneshot::Sender<InvocationResult>,
}

/// What a function is invoked with.
#[derive(Default)]
pub(super) struct Event {
    pub(super) payload: Bytes,
    /// The requested version.
    pub(super) qualifier: Option<String>,
    /// The client's JSON besides the payload.
    pub(super) client_context: Option<String>,
}

impl Functions {
    /// The functions of an account.
    #[must_use]
    pub fn new(cloud: Cloud, binaries: Binaries) -> Self {
        Self(Arc::new(Inner {
            cloud,
            binaries,
            functions: Mutex::default(),
            ended: Mutex::default(),
            wake: Notify::new(),
            address: Mutex::default(),
        }))
    }

    /// Sets the address at which everything is served.
    pub(crate) fn serve_at(&self, address: String) {
        *lock(&self.0.address) = address;
    }

    /// What a function has printed, line by line.
    #[must_use]
    pub fn logs(&self, name: &str) -> Vec<String> {
        self.logs_after(name, 0)
    }

    /// What a function has printed after so many lines.
    pub(super) fn logs_after(&self, name: &str, known: usize) -> Vec<String> {
        let functions = self.functions();
        let logs = functions.get(name).map(|function| lock(&function.logs));

        let new = logs.and_then(|logs| logs.get(known..).map(<[String]>::to_vec));
        new.unwrap_or_default()
    }

    /// How many lines a function has printed.
    pub(super) fn log_length(&self, name: &str) -> usize {
        let functions = self.functions();
        functions
            .get(name)
            .map_or(0, |function| lock(&function.logs).len())
    }

    /// The environment of a function's process: the variables of Lambda, the endpoints of this
    /// account, and the variables of the deployment.
    #[must_use]
    pub fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let (_, region) = self.0.cloud.place();
        let endpoint = format!("http://{}", lock(&self.0.address));

        let of_lambda = [
            (
                "AWS_LAMBDA_RUNTIME_API",
                format!("{endpoint}/runtime/{name}"),
            ),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB.to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        // The endpoint of a service takes precedence over the general one, so all of them are set.
        let of_endpoints = [
            ("AWS_ENDPOINT_URL", endpoint.clone()),
            ("AWS_ENDPOINT_URL_DRS", endpoint.clone()),
            ("AWS_ENDPOINT_URL_EFS", endpoint),
            // Set to true in the surrounding shell, it would make the SDK ignore the endpoints and
            // call a real account.
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".to_owned()),
        ];

        // These come last, so that a deployment cannot point a function elsewhere.
        let mut environment = self.0.cloud.deployment(name).environment;
        for (name, value) in of_lambda.into_iter().chain(of_endpoints) {
            environment.insert(name.to_owned(), value);
        }
        environment
    }

    /// How many calls there were when the process of a function took its first invocation. Those
    /// before it were made while the process started.
    #[must_use]
    pub fn calls_before_the_first_event(&self, name: &str) -> usize {
        let functions = self.functions();
        functions
            .get(name)
            .map(|function| function.calls_before)
            .unwrap_or_default()
    }

    /// The ID of the process that serves a function, if the emulator has started one.
    #[must_use]
    pub fn process_id(&self, name: &str) -> Option<u32> {
        self.functions().get(name)?.process.as_ref()?.id
    }

    /// The names of the functions that can be built.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.binaries.names()
    }

    /// Whether a function can be invoked.
    pub(super) fn exists(&self, name: &str) -> bool {
        self.0.binaries.have(name) || self.is_running(name) || self.is_between_polls(name)
    }

    /// Whether anything serves a function.
    pub(super) fn is_running(&self, name: &str) -> bool {
        let functions = self.functions();

        functions.get(name).is_some_and(|function| {
            function.process.is_some() || function.pollers > 0 || !function.in_progress.is_empty()
        })
    }

    /// Whether a runtime was here a moment ago and is likely to poll again.
    pub(super) fn is_between_polls(&self, name: &str) -> bool {
        let functions = self.functions();
        let last_seen = functions.get(name).and_then(|function| function.last_seen);

        // Another process for the same function would take the next invocation away from it.
        last_seen.is_some_and(|last_seen| last_seen.elapsed() < BETWEEN_POLLS)
    }

    /// The ARN of a function.
    pub(super) fn arn(&self, name: &str) -> String {
        let (account, region) = self.0.cloud.place();
        constraints::arn("lambda", &region, &account, &format!("function:{name}"))
    }

    pub(super) fn functions(&self) -> MutexGuard<'_, BTreeMap<String, Function>> {
        lock(&self.0.functions)
    }
}

/// Locks a mutex. A panic elsewhere does not make the data wrong.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
