//! A function as a value.

use std::{fmt::Debug, rc::Rc};

use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use emulator::Service;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use shared::{Answer, Failure, Invocation, Message, Mode, Rejection, variables::BadVariable};

/// The environment of a function: the value of a variable by its name.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A started function with its clients and its policy, as one Lambda sandbox keeps them warm.
pub type Handler =
    Box<dyn Fn(String, Invocation) -> LocalBoxFuture<'static, Result<Answer, Failure>>>;

/// One function of drover, for everything that handles more than one.
#[derive(Debug)]
pub struct FunctionUnderTest {
    /// The name of its package, of its binary, and of its folder of events.
    pub name: &'static str,
    /// The AWS service that it works on.
    pub service: Service,
    /// The environment variables that it reads.
    pub variables: &'static [&'static str],
    /// The code of every reason that it reports.
    pub reasons: fn() -> Vec<String>,
    /// Reads a message as the function does, and describes the command in one line.
    pub read: fn(&Message, DateTime<Utc>) -> Result<String, Rejection>,
    /// Reads the policy from the environment.
    pub policy: fn(Variables<'_>) -> Result<Policy, BadVariable>,
    /// Starts the function as its `main` does, with a retry budget of its own.
    pub start: fn(&SdkConfig, Variables<'_>) -> Result<Handler, BadVariable>,
}

/// The error type that Lambda reports, where an invocation failed, and the report.
///
/// The report is null where a failure carries none.
#[must_use]
pub fn parts(answer: Result<Answer, Failure>) -> (Option<String>, Value) {
    match answer {
        Ok(answer) => (None, json!(answer)),
        Err(failure) => {
            // A failed invocation carries the report as its message.
            let diagnostic = lambda_runtime::Diagnostic::from(failure);
            let report = serde_json::from_str(&diagnostic.error_message).unwrap_or_default();
            (Some(diagnostic.error_type), report)
        }
    }
}

/// What the environment allows a function.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether it may change anything.
    pub mode: Mode,
    /// Every setting, for comparison.
    pub settings: String,
}

impl Policy {
    /// A policy by its mode and by everything that it prints.
    pub(crate) fn new(mode: Mode, policy: &impl Debug) -> Self {
        Self {
            mode,
            settings: format!("{policy:?}"),
        }
    }
}

/// A handler with a client and a policy, which are built once and shared by all invocations.
pub(crate) fn handler<Client, Policy, Handle>(
    client: Client,
    policy: Policy,
    handle: Handle,
) -> Handler
where
    Client: 'static,
    Policy: 'static,
    Handle: AsyncFn(&str, Invocation, &Client, &Policy) -> Result<Answer, Failure>,
    Handle: Copy + 'static,
{
    // As in `main`, which hands both to every invocation.
    let shared = Rc::new((client, policy));

    Box::new(move |payload, invocation| {
        let shared = Rc::clone(&shared);
        // The future owns its share, so that a killed invocation leaves nothing behind.
        Box::pin(async move {
            let (client, policy) = &*shared;
            handle(&payload, invocation, client, policy).await
        })
    })
}

impl FunctionUnderTest {
    /// The stack that has this function and the others of its service, as the template's parameter
    /// `Functions` names it.
    #[must_use]
    pub fn stack(&self) -> &'static str {
        if self.service == Service::Efs {
            "efs"
        } else {
            "drs"
        }
    }

    /// The folder of its example events.
    #[must_use]
    pub fn events(&self) -> String {
        format!("events/{}", self.name)
    }

    /// The folder of its source.
    #[must_use]
    pub fn source(&self) -> String {
        format!("functions/{}/src", self.name)
    }

    /// Its README.
    #[must_use]
    pub fn readme(&self) -> String {
        format!("functions/{}/README.md", self.name)
    }
}
