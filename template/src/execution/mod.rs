//! Executions of state machines in virtual time, as Step Functions runs them, by
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>.
//!
//! A machine is checked as a whole when it is read: a state, a field, a resource or an expression
//! that is not known here fails the test, and is never skipped. Waits and intervals are tokio's, so
//! they take no real time where that is paused.

mod calls;
mod check;
mod items;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout};

use self::check::expression;
use crate::{
    facts::is_within,
    jsonata::{Expression, Variables},
};

/// What answers the calls of an execution.
pub trait Services {
    /// Answers one call, which takes as long as the future does. A state that stops waiting for the
    /// answer drops it; what a service has begun by then has its effect all the same.
    fn call<'a>(&'a self, call: Call<'a>) -> LocalBoxFuture<'a, Result<Value, Failure>>;

    /// Notes that the execution enters a state.
    fn enters(&self, _state: &str) {}

    /// Notes that the execution tries a state again, which AWS counts as one more transition.
    fn retries(&self) {}

    /// Notes that a map starts the child execution of an item, which AWS counts as one more
    /// transition.
    fn starts_item(&self) {}

    /// How long it takes until another attempt where jitter makes that any time up to the longest,
    /// in seconds. The longest unless a service draws one.
    fn jittered(&self, longest: u64) -> u64 {
        longest
    }
}

/// A call of a service by a state.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Such as `arn:aws:states:::lambda:invoke`.
    pub resource: &'a str,
    /// The arguments of the state.
    pub arguments: &'a Value,
}

/// An error of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name, such as `States.Timeout`.
    pub error: String,
    /// The cause, if one is given.
    pub cause: Option<String>,
}

impl Failure {
    /// An error without a cause.
    #[must_use]
    pub fn new(error: &str) -> Self {
        Self {
            error: error.to_owned(),
            cause: None,
        }
    }

    /// The same error with a cause, of which Step Functions keeps the start.
    #[must_use]
    pub fn because(self, cause: &str) -> Self {
        Self {
            cause: Some(cause.chars().take(LONGEST_CAUSE).collect()),
            ..self
        }
    }
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With an output.
    Succeeded(Value),
    /// With an error that no state handles.
    Failed(Failure),
    /// After the time that the machine allows.
    TimedOut,
}

/// An execution that has ended.
#[derive(Debug)]
pub struct Execution {
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub seconds: u64,
    /// The entries in its history, about.
    pub events: u64,
    /// How long each wait was, in seconds.
    pub waits: Vec<u64>,
    /// How each item of a map that was begun ended.
    pub items: Vec<Result<Value, Failure>>,
    /// The items of a map that did not end, by their index: a map that fails stops those that run,
    /// and begins no other.
    pub unended: Vec<usize>,
}

/// A state machine that is known in every detail.
#[derive(Debug)]
pub struct Machine(Value);

impl Machine {
    /// The machine of a definition, with its substitutions made.
    #[must_use]
    pub fn read(definition: Value) -> Self {
        check::check(&definition);

        Self(definition)
    }

    /// Runs it as the execution with this ARN, with an input.
    pub async fn run(&self, arn: &str, input: Value, services: &dyn Services) -> Execution {
        let mut run = Run::new(services, arn);
        // An error that no state handles ends the execution, and so does its time.
        let states = run.states(&self.0, input);
        let end = match timeout(self.most(), states).await {
            Ok(Ok(output)) => End::Succeeded(output),
            Ok(Err(failure)) => End::Failed(failure),
            Err(_) => End::TimedOut,
        };

        let by_index = run.items.iter().enumerate();
        let unended = by_index.filter(|(_, ended)| ended.is_none());

        Execution {
            end,
            seconds: run.start.elapsed().as_secs(),
            events: run.events,
            waits: run.waits,
            unended: unended.map(|(index, _)| index).collect(),
            items: run.items.into_iter().flatten().collect(),
        }
    }

    fn most(&self) -> Duration {
        // Step Functions ends a standard execution after a year.
        let seconds = self.0["TimeoutSeconds"].as_u64();

        Duration::from_secs(seconds.unwrap_or(31_536_000))
    }
}

/// An execution under way.
struct Run<'a> {
    services: &'a dyn Services,
    arn: &'a str,
    start: Instant,
    events: u64,
    waits: Vec<u64>,
    /// How each item of a map ended, if it has.
    items: Vec<Option<Result<Value, Failure>>>,
    variables: Variables,
}

/// What `$states` holds in a state.
type Scope = Map<String, Value>;

/// The output of a state, and the name of the next one.
type Left = (Value, Option<String>);

impl<'a> Run<'a> {
    fn new(services: &'a dyn Services, arn: &'a str) -> Self {
        Self {
            services,
            arn,
            start: Instant::now(),
            events: 0,
            waits: Vec::new(),
            items: Vec::new(),
            variables: Variables::new(),
        }
    }

    /// Runs from the first state to the last.
    async fn states(&mut self, machine: &Value, input: Value) -> Result<Value, Failure> {
        let mut name = machine["StartAt"].as_str().unwrap().to_owned();
        let mut input = input;
        loop {
            let state = &machine["States"][&name];
            self.services.enters(&name);
            // A state is entered and exited.
            self.events += 2;

            let scope = self.scope(input);
            let (output, next) = match state["Type"].as_str().unwrap() {
                "Pass" => {
                    let output = scope["input"].clone();
                    self.leave(state, &scope, output)?
                }
                "Choice" => self.choice(state, &scope)?,
                "Wait" => self.wait(state, &scope).await?,
                "Task" => self.task(state, &scope).await?,
                // The items of a map run states themselves.
                "Map" => Box::pin(self.map(state, &scope)).await?,
                "Succeed" => return Ok(scope["input"].clone()),
                "Fail" => return Err(self.failure(state, &scope)?),
                other => panic!("{other} is not known here"),
            };
            match next {
                Some(next) => (input, name) = (output, next),
                None => return Ok(output),
            }
        }
    }

    fn scope(&self, input: Value) -> Scope {
        let name = self.arn.rsplit(':').next().unwrap_or_default();
        let context = json!({ "Execution": { "Id": self.arn, "Name": name } });

        Scope::from_iter([("input".to_owned(), input), ("context".to_owned(), context)])
    }

    /// Evaluates `Output` and `Assign`. Both see the variables as they were before.
    fn leave(&mut self, state: &Value, scope: &Scope, output: Value) -> Result<Left, Failure> {
        let output = match state.get("Output") {
            Some(written) => self.evaluated(written, scope)?,
            None => output,
        };
        // All are evaluated before the first is assigned.
        if let Some(assigned) = state.get("Assign") {
            let Value::Object(assigned) = self.evaluated(assigned, scope)? else {
                panic!("{assigned} is no object")
            };
            let assigned = assigned.into_iter();
            self.variables
                .extend(assigned.map(|(name, value)| (name, Some(value))));
        }

        let next = state["Next"].as_str().map(str::to_owned);
        Ok((within_limit(output)?, next))
    }

    fn choice(&mut self, state: &Value, scope: &Scope) -> Result<Left, Failure> {
        let input = scope["input"].clone();
        for rule in state["Choices"].as_array().unwrap() {
            match self.evaluated(&rule["Condition"], scope)? {
                Value::Bool(true) => return self.leave(rule, scope, input),
                Value::Bool(false) => {}
                other => return Err(no_value(&format!("{other} is no condition"))),
            }
        }

        // Without a default, no choice is an error.
        let default = state["Default"].as_str();
        let default = default.ok_or_else(|| Failure::new("States.NoChoiceMatched"))?;
        Ok((input, Some(default.to_owned())))
    }

    async fn wait(&mut self, state: &Value, scope: &Scope) -> Result<Left, Failure> {
        // A fraction or a negative number is an error of the machine.
        let seconds = self.evaluated(&state["Seconds"], scope)?;
        let seconds = seconds
            .as_u64()
            .ok_or_else(|| no_value(&format!("{seconds} is no number of seconds")))?;

        self.waits.push(seconds);
        sleep(Duration::from_secs(seconds)).await;
        self.leave(state, scope, scope["input"].clone())
    }

    fn failure(&self, state: &Value, scope: &Scope) -> Result<Failure, Failure> {
        let text = |name: &str| match self.evaluated(&state[name], scope)? {
            Value::String(text) => Ok(text),
            other => Err(no_value(&format!("{other} is no {name}"))),
        };

        Ok(Failure::new(&text("Error")?).because(&text("Cause")?))
    }

    /// A value with its expressions evaluated.
    fn evaluated(&self, written: &Value, scope: &Scope) -> Result<Value, Failure> {
        match written {
            Value::String(text) => match expression(text) {
                Some(expression) => self.value(&expression, scope),
                None => Ok(written.clone()),
            },
            Value::Array(items) => {
                let items = items.iter().map(|item| self.evaluated(item, scope));
                items.collect()
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), self.evaluated(member, scope)?)));
                Ok(Value::Object(members.collect::<Result<_, Failure>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    fn value(&self, expression: &Expression, scope: &Scope) -> Result<Value, Failure> {
        // `$states` is of the state, everything else of the execution.
        let mut variables = self.variables.clone();
        variables.insert("states".to_owned(), Some(Value::Object(scope.clone())));

        match expression.evaluate(&variables) {
            Ok(Some(value)) => Ok(value),
            // Nothing is no value of JSON.
            Ok(None) => Err(no_value(&format!("{expression:?} is nothing"))),
            Err(reason) => Err(no_value(&reason)),
        }
    }
}

fn no_value(reason: &str) -> Failure {
    Failure::new("States.QueryEvaluationError").because(reason)
}

/// What is passed between states and services has a limit, and no state can handle its error.
fn within_limit(value: Value) -> Result<Value, Failure> {
    let bytes = value.to_string().len() as u64;
    if is_within(bytes, "what a state passes on, in bytes") {
        return Ok(value);
    }

    Err(Failure::new(BEYOND_LIMIT).because(&format!("{bytes} bytes")))
}

/// How many characters of a cause are kept, by
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html>.
const LONGEST_CAUSE: usize = 32_768;

const BEYOND_LIMIT: &str = "States.DataLimitExceeded";
