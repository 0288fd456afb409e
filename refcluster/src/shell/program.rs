//! Starting programs, and the builtins of the shell.

use super::commands;
use super::interpreter::{Flow, Shell};
use super::io::Io;
use super::parser;
use super::process::{Handler, signal_number};
use crate::kubelet::Container;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The code with which everything in a container ends when the container does.
const KILLED: i32 = 137;

/// Runs a program in a container, as its first process or beside it, and returns its exit code.
pub(crate) async fn run(container: Arc<Container>, arguments: Vec<String>, io: Io) -> i32 {
    let process = container.processes.start();
    let environment = container.environment.clone();
    let mut shell = Shell::new(container.clone(), process.clone(), io, environment.clone());
    shell.directory = container.working_directory.clone();
    let code = tokio::select! {
        biased;
        () = container.processes.stopped() => KILLED,
        code = process.ended() => code,
        code = shell.exec(&arguments, environment) => code,
    };
    container.processes.end(&process);
    code
}

impl Shell {
    /// Runs a program in a process of its own, or in place of the shell.
    pub(super) async fn external(
        &mut self,
        arguments: &[String],
        environment: BTreeMap<String, String>,
        replaces_shell: bool,
    ) -> i32 {
        if replaces_shell {
            return self.exec(arguments, environment).await;
        }
        let process = self.container.processes.start();
        let mut child = self.subshell();
        child.process = process.clone();
        let code = tokio::select! {
            biased;
            code = process.ended() => code,
            code = child.exec(arguments, environment) => code,
        };
        self.container.processes.end(&process);
        code
    }

    /// Runs a program in this process.
    pub(super) fn exec<'a>(
        &'a mut self,
        arguments: &'a [String],
        environment: BTreeMap<String, String>,
    ) -> BoxFuture<'a, i32> {
        Box::pin(async move {
            self.process.reset_handlers();
            let name = arguments.first().map(String::as_str).unwrap_or_default();
            match name.rsplit('/').next().unwrap_or_default() {
                "sh" | "ash" | "bash" | "dash" => self.exec_shell(&arguments[1..], environment).await,
                _ => commands::run(self, arguments, environment).await,
            }
        })
    }

    /// `sh -c TEXT`, `sh FILE`, or commands from standard input.
    async fn exec_shell(&mut self, arguments: &[String], environment: BTreeMap<String, String>) -> i32 {
        let mut shell =
            Shell::new(self.container.clone(), self.process.clone(), self.io.clone(), environment);
        shell.directory = self.directory.clone();
        let mut rest = arguments;
        let mut takes_text = false;
        while let Some(option) = rest.first().filter(|option| option.starts_with('-')) {
            takes_text |= option.contains('c');
            shell.exits_on_error |= option.contains('e');
            rest = &rest[1..];
        }
        if takes_text {
            shell.positional = rest.get(2..).unwrap_or_default().to_vec();
            return shell.run_text(rest.first().map(String::as_str).unwrap_or_default()).await;
        }
        let text = match rest.first() {
            Some(path) => match self.container.files.read(&self.absolute(path)) {
                Some(text) => text,
                None => {
                    self.io.complain(format!("sh: can't open '{path}': No such file or directory\n"));
                    return 2;
                }
            },
            None => self.io.input.read_all().await,
        };
        shell.run_text(&String::from_utf8_lossy(&text)).await
    }

    /// Runs a builtin, if the command is one.
    pub(super) async fn builtin(&mut self, fields: &[String]) -> bool {
        let arguments = &fields[1..];
        let first = arguments.first().map(String::as_str).unwrap_or_default();
        self.status = match fields[0].as_str() {
            ":" => 0,
            "exit" => self.leave(Flow::Exit, first),
            "return" => self.leave(Flow::Return, first),
            "break" => self.leave(Flow::Break, "0"),
            "continue" => self.leave(Flow::Continue, "0"),
            "cd" => self.change_directory(first),
            "export" | "local" | "readonly" => self.export(arguments),
            "unset" => {
                arguments.iter().for_each(|name| drop(self.variables.remove(name)));
                0
            }
            "set" => self.set(arguments),
            "shift" => {
                let count = first.parse().unwrap_or(1).min(self.positional.len());
                self.positional.drain(..count);
                0
            }
            "trap" => self.trap(arguments),
            "wait" => self.wait(arguments).await,
            "eval" => self.evaluate(&arguments.join(" ")).await,
            "." | "source" => {
                let text = self.container.files.read(&self.absolute(first)).unwrap_or_default();
                self.evaluate(&String::from_utf8_lossy(&text)).await
            }
            "read" => self.read(arguments).await,
            "exec" if arguments.is_empty() => 0,
            "exec" => {
                self.flow = Some(Flow::Exit);
                let environment = self.environment();
                self.exec(arguments, environment).await
            }
            "umask" | "ulimit" | "jobs" => 0,
            _ => return false,
        };
        true
    }

    fn leave(&mut self, flow: Flow, code: &str) -> i32 {
        self.flow = Some(flow);
        code.parse().unwrap_or(self.status)
    }

    fn change_directory(&mut self, path: &str) -> i32 {
        let target = self.absolute(if path.is_empty() { "/" } else { path });
        if self.container.files.is_directory(&target) {
            self.directory =
                format!("/{}", crate::kubelet::filesystem::normalized(&target).trim_start_matches('/'));
            return 0;
        }
        self.io.complain(format!("sh: cd: can't cd to {path}: No such file or directory\n"));
        2
    }

    fn export(&mut self, arguments: &[String]) -> i32 {
        for argument in arguments {
            let name = match argument.split_once('=') {
                Some((name, value)) => {
                    self.variables.insert(name.to_owned(), value.to_owned());
                    name
                }
                None => argument,
            };
            self.exported.insert(name.to_owned());
        }
        0
    }

    fn set(&mut self, arguments: &[String]) -> i32 {
        match arguments.first().map(String::as_str) {
            Some("--") => self.positional = arguments[1..].to_vec(),
            Some(option) if option.starts_with('-') => self.exits_on_error |= option.contains('e'),
            Some(option) if option.starts_with('+') => self.exits_on_error &= !option.contains('e'),
            _ => {}
        }
        0
    }

    fn trap(&mut self, arguments: &[String]) -> i32 {
        let Some((command, signals)) = arguments.split_first() else { return 0 };
        for signal in signals {
            let Some(number) = signal_number(signal) else {
                self.io.complain(format!("sh: trap: {signal}: invalid signal specification\n"));
                return 1;
            };
            let handler = match command.as_str() {
                "-" => None,
                "" => Some(Handler::Ignore),
                command => Some(Handler::Trap(command.to_owned())),
            };
            self.process.handle(number, handler);
        }
        0
    }

    /// Waits for jobs; a signal with a trap ends the waiting.
    async fn wait(&mut self, arguments: &[String]) -> i32 {
        let wanted: Vec<u32> = arguments.iter().filter_map(|pid| pid.parse().ok()).collect();
        let jobs: Vec<_> =
            self.jobs.iter().filter(|job| wanted.is_empty() || wanted.contains(&job.pid)).cloned().collect();
        let mut status = 0;
        for mut job in jobs {
            let waiting = async {
                let code = job.status.wait_for(Option::is_some).await.map(|code| *code);
                code.ok().flatten().unwrap_or(0)
            };
            tokio::select! {
                biased;
                () = self.process.trapped() => return 143,
                code = waiting => status = code,
            }
        }
        if wanted.is_empty() { 0 } else { status }
    }

    async fn evaluate(&mut self, text: &str) -> i32 {
        match parser::parse(text) {
            Ok(script) => self.run_script(&script).await,
            Err(error) => {
                self.io.complain(format!("sh: syntax error: {error}\n"));
                2
            }
        }
    }

    async fn read(&mut self, arguments: &[String]) -> i32 {
        let Some(line) = self.io.input.read_line().await else { return 1 };
        let names: Vec<_> = arguments.iter().filter(|name| !name.starts_with('-')).collect();
        let mut values = line.splitn(names.len().max(1), ' ');
        for name in names {
            self.variables.insert(name.clone(), values.next().unwrap_or_default().trim().to_owned());
        }
        0
    }
}
