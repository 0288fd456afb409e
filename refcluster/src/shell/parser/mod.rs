//! Shell text to commands, by recursive descent over characters.

mod grammar;
mod words;

use super::syntax::Script;

/// A shell syntax error.
pub(super) type SyntaxError = String;

/// Reads a whole script.
pub(super) fn parse(text: &str) -> Result<Script, SyntaxError> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0 };
    let script = parser.list(&[])?;
    if parser.at < parser.chars.len() {
        return Err(parser.unexpected());
    }
    Ok(script)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(index, c)| self.chars.get(self.at + index) == Some(&c))
    }

    fn accept(&mut self, text: &str) -> bool {
        let accepted = self.looking_at(text);
        if accepted {
            self.at += text.chars().count();
        }
        accepted
    }

    fn unexpected(&self) -> SyntaxError {
        let rest: String = self.chars[self.at..].iter().take(12).collect();
        if rest.is_empty() { "unexpected end of file".to_owned() } else { format!("unexpected {rest:?}") }
    }

    fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            if c == '\\' && self.chars.get(self.at + 1) == Some(&'\n') {
                self.at += 2;
            } else if c == ' ' || c == '\t' {
                self.at += 1;
            } else if c == '#'
                && self.at.checked_sub(1).is_none_or(|before| " \t\n;".contains(self.chars[before]))
            {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else {
                break;
            }
        }
    }

    fn newlines(&mut self) {
        self.blanks();
        while self.accept("\n") {
            self.blanks();
        }
    }

    /// The word in front, if it is one of the grammar's own.
    fn keyword(&self) -> String {
        let name = self.chars[self.at..].iter().take_while(|c| c.is_ascii_lowercase() || "{}!".contains(**c));
        let name: String = name.collect();
        let end = self.chars.get(self.at + name.chars().count());
        let ends = end.is_none_or(|c| " \t\n;&|()<>".contains(*c));
        if ends { name } else { String::new() }
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<(), SyntaxError> {
        self.newlines();
        if self.keyword() == keyword && self.accept(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> String {
        let name = self.chars[self.at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_');
        let name: String = name.collect();
        self.at += name.chars().count();
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_accepts() {
        for text in [
            "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done",
            "if [ -f /a ]; then echo yes; elif ! test -f /b; then :; else echo \"no $X ${Y:-z}\"; fi",
            "for i in 1 2 3; do echo $i; done > /tmp/x 2>&1",
            "case $(hostname) in *-0) echo first;; web-[12]|x) echo other;; esac",
            "f() { echo $1; }; f a | cat && (cd /; ls) || exit $((1 + 2 * $N))",
            "echo a;echo b # comment\necho c",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
        for text in ["if true; then", "echo 'a", "while do done", "a )"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
