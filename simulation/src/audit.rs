//! Audits of the worlds that scenarios leave behind: what is found is true, all that is true is
//! found, and nothing is changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use emulator::{Cloud, Fault, FaultKind, World};
use fastrand::Rng;
use harness::{connector::to_call, parts, sdk_config};
use serde_json::{Value, json};
use shared::{
    Invocation,
    invocation::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT},
};
use tokio::time::Instant;

use crate::{
    auditor::{Auditor, Findings},
    connector::respond,
    record::{Simulation, text},
    scenario::Variables,
};

/// The time that the template gives an audit, in seconds.
const TIMEOUT_SECONDS: u64 = 600;
/// The kinds of faults that an audit meets.
const FAULTS: [FaultKind; 6] = [
    FaultKind::Throttle,
    FaultKind::InternalError,
    FaultKind::AccessDenied,
    FaultKind::ResetBefore,
    FaultKind::Truncated,
    FaultKind::ExpiredToken,
];

/// What an audit answered.
struct Audited {
    error_type: Option<String>,
    body: Value,
    /// What it changed.
    changes: Vec<String>,
    /// What is wrong with how it called AWS.
    complaints: Vec<String>,
}

impl Simulation {
    /// Audits a copy of the world, once in peace and once with a fault.
    pub(crate) async fn audit(&self) {
        let (auditor, mut world, seed) = {
            let mut state = self.state();
            state.catch_up();
            let Some(auditor) = &state.subject.audit else {
                return;
            };
            (auditor, state.cloud.world(), state.scenario.seed)
        };
        // A generator of its own: audits shift nothing of the scenario.
        let mut rng = Rng::with_seed(seed);
        world.faults.clear();
        (auditor.disturb)(&mut rng, &mut world);
        let variables = (auditor.settings)(&mut rng);
        let expected = (auditor.expected)(&world, &variables);

        let calm = run(auditor, world.clone(), &variables, None).await;
        self.check(&calm, expected.as_ref(), false);

        let operation = auditor.lists.get(rng.usize(..auditor.lists.len()));
        let kind = FAULTS.get(rng.usize(..FAULTS.len()));
        let (Some(operation), Some(kind)) = (operation, kind) else {
            return;
        };
        let fault = Fault {
            // Often more than the SDK repeats.
            times: rng.u32(1..6),
            ..Fault::next(operation, *kind)
        };
        let faulty = run(auditor, world, &variables, Some(fault)).await;
        self.check(&faulty, expected.as_ref(), true);
    }

    /// Checks what an audit answered against what is true.
    fn check(&self, audited: &Audited, expected: Option<&Findings>, is_disturbed: bool) {
        let mut state = self.state();
        state.figures.deliveries += 1;
        for change in &audited.changes {
            state.violate(11, format!("an audit changed something: {change}"));
        }
        // A fault that met no call is no mistake of the function.
        if !is_disturbed {
            for complaint in &audited.complaints {
                state.violate(7, complaint.clone());
            }
        }

        let body = &audited.body;
        let outcome = text(body, "outcome");
        let is_settled = match (expected, outcome) {
            (None, "refused") => body["targets"][0]["reason"] == "not_initialised",
            (Some(_), "done") => audited.error_type.is_none(),
            // What was not read is never taken for nothing.
            (_, "retryable" | "permanent") => is_disturbed && body["audit"].is_null(),
            _ => false,
        };
        if !is_settled {
            return state.violate(3, format!("an audit ends as {outcome}: {body}"));
        }
        let (Some(expected), "done") = (expected, outcome) else {
            return;
        };

        let (found, truth) = (found_in(body), named(expected));
        let names: BTreeSet<&String> = found.keys().chain(truth.keys()).collect();
        for name in names {
            let (found, truth) = (found.get(name), truth.get(name));
            if found != truth {
                let text = format!("of {name} an audit found {found:?}, and {truth:?} is true");
                state.violate(3, text);
            }
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in expected.values().flatten() {
            *counts.entry(finding).or_default() += 1;
        }
        for (finding, count) in &counts {
            let all = state.figures.findings.entry((*finding).to_owned());
            *all.or_default() += count;
        }
        if body["audit"]["counts"] != json!(counts) {
            let text = format!(
                "an audit counts {}, not {counts:?}",
                body["audit"]["counts"]
            );
            state.violate(3, text);
        }
    }
}

/// The findings of a report, by the names of what they are about.
fn found_in(body: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let found = body["audit"]["found"].as_array();

    let entries = found.into_iter().flatten().map(|one| {
        let findings = one["findings"].as_array().into_iter().flatten();
        let codes = findings.map(|it| text(it, "reason").to_owned());
        // An ID says nothing of a Region.
        let name = match text(&one["resource"], "region") {
            "" => text(one, "name").to_owned(),
            region => format!("{} {region}", text(one, "name")),
        };
        (name, codes.collect())
    });
    entries.collect()
}

fn named(findings: &Findings) -> BTreeMap<String, BTreeSet<String>> {
    let owned = |codes: &BTreeSet<&str>| codes.iter().map(|code| (*code).to_owned()).collect();

    let entries = findings.iter();
    entries
        .map(|(name, codes)| (name.clone(), owned(codes)))
        .collect()
}

/// Runs an audit against a world of its own.
async fn run(
    auditor: &Auditor,
    world: World,
    variables: &Variables,
    fault: Option<Fault>,
) -> Audited {
    let now = world.now;
    let cloud = Arc::new(Mutex::new(Cloud::new(world)));
    if let Some(fault) = fault {
        lock(&cloud).inject(fault);
    }
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let config = sdk_config()
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .sleep_impl(TokioSleep::new())
        .http_client(Connector(Arc::clone(&cloud)))
        .build();
    let lookup = |name: &str| {
        let mut set = variables.iter();
        set.find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
    };
    let handler = (auditor.function.start)(&config, &lookup).expect("the settings are valid");

    let deadline = Instant::now() + Duration::from_secs(TIMEOUT_SECONDS);
    let request = json!({ "version": 1, "requestID": "AUDIT" }).to_string();
    let answer = handler(request, Invocation::at(now, deadline)).await;
    let (error_type, body) = parts(answer);
    let cloud = lock(&cloud);
    Audited {
        error_type,
        body: match body {
            // A failure carries the reports of all messages, and here there is one.
            Value::Array(mut reports) => reports.pop().unwrap_or_default(),
            body => body,
        },
        changes: cloud.changes(),
        complaints: cloud.finish().err().into_iter().flatten().collect(),
    }
}

fn lock(cloud: &Mutex<Cloud>) -> MutexGuard<'_, Cloud> {
    cloud.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The SDK's HTTP client: it calls the copy of the world.
#[derive(Debug, Clone)]
struct Connector(Arc<Mutex<Cloud>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = lock(&self.0).call(to_call(&request));

        HttpConnectorFuture::new(respond(wire))
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
