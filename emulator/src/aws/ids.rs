//! Identifiers.

use std::collections::BTreeSet;

/// The first ID with a prefix that is not taken.
pub(crate) fn fresh<'a>(prefix: &str, taken: impl Iterator<Item = &'a String>) -> String {
    let taken: BTreeSet<&str> = taken.map(String::as_str).collect();
    let mut ids = (1_u64..).map(|number| format!("{prefix}{number:017}"));

    ids.find(|id| !taken.contains(id.as_str()))
        .unwrap_or_default()
}

/// Whether text is an account ID.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether text has only characters that the name of a Lambda function can have.
pub(crate) fn has_function_characters(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// FNV-1a with 64 bits, for IDs that look like those of AWS and are the same in every run.
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
