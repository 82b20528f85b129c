//! Times for people.

use chrono::{DateTime, TimeDelta, Utc};

/// How long something takes or took, in its two largest units.
pub(super) fn span(time: TimeDelta) -> String {
    let minutes = time.num_minutes().abs();
    let (days, hours) = (minutes / 1440, minutes / 60 % 24);

    match (days, hours, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, _, _) => format!("{days} days"),
    }
}

/// How long ago something was.
pub(super) fn ago(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match now - time {
        age if age < TimeDelta::minutes(1) => "just now".to_owned(),
        age => format!("{} ago", span(age)),
    }
}

/// A time of day.
pub(super) fn clock(time: DateTime<Utc>) -> String {
    time.format("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_two_largest_units() {
        for (minutes, said) in [
            (0, "less than a minute"),
            (5, "5 min"),
            (90, "1 h 30 min"),
            (120, "2 h"),
            (1440, "1 day"),
            (1500, "1 day 1 h"),
            (4000, "2 days"),
        ] {
            assert_eq!(span(TimeDelta::minutes(minutes)), said);
        }
    }
}
