//! Every reason that a target can have for what became of it.

use serde::Serialize;
use shared::{Advice, Explain, sentence};
use strum::{EnumMessage, VariantArray};

use crate::advice;

/// When an audit that had no time is worth another try.
pub const SOON_SECONDS: u32 = 60;

/// Why a target is treated as it is: a closed set. The first line of each comment is the sentence
/// in the report and in the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumMessage, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Looked at; what was found is in the report.
    Audited,
    /// Not looked at: the function's deadline was too close to finish.
    OutOfTime,
    /// DRS was never initialised in this account and Region, so it has no source servers.
    NotInitialised,
    /// No source server with this ID exists in this account and Region.
    NotFound,
    /// The source server is in another account, Region or partition than the ARN says.
    ArnMismatch,
}

impl Reason {
    /// Every reason, in the order of the README's table.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Explain for Reason {
    fn sentence(&self) -> &'static str {
        sentence(self)
    }

    fn advice(&self) -> &'static [Advice] {
        match self {
            Self::Audited => &[],
            Self::OutOfTime => &[advice::SEND_AGAIN],
            Self::NotInitialised => &[advice::FIND_REGION],
            Self::NotFound | Self::ArnMismatch => &[advice::FIND_SERVER],
        }
    }

    fn look_again_after_seconds(&self) -> Option<u32> {
        match self {
            Self::OutOfTime => Some(SOON_SECONDS),
            _ => None,
        }
    }

    fn is_unfinished(&self) -> bool {
        matches!(self, Self::OutOfTime)
    }
}
