//! What a record has several of, and each of which a promise is made for: backends, nodes, pods, claims, deletions.
//!
//! A requirement's clause names the dimensions that its evidence must cover, and the judge counts the evidence against what
//! the record itself says exists. So what was never asked is found missing, whatever the check says.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Doing, Set, View,
    losses::{losses, mass_losses},
};
use crate::history::{Event, Step, Wait};

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
    /// The pods that each set should have at the end of the scenario.
    Pod,
    /// The pods that were created while others of lower ordinals had to be there.
    Successor,
    /// The requests that took pods away, in order.
    Deletion,
    /// The pods that were taken away by a request and had to come back.
    Recreated,
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
    /// The waits for a set's status to catch up, in order.
    Rest,
}

impl Dimension {
    /// The word in the YAML, and for a person to read.
    pub const fn word(self) -> &'static str {
        match self {
            Dimension::Backend => "backend",
            Dimension::Node => "node",
            Dimension::Transport => "transport",
            Dimension::Pod => "pod",
            Dimension::Successor => "successor",
            Dimension::Deletion => "deletion",
            Dimension::Recreated => "recreated",
            Dimension::Survivor => "survivor",
            Dimension::ScaleDown => "scale-down",
            Dimension::ScaledAway => "scaled-away",
            Dimension::Kept => "kept",
            Dimension::MassRecreated => "mass-recreated",
            Dimension::Claim => "claim",
            Dimension::Rest => "rest",
        }
    }

    /// Whether a record may have none of it without anything being amiss.
    pub const fn may_be_empty(self) -> bool {
        matches!(self, Dimension::Backend)
    }

    /// All that the record has of it, each by the name that evidence gives it.
    pub fn members(self, view: &View<'_>) -> BTreeSet<String> {
        let started = view.started();
        match self {
            Dimension::Backend => started.backends.iter().map(|backend| backend.name.clone()).collect(),
            Dimension::Node => started.probes.iter().map(|probe| probe.name.clone()).collect(),
            Dimension::Transport => ["udp", "tcp"].map(str::to_owned).into(),
            Dimension::Pod => of_sets(view, |set| set.wanted_at(view.ended())),
            Dimension::Successor => of_sets(view, successors),
            Dimension::Deletion => of_sets(view, |set| deletions(view, set).map(|(key, ..)| key).collect()),
            Dimension::Recreated => of_sets(view, |set| recreated(view, set)),
            Dimension::Survivor => of_sets(view, |set| survivors(view, set)),
            Dimension::ScaleDown => {
                of_sets(view, |set| set.scale_downs(view).iter().map(|down| down.key()).collect())
            }
            Dimension::ScaledAway => of_sets(view, |set| scaled_away(view, set)),
            Dimension::Kept => of_sets(view, |set| kept(view, set)),
            Dimension::MassRecreated => of_sets(view, |set| {
                mass_losses(view, set).iter().flat_map(|loss| loss.to_come_back(set)).collect()
            }),
            Dimension::Claim => of_sets(view, claims),
            Dimension::Rest => rests(view).into_iter().map(|(key, _)| key).collect(),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
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

/// The pods that a request took away and that were still asked for when they were next disturbed.
fn recreated<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<String> {
    let deletions = view.pod_deletions(set);
    let pods = deletions.iter().flat_map(|(doing, pods)| pods.iter().map(move |pod| (doing, *pod)));
    let comes_back = |(doing, pod): &(&Doing<'_>, &str)| {
        let until = view.window(doing.event, set, pod).until;
        let wanted = set.wanted_at(event_before(view, until));
        wanted.iter().any(|name| name == pod)
    };
    pods.filter(comes_back).map(|(_, pod)| pod.to_owned()).collect()
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

fn claims(set: &Set<'_>) -> Vec<String> {
    let claims = set.claims();
    let ready = set.pods().iter().filter(|life| life.first_ready().is_some() && life.ordinal.is_some());
    let named = ready
        .flat_map(|life| claims.templates().iter().map(move |template| claims.name_for(template, life.name)));
    named.collect()
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
    use super::*;
    use crate::checks::notation::history;

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
