//! Everything that an audit can find.

use serde::Serialize;
use shared::{Advice, Explain, sentence};
use strum::{EnumMessage, VariantArray};

use crate::advice;

/// What is to be said of a source server, or of the account: a closed set, the worst first. The
/// first line of each comment is the sentence in the report and in the README's table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, EnumMessage, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The replication is stalled: the server could not be recovered as it is now.
    ReplicationStalled,
    /// DRS reports an error of the replication.
    ReplicationError,
    /// The replication was stopped or paused, and nobody has started it again.
    ReplicationStopped,
    /// The extension from another account is broken.
    ExtensionError,
    /// AWS reports something of the source server that this version of drover does not know.
    UnknownState,
    /// DRS has not seen the agent for longer than the deployment allows (SILENT_HOURS).
    AgentSilent,
    /// The replication is further behind than the deployment allows (LAG_MINUTES).
    LagOverObjective,
    /// The initial sync takes longer than the deployment allows (SYNC_HOURS).
    InitialSyncOverdue,
    /// The source server replicates back to its origin: a failback was begun and not finished.
    FailbackOpen,
    /// Another connected source server replicates the same EC2 instance.
    DuplicateInstance,
    /// Another connected source server has the same host name.
    DuplicateName,
    /// The approval of a decommission is set, and the source server is still connected.
    ///
    /// The request for it never came, was refused, or came before the approval.
    ApprovedStillConnected,
    /// A recovery instance remains, which keeps the source server from being retired.
    RecoveryInstanceRemains,
    /// A drill instance remains, which costs money and keeps the source server from being retired.
    DrillInstanceRemains,
    /// The source server is DISCONNECTED, and recovery points or disks of its staging area remain.
    ///
    /// AWS removes them within 90 minutes of a disconnect.
    StagingLeft,
    /// The source server is DISCONNECTED, and its record remains.
    RecordRemains,
    /// A large share of a quota of DRS is used (QUOTA_PERCENT).
    QuotaNear,
}

impl Finding {
    /// Every finding, in the order of the README's table.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Explain for Finding {
    fn sentence(&self) -> &'static str {
        sentence(self)
    }

    fn advice(&self) -> &'static [Advice] {
        match self {
            Self::ReplicationStalled | Self::ReplicationError | Self::InitialSyncOverdue => {
                &[advice::MEND_REPLICATION]
            }
            Self::LagOverObjective => &[advice::CATCH_UP],
            Self::ReplicationStopped => &[advice::START_REPLICATION],
            Self::ExtensionError => &[advice::REPAIR_EXTENSION],
            Self::UnknownState => &[advice::LOOK],

            Self::AgentSilent => &[advice::CHECK_MACHINE],
            Self::ApprovedStillConnected => &[advice::SEND],
            Self::FailbackOpen => &[advice::FINISH_FAILBACK],
            Self::DuplicateInstance | Self::DuplicateName => &[advice::RETIRE_DUPLICATE],
            Self::RecoveryInstanceRemains => &[advice::END_RECOVERY],
            Self::DrillInstanceRemains => &[advice::END_DRILL],

            Self::StagingLeft => &[advice::WAIT_FOR_STAGING],
            Self::RecordRemains => &[advice::DELETE_RECORD],
            Self::QuotaNear => &[advice::RAISE_QUOTA],
        }
    }

    fn look_again_after_seconds(&self) -> Option<u32> {
        None
    }

    fn is_unfinished(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_a_sentence_of_its_own_and_a_next_step() {
        let mut sentences: Vec<&str> = Finding::ALL.iter().map(Finding::sentence).collect();
        sentences.sort_unstable();

        assert!(sentences.windows(2).all(|two| two[0] != two[1]));
        assert!(Finding::ALL.iter().all(|it| !it.advice().is_empty()));
    }
}
