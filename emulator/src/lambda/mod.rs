//! Lambda.

pub mod binaries;
pub mod functions;
