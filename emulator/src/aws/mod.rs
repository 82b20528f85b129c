//! What all services of AWS have in common.

pub mod behaviour;
pub mod call;
pub mod constraints;
pub mod error;
pub mod ids;
