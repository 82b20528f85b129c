//! Finds the requests inside what Lambda was given: EventBridge, SNS, SQS, a pipe, their nestings,
//! or a request by itself.
//!
//! Envelopes are read leniently, member by member: only what is used is looked at; what they carry
//! is handed on as text and read strictly by the function that knows it. Everything that cannot be
//! a request ends as a named [`Rejection`].

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    rejection::{Rejection, RejectionCode},
    strict,
};

/// One thing to decide about: an EventBridge event, or the text of a request by itself.
#[derive(Debug, Clone)]
pub enum Message {
    /// An event that came through EventBridge, or claims so.
    Event(Event),
    /// The detail of an event without its envelope: a test event, an SNS message, an SQS body.
    Bare(String),
}

/// The parts of an EventBridge event that functions read. All of it is what a publisher wrote: a
/// hint, not an authority.
#[derive(Debug, Clone)]
pub struct Event {
    /// Who says that they sent it, such as `aws.ec2`.
    pub source: String,
    /// What kind of event it is, such as `EC2 Instance State-change Notification`.
    pub detail_type: String,
    /// The account where it happened.
    pub account: Option<String>,
    /// The Region where it happened.
    pub region: Option<String>,
    /// When it happened, if that was readable.
    pub time: Option<DateTime<Utc>>,
    /// The ARNs of what it happened to, as far as they were readable.
    pub resources: Vec<String>,
    /// The JSON text of `detail`.
    pub detail: String,
}

/// What one invocation was given.
#[derive(Debug)]
pub enum Inbound {
    /// One message, answered with one report.
    One(Result<Message, Rejection>),
    /// SNS records (Lambda gets one at a time, but the shape is a list), answered with as many
    /// reports.
    Sns(Vec<Result<Message, Rejection>>),
    /// SQS records, or those of an EventBridge pipe, answered with the list of those to deliver
    /// again.
    Sqs(Vec<Delivery>),
}

/// One record of a batch.
#[derive(Debug)]
pub struct Delivery {
    /// The ID by which a failed record is asked for again.
    pub message_id: Option<String>,
    /// Whether the queue keeps an order, so that nothing after a failed record may be taken.
    pub fifo: bool,
    /// What the record holds.
    pub message: Result<Message, Rejection>,
}

impl Delivery {
    /// A record that cannot be read, and so cannot be asked for again by itself.
    fn unnamed(rejection: Rejection) -> Self {
        Self {
            message_id: None,
            fifo: false,
            message: Err(rejection),
        }
    }
}

/// The members of a JSON object, each as the text that it was written as.
///
/// Only what is asked for is looked at, so that nothing which AWS adds, leaves out, doubles or
/// writes oddly can lose a request.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Self, Rejection> {
        strict::check_text(text)?;
        serde_json::from_str(text).map_err(|error| strict::rejection(&error))
    }

    /// Whether a member is there, whatever its value, but for `null`.
    fn has(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(known, value)| known == name && value.get() != "null")
    }

    /// A member that decides something, so that it must not be there twice; `null` is as good as
    /// none.
    fn one(&self, name: &str) -> Result<Option<&'a RawValue>, Rejection> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        let first = named.next();
        if named.next().is_some() {
            let message = format!("duplicate field `{name}`");
            return Err(Rejection::new(RejectionCode::DuplicateField, message));
        }

        let value = first.map(|(_, value)| *value);
        Ok(value.filter(|value| value.get() != "null"))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Rejection> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let text = serde_json::from_str(value.get());
        text.map(Some)
            .map_err(|error| strict::rejection_of(name, &error))
    }

    fn needed(&self, name: &str) -> Result<&'a RawValue, Rejection> {
        let missing = || {
            Rejection::new(
                RejectionCode::MissingField,
                format!("missing field `{name}`"),
            )
        };
        self.one(name)?.ok_or_else(missing)
    }

    fn needed_text(&self, name: &str) -> Result<String, Rejection> {
        let value = self.needed(name)?;
        serde_json::from_str(value.get()).map_err(|error| strict::rejection_of(name, &error))
    }

    /// The texts in a member that is a list of nothing else.
    fn texts(&self, name: &str) -> Vec<String> {
        let list = self.one(name).ok().flatten();
        let texts = list.and_then(|value| serde_json::from_str(value.get()).ok());

        texts.unwrap_or_default()
    }

    /// The objects in a member that is a list.
    fn list(&self, name: &str) -> Result<Option<Vec<&'a RawValue>>, Rejection> {
        Ok(self
            .one(name)?
            .and_then(|value| serde_json::from_str(value.get()).ok()))
    }
}

/// Opens what Lambda was given.
#[must_use]
pub fn open(text: &str) -> Inbound {
    try_open(text).unwrap_or_else(|rejection| Inbound::One(Err(rejection)))
}

fn try_open(text: &str) -> Result<Inbound, Rejection> {
    // Only a pipe sends a list by itself.
    if text.trim_start().starts_with('[') {
        return open_pipe(text);
    }
    let members = Members::read(text)?;
    match members.list("Records")? {
        Some(records) => open_records(&records),
        None => Ok(Inbound::One(open_message(text, &members, Layer::Outermost))),
    }
}

/// The records of an EventBridge pipe, which sends them as a list by itself: those of a queue as
/// SQS writes them, or whatever the pipe's input transformer made of each.
fn open_pipe(text: &str) -> Result<Inbound, Rejection> {
    // Each record is measured by itself, so that one that is too deep does not take the others with
    // it.
    let records: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(records) => records,
        Err(error) => {
            let named = strict::check_text(text).err();
            return Err(named.unwrap_or_else(|| strict::rejection(&error)));
        }
    };

    if !records.iter().any(|record| record.get().starts_with('{')) {
        strict::check_text(text)?;
        let message = "invalid type: a list of anything but objects, expected an object";
        return Err(Rejection::new(RejectionCode::WrongType, message));
    }

    let deliveries = records.into_iter().map(open_pipe_record);
    Ok(Inbound::Sqs(deliveries.collect()))
}

fn open_pipe_record(record: &RawValue) -> Delivery {
    let members = match Members::read(record.get()) {
        Ok(members) => members,
        Err(rejection) => return Delivery::unnamed(rejection),
    };
    if members.has("body") && is_from(&members, "aws:sqs") {
        return open_sqs(record);
    }

    // Queues name their records by the one, streams by the other.
    let [message, event] = ["messageId", "eventID"].map(|name| members.text(name).ok().flatten());
    Delivery {
        message_id: message.or(event),
        fifo: false,
        message: open_message(record.get(), &members, Layer::Inside),
    }
}

fn open_records(records: &[&RawValue]) -> Result<Inbound, Rejection> {
    // A batch comes from one service; a mixture was put together by somebody else.
    let sources: Vec<String> = records.iter().map(|record| record_source(record)).collect();
    let all_from =
        |service: &str| !sources.is_empty() && sources.iter().all(|source| source == service);

    if all_from("aws:sqs") {
        let deliveries = records.iter().map(|record| open_sqs(record));
        return Ok(Inbound::Sqs(deliveries.collect()));
    }
    if all_from("aws:sns") {
        let messages = records.iter().map(|record| open_sns(record));
        return Ok(Inbound::Sns(messages.collect()));
    }

    let named = sources.first().map_or("nobody", String::as_str);
    let message = format!(
        "`Records` of `{named}` hold no request; SNS and SQS records do, each by themselves"
    );
    Err(Rejection::unsupported(message))
}

/// Which service a record came from; SNS writes `EventSource`, SQS `eventSource`.
fn record_source(record: &RawValue) -> String {
    let Ok(members) = Members::read(record.get()) else {
        return String::new();
    };
    let named = ["eventSource", "EventSource"].map(|name| members.text(name).ok().flatten());
    named.into_iter().flatten().next().unwrap_or_default()
}

fn is_from(members: &Members<'_>, service: &str) -> bool {
    members
        .text("eventSource")
        .is_ok_and(|source| source.as_deref() == Some(service))
}

fn open_sns(record: &RawValue) -> Result<Message, Rejection> {
    let notification = Members::read(record.get())?.needed("Sns")?;
    open_inner(&Members::read(notification.get())?.needed_text("Message")?)
}

fn open_sqs(record: &RawValue) -> Delivery {
    let members = match Members::read(record.get()) {
        Ok(members) => members,
        Err(rejection) => return Delivery::unnamed(rejection),
    };

    // Without an ID the whole batch has to be delivered again.
    let [message_id, queue] =
        ["messageId", "eventSourceARN"].map(|name| members.text(name).ok().flatten());
    let body = members.text("body").map(Option::unwrap_or_default);
    Delivery {
        message_id,
        fifo: queue.is_some_and(|arn| arn.ends_with(".fifo")),
        message: body.and_then(|body| open_inner(&body)),
    }
}

/// How far inside a text stands: an SNS envelope may stand in an SQS body, and nothing further in
/// than that.
#[derive(Clone, Copy)]
enum Layer {
    Outermost,
    Inside,
    InsideNotification,
}

fn open_inner(text: &str) -> Result<Message, Rejection> {
    open_message(text, &Members::read(text)?, Layer::Inside)
}

fn open_message(text: &str, members: &Members<'_>, layer: Layer) -> Result<Message, Rejection> {
    if members.list("Records")?.is_some() {
        return Err(Rejection::unsupported(
            "`Records` inside a message hold no request",
        ));
    }
    if members.has("detail-type") {
        return open_event(text, members);
    }
    if members.has("Type") && members.has("TopicArn") {
        return open_notification(members, layer);
    }

    // What AWS delivers for other purposes is named, and everything else is a request by itself.
    match look_alike(members) {
        Some(what) => Err(Rejection::unsupported(format!("{what} is not a request"))),
        None => Ok(Message::Bare(text.to_owned())),
    }
}

/// What a text is that AWS delivers, and that is no request.
fn look_alike(members: &Members<'_>) -> Option<&'static str> {
    if members.has("AlarmName") {
        return Some("a CloudWatch alarm");
    }
    if members.has("requestPayload") || members.has("responseContext") {
        return Some("the record of a Lambda destination");
    }

    // Before CloudTrail's: those of a stream have both of its members too.
    if is_of_stream(members) {
        return Some("the record of a stream");
    }
    if members.has("eventName") && members.has("eventSource") {
        return Some("a CloudTrail log entry");
    }
    // Of an event without its kind a request would be read, and its own version be found wrong.
    if members.has("detail") && members.has("source") {
        return Some("an event without `detail-type`");
    }
    if members.has("Entries") || members.has("DetailType") && members.has("Detail") {
        return Some("the input of PutEvents");
    }

    let is_answer = members.has("batchItemFailures");
    is_answer.then_some("the answer to an SQS batch")
}

fn is_of_stream(members: &Members<'_>) -> bool {
    let is_stream = |service: &&str| is_from(members, service);
    members.has("eventName") && ["aws:dynamodb", "aws:kinesis"].iter().any(is_stream)
}

/// An SNS envelope as it stands in an SQS body. Only `Type` and `Message` are read: the rest varies
/// by protocol.
fn open_notification(members: &Members<'_>, layer: Layer) -> Result<Message, Rejection> {
    let kind = members.needed_text("Type")?;
    // SNS also sends confirmations of subscriptions in the same envelope.
    if kind != "Notification" {
        return Err(Rejection::unsupported(format!(
            "an SNS `{kind}` is not a request"
        )));
    }
    if matches!(layer, Layer::InsideNotification) {
        let message = "an SNS envelope inside an SNS envelope holds no request";
        return Err(Rejection::unsupported(message));
    }

    let inner = members.needed_text("Message")?;
    open_message(&inner, &Members::read(&inner)?, Layer::InsideNotification)
}

fn open_event(text: &str, members: &Members<'_>) -> Result<Message, Rejection> {
    // EventBridge would carry a megabyte.
    strict::check_size(text)?;
    Ok(Message::Event(Event {
        source: members.needed_text("source")?,
        detail_type: members.needed_text("detail-type")?,
        account: members.text("account")?,
        region: members.text("region")?,
        // A time that cannot be read loses no request.
        time: members
            .text("time")
            .ok()
            .flatten()
            .and_then(|time| time.parse().ok()),
        resources: members.texts("resources"),
        detail: members.needed("detail")?.get().to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn one(text: &str) -> Result<Message, Rejection> {
        match open(text) {
            Inbound::One(message) => message,
            other => panic!("not one message: {other:?}"),
        }
    }

    fn detail_type(message: Result<Message, Rejection>) -> String {
        match message {
            Ok(Message::Event(event)) => event.detail_type,
            other => panic!("not an event: {other:?}"),
        }
    }

    fn event() -> String {
        json!({"detail-type": "Asked", "source": "test", "detail": {"a": 1}, "added-by-aws": true})
            .to_string()
    }

    fn notification(message: &str) -> String {
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": message})
            .to_string()
    }

    fn sqs(bodies: &[&str]) -> String {
        let record = |body| json!({"messageId": format!("id of {body}"), "eventSource": "aws:sqs", "body": body});
        json!({"Records": bodies.iter().map(record).collect::<Vec<_>>()}).to_string()
    }

    #[test]
    fn an_event_is_opened_without_its_optional_members() {
        assert_eq!(detail_type(one(&event())), "Asked");
    }

    #[test]
    fn a_text_that_is_no_envelope_is_a_request_by_itself() {
        assert!(
            matches!(one(r#"{"version": 1}"#), Ok(Message::Bare(text)) if text == r#"{"version": 1}"#)
        );
    }

    #[test]
    fn one_member_of_an_envelope_does_not_make_one() {
        for text in [
            r#"{"Type":"Notification"}"#,
            r#"{"TopicArn":"t"}"#,
            r#"{"eventName":"X"}"#,
            r#"{"eventSource":"x"}"#,
        ] {
            assert!(
                matches!(one(text), Ok(Message::Bare(bare)) if bare == text),
                "{text}"
            );
        }
    }

    #[test]
    fn an_event_is_found_in_every_nesting() {
        let bodies = [event(), notification(&event())];
        let Inbound::Sqs(deliveries) = open(&sqs(&[&bodies[0], &bodies[1]])) else {
            panic!("not a batch")
        };
        for delivery in deliveries {
            assert_eq!(detail_type(delivery.message), "Asked");
        }
    }

    #[test]
    fn one_bad_record_does_not_hide_the_others() {
        let Inbound::Sqs(deliveries) = open(&sqs(&["garbage", &event(), "[]", ""])) else {
            panic!("not a batch")
        };
        let codes: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.message.as_ref().err().map(|r| r.code))
            .collect();
        use RejectionCode::{MalformedJson, WrongType};
        assert_eq!(
            codes,
            [
                Some(MalformedJson),
                None,
                Some(WrongType),
                Some(MalformedJson)
            ]
        );
    }

    #[test]
    fn a_fifo_queue_is_known_by_its_name() {
        let text =
            json!({"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:q.fifo", "body": "{}"}]}).to_string();
        assert!(matches!(open(&text), Inbound::Sqs(deliveries) if deliveries[0].fifo));
    }

    #[test]
    fn what_holds_no_request_is_named() {
        let cases = [
            (json!({"Records": []}).to_string(), "`Records` of `nobody`"),
            (
                json!({"Records": [{"eventSource": "aws:s3"}]}).to_string(),
                "`Records` of `aws:s3`",
            ),
            (
                json!({"Records": [{"eventSource": "aws:sqs"}, {"EventSource": "aws:sns"}]})
                    .to_string(),
                "`Records` of `aws:sqs`",
            ),
            (
                json!({"AlarmName": "lag"}).to_string(),
                "a CloudWatch alarm",
            ),
            (
                json!({"requestPayload": {}}).to_string(),
                "a Lambda destination",
            ),
            (
                json!({"eventName": "X", "eventSource": "drs.amazonaws.com"}).to_string(),
                "a CloudTrail log entry",
            ),
            (
                json!({"eventName": "INSERT", "eventSource": "aws:dynamodb"}).to_string(),
                "the record of a stream",
            ),
            (
                json!({"eventName": "aws:kinesis:record", "eventSource": "aws:kinesis"})
                    .to_string(),
                "of a stream",
            ),
            (
                json!({"Type": "SubscriptionConfirmation", "TopicArn": "t"}).to_string(),
                "an SNS `SubscriptionConfirmation`",
            ),
            (
                notification(&notification(&event())),
                "inside an SNS envelope",
            ),
            (notification(&sqs(&["{}"])), "`Records` inside a message"),
        ];
        for (text, part) in cases {
            let rejection = one(&text).unwrap_err();
            assert_eq!(rejection.code, RejectionCode::UnsupportedEvent, "{text}");
            assert!(
                rejection.message.contains(part),
                "{} does not say {part}",
                rejection.message
            );
        }
    }

    #[test]
    fn depth_is_refused_at_every_layer() {
        let deep = "[".repeat(100_000);
        assert_eq!(one(&deep).unwrap_err().code, RejectionCode::TooDeep);
        assert_eq!(
            one(&notification(&deep)).unwrap_err().code,
            RejectionCode::TooDeep
        );
    }

    /// The text of an object in which one member that nobody needs is another one: every JSON type,
    /// absent, or doubled.
    fn oddities(object: &Value, needed: &[&str]) -> Vec<String> {
        let members = object.as_object().unwrap();
        let values = [
            "null",
            "true",
            "0",
            "-1.5e300",
            "\"\"",
            "\"\\ud800\"",
            "[]",
            "[{}]",
            "{}",
            "{\"a\":[1]}",
        ];
        let mut texts = vec![object.to_string()];
        for name in members
            .keys()
            .filter(|name| !needed.contains(&name.as_str()))
        {
            let rest: Vec<String> = members
                .iter()
                .filter(|(other, _)| *other != name)
                .map(|(other, value)| format!("{}:{value}", json!(other)))
                .collect();
            texts.push(format!("{{{}}}", rest.join(",")));
            for value in values {
                let odd = format!("{}:{value}", json!(name));
                texts.push(format!("{{{odd},{}}}", rest.join(",")));
                texts.push(format!("{{{odd},{},{odd}}}", rest.join(",")));
            }
        }
        texts
    }

    /// An envelope with every member that AWS documents for it.
    fn envelopes() -> [(Value, &'static [&'static str]); 4] {
        let event = json!({
            "version": "0", "id": "i", "detail-type": "Asked", "source": "test", "account": "111122223333",
            "time": "2026-03-20T12:58:28Z", "region": "us-east-1", "resources": [], "replay-name": "r",
            "detail": { "a": 1 },
        });
        let record = json!({
            "messageId": "m", "receiptHandle": "r", "body": event.to_string(),
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {}, "md5OfBody": "x",
            "md5OfMessageAttributes": "x", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:q",
            "awsRegion": "us-east-1",
        });
        let sns = json!({
            "Type": "Notification", "MessageId": "m", "TopicArn": "t", "Subject": null, "Message": event.to_string(),
            "Timestamp": "2026-03-20T17:43:20.111Z", "SignatureVersion": "1", "Signature": "E", "SigningCertUrl": "u",
            "UnsubscribeUrl": "u", "MessageAttributes": {},
        });
        let delivered = json!({
            "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn", "Sns": sns.clone(),
        });
        [
            (
                event,
                &["detail-type", "source", "detail", "account", "region"],
            ),
            (
                record,
                &["messageId", "body", "eventSource", "eventSourceARN"],
            ),
            (sns, &["Type", "TopicArn", "Message"]),
            (delivered, &["EventSource", "Sns"]),
        ]
    }

    /// Every message in a text, and by what it is asked for again.
    fn all(text: &str) -> Vec<(Option<String>, String)> {
        let found: Vec<(Option<String>, Result<Message, Rejection>)> = match open(text) {
            Inbound::One(message) => vec![(None, message)],
            Inbound::Sns(messages) => messages
                .into_iter()
                .map(|message| (None, message))
                .collect(),
            Inbound::Sqs(deliveries) => deliveries
                .into_iter()
                .map(|one| (one.message_id, one.message))
                .collect(),
        };
        let detail = |message| match message {
            Ok(Message::Event(event)) => event.detail,
            other => panic!("lost: {other:?} of {text}"),
        };
        found
            .into_iter()
            .map(|(id, message)| (id, detail(message)))
            .collect()
    }

    // Invariant 2.
    #[test]
    fn no_member_that_nobody_needs_can_lose_a_request_in_any_nesting() {
        let [event, record, sns, delivered] =
            envelopes().map(|(object, needed)| oddities(&object, needed));
        let named = |id: Option<&str>| vec![(id.map(str::to_owned), r#"{"a":1}"#.to_owned())];
        let in_queue = |body: &str| {
            json!({ "messageId": "m", "eventSource": "aws:sqs", "body": body }).to_string()
        };
        let in_topic = |message: &str| {
            json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": message } }] })
                .to_string()
        };
        let in_records = |record: &str| format!(r#"{{"Records":[{record}],"added":1}}"#);
        let in_pipe = |record: &str| format!("[{record}]");
        for event in &event {
            assert_eq!(all(event), named(None));
            assert_eq!(all(&in_topic(event)), named(None));
            assert_eq!(all(&in_pipe(event)), named(None));
            for body in [
                event.clone(),
                json!({ "Type": "Notification", "TopicArn": "t", "Message": event }).to_string(),
            ] {
                assert_eq!(all(&in_records(&in_queue(&body))), named(Some("m")));
                assert_eq!(all(&in_pipe(&in_queue(&body))), named(Some("m")));
            }
        }
        for record in &record {
            assert_eq!(all(&in_records(record)), named(Some("m")));
            assert_eq!(all(&in_pipe(record)), named(Some("m")));
        }
        for sns in &sns {
            assert_eq!(all(&in_records(&in_queue(sns))), named(Some("m")));
            assert_eq!(
                all(&in_records(&format!(
                    r#"{{"EventSource":"aws:sns","Sns":{sns}}}"#
                ))),
                named(None)
            );
        }
        for delivered in &delivered {
            assert_eq!(all(&in_records(delivered)), named(None));
        }
    }

    // Invariant 2.
    #[test]
    fn a_member_that_decides_is_given_once_and_is_a_string() {
        let cases = [
            (
                r#"{"detail-type":"Asked","source":"a","source":"b","detail":{}}"#,
                RejectionCode::DuplicateField,
            ),
            (
                r#"{"detail-type":"Asked","source":1,"detail":{}}"#,
                RejectionCode::WrongType,
            ),
            (
                r#"{"detail-type":"Asked","source":"a","account":111122223333,"detail":{}}"#,
                RejectionCode::WrongType,
            ),
            (
                r#"{"detail-type":"Asked","detail":{}}"#,
                RejectionCode::MissingField,
            ),
            (
                r#"{"detail-type":"Asked","source":"a"}"#,
                RejectionCode::MissingField,
            ),
            (
                r#"{"detail-type":"Asked","source":"a","detail":{},"detail":{}}"#,
                RejectionCode::DuplicateField,
            ),
        ];
        for (text, code) in cases {
            assert_eq!(one(text).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn a_pipe_sends_a_list_and_names_what_failed_by_what_its_source_named() {
        let ids = |text: &str| match open(text) {
            Inbound::Sqs(deliveries) => deliveries
                .into_iter()
                .map(|delivery| delivery.message_id)
                .collect::<Vec<_>>(),
            other => panic!("not a batch: {other:?}"),
        };
        let (event, queue) = (
            event(),
            json!({ "messageId": "m", "eventSource": "aws:sqs", "body": event() }),
        );
        let of_stream = json!({ "eventID": "e", "eventSource": "aws:dynamodb" });
        let expected = [None, Some("m".to_owned()), Some("e".to_owned()), None];
        assert_eq!(
            ids(&format!(
                "[{event}, {queue},{of_stream},{{\"version\": 1}}]"
            )),
            expected
        );
        for nothing in ["[]", "[1]", "[[], \"{}\"]", " [null]"] {
            assert_eq!(
                one(nothing).unwrap_err().code,
                RejectionCode::WrongType,
                "{nothing}"
            );
        }
        assert_eq!(one("[{}").unwrap_err().code, RejectionCode::MalformedJson);
    }

    #[test]
    fn a_record_of_a_pipe_is_a_message_of_sqs_only_by_its_source_and_its_body() {
        let bare = |record: &Value| match open(&json!([record]).to_string()) {
            Inbound::Sqs(mut deliveries) => match deliveries.remove(0).message {
                Ok(Message::Bare(text)) => text,
                other => panic!("not a request: {other:?}"),
            },
            other => panic!("not a batch: {other:?}"),
        };

        let body = json!({ "a": 1 }).to_string();
        let of_queue = json!({ "messageId": "m", "eventSource": "aws:sqs", "body": body });
        assert_eq!(bare(&of_queue), body);
        for source in ["aws:mq", ""] {
            let mut other = of_queue.clone();
            other["eventSource"] = json!(source);
            assert_eq!(bare(&other), other.to_string());
        }
    }

    #[test]
    fn one_bad_record_of_a_pipe_does_not_hide_the_others() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
        let Inbound::Sqs(deliveries) = open(&format!("[\"no JSON\", {deep}, {}]", event())) else {
            panic!("not a batch")
        };
        let codes: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.message.as_ref().err().map(|r| r.code))
            .collect();
        assert_eq!(
            codes,
            [
                Some(RejectionCode::WrongType),
                Some(RejectionCode::TooDeep),
                None
            ]
        );
        let first = deliveries[0].message.as_ref().unwrap_err();
        assert!(first.message.contains("expected an object"), "{first}");
    }
}
