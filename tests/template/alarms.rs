//! Alarms: what they watch, when they ring, and whom they notify.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::{Outcome, code};
use template::{
    Deployment, Role,
    alarm::{self, Alarm, LETTERS, Points},
    arn_of_role, ask,
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
            checked, 45,
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

/// Schedules are counted by their group. Without a name of one, it is that of the account.
#[test]
fn alarms_watch_every_schedule() {
    for deployment in [everything(), on_another_bus()] {
        let schedules = deployment.of_type("AWS::Scheduler::Schedule");
        assert_eq!(schedules.len(), 2);

        for (schedule, properties) in schedules {
            let group = properties.get("GroupName").map(text_of);
            let group = group.unwrap_or_else(|| "default".to_owned());
            let metric = "InvocationsFailedToBeSentToDeadLetterCount";
            assert_watched(&deployment, metric, "ScheduleGroup", &group);
            let letters = &properties["Target"]["DeadLetterConfig"]["Arn"];
            assert_eq!(*letters, deployment.arn("UndeliveredEvents"), "{schedule}");
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
        ("NumberOfNotificationsFailed", "Requests"),
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

/// An alarm as it is meant, and why.
struct Expected {
    name: &'static str,
    expression: &'static str,
    comparison: &'static str,
    threshold: &'static str,
    /// So many of so many periods, each of so many seconds.
    periods: (u64, u64, u64),
    stays: Stays,
    statistic: &'static str,
    /// Each with its namespace and what it is about.
    metrics: &'static [&'static str],
    why: &'static str,
}

/// How it is seen by somebody who looks hours later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    /// It rings again by its expression, as long as there is something.
    Repeats,
    /// It stays in ALARM for so many hours after the last time.
    Hours(u64),
    /// It is in ALARM as long as its condition lasts.
    Lasts,
}

const SUM: &str = "SUM(METRICS())";
const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";

/// One is enough to go off, within five minutes, and to stay for a day.
const fn one(name: &'static str, metrics: &'static [&'static str], why: &'static str) -> Expected {
    Expected {
        name,
        expression: SUM,
        comparison: AT_LEAST,
        threshold: "1",
        periods: (1, 288, 300),
        stays: Stays::Hours(24),
        statistic: "Sum",
        metrics,
        why,
    }
}

/// The same for a single metric, which needs no expression.
const fn single(
    name: &'static str,
    metrics: &'static [&'static str],
    why: &'static str,
) -> Expected {
    Expected {
        expression: "m1",
        ..one(name, metrics, why)
    }
}

/// A dead-letter queue, looked at each minute.
const fn letters(
    name: &'static str,
    metrics: &'static [&'static str],
    why: &'static str,
) -> Expected {
    Expected {
        expression: LETTERS,
        periods: (1, 1, 60),
        stays: Stays::Repeats,
        statistic: "Maximum",
        ..one(name, metrics, why)
    }
}

/// Every alarm of the template.
const ALARMS: [Expected; 17] = [
    Expected {
        threshold: "3",
        periods: (1, 1, 900),
        stays: Stays::Lasts,
        ..one(
            "errors",
            &[
                "AWS/Lambda Errors drover-audit-file-systems",
                "AWS/Lambda Errors drover-audit-source-servers",
                "AWS/Lambda Errors drover-bootstrap-efs-replication",
                "AWS/Lambda Errors drover-disconnect-source-server",
            ],
            "Lambda tries an event three times within minutes; what a retry heals needs nobody. What \
             nothing heals is a letter, whose alarm repeats.",
        )
    },
    Expected {
        expression: "MAX(METRICS())",
        threshold: "864000",
        periods: (1, 1, 300),
        stays: Stays::Lasts,
        statistic: "Maximum",
        ..one(
            "expiring-dead-letters",
            &[
                "AWS/SQS ApproximateAgeOfOldestMessage drover-FailedRequests-1A2B3C",
                "AWS/SQS ApproximateAgeOfOldestMessage drover-UndeliveredEvents-1A2B3C",
                "AWS/SQS ApproximateAgeOfOldestMessage drover-UnfinishedMessages-1A2B3C",
            ],
            "SQS deletes a letter after 14 days; after ten, four are left to replay it.",
        )
    },
    one(
        "failed",
        &[
            "drover/drover Decommissions failed",
            "drover/drover Decommissions permanent",
            "drover/drover FileSystemAudits permanent",
            "drover/drover Replications failed",
            "drover/drover Replications permanent",
            "drover/drover ServerAudits permanent",
        ],
        "Only a human can repair what AWS or the deployment rejects for good.",
    ),
    single(
        "failed-notifications",
        &["AWS/SNS NumberOfNotificationsFailed Notifications"],
        "Who is not notified of one thing is not notified of the next either.",
    ),
    letters(
        "failed-requests",
        &["AWS/SQS ApproximateNumberOfMessagesVisible drover-FailedRequests-1A2B3C"],
        "Each letter is a request that is not fulfilled.",
    ),
    one(
        "indeterminate",
        &[
            "drover/drover Decommissions indeterminate",
            "drover/drover Replications indeterminate",
        ],
        "A change may have been made, and only a look at the resource can tell.",
    ),
    one(
        "lost-events",
        &[
            "AWS/Events InvocationsFailedToBeSentToDlq drover-DecommissionRequested",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-FileSystemAuditRequested",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-FileSystemTagged",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-InstanceTerminated",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-NotifyRecoveryEvent",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-ReplicationRequested",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-ServerAuditRequested",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-ServerAuditStall",
            "AWS/SNS NumberOfNotificationsFailedToRedriveToDlq Requests",
            "AWS/Scheduler InvocationsFailedToBeSentToDeadLetterCount default",
        ],
        "Nothing keeps such an event.",
    ),
    one(
        "lost-results",
        &[
            "AWS/Events InvocationsFailedToBeSentToDlq drover-MachineTimedOut",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-NotifyFailure",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-NotifyMachineFailure",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-NotifyResult",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-PendingResult",
            "AWS/Events InvocationsFailedToBeSentToDlq drover-RequestFailed",
            "AWS/Lambda DestinationDeliveryFailures drover-audit-file-systems",
            "AWS/Lambda DestinationDeliveryFailures drover-audit-source-servers",
            "AWS/Lambda DestinationDeliveryFailures drover-bootstrap-efs-replication",
            "AWS/Lambda DestinationDeliveryFailures drover-disconnect-source-server",
        ],
        "Nothing but the log keeps such a result.",
    ),
    one(
        "rejected",
        &[
            "drover/drover Decommissions rejected",
            "drover/drover FileSystemAudits rejected",
            "drover/drover Replications rejected",
            "drover/drover ServerAudits rejected",
        ],
        "Who asks by queue learns of a mistake in no other way.",
    ),
    Expected {
        expression: "SELECT MAX(TimeSinceLastSync) FROM SCHEMA(\"AWS/EFS\", DestinationFileSystemId, FileSystemId)",
        comparison: "GreaterThanThreshold",
        threshold: "900",
        periods: (3, 3, 300),
        stays: Stays::Lasts,
        ..one(
            "replication-lag",
            &[],
            "EFS's objective is 15 minutes; three periods, since a sync may be late once.",
        )
    },
    Expected {
        periods: (1, 20, 3600),
        stays: Stays::Hours(20),
        statistic: "Maximum",
        ..one(
            "servers-at-risk",
            &[
                "drover/drover QuotaNear drover-audit-source-servers",
                "drover/drover ReplicationError drover-audit-source-servers",
                "drover/drover ReplicationStalled drover-audit-source-servers",
                "drover/drover ReplicationStopped drover-audit-source-servers",
            ],
            "An audit has no memory; each daily one that finds such a thing rings again.",
        )
    },
    one(
        "state-machines",
        &[
            "AWS/States ExecutionsFailed drover-fleet",
            "AWS/States ExecutionsFailed drover-follow-up",
            "AWS/States ExecutionsFailed drover-notify",
            "AWS/States ExecutionsTimedOut drover-fleet",
            "AWS/States ExecutionsTimedOut drover-follow-up",
            "AWS/States ExecutionsTimedOut drover-notify",
        ],
        "Its work may be unfinished, and an execution that timed out could not report it.",
    ),
    Expected {
        periods: (3, 3, 300),
        stays: Stays::Lasts,
        ..one(
            "throttles",
            &[
                "AWS/Lambda Throttles drover-audit-file-systems",
                "AWS/Lambda Throttles drover-audit-source-servers",
                "AWS/Lambda Throttles drover-bootstrap-efs-replication",
                "AWS/Lambda Throttles drover-disconnect-source-server",
            ],
            "A burst is throttled and retried; 15 minutes of it are no burst.",
        )
    },
    letters(
        "undelivered-events",
        &["AWS/SQS ApproximateNumberOfMessagesVisible drover-UndeliveredEvents-1A2B3C"],
        "Each letter is an event that reached nobody.",
    ),
    letters(
        "unfinished-messages",
        &["AWS/SQS ApproximateNumberOfMessagesVisible drover-UnfinishedMessages-1A2B3C"],
        "Each letter is a request that failed five times.",
    ),
    one(
        "unreadable-messages",
        &[
            "AWS/SNS NumberOfNotificationsFailed Requests",
            "AWS/SNS NumberOfNotificationsFilteredOut-InvalidMessageBody Requests",
        ],
        "SNS drops such a message, and nothing keeps it.",
    ),
    Expected {
        expression: "MAX(METRICS())",
        threshold: "21600",
        periods: (1, 1, 300),
        stays: Stays::Lasts,
        statistic: "Maximum",
        ..one(
            "waiting-messages",
            &[
                "AWS/SQS ApproximateAgeOfOldestMessage drover-DecommissionQueue-1A2B3C",
                "AWS/SQS ApproximateAgeOfOldestMessage drover-ReplicationQueue-1A2B3C",
            ],
            "Five attempts take five hours at the most; what waits longer is taken by nobody.",
        )
    },
];

/// A metric in a line: its namespace, its name, and what it is about.
fn line_of(metric: &alarm::Metric) -> String {
    let about = metric.dimensions.iter().map(|(_, value)| value);
    let about: Vec<&str> = about.map(|it| it.rsplit(':').next().unwrap()).collect();

    format!("{} {} {}", metric.namespace, metric.name, about.join(","))
}

#[test]
fn every_alarm_is_as_it_is_meant() {
    let deployment = everything();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    assert_eq!(
        alarms.len(),
        ALARMS.len(),
        "list each alarm with its reason"
    );

    for expected in &ALARMS {
        let Expected { name, why, .. } = expected;
        let found = alarms
            .iter()
            .find(|(_, alarm)| alarm["AlarmName"] == format!("drover-{name}"));
        let (_, definition) = found.unwrap_or_else(|| panic!("there is no alarm {name}"));
        let alarm = Alarm::read(definition);
        check_expression(name, &alarm.expression, alarm.stats.len());

        assert_eq!(alarm.expression, expected.expression, "{name}: {why}");
        assert_eq!(alarm.comparison, expected.comparison, "{name}: {why}");
        let threshold = text_of(&definition["Threshold"]);
        assert_eq!(threshold, expected.threshold, "{name}: {why}");
        let periods = (alarm.datapoints, alarm.periods, alarm.period * 60);
        assert_eq!(periods, expected.periods, "{name}: {why}");
        let mut metrics: Vec<String> = alarm.stats.iter().map(|it| line_of(&it.metric)).collect();
        metrics.sort();
        assert_eq!(metrics, expected.metrics, "{name}: {why}");
        for stat in &alarm.stats {
            assert_eq!(stat.statistic, expected.statistic, "{name}: {why}");
        }
    }
}

/// Whoever comes hours later must still see it. The periods slide with each minute, so that an alarm
/// on three of something would go off again each time that they fall into one period.
#[test]
fn an_alarm_stays_until_somebody_can_have_seen_it() {
    const DAY: u64 = 1440;

    for (name, alarm, metrics) in alarms_with_metrics() {
        let own = text_of(&everything().properties(&name)["AlarmName"]);
        let expected = ALARMS
            .iter()
            .find(|it| own == format!("drover-{}", it.name));
        let Expected { stays, why, .. } = expected.unwrap();
        // Twice within a quarter of an hour, and never again; a metric may write zeros meanwhile.
        let start = 10 * alarm.period;
        let mut course: Points = (0..2 * DAY)
            .step_by(7)
            .map(|minute| (minute, 0.0))
            .collect();
        course.extend([start, start + 14].map(|minute| (minute, alarm.threshold)));

        for metric in &metrics {
            let series = [(metric.clone(), course.clone())].into();
            let on = alarm.minutes_on(&series, 2 * DAY + 60);
            let last = on.last().copied().unwrap_or_default();
            match stays {
                Stays::Hours(hours) => {
                    assert_eq!(alarm.rings(&series, 2 * DAY).len(), 1, "{name}: {why}");
                    assert_eq!(last, start + 14 + hours * 60, "{name}: {why}");
                    let seconds = alarm.periods * alarm.period * 60;
                    let limit = "what an alarm looks at with periods below an hour, in seconds";
                    assert!(is_within(seconds, limit), "{name}: {seconds}");
                }
                Stays::Repeats => assert_eq!(alarm.expression, LETTERS, "{name}: {why}"),
                Stays::Lasts => assert!(last < start + 60, "{name}: {why}"),
            }
        }
    }
}

/// A member such as `ActionsEnabled` would change what an alarm does.
#[test]
fn an_alarm_has_no_member_that_is_not_checked_here() {
    for (name, alarm) in everything().of_type("AWS::CloudWatch::Alarm") {
        let mut members: Vec<&String> = alarm.as_object().unwrap().keys().collect();
        // The lag ends by itself, and then nobody need act.
        members.retain(|member| *member != "OKActions" || name != "ReplicationLagAlarm");
        members.retain(|member| *member != "DatapointsToAlarm");
        members.sort();

        let expected = [
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "EvaluationPeriods",
            "Metrics",
            "Threshold",
            "TreatMissingData",
        ];
        assert_eq!(members, expected, "{name}");
    }
}

/// The alarms of the template, each with the metrics that it watches.
fn alarms_with_metrics() -> Vec<(String, Alarm, Vec<alarm::Metric>)> {
    let deployment = everything();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm").into_iter();

    alarms
        .map(|(name, definition)| {
            let alarm = Alarm::read(definition);
            let mut metrics: Vec<alarm::Metric> =
                alarm.stats.iter().map(|it| it.metric.clone()).collect();
            if metrics.is_empty() {
                metrics.push(lag_of("fs-1", "fs-2"));
            }
            (name.to_owned(), alarm, metrics)
        })
        .collect()
}

/// The lag of one replication.
fn lag_of(source: &str, replica: &str) -> alarm::Metric {
    alarm::Metric::read(&json!({
        "Namespace": "AWS/EFS",
        "MetricName": "TimeSinceLastSync",
        "Dimensions": [
            { "Name": "FileSystemId", "Value": source },
            { "Name": "DestinationFileSystemId", "Value": replica },
        ],
    }))
}

/// The minutes in which an alarm goes off, if one metric has these values.
fn rings(alarm: &Alarm, metric: &alarm::Metric, points: Points) -> Vec<u64> {
    let until = points.keys().max().unwrap_or(&0) + 3 * alarm.period;

    alarm.rings(&[(metric.clone(), points)].into(), until)
}

#[test]
fn an_alarm_goes_off_at_its_threshold_and_not_below_it() {
    for (name, alarm, metrics) in alarms_with_metrics() {
        if alarm.expression == LETTERS {
            continue;
        }
        // What is above the threshold is a breach even where the threshold itself is none.
        let is_exclusive = alarm.comparison == "GreaterThanThreshold";
        let breach = alarm.threshold + f64::from(u8::from(is_exclusive));
        let start = 10 * alarm.period;
        let course = |value: f64, periods: u64| -> Points {
            let starts = (0..periods).map(|number| start + number * alarm.period);
            starts.map(|minute| (minute, value)).collect()
        };

        for metric in &metrics {
            let rung = rings(&alarm, metric, course(breach, alarm.datapoints));
            assert_eq!(rung.len(), 1, "{name}: {metric:?}");
            assert!(rung[0] > start, "{name}");
            let rung = rings(&alarm, metric, course(breach - 1.0, alarm.datapoints));
            assert_eq!(rung, [0; 0], "{name} goes off too early: {metric:?}");
            let rung = rings(&alarm, metric, course(breach, alarm.datapoints - 1));
            assert_eq!(rung, [0; 0], "{name} goes off too soon: {metric:?}");
        }
        // A metric that only starts alike is another one.
        let mut other = metrics[0].clone();
        other
            .dimensions
            .push(("Other".to_owned(), "any".to_owned()));
        let rung = rings(&alarm, &other, course(breach, alarm.datapoints));
        assert_eq!(rung, [0; 0], "{name}");
    }
}

/// CloudWatch reports changes alone, and an alarm that stays on would be forgotten.
#[test]
fn an_alarm_on_letters_goes_off_for_each_letter_and_every_day() {
    const DAY: u64 = 1440;
    let mut checked = 0;

    for (name, alarm, metrics) in alarms_with_metrics() {
        if alarm.expression != LETTERS {
            continue;
        }
        checked += 1;
        let letters = |count: fn(u64) -> u8, days: u64| -> Vec<u64> {
            let minutes = 0..days * DAY;
            let points = minutes.map(|minute| (minute, f64::from(count(minute))));
            rings(&alarm, &metrics[0], points.collect())
        };

        // Shortly after six o'clock on each day that it stays.
        let stays = letters(|minute| u8::from(minute >= 100), 3);
        assert_eq!(stays, [102, 362, 362 + DAY, 362 + 2 * DAY], "{name}");
        let second = letters(
            |minute| u8::from(minute >= 100) + u8::from(minute >= 200),
            1,
        );
        assert_eq!(second, [102, 202, 362], "{name}");
        let removed = letters(|minute| u8::from((100..150).contains(&minute)), 1);
        assert_eq!(removed, [102], "{name}");
        assert_eq!(letters(|_| 0, 2), [0; 0], "{name}");
    }
    assert_eq!(checked, 3);
}

#[test]
fn the_lag_of_any_replica_counts() {
    let alarms = alarms_with_metrics();
    let (_, alarm, _) = alarms
        .iter()
        .find(|(name, ..)| name == "ReplicationLagAlarm")
        .unwrap();
    let course = |value: f64| -> Points { (50..70).map(|minute| (minute, value)).collect() };

    let series = [
        (lag_of("fs-1", "fs-2"), course(1.0)),
        (lag_of("fs-3", "fs-4"), course(901.0)),
    ];
    assert_eq!(alarm.rings(&series.into(), 80).len(), 1);
}

#[test]
fn every_alarm_notifies_operators() {
    let deployment = everything();

    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        let notifications = [deployment.arn("Notifications")];
        assert_eq!(texts_of(&alarm["AlarmActions"]), notifications, "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        if let Some(over) = alarm.get("OKActions") {
            assert_eq!(texts_of(over), notifications, "{name}");
        }
        // The topic admits no alarm with another name.
        let own = text_of(&alarm["AlarmName"]);
        assert!(own.starts_with("drover-"), "{own}");

        let queries = alarm["Metrics"].as_array().unwrap();
        let ids: BTreeSet<String> = queries.iter().map(|query| text_of(&query["Id"])).collect();
        assert_eq!(ids.len(), queries.len(), "{name} has each ID once");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_and_every_queue_of_letters() {
    for deployment in [Deployment::by_default(), everything()] {
        let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
        let body: Value = serde_json::from_str(&body).unwrap();
        let mut widgets = body["widgets"].as_array().unwrap().iter();
        let alarms = widgets.find(|widget| widget["type"] == "alarm").unwrap();
        let shown = texts_of(&alarms["properties"]["alarms"]);
        let shown: BTreeSet<String> = shown.into_iter().collect();

        let alarms = deployment.of_type("AWS::CloudWatch::Alarm").into_iter();
        let expected: BTreeSet<String> = alarms.map(|(name, _)| deployment.arn(name)).collect();
        assert_eq!(shown, expected);

        let is_of_letters = |widget: &&Value| widget["properties"]["title"] == "Dead letters";
        let letters = widgets.find(is_of_letters).unwrap();
        let metrics = letters["properties"]["metrics"].as_array().unwrap();
        let shown: BTreeSet<String> = metrics.iter().map(|metric| text_of(&metric[3])).collect();
        let alarms = deployment.of_type("AWS::CloudWatch::Alarm").into_iter();
        let alarms = alarms.filter(|(_, alarm)| alarm["Metrics"][0]["Expression"] == LETTERS);
        let expected: BTreeSet<String> = alarms
            .filter_map(|(_, alarm)| metrics_of(alarm)[0].dimension("QueueName"))
            .collect();
        assert_eq!(shown, expected);
    }
}

/// From top to bottom, without a gap and without one widget over another.
#[test]
fn the_dashboard_answers_one_question_after_the_other() {
    let deployment = everything();
    let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    let widgets = body["widgets"].as_array().unwrap();

    let headings = widgets.iter().filter(|widget| widget["type"] == "text");
    let questions: Vec<String> = headings
        .map(|widget| text_of(&widget["properties"]["markdown"]))
        .collect();
    let expected = [
        "## Is anything waiting for me?",
        "## What happened this week?",
        "## Are my replicas and servers healthy?",
        "## How does drover itself run?",
    ];
    assert_eq!(questions, expected);

    // Each cell of the grid, 24 columns wide, belongs to one widget.
    let mut cells = BTreeSet::new();
    let number = |widget: &Value, member: &str| widget[member].as_u64().unwrap();
    for widget in widgets {
        let (x, y) = (number(widget, "x"), number(widget, "y"));
        for column in x..x + number(widget, "width") {
            for row in y..y + number(widget, "height") {
                assert!(column < 24 && cells.insert((row, column)), "{widget}");
            }
        }
    }
    let rows = cells.iter().map(|(row, _)| row + 1).max().unwrap();
    assert_eq!(cells.len() as u64, rows * 24, "a gap");
}

/// By the price of a metric in an alarm, 0.10 USD a month, and of the alarm on the lag without any
/// replica.
#[test]
fn the_guide_states_the_cost_of_the_alarms() {
    let recovery = [
        ("RecoveryAccount", "999988887777"),
        ("RecoveryRegion", "eu-west-1"),
    ];

    for (deployment, what) in [
        (Deployment::by_default(), "for the metrics of the alarms"),
        (
            Deployment::with(&[("Functions", "efs")]),
            "for those of a stack with `Functions=efs`",
        ),
        (
            Deployment::forwarding(&recovery),
            "for those of the forwarding",
        ),
    ] {
        let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
        let metrics: usize = alarms
            .iter()
            .map(|(_, alarm)| metrics_of(alarm).len())
            .sum();

        let (dollars, tenths) = (metrics / 10, metrics % 10);
        let cost = format!("{dollars}.{tenths}0 {what}");
        assert!(
            read("docs/operations.md").contains(&cost),
            "docs/operations.md must say `{cost}`; correct the sum beside it too"
        );
    }
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
