//! One thing that was seen: by whom, when it can have been true, and where it stands in the record.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::observation::{Observation, Resource};

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the scenario's record: total, gap-free, from 0.
    pub seq: u64,
    /// When the thing seen can have been true.
    #[serde(flatten)]
    pub span: Span,
    /// Who saw it. Order is only ever read between events of one observer.
    pub observer: Observer,
    /// What was seen.
    pub seen: Observation,
}

impl Event {
    /// Whether it stands before the other in the record.
    ///
    /// That tells which happened first if one watch delivered both, or if this is a request, which is written down before it
    /// is sent, and the other may follow from it.
    pub const fn comes_before(&self, other: &Event) -> bool {
        self.seq < other.seq
    }

    /// Whether it stands after the one and before the other.
    pub const fn is_between(&self, earlier: &Event, later: &Event) -> bool {
        earlier.comes_before(self) && self.comes_before(later)
    }
}

/// A stretch of time on the run's monotonic clock, in microseconds since the run began.
///
/// For a question (DNS, exec, request) it is asked..answered; for a watch event, the last delivery that is certain..this
/// delivery. Two spans that overlap say nothing about which came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The earliest moment.
    pub from_us: u64,
    /// The latest moment.
    pub until_us: u64,
}

impl Span {
    /// A moment.
    pub const fn at(us: u64) -> Self {
        Self { from_us: us, until_us: us }
    }

    /// Whether all of this lies before all of the other.
    pub const fn certainly_before(&self, other: &Span) -> bool {
        self.until_us < other.from_us
    }
}

/// Who saw an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observer {
    /// The scenario's one watch of a resource in a namespace.
    Watch(Watch),
    /// The driver: its own steps and requests.
    Driver,
    /// A read of the API server outside of a watch.
    Reader,
    /// A DNS question or a command in a container.
    Probe,
}

/// One watch: a resource in one of the scenario's namespaces. Written `pods`, or `pods@1` in the second namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Watch {
    /// What is watched.
    pub resource: Resource,
    /// Where: the place of the namespace in [`super::Started::namespaces`], 0 being the scenario's own.
    pub namespace: u8,
}

impl From<Resource> for Watch {
    fn from(resource: Resource) -> Self {
        Self { resource, namespace: 0 }
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            0 => f.write_str(self.resource.plural()),
            other => write!(f, "{}@{other}", self.resource.plural()),
        }
    }
}

impl From<Watch> for String {
    fn from(watch: Watch) -> Self {
        watch.to_string()
    }
}

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (plural, namespace) = text.split_once('@').unwrap_or((text, "0"));
        let resource = Resource::ALL.iter().find(|resource| resource.plural() == plural);
        let resource = resource.ok_or_else(|| format!("`{plural}` is no resource that is watched"))?;
        let namespace = namespace.parse().map_err(|_| format!("`{namespace}` is no namespace's number"))?;
        Ok(Self { resource: *resource, namespace })
    }
}

impl TryFrom<String> for Watch {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_places_in_the_record() {
        let history = crate::checks::notation::history("web-0 created; web-0 ready; web-0 deleted");
        let [.., first, second, third] = &history.events[..] else { panic!("three events") };
        assert!(first.comes_before(second) && !second.comes_before(first) && !first.comes_before(first));
        assert!(second.is_between(first, third) && !second.is_between(third, first));
        assert!(!first.is_between(first, third) && !third.is_between(first, third));
    }

    #[test]
    fn spans_that_touch_have_no_order() {
        let (early, late) = (Span { from_us: 1, until_us: 5 }, Span { from_us: 5, until_us: 9 });
        assert!(!early.certainly_before(&late) && !late.certainly_before(&early));
        assert!(Span::at(4).certainly_before(&late) && !late.certainly_before(&Span::at(4)));
    }

    #[test]
    fn a_watch_is_written_with_its_namespace_where_that_is_another() {
        for (watch, text) in [
            (Watch { resource: Resource::Pods, namespace: 0 }, "\"pods\""),
            (Watch { resource: Resource::Events, namespace: 2 }, "\"events@2\""),
        ] {
            assert_eq!(serde_json::to_string(&watch).unwrap(), text);
            assert_eq!(serde_json::from_str::<Watch>(text).unwrap(), watch);
        }
        for wrong in ["\"ponds\"", "\"pods@x\"", "\"pods@999\""] {
            assert!(serde_json::from_str::<Watch>(wrong).is_err(), "{wrong}");
        }
    }
}
