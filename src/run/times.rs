//! The one deadline of a run, from the first connection to the last delete, and its parts.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::stop::Brake;
use crate::{history::Stopping, limits};

/// When a run is stopped and when it has ended at the latest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    end: Instant,
    stop: Instant,
}

impl Times {
    /// Those of a run that begins now. `interrupted` is what its clean-up may take after a stop; a short deadline leaves it
    /// half of the time.
    pub(super) fn start(deadline: Duration, interrupted: Duration) -> Self {
        let now = Instant::now();
        let end = now.checked_add(deadline).unwrap_or(now + limits::RUN.duration());
        let stop = end - interrupted.min((end - now) / 2);
        Self { end, stop }
    }

    /// What the first contact with the cluster may take. It ends a moment before the run is stopped, because it knows better
    /// what was waited for.
    pub(super) fn contact(self) -> Duration {
        self.stop.saturating_duration_since(Instant::now()).saturating_sub(limits::LOOK_AGAIN.duration())
    }

    /// Stops the run in time for its clean-up.
    pub(super) async fn guard(self, brake: Brake) {
        sleep_until(self.stop).await;
        brake.pull(Stopping::Deadline);
    }

    /// Until no more time is left for the clean-up: after `normal`, or after `interrupted` from the moment at which the run
    /// was stopped, or at the deadline.
    pub(super) async fn cleaned_up(self, brake: &Brake, normal: Duration, interrupted: Duration) {
        let stopped = async {
            brake.pulled().await;
            sleep(interrupted).await;
        };
        tokio::select! {
            () = sleep_until(self.end) => {}
            () = sleep(normal) => {}
            () = stopped => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// How long a run goes on, and its clean-up after it, if neither ends by itself.
    async fn took(deadline: Duration, pulled_after: Option<Duration>) -> (Duration, Duration) {
        let (began, brake) = (Instant::now(), Brake::new());
        let times = Times::start(deadline, secs(20));
        let guard = tokio::spawn(times.guard(brake.clone()));
        if let Some(after) = pulled_after {
            sleep(after).await;
            brake.pull(Stopping::Interrupt);
        }
        brake.pulled().await;
        let stopped = Instant::now();
        times.cleaned_up(&brake, secs(120), secs(20)).await;
        guard.abort();
        (stopped - began, stopped.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_covers_the_clean_up() {
        assert_eq!(took(secs(1200), None).await, (secs(1180), secs(20)));
        assert_eq!(took(secs(10), None).await, (secs(5), secs(5)));
        assert_eq!(took(secs(1200), Some(secs(3))).await, (secs(3), secs(20)));
        assert_eq!(took(secs(10), Some(secs(3))).await, (secs(3), secs(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_up_that_is_interrupted_is_cut_short() {
        let (brake, times) = (Brake::new(), Times::start(secs(1200), secs(20)));
        let began = Instant::now();
        let pulling = async {
            sleep(secs(30)).await;
            brake.pull(Stopping::Terminate);
        };
        tokio::join!(times.cleaned_up(&brake, secs(120), secs(20)), pulling);
        assert_eq!(began.elapsed(), secs(50));
    }
}
