//! A stage for the functions that only look.

use emulator::{Emulator, Fault, FaultKind, World};
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
    variables: Vec<(&'static str, &'static str)>,
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
        }
    }

    /// The same with another value of a variable.
    pub(crate) fn set(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Lets the next calls of an operation meet a fault.
    pub(crate) fn next(self, operation: &str, kind: FaultKind, times: u32) -> Self {
        self.local.inject(Fault {
            times,
            ..Fault::next(operation, kind)
        });
        self
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        self.deliver_within(event, 900).await
    }

    /// The same with so many seconds left.
    pub(crate) async fn deliver_within(&self, event: &Value, seconds: u64) -> Answer {
        let variable = |name: &str| {
            let mut set = self.variables.iter();
            let (_, value) = set.find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        let start = self.function.under_test.start;
        let handle = start(&sdk_config(&self.local), &variable).unwrap();

        Answer::new(handle(event.to_string(), invocation(seconds)).await)
    }

    /// An audit of everything.
    pub(crate) async fn audit(&self) -> Answer {
        self.deliver(&json!({ "version": 1, "requestID": "AUDIT1" }))
            .await
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
