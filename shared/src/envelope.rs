//! Finds the requests inside what Lambda was given: EventBridge, SNS, SQS, their nestings, or a request by itself.
//!
//! Envelopes are read leniently, since AWS adds fields to them; what they carry is handed on as text and read
//! strictly by the function that knows it. Everything that cannot be a request ends as a named [`Rejection`].

use aws_lambda_events::{eventbridge::EventBridgeEvent, sns::SnsRecord, sqs::SqsMessage};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::strict;

/// Why an input is not a request for this function. Answered Ok and never retried: it would be the same next time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The name of the rule that the input broke.
    pub code: RejectionCode,
    /// A sentence for whoever sent it.
    pub message: String,
}

/// The closed set of rejections. The README documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// The text is not JSON.
    MalformedJson,
    /// The request is larger than 64 KiB.
    TooLarge,
    /// Arrays and objects are nested deeper than 32 levels.
    TooDeep,
    /// An event of a kind that this function does not serve.
    UnsupportedEvent,
    /// A request whose source claims to be AWS itself.
    ReservedSource,
    /// `version` is not one that this function reads.
    UnsupportedVersion,
    /// A field that the contract does not have.
    UnknownField,
    /// A field that is written twice.
    DuplicateField,
    /// A field that the contract requires.
    MissingField,
    /// A field with a value of another JSON type.
    WrongType,
    /// A value of the right type that is not allowed.
    InvalidValue,
    /// More targets than the contract allows.
    TooManyTargets,
    /// `expiresAt` has passed.
    Expired,
    /// `expiresAt` is further ahead than the contract allows.
    ExpiresTooLate,
}

impl RejectionCode {
    /// Every rejection, in the order of the README's table.
    pub const ALL: [Self; 14] = [
        Self::MalformedJson,
        Self::TooLarge,
        Self::TooDeep,
        Self::UnsupportedEvent,
        Self::ReservedSource,
        Self::UnsupportedVersion,
        Self::UnknownField,
        Self::DuplicateField,
        Self::MissingField,
        Self::WrongType,
        Self::InvalidValue,
        Self::TooManyTargets,
        Self::Expired,
        Self::ExpiresTooLate,
    ];
}

impl Rejection {
    /// A rejection with a sentence. The sentence may quote the input: it is cut after 300 characters, and what would
    /// break it out of the JSON string of a notification, which EventBridge fills in as it is, is written otherwise.
    pub fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        let plain = |sign: char| match sign {
            '"' => '\'',
            '\\' => '/',
            sign if sign.is_control() => ' ',
            sign => sign,
        };
        Self { code, message: message.into().chars().take(300).map(plain).collect() }
    }

    fn unsupported(what: impl Into<String>) -> Self {
        Self::new(RejectionCode::UnsupportedEvent, what)
    }
}

/// One thing to decide about: an EventBridge event, or the text of a request by itself.
#[derive(Debug, Clone)]
pub enum Message {
    /// An event that came through EventBridge, or claims so.
    Event(Event),
    /// The detail of an event without its envelope: a test event, an SNS message, an SQS body.
    Bare(String),
}

/// The parts of an EventBridge event that functions read. All of it is what a publisher wrote: a hint, not an authority.
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
    /// The JSON text of `detail`.
    pub detail: String,
}

/// What one invocation was given.
#[derive(Debug)]
pub enum Inbound {
    /// One message, answered with one report.
    One(Result<Message, Rejection>),
    /// SNS records (Lambda gets one at a time, but the shape is a list), answered with as many reports.
    Sns(Vec<Result<Message, Rejection>>),
    /// SQS records, answered with the list of those to deliver again.
    Sqs(Vec<Delivery>),
}

/// One SQS record.
#[derive(Debug)]
pub struct Delivery {
    /// The ID by which a failed record is asked for again.
    pub message_id: Option<String>,
    /// Whether the queue keeps an order, so that nothing after a failed record may be taken.
    pub fifo: bool,
    /// What the record holds.
    pub message: Result<Message, Rejection>,
}

/// The members by which the shapes are told apart; their values are read afterwards.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Records")]
    records: Option<Vec<Box<RawValue>>>,
    #[serde(rename = "detail-type")]
    detail_type: Option<IgnoredAny>,
    #[serde(rename = "Type")]
    sns_type: Option<IgnoredAny>,
    #[serde(rename = "Message")]
    sns_message: Option<Box<RawValue>>,
    #[serde(rename = "TopicArn")]
    topic_arn: Option<IgnoredAny>,
    #[serde(rename = "AlarmName")]
    alarm_name: Option<IgnoredAny>,
    #[serde(rename = "requestPayload")]
    request_payload: Option<IgnoredAny>,
    #[serde(rename = "responseContext")]
    response_context: Option<IgnoredAny>,
    #[serde(rename = "eventName")]
    event_name: Option<IgnoredAny>,
    #[serde(rename = "eventSource")]
    event_source: Option<IgnoredAny>,
    #[serde(rename = "batchItemFailures")]
    batch_item_failures: Option<IgnoredAny>,
}

/// Which service a record of a `Records` list came from; SNS writes `EventSource`, SQS `eventSource`.
#[derive(Deserialize)]
struct RecordShape {
    #[serde(alias = "EventSource", rename = "eventSource", default)]
    event_source: String,
}

/// Opens what Lambda was given.
#[must_use]
pub fn open(text: &str) -> Inbound {
    let shape = match shape(text) {
        Ok(shape) => shape,
        Err(rejection) => return Inbound::One(Err(rejection)),
    };
    match shape.records {
        Some(records) => open_records(&records),
        None => Inbound::One(open_message(text, &shape, Layer::Outermost)),
    }
}

fn open_records(records: &[Box<RawValue>]) -> Inbound {
    let sources: Vec<String> = records.iter().map(|record| record_source(record)).collect();
    let all_from = |service: &str| !sources.is_empty() && sources.iter().all(|source| source == service);
    if all_from("aws:sqs") {
        return Inbound::Sqs(records.iter().map(|record| open_sqs(record)).collect());
    }
    if all_from("aws:sns") {
        return Inbound::Sns(records.iter().map(|record| open_sns(record)).collect());
    }
    let named = sources.first().map_or("nobody", String::as_str);
    let message = format!("`Records` of `{named}` hold no request; SNS and SQS records do, each by themselves");
    Inbound::One(Err(Rejection::unsupported(message)))
}

fn record_source(record: &RawValue) -> String {
    serde_json::from_str::<RecordShape>(record.get()).map(|shape| shape.event_source).unwrap_or_default()
}

fn open_sns(record: &RawValue) -> Result<Message, Rejection> {
    let record: SnsRecord = serde_json::from_str(record.get()).map_err(|error| strict::rejection(&error))?;
    open_inner(&record.sns.message)
}

fn open_sqs(record: &RawValue) -> Delivery {
    match serde_json::from_str::<SqsMessage>(record.get()) {
        Ok(record) => Delivery {
            message_id: record.message_id,
            fifo: record.event_source_arn.is_some_and(|arn| arn.ends_with(".fifo")),
            message: open_inner(&record.body.unwrap_or_default()),
        },
        Err(error) => Delivery { message_id: None, fifo: false, message: Err(strict::rejection(&error)) },
    }
}

/// How far inside a text stands: an SNS envelope may stand in an SQS body, and nothing further in than that.
#[derive(Clone, Copy)]
enum Layer {
    Outermost,
    Inside,
    InsideNotification,
}

fn open_inner(text: &str) -> Result<Message, Rejection> {
    open_message(text, &shape(text)?, Layer::Inside)
}

fn open_message(text: &str, shape: &Shape, layer: Layer) -> Result<Message, Rejection> {
    if shape.records.is_some() {
        return Err(Rejection::unsupported("`Records` inside a message hold no request"));
    }
    if shape.detail_type.is_some() {
        return open_event(text);
    }
    if shape.sns_type.is_some() && shape.topic_arn.is_some() {
        return open_notification(text, shape, layer);
    }
    match look_alike(shape) {
        Some(what) => Err(Rejection::unsupported(format!("{what} is not a request"))),
        None => Ok(Message::Bare(text.to_owned())),
    }
}

fn look_alike(shape: &Shape) -> Option<&'static str> {
    if shape.alarm_name.is_some() {
        return Some("a CloudWatch alarm");
    }
    if shape.request_payload.is_some() || shape.response_context.is_some() {
        return Some("the record of a Lambda destination");
    }
    if shape.event_name.is_some() && shape.event_source.is_some() {
        return Some("a CloudTrail log entry");
    }
    shape.batch_item_failures.is_some().then_some("the answer to an SQS batch")
}

/// An SNS envelope as it stands in an SQS body. Only `Type` and `Message` are read: the rest varies by protocol.
fn open_notification(text: &str, shape: &Shape, layer: Layer) -> Result<Message, Rejection> {
    #[derive(Deserialize)]
    struct Notification {
        #[serde(rename = "Type")]
        kind: String,
    }
    let notification: Notification = serde_json::from_str(text).map_err(|error| strict::rejection(&error))?;
    if notification.kind != "Notification" {
        return Err(Rejection::unsupported(format!("an SNS `{}` is not a request", notification.kind)));
    }
    if matches!(layer, Layer::InsideNotification) {
        return Err(Rejection::unsupported("an SNS envelope inside an SNS envelope holds no request"));
    }
    let raw = shape.sns_message.as_ref().map_or("null", |message| message.get());
    let inner: String = serde_json::from_str(raw).map_err(|error| strict::rejection(&error))?;
    let inner_shape = self::shape(&inner)?;
    open_message(&inner, &inner_shape, Layer::InsideNotification)
}

fn open_event(text: &str) -> Result<Message, Rejection> {
    let event: EventBridgeEvent<Box<RawValue>> = strict::read(text)?;
    Ok(Message::Event(Event {
        source: event.source,
        detail_type: event.detail_type,
        account: event.account,
        region: event.region,
        detail: event.detail.get().to_owned(),
    }))
}

fn shape(text: &str) -> Result<Shape, Rejection> {
    strict::check_depth(text)?;
    serde_json::from_str::<strict::Object<Shape>>(text)
        .map(|object| object.0)
        .map_err(|error| strict::rejection(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        json!({"detail-type": "Asked", "source": "test", "detail": {"a": 1}, "added-by-aws": true}).to_string()
    }

    fn notification(message: &str) -> String {
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": message}).to_string()
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
        assert!(matches!(one(r#"{"version": 1}"#), Ok(Message::Bare(text)) if text == r#"{"version": 1}"#));
    }

    #[test]
    fn one_member_of_an_envelope_does_not_make_one() {
        for text in
            [r#"{"Type":"Notification"}"#, r#"{"TopicArn":"t"}"#, r#"{"eventName":"X"}"#, r#"{"eventSource":"x"}"#]
        {
            assert!(matches!(one(text), Ok(Message::Bare(bare)) if bare == text), "{text}");
        }
    }

    #[test]
    fn an_event_is_found_in_every_nesting() {
        let bodies = [event(), notification(&event())];
        let Inbound::Sqs(deliveries) = open(&sqs(&[&bodies[0], &bodies[1]])) else { panic!("not a batch") };
        for delivery in deliveries {
            assert_eq!(detail_type(delivery.message), "Asked");
        }
    }

    #[test]
    fn one_bad_record_does_not_hide_the_others() {
        let Inbound::Sqs(deliveries) = open(&sqs(&["garbage", &event(), "[]", ""])) else { panic!("not a batch") };
        let codes: Vec<_> = deliveries.iter().map(|delivery| delivery.message.as_ref().err().map(|r| r.code)).collect();
        use RejectionCode::{MalformedJson, WrongType};
        assert_eq!(codes, [Some(MalformedJson), None, Some(WrongType), Some(MalformedJson)]);
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
            (json!({"Records": [{"eventSource": "aws:s3"}]}).to_string(), "`Records` of `aws:s3`"),
            (
                json!({"Records": [{"eventSource": "aws:sqs"}, {"EventSource": "aws:sns"}]}).to_string(),
                "`Records` of `aws:sqs`",
            ),
            (json!({"AlarmName": "lag"}).to_string(), "a CloudWatch alarm"),
            (json!({"requestPayload": {}}).to_string(), "a Lambda destination"),
            (json!({"eventName": "X", "eventSource": "drs.amazonaws.com"}).to_string(), "a CloudTrail log entry"),
            (
                json!({"Type": "SubscriptionConfirmation", "TopicArn": "t"}).to_string(),
                "an SNS `SubscriptionConfirmation`",
            ),
            (notification(&notification(&event())), "inside an SNS envelope"),
            (notification(&sqs(&["{}"])), "`Records` inside a message"),
        ];
        for (text, part) in cases {
            let rejection = one(&text).unwrap_err();
            assert_eq!(rejection.code, RejectionCode::UnsupportedEvent, "{text}");
            assert!(rejection.message.contains(part), "{} does not say {part}", rejection.message);
        }
    }

    #[test]
    fn depth_is_refused_at_every_layer() {
        let deep = "[".repeat(100_000);
        assert_eq!(one(&deep).unwrap_err().code, RejectionCode::TooDeep);
        assert_eq!(one(&notification(&deep)).unwrap_err().code, RejectionCode::TooDeep);
    }
}
