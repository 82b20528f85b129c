//! The record of a running simulation: the world, the attempts with their calls, and every broken
//! invariant. Everything else stands on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{
    Cloud, FaultKind, IamRequest, World,
    wire::{self, Wire},
};
use harness::FunctionUnderTest;
use serde_json::Value;
use template::{Deployment, Role};
use tokio::time::Instant;

use crate::{
    auditor::Auditor,
    constants::{REPLICATION_ROLE, epoch},
    judgement::{Calm, Case, Judgement},
    narrative::{About, Line},
    scenario::{Change, ExternalEvent, Request, Scenario, Variables},
    wording::Wording,
};

/// How far a read may lag: it shows the world of at most so long ago.
pub(crate) const STALE: TimeDelta = TimeDelta::seconds(10);

/// A function in the simulator: how its scenarios are made, and what must hold of it.
pub(crate) struct Subject {
    pub(crate) function: &'static FunctionUnderTest,
    /// The function that audits what this one changes.
    pub(crate) audit: Option<Auditor>,
    /// The detail-type of a request for it.
    pub(crate) detail_type: &'static str,
    /// The logical ID of its queue in the template.
    pub(crate) queue: &'static str,
    /// A scenario from a seed.
    pub(crate) generate: fn(u64) -> Scenario,
    /// A scenario written by hand, by its number.
    pub(crate) by_hand: fn(u64) -> Scenario,
    pub(crate) bugs: &'static [Bug],
    /// The timeout that its README asks for, in seconds.
    pub(crate) needs_seconds: u64,
    /// Whether it looks at what a request is about after its expiry, and tells what it sees.
    pub(crate) looks_after_expiry: fn(&Request) -> bool,
    /// The operations that it may change something with.
    pub(crate) steps: &'static [&'static str],
    /// Those of them by which a target counts as changed.
    pub(crate) main_steps: &'static [&'static str],
    /// Settings of its own with which it may not start.
    pub(crate) bad_settings: &'static [(&'static str, &'static str)],
    /// What looks like a request and is none, by the number of its mistake.
    pub(crate) mistaken: fn(u64) -> Request,
    /// The other words that AWS may use for what it reads.
    pub(crate) wordings: &'static [Wording],
    /// The switches of the emulator that concern it.
    pub(crate) switches: &'static [&'static str],
    /// A question to IAM with the tags that the attempt has read.
    pub(crate) as_observed: fn(&State, usize, &IamRequest) -> IamRequest,
    /// Notes what an external event allows to happen again.
    pub(crate) on_event: fn(&mut State, &Change),
    /// Checks a call that changes something, before its effect is recorded.
    pub(crate) on_change: fn(&mut State, usize, &Call),
    /// Checks the effect of an operation on a resource, for a request.
    pub(crate) on_effect: fn(&mut State, usize, &str, &str),
    /// What is wrong with a world, by whatever change: invariant 5.
    pub(crate) on_world: fn(&World) -> Option<String>,
    /// Checks what an attempt reports of one target.
    pub(crate) on_report: fn(&mut State, usize, Reported<'_>),
    /// What must be answered while nothing disturbs the function.
    pub(crate) judge: fn(&Case<'_>) -> Judgement,
    /// What an answer says that matters, for whoever reads a failing seed.
    pub(crate) gist: fn(&Call) -> String,
    /// What a call that changes something says, beside what it is about.
    pub(crate) content: fn(&World, &Call) -> Value,
    /// Checks the world once everything has ended.
    pub(crate) at_the_end: fn(&mut State),
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Subject {
    pub(crate) fn name(&self) -> &'static str {
        self.function.name
    }
}

/// A bug to plant beside a function: each hook changes what the function sees or says.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    /// The value of an environment variable, where the bug ignores the real one.
    pub(crate) variable: fn(&str) -> Option<&'static str>,
    pub(crate) payload: fn(String) -> String,
    pub(crate) now: fn(DateTime<Utc>) -> DateTime<Utc>,
    /// Acts right before a call; with an answer, the call is not made.
    pub(crate) before_call: fn(&mut State, &Intercepted<'_>) -> Option<Wire>,
    /// Changes an answer of any kind.
    pub(crate) answer: fn(&str, Wire) -> Wire,
    /// Changes the body of a successful answer.
    pub(crate) body: fn(&Tampering<'_>, &mut Value),
    /// The outcome and the reason that a target gets instead of its own.
    pub(crate) conclusion: fn(&AttemptLog, &mut Value) -> Option<(&'static str, String)>,
    pub(crate) acknowledges_failures: bool,
}

impl Bug {
    /// Changes nothing: what a bug leaves out.
    pub(crate) const NONE: Self = Self {
        name: "none",
        variable: |_| None,
        payload: |payload| payload,
        now: |now| now,
        before_call: |_, _| None,
        answer: |_, wire| wire,
        body: |_, _| {},
        conclusion: |_, _| None,
        acknowledges_failures: false,
    };
}

/// A call that a bug may stop or precede.
pub(crate) struct Intercepted<'a> {
    pub(crate) attempt: usize,
    pub(crate) operation: &'a str,
    pub(crate) call: wire::Call<'a>,
    pub(crate) fault: Option<FaultKind>,
}

impl Intercepted<'_> {
    /// The body of the call.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_slice(self.call.body).unwrap_or_default()
    }
}

/// An answer that a bug may tamper with.
pub(crate) struct Tampering<'a> {
    pub(crate) operation: &'a str,
    pub(crate) log: &'a AttemptLog,
    pub(crate) request: &'a Request,
}

/// One target, and what an attempt reports of it.
#[derive(Clone, Copy)]
pub(crate) struct Reported<'a> {
    /// Which of the targets it is.
    pub(crate) number: usize,
    pub(crate) target: &'a Value,
    pub(crate) result: &'a Value,
    /// The whole report.
    pub(crate) body: &'a Value,
}

impl<'a> Reported<'a> {
    /// An ID of every resource in the whole report, where there is one.
    pub(crate) fn all_ids(&self, name: &str) -> Vec<&'a str> {
        let results = self.body["targets"].as_array().into_iter().flatten();

        results
            .filter_map(|result| result["resource"][name].as_str())
            .collect()
    }
}

/// A broken invariant.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    /// Its number in docs/invariants.md.
    pub(crate) invariant: u8,
    pub(crate) text: String,
}

/// One call as it stood on the wire, before a planted bug tampered with its answer.
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
    /// Whether the operation can change something.
    pub(crate) mutating: bool,
    /// Whether it did.
    pub(crate) changed: bool,
}

impl Call {
    pub(crate) fn is_ok(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the answer is a page of a list that is not its last.
    pub(crate) fn has_more(&self) -> bool {
        let tokens = ["nextToken", "NextToken", "NextMarker"];

        tokens.iter().any(|name| !self.body[*name].is_null())
    }
}

/// The calls that changed something, as the rest of a sentence.
pub(crate) fn made(calls: &[&Call]) -> String {
    let words = calls.iter().map(|call| {
        let Call {
            operation, status, ..
        } = call;
        let answer = status.map_or("no answer".to_owned(), |status| status.to_string());
        let effect = if call.changed { " and an effect" } else { "" };
        format!("{operation} with {answer}{effect}")
    });
    let words: Vec<String> = words.collect();

    match words.is_empty() {
        true => String::new(),
        false => format!("; it called {}", words.join(", ")),
    }
}

/// Whether the report that AWS rejected a call for good hides that the call had an effect.
pub(crate) fn hides_an_effect(calls: &[&Call], message: &str) -> bool {
    calls
        .iter()
        .any(|call| message.starts_with(&call.operation) && call.changed)
}

/// Everything that one attempt of a delivery did.
#[derive(Debug, Clone)]
pub(crate) struct AttemptLog {
    pub(crate) request: usize,
    pub(crate) began: DateTime<Utc>,
    /// The time by the clock of its process, which decides what has expired.
    pub(crate) clock: DateTime<Utc>,
    pub(crate) in_flight: bool,
    /// The world in which it began, if nothing else was under way.
    pub(crate) calm: Option<Calm>,
    /// How often it was polled until it ended.
    pub(crate) polls: usize,
    pub(crate) calls: Vec<Call>,
}

impl AttemptLog {
    pub(crate) fn changes_nothing(&self) -> bool {
        !self.calls.iter().any(|call| call.mutating)
    }
}

/// An effect on a resource, and the request that it was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) operation: String,
    pub(crate) subject: String,
    pub(crate) request: usize,
}

impl Effect {
    pub(crate) fn is(&self, operation: &str, subject: &str) -> bool {
        self.operation == operation && self.subject == subject
    }
}

/// A call whose effect is still to come.
#[derive(Debug, Clone)]
pub(crate) struct LateEffect {
    pub(crate) attempt: usize,
    pub(crate) operation: String,
    pub(crate) subject: String,
}

/// The figures of simulations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) simulations: u64,
    pub(crate) deliveries: u64,
    pub(crate) kills: u64,
    pub(crate) calls: u64,
    pub(crate) effects: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) external_events: u64,
    pub(crate) targets: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Each outcome with its reason.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Each operation that changed something.
    pub(crate) steps: BTreeMap<String, u64>,
    /// Each switch of the emulator with its value, as `name value`.
    pub(crate) switches: BTreeMap<String, u64>,
    /// Each kind of external event.
    pub(crate) events: BTreeMap<String, u64>,
    /// What was true of the worlds that were audited.
    pub(crate) findings: BTreeMap<String, u64>,
    /// Each hop between two services, where the template is simulated.
    pub(crate) hops: BTreeMap<String, u64>,
    /// The targets of all requests, and those of them on which something was changed.
    pub(crate) requested: u64,
    pub(crate) changed: u64,
    /// The attempts that nothing disturbed, so that there was one right answer.
    pub(crate) judged: u64,
    pub(crate) virtual_seconds: u64,
}

impl Figures {
    /// Counts what a report says of a target.
    pub(crate) fn count_result(&mut self, result: &Value) {
        self.targets += 1;
        let outcome = text(result, "outcome");
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;

        // A refusal counts by its first reason; what stands beside another one is told by itself.
        let stated = result["reasons"].as_array().into_iter().flatten();
        let beside = stated.skip(1).filter(|_| outcome != "refused");
        let beside = beside.map(|stated| text(stated, "reason"));
        for reason in beside.chain([text(result, "reason")]) {
            let reason = format!("{outcome} {reason}");
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.simulations += other.simulations;
        self.deliveries += other.deliveries;
        self.kills += other.kills;
        self.calls += other.calls;
        self.effects += other.effects;
        self.external_events += other.external_events;
        self.targets += other.targets;
        self.judged += other.judged;
        self.requested += other.requested;
        self.changed += other.changed;
        self.virtual_seconds += other.virtual_seconds;

        // The counts by name.
        let counts = [
            (&mut self.faults, &other.faults),
            (&mut self.outcomes, &other.outcomes),
            (&mut self.reasons, &other.reasons),
            (&mut self.steps, &other.steps),
            (&mut self.switches, &other.switches),
            (&mut self.events, &other.events),
            (&mut self.findings, &other.findings),
            (&mut self.hops, &other.hops),
        ];
        for (all, more) in counts {
            for (name, count) in more {
                *all.entry(name.clone()).or_default() += count;
            }
        }
    }
}

/// The result of a simulation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    pub(crate) violations: Vec<Violation>,
    pub(crate) narrative: Vec<Line>,
    pub(crate) figures: Figures,
    /// How many polls the first attempt of the first delivery took.
    pub(crate) polls: usize,
    /// How many calls were made before the first acknowledgement.
    pub(crate) calls_to_acknowledge: usize,
}

impl Ending {
    /// Equal for equal calls, faults, kills and reports in the same order at the same times.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.narrative.hash(&mut hasher);
        hasher.finish()
    }
}

/// The state of a running simulation.
pub(crate) struct State {
    pub(crate) subject: &'static Subject,
    pub(crate) scenario: Scenario,
    /// The environment that the template makes of the scenario's, where the template is simulated.
    pub(crate) deployed: Option<Variables>,
    pub(crate) bug: Option<&'static Bug>,
    pub(crate) cloud: Cloud,
    pub(crate) role: Arc<Role>,
    pub(crate) rng: fastrand::Rng,

    // What is still to come.
    pub(crate) requests: Vec<Arc<Request>>,
    pub(crate) external_events: Vec<ExternalEvent>,
    pub(crate) late_effects: Vec<LateEffect>,

    // The time, and the world at each.
    pub(crate) start: Instant,
    pub(crate) world_now: DateTime<Utc>,
    pub(crate) last_change: DateTime<Utc>,
    /// The world after every call and every change.
    pub(crate) history: Vec<(DateTime<Utc>, World)>,
    /// How many entries of the world's journal are recorded.
    pub(crate) known_entries: usize,
    /// How often something disturbed the function: a fault, a change by others, a late effect.
    pub(crate) disturbances: u64,
    /// How many sandboxes were started.
    pub(crate) sandboxes: usize,

    // What was done, and what was wrong with it.
    pub(crate) attempts: Vec<Arc<AttemptLog>>,
    pub(crate) effects: Vec<Effect>,
    /// How many effects more than one a request may have on a resource.
    pub(crate) grants: BTreeMap<(String, usize), usize>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) narrative: Vec<Line>,
    pub(crate) figures: Figures,
    pub(crate) calls_to_acknowledge: usize,
}

impl State {
    /// Whether a request is rejected at a time of the function's clock, whatever it asks for.
    pub(crate) fn rejects(&self, request: &Request, clock: DateTime<Utc>) -> bool {
        let is_over = request.is_stale(clock) && !(self.subject.looks_after_expiry)(request);

        is_over || request.lasts_too_long(clock)
    }

    pub(crate) fn new(
        subject: &'static Subject,
        scenario: Scenario,
        bug: Option<&'static Bug>,
    ) -> Self {
        // A scenario starts at the same time as every other.
        let world = World {
            now: epoch(),
            ..scenario.world.clone()
        };

        Self {
            subject,
            deployed: None,
            bug,
            cloud: Cloud::new(world.clone()),
            role: role(subject, &scenario),
            rng: fastrand::Rng::with_seed(scenario.seed ^ 0x5eed),
            requests: scenario.requests.iter().cloned().map(Arc::new).collect(),
            external_events: scenario.external_events.clone(),
            late_effects: Vec::new(),
            sandboxes: 0,
            start: Instant::now(),
            world_now: epoch(),
            last_change: epoch() - TimeDelta::days(1),
            history: vec![(epoch(), world)],
            known_entries: 0,
            disturbances: 0,
            attempts: Vec::new(),
            effects: Vec::new(),
            grants: BTreeMap::new(),
            violations: Vec::new(),
            narrative: Vec::new(),
            figures: Figures {
                simulations: 1,
                ..Figures::default()
            },
            calls_to_acknowledge: 0,
            scenario,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        epoch() + TimeDelta::from_std(self.start.elapsed()).unwrap_or_default()
    }

    /// Whether an operation can change something.
    pub(crate) fn changes(&self, operation: &str) -> bool {
        self.subject.function.service.changes(operation)
    }

    /// An attempt, and the request that it works on.
    pub(crate) fn attempt(&self, attempt: usize) -> Option<(Arc<AttemptLog>, Arc<Request>)> {
        let log = self.attempts.get(attempt)?;
        let request = self.requests.get(log.request)?;

        Some((Arc::clone(log), Arc::clone(request)))
    }

    /// Whether the function has less time than its README asks for.
    pub(crate) fn lacks_time(&self) -> bool {
        self.scenario.timeout_seconds < self.subject.needs_seconds
    }

    /// Whether a request may only be planned.
    pub(crate) fn is_plan(&self, request: &Request) -> bool {
        request.is_dry_run() || !self.scenario.enforces()
    }

    pub(crate) fn violate(&mut self, invariant: u8, text: impl Into<String>) {
        let text = text.into();
        let violation = Violation { invariant, text };
        let words = format!("VIOLATION of {}", violation.in_words());
        self.narrate_as(About::Violation, words);
        self.violations.push(violation);
    }

    /// Narrates what happens beside the attempts.
    pub(crate) fn narrate(&mut self, line: String) {
        self.narrate_as(About::World, line);
    }

    /// Narrates what happens now.
    pub(crate) fn narrate_as(&mut self, about: About, line: String) {
        let seconds = (self.now() - epoch()).as_seconds_f64();
        let text = format!("{seconds:>12.3} {line}");
        self.narrative.push(Line { text, about });
    }

    /// Lets a request have one more effect on a resource.
    pub(crate) fn grant(&mut self, subject: &str, request: usize) {
        let key = (subject.to_owned(), request);
        *self.grants.entry(key).or_default() += 1;
    }

    /// Checks that a request had no more effects on a resource than one and those granted.
    pub(crate) fn check_effects(
        &mut self,
        subject: &str,
        request: usize,
        effects: usize,
        verb: &str,
    ) {
        let key = (subject.to_owned(), request);
        // Without a grant, one effect is all.
        let granted = self.grants.get(&key).copied().unwrap_or_default();

        if effects > 1 + granted {
            let complaint = format!(
                "{subject} was {verb} {effects} times by one request, {granted} of them granted"
            );
            self.violate(4, complaint);
        }
    }

    /// Whether an attempt has read a list in part. AWS does not document what a page token refers
    /// to: the next page may leave out what has moved up.
    pub(crate) fn is_within_list(&self) -> bool {
        let mut in_flight = self.attempts.iter().filter(|log| log.in_flight);

        // A page that failed is asked for again.
        in_flight.any(|log| {
            let mut calls = log.calls.iter().rev();
            calls.find(|call| call.is_ok()).is_some_and(Call::has_more)
        })
    }

    /// Whether something may still act on what it read before: a run, or a late effect.
    pub(crate) fn is_anything_under_way(&self) -> bool {
        !self.late_effects.is_empty() || self.attempts.iter().any(|log| log.in_flight)
    }

    /// Drops the worlds that no attempt in flight may have read.
    pub(crate) fn forget(&mut self) {
        let in_flight = self.attempts.iter().filter(|log| log.in_flight);
        // An attempt may have read every world since it began, and no older one but by a lag.
        let oldest = in_flight.map(|log| log.began).min();

        let since = oldest.unwrap_or_else(|| self.now()) - STALE;
        self.history.drain(..self.first_readable_since(since));
    }

    /// The index of the first world that may have been read since a time: the last one before it.
    fn first_readable_since(&self, since: DateTime<Utc>) -> usize {
        self.history
            .iter()
            .rposition(|(time, _)| *time <= since)
            .unwrap_or_default()
    }

    /// The worlds that an attempt may have read: from a moment before it began until now.
    pub(crate) fn worlds_of(&self, attempt: usize) -> Vec<&World> {
        let Some(log) = self.attempts.get(attempt) else {
            return Vec::new();
        };
        // A read may lag, so the world from before the attempt counts too.
        let first = self.first_readable_since(log.began - STALE);

        self.history
            .iter()
            .skip(first)
            .map(|(_, world)| world)
            .collect()
    }

    pub(crate) fn ending(&self) -> Ending {
        // What only looks was never to be changed.
        let looks = |request: &&Arc<Request>| {
            let detail = request.detail.as_ref();
            detail.is_some_and(|detail| detail["action"] == "verify")
        };
        let changing = self.requests.iter().filter(|request| !looks(request));
        let targets = changing.map(|request| request.targets().len());
        // A resource that a request changes several times is one target of it.
        let is_main = |effect: &&Effect| self.subject.main_steps.contains(&&*effect.operation);
        let changed: BTreeSet<(usize, &str)> = self
            .effects
            .iter()
            .filter(is_main)
            .map(|effect| (effect.request, effect.subject.as_str()))
            .collect();

        Ending {
            violations: self.violations.clone(),
            narrative: self.narrative.clone(),
            figures: Figures {
                virtual_seconds: self.start.elapsed().as_secs(),
                requested: targets.sum::<usize>() as u64,
                changed: changed.len() as u64,
                switches: switches(&self.scenario.world),
                ..self.figures.clone()
            },
            polls: self.attempts.first().map_or(0, |log| log.polls),
            calls_to_acknowledge: self.calls_to_acknowledge,
        }
    }
}

/// The switches of a world, each with its value.
fn switches(world: &World) -> BTreeMap<String, u64> {
    let behaviour = serde_json::to_value(world.behaviour).unwrap_or_default();
    let switches = behaviour.as_object().into_iter().flatten();

    switches
        .map(|(name, value)| (format!("{name} {value}"), 1))
        .collect()
}

/// The role of the template for the settings of a scenario. Each is read once a process.
fn role(subject: &Subject, scenario: &Scenario) -> Arc<Role> {
    static ROLES: Mutex<BTreeMap<String, Arc<Role>>> = Mutex::new(BTreeMap::new());

    // The parameters of the template that decide what the role may do.
    let variable = |name, default| scenario.variable(name).unwrap_or(default);
    let parameters = [
        ("Mode", variable("MODE", "plan")),
        ("AllowDelete", variable("ALLOW_DELETE", "false")),
        ("ReplicaRegions", variable("REPLICA_REGIONS", "*")),
        ("ReplicationRoleArn", REPLICATION_ROLE),
    ];
    let name = subject.name();

    // Reading the template takes longer than a simulation.
    let mut roles = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
    let role = roles
        .entry(format!("{name} {parameters:?}"))
        .or_insert_with(|| Arc::new(Role::of(name, &Deployment::with(&parameters))));

    Arc::clone(role)
}

/// A running simulation, shared by its clients.
#[derive(Clone)]
pub(crate) struct Simulation(Arc<Mutex<State>>);

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulation")
    }
}

impl Simulation {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question to IAM without the tags of the resource.
pub(crate) fn without_resource_tags(ask: &IamRequest) -> IamRequest {
    let mut keys = ask.keys.clone();
    keys.retain(|key, _| !key.starts_with("aws:ResourceTag/"));

    IamRequest {
        keys,
        ..ask.clone()
    }
}

/// The text of a member; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
