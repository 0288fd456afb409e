//! The grammar: lists, pipelines, compound and simple commands, redirections.

use super::{Parser, SyntaxError};
use crate::shell::syntax::{Body, Command, Item, Join, Pipeline, Redirection, Script};
use crate::shell::word::Word;

impl Parser {
    /// Commands up to one of the keywords, which is not consumed, or to `)` or `;;`.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<Script, SyntaxError> {
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
}
