//! The closed set of outcomes, and whether anything may be changed.

use serde::Serialize;
use serde_json::Value;
use strum::EnumMessage;

use crate::fault::{Fault, Remedy};

/// The closed set of outcomes, from the one that needs somebody soonest to the one that needs
/// nobody.
///
/// The order decides the outcome of a whole request: the first that any of its targets has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something may have been changed and reading back could not settle it. Lambda is asked to
    /// deliver again.
    Indeterminate,
    /// AWS could not answer now; nothing is claimed. Lambda is asked to deliver again.
    Retryable,
    /// The deployment must be repaired, its role for instance. Delivering again is harmless and
    /// useless.
    Permanent,
    /// Begun, and AWS still works on it: look again later.
    Pending,
    /// AWS said no for good; a human must look.
    Failed,
    /// A rule of ours, or the request itself, forbids it; nothing was changed.
    Refused,
    /// The input is not a request for this function; nothing was looked at.
    Rejected,
    /// This would be done, if plan mode were off.
    Planned,
    /// Asked for by this invocation, and seen to be so.
    Done,
    /// Seen to be so already.
    AlreadyDone,
}

impl Outcome {
    /// Every outcome, in the order of the README's table.
    pub const ALL: [Self; 10] = [
        Self::Indeterminate,
        Self::Retryable,
        Self::Permanent,
        Self::Pending,
        Self::Failed,
        Self::Refused,
        Self::Rejected,
        Self::Planned,
        Self::Done,
        Self::AlreadyDone,
    ];

    /// The `errorType` with which Lambda is answered; `None` is Ok.
    #[must_use]
    pub fn error_type(self) -> Option<&'static str> {
        match self {
            Self::Indeterminate | Self::Retryable => Some("Retryable"),
            Self::Permanent => Some("Permanent"),
            _ => None,
        }
    }

    /// The outcome in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Indeterminate => "indeterminate",
            Self::Retryable => "to be retried",
            Self::Permanent => "stopped by the deployment",
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
        match fault.kind.remedy() {
            Remedy::Retry => Self::Retryable,
            Remedy::FixDeployment => Self::Permanent,
            Remedy::Manual => Self::Failed,
        }
    }
}

/// Whether a function may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Look, plan and report; change nothing.
    Plan,
    /// Carry the plan out.
    Enforce,
}

/// The name of an enum's variant as it stands in reports and in the README's tables.
pub fn code(variant: impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(Value::String(name)) => name,
        other => format!("{other:?}"),
    }
}

/// The sentence of an enum's variant: the first line of its doc comment, without the full stop, as
/// it stands in reports and in the documents' tables.
#[must_use]
pub fn sentence(variant: &impl EnumMessage) -> &'static str {
    let documentation = variant.get_documentation().unwrap_or_default();
    let first_line = documentation.lines().next().unwrap_or_default();

    first_line.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_has_the_name_that_it_has_in_json() {
        assert_eq!(
            (
                code(Outcome::AlreadyDone).as_str(),
                code(Mode::Plan).as_str()
            ),
            ("already_done", "plan")
        );
    }
}
