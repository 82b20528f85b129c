//! The real binary over the Runtime API: a good event, a fault, garbage, and a start that fails.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use emulator::{
    Binaries, Cloud, Emulator, Ended, Fault, FaultKind, SourceServer, World, world::Deployment,
};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

const NAME: &str = "disconnect-source-server";
const ID: &str = "s-00000000000000001";

fn world(environment: &[(&str, &str)]) -> World {
    let server = SourceServer {
        hostname: Some("secret-host".to_owned()),
        fqdn: Some("secret-host.example.com".to_owned()),
        ..SourceServer::new(ID).tagged("drover:approved", "CHG1")
    };
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut world = World::with([server]);
    world.functions.insert(
        NAME.to_owned(),
        Deployment {
            environment,
            ..Deployment::default()
        },
    );
    world
}

async fn start(world: World) -> Emulator {
    let binaries = BTreeMap::from([(
        NAME.to_owned(),
        env!("CARGO_BIN_EXE_disconnect-source-server").into(),
    )]);
    Emulator::start(Cloud::new(world), 0, Binaries::Fixed(binaries))
        .await
        .unwrap()
}

async fn invoke(local: &Emulator, payload: &str) -> Ended {
    local
        .functions()
        .invoke(NAME, payload.to_owned().into())
        .await
}

fn request() -> String {
    let expires_at = Utc::now() + TimeDelta::hours(1);
    json!({ "version": 1, "requestID": "CHG1", "expiresAt": expires_at, "targets": [{ "sourceServerID": ID }] })
        .to_string()
}

fn answered(ended: Ended) -> Value {
    match ended {
        Ended::Answered(body) => serde_json::from_slice(&body).unwrap(),
        other => panic!("not answered: {other:?}"),
    }
}

fn failed(ended: Ended) -> Value {
    match ended {
        Ended::Failed(error) => error,
        other => panic!("did not fail: {other:?}"),
    }
}

/// The most memory that the function's process has had, in megabytes.
fn peak_memory(local: &Emulator) -> u64 {
    let status = std::fs::read_to_string(format!(
        "/proc/{}/status",
        local.functions().process_id(NAME).unwrap()
    ))
    .unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1000
}

/// The log lines that carry a report.
fn reports(logs: &[String]) -> Vec<Value> {
    let lines = logs
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["fields"]["report"].is_string())
        .collect()
}

#[tokio::test]
async fn a_good_event_is_done_once_and_logged_in_one_line() {
    let local = start(world(&[("MODE", "enforce")])).await;
    let report = answered(invoke(&local, &request()).await);
    assert_eq!(
        (
            &report["outcome"],
            &report["targets"][0]["evidence"]["recoveryPointsLost"]
        ),
        (&json!("done"), &json!(37))
    );
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "already_done"
    );
    local.finish().unwrap();
    assert_eq!(
        local.changes(),
        [
            format!("DisconnectSourceServer {ID}"),
            format!("UntagResource {ID}")
        ]
    );
    let logs = local.functions().logs(NAME);
    let reports = reports(&logs);
    assert_eq!(reports.len(), 2, "{logs:#?}");
    assert_eq!(reports[0]["fields"]["requestID"], "CHG1");
    // What the template's metric filters count.
    assert_eq!(reports[0]["fields"]["outcome"], "done");
    assert_eq!(reports[0]["fields"]["message"], "1 done of 1 target");
    let text = logs.join("\n");
    assert!(
        !text.contains("secret") && !text.contains("10.20.30.40"),
        "{text}"
    );
}

#[tokio::test]
async fn without_a_mode_nothing_is_changed() {
    let local = start(world(&[])).await;
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "planned"
    );
    assert_eq!(local.changes(), [""; 0]);
}

#[tokio::test]
async fn a_fault_fails_the_invocation_with_the_whole_report() {
    let local = start(world(&[("MODE", "enforce")])).await;
    local.inject(Fault::next(
        "DisconnectSourceServer",
        FaultKind::AccessDenied,
    ));
    let error = failed(invoke(&local, &request()).await);
    assert_eq!(error["errorType"], "Permanent");
    let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
    assert_eq!(report["targets"][0]["reason"], "access_denied");
    assert_eq!(report["targets"][0]["evidence"]["stateAfter"], "CONTINUOUS");
    let logs = local.functions().logs(NAME);
    assert!(!logs.join("\n").contains("secret"), "{logs:#?}");
    // What the template's metric filters count, and its alarms watch.
    let line = reports(&logs).remove(0);
    let fields = ["requestID", "outcome", "error_type", "message"]
        .map(|name| line["fields"][name].as_str().unwrap());
    assert_eq!(
        fields,
        [
            "CHG1",
            "permanent",
            "Permanent",
            "1 blocked by configuration of 1 target"
        ]
    );
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn text_of_others_is_sanitized_before_it_is_logged() {
    let mut world = world(&[("MODE", "enforce")]);
    let server = world.server(ID).unwrap();
    server
        .tags
        .insert("drover:approved".to_owned(), "\u{1b}[2J\u{202e}".to_owned());
    let local = start(world).await;
    let report = answered(invoke(&local, &request()).await);
    assert_eq!(
        report["targets"][0]["reason"],
        "approved_for_another_request"
    );
    let logged: Value = serde_json::from_str(
        reports(&local.functions().logs(NAME))[0]["fields"]["report"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    for report in [report, logged] {
        assert_eq!(
            report["targets"][0]["evidence"]["approvedFor"],
            "\u{fffd}[2J\u{fffd}"
        );
    }
}

/// 4,000 records with as many and as long tags as AWS allows are 77 MB, and a function has 128.
#[tokio::test]
async fn an_account_at_its_quotas_fits_into_half_of_the_functions_memory() {
    let tags: BTreeMap<String, String> = (10..59)
        .map(|number| (format!("{number}{}", "k".repeat(126)), "v".repeat(256)))
        .collect();
    let mut world = world(&[("MODE", "enforce")]);
    for number in 2..=4000 {
        let mut server =
            SourceServer::new(&format!("s-{number:017}")).tagged("drover:approved", "CHG1");
        server.hostname = Some(format!("host{number}"));
        server.tags.extend(tags.clone());
        world
            .drs
            .get_mut("us-east-1")
            .unwrap()
            .source_servers
            .push(server);
    }
    let local = start(world).await;
    let expires_at = Utc::now() + TimeDelta::hours(1);
    let servers: Vec<Value> = (2..=9)
        .map(|number| json!({ "hostname": format!("host{number}") }))
        .collect();
    let request =
        json!({ "version": 1, "requestID": "CHG1", "expiresAt": expires_at, "targets": servers })
            .to_string();
    assert_eq!(
        answered(invoke(&local, &request).await)["summary"],
        "8 done of 8 targets"
    );
    let peak = peak_memory(&local);
    assert!(peak < 64, "{peak} MB");
}

#[tokio::test]
async fn garbage_is_rejected_and_the_process_lives_on() {
    let local = start(world(&[("MODE", "enforce")])).await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let large = json!({ "requestID": "x".repeat(100_000) }).to_string();
    for (garbage, reason) in [
        ("null", "wrong_type"),
        ("{}", "missing_field"),
        (&deep, "too_deep"),
        (&large, "too_large"),
    ] {
        let report = answered(invoke(&local, garbage).await);
        assert_eq!(
            (report["outcome"].as_str(), report["reason"].as_str()),
            (Some("rejected"), Some(reason))
        );
    }
    // One call opened the connection; none was made for these.
    assert_eq!(
        (
            local.journal().len(),
            local.functions().calls_before_the_first_event(NAME)
        ),
        (1, 1)
    );
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "done"
    );
}

#[tokio::test]
async fn a_bad_variable_stops_the_start_with_a_sentence() {
    let local = start(world(&[("MODE", "yolo")])).await;
    let error = failed(invoke(&local, &request()).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Error: Runtime exited with error: exit status 1")
    );
    let logs = local.functions().logs(NAME).join("\n");
    assert!(
        logs.contains("MODE is `yolo`, but must be `plan` or `enforce`"),
        "{logs}"
    );
    assert_eq!(local.journal(), []);
}

#[test]
fn without_a_region_or_credentials_it_does_not_start() {
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    for (missing, _) in variables {
        let mut function = Command::new(env!("CARGO_BIN_EXE_disconnect-source-server"));
        function
            .env_clear()
            .envs(variables.into_iter().filter(|(name, _)| *name != missing));
        let ended = function.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(
            !ended.status.success() && said.contains(&format!("{missing} is ``, but must be the ")),
            "{said}"
        );
    }
}

/// Only the SDK's own reading of the environment makes a FIPS or dual-stack endpoint of it.
#[tokio::test]
async fn an_endpoint_that_cannot_exist_is_for_the_deployment_to_repair() {
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let local = start(world(&[("MODE", "enforce"), (name, "true")])).await;
        let error = failed(invoke(&local, &request()).await);
        assert_eq!(error["errorType"], "Permanent", "{name}");
        let report: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
        assert_eq!(report["targets"][0]["reason"], "misconfigured", "{name}");
        assert_eq!(local.journal(), []);
    }
}

#[tokio::test]
async fn once_the_credentials_have_expired_the_next_event_gets_a_new_process() {
    let local = start(world(&[("MODE", "enforce")])).await;
    let batch =
        json!({ "Records": [{ "messageId": "1", "eventSource": "aws:sqs", "body": request() }] })
            .to_string();
    for (payload, is_batch) in [(request(), false), (batch, true)] {
        local.inject(Fault::next(
            "DescribeSourceServers",
            FaultKind::ExpiredToken,
        ));
        match invoke(&local, &payload).await {
            Ended::Failed(error) if !is_batch => assert_eq!(error["errorType"], "Retryable"),
            Ended::Answered(body) if is_batch => {
                assert_eq!(
                    serde_json::from_slice::<Value>(&body).unwrap()["batchItemFailures"][0]["itemIdentifier"],
                    "1"
                );
            }
            other => panic!("{other:?}"),
        }
        // The answer was given by a process that ended afterwards and said why.
        assert_eq!(answered(invoke(&local, "{}").await)["outcome"], "rejected");
    }
    let warm_ups = local
        .journal()
        .iter()
        .filter(|entry| entry.operation == "DescribeJobs")
        .count();
    assert_eq!(warm_ups, 3, "one for each process");
    let logs = local.functions().logs(NAME);
    let said = logs
        .iter()
        .filter(|line| line.contains("the next process gets new ones"))
        .count();
    assert_eq!(said, 2, "{logs:#?}");
}

/// A proxy sees where a function wants to go.
#[tokio::test]
async fn configured_endpoints_are_ignored_where_the_environment_says_so() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut function = tokio::process::Command::new(env!("CARGO_BIN_EXE_disconnect-source-server"));
    let mut child = function
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
        asked = asked => assert!(asked.starts_with("CONNECT drs.eu-west-1.amazonaws.com:443 "), "{asked}"),
        _ = child.wait() => panic!("it went elsewhere"),
    }
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_ended_and_the_next_begins_anew() {
    let mut world = world(&[("MODE", "enforce")]);
    world.functions.get_mut(NAME).unwrap().timeout_seconds = 3;
    let local = start(world).await;
    local.inject(Fault::next("DescribeSourceServers", FaultKind::HangBefore));
    let (hung, waiting) = (request(), request());
    // Once it waits for the answer that does not come, it cannot even give up.
    let stopped_at_the_call = async {
        while !local
            .journal()
            .iter()
            .any(|entry| entry.operation == "DescribeSourceServers")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let process = local.functions().process_id(NAME).unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-STOP", &process])
                .status()
                .unwrap()
                .success()
        );
    };
    let (hung, waiting, ()) = tokio::join!(
        invoke(&local, &hung),
        invoke(&local, &waiting),
        stopped_at_the_call
    );
    let error = failed(hung);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Error: Task timed out after 3.00 seconds")
    );
    // The other one waited its turn and was served by a new process; a deadline of three seconds
    // leaves no time to begin.
    assert_eq!(answered(waiting)["outcome"], "pending");
}

#[tokio::test]
async fn an_observation_that_hangs_ends_in_time_to_report_it() {
    let mut world = world(&[("MODE", "enforce")]);
    world.functions.get_mut(NAME).unwrap().timeout_seconds = 3;
    let local = start(world).await;
    local.inject(Fault::next("DescribeSourceServers", FaultKind::HangBefore));
    let report = answered(invoke(&local, &request()).await);
    let target = &report["targets"][0];
    assert_eq!(
        (&target["outcome"], &target["reason"]),
        (&json!("pending"), &json!("out_of_time"))
    );
}

#[tokio::test]
async fn a_process_is_started_once_for_all_that_wait_for_it() {
    let local = start(world(&[("MODE", "enforce")])).await;
    let request = request();
    let answers = futures_util::future::join_all((0..8).map(|_| invoke(&local, &request))).await;
    let outcomes: Vec<Value> = answers
        .into_iter()
        .map(|answer| answered(answer)["outcome"].clone())
        .collect();
    assert_eq!(outcomes[0], "done");
    assert!(
        outcomes[1..]
            .iter()
            .all(|outcome| *outcome == "already_done"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn at_the_lowest_level_the_log_still_holds_no_host_name() {
    let mut world = world(&[("MODE", "enforce")]);
    world
        .functions
        .get_mut(NAME)
        .unwrap()
        .environment
        .insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned());
    let local = start(world).await;
    assert_eq!(
        answered(invoke(&local, &request()).await)["outcome"],
        "done"
    );
    let logs = local.functions().logs(NAME).join("\n");
    assert!(
        !logs.contains("secret") && !logs.contains("10.20.30.40"),
        "{logs}"
    );
}
