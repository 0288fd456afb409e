//! Words as they are written: literal text, quotes, and what has to be expanded.

use super::syntax::Script;

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Part>);

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal { text: String, quoted: bool },
    Variable { name: String, modifier: Option<(String, Word)>, quoted: bool },
    Command { script: Script, quoted: bool },
    Arithmetic { expression: Word },
}

impl Word {
    /// The text of a word without quotes and expansions.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.0[..] {
            [Part::Literal { text, quoted: false }] => Some(text),
            _ => None,
        }
    }

    pub(super) fn push_char(&mut self, c: char, is_quoted: bool) {
        if let Some(Part::Literal { text, quoted }) = self.0.last_mut()
            && *quoted == is_quoted
        {
            text.push(c);
            return;
        }
        self.0.push(Part::Literal { text: c.to_string(), quoted: is_quoted });
    }
}
