//! The environment that Lambda and the benchmark give.

use anyhow::{Context, Result};

/// What the environment says.
///
/// # Errors
///
/// When it does not.
pub(crate) fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
