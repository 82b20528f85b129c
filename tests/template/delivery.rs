//! What is sent arrives or is kept.

use serde_json::json;
use template::{
    Deployment, Role, TRIGGERS, arn_of_role, ask,
    delivery::{admits, admits_alone, admits_with, kind},
    facts::{self},
    text_of, texts_of,
};

use crate::iam::{BOOTSTRAP, DISCONNECT, everything};

#[test]
fn what_a_rule_cannot_deliver_is_kept_and_what_it_delivers_to_lets_it() {
    let on_another_bus =
        Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());
    for deployment in [everything(), on_another_bus] {
        for (name, rule) in deployment.of_type("AWS::Events::Rule") {
            for target in rule["Targets"].as_array().unwrap() {
                assert!(
                    target["RetryPolicy"].is_object(),
                    "{name} tries as often as it likes"
                );
                for receiver in [&target["DeadLetterConfig"]["Arn"], &target["Arn"]] {
                    let receiver = text_of(receiver);
                    let admitted = admits_alone(
                        &deployment,
                        "events.amazonaws.com",
                        &deployment.arn(name),
                        &receiver,
                    );
                    assert!(admitted, "{receiver}: {name}");
                }
            }
        }
        for (name, of) in deployment.of_type("AWS::SNS::Subscription") {
            // What goes to dead letters by itself needs no other place.
            let kept = of
                .get("RedrivePolicy")
                .map_or(&of["Endpoint"], |policy| &policy["deadLetterTargetArn"]);
            assert!(text_of(kept).contains(":sqs:"), "{name} keeps nothing");
            for receiver in [kept, &of["Endpoint"]] {
                let (topic, receiver) = (text_of(&of["TopicArn"]), text_of(receiver));
                assert!(
                    admits_alone(&deployment, "sns.amazonaws.com", &topic, &receiver),
                    "{receiver}: {name}"
                );
            }
        }
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            for topic in texts_of(&alarm["AlarmActions"]) {
                let arn = deployment.arn(name);
                assert!(
                    admits(&deployment, "cloudwatch.amazonaws.com", &arn, &topic),
                    "{topic}: {name}"
                );
            }
        }
    }
}

/// A policy that does without a key that its service hands over lets in more than it must.
#[test]
fn taking_one_documented_key_away_closes_every_way_that_needs_it() {
    let deployment = everything();
    let mut ways = Vec::new();
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        for target in rule["Targets"].as_array().unwrap() {
            ways.push((
                "events.amazonaws.com",
                deployment.arn(name),
                text_of(&target["Arn"]),
            ));
            ways.push((
                "events.amazonaws.com",
                deployment.arn(name),
                text_of(&target["DeadLetterConfig"]["Arn"]),
            ));
        }
    }
    for (_, of) in deployment
        .of_type("AWS::SNS::Subscription")
        .iter()
        .filter(|(_, of)| of["Protocol"] != "email")
    {
        ways.push((
            "sns.amazonaws.com",
            text_of(&of["TopicArn"]),
            text_of(&of["Endpoint"]),
        ));
    }
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        ways.push((
            "cloudwatch.amazonaws.com",
            deployment.arn(name),
            text_of(&alarm["AlarmActions"][0]),
        ));
    }
    let mut taken = 0;
    for (service, source, receiver) in ways
        .iter()
        .filter(|(_, _, receiver)| kind(receiver) != "states")
    {
        let keys = facts::keys_of_service(service, kind(receiver));
        assert!(
            admits_with(&deployment, service, source, receiver, &keys),
            "{source} to {receiver}"
        );
        for key in &keys {
            taken += 1;
            let fewer: Vec<String> = keys.iter().filter(|other| *other != key).cloned().collect();
            assert!(
                !admits_with(&deployment, service, source, receiver, &fewer),
                "{source} to {receiver} without {key}"
            );
        }
    }
    assert!(taken > 30, "{taken}");
}

#[test]
fn what_fails_is_tried_again_for_as_long_as_aws_allows() {
    let deployment = everything();
    for function in [DISCONNECT, BOOTSTRAP] {
        let invoked = &deployment.properties(deployment.function(function))["EventInvokeConfig"];
        assert_eq!(invoked["MaximumRetryAttempts"], 2, "{function}");
        assert_eq!(invoked["MaximumEventAgeInSeconds"], 21600, "{function}");
        assert!(facts::is_within(2, "retries of an asynchronous invocation"));
        assert!(facts::is_within(
            21600,
            "the age of an asynchronous event, in seconds"
        ));
    }
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        for target in rule["Targets"].as_array().unwrap() {
            let expected =
                json!({ "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 });
            assert_eq!(target["RetryPolicy"], expected, "{name}");
            assert!(facts::is_within(
                86400,
                "the age of a rule's event, in seconds"
            ));
            assert!(facts::is_within(185, "retries of a rule's target"));
        }
    }
}

#[test]
fn dead_letters_are_kept_for_as_long_as_aws_allows_also_without_the_stack() {
    let deployment = everything();
    for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
        let kept = deployment.properties(queue)["MessageRetentionPeriod"]
            .as_u64()
            .unwrap();
        assert!(
            facts::is_within(kept, "the retention of a queue, in seconds"),
            "{queue}"
        );
        assert!(
            !facts::is_within(kept + 1, "the retention of a queue, in seconds"),
            "{queue} may keep longer"
        );
        assert_eq!(
            deployment.resources[queue]["DeletionPolicy"], "RetainExceptOnCreate",
            "{queue}"
        );
        assert_eq!(
            deployment.resources[queue]["UpdateReplacePolicy"], "Retain",
            "{queue}"
        );
    }
    // A queue that nobody reads is not to take messages.
    for queue in ["DecommissionQueue", "ReplicationQueue"] {
        assert_eq!(
            deployment.resources[queue]["DeletionPolicy"], "Delete",
            "{queue}"
        );
        let redrive = &deployment.properties(queue)["RedrivePolicy"];
        assert_eq!(
            redrive["deadLetterTargetArn"],
            deployment.arn("UnfinishedMessages"),
            "{queue}"
        );
        assert_eq!(redrive["maxReceiveCount"], 5, "{queue}");
    }
    for kept in ["Fleets", "DisconnectLogs", "BootstrapLogs"] {
        assert_eq!(
            deployment.resources[kept]["DeletionPolicy"], "RetainExceptOnCreate",
            "{kept}"
        );
    }
}

#[test]
fn a_queue_waits_for_its_function_and_its_function_may_take_from_it() {
    let deployment = everything();
    let mappings = deployment.of_type("AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), 2);
    for (name, mapping) in mappings {
        let queue = text_of(&mapping["EventSourceArn"]);
        let queues = deployment.of_type("AWS::SQS::Queue").into_iter();
        let [(_, properties)] = queues
            .filter(|(name, _)| deployment.arn(name) == queue)
            .collect::<Vec<_>>()[..]
        else {
            panic!("{name} reads no queue of the template")
        };
        let function = text_of(&mapping["FunctionName"]);
        let of = [DISCONNECT, BOOTSTRAP]
            .into_iter()
            .find(|of| function.ends_with(of))
            .unwrap();
        let timeout = deployment.properties(deployment.function(of))["Timeout"]
            .as_u64()
            .unwrap();
        let hidden = properties["VisibilityTimeout"].as_u64().unwrap();
        let in_timeouts =
            "the visibility timeout of a queue that a function reads, in timeouts of the function";
        assert!(facts::is_within(hidden / timeout, in_timeouts), "{name}");
        assert!(
            facts::is_within(hidden, "the visibility timeout of a queue, in seconds"),
            "{name}"
        );
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{name}"
        );
        let role = Role::by_arn(&arn_of_role(of, &deployment), &deployment, &[]);
        for action in [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ] {
            assert!(
                role.allows(&ask(action, &queue)),
                "{of} may not {action} on {queue}"
            );
        }
    }
}
