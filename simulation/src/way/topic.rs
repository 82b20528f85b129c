//! SNS: what a topic delivers to its subscriptions, by
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html>.

use serde_json::{Value, json};
use template::{pattern::matches, text_of};

use crate::way::{
    account::Account,
    carrier,
    hop::{Hop, Message, Tag},
    permission::may_send,
};

const SNS: &str = "sns.amazonaws.com";

/// A message on a topic: what people subscribe to, or a request for a function.
pub(super) fn publish(account: &Account, topic: &str, message: &str, tag: Tag) {
    let name = account
        .stack
        .by_arn("AWS::SNS::Topic", topic)
        .unwrap_or(topic);
    let start: String = message.chars().take(200).collect();
    account.hop(
        tag,
        &format!("topic {name}"),
        &format!("on topic {name}: {start}"),
    );
    carrier::check(
        account,
        tag,
        "a message on a topic, in bytes",
        message.len(),
    );

    if tag.fact.is_some() {
        return read(account, topic, message, tag);
    }
    for (name, subscription) in account.stack.deployment.of_type("AWS::SNS::Subscription") {
        // Several subscriptions may want one message.
        if subscription["TopicArn"] == topic && wants(account, subscription, message, tag) {
            account.hop(
                tag,
                &format!("subscription {name}"),
                &format!("subscription {name}"),
            );
            deliver(account, topic, subscription, message, tag);
        }
    }
}

/// People read a notification.
fn read(account: &Account, topic: &str, message: &str, tag: Tag) {
    // Without an address in the template, people subscribe by hand.
    let email = account.stack.parameter("NotificationEmail");
    let subscriptions = account.stack.deployment.of_type("AWS::SNS::Subscription");
    let is_sent = subscriptions.iter().any(|(_, subscription)| {
        subscription["TopicArn"] == topic && subscription["Endpoint"] == email
    });

    if !email.is_empty() && !is_sent {
        account.violate(tag, 2, "a notification reaches nobody");
    }
    if message.contains(['<', '>']) || message.is_empty() {
        account.violate(tag, 2, &format!("a notification says nothing: {message}"));
    }
}

/// Whether a subscription takes a message. What is no JSON object is dropped by a filter on it.
fn wants(account: &Account, subscription: &Value, message: &str, tag: Tag) -> bool {
    let Some(filter) = subscription.get("FilterPolicy") else {
        return true;
    };
    // A filter on attributes takes nothing, for people set none.
    if subscription["FilterPolicyScope"] != "MessageBody" {
        return false;
    }

    match serde_json::from_str(message) {
        Ok(body @ Value::Object(_)) => matches(filter, Some(&body)),
        _ => {
            account.trace.borrow_mut().chains[tag.chain].dropped += 1;
            false
        }
    }
}

fn deliver(account: &Account, topic: &str, subscription: &Value, message: &str, tag: Tag) {
    let endpoint = text_of(&subscription["Endpoint"]);
    let is_function = endpoint.contains(":lambda:");
    let tag = match is_function {
        true => account.trace.borrow_mut().delivery(tag),
        false => tag,
    };

    // SNS tries for weeks what is away, and keeps at once what is not allowed.
    if !may_send(account, tag, SNS, (topic, &endpoint)) {
        return keep(account, topic, subscription, message, tag);
    }
    if !is_function {
        let message = Message::new(account.number(), message.to_owned(), tag);
        return account.send(Hop::Send {
            queue: endpoint,
            message,
        });
    }
    if endpoint != account.stack.alias_arn {
        let complaint = format!("the topic starts {endpoint}, whose business it is not");
        return account.violate(tag, 2, &complaint);
    }

    let payload = envelope(account, topic, message);
    account.send(Hop::Invoke {
        payload: payload.clone(),
        tag,
    });
    // SNS delivers at least once.
    if account.chance(4) {
        account.hop(tag, "duplicate by a topic", "the topic delivers it twice");
        let tag = account.trace.borrow_mut().duplicate(tag);
        account.send(Hop::Invoke { payload, tag });
    }
}

fn keep(account: &Account, topic: &str, subscription: &Value, message: &str, tag: Tag) {
    let queue = subscription["RedrivePolicy"].get("deadLetterTargetArn");
    let Some(queue) = queue.map(text_of) else {
        return account.violate(tag, 2, "the topic keeps nothing that it cannot deliver");
    };
    if !may_send(account, tag, SNS, (topic, &queue)) {
        return account.violate(tag, 2, "the topic may not keep what it cannot deliver");
    }

    account.send(Hop::Send {
        queue,
        message: Message::new(account.number(), message.to_owned(), tag),
    });
}

/// A message as SNS hands it to a function.
fn envelope(account: &Account, topic: &str, message: &str) -> String {
    // Lambda gets one record at a time.
    let record = json!({
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{topic}:{}", account.id()),
        "Sns": {
            "Type": "Notification",
            "MessageId": account.id(),
            "TopicArn": topic,
            "Subject": null,
            "Timestamp": account.time(),
            "SignatureVersion": "1",
            "Signature": "EXAMPLE==",
            "MessageAttributes": {},
            "Message": message,
        },
    });

    json!({ "Records": [record] }).to_string()
}
