//! Running what the parser has read.

mod compound;
mod redirect;
mod simple;

use super::io::{Input, Io, Output};
use super::parser::parse;
use super::process::Process;
use super::syntax::{Body, Command, Item, Join, Pipeline};
use crate::kubelet::Container;
use futures::future::{BoxFuture, join_all};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// Why a list of commands is left early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Flow {
    Exit,
    Return,
    Break,
    Continue,
}

/// A command in the background.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Job {
    pub(in crate::shell) pid: u32,
    pub(in crate::shell) status: watch::Receiver<Option<i32>>,
}

/// A shell, or a subshell.
pub(in crate::shell) struct Shell {
    pub(in crate::shell) container: Arc<Container>,
    pub(in crate::shell) process: Arc<Process>,
    pub(in crate::shell) io: Io,
    pub(in crate::shell) variables: BTreeMap<String, String>,
    pub(in crate::shell) exported: BTreeSet<String>,
    pub(in crate::shell) positional: Vec<String>,
    functions: BTreeMap<String, Command>,
    pub(in crate::shell) jobs: Vec<Job>,
    pub(in crate::shell) directory: String,
    pub(in crate::shell) status: i32,
    pub(in crate::shell) flow: Option<Flow>,
    pub(in crate::shell) exits_on_error: bool,
}

impl Shell {
    pub(in crate::shell) fn new(
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
    pub(in crate::shell) fn subshell(&self) -> Self {
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
    pub(in crate::shell) fn environment(&self) -> BTreeMap<String, String> {
        let exported = self.variables.iter().filter(|(name, _)| self.exported.contains(*name));
        exported.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Runs the text of `sh -c`. Its last command takes the shell's place, as in busybox.
    pub(in crate::shell) async fn run_text(&mut self, text: &str) -> i32 {
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
    pub(in crate::shell) fn run_script<'a>(&'a mut self, script: &'a [Item]) -> BoxFuture<'a, i32> {
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

    pub(in crate::shell) async fn run_trap(&mut self, command: &str) {
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
