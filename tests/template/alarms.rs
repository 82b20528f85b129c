//! Alarms: what they watch, when they ring, and whom they notify.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::{Outcome, code};
use template::{
    Deployment, Role, arn_of_role, ask,
    facts::{FACTS, is_within},
    text_of, texts_of,
};

use crate::{
    functions::FUNCTIONS,
    iam::everything,
    template::on_another_bus,
    tidy::{read, rows},
};

/// A metric in an alarm: its name, its namespace, and its dimensions.
struct Metric<'a>(&'a Value);

impl Metric<'_> {
    fn name(&self) -> String {
        text_of(&self.0["MetricName"])
    }

    fn namespace(&self) -> String {
        text_of(&self.0["Namespace"])
    }

    fn dimensions(&self) -> impl Iterator<Item = (String, String)> {
        let dimensions = self.0["Dimensions"].as_array().into_iter().flatten();

        dimensions.map(|it| (text_of(&it["Name"]), text_of(&it["Value"])))
    }

    fn dimension(&self, name: &str) -> Option<String> {
        let mut dimensions = self.dimensions();
        let found = dimensions.find(|(known, _)| known == name);

        found.map(|(_, value)| value)
    }

    /// Whether it is one of ours, and not of AWS.
    fn is_ours(&self) -> bool {
        self.namespace().starts_with("drover/")
    }
}

/// The metrics of an alarm.
fn metrics_of(alarm: &Value) -> Vec<Metric<'_>> {
    let queries = alarm["Metrics"].as_array().unwrap().iter();

    queries
        .filter_map(|query| query.get("MetricStat"))
        .map(|stat| Metric(&stat["Metric"]))
        .collect()
}

/// A metric that nothing writes raises no alarm.
#[test]
fn metrics_are_counted_by_outcome_from_the_log() {
    for (name, filter) in everything().of_type("AWS::Logs::MetricFilter") {
        let pattern = "{ $.fields.outcome = \"*\" }";
        assert_eq!(filter["FilterPattern"], pattern, "{name}");

        let metric = &filter["MetricTransformations"][0];
        let dimensions = json!([{ "Key": "Outcome", "Value": "$.fields.outcome" }]);
        assert_eq!(metric["Dimensions"], dimensions, "{name}");
    }
}

#[test]
fn alarms_watch_outcomes_that_functions_have() {
    let deployment = everything();
    let written: Vec<(String, String)> = deployment
        .of_type("AWS::Logs::MetricFilter")
        .into_iter()
        .map(|(_, filter)| &filter["MetricTransformations"][0])
        .map(|it| (text_of(&it["MetricNamespace"]), text_of(&it["MetricName"])))
        .collect();
    let outcomes: Vec<String> = Outcome::ALL.iter().map(code).collect();

    let mut watched = BTreeSet::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        for metric in metrics_of(alarm) {
            if let Some(outcome) = metric.dimension("Outcome") {
                assert!(outcomes.contains(&outcome), "{name}: {outcome}");
                let metric = (metric.namespace(), metric.name());
                assert!(written.contains(&metric), "{name}: {metric:?}");
                watched.insert(outcome);
            }
        }
    }

    // Each of these needs a human.
    let expected = ["failed", "indeterminate", "permanent", "rejected"];
    assert!(watched.iter().eq(expected), "{watched:?}");
}

/// An alarm on a metric that nothing writes never rings.
#[test]
fn alarms_watch_metrics_that_aws_documents() {
    for deployment in [everything(), on_another_bus()] {
        let mut checked = 0;
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            let metrics = metrics_of(alarm);
            let most = metrics.len() as u64;
            let limit = "metrics in the expression of an alarm";
            assert!(is_within(most, limit), "{name}: {most}");

            for metric in metrics.iter().filter(|metric| !metric.is_ours()) {
                checked += 1;
                assert!(is_documented(metric), "{name}: {}", metric.0);
            }
        }
        assert_eq!(
            checked, 29,
            "the alarms have so many metrics of AWS: change the number here if all are meant"
        );
    }
}

fn is_documented(metric: &Metric<'_>) -> bool {
    let mut dimensions: Vec<String> = metric.dimensions().map(|(name, _)| name).collect();
    dimensions.sort();

    FACTS["metrics"].as_array().unwrap().iter().any(|fact| {
        fact["namespace"] == metric.namespace()
            && texts_of(&fact["metrics"]).contains(&metric.name())
            && texts_of(&fact["dimensions"]) == dimensions
    })
}

/// Asserts that some alarm watches a metric of a resource, by its name.
#[track_caller]
fn assert_watched(deployment: &Deployment, metric: &str, dimension: &str, value: &str) {
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let mut metrics = alarms.iter().flat_map(|(_, alarm)| metrics_of(alarm));

    let is_watched =
        metrics.any(|it| it.name() == metric && it.dimension(dimension).as_deref() == Some(value));
    assert!(is_watched, "{metric} of {value}");
}

/// The name of a rule is made up twice: in the rule and in the alarm.
#[test]
fn alarms_watch_every_rule_on_its_bus() {
    for deployment in [everything(), on_another_bus()] {
        for (rule, properties) in deployment.of_type("AWS::Events::Rule") {
            let name = text_of(&properties["Name"]);
            assert!(
                deployment.arn(rule).ends_with(&format!("/{name}")),
                "{rule}"
            );
            let metric = "InvocationsFailedToBeSentToDlq";
            assert_watched(&deployment, metric, "RuleName", &name);

            // The default bus has no name in a metric.
            let bus = properties.get("EventBusName").map(text_of);
            let bus = bus.filter(|bus| bus != "default");
            let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
            let mut metrics = alarms.iter().flat_map(|(_, alarm)| metrics_of(alarm));
            let of_rule = metrics.find(|it| it.dimension("RuleName").as_ref() == Some(&name));
            let watched_bus = of_rule.unwrap().dimension("EventBusName");
            assert_eq!(watched_bus, bus, "{rule}");
        }
    }
}

#[test]
fn alarms_watch_every_dead_letter_queue() {
    for deployment in [everything(), on_another_bus()] {
        for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
            let arn = deployment.arn(queue);
            let name = arn.rsplit(':').next().unwrap();
            for metric in [
                "ApproximateNumberOfMessagesVisible",
                "ApproximateAgeOfOldestMessage",
            ] {
                assert_watched(&deployment, metric, "QueueName", name);
            }
        }
    }
}

#[test]
fn alarms_watch_the_topics() {
    let metrics = [
        (
            "NumberOfNotificationsFilteredOut-InvalidMessageBody",
            "Requests",
        ),
        ("NumberOfNotificationsFailedToRedriveToDlq", "Requests"),
        ("NumberOfNotificationsFailed", "Notifications"),
    ];

    for deployment in [everything(), on_another_bus()] {
        for (metric, topic) in metrics {
            assert_watched(&deployment, metric, "TopicName", topic);
        }
    }
}

#[test]
fn alarms_watch_every_function_and_state_machine() {
    for deployment in [everything(), on_another_bus()] {
        for function in FUNCTIONS {
            let name = format!("drover-{}", function.name());
            for metric in ["Errors", "Throttles", "DestinationDeliveryFailures"] {
                assert_watched(&deployment, metric, "FunctionName", &name);
            }
        }
        for (machine, _) in deployment.of_type("AWS::Serverless::StateMachine") {
            let arn = deployment.arn(machine);
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
                assert_watched(&deployment, metric, "StateMachineArn", &arn);
            }
        }
    }
}

/// A metric on a line of its own: its name, and the resource that it is about.
fn line_of(metric: &Metric<'_>) -> String {
    let resources: Vec<String> = metric
        .dimensions()
        .map(|(_, value)| value.rsplit(':').next().unwrap().to_owned())
        .collect();

    format!("\n    {} of {}", metric.name(), resources.join(", "))
}

/// An alarm in a few lines.
fn lines_of(alarm: &Value) -> String {
    let name = text_of(&alarm["AlarmName"]);
    let expression = expression_of(alarm);
    check_expression(&name, &expression, metrics_of(alarm).len());

    let queries = alarm["Metrics"].as_array().unwrap().iter();
    let stats = queries.filter_map(|query| query.get("MetricStat"));
    let mut stats: Vec<String> = stats
        .map(|it| format!("{} of {} s", text_of(&it["Stat"]), text_of(&it["Period"])))
        .collect();
    stats.dedup();
    let stats = stats.join(", ");
    let comparison = text_of(&alarm["ComparisonOperator"]);
    let threshold = text_of(&alarm["Threshold"]);
    let periods = text_of(&alarm["EvaluationPeriods"]);
    let recovery = match alarm.get("OKActions") {
        Some(_) => ", and notifies when it is over",
        None => "",
    };
    let metrics: String = metrics_of(alarm).iter().map(line_of).collect();

    format!(
        "{name}: {expression} {comparison} {threshold}, {periods} times, {stats}{recovery}{metrics}"
    )
}

/// The expression or the metric that an alarm compares with its threshold.
fn expression_of(alarm: &Value) -> String {
    let queries = alarm["Metrics"].as_array().unwrap().iter();
    let results: Vec<&Value> = queries
        .filter(|query| query.get("ReturnData") != Some(&json!(false)))
        .collect();
    let [result] = results[..] else {
        panic!("{} has one result", alarm["AlarmName"])
    };

    let expression = result.get("Expression");
    text_of(expression.unwrap_or(&result["Id"]))
}

fn check_expression(name: &str, expression: &str, metrics: usize) {
    // The sum of one series is a number, and CloudWatch has no alarm on a number.
    let is_of_several = expression.contains("METRICS()");
    assert!(!is_of_several || metrics > 1, "{name}");
    if expression.starts_with("SELECT") {
        return;
    }

    let functions = texts_of(&FACTS["functions"]["names"]);
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() > 2) {
        let is_called = expression.contains(&format!("{word}("));
        let is_known = functions.iter().any(|function| function == word);
        assert!(!is_called || is_known, "{name}: {word}");
    }
}

/// Every alarm of the template.
static ALARMS: Expect = expect![[r#"
    drover-errors: SUM(METRICS()) GreaterThanOrEqualToThreshold 3, 1 times, Sum of 900 s
        Errors of drover-disconnect-source-server
        Errors of drover-bootstrap-efs-replication
    drover-expiring-dead-letters: MAX(METRICS()) GreaterThanOrEqualToThreshold 864000, 1 times, Maximum of 300 s
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
        InvocationsFailedToBeSentToDlq of drover-PendingResult
        InvocationsFailedToBeSentToDlq of drover-NotifyResult
        InvocationsFailedToBeSentToDlq of drover-NotifyFailure
        InvocationsFailedToBeSentToDlq of drover-NotifyMachineFailure
    drover-rejected: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of rejected
        Replications of rejected
    drover-replication-lag: SELECT MAX(TimeSinceLastSync) FROM SCHEMA("AWS/EFS", DestinationFileSystemId, FileSystemId) GreaterThanThreshold 900, 3 times, , and notifies when it is over
    drover-state-machines: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        ExecutionsFailed of drover-follow-up
        ExecutionsFailed of drover-fleet
        ExecutionsTimedOut of drover-follow-up
        ExecutionsTimedOut of drover-fleet
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
fn every_alarm_rings_when_it_should() {
    let deployment = everything();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm").into_iter();
    let mut lines: Vec<String> = alarms.map(|(_, alarm)| lines_of(alarm)).collect();
    lines.sort();

    ALARMS.assert_eq(&lines.join("\n"));
}

#[test]
fn every_alarm_notifies_operators() {
    let deployment = everything();

    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        let notifications = [deployment.arn("Notifications")];
        assert_eq!(texts_of(&alarm["AlarmActions"]), notifications, "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        // The topic admits no alarm with another name.
        let own = text_of(&alarm["AlarmName"]);
        assert!(own.starts_with("drover-"), "{own}");

        let queries = alarm["Metrics"].as_array().unwrap();
        let ids: BTreeSet<String> = queries.iter().map(|query| text_of(&query["Id"])).collect();
        assert_eq!(ids.len(), queries.len(), "{name} has each ID once");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_of_a_fresh_deployment() {
    let deployment = Deployment::by_default();
    let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    let shown = texts_of(&body["widgets"][0]["properties"]["alarms"]);
    let shown: BTreeSet<String> = shown.into_iter().collect();

    let alarms = deployment.of_type("AWS::CloudWatch::Alarm").into_iter();
    let expected: BTreeSet<String> = alarms.map(|(name, _)| deployment.arn(name)).collect();
    assert_eq!(shown, expected);
}

/// By the price of a metric in an alarm, 0.10 USD a month, and of the alarm on the lag without any
/// replica.
#[test]
fn the_guide_states_the_cost_of_the_alarms() {
    let deployment = Deployment::by_default();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let metrics: usize = alarms
        .iter()
        .map(|(_, alarm)| metrics_of(alarm).len())
        .sum();

    let (dollars, tenths) = (metrics / 10, metrics % 10);
    let cost = format!("{dollars}.{tenths}0 for the metrics of the alarms");
    assert!(
        read("docs/operations.md").contains(&cost),
        "docs/operations.md must say `{cost}`; correct the sum beside it too"
    );
}

#[test]
fn the_guide_names_every_alarm() {
    let rows = rows("docs/operations.md", "### Alarms").into_iter();
    let named: Vec<String> = rows.map(|[names, _]| names).collect();
    let named = named.join(" ");

    for (name, alarm) in everything().of_type("AWS::CloudWatch::Alarm") {
        let suffix = text_of(&alarm["AlarmName"]).replacen("drover-", "", 1);
        let mut names = named.split([' ', ',', '`']);
        assert!(names.any(|it| it == suffix), "{name}: {suffix}");
    }
}

/// The metric filters read JSON at INFO, from the log group that the function writes to.
#[test]
fn a_function_logs_what_its_metric_is_counted_from() {
    let deployment = everything();

    for function in FUNCTIONS {
        let name = function.name();
        let logging = &deployment.properties(deployment.function(name))["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{name}");
        assert_eq!(logging["ApplicationLogLevel"], "INFO", "{name}");
        assert_eq!(logging["SystemLogLevel"], "INFO", "{name}");

        let mut filters = deployment.of_type("AWS::Logs::MetricFilter");
        filters.retain(|(_, filter)| {
            filter["MetricTransformations"][0]["MetricName"] == function.parts.metric
        });
        let [(_, filter)] = filters[..] else {
            panic!("one filter for {}", function.parts.metric)
        };
        let value = &filter["MetricTransformations"][0]["MetricValue"];
        assert_eq!(filter["LogGroupName"], logging["LogGroup"], "{name}");
        assert_eq!(*value, "1", "{name}");

        let role = Role::by_arn(&arn_of_role(name, &deployment), &deployment, &[]);
        let group = deployment.arn(&text_of(&logging["LogGroup"]));
        assert!(role.allows(&ask("logs:PutLogEvents", &group)), "{name}");
    }
}
