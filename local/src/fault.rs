//! Faults to order: what a call to come will meet instead of a plain answer.

use serde::{Deserialize, Serialize};

use crate::drs;

/// One kind of trouble for some calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// The API's name of the operation.
    pub operation: String,
    /// What happens.
    pub kind: FaultKind,
    /// How many calls pass before it.
    #[serde(default)]
    pub skip: u32,
    /// How many calls meet it.
    #[serde(default = "once")]
    pub times: u32,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 ThrottlingException.
    Throttle,
    /// 500 InternalServerException.
    InternalError,
    /// 503 without a body, as a load balancer answers.
    Unavailable,
    /// 403 AccessDeniedException, as IAM answers.
    AccessDenied,
    /// 403 ExpiredTokenException.
    ExpiredToken,
    /// The connection breaks before the call has an effect.
    ResetBefore,
    /// The connection breaks after the call had its effect.
    ResetAfter,
    /// No answer ever comes, and the call has no effect.
    HangBefore,
    /// No answer ever comes, but the call had its effect.
    HangAfter,
    /// The connection breaks, and the call has its effect half a minute later.
    LateEffect,
    /// The call has its effect, and its answer is cut off in the middle.
    Truncated,
    /// The answer is from before the last change.
    StaleRead,
    /// The answer repeats the page token of the request before.
    RepeatedPageToken,
}

impl FaultKind {
    /// Whether it can be ordered for lists only.
    #[must_use]
    pub fn is_of_lists(self) -> bool {
        matches!(self, Self::StaleRead | Self::RepeatedPageToken)
    }
}

fn once() -> u32 {
    1
}

impl Fault {
    /// Checks an order as it came from a file or over the port.
    ///
    /// # Errors
    ///
    /// A sentence for an operation that nobody serves, a kind that does not fit it, or no calls at all.
    pub fn check(&self) -> Result<(), String> {
        let Self { operation, kind, times, .. } = self;
        if !drs::serves(operation) {
            return Err(format!("a fault is ordered for `{operation}`, which is not an operation that is served"));
        }
        if kind.is_of_lists() && drs::changes(operation) {
            return Err(format!("{kind:?} can be ordered for lists only, and {operation} is none"));
        }
        if *times == 0 { Err(format!("a fault of {operation} is ordered for no call")) } else { Ok(()) }
    }

    /// A fault for the next call of an operation.
    #[must_use]
    pub fn next(operation: &str, kind: FaultKind) -> Self {
        Self { operation: operation.to_owned(), kind, skip: 0, times: 1 }
    }

    /// A fault for all calls of an operation that may come.
    #[must_use]
    pub fn every(operation: &str, kind: FaultKind) -> Self {
        Self { operation: operation.to_owned(), kind, skip: 0, times: u32::MAX }
    }
}

/// Takes the fault that the next call of an operation meets, if there is one.
pub(crate) fn take(faults: &mut Vec<Fault>, operation: &str) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| fault.operation == operation)?;
    let fault = faults.get_mut(at)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    let kind = fault.kind;
    if fault.times != u32::MAX {
        fault.times = fault.times.saturating_sub(1);
    }
    if fault.times == 0 {
        faults.remove(at);
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_by_as_many_calls_as_were_ordered() {
        let mut faults = vec![Fault { skip: 1, times: 2, ..Fault::next("DescribeJobs", FaultKind::Throttle) }];
        let met: Vec<bool> = (0..4).map(|_| take(&mut faults, "DescribeJobs").is_some()).collect();
        assert_eq!(met, [false, true, true, false]);
        assert_eq!(faults, []);
        assert_eq!(take(&mut faults, "DescribeJobs"), None);
    }
}
