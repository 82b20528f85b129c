//! How AWS behaves where its documentation leaves a question open.

use serde::{Deserialize, Serialize};

/// Answers to questions that the API reference leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Behaviour {
    /// `DisconnectSourceServer` on a server that is DISCONNECTED.
    pub second_disconnect: Reply,
    /// `DisconnectSourceServer` on a server that is extended from another account.
    pub disconnect_extended: Reply,
    /// `DisconnectSourceServer` while a job works on the server.
    pub disconnect_during_job: Reply,
    /// `DisconnectSourceServer` on a server with a recovery instance: the API reference forbids it,
    /// the console's guide does not.
    pub disconnect_with_recovery_instance: Reply,
    /// Whether `DisconnectSourceServer` answers with the server as it was, and not, as its model
    /// says, as it is then.
    pub disconnect_answers_as_before: bool,
    /// `DeleteSourceServer` within the 90 minutes in which staging resources are removed.
    pub delete_before_cleanup: Reply,
    /// How many items a page holds when the request does not say.
    pub page_size: usize,
    /// `CreateReplicationConfiguration` for a file system that is in a configuration.
    pub second_replication: Refusal,
    /// `CreateReplicationConfiguration` onto a file system whose overwrite protection is ENABLED.
    pub protected_destination: Refusal,
    /// `PutLifecycleConfiguration`, `PutFileSystemPolicy` and `CreateAccessPoint` on a destination
    /// while it is REPLICATING; what is not Ok is an IncorrectFileSystemLifeCycleState.
    pub writes_while_replicating: Reply,
    /// `CreateMountTarget` on a destination while its replication is ENABLING; what is not Ok is an
    /// IncorrectFileSystemLifeCycleState.
    pub mount_targets_while_enabling: Reply,
    /// Whether a new Regional destination has automatic backups, as every new One Zone destination
    /// has.
    pub backup_on_regional_replica: bool,
    /// Whether a replication is ENABLED only after its first sync.
    pub enabled_after_first_sync: bool,
}

/// Whether a doubtful call succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// It does.
    Ok,
    /// It is answered by a conflict, 409.
    Conflict,
}

/// Which error a call is refused with, where the API reference does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// BadRequest, 400.
    BadRequest,
    /// ConflictException, 409.
    Conflict,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            second_disconnect: Reply::Conflict,
            disconnect_extended: Reply::Conflict,
            disconnect_during_job: Reply::Conflict,
            disconnect_with_recovery_instance: Reply::Conflict,
            disconnect_answers_as_before: false,
            delete_before_cleanup: Reply::Ok,
            page_size: 50,
            second_replication: Refusal::BadRequest,
            protected_destination: Refusal::BadRequest,
            writes_while_replicating: Reply::Ok,
            mount_targets_while_enabling: Reply::Ok,
            backup_on_regional_replica: false,
            enabled_after_first_sync: false,
        }
    }
}
