//! The variables of a deployment, each read once, at start; a bad value stops the function with a sentence.

use std::fmt;

use crate::report::Mode;

/// A variable that stops the function from starting.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is `{found}`, but must be {expected}")]
pub struct BadVariable {
    name: &'static str,
    found: String,
    expected: &'static str,
}

/// `main` prints its error with `{:?}`, and a person reads it.
impl fmt::Debug for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BadVariable {
    /// A variable by its name, what it is, and what it must be.
    #[must_use]
    pub fn new(name: &'static str, found: String, expected: &'static str) -> Self {
        Self { name, found, expected }
    }
}

/// `plan` or `enforce`.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn mode(name: &'static str, found: String) -> Result<Mode, BadVariable> {
    match found.as_str() {
        "plan" => Ok(Mode::Plan),
        "enforce" => Ok(Mode::Enforce),
        _ => Err(BadVariable::new(name, found, "`plan` or `enforce`")),
    }
}

/// A tag key of 1 to 128 characters that AWS does not keep to itself.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn tag_key(name: &'static str, found: String) -> Result<String, BadVariable> {
    let fits = (1..=128).contains(&found.chars().count())
        && found.trim() == found
        && !found.to_lowercase().starts_with("aws:")
        && !found.chars().any(char::is_control);
    if fits {
        return Ok(found);
    }
    Err(BadVariable::new(name, found, "a tag key of 1 to 128 characters that does not start with `aws:`"))
}

/// A whole number from 1 to 100.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn whole(name: &'static str, found: String) -> Result<usize, BadVariable> {
    match found.parse() {
        Ok(number @ 1..=100) => Ok(number),
        _ => Err(BadVariable::new(name, found, "a whole number from 1 to 100")),
    }
}

/// `true` or `false`.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn yes_or_no(name: &'static str, found: String) -> Result<bool, BadVariable> {
    match found.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(BadVariable::new(name, found, "`true` or `false`")),
    }
}
