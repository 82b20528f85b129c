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
    /// No file system with this ID exists in this account and Region.
    NotFound,
    /// The file system is in another account or Region than the ARN says.
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
            // Named file systems take less time than all of them.
            Self::OutOfTime => &[advice::SEND_AGAIN],
            Self::NotFound | Self::ArnMismatch => &[advice::FIND],
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
