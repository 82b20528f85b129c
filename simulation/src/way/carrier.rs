//! How much each carrier takes.

use template::facts::is_within;

use crate::way::{account::Account, hop::Tag};

/// Checks that something fits what carries it, by the name of the limit among the facts.
pub(super) fn check(account: &Account, tag: Tag, limit: &str, bytes: usize) {
    if !is_within(bytes as u64, limit) {
        account.violate(tag, 10, &format!("{bytes} bytes are too many for {limit}"));
    }
}
