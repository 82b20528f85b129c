//! Values as AWS and its command line write them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// A time: a text, or the seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().ok(),
            // Version 1 of the AWS CLI prints EFS's times as they are on the wire.
            Value::Number(seconds) => seconds.as_f64().and_then(|seconds| {
                let milliseconds = (seconds * 1000.0).round();
                DateTime::from_timestamp_millis(milliseconds as i64)
            }),
            _ => None,
        };

        let wrong = || D::Error::custom("neither a time nor the seconds since 1970");
        time.map(Self).ok_or_else(wrong)
    }
}

/// An ISO 8601 duration such as `P30DT4H5M6.7S`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duration(pub(super) TimeDelta);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = seconds(&text).and_then(TimeDelta::try_seconds);

        let wrong = || D::Error::custom("not a duration such as P30DT4H");
        duration.map(Self).ok_or_else(wrong)
    }
}

/// The whole seconds of a duration. Years and months have no fixed length and are not read.
fn seconds(text: &str) -> Option<i64> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) => (days, time),
        None => (text.strip_prefix('P')?, ""),
    };
    let units = [
        (days, "W", 7 * 24 * 3600),
        (days, "D", 24 * 3600),
        (time, "H", 3600),
        (time, "M", 60),
        (time, "S", 1),
    ];

    let mut total: i64 = 0;
    let mut rest = [days, time].map(|part| part.len()).iter().sum::<usize>();
    for (part, unit, length) in units {
        let Some((before, _)) = part.split_once(unit) else {
            continue;
        };
        // The number is what stands between this unit and the one before it.
        let start = before.rfind(|letter: char| letter.is_ascii_alphabetic());
        let number = before.get(start.map_or(0, |start| start + 1)..)?;
        let whole = number.split('.').next()?;
        total = total.checked_add(whole.parse::<i64>().ok()?.checked_mul(length)?)?;
        rest = rest.checked_sub(number.len() + unit.len())?;
    }
    // What is left has a unit that is not read.
    (rest == 0 && !text.ends_with(['P', 'T'])).then_some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_a_text_or_a_number() {
        for value in [
            json!("2026-11-29T12:00:00Z"),
            json!("2026-11-29T14:00:00+02:00"),
            json!(1_795_953_600),
            json!(1_795_953_600.0),
        ] {
            let Time(time) = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(time.to_rfc3339(), "2026-11-29T12:00:00+00:00", "{value}");
        }

        for wrong in [json!("yesterday"), json!(true), json!(1e300)] {
            assert!(
                serde_json::from_value::<Time>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_duration_has_units_of_a_fixed_length() {
        for (text, expected) in [
            ("PT25M", Some(1500)),
            ("P1DT6H", Some(108_000)),
            ("P180D", Some(15_552_000)),
            ("P3DT4H5M6.7S", Some(273_906)),
            ("PT0S", Some(0)),
            ("P2W", Some(1_209_600)),
            ("P1Y", None),
            ("P1M", None),
            ("P", None),
            ("PT", None),
            ("PTH", None),
            ("1H", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
