//! The Runtime API, which a function's process polls for invocations.

use std::time::Instant;

use chrono::Utc;
use hyper::{
    Response,
    body::Bytes,
    header::{HeaderName, HeaderValue},
    http::request::Parts,
};
use serde_json::{Value, json};

use crate::lambda::{
    functions::{Event, Functions, Invocation, InvocationResult, MAX_PAYLOAD_BYTES},
    responses::{Body, plain_json, response},
};

/// The largest answer of a function. Lambda adds 100 bytes to the largest payload.
pub(crate) const MAX_ANSWER_BYTES: usize = MAX_PAYLOAD_BYTES + 100;

impl Functions {
    /// Answers a call to the Runtime API. The function's name is part of the path, so that one port
    /// serves all functions.
    pub(crate) async fn runtime_api(
        &self,
        name: &str,
        path: &[&str],
        parts: &Parts,
        body: Bytes,
    ) -> Response<Body> {
        match (parts.method.as_str(), path) {
            ("GET", ["invocation", "next"]) => self.next(name).await,
            ("POST", ["invocation", id, "response"]) => {
                self.end(name, id, InvocationResult::Answered(body))
            }
            ("POST", ["invocation", id, "error"]) => {
                self.end(name, id, InvocationResult::Failed(error_object(&body)))
            }
            ("POST", ["init", "error"]) => self.fail_init(name, &body),
            _ => runtime_error(404, "InvalidPath", "not a path of the Runtime API"),
        }
    }

    /// Waits for an invocation, as long as it takes, and hands it out.
    pub(super) async fn next(&self, name: &str) -> Response<Body> {
        let _poller = Poller::new(self, name);

        loop {
            // Enabled before the queue is read, so that no invocation in between is missed.
            let woken = self.0.wake.notified();
            let mut woken = std::pin::pin!(woken);
            woken.as_mut().enable();

            if let Some(response) = self.take(name) {
                return response;
            }
            woken.await;
        }
    }

    /// Hands out the oldest invocation. Its timeout starts now.
    fn take(&self, name: &str) -> Option<Response<Body>> {
        let timeout = self.0.cloud.deployment(name).timeout_seconds;
        let mut functions = self.functions();
        let function = functions.get_mut(name)?;
        let Invocation {
            request_id,
            event,
            reply,
        } = function.queue.pop_front()?;

        // What the process called before is its initialisation, which is shown apart.
        if let Some(process) = &mut function.process
            && !process.served
        {
            process.served = true;
            function.calls_before = self.0.cloud.calls();
        }

        let response = self.invocation_response(name, &request_id, event, timeout);
        // Lambda counts the time of an invocation from the moment that the runtime takes it.
        let timing_out = self
            .clone()
            .time_out(name.to_owned(), request_id.clone(), timeout);
        tokio::spawn(timing_out);

        function.in_progress.insert(request_id, reply);
        Some(response)
    }

    /// An invocation as the Runtime API hands it out.
    fn invocation_response(
        &self,
        name: &str,
        request_id: &str,
        event: Event,
        timeout_seconds: u32,
    ) -> Response<Body> {
        let Event {
            payload,
            qualifier,
            client_context,
        } = event;
        let now = Utc::now().timestamp_millis();
        // Runtimes derive the remaining time from the deadline.
        let deadline = now + i64::from(timeout_seconds) * 1000;
        // The ARN has the qualifier that the caller used.
        let invoked = match qualifier {
            Some(qualifier) => self.arn(&format!("{name}:{qualifier}")),
            None => self.arn(name),
        };

        let mut headers = vec![
            ("lambda-runtime-aws-request-id", request_id.to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", invoked),
            ("lambda-runtime-trace-id", trace_id(now)),
            ("content-type", "application/json".to_owned()),
        ];
        if let Some(context) = client_context {
            headers.push(("lambda-runtime-client-context", context));
        }

        let mut response = response(200, payload);
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Ends an invocation with a result.
    pub(super) fn end(
        &self,
        name: &str,
        request_id: &str,
        result: InvocationResult,
    ) -> Response<Body> {
        let mut functions = self.functions();
        // An answer counts as a sign of life, also a late one.
        let reply = functions.get_mut(name).and_then(|function| {
            function.last_seen = Some(Instant::now());
            function.in_progress.remove(request_id)
        });

        match reply {
            Some(reply) => {
                // The caller may be gone.
                let _ = reply.send(result);
                plain_json(202, &json!({ "status": "OK" }))
            }
            None => {
                let message = "no invocation with this ID is in progress";
                runtime_error(400, "InvalidRequestID", message)
            }
        }
    }

    /// Fails the invocation whose answer is larger than Lambda accepts.
    pub(crate) fn refuse_large_answer(&self, name: &str, request_id: &str) -> Response<Body> {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes)."
        );
        let error =
            json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message });
        // The invocation fails with one error, and the runtime gets another.
        let _ = self.end(name, request_id, InvocationResult::Failed(error));

        let message = format!("Exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).");
        runtime_error(413, "RequestEntityTooLarge", &message)
    }

    /// Fails all waiting invocations of a function whose process could not initialise.
    fn fail_init(&self, name: &str, body: &Bytes) -> Response<Body> {
        let error = error_object(body);
        // Nothing was handed out yet, so that every waiting invocation fails.
        if let Some(function) = self.functions().get_mut(name) {
            for invocation in function.queue.drain(..) {
                let result = InvocationResult::Failed(error.clone());
                let _ = invocation.reply.send(result);
            }
        }

        plain_json(202, &json!({ "status": "OK" }))
    }
}

/// Counts a poller while it waits, also if its connection breaks.
struct Poller<'a> {
    functions: &'a Functions,
    name: &'a str,
}

impl<'a> Poller<'a> {
    fn new(functions: &'a Functions, name: &'a str) -> Self {
        let mut all = functions.functions();
        let function = all.entry(name.to_owned()).or_default();
        function.pollers += 1;
        function.last_seen = Some(Instant::now());
        // The guard would be locked again when this poller is dropped.
        drop(all);

        Self { functions, name }
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        if let Some(function) = self.functions.functions().get_mut(self.name) {
            function.pollers = function.pollers.saturating_sub(1);
        }
    }
}

/// A trace ID of X-Ray.
fn trace_id(now_millis: i64) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let root = random.get(..24).unwrap_or_default();
    let parent = random.get(..16).unwrap_or_default();

    let seconds = now_millis / 1000;
    format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0")
}

/// The error object that a runtime sends. Anything else is passed on as text.
fn error_object(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let message = String::from_utf8_lossy(body);
        json!({ "errorType": "Unhandled", "errorMessage": message })
    })
}

fn runtime_error(status: u16, kind: &str, message: &str) -> Response<Body> {
    let error = json!({ "errorType": kind, "errorMessage": message });
    plain_json(status, &error)
}
