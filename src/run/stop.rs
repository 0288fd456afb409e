//! What stops a run before its end: a signal, a pipe that nobody reads, its deadline, or a disk that is full.
//!
//! Signals are the process's, and are heard on a thread of their own, so that they are heard also while nothing else moves:
//! before there is a connection, and while a report waits for its reader. The first asks the run to clean up and end; the
//! second ends the process.

use std::sync::{
    Arc, LazyLock, Mutex, Once, PoisonError,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::say;
use crate::history::Stopping;

/// What the process was told. A run that begins later is told it too.
static TOLD: LazyLock<watch::Sender<Option<Stopping>>> = LazyLock::new(|| watch::channel(None).0);

/// Whether what a signal would stop has ended.
static OVER: AtomicBool = AtomicBool::new(false);

/// From now on, signals are heard; before, they end the process.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let (ready, listening) = mpsc::channel::<()>();
        std::thread::spawn(move || hear(ready));
        // An error means that no signal can be heard, and that each ends the process as before.
        let _ = listening.recv();
    });
}

/// From now on, nothing is left to clean up: the next signal ends the process.
pub fn is_over() {
    OVER.store(true, Ordering::Relaxed);
}

/// Asks what runs, and what will, to end.
pub(super) fn tell(why: Stopping) {
    TOLD.send_if_modified(|told| replaces(why, *told) && told.replace(why) != Some(why));
}

/// Whether this is the reason, where that was one before. A pipe is closed by the same Ctrl-C that we are about to hear of.
fn replaces(why: Stopping, before: Option<Stopping>) -> bool {
    match before {
        None => true,
        Some(before) => before == Stopping::ClosedPipe && why != Stopping::ClosedPipe,
    }
}

fn hear(ready: mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        drop(ready);
        let mut heard = 0;
        loop {
            let why = signals.next().await;
            // Each write to a closed pipe is a signal again; none of them is a person who has lost patience.
            if why != Stopping::ClosedPipe {
                heard += 1;
            }
            if heard > 1 || (heard == 1 && OVER.load(Ordering::Relaxed)) {
                leave(code(why));
            }
            tell(why);
            if why != Stopping::ClosedPipe {
                say("stopping: cleaning up; once more to leave at once (then `steadfast cleanup` finds what is left)");
            }
        }
    });
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    pipe: Signal,
    /// None where whoever started us wants it ignored, as `nohup` does.
    hang_up: Option<Signal>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let hang_up = if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            pipe: signal(SignalKind::pipe())?,
            hang_up,
        })
    }

    async fn next(&mut self) -> Stopping {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Stopping::Interrupt,
            _ = self.terminate.recv() => Stopping::Terminate,
            _ = self.pipe.recv() => Stopping::ClosedPipe,
            _ = hung_up => Stopping::HangUp,
        }
    }
}

/// Whether SIGHUP was ignored when the process began (proc(5), `SigIgn`).
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

const fn code(why: Stopping) -> i32 {
    match why {
        Stopping::HangUp => 129,
        Stopping::Terminate => 143,
        _ => 130,
    }
}

#[expect(clippy::disallowed_methods, reason = "the second signal asks for just this: no clean-up, at once")]
fn leave(code: i32) -> ! {
    std::process::exit(code)
}

/// Tells everyone that the run is to end, and remembers why.
#[derive(Clone)]
pub(super) struct Brake {
    pulled: watch::Sender<bool>,
    why: Arc<Mutex<Option<Stopping>>>,
}

impl Brake {
    pub(super) fn new() -> Self {
        Self { pulled: watch::channel(false).0, why: Arc::default() }
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.pulled.subscribe()
    }

    /// Ends the run; the first reason stays, but for a closed pipe, whose reason may come after it.
    pub(super) fn pull(&self, why: Stopping) {
        let mut before = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if replaces(why, *before) {
            *before = Some(why);
        }
        self.pulled.send_replace(true);
    }

    /// Until the run is to end.
    pub(super) async fn pulled(&self) {
        // The sender is our own, so that it is there as long as we wait.
        let _ = self.watch().wait_for(|pulled| *pulled).await;
    }

    pub(super) fn pulled_by(&self) -> Option<Stopping> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run when the process is told to end.
    pub(super) async fn obey(self) {
        let mut told = TOLD.subscribe();
        loop {
            let why = *told.borrow_and_update();
            why.into_iter().for_each(|why| self.pull(why));
            if told.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_but_a_closed_pipe_is_explained_by_its_signal() {
        let brake = Brake::new();
        assert_eq!(brake.pulled_by(), None);
        for (why, expected) in [
            (Stopping::ClosedPipe, Stopping::ClosedPipe),
            (Stopping::Interrupt, Stopping::Interrupt),
            (Stopping::Terminate, Stopping::Interrupt),
            (Stopping::ClosedPipe, Stopping::Interrupt),
        ] {
            brake.pull(why);
            assert_eq!(brake.pulled_by(), Some(expected), "{why:?}");
        }
    }
}
