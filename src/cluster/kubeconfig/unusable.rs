//! A kubeconfig, or a flag beside it, that cannot be used: which file, which field, what is wrong, what to type.

use std::fmt;

/// Why no connection can even be tried. It is what was given that has to change, and not the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Where: a file and a field in it, or a flag.
    place: String,
    /// What is wrong there.
    wrong: String,
    /// What to type next.
    hint: String,
}

impl Unusable {
    /// Something wrong at a place, with what to type. None of the three may have a value of the kubeconfig in it, but for
    /// names of files, contexts, clusters, users, hosts and commands.
    pub(in crate::cluster) fn new(
        place: impl Into<String>,
        wrong: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), wrong: wrong.into(), hint: hint.into() }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used: {}; {}", self.place, self.wrong, self.hint)
    }
}

impl std::error::Error for Unusable {}
