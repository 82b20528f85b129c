//! What crosses a boundary between crates.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

mod bootstrap_efs_replication;
mod disconnect_source_server;
mod hostile;
mod iam;
mod local;
mod local_efs;
mod rules;
mod stage;
mod template;
mod tidy;
