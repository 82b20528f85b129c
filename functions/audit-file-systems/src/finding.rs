//! Everything that an audit can find.

use serde::Serialize;
use shared::{Advice, Explain, sentence};
use strum::{EnumMessage, VariantArray};

use crate::advice;

/// What is to be said of a file system or of its replication: a closed set, the worst first. The
/// first line of each comment is the sentence in the report and in the README's table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, EnumMessage, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The replication is in error: EFS asks to delete it and create a new one.
    ReplicationInError,
    /// The source of the replication does not exist any more.
    SourceGone,
    /// The replica of the replication does not exist in this account.
    ReplicaNotFound,
    /// The replica is being deleted or is in error.
    ReplicaUnusable,
    /// EFS has paused the replication, or is pausing it.
    ReplicationPaused,
    /// The file system asks for a replica by the tag drover:replicate-to, and has none.
    ///
    /// The event of the tag never came, or was refused.
    NotReplicated,
    /// The value of the tag drover:replicate-to is not a Region, so no replica is created.
    BadReplicateToTag,
    /// AWS reports a state that this version of drover does not know.
    UnknownState,
    /// Not everything could be read, and what was not read is not known.
    NotRead,
    /// The last sync is older than the deployment allows (SYNC_SECONDS).
    SyncOverdue,
    /// The first sync is not complete for longer than the deployment allows (SYNC_SECONDS).
    ///
    /// Until it is, the replica cannot be used. It takes as long as the size of the file system.
    FirstSyncOverdue,
    /// The replica has no mount target, so nothing can mount it.
    NoMountTarget,
    /// The overwrite protection is disabled, and no replication uses the file system yet.
    ///
    /// Any new replication may overwrite it.
    OverwriteProtectionOff,
    /// The source and the replica are in one Region, so one outage takes both.
    SameRegion,
    /// The replica is in another Region than the tag drover:replicate-to asks for.
    OtherRegion,
    /// The replica has another KMS key than the deployment gives those of tagged file systems.
    KmsKeyDiffers,
    /// The replica lacks access points of its source, or has them in error.
    AccessPointsDiffer,
    /// The replica's file system policy lacks statements of its source's policy.
    PolicyDiffers,
    /// The source's policy names something that has no counterpart on the replica.
    PolicyNotTranslatable,
    /// The replica has other lifecycle policies than its source.
    LifecycleDiffers,
    /// The replica lacks tags of its source, or has them with other values.
    TagsDiffer,
    /// The replica has no mark of a request that found it usable (drover:bootstrapped-by).
    ReplicaNotMarked,
    /// The replica is in another account, so it was neither read nor compared.
    ReplicaInAnotherAccount,
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
            Self::ReplicationInError => &[advice::RECREATE],
            Self::SourceGone => &[advice::PROMOTE],
            Self::ReplicaNotFound => &[advice::FIND_REPLICA],
            Self::ReplicaUnusable => &[advice::LOOK_AT_REPLICA],
            Self::ReplicationPaused => &[advice::FIND_CAUSE],
            Self::NotReplicated => &[advice::SEND_OR_UNTAG],
            Self::BadReplicateToTag => &[advice::SET_TAG],
            Self::UnknownState => &[advice::UPDATE],
            Self::NotRead => &[advice::MAKE_READABLE],

            Self::SyncOverdue => &[advice::CATCH_UP],
            Self::FirstSyncOverdue => &[advice::WAIT],
            Self::NoMountTarget => &[advice::MOUNT],
            Self::OverwriteProtectionOff => &[advice::PROTECT],
            Self::SameRegion => &[advice::SHARE_REGION],
            Self::OtherRegion => &[advice::REPLICATE_ELSEWHERE],
            Self::KmsKeyDiffers => &[advice::KEEP_OR_REPLACE],

            // What one request mends together.
            Self::AccessPointsDiffer
            | Self::PolicyDiffers
            | Self::LifecycleDiffers
            | Self::TagsDiffer => &[advice::PROVISION],
            Self::PolicyNotTranslatable => &[advice::EDIT_POLICY],
            Self::ReplicaNotMarked => &[advice::MARK],
            Self::ReplicaInAnotherAccount => &[advice::AUDIT_THERE],
        }
    }

    fn look_again_after_seconds(&self) -> Option<u32> {
        None
    }

    fn is_unfinished(&self) -> bool {
        // Nobody delivers a finding again.
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

    #[test]
    fn every_next_step_has_a_command() {
        for finding in Finding::ALL {
            let mut advice = finding.advice().iter();
            assert!(advice.all(|it| it.command.is_some()), "{finding:?}");
        }
    }
}
