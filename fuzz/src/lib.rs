//! What the targets share.

use chrono::{DateTime, Utc};
use shared::{
    Event, Message, Rejection, RequestId,
    envelope::{Inbound, open},
};

/// Every message in what Lambda was given.
pub fn messages(text: &str) -> Vec<Result<Message, Rejection>> {
    match open(text) {
        Inbound::One(message) => vec![message],
        Inbound::Sns(messages) => messages,
        Inbound::Sqs(deliveries) => deliveries
            .into_iter()
            .map(|delivery| delivery.message)
            .collect(),
    }
}

/// The text as a request by itself, and as the detail of an event.
pub fn alone_and_inside(text: &str, detail_type: &str) -> [Message; 2] {
    let (source, detail_type) = ("com.example.cmdb".to_owned(), detail_type.to_owned());
    let event = Event {
        source,
        detail_type,
        account: None,
        region: None,
        detail: text.to_owned(),
    };
    [Message::Bare(text.to_owned()), Message::Event(event)]
}

/// A time at which some requests have expired and others have not.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default()
}

/// Checks what every command promises.
pub fn check(request_id: &RequestId, targets: usize) {
    assert!((1..=100).contains(&targets));
    let id: &str = request_id.as_ref();
    assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
}

/// An environment in which the variables have the lines of a text as their values, in their order;
/// what has no line is not set.
pub fn environment<'a>(
    variables: &'a [&'a str],
    text: &'a str,
) -> impl Fn(&str) -> Option<String> + 'a {
    let lines: Vec<&str> = text.lines().collect();
    move |name| Some((*lines.get(variables.iter().position(|known| *known == name)?)?).to_owned())
}
