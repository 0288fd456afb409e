//! Words: quotes, variables, substitutions.

use super::{Parser, SyntaxError, parse};
use crate::shell::word::{Part, Word};

impl Parser {
    /// The next word, unless an operator comes first.
    pub(super) fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
        self.blanks();
        let mut word = Word::default();
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '$' | '`' => self.expansion(&mut word, false)?,
                '\\' => {
                    self.at += 1;
                    if let Some(escaped) = self.peek() {
                        word.push_char(escaped, true);
                        self.at += 1;
                    }
                }
                c => {
                    word.push_char(c, false);
                    self.at += 1;
                }
            }
        }
        Ok((self.at > start).then_some(word))
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        self.at += 1;
        word.0.push(Part::Literal { text: String::new(), quoted: true });
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == '\'' {
                return Ok(());
            }
            word.push_char(c, true);
        }
        Err("unterminated quoted string".to_owned())
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        self.at += 1;
        word.0.push(Part::Literal { text: String::new(), quoted: true });
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(());
                }
                '$' | '`' => self.expansion(word, true)?,
                '\\' if self.chars.get(self.at + 1).is_some_and(|next| "$`\"\\\n".contains(*next)) => {
                    word.push_char(self.chars[self.at + 1], true);
                    self.at += 2;
                }
                c => {
                    word.push_char(c, true);
                    self.at += 1;
                }
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    fn expansion(&mut self, word: &mut Word, quoted: bool) -> Result<(), SyntaxError> {
        if self.accept("`") {
            let inner = self.until_unescaped('`')?;
            word.0.push(Part::Command { script: parse(&inner)?, quoted });
            return Ok(());
        }
        self.at += 1;
        if self.accept("((") {
            let inner = self.balanced("))")?;
            word.0.push(Part::Arithmetic { expression: parse_word(&inner)? });
        } else if self.accept("(") {
            let script = self.list(&[])?;
            if !self.accept(")") {
                return Err(self.unexpected());
            }
            word.0.push(Part::Command { script, quoted });
        } else if self.accept("{") {
            self.braced(word, quoted)?;
        } else {
            self.bare_variable(word, quoted);
        }
        Ok(())
    }

    fn bare_variable(&mut self, word: &mut Word, quoted: bool) {
        let special = self.peek().filter(|c| "?#@*$!-".contains(*c) || c.is_ascii_digit());
        let name = match special {
            Some(c) => {
                self.at += 1;
                c.to_string()
            }
            None => self.name(),
        };
        if name.is_empty() {
            word.push_char('$', quoted);
        } else {
            word.0.push(Part::Variable { name, modifier: None, quoted });
        }
    }

    /// `${name}`, `${name:-word}`, `${name##pattern}` and their kin, and `${#name}`.
    fn braced(&mut self, word: &mut Word, quoted: bool) -> Result<(), SyntaxError> {
        let inner = self.balanced("}")?;
        if let Some(name) = inner.strip_prefix('#').filter(|name| !name.is_empty()) {
            let modifier = Some(("#len".to_owned(), Word::default()));
            word.0.push(Part::Variable { name: name.to_owned(), modifier, quoted });
            return Ok(());
        }
        let split = inner.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let (name, rest) =
            if split == 0 { inner.split_at(1.min(inner.len())) } else { inner.split_at(split) };
        let operators = [":-", ":=", ":+", ":?", "##", "%%", "-", "=", "+", "?", "#", "%"];
        let operator = operators.into_iter().find(|operator| rest.starts_with(operator));
        let modifier = match operator {
            Some(operator) => Some((operator.to_owned(), parse_word(&rest[operator.len()..])?)),
            None if rest.is_empty() => None,
            None => return Err(format!("bad substitution: {inner:?}")),
        };
        word.0.push(Part::Variable { name: name.to_owned(), modifier, quoted });
        Ok(())
    }

    fn until_unescaped(&mut self, end: char) -> Result<String, SyntaxError> {
        let mut inner = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => {
                    inner.extend(self.peek());
                    self.at += 1;
                }
                c if c == end => return Ok(inner),
                c => inner.push(c),
            }
        }
        Err("unterminated substitution".to_owned())
    }

    /// The text up to `end`, over nested parentheses and braces.
    fn balanced(&mut self, end: &str) -> Result<String, SyntaxError> {
        let mut depth = 0;
        let start = self.at;
        while let Some(c) = self.peek() {
            if depth == 0 && self.looking_at(end) {
                let inner = self.chars[start..self.at].iter().collect();
                self.accept(end);
                return Ok(inner);
            }
            depth += i32::from("({".contains(c)) - i32::from(")}".contains(c));
            self.at += 1;
        }
        Err("unterminated substitution".to_owned())
    }
}

/// Reads a text as one word, in which blanks are nothing special.
fn parse_word(text: &str) -> Result<Word, SyntaxError> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0 };
    let mut word = Word::default();
    while let Some(c) = parser.peek() {
        match c {
            '\'' => parser.single_quoted(&mut word)?,
            '"' => parser.double_quoted(&mut word)?,
            '$' | '`' => parser.expansion(&mut word, false)?,
            c => {
                word.push_char(c, false);
                parser.at += 1;
            }
        }
    }
    Ok(word)
}
