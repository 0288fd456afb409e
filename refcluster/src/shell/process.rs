//! Processes: numbers, signals, and what becomes of them when the container ends.
//!
//! Process 1 gets only the signals that it handles, as the kernel does it for the first process of a PID namespace;
//! SIGKILL, which comes from outside, always arrives.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

pub(crate) const SIGINT: i32 = 2;
pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGTERM: i32 = 15;

/// What a process does about a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    /// Runs a command of its shell.
    Trap(String),
    /// Ends with a code after some seconds.
    Exit {
        code: i32,
        after_secs: u64,
    },
    Ignore,
}

#[derive(Debug, Default)]
struct Signals {
    handlers: BTreeMap<i32, Handler>,
    pending: VecDeque<String>,
    ending: Option<(i32, u64)>,
}

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    signals: Mutex<Signals>,
    changed: Notify,
}

impl Process {
    fn new(pid: u32) -> Self {
        Self { pid, signals: Mutex::default(), changed: Notify::new() }
    }

    fn signals(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is to happen at a signal; nothing said means the default.
    pub(crate) fn handle(&self, signal: i32, handler: Option<Handler>) {
        match handler {
            Some(handler) => drop(self.signals().handlers.insert(signal, handler)),
            None => drop(self.signals().handlers.remove(&signal)),
        }
    }

    /// Forgets all handlers, as `exec` does with those of a shell.
    pub(crate) fn reset_handlers(&self) {
        self.signals().handlers.clear();
    }

    pub(crate) fn has_traps(&self) -> bool {
        self.signals().handlers.values().any(|handler| matches!(handler, Handler::Trap(_)))
    }

    /// The command that is run when a shell ends.
    pub(crate) fn take_exit_trap(&self) -> Option<String> {
        match self.signals().handlers.remove(&0) {
            Some(Handler::Trap(command)) => Some(command),
            _ => None,
        }
    }

    /// Sends a signal.
    pub(crate) fn deliver(&self, signal: i32) {
        let mut signals = self.signals();
        match signals.handlers.get(&signal).cloned() {
            _ if signal == SIGKILL => signals.ending = Some((128 + SIGKILL, 0)),
            Some(Handler::Trap(command)) => signals.pending.push_back(command),
            Some(Handler::Exit { code, after_secs }) => signals.ending = Some((code, after_secs)),
            Some(Handler::Ignore) => {}
            None if self.pid == 1 || signal == 0 => {}
            None => signals.ending = Some((128 + signal, 0)),
        }
        drop(signals);
        self.changed.notify_waiters();
    }

    /// The command of a signal that has arrived.
    pub(crate) fn take_trap(&self) -> Option<String> {
        self.signals().pending.pop_front()
    }

    /// Waits until a signal with a trap has arrived.
    pub(crate) async fn trapped(&self) {
        self.until(|signals| (!signals.pending.is_empty()).then_some(())).await;
    }

    /// Waits until the process has to end, and says with which code.
    pub(crate) async fn ended(&self) -> i32 {
        let (code, after_secs) = self.until(|signals| signals.ending).await;
        tokio::select! {
            biased;
            (code, _) = self.until(|signals| signals.ending.filter(|ending| ending.1 == 0)) => code,
            () = tokio::time::sleep(std::time::Duration::from_secs(after_secs)) => code,
        }
    }

    async fn until<T>(&self, mut condition: impl FnMut(&Signals) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let found = condition(&self.signals());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }
}

/// The processes of a container.
#[derive(Debug)]
pub(crate) struct Processes {
    table: Mutex<(u32, BTreeMap<u32, Arc<Process>>)>,
    stopped: watch::Sender<bool>,
}

impl Default for Processes {
    fn default() -> Self {
        Self { table: Mutex::default(), stopped: watch::Sender::new(false) }
    }
}

impl Processes {
    fn table(&self) -> MutexGuard<'_, (u32, BTreeMap<u32, Arc<Process>>)> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process.
    pub(crate) fn start(&self) -> Arc<Process> {
        let mut table = self.table();
        table.0 += 1;
        let process = Arc::new(Process::new(table.0));
        table.1.insert(process.pid, process.clone());
        process
    }

    pub(crate) fn end(&self, process: &Process) {
        self.table().1.remove(&process.pid);
    }

    pub(crate) fn find(&self, pid: u32) -> Option<Arc<Process>> {
        self.table().1.get(&pid).cloned()
    }

    /// Ends all processes: the first one has ended.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits until the container has ended.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as `self` does.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// The number of a signal, by name or number.
pub(crate) fn signal_number(name: &str) -> Option<i32> {
    match name.strip_prefix("SIG").unwrap_or(name) {
        "EXIT" => Some(0),
        "HUP" => Some(1),
        "INT" => Some(SIGINT),
        "QUIT" => Some(3),
        "KILL" => Some(SIGKILL),
        "USR1" => Some(10),
        "USR2" => Some(12),
        "TERM" => Some(SIGTERM),
        "STOP" => Some(19),
        other => other.parse().ok().filter(|number| (0..65).contains(number)),
    }
}
