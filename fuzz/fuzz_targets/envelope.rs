//! Whatever Lambda is given is opened: messages, or named rejections whose sentences are short and on one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::{
    Message, Rejection,
    envelope::{Inbound, open},
};

fn check(message: &Result<Message, Rejection>) {
    if let Err(rejection) = message {
        assert!(rejection.message.chars().count() <= 300);
        assert!(!rejection.message.contains(|sign: char| sign.is_control() || sign == '"'));
    }
}

fuzz_target!(|text: &str| {
    match open(text) {
        Inbound::One(message) => check(&message),
        Inbound::Sns(messages) => messages.iter().for_each(check),
        Inbound::Sqs(deliveries) => deliveries.iter().for_each(|delivery| check(&delivery.message)),
    }
});
