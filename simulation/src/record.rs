//! The record of a running simulation: what was called, shown, changed and said.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Cloud, Service, World};
use serde_json::Value;
use template::{Deployment, Role};
use tokio::time::Instant;

use crate::{
    bugs::Bug,
    scenario::{ExternalEvent, Function, Request, Scenario, epoch},
};

/// How long a change may stay unseen. Every read that lags shows the world of at most so long ago.
pub(crate) const STALE: TimeDelta = TimeDelta::seconds(10);

/// The role that the template gives a function where it is set as in a scenario; each is made once.
fn role(scenario: &Scenario) -> Arc<Role> {
    static ROLES: Mutex<BTreeMap<String, Arc<Role>>> = Mutex::new(BTreeMap::new());
    let variable = |name, default| scenario.variable(name).unwrap_or(default);
    let parameters = [
        ("Mode", variable("MODE", "plan")),
        ("AllowDelete", variable("ALLOW_DELETE", "false")),
        ("ReplicaRegions", variable("REPLICA_REGIONS", "*")),
    ];
    let name = scenario.function.name();
    let mut roles = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
    let role = roles.entry(format!("{name} {parameters:?}"));
    Arc::clone(role.or_insert_with(|| Arc::new(Role::of(name, &Deployment::with(&parameters)))))
}

/// A broken promise.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    /// The number of the invariant in the README's list.
    pub(crate) invariant: u8,
    pub(crate) text: String,
}

/// One call as it stood on the wire, before any planted bug got hold of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) subject: String,
    /// The body that was sent.
    pub(crate) input: Value,
    /// The status, if a complete answer came.
    pub(crate) status: Option<u16>,
    /// The code of an error.
    pub(crate) code: Option<String>,
    /// The body of the answer.
    pub(crate) body: Value,
    pub(crate) mutating: bool,
    pub(crate) changed: bool,
}

impl Call {
    pub(crate) fn is_ok(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

/// Everything that one attempt of a delivery did.
#[derive(Debug, Clone)]
pub(crate) struct AttemptLog {
    pub(crate) request: usize,
    pub(crate) began: DateTime<Utc>,
    pub(crate) in_flight: bool,
    pub(crate) calls: Vec<Call>,
}

/// The figures of simulations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) simulations: u64,
    pub(crate) calls: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) kills: u64,
    pub(crate) deliveries: u64,
    pub(crate) external_events: u64,
    pub(crate) targets: u64,
    pub(crate) effects: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    pub(crate) virtual_seconds: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.simulations += other.simulations;
        self.calls += other.calls;
        self.kills += other.kills;
        self.deliveries += other.deliveries;
        self.external_events += other.external_events;
        self.targets += other.targets;
        self.effects += other.effects;
        self.virtual_seconds += other.virtual_seconds;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind.clone()).or_default() += count;
        }
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
    }
}

/// What a simulation ends with.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) violations: Vec<Violation>,
    pub(crate) narrative: Vec<String>,
    pub(crate) figures: Figures,
    /// How many polls the first attempt of the first delivery took.
    pub(crate) polls: usize,
    /// How many calls were made before the first request was acknowledged for the first time.
    pub(crate) calls_to_acknowledge: usize,
}

impl Ending {
    /// The same for the same calls, faults, kills and reports in the same order at the same times.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.narrative.hash(&mut hasher);
        hasher.finish()
    }
}

/// The state of a running simulation.
pub(crate) struct State {
    pub(crate) scenario: Scenario,
    pub(crate) cloud: Cloud,
    pub(crate) role: Arc<Role>,
    pub(crate) bug: Option<Bug>,
    pub(crate) start: Instant,
    pub(crate) world_now: DateTime<Utc>,
    pub(crate) known_entries: usize,
    pub(crate) rng: fastrand::Rng,
    pub(crate) requests: Vec<Arc<Request>>,
    pub(crate) external_events: Vec<ExternalEvent>,
    pub(crate) attempts: Vec<Arc<AttemptLog>>,
    /// The world after every call and every change.
    pub(crate) history: Vec<(DateTime<Utc>, World)>,
    pub(crate) last_change: DateTime<Utc>,
    /// Late effects under way: the attempt, the operation, the subject.
    pub(crate) late: Vec<(usize, String, String)>,
    /// The effects on each subject: the operation and the request.
    pub(crate) effects: Vec<(String, String, usize)>,
    /// How many more effects of a request on a subject are legal than one.
    pub(crate) grants: BTreeMap<(String, usize), usize>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) narrative: Vec<String>,
    pub(crate) figures: Figures,
    pub(crate) first_polls: usize,
    pub(crate) calls_to_acknowledge: usize,
}

impl State {
    pub(crate) fn new(scenario: Scenario, bug: Option<Bug>) -> Self {
        let world = World {
            now: epoch(),
            ..scenario.world.clone()
        };
        Self {
            cloud: Cloud::new(world.clone()),
            role: role(&scenario),
            bug,
            start: Instant::now(),
            world_now: epoch(),
            known_entries: 0,
            rng: fastrand::Rng::with_seed(scenario.seed ^ 0x5eed),
            requests: scenario.requests.iter().cloned().map(Arc::new).collect(),
            external_events: scenario.external_events.clone(),
            attempts: Vec::new(),
            history: vec![(epoch(), world)],
            last_change: epoch() - TimeDelta::days(1),
            late: Vec::new(),
            effects: Vec::new(),
            grants: BTreeMap::new(),
            violations: Vec::new(),
            narrative: Vec::new(),
            figures: Figures {
                simulations: 1,
                ..Figures::default()
            },
            first_polls: 0,
            calls_to_acknowledge: 0,
            scenario,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        epoch() + TimeDelta::from_std(self.start.elapsed()).unwrap_or_default()
    }

    pub(crate) fn service(&self) -> Service {
        match self.scenario.function {
            Function::DisconnectSourceServer => Service::Drs,
            Function::BootstrapEfsReplication => Service::Efs,
        }
    }

    pub(crate) fn violate(&mut self, invariant: u8, text: impl Into<String>) {
        let text = text.into();
        self.narrate(format!("VIOLATION of invariant {invariant}: {text}"));
        self.violations.push(Violation { invariant, text });
    }

    pub(crate) fn narrate(&mut self, line: String) {
        let seconds = (self.now() - epoch()).as_seconds_f64();
        self.narrative.push(format!("{seconds:>12.3} {line}"));
    }

    /// Whether something may still act on what it saw before: a run, or a call whose effect is
    /// late.
    pub(crate) fn is_anything_under_way(&self) -> bool {
        !self.late.is_empty() || self.attempts.iter().any(|log| log.in_flight)
    }

    /// Forgets the worlds that no attempt under way may have been shown.
    pub(crate) fn forget(&mut self) {
        let under_way = self
            .attempts
            .iter()
            .filter(|log| log.in_flight)
            .map(|log| log.began);
        let from = under_way.min().unwrap_or_else(|| self.now()) - STALE;
        self.history.drain(..self.first_shown_since(from));
    }

    /// Where the worlds begin that may have been shown since a moment: with the last one from
    /// before it.
    fn first_shown_since(&self, from: DateTime<Utc>) -> usize {
        self.history
            .iter()
            .rposition(|(at, _)| *at <= from)
            .unwrap_or_default()
    }

    /// The worlds that an attempt may have been shown: from a moment before it began until now.
    pub(crate) fn worlds_of(&self, attempt: usize) -> Vec<&World> {
        let Some(log) = self.attempts.get(attempt) else {
            return Vec::new();
        };
        let first = self.first_shown_since(log.began - STALE);
        self.history
            .iter()
            .skip(first)
            .map(|(_, world)| world)
            .collect()
    }

    pub(crate) fn ending(&self) -> Ending {
        Ending {
            violations: self.violations.clone(),
            narrative: self.narrative.clone(),
            figures: Figures {
                virtual_seconds: self.start.elapsed().as_secs(),
                ..self.figures.clone()
            },
            polls: self.first_polls,
            calls_to_acknowledge: self.calls_to_acknowledge,
        }
    }
}

/// A running simulation, shared by its clients.
#[derive(Clone)]
pub(crate) struct Simulation(pub(crate) Arc<Mutex<State>>);

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulation")
    }
}

impl Simulation {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what is said to be AWS's last word on a call, `failed`, hides that the call did its
/// work.
pub(crate) fn hides_an_effect(called: &[&Call], message: &str) -> bool {
    called
        .iter()
        .any(|call| message.starts_with(&call.operation) && call.changed)
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
