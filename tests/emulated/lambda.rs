//! Lambda's APIs: invocations, and functions that poll.

use emulator::{Binaries, Cloud, Emulator, Functions, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    emulated::{account, exchange, send},
    tidy::read,
};

#[tokio::test]
async fn the_invoke_api_reports_errors_as_lambda_does() {
    let local = account().await;
    let path = "POST /2015-03-31/functions/nothing/invocations";

    for (headers, body, status, code) in [
        ("", "{}", 404, "ResourceNotFoundException"),
        (
            "X-Amz-Invocation-Type: Event\r\n",
            "{}",
            404,
            "ResourceNotFoundException",
        ),
        ("", "{", 400, "InvalidRequestContentException"),
        (
            "X-Amz-Invocation-Type: Perhaps\r\n",
            "{}",
            400,
            "InvalidParameterValueException",
        ),
    ] {
        let (answered, text) = send(&local, path, headers, body).await;
        assert_eq!(answered, status, "{text}");
        assert!(text.contains(code), "{text}");
    }
}

#[tokio::test]
async fn a_process_that_polls_under_a_name_is_the_function() {
    let local = account().await;
    let polling = send(
        &local,
        "GET /runtime/hello/2018-06-01/runtime/invocation/next",
        "",
        "",
    );

    let invoking = async {
        // The poll is under way before the invocation: otherwise there would be no function of this
        // name.
        while send(
            &local,
            "POST /2015-03-31/functions/hello/invocations",
            "X-Amz-Invocation-Type: DryRun\r\n",
            "",
        )
        .await
        .0 != 204
        {}
        send(
            &local,
            "POST /2015-03-31/functions/hello/invocations",
            "",
            "{\"a\": 1}",
        )
        .await
    };

    let answering = async {
        let (status, next) = polling.await;
        assert_eq!(status, 200);
        assert!(next.ends_with("{\"a\": 1}"), "{next}");
        let header = |name: &str| {
            next.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .to_owned()
        };
        let id = header("lambda-runtime-aws-request-id: ");
        assert!(
            header("lambda-runtime-deadline-ms: ")
                .parse::<u64>()
                .unwrap()
                > 1_700_000_000_000
        );
        assert!(header("lambda-runtime-trace-id: ").starts_with("Root=1-"));
        assert!(header("lambda-runtime-invoked-function-arn: ").ends_with(":function:hello"));
        let path = format!("POST /runtime/hello/2018-06-01/runtime/invocation/{id}/error");
        let error = json!({ "errorType": "Retryable", "errorMessage": "busy" }).to_string();
        assert_eq!(send(&local, &path, "", &error).await.0, 202);
        assert_eq!(send(&local, &path, "", &error).await.0, 400);
    };

    let ((status, text), ()) = tokio::join!(invoking, answering);
    assert_eq!(status, 200);
    assert!(
        text.contains("x-amz-function-error: Unhandled\r\n"),
        "{text}"
    );

    let body: Value = serde_json::from_str(text.rsplit("\r\n").next().unwrap()).unwrap();
    assert_eq!(body["errorType"], "Retryable");
}

const HELLO: &str = "/2015-03-31/functions/hello";

/// Invokes the function hello, which somebody runs by hand, and returns what it was given and what
/// the caller got.
async fn hello(
    local: &Emulator,
    path: &str,
    headers: &str,
    body: &str,
    answer: &str,
) -> (String, String) {
    let polling = send(
        local,
        "GET /runtime/hello/2018-06-01/runtime/invocation/next",
        "",
        "",
    );

    let invoking = async {
        while send(
            local,
            &format!("POST {HELLO}/invocations"),
            "X-Amz-Invocation-Type: DryRun\r\n",
            "",
        )
        .await
        .0 != 204
        {}
        send(local, &format!("POST {path}"), headers, body).await.1
    };

    let serving = async {
        let (_, next) = polling.await;
        let id = next
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .unwrap()
            .to_owned();
        let path = format!("POST /runtime/hello/2018-06-01/runtime/invocation/{id}/response");
        let told = send(local, &path, "", answer).await;
        assert_eq!(
            told.0,
            if answer.len() > 6_291_556 { 413 } else { 202 },
            "{}",
            told.1
        );
        next
    };

    let (got, given) = tokio::join!(invoking, serving);
    (given, got)
}

#[tokio::test]
async fn a_function_is_named_by_any_name_that_lambda_knows_it_by() {
    let local = account().await;
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:hello";

    for (name, invoked) in [
        ("hello", arn.to_owned()),
        ("hello:$LATEST", format!("{arn}:$LATEST")),
        (arn, arn.to_owned()),
        ("111122223333:function:hello", arn.to_owned()),
        (
            "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Ahello",
            arn.to_owned(),
        ),
    ] {
        let (given, got) = hello(
            &local,
            &format!("/2015-03-31/functions/{name}/invocations"),
            "",
            "{}",
            "1",
        )
        .await;
        assert!(
            given.contains(&format!(
                "lambda-runtime-invoked-function-arn: {invoked}\r\n"
            )),
            "{name}: {given}"
        );
        assert!(got.starts_with("HTTP/1.1 200"), "{name}: {got}");
    }

    for (name, code) in [
        ("hello:1", "ResourceNotFoundException"),
        ("hello:prod", "ResourceNotFoundException"),
        (
            "arn:aws:lambda:us-east-1:999999999999:function:hello",
            "AccessDeniedException",
        ),
        (
            "arn:aws:lambda:eu-west-1:111122223333:function:hello",
            "ResourceNotFoundException",
        ),
        ("a b", "ValidationException"),
        ("a:b:c", "ValidationException"),
    ] {
        let path = format!(
            "POST /2015-03-31/functions/{}/invocations",
            name.replace(' ', "%20")
        );
        let (_, text) = send(&local, &path, "", "{}").await;
        assert!(
            text.contains(&format!("x-amzn-errortype: {code}\r\n")),
            "{name}: {text}"
        );
    }

    let (_, text) = send(
        &local,
        &format!("POST {HELLO}:$LATEST/invocations?Qualifier=1"),
        "",
        "{}",
    )
    .await;
    assert!(text.contains("InvalidParameterValueException"), "{text}");
}

#[tokio::test]
async fn a_client_context_reaches_a_function_that_is_invoked_synchronously() {
    let local = account().await;
    // {"client":{"app_title":"console"}}
    let context = "X-Amz-Client-Context: eyJjbGllbnQiOnsiYXBwX3RpdGxlIjoiY29uc29sZSJ9fQ==\r\n";
    let (given, _) = hello(&local, &format!("{HELLO}/invocations"), context, "{}", "1").await;

    assert!(
        given.contains(
            "lambda-runtime-client-context: {\"client\":{\"app_title\":\"console\"}}\r\n"
        ),
        "{given}"
    );

    for wrong in ["not base64", "W10="] {
        let header = format!("X-Amz-Client-Context: {wrong}\r\n");
        let (status, text) =
            send(&local, &format!("POST {HELLO}/invocations"), &header, "{}").await;
        assert!(
            status == 400 && text.contains("InvalidRequestContentException"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn lambda_has_limits_for_events_and_answers() {
    let local = account().await;
    let event = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let later = "X-Amz-Invocation-Type: Event\r\n";
    let path = format!("POST {HELLO}/invocations");

    assert_eq!(
        send(&local, &path, later, &event((1 << 20) + 1)).await.0,
        413
    );

    let (_, got) = hello(
        &local,
        &format!("{HELLO}/invocations"),
        later,
        &event(1 << 20),
        "1",
    )
    .await;
    assert!(got.starts_with("HTTP/1.1 202"), "{got}");

    let (_, got) = hello(
        &local,
        &format!("{HELLO}/invocations"),
        "",
        "{}",
        &event(6_291_556),
    )
    .await;
    assert!(!got.contains("x-amz-function-error"));

    let (_, got) = hello(
        &local,
        &format!("{HELLO}/invocations"),
        "",
        "{}",
        &event(6_291_557),
    )
    .await;
    assert!(
        got.contains("x-amz-function-error") && got.contains("Function.ResponseSizeTooLarge"),
        "{got}"
    );

    let request = format!(
        "POST {HELLO}/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    );
    let answer = exchange(&local, &[request.as_bytes(), b"\"\xff\""].concat()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("InvalidRequestContentException"),
        "{answer}"
    );
}

#[tokio::test]
async fn functions_are_listed_and_described_and_a_log_tail_starts_and_ends() {
    let binaries = Binaries::Fixed([("hello".to_owned(), "/usr/bin/env".into())].into());
    let local = Emulator::start(Cloud::new(World::empty()), 0, binaries)
        .await
        .unwrap();
    let get = async |path: &str| -> Value {
        let (_, text) = send(&local, &format!("GET {path}"), "", "").await;
        serde_json::from_str(text.rsplit("\r\n").next().unwrap()).unwrap()
    };
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:hello";

    assert_eq!(
        get("/2015-03-31/functions/").await["Functions"][0]["FunctionArn"],
        arn
    );
    assert_eq!(get(HELLO).await["Configuration"]["FunctionArn"], arn);
    assert_eq!(get(&format!("{HELLO}/configuration")).await["Timeout"], 300);
    assert_eq!(
        send(&local, "GET /2015-03-31/functions/nothing", "", "")
            .await
            .0,
        404
    );

    let (_, text) = send(
        &local,
        &format!("POST {HELLO}/invocations"),
        "X-Amz-Log-Type: Tail\r\n",
        "{}",
    )
    .await;

    let encoded = text
        .lines()
        .find_map(|line| line.strip_prefix("x-amz-log-result: "))
        .unwrap();
    // `START RequestId: ` in base64.
    assert!(encoded.starts_with("U1RBUlQgUmVxdWVzdElkOi"), "{encoded}");
}

/// A process gets this environment and nothing else; whatever a world says, it cannot lead out of
/// this machine.
#[tokio::test]
async fn a_function_gets_credentials_of_the_emulator_alone() {
    let world = |name: &str| {
        let functions =
            json!({ "f": { "environment": { name: "https://drs.us-east-1.amazonaws.com" } } });
        World::from_json(
            &json!({ "account": "111122223333", "region": "us-east-1", "functions": functions })
                .to_string(),
        )
    };

    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_DRS",
        "AWS_ACCESS_KEY_ID",
        "AWS_LAMBDA_RUNTIME_API",
    ] {
        assert_eq!(
            world(name).unwrap_err(),
            format!("the function f: the variable {name} is reserved")
        );
    }

    // A function that prints what it was given.
    let binaries = Binaries::Fixed([("f".to_owned(), "/usr/bin/env".into())].into());
    let local = Emulator::start(Cloud::new(world("MODE").unwrap()), 0, binaries)
        .await
        .unwrap();
    assert!(
        local.endpoint().starts_with("http://127.0.0.1:"),
        "{}",
        local.endpoint()
    );

    let environment = local.functions().environment("f");
    assert_eq!(environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"], "false");

    let leads = |name: &str| {
        name.contains("ENDPOINT_URL") && !name.contains("IGNORE") || name.contains("API")
    };
    let addresses = environment.iter().filter(|(name, _)| leads(name));
    let addresses: Vec<&String> = addresses.map(|(_, value)| value).collect();

    assert!(addresses.len() >= 4, "{addresses:?}");
    assert!(
        addresses
            .iter()
            .all(|address| address.starts_with(&local.endpoint())),
        "{addresses:?}"
    );
    assert_eq!(environment["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7EXAMPLE");

    local.functions().invoke("f", "{}".into()).await;
    let mut given = local.functions().logs("f");
    given.sort();
    let told: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();

    assert_eq!(given, told);
}

/// What the fuzzer begins with is heard, and does something.
#[tokio::test]
async fn concurrent_invocations_are_answered_one_by_one() {
    let world = World::from_json(&read("emulator/worlds/default.json")).unwrap();
    let cloud = Cloud::new(World {
        faults: vec![],
        ..world
    });
    let functions = Functions::new(cloud.clone(), Binaries::Fixed([].into()));
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(emulator::serve_connection(server, cloud.clone(), functions));
    client
        .write_all(read("fuzz/corpus/emulator/describe_and_disconnect").as_bytes())
        .await
        .unwrap();
    let mut heard = Vec::new();

    while cloud.journal().len() < 2 {
        client.read_buf(&mut heard).await.unwrap();
    }

    assert_eq!(
        cloud.changes(),
        ["DisconnectSourceServer s-00000000000001001"]
    );

    drop(client);
    serving.await.unwrap();
}
