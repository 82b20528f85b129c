//! What an execution of a machine may call, and what it was answered.

use std::cell::{Cell, OnceCell, RefCell};

use serde_json::Value;
use template::{
    execution::{End, Failure},
    text_of,
};
use tokio::time::Instant;

use crate::way::{
    account::Account,
    hop::{Failed, Ran, Tag},
    permission::may,
};

/// The machine that follows up a result.
pub(super) const FOLLOW_UP: &str = "FollowUp";
/// The machine that notifies people.
pub(super) const NOTIFY: &str = "Notify";

/// What an execution calls, and what it has been told so far.
pub(super) struct Caller<'a> {
    pub(super) account: &'a Account,
    pub(super) machine: &'a str,
    pub(super) machine_arn: &'a str,
    pub(super) arn: &'a str,
    pub(super) tag: Tag,
    pub(super) begun: Instant,
    /// The request that was sent last, with how it ended and when.
    pub(super) last: RefCell<Last>,
    /// Whether what it put on the bus is a success, if it put anything. A message on the topic is one.
    pub(super) told_success: Cell<Option<bool>>,
    pub(super) running: Cell<usize>,
    /// How many pending items need a follow-up, and how many got one.
    pub(super) pending: Cell<usize>,
    pub(super) followed: Cell<usize>,
    /// The EBS snapshots that EC2 still had when it was asked; null if it did not answer.
    pub(super) left: RefCell<Value>,
    /// Whether the topic is away for as long as the execution may take.
    pub(super) topic_away: OnceCell<bool>,
}

/// The last request that a follow-up sent.
#[derive(Clone)]
pub(super) struct Last {
    pub(super) request: Value,
    pub(super) ran: Ran,
    pub(super) ended: Instant,
}

impl<'a> Caller<'a> {
    pub(super) fn new(
        account: &'a Account,
        machine: &'a str,
        (machine_arn, arn): (&'a str, &'a str),
        input: &Value,
        tag: Tag,
    ) -> Self {
        // A follow-up begins with a result.
        let detail = &input["detail"];
        let response = detail["responsePayload"].clone();
        let ran = match response["errorType"].as_str() {
            Some(error) => Ran::Failed(Failed {
                error: error.to_owned(),
                payload: response.clone(),
            }),
            None => Ran::Answered(response),
        };

        Self {
            account,
            machine,
            machine_arn,
            arn,
            tag,
            begun: Instant::now(),
            last: RefCell::new(Last {
                request: detail["requestPayload"].clone(),
                ran,
                ended: Instant::now(),
            }),
            told_success: Cell::new(None),
            running: Cell::new(0),
            pending: Cell::new(0),
            followed: Cell::new(0),
            left: RefCell::new(Value::Null),
            topic_away: OnceCell::new(),
        }
    }

    pub(super) fn is_follow_up(&self) -> bool {
        self.machine == FOLLOW_UP
    }

    pub(super) fn is_notification(&self) -> bool {
        self.machine == NOTIFY
    }

    /// Whether the role allows a call; what it does not allow fails.
    pub(super) fn check_role(&self, action: &str, resource: &str) -> Result<(), Failure> {
        let properties = self.account.stack.deployment.properties(self.machine);
        let role = text_of(&properties["Role"]);
        let service = ("states.amazonaws.com", self.machine_arn);
        let is_allowed = may(self.account, self.tag, service, &role, (action, resource));

        let denied = || Failure::new("States.TaskFailed").because("AccessDenied");
        is_allowed.then_some(()).ok_or_else(denied)
    }

    /// Checks that an execution has told its end, and ends as it told. Of an input that is none,
    /// there is nothing to tell but the status.
    pub(super) fn check_told(&self, end: &End) {
        let is_right = match (end, self.told_success.get()) {
            (End::Succeeded(_), told) => told == Some(true),
            // A rule tells people that a notification failed.
            (End::Failed(_), None) if self.is_notification() => true,
            (End::Failed(failure), None) => failure.error == "InvalidInput",
            (End::Failed(_), told) => told == Some(false),
            // A rule keeps the input of one that timed out.
            (End::TimedOut, _) => true,
        };

        if !is_right {
            let told = self.told_success.get();
            let complaint = format!("{} ends with {end:?}, and told {told:?}", self.machine);
            self.account.violate(self.tag, 2, &complaint);
        }
    }

    /// A service answers with an error of its own now and then.
    pub(super) fn hiccup(&self, error: &str) -> Result<(), Failure> {
        if !self.account.is_disturbed(4) {
            return Ok(());
        }

        self.account
            .hop(self.tag, error, &format!("refused: {error}"));
        Err(Failure::new(error).because("Slow Down"))
    }
}

/// Whether somebody has to look again at what a report is about.
pub(super) fn is_unfinished(report: &Value) -> bool {
    report["outcome"] == "pending" && report["mode"] == "enforce"
}
