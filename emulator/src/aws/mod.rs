//! What all AWS services have in common: calls, errors, ids and the models that limit them.

pub mod behaviour;
pub mod call;
pub mod constraints;
pub mod context;
pub mod error;
pub mod ids;
pub(crate) mod operation;
mod shapes;
