//! Panics, on whichever thread they are: each is told, counted, and ends the process with 70.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
    sync::{Mutex, Once, PoisonError},
};

use super::say;
use crate::judge::panic_message;

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on, every panic is counted, and none of them panics for want of a terminal.
pub fn count_all() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(tell)));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    let said = format!("{}{place}", panic_message(panic.payload()));
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(said.clone());
    say(&format!("panic on thread {}: {said}", thread.name().unwrap_or("without a name")));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        say(&trace.to_string());
    }
}

/// How many there were.
pub fn count() -> usize {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What the first one said after there were so many.
pub fn since(count: usize) -> Option<String> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).get(count).cloned()
}
