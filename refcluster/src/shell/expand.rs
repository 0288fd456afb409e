//! Expansion: variables, command substitution, arithmetic, field splitting, and matching of patterns.

use super::interpreter::Shell;
use super::io::{Output, text_of};
use super::word::{Part, Word};
use futures::future::BoxFuture;

impl Shell {
    /// Words to fields.
    pub(super) async fn fields(&mut self, words: &[Word]) -> Vec<String> {
        let mut fields = Vec::new();
        for word in words {
            self.expand_into(word, &mut fields).await;
        }
        fields
    }

    async fn expand_into(&mut self, word: &Word, fields: &mut Vec<String>) {
        let first = fields.len();
        let mut field: Option<String> = None;
        for part in &word.0 {
            if let Part::Variable { name, quoted: true, .. } = part
                && name == "@"
            {
                fields.extend(self.positional.clone());
                continue;
            }
            let (text, quoted) = self.part(part).await;
            if quoted {
                field.get_or_insert_default().push_str(&text);
                continue;
            }
            let mut pieces = text.split([' ', '\t', '\n']).peekable();
            while let Some(piece) = pieces.next() {
                if !piece.is_empty() {
                    field.get_or_insert_default().push_str(piece);
                }
                if pieces.peek().is_some() {
                    fields.extend(field.take());
                }
            }
        }
        fields.extend(field);
        if word.0.iter().all(|part| !is_quoted(part)) {
            let patterns = fields.split_off(first);
            patterns.into_iter().for_each(|pattern| fields.extend(self.paths(pattern)));
        }
    }

    /// The paths that a pattern matches, or the pattern itself where it is none or matches nothing.
    fn paths(&self, pattern: String) -> Vec<String> {
        if !pattern.contains(['*', '?', '[']) {
            return vec![pattern];
        }
        let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
        let mut parts = pattern.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let end = if parts.peek().is_some() { "/" } else { "" };
            found = found.iter().flat_map(|folder| self.matching(folder, part, end)).collect();
        }
        if found.is_empty() { vec![pattern] } else { found }
    }

    fn matching(&self, folder: &str, part: &str, end: &str) -> Vec<String> {
        let names = self.container.files.list(&self.absolute(folder)).unwrap_or_default();
        let shown = |name: &&String| name.starts_with('.') == part.starts_with('.');
        let matching = names.iter().filter(shown).filter(|name| matches_pattern(part, name));
        matching.map(|name| format!("{folder}{name}{end}")).collect()
    }

    /// A word to one text, without splitting.
    pub(super) fn text<'a>(&'a mut self, word: &'a Word) -> BoxFuture<'a, String> {
        Box::pin(async move {
            let mut text = String::new();
            for part in &word.0 {
                text.push_str(&self.part(part).await.0);
            }
            text
        })
    }

    /// The text of a part, and whether it is safe from splitting.
    async fn part(&mut self, part: &Part) -> (String, bool) {
        match part {
            Part::Literal { text, quoted: _ } => (text.clone(), true),
            Part::Variable { name, modifier, quoted } => {
                let value = self.variable(name);
                let text = match modifier {
                    None => value.unwrap_or_default(),
                    Some((operator, word)) => self.modified(name, value, operator, word).await,
                };
                (text, *quoted)
            }
            Part::Command { script, quoted } => {
                let (buffer, output) = Output::buffer();
                let mut inner = self.subshell();
                inner.io.output = output;
                self.status = inner.run_script(script).await;
                (text_of(&buffer).trim_end_matches('\n').to_owned(), *quoted)
            }
            Part::Arithmetic { expression } => {
                let expression = self.text(expression).await;
                (Arithmetic::evaluate(self, &expression).to_string(), true)
            }
        }
    }

    async fn modified(&mut self, name: &str, value: Option<String>, operator: &str, word: &Word) -> String {
        let colon = operator.starts_with(':');
        let set = value.clone().filter(|value| !(colon && value.is_empty()));
        match operator.trim_start_matches(':') {
            "-" => match set {
                Some(value) => value,
                None => self.text(word).await,
            },
            "=" => match set {
                Some(value) => value,
                None => {
                    let text = self.text(word).await;
                    self.variables.insert(name.to_owned(), text.clone());
                    text
                }
            },
            "+" if set.is_some() => self.text(word).await,
            "#len" => value.unwrap_or_default().chars().count().to_string(),
            trim @ ("#" | "##" | "%" | "%%") => {
                let pattern = self.text(word).await;
                trimmed(&value.unwrap_or_default(), trim, &pattern)
            }
            _ => set.unwrap_or_default(),
        }
    }

    /// The value of a variable or of a special parameter.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(self.process.pid.to_string()),
            "!" => self.jobs.last().map(|job| job.pid.to_string()),
            "#" => Some(self.positional.len().to_string()),
            "@" | "*" => Some(self.positional.join(" ")),
            "0" => Some("sh".to_owned()),
            "-" => Some(String::new()),
            _ => match name.parse::<usize>() {
                Ok(number) => self.positional.get(number.wrapping_sub(1)).cloned(),
                Err(_) => self.variables.get(name).cloned(),
            },
        }
    }
}

/// A word that is quoted in any part is taken as no pattern.
fn is_quoted(part: &Part) -> bool {
    match part {
        Part::Literal { quoted, .. } | Part::Variable { quoted, .. } | Part::Command { quoted, .. } => {
            *quoted
        }
        Part::Arithmetic { .. } => false,
    }
}

fn trimmed(value: &str, operator: &str, pattern: &str) -> String {
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

/// Integer arithmetic, by precedence climbing.
struct Arithmetic<'a> {
    shell: &'a Shell,
    tokens: Vec<String>,
    at: usize,
}

impl Arithmetic<'_> {
    fn evaluate(shell: &Shell, expression: &str) -> i64 {
        let mut arithmetic = Arithmetic { shell, tokens: tokens(expression), at: 0 };
        arithmetic.binary(0)
    }

    fn binary(&mut self, least: u8) -> i64 {
        let mut left = self.unary();
        while let Some(operator) = self.tokens.get(self.at).cloned() {
            let level = level(&operator);
            if level == 0 || level <= least {
                break;
            }
            self.at += 1;
            let right = self.binary(level);
            left = apply(&operator, left, right);
        }
        left
    }

    fn unary(&mut self) -> i64 {
        let token = self.tokens.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        match token.as_str() {
            "-" => -self.unary(),
            "+" => self.unary(),
            "!" => i64::from(self.unary() == 0),
            "(" => {
                let value = self.binary(0);
                self.at += 1;
                value
            }
            token => token.parse().unwrap_or_else(|_| {
                self.shell.variable(token).and_then(|value| value.trim().parse().ok()).unwrap_or(0)
            }),
        }
    }
}

fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = expression.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() || c == '$' {
            continue;
        }
        let mut token = c.to_string();
        let word = c.is_alphanumeric() || c == '_';
        while let Some(next) = chars.peek().copied() {
            let pair = matches!(format!("{token}{next}").as_str(), "==" | "!=" | "<=" | ">=" | "&&" | "||");
            if (word && (next.is_alphanumeric() || next == '_')) || pair {
                token.push(next);
                chars.next();
            } else {
                break;
            }
        }
        tokens.push(token);
    }
    tokens
}

fn level(operator: &str) -> u8 {
    match operator {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" => 3,
        "<" | ">" | "<=" | ">=" => 4,
        "+" | "-" => 5,
        "*" | "/" | "%" => 6,
        _ => 0,
    }
}

fn apply(operator: &str, left: i64, right: i64) -> i64 {
    match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right).unwrap_or(0),
        _ => left.checked_rem(right).unwrap_or(0),
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
