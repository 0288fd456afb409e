//! What follows from the rest, found out at the first question and remembered.

use std::{fmt, sync::OnceLock};

/// A value that is found out once. It says nothing of its own: whatever has one is equal with and without, and a copy
/// begins without, because it may be changed before anything is asked of it.
pub(crate) struct Memo<T>(OnceLock<T>);

impl<T> Memo<T> {
    /// The value, found out by `find` if nobody has asked yet.
    pub(super) fn get(&self, find: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(find)
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Memo<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Memo<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> fmt::Debug for Memo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}
