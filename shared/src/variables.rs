//! The variables of a deployment, each read once, at start; a bad value stops the function with a
//! sentence.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use crate::outcome::Mode;

/// A variable that stops the function from starting.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {wrong}")]
pub struct BadVariable {
    name: &'static str,
    wrong: String,
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
        Self {
            name,
            wrong: format!("`{found}`, but must be {expected}"),
        }
    }

    /// A variable by its name, and what is wrong in a value that is too long to repeat.
    #[must_use]
    pub fn because(name: &'static str, message: &str) -> Self {
        Self {
            name,
            wrong: format!("wrong: {message}"),
        }
    }
}

/// A variable of the process's environment.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    // A value that is no UTF-8 is shown as it can be, and then refused.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// `plan` or `enforce`.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn mode(name: &'static str, found: String) -> Result<Mode, BadVariable> {
    // Spelled exactly: `Enforce` may be a mistake for either.
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
    // AWS's own rule for tag keys, without the prefix that it keeps to itself.
    let fits = (1..=128).contains(&found.chars().count())
        && found.trim() == found
        && !found.to_lowercase().starts_with("aws:")
        && !found.chars().any(char::is_control);

    if fits {
        return Ok(found);
    }
    Err(BadVariable::new(
        name,
        found,
        "a tag key of 1 to 128 characters that does not start with `aws:`",
    ))
}

/// Values separated by commas, without spaces; at least one.
///
/// # Errors
///
/// A [`BadVariable`] with the whole list if one of them is no `T`.
pub fn list<T: TryFrom<String>>(
    name: &'static str,
    found: String,
    expected: &'static str,
) -> Result<Vec<T>, BadVariable> {
    let values = found.split(',').map(|value| T::try_from(value.to_owned()));
    let values: Option<Vec<T>> = values.map(Result::ok).collect();

    values.ok_or_else(|| BadVariable::new(name, found, expected))
}

/// A whole number from 1 to 100: nothing of drover's is counted beyond a hundred.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn count(name: &'static str, found: String) -> Result<usize, BadVariable> {
    number(name, found, 1..=100, "a whole number from 1 to 100")
}

/// A number of minutes, up to thirty days; 0 asks for nothing.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn minutes(name: &'static str, found: String) -> Result<u64, BadVariable> {
    let expected = "a whole number of minutes from 0 to 43200";

    number(name, found, 0..=43_200, expected)
}

/// A number of seconds, from a minute to a day.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn seconds(name: &'static str, found: String) -> Result<u64, BadVariable> {
    let expected = "a whole number of seconds from 60 to 86400";

    number(name, found, 60..=86_400, expected)
}

/// A number of hours, from one hour to a year.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn hours(name: &'static str, found: String) -> Result<u64, BadVariable> {
    let expected = "a whole number of hours from 1 to 8760";

    number(name, found, 1..=8760, expected)
}

/// A price in any currency, from 0 to 1000; 0 is unknown.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn rate(name: &'static str, found: String) -> Result<f64, BadVariable> {
    // A comma, a sign or a currency may be a mistake for anything.
    let is_plain = found.bytes().all(|it| it.is_ascii_digit() || it == b'.');

    match found.parse() {
        Ok(rate @ 0.0..=1000.0) if is_plain => Ok(rate),
        _ => Err(BadVariable::new(
            name,
            found,
            "a number from 0 to 1000 such as 0.028",
        )),
    }
}

fn number<T: FromStr + PartialOrd>(
    name: &'static str,
    found: String,
    allowed: RangeInclusive<T>,
    expected: &'static str,
) -> Result<T, BadVariable> {
    // What does not fit the type is as wrong as what is not allowed.
    match found.parse() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => Err(BadVariable::new(name, found, expected)),
    }
}

/// `true` or `false`.
///
/// # Errors
///
/// A [`BadVariable`] for anything else.
pub fn boolean(name: &'static str, found: String) -> Result<bool, BadVariable> {
    match found.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(BadVariable::new(name, found, "`true` or `false`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        variable: fn(&'static str, String) -> Result<T, BadVariable>,
        text: &str,
    ) -> Option<T> {
        variable("NAME", text.to_owned()).ok()
    }

    #[test]
    fn a_mode_and_a_yes_have_one_spelling_each() {
        assert_eq!(
            ["plan", "enforce"].map(|text| read(mode, text)),
            [Some(Mode::Plan), Some(Mode::Enforce)]
        );
        assert_eq!(
            ["", "Plan", " plan"].map(|text| read(mode, text)),
            [None; 3]
        );
        assert_eq!(
            ["true", "false"].map(|text| read(boolean, text)),
            [Some(true), Some(false)]
        );
        assert_eq!(
            ["", "True", "1", "yes"].map(|text| read(boolean, text)),
            [None; 4]
        );
    }

    #[test]
    fn a_number_is_whole_and_from_1_to_100() {
        assert_eq!(
            ["1", "100"].map(|text| read(count, text)),
            [Some(1), Some(100)]
        );
        assert_eq!(
            ["0", "101", "-1", "1.0", ""].map(|text| read(count, text)),
            [None; 5]
        );
    }

    #[test]
    fn minutes_go_from_none_to_thirty_days() {
        assert_eq!(
            ["0", "43200"].map(|text| read(minutes, text)),
            [Some(0), Some(43_200)]
        );
        assert_eq!(
            ["43201", "-1", "1.5", "1h", ""].map(|text| read(minutes, text)),
            [None; 5]
        );
    }

    #[test]
    fn hours_go_from_one_to_a_year_and_a_rate_is_plain() {
        assert_eq!(
            ["60", "86400"].map(|text| read(seconds, text)),
            [Some(60), Some(86_400)]
        );
        assert_eq!(
            ["59", "86401", ""].map(|text| read(seconds, text)),
            [None; 3]
        );
        assert_eq!(
            ["1", "8760"].map(|text| read(hours, text)),
            [Some(1), Some(8760)]
        );
        assert_eq!(["0", "8761", ""].map(|text| read(hours, text)), [None; 3]);
        assert_eq!(
            ["0", "0.028", "1000"].map(|text| read(rate, text)),
            [Some(0.0), Some(0.028), Some(1000.0)]
        );
        assert_eq!(
            ["", "0,028", "-1", "1e2", "inf", "1000.1"].map(|text| read(rate, text)),
            [None; 6]
        );
    }

    #[test]
    fn a_tag_key_is_one_that_a_person_can_set() {
        let longest = "ü".repeat(128);
        for key in ["x", "drover:approved", "awsome", longest.as_str()] {
            assert_eq!(read(tag_key, key).as_deref(), Some(key));
        }
        for wrong in ["", " x", "x ", "a\tb", "aws:x", "AWS:x", &(longest + "ü")] {
            assert_eq!(read(tag_key, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bad_value_is_named_in_a_sentence() {
        let wrong = count("MAX_TARGETS", "many".to_owned()).unwrap_err();
        assert_eq!(
            format!("{wrong:?}"),
            "MAX_TARGETS is `many`, but must be a whole number from 1 to 100"
        );
    }
}
