//! Simple commands: assignments, functions, builtins, programs.

use super::{Flow, Shell};
use crate::shell::syntax::Command;
use crate::shell::word::{Part, Word};

impl Shell {
    pub(super) async fn simple(
        &mut self,
        assignments: &[(String, Word)],
        words: &[Word],
        replaces_shell: bool,
    ) {
        let fields = self.fields(words).await;
        let mut changed = Vec::new();
        for (name, word) in assignments {
            let value = self.text(word).await;
            changed.push((name.clone(), self.variables.insert(name.clone(), value)));
        }
        let Some(name) = fields.first() else {
            // With nothing to run, the status is that of the last command substitution.
            if !assignments.iter().any(|(_, word)| word.0.iter().any(is_command)) {
                self.status = 0;
            }
            return;
        };
        if let Some(function) = self.functions.get(name).cloned() {
            self.call(&function, fields[1..].to_vec()).await;
        } else if !self.builtin(&fields).await {
            let mut environment = self.environment();
            environment.extend(changed.iter().map(|(name, _)| (name.clone(), self.variables[name].clone())));
            self.status = self.external(&fields, environment, replaces_shell).await;
        }
        for (name, value) in changed {
            match value {
                Some(value) => drop(self.variables.insert(name, value)),
                None => drop(self.variables.remove(&name)),
            }
        }
    }

    async fn call(&mut self, function: &Command, arguments: Vec<String>) {
        let saved = std::mem::replace(&mut self.positional, arguments);
        self.run_command(function).await;
        self.positional = saved;
        if self.flow == Some(Flow::Return) {
            self.flow = None;
        }
    }
}

fn is_command(part: &Part) -> bool {
    matches!(part, Part::Command { .. })
}
