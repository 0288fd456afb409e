//! The environment, as far as a connection depends on it: read once, so that a test can write it by hand.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// Variables and their values. They may be secret: `Debug` shows the names alone.
#[derive(Clone, Default)]
pub(super) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// That of this process.
    pub(super) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// One that is written by hand.
    #[cfg(test)]
    pub(super) fn of<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable that is there and not empty.
    pub(super) fn path(&self, name: &str) -> Option<OsString> {
        self.0.get(OsStr::new(name)).filter(|value| !value.is_empty()).cloned()
    }

    /// The same as text; the first of these names that has one.
    pub(super) fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.path(name)?.into_string().ok())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
