//! A stage for the functions that only look.

use emulator::{Emulator, Fault, World};
use serde_json::{Value, json};

use crate::{
    functions::Function,
    iam,
    stage::{Answer, invocation, sdk_config},
};

pub(crate) struct Stage {
    pub(crate) local: Emulator,
    function: &'static Function,
    /// The environment of the function.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    pub(crate) seconds_left: u64,
}

/// However a scenario ends, nothing was changed, and the role of the template allows its calls.
// Invariant 11.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.local.changes(), [""; 0]);
        }
        iam::check(&self.local, self.function, "", None);
    }
}

impl Stage {
    pub(crate) async fn with(function: &'static Function, world: World) -> Self {
        Self {
            local: Emulator::without_functions(world).await.unwrap(),
            function,
            variables: Vec::new(),
            seconds_left: 900,
        }
    }

    /// The same with another value of a variable.
    pub(crate) fn set(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Lets the next calls meet a fault.
    pub(crate) fn fault(&self, fault: Fault, times: u32) {
        self.local.inject(Fault { times, ..fault });
    }

    /// The calls so far, each as its Region and operation, without repetitions.
    pub(crate) fn calls(&self) -> Vec<String> {
        let journal = self.local.journal();
        let calls = journal
            .iter()
            .map(|it| format!("{} {}", it.region, it.operation));
        let mut calls: Vec<String> = calls.collect();

        calls.sort();
        calls.dedup();
        calls
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let variable = |name: &str| {
            let mut set = self.variables.iter();
            let (_, value) = set.find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        let start = self.function.under_test.start;
        let handle = start(&sdk_config(&self.local), &variable).unwrap();

        Answer::new(handle(event.to_string(), invocation(self.seconds_left)).await)
    }

    /// An audit of everything.
    pub(crate) async fn audit(&self) -> Answer {
        self.deliver(&json!({ "version": 1, "requestID": "AUDIT1" }))
            .await
    }

    /// What an audit of everything finds.
    pub(crate) async fn finds(&self) -> Vec<String> {
        let answer = self.audit().await;
        assert_eq!(answer.conclusion(), "done audited");

        found(&answer)
    }
}

/// What was found, as `name: finding, finding`.
pub(crate) fn found(answer: &Answer) -> Vec<String> {
    let found = answer.body["audit"]["found"].as_array();

    let lines = found.into_iter().flatten().map(|one| {
        let findings = one["findings"].as_array().unwrap().iter();
        let codes: Vec<&str> = findings.map(|it| it["reason"].as_str().unwrap()).collect();
        format!("{}: {}", one["name"].as_str().unwrap(), codes.join(", "))
    });
    lines.collect()
}
