//! The real binary over the Runtime API: a good event, a fault, garbage, and a start that fails.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected must fail loudly"
)]

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use emulator::{Deployment, Fault, FaultKind, InvocationResult, SourceServer, World};
use harness::{
    Binary,
    binary::{answered, environment, failed},
};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

const NAME: &str = "disconnect-source-server";
const PATH: &str = env!("CARGO_BIN_EXE_disconnect-source-server");
const ID: &str = "s-00000000000000001";
const ENFORCE: [(&str, &str); 1] = [("MODE", "enforce")];

/// One approved server.
fn world() -> World {
    World::with([SourceServer {
        hostname: Some("secret-host".to_owned()),
        fqdn: Some("secret-host.example.com".to_owned()),
        ..SourceServer::new(ID).tagged("drover:approved", "CHG1")
    }])
}

async fn start(variables: &[(&str, &str)]) -> Binary {
    Binary::start(NAME, PATH, world(), variables).await
}

/// A function that has three seconds for an event.
async fn start_with_three_seconds() -> Binary {
    let deployment = Deployment {
        environment: environment(&ENFORCE),
        timeout_seconds: 3,
    };

    Binary::start_deployed(NAME, PATH, world(), deployment).await
}

fn request_for(targets: &[Value]) -> String {
    json!({
        "version": 1,
        "requestID": "CHG1",
        "expiresAt": Utc::now() + TimeDelta::hours(1),
        "targets": targets,
    })
    .to_string()
}

fn request() -> String {
    request_for(&[json!({ "sourceServerID": ID })])
}

/// The log lines that carry a report.
fn reports(logs: &[String]) -> Vec<Value> {
    let lines = logs
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());

    lines
        .filter(|line| line["fields"]["report"].is_object())
        .collect()
}

/// The report in the message of an error.
fn report_in(error: &Value) -> Value {
    serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap()
}

// Invariant 12.
#[tokio::test]
async fn a_good_event_is_done_once_and_logged_in_one_line() {
    let binary = start(&ENFORCE).await;
    let report = binary.answer(&request()).await;
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["targets"][0]["evidence"]["recoveryPointsLost"], 37);

    let report = binary.answer(&request()).await;
    assert_eq!(report["outcome"], "already_done");
    binary.local.finish().unwrap();
    assert_eq!(
        binary.local.changes(),
        [
            format!("DisconnectSourceServer {ID}"),
            format!("UntagResource {ID}")
        ]
    );

    let logs = binary.logs();
    let reports = reports(&logs);
    assert_eq!(reports.len(), 2, "{logs:#?}");
    assert_eq!(reports[0]["fields"]["requestID"], "CHG1");
    // The template's metric filters count this.
    assert_eq!(reports[0]["fields"]["outcome"], "done");
    assert_eq!(
        reports[0]["fields"]["message"],
        "CHG1 disconnect: 1 of 1 disconnected"
    );
    assert_no_secret(&logs);
}

/// No name of a host and no address is logged.
#[track_caller]
fn assert_no_secret(logs: &[String]) {
    let text = logs.join("\n");

    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("10.20.30.40"), "{text}");
}

// Invariant 11.
#[tokio::test]
async fn without_a_mode_nothing_is_changed() {
    let binary = start(&[]).await;

    assert_eq!(binary.answer(&request()).await["outcome"], "planned");
    assert_eq!(binary.local.changes(), [""; 0]);
}

#[tokio::test]
async fn a_fault_fails_the_invocation_with_the_whole_report() {
    let binary = start(&ENFORCE).await;
    let denied = Fault::next("DisconnectSourceServer", FaultKind::AccessDenied);
    binary.local.inject(denied);

    let error = binary.error(&request()).await;
    assert_eq!(error["errorType"], "Permanent");
    let report = report_in(&error);
    assert_eq!(report["targets"][0]["reason"], "access_denied");
    assert_eq!(report["targets"][0]["evidence"]["stateAfter"], "CONTINUOUS");

    let logs = binary.logs();
    assert_no_secret(&logs);
    // The template's metric filters count these, and its alarms watch them.
    let line = reports(&logs).remove(0);
    let fields = ["requestID", "outcome", "error_type", "message"];
    let fields = fields.map(|name| line["fields"][name].as_str().unwrap());
    let expected = [
        "CHG1",
        "permanent",
        "Permanent",
        "CHG1 disconnect: 0 of 1 disconnected. 1 permanent: s-00000000000000001 (access denied)",
    ];
    assert_eq!(fields, expected);
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn text_of_others_is_sanitized_before_it_is_logged() {
    let mut world = world();
    let tags = &mut world.server(ID).unwrap().tags;
    tags.insert("drover:approved".to_owned(), "\u{1b}[2J\u{202e}".to_owned());
    let binary = Binary::start(NAME, PATH, world, &ENFORCE).await;

    let report = binary.answer(&request()).await;
    let reason = &report["targets"][0]["reason"];
    assert_eq!(*reason, "approved_for_another_request");

    let line = reports(&binary.logs()).remove(0);
    let logged = line["fields"]["report"].clone();
    for report in [report, logged] {
        let approval = &report["targets"][0]["evidence"]["approvedFor"];
        assert_eq!(*approval, "\u{fffd}[2J\u{fffd}");
    }
}

/// 4,000 records with as many and as long tags as AWS allows are 77 MB, and a function has 128.
fn account_at_its_quotas() -> World {
    let tags: BTreeMap<String, String> = (10..59)
        .map(|number| (format!("{number}{}", "k".repeat(126)), "v".repeat(256)))
        .collect();

    let mut world = world();
    for number in 2..=4000 {
        let mut server =
            SourceServer::new(&format!("s-{number:017}")).tagged("drover:approved", "CHG1");
        server.hostname = Some(format!("host{number}"));
        server.tags.extend(tags.clone());
        world.here().source_servers.push(server);
    }

    world
}

// Invariant 10.
#[tokio::test]
async fn an_account_at_its_quotas_fits_into_half_of_the_functions_memory() {
    let binary = Binary::start(NAME, PATH, account_at_its_quotas(), &ENFORCE).await;
    let servers: Vec<Value> = (2..=9)
        .map(|number| json!({ "hostname": format!("host{number}") }))
        .collect();

    let report = binary.answer(&request_for(&servers)).await;
    assert_eq!(report["counts"], json!({ "done": 8 }));
    let peak = binary.peak_memory();
    assert!(peak < 64, "{peak} MB");
}

// Invariant 7.
#[tokio::test]
async fn garbage_is_rejected_and_the_process_lives_on() {
    let binary = start(&ENFORCE).await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let large = json!({ "requestID": "x".repeat(100_000) }).to_string();
    let garbage = [
        ("null", "wrong_type"),
        ("{}", "missing_field"),
        (&deep, "too_deep"),
        (&large, "too_large"),
    ];
    for (payload, reason) in garbage {
        let report = binary.answer(payload).await;
        assert_eq!(report["outcome"], "rejected", "{reason}");
        assert_eq!(report["reason"], reason);
    }

    // One call opened the connection; none was made for these.
    assert_eq!(binary.local.journal().len(), 1);
    assert_eq!(binary.calls_before_the_first_event(), 1);
    assert_eq!(binary.answer(&request()).await["outcome"], "done");
}

#[tokio::test]
async fn a_bad_variable_stops_the_start_with_a_sentence() {
    let binary = start(&[("MODE", "yolo")]).await;
    let error = binary.error(&request()).await;
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    let exit = "Error: Runtime exited with error: exit status 1";
    assert!(message.ends_with(exit), "{message}");

    let logs = binary.logs().join("\n");
    let sentence = "MODE is `yolo`, but must be `plan` or `enforce`";
    assert!(logs.contains(sentence), "{logs}");
    assert_eq!(binary.local.journal(), []);
}

#[test]
fn without_a_region_or_credentials_it_does_not_start() {
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    for (missing, _) in variables {
        let others = variables.into_iter().filter(|(name, _)| *name != missing);
        let ended = Command::new(PATH).env_clear().envs(others).output();
        let ended = ended.unwrap();
        assert!(!ended.status.success());

        let printed = String::from_utf8(ended.stderr).unwrap();
        let sentence = format!("{missing} is ``, but must be the ");
        assert!(printed.contains(&sentence), "{printed}");
    }
}

/// Only the SDK's own reading of the environment makes a FIPS or dual-stack endpoint of it.
#[tokio::test]
async fn an_endpoint_that_cannot_exist_is_for_the_deployment_to_fix() {
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let binary = start(&[("MODE", "enforce"), (name, "true")]).await;
        let error = binary.error(&request()).await;
        assert_eq!(error["errorType"], "Permanent", "{name}");

        let report = report_in(&error);
        assert_eq!(report["targets"][0]["reason"], "misconfigured", "{name}");
        assert_eq!(binary.local.journal(), []);
    }
}

#[tokio::test]
async fn expired_credentials_get_the_next_event_a_new_process() {
    let binary = start(&ENFORCE).await;
    let record = json!({ "messageId": "1", "eventSource": "aws:sqs", "body": request() });
    let batch = json!({ "Records": [record] }).to_string();

    for (payload, is_batch) in [(request(), false), (batch, true)] {
        let expired = Fault::next("DescribeSourceServers", FaultKind::ExpiredToken);
        binary.local.inject(expired);

        match binary.invoke(&payload).await {
            InvocationResult::Failed(error) if !is_batch => {
                assert_eq!(error["errorType"], "Retryable")
            }
            InvocationResult::Answered(body) if is_batch => {
                let answer: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "1");
            }
            other => panic!("{other:?}"),
        }
        // The process that answered has ended since and logged why; a new one takes the next event.
        assert_eq!(binary.answer("{}").await["outcome"], "rejected");
    }

    let journal = binary.local.journal();
    let warm_ups = journal
        .iter()
        .filter(|entry| entry.operation == "DescribeJobs")
        .count();
    assert_eq!(warm_ups, 3, "one for each process");
    let logs = binary.logs();
    let ends = logs
        .iter()
        .filter(|line| line.contains("the next process gets new ones"))
        .count();
    assert_eq!(ends, 2, "{logs:#?}");
}

/// A proxy sees where a function wants to go.
#[tokio::test]
async fn configured_endpoints_are_ignored_where_the_environment_says_so() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = tokio::process::Command::new(PATH)
        .env_clear()
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_DRS", "http://127.0.0.1:9")
        .env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
        .env("HTTPS_PROXY", address)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    let asked = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut line = [0; 64];
        let read = stream.read(&mut line).await.unwrap();
        String::from_utf8_lossy(&line[..read]).into_owned()
    };
    tokio::select! {
        asked = asked => {
            let endpoint = "CONNECT drs.eu-west-1.amazonaws.com:443 ";
            assert!(asked.starts_with(endpoint), "{asked}");
        }
        _ = child.wait() => panic!("it ended before it asked the proxy"),
    }
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_ended_and_the_next_starts_afresh() {
    let binary = start_with_three_seconds().await;
    let hang = Fault::next("DescribeSourceServers", FaultKind::HangBefore);
    binary.local.inject(hang);
    let (hung, waiting) = (request(), request());

    let (hung, waiting, ()) = tokio::join!(
        binary.invoke(&hung),
        binary.invoke(&waiting),
        stop_at_the_call(&binary)
    );
    let error = failed(hung);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().unwrap();
    let timeout = "Error: Task timed out after 3.00 seconds";
    assert!(message.ends_with(timeout), "{message}");

    // The other one waited its turn and was served by a new process; a deadline of three seconds
    // leaves no time to start anything.
    assert_eq!(answered(waiting)["outcome"], "pending");
}

/// Stops the process once it waits for the answer that does not come, so that it cannot give up.
async fn stop_at_the_call(binary: &Binary) {
    let is_called = || {
        let journal = binary.local.journal();
        let mut operations = journal.iter().map(|entry| &entry.operation);
        operations.any(|operation| operation == "DescribeSourceServers")
    };
    while !is_called() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let process = binary.process_id().unwrap().to_string();
    let stopped = Command::new("kill").args(["-STOP", &process]).status();
    assert!(stopped.unwrap().success());
}

#[tokio::test]
async fn a_call_that_hangs_once_is_made_again() {
    let binary = start(&ENFORCE).await;
    let hang = Fault::next("DescribeSourceServers", FaultKind::HangBefore);
    binary.local.inject(hang);

    // Without a limit for each attempt, the first would take all the time that the call has.
    let report = binary.answer(&request()).await;
    assert_eq!(report["outcome"], "done");
}

// Invariant 8.
#[tokio::test]
async fn an_observation_that_hangs_ends_in_time_to_report_it() {
    let binary = start_with_three_seconds().await;
    let hang = Fault::next("DescribeSourceServers", FaultKind::HangBefore);
    binary.local.inject(hang);

    let report = binary.answer(&request()).await;
    let target = &report["targets"][0];
    assert_eq!(target["outcome"], "pending");
    assert_eq!(target["reason"], "out_of_time");
}

#[tokio::test]
async fn a_process_is_started_once_for_all_events_that_wait_for_it() {
    let binary = start(&ENFORCE).await;
    let request = request();

    let answers = futures_util::future::join_all((0..8).map(|_| binary.answer(&request))).await;
    let outcomes: Vec<&Value> = answers.iter().map(|answer| &answer["outcome"]).collect();
    assert_eq!(*outcomes[0], "done");
    for outcome in &outcomes[1..] {
        assert_eq!(**outcome, "already_done", "{outcomes:?}");
    }
}

#[tokio::test]
async fn at_the_lowest_level_the_log_still_contains_no_host_name() {
    let variables = [("MODE", "enforce"), ("AWS_LAMBDA_LOG_LEVEL", "TRACE")];
    let binary = start(&variables).await;

    assert_eq!(binary.answer(&request()).await["outcome"], "done");
    assert_no_secret(&binary.logs());
}
