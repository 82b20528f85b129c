//! A function's own binary over the Runtime API, in an emulated account.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected must fail loudly"
)]

use std::{collections::BTreeMap, path::Path};

use emulator::{Binaries, Cloud, Deployment, Emulator, InvocationResult, World};
use serde_json::Value;

/// A binary, and the account in which it runs.
pub struct Binary {
    name: &'static str,
    /// The emulated account.
    pub local: Emulator,
}

impl Binary {
    /// Serves a world in which the function is deployed with some variables.
    pub async fn start(
        name: &'static str,
        path: impl AsRef<Path>,
        world: World,
        variables: &[(&str, &str)],
    ) -> Self {
        let deployment = Deployment {
            environment: environment(variables),
            ..Deployment::default()
        };

        Self::start_deployed(name, path, world, deployment).await
    }

    /// Serves a world in which the function is deployed in this way.
    pub async fn start_deployed(
        name: &'static str,
        path: impl AsRef<Path>,
        mut world: World,
        deployment: Deployment,
    ) -> Self {
        world.functions.insert(name.to_owned(), deployment);
        // The emulator runs this very file, and builds nothing.
        let path = path.as_ref().to_owned();
        let binaries = Binaries::Fixed(BTreeMap::from([(name.to_owned(), path)]));

        // Port 0 is any that is free.
        let local = Emulator::start(Cloud::new(world), 0, binaries);
        Self {
            name,
            local: local.await.unwrap(),
        }
    }

    /// Invokes the function with a payload.
    pub async fn invoke(&self, payload: &str) -> InvocationResult {
        let functions = self.local.functions();

        functions.invoke(self.name, payload.to_owned().into()).await
    }

    /// The answer to a payload; a failure fails the test.
    pub async fn answer(&self, payload: &str) -> Value {
        answered(self.invoke(payload).await)
    }

    /// The error that the function answers a payload with; an answer fails the test.
    pub async fn error(&self, payload: &str) -> Value {
        failed(self.invoke(payload).await)
    }

    /// The lines of its log.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        self.local.functions().logs(self.name)
    }

    /// The ID of its process.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.local.functions().process_id(self.name)
    }

    /// How many calls it made before it asked for the first event.
    #[must_use]
    pub fn calls_before_the_first_event(&self) -> usize {
        let functions = self.local.functions();

        functions.calls_before_the_first_event(self.name)
    }

    /// The most memory that its process has ever had, in megabytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        // The process of the last invocation, which is kept warm.
        let process = self.process_id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();

        // VmHWM is the high-water mark of the resident memory, in KiB.
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() / 1000
    }
}

/// Variables as a deployment has them.
#[must_use]
pub fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The body of an answer.
#[must_use]
pub fn answered(ended: InvocationResult) -> Value {
    match ended {
        InvocationResult::Answered(body) => serde_json::from_slice(&body).unwrap(),
        other => panic!("not answered: {other:?}"),
    }
}

/// The error of a failure.
#[must_use]
pub fn failed(ended: InvocationResult) -> Value {
    match ended {
        // Lambda answers a failure with its type and its message.
        InvocationResult::Failed(error) => error,
        other => panic!("did not fail: {other:?}"),
    }
}
