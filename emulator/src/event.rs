//! Event files: JSON in which `{{now+12h}}` stands for a time, so that a sample does not expire on
//! the shelf.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// The text with every `{{now+Nh}}` and `{{now-Nh}}` replaced by that time as RFC 3339.
///
/// # Errors
///
/// A sentence for a placeholder that says anything else.
pub fn fill(text: &str, now: DateTime<Utc>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{now") {
        let (placeholder, after) = after.split_once("}}").ok_or("a `{{now` has no `}}`")?;
        let hours = hours(placeholder).ok_or_else(|| {
            format!("`{{{{now{placeholder}}}}}` is not {{{{now+Nh}}}} or {{{{now-Nh}}}}")
        })?;
        filled.push_str(before);
        filled
            .push_str(&(now + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn hours(placeholder: &str) -> Option<i64> {
    let offset = placeholder.strip_suffix('h')?;
    let hours: i64 = offset.parse().ok()?;
    (offset.starts_with(['+', '-']) && hours.abs() <= 8760).then_some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_placeholder_becomes_a_time() {
        let text = fill(
            r#"{"expiresAt": "{{now+12h}}", "time": "{{now-1h}}"}"#,
            noon(),
        )
        .unwrap();
        assert_eq!(
            text,
            r#"{"expiresAt": "2027-01-15T20:00:00Z", "time": "2027-01-15T07:00:00Z"}"#
        );
    }

    #[test]
    fn a_text_without_placeholders_stays_as_it_is() {
        assert_eq!(
            fill(r#"{"a": "{{x}}", "b": {}}"#, noon()).unwrap(),
            r#"{"a": "{{x}}", "b": {}}"#
        );
    }

    #[test]
    fn another_placeholder_is_told() {
        assert_eq!(
            fill("{{now+1d}}", noon()).unwrap_err(),
            "`{{now+1d}}` is not {{now+Nh}} or {{now-Nh}}"
        );
        assert_eq!(fill("{{now", noon()).unwrap_err(), "a `{{now` has no `}}`");
    }
}
