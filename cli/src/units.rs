//! Figures in units for people. Exact values are in the JSON.

use chrono::{DateTime, Utc};
pub(crate) use shared::units::{counted, hours, seconds};

/// A size in the largest unit of which there is one, with at most one decimal.
pub(crate) fn size(bytes: u64) -> String {
    let mut size = bytes as f64 / 1024.0;
    let mut units = ["KiB", "MiB", "GiB"].into_iter();
    let unit = loop {
        match units.next() {
            Some(unit) if size < 1024.0 => break unit,
            Some(_) => size /= 1024.0,
            None => break "TiB",
        }
    };

    match (size * 10.0).round() / 10.0 {
        whole if whole.fract() == 0.0 => format!("{whole:.0} {unit}"),
        rounded => format!("{rounded:.1} {unit}"),
    }
}

/// How long it is from one time to another: `in 8 hours`, `2 minutes ago`.
pub(crate) fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = seconds((time - now).num_seconds().unsigned_abs());

    match time >= now {
        true => format!("in {distance}"),
        false => format!("{distance} ago"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn sizes_have_the_largest_unit() {
        assert_eq!(size(80 << 30), "80 GiB");
        assert_eq!(size(1 << 40), "1 TiB");
        assert_eq!(size(3 << 39), "1.5 TiB");
        assert_eq!(size(6144), "6 KiB");
        assert_eq!(size(12 << 20), "12 MiB");
        assert_eq!(size(5000 << 40), "5000 TiB");
    }

    #[test]
    fn a_time_is_ahead_or_past() {
        let now = Utc::now();
        assert_eq!(distance(now + TimeDelta::hours(12), now), "in 12 hours");
        assert_eq!(distance(now - TimeDelta::minutes(5), now), "5 minutes ago");
    }
}
