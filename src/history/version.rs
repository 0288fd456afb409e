//! Versions of Kubernetes, as servers and requirements write them.

/// The minor version in `v1.37.1`, `1.9` or `v1.20.2+k3s1`; none where the text is no version.
pub fn minor_version(version: &str) -> Option<u32> {
    let mut parts = version.trim_start_matches('v').split('.');
    (parts.next() == Some("1")).then_some(())?;
    let digits: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_are_read_from_every_spelling() {
        assert_eq!(minor_version("v1.37.1"), Some(37));
        assert_eq!(minor_version("1.9"), Some(9));
        assert_eq!(minor_version("v1.20.2+k3s1"), Some(20));
        assert_eq!(minor_version("v1.31+"), Some(31));
        assert_eq!(minor_version("nonsense"), None);
    }
}
