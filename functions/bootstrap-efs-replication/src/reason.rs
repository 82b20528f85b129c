//! Every reason that a target can have for what became of it.

use serde::Serialize;
use shared::{Advice, Explain, sentence};
use strum::{EnumMessage, VariantArray};

use crate::advice;

/// Why a target is treated as it is: a closed set. The first line of each comment is the sentence
/// in the report and in the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumMessage, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The first sync is complete, and every requested resource of the replica is available.
    ReplicaUsable,
    /// The replica is usable; its 50 tags leave no room for drover:bootstrapped-by.
    ReplicaUsableUnmarked,
    /// The replica is usable; the request has expired, so it is not marked.
    ReplicaUsableAfterExpiry,
    /// The replica has no mount target, so nothing can mount it.
    NoMountTargets,
    /// The replica's KMS key was not compared with the requested one: EFS resolves no alias.
    KmsKeyNotCompared,
    /// Plan mode: nothing was changed; these steps would be taken.
    PlanMode,
    /// The source file system is still being created or updated.
    SourceNotAvailable,
    /// EFS is setting up the replication.
    ReplicationEnabling,
    /// EFS is still creating the replica.
    ReplicaNotAvailable,
    /// Mount targets or access points of the replica are still being created.
    PartsNotAvailable,
    /// The first sync is not complete; the replica cannot be used yet.
    FirstSyncRunning,
    /// AWS accepted the change, but a read does not show it yet.
    NotSeenYet,
    /// EFS does not accept the change in the current state of the file system.
    NotReadyYet,
    /// Not started or not finished: the function's deadline was too close.
    OutOfTime,
    /// The request has expired, so what is missing is not created for it.
    Expired,
    /// No file system with this ID exists in this account and Region.
    NotFound,
    /// The file system is in another account or Region, where replication has to start.
    SourceElsewhere,
    /// Another target of this request has the same source or overwrites the same destination.
    NamedTwice,
    /// The file system is in another account or Region than the ARN says.
    ArnMismatch,
    /// The source file system is being deleted or is in error.
    SourceUnusable,
    /// The file system does not have the tag drover:replicate-to.
    NoReplicateToTag,
    /// The value of the tag drover:replicate-to is not a Region.
    BadReplicateToTag,
    /// The source is itself a replica, and EFS does not chain replications.
    SourceIsADestination,
    /// The source replicates to another destination, and EFS allows only one.
    ReplicatesElsewhere,
    /// The replication of the source is being deleted.
    ReplicationDeleting,
    /// The Region of the destination differs from that of its zone or ARN.
    RegionMismatch,
    /// The Region of the replica is not in REPLICA_REGIONS.
    RegionNotAllowed,
    /// The KMS key is in another Region than the replica.
    KmsKeyRegionMismatch,
    /// The existing replica is encrypted with another KMS key than requested.
    KmsKeyDiffers,
    /// The source and the destination are the same file system.
    SameFileSystem,
    /// A destination in another account needs a roleArn.
    RoleMissing,
    /// A destination in the same account takes no roleArn.
    RoleNotNeeded,
    /// Resources of a replica in another account have to be created there.
    PartsInAnotherAccount,
    /// The existing destination does not exist or cannot be read from here.
    DestinationNotFound,
    /// The existing destination is not available.
    DestinationNotAvailable,
    /// `overwrite` does not repeat the ID of the existing destination.
    OverwriteNotConfirmed,
    /// The approval tag is missing on the file system that would be overwritten.
    NotApproved,
    /// The approval tag on the destination names another request.
    ApprovedForAnotherRequest,
    /// The protection tag is set on the file system that would be overwritten.
    Protected,
    /// The overwrite protection of the destination is enabled.
    OverwriteProtectionEnabled,
    /// The existing destination is part of another replication.
    DestinationInUse,
    /// The source is encrypted and the destination is not.
    DestinationNotEncrypted,
    /// The unencrypted source could never be restored from an encrypted replica (acceptNoFailback).
    FailbackImpossible,
    /// The request names more file systems than this deployment allows (MAX_TARGETS).
    OverMaxTargets,
    /// EFS is pausing the replication.
    ReplicationPausing,
    /// EFS has paused the replication.
    ReplicationPaused,
    /// The replication is in error: EFS asks to delete it and create a new one.
    ReplicationInError,
    /// The replica is being deleted, is in error, or cannot be read.
    ReplicaUnusable,
    /// A mount target of the replica has other security groups than requested.
    MountTargetDiffers,
    /// The replica would exceed AWS's 50 tags, drover:bootstrapped-by included; remove some.
    TooManyTags,
    /// A mount target or access point of the replica is in error.
    PartInError,
    /// The source's policy names something that has no counterpart on the replica.
    PolicyNotTranslatable,
    /// AWS reports a state of the file system that this version of drover does not know.
    UnknownState,
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
            Self::ReplicaUsable => &[],
            Self::ReplicaUsableAfterExpiry => &[advice::MARK_ANEW],
            Self::Expired => &[advice::SEND_ANEW],
            Self::ReplicaUsableUnmarked => &[advice::FREE_A_TAG],
            Self::NoMountTargets => &[advice::ADD_MOUNT_TARGETS, advice::SET_DEFAULTS],
            Self::KmsKeyNotCompared => &[advice::COMPARE_KEYS],
            Self::PlanMode => &[advice::CARRY_OUT],
            Self::SourceNotAvailable
            | Self::ReplicationEnabling
            | Self::ReplicaNotAvailable
            | Self::PartsNotAvailable
            | Self::FirstSyncRunning
            | Self::NotSeenYet
            | Self::NotReadyYet
            | Self::OutOfTime => &[advice::WAIT],

            Self::NotFound => &[advice::FIND],
            Self::NamedTwice => &[advice::NAME_ONCE],
            Self::ArnMismatch => &[advice::COMPARE],
            Self::SourceElsewhere => &[advice::DEPLOY_THERE],
            Self::SourceUnusable => &[advice::LOOK_AT_SOURCE],
            Self::NoReplicateToTag | Self::BadReplicateToTag => &[advice::SET_TAG],
            Self::SourceIsADestination => &[advice::NAME_THE_ORIGIN],
            Self::ReplicatesElsewhere => &[advice::DELETE_OR_ADOPT],
            Self::ReplicationDeleting => &[advice::WAIT_FOR_DELETION],

            Self::RegionMismatch
            | Self::KmsKeyRegionMismatch
            | Self::SameFileSystem
            | Self::RoleMissing
            | Self::RoleNotNeeded => &[advice::CORRECT],
            Self::RegionNotAllowed => &[advice::OTHER_REGION, advice::ALLOW_REGION],
            Self::KmsKeyDiffers => &[advice::KEEP_KEY],
            Self::PartsInAnotherAccount => &[advice::PROVISION_THERE],

            Self::DestinationNotFound => &[advice::FIND_DESTINATION],
            Self::DestinationNotAvailable => &[advice::LOOK_AT_REPLICA],
            Self::OverwriteNotConfirmed => &[advice::CONFIRM],
            Self::NotApproved => &[advice::APPROVE],
            Self::ApprovedForAnotherRequest => &[advice::APPROVE_INSTEAD],
            Self::Protected => &[advice::UNPROTECT],
            Self::OverwriteProtectionEnabled => &[advice::DISABLE_PROTECTION],
            Self::DestinationInUse => &[advice::OTHER_DESTINATION],
            Self::DestinationNotEncrypted => &[advice::ENCRYPTED_DESTINATION],
            Self::FailbackImpossible => &[advice::ACCEPT_NO_FAILBACK],
            Self::OverMaxTargets => &[advice::SPLIT, advice::RAISE_MAX_TARGETS],

            Self::ReplicationPausing | Self::ReplicationPaused => &[advice::FIND_CAUSE],
            Self::ReplicationInError => &[advice::RECREATE],
            Self::ReplicaUnusable | Self::PartInError => &[advice::LOOK_AT_REPLICA],
            Self::MountTargetDiffers => &[advice::CHANGE_GROUPS],
            Self::TooManyTags => &[advice::FREE_TAGS],
            Self::PolicyNotTranslatable => &[advice::EDIT_POLICY],
            Self::UnknownState => &[advice::UPDATE],
        }
    }

    fn look_again_after_seconds(&self) -> Option<u32> {
        match self {
            Self::SourceNotAvailable | Self::ReplicaNotAvailable | Self::PartsNotAvailable => {
                Some(60)
            }
            Self::NotSeenYet | Self::NotReadyYet | Self::OutOfTime => Some(60),
            Self::ReplicationEnabling => Some(2 * 60),
            Self::FirstSyncRunning => Some(5 * 60),
            _ => None,
        }
    }

    fn is_unfinished(&self) -> bool {
        matches!(
            self,
            Self::NotSeenYet
                | Self::NotReadyYet
                | Self::OutOfTime
                | Self::SourceNotAvailable
                | Self::ReplicationEnabling
                | Self::ReplicaNotAvailable
                | Self::PartsNotAvailable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence_of_its_own() {
        let mut sentences: Vec<&str> = Reason::ALL.iter().map(Reason::sentence).collect();
        sentences.sort_unstable();

        assert!(sentences.iter().all(|sentence| sentence.contains(' ')));
        assert!(sentences.windows(2).all(|two| two[0] != two[1]));
    }

    #[test]
    fn everything_but_a_usable_replica_has_a_way_out() {
        for reason in Reason::ALL {
            let is_good = *reason == Reason::ReplicaUsable;
            assert_eq!(reason.advice().is_empty(), is_good, "{reason:?}");
        }
    }

    #[test]
    fn a_queue_waits_for_all_that_comes_soon_and_not_for_the_first_sync() {
        for reason in Reason::ALL {
            let seconds = reason.look_again_after_seconds();
            let comes_soon = seconds.is_some_and(|seconds| seconds <= 120);

            assert_eq!(reason.is_unfinished(), comes_soon, "{reason:?}");
        }

        let expected = [
            &Reason::SourceNotAvailable,
            &Reason::ReplicationEnabling,
            &Reason::ReplicaNotAvailable,
            &Reason::PartsNotAvailable,
            &Reason::NotSeenYet,
            &Reason::NotReadyYet,
            &Reason::OutOfTime,
        ];
        let soon = Reason::ALL.iter().filter(|reason| reason.is_unfinished());
        assert_eq!(soon.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn waiting_takes_as_long_as_efs_takes() {
        let waits = [
            (Reason::OutOfTime, Some(60)),
            (Reason::ReplicationEnabling, Some(120)),
            (Reason::FirstSyncRunning, Some(300)),
            (Reason::ReplicaUsable, None),
        ];

        for (reason, seconds) in waits {
            assert_eq!(reason.look_again_after_seconds(), seconds, "{reason:?}");
        }
    }
}
