//! Runs one scenario: the real function over the real client, in virtual time, against a world
//! beneath the client.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};

use aws_sdk_drs::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents,
    http::{HttpRequest, HttpResponse},
    retry::{RetryConfig, RetryPartition},
    timeout::TimeoutConfig,
};
use aws_smithy_async::{rt::sleep::TokioSleep, time::TimeSource};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, TimeDelta, Utc};
use deployment::{Deployment, Role};
use emulator::{
    Ask, Cloud, Fault, FaultKind, Service, World,
    wire::{self, SLOW, Wire},
    world::Reply,
};
use serde_json::{Value, json};
use shared::{
    Invocation,
    start::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT},
};
use tokio::time::Instant;

use crate::{
    bugs::{self, Bug},
    drs, efs,
    scenario::{Delivery, Function, Happening, Request, Scenario, Trouble, What, When, epoch},
};

/// How long a change may stay unseen. Every read that lags shows the world of at most so long ago.
pub(crate) const STALE: TimeDelta = TimeDelta::seconds(10);
/// How often a delivery is repeated while there is trouble.
const ATTEMPTS: usize = 6;
/// How often a request is sent again after the trouble until it must have ended.
const ROUNDS: usize = 24;
/// Between two of them there is at least so much, in seconds: a first sync takes its time, and
/// looking at it every few minutes shows nothing new.
const HALF_AN_HOUR: u64 = 1800;

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
pub(crate) struct Tape {
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
    pub(crate) happenings: u64,
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
        self.happenings += other.happenings;
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
    pub(crate) story: Vec<String>,
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
        self.story.hash(&mut hasher);
        hasher.finish()
    }
}

/// The state of a running simulation.
pub(crate) struct State {
    pub(crate) scenario: Scenario,
    pub(crate) cloud: Cloud,
    role: Arc<Role>,
    pub(crate) bug: Option<Bug>,
    start: Instant,
    world_now: DateTime<Utc>,
    known_entries: usize,
    rng: fastrand::Rng,
    pub(crate) requests: Vec<Arc<Request>>,
    happenings: Vec<Happening>,
    pub(crate) tapes: Vec<Arc<Tape>>,
    /// The world after every call and every change.
    pub(crate) history: Vec<(DateTime<Utc>, World)>,
    last_change: DateTime<Utc>,
    /// Late effects under way: the attempt, the operation, the subject.
    late: Vec<(usize, String, String)>,
    /// The effects on each subject: the operation and the request.
    pub(crate) effects: Vec<(String, String, usize)>,
    /// How many more effects of a request on a subject are legal than one.
    pub(crate) grants: BTreeMap<(String, usize), usize>,
    pub(crate) violations: Vec<Violation>,
    story: Vec<String>,
    pub(crate) figures: Figures,
    first_polls: usize,
    calls_to_acknowledge: usize,
}

impl State {
    fn new(scenario: Scenario, bug: Option<Bug>) -> Self {
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
            happenings: scenario.happenings.clone(),
            tapes: Vec::new(),
            history: vec![(epoch(), world)],
            last_change: epoch() - TimeDelta::days(1),
            late: Vec::new(),
            effects: Vec::new(),
            grants: BTreeMap::new(),
            violations: Vec::new(),
            story: Vec::new(),
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
        self.tell(format!("VIOLATION of invariant {invariant}: {text}"));
        self.violations.push(Violation { invariant, text });
    }

    fn tell(&mut self, line: String) {
        let seconds = (self.now() - epoch()).as_seconds_f64();
        self.story.push(format!("{seconds:>12.3} {line}"));
    }

    /// Brings the world's clock to that of the simulation, with all that was to happen by then.
    fn sync(&mut self) {
        let now = self.now();
        loop {
            let due = |happening: &Happening| match happening.when {
                When::At(at) => Some(epoch() + TimeDelta::seconds(i64::try_from(at).unwrap_or(0)))
                    .filter(|at| *at <= now),
                When::Call(_) => None,
            };
            let next = self
                .happenings
                .iter()
                .enumerate()
                .filter_map(|(at, of)| Some((due(of)?, at)))
                .min();
            let Some((at, index)) = next else { break };
            let happening = self.happenings.remove(index);
            self.advance(at);
            self.happen(&happening.what);
        }
        self.advance(now);
    }

    fn advance(&mut self, to: DateTime<Utc>) {
        if to > self.world_now {
            self.cloud.advance(to - self.world_now);
            self.world_now = to;
        }
        for entry in self.cloud.journal_after(self.known_entries) {
            self.known_entries += 1;
            let mine = self.late.iter().position(|(_, operation, subject)| {
                *operation == entry.operation && *subject == entry.subject
            });
            let attempt = mine.map(|at| self.late.remove(at).0);
            self.tell(format!("  late effect of attempt {attempt:?}: {entry}"));
            self.last_change = entry.at;
            if let Some(attempt) = attempt {
                self.effect(attempt, &entry.operation, &entry.subject);
            }
        }
    }

    pub(crate) fn happen(&mut self, what: &What) {
        self.tell(format!("  meanwhile: {what:?}"));
        self.figures.happenings += 1;
        drs::grant(self, what);
        efs::grant(self, what);
        self.cloud.change(|world| what.apply(world));
        self.last_change = self.world_now;
        self.remember();
    }

    pub(crate) fn remember(&mut self) {
        let world = self.cloud.world();
        if let Some(of) = efs::with_two_destinations(&world) {
            self.violate(5, format!("{of} has two destinations"));
        }
        self.history.push((self.world_now, world));
    }

    /// Whether something may still act on what it saw before: a run, or a call whose effect is
    /// late.
    pub(crate) fn is_anything_under_way(&self) -> bool {
        !self.late.is_empty() || self.tapes.iter().any(|tape| tape.in_flight)
    }

    fn effect(&mut self, attempt: usize, operation: &str, subject: &str) {
        self.figures.effects += 1;
        let Some(request) = self.tapes.get(attempt).map(|tape| tape.request) else {
            return;
        };
        self.effects
            .push((operation.to_owned(), subject.to_owned(), request));
        match self.scenario.function {
            Function::DisconnectSourceServer => drs::on_effect(self, request, operation, subject),
            Function::BootstrapEfsReplication => efs::on_effect(self, request, operation, subject),
        }
    }

    fn pick_fault(&mut self, number: usize, operation: &str) -> Option<FaultKind> {
        let mutating = self.service().changes(operation);
        // A read that lags shows the world of a moment ago, not of an hour ago.
        let fresh_change = self.now() - self.last_change < STALE;
        let fits = |kind: &FaultKind| match kind {
            FaultKind::StaleRead | FaultKind::StaleTags => !mutating && fresh_change,
            FaultKind::RepeatedPageToken => !mutating,
            _ => true,
        };
        match &mut self.scenario.trouble {
            Trouble::Random { percent, left } => {
                if *left == 0 || self.rng.u8(0..100) >= *percent {
                    return None;
                }
                let kinds: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(fits).collect();
                // Where a change was just made, a read that lags is what hurts most.
                let stale = fresh_change && !mutating && self.rng.u8(0..100) < 40;
                let kind = if stale {
                    Some(FaultKind::StaleRead)
                } else {
                    self.rng.choice(kinds)
                };
                *left -= 1;
                kind
            }
            Trouble::Planned(planned) => planned
                .iter()
                .find(|(at, _)| *at == number)
                .map(|(_, kind)| *kind)
                .filter(fits),
        }
    }

    /// One call, from the wire to the world and back.
    fn meet(&mut self, attempt: usize, request: &HttpRequest) -> Wire {
        self.sync();
        let number = usize::try_from(self.figures.calls).unwrap_or_default();
        self.figures.calls += 1;
        while let Some(at) = self
            .happenings
            .iter()
            .position(|happening| happening.when == When::Call(number))
        {
            let happening = self.happenings.remove(at);
            self.happen(&happening.what);
        }
        // scheme://host/path?query
        let after_host = request.uri().splitn(4, '/').nth(3).unwrap_or_default();
        let path_and_query = format!("/{after_host}");
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((&path_and_query, ""));
        let call = wire::Call {
            method: request.method(),
            path,
            query,
            authorization: request.headers().get("authorization"),
            body: request.body().bytes().unwrap_or_default(),
        };
        let operation = self.service().route(call.method, call.path).unwrap_or("?");
        let fault = self.pick_fault(number, operation);
        if let Some(wire) = bugs::instead(self, attempt, operation, call, fault) {
            return wire;
        }
        if let Some(kind) = fault {
            *self
                .figures
                .faults
                .entry(json!(kind).as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
            self.cloud.inject(Fault::next(operation, kind));
        }
        let wire = self.cloud.call(call);
        self.note(attempt, call, &wire, fault);
        bugs::rewrite(self, attempt, operation, wire)
    }

    pub(crate) fn note(
        &mut self,
        attempt: usize,
        sent: wire::Call<'_>,
        wire: &Wire,
        fault: Option<FaultKind>,
    ) {
        let entries = self.cloud.journal_after(self.known_entries);
        self.known_entries += entries.len();
        let Some(entry) = entries.into_iter().next_back() else {
            return;
        };
        let answer = match wire {
            Wire::Answer(answer) | Wire::Slow(answer) => Some(answer),
            _ => None,
        };
        let call = Call {
            operation: entry.operation.clone(),
            region: entry.region.clone(),
            subject: entry.subject.clone(),
            input: serde_json::from_slice(sent.body).unwrap_or_default(),
            status: answer.map(|answer| answer.status),
            code: answer.and_then(|answer| answer.error_type.clone()),
            body: answer
                .and_then(|answer| serde_json::from_str(answer.body.as_ref()?).ok())
                .unwrap_or_default(),
            mutating: self.service().changes(&entry.operation),
            changed: entry.changed,
        };
        let mark = if entry.changed { " CHANGED" } else { "" };
        self.tell(format!("  attempt {attempt} {entry}{mark}"));
        if entry.unexpected && fault.is_none() {
            self.violate(7, format!("the account does not expect {entry}"));
        }
        let allows = |ask: &Ask| {
            self.role.allows(ask) || self.role.allows(&drs::as_told(self, attempt, ask))
        };
        let denied = entry.asks.iter().find(|ask| !allows(ask));
        if let Some(ask) = denied {
            self.violate(
                9,
                format!(
                    "the role does not allow {} on {} {:?}",
                    ask.action, ask.resource, ask.keys
                ),
            );
        }
        if call.mutating {
            match self.scenario.function {
                Function::DisconnectSourceServer => drs::on_change(self, attempt, &call),
                Function::BootstrapEfsReplication => efs::on_change(self, attempt, &call),
            }
        }
        if fault == Some(FaultKind::LateEffect) && call.mutating {
            self.late
                .push((attempt, entry.operation.clone(), entry.subject.clone()));
        }
        if entry.changed {
            self.last_change = self.world_now;
            self.effect(attempt, &entry.operation, &entry.subject);
        }
        self.remember();
        if let Some(tape) = self.tapes.get_mut(attempt) {
            Arc::make_mut(tape).calls.push(call);
        }
    }

    /// Forgets the worlds that no attempt under way may have been shown.
    fn forget(&mut self) {
        let under_way = self
            .tapes
            .iter()
            .filter(|tape| tape.in_flight)
            .map(|tape| tape.began);
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
        let Some(tape) = self.tapes.get(attempt) else {
            return Vec::new();
        };
        let first = self.first_shown_since(tape.began - STALE);
        self.history
            .iter()
            .skip(first)
            .map(|(_, world)| world)
            .collect()
    }

    fn ending(&self) -> Ending {
        Ending {
            violations: self.violations.clone(),
            story: self.story.clone(),
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
pub(crate) struct Stage(Arc<Mutex<State>>);

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}

/// The clock of the SDK.
#[derive(Debug)]
struct Clock(Instant);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::from(epoch()) + self.0.elapsed()
    }
}

/// What stands in for HTTP.
#[derive(Debug, Clone)]
struct Connector {
    stage: Stage,
    attempt: Arc<AtomicUsize>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (stage, attempt) = (self.stage.clone(), self.attempt.load(Ordering::Relaxed));
        HttpConnectorFuture::new(async move {
            // A call takes its time on the way there and on the way back, so that a run can be
            // killed between.
            let (there, back) = stage.latency();
            tokio::time::sleep(there).await;
            let wire = stage.state().meet(attempt, &request);
            tokio::time::sleep(back).await;
            respond(wire).await
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn respond(wire: Wire) -> Result<HttpResponse, ConnectorError> {
    match wire {
        Wire::Answer(answer) => Ok(response(
            &answer,
            SdkBody::from(answer.body.clone().unwrap_or_default()),
        )),
        Wire::Slow(answer) => {
            tokio::time::sleep(SLOW).await;
            Ok(response(
                &answer,
                SdkBody::from(answer.body.clone().unwrap_or_default()),
            ))
        }
        // A body that was taken away is one that fails when it is read, as one does that is cut
        // off.
        Wire::Truncate(answer) => Ok(response(&answer, SdkBody::taken())),
        Wire::Reset => Err(ConnectorError::io("connection reset".into())),
        Wire::Hang => std::future::pending().await,
    }
}

fn response(answer: &wire::Answer, body: SdkBody) -> HttpResponse {
    let status = StatusCode::try_from(answer.status).expect("a status");
    let mut response = HttpResponse::new(status, body);
    if let Some(code) = &answer.error_type {
        response
            .headers_mut()
            .insert("x-amzn-errortype", code.clone());
    }
    response
}

/// A warm Lambda: a client and the attempt that it works on.
struct Worker {
    attempt: Arc<AtomicUsize>,
    client: Client,
}

enum Client {
    Drs(disconnect_source_server::Drs),
    Efs(Box<bootstrap_efs_replication::Efs>),
}

/// What became of one attempt.
enum Answered {
    Killed,
    Said {
        error_type: Option<String>,
        body: Value,
    },
}

macro_rules! config {
    ($sdk:ident, $connector:expr, $start:expr) => {
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(
                "AKIAIOSFODNN7EXAMPLE",
                "not-a-secret",
                None,
                None,
                "simulation",
            ))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            )
            .retry_config(RetryConfig::standard())
            .retry_partition(RetryPartition::custom("simulated").build())
            .sleep_impl(TokioSleep::new())
            .time_source(Clock($start))
            .http_client($connector)
            .build()
    };
}

impl Stage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latency(&self) -> (Duration, Duration) {
        let rng = &mut self.state().rng;
        (
            Duration::from_millis(rng.u64(1..40)),
            Duration::from_millis(rng.u64(1..40)),
        )
    }

    /// A new sandbox, with a client and a retry budget of its own.
    fn worker(&self) -> Worker {
        let attempt = Arc::new(AtomicUsize::new(0));
        let connector = Connector {
            stage: self.clone(),
            attempt: attempt.clone(),
        };
        let function = self.state().scenario.function;
        let start = self.state().start;
        let client = match function {
            Function::DisconnectSourceServer => Client::Drs(disconnect_source_server::Drs::new(
                config!(aws_sdk_drs, connector, start),
            )),
            Function::BootstrapEfsReplication => Client::Efs(Box::new(
                bootstrap_efs_replication::Efs::new(config!(aws_sdk_efs, connector, start)),
            )),
        };
        Worker { attempt, client }
    }

    /// One attempt of a delivery, killed after so many polls or at Lambda's timeout.
    async fn attempt(&self, worker: &mut Worker, request: usize, kill: Option<usize>) -> Answered {
        let (attempt, payload, invocation) = self.begin(request);
        worker.attempt.store(attempt, Ordering::Relaxed);
        let handled = self.handle(&worker.client, &payload, invocation);
        let (ended, polls) = counted(
            kill.unwrap_or(usize::MAX),
            tokio::time::timeout_at(invocation.deadline, handled),
        )
        .await;
        let mut state = self.state();
        state.sync();
        if attempt == 0 {
            state.first_polls = polls;
        }
        if let Some(tape) = state.tapes.get_mut(attempt) {
            Arc::make_mut(tape).in_flight = false;
        }
        let Some(Ok((mut error_type, mut body))) = ended else {
            state.figures.kills += 1;
            state.tell(format!("attempt {attempt} KILLED after {polls} polls"));
            drop(state);
            *worker = self.worker();
            return Answered::Killed;
        };
        bugs::reword(&state, attempt, &mut error_type, &mut body);
        state.tell(format!(
            "attempt {attempt} answered {} {body}",
            error_type.as_deref().unwrap_or("Ok")
        ));
        check_report(&mut state, attempt, error_type.as_deref(), &body);
        if error_type.is_none() && state.calls_to_acknowledge == 0 {
            state.calls_to_acknowledge = usize::try_from(state.figures.calls).unwrap_or_default();
        }
        Answered::Said { error_type, body }
    }

    fn begin(&self, request: usize) -> (usize, String, Invocation) {
        let mut state = self.state();
        state.sync();
        state.forget();
        state.remember();
        state.figures.deliveries += 1;
        let attempt = state.tapes.len();
        let began = state.now();
        state.tapes.push(Arc::new(Tape {
            request,
            began,
            in_flight: true,
            calls: Vec::new(),
        }));
        let payload = state
            .requests
            .get(request)
            .map(|request| request.payload.clone())
            .unwrap_or_default();
        let payload = bugs::payload(&state, payload);
        state.tell(format!("attempt {attempt} of request {request} begins"));
        let now = bugs::time(&state, began);
        let deadline = Instant::now() + Duration::from_secs(state.scenario.timeout_seconds);
        (attempt, payload, Invocation { now, deadline })
    }

    async fn handle(
        &self,
        client: &Client,
        payload: &str,
        invocation: Invocation,
    ) -> (Option<String>, Value) {
        let variables = bugs::variables(&self.state());
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, value)| value.clone())
        };
        let answered = match client {
            Client::Drs(drs) => {
                let policy =
                    disconnect_source_server::Policy::from_lookup(lookup).expect("a policy");
                Box::pin(disconnect_source_server::handle(
                    payload, invocation, drs, &policy,
                ))
                .await
            }
            Client::Efs(efs) => {
                let policy =
                    bootstrap_efs_replication::Policy::from_lookup(lookup).expect("a policy");
                Box::pin(bootstrap_efs_replication::handle(
                    payload, invocation, efs, &policy,
                ))
                .await
            }
        };
        match answered {
            Ok(answer) => (None, json!(answer)),
            Err(failure) => {
                let told = lambda_runtime::Diagnostic::from(failure);
                (
                    Some(told.error_type),
                    serde_json::from_str(&told.error_message).unwrap_or_default(),
                )
            }
        }
    }

    /// One worker's deliveries, each until it is acknowledged.
    async fn work(&self, deliveries: &[Delivery]) {
        let mut worker = self.worker();
        for delivery in deliveries {
            let start = self.state().start;
            tokio::time::sleep_until(start + Duration::from_secs(delivery.at)).await;
            self.deliver(&mut worker, delivery).await;
        }
    }

    /// One delivery, until it is acknowledged or given up.
    async fn deliver(&self, worker: &mut Worker, delivery: &Delivery) {
        for number in 0..ATTEMPTS {
            let kill = delivery.kills.get(number).copied();
            match self.attempt(worker, delivery.request, kill).await {
                Answered::Said {
                    error_type: None, ..
                } => break,
                _ => tokio::time::sleep(Duration::from_secs(60 * (number as u64 + 1))).await,
            }
        }
    }

    /// The trouble is over: whatever was begun, ends.
    async fn heal(&self) {
        // What takes effect late has done so by then.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut state = self.state();
        state.scenario.trouble = Trouble::NONE;
        state.happenings.clear();
        state.sync();
        state.cloud.change(mend);
        state.tell("the trouble is over".to_owned());
    }

    /// Sends every request again, as whoever waits for it does, until it has ended.
    async fn settle(&self) {
        let mut worker = self.worker();
        let mut request = 0;
        loop {
            let Some(asked) = self.state().requests.get(request).cloned() else {
                return;
            };
            self.settle_one(&mut worker, request, &asked).await;
            request += 1;
        }
    }

    async fn settle_one(&self, worker: &mut Worker, request: usize, asked: &Request) {
        let mut last = String::new();
        for _ in 0..ROUNDS {
            if asked.is_stale(self.state().now()) && asked.detail.is_some() {
                return;
            }
            let Answered::Said { error_type, body } = self.attempt(worker, request, None).await
            else {
                self.state().violate(
                    8,
                    "a run without trouble did not end before Lambda's timeout",
                );
                return;
            };
            if error_type.is_none() && is_settled(&body) {
                self.follow_up(&body);
                return;
            }
            last = format!(
                "{} {}",
                text(&body, "outcome"),
                body["targets"][0]["reason"]
            );
            let wait = body["lookAgainAfterSeconds"]
                .as_u64()
                .unwrap_or_default()
                .max(HALF_AN_HOUR);
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        self.state()
            .violate(8, format!("request {request} does not end: {last}"));
    }

    /// What a report says is to be sent next is sent, once.
    fn follow_up(&self, body: &Value) {
        let mut state = self.state();
        let next = body["nextRequest"].clone();
        if next.is_object() && state.requests.len() < 6 {
            state.requests.push(Arc::new(Request::of(next, None)));
        }
    }

    /// What comes after everything has ended: an operator puts things back, a delivery comes late,
    /// a replay later still.
    async fn aftermath(&self) {
        let (afterwards, late, first) = {
            let state = self.state();
            (
                state.scenario.afterwards.clone(),
                state.scenario.late.clone(),
                state.requests.first().cloned(),
            )
        };
        tokio::time::sleep(Duration::from_secs(600)).await;
        {
            let mut state = self.state();
            state.sync();
            afterwards.iter().for_each(|what| state.happen(what));
        }
        let mut worker = self.worker();
        for delivery in late {
            tokio::time::sleep(Duration::from_secs(delivery.at)).await;
            let left = self.state().scenario.late_faults;
            self.state().scenario.trouble = Trouble::Random { percent: 30, left };
            self.deliver(&mut worker, &delivery).await;
        }
        // What takes effect late has done so by then.
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.state().scenario.trouble = Trouble::NONE;
        // The last replay comes when the request has expired; it must not even look.
        let Some(expires_at) = first.and_then(|first| first.expires_at) else {
            return;
        };
        let left = (expires_at - self.state().now())
            .to_std()
            .unwrap_or_default();
        tokio::time::sleep(left + Duration::from_secs(1)).await;
        self.attempt(&mut worker, 0, None).await;
    }
}

/// What is being changed by others is available again. And a destination takes settings: where it
/// never does while it is replicated to, which EFS leaves open, a replica with settings is never
/// usable, and each report says so.
fn mend(world: &mut World) {
    world.behaviour.writes_while_replicating = Reply::Ok;
    for file_system in world.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
        if file_system.life_cycle_state == "updating" {
            "available".clone_into(&mut file_system.life_cycle_state);
        }
    }
}

/// Whether a report has nothing left to wait for.
fn is_settled(body: &Value) -> bool {
    let targets = body["targets"].as_array().cloned().unwrap_or_default();
    targets
        .iter()
        .all(|target| match target["outcome"].as_str() {
            Some("pending") => target["reason"] == "record_awaits_deletion",
            Some("done" | "already_done" | "refused" | "planned" | "failed") => true,
            _ => false,
        })
}

/// What holds for every report of every function.
fn check_report(state: &mut State, attempt: usize, error_type: Option<&str>, body: &Value) {
    let Some(tape) = state.tapes.get(attempt).cloned() else {
        return;
    };
    let Some(request) = state.requests.get(tape.request).cloned() else {
        return;
    };
    let outcome = body["outcome"].as_str().unwrap_or("?").to_owned();
    let expected = match outcome.as_str() {
        "indeterminate" | "retryable" => Some("Retryable"),
        "permanent" => Some("Permanent"),
        _ => None,
    };
    if error_type != expected {
        state.violate(2, format!("{outcome} was answered with {error_type:?}"));
    }
    let is_request = request.detail.is_some() && !request.is_stale(tape.began);
    if !is_request {
        if outcome != "rejected"
            || error_type.is_some()
            || !body["targets"].as_array().is_some_and(Vec::is_empty)
        {
            state.violate(
                7,
                format!("what is no request, or has expired, is {outcome} {error_type:?}"),
            );
        }
        if !tape.calls.is_empty() {
            state.violate(7, "AWS was called for what is no request, or has expired");
        }
        return;
    }
    let asked = request.targets();
    let told = body["targets"].as_array().cloned().unwrap_or_default();
    if told.len() != asked.len() || outcome == "rejected" {
        state.violate(
            2,
            format!(
                "{} targets were asked for, and {} have an outcome: {outcome}",
                asked.len(),
                told.len()
            ),
        );
        return;
    }
    if body["requestID"] != request.id.as_str() {
        state.violate(2, "the report is of another request");
    }
    if tape.calls.iter().any(|call| call.mutating)
        && (request.is_dry_run() || !state.scenario.enforces())
    {
        state.violate(3, "something was called in a dry run that changes things");
    }
    for (asked, told) in asked.iter().zip(&told) {
        state.figures.targets += 1;
        *state
            .figures
            .outcomes
            .entry(text(told, "outcome").to_owned())
            .or_default() += 1;
        match state.scenario.function {
            Function::DisconnectSourceServer => {
                drs::on_report(state, attempt, asked, told, &told_ids(body))
            }
            Function::BootstrapEfsReplication => efs::on_report(state, attempt, asked, told),
        }
    }
}

/// Whether what is said to be AWS's last word on a call, `failed`, hides that the call did its
/// work.
pub(crate) fn hides_an_effect(called: &[&Call], message: &str) -> bool {
    called
        .iter()
        .any(|call| message.starts_with(&call.operation) && call.changed)
}

fn told_ids(body: &Value) -> Vec<String> {
    let targets = body["targets"].as_array().cloned().unwrap_or_default();
    targets
        .iter()
        .filter_map(|target| Some(target["resource"]["sourceServerID"].as_str()?.to_owned()))
        .collect()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Polls a future at most so often; `None` where that was not enough.
async fn counted<T>(most: usize, future: impl Future<Output = T>) -> (Option<T>, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    let ended = std::future::poll_fn(|context| {
        if polls >= most {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            // The kill comes at the await itself, not at the next reason to go on.
            Poll::Pending if polls >= most => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    (ended, polls)
}

/// Runs a scenario to its end.
pub(crate) fn run(scenario: Scenario, bug: Option<Bug>) -> Ending {
    fastrand::seed(scenario.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let early = scenario.early.clone();
        let stage = Stage(Arc::new(Mutex::new(State::new(scenario, bug))));
        let [first, second] = &early;
        futures_util::future::join(stage.work(first), stage.work(second)).await;
        stage.heal().await;
        stage.settle().await;
        stage.aftermath().await;
        let mut state = stage.state();
        state.sync();
        at_the_end(&mut state);
        state.ending()
    })
}

fn at_the_end(state: &mut State) {
    if let Err(complaints) = state.cloud.finish() {
        let unexpected: BTreeSet<String> = complaints.into_iter().collect();
        for complaint in unexpected {
            state.violate(7, complaint);
        }
    }
    if state.scenario.function == Function::BootstrapEfsReplication {
        efs::at_the_end(state);
    }
}
