//! The run's one clock: monotonic, in microseconds since the run began. Tokio's, so that the embedded model's paused time
//! is the record's time too.

use tokio::time::Instant;

/// The clock. Copies tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// Starts at zero now.
    pub fn start() -> Self {
        Self { zero: Instant::now() }
    }

    /// Microseconds since the start.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
