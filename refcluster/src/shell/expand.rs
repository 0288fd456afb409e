//! Expansion: variables, command substitution, field splitting, paths.

use super::arithmetic::Arithmetic;
use super::interpreter::Shell;
use super::io::{Output, text_of};
use super::pattern::{matches_pattern, trimmed};
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
