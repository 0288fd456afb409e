//! Writes down what happens: one log for each scenario, fed by watches, probes and the driver. It does not interpret.

mod clock;
mod disk;
mod log;
mod watch;
mod world;

pub use clock::Clock;
pub use disk::Disk;
pub use log::{Missing, Recorder, Wake};
pub use watch::{WatchedPath, watched_paths};
pub use world::{Asked, World};
