//! Shell text to commands, by recursive descent over characters.

use super::word::{Part, Word};

/// A list of commands.
pub(super) type Script = Vec<Item>;

/// An and-or list, run in the background or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Join, Pipeline)>,
    pub(super) background: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) body: Body,
    pub(super) redirections: Vec<Redirection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word> },
    Group(Script),
    Subshell(Script),
    If { branches: Vec<(Script, Script)>, otherwise: Option<Script> },
    Loop { until: bool, condition: Script, body: Script },
    For { name: String, words: Option<Vec<Word>>, body: Script },
    Case { word: Word, arms: Vec<(Vec<Word>, Script)> },
    Function { name: String, body: Box<Command> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    pub(super) fd: u32,
    pub(super) operator: String,
    pub(super) target: Word,
}

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

    /// Commands up to one of the keywords, which is not consumed, or to `)` or `;;`.
    fn list(&mut self, ends: &[&str]) -> Result<Script, SyntaxError> {
        let mut script = Script::new();
        loop {
            self.newlines();
            let at_end = self.peek().is_none() || self.looking_at(")") || self.looking_at(";;");
            if at_end || ends.contains(&self.keyword().as_str()) {
                let may_be_empty = at_end || self.keyword() == "esac";
                return if script.is_empty() && !may_be_empty { Err(self.unexpected()) } else { Ok(script) };
            }
            script.push(self.item()?);
        }
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = match () {
                () if self.accept("&&") => Join::And,
                () if self.accept("||") => Join::Or,
                () => break,
            };
            self.newlines();
            rest.push((join, self.pipeline()?));
        }
        self.blanks();
        let background = !self.looking_at(";;") && self.accept("&");
        if !background && !self.looking_at(";;") {
            self.accept(";");
        }
        Ok(Item { first, rest, background })
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        self.blanks();
        let mut negated = false;
        while self.keyword() == "!" {
            self.accept("!");
            self.blanks();
            negated = !negated;
        }
        let mut commands = vec![self.command()?];
        self.blanks();
        while self.looking_at("|") && !self.looking_at("||") {
            self.accept("|");
            self.newlines();
            commands.push(self.command()?);
            self.blanks();
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        self.blanks();
        let body = match self.keyword().as_str() {
            "if" => self.conditional()?,
            "while" => self.repeated(false)?,
            "until" => self.repeated(true)?,
            "for" => self.for_each()?,
            "case" => self.case()?,
            "{" => {
                self.accept("{");
                let script = self.list(&["}"])?;
                self.expect_keyword("}")?;
                Body::Group(script)
            }
            _ if self.accept("(") => {
                let script = self.list(&[])?;
                if !self.accept(")") {
                    return Err(self.unexpected());
                }
                Body::Subshell(script)
            }
            _ => return self.simple(),
        };
        let mut redirections = Vec::new();
        while let Some(redirection) = self.redirection()? {
            redirections.push(redirection);
        }
        Ok(Command { body, redirections })
    }

    fn conditional(&mut self) -> Result<Body, SyntaxError> {
        self.accept("if");
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let condition = self.list(&["then"])?;
            self.expect_keyword("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.keyword() == "elif" && self.accept("elif") {
                continue;
            }
            if self.keyword() == "else" && self.accept("else") {
                otherwise = Some(self.list(&["fi"])?);
            }
            self.expect_keyword("fi")?;
            return Ok(Body::If { branches, otherwise });
        }
    }

    fn repeated(&mut self, until: bool) -> Result<Body, SyntaxError> {
        self.at += "while".len();
        let condition = self.list(&["do"])?;
        Ok(Body::Loop { until, condition, body: self.do_group()? })
    }

    fn do_group(&mut self) -> Result<Script, SyntaxError> {
        self.expect_keyword("do")?;
        let body = self.list(&["done"])?;
        self.expect_keyword("done")?;
        Ok(body)
    }

    fn for_each(&mut self) -> Result<Body, SyntaxError> {
        self.accept("for");
        self.blanks();
        let name = self.name();
        self.newlines();
        let mut words = None;
        if self.keyword() == "in" && self.accept("in") {
            let mut list = Vec::new();
            while let Some(word) = self.word()? {
                list.push(word);
            }
            words = Some(list);
        }
        self.blanks();
        self.accept(";");
        Ok(Body::For { name, words, body: self.do_group()? })
    }

    fn case(&mut self) -> Result<Body, SyntaxError> {
        self.accept("case");
        let word = self.word()?.ok_or_else(|| self.unexpected())?;
        self.expect_keyword("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.keyword() == "esac" && self.accept("esac") {
                return Ok(Body::Case { word, arms });
            }
            self.accept("(");
            let mut patterns = Vec::new();
            loop {
                patterns.push(self.word()?.ok_or_else(|| self.unexpected())?);
                self.blanks();
                if !self.accept("|") {
                    break;
                }
            }
            if !self.accept(")") {
                return Err(self.unexpected());
            }
            let body = self.list(&["esac"])?;
            self.accept(";;");
            arms.push((patterns, body));
        }
    }

    fn simple(&mut self) -> Result<Command, SyntaxError> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
                continue;
            }
            if words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                assignments.push(assignment);
                continue;
            }
            let Some(word) = self.word()? else { break };
            if words.is_empty() && assignments.is_empty() && self.looking_at("()") {
                self.accept("()");
                self.newlines();
                let name = word.plain().unwrap_or_default().to_owned();
                let body = Body::Function { name, body: Box::new(self.command()?) };
                return Ok(Command { body, redirections });
            }
            words.push(word);
        }
        if words.is_empty() && assignments.is_empty() && redirections.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command { body: Body::Simple { assignments, words }, redirections })
    }

    fn name(&mut self) -> String {
        let name = self.chars[self.at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_');
        let name: String = name.collect();
        self.at += name.chars().count();
        name
    }

    fn assignment(&mut self) -> Result<Option<(String, Word)>, SyntaxError> {
        self.blanks();
        let start = self.at;
        let name = self.name();
        let named = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !named || !self.accept("=") {
            self.at = start;
            return Ok(None);
        }
        let next = self.peek();
        if next.is_none_or(|c| " \t\n;&|)".contains(c)) {
            return Ok(Some((name, Word::default())));
        }
        Ok(Some((name, self.word()?.unwrap_or_default())))
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, SyntaxError> {
        self.blanks();
        let start = self.at;
        let digits: String = self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        self.at += digits.len();
        let found = [">>", ">&", ">|", ">", "<&", "<"].into_iter().find(|operator| self.accept(operator));
        let Some(operator) = found else {
            self.at = start;
            return Ok(None);
        };
        let fd = digits.parse().unwrap_or(u32::from(operator.starts_with('>')));
        let target = self.word()?.ok_or_else(|| self.unexpected())?;
        Ok(Some(Redirection { fd, operator: operator.to_owned(), target }))
    }

    /// The next word, unless an operator comes first.
    fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
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
