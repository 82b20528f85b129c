//! Whatever Lambda is given is opened: messages, or named rejections whose sentences are short and
//! on one line.

#![no_main]

use fuzz::messages;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for rejection in messages(text).into_iter().filter_map(Result::err) {
        assert!(rejection.message.chars().count() <= 300);
        assert!(
            !rejection
                .message
                .contains(|sign: char| sign.is_control() || sign == '"')
        );
    }
});
