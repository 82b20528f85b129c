//! Every reason that a target can have for what became of it.

use serde::Serialize;
use shared::{Advice, Explain, sentence};
use strum::{EnumMessage, VariantArray};

use crate::advice;

/// How long AWS may take to remove the staging resources of a disconnected server
/// (`DisconnectSourceServer`, API reference).
pub const STAGING_CLEANUP_SECONDS: u32 = 90 * 60;

/// When a change that a read does not show yet is worth another look.
pub const SOON_SECONDS: u32 = 60;

/// After how long a staging area that is left is a failure: twice what AWS promises.
pub const STAGING_OVERDUE_SECONDS: u32 = 2 * STAGING_CLEANUP_SECONDS;

/// When a staging area that AWS is still removing is worth another look.
pub const CLEANUP_SECONDS: u32 = 15 * 60;

/// When an agent that is not silent yet is worth another look.
pub const SILENCE_SECONDS: u32 = 15 * 60;

/// Why a target is treated as it is: a closed set. The first line of each comment is the sentence
/// in the report and in the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumMessage, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The server is DISCONNECTED and no approval of this request is left on it.
    Disconnected,
    /// No record of the server exists.
    RecordDeleted,
    /// DRS shows nothing of the staging area any more: no disk, no lag and no recovery point.
    CleanupVerified,
    /// DRS could not reach the agent before the disconnect, so it may remain on the machine.
    AgentMayRemain,
    /// Disconnected; delete the record once AWS has removed the staging resources, in 90 minutes.
    ///
    /// A delete that is sent before waits until DRS shows nothing of them.
    RecordAwaitsDeletion,
    /// Disconnected; verify that AWS has removed the staging resources, in 90 minutes.
    CleanupAwaitsVerification,
    /// DRS still shows something of the staging area, which AWS removes within 90 minutes.
    CleanupPending,
    /// The instance was terminated, and its agent has not been silent for long enough yet.
    AgentNotSilentYet,
    /// AWS accepted the change, but a read does not show it yet.
    NotSeenYet,
    /// Not started: the function's deadline was too close to finish.
    OutOfTime,
    /// Plan mode: nothing was changed; these steps would be taken.
    PlanMode,
    /// DRS still shows something of the staging area, 3 hours after the disconnect.
    StagingLeft,
    /// DRS was never initialised in this account and Region, so it has no source servers.
    NotInitialised,
    /// No source server with this name exists in this account and Region.
    NotFound,
    /// Several source servers match this name; name one by sourceServerID.
    Ambiguous,
    /// Another target of this request is the same source server.
    NamedTwice,
    /// The source server is in another account, Region or partition than the ARN says.
    ArnMismatch,
    /// The source server is another EC2 instance than the request says.
    AwsInstanceIdMismatch,
    /// The source server has another hostname than the request says.
    HostnameMismatch,
    /// The source server has another fqdn than the request says.
    FqdnMismatch,
    /// The source server comes from another account or Region than the event says.
    OriginMismatch,
    /// The event comes from an account whose machines this deployment does not accept (ORIGIN_ACCOUNTS).
    OriginNotAllowed,
    /// The protection tag is set on the source server.
    Protected,
    /// The approval tag is missing on the source server.
    NotApproved,
    /// The approval tag on the source server names another request.
    ApprovedForAnotherRequest,
    /// DRS saw the agent of the source server too lately, so its machine may not be gone.
    AgentAlive,
    /// A recovery instance of the source server exists and may be in use.
    RecoveryInstancePresent,
    /// A drill instance of the source server exists; end the drill first.
    DrillInstancePresent,
    /// A DRS job is working on the source server.
    JobRunning,
    /// The source server replicates back to its origin: a failback is in progress.
    FailbackDirection,
    /// Another source server replicates the other way; end that replication first.
    ReversedPair,
    /// The source server is extended from another account; disconnect it there.
    Extended,
    /// The source server is extended from another account, with an error.
    ExtensionError,
    /// AWS reports a state of the source server that this version of drover does not know.
    UnknownState,
    /// The source server is not DISCONNECTED, so its record cannot be deleted and nothing is verified.
    NotDisconnected,
    /// This deployment does not allow records to be deleted (ALLOW_DELETE).
    DeleteNotAllowed,
    /// The request names more source servers than this deployment allows (MAX_TARGETS).
    OverMaxTargets,
    /// The request would change too large a share of the account's servers (MAX_SHARE_PERCENT).
    OverMaxShare,
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
            Self::Disconnected | Self::RecordDeleted | Self::CleanupVerified => &[],
            Self::AgentMayRemain => &[advice::UNINSTALL_AGENT],
            Self::RecordAwaitsDeletion => &[advice::AWAITS_DELETION],
            Self::CleanupAwaitsVerification => &[advice::AWAITS_VERIFICATION],
            Self::CleanupPending => &[advice::AWAIT_CLEANUP],
            Self::StagingLeft => &[advice::REPORT_LEFTOVERS],
            Self::NotSeenYet | Self::OutOfTime | Self::AgentNotSilentYet => &[advice::SEND_AGAIN],
            Self::PlanMode => &[advice::CARRY_OUT],

            Self::NotInitialised => &[advice::FIND_REGION],
            Self::NotFound => &[advice::FIND_SERVER],
            Self::Ambiguous => &[advice::NAME_ONE],
            Self::NamedTwice => &[advice::NAME_ONCE],
            Self::ArnMismatch
            | Self::AwsInstanceIdMismatch
            | Self::HostnameMismatch
            | Self::FqdnMismatch => &[advice::COMPARE],
            Self::OriginMismatch => &[advice::CHECK_ORIGIN],
            Self::OriginNotAllowed => &[advice::ALLOW_ORIGIN],

            Self::Protected => &[advice::UNPROTECT],
            Self::NotApproved => &[advice::APPROVE],
            Self::ApprovedForAnotherRequest => &[advice::APPROVE_INSTEAD],
            Self::AgentAlive => &[advice::CHECK_MACHINE],
            Self::RecoveryInstancePresent => &[advice::END_RECOVERY],
            Self::DrillInstancePresent => &[advice::END_DRILL],
            Self::JobRunning => &[advice::WAIT_FOR_JOB],
            Self::FailbackDirection => &[advice::FINISH_FAILBACK],
            Self::ReversedPair => &[advice::END_PAIR],
            Self::Extended => &[advice::SEND_ELSEWHERE],
            Self::ExtensionError => &[advice::REPAIR_EXTENSION],
            Self::UnknownState => &[advice::LOOK],

            Self::NotDisconnected => &[advice::DISCONNECT_FIRST],
            Self::DeleteNotAllowed => &[advice::ALLOW_DELETE],
            Self::OverMaxTargets => &[advice::SPLIT, advice::RAISE_MAX_TARGETS],
            Self::OverMaxShare => &[advice::SEND_FEWER, advice::RAISE_MAX_SHARE],
        }
    }

    fn look_again_after_seconds(&self) -> Option<u32> {
        match self {
            Self::RecordAwaitsDeletion | Self::CleanupAwaitsVerification => {
                Some(STAGING_CLEANUP_SECONDS)
            }
            Self::CleanupPending => Some(CLEANUP_SECONDS),
            Self::AgentNotSilentYet => Some(SILENCE_SECONDS),
            Self::NotSeenYet | Self::OutOfTime => Some(SOON_SECONDS),
            _ => None,
        }
    }

    fn is_unfinished(&self) -> bool {
        matches!(self, Self::NotSeenYet | Self::OutOfTime)
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
    fn everything_that_is_refused_has_a_way_out() {
        let is_good = |reason: &Reason| {
            matches!(
                reason,
                Reason::Disconnected | Reason::RecordDeleted | Reason::CleanupVerified
            )
        };
        for reason in Reason::ALL.iter().filter(|reason| !is_good(reason)) {
            assert!(!reason.advice().is_empty(), "{reason:?}");
        }
    }

    #[test]
    fn a_queue_waits_for_a_change_to_become_visible_and_not_for_ninety_minutes() {
        let waits = Reason::ALL
            .iter()
            .filter_map(|reason| Some((*reason, reason.look_again_after_seconds()?)));
        let expected = [
            (Reason::RecordAwaitsDeletion, 90 * 60),
            (Reason::CleanupAwaitsVerification, 90 * 60),
            (Reason::CleanupPending, 15 * 60),
            (Reason::AgentNotSilentYet, 15 * 60),
            (Reason::NotSeenYet, SOON_SECONDS),
            (Reason::OutOfTime, SOON_SECONDS),
        ];
        assert_eq!(waits.collect::<Vec<_>>(), expected);

        let unfinished = Reason::ALL.iter().filter(|reason| reason.is_unfinished());
        let expected = [&Reason::NotSeenYet, &Reason::OutOfTime];
        assert_eq!(unfinished.collect::<Vec<_>>(), expected);
    }
}
