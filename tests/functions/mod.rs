//! Every function as the tests know it: the names of its parts in the template, and what its role
//! may and may not do.
//!
//! To add a function, write its value in a file of its own and list it in [`FUNCTIONS`].

mod audit_file_systems;
mod audit_servers;
mod bootstrap;
mod disconnect;

use emulator::{Emulator, IamRequest, World};
use futures_util::future::LocalBoxFuture;
use harness::FunctionUnderTest;
use serde_json::Value;

pub(crate) use self::{
    audit_file_systems::AUDIT_FILE_SYSTEMS, audit_servers::AUDIT_SERVERS, bootstrap::BOOTSTRAP,
    disconnect::DISCONNECT,
};
use crate::{
    stage::event,
    tidy::{list, read},
};

/// Every function of drover.
pub(crate) static FUNCTIONS: [&Function; 4] =
    [&DISCONNECT, &BOOTSTRAP, &AUDIT_SERVERS, &AUDIT_FILE_SYSTEMS];

/// The functions that change something: the others only look, by a schedule or a request from the
/// bus.
pub(crate) static CHANGING: [&Function; 2] = [&DISCONNECT, &BOOTSTRAP];

/// One function, its parts in the template, and its rights.
pub(crate) struct Function {
    pub(crate) under_test: &'static FunctionUnderTest,
    pub(crate) parts: Parts,
    /// Lambda's timeout.
    pub(crate) timeout_seconds: u64,
    /// The environment variables that follow parameters of the template, where each parameter has a
    /// value of its own.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// The calls of everything that it does, as IAM would be asked.
    pub(crate) flows: fn() -> LocalBoxFuture<'static, Vec<IamRequest>>,
    /// What no parameter of the template allows it.
    pub(crate) forbidden: fn() -> Vec<IamRequest>,
    /// What is allowed right beside the forbidden.
    pub(crate) allowed: fn() -> Vec<IamRequest>,
    /// What a function has that changes something.
    pub(crate) changes: Option<Changes>,
}

/// What a function has that changes something.
pub(crate) struct Changes {
    /// The logical ID of its queue of requests.
    pub(crate) queue: &'static str,
    /// A parameter without which one action is denied.
    pub(crate) gate: Gate,
}

/// The logical IDs of a function's parts in the template, and its metric.
pub(crate) struct Parts {
    /// What the logical IDs of its own parts contain, and no others do.
    pub(crate) words: &'static [&'static str],
    pub(crate) metric: &'static str,
    pub(crate) logs: &'static str,
}

/// A parameter of the template, and the action that it allows.
pub(crate) struct Gate {
    pub(crate) parameter: &'static str,
    pub(crate) action: &'static str,
    /// What else the parameter allows, where no scenario does it.
    pub(crate) more: fn() -> Vec<IamRequest>,
}

impl Function {
    pub(crate) fn name(&self) -> &'static str {
        self.under_test.name
    }

    /// What it has because it changes something.
    pub(crate) fn changes(&self) -> &Changes {
        let only_looks = || panic!("{} only looks", self.name());

        self.changes.as_ref().unwrap_or_else(only_looks)
    }

    /// The names of its example events.
    pub(crate) fn event_files(&self) -> Vec<String> {
        list(&self.under_test.events())
    }

    /// One of its example events, as it can be sent now.
    pub(crate) fn event(&self, file: &str) -> Value {
        event(&format!("{}/{file}", self.name()))
    }

    /// All of its example events.
    fn events(&self) -> Vec<Value> {
        let files = self.event_files();

        files.iter().map(|file| self.event(file)).collect()
    }

    /// The functions that a stack for this one has: those of its service.
    pub(crate) fn stack(&self) -> impl Iterator<Item = &'static Self> {
        let service = self.under_test.service;
        let functions = FUNCTIONS.into_iter();

        functions.filter(move |other| other.under_test.service == service)
    }

    /// The functions that a stack for this one does not have.
    pub(crate) fn others(&self) -> impl Iterator<Item = &'static Self> {
        let service = self.under_test.service;
        let others = FUNCTIONS.into_iter();

        others.filter(move |other| other.under_test.service != service)
    }
}

/// The world that the example events are about.
fn world_of_events() -> World {
    World::from_json(&read("emulator/worlds/default.json")).unwrap()
}

/// Everything that IAM would have been asked in an account.
pub(crate) fn asked(local: &Emulator) -> Vec<IamRequest> {
    let journal = local.journal().into_iter();

    journal.flat_map(|entry| entry.iam).collect()
}
