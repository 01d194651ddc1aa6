//! Days of the calendar, from the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS: u64 = 86_400;

/// Today in UTC, as ISO 8601 has it.
pub fn today() -> String {
    iso(since_1970())
}

/// The day in so many days.
pub fn in_days(days: u32) -> String {
    iso(since_1970() + u64::from(days))
}

/// Days since the first of January 1970.
fn since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS)
}

/// A day by its number since 1970, as `2026-11-30`. The conversion is that of Hinnant 2013 ("chrono-compatible low-level date algorithms").
fn iso(days: u64) -> String {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lungglass::operating_point::is_day;

    #[test]
    fn days_have_their_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (20_787, "2026-11-30"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(iso(days), expected);
        }
        assert!((0..80_000).map(iso).all(|day| is_day(&day)));
        assert!((0..80_000).all(|day| iso(day) < iso(day + 1)));
    }
}
