//! What crosses a boundary between crates.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

mod air;
mod audit_file_systems;
mod audit_servers;
mod bootstrap;
mod circles;
mod disconnect;
mod emulated;
mod events;
mod functions;
mod hostile;
mod iam;
mod people;
mod rules;
mod schemas;
mod stage;
mod template;
mod tidy;
