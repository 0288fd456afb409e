//! What is asked for: expressions such as `pod-fqdn-resolves`, `area:dns` or `level:core`, and what they match.

use std::fmt;

use crate::spec::{AREAS, Catalogue, Level, Requirement};

/// How alike two words must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.6;

/// One expression that selects requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// The requirement with this id.
    Id(String),
    /// All of an area, but for what is disruptive.
    Area(String),
    /// All of a level.
    Level(Level),
}

impl Expression {
    /// Reads an expression, and makes sure that it matches something in the catalogue.
    pub fn parse(catalogue: &Catalogue, text: &str) -> Result<Self, Unknown> {
        let expression = match text.split_once(':') {
            Some(("area", area)) => Some(Expression::Area(area.to_owned())),
            Some(("level", level)) => {
                Level::ALL.iter().find(|known| known.as_str() == level).copied().map(Expression::Level)
            }
            _ => Some(Expression::Id(text.to_owned())),
        };
        expression
            .filter(|expression| catalogue.requirements.iter().any(|r| expression.names(r)))
            .ok_or_else(|| Unknown::expression(catalogue, text))
    }

    /// Whether the requirement is what the expression speaks of.
    pub fn names(&self, requirement: &Requirement) -> bool {
        match self {
            Expression::Id(id) => &requirement.id == id,
            Expression::Area(area) => &requirement.area == area,
            Expression::Level(level) => requirement.level == *level,
        }
    }

    /// Whether to select by this expression is to ask for the requirement. An area does not ask for what is disruptive.
    fn asks_for(&self, requirement: &Requirement) -> bool {
        let by_area = matches!(self, Expression::Area(_));
        self.names(requirement) && !(by_area && requirement.level == Level::Disruptive)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Id(id) => f.write_str(id),
            Expression::Area(area) => write!(f, "area:{area}"),
            Expression::Level(level) => write!(f, "level:{}", level.as_str()),
        }
    }
}

/// What to run and what not to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Any of these; empty for everything that is not disruptive.
    pub select: Vec<Expression>,
    /// None of these.
    pub skip: Vec<Expression>,
}

impl Selection {
    /// Reads what `--select` and `--skip` say.
    pub fn parse(catalogue: &Catalogue, select: &[String], skip: &[String]) -> Result<Self, Unknown> {
        let read = |texts: &[String]| -> Result<Vec<_>, Unknown> {
            texts.iter().map(|text| Expression::parse(catalogue, text)).collect()
        };
        Ok(Self { select: read(select)?, skip: read(skip)? })
    }

    /// Exactly the requirements with these ids.
    pub fn of_ids(ids: impl IntoIterator<Item = String>) -> Self {
        Self { select: ids.into_iter().map(Expression::Id).collect(), skip: Vec::new() }
    }

    /// Why the requirement is left out; none when it is not.
    pub fn leaves_out(&self, requirement: &Requirement) -> Option<String> {
        if let Some(skip) = self.skip.iter().find(|skip| skip.names(requirement)) {
            return Some(format!("left out by --skip {skip}"));
        }
        if self.select.iter().any(|select| select.asks_for(requirement)) {
            return None;
        }
        if requirement.level == Level::Disruptive {
            let id = &requirement.id;
            return Some(format!("it disturbs more than its own namespace: ask for it with --select {id}"));
        }
        (!self.select.is_empty()).then(|| "not selected".to_owned())
    }
}

/// A word that the catalogue does not know, and the one that was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    text: String,
    nearest: Option<String>,
}

impl Unknown {
    fn expression(catalogue: &Catalogue, text: &str) -> Self {
        let areas = AREAS.iter().filter(|area| catalogue.requirements.iter().any(|r| r.area == **area));
        let levels =
            Level::ALL.iter().filter(|level| catalogue.requirements.iter().any(|r| r.level == **level));
        let candidates = ids(catalogue)
            .chain(areas.map(|area| format!("area:{area}")))
            .chain(levels.map(|level| format!("level:{}", level.as_str())));
        Self { text: text.to_owned(), nearest: nearest(text, candidates) }
    }

    /// An id that no requirement has.
    pub fn id(catalogue: &Catalogue, text: &str) -> Self {
        Self { text: text.to_owned(), nearest: nearest(text, ids(catalogue)) }
    }
}

impl std::error::Error for Unknown {}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` matches no requirement", self.text)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => write!(f, "; `steadfast list` prints the ids, the areas and the levels"),
        }
    }
}

fn ids(catalogue: &Catalogue) -> impl Iterator<Item = String> {
    catalogue.requirements.iter().map(|requirement| requirement.id.clone())
}

/// The candidate most like the text, if any is like it at all. `dns` is like `area:dns`, and `area:` like no `level:`.
fn nearest(text: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let (kind, word) = split(text);
    candidates
        .filter(|candidate| kind.is_none() || split(candidate).0 == kind)
        .map(|candidate| (likeness(word, split(&candidate).1), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn split(expression: &str) -> (Option<&str>, &str) {
    expression.split_once(':').map_or((None, expression), |(kind, word)| (Some(kind), word))
}

/// From 0 to 1: few letters differ, or one begins like the other, which counts for a little less.
fn likeness(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(a, b).max(strsim::jaro_winkler(a, b) - 0.2)
}
