//! Who is told of what no result event tells: an alarm watches every dead letter, every message that
//! a topic drops, every execution that fails, and every outcome in the log of a queue's messages.

use std::collections::BTreeMap;

use serde_json::Value;
use template::{
    alarm::{Alarm, Metric, Points},
    delivery::Way,
    text_of, texts_of,
};

use crate::way::{
    account::Account,
    hop::Tag,
    trace::{Origin, Trace},
};

/// What is wrong, with whom it belongs to and the invariant.
pub(super) type Complaint = (Tag, u8, String);

/// The outcomes in a log that people have to know of.
const ALARMING: [&str; 4] = ["rejected", "failed", "permanent", "indeterminate"];

/// Every complaint about an alarm that should have rung.
pub(super) fn check(account: &Account, trace: &Trace) -> Vec<Complaint> {
    let mut watched: BTreeMap<(Metric, bool), Tag> = BTreeMap::new();
    for letter in &trace.letters {
        // A letter is told of when it comes, and again before it expires.
        for (name, is_age) in [
            ("ApproximateNumberOfMessagesVisible", false),
            ("ApproximateAgeOfOldestMessage", true),
        ] {
            let queue = letter.queue.rsplit(':').next().unwrap_or_default();
            let metric = metric("AWS/SQS", name, "QueueName", queue);
            watched.insert((metric, is_age), letter.tag);
        }
    }
    for (number, chain) in trace.chains.iter().enumerate() {
        if chain.dropped > 0 {
            let name = "NumberOfNotificationsFilteredOut-InvalidMessageBody";
            let metric = metric("AWS/SNS", name, "TopicName", "Requests");
            watched.insert((metric, false), tag_of(number));
        }
    }
    for fact in &trace.facts {
        let metric = failed_execution(account, &fact.origin);
        watched.extend(metric.map(|metric| ((metric, false), tag_of(fact.chain))));
    }
    for outcome in &trace.logged {
        let metric = outcome_metric(account, outcome);
        watched.extend(metric.map(|metric| ((metric, false), tag_of(0))));
    }

    let silent = watched.into_iter().filter(|((metric, is_age), _)| {
        let points = match metric.namespace.as_str() {
            "AWS/SQS" if *is_age => ages(account, metric),
            "AWS/SQS" => stays(),
            _ => once(),
        };
        !rings(account, metric, points)
    });
    silent
        .map(|((metric, _), tag)| {
            let (name, dimensions) = (metric.name, metric.dimensions);
            (tag, 2, format!("no alarm tells of {name} {dimensions:?}"))
        })
        .collect()
}

fn tag_of(chain: usize) -> Tag {
    Tag { chain, fact: None }
}

fn metric(namespace: &str, name: &str, dimension: &str, value: &str) -> Metric {
    Metric {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions: vec![(dimension.to_owned(), value.to_owned())],
    }
}

/// The metric of an execution that failed. Whoever stops one knows of it.
fn failed_execution(account: &Account, origin: &Origin) -> Option<Metric> {
    let Origin::Status {
        machine, status, ..
    } = origin
    else {
        return None;
    };

    let name = match status.as_str() {
        "FAILED" => "ExecutionsFailed",
        "TIMED_OUT" => "ExecutionsTimedOut",
        _ => return None,
    };
    let arn = account.stack.deployment.arn(machine);
    Some(metric("AWS/States", name, "StateMachineArn", &arn))
}

/// The metric that the filter of the function's log makes of an outcome.
fn outcome_metric(account: &Account, outcome: &str) -> Option<Metric> {
    if !ALARMING.contains(&outcome) {
        return None;
    }

    let log = &account.stack.properties()["LoggingConfig"]["LogGroup"];
    let filter = account
        .stack
        .with("AWS::Logs::MetricFilter", "LogGroupName", &text_of(log))?;
    let made = &filter["MetricTransformations"][0];
    Some(metric(
        &text_of(&made["MetricNamespace"]),
        &text_of(&made["MetricName"]),
        "Outcome",
        outcome,
    ))
}

/// Something that lies in a queue for half an hour.
fn stays() -> Points {
    (10..40).map(|minute| (minute, 1.0)).collect()
}

/// Something that happens once, of which people have to know.
fn once() -> Points {
    (0..40)
        .map(|minute| (minute, f64::from(minute == 10)))
        .collect()
}

/// The age of a letter until its queue deletes it, every five minutes.
fn ages(account: &Account, metric: &Metric) -> Points {
    let (_, name) = &metric.dimensions[0];
    let queue = account.stack.queue_named(name);
    let kept = queue["MessageRetentionPeriod"].as_u64().unwrap_or(345_600);

    (0..kept / 60)
        .map(|minute| (minute, (minute * 60) as f64))
        .collect()
}

/// Whether an alarm notifies people of a metric.
fn rings(account: &Account, metric: &Metric, points: Points) -> bool {
    let until = points.keys().last().copied().unwrap_or_default();
    let series = BTreeMap::from([(metric.clone(), points)]);
    let deployment = &account.stack.deployment;

    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    alarms.iter().any(|(name, alarm)| {
        let read = Alarm::read(alarm);
        // The others do not know the metric, and to ask them takes long.
        let is_about = read.stats.iter().any(|stat| stat.metric == *metric);
        let is_on = alarm["ActionsEnabled"] != false && notifies(account, name, alarm);

        is_about && is_on && !read.rings(&series, until).is_empty()
    })
}

/// Whether an alarm may publish on a topic that it names.
fn notifies(account: &Account, name: &str, alarm: &Value) -> bool {
    let deployment = &account.stack.deployment;
    let arn = deployment.arn(name);
    let topics = texts_of(&alarm["AlarmActions"]);

    topics.iter().any(|topic| {
        let way = Way::new(
            "cloudwatch.amazonaws.com",
            arn.as_str(),
            &Value::from(topic.as_str()),
        );
        way.is_open(deployment)
    })
}
