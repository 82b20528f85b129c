//! Why a call to AWS did not answer as asked, in the few kinds that lead to different behaviour.

use std::fmt;

use serde::Serialize;
use strum::{EnumMessage, VariantArray};

use crate::{advice::Advice, variant::sentence};

/// Why a call failed: the kind of fault, and the code that AWS gave, if AWS answered.
///
/// It never holds AWS's message, a header or a body: those may name hosts and addresses, and faults
/// are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it means for us.
    pub kind: FaultKind,
    /// AWS's error code, such as `ConflictException`.
    pub code: Option<String>,
}

/// The closed set of faults. The first line of each comment is the sentence in the report and in
/// the documents' table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumMessage, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// AWS throttled the call.
    ///
    /// Also after the SDK's own retries.
    Throttled,
    /// AWS answered with a server error.
    ServiceError,
    /// AWS has no capacity for the change at the moment.
    ///
    /// Nothing was changed.
    NoCapacity,
    /// AWS did not answer in time.
    Timeout,
    /// The connection to AWS broke before a complete answer.
    NoAnswer,
    /// AWS repeated a page token, so the list is incomplete.
    BrokenPaging,
    /// AWS's answer lacks what identifies a resource.
    Unreadable,
    /// The credentials have expired.
    ///
    /// The process ends after its answer, and the next one gets new credentials.
    CredentialsExpired,
    /// AWS refused the signature, as it does when clocks disagree or a process was frozen.
    SignatureRefused,
    /// AWS reports a conflict.
    ///
    /// It does not say with what, and a read does not explain it.
    Conflict,
    /// AWS does not know the resource.
    NotFound,
    /// The role of the function may not do this.
    AccessDenied,
    /// AWS does not know the credentials; the Region may not be enabled for the account.
    RegionNotEnabled,
    /// The call could not be made: an endpoint or an input is impossible.
    Misconfigured,
    /// A quota of the account is used up.
    ///
    /// The code names it.
    QuotaExceeded,
    /// AWS refused the call.
    ///
    /// For another reason than those above.
    RejectedByAws,
}

/// What it takes to get past a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same request may succeed later by itself.
    Retry,
    /// The deployment has to be fixed first.
    FixDeployment,
    /// Retrying cannot help; somebody has to act.
    Manual,
}

impl FaultKind {
    /// Every fault, in the order of the documents' table.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// What it takes to get past the fault.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Throttled | Self::ServiceError | Self::NoCapacity => Remedy::Retry,
            Self::Timeout | Self::NoAnswer | Self::BrokenPaging => Remedy::Retry,
            Self::CredentialsExpired | Self::SignatureRefused => Remedy::Retry,
            Self::Conflict | Self::NotFound => Remedy::Retry,
            Self::AccessDenied | Self::RegionNotEnabled | Self::Misconfigured => {
                Remedy::FixDeployment
            }
            Self::QuotaExceeded | Self::RejectedByAws | Self::Unreadable => Remedy::Manual,
        }
    }

    /// What people do about a change that may have been made.
    pub const IN_DOUBT: Advice = Advice::operator(
        "Look at the resource before anything else. If the request is still good, send it again: \
         it starts from what is there.",
    );

    /// What people can do about the fault. Nothing where the next delivery does it.
    #[must_use]
    pub fn advice(self) -> &'static [Advice] {
        const DEPLOY: Advice = Advice::operator(
            "Compare the function's role with the template of this version and deploy it again.",
        );
        const ENABLE: Advice = Advice::operator("Enable the Region for the account.")
            .by("aws account enable-region --region-name {region}");
        const ENDPOINT: Advice = Advice::operator(
            "Check the Region, the endpoints and the proxy in the function's environment.",
        );
        const QUOTA: Advice = Advice::operator("Raise the quota that the error code names.")
            .by("aws service-quotas list-service-quotas --service-code {service}");
        const LOOK: Advice = Advice::operator(
            "Look up the error code in the API reference of the operation, and make the change \
             by hand if it is still wanted.",
        );

        // What helps by itself needs no advice.
        match self {
            Self::AccessDenied => &[DEPLOY],
            Self::RegionNotEnabled => &[ENABLE],
            Self::Misconfigured => &[ENDPOINT],
            Self::QuotaExceeded => &[QUOTA],
            Self::RejectedByAws | Self::Unreadable => &[LOOK],
            // Lambda or a queue delivers again.
            Self::Throttled | Self::ServiceError | Self::NoCapacity => &[],
            Self::Timeout | Self::NoAnswer | Self::BrokenPaging => &[],
            Self::CredentialsExpired | Self::SignatureRefused => &[],
            Self::Conflict | Self::NotFound => &[],
        }
    }

    /// Whether the change may have happened all the same: AWS may have acted and its answer may
    /// have been lost.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::ServiceError | Self::Timeout | Self::NoAnswer)
    }

    /// The fault as part of a sentence, without AWS's own words.
    #[must_use]
    pub fn phrase(self) -> String {
        let sentence = sentence(&self);

        // "The credentials" begins in lower case after a colon; "AWS" stays as it is.
        let mut letters = sentence.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if !second.is_uppercase() => first
                .to_lowercase()
                .chain([second])
                .chain(letters)
                .collect(),
            _ => sentence.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.phrase())?;

        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// A fault without a code from AWS.
    #[must_use]
    pub fn of(kind: FaultKind) -> Self {
        Self { kind, code: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_begins_in_lower_case_but_for_names() {
        let denied = FaultKind::AccessDenied.phrase();
        assert_eq!(denied, "the role of the function may not do this");
        let quota = FaultKind::QuotaExceeded.phrase();
        assert_eq!(quota, "a quota of the account is used up");
        assert_eq!(FaultKind::Throttled.phrase(), "AWS throttled the call");
    }

    #[test]
    fn only_an_answer_that_was_lost_or_broken_leaves_doubt() {
        let doubtful = FaultKind::ALL.iter().filter(|kind| kind.leaves_doubt());

        let expected = [
            &FaultKind::ServiceError,
            &FaultKind::Timeout,
            &FaultKind::NoAnswer,
        ];
        assert_eq!(doubtful.collect::<Vec<_>>(), expected);
    }
}
