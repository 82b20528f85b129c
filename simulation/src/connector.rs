//! What stands in for HTTP and for the clock of the SDK.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
use emulator::wire::{self, SLOW, Wire};
use shared::start::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT};
use tokio::time::Instant;

use crate::{
    record::Simulation,
    scenario::{Function, epoch},
};

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
    simulation: Simulation,
    attempt: Arc<AtomicUsize>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (simulation, attempt) = (
            self.simulation.clone(),
            self.attempt.load(Ordering::Relaxed),
        );
        HttpConnectorFuture::new(async move {
            // A call takes its time on the way there and on the way back, so that a run can be
            // killed between.
            let (there, back) = simulation.latency();
            tokio::time::sleep(there).await;
            let wire = simulation.state().call_world(attempt, &request);
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
pub(crate) struct Worker {
    pub(crate) attempt: Arc<AtomicUsize>,
    pub(crate) client: Client,
}

pub(crate) enum Client {
    Drs(disconnect_source_server::Drs),
    Efs(Box<bootstrap_efs_replication::Efs>),
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

impl Simulation {
    fn latency(&self) -> (Duration, Duration) {
        let rng = &mut self.state().rng;
        (
            Duration::from_millis(rng.u64(1..40)),
            Duration::from_millis(rng.u64(1..40)),
        )
    }

    /// A new sandbox, with a client and a retry budget of its own.
    pub(crate) fn worker(&self) -> Worker {
        let attempt = Arc::new(AtomicUsize::new(0));
        let connector = Connector {
            simulation: self.clone(),
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
}
