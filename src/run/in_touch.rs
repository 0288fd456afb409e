//! Getting in touch with a cluster: within a bound, and with a word on what is waited for as soon as it takes long.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::{cluster::Connection, limits};

/// Does the first work with a cluster. `says` is told what is waited for, from the first seconds on.
pub(super) async fn in_touch<T>(
    connection: &Connection,
    bound: Duration,
    flag: &str,
    says: impl Fn(&str),
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let began = Instant::now();
    let telling = async {
        let first = began + limits::WAITING_TOLD.duration();
        let mut ticks = interval_at(first, limits::HEARTBEAT.duration());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            says(&format!(
                "waiting for {}, {} s so far",
                connection.waiting_for(),
                began.elapsed().as_secs()
            ));
        }
    };
    let bounded = timeout(bound, work);
    let outcome = tokio::select! {
        outcome = bounded => outcome,
        () = telling => unreachable!("it goes on for ever"),
    };
    outcome.unwrap_or_else(|_| {
        let waited = format!("nothing came of it within {} s{flag}, waiting for", bound.as_secs_f64());
        Err(connection.unreachable(&format!("{waited} {}", connection.waiting_for())))
    })
}
