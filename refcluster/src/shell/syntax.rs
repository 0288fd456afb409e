//! What a script is, once it has been read.

use super::word::Word;

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
