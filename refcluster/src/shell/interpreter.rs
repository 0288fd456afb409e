//! Running what the parser has read.

use super::expand::matches_pattern;
use super::io::{Input, Io, Output};
use super::parser::{Body, Command, Item, Join, Pipeline, Redirection, Script, parse};
use super::process::Process;
use crate::kubelet::Container;
use futures::future::{BoxFuture, join_all};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// Why a list of commands is left early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Exit,
    Return,
    Break,
    Continue,
}

/// A command in the background.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) pid: u32,
    pub(super) status: watch::Receiver<Option<i32>>,
}

/// A shell, or a subshell.
pub(super) struct Shell {
    pub(super) container: Arc<Container>,
    pub(super) process: Arc<Process>,
    pub(super) io: Io,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) exported: BTreeSet<String>,
    pub(super) positional: Vec<String>,
    functions: BTreeMap<String, Command>,
    pub(super) jobs: Vec<Job>,
    pub(super) directory: String,
    pub(super) status: i32,
    pub(super) flow: Option<Flow>,
    pub(super) exits_on_error: bool,
}

impl Shell {
    pub(super) fn new(
        container: Arc<Container>,
        process: Arc<Process>,
        io: Io,
        variables: BTreeMap<String, String>,
    ) -> Self {
        Self {
            container,
            process,
            io,
            exported: variables.keys().cloned().collect(),
            variables,
            positional: Vec::new(),
            functions: BTreeMap::new(),
            jobs: Vec::new(),
            directory: "/".to_owned(),
            status: 0,
            flow: None,
            exits_on_error: false,
        }
    }

    /// A shell that begins as this one is, and whose changes stay its own.
    pub(super) fn subshell(&self) -> Self {
        Self {
            container: self.container.clone(),
            process: self.process.clone(),
            io: self.io.clone(),
            variables: self.variables.clone(),
            exported: self.exported.clone(),
            positional: self.positional.clone(),
            functions: self.functions.clone(),
            jobs: self.jobs.clone(),
            directory: self.directory.clone(),
            status: self.status,
            flow: None,
            exits_on_error: self.exits_on_error,
        }
    }

    /// The variables that programs see.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let exported = self.variables.iter().filter(|(name, _)| self.exported.contains(*name));
        exported.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Runs the text of `sh -c`. Its last command takes the shell's place, as in busybox.
    pub(super) async fn run_text(&mut self, text: &str) -> i32 {
        let script = match parse(text) {
            Ok(script) => script,
            Err(error) => {
                self.io.complain(format!("sh: syntax error: {error}\n"));
                return 2;
            }
        };
        let status = match script.split_last() {
            Some((last, before)) if is_plain(last) => {
                self.run_script(before).await;
                if self.flow.is_none() { self.run_last(last).await } else { self.status }
            }
            _ => self.run_script(&script).await,
        };
        match self.process.take_exit_trap() {
            Some(command) => {
                self.flow = None;
                self.run_trap(&command).await;
                status
            }
            None => status,
        }
    }

    async fn run_last(&mut self, last: &Item) -> i32 {
        let Body::Simple { assignments, words } = &last.first.commands[0].body else { return self.status };
        if self.process.has_traps() || self.process.take_trap().is_some() {
            return self.run_script(std::slice::from_ref(last)).await;
        }
        let Some(io) = self.redirected(&last.first.commands[0].redirections).await else { return 1 };
        let saved = std::mem::replace(&mut self.io, io);
        self.simple(assignments, words, true).await;
        self.io = saved;
        self.status
    }

    /// Runs commands one after the other; between them, the traps of signals that have come.
    pub(super) fn run_script<'a>(&'a mut self, script: &'a [Item]) -> BoxFuture<'a, i32> {
        Box::pin(async move {
            for item in script {
                self.run_item(item).await;
                self.run_traps().await;
                if self.flow.is_some() {
                    break;
                }
            }
            self.status
        })
    }

    async fn run_traps(&mut self) {
        while let Some(command) = self.process.take_trap() {
            self.run_trap(&command).await;
        }
    }

    pub(super) async fn run_trap(&mut self, command: &str) {
        match parse(command) {
            Ok(script) => drop(self.run_script(&script).await),
            Err(error) => self.io.complain(format!("sh: trap: {error}\n")),
        }
    }

    async fn run_item(&mut self, item: &Item) {
        if item.background {
            self.start_job(item);
            self.status = 0;
            return;
        }
        self.run_pipeline(&item.first).await;
        let mut decisive = true;
        for (index, (join, pipeline)) in item.rest.iter().enumerate() {
            if self.flow.is_some() {
                return;
            }
            decisive = false;
            if (*join == Join::And) == (self.status == 0) {
                self.run_pipeline(pipeline).await;
                decisive = index + 1 == item.rest.len();
            }
        }
        let negated = item.rest.last().map_or(item.first.negated, |(_, last)| last.negated);
        if self.exits_on_error && decisive && !negated && self.status != 0 {
            self.flow.get_or_insert(Flow::Exit);
        }
    }

    fn start_job(&mut self, item: &Item) {
        let process = self.container.processes.start();
        let (sender, status) = watch::channel(None);
        let mut shell = self.subshell();
        shell.process = process.clone();
        shell.io.input = Input::Empty;
        self.jobs.push(Job { pid: process.pid, status });
        let item = Item { background: false, ..item.clone() };
        let container = self.container.clone();
        self.container.spawn(async move {
            let running = async {
                if is_plain(&item) { shell.run_last(&item).await } else { shell.run_script(&[item]).await }
            };
            let code = tokio::select! {
                biased;
                code = process.ended() => code,
                code = running => code,
            };
            container.processes.end(&process);
            sender.send_replace(Some(code));
        });
    }

    async fn run_pipeline(&mut self, pipeline: &Pipeline) {
        if let [command] = &pipeline.commands[..] {
            self.run_command(command).await;
        } else {
            self.run_pipes(&pipeline.commands).await;
        }
        if pipeline.negated {
            self.status = i32::from(self.status == 0);
        }
    }

    /// All commands at once, each in a subshell, each reading what the one before writes.
    async fn run_pipes(&mut self, commands: &[Command]) {
        let mut input = self.io.input.clone();
        let mut running = Vec::new();
        for (index, command) in commands.iter().enumerate() {
            let mut shell = self.subshell();
            shell.io.input = input;
            let (output, next) = Input::pipe();
            input = next;
            if index + 1 < commands.len() {
                shell.io.output = Output::Stream(output);
            }
            running.push(async move {
                shell.run_command(command).await;
                shell.status
            });
        }
        self.status = join_all(running).await.last().copied().unwrap_or(0);
    }

    fn run_command<'a>(&'a mut self, command: &'a Command) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(io) = self.redirected(&command.redirections).await else {
                self.status = 1;
                return;
            };
            let persistent = is_bare_exec(&command.body);
            let saved = std::mem::replace(&mut self.io, io);
            self.run_body(&command.body).await;
            if !persistent {
                self.io = saved;
            }
        })
    }

    async fn run_body(&mut self, body: &Body) {
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

    async fn case(&mut self, text: &str, arms: &[(Vec<super::word::Word>, Script)]) {
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

    async fn simple(
        &mut self,
        assignments: &[(String, super::word::Word)],
        words: &[super::word::Word],
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

    /// The streams of a command with redirections; none if one of them fails.
    async fn redirected(&mut self, redirections: &[Redirection]) -> Option<Io> {
        let mut io = self.io.clone();
        for redirection in redirections {
            let target = self.text(&redirection.target).await;
            if let Err(error) = self.redirect(&mut io, redirection, &target) {
                self.io.complain(format!("sh: can't open {target}: {error}\n"));
                return None;
            }
        }
        Some(io)
    }

    fn redirect(&self, io: &mut Io, redirection: &Redirection, target: &str) -> Result<(), &'static str> {
        let files = &self.container.files;
        let path = self.absolute(target);
        match redirection.operator.as_str() {
            "<" if target == "/dev/null" => io.input = Input::Empty,
            "<" => io.input = Input::bytes(files.read(&path).ok_or("no such file")?),
            ">&" => {
                let copied = if target == "2" { io.errors.clone() } else { io.output.clone() };
                *io.writer(redirection.fd) = copied;
            }
            "<&" => {}
            operator => *io.writer(redirection.fd) = self.opened(&path, operator == ">>")?,
        }
        Ok(())
    }

    fn opened(&self, path: &str, append: bool) -> Result<Output, &'static str> {
        let container = &self.container;
        match path {
            "/dev/null" => return Ok(Output::Null),
            "/dev/stdout" | "/proc/1/fd/1" => return Ok(container.log.clone()),
            "/dev/stderr" | "/proc/1/fd/2" => return Ok(container.log.clone()),
            _ => container.files.write(path, b"", append)?,
        }
        Ok(Output::File { files: container.files.clone(), path: path.to_owned() })
    }

    /// A path, seen from the current directory.
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory) }
    }
}

impl Io {
    fn writer(&mut self, fd: u32) -> &mut Output {
        if fd == 2 { &mut self.errors } else { &mut self.output }
    }
}

fn is_command(part: &super::word::Part) -> bool {
    matches!(part, super::word::Part::Command { .. })
}

/// Whether an item is one simple command and nothing else.
fn is_plain(item: &Item) -> bool {
    let single =
        item.rest.is_empty() && !item.background && !item.first.negated && item.first.commands.len() == 1;
    single && matches!(&item.first.commands[0].body, Body::Simple { words, .. } if !words.is_empty())
}

/// `exec` with redirections only: they stay.
fn is_bare_exec(body: &Body) -> bool {
    matches!(body, Body::Simple { words, .. } if words.len() == 1 && words[0].plain() == Some("exec"))
}
