//! Lambda: the Runtime API that a function polls, and the Invoke API by which it is called.
//!
//! A function is whoever polls under its name. If nobody does when it is invoked, its binary is
//! started, with dummy credentials and an otherwise empty environment, so that no local run can
//! reach a real account.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
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
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    aws::call,
    aws::constraints,
    aws::error::ApiError,
    cloud::Cloud,
    http::{self, Body, plain_json, response},
    lambda::binaries::Binaries,
};

/// The memory of every function.
const MEMORY_MB: u32 = 128;
/// The largest payload of an event that nobody waits for.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// The longest context of a client, as it is sent.
const MAX_CLIENT_CONTEXT: usize = 3583;

/// How long a runtime may take from an answer to its next poll. Nothing else is started for its
/// function meanwhile.
const BETWEEN_POLLS: Duration = Duration::from_secs(2);

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The function answered; the bytes are its answer.
    Answered(Bytes),
    /// The function failed; the value is AWS's error object, with `errorType` and `errorMessage`.
    Failed(Value),
    /// No function has this name.
    Unknown,
    /// The function's binary could not be made, for this reason.
    NotBuilt(String),
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
    /// When a runtime was last seen: as it polled, or as it answered.
    seen: Option<Instant>,
    process: Option<Process>,
    /// How long the journal was when its process took its first invocation.
    calls_before: usize,
    /// Held while a binary is built and started, so that it is started once.
    starting: Arc<tokio::sync::Mutex<()>>,
    logs: Arc<Mutex<Vec<String>>>,
}

/// A process that was started here.
struct Process {
    /// Sent or dropped, it ends the process.
    end: oneshot::Sender<()>,
    /// Whether it has taken any invocation: if not, it fails to start.
    served: bool,
    /// What the system calls it; `None` once it is being ended.
    id: Option<u32>,
    /// Who reads what it prints, each to be asked whether all that is there was read.
    readers: [mpsc::UnboundedSender<oneshot::Sender<()>>; 2],
}

struct Invocation {
    request_id: String,
    event: Event,
    reply: oneshot::Sender<Ended>,
}

/// What a function is invoked with.
#[derive(Default)]
struct Event {
    payload: Bytes,
    /// The version that was asked for, if one was.
    qualifier: Option<String>,
    /// The client's own JSON beside the payload.
    client_context: Option<String>,
}

impl Functions {
    /// The functions of an account.
    #[must_use]
    pub fn new(cloud: Cloud, binaries: Binaries) -> Self {
        Self(Arc::new(Inner {
            cloud,
            binaries,
            functions: Mutex::default(),
            wake: Notify::new(),
            address: Mutex::default(),
        }))
    }

    pub(crate) fn served_at(&self, address: String) {
        *self
            .0
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// What a function printed so far, line by line.
    #[must_use]
    pub fn logs(&self, name: &str) -> Vec<String> {
        let logs = self
            .functions()
            .get(name)
            .map(|function| Arc::clone(&function.logs));
        logs.map(|logs| logs.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// The environment that a function's process gets: what Lambda sets, the endpoints here, and
    /// the deployment's own.
    #[must_use]
    pub fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let (_, region) = self.0.cloud.place();
        let address = self
            .0
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut environment: BTreeMap<String, String> = [
            (
                "AWS_LAMBDA_RUNTIME_API",
                format!("http://{address}/runtime/{name}"),
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
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ENDPOINT_URL_DRS", format!("http://{address}")),
            ("AWS_ENDPOINT_URL_EFS", format!("http://{address}")),
            // Set by whoever started this, it would lead past the endpoints and into a real
            // account.
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // What Lambda and this account set comes last: a deployment cannot point a function
        // elsewhere.
        let mut own = self.0.cloud.deployment(name).environment;
        own.append(&mut environment);
        own
    }

    /// Invokes a function and waits for its end.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Ended {
        self.invoke_with(
            name,
            uuid::Uuid::new_v4().to_string(),
            Event {
                payload,
                ..Event::default()
            },
        )
        .await
    }

    /// Ends once all is read that the function has printed by then: it logs what it answers.
    async fn invoke_with(&self, name: &str, request_id: String, event: Event) -> Ended {
        let ended = self.work_off(name, request_id, event).await;
        let process = self
            .functions()
            .get(name)
            .and_then(|function| Some(function.process.as_ref()?.readers.clone()));
        for reader in process.into_iter().flatten() {
            let (read, is_read) = oneshot::channel();
            let _ = reader.send(read);
            // A reader that has gone has read everything.
            let _ = is_read.await;
        }
        ended
    }

    async fn work_off(&self, name: &str, request_id: String, event: Event) -> Ended {
        if !self.exists(name) {
            return Ended::Unknown;
        }
        let (reply, mut ended) = oneshot::channel();
        let invocation = Invocation {
            request_id: request_id.clone(),
            event,
            reply,
        };
        self.functions()
            .entry(name.to_owned())
            .or_default()
            .queue
            .push_back(invocation);
        self.0.wake.notify_waiters();
        // Whoever polls already may answer before anything needs to be started.
        let started = tokio::select! {
            biased;
            ended = &mut ended => return ended.unwrap_or_else(|_| exited(&request_id, "the runtime went away")),
            started = self.ensure_running(name) => started,
        };
        if let Err(why) = started
            && self.forget(name, &request_id)
        {
            // Who ran it by hand has gone, and there is nothing to build.
            return if self.0.binaries.have(name) {
                Ended::NotBuilt(why)
            } else {
                Ended::Unknown
            };
        }
        ended
            .await
            .unwrap_or_else(|_| exited(&request_id, "the runtime went away"))
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
            ("POST", ["invocation", id, "response"]) => {
                Ok(self.end(name, id, Ended::Answered(body)))
            }
            ("POST", ["invocation", id, "error"]) => {
                Ok(self.end(name, id, Ended::Failed(error_object(&body))))
            }
            ("POST", ["init", "error"]) => Ok(self.fail_init(name, &body)),
            _ => Ok(runtime_error(
                404,
                "InvalidPath",
                "not a path of the Runtime API",
            )),
        }
    }

    /// Lambda's API: Invoke, ListFunctions, GetFunction and GetFunctionConfiguration.
    pub(crate) async fn lambda_api(
        &self,
        path: &[&str],
        parts: &Parts,
        payload: Bytes,
    ) -> io::Result<Response<Body>> {
        let (name, rest) = match (parts.method.as_str(), path) {
            ("GET", [] | [""]) => {
                return Ok(
                    match check_query(
                        parts.uri.query().unwrap_or_default(),
                        &["MaxItems", "FunctionVersion"],
                    ) {
                        Ok(()) => self.list(),
                        Err(wrong) => lambda_error(wrong.status, wrong.code, &wrong.message),
                    },
                );
            }
            (_, [name, rest @ ..]) => (name, rest),
            _ => {
                return Ok(http::error(
                    404,
                    "UnknownOperationException",
                    "this is not served",
                ));
            }
        };
        let (name, qualifier) = match self.named(name, parts.uri.query().unwrap_or_default()) {
            Ok(named) => named,
            Err(refused) => {
                return Ok(lambda_error(refused.status, refused.code, &refused.message));
            }
        };
        match (parts.method.as_str(), rest) {
            ("POST", ["invocations"]) => {
                self.invoke_api(&name, qualifier, &parts.headers, payload)
                    .await
            }
            ("GET", [] | ["configuration"]) if !self.exists(&name) => {
                Ok(self.not_found(&name, qualifier.as_deref()))
            }
            ("GET", []) => {
                let code = json!({ "RepositoryType": "S3", "Location": "https://localhost/" });
                Ok(plain_json(
                    200,
                    &json!({ "Configuration": self.configuration(&name), "Code": code }),
                ))
            }
            ("GET", ["configuration"]) => Ok(plain_json(200, &self.configuration(&name))),
            _ => Ok(http::error(
                404,
                "UnknownOperationException",
                "this is not served",
            )),
        }
    }

    async fn invoke_api(
        &self,
        name: &str,
        qualifier: Option<String>,
        headers: &HeaderMap,
        payload: Bytes,
    ) -> io::Result<Response<Body>> {
        let payload = if payload.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            payload
        };
        if let Err(wrong) = readable(&payload) {
            let message = format!("Could not parse request body into json: {wrong}");
            return Ok(lambda_error(
                400,
                "InvalidRequestContentException",
                &message,
            ));
        }
        let client_context = match headers.get("x-amz-client-context").map(client_context) {
            Some(None) => {
                let message = "Client context must be a valid Base64-encoded JSON object.";
                return Ok(lambda_error(400, "InvalidRequestContentException", message));
            }
            given => given.flatten(),
        };
        let kind = headers
            .get("x-amz-invocation-type")
            .map_or(b"RequestResponse".as_slice(), HeaderValue::as_bytes);
        let event = Event {
            payload,
            qualifier,
            client_context,
        };
        if headers
            .get("x-amz-log-type")
            .is_some_and(|kind| kind != "None" && kind != "Tail")
        {
            return Ok(lambda_error(
                400,
                "InvalidParameterValueException",
                "unknown X-Amz-Log-Type",
            ));
        }
        match kind {
            b"RequestResponse" => Ok(self.invoke_and_wait(name, headers, event).await),
            b"Event" if event.payload.len() > MAX_EVENT_BYTES => {
                let message = format!(
                    "{} byte payload is too large for the Event invocation type",
                    event.payload.len()
                );
                Ok(lambda_error(413, "RequestTooLargeException", &message))
            }
            b"Event" => Ok(self.invoke_later(name, event)),
            b"DryRun" if self.exists(name) => Ok(response(204, Bytes::new())),
            b"DryRun" => Ok(self.not_found(name, event.qualifier.as_deref())),
            _ => Ok(lambda_error(
                400,
                "InvalidParameterValueException",
                "unknown X-Amz-Invocation-Type",
            )),
        }
    }

    /// The function that a caller names, by its name or an ARN, and its qualifier, which stands
    /// there or in the query. There is one version here.
    fn named(&self, given: &str, query: &str) -> Result<(String, Option<String>), ApiError> {
        let given = call::percent_decode(given);
        check_query(query, &["Qualifier"])?;
        let of_query = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("Qualifier="))
            .map(call::percent_decode);
        let parts: Vec<&str> = given.split(':').collect();
        let (account, region) = self.0.cloud.place();
        let (place, function) = match parts.as_slice() {
            [
                "arn",
                partition,
                "lambda",
                of,
                owner,
                "function",
                function @ ..,
            ] => (
                Some((constraints::partition(of) == Some(partition), *of, *owner)),
                function,
            ),
            [owner, "function", function @ ..] => (Some((true, region.as_str(), *owner)), function),
            function => (None, function),
        };
        let (name, in_name) = match function {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some((*qualifier).to_owned())),
            _ => ("", None),
        };
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
        if name.is_empty() || given.len() > 170 || !name.chars().all(is_sign) {
            let message = format!(
                "1 validation error detected: Value '{given}' at 'functionName' failed to satisfy constraint"
            );
            return Err(ApiError::validation(message));
        }
        match place {
            Some((_, _, owner)) if owner != account => {
                let message = format!("the caller is not authorized to invoke {given}");
                return Err(ApiError::new(403, "AccessDeniedException", message));
            }
            Some((exists, of, _)) if !exists || of != region => {
                let message =
                    format!("Functions from '{of}' are not reachable in this region ('{region}')");
                return Err(ApiError::new(404, "ResourceNotFoundException", message));
            }
            _ => {}
        }
        if in_name.is_some() && of_query.is_some() && in_name != of_query {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::new(
                400,
                "InvalidParameterValueException",
                message,
            ));
        }
        match in_name.or(of_query) {
            Some(other) if other != "$LATEST" => {
                let message = format!("Function not found: {}:{other}", self.arn(name));
                Err(ApiError::new(404, "ResourceNotFoundException", message))
            }
            qualifier => Ok((name.to_owned(), qualifier)),
        }
    }

    fn list(&self) -> Response<Body> {
        let names = self.0.binaries.names();
        let functions: Vec<Value> = names.iter().map(|name| self.configuration(name)).collect();
        plain_json(200, &json!({ "Functions": functions }))
    }

    /// A function as Lambda describes it.
    fn configuration(&self, name: &str) -> Value {
        let deployment = self.0.cloud.deployment(name);
        let (account, region) = self.0.cloud.place();
        let partition = constraints::partition(&region).unwrap_or("aws");
        json!({
            "FunctionName": name,
            "FunctionArn": self.arn(name),
            "Runtime": "provided.al2023",
            "Role": format!("arn:{partition}:iam::{account}:role/{name}"),
            "Handler": "bootstrap",
            "Timeout": deployment.timeout_seconds,
            "MemorySize": MEMORY_MB,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "Architectures": [if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": { "Variables": deployment.environment },
        })
    }

    async fn invoke_and_wait(
        &self,
        name: &str,
        headers: &HeaderMap,
        event: Event,
    ) -> Response<Body> {
        let lines = self.logs(name).len();
        let (request_id, begun) = (uuid::Uuid::new_v4().to_string(), Instant::now());
        let qualifier = event.qualifier.clone();
        let (failed, body) = match self.invoke_with(name, request_id.clone(), event).await {
            Ended::Unknown => return self.not_found(name, qualifier.as_deref()),
            Ended::NotBuilt(why) => return lambda_error(502, "InvalidRuntimeException", &why),
            Ended::Answered(body) => (false, body),
            Ended::Failed(error) => (true, Bytes::from(error.to_string())),
        };
        let mut response = response(200, body);
        let headers_out = response.headers_mut();
        headers_out.insert(
            "x-amz-executed-version",
            HeaderValue::from_static("$LATEST"),
        );
        headers_out.insert("content-type", HeaderValue::from_static("application/json"));
        if failed {
            headers_out.insert(
                "x-amz-function-error",
                HeaderValue::from_static("Unhandled"),
            );
        }
        if headers
            .get("x-amz-log-type")
            .is_some_and(|kind| kind == "Tail")
        {
            let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
            let said: String = self
                .logs(name)
                .drain(lines..)
                .map(|line| line + "\n")
                .collect();
            let tail = format!(
                "START RequestId: {request_id} Version: $LATEST\n{said}END RequestId: {request_id}\n\
                 REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} ms\t\
                 Memory Size: {MEMORY_MB} MB\tMax Memory Used: {MEMORY_MB} MB\t\n",
                milliseconds.ceil()
            );
            let start = tail
                .char_indices()
                .map(|(at, _)| at)
                .find(|at| tail.len() - at <= 4096)
                .unwrap_or(0);
            let encoded = BASE64_STANDARD.encode(tail.get(start..).unwrap_or_default());
            headers_out.extend(
                HeaderValue::from_str(&encoded)
                    .ok()
                    .map(|value| (HeaderName::from_static("x-amz-log-result"), value)),
            );
        }
        response
    }

    /// Accepts the event and runs the function once. AWS would retry a failure twice, after one and
    /// two minutes.
    fn invoke_later(&self, name: &str, event: Event) -> Response<Body> {
        if !self.exists(name) {
            return self.not_found(name, event.qualifier.as_deref());
        }
        let (functions, name) = (self.clone(), name.to_owned());
        // Only who waits for the answer has a context.
        let event = Event {
            client_context: None,
            ..event
        };
        tokio::spawn(async move {
            functions
                .invoke_with(&name, uuid::Uuid::new_v4().to_string(), event)
                .await
        });
        response(202, Bytes::new())
    }

    fn exists(&self, name: &str) -> bool {
        self.0.binaries.have(name) || self.is_running(name) || self.is_between_polls(name)
    }

    /// The ARN of a function.
    fn arn(&self, name: &str) -> String {
        let (account, region) = self.0.cloud.place();
        constraints::arn("lambda", &region, &account, &format!("function:{name}"))
    }

    fn not_found(&self, name: &str, qualifier: Option<&str>) -> Response<Body> {
        let qualifier = qualifier
            .map(|qualifier| format!(":{qualifier}"))
            .unwrap_or_default();
        let message = format!("Function not found: {}{qualifier}", self.arn(name));
        lambda_error(404, "ResourceNotFoundException", &message)
    }

    /// Starts the function's binary, unless somebody serves the function already.
    async fn ensure_running(&self, name: &str) -> Result<(), String> {
        let starting = self
            .functions()
            .get(name)
            .map(|function| Arc::clone(&function.starting));
        let _one_at_a_time = match &starting {
            Some(starting) => Some(starting.lock().await),
            None => None,
        };
        while !self.is_running(name) && self.is_between_polls(name) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.is_running(name) {
            return Ok(());
        }
        let (binaries, wanted) = (self.0.binaries.clone(), name.to_owned());
        let found = tokio::task::spawn_blocking(move || binaries.find(&wanted)).await;
        let binary = found.map_err(|gone| gone.to_string())??;
        self.start(name, &binary)
            .map_err(|error| format!("{} could not be started: {error}", binary.display()))
    }

    fn is_running(&self, name: &str) -> bool {
        let functions = self.functions();
        let serves = |function: &Function| {
            function.process.is_some() || function.polling > 0 || !function.taken.is_empty()
        };
        functions.get(name).is_some_and(serves)
    }

    /// Whether a runtime was here a moment ago, and is likely to poll again.
    fn is_between_polls(&self, name: &str) -> bool {
        let seen = self
            .functions()
            .get(name)
            .and_then(|function| function.seen);
        seen.is_some_and(|seen| seen.elapsed() < BETWEEN_POLLS)
    }

    fn start(&self, name: &str, binary: &Path) -> io::Result<()> {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(self.environment(name))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (end, ended) = oneshot::channel();
        let mut functions = self.functions();
        let function = functions.entry(name.to_owned()).or_default();
        let ((stdout, asked_of_stdout), (stderr, asked_of_stderr)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        function.process = Some(Process {
            end,
            served: false,
            id: child.id(),
            readers: [stdout, stderr],
        });
        let logs = &function.logs;
        let stdout = child
            .stdout
            .take()
            .map(|stream| tokio::spawn(gather(stream, Arc::clone(logs), asked_of_stdout)));
        let stderr = child
            .stderr
            .take()
            .map(|stream| tokio::spawn(gather(stream, Arc::clone(logs), asked_of_stderr)));
        let streams = [stdout, stderr];
        tokio::spawn(self.clone().watch(name.to_owned(), child, ended, streams));
        Ok(())
    }

    /// Waits for the end of a process, fails what it was working on, and starts another for what
    /// still waits.
    async fn watch(
        self,
        name: String,
        mut child: Child,
        ended: oneshot::Receiver<()>,
        streams: [Option<JoinHandle<()>>; 2],
    ) {
        let how = tokio::select! {
            status = child.wait() => status.map_or_else(|error| error.to_string(), exit_status),
            _ = ended => {
                // The invocation for which the process is ended has its answer already.
                let _ = child.kill().await;
                "signal: killed".to_owned()
            }
        };
        // Its last words come before the news of its end.
        for stream in streams.into_iter().flatten() {
            let _ = stream.await;
        }
        let waiting = self.bury(&name, &how);
        if waiting {
            Box::pin(self.revive(name)).await;
        }
    }

    /// Fails the invocations of a process that has ended; tells whether others wait.
    fn bury(&self, name: &str, how: &str) -> bool {
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(name) else {
            return false;
        };
        let served = function
            .process
            .take()
            .is_some_and(|process| process.served);
        (function.polling, function.seen) = (0, None);
        for (request_id, reply) in std::mem::take(&mut function.taken) {
            let _ = reply.send(exited(
                &request_id,
                &format!("Runtime exited with error: {how}"),
            ));
        }
        if !served && let Some(first) = function.queue.pop_front() {
            let _ = first.reply.send(exited(
                &first.request_id,
                &format!("Runtime exited with error: {how}"),
            ));
        }
        !function.queue.is_empty()
    }

    async fn revive(&self, name: String) {
        if let Err(why) = self.ensure_running(&name).await {
            let waiting = self
                .functions()
                .get_mut(&name)
                .map(|function| std::mem::take(&mut function.queue));
            for invocation in waiting.into_iter().flatten() {
                let _ = invocation.reply.send(Ended::NotBuilt(why.clone()));
            }
        }
    }

    /// Takes an invocation back, and tells whether nobody had taken it yet.
    fn forget(&self, name: &str, request_id: &str) -> bool {
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(name) else {
            return false;
        };
        let waiting = function.queue.len();
        function
            .queue
            .retain(|invocation| invocation.request_id != request_id);
        function.queue.len() < waiting
    }

    /// Fails an invocation that was not answered in time, and ends the process that works on it.
    async fn time_out(self, name: String, request_id: String, seconds: u32) {
        tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(&name) else {
            return;
        };
        let Some(reply) = function.taken.remove(&request_id) else {
            return;
        };
        let message =
            format!("RequestId: {request_id} Error: Task timed out after {seconds}.00 seconds");
        let _ = reply.send(Ended::Failed(
            json!({ "errorType": "Sandbox.Timedout", "errorMessage": message }),
        ));
        if let Some(process) = &mut function.process {
            // A new sender keeps the process counted as running until its end is seen.
            let (end, _) = oneshot::channel();
            let ended = std::mem::replace(&mut process.end, end);
            (process.served, process.id) = (true, None);
            let _ = ended.send(());
        }
    }

    /// How many calls the journal had when the process of a function took its first invocation:
    /// what it called while it started is before that.
    #[must_use]
    pub fn calls_before_the_first_event(&self, name: &str) -> usize {
        self.functions()
            .get(name)
            .map(|function| function.calls_before)
            .unwrap_or_default()
    }

    /// What the system calls the process that serves a function, if one was started here and runs.
    #[must_use]
    pub fn process_id(&self, name: &str) -> Option<u32> {
        self.functions().get(name)?.process.as_ref()?.id
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

    /// Hands out the invocation that waits longest. Its time runs from now.
    fn take(&self, name: &str) -> Option<Response<Body>> {
        let timeout = self.0.cloud.deployment(name).timeout_seconds;
        let mut functions = self.functions();
        let function = functions.get_mut(name)?;
        let Invocation {
            request_id,
            event,
            reply,
        } = function.queue.pop_front()?;
        let Event {
            payload,
            qualifier,
            client_context,
        } = event;
        if let Some(process) = function.process.as_mut().filter(|process| !process.served) {
            process.served = true;
            function.calls_before = self.0.cloud.calls();
        }
        let now = Utc::now().timestamp_millis();
        let random = uuid::Uuid::new_v4().simple().to_string();
        let (root, parent) = (
            random.get(..24).unwrap_or_default(),
            random.get(..16).unwrap_or_default(),
        );
        let headers = [
            ("lambda-runtime-aws-request-id", request_id.clone()),
            (
                "lambda-runtime-deadline-ms",
                (now + i64::from(timeout) * 1000).to_string(),
            ),
            (
                "lambda-runtime-invoked-function-arn",
                self.arn(&qualifier.map_or_else(
                    || name.to_owned(),
                    |qualifier| format!("{name}:{qualifier}"),
                )),
            ),
            (
                "lambda-runtime-trace-id",
                format!("Root=1-{:08x}-{root};Parent={parent};Sampled=0", now / 1000),
            ),
            ("content-type", "application/json".to_owned()),
        ];
        let context = client_context.map(|context| ("lambda-runtime-client-context", context));
        let mut response = response(200, payload);
        for (name, value) in headers.into_iter().chain(context) {
            let value = HeaderValue::from_str(&value).ok();
            response
                .headers_mut()
                .extend(value.map(|value| (HeaderName::from_static(name), value)));
        }
        tokio::spawn(
            self.clone()
                .time_out(name.to_owned(), request_id.clone(), timeout),
        );
        function.taken.insert(request_id, reply);
        Some(response)
    }

    fn end(&self, name: &str, request_id: &str, ended: Ended) -> Response<Body> {
        let reply = self.functions().get_mut(name).and_then(|function| {
            function.seen = Some(Instant::now());
            function.taken.remove(request_id)
        });
        match reply {
            Some(reply) => {
                // Nobody waits any more if the invocation timed out.
                let _ = reply.send(ended);
                plain_json(202, &json!({ "status": "OK" }))
            }
            None => runtime_error(
                400,
                "InvalidRequestID",
                "no invocation with this ID is under way",
            ),
        }
    }

    /// Fails the invocation whose answer is larger than Lambda takes, and tells the runtime.
    pub(crate) fn answer_is_too_large(&self, name: &str, request_id: &str) -> Response<Body> {
        let most = http::MAX_ANSWER_BYTES;
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({most} bytes).");
        let error =
            json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message });
        let _ = self.end(name, request_id, Ended::Failed(error));
        let message = format!("Exceeded maximum allowed payload size ({most} bytes).");
        runtime_error(413, "RequestEntityTooLarge", &message)
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
        self.0
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a poller while it waits, also when its connection breaks.
struct Polling<'a> {
    functions: &'a Functions,
    name: &'a str,
}

impl<'a> Polling<'a> {
    fn begin(functions: &'a Functions, name: &'a str) -> Self {
        let mut all = functions.functions();
        let function = all.entry(name.to_owned()).or_default();
        function.polling += 1;
        function.seen = Some(Instant::now());
        drop(all);
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

/// Keeps what a process prints, line by line, and answers who asks once nothing more is there to be
/// read.
async fn gather(
    stream: impl AsyncRead + Unpin,
    logs: Arc<Mutex<Vec<String>>>,
    mut asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut lines = BufReader::new(stream).lines();
    loop {
        tokio::select! {
            // What is there comes before the answer that it was read.
            biased;
            line = lines.next_line() => match line {
                Ok(Some(line)) => logs.lock().unwrap_or_else(PoisonError::into_inner).push(line),
                _ => return,
            },
            Some(read) = asked.recv() => { let _ = read.send(()); }
        }
    }
}

/// The end of a process as Lambda words it.
fn exit_status(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// That a payload is JSON in UTF-8. Skipping over texts alone would let any bytes pass.
fn readable(payload: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(payload).map_err(|wrong| wrong.to_string())?;
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(|_| ())
        .map_err(|wrong| wrong.to_string())
}

/// The JSON in a client's context.
fn client_context(header: &HeaderValue) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(header.as_bytes()).ok()?).ok()?;
    let is_object = serde_json::from_str::<Value>(&text).is_ok_and(|context| context.is_object());
    (is_object && header.len() <= MAX_CLIENT_CONTEXT).then_some(text)
}

fn exited(request_id: &str, how: &str) -> Ended {
    let message = format!("RequestId: {request_id} Error: {how}");
    Ended::Failed(json!({ "errorType": "Runtime.ExitError", "errorMessage": message }))
}

/// The error object that a runtime sends; anything else is passed on as a text.
fn error_object(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(
        |_| json!({ "errorType": "Unhandled", "errorMessage": String::from_utf8_lossy(body) }),
    )
}

fn runtime_error(status: u16, kind: &str, message: &str) -> Response<Body> {
    plain_json(
        status,
        &json!({ "errorType": kind, "errorMessage": message }),
    )
}

/// An error as Lambda writes it: the member of its text is `message` for a wrong request, `Message`
/// otherwise.
fn lambda_error(status: u16, code: &str, message: &str) -> Response<Body> {
    let member = if status == 400 { "message" } else { "Message" };
    let mut response = http::error(status, code, message);
    *response.body_mut() =
        plain_json(status, &json!({ "Type": "User", member: message })).into_body();
    response.headers_mut().remove("content-length");
    response
}

/// That each of these parameters is in a query once at most, and as Lambda's model has it. What the
/// emulator does not look at, it does not hold against the model.
fn check_query(query: &str, names: &[&str]) -> Result<(), ApiError> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut seen = BTreeSet::new();
    for (name, value) in pairs.filter(|(name, _)| names.contains(name)) {
        let value = call::percent_decode(value);
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '$');
        let fits = match name {
            "Qualifier" => {
                let is_latest = value == "$LATEST.PUBLISHED";
                (1..=128).contains(&value.len()) && (is_latest || value.chars().all(is_sign))
            }
            "MaxItems" => value
                .parse()
                .is_ok_and(|count: u16| (1..=10_000).contains(&count)),
            _ => value == "ALL",
        };
        if !fits || !seen.insert(name) {
            let message = format!(
                "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint"
            );
            return Err(ApiError::validation(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn functions(binary: &str) -> Functions {
        let binaries = Binaries::Fixed([("f".to_owned(), binary.into())].into());
        Functions::new(Cloud::new(World::empty()), binaries)
    }

    fn invoke(functions: &Functions) -> JoinHandle<Ended> {
        let functions = functions.clone();
        tokio::spawn(async move { functions.invoke("f", Bytes::from_static(b"{}")).await })
    }

    /// Polls and answers as a runtime does that nobody started here.
    async fn serve_by_hand(functions: &Functions) {
        let next = functions.next("f").await;
        let id = next.headers()["lambda-runtime-aws-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            functions
                .end("f", &id, Ended::Answered("1".into()))
                .status(),
            202
        );
    }

    #[tokio::test]
    async fn an_answer_counts_before_anything_was_started() {
        let functions = functions("/there/is/none");
        let starting = Arc::clone(
            &functions
                .functions()
                .entry("f".to_owned())
                .or_default()
                .starting,
        );
        let held = starting.lock_owned().await;
        let invoked = invoke(&functions);
        serve_by_hand(&functions).await;
        drop(held);
        assert_eq!(invoked.await.unwrap(), Ended::Answered("1".into()));
        assert_eq!(functions.process_id("f"), None);
    }

    #[tokio::test]
    async fn a_function_that_was_started_by_hand_gets_no_second_process() {
        // It would run, and take nothing.
        let functions = functions("/usr/bin/yes");
        let ((), first) = tokio::join!(
            serve_by_hand(&functions),
            functions.invoke("f", "{}".into())
        );
        assert_eq!(first, Ended::Answered("1".into()));
        let second = invoke(&functions);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(functions.process_id("f"), None);
        serve_by_hand(&functions).await;
        assert_eq!(second.await.unwrap(), Ended::Answered("1".into()));
    }

    #[test]
    fn a_query_has_what_the_model_has_and_once() {
        let names = ["Qualifier", "MaxItems", "FunctionVersion"];
        for (query, ok) in [
            ("", true),
            ("Qualifier=$LATEST", true),
            ("Qualifier=%24LATEST.PUBLISHED", true),
            ("Qualifier=", false),
            ("Qualifier=a%20b", false),
            ("Qualifier=PROD&Qualifier=PROD", false),
            ("MaxItems=10000&FunctionVersion=ALL", true),
            ("MaxItems=0", false),
            ("MaxItems=10001", false),
            ("MaxItems=many", false),
            ("FunctionVersion=1", false),
        ] {
            assert_eq!(check_query(query, &names).is_ok(), ok, "{query}");
        }
        assert!(check_query(&format!("Qualifier={}", "a".repeat(129)), &names).is_err());
    }
}
