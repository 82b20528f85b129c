//! What the rules of the template let through: every event to its function, and every result to
//! whom it concerns.

use emulator::{FileSystem, SourceServer, World};
use serde_json::{Value, json};
use template::{ACCOUNT, Deployment, pattern::fits, text_of};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT, everything},
    stage::{drs, efs, event},
    tidy::list,
};

/// The rules that an event fits.
fn rules_of(deployment: &Deployment, event: &Value) -> Vec<String> {
    let rules = deployment.of_type("AWS::Events::Rule").into_iter();
    rules
        .filter(|(_, rule)| fits(&rule["EventPattern"], Some(event)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_event_of_a_function_reaches_it_and_no_other() {
    let deployment = everything();
    for function in [DISCONNECT, BOOTSTRAP] {
        let arn = deployment.arn(deployment.function(function));
        for file in list(&format!("events/{function}")) {
            let event = event(&format!("{function}/{file}"));
            let rules = rules_of(&deployment, &event);
            // A request by itself, or in a message, is not on a bus.
            let expected = usize::from(event.get("detail-type").is_some());
            assert_eq!(rules.len(), expected, "{function}/{file}: {rules:?}");
            for rule in rules {
                assert_eq!(
                    deployment.properties(&rule)["Targets"][0]["Arn"],
                    arn,
                    "{function}/{file}"
                );
            }
        }
    }
}

#[test]
fn no_other_event_reaches_a_function() {
    let deployment = everything();
    for file in list("events/samples")
        .iter()
        .filter(|name| name.ends_with(".json"))
    {
        let expected = match file.as_str() {
            "ec2-state-change-terminated.derived.json" => vec!["InstanceTerminated"],
            "cloudtrail-efs-createfilesystem.derived.json"
            | "cloudtrail-efs-tagresource.derived.json" => {
                vec!["FileSystemTagged"]
            }
            _ => vec![],
        };
        assert_eq!(
            rules_of(&deployment, &event(&format!("samples/{file}"))),
            expected,
            "{file}"
        );
    }
    for file in ["file-system-created.json", "file-system-tagged.json"] {
        let changed = |change: fn(&mut Value)| {
            let mut event = event(&format!("{BOOTSTRAP}/{file}"));
            change(&mut event);
            rules_of(&deployment, &event)
        };
        assert_eq!(changed(|_| ()), ["FileSystemTagged"]);
        assert_eq!(
            changed(|event| event["detail"]["errorCode"] = json!("AccessDenied")),
            [""; 0]
        );
        assert_eq!(
            changed(|event| event["detail"]["eventSource"] = json!("fsx.amazonaws.com")),
            [""; 0]
        );
        assert_eq!(
            changed(|event| event["detail"]["eventSource"] = json!("s3files.amazonaws.com")),
            [""; 0]
        );
        assert_eq!(
            changed(
                |event| event["detail"]["requestParameters"]["resourceId"] = json!("fsap-00000001")
            ),
            [""; 0]
        );
        assert_eq!(changed(|event| event["source"] = json!("aws.fsx")), [""; 0]);
        assert_eq!(
            changed(|event| event["source"] = json!("com.example.cmdb")),
            [""; 0]
        );
    }
    for state in ["pending", "running", "stopping", "stopped", "shutting-down"] {
        let mut event = event(&format!("{DISCONNECT}/instance-terminated.json"));
        event["detail"]["state"] = json!(state);
        assert_eq!(rules_of(&deployment, &event), [""; 0], "{state}");
    }
    let mut request = event(&format!("{DISCONNECT}/decommission-requested.json"));
    request["source"] = json!("aws.ec2");
    assert_eq!(rules_of(&deployment, &request), [""; 0]);
}

#[test]
fn every_message_on_the_topic_reaches_the_function_that_it_is_for() {
    let deployment = everything();
    for function in [DISCONNECT, BOOTSTRAP] {
        for file in list(&format!("events/{function}"))
            .iter()
            .filter(|file| file.ends_with("requested.sns.json"))
        {
            let record = event(&format!("{function}/{file}"));
            let message = record["Records"][0]["Sns"]["Message"].as_str().unwrap();
            let message: Value = serde_json::from_str(message).unwrap();
            let subscriptions = deployment.of_type("AWS::SNS::Subscription").into_iter();
            let reached = subscriptions.filter(|(_, of)| fits(&of["FilterPolicy"], Some(&message)));
            let reached: Vec<String> = reached.map(|(_, of)| text_of(&of["Endpoint"])).collect();
            assert_eq!(
                reached,
                [deployment.arn(deployment.function(function))],
                "{file}"
            );
        }
    }
}

/// A filter drops without a trace what no subscription takes.
#[test]
fn a_message_that_is_for_no_function_is_kept() {
    let deployment = everything();
    let bare = event(&format!("{DISCONNECT}/request.json"));
    for message in [
        bare,
        json!({ "detail-type": "Source Server Decomission Requested" }),
        json!({}),
    ] {
        let subscriptions = deployment.of_type("AWS::SNS::Subscription").into_iter();
        let reached = subscriptions.filter(|(_, of)| fits(&of["FilterPolicy"], Some(&message)));
        let reached: Vec<String> = reached.map(|(_, of)| text_of(&of["Endpoint"])).collect();
        assert_eq!(reached, [deployment.arn("UndeliveredEvents")], "{message}");
    }
}

/// The record that Lambda makes of an invocation, as it comes on the bus.
fn record(function: &str, condition: &str, request: &Value, response: &Value) -> Value {
    let deployment = everything();
    let end = if condition == "Success" {
        "Success"
    } else {
        "Failure"
    };
    json!({
        "version": "0",
        "source": "lambda",
        "account": ACCOUNT,
        "detail-type": format!("Lambda Function Invocation Result - {end}"),
        "detail": {
            "version": "1.0",
            "requestContext": {
                "functionArn": format!("{}:$LATEST", deployment.arn(deployment.function(function))),
                "condition": condition,
                "approximateInvokeCount": 1,
            },
            "requestPayload": request,
            "responsePayload": response,
        },
    })
}

/// The same as the state machines put it.
fn of_a_machine(mut record: Value) -> Value {
    record["source"] = json!("drover");
    let arn = text_of(&record["detail"]["requestContext"]["functionArn"]).replace(":$LATEST", "");
    record["detail"]["requestContext"]["functionArn"] = json!(arn);
    record
}

fn outcome(outcome: &str) -> Value {
    let targets = json!([{ "outcome": outcome, "reason": "any" }]);
    json!({ "outcome": outcome, "requestID": "CHG1", "mode": "enforce", "targets": targets })
}

#[test]
fn a_result_reaches_whom_it_concerns() {
    let deployment = everything();
    let rules = |event: Value| rules_of(&deployment, &event);
    let request = json!({ "version": 1, "requestID": "CHG1" });
    let failed = ["FailureTold", "RequestFailed"];
    for (function, pending) in [
        (DISCONNECT, "DecommissionPending"),
        (BOOTSTRAP, "ReplicationPending"),
    ] {
        let success = |of: &str| record(function, "Success", &request, &outcome(of));
        assert_eq!(rules(success("pending")), [pending, "ResultTold"]);
        assert_eq!(
            rules(of_a_machine(success("pending"))),
            ["ResultTold"],
            "a follow-up starts no other"
        );
        for of in [
            "done",
            "already_done",
            "planned",
            "refused",
            "rejected",
            "failed",
            "ended",
        ] {
            assert_eq!(rules(success(of)), ["ResultTold"], "{of}");
            assert_eq!(rules(of_a_machine(success(of))), ["ResultTold"], "{of}");
        }
        let planned =
            json!({ "outcome": "pending", "requestID": "CHG1", "mode": "plan", "targets": [] });
        let planned = record(function, "Success", &request, &planned);
        assert_eq!(rules(planned), ["ResultTold"], "a plan has no follow-up");
        let retryable = json!({ "errorType": "Retryable", "errorMessage": "{}" });
        let in_vain = |condition: &str, error: &Value| record(function, condition, &request, error);
        assert_eq!(
            rules(in_vain("RetriesExhausted", &retryable)),
            [pending],
            "what may pass is followed up"
        );
        // What never ran has no answer.
        assert_eq!(rules(in_vain("EventAgeExceeded", &retryable)), failed);
        assert_eq!(rules(in_vain("EventAgeExceeded", &Value::Null)), failed);
        assert_eq!(
            rules(of_a_machine(in_vain("RetriesExhausted", &retryable))),
            failed,
            "a follow-up gives up for good"
        );
        for error in ["Permanent", "Runtime.ExitError", "Sandbox.Timedout"] {
            let error = json!({ "errorType": error, "errorMessage": "{}" });
            assert_eq!(
                rules(in_vain("RetriesExhausted", &error)),
                failed,
                "{error}"
            );
            assert_eq!(
                rules(of_a_machine(in_vain("RetriesExhausted", &error))),
                failed,
                "{error}"
            );
        }
        assert_eq!(
            rules(in_vain(
                "RetriesExhausted",
                &json!({ "errorMessage": "{}" })
            )),
            failed,
            "an error without a type"
        );
    }
    let pending = || record(DISCONNECT, "Success", &request, &outcome("pending"));
    for name in ["another", "drover-disconnect-source-server-canary"] {
        let mut of_another = pending();
        let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST");
        of_another["detail"]["requestContext"]["functionArn"] = json!(arn);
        assert_eq!(rules(of_another), [""; 0], "{name}");
    }
    let mut put_by_a_stranger = pending();
    put_by_a_stranger["account"] = json!("999999999999");
    assert_eq!(rules(put_by_a_stranger), [""; 0]);
}

/// Most events of AWS are about what is not drover's business, and nobody is told; all else is.
#[tokio::test]
async fn people_are_told_of_every_result_but_of_what_is_not_ours() {
    let deployment = everything();
    let mut results = Vec::new();
    let terminated = event(&format!("{DISCONNECT}/instance-terminated.json"));
    let server = |approval: &str| SourceServer {
        aws_instance_id: Some("i-1234567890abcdef0".to_owned()),
        origin_account_id: Some("123456789012".to_owned()),
        origin_region: Some("us-east-1".to_owned()),
        ..drs::approved(drs::ONE).tagged("drover:approved", approval)
    };
    for world in [
        World::with([]),
        World::with([server("CHG1")]),
        World::with([server("i-1234567890abcdef0")]),
    ] {
        let answer = drs::Stage::with(world).await.deliver(&terminated).await;
        results.push((DISCONNECT, terminated.clone(), answer));
    }
    let created = event(&format!("{BOOTSTRAP}/file-system-created.json"));
    let id = text_of(&created["detail"]["responseElements"]["fileSystemId"]);
    let plain = || FileSystem::new(&id);
    for file_system in [
        FileSystem::new("fs-00000009"),
        plain(),
        plain().tagged("drover:replicate-to", "eu-west-1"),
    ] {
        let stage =
            efs::Stage::with(World::empty().with_file_system("us-east-1", file_system)).await;
        results.push((BOOTSTRAP, created.clone(), stage.deliver(&created).await));
    }
    let unheard_of = drs::request("disconnect", &[drs::by_id(&drs::number(9))]);
    let answer = drs::Stage::new().await.deliver(&unheard_of).await;
    results.push((DISCONNECT, unheard_of, answer));
    let told: Vec<String> = results
        .iter()
        .map(|(function, request, answer)| {
            let rules = rules_of(
                &deployment,
                &record(function, "Success", request, &answer.body),
            );
            format!("{}: {}", answer.said(), rules.join(", "))
        })
        .collect();
    let expected = [
        "refused not_found: ",
        "refused approved_for_another_request: ResultTold",
        "done disconnected: ResultTold",
        "refused not_found: ",
        "refused no_replicate_to_tag: ",
        "pending replication_enabling: ReplicationPending, ResultTold",
        "refused not_found: ResultTold",
    ];
    assert_eq!(told, expected);
}

#[test]
fn people_are_told_of_a_machine_that_did_not_end_well() {
    let deployment = everything();
    let told = |machine: &str, status: &str| {
        let event = json!({
            "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
            "detail": { "status": status, "stateMachineArn": machine, "executionArn": "arn:e" },
        });
        rules_of(&deployment, &event)
    };
    for (name, _) in deployment.of_type("AWS::Serverless::StateMachine") {
        assert_eq!(
            told(&deployment.arn(name), "FAILED"),
            ["MachineFailureTold"],
            "it has told its failure itself"
        );
        for status in ["TIMED_OUT", "ABORTED"] {
            assert_eq!(
                told(&deployment.arn(name), status),
                ["MachineFailureTold", "MachineTimedOut"],
                "{name} {status}"
            );
        }
        for status in ["RUNNING", "SUCCEEDED"] {
            assert_eq!(told(&deployment.arn(name), status), [""; 0]);
        }
    }
    assert_eq!(
        told(
            "arn:aws:states:us-east-1:111122223333:stateMachine:another",
            "FAILED"
        ),
        [""; 0]
    );
}
