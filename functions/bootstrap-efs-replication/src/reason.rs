//! Every reason that a target can have for what became of it.

use serde::Serialize;

/// Why a target is treated as it is: the closed set, each a row of the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The replication is ENABLED, its first sync complete, and every part that was asked for is
    /// there and available.
    ReplicaUsable,
    /// The same, but the replica has so many tags that there is no room for the mark.
    ReplicaUsableUnmarked,
    /// Plan mode: the steps are shown and not taken.
    PlanMode,
    /// The source is being created or changed.
    SourceNotAvailable,
    /// The replication is being set up.
    ReplicationEnabling,
    /// The replica is being created.
    ReplicaNotAvailable,
    /// Mount targets or access points of the replica are being created.
    PartsNotAvailable,
    /// The first sync is not complete.
    FirstSyncRunning,
    /// AWS accepted the change, and reading back does not show it yet.
    NotSeenYet,
    /// AWS does not take the change in the state in which the file system is.
    NotReadyYet,
    /// There was no time left to begin.
    OutOfTime,
    /// The source does not exist here.
    NotFound,
    /// Another target of the request is the same source, or overwrites the same destination.
    NamedTwice,
    /// The source's ARN names another account or Region.
    ArnMismatch,
    /// The source is being deleted, or broken.
    SourceUnusable,
    /// The source does not carry the tag that says where to replicate to.
    NoReplicateToTag,
    /// The tag that says where to replicate to holds no Region.
    BadReplicateToTag,
    /// The source is a replica itself.
    SourceIsADestination,
    /// The source replicates to another destination.
    ReplicatesElsewhere,
    /// The replication of the source is being deleted.
    ReplicationDeleting,
    /// The Region and the zone, or the Region and the ARN, of the destination differ.
    RegionMismatch,
    /// `REPLICA_REGIONS` does not name the Region of the replica.
    RegionNotAllowed,
    /// The KMS key is in another Region than the replica.
    KmsKeyRegionMismatch,
    /// The replica is encrypted by another KMS key than asked for.
    KmsKeyDiffers,
    /// The source is the destination.
    SameFileSystem,
    /// Another account needs a role.
    RoleMissing,
    /// The same account needs none.
    RoleNotNeeded,
    /// EFS makes no file system in another account, and drover furnishes none there.
    PartsInAnotherAccount,
    /// The existing destination does not exist.
    DestinationNotFound,
    /// The existing destination is not available.
    DestinationNotAvailable,
    /// The request does not repeat the ID of the file system to be overwritten.
    OverwriteNotConfirmed,
    /// The approval tag is not on the file system to be overwritten.
    NotApproved,
    /// The approval tag names another request.
    ApprovedForAnotherRequest,
    /// The protection tag is on the file system to be overwritten.
    Protected,
    /// Nobody has disabled the overwrite protection of the file system to be overwritten.
    OverwriteProtectionEnabled,
    /// The existing destination is part of another replication.
    DestinationInUse,
    /// The source is encrypted and the destination is not.
    DestinationNotEncrypted,
    /// The source is not encrypted and the replica is, so nothing could ever be replicated back.
    FailbackImpossible,
    /// The request names more file systems than the deployment allows.
    OverMaxTargets,
    /// The replication is about to be paused.
    ReplicationPausing,
    /// The replication is paused.
    ReplicationPaused,
    /// The replication is beyond repair.
    ReplicationInError,
    /// The replica is being deleted, broken, or not to be seen.
    ReplicaUnusable,
    /// A mount target of the replica has other security groups than asked for.
    MountTargetDiffers,
    /// The replica would have more tags than AWS allows.
    TooManyTags,
    /// A mount target or access point of the replica is broken.
    PartInError,
    /// The source's file system policy names something that the replica has no counterpart of.
    PolicyNotTranslatable,
    /// AWS describes the file system or its replication in a way that drover does not know.
    UnknownState,
}

impl Reason {
    /// Every reason, in the order of the README's table.
    pub const ALL: [Self; 48] = [
        Self::ReplicaUsable,
        Self::ReplicaUsableUnmarked,
        Self::PlanMode,
        Self::SourceNotAvailable,
        Self::ReplicationEnabling,
        Self::ReplicaNotAvailable,
        Self::PartsNotAvailable,
        Self::FirstSyncRunning,
        Self::NotSeenYet,
        Self::NotReadyYet,
        Self::OutOfTime,
        Self::NotFound,
        Self::NamedTwice,
        Self::ArnMismatch,
        Self::SourceUnusable,
        Self::NoReplicateToTag,
        Self::BadReplicateToTag,
        Self::SourceIsADestination,
        Self::ReplicatesElsewhere,
        Self::ReplicationDeleting,
        Self::RegionMismatch,
        Self::RegionNotAllowed,
        Self::KmsKeyRegionMismatch,
        Self::KmsKeyDiffers,
        Self::SameFileSystem,
        Self::RoleMissing,
        Self::RoleNotNeeded,
        Self::PartsInAnotherAccount,
        Self::DestinationNotFound,
        Self::DestinationNotAvailable,
        Self::OverwriteNotConfirmed,
        Self::NotApproved,
        Self::ApprovedForAnotherRequest,
        Self::Protected,
        Self::OverwriteProtectionEnabled,
        Self::DestinationInUse,
        Self::DestinationNotEncrypted,
        Self::FailbackImpossible,
        Self::OverMaxTargets,
        Self::ReplicationPausing,
        Self::ReplicationPaused,
        Self::ReplicationInError,
        Self::ReplicaUnusable,
        Self::MountTargetDiffers,
        Self::TooManyTags,
        Self::PartInError,
        Self::PolicyNotTranslatable,
        Self::UnknownState,
    ];

    /// The reason as a sentence for the person who asked.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ReplicaUsable => {
                "seen: replicating, the first sync complete, and every part asked for available"
            }
            Self::ReplicaUsableUnmarked => {
                "seen: replicating, the first sync complete, and every part asked for available; its 50 tags leave no room for the mark drover:bootstrapped-by"
            }
            Self::PlanMode => "plan mode: nothing was changed; these steps would be taken",
            Self::SourceNotAvailable => "the source file system is still being created or changed",
            Self::ReplicationEnabling => "EFS is setting the replication up",
            Self::ReplicaNotAvailable => "EFS is still creating the replica",
            Self::PartsNotAvailable => {
                "mount targets or access points of the replica are still being created"
            }
            Self::FirstSyncRunning => {
                "the first sync is not complete: the replica cannot be used yet"
            }
            Self::NotSeenYet => "AWS accepted the change, but reading back does not show it yet",
            Self::NotReadyYet => {
                "EFS does not take the change in the state in which the file system is"
            }
            Self::OutOfTime => {
                "not begun, or not finished: the function's deadline was too near for the rest"
            }
            Self::NotFound => "no file system with this ID exists in this account and Region",
            Self::NamedTwice => {
                "another target of this request is the same source, or overwrites the same destination"
            }
            Self::ArnMismatch => {
                "the ARN names another account or Region than the file system is in"
            }
            Self::SourceUnusable => "the source file system is being deleted, or in error",
            Self::NoReplicateToTag => "the file system does not carry the tag drover:replicate-to",
            Self::BadReplicateToTag => "the tag drover:replicate-to does not hold a Region",
            Self::SourceIsADestination => {
                "the source is a replica itself, and EFS does not chain replications"
            }
            Self::ReplicatesElsewhere => {
                "the source replicates to another destination, and EFS allows one"
            }
            Self::ReplicationDeleting => "the replication of the source is being deleted",
            Self::RegionMismatch => "the Region of the destination and its zone or ARN differ",
            Self::RegionNotAllowed => "REPLICA_REGIONS does not name the Region of the replica",
            Self::KmsKeyRegionMismatch => "the KMS key is in another Region than the replica",
            Self::KmsKeyDiffers => {
                "the source has a replica already, encrypted by another KMS key than asked for"
            }
            Self::SameFileSystem => "the source and the destination are the same file system",
            Self::RoleMissing => "a destination in another account needs a roleArn",
            Self::RoleNotNeeded => {
                "a destination in the same account is replicated to without a roleArn"
            }
            Self::PartsInAnotherAccount => {
                "a replica in another account is furnished there, not from here"
            }
            Self::DestinationNotFound => {
                "the existing destination does not exist, or is not to be seen from here"
            }
            Self::DestinationNotAvailable => "the existing destination is not available",
            Self::OverwriteNotConfirmed => {
                "`overwrite` does not repeat the ID of the existing destination"
            }
            Self::NotApproved => {
                "the approval tag is not on the file system that would be overwritten"
            }
            Self::ApprovedForAnotherRequest => {
                "the approval tag on the destination names another request"
            }
            Self::Protected => "the protection tag is on the file system that would be overwritten",
            Self::OverwriteProtectionEnabled => {
                "nobody has disabled the overwrite protection of the destination"
            }
            Self::DestinationInUse => "the existing destination is part of another replication",
            Self::DestinationNotEncrypted => "the source is encrypted and the destination is not",
            Self::FailbackImpossible => {
                "the source is not encrypted and the replica is: nothing could be replicated back (acceptNoFailback)"
            }
            Self::OverMaxTargets => {
                "the request names more file systems than this deployment allows (MAX_TARGETS)"
            }
            Self::ReplicationPausing => "EFS is pausing the replication",
            Self::ReplicationPaused => "EFS has paused the replication",
            Self::ReplicationInError => {
                "the replication is in error: EFS asks to delete it and create a new one"
            }
            Self::ReplicaUnusable => "the replica is being deleted, in error, or not to be seen",
            Self::MountTargetDiffers => {
                "a mount target of the replica has other security groups than asked for"
            }
            Self::TooManyTags => {
                "with the source's tags the replica would have more than the 50 that AWS allows, drover:bootstrapped-by among them: remove tags of the source or of the replica"
            }
            Self::PartInError => "a mount target or access point of the replica is in error",
            Self::PolicyNotTranslatable => {
                "the source's policy names something that the replica has no counterpart of"
            }
            Self::UnknownState => {
                "AWS describes the file system in a way that drover does not know"
            }
        }
    }

    /// Whether nobody else would finish what is left: a queue should deliver the request again.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
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

    /// When it is worth to look again, in seconds.
    #[must_use]
    pub fn look_again_after_seconds(self) -> Option<u32> {
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
}

#[cfg(test)]
mod tests {
    use shared::code;

    use super::*;

    #[test]
    fn every_reason_is_listed_once() {
        let mut names: Vec<String> = Reason::ALL.into_iter().map(code).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn every_reason_has_a_sentence_of_its_own() {
        let mut sentences = Reason::ALL.map(Reason::sentence);
        sentences.sort_unstable();
        assert!(
            sentences
                .windows(2)
                .all(|two| two[0] != two[1] && two[0].contains(' '))
        );
    }

    #[test]
    fn a_queue_waits_for_all_that_comes_soon_and_not_for_the_first_sync() {
        let soon = |reason: &Reason| {
            reason
                .look_again_after_seconds()
                .is_some_and(|seconds| seconds <= 120)
        };
        for reason in Reason::ALL {
            assert_eq!(reason.is_unfinished(), soon(&reason), "{reason:?}");
        }
        let expected = [
            Reason::SourceNotAvailable,
            Reason::ReplicationEnabling,
            Reason::ReplicaNotAvailable,
            Reason::PartsNotAvailable,
            Reason::NotSeenYet,
            Reason::NotReadyYet,
            Reason::OutOfTime,
        ];
        assert_eq!(
            Reason::ALL.into_iter().filter(soon).collect::<Vec<_>>(),
            expected
        );
        let seconds = [
            Reason::OutOfTime,
            Reason::ReplicationEnabling,
            Reason::FirstSyncRunning,
        ];
        assert_eq!(
            seconds.map(Reason::look_again_after_seconds),
            [Some(60), Some(120), Some(300)]
        );
    }
}
