//! Matching of patterns, and cutting off what they match.

/// Whether a text matches a pattern with `*`, `?` and `[…]`.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    let Some(first) = rest.next() else { return text.is_empty() };
    let rest = rest.as_str();
    match first {
        '*' => {
            let mut tails = text.char_indices().map(|(index, _)| index).chain([text.len()]);
            tails.any(|index| matches_pattern(rest, &text[index..]))
        }
        '[' if rest.contains(']') => {
            let (set, rest) = rest.split_once(']').unwrap_or_default();
            let mut chars = text.chars();
            chars.next().is_some_and(|c| in_set(set, c)) && matches_pattern(rest, chars.as_str())
        }
        wanted => {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| c == wanted || wanted == '?')
                && matches_pattern(rest, chars.as_str())
        }
    }
}

fn in_set(set: &str, c: char) -> bool {
    let (negated, set) = match set.strip_prefix(['!', '^']) {
        Some(set) => (true, set),
        None => (false, set),
    };
    let chars: Vec<char> = set.chars().collect();
    let ranged = chars.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c));
    (ranged || chars.contains(&c)) != negated
}

/// A value without the shortest or longest prefix (`#`, `##`) or suffix (`%`, `%%`) that a pattern matches.
pub(super) fn trimmed(value: &str, operator: &str, pattern: &str) -> String {
    let boundaries: Vec<usize> = value.char_indices().map(|(index, _)| index).chain([value.len()]).collect();
    let prefix = operator.starts_with('#');
    let fits = |index: &&usize| {
        let part = if prefix { &value[..**index] } else { &value[**index..] };
        matches_pattern(pattern, part)
    };
    let shortest_first = (operator.len() == 1) == prefix;
    let found =
        if shortest_first { boundaries.iter().find(fits) } else { boundaries.iter().rev().find(fits) };
    match found {
        Some(index) if prefix => value[*index..].to_owned(),
        Some(index) => value[..*index].to_owned(),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        assert!(matches_pattern("*-0", "web-0") && matches_pattern("web-[0-2]", "web-1"));
        assert!(!matches_pattern("web-[!0-2]", "web-1") && matches_pattern("w?b*", "web"));
        assert_eq!(trimmed("web-0", "##", "*-"), "0");
        assert_eq!(trimmed("a.b.c", "%", ".*"), "a.b");
        assert_eq!(trimmed("a.b.c", "%%", ".*"), "a");
    }
}
