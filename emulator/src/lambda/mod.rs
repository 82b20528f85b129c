//! Lambda: the Runtime API that a function polls, and the Invoke API that calls it.

pub mod binaries;
pub mod functions;
mod invocations;
mod invoke_api;
mod process;
pub(crate) mod responses;
pub(crate) mod runtime_api;
