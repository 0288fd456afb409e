//! The values of flags that are more than a string, and what is said of those that are none.

use std::{convert::Infallible, time::Duration};

use jiff::SignedDuration;

use super::args::Format;
use crate::{
    options::{Color, DnsBackends, Keep, Progress},
    report::junit::Dialect,
    secret::Secret,
};

/// The words of `--keep`.
pub(super) const KEEP: &[(&str, Keep)] =
    &[("never", Keep::Never), ("on-failure", Keep::OnFailure), ("always", Keep::Always)];

/// The words of `--junit-dialect`.
pub(super) const JUNIT_DIALECT: &[(&str, Dialect)] = &[("rich", Dialect::Rich), ("strict", Dialect::Strict)];

/// The words of `--color`.
pub(super) const COLOR: &[(&str, Color)] =
    &[("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];

/// The words of `--progress`.
pub(super) const PROGRESS: &[(&str, Progress)] =
    &[("auto", Progress::Auto), ("plain", Progress::Plain), ("none", Progress::None)];

/// The words of `--format`.
pub(super) const FORMAT: &[(&str, Format)] =
    &[("table", Format::Table), ("json", Format::Json), ("md", Format::Markdown)];

/// The longest prefix that leaves room for a scenario's name and a random suffix in a namespace's 63 characters.
const PREFIX_MOST: usize = 20;

/// A number above zero.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// A number of jobs.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..) => Ok(jobs),
        _ => Err("expected a whole number, at least 1".to_owned()),
    }
}

/// `NAMESPACE/SELECTOR`; a selector may have slashes of its own.
pub(super) fn dns_backends(text: &str) -> Result<DnsBackends, String> {
    match text.split_once('/') {
        Some((namespace, selector)) if !namespace.is_empty() && selector.contains('=') => {
            Ok(DnsBackends { namespace: namespace.to_owned(), selector: selector.to_owned() })
        }
        _ => Err("expected NAMESPACE/SELECTOR, such as kube-system/k8s-app=kube-dns".to_owned()),
    }
}

/// What the names of namespaces may begin with.
pub(super) fn namespace_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts && text.len() <= PREFIX_MOST && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(format!("expected at most {PREFIX_MOST} characters of a-z, 0-9 and -, and no - at the beginning"))
}

/// What must not be shown. Whether it can be used is found out where it is used, and not here: a message would quote it.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that can fail")]
pub(super) fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// A time as kubectl has it: `30s`, `2m`, `1h30m`, or a number of seconds.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let secs = text.parse::<u32>().ok().map(|secs| Duration::from_secs(secs.into()));
    let written = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    secs.or_else(written)
        .ok_or_else(|| "expected a number of seconds, or a time such as 30s, 2m or 1h30m".to_owned())
}

/// An age such as `2h`, `90m` or `1h 30m`, in seconds.
pub(super) fn age_secs(text: &str) -> Result<u64, String> {
    let age: Option<SignedDuration> = text.parse().ok();
    age.and_then(|age| u64::try_from(age.as_secs()).ok())
        .ok_or_else(|| "expected an age such as 2h, 90m or 1h 30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_a_number_above_zero() {
        assert_eq!(positive("2.5"), Ok(2.5));
        for text in ["0", "-1", "NaN", "inf", "fast", ""] {
            assert!(positive(text).is_err(), "{text}");
        }
    }

    #[test]
    fn timeouts_are_those_of_kubectl() {
        for (text, secs) in [("0", 0), ("5", 5), ("30s", 30), ("2m", 120), ("1h30m", 5400)] {
            assert_eq!(timeout(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        assert_eq!(timeout("500ms"), Ok(Duration::from_millis(500)));
        for text in ["-1", "-5s", "soon", "1e400", ""] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn there_is_at_least_one_job() {
        assert_eq!(jobs("3"), Ok(3));
        assert!(jobs("0").is_err() && jobs("-1").is_err());
    }

    #[test]
    fn backends_have_a_namespace_and_a_selector() {
        let backends = dns_backends("kube-system/app.kubernetes.io/name=dns").unwrap();
        assert_eq!(
            (&*backends.namespace, &*backends.selector),
            ("kube-system", "app.kubernetes.io/name=dns")
        );
        assert!(dns_backends("k8s-app=kube-dns").is_err() && dns_backends("/a=b").is_err());
    }

    #[test]
    fn a_prefix_begins_a_dns_label() {
        assert!(namespace_prefix("steadfast-").is_ok());
        for text in ["", "-x", "Nope-", "a_b", "much-too-long-for-a-prefix-"] {
            assert!(namespace_prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_read_as_people_write_them() {
        assert_eq!(age_secs("2h"), Ok(7200));
        assert_eq!(age_secs("1h 30m"), Ok(5400));
        assert!(age_secs("soon").is_err() && age_secs("-2h").is_err());
    }
}
