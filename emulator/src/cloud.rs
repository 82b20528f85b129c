//! The running account: the world, its clock, the faults to come, and the journal of every call.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    aws::call::{self, Reply, Request, Service},
    aws::error::ApiError,
    drs::api as drs,
    drs::model::{Drs, SourceServer},
    efs::model::{Efs, Replication},
    fault::{self, Fault, FaultKind},
    iam::{self, Ask},
    world::{Deployment, LateEffect, World},
};

/// How much later than its call a late effect lands.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// How many calls an account keeps that runs with the machine's clock, and how many complaints are
/// kept anywhere.
const KEPT_CALLS: usize = 10_000;
const KEPT_COMPLAINTS: usize = 1000;

/// One call as it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, on the world's clock.
    pub at: DateTime<Utc>,
    /// The API's name of the operation.
    pub operation: String,
    /// The Region that the signature named.
    pub region: String,
    /// What it was about.
    pub subject: String,
    /// The HTTP status, or what happened instead of an answer.
    pub answer: String,
    /// Whether it changed anything.
    pub changed: bool,
    /// A call that this account does not expect from anybody: an unknown route, a missing
    /// signature, a wrong member.
    pub unexpected: bool,
    /// What IAM was asked about it, as the account was before.
    pub asks: Vec<Ask>,
}

/// What the wire does with a call.
#[derive(Debug)]
pub(crate) enum Action {
    /// Answers plainly.
    Answer(Reply),
    /// Answers with a status and nothing else.
    Status(u16),
    /// Closes the connection.
    Reset,
    /// Never answers.
    Hang,
    /// Sends half of the answer and closes the connection.
    Truncate(Reply),
    /// Answers plainly, but late.
    Slow(Reply),
}

/// The account that everything in one process shares.
#[derive(Debug, Clone)]
pub struct Cloud(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    world: World,
    /// What the last change changed, for reads that lag behind.
    before: Before,
    /// The calls, the last ones where the account runs for long.
    journal: VecDeque<Entry>,
    /// How many calls the journal has let go.
    let_go: usize,
    /// What nobody expects, in sentences; and the operations that were called: neither ends with
    /// the journal.
    complaints: Vec<String>,
    called: BTreeSet<String>,
    /// Where the clock was tied to the machine's, if it runs by itself.
    running_since: Option<(DateTime<Utc>, Instant)>,
}

/// An account before a change, as far as the change can reach: an account may be large.
#[derive(Debug)]
struct Before {
    now: DateTime<Utc>,
    part: Part,
}

#[derive(Debug)]
enum Part {
    /// Nothing has changed yet.
    None,
    /// One source server, by its Region and its place in the list.
    Server(String, usize, Box<SourceServer>),
    Drs(BTreeMap<String, Drs>),
    Efs(BTreeMap<String, Efs>, Vec<Replication>),
    /// All of it, for what a test or an operator does.
    All(Box<World>),
}

impl Before {
    fn of(world: &World, request: &Request) -> Self {
        let server = || {
            let id = drs::changes_one_server(request)?;
            let servers = &world.drs.get(&request.region)?.source_servers;
            let at = servers.iter().position(|server| server.id == id)?;
            let server = servers
                .get(at)
                .filter(|server| server.replication_direction != "FAILBACK")?;
            Some(Part::Server(
                request.region.clone(),
                at,
                Box::new(server.clone()),
            ))
        };
        let part = match request.service {
            Service::Drs => server().unwrap_or_else(|| Part::Drs(world.drs.clone())),
            Service::Efs => Part::Efs(world.efs.clone(), world.replications.clone()),
        };
        Self {
            now: world.now,
            part,
        }
    }

    fn differs(&self, world: &World) -> bool {
        match &self.part {
            Part::None => false,
            Part::Server(region, at, server) => {
                world
                    .drs
                    .get(region)
                    .and_then(|drs| drs.source_servers.get(*at))
                    != Some(&**server)
            }
            Part::Drs(drs) => *drs != world.drs,
            Part::Efs(efs, replications) => {
                *efs != world.efs || *replications != world.replications
            }
            Part::All(all) => **all != *world,
        }
    }

    /// The account as it was before the change.
    fn restored(&self, world: &World) -> World {
        let mut before = World {
            now: self.now,
            ..world.clone()
        };
        match &self.part {
            Part::None => {}
            Part::Server(region, at, server) => {
                let servers = before
                    .drs
                    .get_mut(region)
                    .map(|drs| &mut drs.source_servers);
                if let Some(servers) = servers {
                    servers.retain(|other| other.id != server.id);
                    servers.insert((*at).min(servers.len()), (**server).clone());
                }
            }
            Part::Drs(drs) => before.drs.clone_from(drs),
            Part::Efs(efs, replications) => {
                before.efs.clone_from(efs);
                before.replications.clone_from(replications);
            }
            Part::All(all) => before.clone_from(all),
        }
        before
    }
}

impl Cloud {
    /// An account whose clock stands still until it is advanced. Its journal keeps every call, for
    /// tests.
    #[must_use]
    pub fn new(mut world: World) -> Self {
        world.began.get_or_insert(world.now);
        Self(Arc::new(Mutex::new(State {
            before: Before {
                now: world.now,
                part: Part::None,
            },
            world,
            journal: VecDeque::new(),
            let_go: 0,
            complaints: Vec::new(),
            called: BTreeSet::new(),
            running_since: None,
        })))
    }

    /// An account whose clock runs with the machine's. Its journal keeps the last 10,000 calls, for
    /// it may run for weeks.
    #[must_use]
    pub fn running(world: World) -> Self {
        let cloud = Self::new(world);
        let mut state = cloud.state();
        state.running_since = Some((state.world.now, Instant::now()));
        drop(state);
        cloud
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        self.state().world.clone()
    }

    /// Whose account it is, and in which Region its functions run.
    pub(crate) fn place(&self) -> (String, String) {
        let state = self.state();
        (state.world.account.clone(), state.world.region.clone())
    }

    /// Changes the world, as an operator does.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.state();
        state.before = Before {
            now: state.world.now,
            part: Part::All(Box::new(state.world.clone())),
        };
        change(&mut state.world)
    }

    /// Lets time pass, and with it everything that was to happen by then.
    pub fn advance(&self, by: TimeDelta) {
        let mut state = self.state();
        let now = state.world.now + by;
        if let Some((base, _)) = &mut state.running_since {
            *base += by;
        }
        state.advance_to(now);
    }

    /// Orders a fault.
    pub fn inject(&self, fault: Fault) {
        self.state().world.faults.push(fault);
    }

    /// Every call that is kept.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.state().journal.iter().cloned().collect()
    }

    /// How many calls there were so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        let state = self.state();
        state.let_go + state.journal.len()
    }

    /// How a function is deployed.
    pub(crate) fn deployment(&self, function: &str) -> Deployment {
        self.state()
            .world
            .functions
            .get(function)
            .cloned()
            .unwrap_or_default()
    }

    /// The calls that came after the first `known` ones.
    #[must_use]
    pub fn journal_after(&self, known: usize) -> Vec<Entry> {
        let state = self.state();
        state
            .journal
            .iter()
            .skip(known.saturating_sub(state.let_go))
            .cloned()
            .collect()
    }

    /// The calls that had an effect, a line each: the operation and what it was about.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let journal = self.journal();
        journal
            .iter()
            .filter(|entry| entry.changed)
            .map(|entry| format!("{} {}", entry.operation, entry.subject))
            .collect()
    }

    /// Checks at the end that nothing unexpected was called and that every fault was met.
    ///
    /// # Errors
    ///
    /// A sentence for each unexpected call and each unmet fault.
    pub fn finish(&self) -> Result<(), Vec<String>> {
        let state = self.state();
        let mut complaints = state.complaints.clone();
        for fault in &state.world.faults {
            let met = fault.times == u32::MAX && state.called.contains(&fault.operation);
            if !met {
                complaints.push(format!(
                    "no call of {} met the fault {:?}",
                    fault.operation, fault.kind
                ));
            }
        }
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(complaints)
        }
    }

    /// Notes a call that never reached a service.
    pub(crate) fn note_unexpected(&self, operation: &str, subject: &str, answer: &str) {
        let mut state = self.state();
        let entry = Entry {
            at: state.world.now,
            operation: operation.to_owned(),
            region: String::new(),
            subject: subject.to_owned(),
            answer: answer.to_owned(),
            changed: false,
            unexpected: true,
            asks: Vec::new(),
        };
        state.note(entry);
    }

    /// Meets a call: with a fault if one was ordered, plainly otherwise.
    pub(crate) fn meet(&self, request: &Request) -> Action {
        let mut state = self.state();
        let asks = iam::asks(request, &state.world);
        let fault = fault::take(&mut state.world.faults, request);
        let (action, changed) = state.meet(request, fault);
        let unexpected =
            matches!(&action, Action::Answer(Err(error)) if error.code == "ValidationException");
        let entry = Entry::of(request, state.world.now, describe(&action, fault));
        let entry = Entry {
            changed,
            unexpected,
            asks,
            ..entry
        };
        state.note(entry);
        action
    }

    /// The state, with its clock brought up to date. A panic elsewhere does not make the data
    /// wrong.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((base, since)) = state.running_since {
            let now = base + TimeDelta::from_std(since.elapsed()).unwrap_or_default();
            state.advance_to(now);
        }
        state
    }
}

impl Entry {
    fn of(request: &Request, at: DateTime<Utc>, answer: String) -> Self {
        let (operation, region) = (request.operation.clone(), request.region.clone());
        let subject = request.service.subject(&request.input);
        Self {
            at,
            operation,
            region,
            subject,
            answer,
            changed: false,
            unexpected: false,
            asks: Vec::new(),
        }
    }
}

impl State {
    fn note(&mut self, entry: Entry) {
        if entry.unexpected && self.complaints.len() < KEPT_COMPLAINTS {
            let Entry {
                operation,
                subject,
                answer,
                ..
            } = &entry;
            self.complaints
                .push(format!("unexpected call: {operation} {subject}: {answer}"));
        }
        if !self.called.contains(&entry.operation) {
            self.called.insert(entry.operation.clone());
        }
        self.journal.push_back(entry);
        if self.running_since.is_some() && self.journal.len() > KEPT_CALLS {
            self.journal.pop_front();
            self.let_go += 1;
        }
    }

    fn advance_to(&mut self, now: DateTime<Utc>) {
        let (due, later) = std::mem::take(&mut self.world.late)
            .into_iter()
            .partition(|effect| effect.at <= now);
        self.world.late = later;
        for LateEffect {
            at,
            service,
            operation,
            region,
            input,
        } in due
        {
            self.world.advance_to(at);
            let request = Request {
                service,
                operation,
                region,
                input,
            };
            // IAM was asked when it was called.
            if self.carry_out(&request).1 {
                let entry = Entry {
                    changed: true,
                    ..Entry::of(&request, self.world.now, "took effect late".to_owned())
                };
                self.note(entry);
            }
        }
        self.world.advance_to(now);
    }

    fn meet(&mut self, request: &Request, fault: Option<FaultKind>) -> (Action, bool) {
        let error = |status, code| {
            (
                Action::Answer(Err(ApiError::new(status, code, "to order"))),
                false,
            )
        };
        match fault {
            None => {
                let (reply, changed) = self.carry_out(request);
                (Action::Answer(reply), changed)
            }
            Some(FaultKind::Throttle) => {
                let wrong = ApiError::new(
                    request.service.throttled(),
                    "ThrottlingException",
                    "Rate exceeded",
                );
                (Action::Answer(Err(wrong)), false)
            }
            Some(FaultKind::InternalError) => error(500, request.service.internal_error()),
            Some(FaultKind::AccessDenied) => error(403, "AccessDeniedException"),
            Some(FaultKind::ExpiredToken) => error(403, "ExpiredTokenException"),
            Some(FaultKind::Unavailable) => (Action::Status(503), false),
            Some(FaultKind::ResetBefore) => (Action::Reset, false),
            Some(FaultKind::HangBefore) => (Action::Hang, false),
            Some(FaultKind::ResetAfter) => (Action::Reset, self.carry_out(request).1),
            Some(FaultKind::HangAfter) => (Action::Hang, self.carry_out(request).1),
            Some(FaultKind::LateEffect) => {
                let Request {
                    service,
                    operation,
                    region,
                    input,
                } = request.clone();
                self.world.late.push(LateEffect {
                    at: self.world.now + LATE,
                    service,
                    operation,
                    region,
                    input,
                });
                (Action::Reset, false)
            }
            Some(FaultKind::Truncated) => {
                let (reply, changed) = self.carry_out(request);
                (Action::Truncate(reply), changed)
            }
            Some(FaultKind::Slow) => {
                let (reply, changed) = self.carry_out(request);
                (Action::Slow(reply), changed)
            }
            Some(FaultKind::UnknownError) => error(400, "UnheardOfException"),
            Some(FaultKind::StaleTags) => {
                let before = self.before.restored(&self.world);
                (
                    Action::Answer(Service::answer(
                        &mut self.world.with_tags_of(&before),
                        request,
                    )),
                    false,
                )
            }
            Some(FaultKind::StaleRead) => (
                Action::Answer(Service::answer(
                    &mut self.before.restored(&self.world),
                    request,
                )),
                false,
            ),
            Some(FaultKind::RepeatedPageToken) => {
                (Action::Answer(self.repeat_token(request)), false)
            }
        }
    }

    /// Answers a call, and tells whether the world is another one afterwards.
    fn carry_out(&mut self, request: &Request) -> (Reply, bool) {
        let before = request
            .service
            .changes(&request.operation)
            .then(|| Before::of(&self.world, request));
        let reply = Service::answer(&mut self.world, request);
        let changed = before
            .as_ref()
            .is_some_and(|before| before.differs(&self.world));
        if let (true, Some(before)) = (changed, before) {
            self.before = before;
        }
        (reply, changed)
    }

    fn repeat_token(&mut self, request: &Request) -> Reply {
        if !request.service.has_pages(&request.operation) {
            return Service::answer(&mut self.world, request);
        }
        let (asked, next) = request.service.tokens(&request.operation);
        let asked = request
            .input
            .get(asked)
            .cloned()
            .unwrap_or_else(|| json!(call::page_token(request, 0)));
        Service::answer(&mut self.world, request).map(|(status, body)| {
            let with_token = body.map(|mut body| {
                call::put(&mut body, next, asked);
                body
            });
            (status, with_token)
        })
    }
}

fn describe(action: &Action, fault: Option<FaultKind>) -> String {
    let plain = match action {
        Action::Answer(Ok((status, body))) | Action::Slow(Ok((status, body))) => {
            count(*status, body.as_ref())
        }
        Action::Answer(Err(error)) | Action::Slow(Err(error)) => {
            format!("{} {}", error.status, error.code)
        }
        Action::Status(status) => status.to_string(),
        Action::Reset => "connection reset".to_owned(),
        Action::Hang => "no answer".to_owned(),
        Action::Truncate(_) => "answer cut off".to_owned(),
    };
    match fault {
        None => plain,
        Some(kind) => format!(
            "{plain} (fault {})",
            json!(kind).as_str().unwrap_or_default()
        ),
    }
}

/// The members in which the lists of the services keep what they found.
const LISTS: [&str; 5] = [
    "items",
    "FileSystems",
    "Replications",
    "MountTargets",
    "AccessPoints",
];

fn count(status: u16, body: Option<&Value>) -> String {
    match body.and_then(|body| LISTS.iter().find_map(|list| body.get(list)?.as_array())) {
        Some(items) => format!("{status} {} found", items.len()),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cloud: &Cloud, operation: &str, input: Value) -> Reply {
        let (operation, region) = (operation.to_owned(), "us-east-1".to_owned());
        match cloud.meet(&Request {
            service: Service::Drs,
            operation,
            region,
            input,
        }) {
            Action::Answer(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_that_lags_shows_the_account_before_its_last_change() {
        let ids = ["s-00000000000000001", "s-00000000000000002"];
        let cloud = Cloud::new(World::with(ids.map(SourceServer::new)));
        let arn = format!(
            "arn:aws:drs:us-east-1:111122223333:source-server/{}",
            ids[0]
        );
        let extend = json!({ "sourceServerArn": arn.replace("111122223333", "444455556666") });
        for (operation, input) in [
            (
                "TagResource",
                json!({ "resourceArn": arn, "tags": { "a": "b" } }),
            ),
            (
                "DisconnectSourceServer",
                json!({ "sourceServerID": ids[0] }),
            ),
            ("DeleteSourceServer", json!({ "sourceServerID": ids[0] })),
            ("CreateExtendedSourceServer", extend),
        ] {
            let before = call(&cloud, "DescribeSourceServers", json!({})).unwrap();
            call(&cloud, operation, input.clone()).unwrap();
            let after = call(&cloud, "DescribeSourceServers", json!({})).unwrap();
            assert_ne!(before, after, "{operation}");
            cloud.inject(Fault::next("DescribeSourceServers", FaultKind::StaleRead));
            assert_eq!(
                call(&cloud, "DescribeSourceServers", json!({})).unwrap(),
                before,
                "{operation}"
            );
            assert!(
                cloud
                    .journal()
                    .iter()
                    .any(|entry| entry.operation == operation && entry.changed),
                "{operation}"
            );
        }
        assert!(
            call(
                &cloud,
                "DeleteSourceServer",
                json!({ "sourceServerID": ids[1] })
            )
            .is_err()
        );
        assert_eq!(cloud.changes().len(), 4, "a refusal changes nothing");
    }

    #[test]
    fn a_journal_ends_where_an_account_runs_for_long_and_complaints_stay() {
        for (cloud, kept) in [
            (Cloud::running(World::empty()), KEPT_CALLS),
            (Cloud::new(World::empty()), KEPT_CALLS + 6),
        ] {
            cloud.inject(Fault::every("InitializeService", FaultKind::Throttle));
            cloud.note_unexpected("GET", "/", "no signature");
            (0..KEPT_CALLS + 5).for_each(|_| _ = call(&cloud, "InitializeService", json!({})));
            assert_eq!(
                (cloud.journal().len(), cloud.calls()),
                (kept, KEPT_CALLS + 6)
            );
            assert_eq!(cloud.journal_after(KEPT_CALLS + 3).len(), 3);
            assert_eq!(
                cloud.finish().unwrap_err(),
                ["unexpected call: GET /: no signature"]
            );
        }
    }
}
