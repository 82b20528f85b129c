//! What became of everything that was put: the chains of its deliveries, the results of each, and
//! whom each result reached.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::way::hop::Tag;

/// What must become of something that is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It reaches the function or a machine, whose result is told.
    Result,
    /// A queue delivers it until it is processed, and the log has its report.
    Processed,
    /// A dead-letter queue keeps it: no function handles it.
    Kept,
    /// The topic drops it, and an alarm says so.
    Dropped,
    /// It is nobody's business.
    Nothing,
}

/// Something that somebody put somewhere.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) what: String,
    pub(super) expected: Expected,
    /// Whether AWS itself sent it.
    pub(super) is_native: bool,
    /// How many deliveries began, those included that ended as a dead letter.
    pub(super) deliveries: usize,
    /// How many of them are duplicates that the services made.
    pub(super) duplicates: usize,
}

/// One delivery of what was put, with everything that follows from it.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) put: usize,
    /// How often its message was processed for good.
    pub(super) processed: usize,
    /// How often the topic dropped it.
    pub(super) dropped: usize,
    /// How many of its follow-ups lie in a dead-letter queue.
    pub(super) unstarted: usize,
}

/// What really happened, as the function answered it, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Truth {
    /// The function answered an asynchronous invocation, or a machine ended, with this report.
    Success(Value),
    /// It failed with this error.
    Failure(String),
}

/// Where a result comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The destination of an asynchronous invocation.
    Lambda,
    /// An event that a machine puts, by its logical ID.
    Machine(String),
    /// The status of an execution of a machine, and whether that has put its result.
    Status {
        machine: String,
        status: String,
        has_told: bool,
    },
}

/// The places that a result may have to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    FollowUp,
    Notification,
    FailedRequests,
}

/// How often a result reached each place, or lies in a dead-letter queue on its way to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) follow_up: usize,
    pub(super) notification: usize,
    pub(super) failed_requests: usize,
}

impl Reached {
    pub(super) fn count(&mut self, sink: Sink) {
        let count = match sink {
            Sink::FollowUp => &mut self.follow_up,
            Sink::Notification => &mut self.notification,
            Sink::FailedRequests => &mut self.failed_requests,
        };

        *count += 1;
    }
}

/// A result event, with what is true.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) chain: usize,
    pub(super) origin: Origin,
    pub(super) truth: Truth,
    pub(super) reached: Reached,
    /// How often a service delivered it a second time.
    pub(super) duplicates: Reached,
}

/// Something in a dead-letter queue.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) queue: String,
    pub(super) tag: Tag,
}

/// The whole record of the way.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) puts: Vec<Put>,
    pub(super) chains: Vec<Chain>,
    pub(super) facts: Vec<Fact>,
    pub(super) letters: Vec<Letter>,
    /// The outcomes in the log of a queue's messages.
    pub(super) logged: BTreeSet<String>,
    /// How often each hop happened, by its name.
    pub(super) hops: BTreeMap<String, u64>,
}

impl Trace {
    /// Records that something is put; its first delivery has this tag.
    pub(super) fn put(&mut self, what: &str, expected: Expected, is_native: bool) -> Tag {
        self.puts.push(Put {
            what: what.to_owned(),
            expected,
            is_native,
            deliveries: 0,
            duplicates: 0,
        });

        self.chain(self.puts.len() - 1)
    }

    /// A new chain for what was put.
    pub(super) fn chain(&mut self, put: usize) -> Tag {
        self.chains.push(Chain {
            put,
            processed: 0,
            dropped: 0,
            unstarted: 0,
        });

        Tag {
            chain: self.chains.len() - 1,
            fact: None,
        }
    }

    /// Counts a delivery of what was put. Each has a chain of its own.
    pub(super) fn delivery(&mut self, tag: Tag) -> Tag {
        let number = self.chains[tag.chain].put;
        self.puts[number].deliveries += 1;

        match self.puts[number].deliveries {
            1 => tag,
            _ => self.chain(number),
        }
    }

    /// Counts a delivery that a service makes once more.
    pub(super) fn duplicate(&mut self, tag: Tag) -> Tag {
        // What is delivered twice may have two ends.
        let put = self.put_of(tag);
        put.duplicates += 1;

        self.delivery(tag)
    }

    /// A chain that begins within another one.
    pub(super) fn branch(&mut self, tag: Tag) -> Tag {
        self.chain(self.chains[tag.chain].put)
    }

    pub(super) fn put_of(&mut self, tag: Tag) -> &mut Put {
        &mut self.puts[self.chains[tag.chain].put]
    }

    /// Records a result, and gives the tag of its event.
    pub(super) fn fact(&mut self, tag: Tag, origin: Origin, truth: Truth) -> Tag {
        self.facts.push(Fact {
            chain: tag.chain,
            origin,
            truth,
            reached: Reached::default(),
            duplicates: Reached::default(),
        });

        Tag {
            chain: tag.chain,
            fact: Some(self.facts.len() - 1),
        }
    }

    pub(super) fn count(&mut self, hop: &str) {
        *self.hops.entry(hop.to_owned()).or_default() += 1;
    }

    /// What was put and the chain, as the narrative names them.
    pub(super) fn name(&self, tag: Tag) -> String {
        let put = self.chains[tag.chain].put;

        format!("put {put} chain {}", tag.chain)
    }
}
