//! How long ago something was, in as many units as one wants to read.
//!
//! Follows `k8s.io/apimachinery/pkg/util/duration/duration.go`.

use crate::clock::parse_timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// From a timestamp to `now_secs`; `<unknown>` without a timestamp.
pub(super) fn since(timestamp: &str, now_secs: u64) -> String {
    match parse_timestamp(timestamp) {
        Some(then) => human(now_secs.saturating_sub(then)),
        None => "<unknown>".to_owned(),
    }
}

fn human(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs}s"),
        120..600 => two_units(secs, (MINUTE, "m"), (1, "s")),
        600..10_800 => format!("{}m", secs / MINUTE),
        10_800..28_800 => two_units(secs, (HOUR, "h"), (MINUTE, "m")),
        28_800..172_800 => format!("{}h", secs / HOUR),
        172_800..691_200 => two_units(secs, (DAY, "d"), (HOUR, "h")),
        691_200..63_072_000 => format!("{}d", secs / DAY),
        63_072_000..252_288_000 => two_units(secs, (YEAR, "y"), (DAY, "d")),
        _ => format!("{}y", secs / YEAR),
    }
}

fn two_units(secs: u64, large: (u64, &str), small: (u64, &str)) -> String {
    let (whole, rest) = (secs / large.0, secs % large.0 / small.0);
    if rest == 0 { format!("{whole}{}", large.1) } else { format!("{whole}{}{rest}{}", large.1, small.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_get_coarser_as_they_grow() {
        let told: Vec<_> = [
            0,
            119,
            120,
            125,
            599,
            600,
            3 * HOUR,
            3 * HOUR + 90,
            8 * HOUR,
            2 * DAY + HOUR,
            8 * DAY,
            3 * YEAR,
        ]
        .map(human)
        .into();
        let expected = ["0s", "119s", "2m", "2m5s", "9m59s", "10m", "3h", "3h1m", "8h", "2d1h", "8d", "3y"];
        assert_eq!(told, expected);
        assert_eq!(since("", 0), "<unknown>");
        assert_eq!(since("1970-01-01T00:01:00Z", 90), "30s");
    }
}
