//! Sizes, times and counts for people.

use chrono::{DateTime, TimeDelta, Utc};

/// A size in the largest unit of which there is one, with at most one decimal.
pub(super) fn size(bytes: u64) -> String {
    // AWS counts disks and file systems in powers of two.
    let units = ["TiB", "GiB", "MiB", "KiB"];
    let found = units.iter().enumerate().find_map(|(index, unit)| {
        let shift = 40_usize.saturating_sub(10 * index);
        (bytes >> shift > 0).then_some((shift, *unit))
    });
    let Some((shift, unit)) = found else {
        return format!("{bytes} B");
    };

    // Tenths are exact where floating point numbers would round.
    match (bytes >> shift, ((bytes % (1 << shift)) * 10) >> shift) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, tenths) => format!("{whole}.{tenths} {unit}"),
    }
}

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

/// A number of things, such as `1 server` or `2 servers`.
pub(super) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units_for_people() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(6144), "6 KiB");
        assert_eq!(size(100 << 30), "100 GiB");
        assert_eq!(size(3 << 39), "1.5 TiB");

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
        assert_eq!(count(1, "server"), "1 server");
        assert_eq!(count(0, "server"), "0 servers");
    }
}
