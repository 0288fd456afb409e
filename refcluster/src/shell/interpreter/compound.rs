//! Compound commands: conditions, loops, cases, functions.

use super::{Flow, Shell};
use crate::shell::pattern::matches_pattern;
use crate::shell::syntax::{Body, Script};
use crate::shell::word::Word;

impl Shell {
    pub(super) async fn run_body(&mut self, body: &Body) {
        match body {
            Body::Simple { assignments, words } => self.simple(assignments, words, false).await,
            Body::Group(script) => drop(self.run_script(script).await),
            Body::Subshell(script) => {
                let mut inner = self.subshell();
                self.status = inner.run_script(script).await;
            }
            Body::If { branches, otherwise } => self.conditional(branches, otherwise.as_ref()).await,
            Body::Loop { until, condition, body } => self.repeat(*until, condition, body).await,
            Body::For { name, words, body } => {
                let fields = match words {
                    Some(words) => self.fields(words).await,
                    None => self.positional.clone(),
                };
                self.for_each(name, fields, body).await;
            }
            Body::Case { word, arms } => {
                let text = self.text(word).await;
                self.case(&text, arms).await;
            }
            Body::Function { name, body } => {
                self.functions.insert(name.clone(), (**body).clone());
                self.status = 0;
            }
        }
    }

    /// Runs a condition, whose failure ends nothing.
    async fn holds(&mut self, condition: &Script) -> bool {
        let exits_on_error = std::mem::replace(&mut self.exits_on_error, false);
        let holds = self.run_script(condition).await == 0;
        self.exits_on_error = exits_on_error;
        holds
    }

    async fn conditional(&mut self, branches: &[(Script, Script)], otherwise: Option<&Script>) {
        for (condition, body) in branches {
            let holds = self.holds(condition).await;
            if self.flow.is_some() {
                return;
            }
            if holds {
                self.run_script(body).await;
                return;
            }
        }
        self.status = 0;
        if let Some(body) = otherwise {
            self.run_script(body).await;
        }
    }

    async fn repeat(&mut self, until: bool, condition: &Script, body: &Script) {
        let mut status = 0;
        while self.holds(condition).await != until && self.flow.is_none() {
            status = self.run_script(body).await;
            if self.leaves_loop() {
                break;
            }
            // Lets others run: a loop of commands that take no time would not.
            tokio::task::yield_now().await;
        }
        self.status = status;
    }

    async fn for_each(&mut self, name: &str, fields: Vec<String>, body: &Script) {
        self.status = 0;
        for field in fields {
            self.variables.insert(name.to_owned(), field);
            self.run_script(body).await;
            if self.leaves_loop() {
                break;
            }
        }
    }

    fn leaves_loop(&mut self) -> bool {
        match self.flow {
            Some(Flow::Continue) => {
                self.flow = None;
                false
            }
            Some(Flow::Break) => {
                self.flow = None;
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    async fn case(&mut self, text: &str, arms: &[(Vec<Word>, Script)]) {
        self.status = 0;
        for (patterns, body) in arms {
            for pattern in patterns {
                let pattern = self.text(pattern).await;
                if matches_pattern(&pattern, text) {
                    self.run_script(body).await;
                    return;
                }
            }
        }
    }
}
