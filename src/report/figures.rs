//! The numbers of a run: what it cost the cluster, and how fast the harness itself was.

use serde::Serialize;

use crate::history::{Event, History, Observation, Span, Step};

/// The numbers of the whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// From the run's begin to the last event of the last scenario, in seconds.
    pub wall_secs: f64,
    /// Pods that came to be in the scenarios' namespaces, whoever created them.
    pub pods_created: u64,
    /// How often a watch lost events.
    pub watch_gaps: u64,
    /// The most by which a watch was seen to be late, in seconds: how much later it delivered a version than an answer or a list
    /// had it.
    pub watch_lag_secs: f64,
    /// Requests to the API server that failed, retried or not.
    pub api_errors: u64,
    /// Questions that DNS was asked.
    pub dns_questions: u64,
    /// From the delivery of the event that ended a wait to the next request being on the wire.
    pub reactions: Reactions,
    /// For how long the harness itself was what was waited for, summed over the scenarios: see [`harness_wait_secs`].
    pub harness_wait_secs: f64,
}

/// Reaction times, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reactions {
    /// How many were measured.
    pub count: u64,
    /// The median; 0 where none was measured.
    pub median_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
}

impl Reactions {
    /// All that these histories recorded.
    pub fn of(histories: &[History]) -> Self {
        let reaction = |step: &Step| match step {
            Step::Reacted { reaction_us, .. } => Some(*reaction_us),
            _ => None,
        };
        let steps = histories.iter().flat_map(History::steps);
        let mut all: Vec<u64> = steps.filter_map(|step| reaction(step.what)).collect();
        all.sort_unstable();
        Self {
            count: all.len() as u64,
            median_us: nearest_rank(&all, 50),
            p99_us: nearest_rank(&all, 99),
            max_us: all.last().copied().unwrap_or(0),
        }
    }
}

/// The smallest value that at least this share of the sorted values does not exceed; 0 where there is none.
fn nearest_rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).map_or(0, |index| sorted[index])
}

/// For how long the harness itself was what a scenario waited for.
///
/// It is the harness's turn from the delivery of the event that ended a wait (from the answer to a request, from the end
/// of a quiet period) until it next sends a request, begins a quiet period or is done. Time in that turn during which a
/// question of its own was under way (a command in a container, DNS, a read, a dry run) is the cluster's and is taken off. Where the
/// next thing is another wait, the turn ended when the harness noticed that the first was over, because from then on
/// the cluster was waited for again.
pub fn harness_wait_secs(history: &History) -> f64 {
    let mut turn: Option<Turn> = None;
    let mut total_us = 0;
    for event in &history.events {
        match (&event.seen, &mut turn) {
            (Observation::Step(Step::DryRun { .. }), Some(turn)) => turn.asking.push(event.span),
            (Observation::Step(step), turn) => {
                if let (Some(mine), Some(until_us)) = (&*turn, ends_turn(step, event, turn.as_ref())) {
                    total_us += mine.busy_us(until_us);
                    *turn = None;
                }
                if let Some(began_us) = begins_turn(step, event, history) {
                    *turn = Some(Turn { began_us, noticed_us: event.span.until_us, asking: Vec::new() });
                }
            }
            (
                Observation::Exec(_) | Observation::Dns(_) | Observation::Read(_) | Observation::ApiError(_),
                Some(turn),
            ) => turn.asking.push(event.span),
            _ => {}
        }
    }
    total_us as f64 / 1e6
}

/// A stretch in which nobody but the harness could make the scenario go on.
struct Turn {
    began_us: u64,
    /// When the harness recorded that it was its turn.
    noticed_us: u64,
    /// Its own questions in that time.
    asking: Vec<Span>,
}

impl Turn {
    /// The part of the turn until then in which no question was under way.
    fn busy_us(&self, until_us: u64) -> u64 {
        let mut asking: Vec<(u64, u64)> = self
            .asking
            .iter()
            .map(|span| (span.from_us.max(self.began_us), span.until_us.min(until_us)))
            .collect();
        asking.sort_unstable();
        let (mut reached, mut asked) = (self.began_us, 0);
        for (from, until) in asking {
            asked += until.saturating_sub(from.max(reached));
            reached = reached.max(until);
        }
        until_us.saturating_sub(self.began_us).saturating_sub(asked)
    }
}

/// When this step makes it the harness's turn.
fn begins_turn(step: &Step, event: &Event, history: &History) -> Option<u64> {
    let now = event.span.until_us;
    match step {
        Step::Waited { ended_by: Some(seq), .. } => {
            let ended_by = usize::try_from(*seq).ok().and_then(|index| history.events.get(index));
            Some(ended_by.map_or(now, |ended| ended.span.until_us.min(now)))
        }
        Step::Waited { ended_by: None, .. } | Step::Answered { .. } | Step::QuietEnded { .. } => Some(now),
        _ => None,
    }
}

/// When the turn was over, if this step ends it.
fn ends_turn(step: &Step, event: &Event, turn: Option<&Turn>) -> Option<u64> {
    match step {
        Step::Requested(_)
        | Step::QuietBegan { .. }
        | Step::Answered { .. }
        | Step::Completed
        | Step::Aborted { .. } => Some(event.span.from_us),
        Step::Waited { .. } | Step::TimedOut { .. } => turn.map(|turn| turn.noticed_us),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::Notes, report::sample::PREAMBLE};

    fn waited(notes: &mut Notes, ended_by: u64) {
        notes.step(Step::Waited {
            wait: crate::history::Wait::PodsReady(vec!["web-0".to_owned()]),
            ended_by: Some(ended_by),
        });
    }

    /// Every statement of the notation is a tenth of a second after the last.
    #[test]
    fn from_the_end_of_a_wait_to_the_next_request() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        let ready = notes.see(crate::history::Observer::Driver, Observation::Step(Step::Completed)) - 1;
        waited(&mut notes, ready);
        let history = notes.say("wait 300ms; scale 3; completed").history();
        assert_eq!(harness_wait_secs(&history), 0.6, "0.2 s until noticed, 0.3 s, 0.1 s until recorded");
    }

    #[test]
    fn its_own_questions_are_the_clusters_time() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        waited(&mut notes, PREAMBLE + 1);
        let history =
            notes.say("exec web-0 hostname -> web-0; exec web-0 fqdn -> web-0; completed").history();
        assert_eq!(harness_wait_secs(&history), 0.2, "0.1 s before and 0.1 s after the two commands");
    }

    #[test]
    fn a_second_wait_ends_the_turn() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        waited(&mut notes, PREAMBLE + 1);
        let mut notes = notes.say("wait 30s; web-0 unready");
        waited(&mut notes, PREAMBLE + 3);
        assert_eq!(harness_wait_secs(&notes.say("completed").history()), 0.3);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!((nearest_rank(&sorted, 50), nearest_rank(&sorted, 99)), (100, 198));
        assert_eq!((nearest_rank(&[], 50), nearest_rank(&[7], 99)), (0, 7));
    }
}
