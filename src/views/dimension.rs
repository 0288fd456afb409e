//! What a record has several of, and each of which a promise is made for: backends, nodes, pods, claims, deletions.
//!
//! A requirement's clause names the dimensions that its evidence must cover, and the judge counts the evidence against what
//! the record itself says exists. So what was never asked is found missing, whatever the check says.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Doing, Set, View, claims,
    losses::{losses, mass_losses},
    name_services::name_services,
};
use crate::history::{Discovered, Event, Phase, Purpose, Resource, Step, Vantage, Verb, Wait};

/// Something that a record has several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// The DNS backends that were known when the scenario began. A cluster may have none that can be asked by itself.
    Backend,
    /// The nodes on which a probe ran.
    Node,
    /// UDP and TCP.
    Transport,
    /// The DNS servers that can be followed: the backends, or, where none can be asked by itself, each node's nameserver.
    DnsServer,
    /// The headless Services that govern the sets.
    Service,
    /// The domains by which a pod's search list completes a short name: its namespace's, that of all Services, the zone.
    SearchDomain,
    /// The pods that each set should have at the end of the scenario.
    Pod,
    /// The pods that were created while others of lower ordinals had to be there.
    Successor,
    /// The requests that took pods away, in order.
    Deletion,
    /// The pods that were taken away by a request and had to come back.
    Recreated,
    /// The pods that had to go when fewer replicas were asked for, and that were asked for again by the end.
    ScaledBack,
    /// The pods that the sets had and that were not asked for any more at the end.
    Gone,
    /// The pods that the driver kept from being ready by closing their gates.
    Unready,
    /// The pods that were there, and had to stay, when a request took another one away, and that the driver left alone until
    /// that one was back.
    Survivor,
    /// The requests for fewer replicas, in order.
    ScaleDown,
    /// Two pods of neighbouring ordinals that an ordered set both had to take away when fewer replicas were asked for.
    ScaledAway,
    /// The pods that had to stay when fewer replicas were asked for, and that the driver left alone until the others were gone.
    Kept,
    /// The pods that a request took away together with all others of an ordered set, and that came back or had to.
    MassRecreated,
    /// The claims that the templates of each set give the pods that were ever ready.
    Claim,
    /// The pods that were scaled away and asked for again, each return by itself.
    Returned,
    /// The claims of the pods that were scaled away, each time by itself.
    LeftClaim,
    /// The waits for a set's status to catch up, in order.
    Rest,
    /// The incarnations, of those that were ready, of each pod that a Service selects by the label with its name.
    Selected,
}

impl Dimension {
    /// The word in the YAML, and for a person to read.
    pub const fn word(self) -> &'static str {
        match self {
            Dimension::Backend => "backend",
            Dimension::Node => "node",
            Dimension::Transport => "transport",
            Dimension::DnsServer => "dns-server",
            Dimension::Service => "service",
            Dimension::SearchDomain => "search-domain",
            Dimension::Pod => "pod",
            Dimension::Successor => "successor",
            Dimension::Deletion => "deletion",
            Dimension::Recreated => "recreated",
            Dimension::ScaledBack => "scaled-back",
            Dimension::Gone => "gone",
            Dimension::Unready => "unready",
            Dimension::Survivor => "survivor",
            Dimension::ScaleDown => "scale-down",
            Dimension::ScaledAway => "scaled-away",
            Dimension::Kept => "kept",
            Dimension::MassRecreated => "mass-recreated",
            Dimension::Claim => "claim",
            Dimension::Returned => "returned",
            Dimension::LeftClaim => "left-claim",
            Dimension::Rest => "rest",
            Dimension::Selected => "selected",
        }
    }

    /// Whether a record may have none of it without anything being amiss.
    pub const fn may_be_empty(self) -> bool {
        matches!(self, Dimension::Backend)
    }

    /// All that the record has of it, each by the name that evidence gives it.
    pub fn members(self, view: &View<'_>) -> BTreeSet<String> {
        match self {
            Dimension::Backend => backends(view),
            Dimension::Node => nodes(view),
            Dimension::Transport => ["udp", "tcp"].map(str::to_owned).into(),
            Dimension::DnsServer => {
                Some(backends(view)).filter(|all| !all.is_empty()).unwrap_or_else(|| nodes(view))
            }
            Dimension::Service => {
                let governing = view.services().iter().filter(|s| s.is_governing && s.is_headless());
                governing.map(|service| service.key(&service.name)).collect()
            }
            Dimension::SearchDomain => SEARCH_DOMAINS.map(str::to_owned).into(),
            Dimension::Pod => of_sets(view, |set| set.wanted_at(view.ended())),
            Dimension::Successor => of_sets(view, successors),
            Dimension::Deletion => of_sets(view, |set| deletions(view, set).map(|(key, ..)| key).collect()),
            Dimension::Recreated => of_sets(view, |set| recreated(view, set)),
            Dimension::ScaledBack => of_sets(view, |set| scaled_back(view, set)),
            Dimension::Gone => of_sets(view, |set| gone(view, set)),
            Dimension::Unready => of_sets(view, |set| unready(view, set)),
            Dimension::Survivor => of_sets(view, |set| survivors(view, set)),
            Dimension::ScaleDown => {
                of_sets(view, |set| set.scale_downs(view).iter().map(|down| down.key()).collect())
            }
            Dimension::ScaledAway => of_sets(view, |set| scaled_away(view, set)),
            Dimension::Kept => of_sets(view, |set| kept(view, set)),
            Dimension::MassRecreated => of_sets(view, |set| {
                mass_losses(view, set).iter().flat_map(|loss| loss.to_come_back(set)).collect()
            }),
            Dimension::Claim => of_sets(view, |set| claims_of_ready(view, set)),
            Dimension::Returned => of_sets(view, |set| returned(view, set)),
            Dimension::LeftClaim => of_sets(view, |set| left_claims(view, set)),
            Dimension::Rest => rests(view).into_iter().map(|(key, _)| key).collect(),
            Dimension::Selected => of_sets(view, |set| {
                let services = name_services(set).into_iter();
                services.flat_map(|service| service.selected(set)).map(|(key, _)| key).collect()
            }),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How evidence names the domains of a search list, in their order.
pub const SEARCH_DOMAINS: [&str; 3] = ["<namespace>.svc.<zone>", "svc.<zone>", "<zone>"];

fn found<'v>(view: &'v View<'_>) -> impl Iterator<Item = &'v Discovered> {
    view.steps().filter_map(|step| match step.what {
        Step::Discovered(discovered) => Some(&**discovered),
        _ => None,
    })
}

/// The backends that were known when the scenario began, or that it found out itself. Where the record does not say, those
/// that were asked.
fn backends(view: &View<'_>) -> BTreeSet<String> {
    let known = view.started().backends.iter().chain(found(view).flat_map(|found| &found.backends));
    let known: BTreeSet<String> = known.map(|backend| backend.name.clone()).collect();
    if !known.is_empty() || view.started().zone.is_some() || found(view).next().is_some() {
        return known;
    }
    let asked = view.dns().filter_map(|dns| match &dns.what.vantage {
        Vantage::Backend { pod } => Some(pod.clone()),
        Vantage::Node { .. } => None,
    });
    asked.collect()
}

/// The nodes whose probes were known when the scenario began, or that it started itself. Where the record does not say, those
/// to which it bound pods that came to be ready.
fn nodes(view: &View<'_>) -> BTreeSet<String> {
    let known = view.started().probes.iter().chain(found(view).flat_map(|found| &found.probes));
    let known: BTreeSet<String> = known.map(|probe| probe.name.clone()).collect();
    if !known.is_empty() {
        return known;
    }
    let is_ready = |name: &str| {
        let mut versions = view.objects(Resource::Pods);
        versions.any(|pod| pod.what.name == name && Phase::of(pod.what) == Phase::Ready)
    };
    let bound = view.requests().filter_map(|request| {
        let node = request.what.body.pointer("/spec/nodeName")?.as_str()?;
        let is_pod = request.what.is_of(Resource::Pods) && request.what.verb == Verb::Apply;
        (is_pod && is_ready(request.what.name.as_deref()?)).then(|| node.to_owned())
    });
    bound.collect()
}

/// What of each set, with the set's namespace before it where that is not the scenario's own.
fn of_sets<'v, 'h: 'v>(view: &'v View<'h>, of: impl Fn(&'v Set<'h>) -> Vec<String>) -> BTreeSet<String> {
    view.sets().iter().flat_map(|set| of(set).into_iter().map(|key| set.key(&key))).collect()
}

/// The pods that an ordered set created with an ordinal above the lowest.
fn successors(set: &Set<'_>) -> Vec<String> {
    let created = set.pods().iter().filter(|life| set.pods().made_by_set(life) && !set.is_parallel_for(life));
    let born = created.filter(|life| life.ordinal.is_some_and(|ordinal| ordinal > set.lowest_below(ordinal)));
    born.map(|life| life.name.to_owned()).collect()
}

/// The requests that took pods of a set away, each with its key and with the names of the pods.
pub fn deletions<'v, 'h>(
    view: &'v View<'h>,
    set: &'v Set<'h>,
) -> impl Iterator<Item = (String, Doing<'h>, Vec<&'h str>)> + use<'v, 'h> {
    let numbered = view.pod_deletions(set).into_iter().enumerate();
    numbered.map(|(place, (doing, pods))| (format!("deletion {}", place + 1), doing, pods))
}

/// The pods that a request took away and that were still asked for when they were next disturbed: those that the watch had told
/// of, and those that a wait had found ready before, whatever became of the watch.
fn recreated<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let waits = ready_by_wait(view);
    let mut recreated = Vec::new();
    for doing in view.doings().iter().filter(|doing| doing.event.comes_before(view.ended())) {
        let known = waits.partition_point(|(at, _)| *at < doing.event.seq);
        let waited = waits[..known].last().into_iter().flat_map(|(_, pods)| pods.iter());
        let waited = waited.filter_map(|key| set.names(key));
        let there = set.pods().at(doing.event).into_iter().map(|life| life.name);
        let names: BTreeSet<&str> = there.chain(waited).filter(|pod| doing.deletes_pod(set, pod)).collect();
        recreated
            .extend(names.into_iter().filter(|pod| comes_back(view, set, doing, pod)).map(str::to_owned));
    }
    recreated
}

fn comes_back<'h>(view: &View<'h>, set: &Set<'h>, doing: &Doing<'h>, pod: &str) -> bool {
    let until = view.window(doing.event, set, pod).until;
    let wanted = set.wanted_at(event_before(view, until));
    wanted.iter().any(|name| name == pod)
}

/// The waits that found pods ready, each with its number and their keys.
fn ready_by_wait<'h>(view: &View<'h>) -> Vec<(u64, &'h [String])> {
    let waited = view.history().steps().filter_map(|step| match step.what {
        Step::Waited { wait: Wait::PodsReady(pods), .. } => Some((step.event.seq, pods.as_slice())),
        _ => None,
    });
    waited.collect()
}

/// The pods that had to go at a request for fewer replicas and that are asked for at the end.
fn scaled_back<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let wanted: BTreeSet<String> = set.wanted_at(view.ended()).into_iter().collect();
    let downs = set.scale_downs(view);
    let condemned = downs.iter().flat_map(|down| &down.condemned).map(|life| life.name.to_owned());
    condemned.filter(|name| wanted.contains(name)).collect()
}

fn gone(view: &View<'_>, set: &Set<'_>) -> Vec<String> {
    let wanted: BTreeSet<String> = set.wanted_at(view.ended()).into_iter().collect();
    let had =
        set.pods().iter().filter(|life| life.birth().comes_before(view.ended()) && life.ordinal.is_some());
    had.map(|life| life.name.to_owned()).filter(|name| !wanted.contains(name)).collect()
}

fn unready(view: &View<'_>, set: &Set<'_>) -> Vec<String> {
    let execs = view.doings().iter().filter_map(super::Doing::exec);
    let closed = execs.filter(|exec| exec.what.purpose == Purpose::CloseGate);
    let lives = closed.filter_map(|exec| set.pods().with_uid(&exec.what.pod_uid));
    lives.map(|life| life.name.to_owned()).collect()
}

/// The event right before that one: what was asked for until then.
fn event_before<'h>(view: &View<'h>, event: &Event) -> &'h Event {
    view.history().event(event.seq.saturating_sub(1))
}

fn survivors<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let mut all = Vec::new();
    for loss in losses(view, set) {
        all.extend(loss.to_show(view).map(|survivor| survivor.key.clone()));
    }
    all
}

/// How evidence names a survivor of a deletion.
pub fn survivor_key(pod: &str, deletion: &str) -> String {
    format!("{pod} in {deletion}")
}

/// The claims that the set's templates give its pods that were ever ready; those that such a pod mounts, where the set that
/// made it was not seen. Where the watch of pods has a gap, any pod that was ever asked for may have been ready in it.
fn claims_of_ready<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let ready = claims::users(view, set).filter(|life| life.first_ready().is_some());
    let expected = ready.flat_map(|life| match set.claims().expected(life) {
        Some(expected) => expected.into_iter().map(|(_, claim)| claim).collect(),
        None => mounted(set, life),
    });
    let mut all: Vec<String> = expected.collect();
    let hidden = set.pods().gaps().iter().any(|gap| gap.from.seq <= view.ended().seq);
    let asked = set.asked().iter().filter(|asked| hidden && asked.event.seq <= view.ended().seq);
    all.extend(asked.flat_map(|asked| set.wanted_at(asked.event)).flat_map(|pod| named(set, &pod)));
    all
}

/// The names that the set's templates give the claims of a pod.
fn named(set: &Set<'_>, pod: &str) -> Vec<String> {
    let claims = set.claims();
    claims.templates().iter().map(|template| claims.name_for(template, pod)).collect()
}

fn mounted<'h>(set: &Set<'h>, life: &super::PodLife<'h>) -> Vec<String> {
    set.claims().of_pod(life).into_iter().map(|(_, claim)| claim.to_owned()).collect()
}

/// The claims of the pods that went because fewer replicas were asked for.
fn left_claims<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let ended = view.ended().seq;
    let mut left = Vec::new();
    for down in set.scale_downs(view) {
        let went = down.condemned.iter().filter(|life| life.gone().is_some_and(|gone| gone.seq <= ended));
        left.extend(
            went.flat_map(|life| mounted(set, life)).map(|claim| left_claim_key(&claim, &down.key())),
        );
    }
    let hidden = hidden_from_view(view, set).flat_map(|(pod, _)| named(set, &pod));
    left.extend(hidden.map(|claim| left_claim_key(&claim, HIDDEN)));
    left
}

/// The pods that were scaled away and had to come back.
fn returned<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let seen = set.returns(view).into_iter().map(|it| it.key);
    let is_wanted = |pod: &str, from: &Event| {
        let later = set.asked().iter().filter(|asked| from.comes_before(asked.event));
        later.into_iter().any(|asked| set.wanted_at(asked.event).iter().any(|wanted| wanted == pod))
    };
    let hidden = hidden_from_view(view, set).filter(|(pod, request)| is_wanted(pod, request));
    seen.chain(hidden.map(|(pod, _)| format!("{pod} after {HIDDEN}"))).collect()
}

/// How a request for fewer replicas is named that was made while nobody saw which pods there were.
const HIDDEN: &str = "a scale-down in a gap";

/// The pods that were asked for no longer by a request that lies in a gap of the watch of pods, each with the request: which of
/// them were there is not known.
fn hidden_from_view<'v, 'h>(
    view: &'v View<'h>,
    set: &'v Set<'h>,
) -> impl Iterator<Item = (String, &'h Event)> + use<'v, 'h> {
    let pairs = set.asked().iter().zip(set.asked().iter().skip(1));
    let hidden = pairs
        .filter(|(_, next)| next.event.seq <= view.ended().seq && set.pods().gap_at(next.event).is_some());
    hidden.flat_map(|(before, next)| {
        let kept = set.wanted_at(next.event);
        let all = set.wanted_at(before.event).into_iter().filter(move |pod| !kept.contains(pod));
        all.map(|pod| (pod, next.event))
    })
}

/// How evidence names a claim whose pod was scaled away.
pub fn left_claim_key(claim: &str, scale_down: &str) -> String {
    format!("{claim} in {scale_down}")
}

fn scaled_away<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let ordered = (!set.is_parallel()).then(|| set.scale_downs(view));
    ordered.iter().flatten().flat_map(|down| down.pairs_to_show(view, set)).collect()
}

fn kept<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let mut all = Vec::new();
    for down in set.scale_downs(view) {
        all.extend(down.kept_to_show(view, set).into_iter().map(|kept| down.kept_key(kept)));
    }
    all
}

/// The waits for a set's status, each with its key and its event.
pub fn rests<'h>(view: &View<'h>) -> Vec<(String, &'h Event)> {
    let settled = view.history().steps().filter_map(|step| match step.what {
        Step::Waited { wait: Wait::StatusSettled { set, .. }, .. }
        | Step::TimedOut { wait: Wait::StatusSettled { set, .. }, .. } => Some((set, step.event)),
        _ => None,
    });
    let numbered = settled.enumerate();
    numbered.map(|(place, (set, event))| (format!("rest {} of {set}", place + 1), event)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Endpoint, History},
    };

    fn members(dimension: Dimension, statements: &str) -> Vec<String> {
        let history = history(statements);
        dimension.members(&View::of(&history)).into_iter().collect()
    }

    const THREE: &str =
        "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready;";

    #[test]
    fn surroundings_are_those_that_were_known_at_the_start() {
        assert_eq!(members(Dimension::Backend, THREE), ["a", "b"]);
        assert_eq!(members(Dimension::Node, THREE), ["node-0"]);
        assert_eq!(members(Dimension::Transport, THREE), ["tcp", "udp"]);
        assert_eq!(members(Dimension::DnsServer, THREE), ["a", "b"]);
    }

    /// A history that begins before anything is known of the cluster.
    fn unknown(statements: &str) -> Notes {
        let mut notes = Notes::new();
        notes.started(|started| {
            (started.zone, started.backends, started.probes) = (None, Vec::new(), Vec::new());
        });
        notes.say(statements)
    }

    #[test]
    fn a_scenario_may_find_out_about_its_surroundings_itself() {
        let endpoint = |name: &str| Endpoint { name: name.to_owned(), address: String::new() };
        let mut notes = unknown("dns a A web-0 -> nothing");
        let of = |history: &History, dimension: Dimension| dimension.members(&View::of(history));
        let asked = notes.clone().history();
        assert_eq!(of(&asked, Dimension::Backend), ["a".to_owned()].into(), "only those that were asked");
        let (backends, probes) = (vec![endpoint("a"), endpoint("b")], vec![endpoint("node-1")]);
        notes.step(Step::Discovered(Discovered { zone: None, backends, probes }.into()));
        let found = notes.history();
        assert_eq!(of(&found, Dimension::Backend), ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(of(&found, Dimension::Node), ["node-1".to_owned()].into());
    }

    #[test]
    fn nodes_are_those_on_which_a_probe_came_to_be_ready_where_nothing_else_is_said() {
        let mut notes = unknown("");
        for (pod, node) in [("probe-0", "n0"), ("probe-1", "n1")] {
            let body = json!({"spec": {"nodeName": node}});
            notes.request(Verb::Apply, Resource::Pods, Some(pod), None, body);
        }
        let history = notes.say("probe-0 created; probe-0 ready; probe-1 created").history();
        assert_eq!(Dimension::Node.members(&View::of(&history)), ["n0".to_owned()].into());
    }

    #[test]
    fn without_a_backend_the_nodes_nameservers_are_followed() {
        let mut notes = Notes::new();
        notes.started(|started| started.backends.clear());
        let history = notes.say(THREE).history();
        assert_eq!(Dimension::DnsServer.members(&View::of(&history)), ["node-0".to_owned()].into());
    }

    #[test]
    fn services_are_those_that_govern_a_set() {
        assert_eq!(members(Dimension::Service, &format!("service; {THREE}")), ["nginx"]);
        assert_eq!(members(Dimension::Service, "in other; web-0 created"), ["other/nginx"]);
        assert_eq!(members(Dimension::Service, "service"), Vec::<String>::new());
        assert_eq!(members(Dimension::SearchDomain, THREE).len(), 3);
    }

    #[test]
    fn pods_that_were_scaled_away_return_or_are_gone() {
        let down = format!("{THREE} scale 1; web-2 deleted; web-1 deleted;");
        assert_eq!(members(Dimension::Gone, &down), ["web-1", "web-2"]);
        assert_eq!(members(Dimension::ScaledBack, &down), Vec::<String>::new());
        let up = format!("{down} scale 2; web-1 created; web-1 ready; completed");
        assert_eq!(members(Dimension::Gone, &up), ["web-2"]);
        assert_eq!(members(Dimension::ScaledBack, &up), ["web-1"]);
    }

    #[test]
    fn pods_whose_gate_was_closed_were_kept_from_being_ready() {
        assert_eq!(members(Dimension::Unready, &format!("{THREE} exec web-1 close-gate -> ok")), ["web-1"]);
        assert_eq!(
            members(Dimension::Unready, &format!("{THREE} exec web-1 open-gate -> ok")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn pods_are_those_that_were_asked_for_at_the_end() {
        assert_eq!(members(Dimension::Pod, THREE), ["web-0", "web-1", "web-2"]);
        assert_eq!(members(Dimension::Pod, &format!("{THREE} scale 1; completed")), ["web-0"]);
        assert_eq!(members(Dimension::Successor, THREE), ["web-1", "web-2"]);
    }

    #[test]
    fn deletions_are_numbered_and_have_survivors_and_pods_that_come_back() {
        let lost = format!(
            "{THREE} delete web-0; web-0 deleted; web-0 created; web-0 ready; delete all; scale 1; completed"
        );
        assert_eq!(members(Dimension::Deletion, &lost), ["deletion 1", "deletion 2"]);
        assert_eq!(members(Dimension::Survivor, &lost), ["web-1 in deletion 1", "web-2 in deletion 1"]);
        assert_eq!(members(Dimension::Recreated, &lost), ["web-0", "web-1", "web-2"]);
    }

    #[test]
    fn a_pod_that_a_wait_had_found_ready_had_to_come_back_although_the_watch_lost_it() {
        let lost = "set replicas=2; web-0 created; web-0 ready; waited pods-ready 0 1; delete all; web-0 deleted; completed";
        assert_eq!(members(Dimension::Recreated, lost), ["web-0", "web-1"]);
        let one = lost.replace("delete all", "delete web-0");
        assert_eq!(members(Dimension::Recreated, &one), ["web-0"]);
    }

    #[test]
    fn a_pod_that_was_scaled_away_after_its_deletion_had_not_to_come_back() {
        let gone = format!("{THREE} scale 2; delete web-2; completed");
        assert_eq!(members(Dimension::Recreated, &gone), Vec::<String>::new());
    }

    #[test]
    fn scaling_down_has_pairs() {
        let down = format!("{THREE} scale 0; completed");
        assert_eq!(members(Dimension::ScaleDown, &down), ["scale-down 1 to 0"]);
        assert_eq!(
            members(Dimension::ScaledAway, &down),
            ["web-1 after web-2 in scale-down 1 to 0", "web-0 after web-1 in scale-down 1 to 0"]
                .into_iter()
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn pods_stay_when_others_are_scaled_away() {
        let down = format!("{THREE} scale 1; web-2 deleted; web-1 deleted; completed");
        assert_eq!(members(Dimension::Kept, &down), ["web-0 in scale-down 1 to 1"]);
        assert!(members(Dimension::Kept, &format!("{THREE} scale 0; completed")).is_empty());
    }

    #[test]
    fn pods_come_back_after_all_were_deleted() {
        let all = format!("{THREE} delete all; web-0 deleted; web-1 deleted; web-2 deleted; web-0 created;");
        let keys = ["web-0 in deletion 1", "web-1 in deletion 1", "web-2 in deletion 1"];
        assert_eq!(members(Dimension::MassRecreated, &format!("{all} completed")), keys);
        assert_eq!(members(Dimension::MassRecreated, &format!("{all} scale 1; completed")), [keys[0]]);
        assert!(members(Dimension::MassRecreated, &format!("{THREE} delete web-0; completed")).is_empty());
    }

    #[test]
    fn claims_are_those_of_pods_that_were_ready() {
        let claims = members(Dimension::Claim, "web-0 created; web-0 ready; web-1 created");
        assert_eq!(claims, ["www-web-0"]);
        assert_eq!(members(Dimension::Claim, &format!("set replicas=3; {THREE}")).len(), 3);
    }

    #[test]
    fn pods_that_were_scaled_away_leave_claims_and_may_return() {
        let down =
            format!("{THREE} scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted;");
        let left = ["www-web-1 in scale-down 1 to 1", "www-web-2 in scale-down 1 to 1"];
        assert_eq!(members(Dimension::LeftClaim, &format!("{down} completed")), left);
        assert_eq!(members(Dimension::Returned, &format!("{down} completed")), Vec::<String>::new());
        let back = format!("{down} scale 2; web-1 created; completed");
        assert_eq!(members(Dimension::Returned, &back), ["web-1 after scale-down 1 to 1"]);
        assert_eq!(members(Dimension::LeftClaim, &back), left);
        assert_eq!(
            members(Dimension::LeftClaim, &format!("{THREE} scale 1; completed")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn incarnations_are_selected_by_the_services_that_name_their_pod() {
        let mut notes = crate::checks::notation::Notes::new().say("set replicas=2");
        let selector = serde_json::json!({"statefulset.kubernetes.io/pod-name": "web-1"});
        let raw =
            serde_json::json!({"metadata": {"name": "one", "uid": "s"}, "spec": {"selector": selector}});
        notes.object(crate::history::Resource::Services, crate::history::Change::Added, raw);
        let history = notes.say("web-1 created; web-1 ready; web-0 created; web-0 ready").history();
        let members = Dimension::Selected.members(&View::of(&history));
        assert_eq!(members, ["incarnation 1 of web-1 in one".to_owned()].into());
    }

    #[test]
    fn what_happens_elsewhere_is_told_with_its_namespace() {
        assert_eq!(members(Dimension::Pod, "in other; set replicas=1"), ["other/web-0"]);
    }

    #[test]
    fn rests_are_the_waits_for_the_status() {
        let waits = "waited status-settled 3; waited pods-ready 0; timed-out status-settled 1";
        assert_eq!(members(Dimension::Rest, waits), ["rest 1 of web", "rest 2 of web"]);
    }
}
