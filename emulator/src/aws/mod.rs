//! What all services of AWS have in common.

pub mod call;
pub mod constraints;
