//! What the rules of the template let through: every event to its function, and every result to
//! everybody it concerns.

use emulator::{FileSystem, SourceServer, World};
use serde_json::{Value, json};
use template::{ACCOUNT, Deployment, REGION, pattern::matches, text_of};

use crate::{
    functions::{
        AUDIT_FILE_SYSTEMS, AUDIT_SERVERS, BOOTSTRAP, CHANGING, DISCONNECT, FUNCTIONS, Function,
    },
    iam::everything,
    stage::{Answer, drs, efs, event},
    tidy::list,
};

/// The rule that starts a follow-up.
const PENDING: &str = "PendingResult";
/// The rule that notifies of a result.
const RESULT: &str = "NotifyResult";
/// The rule that tells people of the events of DRS.
const RECOVERY: &str = "NotifyRecoveryEvent";
/// The rules that notify of a failure and keep its request.
const FAILED: [&str; 2] = ["NotifyFailure", "RequestFailed"];
/// The rule that notifies of a failed state machine.
const MACHINE_FAILURE: &str = "NotifyMachineFailure";

/// The rules that an event matches.
pub(crate) fn rules_of(deployment: &Deployment, event: &Value) -> Vec<String> {
    deployment
        .of_type("AWS::Events::Rule")
        .into_iter()
        .filter(|(_, rule)| matches(&rule["EventPattern"], Some(event)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The ARN of a function.
fn arn(deployment: &Deployment, function: &Function) -> String {
    deployment.alias(deployment.function(function.name()))
}

// Invariant 2.
#[test]
fn every_event_of_a_function_reaches_it_and_no_other() {
    let deployment = everything();

    for function in FUNCTIONS {
        let arn = arn(&deployment, function);
        for file in function.event_files() {
            let event = function.event(&file);
            let mut rules = rules_of(&deployment, &event);
            // What people are told besides.
            rules.retain(|rule| rule != RECOVERY);

            // A bare request, or one in a message, is not on a bus.
            let expected = usize::from(event.get("detail-type").is_some());
            assert_eq!(rules.len(), expected, "{file}: {rules:?}");
            for rule in rules {
                let target = &deployment.properties(&rule)["Targets"][0]["Arn"];
                assert_eq!(*target, arn, "{file}");
            }
        }
    }
}

// Invariant 2.
#[test]
fn no_sample_event_reaches_a_function_that_does_not_handle_it() {
    let deployment = everything();

    let mut samples = list("events/samples");
    samples.retain(|name| name.ends_with(".json"));
    for file in samples {
        let expected = match file.as_str() {
            "ec2-state-change-terminated.derived.json" => vec!["InstanceTerminated"],
            "cloudtrail-efs-createfilesystem.derived.json"
            | "cloudtrail-efs-tagresource.derived.json" => vec!["FileSystemTagged"],
            "drs-replication-stalled.json" => vec![RECOVERY, "ServerAuditStall"],
            // Told to people, and to no function.
            "drs-replication-not-stalled.json"
            | "drs-launch-failed.json"
            | "drs-launch-succeeded.json"
            | "drs-failback-state-completed.json"
            | "drs-failback-state-error.json" => vec![RECOVERY],
            _ => vec![],
        };
        let rules = rules_of(&deployment, &event(&format!("samples/{file}")));
        assert_eq!(rules, expected, "{file}");
    }
}

#[test]
fn no_other_change_of_a_file_system_reaches_a_function() {
    let deployment = everything();

    for file in ["file-system-created.json", "file-system-tagged.json"] {
        let changed = |change: fn(&mut Value)| {
            let mut event = BOOTSTRAP.event(file);
            change(&mut event);
            rules_of(&deployment, &event)
        };
        assert_eq!(changed(|_| ()), ["FileSystemTagged"]);

        let changes: [fn(&mut Value); 6] = [
            |event| event["detail"]["errorCode"] = json!("AccessDenied"),
            |event| event["detail"]["eventSource"] = json!("fsx.amazonaws.com"),
            |event| event["detail"]["eventSource"] = json!("s3files.amazonaws.com"),
            |event| event["detail"]["requestParameters"]["resourceId"] = json!("fsap-00000001"),
            |event| event["source"] = json!("aws.fsx"),
            |event| event["source"] = json!("com.example.cmdb"),
        ];
        for change in changes {
            assert_eq!(changed(change), [""; 0]);
        }
    }
}

#[test]
fn no_other_state_of_an_instance_reaches_a_function() {
    let deployment = everything();

    for state in ["pending", "running", "stopping", "stopped", "shutting-down"] {
        let mut event = DISCONNECT.event("instance-terminated.json");
        event["detail"]["state"] = json!(state);
        assert_eq!(rules_of(&deployment, &event), [""; 0], "{state}");
    }
}

#[test]
fn no_request_under_the_name_of_aws_reaches_a_function() {
    for (function, file) in [
        (&DISCONNECT, "decommission-requested.json"),
        (&BOOTSTRAP, "replication-requested.json"),
        (&AUDIT_SERVERS, "audit-requested.json"),
        (&AUDIT_FILE_SYSTEMS, "audit-requested.json"),
    ] {
        let mut request = function.event(file);
        let name = function.name();
        assert_eq!(rules_of(&everything(), &request).len(), 1, "{name}");

        request["source"] = json!("aws.ec2");
        assert_eq!(rules_of(&everything(), &request), [""; 0], "{name}");
    }
}

/// The same event from another source, or of another type, is another event.
#[test]
fn a_rule_takes_its_own_events_alone() {
    let deployment = everything();
    let of_a_machine = json!({
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": { "status": "ABORTED", "stateMachineArn": deployment.arn("Fleet") },
    });
    let result = record(&DISCONNECT, "Success", &any_request(), &report("pending"));
    let failure = record(
        &DISCONNECT,
        "EventAgeExceeded",
        &any_request(),
        &Value::Null,
    );

    let with_type = [
        DISCONNECT.event("instance-terminated.json"),
        BOOTSTRAP.event("file-system-tagged.json"),
        DISCONNECT.event("decommission-requested.json"),
        of_a_machine,
    ];
    for event in &with_type {
        assert!(!rules_of(&deployment, event).is_empty(), "{event}");
        let mut other = event.clone();
        other["detail-type"] = json!("Another Type");
        assert_eq!(rules_of(&deployment, &other), [""; 0], "{event}");
    }
    for mut event in with_type.into_iter().chain([result, failure]) {
        event["source"] = json!("aws.other");
        assert_eq!(rules_of(&deployment, &event), [""; 0], "{event}");
    }
}

#[test]
fn a_notification_knows_what_it_names() {
    let mut checked = 0;

    for (name, rule) in everything().of_type("AWS::Events::Rule") {
        let Some(transformer) = rule["Targets"][0].get("InputTransformer") else {
            continue;
        };
        checked += 1;
        let paths = transformer["InputPathsMap"].as_object().unwrap();
        let template = text_of(&transformer["InputTemplate"]);
        let mut named: Vec<&str> = template
            .split('<')
            .skip(1)
            .map(|part| part.split('>').next().unwrap())
            .collect();
        named.sort_unstable();
        // A notification may name a thing twice.
        named.dedup();
        assert!(paths.keys().eq(named), "{name}: {template}");
    }
    assert_eq!(checked, 2);
}

/// The endpoints of the subscriptions that a message on the topic matches.
fn endpoints_of(deployment: &Deployment, message: &Value) -> Vec<String> {
    deployment
        .of_type("AWS::SNS::Subscription")
        .into_iter()
        .filter(|(_, subscription)| matches(&subscription["FilterPolicy"], Some(message)))
        .map(|(_, subscription)| text_of(&subscription["Endpoint"]))
        .collect()
}

#[test]
fn every_message_on_the_topic_reaches_its_function() {
    let deployment = everything();

    for function in FUNCTIONS {
        let mut files = function.event_files();
        files.retain(|file| file.ends_with("requested.sns.json"));

        for file in files {
            let record = function.event(&file);
            let message = record["Records"][0]["Sns"]["Message"].as_str().unwrap();
            let message: Value = serde_json::from_str(message).unwrap();

            let reached = endpoints_of(&deployment, &message);
            assert_eq!(reached, [arn(&deployment, function)], "{file}");
        }
    }
}

/// SNS drops without a trace what no subscription takes.
#[test]
fn a_message_for_no_function_is_kept() {
    let deployment = everything();
    let messages = [
        DISCONNECT.event("request.json"),
        json!({ "detail-type": "Source Server Decomission Requested" }),
        json!({}),
    ];

    for message in messages {
        let reached = endpoints_of(&deployment, &message);
        assert_eq!(reached, [deployment.arn("UndeliveredEvents")], "{message}");
    }
}

/// The topic is there for whichever function the stack has.
#[test]
fn a_message_for_a_function_that_is_not_there_is_kept() {
    let requests = [
        (&DISCONNECT, "decommission-requested.json"),
        (&BOOTSTRAP, "replication-requested.json"),
    ];

    for only in CHANGING {
        let parameters = [
            ("Functions", only.under_test.stack()),
            ("TopicTrigger", "ENABLED"),
        ];
        let deployment = Deployment::with(&parameters);

        for (function, file) in requests {
            let is_there = function.name() == only.name();
            let expected = match is_there {
                true => arn(&deployment, function),
                false => deployment.arn("UndeliveredEvents"),
            };
            let reached = endpoints_of(&deployment, &function.event(file));
            assert_eq!(reached, [expected], "{file} with {} alone", only.name());
        }
    }
}

/// The record that Lambda makes of an invocation, as it is put on the bus.
pub(crate) fn record(
    function: &Function,
    condition: &str,
    request: &Value,
    response: &Value,
) -> Value {
    let arn = arn(&everything(), function);
    let end = if condition == "Success" {
        "Success"
    } else {
        "Failure"
    };

    json!({
        "version": "0",
        "source": "lambda",
        "account": ACCOUNT,
        "region": REGION,
        "detail-type": format!("Lambda Function Invocation Result - {end}"),
        "detail": {
            "version": "1.0",
            "requestContext": {
                "functionArn": format!("{arn}:$LATEST"),
                "condition": condition,
                "approximateInvokeCount": 1,
            },
            "requestPayload": request,
            "responsePayload": response,
        },
    })
}

/// The same as the state machines put it.
pub(crate) fn of_a_machine(mut record: Value) -> Value {
    record["source"] = json!("drover");

    let context = &mut record["detail"]["requestContext"];
    let arn = text_of(&context["functionArn"]).replace(":$LATEST", "");
    context["functionArn"] = json!(arn);

    record
}

/// A report with this outcome.
fn report(outcome: &str) -> Value {
    json!({
        "outcome": outcome,
        "requestID": "CHG1",
        "mode": "enforce",
        "targets": [{ "outcome": outcome, "reason": "any" }],
    })
}

fn any_request() -> Value {
    json!({ "version": 1, "requestID": "CHG1" })
}

/// The rules that the record of a successful invocation matches.
fn rules_of_success(function: &Function, report: &Value) -> Vec<String> {
    let record = record(function, "Success", &any_request(), report);

    rules_of(&everything(), &record)
}

// Invariant 2.
#[test]
fn a_pending_result_starts_a_follow_up_and_notifies() {
    for function in FUNCTIONS {
        let pending = report("pending");
        let expected = [RESULT, PENDING];
        assert_eq!(rules_of_success(function, &pending), expected);

        // A follow-up starts no other.
        let record = record(function, "Success", &any_request(), &pending);
        let rules = rules_of(&everything(), &of_a_machine(record));
        assert_eq!(rules, [RESULT]);
    }
}

#[test]
fn a_pending_plan_starts_no_follow_up() {
    for function in FUNCTIONS {
        let mut planned = report("pending");
        planned["mode"] = json!("plan");
        planned["targets"] = json!([]);

        assert_eq!(rules_of_success(function, &planned), [RESULT]);
    }
}

#[test]
fn every_other_result_notifies() {
    let deployment = everything();
    let outcomes = [
        "done",
        "already_done",
        "planned",
        "refused",
        "rejected",
        "failed",
        "ended",
    ];

    for function in FUNCTIONS {
        for outcome in outcomes {
            let record = record(function, "Success", &any_request(), &report(outcome));
            assert_eq!(rules_of(&deployment, &record), [RESULT], "{outcome}");

            let rules = rules_of(&deployment, &of_a_machine(record));
            assert_eq!(rules, [RESULT], "{outcome}");
        }
    }
}

// Invariant 2.
#[test]
fn a_retryable_failure_starts_a_follow_up_and_any_other_is_kept() {
    let deployment = everything();
    let retryable = json!({ "errorType": "Retryable", "errorMessage": "{}" });

    for function in FUNCTIONS {
        let failure =
            |condition: &str, error: &Value| record(function, condition, &any_request(), error);
        let rules = |record: Value| rules_of(&deployment, &record);

        // Lambda has retried, and the next hours may help.
        let exhausted = failure("RetriesExhausted", &retryable);
        assert_eq!(rules(exhausted.clone()), [PENDING]);
        // A follow-up gives up for good.
        assert_eq!(rules(of_a_machine(exhausted)), FAILED);

        // An event that never ran has no answer.
        let too_old = failure("EventAgeExceeded", &retryable);
        assert_eq!(rules(too_old), FAILED);
        assert_eq!(rules(failure("EventAgeExceeded", &Value::Null)), FAILED);

        for error in ["Permanent", "Runtime.ExitError", "Sandbox.Timedout"] {
            let error = json!({ "errorType": error, "errorMessage": "{}" });
            let failure = failure("RetriesExhausted", &error);
            assert_eq!(rules(failure.clone()), FAILED, "{error}");
            assert_eq!(rules(of_a_machine(failure)), FAILED, "{error}");
        }
        let without_type = failure("RetriesExhausted", &json!({ "errorMessage": "{}" }));
        assert_eq!(rules(without_type), FAILED);
    }
}

// Invariant 2.
#[test]
fn a_result_of_another_function_or_account_reaches_nobody() {
    let deployment = everything();
    let pending = record(&DISCONNECT, "Success", &any_request(), &report("pending"));

    for name in ["another", "drover-disconnect-source-server-canary"] {
        let mut of_another = pending.clone();
        let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST");
        of_another["detail"]["requestContext"]["functionArn"] = json!(arn);
        assert_eq!(rules_of(&deployment, &of_another), [""; 0], "{name}");
    }

    let mut of_another_account = pending;
    of_another_account["account"] = json!("999999999999");
    assert_eq!(rules_of(&deployment, &of_another_account), [""; 0]);
}

/// Most events of AWS are none of drover's business, and nobody is notified of those.
// Invariant 2.
#[tokio::test]
async fn every_result_notifies_unless_drover_was_not_asked() {
    let mut results = results_of_terminations().await;
    results.extend(results_of_creations().await);
    let unknown = drs::request("disconnect", &[drs::by_id(&drs::number(9))]);
    let answer = drs::Stage::new().await.deliver(&unknown).await;
    results.push((&DISCONNECT, unknown, answer));

    let deployment = everything();
    let notified: Vec<String> = results
        .iter()
        .map(|(function, request, answer)| {
            let record = record(function, "Success", request, &answer.body);
            let rules = rules_of(&deployment, &record);
            format!("{}: {}", answer.conclusion(), rules.join(", "))
        })
        .collect();

    let expected = [
        "refused not_found: ".to_owned(),
        format!("refused approved_for_another_request: {RESULT}"),
        format!("done disconnected: {RESULT}"),
        "refused not_found: ".to_owned(),
        "refused no_replicate_to_tag: ".to_owned(),
        format!("refused bad_replicate_to_tag: {RESULT}"),
        format!("pending replication_enabling: {RESULT}, {PENDING}"),
        format!("refused not_found: {RESULT}"),
    ];
    assert_eq!(notified, expected);
}

/// What is followed up was told to be pending, and somebody waits for its end.
// Invariant 2.
#[test]
fn the_end_of_a_follow_up_notifies_whoever_asked() {
    for (function, source) in [
        (&DISCONNECT, "aws.ec2"),
        (&BOOTSTRAP, "aws.elasticfilesystem"),
    ] {
        for reason in ["not_found", "no_replicate_to_tag"] {
            let mut refused = report("refused");
            refused["targets"][0]["reason"] = json!(reason);
            let record = record(function, "Success", &json!({ "source": source }), &refused);

            assert_eq!(rules_of(&everything(), &record), [""; 0], "{reason}");
            let rules = rules_of(&everything(), &of_a_machine(record));
            assert_eq!(rules, [RESULT], "{reason}");
        }
    }
}

type ResultOf = (&'static Function, Value, Answer);

/// An instance that DRS does not know, one with another approval, and one that is approved.
async fn results_of_terminations() -> Vec<ResultOf> {
    let terminated = DISCONNECT.event("instance-terminated.json");
    let server = |approval: &str| SourceServer {
        aws_instance_id: Some("i-1234567890abcdef0".to_owned()),
        agent_unreachable_since: Some("2026-11-01T08:00:00Z".parse().unwrap()),
        origin_account_id: Some("123456789012".to_owned()),
        origin_region: Some("us-east-1".to_owned()),
        ..drs::approved(drs::ONE).tagged("drover:approved", approval)
    };
    let worlds = [
        World::with([]),
        World::with([server("CHG1")]),
        World::with([server("i-1234567890abcdef0")]),
    ];

    let mut results: Vec<ResultOf> = Vec::new();
    for world in worlds {
        let answer = drs::Stage::with(world).await.deliver(&terminated).await;
        results.push((&DISCONNECT, terminated.clone(), answer));
    }

    results
}

/// Another file system, one without the tag that asks for a replica, one whose tag names no Region,
/// and one that is replicated.
async fn results_of_creations() -> Vec<ResultOf> {
    let created = BOOTSTRAP.event("file-system-created.json");
    let id = text_of(&created["detail"]["responseElements"]["fileSystemId"]);
    let file_systems = [
        FileSystem::new("fs-00000009"),
        FileSystem::new(&id),
        FileSystem::new(&id).tagged("drover:replicate-to", "Ireland"),
        FileSystem::new(&id).tagged("drover:replicate-to", "eu-west-1"),
    ];

    let mut results: Vec<ResultOf> = Vec::new();
    for file_system in file_systems {
        let world = World::empty().with_file_system("us-east-1", file_system);
        let stage = efs::Stage::with(world).await;
        let answer = stage.deliver(&created).await;
        results.push((&BOOTSTRAP, created.clone(), answer));
    }

    results
}

#[test]
fn a_state_machine_that_does_not_succeed_notifies() {
    let deployment = everything();
    let rules = |machine: &str, status: &str| {
        let event = json!({
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": { "status": status, "stateMachineArn": machine, "executionArn": "arn:e" },
        });
        rules_of(&deployment, &event)
    };

    for (name, _) in deployment.of_type("AWS::Serverless::StateMachine") {
        let machine = deployment.arn(name);
        // A machine reports its own failure, so that is not kept as well.
        assert_eq!(rules(&machine, "FAILED"), [MACHINE_FAILURE]);
        for status in ["TIMED_OUT", "ABORTED"] {
            // A notification has no request that could be replayed.
            let expected = match name {
                "Notify" => &[MACHINE_FAILURE][..],
                _ => &["MachineTimedOut", MACHINE_FAILURE],
            };
            assert_eq!(rules(&machine, status), expected, "{name} {status}");
        }
        for status in ["RUNNING", "SUCCEEDED"] {
            assert_eq!(rules(&machine, status), [""; 0]);
        }
    }

    let another = "arn:aws:states:us-east-1:111122223333:stateMachine:another";
    assert_eq!(rules(another, "FAILED"), [""; 0]);
}
