//! The metric filters and the dashboard read what the functions log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use lambda_runtime::tracing::subscriber::{
    self, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};
use serde_json::{Value, json};
use template::text_of;

use crate::{
    functions::{DISCONNECT, Function},
    iam::everything,
    stage::{drs, efs},
};

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines, as JSON.
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();

        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The level that a function of the template logs at.
fn level(function: &Function) -> LevelFilter {
    let deployment = everything();
    let properties = deployment.properties(deployment.function(function.name()));
    let level = text_of(&properties["LoggingConfig"]["ApplicationLogLevel"]);

    level.parse().unwrap()
}

/// Logs to memory as the functions do in Lambda, in the format JSON.
fn logged(function: &Function) -> (Log, impl Sized) {
    let log = Log::default();
    let writer = log.clone();
    // The same layer as in `shared::start::log`.
    let lines = subscriber::fmt::layer().with_target(false).without_time();
    let lines = lines.json().with_writer(move || writer.clone());

    let registry = subscriber::registry().with(lines.with_filter(level(function)));
    (log, registry.set_default())
}

/// The value in a line that a metric filter takes as the dimension of its metric, if the line
/// matches its pattern: `{ $.path = "*" }` matches any text there.
fn counted(filter: &Value, line: &Value) -> Option<String> {
    let pattern = text_of(&filter["FilterPattern"]);
    let inner = pattern.strip_prefix("{ $.").unwrap();
    let path = inner.strip_suffix(" = \"*\" }").unwrap();
    at_path(line, path)?.as_str()?;

    let dimension = &filter["MetricTransformations"][0]["Dimensions"][0];
    assert_eq!(dimension["Key"], "Outcome");
    let selector = text_of(&dimension["Value"]);
    let value = at_path(line, selector.strip_prefix("$.").unwrap())?;
    Some(text_of(value))
}

fn at_path<'a>(line: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(line, |value, name| value.get(name))
}

/// The outcomes that the metric filter of a function counts in some lines.
fn outcomes(function: &Function, lines: &[Value]) -> Vec<String> {
    let deployment = everything();
    let filters = deployment.of_type("AWS::Logs::MetricFilter");
    let filter = filters
        .iter()
        .find(|(_, filter)| filter["LogGroupName"] == function.parts.logs);

    let (_, filter) = filter.unwrap();
    let counted = lines.iter().filter_map(|line| counted(filter, line));
    counted.collect()
}

#[tokio::test]
async fn a_metric_filter_counts_each_request_once_by_its_outcome() {
    let (log, _guard) = logged(&DISCONNECT);

    let stage = drs::Stage::new().await;
    for event in [
        drs::request("disconnect", &[drs::by_id(drs::ONE)]),
        drs::request("disconnect", &[drs::by_id(drs::ONE)]),
        drs::request("disconnect", &[drs::by_id(&drs::number(9))]),
        json!({ "version": 1 }),
    ] {
        stage.deliver(&event).await;
    }
    let stage = drs::Stage::new().await;
    let stage = stage.next("DescribeSourceServers", emulator::FaultKind::Throttle, 20);
    stage.disconnect().await;

    // Also where the line is one of an error.
    let expected = ["done", "already_done", "refused", "rejected", "retryable"];
    assert_eq!(outcomes(&DISCONNECT, &log.lines()), expected);
}

#[tokio::test]
async fn a_metric_filter_counts_the_requests_for_replicas() {
    let function = &crate::functions::BOOTSTRAP;
    let (log, _guard) = logged(function);

    let stage = efs::Stage::with(efs::world()).await;
    stage.deliver(&efs::provisioned()).await;
    stage.deliver(&json!({})).await;

    assert_eq!(outcomes(function, &log.lines()), ["pending", "rejected"]);
}

/// The dashboard's list of requests names members of the line.
#[tokio::test]
async fn the_dashboard_reads_members_that_a_line_has() {
    let (log, _guard) = logged(&DISCONNECT);
    drs::Stage::new().await.disconnect().await;
    let lines = log.lines();
    let line = lines
        .iter()
        .find(|line| line["fields"]["outcome"].is_string());

    let deployment = everything();
    let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
    let mut named = 0;
    for part in body.split("fields.").skip(1) {
        let end = part.find(|character: char| !character.is_ascii_alphanumeric());
        let name = &part[..end.unwrap()];
        assert!(line.unwrap()["fields"].get(name).is_some(), "{name}");
        named += 1;
    }
    assert!(named >= 4, "{named}");
}
