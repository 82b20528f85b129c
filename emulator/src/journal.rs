//! The record of every call.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};

use chrono::{DateTime, Utc};

use crate::iam::IamRequest;

/// How many calls are kept in an account that runs for a long time.
const MAX_KEPT_CALLS: usize = 10_000;
/// How many complaints are kept.
const MAX_COMPLAINTS: usize = 1000;

/// One call and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was called, by the account's clock.
    pub at: DateTime<Utc>,
    /// The operation, by its name in the API.
    pub operation: String,
    /// The Region that the signature named.
    pub region: String,
    /// The subject of the call, for people.
    pub subject: String,
    /// The HTTP status, or what happened instead of an answer.
    pub answer: String,
    /// Whether it changed anything.
    pub changed: bool,
    /// Whether no caller should make such a call: it has an unknown route, no signature, or a
    /// member that the model forbids.
    pub unexpected: bool,
    /// What IAM was asked, in the account as it was before the call.
    pub iam: Vec<IamRequest>,
}

/// A line for people.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            operation,
            subject,
            answer,
            ..
        } = self;
        write!(f, "{region} {operation} {subject}: {answer}")
    }
}

/// The calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    /// How many entries were dropped.
    dropped: usize,
    /// Whether old entries are dropped.
    is_bounded: bool,

    // These outlive the entries.
    complaints: Vec<String>,
    called: BTreeSet<String>,
}

impl Journal {
    /// From now on keeps the latest calls only.
    pub(crate) fn bound(&mut self) {
        self.is_bounded = true;
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        if entry.unexpected {
            let Entry {
                operation,
                subject,
                answer,
                ..
            } = &entry;
            let complaint = format!("unexpected call: {operation} {subject}: {answer}");
            self.complain(complaint);
        }
        // Looked up first, because most calls repeat an operation and need no copy of its name.
        if !self.called.contains(&entry.operation) {
            self.called.insert(entry.operation.clone());
        }

        self.entries.push_back(entry);
        if self.is_bounded && self.entries.len() > MAX_KEPT_CALLS {
            self.entries.pop_front();
            self.dropped += 1;
        }
    }

    /// Keeps a sentence about a call, once.
    pub(crate) fn complain(&mut self, complaint: String) {
        // A client in a loop must not fill the memory of an account that runs for weeks.
        if self.complaints.len() < MAX_COMPLAINTS && !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    /// The kept calls after the first `known` calls.
    pub(crate) fn after(&self, known: usize) -> Vec<Entry> {
        // Dropped calls count as known.
        let skipped = known.saturating_sub(self.dropped);
        self.entries.iter().skip(skipped).cloned().collect()
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.dropped + self.entries.len()
    }

    /// Whether an operation was called.
    pub(crate) fn has_called(&self, operation: &str) -> bool {
        self.called.contains(operation)
    }

    /// A sentence about each unexpected call.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(unexpected: bool) -> Entry {
        Entry {
            at: DateTime::UNIX_EPOCH,
            operation: "GET".to_owned(),
            region: String::new(),
            subject: "/".to_owned(),
            answer: "no signature".to_owned(),
            changed: false,
            unexpected,
            iam: Vec::new(),
        }
    }

    #[test]
    fn bounded_journal_drops_old_calls_and_keeps_complaints() {
        for (is_bounded, kept) in [(true, MAX_KEPT_CALLS), (false, MAX_KEPT_CALLS + 6)] {
            let mut journal = Journal {
                is_bounded,
                ..Journal::default()
            };
            journal.add(entry(true));
            for _ in 0..MAX_KEPT_CALLS + 5 {
                journal.add(entry(false));
            }

            assert_eq!(journal.after(0).len(), kept);
            assert_eq!(journal.calls(), MAX_KEPT_CALLS + 6);
            assert_eq!(journal.after(MAX_KEPT_CALLS + 3).len(), 3);
            assert_eq!(
                journal.complaints(),
                ["unexpected call: GET /: no signature"]
            );
        }
    }
}
