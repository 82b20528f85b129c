//! Figures in units for people. Exact values stand beside them as facts.

/// Seconds, in the largest unit of which there are two.
#[must_use]
pub fn seconds(seconds: u64) -> String {
    match seconds {
        0..120 => counted(seconds, "second"),
        // To the nearest: what is said is a moment old.
        120..7200 => counted((seconds + 30) / 60, "minute"),
        _ => hours((seconds + 1800) / 3600),
    }
}

/// Hours, in days once there are two of them.
#[must_use]
pub fn hours(hours: u64) -> String {
    // A day and a half says less than 36 hours.
    match hours {
        0..48 => counted(hours, "hour"),
        _ => counted(hours / 24, "day"),
    }
}

/// A number of things.
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_for_people() {
        assert_eq!(hours(1), "1 hour");
        assert_eq!(hours(47), "47 hours");
        assert_eq!(hours(4320), "180 days");
        assert_eq!(seconds(1), "1 second");
        assert_eq!(seconds(300), "5 minutes");
        assert_eq!(seconds(5400), "90 minutes");
        assert_eq!(seconds(12 * 3600 - 1), "12 hours");
        assert_eq!(seconds(8 * 3600), "8 hours");
    }
}
