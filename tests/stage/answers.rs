//! What AWS may answer, and no account of the emulator shows: every error of an operation, and
//! every member of a description with any value.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use aws_types::SdkConfig;
use emulator::{
    Cloud, Emulator,
    wire::{Answer, Wire},
};
use harness::connector::{to_call, to_response};
use serde_json::Value;

use crate::stage::{Canned, quick_retries};

/// The emulator without a socket, whose answers are changed on their way.
#[derive(Clone)]
pub(crate) struct Answers(Arc<dyn Fn(&mut Answer) + Send + Sync>);

impl Answers {
    /// This error wherever the emulator injects the fault `UnknownError`.
    pub(crate) fn with_error((status, code, body): Canned) -> Self {
        Self(Arc::new(move |answer| {
            if answer.error_type.as_deref() == Some("UnheardOfException") {
                answer.status = status;
                answer.error_type = Some(code.to_owned());
                answer.body = Some(body.to_owned());
            }
        }))
    }

    /// The same answers, with every body changed.
    pub(crate) fn with_body(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |answer| {
            if let Some(text) = &mut answer.body {
                let mut body = serde_json::from_str(text).unwrap();
                change(&mut body);
                *text = body.to_string();
            }
        }))
    }

    /// The SDK with these answers of an account.
    pub(crate) fn sdk_config(&self, local: &Emulator) -> SdkConfig {
        let connector = SharedHttpConnector::new(Connector {
            cloud: Cloud::clone(local),
            answers: self.clone(),
        });

        harness::sdk_config()
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .retry_config(quick_retries())
            .build()
    }
}

#[derive(Clone)]
struct Connector {
    cloud: Cloud,
    answers: Answers,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // A connection that breaks is for the scenarios over a socket.
        let Wire::Answer(mut answer) = self.cloud.call(to_call(&request)) else {
            panic!("only answers can be changed");
        };
        (self.answers.0)(&mut answer);

        HttpConnectorFuture::ready(to_response(&answer))
    }
}

/// Changes a description as a JSON merge patch does: `null` leaves a member out.
pub(crate) fn patch(description: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *description = change.clone();
        return;
    };
    if !description.is_object() {
        *description = Value::Object(serde_json::Map::new());
    }

    let members = description.as_object_mut().unwrap();
    for (name, change) in changes {
        match change {
            Value::Null => _ = members.remove(name),
            change => patch(members.entry(name).or_insert(Value::Null), change),
        }
    }
}
