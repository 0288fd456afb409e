//! The model's wall clock: a fixed base plus the time that tokio's clock has run.
//!
//! With tokio's clock paused, the timestamps of two runs with one seed are the same.

use std::time::Duration;
use tokio::time::Instant;

/// Tells the time in the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch_secs: u64,
    started: Instant,
}

impl Clock {
    /// A clock that shows `epoch_secs` seconds after 1970 now.
    pub(crate) fn starting_at(epoch_secs: u64) -> Self {
        Self { epoch_secs, started: Instant::now() }
    }

    /// Seconds since 1970.
    pub(crate) fn unix_secs(&self) -> u64 {
        self.epoch_secs + self.started.elapsed().as_secs()
    }

    /// The time since the cluster started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Now, as API objects write it.
    pub(crate) fn timestamp(&self) -> String {
        format_timestamp(self.unix_secs())
    }

    /// Some seconds from now, as API objects write it.
    pub(crate) fn timestamp_in(&self, secs: u64) -> String {
        format_timestamp(self.unix_secs() + secs)
    }
}

/// Writes seconds since 1970 as RFC 3339, in UTC.
pub(crate) fn format_timestamp(unix_secs: u64) -> String {
    let (year, month, day) = civil_from_days((unix_secs / 86_400) as i64);
    let secs = unix_secs % 86_400;
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads RFC 3339 in UTC; a fraction of a second is dropped.
pub(crate) fn parse_timestamp(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?);
    let secs = days * 86_400 + number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?;
    u64::try_from(secs).ok()
}

/// The proleptic Gregorian date of a day number, counted in eras of 400 years.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = (month + 9) % 12;
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_the_round_trip() {
        for secs in [0, 951_782_400, 1_767_225_600, 4_102_444_799] {
            assert_eq!(parse_timestamp(&format_timestamp(secs)), Some(secs));
        }
        assert_eq!(format_timestamp(1_767_225_600), "2026-01-01T00:00:00Z");
    }
}
