//! Alarms: what they watch, and whom they tell.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::{Outcome, code};
use template::{
    Deployment, Role, TRIGGERS, arn_of_role, ask,
    facts::{self, FACTS},
    text_of, texts_of,
};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT, everything},
    tidy::{read, rows},
};

/// A metric that nothing writes raises no alarm.
#[test]
fn alarms_watch_outcomes_that_there_are() {
    let deployment = everything();
    for (name, filter) in deployment.of_type("AWS::Logs::MetricFilter") {
        assert_eq!(
            filter["FilterPattern"], "{ $.fields.outcome = \"*\" }",
            "{name}"
        );
        let metric = &filter["MetricTransformations"][0];
        assert_eq!(
            metric["Dimensions"],
            json!([{ "Key": "Outcome", "Value": "$.fields.outcome" }]),
            "{name}"
        );
    }
    let written = deployment
        .of_type("AWS::Logs::MetricFilter")
        .into_iter()
        .map(|(_, filter)| {
            let metric = &filter["MetricTransformations"][0];
            (
                text_of(&metric["MetricNamespace"]),
                text_of(&metric["MetricName"]),
            )
        });
    let written: Vec<_> = written.collect();
    let outcomes: Vec<String> = Outcome::ALL.iter().map(code).collect();
    let mut watched = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        for query in alarm["Metrics"].as_array().into_iter().flatten() {
            let metric = &query["MetricStat"]["Metric"];
            for dimension in metric["Dimensions"].as_array().into_iter().flatten() {
                if dimension["Name"] == "Outcome" {
                    let outcome = text_of(&dimension["Value"]);
                    assert!(outcomes.contains(&outcome), "{name}: {outcome}");
                    let metric = (
                        text_of(&metric["Namespace"]),
                        text_of(&metric["MetricName"]),
                    );
                    assert!(written.contains(&metric), "{name}: {metric:?}");
                    watched.push(outcome);
                }
            }
        }
    }
    watched.sort();
    watched.dedup();
    assert_eq!(
        watched,
        ["failed", "indeterminate", "permanent", "rejected"],
        "what needs a human"
    );
}

/// The metrics of an alarm: namespace, name and dimensions of each.
fn metrics_of(alarm: &Value) -> Vec<&Value> {
    let queries = alarm["Metrics"].as_array().unwrap().iter();
    queries
        .filter_map(|query| query.get("MetricStat"))
        .map(|of| &of["Metric"])
        .collect()
}

/// An alarm on a metric that nothing writes never rings.
#[test]
fn alarms_watch_metrics_that_aws_documents() {
    let on_another_bus =
        Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());
    for deployment in [everything(), on_another_bus] {
        let mut seen = 0;
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            for metric in metrics_of(alarm) {
                let mut names: Vec<String> = metric["Dimensions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|of| text_of(&of["Name"]))
                    .collect();
                names.sort();
                if text_of(&metric["Namespace"]).starts_with("drover/") {
                    continue;
                }
                seen += 1;
                let is_known = |fact: &Value| {
                    fact["namespace"] == metric["Namespace"]
                        && texts_of(&fact["metrics"]).contains(&text_of(&metric["MetricName"]))
                        && texts_of(&fact["dimensions"]) == names
                };
                assert!(
                    FACTS["metrics"].as_array().unwrap().iter().any(is_known),
                    "{name}: {metric}"
                );
            }
            let most = metrics_of(alarm).len() as u64;
            assert!(
                facts::is_within(most, "metrics in the expression of an alarm"),
                "{name}: {most}"
            );
        }
        assert!(seen > 30, "{seen}");
    }
}

/// Each rule, by the name that its metrics have, and each topic and queue: a name is made up twice,
/// here and there.
#[test]
fn alarms_watch_what_the_template_has() {
    for bus in ["default", "requests"] {
        let deployment = Deployment::with(&[&TRIGGERS[..], &[("EventBusName", bus)]].concat());
        let watched: Vec<(String, Value)> = deployment
            .of_type("AWS::CloudWatch::Alarm")
            .iter()
            .flat_map(|(_, alarm)| metrics_of(alarm))
            .map(|metric| (text_of(&metric["MetricName"]), metric["Dimensions"].clone()))
            .collect();
        let named = |metric: &str, name: &str, value: &str| {
            watched.iter().any(|(of, dimensions)| {
                let dimensions = dimensions.as_array().unwrap();
                of == metric
                    && dimensions
                        .iter()
                        .any(|of| of["Name"] == name && of["Value"] == value)
            })
        };
        for (rule, properties) in deployment.of_type("AWS::Events::Rule") {
            let name = text_of(&properties["Name"]);
            assert!(
                deployment.arn(rule).ends_with(&format!("/{name}")),
                "{rule}"
            );
            assert!(
                named("InvocationsFailedToBeSentToDlq", "RuleName", &name),
                "{rule}"
            );
            let dimensions = &watched
                .iter()
                .find(|(_, of)| of[0]["Value"] == name)
                .unwrap()
                .1;
            let of_bus = dimensions
                .as_array()
                .unwrap()
                .iter()
                .find(|of| of["Name"] == "EventBusName");
            let expected = properties
                .get("EventBusName")
                .filter(|bus| *bus != "default");
            assert_eq!(of_bus.map(|of| &of["Value"]), expected, "{rule}");
        }
        for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
            let name = text_of(&deployment.arn(queue).rsplit(':').next().unwrap().into());
            for metric in [
                "ApproximateNumberOfMessagesVisible",
                "ApproximateAgeOfOldestMessage",
            ] {
                assert!(named(metric, "QueueName", &name), "{metric} of {queue}");
            }
        }
        assert!(named(
            "NumberOfNotificationsFilteredOut-InvalidMessageBody",
            "TopicName",
            "Requests"
        ));
        assert!(named(
            "NumberOfNotificationsFailedToRedriveToDlq",
            "TopicName",
            "Requests"
        ));
        assert!(named(
            "NumberOfNotificationsFailed",
            "TopicName",
            "Notifications"
        ));
        for function in [DISCONNECT, BOOTSTRAP] {
            for metric in ["Errors", "Throttles", "DestinationDeliveryFailures"] {
                assert!(
                    named(metric, "FunctionName", &format!("drover-{function}")),
                    "{metric} of {function}"
                );
            }
        }
        for (machine, _) in deployment.of_type("AWS::Serverless::StateMachine") {
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
                assert!(
                    named(metric, "StateMachineArn", &deployment.arn(machine)),
                    "{metric} of {machine}"
                );
            }
        }
    }
}

/// A metric in a line of its own: its name, and what it is of.
fn metric(metric: &Value) -> String {
    let of = metric["Dimensions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| text_of(&of["Value"]));
    let of = of
        .map(|of| of.rsplit(':').next().unwrap().to_owned())
        .collect::<Vec<_>>();
    format!(
        "\n    {} of {}",
        text_of(&metric["MetricName"]),
        of.join(", ")
    )
}

/// What an alarm does, in a few lines.
fn lines_of(alarm: &Value) -> String {
    let (queries, name) = (
        alarm["Metrics"].as_array().unwrap(),
        text_of(&alarm["AlarmName"]),
    );
    let mut results = queries
        .iter()
        .filter(|query| query.get("ReturnData") != Some(&json!(false)));
    let result = results.next().unwrap();
    assert!(results.next().is_none(), "{name} has one result");
    let expression = result
        .get("Expression")
        .map_or_else(|| text_of(&result["Id"]), text_of);
    // The sum of one series is a number, of which there is no alarm.
    let is_of_several = expression.contains("METRICS()");
    assert!(!is_of_several || metrics_of(alarm).len() > 1, "{name}");
    let functions = texts_of(&FACTS["functions"]["names"]);
    for word in expression
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| word.len() > 2)
    {
        let is_function =
            expression.contains(&format!("{word}(")) && !expression.starts_with("SELECT");
        assert!(
            !is_function || functions.iter().any(|of| of == word),
            "{name}: {word}"
        );
    }
    let stats = queries.iter().filter_map(|query| query.get("MetricStat"));
    let mut stats: Vec<String> = stats
        .map(|of| format!("{} of {} s", text_of(&of["Stat"]), text_of(&of["Period"])))
        .collect();
    stats.dedup();
    format!(
        "{name}: {expression} {} {}, {} times, {}{}{}",
        text_of(&alarm["ComparisonOperator"]),
        text_of(&alarm["Threshold"]),
        text_of(&alarm["EvaluationPeriods"]),
        stats.join(", "),
        if alarm.get("OKActions").is_some() {
            ", and tells when it is over"
        } else {
            ""
        },
        metrics_of(alarm)
            .into_iter()
            .map(metric)
            .collect::<String>(),
    )
}

/// Whoever changes an alarm says so here.
static ALARMS: Expect = expect![[r#"
    drover-errors: SUM(METRICS()) GreaterThanOrEqualToThreshold 3, 1 times, Sum of 900 s
        Errors of drover-disconnect-source-server
        Errors of drover-bootstrap-efs-replication
    drover-expiring-letters: MAX(METRICS()) GreaterThanOrEqualToThreshold 864000, 1 times, Maximum of 300 s
        ApproximateAgeOfOldestMessage of drover-FailedRequests-1A2B3C
        ApproximateAgeOfOldestMessage of drover-UndeliveredEvents-1A2B3C
        ApproximateAgeOfOldestMessage of drover-UnfinishedMessages-1A2B3C
    drover-failed-notifications: m1 GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        NumberOfNotificationsFailed of Notifications
    drover-failed-requests: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-FailedRequests-1A2B3C
    drover-failed: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of failed
        Replications of failed
        Decommissions of permanent
        Replications of permanent
    drover-indeterminate: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of indeterminate
        Replications of indeterminate
    drover-lost-events: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        InvocationsFailedToBeSentToDlq of drover-DecommissionRequested
        InvocationsFailedToBeSentToDlq of drover-ReplicationRequested
        InvocationsFailedToBeSentToDlq of drover-InstanceTerminated
        InvocationsFailedToBeSentToDlq of drover-FileSystemTagged
        NumberOfNotificationsFailedToRedriveToDlq of Requests
    drover-lost-results: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        DestinationDeliveryFailures of drover-disconnect-source-server
        DestinationDeliveryFailures of drover-bootstrap-efs-replication
        InvocationsFailedToBeSentToDlq of drover-RequestFailed
        InvocationsFailedToBeSentToDlq of drover-MachineTimedOut
        InvocationsFailedToBeSentToDlq of drover-DecommissionPending
        InvocationsFailedToBeSentToDlq of drover-ReplicationPending
        InvocationsFailedToBeSentToDlq of drover-ResultTold
        InvocationsFailedToBeSentToDlq of drover-FailureTold
        InvocationsFailedToBeSentToDlq of drover-MachineFailureTold
    drover-rejected: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of rejected
        Replications of rejected
    drover-replication-lag: SELECT MAX(TimeSinceLastSync) FROM SCHEMA("AWS/EFS", DestinationFileSystemId, FileSystemId) GreaterThanThreshold 900, 3 times, , and tells when it is over
    drover-state-machines: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        ExecutionsFailed of drover-follow-up-decommission
        ExecutionsFailed of drover-follow-up-replication
        ExecutionsFailed of drover-fleet-decommission
        ExecutionsFailed of drover-fleet-replication
        ExecutionsTimedOut of drover-follow-up-decommission
        ExecutionsTimedOut of drover-follow-up-replication
        ExecutionsTimedOut of drover-fleet-decommission
        ExecutionsTimedOut of drover-fleet-replication
    drover-throttles: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 3 times, Sum of 300 s
        Throttles of drover-disconnect-source-server
        Throttles of drover-bootstrap-efs-replication
    drover-undelivered-events: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-UndeliveredEvents-1A2B3C
    drover-unfinished-messages: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-UnfinishedMessages-1A2B3C
    drover-unreadable-messages: m1 GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        NumberOfNotificationsFilteredOut-InvalidMessageBody of Requests"#]];

#[test]
fn every_alarm_rings_when_it_should_and_tells_people() {
    let deployment = everything();
    let mut lines = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        let queries = alarm["Metrics"].as_array().unwrap().iter();
        let ids: std::collections::BTreeSet<String> =
            queries.map(|query| text_of(&query["Id"])).collect();
        assert_eq!(
            ids.len(),
            alarm["Metrics"].as_array().unwrap().len(),
            "{name} has each ID once"
        );
        assert_eq!(
            texts_of(&alarm["AlarmActions"]),
            [deployment.arn("Notifications")],
            "{name}"
        );
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        assert!(
            text_of(&alarm["AlarmName"]).starts_with("drover-"),
            "the topic lets in no other name"
        );
        lines.push(lines_of(alarm));
    }
    lines.sort();
    ALARMS.assert_eq(&lines.join("\n"));
}

#[test]
fn the_dashboard_shows_every_alarm_that_there_always_is() {
    let deployment = Deployment::by_default();
    let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut shown = texts_of(&body["widgets"][0]["properties"]["alarms"]);
    shown.sort();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let mut expected: Vec<String> = alarms
        .iter()
        .map(|(name, _)| deployment.arn(name))
        .collect();
    expected.sort();
    assert_eq!(shown, expected);
}

/// By the price of a metric in an alarm, 0.10 USD a month, and of the alarm on the lag without any
/// replica.
#[test]
fn the_readme_says_what_the_alarms_cost() {
    let deployment = Deployment::by_default();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let metrics: usize = alarms
        .iter()
        .map(|(_, alarm)| metrics_of(alarm).len())
        .sum();
    let cost = format!(
        "{}.{}0 for the metrics of the alarms",
        metrics / 10,
        metrics % 10
    );
    assert!(read("README.md").contains(&cost), "{cost}");
}

#[test]
fn the_readme_names_every_alarm() {
    let named: Vec<String> = rows("README.md", "### Alarms")
        .into_iter()
        .map(|[names, _]| names)
        .collect();
    let named = named.join(" ");
    for (name, alarm) in everything().of_type("AWS::CloudWatch::Alarm") {
        let suffix = text_of(&alarm["AlarmName"]).replacen("drover-", "", 1);
        assert!(
            named.split([' ', ',', '`']).any(|of| of == suffix),
            "{name}: {suffix} is not in the README"
        );
    }
}

/// The metric filters read JSON at INFO, of the log group that the function writes to.
#[test]
fn what_a_function_logs_is_what_the_metrics_are_counted_from() {
    let deployment = everything();
    for (function, metric) in [(DISCONNECT, "Decommissions"), (BOOTSTRAP, "Replications")] {
        let logging = &deployment.properties(deployment.function(function))["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{function}");
        assert_eq!(logging["ApplicationLogLevel"], "INFO", "{function}");
        assert_eq!(logging["SystemLogLevel"], "INFO", "{function}");
        let filters = deployment.of_type("AWS::Logs::MetricFilter").into_iter();
        let [filter] = filters
            .filter(|(_, filter)| filter["MetricTransformations"][0]["MetricName"] == metric)
            .map(|(_, filter)| filter)
            .collect::<Vec<_>>()[..]
        else {
            panic!("one filter for {metric}")
        };
        assert_eq!(filter["LogGroupName"], logging["LogGroup"], "{function}");
        assert_eq!(
            filter["MetricTransformations"][0]["MetricValue"], "1",
            "{function}"
        );
        let role = Role::by_arn(&arn_of_role(function, &deployment), &deployment, &[]);
        let group = deployment.arn(&text_of(&logging["LogGroup"]));
        assert!(role.allows(&ask("logs:PutLogEvents", &group)), "{function}");
    }
}
