//! A stage for `disconnect-source-server`.

use std::time::Duration;

use aws_sdk_drs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use chrono::{TimeDelta, Utc};
use disconnect_source_server::{Drs, Policy, handle};
use emulator::{Emulator, Fault, FaultKind, SourceServer, World};
use serde_json::{Value, json};
use shared::Invocation;

use crate::{
    iam,
    stage::{Answer, patience},
};

/// The server that a scenario is about, unless it says otherwise.
pub(crate) const ONE: &str = "s-00000000000000001";

/// The change under which it is approved.
pub(crate) const CHANGE: &str = "CHG0031234";

pub(crate) struct Stage {
    pub(crate) local: Emulator,
    pub(crate) policy: Policy,
    pub(crate) seconds_left: u64,
    /// Why the role of the template would not allow what happens here, where it would not.
    pub(crate) beyond_the_role: Option<&'static str>,
}

/// However a scenario ends, its calls were such as the role of the template allows.
impl Drop for Stage {
    fn drop(&mut self) {
        iam::check(
            &self.local,
            "disconnect-source-server",
            "",
            self.beyond_the_role,
        );
    }
}

pub(crate) fn approved(id: &str) -> SourceServer {
    SourceServer::new(id).tagged("drover:approved", CHANGE)
}

pub(crate) fn number(number: usize) -> String {
    format!("s-{number:017}")
}

pub(crate) fn request(action: &str, servers: &[Value]) -> Value {
    let expires_at = Utc::now() + TimeDelta::hours(1);
    json!({ "version": 1, "requestID": CHANGE, "expiresAt": expires_at, "action": action, "targets": servers })
}

pub(crate) fn by_id(id: &str) -> Value {
    json!({ "sourceServerID": id })
}

impl Stage {
    /// One approved server in an account of its own.
    pub(crate) async fn new() -> Self {
        Self::with(World::with([approved(ONE)])).await
    }

    pub(crate) async fn with(world: World) -> Self {
        let policy = Policy::from_lookup(|name| match name {
            "MODE" => Some("enforce".to_owned()),
            "ALLOW_DELETE" => Some("true".to_owned()),
            _ => None,
        });
        let local = Emulator::without_functions(world).await.unwrap();
        Self {
            local,
            policy: policy.unwrap(),
            seconds_left: 900,
            beyond_the_role: None,
        }
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(self.seconds_left);
        let invocation = Invocation {
            now: Utc::now(),
            deadline,
        };
        Answer::of(
            handle(
                &event.to_string(),
                invocation,
                &drs(&self.local),
                &self.policy,
            )
            .await,
        )
    }

    /// Asks for the one server to be disconnected.
    pub(crate) async fn disconnect(&self) -> Answer {
        self.deliver(&request("disconnect", &[by_id(ONE)])).await
    }

    pub(crate) fn next(self, operation: &str, kind: FaultKind, times: u32) -> Self {
        self.local.inject(Fault {
            times,
            ..Fault::next(operation, kind)
        });
        self
    }

    /// The changes so far, after a check that every fault was met and nothing unexpected was
    /// called.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<String> {
        self.local.finish().unwrap();
        self.local.changes()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.local
            .journal()
            .iter()
            .filter(|entry| entry.operation == operation)
            .count()
    }
}

/// The real client of a new sandbox, with the SDK's own retries made quick.
fn drs(local: &Emulator) -> Drs {
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_drs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(local.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "not-a-secret",
            None,
            None,
            "tests",
        ))
        .timeout_config(patience(local))
        .retry_config(retries)
        .build();
    Drs::new(config)
}
