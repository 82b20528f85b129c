//! EventBridge: the rules of a bus, and what they deliver to their targets, by
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>.

use std::time::Duration;

use serde_json::{Value, json};
use template::{pattern::matches, text_of};
use tokio::time::sleep;

use crate::way::{
    account::Account,
    caller::NOTIFY,
    carrier,
    hop::{Delivery, Hop, Message, Tag},
    permission::{may, may_send},
    trace::Sink,
};

const EVENTS: &str = "events.amazonaws.com";

/// An event on a bus: each rule that matches delivers it to each of its targets.
pub(super) fn put(account: &Account, bus: &str, event: &Value, tag: Tag) {
    let (source, kind) = (text_of(&event["source"]), text_of(&event["detail-type"]));
    account.narrate(tag, &format!("event on bus {bus}: {kind}, from {source}"));
    let entry = source.len() + kind.len() + event["detail"].to_string().len();
    carrier::check(account, tag, "an event, in bytes", entry);

    for (name, rule) in account.stack.deployment.of_type("AWS::Events::Rule") {
        // A rule without a bus is on the default one.
        let own = rule.get("EventBusName").map_or("default".into(), text_of);
        let is_on = rule["State"] != "DISABLED";
        if own != bus || !is_on || !matches(&rule["EventPattern"], Some(event)) {
            continue;
        }

        // Each target is retried by itself.
        let hop = format!("rule {name}");
        account.hop(tag, &hop, &format!("rule {name} matches"));
        for target in rule["Targets"].as_array().into_iter().flatten() {
            account.send(Hop::Deliver(Box::new(Delivery {
                rule: name.to_owned(),
                target: target.clone(),
                event: event.clone(),
                tag,
            })));
        }
    }
}

/// A delivery to a target, until it is accepted or lies in the dead-letter queue.
pub(super) async fn deliver(account: &Account, delivery: Delivery) {
    let Delivery { rule, target, .. } = &delivery;
    let rule_arn = account.stack.deployment.arn(rule);
    // A policy of the receiver decides, and for a machine the role of the target.
    let receiver = text_of(&target["Arn"]);
    let tag = begin(account, &delivery, &receiver);

    if !waits_for_target(account, tag, target).await {
        let why = format!("rule {rule} gives up its target");
        return keep(account, tag, &delivery, &rule_arn, &why);
    }
    // What is not allowed is not tried again.
    let is_allowed = match receiver.contains(":states:") {
        true => {
            let role = text_of(&target["RoleArn"]);
            let start = ("states:StartExecution", receiver.as_str());
            may(account, tag, (EVENTS, &rule_arn), &role, start)
        }
        false => may_send(account, tag, EVENTS, (&rule_arn, &receiver)),
    };
    if !is_allowed {
        let why = format!("rule {rule} may not use its target");
        return keep(account, tag, &delivery, &rule_arn, &why);
    }

    accept(account, tag, &delivery, &receiver);
    duplicate(account, tag, &delivery, &receiver);
}

/// The tag of a delivery: one to the function is a chain of its own.
fn begin(account: &Account, delivery: &Delivery, receiver: &str) -> Tag {
    // A result goes on in the chain that it belongs to.
    let is_request = delivery.tag.fact.is_none() && receiver.contains(":lambda:");

    match is_request {
        true => account.trace.borrow_mut().delivery(delivery.tag),
        false => delivery.tag,
    }
}

/// Whether a target that is not there for a while is back before the retry policy ends.
async fn waits_for_target(account: &Account, tag: Tag, target: &Value) -> bool {
    // What the template says, and not what EventBridge would do by itself.
    let policy = &target["RetryPolicy"];
    // Without a policy EventBridge tries for a day.
    let number = |name: &str, default| policy[name].as_u64().unwrap_or(default);
    let most = number("MaximumEventAgeInSeconds", 86_400);
    let retries = number("MaximumRetryAttempts", 185);

    // An outage takes minutes, and now and then days.
    let outage = match account.mishap() {
        0..20 => 600,
        20..30 => 172_800,
        _ => return true,
    };
    account.hop(tag, "target away", &format!("target away for {outage} s"));
    let is_back = retries > 0 && outage <= most;
    // AWS allows a day of tries, and what is back within it must not be given up.
    if !is_back && outage < 86_400 {
        account.violate(tag, 8, &format!("an event is given up within {outage} s"));
    }

    let waited = if retries > 0 { outage.min(most) } else { 0 };
    sleep(Duration::from_secs(waited)).await;
    is_back
}

/// Hands an event on to the service of its target.
fn accept(account: &Account, tag: Tag, delivery: &Delivery, receiver: &str) {
    // A text arrives as it is, and everything else as JSON.
    let input = input(&delivery.target, &delivery.event);
    let text = match &input {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rule = &delivery.rule;
    let is_function = receiver.contains(":lambda:");
    if !is_function && tag.fact.is_none() {
        return account.violate(tag, 2, &format!("rule {rule} takes what is no result"));
    }

    match receiver.split(':').nth(2).unwrap_or_default() {
        "lambda" if tag.fact.is_some() => {
            account.violate(tag, 2, &format!("rule {rule} takes a result for a request"));
        }
        "lambda" if receiver != account.stack.alias_arn => {
            let complaint = format!("rule {rule} starts {receiver}, whose business it is not");
            account.violate(tag, 2, &complaint);
        }
        "lambda" => account.send(Hop::Invoke { payload: text, tag }),
        "sns" => {
            account.reach(tag, Sink::Notification);
            account.send(Hop::Publish {
                topic: receiver.to_owned(),
                message: text,
                tag,
            });
        }
        "sqs" => {
            account.reach(tag, Sink::FailedRequests);
            account.send(Hop::Send {
                queue: receiver.to_owned(),
                message: Message::new(account.number(), text, tag),
            });
        }
        "states" => {
            // A notification reaches people when its execution has sent it.
            if sink(account, receiver) == Sink::FollowUp {
                account.reach(tag, Sink::FollowUp);
            }
            account.send(Hop::Execute {
                machine: receiver.to_owned(),
                input,
                tag,
            });
        }
        other => panic!("{other} is not known here"),
    }
}

/// EventBridge delivers at least once.
fn duplicate(account: &Account, tag: Tag, delivery: &Delivery, receiver: &str) {
    // Seldom, and everything has to bear it.
    if !account.chance(2) {
        return;
    }
    account.hop(tag, "duplicate by a rule", "the rule delivers it twice");

    let mut trace = account.trace.borrow_mut();
    let again = match tag.fact {
        None => trace.duplicate(tag),
        Some(fact) => {
            let sink = sink(account, receiver);
            trace.facts[fact].duplicates.count(sink);
            // A second follow-up is one more chain, and so is a second invocation.
            match sink {
                Sink::FollowUp => Tag {
                    fact: tag.fact,
                    ..trace.branch(tag)
                },
                _ => tag,
            }
        }
    };
    drop(trace);
    accept(account, again, delivery, receiver);
}

/// The place that a result reaches with a target.
fn sink(account: &Account, receiver: &str) -> Sink {
    match receiver.split(':').nth(2).unwrap_or_default() {
        "states" if receiver == account.stack.deployment.arn(NOTIFY) => Sink::Notification,
        "states" => Sink::FollowUp,
        "sns" => Sink::Notification,
        _ => Sink::FailedRequests,
    }
}

/// Sends an event to the dead-letter queue of its target.
fn keep(account: &Account, tag: Tag, delivery: &Delivery, rule: &str, why: &str) {
    let Some(queue) = delivery.target["DeadLetterConfig"].get("Arn") else {
        return account.violate(tag, 2, &format!("{why}, and nothing keeps the event"));
    };
    // The policy of the queue names the rules that may send to it.
    account.narrate(tag, why);
    let queue = text_of(queue);
    if !may_send(account, tag, EVENTS, (rule, &queue)) {
        return account.violate(tag, 2, &format!("{why}, and may not keep the event"));
    }

    // What lies there has not been told, and an alarm says so.
    if tag.fact.is_some() {
        let sink = sink(account, &text_of(&delivery.target["Arn"]));
        account.reach(tag, sink);
        let unstarted = usize::from(sink == Sink::FollowUp);
        account.trace.borrow_mut().chains[tag.chain].unstarted += unstarted;
    }
    account.send(Hop::Send {
        queue,
        message: Message::undelivered(account.number(), delivery.event.to_string(), tag),
    });
}

/// What a target gets of an event.
fn input(target: &Value, event: &Value) -> Value {
    if let Some(path) = target.get("InputPath") {
        return at_path(event, &text_of(path)).cloned().unwrap_or_default();
    }
    let Some(transformer) = target.get("InputTransformer") else {
        return event.clone();
    };

    // A member that is not there leaves nothing behind.
    let mut text = text_of(&transformer["InputTemplate"]);
    for (name, path) in transformer["InputPathsMap"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let value = at_path(event, &text_of(path));
        let value = match value {
            Some(Value::String(value)) => value.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let escaped = json!(value).to_string();
        text = text.replace(&format!("<{name}>"), escaped.trim_matches('"'));
    }
    serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
}

fn at_path<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    let mut names = path.trim_start_matches('$').split('.').skip(1);

    names.try_fold(event, |value, name| value.get(name))
}
