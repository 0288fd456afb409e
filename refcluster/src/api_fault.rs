//! What can go wrong between a client and the API server, although the cluster itself is sound.

use crate::rng::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

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

/// The disturbances of one cluster: each strikes at times that the seed decides.
#[derive(Debug)]
pub(crate) struct ApiFaults {
    streams: BTreeMap<ApiFault, Rng>,
    firings: BTreeMap<ApiFault, u64>,
}

impl ApiFaults {
    pub(crate) fn new(seed: u64, active: &[ApiFault]) -> Self {
        let stream = |fault: &ApiFault| (*fault, Rng::named(seed, fault.name()));
        Self { streams: active.iter().map(stream).collect(), firings: BTreeMap::new() }
    }

    /// Whether the disturbance strikes now: once in `n` times on average.
    pub(crate) fn strikes(&mut self, fault: ApiFault, n: u64) -> bool {
        let strikes = self.streams.get_mut(&fault).is_some_and(|stream| stream.one_in(n));
        if strikes {
            *self.firings.entry(fault).or_default() += 1;
        }
        strikes
    }

    /// After how many of something the disturbance strikes, if it is chosen.
    pub(crate) fn after(&mut self, fault: ApiFault, range: std::ops::Range<u64>) -> Option<u64> {
        self.streams.get_mut(&fault).map(|stream| stream.within(range))
    }

    /// How late an answer is.
    pub(crate) fn lateness(&mut self) -> Duration {
        let late = self.strikes(ApiFault::SlowAnswers, 12);
        let stream = self.streams.get_mut(&ApiFault::SlowAnswers).filter(|_| late);
        stream.map_or(Duration::ZERO, |stream| Duration::from_millis(stream.within(1_000..6_000)))
    }

    /// Counts a disturbance that was decided by [`Self::after`].
    pub(crate) fn count(&mut self, fault: ApiFault) {
        *self.firings.entry(fault).or_default() += 1;
    }

    /// How often each chosen disturbance struck.
    pub(crate) fn firings(&self) -> BTreeMap<ApiFault, u64> {
        self.streams.keys().map(|fault| (*fault, self.firings.get(fault).copied().unwrap_or(0))).collect()
    }
}
