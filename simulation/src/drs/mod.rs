//! Source servers: what a seed makes of them, and what must hold whatever happens to them.

pub(crate) mod by_hand;
pub(crate) mod checks;
pub(crate) mod generate;
