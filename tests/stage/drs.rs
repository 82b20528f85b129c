//! A stage for `disconnect-source-server`.

use chrono::{TimeDelta, Utc};
use disconnect_source_server::{Drs, Policy, handle};
use emulator::{Emulator, Fault, FaultKind, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    functions::DISCONNECT,
    iam,
    stage::{Answer, Canned, answers::Answers, invocation, sdk_config},
};

/// The server that a scenario is about by default.
pub(crate) const ONE: &str = "s-00000000000000001";
/// The change under which it is approved.
pub(crate) const CHANGE: &str = "CHG0031234";

pub(crate) struct Stage {
    pub(crate) local: Emulator,
    pub(crate) policy: Policy,
    pub(crate) seconds_left: u64,
    /// What AWS answers instead of what the emulator does.
    answers: Option<Answers>,
    /// Why the role of the template would not allow the scenario, where it would not.
    pub(crate) beyond_the_role: Option<&'static str>,
}

/// However a scenario ends, the role of the template allows its calls.
impl Drop for Stage {
    fn drop(&mut self) {
        iam::check(&self.local, &DISCONNECT, "", self.beyond_the_role);
    }
}

impl Stage {
    /// One approved server in an account of its own.
    pub(crate) async fn new() -> Self {
        Self::with(World::with([approved(ONE)])).await
    }

    /// The server is disconnected by somebody else, or by a run that was killed after it.
    pub(crate) fn disconnect_by_others(&self) {
        let disconnected = self.local.change(|world| {
            let context = world.context("us-east-1");
            world.here().disconnect(ONE, &context).map(drop)
        });

        disconnected.unwrap();
    }

    pub(crate) async fn with(world: World) -> Self {
        let policy = Policy::from_lookup(|name| match name {
            "MODE" => Some("enforce".to_owned()),
            "ALLOW_DELETE" => Some("true".to_owned()),
            _ => None,
        });

        Self {
            local: Emulator::without_functions(world).await.unwrap(),
            policy: policy.unwrap(),
            seconds_left: 900,
            answers: None,
            beyond_the_role: None,
        }
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let config = match &self.answers {
            Some(answers) => answers.sdk_config(&self.local),
            None => sdk_config(&self.local),
        };
        let drs = Drs::new(&config);
        let invocation = invocation(self.seconds_left);

        Answer::new(handle(&event.to_string(), invocation, &drs, &self.policy).await)
    }

    /// Requests the disconnection of the one server.
    pub(crate) async fn disconnect(&self) -> Answer {
        self.deliver(&request("disconnect", &[by_id(ONE)])).await
    }

    /// Lets the next calls of an operation meet a fault.
    pub(crate) fn next(self, operation: &str, kind: FaultKind, times: u32) -> Self {
        self.local.inject(Fault {
            times,
            ..Fault::next(operation, kind)
        });

        self
    }

    /// Lets the next calls of an operation be answered with this error, without an effect.
    pub(crate) fn next_error(mut self, operation: &str, error: Canned, times: u32) -> Self {
        self.answers = Some(Answers::with_error(error));

        self.next(operation, FaultKind::UnknownError, times)
    }

    /// Changes every answer.
    pub(crate) fn answered(mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.answers = Some(Answers::with_body(change));

        self
    }

    /// Changes what DRS says of its servers.
    pub(crate) fn described(self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.answered(move |body| {
            // A list has its servers under `items`; the answer to a disconnect is the server.
            if body["sourceServerID"].is_string() {
                change(body);
                return;
            }
            for item in body["items"].as_array_mut().into_iter().flatten() {
                if item["sourceProperties"].is_object() {
                    change(item);
                }
            }
        })
    }

    /// The changes so far, after a check that every fault was met and no call was unexpected.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<String> {
        self.local.finish().unwrap();

        self.local.changes()
    }

    /// How often an operation was called.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let journal = self.local.journal();
        let calls = journal.iter().filter(|entry| entry.operation == operation);

        calls.count()
    }
}

pub(crate) fn approved(id: &str) -> SourceServer {
    SourceServer::new(id).tagged("drover:approved", CHANGE)
}

/// An account with so many approved servers.
pub(crate) fn approved_servers(count: usize) -> World {
    World::with((1..=count).map(|index| approved(&number(index))))
}

/// The ID of a server.
pub(crate) fn number(number: usize) -> String {
    format!("s-{number:017}")
}

pub(crate) fn request(action: &str, servers: &[Value]) -> Value {
    json!({
        "version": 1,
        "requestID": CHANGE,
        "expiresAt": Utc::now() + TimeDelta::hours(1),
        "action": action,
        "targets": servers,
    })
}

pub(crate) fn by_id(id: &str) -> Value {
    json!({ "sourceServerID": id })
}
