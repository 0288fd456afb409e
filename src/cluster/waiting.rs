//! What the connection waits for at the moment, so that a person who waits can be told.

use std::sync::{Arc, Mutex};

/// A word on what is waited for, shared between whoever waits and whoever tells.
#[derive(Debug, Clone)]
pub(super) struct Waiting(Arc<Mutex<Vec<String>>>);

impl Waiting {
    /// In the beginning it is the server.
    pub(super) fn new(first: String) -> Self {
        Self(Arc::new(Mutex::new(vec![first])))
    }

    /// From now on it is this, until what is given back is dropped.
    pub(super) fn on(&self, what: String) -> Until {
        self.0.lock().expect("no holder panics").push(what.clone());
        Until { waiting: self.clone(), what }
    }

    /// What it is now.
    pub(super) fn now(&self) -> String {
        self.0.lock().expect("no holder panics").last().cloned().unwrap_or_default()
    }
}

/// As long as this lives, something is waited for.
pub(super) struct Until {
    waiting: Waiting,
    what: String,
}

impl Drop for Until {
    fn drop(&mut self) {
        let mut all = self.waiting.0.lock().expect("no holder panics");
        if let Some(at) = all.iter().rposition(|what| *what == self.what) {
            all.remove(at);
        }
    }
}
