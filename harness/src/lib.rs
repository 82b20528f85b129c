//! What tests, the simulator and the benchmarks share: every function as one value, and an HTTP
//! client of the SDK that calls the emulator directly.
//!
//! To add a function, write its value in a file of its own and list it in [`FUNCTIONS`].

mod audit_file_systems;
mod audit_servers;
pub mod binary;
mod bootstrap;
pub mod connector;
mod disconnect;
mod function;

pub use crate::{
    audit_file_systems::AUDIT_FILE_SYSTEMS,
    audit_servers::AUDIT_SERVERS,
    binary::Binary,
    bootstrap::BOOTSTRAP,
    connector::sdk_config,
    disconnect::DISCONNECT,
    function::{FunctionUnderTest, Handler, Policy, Variables, parts},
};

/// Every function of drover.
pub const FUNCTIONS: [&FunctionUnderTest; 4] =
    [&DISCONNECT, &BOOTSTRAP, &AUDIT_SERVERS, &AUDIT_FILE_SYSTEMS];

/// The function with a name.
#[must_use]
pub fn function(name: &str) -> Option<&'static FunctionUnderTest> {
    FUNCTIONS.into_iter().find(|function| function.name == name)
}
