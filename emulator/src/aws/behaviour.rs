//! How AWS behaves where its documentation leaves a question open.

use serde::{Deserialize, Serialize};

/// Switches for questions that the API reference leaves open. Tests run with both settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Behaviour {
    /// `DisconnectSourceServer` on a server that is DISCONNECTED.
    pub second_disconnect: Reply,
    /// `DisconnectSourceServer` on a server that is extended from another account.
    pub disconnect_extended: Reply,
    /// `DisconnectSourceServer` during a job on the server.
    pub disconnect_during_job: Reply,
    /// `DisconnectSourceServer` on a server with a recovery instance. The API reference forbids
    /// it, the console's guide does not.
    pub disconnect_with_recovery_instance: Reply,
    /// Whether `DisconnectSourceServer` returns the server as it was before the call. Its model
    /// documents the state after the call.
    pub disconnect_answers_as_before: bool,
    /// `DeleteSourceServer` within the 90 minutes in which staging resources are removed.
    pub delete_before_cleanup: Reply,
    /// The page size of requests that set none.
    pub page_size: usize,
    /// The most items of a page of DRS and EFS, however many a request asks for.
    pub longest_page: usize,
    /// `CreateReplicationConfiguration` for a file system that is already replicated.
    pub second_replication: Refusal,
    /// `CreateReplicationConfiguration` onto a file system whose overwrite protection is ENABLED.
    pub protected_destination: Refusal,
    /// `PutLifecycleConfiguration`, `PutFileSystemPolicy` and `CreateAccessPoint` on a destination
    /// that is REPLICATING. A refusal is an IncorrectFileSystemLifeCycleState.
    pub writes_while_replicating: Reply,
    /// `CreateMountTarget` on a destination whose replication is ENABLING. A refusal is an
    /// IncorrectFileSystemLifeCycleState.
    pub mount_targets_while_enabling: Reply,
    /// Whether a new Regional destination has automatic backups, as every new One Zone
    /// destination has.
    pub backup_on_regional_replica: bool,
    /// Whether a replication becomes ENABLED only after its first sync.
    pub enabled_after_first_sync: bool,
}

/// Whether a call with undocumented behaviour succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// The call succeeds.
    Ok,
    /// The call fails with a conflict, 409.
    Conflict,
}

/// The error of a refused call, where the API reference does not name one.
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
            longest_page: 1000,

            second_replication: Refusal::BadRequest,
            protected_destination: Refusal::BadRequest,
            writes_while_replicating: Reply::Ok,
            mount_targets_while_enabling: Reply::Ok,
            backup_on_regional_replica: false,
            enabled_after_first_sync: false,
        }
    }
}
