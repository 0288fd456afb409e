//! How many pods of the set there were, and how many of them ready, as the watch of pods told it.

use std::collections::BTreeMap;

use crate::history::{Change, History, ObjectSeen, PodLife, lives::condition};

/// The pods of the set after one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Pods that exist, terminating or not.
    pub pods: i64,
    /// Those that run and are ready, terminating or not: the controller counts them so.
    pub ready: i64,
}

/// The pods of the set over time.
#[derive(Debug)]
pub(super) struct Counts {
    /// When each count was delivered, in order.
    counts: Vec<(u64, Count)>,
}

impl Counts {
    /// Folds the watch of pods.
    pub(super) fn of(history: &History, lives: &[PodLife<'_>]) -> Self {
        let uids: BTreeMap<u64, &str> =
            lives.iter().flat_map(|life| life.versions.iter().map(|v| (v.event.seq, life.uid))).collect();
        let versions = history.objects(crate::history::Resource::Pods);
        let (mut live, mut ready) = (BTreeMap::new(), 0);
        let mut counts = vec![(0, Count::default())];
        for version in versions.filter(|version| uids.contains_key(&version.event.seq)) {
            let before = match version.change {
                Change::Deleted => live.remove(version.what.uid.as_str()),
                _ => live.insert(version.what.uid.as_str(), is_ready(version.what)),
            };
            let now = version.change != Change::Deleted && is_ready(version.what);
            ready += i64::from(now) - i64::from(before.unwrap_or(false));
            let pods = i64::try_from(live.len()).unwrap_or(i64::MAX);
            counts.push((version.event.span.until_us, Count { pods, ready }));
        }
        Self { counts }
    }

    /// The most of each that there were at any moment from one time to another.
    pub(super) fn most(&self, from_us: u64, until_us: u64) -> Count {
        let begin = self.counts.partition_point(|(at, _)| *at <= from_us).saturating_sub(1);
        let within = self.counts[begin..].iter().take_while(|(at, _)| *at <= until_us);
        within.fold(Count::default(), |most, (_, count)| Count {
            pods: most.pods.max(count.pods),
            ready: most.ready.max(count.ready),
        })
    }
}

fn is_ready(pod: &ObjectSeen) -> bool {
    pod.text("/status/phase") == Some("Running") && condition(pod, "Ready") == Some("True")
}

#[cfg(test)]
mod tests {
    use super::{Count, Counts};
    use crate::checks::notation::history;

    #[test]
    fn the_most_in_a_stretch_of_time() {
        let history = history(
            "web-0 created; web-0 ready; wait 10s; web-1 created; web-0 terminating; web-0 deleted; wait 10s; \
             web-1 ready; wait 10s; web-1 unready",
        );
        let counts = Counts::of(&history, &history.pods());
        let at = |from: u64, until: u64| counts.most(from * 1_000_000, until * 1_000_000);
        assert_eq!(at(0, 5), Count { pods: 1, ready: 1 });
        assert_eq!(at(5, 15), Count { pods: 2, ready: 1 });
        assert_eq!(at(14, 19), Count { pods: 1, ready: 0 });
        assert_eq!(at(25, 60), Count { pods: 1, ready: 1 });
        assert_eq!(at(50, 60), Count { pods: 1, ready: 0 });
    }
}
