//! What crosses a boundary between crates.

mod disconnect_source_server;
mod local;
mod stage;
mod tidy;
