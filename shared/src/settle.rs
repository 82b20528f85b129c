//! What may truthfully be said after a call that was to change something: one table for every
//! function.
//!
//! | the call | the change is read back | it is not | the read failed |
//! | --- | --- | --- | --- |
//! | not made, for lack of time | what the read shows | out of time | out of time |
//! | accepted | what the read shows | not seen yet | in doubt |
//! | failed, and retrying may help | what the read shows | the fault, or in doubt | the same |
//! | failed, and the deployment has to be fixed | what the read shows | the fault | the fault |
//! | rejected by AWS | what the read shows | the fault, or in doubt if the SDK repeats | in doubt |
//!
//! The first column of results needs no code here: what a read shows is what the plan made from it
//! says. This module answers for the other two.

use crate::{
    api::{Call, FailedCall, Unobserved},
    conclusion::Conclusion,
    fault::{Fault, FaultKind, Remedy},
    outcome::Outcome,
};

/// A call that was made to change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The call, as the report lists it.
    pub calls: Vec<Call>,
    /// Whether AWS accepted it.
    pub result: Result<(), FailedCall>,
}

/// How the call that was to change something ended.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// There was no time to make it.
    NotStarted,
    /// AWS accepted it.
    Accepted {
        /// The API's name of the operation.
        operation: &'static str,
    },
    /// It failed.
    Failed {
        /// The call.
        call: &'a FailedCall,
        /// Whether the SDK repeats the call after an answer that was lost. It returns the last
        /// answer alone, so that a refusal may be the answer to a change which happened.
        repeats: bool,
    },
}

impl<'a> Change<'a> {
    /// How a call of this operation ended; `None` is one that was not made, for lack of time.
    #[must_use]
    pub fn new(operation: &'static str, made: Option<&'a Made>, repeats: bool) -> Self {
        match made.map(|made| &made.result) {
            None => Self::NotStarted,
            Some(Ok(())) => Self::Accepted { operation },
            Some(Err(call)) => Self::Failed { call, repeats },
        }
    }
}

/// What the read after the call showed, where it did not show the change.
#[derive(Debug, Clone, Copy)]
pub enum ReadBack<'a> {
    /// The read succeeded, and the change is not visible.
    NotShown,
    /// The read failed, so nothing is known.
    Unread(&'a Unobserved),
}

impl<'a> ReadBack<'a> {
    /// What a read showed that failed, if it did.
    #[must_use]
    pub fn new(unread: Option<&'a Unobserved>) -> Self {
        // A read that shows the change is not asked for: the plan made from it speaks.
        unread.map_or(Self::NotShown, Self::Unread)
    }
}

/// What may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing was started: there was no time.
    OutOfTime,
    /// AWS accepted the change, and it is not visible yet.
    NotSeenYet,
    /// What the failed call, or the failed read, leads to.
    Concluded(Conclusion),
}

/// Looks a change and the read after it up in the table.
#[must_use]
pub fn settle(change: Change<'_>, read_back: ReadBack<'_>) -> Settled {
    match (change, read_back) {
        // Nothing was called, so nothing can be in doubt.
        (Change::NotStarted, _) => Settled::OutOfTime,

        // AWS is eventually consistent: a change that it accepted may take time to become visible.
        (Change::Accepted { .. }, ReadBack::NotShown) => Settled::NotSeenYet,
        (Change::Accepted { operation }, ReadBack::Unread(why)) => {
            Settled::Concluded(unread(operation, why))
        }

        (Change::Failed { call, repeats }, read_back) => {
            let rejected = call.fault.kind.remedy() == Remedy::Manual;
            let unread = matches!(read_back, ReadBack::Unread(_));
            // A rejection is the last answer, and the SDK may have lost an earlier one.
            // AWS checks permissions before it acts, so that a missing one leaves no doubt.
            let in_doubt = call.fault.kind.leaves_doubt() || rejected && (repeats || unread);

            // Doubt outweighs the fault: somebody may have to look.
            let outcome = match in_doubt {
                true => Outcome::Indeterminate,
                false => Outcome::of_fault(&call.fault),
            };
            Settled::Concluded(Conclusion::failed(call, outcome))
        }
    }
}

/// A change that AWS accepted, with no read to show it.
fn unread(change: &str, why: &Unobserved) -> Conclusion {
    let out_of_time = FailedCall {
        operation: "reading back",
        fault: Fault::of(FaultKind::Timeout),
    };
    // A read that time cut off has no call to name.
    let read = match why {
        Unobserved::Failed(call) => call,
        Unobserved::OutOfTime => &out_of_time,
    };

    let message = format!("{read}; whether {change} took effect could not be settled");
    Conclusion::failed_with(read, Outcome::Indeterminate, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "DisconnectSourceServer";

    fn failed(operation: &'static str, kind: FaultKind) -> FailedCall {
        FailedCall::new(operation, kind)
    }

    /// The outcome, or the name of the state that the function has a reason for.
    fn name(settled: &Settled) -> String {
        match settled {
            Settled::Concluded(conclusion) => {
                format!("{:?} {}", conclusion.outcome, conclusion.reason())
            }
            other => format!("{other:?}"),
        }
    }

    /// What is said when the read does not show the change, and when the read failed.
    fn both(change: Change<'_>) -> [String; 2] {
        let unread = Unobserved::Failed(failed("DescribeSourceServers", FaultKind::Throttled));

        [ReadBack::NotShown, ReadBack::Unread(&unread)].map(|read| name(&settle(change, read)))
    }

    #[test]
    fn every_row_of_the_table_holds() {
        assert_eq!(both(Change::NotStarted), ["OutOfTime", "OutOfTime"]);
        let accepted = Change::Accepted { operation: CALL };
        assert_eq!(both(accepted), ["NotSeenYet", "Indeterminate throttled"]);

        let cases = [
            (FaultKind::Timeout, "Indeterminate timeout"),
            (FaultKind::NoAnswer, "Indeterminate no_answer"),
            (FaultKind::ServiceError, "Indeterminate service_error"),
            (FaultKind::Conflict, "Retryable conflict"),
            (FaultKind::Throttled, "Retryable throttled"),
            (FaultKind::AccessDenied, "Permanent access_denied"),
        ];
        for (kind, expected) in cases {
            let call = &failed(CALL, kind);
            for repeats in [false, true] {
                let change = Change::Failed { call, repeats };
                assert_eq!(both(change), [expected, expected], "{kind:?}");
            }
        }
    }

    #[test]
    fn a_rejection_is_final_only_where_the_sdk_made_the_call_once_and_a_read_followed() {
        let call = &failed(CALL, FaultKind::RejectedByAws);
        let doubt = "Indeterminate rejected_by_aws";

        let once = Change::Failed {
            call,
            repeats: false,
        };
        assert_eq!(both(once), ["Failed rejected_by_aws", doubt]);

        let repeated = Change::Failed {
            call,
            repeats: true,
        };
        assert_eq!(both(repeated), [doubt, doubt]);
    }

    #[test]
    fn a_doubt_names_the_change_and_the_read() {
        let accepted = Change::Accepted { operation: CALL };
        let message = |why: Unobserved| match settle(accepted, ReadBack::Unread(&why)) {
            Settled::Concluded(conclusion) => conclusion.message().to_owned(),
            other => panic!("{other:?}"),
        };

        let throttled = failed("DescribeSourceServers", FaultKind::Throttled);
        assert_eq!(
            message(Unobserved::Failed(throttled)),
            "DescribeSourceServers: AWS throttled the call; whether DisconnectSourceServer took effect could not be settled"
        );
        assert_eq!(
            message(Unobserved::OutOfTime),
            "reading back: AWS did not answer in time; whether DisconnectSourceServer took effect could not be settled"
        );
    }
}
