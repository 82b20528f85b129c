//! The closed set of outcomes, and whether anything may be changed.

use serde::Serialize;
use strum::{EnumMessage, VariantArray};

use crate::fault::{Fault, Remedy};

/// The closed set of outcomes, from the one that needs somebody soonest to the one that needs
/// nobody. The first line of each comment is the sentence in the documents' table.
///
/// The order decides the outcome of a whole request: the first that any of its targets has.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, EnumMessage, VariantArray,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something may have been changed, and no read could settle whether it was.
    Indeterminate,
    /// AWS could not answer now; nothing is claimed.
    Retryable,
    /// The deployment has to be fixed first, its role for instance.
    Permanent,
    /// AWS is still working on it, or there was no time to start; send the event again later.
    Pending,
    /// AWS rejected the change permanently, or did not finish it; manual action required.
    Failed,
    /// A rule or the request itself forbids it; nothing was changed.
    Refused,
    /// The input is not a request for this function; nothing was read.
    Rejected,
    /// Plan mode: this would be done.
    Planned,
    /// Changed by this invocation and verified with a fresh read.
    Done,
    /// Nothing to do: a read shows that it is so already.
    AlreadyDone,
}

impl Outcome {
    /// Every outcome, in their order.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The `errorType` with which Lambda is answered; `None` is Ok.
    #[must_use]
    pub fn error_type(self) -> Option<&'static str> {
        match self {
            Self::Indeterminate | Self::Retryable => Some("Retryable"),
            Self::Permanent => Some("Permanent"),
            _ => None,
        }
    }

    /// The outcome in a sentence: its name, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Indeterminate => "indeterminate",
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Planned => "planned",
            Self::Done => "done",
            Self::AlreadyDone => "already done",
        }
    }

    /// The outcome of a target whose call failed, when nothing says that it had an effect.
    #[must_use]
    pub fn of_fault(fault: &Fault) -> Self {
        // What it takes to get past the fault is what Lambda and people have to know.
        match fault.kind.remedy() {
            Remedy::Retry => Self::Retryable,
            Remedy::FixDeployment => Self::Permanent,
            Remedy::Manual => Self::Failed,
        }
    }
}

/// Whether a function may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Observe, plan and report; change nothing.
    Plan,
    /// Execute the plan.
    Enforce,
}
