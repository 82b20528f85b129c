//! What is on its way from one service to another, and whom it belongs to.

use serde_json::Value;
use tokio::{sync::oneshot, time::Instant};

/// Whom something belongs to that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// The delivery of a request that it goes back to.
    pub(super) chain: usize,
    /// The result that it tells, if it tells one.
    pub(super) fact: Option<usize>,
}

/// One step of the whole way. Services do not call each other: each hands on hops.
pub(super) enum Hop {
    /// A hop that comes later.
    Later { seconds: u64, hop: Box<Hop> },
    /// Faults end, and nobody changes anything any more.
    Calm,
    /// An event is put on a bus.
    Event { bus: String, event: Value, tag: Tag },
    /// A rule delivers an event to a target.
    Deliver(Box<Delivery>),
    /// A message is published on a topic.
    Publish {
        topic: String,
        message: String,
        tag: Tag,
    },
    /// The function is invoked asynchronously.
    Invoke { payload: String, tag: Tag },
    /// The function is invoked by somebody who waits for the answer.
    Call {
        payload: String,
        tag: Tag,
        reply: oneshot::Sender<Ran>,
    },
    /// A message is sent to a queue.
    Send { queue: String, message: Message },
    /// What reads a queue looks for messages.
    Poll { queue: String },
    /// The time ends for which a queue hides a message.
    Show { queue: String, id: usize },
    /// An execution of a machine starts.
    Execute {
        machine: String,
        input: Value,
        tag: Tag,
    },
}

/// An event on its way from a rule to one of its targets.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// The logical ID of the rule.
    pub(super) rule: String,
    /// The target as the template has it.
    pub(super) target: Value,
    pub(super) event: Value,
    pub(super) tag: Tag,
}

/// How one invocation of the function ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ran {
    /// It did not begin: too many were under way.
    Throttled,
    Answered(Value),
    Failed(Failed),
}

/// An invocation that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failed {
    /// Such as `Retryable` or `Sandbox.Timedout`.
    pub(super) error: String,
    /// What Lambda answers: the error and its message.
    pub(super) payload: Value,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: usize,
    pub(super) body: String,
    pub(super) tag: Tag,
    pub(super) sent: Instant,
    pub(super) received: u64,
    pub(super) is_hidden: bool,
    /// Whether an invocation works on it.
    pub(super) is_worked_on: bool,
    /// Whether it is what could not be delivered, as it was.
    pub(super) is_undelivered: bool,
}

impl Message {
    /// A message as it is sent.
    pub(super) fn new(id: usize, body: String, tag: Tag) -> Self {
        Self {
            id,
            body,
            tag,
            sent: Instant::now(),
            received: 0,
            is_hidden: false,
            is_worked_on: false,
            is_undelivered: false,
        }
    }

    /// What could not be delivered.
    pub(super) fn undelivered(id: usize, body: String, tag: Tag) -> Self {
        Self {
            is_undelivered: true,
            ..Self::new(id, body, tag)
        }
    }
}

impl Hop {
    /// The same hop so many seconds later.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self::Later {
            seconds,
            hop: Box::new(self),
        }
    }
}
