//! Identifiers.

use std::collections::BTreeSet;

/// The first ID of a kind that is not taken.
pub(crate) fn fresh<'a>(prefix: &str, taken: impl Iterator<Item = &'a String>) -> String {
    let taken: BTreeSet<&str> = taken.map(String::as_str).collect();
    let ids = (1_u64..).map(|number| format!("{prefix}{number:017}"));
    ids.into_iter()
        .find(|id| !taken.contains(id.as_str()))
        .unwrap_or_default()
}

/// Whether text is the ID of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// FNV-1a, 64 bits: names that look like AWS's, and are the same in every run.
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
