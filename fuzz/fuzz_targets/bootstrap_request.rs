//! A text is a command of this function or a named rejection, and the same inside an event as by
//! itself.

#![no_main]

use bootstrap_efs_replication::Command;
use fuzz::{alone_and_inside, check, messages, now};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for message in messages(text).into_iter().flatten() {
        if let Ok(command) = Command::parse(&message, now()) {
            check(&command.request_id, command.targets.len());
        }
    }
    let [alone, inside] = alone_and_inside(text, "File System Replication Requested")
        .map(|message| Command::parse(&message, now()));
    assert_eq!(alone, inside);
});
