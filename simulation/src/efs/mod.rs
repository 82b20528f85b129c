//! File systems and their replicas: what a seed makes of them, and what must hold whatever happens
//! to them.

pub(crate) mod by_hand;
pub(crate) mod checks;
pub(crate) mod generate;

/// The tag of a replica that was seen usable.
const MARK: &str = "drover:bootstrapped-by";
/// The tag by which a file system asks for a replica.
const REPLICATE_TO: &str = "drover:replicate-to";
