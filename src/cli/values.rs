//! The values of flags that are more than a string, and what is said of those that are none.

use std::{convert::Infallible, time::Duration};

use jiff::SignedDuration;

use super::args::Format;
use crate::{
    options::{Color, DnsBackends, JunitDialect, Keep, Progress},
    secret::Secret,
};

/// The words of `--keep`.
pub(super) const KEEP: &[(&str, Keep)] =
    &[("never", Keep::Never), ("on-failure", Keep::OnFailure), ("always", Keep::Always)];

/// The words of `--junit-dialect`.
pub(super) const JUNIT_DIALECT: &[(&str, JunitDialect)] =
    &[("rich", JunitDialect::Rich), ("strict", JunitDialect::Strict)];

/// A property of JUnit: `NAME=VALUE`.
pub(super) fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as cluster=kind-1.37".to_owned()),
    }
}

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

/// By how much waits can be stretched, and shrunk for tests of what happens when they are over.
const SCALE: (f64, f64) = (0.001, 1_000.0);

/// How long a run may take, in seconds: a month at most.
const DEADLINE_SECS: (f64, f64) = (1.0, 2_592_000.0);

/// How long an old DNS answer may be served, in seconds: a day at most.
const DNS_STALE_SECS: (f64, f64) = (0.001, 86_400.0);

/// How many scenarios, or model clusters, may run side by side: more would only measure the machine.
const JOBS_MOST: usize = 256;

/// The factor of `--timeout-scale`.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    number(text, SCALE)
}

/// The seconds of `--deadline-secs`.
pub(super) fn deadline_secs(text: &str) -> Result<f64, String> {
    number(text, DEADLINE_SECS)
}

/// The seconds of `--dns-stale-secs`.
pub(super) fn dns_stale_secs(text: &str) -> Result<f64, String> {
    number(text, DNS_STALE_SECS)
}

fn number(text: &str, (least, most): (f64, f64)) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

/// A number of jobs.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    let jobs = text.parse().ok().filter(|jobs| (1..=JOBS_MOST).contains(jobs));
    jobs.ok_or_else(|| format!("expected a whole number from 1 to {JOBS_MOST}"))
}

/// `NAMESPACE/SELECTOR`; a selector may have slashes of its own.
pub(super) fn dns_backends(text: &str) -> Result<DnsBackends, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./=,".contains(c);
    match text.split_once('/') {
        Some((namespace, selector))
            if is_dns_label(namespace) && selector.contains('=') && selector.chars().all(allowed) =>
        {
            Ok(DnsBackends { namespace: namespace.to_owned(), selector: selector.to_owned() })
        }
        _ => Err("expected NAMESPACE/SELECTOR, such as kube-system/k8s-app=kube-dns".to_owned()),
    }
}

/// A DNS zone; one without a name is none, because CI systems set variables that they mean to leave out to nothing. Dots
/// before and behind it are taken off.
pub(super) fn zone(text: &str) -> Result<String, String> {
    let zone = text.strip_suffix('.').unwrap_or(text);
    let zone = zone.strip_prefix('.').unwrap_or(zone);
    if text.is_empty() || is_dns_name(zone) {
        return Ok(zone.to_owned());
    }
    Err(format!("expected a DNS zone such as cluster.local: {DNS_NAME}"))
}

/// The name of a StorageClass, or nothing, likewise.
pub(super) fn class_name(text: &str) -> Result<String, String> {
    if text.is_empty() || is_dns_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!("expected the name of a StorageClass: {DNS_NAME}"))
}

/// What the names of zones and most objects are made of (RFC 1123, section 2.1; RFC 1035, section 2.3.4).
const DNS_NAME: &str =
    "labels of a-z, 0-9 and -, at most 63 characters each and 253 in all, with single dots between them";

fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

fn is_dns_label(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.chars().all(|c| is_plain(c) || c == '-')
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
}

/// The name of an image, which has no spaces and begins with a letter or a digit.
pub(super) fn image(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 512 && text.chars().all(allowed)
    {
        return Ok(text.to_owned());
    }
    Err("expected the name of an image, such as registry.k8s.io/nginx-slim:0.27".to_owned())
}

/// One image in the place of another: `OLD=NEW`.
pub(super) fn image_pair(text: &str) -> Result<(String, String), String> {
    let (old, new) =
        text.split_once('=').ok_or("expected OLD=NEW, such as busybox:1.28.4=mirror.example/busybox:1")?;
    Ok((image(old)?, image(new)?))
}

/// The id of a run, as `run` prints it. Never nothing: nothing would be every run.
pub(super) fn run_id(text: &str) -> Result<String, String> {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.len() <= 63 && text.starts_with(ends) && text.ends_with(ends) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("expected the id of a run, such as 20260102-030405-bcdf; leave --run-id out for every run".to_owned())
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

    /// What no number is in any range.
    const NO_NUMBERS: &[&str] = &["0", "-1", "-0", "NaN", "inf", "1e308", "1e-308", "fast", "", " 1", "1 s"];

    #[test]
    fn numbers_have_a_range() {
        for read in [scale, deadline_secs, dns_stale_secs] {
            assert_eq!(read("2.5"), Ok(2.5));
            for text in NO_NUMBERS {
                assert!(read(text).is_err(), "{text}");
            }
        }
        assert_eq!(scale("0.05"), Ok(0.05));
        assert!(
            scale("1000.1").is_err() && deadline_secs("2592001").is_err() && dns_stale_secs("1e5").is_err()
        );
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
    fn there_is_at_least_one_job_and_not_a_million() {
        assert_eq!(jobs("3"), Ok(3));
        for text in ["0", "-1", "1.5", "257", "18446744073709551615", "99999999999999999999", ""] {
            assert!(jobs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn backends_have_a_namespace_and_a_selector() {
        let backends = dns_backends("kube-system/app.kubernetes.io/name=dns").unwrap();
        assert_eq!(
            (&*backends.namespace, &*backends.selector),
            ("kube-system", "app.kubernetes.io/name=dns")
        );
        for text in ["k8s-app=kube-dns", "/a=b", "a/b", "a/b=c&limit=1", "../x/a=b", "a/b=c d"] {
            assert!(dns_backends(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones_and_classes_are_dns_names() {
        for text in ["cluster.local", "cluster.local.", ".cluster.local", "a", "1.2-3"] {
            assert!(zone(text).is_ok(), "{text}");
        }
        let long = "a.".repeat(127) + "a";
        for text in ["x..y", ".", "..", "-a", "a-", "A.b", "a b", "a/b", "a\u{1b}", &"a".repeat(64), &long] {
            assert!(zone(text).is_err() && class_name(text).is_err(), "{text}");
        }
        assert_eq!((zone(""), class_name("")), (Ok(String::new()), Ok(String::new())));
    }

    #[test]
    fn images_and_run_ids_are_names() {
        assert!(
            image("mirror.example:5000/a/b@sha256:0123").is_ok() && run_id("20260102-030405-bcdf").is_ok()
        );
        for text in ["", " ", "a b", "a,b", "a=b", "-a", "a&b", "a\n"] {
            assert!(image(text).is_err() && run_id(text).is_err(), "{text}");
        }
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
