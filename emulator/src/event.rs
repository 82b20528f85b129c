//! Event files: JSON in which `{{now+12h}}` stands for a time, so that a sample does not expire.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// The furthest time from now, in hours: a year.
const MAX_HOURS: i64 = 8760;

/// Replaces every `{{now+Nh}}` and `{{now-Nh}}` in a text by that time in RFC 3339.
///
/// # Errors
///
/// A sentence about a placeholder that is none of these.
pub fn fill(text: &str, now: DateTime<Utc>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;

    while let Some((before, after)) = rest.split_once("{{now") {
        let (offset, after) = after.split_once("}}").ok_or("a `{{now` has no `}}`")?;
        let hours = parse_hours(offset).ok_or_else(|| {
            format!("`{{{{now{offset}}}}}` is not {{{{now+Nh}}}} or {{{{now-Nh}}}}")
        })?;

        let time = now + TimeDelta::hours(hours);
        filled.push_str(before);
        filled.push_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true));
        rest = after;
    }

    filled.push_str(rest);
    Ok(filled)
}

fn parse_hours(offset: &str) -> Option<i64> {
    let number = offset.strip_suffix('h')?;
    let hours: i64 = number.parse().ok()?;

    (number.starts_with(['+', '-']) && hours.abs() <= MAX_HOURS).then_some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn placeholder_becomes_a_time() {
        let text = r#"{"expiresAt": "{{now+12h}}", "time": "{{now-1h}}"}"#;
        assert_eq!(
            fill(text, noon()).unwrap(),
            r#"{"expiresAt": "2027-01-15T20:00:00Z", "time": "2027-01-15T07:00:00Z"}"#
        );
    }

    #[test]
    fn text_without_placeholders_stays_as_it_is() {
        let text = r#"{"a": "{{x}}", "b": {}}"#;
        assert_eq!(fill(text, noon()).unwrap(), text);
    }

    #[test]
    fn other_placeholder_is_an_error() {
        assert_eq!(
            fill("{{now+1d}}", noon()).unwrap_err(),
            "`{{now+1d}}` is not {{now+Nh}} or {{now-Nh}}"
        );
        assert_eq!(fill("{{now", noon()).unwrap_err(), "a `{{now` has no `}}`");
    }
}
