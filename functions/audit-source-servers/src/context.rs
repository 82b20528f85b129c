//! What every request of an invocation is processed with.

use shared::{Invocation, drs::Drs};

use crate::policy::Policy;

/// What every request of an invocation is processed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) invocation: &'a Invocation,
    pub(crate) drs: &'a Drs,
    pub(crate) policy: &'a Policy,
}
