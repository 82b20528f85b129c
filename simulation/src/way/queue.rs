//! SQS: queues, what reads them for the function, and dead letters, by
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use std::time::Duration;

use serde_json::{Value, json};
use template::{REGION, text_of};

use crate::way::{
    account::Account,
    batch::{self, BatchRan},
    carrier,
    hop::{Hop, Message, Ran, Tag},
    permission::may,
    trace::{Letter, Origin},
};

/// What Lambda does with a queue.
const READING: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

/// A message arrives in a queue: one that the function reads, or one that keeps dead letters.
pub(super) fn send(account: &Account, queue: &str, message: Message) {
    let (name, properties) = named(account, queue);
    assert!(
        properties.get("FifoQueue").is_none(),
        "a queue that keeps an order is not known here"
    );
    carrier::check(
        account,
        message.tag,
        "a message in a queue, in bytes",
        message.body.len(),
    );

    if mapping(account, queue).is_none() {
        check_letter(account, &message);
        let hop = format!("letter in {name}");
        account.hop(
            message.tag,
            &hop,
            &format!("in queue {name}, which nothing reads"),
        );
        let tag = message.tag;
        account.trace.borrow_mut().letters.push(Letter {
            queue: queue.to_owned(),
            tag,
        });
        return;
    }

    account.hop(
        message.tag,
        &format!("queue {name}"),
        &format!("message in queue {name}"),
    );
    account
        .queues
        .borrow_mut()
        .entry(queue.to_owned())
        .or_default()
        .push(message);
    // What reads the queue takes a moment, in which others arrive.
    account.send(poll(queue).after(1));
}

/// Operators send again what a letter holds: the request of a result, or the input of an execution.
fn check_letter(account: &Account, message: &Message) {
    let tag = message.tag;
    let Some(fact) = tag.fact else { return };
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    // An event that was not delivered lies there as it is.
    let is_event = body.get("detail-type").is_some();

    let trace = account.trace.borrow();
    let member = match trace.facts[fact].origin {
        Origin::Status { .. } => "input",
        _ => "requestPayload",
    };
    drop(trace);
    let is_whole = body.get(member).is_some() || body["detail"].get(member).is_some();
    if !is_whole || (is_event && !message.is_undelivered) {
        let start: String = message.body.chars().take(200).collect();
        account.violate(
            tag,
            2,
            &format!("a letter without {member}, as it is replayed: {start}"),
        );
    }
}

fn poll(queue: &str) -> Hop {
    Hop::Poll {
        queue: queue.to_owned(),
    }
}

/// The logical ID and the properties of a queue.
fn named<'a>(account: &'a Account, arn: &str) -> (&'a str, &'a Value) {
    let name = account.stack.by_arn("AWS::SQS::Queue", arn);
    let name = name.unwrap_or_else(|| panic!("there is no queue {arn}"));

    (name, account.stack.deployment.properties(name))
}

/// What reads a queue for the function.
fn mapping<'a>(account: &'a Account, queue: &str) -> Option<&'a Value> {
    let kind = "AWS::Lambda::EventSourceMapping";

    account.stack.with(kind, "EventSourceArn", queue)
}

/// The time ends for which a message is hidden.
pub(super) fn show(account: &Account, queue: &str, id: usize) {
    // A message that was deleted is not there any more.
    let mut queues = account.queues.borrow_mut();
    let messages = queues.entry(queue.to_owned()).or_default();
    let Some(message) = messages.iter_mut().find(|message| message.id == id) else {
        return;
    };

    message.is_hidden = false;
    account.send(poll(queue));
}

/// Invokes the function with the messages that a queue shows, as many as a batch has.
pub(super) async fn read(account: &Account, queue: &str) {
    let Some(mapping) = mapping(account, queue) else {
        return;
    };
    let most = mapping["ScalingConfig"]["MaximumConcurrency"].as_u64();
    if most.is_some_and(|most| account.reading.get() >= most) {
        return;
    }
    let size = mapping["BatchSize"].as_u64().unwrap_or(10);
    let messages = receive(account, queue, usize::try_from(size).unwrap_or_default());
    let Some(first) = messages.first() else {
        return;
    };

    // Lambda reads the queue with the role of the function.
    let tag = first.tag;
    let role = text_of(&account.stack.properties()["Role"]);
    let service = ("lambda.amazonaws.com", account.stack.function_arn.as_str());
    for action in READING {
        if !may(account, tag, service, &role, (action, queue)) {
            return;
        }
    }

    let count = messages.len();
    account.hop(
        tag,
        &format!("batch of {count}"),
        &format!("a batch of {count}"),
    );
    let requests: Option<Vec<usize>> = messages
        .iter()
        .map(|message| account.request_in(&message.body))
        .collect();
    let requests = requests.expect("whatever is sent to a queue is known");
    let payload = json!({ "Records": records(account, queue, &messages) }).to_string();
    account.reading.update(|reading| reading + 1);
    let ended = batch::run(account, payload, requests, tag).await;
    account.reading.update(|reading| reading - 1);
    let outcomes = ended
        .reports
        .iter()
        .map(|report| text_of(&report["outcome"]));
    account.trace.borrow_mut().logged.extend(outcomes);

    settle(account, queue, mapping, &messages, &ended);
}

/// Takes messages that a queue shows, and hides them for a while.
fn receive(account: &Account, queue: &str, most: usize) -> Vec<Message> {
    let (_, properties) = named(account, queue);
    let hidden = properties["VisibilityTimeout"].as_u64().unwrap_or(30);
    let kept = Duration::from_secs(
        properties["MessageRetentionPeriod"]
            .as_u64()
            .unwrap_or(345_600),
    );
    let redrive = &properties["RedrivePolicy"];
    let most_received = redrive["maxReceiveCount"].as_u64().unwrap_or(u64::MAX);
    let timeout = account.simulation.state().scenario.timeout_seconds;

    let mut queues = account.queues.borrow_mut();
    let messages = queues.entry(queue.to_owned()).or_default();
    let (expired, left): (Vec<Message>, Vec<Message>) = std::mem::take(messages)
        .into_iter()
        .partition(|message| message.sent.elapsed() > kept);
    let (dead, left): (Vec<Message>, Vec<Message>) = left
        .into_iter()
        .partition(|message: &Message| !message.is_hidden && message.received >= most_received);
    *messages = left;

    let mut received = Vec::new();
    let shown = messages.iter_mut().filter(|message| !message.is_hidden);
    for message in shown.take(most) {
        message.received += 1;
        message.is_hidden = true;
        if message.is_worked_on || hidden < timeout {
            account.violate(
                message.tag,
                8,
                "a message may be shown while it is worked on",
            );
        }
        message.is_worked_on = true;
        let (queue, id) = (queue.to_owned(), message.id);
        account.send(Hop::Show { queue, id }.after(hidden));
        received.push(message.clone());
    }
    drop(queues);

    give_up(account, redrive, expired, dead);
    received
}

/// What is received too often goes to the dead letters, and what is too old is lost.
fn give_up(account: &Account, redrive: &Value, expired: Vec<Message>, dead: Vec<Message>) {
    for message in expired {
        account.violate(message.tag, 2, "a message expires before it is processed");
    }
    for message in dead {
        let times = message.received;
        account.narrate(message.tag, &format!("received {times} times"));
        if times != 5 {
            account.violate(
                message.tag,
                8,
                &format!("a message is given up after {times} tries"),
            );
        }
        account.send(Hop::Send {
            queue: text_of(&redrive["deadLetterTargetArn"]),
            message,
        });
    }
}

/// Deletes what is processed, and leaves what failed until the queue shows it again.
fn settle(account: &Account, queue: &str, mapping: &Value, messages: &[Message], ended: &BatchRan) {
    // Without this, an answer acknowledges the whole batch.
    let types = mapping["FunctionResponseTypes"].as_array();
    let mut types = types.into_iter().flatten();
    let is_partial = types.any(|kind| kind == "ReportBatchItemFailures");

    let is_left = |message: &Message| match &ended.ran {
        // A failure returns the whole batch, and so does a throttle.
        Ran::Throttled | Ran::Failed(_) => true,
        Ran::Answered(body) if is_partial => {
            let failures = body["batchItemFailures"].as_array().into_iter().flatten();
            let id = message_id(message.id);
            failures
                .into_iter()
                .any(|item| item["itemIdentifier"] == id)
        }
        Ran::Answered(_) => false,
    };

    for (index, message) in messages.iter().enumerate() {
        let mut queues = account.queues.borrow_mut();
        let known = queues.entry(queue.to_owned()).or_default();
        if is_left(message) {
            let own = known.iter_mut().find(|other| other.id == message.id);
            own.into_iter().for_each(|own| own.is_worked_on = false);
            drop(queues);
            account.hop(message.tag, "message left", "left in its queue");
            continue;
        }
        known.retain(|other| other.id != message.id);
        drop(queues);
        processed(account, queue, message, ended.reports.get(index));
    }
    account.send(poll(queue));
}

/// A message is deleted: its report has to be final, for nobody else will ask again.
fn processed(account: &Account, queue: &str, message: &Message, report: Option<&Value>) {
    let tag = message.tag;
    account.hop(
        tag,
        "message processed",
        "processed, and deleted from its queue",
    );
    account.trace.borrow_mut().chains[tag.chain].processed += 1;

    match report.and_then(|report| report["outcome"].as_str()) {
        None => account.violate(tag, 2, "a message is deleted without a report"),
        Some(outcome @ ("retryable" | "indeterminate" | "permanent")) => {
            account.violate(tag, 2, &format!("a message is deleted that is {outcome}"));
        }
        Some(_) => {}
    }
    if report.is_some_and(is_due_soon) {
        account.violate(
            tag,
            2,
            "a message is deleted although its request is due again in minutes",
        );
    }
    // SQS delivers at least once.
    if account.chance(4) {
        account.hop(
            tag,
            "duplicate by a queue",
            "the queue delivers it once more",
        );
        let tag = account.trace.borrow_mut().duplicate(tag);
        let message = Message::new(account.number(), message.body.clone(), tag);
        let queue = queue.to_owned();
        account.send(Hop::Send { queue, message });
    }
}

/// Whether something is pending that will be different in minutes; what takes hours is none of a
/// queue's business (docs/decisions.md).
fn is_due_soon(report: &Value) -> bool {
    let mut results = report["targets"].as_array().into_iter().flatten();

    results.any(|result| {
        let seconds = result["lookAgainAfterSeconds"].as_u64();
        result["outcome"] == "pending" && seconds.is_some_and(|seconds| seconds <= 120)
    })
}

fn message_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Messages as Lambda hands them to a function.
fn records(account: &Account, queue: &str, messages: &[Message]) -> Vec<Value> {
    let record = |message: &Message| {
        json!({
            "messageId": message_id(message.id),
            "receiptHandle": account.id(),
            "body": message.body,
            "attributes": { "ApproximateReceiveCount": message.received.to_string() },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": REGION,
        })
    };

    messages.iter().map(record).collect()
}

/// Whether anything is left in the queues that are read.
pub(super) fn left(account: &Account) -> Vec<Tag> {
    let queues = account.queues.borrow();

    queues
        .values()
        .flatten()
        .map(|message| message.tag)
        .collect()
}
