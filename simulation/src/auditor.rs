//! What the simulator knows of a function that only looks.

use std::collections::{BTreeMap, BTreeSet};

use emulator::World;
use fastrand::Rng;
use harness::FunctionUnderTest;

use crate::scenario::Variables;

/// What is found of each resource, by the name that its report has.
pub(crate) type Findings = BTreeMap<String, BTreeSet<&'static str>>;

/// A function that only looks, beside one that changes something.
#[derive(Debug)]
pub(crate) struct Auditor {
    pub(crate) function: &'static FunctionUnderTest,
    /// The lists without which nothing may be said.
    pub(crate) lists: &'static [&'static str],
    /// What it says of single resources, which are not named here, or of what it had no time for or
    /// could not read, where an audit of the simulator fails as a whole.
    pub(crate) never: &'static [&'static str],
    /// Settings of the function.
    pub(crate) settings: fn(&mut Rng) -> Variables,
    /// Changes what a scenario leaves alone.
    pub(crate) disturb: fn(&mut Rng, &mut World),
    /// What is true of a world; `None` where the service was never initialised.
    pub(crate) expected: fn(&World, &Variables) -> Option<Findings>,
}
