//! What stops a run before its end: a signal, its deadline, or a disk that is full.

use std::sync::{Arc, Mutex};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::history::Stopping;

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

    /// Ends the run; the first reason stays.
    pub(super) fn pull(&self, why: Stopping) {
        self.why.lock().expect("no holder panics").get_or_insert(why);
        self.pulled.send_replace(true);
    }

    pub(super) fn pulled_by(&self) -> Option<Stopping> {
        *self.why.lock().expect("no holder panics")
    }
}

/// Ends the run at the first SIGINT or SIGTERM, and the process at the second: the JUnit file that is on the disk then
/// says of everything unjudged that it was not run.
pub(super) async fn obey_signals(brake: Brake) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    brake.pull(either(&mut interrupt, &mut terminate).await);
    eprintln!(
        "stopping: cleaning up; once more to leave at once (then `steadfast cleanup` finds what is left)"
    );
    let code = match either(&mut interrupt, &mut terminate).await {
        Stopping::Terminate => 143,
        _ => 130,
    };
    leave(code)
}

#[expect(clippy::disallowed_methods, reason = "the second signal asks for just this: no clean-up, at once")]
fn leave(code: i32) -> ! {
    std::process::exit(code)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> Stopping {
    tokio::select! {
        _ = interrupt.recv() => Stopping::Interrupt,
        _ = terminate.recv() => Stopping::Terminate,
    }
}
