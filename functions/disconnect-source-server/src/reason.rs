//! Every reason that a target can have for what became of it.

use serde::Serialize;

/// How long AWS may take to remove a disconnected server's staging resources
/// (`DisconnectSourceServer`, API reference).
pub const STAGING_CLEANUP_SECONDS: u32 = 90 * 60;
/// When a change that a read does not show yet is worth another look.
pub const SOON_SECONDS: u32 = 60;

/// Why a target is treated as it is: the closed set, each a row of the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The server is DISCONNECTED and this request has no approval left on it.
    Disconnected,
    /// There is no record of the server.
    RecordDeleted,
    /// The server is DISCONNECTED, and its record may be deleted when AWS has removed the staging
    /// resources.
    RecordAwaitsDeletion,
    /// AWS accepted the change, and reading back does not show it yet.
    NotSeenYet,
    /// There was no time left to begin.
    OutOfTime,
    /// Plan mode: the steps are shown and not taken.
    PlanMode,
    /// DRS was never initialised here.
    NotInitialised,
    /// No source server fits.
    NotFound,
    /// Several source servers fit.
    Ambiguous,
    /// Another target of the request is the same server.
    NamedTwice,
    /// The ARN names another account, Region or server.
    ArnMismatch,
    /// The server is another EC2 instance.
    AwsInstanceIdMismatch,
    /// The server has another host name.
    HostnameMismatch,
    /// The server has another fully qualified name.
    FqdnMismatch,
    /// The server comes from another account or Region than the event.
    OriginMismatch,
    /// The protection tag is on the server.
    Protected,
    /// The approval tag is not on the server.
    NotApproved,
    /// The approval tag on the server names another request.
    ApprovedForAnotherRequest,
    /// A recovery instance runs for the server.
    RecoveryInstancePresent,
    /// A drill instance runs for the server.
    DrillInstancePresent,
    /// A job works on the server.
    JobRunning,
    /// The server replicates back to its source.
    FailbackDirection,
    /// Another source server replicates the other way.
    ReversedPair,
    /// The server is extended from another account.
    Extended,
    /// The server is extended from another account, with an error.
    ExtensionError,
    /// The replication state, direction or staging is not one that this program knows.
    UnknownState,
    /// The record is to be deleted, and the server is not DISCONNECTED.
    NotDisconnected,
    /// The deployment does not allow records to be deleted.
    DeleteNotAllowed,
    /// The request names more servers than the deployment allows.
    OverMaxTargets,
    /// The request would change a larger share of the account's servers than the deployment allows.
    OverMaxShare,
}

impl Reason {
    /// Every reason, in the order of the README's table.
    pub const ALL: [Self; 30] = [
        Self::Disconnected,
        Self::RecordDeleted,
        Self::RecordAwaitsDeletion,
        Self::NotSeenYet,
        Self::OutOfTime,
        Self::PlanMode,
        Self::NotInitialised,
        Self::NotFound,
        Self::Ambiguous,
        Self::NamedTwice,
        Self::ArnMismatch,
        Self::AwsInstanceIdMismatch,
        Self::HostnameMismatch,
        Self::FqdnMismatch,
        Self::OriginMismatch,
        Self::Protected,
        Self::NotApproved,
        Self::ApprovedForAnotherRequest,
        Self::RecoveryInstancePresent,
        Self::DrillInstancePresent,
        Self::JobRunning,
        Self::FailbackDirection,
        Self::ReversedPair,
        Self::Extended,
        Self::ExtensionError,
        Self::UnknownState,
        Self::NotDisconnected,
        Self::DeleteNotAllowed,
        Self::OverMaxTargets,
        Self::OverMaxShare,
    ];

    /// The reason as a sentence for the person who asked.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Disconnected => "seen DISCONNECTED, with no approval of this request left on it",
            Self::RecordDeleted => "seen: no record of this server exists",
            Self::RecordAwaitsDeletion => {
                "seen DISCONNECTED; AWS removes the staging resources within 90 minutes, and then the record is to be deleted; a delete that is sent before is not held back"
            }
            Self::NotSeenYet => "AWS accepted the change, but reading back does not show it yet",
            Self::OutOfTime => "not begun: the function's deadline was too near to see it through",
            Self::PlanMode => "plan mode: nothing was changed; these steps would be taken",
            Self::NotInitialised => {
                "DRS was never initialised in this account and Region, so it has no source servers"
            }
            Self::NotFound => "no source server with this name exists in this account and Region",
            Self::Ambiguous => {
                "several source servers fit this name; name the one by sourceServerID"
            }
            Self::NamedTwice => "another target of this request is the same source server",
            Self::ArnMismatch => {
                "the ARN names another account, Region or partition than the source server is in"
            }
            Self::AwsInstanceIdMismatch => {
                "the source server is another EC2 instance than the request says"
            }
            Self::HostnameMismatch => {
                "the source server has another hostname than the request says"
            }
            Self::FqdnMismatch => "the source server has another fqdn than the request says",
            Self::OriginMismatch => {
                "the source server comes from another account or Region than the event"
            }
            Self::Protected => "the protection tag is on the source server",
            Self::NotApproved => "the approval tag is not on the source server",
            Self::ApprovedForAnotherRequest => {
                "the approval tag on the source server names another request"
            }
            Self::RecoveryInstancePresent => {
                "a recovery instance exists for the source server: it may be in use"
            }
            Self::DrillInstancePresent => {
                "a drill instance exists for the source server: end the drill first"
            }
            Self::JobRunning => "a DRS job is working on the source server",
            Self::FailbackDirection => {
                "the source server replicates back to its origin: a failback is under way"
            }
            Self::ReversedPair => {
                "another source server replicates the other way: end that replication first"
            }
            Self::Extended => {
                "the source server is extended from another account and is to be disconnected there"
            }
            Self::ExtensionError => {
                "the source server is extended from another account, with an error"
            }
            Self::UnknownState => {
                "AWS describes the source server in a way that drover does not know"
            }
            Self::NotDisconnected => {
                "only the record of a DISCONNECTED source server may be deleted"
            }
            Self::DeleteNotAllowed => {
                "this deployment does not allow records to be deleted (ALLOW_DELETE)"
            }
            Self::OverMaxTargets => {
                "the request names more source servers than this deployment allows (MAX_TARGETS)"
            }
            Self::OverMaxShare => {
                "the request would change a larger share of the account's source servers than allowed (MAX_SHARE_PERCENT)"
            }
        }
    }

    /// Whether nobody else would finish what is left: a queue should deliver the request again.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::NotSeenYet | Self::OutOfTime)
    }

    /// When it is worth to look again, in seconds.
    #[must_use]
    pub fn look_again_after_seconds(self) -> Option<u32> {
        match self {
            Self::RecordAwaitsDeletion => Some(STAGING_CLEANUP_SECONDS),
            Self::NotSeenYet | Self::OutOfTime => Some(SOON_SECONDS),
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
    fn a_queue_waits_for_a_change_to_be_seen_and_not_for_ninety_minutes() {
        let waited = Reason::ALL
            .into_iter()
            .filter_map(|reason| Some((reason, reason.look_again_after_seconds()?)));
        let expected = [
            (Reason::RecordAwaitsDeletion, 90 * 60),
            (Reason::NotSeenYet, SOON_SECONDS),
            (Reason::OutOfTime, SOON_SECONDS),
        ];
        assert_eq!(waited.collect::<Vec<_>>(), expected);
        let unfinished: Vec<Reason> = Reason::ALL
            .into_iter()
            .filter(|reason| reason.is_unfinished())
            .collect();
        assert_eq!(unfinished, [Reason::NotSeenYet, Reason::OutOfTime]);
    }
}
