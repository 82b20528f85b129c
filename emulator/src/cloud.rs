//! The running account: the world, its clock, the upcoming faults, and the journal of every call.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    aws::{
        call::{self, ApiResult, Request},
        error::ApiError,
    },
    fault::{self, Fault, FaultKind},
    iam::IamCall,
    journal::{Entry, Journal},
    known::NOT_COLLECTED,
    saved::{Before, Saved},
    services,
    world::{self, Deployment, LateEffect, World},
};

/// The longest time that an operator advances the clock by at once: a year.
const MAX_MINUTES: i64 = 525_600;
/// How long after its call a late effect takes place.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// How AWS words that there were too many calls.
pub(crate) const RATE_EXCEEDED: &str = "Rate exceeded";

/// How a call is answered on the wire.
#[derive(Debug)]
pub(crate) enum Action {
    /// Answers.
    Answer(ApiResult),
    /// Answers with a status and no body.
    Status(u16),
    /// Answers that there were too many calls, and not by the name of the error.
    TooMany,
    /// Answers that there were too many calls, and when to call again.
    TooManyUntil(ApiError),
    /// Closes the connection.
    Reset,
    /// Never answers.
    Hang,
    /// Sends half of the answer and closes the connection.
    Truncate(ApiResult),
    /// Answers late.
    Slow(ApiResult),
}

/// The account that everything in a process shares.
#[derive(Debug, Clone)]
pub struct Cloud(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    world: World,
    /// The account before the last change, for reads that lag behind.
    before: Before,
    journal: Journal,
    /// The account's time and the machine's when both started to run together, if they do.
    running_since: Option<(DateTime<Utc>, Instant)>,
    /// Tells those who follow the account that something happened.
    happened: watch::Sender<()>,
}

impl Cloud {
    /// An account whose clock stands still until it is advanced. Its journal keeps every call, for
    /// tests.
    #[must_use]
    pub fn new(mut world: World) -> Self {
        // Resources without a date are half a year older than this time, which a saved world keeps.
        world.began.get_or_insert(world.now);

        Self(Arc::new(Mutex::new(State {
            before: Before {
                now: world.now,
                saved: Saved::Nothing,
            },
            world,
            journal: Journal::default(),
            running_since: None,
            happened: watch::Sender::default(),
        })))
    }

    /// An account whose clock runs with the machine's. Its journal keeps the latest 10,000 calls,
    /// since it may run for weeks.
    #[must_use]
    pub fn running(world: World) -> Self {
        let cloud = Self::new(world);

        let mut state = cloud.state();
        // From here on every lock of the state first brings the clock up to date.
        state.running_since = Some((state.world.now, Instant::now()));
        state.journal.bound();
        drop(state);

        cloud
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        self.state().world.clone()
    }

    /// The time in the account.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.state().world.now
    }

    /// The account ID, and the Region in which the functions run.
    pub(crate) fn place(&self) -> (String, String) {
        let state = self.state();
        (state.world.account.clone(), state.world.region.clone())
    }

    /// How a function is deployed.
    pub(crate) fn deployment(&self, function: &str) -> Deployment {
        let state = self.state();
        let deployment = state.world.functions.get(function);
        deployment.cloned().unwrap_or_default()
    }

    /// Changes the world, as an operator does.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.state();
        // An operator may change anything, so all of it is saved.
        state.before = Before::world(&state.world);
        let changed = change(&mut state.world);

        state.tell();
        changed
    }

    /// Replaces the world by another, whose clock goes on from its own time.
    pub fn replace(&self, mut world: World) {
        world.began.get_or_insert(world.now);

        let mut state = self.state();
        // A read that lags behind must not show the account that was here before.
        state.before = Before {
            now: world.now,
            saved: Saved::Nothing,
        };
        if let Some(running_since) = &mut state.running_since {
            *running_since = (world.now, Instant::now());
        }
        state.world = world;
        state.tell();
    }

    /// What follows the account: it is told after each call, and after each change from outside.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<()> {
        self.state().happened.subscribe()
    }

    /// Tells those who follow the account that something happened.
    pub(crate) fn tell(&self) {
        self.state().tell();
    }

    /// Lets time pass, with everything that happens in that time.
    pub fn advance(&self, by: TimeDelta) {
        let mut state = self.state();
        let now = state.world.now + by;
        // A running clock is the base and the time since then, so the base moves too. Otherwise the
        // next call would turn the clock back.
        if let Some((base, _)) = &mut state.running_since {
            *base += by;
        }
        state.advance_to(now);
        state.tell();
    }

    /// Lets some minutes pass, as an operator asks for.
    ///
    /// # Errors
    ///
    /// A sentence, if it is too long, or beyond the years that a world can be in.
    pub fn advance_minutes(&self, minutes: i64) -> Result<(), String> {
        if !(0..=MAX_MINUTES).contains(&minutes) {
            return Err(format!(
                "{minutes} minutes is not between 0 and {MAX_MINUTES}"
            ));
        }

        // The times of DRS have four digits for the year.
        let by = TimeDelta::minutes(minutes);
        if !world::YEARS.contains(&(self.now() + by).year()) {
            return Err("the account ends with the year 2999".to_owned());
        }
        self.advance(by);
        Ok(())
    }

    /// Injects a fault.
    pub fn inject(&self, fault: Fault) {
        let mut state = self.state();
        state.world.faults.push(fault);
        state.tell();
    }

    /// Every call that is kept.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.state().journal.after(0)
    }

    /// The calls after the first `known` calls.
    #[must_use]
    pub fn journal_after(&self, known: usize) -> Vec<Entry> {
        self.state().journal.after(known)
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state().journal.calls()
    }

    /// The calls that changed something, a line each: the operation and its subject.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let journal = self.journal();
        let changes = journal.iter().filter(|entry| entry.changed);
        changes
            .map(|entry| format!("{} {}", entry.operation, entry.subject))
            .collect()
    }

    /// Checks at the end that no call was unexpected and that every fault was used.
    ///
    /// # Errors
    ///
    /// A sentence about each unexpected call and each unused fault.
    pub fn finish(&self) -> Result<(), Vec<String>> {
        let state = self.state();
        let mut complaints = state.journal.complaints().to_vec();

        for Fault {
            operation,
            kind,
            times,
            ..
        } in &state.world.faults
        {
            // A fault for every call stays in the list.
            let is_used = *times == u32::MAX && state.journal.has_called(operation);
            if !is_used {
                complaints.push(format!("no call of {operation} met the fault {kind:?}"));
            }
        }

        match complaints.is_empty() {
            true => Ok(()),
            false => Err(complaints),
        }
    }

    /// Records a call that did not reach a service.
    pub(crate) fn record_unexpected(&self, operation: &str, subject: &str, answer: &str) {
        self.record(operation, "", subject, answer, true);
    }

    /// Records a call that reads, of something that is no service with resources here.
    pub(crate) fn record_read(&self, operation: &str, region: &str, subject: &str, answer: &str) {
        self.record(operation, region, subject, answer, false);
    }

    fn record(&self, operation: &str, region: &str, subject: &str, answer: &str, unexpected: bool) {
        let mut state = self.state();
        let now = state.world.now;

        state.journal.add(Entry {
            at: now,
            operation: operation.to_owned(),
            region: region.to_owned(),
            subject: subject.to_owned(),
            answer: answer.to_owned(),
            changed: false,
            unexpected,
            iam: Vec::new(),
        });
        state.tell();
    }

    /// Handles a call: with a fault, if there is one for it.
    pub(crate) fn handle(&self, request: &Request) -> Action {
        let mut state = self.state();
        let definition = services::definition(request.service);
        // IAM decides before the service acts, so it is asked about the account as it is now.
        let iam = (definition.iam)(&IamCall {
            request,
            world: &state.world,
        });

        let fault = fault::take(&mut state.world.faults, request);
        let (action, changed) = state.handle(request, fault);
        if let Action::Answer(Err(error)) = &action
            && error.code == NOT_COLLECTED
        {
            state.journal.complain(error.message.clone());
        }

        // What the service model forbids is a bug of the caller. A conflict or a missing resource
        // is not.
        let is_invalid = matches!(
            &action,
            Action::Answer(Err(error)) if error.code == "ValidationException"
        );
        let entry = Entry {
            changed,
            unexpected: is_invalid,
            iam,
            ..state.entry(request, describe(&action, fault))
        };
        state.journal.add(entry);
        state.tell();

        action
    }

    /// The state, with its clock up to date. A panic elsewhere does not make the data wrong.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);

        if let Some((base, since)) = state.running_since {
            let now = base + TimeDelta::from_std(since.elapsed()).unwrap_or_default();
            state.advance_to(now);
        }
        state
    }
}

impl State {
    /// Tells those who follow the account that something happened.
    fn tell(&self) {
        // Most accounts run in tests, where nobody follows.
        if self.happened.receiver_count() > 0 {
            self.happened.send_replace(());
        }
    }

    /// An entry of a call that changed nothing.
    fn entry(&self, request: &Request, answer: String) -> Entry {
        let definition = services::definition(request.service);

        Entry {
            at: self.world.now,
            operation: request.operation.clone(),
            region: request.region.clone(),
            subject: (definition.subject)(&request.input),
            answer,
            changed: false,
            unexpected: false,
            iam: Vec::new(),
        }
    }

    fn advance_to(&mut self, now: DateTime<Utc>) {
        // Each late call takes effect at its own time, before the clock reaches the next one.
        let late = std::mem::take(&mut self.world.late);
        let (due, later) = late.into_iter().partition(|effect| effect.at <= now);
        self.world.late = later;

        for effect in due {
            self.take_effect(effect);
        }
        self.world.advance_to(now);
    }

    /// Lets a late call take effect at its time.
    fn take_effect(&mut self, effect: LateEffect) {
        // The journal dates the effect by this clock.
        self.world.advance_to(effect.at);
        let request = Request {
            service: effect.service,
            operation: effect.operation,
            region: effect.region,
            input: effect.input,
        };

        // IAM was asked at the time of the call.
        let (_, changed) = self.carry_out(&request);
        if changed {
            let entry = Entry {
                changed,
                ..self.entry(&request, "took effect late".to_owned())
            };
            self.journal.add(entry);
        }
    }

    /// The answer to a call under a fault, and whether the call changed anything.
    fn handle(&mut self, request: &Request, fault: Option<FaultKind>) -> (Action, bool) {
        let definition = services::definition(request.service);
        let fail = |status, code| {
            let error = ApiError::new(status, code, "injected fault");
            (Action::Answer(Err(error)), false)
        };
        let throttled = || {
            let (code, status) = definition.throttled;
            ApiError::new(status, code, RATE_EXCEEDED)
        };
        let Some(fault) = fault else {
            let (answer, changed) = self.carry_out(request);
            return (Action::Answer(answer), changed);
        };

        match fault {
            FaultKind::Throttle => (Action::Answer(Err(throttled())), false),
            FaultKind::ThrottleRetryAfter => (Action::TooManyUntil(throttled()), false),
            FaultKind::ThrottleWithoutCode => (Action::TooMany, false),
            FaultKind::InternalError => fail(500, definition.internal),
            FaultKind::AccessDenied => fail(403, "AccessDeniedException"),
            FaultKind::ExpiredToken => fail(403, "ExpiredTokenException"),
            FaultKind::ExpiredSignature => fail(403, "InvalidSignatureException"),
            FaultKind::UnknownError => fail(400, "UnheardOfException"),

            // Calls without an effect, or without one yet.
            FaultKind::Unavailable => (Action::Status(503), false),
            FaultKind::ResetBefore => (Action::Reset, false),
            FaultKind::HangBefore => (Action::Hang, false),
            FaultKind::LateEffect => {
                self.postpone(request.clone());
                (Action::Reset, false)
            }

            // Calls whose effect the caller cannot know: the answer is lost or broken.
            FaultKind::ResetAfter => (Action::Reset, self.carry_out(request).1),
            FaultKind::HangAfter => (Action::Hang, self.carry_out(request).1),
            FaultKind::Truncated => {
                let (answer, changed) = self.carry_out(request);
                (Action::Truncate(answer), changed)
            }
            FaultKind::Slow => {
                let (answer, changed) = self.carry_out(request);
                (Action::Slow(answer), changed)
            }

            // Reads that lag behind. They are answered from a copy, which is dropped.
            FaultKind::StaleRead => {
                let mut stale = self.before.restored(&self.world);
                (Action::Answer(services::answer(&mut stale, request)), false)
            }
            FaultKind::StaleTags => {
                let before = self.before.restored(&self.world);
                let mut stale = self.world.with_tags_of(&before);
                (Action::Answer(services::answer(&mut stale, request)), false)
            }
            FaultKind::RepeatedPageToken => (Action::Answer(self.repeat_token(request)), false),
        }
    }

    fn postpone(&mut self, request: Request) {
        self.world.late.push(LateEffect {
            at: self.world.now + LATE,
            service: request.service,
            operation: request.operation,
            region: request.region,
            input: request.input,
        });
    }

    /// Answers a call, and reports whether it changed anything.
    fn carry_out(&mut self, request: &Request) -> (ApiResult, bool) {
        let definition = services::definition(request.service);
        // Reads are not compared: a copy of a large account for each of them would be slow.
        let can_change = request.service.changes(&request.operation);
        let before = can_change.then(|| Before {
            now: self.world.now,
            saved: (definition.save)(&self.world, request),
        });

        let answer = services::answer(&mut self.world, request);
        // A call that changes nothing, such as a repeated one, leaves what lagging reads see.
        match before.filter(|before| before.differs_from(&self.world)) {
            Some(before) => {
                self.before = before;
                (answer, true)
            }
            None => (answer, false),
        }
    }

    /// Answers with the page token of the request; with that of the first page, if it had none.
    fn repeat_token(&mut self, request: &Request) -> ApiResult {
        let (status, body) = services::answer(&mut self.world, request)?;
        // A fault for several services may reach an operation without pages.
        if !services::has_pages(request.service, &request.operation) {
            return Ok((status, body));
        }

        let definition = services::definition(request.service);
        let (asked, next) = (definition.tokens)(&request.operation);
        // An empty token is that of no page.
        let given = request.text(asked).filter(|token| !token.is_empty());
        let token = match given {
            Some(token) => Some(token.to_owned()),
            None => (definition.first_token)(request, self.world.now),
        };

        // A client that follows this token gets the same page again, which it has to notice.
        let body = body.map(|mut body| {
            if let Some(token) = token {
                call::put(&mut body, next, json!(token));
            }
            body
        });
        Ok((status, body))
    }
}

/// The answer of a call in a few words.
fn describe(action: &Action, fault: Option<FaultKind>) -> String {
    let answer = match action {
        Action::Answer(Ok((status, body))) | Action::Slow(Ok((status, body))) => {
            describe_success(*status, body.as_ref())
        }
        Action::Answer(Err(error)) | Action::Slow(Err(error)) => {
            format!("{} {}", error.status, error.code)
        }
        Action::Status(status) => status.to_string(),
        Action::TooMany => format!("400 {RATE_EXCEEDED}"),
        Action::TooManyUntil(error) => format!("{} {}", error.status, error.code),
        Action::Reset => "connection reset".to_owned(),
        Action::Hang => "no answer".to_owned(),
        Action::Truncate(_) => "answer cut off".to_owned(),
    };

    match fault {
        None => answer,
        Some(kind) => {
            let kind = json!(kind);
            format!("{answer} (fault {})", kind.as_str().unwrap_or_default())
        }
    }
}

/// The members that hold the items of a list.
const LISTS: [&str; 6] = [
    "items",
    "FileSystems",
    "Replications",
    "MountTargets",
    "AccessPoints",
    "ResourceTagMappingList",
];

fn describe_success(status: u16, body: Option<&Value>) -> String {
    let items = body.and_then(|body| LISTS.iter().find_map(|list| body.get(list)?.as_array()));

    match items {
        Some(items) => format!("{status} {} found", items.len()),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aws::call::Service, drs::model::SourceServer, efs::model::FileSystem};

    fn call(cloud: &Cloud, operation: &str, input: Value) -> ApiResult {
        call_service(cloud, Service::Drs, operation, input)
    }

    fn call_service(cloud: &Cloud, service: Service, operation: &str, input: Value) -> ApiResult {
        let request = Request {
            service,
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            input,
        };
        match cloud.handle(&request) {
            Action::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lagging_read_shows_the_account_before_its_last_change() {
        let ids = ["s-00000000000000001", "s-00000000000000002"];
        let cloud = Cloud::new(World::with(ids.map(SourceServer::new)));
        let describe = || call(&cloud, "DescribeSourceServers", json!({})).unwrap();
        let arn =
            |account: &str| format!("arn:aws:drs:us-east-1:{account}:source-server/{}", ids[0]);

        for (operation, input) in [
            (
                "TagResource",
                json!({ "resourceArn": arn("111122223333"), "tags": { "a": "b" } }),
            ),
            (
                "DisconnectSourceServer",
                json!({ "sourceServerID": ids[0] }),
            ),
            ("DeleteSourceServer", json!({ "sourceServerID": ids[0] })),
            (
                "CreateExtendedSourceServer",
                json!({ "sourceServerArn": arn("444455556666") }),
            ),
        ] {
            let before = describe();
            call(&cloud, operation, input).unwrap();
            assert_ne!(before, describe(), "{operation}");

            cloud.inject(Fault::next("DescribeSourceServers", FaultKind::StaleRead));
            assert_eq!(describe(), before, "{operation}");
            let journal = cloud.journal();
            let mut changes = journal.iter().filter(|entry| entry.changed);
            assert!(changes.any(|entry| entry.operation == operation));
        }

        let connected = json!({ "sourceServerID": ids[1] });
        assert!(call(&cloud, "DeleteSourceServer", connected).is_err());
        assert_eq!(cloud.changes().len(), 4, "a refusal changes nothing");
    }

    /// The body of a list under a repeated page token, or without a fault.
    fn list(
        cloud: &Cloud,
        (service, operation): (Service, &str),
        input: Value,
        is_faulty: bool,
    ) -> Value {
        if is_faulty {
            cloud.inject(Fault::next(operation, FaultKind::RepeatedPageToken));
        }
        let (_, body) = call_service(cloud, service, operation, input).unwrap();
        body.unwrap()
    }

    #[test]
    fn repeated_page_token_leads_to_the_same_page_again() {
        let server = SourceServer::new("s-00000000000000001").tagged("a", "b");
        let file_system = FileSystem::new("fs-00000001").tagged("a", "b");
        let world = World::with([server]).with_file_system("us-east-1", file_system);
        let cloud = Cloud::new(world);
        let items = |page: &Value| LISTS.iter().find_map(|list| page.get(list)).cloned();

        for listed in [
            (Service::Drs, "DescribeSourceServers"),
            (Service::Efs, "DescribeFileSystems"),
            (Service::Efs, "DescribeAccessPoints"),
            (Service::Tagging, "GetResources"),
        ] {
            let (asked, next) = (services::definition(listed.0).tokens)(listed.1);
            let first = list(&cloud, listed, json!({}), true);
            let again = json!({ asked: first[next] });

            // The token is a valid one, with the fault and without it.
            let repeated = list(&cloud, listed, again.clone(), true);
            assert_eq!(repeated[next], first[next], "{listed:?}");
            for page in [repeated, list(&cloud, listed, again, false)] {
                assert_eq!(items(&page), items(&first), "{listed:?}");
            }
        }

        cloud.finish().unwrap();
    }

    #[test]
    fn empty_page_token_is_repeated_as_that_of_the_first_page() {
        let server = SourceServer::new("s-00000000000000001").tagged("a", "b");
        let cloud = Cloud::new(World::with([server]));
        let get_resources = (Service::Tagging, "GetResources");

        let empty = json!({ "PaginationToken": "" });
        let page = list(&cloud, get_resources, empty, true);
        let next = json!({ "PaginationToken": page["PaginationToken"] });
        assert_ne!(page["PaginationToken"], "");
        let same = list(&cloud, get_resources, next, false);
        assert_eq!(
            same["ResourceTagMappingList"],
            page["ResourceTagMappingList"]
        );
    }

    #[test]
    fn list_that_accepts_no_token_repeats_none() {
        let cloud = Cloud::new(World::empty());
        let arns = json!({ "ResourceARNList": ["arn:aws:s3:::bucket"] });

        let page = list(&cloud, (Service::Tagging, "GetResources"), arns, true);
        assert_eq!(page["PaginationToken"], "");
    }

    #[test]
    fn running_account_drops_old_calls_and_keeps_complaints() {
        for (cloud, kept) in [
            (Cloud::running(World::empty()), 10_000),
            (Cloud::new(World::empty()), 10_006),
        ] {
            cloud.inject(Fault::every("InitializeService", FaultKind::Throttle));
            cloud.record_unexpected("GET", "/", "no signature");
            for _ in 0..10_005 {
                call(&cloud, "InitializeService", json!({})).unwrap_err();
            }

            assert_eq!(cloud.journal().len(), kept);
            assert_eq!(cloud.calls(), 10_006);
            assert_eq!(cloud.journal_after(10_003).len(), 3);
            assert_eq!(
                cloud.finish().unwrap_err(),
                ["unexpected call: GET /: no signature"]
            );
        }
    }
}
