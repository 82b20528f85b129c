//! What must hold of a fleet: how many items run at the same time, and what becomes of each.

use serde_json::Value;
use template::{
    execution::{End, Execution},
    text_of,
};

use crate::way::{caller::Caller, trace::Truth};

impl Caller<'_> {
    /// No more items run at the same time than the deployment says.
    pub(super) fn check_concurrency(&self) {
        // What was deployed is asked, and not what the machine made of it.
        let most = self.account.stack.parameter("FleetConcurrency").parse();
        let running = self.running.get();

        if most.is_ok_and(|most: usize| running >= most) {
            let complaint = format!("{} items run at the same time", running + 1);
            self.account.violate(self.tag, 6, &complaint);
        }
    }

    /// Checks what an execution makes of its items.
    pub(super) fn check_end(&self, ended: &Execution) {
        let failed = ended.items.iter().filter(|item| item.is_err()).count();
        for item in &ended.items {
            let (outcome, counts_as_done) = match item {
                Ok(report) => (text_of(&report["outcome"]), true),
                Err(failure) => (failure.error.clone(), false),
            };
            let is_done = ["done", "already_done", "planned", "pending"].contains(&&*outcome);
            if is_done != counts_as_done {
                let complaint =
                    format!("an item that is {outcome} counts as done: {counts_as_done}");
                self.account.violate(self.tag, 3, &complaint);
            }
        }

        // A fleet that failed has told so, and stopped what still ran.
        let is_success = matches!(ended.end, End::Succeeded(_));
        let tolerated = self
            .account
            .stack
            .parameter("FleetToleratedFailurePercentage");
        let tolerated: usize = tolerated.parse().unwrap_or_default();
        if is_success && failed * 100 > tolerated * ended.items.len() {
            self.account.violate(
                self.tag,
                3,
                "a fleet succeeds with more failures than tolerated",
            );
        }
        if is_success && !self.is_follow_up() && self.pending.get() != self.followed.get() {
            let (pending, followed) = (self.pending.get(), self.followed.get());
            let complaint = format!("of {pending} pending items, {followed} have a follow-up");
            self.account.violate(self.tag, 2, &complaint);
        }
    }
}

/// What the event of a fleet tells.
pub(super) fn ended(detail: &Value) -> Truth {
    let response = &detail["responsePayload"];

    match response["errorType"].as_str() {
        Some(error) => Truth::Failure(error.to_owned()),
        None => Truth::Success(response.clone()),
    }
}
