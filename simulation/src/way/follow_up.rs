//! What must hold of a follow-up: what it sends, when, and what it tells.

use serde_json::Value;

use crate::way::{
    caller::{Caller, is_unfinished},
    hop::Ran,
    trace::Truth,
};

/// A report that is pending after this time may be given up, in seconds.
const PATIENCE: u64 = 518_400;
/// How much later than asked for a follow-up may look again: the retries of a call, in seconds.
const SLACK: u64 = 4 * 3600;

impl Caller<'_> {
    /// Checks that a follow-up sends what it has to, and when.
    pub(super) fn check_next(&self, request: &Value) {
        // The result that started it counts as its first answer.
        let last = self.last.borrow().clone();
        let waited = last.ended.elapsed().as_secs();
        let (next, least) = match &last.ran {
            Ran::Answered(report) if is_unfinished(report) => {
                let look = report["lookAgainAfterSeconds"].as_u64().unwrap_or(300);
                let next = &report["nextRequest"];
                (
                    if next.is_object() {
                        next
                    } else {
                        &last.request
                    },
                    look,
                )
            }
            Ran::Answered(report) => {
                let complaint = format!("a follow-up sends again what is final: {report}");
                return self.account.violate(self.tag, 8, &complaint);
            }
            Ran::Failed(failed) if failed.error == "Permanent" => {
                let complaint = "a follow-up sends again what failed for good";
                return self.account.violate(self.tag, 8, complaint);
            }
            _ => (&last.request, 0),
        };

        // A deletion is a request of its own, which the report of the disconnect names.
        if *next != *request {
            let complaint = format!("a follow-up sends {request} where {next} is next");
            self.account.violate(self.tag, 2, &complaint);
        }
        let most = least.max(300) + self.begun.elapsed().as_secs() / 50 + SLACK;
        if waited < least || waited > most {
            let complaint = format!("a follow-up looks again after {waited} s, not {least} s");
            self.account.violate(self.tag, 8, &complaint);
        }
    }

    /// What a follow-up has to tell, and whether its event tells that.
    pub(super) fn conclude(&self, detail: &Value) -> Truth {
        // What the function answered last is true, whatever the machine makes of it.
        let last = self.last.borrow();
        let told = &detail["responsePayload"];
        let truth = match &last.ran {
            Ran::Answered(report) if is_unfinished(report) => Truth::Failure("StillPending".into()),
            Ran::Answered(report) if report["outcome"] == "rejected" => {
                Truth::Failure("Rejected".into())
            }
            Ran::Answered(report) => Truth::Success(report.clone()),
            Ran::Failed(failed) => Truth::Failure(failed.error.clone()),
            Ran::Throttled => Truth::Failure("Lambda.TooManyRequestsException".into()),
        };

        let is_told = match &truth {
            // What EC2 did not answer is not told as nothing.
            Truth::Success(report) => {
                told == report && detail["ebsSnapshotsLeft"] == *self.left.borrow()
            }
            // The last try may not have reached the function.
            Truth::Failure(error) => {
                told["errorType"] == error.as_str() || told["errorType"] == "States.Timeout"
            }
        };
        if !is_told || detail["requestPayload"] != last.request {
            let complaint = format!("a follow-up tells {detail} where {truth:?} is true");
            self.account.violate(self.tag, 3, &complaint);
        }
        if let Truth::Failure(error) = &truth {
            self.check_given_up(error);
        }
        truth
    }

    /// What passes is not given up: the faults of a simulation end.
    pub(super) fn check_given_up(&self, error: &str) {
        let waited = self.begun.elapsed().as_secs();
        let is_stopped = self.account.stack.parameter("ReservedConcurrency") == "0";
        let is_right = match error {
            "Permanent" | "Rejected" => true,
            "StillPending" => waited >= PATIENCE,
            // An operator starts the function again within hours.
            "Lambda.TooManyRequestsException" => is_stopped && waited > 3 * 3600,
            _ => false,
        };

        if !is_right {
            let complaint = format!("a follow-up gives up after {waited} s: {error}");
            self.account.violate(self.tag, 8, &complaint);
        }
    }
}
