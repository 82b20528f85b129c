//! Lambda: the Runtime API that a function polls, and the Invoke API by which it is called.
//!
//! A function is whoever polls under its name. If nobody does when it is invoked, its binary is started, with dummy
//! credentials and an otherwise empty environment, so that no local run can reach a real account.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::Utc;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{HeaderName, HeaderValue},
    http::request::Parts,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::{Notify, oneshot},
};

use crate::{
    binaries::Binaries,
    cloud::Cloud,
    http::{self, Body, plain_json, response},
};

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The function answered; the bytes are its answer.
    Answered(Bytes),
    /// The function failed; the value is AWS's error object, with `errorType` and `errorMessage`.
    Failed(Value),
    /// No function has this name.
    Unknown,
}

/// All functions of the account.
#[derive(Clone)]
pub struct Functions(Arc<Inner>);

struct Inner {
    cloud: Cloud,
    binaries: Binaries,
    functions: Mutex<BTreeMap<String, Function>>,
    wake: Notify,
    address: Mutex<String>,
}

#[derive(Default)]
struct Function {
    queue: VecDeque<Invocation>,
    /// Handed out and not answered, by request ID.
    taken: BTreeMap<String, oneshot::Sender<Ended>>,
    /// How many pollers wait for an invocation now.
    polling: usize,
    child: Option<Child>,
    logs: Arc<Mutex<Vec<String>>>,
}

struct Invocation {
    request_id: String,
    payload: Bytes,
    deadline_ms: i64,
    reply: oneshot::Sender<Ended>,
}

impl Functions {
    /// The functions of an account.
    pub(crate) fn new(cloud: Cloud, binaries: Binaries) -> Self {
        Self(Arc::new(Inner {
            cloud,
            binaries,
            functions: Mutex::default(),
            wake: Notify::new(),
            address: Mutex::default(),
        }))
    }

    pub(crate) fn served_at(&self, address: String) {
        *self.0.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// What a function printed so far, line by line.
    #[must_use]
    pub fn logs(&self, name: &str) -> Vec<String> {
        let logs = self.functions().get(name).map(|function| Arc::clone(&function.logs));
        logs.map(|logs| logs.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// The environment that a function's process gets: what Lambda sets, the endpoints here, and the deployment's own.
    #[must_use]
    pub fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let world = self.0.cloud.world();
        let address = self.0.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut environment: BTreeMap<String, String> = [
            ("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/runtime/{name}")),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_REGION", world.region.clone()),
            ("AWS_DEFAULT_REGION", world.region.clone()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ENDPOINT_URL_DRS", format!("http://{address}")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(world.functions.get(name).cloned().unwrap_or_default().environment);
        environment
    }

    /// Invokes a function and waits for its end.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Ended {
        let seconds = self.0.cloud.world().functions.get(name).cloned().unwrap_or_default().timeout_seconds;
        if let Err(ended) = self.ensure_running(name).await {
            return ended;
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let (reply, ended) = oneshot::channel();
        let deadline_ms = Utc::now().timestamp_millis() + i64::from(seconds) * 1000;
        let invocation = Invocation { request_id: request_id.clone(), payload, deadline_ms, reply };
        self.functions().entry(name.to_owned()).or_default().queue.push_back(invocation);
        self.0.wake.notify_waiters();
        tokio::select! {
            ended = ended => ended.unwrap_or_else(|_| exited(&request_id, "the runtime went away")),
            how = self.exit(name) => exited(&request_id, &how),
            () = tokio::time::sleep(Duration::from_secs(u64::from(seconds))) => {
                self.stop(name);
                let message = format!("{request_id} Task timed out after {seconds}.00 seconds");
                Ended::Failed(json!({ "errorType": "Sandbox.Timedout", "errorMessage": message }))
            }
        }
    }

    /// The Runtime API. The function's name is part of the path, so that one port serves all.
    pub(crate) async fn runtime_api(
        &self,
        name: &str,
        rest: &[&str],
        parts: &Parts,
        body: Bytes,
    ) -> io::Result<Response<Body>> {
        match (parts.method.as_str(), rest) {
            ("GET", ["invocation", "next"]) => Ok(self.next(name).await),
            ("POST", ["invocation", id, "response"]) => Ok(self.end(name, id, Ended::Answered(body))),
            ("POST", ["invocation", id, "error"]) => Ok(self.end(name, id, Ended::Failed(error_object(&body)))),
            ("POST", ["init", "error"]) => Ok(self.fail_init(name, &body)),
            _ => Ok(runtime_error(404, "InvalidPath", "not a path of the Runtime API")),
        }
    }

    /// The Invoke API.
    pub(crate) async fn invoke_api(
        &self,
        name: &str,
        headers: &HeaderMap,
        payload: Bytes,
    ) -> io::Result<Response<Body>> {
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        if let Err(wrong) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            let message = format!("Could not parse request body into json: {wrong}");
            return Ok(lambda_error(400, "InvalidRequestContentException", &message));
        }
        let kind = headers.get("x-amz-invocation-type").map_or(b"RequestResponse".as_slice(), HeaderValue::as_bytes);
        match kind {
            b"RequestResponse" => Ok(self.invoke_and_wait(name, headers, payload).await),
            b"Event" => Ok(self.invoke_later(name, payload)),
            b"DryRun" if self.exists(name) => Ok(response(204, Bytes::new())),
            b"DryRun" => Ok(self.not_found(name)),
            _ => Ok(lambda_error(400, "InvalidParameterValueException", "unknown X-Amz-Invocation-Type")),
        }
    }

    async fn invoke_and_wait(&self, name: &str, headers: &HeaderMap, payload: Bytes) -> Response<Body> {
        let lines = self.logs(name).len();
        let (failed, body) = match self.invoke(name, payload).await {
            Ended::Unknown => return self.not_found(name),
            Ended::Answered(body) => (false, body),
            Ended::Failed(error) => (true, Bytes::from(error.to_string())),
        };
        let mut response = response(200, body);
        let headers_out = response.headers_mut();
        headers_out.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
        headers_out.insert("content-type", HeaderValue::from_static("application/json"));
        if failed {
            headers_out.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
        }
        if headers.get("x-amz-log-type").is_some_and(|kind| kind == "Tail") {
            let tail = self.logs(name).split_off(lines).join("\n");
            let start = tail.char_indices().map(|(at, _)| at).find(|at| tail.len() - at <= 4096).unwrap_or(0);
            let encoded = BASE64_STANDARD.encode(tail.get(start..).unwrap_or_default());
            headers_out.extend(
                HeaderValue::from_str(&encoded).ok().map(|value| (HeaderName::from_static("x-amz-log-result"), value)),
            );
        }
        response
    }

    /// Accepts the event and runs the function once. AWS would retry a failure twice, after one and two minutes.
    fn invoke_later(&self, name: &str, payload: Bytes) -> Response<Body> {
        if !self.exists(name) {
            return self.not_found(name);
        }
        let (functions, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move { functions.invoke(&name, payload).await });
        response(202, Bytes::new())
    }

    fn exists(&self, name: &str) -> bool {
        self.functions().contains_key(name) || self.0.binaries.have(name)
    }

    fn not_found(&self, name: &str) -> Response<Body> {
        let world = self.0.cloud.world();
        let message = format!("Function not found: arn:aws:lambda:{}:{}:function:{name}", world.region, world.account);
        lambda_error(404, "ResourceNotFoundException", &message)
    }

    async fn ensure_running(&self, name: &str) -> Result<(), Ended> {
        if self.is_running(name) {
            return Ok(());
        }
        if !self.exists(name) {
            return Err(Ended::Unknown);
        }
        let (binaries, wanted) = (self.0.binaries.clone(), name.to_owned());
        let found = tokio::task::spawn_blocking(move || binaries.find(&wanted)).await;
        let failed = |why: String| Ended::Failed(json!({ "errorType": "Local.BuildFailed", "errorMessage": why }));
        let binary = found.unwrap_or_else(|gone| Err(gone.to_string())).map_err(failed)?;
        self.start(name, &binary).map_err(|error| {
            let message = format!("{} could not be started: {error}", binary.display());
            Ended::Failed(json!({ "errorType": "Runtime.InvalidEntrypoint", "errorMessage": message }))
        })
    }

    fn is_running(&self, name: &str) -> bool {
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(name) else { return false };
        let alive = function.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        alive || function.polling > 0 || !function.taken.is_empty()
    }

    fn start(&self, name: &str, binary: &Path) -> io::Result<()> {
        let mut command = Command::new(binary);
        command.env_clear().envs(self.environment(name)).stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut functions = self.functions();
        let function = functions.entry(name.to_owned()).or_default();
        if let Some(stdout) = stdout {
            tokio::spawn(collect(BufReader::new(stdout), Arc::clone(&function.logs)));
        }
        if let Some(stderr) = stderr {
            tokio::spawn(collect(BufReader::new(stderr), Arc::clone(&function.logs)));
        }
        function.child = Some(child);
        Ok(())
    }

    /// Waits until the function's process ends by itself, and tells how. Never returns for one that was not started here.
    async fn exit(&self, name: &str) -> String {
        let mut every = tokio::time::interval(Duration::from_millis(10));
        loop {
            every.tick().await;
            let ended = {
                let mut functions = self.functions();
                let child = functions.get_mut(name).and_then(|function| function.child.as_mut());
                child.and_then(|child| child.try_wait().ok().flatten())
            };
            if let Some(status) = ended {
                // The last lines may still be on their way through the pipe.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let said = self.logs(name).pop().unwrap_or_default();
                self.stop(name);
                return format!("Runtime exited with error: {status}: {said}");
            }
        }
    }

    /// Ends the function's process, and forgets what it was doing.
    fn stop(&self, name: &str) {
        if let Some(function) = self.functions().get_mut(name) {
            function.child = None;
            function.taken.clear();
            function.queue.clear();
        }
    }

    /// Waits for an invocation, as long as it takes, and hands it out.
    async fn next(&self, name: &str) -> Response<Body> {
        let _polling = Polling::begin(self, name);
        loop {
            let woken = self.0.wake.notified();
            let mut woken = std::pin::pin!(woken);
            woken.as_mut().enable();
            if let Some(response) = self.take(name) {
                return response;
            }
            woken.await;
        }
    }

    fn take(&self, name: &str) -> Option<Response<Body>> {
        let world = self.0.cloud.world();
        let mut functions = self.functions();
        let function = functions.get_mut(name)?;
        let Invocation { request_id, payload, deadline_ms, reply } = function.queue.pop_front()?;
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", world.region, world.account);
        let seconds = deadline_ms / 1000;
        let random = uuid::Uuid::new_v4().simple().to_string();
        let trace = format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", random.get(..24)?, random.get(..16)?);
        let mut response = response(200, payload);
        let headers = [
            ("lambda-runtime-aws-request-id", request_id.clone()),
            ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", arn),
            ("lambda-runtime-trace-id", trace),
            ("content-type", "application/json".to_owned()),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
        }
        function.taken.insert(request_id, reply);
        Some(response)
    }

    fn end(&self, name: &str, request_id: &str, ended: Ended) -> Response<Body> {
        let reply = self.functions().get_mut(name).and_then(|function| function.taken.remove(request_id));
        match reply {
            Some(reply) => {
                // Nobody waits any more if the invocation timed out.
                let _ = reply.send(ended);
                plain_json(202, &json!({ "status": "OK" }))
            }
            None => runtime_error(400, "InvalidRequestID", "no invocation with this ID is under way"),
        }
    }

    fn fail_init(&self, name: &str, body: &Bytes) -> Response<Body> {
        let error = error_object(body);
        if let Some(function) = self.functions().get_mut(name) {
            for invocation in function.queue.drain(..) {
                let _ = invocation.reply.send(Ended::Failed(error.clone()));
            }
        }
        plain_json(202, &json!({ "status": "OK" }))
    }

    fn functions(&self) -> MutexGuard<'_, BTreeMap<String, Function>> {
        self.0.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a poller while it waits, also when its connection breaks.
struct Polling<'a> {
    functions: &'a Functions,
    name: &'a str,
}

impl<'a> Polling<'a> {
    fn begin(functions: &'a Functions, name: &'a str) -> Self {
        functions.functions().entry(name.to_owned()).or_default().polling += 1;
        Self { functions, name }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if let Some(function) = self.functions.functions().get_mut(self.name) {
            function.polling = function.polling.saturating_sub(1);
        }
    }
}

async fn collect(stream: impl AsyncBufReadExt + Unpin, logs: Arc<Mutex<Vec<String>>>) {
    let mut lines = stream.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        logs.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

fn exited(request_id: &str, how: &str) -> Ended {
    let message = format!("RequestId: {request_id} Error: {how}");
    Ended::Failed(json!({ "errorType": "Runtime.ExitError", "errorMessage": message }))
}

/// The error object that a runtime sends; anything else is passed on as a text.
fn error_object(body: &Bytes) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| json!({ "errorType": "Unhandled", "errorMessage": String::from_utf8_lossy(body) }))
}

fn runtime_error(status: u16, kind: &str, message: &str) -> Response<Body> {
    plain_json(status, &json!({ "errorType": kind, "errorMessage": message }))
}

fn lambda_error(status: u16, code: &str, message: &str) -> Response<Body> {
    let mut response = http::error(status, code, message);
    let body = plain_json(status, &json!({ "Type": "User", "Message": message, "message": message }));
    *response.body_mut() = body.into_body();
    response
}
