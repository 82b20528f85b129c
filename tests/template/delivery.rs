//! What is sent arrives or is kept.

use serde_json::{Value, json};
use template::{
    Deployment, Role, arn_of_role, ask, delivery::Way, facts::is_within, text_of, texts_of,
};

use crate::{
    functions::{CHANGING, FUNCTIONS},
    iam::everything,
    template::on_another_bus,
};

/// The ways of all rules: to each target, and to the queue for what a target does not take.
fn ways_of_rules(deployment: &Deployment) -> Vec<Way> {
    let mut ways = Vec::new();
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        for target in targets(rule) {
            let arn = deployment.arn(name);
            for receiver in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                ways.push(Way::new("events.amazonaws.com", arn.clone(), receiver));
            }
        }
    }

    ways
}

/// The ways of all alarms to the topics that they notify.
fn ways_of_alarms(deployment: &Deployment) -> Vec<Way> {
    let mut ways = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        for topic in texts_of(&alarm["AlarmActions"]) {
            let arn = deployment.arn(name);
            ways.push(Way::new("cloudwatch.amazonaws.com", arn, &json!(topic)));
        }
    }

    ways
}

fn targets(rule: &Value) -> &[Value] {
    rule["Targets"].as_array().unwrap()
}

// Invariant 2.
#[test]
fn a_rule_delivers_to_its_targets_or_keeps_the_event() {
    for deployment in [everything(), on_another_bus()] {
        for way in ways_of_rules(&deployment) {
            assert!(way.is_open_for_this_alone(&deployment), "{way:?}");
        }
    }
}

// Invariant 2.
#[test]
fn a_topic_delivers_to_its_subscriptions_or_keeps_the_message() {
    for deployment in [everything(), on_another_bus()] {
        for (name, subscription) in deployment.of_type("AWS::SNS::Subscription") {
            // A queue for dead letters needs no other.
            let redrive = subscription.get("RedrivePolicy");
            let endpoint = &subscription["Endpoint"];
            let kept = redrive.map_or(endpoint, |policy| &policy["deadLetterTargetArn"]);
            assert!(text_of(kept).contains(":sqs:"), "{name} keeps nothing");

            for receiver in [kept, endpoint] {
                let topic = text_of(&subscription["TopicArn"]);
                let way = Way::new("sns.amazonaws.com", topic, receiver);
                assert!(way.is_open_for_this_alone(&deployment), "{name}: {way:?}");
            }
        }
    }
}

#[test]
fn an_alarm_may_notify_its_topic() {
    for deployment in [everything(), on_another_bus()] {
        for way in ways_of_alarms(&deployment) {
            assert!(way.is_open(&deployment), "{way:?}");
        }
    }
}

/// A policy that ignores a key that its service passes on lets in more than it must.
#[test]
fn every_way_needs_each_key_that_aws_documents() {
    let deployment = everything();
    let mut ways = ways_of_rules(&deployment);
    ways.extend(ways_of_alarms(&deployment));
    for (_, subscription) in deployment.of_type("AWS::SNS::Subscription") {
        if subscription["Protocol"] != "email" {
            let topic = text_of(&subscription["TopicArn"]);
            let endpoint = &subscription["Endpoint"];
            ways.push(Way::new("sns.amazonaws.com", topic, endpoint));
        }
    }
    ways.retain(|way| !way.is_by_role());

    let mut taken = 0;
    for way in ways {
        let keys = way.keys();
        assert!(way.is_open_with(&deployment, &keys), "{way:?}");

        for key in &keys {
            taken += 1;
            let mut fewer = keys.clone();
            fewer.retain(|other| other != key);
            assert!(
                !way.is_open_with(&deployment, &fewer),
                "{way:?} without {key}"
            );
        }
    }
    assert!(taken > 30, "{taken}");
}

#[test]
fn an_invocation_that_fails_is_retried_for_as_long_as_aws_allows() {
    let deployment = everything();

    for function in FUNCTIONS {
        let name = function.name();
        let properties = deployment.properties(deployment.function(name));
        let invoked = &properties["EventInvokeConfig"];
        assert_eq!(invoked["MaximumRetryAttempts"], 2, "{name}");
        assert_eq!(invoked["MaximumEventAgeInSeconds"], 21600, "{name}");
    }

    let age = "the age of an asynchronous event, in seconds";
    assert!(is_within(2, "retries of an asynchronous invocation"));
    assert!(is_within(21600, age));
}

#[test]
fn a_delivery_that_fails_is_retried_for_as_long_as_aws_allows() {
    for (name, rule) in everything().of_type("AWS::Events::Rule") {
        for target in targets(rule) {
            let expected =
                json!({ "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 });
            assert_eq!(target["RetryPolicy"], expected, "{name}");
        }
    }

    assert!(is_within(86400, "the age of a rule's event, in seconds"));
    assert!(is_within(185, "retries of a rule's target"));
}

#[test]
fn a_target_has_a_retry_policy() {
    for (name, rule) in on_another_bus().of_type("AWS::Events::Rule") {
        for target in targets(rule) {
            assert!(target["RetryPolicy"].is_object(), "{name}");
        }
    }
}

#[test]
fn dead_letters_are_kept_for_as_long_as_aws_allows_and_survive_the_stack() {
    let deployment = everything();
    let retention = "the retention of a queue, in seconds";

    for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
        let kept = &deployment.properties(queue)["MessageRetentionPeriod"];
        let kept = kept.as_u64().unwrap();
        assert!(is_within(kept, retention), "{queue}");
        assert!(!is_within(kept + 1, retention), "{queue} may keep longer");

        let resource = &deployment.resources[queue];
        assert_eq!(
            resource["DeletionPolicy"], "RetainExceptOnCreate",
            "{queue}"
        );
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{queue}");
    }
}

/// A queue that nobody reads must not take messages.
#[test]
fn a_queue_of_requests_ends_with_the_stack_and_has_a_dead_letter_queue() {
    let deployment = everything();

    for function in CHANGING {
        let queue = function.changes().queue;
        let resource = &deployment.resources[queue];
        assert_eq!(resource["DeletionPolicy"], "Delete", "{queue}");

        let redrive = &resource["Properties"]["RedrivePolicy"];
        let dead_letters = deployment.arn("UnfinishedMessages");
        assert_eq!(redrive["deadLetterTargetArn"], dead_letters, "{queue}");
        assert_eq!(redrive["maxReceiveCount"], 5, "{queue}");
    }
}

#[test]
fn logs_and_lists_of_fleets_survive_the_stack() {
    let deployment = everything();
    let logs = FUNCTIONS.map(|function| function.parts.logs);

    for name in logs.into_iter().chain(["Fleets"]) {
        let policy = &deployment.resources[name]["DeletionPolicy"];
        assert_eq!(*policy, "RetainExceptOnCreate", "{name}");
    }
}

#[test]
fn a_queue_hides_a_message_for_as_long_as_its_function_may_take() {
    let deployment = everything();
    let mappings = deployment.of_type("AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), CHANGING.len());

    for function in CHANGING {
        let name = function.name();
        let queue = deployment.properties(function.changes().queue);
        let hidden = queue["VisibilityTimeout"].as_u64().unwrap();
        let properties = deployment.properties(deployment.function(name));
        let timeout = properties["Timeout"].as_u64().unwrap();

        let in_timeouts =
            "the visibility timeout of a queue that a function reads, in timeouts of the function";
        assert!(is_within(hidden / timeout, in_timeouts), "{name}");
        let in_seconds = "the visibility timeout of a queue, in seconds";
        assert!(is_within(hidden, in_seconds), "{name}");
    }
}

#[test]
fn a_function_reads_its_queue_and_reports_what_it_did_not_finish() {
    let deployment = everything();

    for function in CHANGING {
        let name = function.name();
        let queue = deployment.arn(function.changes().queue);
        let mappings = deployment.of_type("AWS::Lambda::EventSourceMapping");
        let mapping = mappings
            .iter()
            .find(|(_, mapping)| mapping["EventSourceArn"] == queue.as_str());
        let (_, mapping) = mapping.unwrap_or_else(|| panic!("nothing reads {queue}"));
        let alias = deployment.alias(deployment.function(name));
        assert_eq!(mapping["FunctionName"], alias.as_str(), "{name}");
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{name}"
        );

        let role = Role::by_arn(&arn_of_role(name, &deployment), &deployment, &[]);
        for action in [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ] {
            let asked = ask(action, &queue);
            assert!(role.allows(&asked), "{name} may not {action} on {queue}");
        }
    }
}
