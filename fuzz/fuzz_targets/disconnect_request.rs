//! A text is a command of this function or a named rejection, and the same inside an event as by itself.

#![no_main]

use disconnect_source_server::Command;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use shared::{
    Message, Rejection,
    envelope::{Inbound, open},
};

fn parse(message: Result<Message, Rejection>) -> Option<Command> {
    let now = DateTime::from_timestamp(1_790_000_000, 0)?;
    let command = Command::parse(&message.ok()?, now).ok()?;
    assert!((1..=100).contains(&command.targets.len()));
    let id: &str = command.request_id.as_ref();
    assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    Some(command)
}

fuzz_target!(|text: &str| {
    match open(text) {
        Inbound::One(message) => drop(parse(message)),
        Inbound::Sns(messages) => messages.into_iter().for_each(|message| drop(parse(message))),
        Inbound::Sqs(deliveries) => deliveries.into_iter().for_each(|delivery| drop(parse(delivery.message))),
    }
    let alone = parse(Ok(Message::Bare(text.to_owned())));
    let twice = parse(Ok(Message::Bare(text.to_owned())));
    assert_eq!(alone, twice);
});
