//! Quantities, as resources have them: `500m`, `2`, `1Gi`.
//!
//! Follows `k8s.io/apimachinery/pkg/api/resource/quantity.go`: a sum is written in the family of units of its parts.

use std::fmt;
use std::ops::Add;

/// An amount in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantity {
    milli: i128,
    binary: bool,
}

const BINARY: [(&str, i128); 5] =
    [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("", 1)];
const DECIMAL: [(&str, i128); 5] =
    [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000), ("", 1)];

impl Quantity {
    /// So many of something.
    pub(crate) fn count(number: i128) -> Self {
        Self { milli: number * 1_000, binary: false }
    }

    /// Reads a quantity; what is none is zero.
    pub(crate) fn parse(text: &str) -> Self {
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
        let milli = whole.parse::<i128>().unwrap_or(0) * 1_000 + thousandths.parse::<i128>().unwrap_or(0);
        if unit == "m" {
            return Self { milli: milli / 1_000, binary: false };
        }
        let binary = BINARY.iter().find(|(name, _)| *name == unit && !name.is_empty());
        let factor = binary
            .or_else(|| DECIMAL.iter().find(|(name, _)| *name == unit))
            .map_or(1, |(_, factor)| *factor);
        Self { milli: milli * factor, binary: binary.is_some() }
    }

    /// In thousandths.
    pub(crate) fn milli(self) -> i128 {
        self.milli
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.milli.cmp(&other.milli))
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { milli: self.milli + other.milli, binary: self.binary || other.binary }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milli % 1_000 != 0 {
            return write!(f, "{}m", self.milli);
        }
        let whole = self.milli / 1_000;
        let units = if self.binary { BINARY } else { DECIMAL };
        let fits = |(_, factor): &&(&str, i128)| whole != 0 && whole % factor == 0;
        let (unit, factor) = units.iter().find(fits).copied().unwrap_or(("", 1));
        write!(f, "{}{unit}", whole / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_their_units() {
        let sum = |a: &str, b: &str| (Quantity::parse(a) + Quantity::parse(b)).to_string();
        assert_eq!(sum("1Mi", "2Mi"), "3Mi");
        assert_eq!(sum("1Gi", "512Mi"), "1536Mi");
        assert_eq!(sum("250m", "1.5"), "1750m");
        assert_eq!(sum("500m", "500m"), "1");
        assert_eq!(sum("0", "0"), "0");
        assert!(Quantity::parse("1Gi") > Quantity::parse("1G"));
    }
}
