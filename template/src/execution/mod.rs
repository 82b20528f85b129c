//! Executions of state machines in virtual time, as Step Functions runs them, by
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>.
//!
//! A machine is checked as a whole when it is read: a state, a field, a resource or an expression
//! that is not known here fails the test, and is never skipped. Waits, intervals and calls take no
//! real time. Of an interval with jitter, the longest counts.

mod calls;
mod check;
mod items;

use serde_json::{Map, Value, json};

use self::check::expression;
use crate::{
    facts::is_within,
    jsonata::{Expression, Variables},
};

/// What answers the calls of an execution.
pub trait Services {
    /// Answers one call.
    fn call(&mut self, call: &Call<'_>) -> Reply;
}

/// A call of a service by a state.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Such as `arn:aws:states:::lambda:invoke`.
    pub resource: &'a str,
    /// The arguments of the state.
    pub arguments: &'a Value,
    /// When it is made, in seconds after the start of the execution.
    pub time: u64,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// How long the call takes, in seconds.
    pub took: u64,
    /// The result, as the state sees it.
    pub result: Result<Value, Failure>,
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

    /// The same error with a cause.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
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

    /// Runs it with an input.
    pub fn run(&self, input: Value, services: &mut dyn Services) -> Execution {
        let mut run = Run::new(services, 0, self.deadline());
        // An error that no state handles ends the execution.
        let result = run.states(&self.0, input);

        Execution {
            end: match result {
                Ok(output) => End::Succeeded(output),
                Err(Stop::Failed(failure)) => End::Failed(failure),
                Err(Stop::TimedOut) => End::TimedOut,
            },
            seconds: run.clock,
            events: run.events,
            waits: run.waits,
            items: run.items,
        }
    }

    fn deadline(&self) -> u64 {
        // Step Functions ends a standard execution after a year.
        self.0["TimeoutSeconds"].as_u64().unwrap_or(31_536_000)
    }
}

/// Why a state is not left as usual.
#[derive(Debug)]
enum Stop {
    Failed(Failure),
    TimedOut,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An execution under way.
struct Run<'a> {
    services: &'a mut dyn Services,
    clock: u64,
    deadline: u64,
    events: u64,
    waits: Vec<u64>,
    items: Vec<Result<Value, Failure>>,
    variables: Variables,
}

/// What `$states` holds in a state.
type Scope = Map<String, Value>;

/// The output of a state, and the name of the next one.
type Left = (Value, Option<String>);

impl<'a> Run<'a> {
    fn new(services: &'a mut dyn Services, clock: u64, deadline: u64) -> Self {
        Self {
            services,
            clock,
            deadline,
            events: 0,
            waits: Vec::new(),
            items: Vec::new(),
            variables: Variables::new(),
        }
    }

    /// Lets time pass, up to the end of the execution.
    fn pass(&mut self, seconds: u64) -> Result<(), Stop> {
        self.clock += seconds;
        if self.clock <= self.deadline {
            return Ok(());
        }

        self.clock = self.deadline;
        Err(Stop::TimedOut)
    }

    /// Runs from the first state to the last.
    fn states(&mut self, machine: &Value, input: Value) -> Result<Value, Stop> {
        let mut name = machine["StartAt"].as_str().unwrap().to_owned();
        let mut input = input;
        loop {
            let state = &machine["States"][&name];
            // A state is entered and exited.
            self.events += 2;

            let scope = scope(input);
            let (output, next) = match state["Type"].as_str().unwrap() {
                "Pass" => {
                    let output = scope["input"].clone();
                    self.leave(state, &scope, output)?
                }
                "Choice" => self.choice(state, &scope)?,
                "Wait" => self.wait(state, &scope)?,
                "Task" => self.task(state, &scope)?,
                "Map" => self.map(state, &scope)?,
                "Succeed" => return Ok(scope["input"].clone()),
                "Fail" => return Err(self.failure(state, &scope)?.into()),
                other => panic!("{other} is not known here"),
            };
            match next {
                Some(next) => (input, name) = (output, next),
                None => return Ok(output),
            }
        }
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
            self.variables.extend(assigned);
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

    fn wait(&mut self, state: &Value, scope: &Scope) -> Result<Left, Stop> {
        // A fraction or a negative number is an error of the machine.
        let seconds = self.evaluated(&state["Seconds"], scope)?;
        let seconds = seconds
            .as_u64()
            .ok_or_else(|| no_value(&format!("{seconds} is no number of seconds")))?;

        self.waits.push(seconds);
        self.pass(seconds)?;
        Ok(self.leave(state, scope, scope["input"].clone())?)
    }

    fn failure(&self, state: &Value, scope: &Scope) -> Result<Failure, Failure> {
        let text = |name: &str| match self.evaluated(&state[name], scope)? {
            Value::String(text) => Ok(text),
            other => Err(no_value(&format!("{other} is no {name}"))),
        };

        Ok(Failure::new(&text("Error")?).because(text("Cause")?))
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
        variables.insert("states".to_owned(), Value::Object(scope.clone()));

        match expression.evaluate(&variables) {
            Ok(Some(value)) => Ok(value),
            // Nothing is no value of JSON.
            Ok(None) => Err(no_value(&format!("{expression:?} is nothing"))),
            Err(reason) => Err(no_value(&reason)),
        }
    }
}

fn scope(input: Value) -> Scope {
    let context = json!({ "Execution": { "Id": "execution", "Name": "run" } });

    Scope::from_iter([("input".to_owned(), input), ("context".to_owned(), context)])
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

    Err(Failure::new(BEYOND_LIMIT).because(format!("{bytes} bytes")))
}

const BEYOND_LIMIT: &str = "States.DataLimitExceeded";
