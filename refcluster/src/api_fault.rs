//! What can go wrong between a client and the API server, although the cluster itself is sound.

use crate::kind::Kind;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;

macro_rules! api_faults {
    ($(#[doc = $sentence:literal] $variant:ident $name:literal;)*) => {
        /// A disturbance of the connection to the API server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ApiFault {
            $(#[doc = $sentence] $variant,)*
        }

        impl ApiFault {
            /// Every disturbance.
            pub const ALL: &'static [ApiFault] = &[$(ApiFault::$variant),*];

            /// The name on command lines and in reports.
            pub fn name(self) -> &'static str {
                match self { $(ApiFault::$variant => $name,)* }
            }

            /// The disturbance, in one sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(ApiFault::$variant => $sentence.trim_ascii(),)* }
            }
        }
    };
}

api_faults! {
    /// Some requests are answered 429 with a Retry-After of one second.
    TooManyRequests "too-many-requests";
    /// Some requests are answered 500.
    InternalError "internal-error";
    /// Some requests are answered 503.
    Unavailable "unavailable";
    /// Watches are cut in the middle of an event.
    WatchReset "watch-reset";
    /// Watches end with 410 and their revision is compacted.
    WatchExpired "watch-expired";
    /// A watch tells some events twice.
    RepeatedEvents "repeated-events";
    /// Some answers come seconds late.
    SlowAnswers "slow-answers";
    /// Exec and port-forward streams are cut before their end.
    StreamCut "stream-cut";
    /// Watches end with 410 and their revision is compacted, and the list that follows is answered seconds late.
    SlowRelist "slow-relist";
    /// A watch breaks off, and reopening it is refused with 503 for some seconds.
    ReopeningRefused "reopening-refused";
    /// A watch ends, and the next watch of the same resource is accepted and never answered.
    ReopeningUnanswered "reopening-unanswered";
    /// A watch delivers nothing for some seconds and then goes on where it was.
    WatchStall "watch-stall";
    /// A watch stays open and delivers nothing any more, not even a bookmark.
    WatchMute "watch-mute";
    /// Some watches deliver every event late, by half a second to five seconds.
    WatchLag "watch-lag";
    /// Some requests are answered 200 with a proxy's page or with JSON of another kind.
    GarbledAnswer "garbled-answer";
    /// Some writes take effect and are answered with 504, or not at all.
    LostAnswer "lost-answer";
}

impl fmt::Display for ApiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ApiFault {
    type Err = crate::fault::UnknownFault;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        found.ok_or_else(|| crate::fault::UnknownFault(name.to_owned()))
    }
}

/// The disturbances of one cluster: each strikes at times that a random stream of its own decides, so that several
/// can be chosen at once.
#[derive(Debug)]
pub(crate) struct ApiFaults {
    streams: BTreeMap<ApiFault, Rng>,
    firings: BTreeMap<ApiFault, u64>,
    left_behind: BTreeMap<(ApiFault, Scope), Left>,
}

/// What a watch or a list is of: a kind, and a namespace unless it is of all.
pub(crate) type Scope = (Kind, String);

/// What a watch that ended leaves behind for the requests that follow it.
#[derive(Clone, Copy, Debug)]
struct Left {
    until: Instant,
    times: u64,
}

impl ApiFaults {
    pub(crate) fn new(seed: u64, active: &[ApiFault]) -> Self {
        let stream = |fault: &ApiFault| (*fault, Rng::named(seed, fault.name()));
        Self {
            streams: active.iter().map(stream).collect(),
            firings: BTreeMap::new(),
            left_behind: BTreeMap::new(),
        }
    }

    /// Whether the disturbance strikes now: once in `n` times on average.
    pub(crate) fn strikes(&mut self, fault: ApiFault, n: u64) -> bool {
        let strikes = self.streams.get_mut(&fault).is_some_and(|stream| stream.one_in(n));
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// A number for a disturbance, if it is chosen: after how many of something it strikes, or how long it lasts.
    pub(crate) fn draw(&mut self, fault: ApiFault, range: Range<u64>) -> Option<u64> {
        self.streams.get_mut(&fault).map(|stream| stream.within(range))
    }

    /// As [`Self::draw`], but only once in `n` times on average.
    pub(crate) fn draw_once_in(&mut self, fault: ApiFault, n: u64, range: Range<u64>) -> Option<u64> {
        let stream = self.streams.get_mut(&fault)?;
        stream.one_in(n).then(|| stream.within(range))
    }

    /// How late an answer is.
    pub(crate) fn lateness(&mut self) -> Duration {
        let late = self.strikes(ApiFault::SlowAnswers, 12);
        let millis = late.then(|| self.draw(ApiFault::SlowAnswers, 1_000..6_000)).flatten();
        Duration::from_millis(millis.unwrap_or(0))
    }

    /// Lets a disturbance meet the requests for a scope that come next: at least `times` of them, and all that come
    /// within `lasting`.
    pub(crate) fn leave_behind(&mut self, fault: ApiFault, scope: Scope, times: u64, lasting: Duration) {
        let left = Left { until: Instant::now() + lasting, times };
        self.left_behind.insert((fault, scope), left);
    }

    /// Whether a request meets what an earlier watch of its scope left behind; counts it.
    pub(crate) fn meets(&mut self, fault: ApiFault, scope: &Scope) -> bool {
        let key = (fault, scope.clone());
        let Some(left) = self.left_behind.get_mut(&key) else { return false };
        if left.times == 0 && left.until <= Instant::now() {
            self.left_behind.remove(&key);
            return false;
        }
        left.times = left.times.saturating_sub(1);
        self.count(fault);
        true
    }

    /// Counts a disturbance that was decided before.
    pub(crate) fn count(&mut self, fault: ApiFault) {
        *self.firings.entry(fault).or_default() += 1;
    }

    /// How often each chosen disturbance struck.
    pub(crate) fn firings(&self) -> BTreeMap<ApiFault, u64> {
        self.streams.keys().map(|fault| (*fault, self.firings.get(fault).copied().unwrap_or(0))).collect()
    }
}
