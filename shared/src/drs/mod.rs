//! AWS Elastic Disaster Recovery (DRS): its client, our types for what it answers, and every list
//! that a function may need of it.
//!
//! This is the only place that names the SDK of DRS.

mod change;
mod client;
mod model;
mod observe;

pub use change::DisconnectResponse;
pub use client::Drs;
pub use model::{
    AccountSize, Direction, Leftovers, RecoveryInstance, RecoveryPoints, Server, ServerInJob,
    SourceServerId, SourceServerKind, SourceServerRef, Staging, State,
};
pub use observe::{EBS_SNAPSHOTS_KEPT, ServerFilter, SourceServers, silent_seconds};

/// How many calls are under way at once. DRS publishes no limit; this is far below what its console
/// makes.
pub const CONCURRENT_CALLS: usize = 8;
