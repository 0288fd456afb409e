//! A requirement: what a cluster must do, in our own words, with where that is documented.

use serde::{Deserialize, Serialize};

use crate::views::Dimension;

/// One file `specs/<area>/<id>.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Requirement {
    /// The stem of the file. Filled in from the file's name, never written in it.
    #[serde(skip_deserializing)]
    pub id: String,
    /// The folder of the file. Filled in likewise.
    #[serde(skip_deserializing)]
    pub area: String,
    /// When it is judged, and whether it can fail the run.
    pub level: Level,
    /// One line, the fact first; with the id it is the name of the JUnit case, so it never changes between runs.
    pub title: String,
    /// The guarantee in our own words: the first thing that a failure prints.
    pub requirement: String,
    /// The Kubernetes minor version from which on it is promised, such as `1.9`.
    pub since: String,
    /// The minor version from which on it is promised no longer.
    #[serde(default)]
    pub until: Option<String>,
    /// The field of a StatefulSet that it is about, as a JSON pointer: a server that does not keep it does not make the promise.
    #[serde(default)]
    pub reads_back: Option<String>,
    /// The scenarios whose histories it is judged on.
    pub judged_on: Vec<String>,
    /// What a pass needs evidence of.
    pub clauses: Vec<Clause>,
    /// The requirements that must pass before this one means anything.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Something that a cluster may legitimately not have. Without it the requirement does not apply.
    #[serde(default)]
    pub applies_to: Option<Feature>,
    /// Where the behaviour is documented.
    pub sources: Vec<Source>,
    /// What readers of the documents asked that this answers.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// How the check decides, and what it cannot see.
    pub judged_by: String,
    /// The names of the limits (`src/limits.rs`) that it depends on.
    #[serde(default)]
    pub limits: Vec<String>,
    /// The faults of the embedded cluster that break it: `steadfast selftest` proves that its check catches each.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Faults that are there for another requirement and may break this one as well.
    #[serde(default)]
    pub collateral: Vec<String>,
    /// A `kubectl` line that looks further; `{namespace}` stands for the scenario's namespace.
    pub look: String,
}

/// A part of a requirement that a pass needs evidence of, in each scenario that is to show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The name by which the check says that it held.
    pub id: String,
    /// What is to be shown, as the rest of the sentence "the record shows that …".
    pub says: String,
    /// What it must be shown for: each combination of the members that the record has of these. None stands for once.
    #[serde(default)]
    pub each: Vec<Dimension>,
    /// The scenarios that must show it; all that the requirement is judged on, where none is named.
    #[serde(default)]
    pub on: Vec<String>,
}

impl Requirement {
    /// The clauses that the history of this scenario must show.
    pub fn clauses_on<'r>(&'r self, scenario: &'r str) -> impl Iterator<Item = &'r Clause> {
        self.clauses
            .iter()
            .filter(move |clause| clause.on.is_empty() || clause.on.iter().any(|on| on == scenario))
    }
}

/// When a requirement is judged, and whether it can fail the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Always judged.
    Core,
    /// Judged where volumes can be had.
    Storage,
    /// Judged where the server has the feature.
    Feature,
    /// Judged only when asked for, because it disturbs more than its own namespace.
    Disruptive,
    /// Recorded; it never fails the run.
    Informational,
}

impl Level {
    /// Every level.
    pub const ALL: &[Level] =
        &[Level::Core, Level::Storage, Level::Feature, Level::Disruptive, Level::Informational];

    /// The word in the YAML and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Core => "core",
            Level::Storage => "storage",
            Level::Feature => "feature",
            Level::Disruptive => "disruptive",
            Level::Informational => "informational",
        }
    }
}

/// Something that a cluster may legitimately not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// A default StorageClass, or one that was named by flag.
    StorageClass,
}

/// Where a behaviour is documented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The document: one of the project's seeds (`seed 0` to `seed 4`), a page or a source file of Kubernetes, an issue.
    pub document: String,
    /// The section or line in it.
    pub at: String,
}

/// A question that readers of the documents asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question, in our own words.
    pub question: String,
    /// What a pass answers.
    pub answer: String,
}
