//! How EndpointSlices or Endpoints list each pod over time, compared with how the pod itself says it is.
//!
//! Two watches tell of it, and there is no order between them. So a stretch in which they differ has two lengths: the one
//! between the deliveries, and the one that it certainly had, whichever of the two watches was late.

use std::collections::BTreeMap;

use super::{
    service::{self, Family, Service, canonical},
    timeline::{Arrivals, Told},
};
use crate::{
    history::{Event, ObjectSeen, Observation, Observer, Resource, Watch, minor_version, pod},
    views::{View, endpoints::ListVersion},
};

/// From this minor version on a cluster need not keep Endpoints (KEP-4974).
const ENDPOINTS_OPTIONAL: u32 = 33;

/// Whether this kind of object may be missing altogether: Endpoints may, on newer clusters.
pub fn may_be_absent(view: &View<'_>, resource: Resource) -> bool {
    let minor = minor_version(&view.started().server_version);
    resource == Resource::Endpoints && minor >= Some(ENDPOINTS_OPTIONAL)
}

/// How a pod is told to be: ready at these addresses; none stands for one that is not ready, or not listed.
pub type Account<'h> = Option<Told<'h>>;

/// One incarnation of a pod, as it says that it is and as it is listed.
#[derive(Debug)]
pub struct Listing<'h> {
    /// The pod's name.
    pub pod: &'h str,
    /// The incarnation.
    pub uid: &'h str,
    /// The stretches between the moments at which one of the two accounts changed.
    pub stretches: Vec<Stretch<'h>>,
}

/// A stretch in which neither of the two accounts changed.
#[derive(Debug, Clone)]
pub struct Stretch<'h> {
    /// The event that began it.
    pub from: &'h Event,
    /// The event that ended it: the next change of one of the accounts, or the end of the scenario.
    pub until: &'h Event,
    /// Whether it was the pod's account that changed when it began.
    pub began_by_pod: bool,
    /// What the pod says.
    pub by_pod: Account<'h>,
    /// What is listed.
    pub by_list: Account<'h>,
    /// Where the two differ, since when the list was to follow: since the pod last changed, or the list left the truth.
    /// Where they agree, since when they had differed until then.
    pub since: &'h Event,
    /// Until when it certainly lasted, in microseconds.
    pub certain_until_us: u64,
    /// Whether it lasted to the end of the scenario.
    pub is_last: bool,
}

impl Stretch<'_> {
    /// Whether the pod is listed as it says it is.
    pub fn agrees(&self) -> bool {
        self.by_pod == self.by_list
    }

    /// How long the two differed, or had differed, from delivery to delivery, in microseconds.
    pub fn lasted_us(&self) -> u64 {
        let until = if self.agrees() { self.from } else { self.until };
        until.span.until_us.saturating_sub(self.since.span.until_us)
    }

    /// How long the two certainly differed, in microseconds.
    pub fn certainly_lasted_us(&self) -> u64 {
        self.certain_until_us.saturating_sub(self.since.span.until_us)
    }
}

/// One of the two accounts changed.
struct Turn<'h> {
    event: &'h Event,
    by_pod: bool,
    account: Account<'h>,
}

/// Every pod that a Service selected or that its lists had, in the order of names and uids. What comes after the end of the
/// scenario is the clean-up.
pub fn listings<'h>(
    view: &View<'h>,
    service: &Service<'h>,
    resource: Resource,
    lists: &[ListVersion<'h>],
) -> Vec<Listing<'h>> {
    let ended = view.history().ended();
    let mut turns = turns_of_pods(service, resource);
    turns_of_lists(lists, &mut turns);
    let watches = [Resource::Pods, resource].map(|of| service.watch_of(of));
    let known = watches.map(|watch| Known::of(view, watch));
    let arrivals =
        Arrivals::of(view.history(), &[watches[0], watches[1], service.watch_of(Resource::Services)]);
    let listing = |((pod, uid), mut turns): ((&'h str, &'h str), Vec<Turn<'h>>)| {
        turns.retain(|turn| turn.event.seq <= ended.seq);
        turns.sort_by_key(|turn| turn.event.seq);
        Listing { pod, uid, stretches: stretches(&turns, ended, &known, &arrivals) }
    };
    turns.into_iter().map(listing).collect()
}

/// Turns by pod and uid.
type Turns<'h> = BTreeMap<(&'h str, &'h str), Vec<Turn<'h>>>;

fn turns_of_pods<'h>(service: &Service<'h>, resource: Resource) -> Turns<'h> {
    let mut turns = Turns::new();
    let mut say = |event: &'h Event, pod: &'h ObjectSeen, account: Account<'h>| {
        let of_pod = turns.entry((&pod.name, &pod.uid)).or_default();
        if account != of_pod.last().and_then(|turn| turn.account.clone()) {
            of_pod.push(Turn { event, by_pod: true, account });
        }
    };
    let mut present: BTreeMap<&str, &ObjectSeen> = BTreeMap::new();
    let pods = service.history.objects(service.watch_of(Resource::Pods)).map(|pod| (pod, true));
    let own = service.versions().iter().map(|version| (*version, false));
    let mut versions: Vec<_> = pods.chain(own).collect();
    versions.sort_by_key(|(version, _)| version.event.seq);
    // A Service that is told of late was there all the same.
    let mut spec = service.versions().first().map(|version| version.what);
    for (version, is_pod) in versions {
        if !is_pod {
            spec = Some(version.what).filter(|service| !service.change.is_removal());
            present.values().for_each(|pod| say(version.event, pod, account(spec, pod, resource)));
            continue;
        }
        let pod = version.what;
        if let Some(replaced) = present.get(pod.name.as_str()).filter(|before| before.uid != pod.uid) {
            say(version.event, replaced, None);
        }
        say(version.event, pod, account(spec, pod, resource));
        if pod.change.is_removal() {
            present.remove(pod.name.as_str());
        } else {
            present.insert(&pod.name, pod);
        }
    }
    turns
}

/// How a pod is to be listed: EndpointSlices have its addresses of all of the Service's families, Endpoints one of the first.
fn account<'h>(spec: Option<&'h ObjectSeen>, pod: &'h ObjectSeen, resource: Resource) -> Account<'h> {
    let spec = spec.filter(|spec| service::publishes(spec, pod))?;
    let (families, addresses) = (service::families(spec), pod::addresses(pod));
    let is_served =
        |ip: &&str| families.is_empty() || Family::of(ip).is_some_and(|of| families.contains(&of));
    let told: Told<'h> = if resource == Resource::Endpoints {
        let first = |ip: &&str| families.first().is_none_or(|first| Family::of(ip) == Some(*first));
        addresses.into_iter().find(first).map(canonical).into_iter().collect()
    } else {
        addresses.into_iter().filter(is_served).map(canonical).collect()
    };
    (!told.is_empty()).then_some(told)
}

fn turns_of_lists<'h>(lists: &[ListVersion<'h>], turns: &mut Turns<'h>) {
    let mut before: BTreeMap<(&str, &str), Told<'h>> = BTreeMap::new();
    for version in lists {
        let mut now: BTreeMap<(&str, &str), Told<'h>> = BTreeMap::new();
        for endpoint in version.listed.iter().filter(|endpoint| endpoint.ready) {
            let told = now.entry((endpoint.pod, endpoint.uid)).or_default();
            told.extend(endpoint.addresses.iter().map(|ip| canonical(ip)));
        }
        let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (*key, None));
        let changed = now.iter().filter(|(key, told)| before.get(*key) != Some(told));
        for (key, account) in gone.chain(changed.map(|(key, told)| (*key, Some(told.clone())))) {
            turns.entry(key).or_default().push(Turn { event: version.event, by_pod: false, account });
        }
        before = now;
    }
}

fn stretches<'h>(
    turns: &[Turn<'h>],
    ended: &'h Event,
    known: &[Known; 2],
    arrivals: &Arrivals,
) -> Vec<Stretch<'h>> {
    let (mut by_pod, mut by_list): (Account<'h>, Account<'h>) = (None, None);
    let mut since: Option<&'h Event> = None;
    let mut stretches = Vec::new();
    for (place, turn) in turns.iter().enumerate() {
        let differed = by_pod != by_list;
        if turn.by_pod {
            by_pod = turn.account.clone()
        } else {
            by_list = turn.account.clone()
        }
        let differs = by_pod != by_list;
        if differs && (turn.by_pod || !differed) {
            since = Some(turn.event);
        }
        let rest = &turns[place + 1..];
        let next = |of_pod: bool| rest.iter().find(|next| next.by_pod == of_pod).map(|next| next.event);
        let certain = [(true, known[0]), (false, known[1])]
            .map(|(of_pod, known)| next(of_pod).map_or(known.until_us, |next| arrivals.span(next).from_us));
        stretches.push(Stretch {
            from: turn.event,
            until: rest.first().map_or(ended, |next| next.event),
            began_by_pod: turn.by_pod,
            by_pod: by_pod.clone(),
            by_list: by_list.clone(),
            since: since.filter(|_| differs || differed).unwrap_or(turn.event),
            certain_until_us: certain[0].min(certain[1]),
            is_last: rest.is_empty(),
        });
    }
    stretches
}

/// Until when it is known that a watch had told everything.
#[derive(Debug, Clone, Copy)]
struct Known {
    until_us: u64,
}

impl Known {
    /// The list at the end of the scenario shows that nothing was missing until it was asked for; without one, the last
    /// delivery shows it.
    fn of(view: &View<'_>, watch: Watch) -> Self {
        let history = view.history();
        let delivered = history.told_by(Observer::Watch(watch)).rev();
        let is_delivery =
            |event: &&Event| matches!(event.seen, Observation::Object(_) | Observation::Bookmark { .. });
        let last_us = delivered.filter(is_delivery).map(|event| event.span.until_us).next().unwrap_or(0);
        let listed = history.last_list(watch).map_or(0, |list| list.span.from_us);
        Self { until_us: last_us.max(listed) }
    }
}

impl<'h> Stretch<'h> {
    /// The first event of the stretch at which no gap of these watches hides anything; none where a gap hides all of it.
    pub fn first_certain(&self, view: &View<'h>, watches: &[Watch]) -> Option<&'h Event> {
        let mut gaps: Vec<_> = watches.iter().flat_map(|watch| view.history().gaps(*watch)).collect();
        gaps.sort_by_key(|gap| gap.from.seq);
        let mut seq = self.from.seq;
        for gap in gaps.iter().filter(|gap| gap.until.is_none_or(|until| self.from.comes_before(until))) {
            if gap.from.seq < seq {
                seq = seq.max(gap.until.map_or(u64::MAX, |until| until.seq));
            }
        }
        let is_in_it = seq < self.until.seq || (self.is_last && seq == self.until.seq);
        is_in_it.then(|| view.history().event(seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::History, views::endpoints::versions};

    /// The stretches of the first pod: whether the two agree, for how many tenths of a second they differed between the
    /// deliveries, and certainly.
    fn stretches_of(history: &History, resource: Resource) -> Vec<(bool, u64, u64)> {
        let view = View::of(history);
        let service = &view.services()[0];
        let lists = versions(history, service.watch_of(resource), &service.name);
        let all = listings(&view, service, resource, &lists);
        let tenths = |us: u64| us / 100_000;
        let stretch = |s: &Stretch<'_>| (s.agrees(), tenths(s.lasted_us()), tenths(s.certainly_lasted_us()));
        all[0].stretches.iter().map(stretch).collect()
    }

    fn slices(statements: &str) -> Vec<(bool, u64, u64)> {
        stretches_of(&history(statements), Resource::EndpointSlices)
    }

    const READY: &str = "service; web-0 created; web-0 ready";

    #[test]
    fn the_list_follows_the_pod_and_the_other_way_round() {
        let listed = format!("{READY}; slice web-0=10.0.0.10; web-0 unready; slice web-0=10.0.0.10!");
        let agree: Vec<bool> = slices(&listed).iter().map(|s| s.0).collect();
        assert_eq!(agree, [false, true, false, true]);
        let ahead = "service; web-0 created; slice web-0=10.0.0.10; web-0 ready";
        assert_eq!(slices(ahead).iter().map(|s| s.0).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_stretch_certainly_lasted_as_long_as_neither_watch_can_have_been_late() {
        let quiet = format!("{READY}; wait 70s; slice web-0=10.0.0.10");
        assert_eq!(slices(&quiet)[0], (false, 701, 0));
        let told =
            format!("{READY}; wait 70s; bookmark pods; bookmark endpointslices; slice web-0=10.0.0.10");
        assert_eq!(slices(&told)[0], (false, 703, 701));
        let pods_silent = format!("{READY}; wait 70s; bookmark endpointslices; slice web-0=10.0.0.10");
        assert_eq!(slices(&pods_silent)[0], (false, 702, 0));
    }

    #[test]
    fn the_list_at_the_end_shows_that_nothing_was_late() {
        assert_eq!(slices(&format!("{READY}; wait 70s; completed"))[0].2, 700);
        assert_eq!(slices(&format!("{READY}; wait 70s; aborted"))[0].2, 0);
    }

    #[test]
    fn each_change_of_the_pod_begins_the_time_anew() {
        let changing = format!("{READY}; wait 50s; web-0 address 10.0.0.20; wait 50s; completed");
        let lasted: Vec<u64> = slices(&changing).iter().map(|s| s.1).collect();
        assert_eq!(lasted, [501, 501]);
        let wrong = format!("{READY}; wait 50s; slice web-0=10.0.0.99; wait 50s; completed");
        assert_eq!(slices(&wrong).iter().map(|s| s.1).collect::<Vec<_>>(), [501, 1002]);
    }

    #[test]
    fn endpoints_have_one_address_of_the_first_family_and_slices_all() {
        let pod = "service dual; web-0 created; web-0 address 10.0.0.10,fd00::10; web-0 ready";
        let both =
            format!("{pod}; slice web-0=10.0.0.10; slice6 web-0=fd00:0::10; endpoints web-0=10.0.0.10");
        let history = history(&both);
        for resource in [Resource::EndpointSlices, Resource::Endpoints] {
            let stretches = stretches_of(&history, resource);
            assert!(
                stretches.last().is_some_and(|stretch| stretch.0),
                "{}: {stretches:?}",
                resource.plural()
            );
        }
        assert!(!slices(&format!("{pod}; slice web-0=10.0.0.10")).last().expect("a stretch").0);
    }

    #[test]
    fn a_single_stack_service_lists_one_address_of_a_dual_stack_pod() {
        let pod =
            "service; web-0 created; web-0 address 10.0.0.10,fd00::10; web-0 ready; slice web-0=10.0.0.10";
        assert!(slices(pod).last().expect("a stretch").0);
        assert!(!slices(&format!("{pod}; slice6 web-0=fd00::10")).last().expect("a stretch").0);
    }

    #[test]
    fn a_gap_hides_a_stretch_and_what_comes_after_it_is_certain() {
        let certain = |statements: &str| -> Vec<bool> {
            let history = history(statements);
            let view = View::of(&history);
            let service = &view.services()[0];
            let watches = [Resource::Pods, Resource::EndpointSlices].map(|of| service.watch_of(of));
            let lists = versions(&history, watches[1], &service.name);
            let all = listings(&view, service, Resource::EndpointSlices, &lists);
            all[0].stretches.iter().map(|s| s.first_certain(&view, &watches).is_some()).collect()
        };
        assert_eq!(certain(&format!("{READY}; slice web-0=10.0.0.10")), [true, true]);
        let hidden = format!("{READY}; gap pods; slice web-0=10.0.0.10; slice web-0=10.0.0.10!");
        assert_eq!(certain(&hidden), [true, false, false]);
        let over = format!(
            "{READY}; gap pods; slice web-0=10.0.0.10; web-0 listed-again; opened pods; web-0 unready"
        );
        assert_eq!(certain(&over), [true, true, true]);
    }
}
