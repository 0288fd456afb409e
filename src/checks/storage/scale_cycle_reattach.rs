//! `scale-cycle-reattach`: scaling down keeps the claims, and scaling up again gives each ordinal its claim and data back.

use super::say_reattached;
use crate::{
    checks::{Cause, Check, Findings, Say},
    history::{Event, Place},
    views::{
        ClaimDeletions, ClaimLife, Dimension, Doubt, PodLife, Return, Set, View,
        dimension::left_claim_key,
        reattach::reattached,
        tokens::{Read, ReadBack, Tokens, Write, runner_in_doubt},
    },
};

/// Judges `specs/storage/scale-cycle-reattach.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-cycle-reattach", judge };

/// The claim of each pod that was scaled away is kept.
const KEPT: &str = "kept";
/// Each pod that comes back has the claims and the volumes that it had.
const SAME: &str = "same";
/// Each pod that comes back finds what it wrote.
const DATA: &str = "data";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let facts = Facts {
            view,
            set,
            deletions: ClaimDeletions::of(view, set),
            tokens: Tokens::of(view, set, Place::Volume),
        };
        for down in set.scale_downs(view) {
            for went in &down.condemned {
                for (_, claim) in set.claims().of_pod(went) {
                    let key = set.key(&left_claim_key(claim, &down.key()));
                    facts.is_kept(findings, (&key, claim), went, down.request);
                }
            }
        }
        for back in set.returns(view) {
            facts.came_back(findings, &back);
        }
    }
}

struct Facts<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    deletions: ClaimDeletions<'v, 'h>,
    tokens: Tokens<'h>,
}

impl<'h> Facts<'_, 'h> {
    /// The claim of a pod that was scaled away is the same until the end, or until something deletes it that may.
    fn is_kept(
        &self,
        findings: &mut Findings,
        (key, claim): (&str, &str),
        went: &PodLife<'h>,
        request: &'h Event,
    ) {
        let (name, pod) = (self.set.key(claim), self.set.key(went.name));
        let say = findings.on(KEPT).of(Dimension::LeftClaim, key);
        let lives = self.set.claims().named(claim);
        let over =
            lives.partition_point(|life| life.ended().is_some_and(|ended| !request.comes_before(ended)));
        let Some(life) = lives.get(over) else {
            let gap = self.set.claims().gaps().first().map(|gap| gap.shown_by);
            let doubt = if gap.is_some() { Doubt::Gap } else { Doubt::NotReached };
            let what = format!("the claim {name} of {pod} was not seen when {pod} was scaled away");
            return say.blind(doubt.into(), what, &[gap.unwrap_or(request)]);
        };
        match (life.ended(), self.deletions.explain(life)) {
            (Some(_), Some(deletion)) => {
                let what = format!("the claim {name} had not to be kept: {}", deletion.why());
                say.blind(Cause::NotReached, what, &[request, deletion.event]);
            }
            (Some(ended), None) => {
                let what = format!("{pod} was scaled away, and its claim {name} was deleted or replaced");
                say.broken(what, &[request, ended]);
            }
            (None, _) => self.stays_as_it_is(say, life, went, request),
        }
    }

    fn stays_as_it_is(&self, say: Say<'_>, life: &ClaimLife<'h>, went: &PodLife<'h>, request: &'h Event) {
        let (claims, name, pod) = (self.set.claims(), self.set.key(life.name), self.set.key(went.name));
        if let Some((bound, rebound)) = life.bound().zip(life.rebound()) {
            let what = format!("the claim {name} was bound to another volume than before");
            return say.broken(what, &[bound.event, rebound.event]);
        }
        let hidden = claims.lost_sight(life).or_else(|| claims.hidden_binding(life, request));
        if let Some(gap) = hidden.or_else(|| claims.hidden_before(life, went.birth())) {
            let what = format!("what became of the claim {name} and its volume fell into a gap of the watch");
            return say.blind(Cause::Gap, what, &[request, gap.shown_by]);
        }
        if request.comes_before(life.first().event) {
            let what =
                format!("whether the claim {name} was there before {pod} was scaled away is not certain");
            return say.blind(Cause::NoOrder, what, &[request, life.first().event]);
        }
        let what = format!("{pod} was scaled away, and its claim {name} is kept");
        match self.signs_of_life(went) {
            Some((gone, later)) if life.birth_was_seen() => {
                say.held(what, &[life.first().event, gone, later]);
            }
            Some(_) => say.blind(
                Cause::Gap,
                format!("{what}, whose creation fell into a gap"),
                &[life.first().event],
            ),
            None => {}
        }
    }

    /// The end of a pod, and the creation of another one afterwards: the controller was at work, and left the claim alone.
    fn signs_of_life(&self, went: &PodLife<'h>) -> Option<(&'h Event, &'h Event)> {
        let (gone, pods) = (went.deleted()?, self.set.pods());
        let later = pods[pods.partition_point(|pod| pod.birth().seq < gone.seq)..].iter();
        let next = later.filter(|pod| pod.birth_was_seen()).map(PodLife::birth).next()?;
        (next.seq <= self.view.ended().seq).then_some((gone, next))
    }

    /// A pod came back: it has the claims that it had, and finds what it wrote.
    fn came_back(&self, findings: &mut Findings, it: &Return<'h>) {
        let (name, key) = (self.set.key(it.went.name), self.set.key(&it.key));
        let Some(back) = &it.back else {
            let what = format!("{name} was asked for again and had not come back");
            return findings.on(SAME).of(Dimension::Returned, key).blind(
                Cause::NotReached,
                what,
                &[it.request],
            );
        };
        let found = reattached(self.view, self.set, &self.deletions, &it.went, back);
        let say = findings.on(SAME).of(Dimension::Returned, key.as_str());
        say_reattached(say, found, format!("{name} came back with its claims and their volumes"));
        let say = findings.on(DATA).of(Dimension::Returned, key);
        match self.finds_its_data(&name, back) {
            Data::Same(write, read) => {
                let what = format!("{name} came back and finds on its volume what it wrote");
                say.held(what, &[write.event, back.birth(), read.event]);
            }
            Data::Lost(what, write, read) => say.broken(what, &[write.event, back.birth(), read.event]),
            Data::Unknown(doubt, what, event) => say.blind(doubt.into(), what, &[back.birth(), event]),
            Data::Nothing => {}
        }
    }

    /// What the first look that tells something shows of what an earlier incarnation of the pod wrote.
    fn finds_its_data<'t>(&'t self, name: &str, back: &PodLife<'h>) -> Data<'t, 'h> {
        let mut doubt = None;
        for read in self.tokens.reads_of(back.uid) {
            match self.look(name, read) {
                Data::Unknown(cause, what, event) => {
                    doubt.get_or_insert((cause, what, event));
                }
                Data::Nothing => {}
                known => return known,
            }
        }
        if let Some((cause, what, event)) = doubt {
            return Data::Unknown(cause, what, event);
        }
        if back.claims().is_empty() || back.terminating().is_some() {
            return Data::Nothing;
        }
        let what = format!("{name} came back and was not asked for what it had written");
        Data::Unknown(Doubt::NotReached, what, back.last().event)
    }

    fn look<'t>(&'t self, name: &str, read: &'t Read<'h>) -> Data<'t, 'h> {
        let taken =
            |write: &Write<'h>| self.deletions.unsettled_for(&[read.uid, write.uid], write.event, read.event);
        match self.tokens.read_back(read) {
            ReadBack::Unknown(doubt, what) => Data::Unknown(doubt, what, read.event),
            ReadBack::OfSibling(write) | ReadBack::Changed(write, _) if taken(write).is_some() => {
                let why = taken(write).map_or("", |deletion| deletion.why());
                Data::Unknown(
                    Doubt::NotReached,
                    format!("the volume of {name} may be another one: {why}"),
                    read.event,
                )
            }
            ReadBack::OfSibling(write) => {
                let what = format!("{name} came back and finds what {} wrote", self.set.key(write.pod));
                Data::Lost(what, write, read)
            }
            ReadBack::Changed(write, difference) => Data::Lost(
                format!("{name} came back and does not find what it wrote: {difference}"),
                write,
                read,
            ),
            ReadBack::Same(write) if write.uid == read.uid => {
                let what = format!("{name} came back and was asked only for what it wrote then");
                Data::Unknown(Doubt::NotReached, what, read.event)
            }
            ReadBack::Same(write) => match runner_in_doubt(self.view, self.set, write.uid, write.event) {
                Some((doubt, event)) => {
                    let what =
                        format!("which incarnation of {name} wrote the token that it finds is not certain");
                    Data::Unknown(doubt, what, event)
                }
                None => Data::Same(write, read),
            },
        }
    }
}

/// What is known of the data of a pod that came back.
enum Data<'t, 'h> {
    Same(&'t Write<'h>, &'t Read<'h>),
    Lost(String, &'t Write<'h>, &'t Read<'h>),
    Unknown(Doubt, String, &'h Event),
    Nothing,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Place, Purpose, Resource},
    };

    const UP: &str = "set replicas=3; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
         www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready; \
         www-web-2 claimed; web-2 created; www-web-2 bound; web-2 ready; \
         token web-0 volume a; token web-1 volume b; token web-2 volume c; ";
    const DOWN: &str = "scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; ";
    const BACK: &str = "scale 2; web-1 created; web-1 ready; ";

    fn cycle(statements: &str) -> String {
        format!("{UP}{DOWN}{BACK}{statements}")
    }

    #[test]
    fn one_comes_back_with_its_data_and_one_claim_waits() {
        assert_held(
            &CHECK,
            &cycle("tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b; completed"),
            4,
        );
    }

    #[test]
    fn scaling_up_takes_nothing_away() {
        assert_silent(&CHECK, &format!("scale 4; {UP}completed"));
    }

    #[test]
    fn the_claim_goes_with_its_ordinal() {
        let history = format!("{UP}{DOWN}www-web-2 claim-terminating; www-web-2 unclaimed; {BACK}");
        assert_broken(&CHECK, &history, "web-2 was scaled away, and its claim www-web-2 was deleted");
    }

    #[test]
    fn the_returning_ordinal_gets_a_new_claim() {
        let history = format!("{UP}{DOWN}www-web-1 unclaimed; www-web-1 claimed; {BACK}");
        assert_broken(&CHECK, &history, "its claim www-web-1 was deleted");
    }

    #[test]
    fn the_returning_ordinal_gets_another_volume() {
        let history = cycle("www-web-1 bound pv-other; tokens web-1 volume -> web-1 b");
        assert_broken(&CHECK, &history, "another volume");
    }

    #[test]
    fn the_returning_ordinal_finds_a_siblings_data() {
        assert_broken(&CHECK, &cycle("tokens web-1 volume -> web-2 c"), "finds what web-2 wrote");
    }

    #[test]
    fn the_data_was_spoiled() {
        let mut notes = Notes::new().say(&cycle(""));
        notes.run("web-1", Purpose::ReadTokens { place: Place::Volume }, "web-1 b another-checksum");
        let findings = judge(&CHECK, &notes.history());
        let broken: Vec<_> = findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            broken,
            [
                "web-1 came back and does not find what it wrote: the file beside its token has another checksum than when it was written"
            ]
        );
    }

    #[test]
    fn what_the_returned_pod_wrote_itself_proves_nothing() {
        let new = "token web-1 volume new; tokens web-1 volume -> web-1 new; completed";
        assert_blind(&CHECK, &cycle(new), "only for what it wrote then");
    }

    #[test]
    fn the_volume_was_emptied() {
        assert_broken(
            &CHECK,
            &cycle("tokens web-1 volume ->"),
            "does not find what it wrote: its token is not on the volume",
        );
    }

    #[test]
    fn a_gap_hides_what_became_of_a_claim() {
        let history = format!("{UP}{DOWN}gap persistentvolumeclaims; {BACK}tokens web-1 volume -> web-1 b");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn the_returning_ordinal_was_not_asked() {
        assert_blind(&CHECK, &cycle("aborted"), "was not asked for what it had written");
    }

    #[test]
    fn a_read_that_failed() {
        assert_blind(&CHECK, &cycle("tokens web-1 volume -> fails"), "could not be read");
    }

    #[test]
    fn a_claim_that_waits_is_no_evidence_without_a_sign_of_life() {
        assert_silent(&CHECK, &format!("{UP}scale 2; web-2 terminating; web-2 deleted; completed"));
    }

    #[test]
    fn evidence_is_for_each_claim_that_was_left_and_for_each_pod_that_came_back() {
        let read = cycle("tokens web-1 volume -> web-1 b; completed");
        let findings = judge(&CHECK, &Notes::new().say(&read).history());
        let mut of: Vec<String> = findings.evidence.into_iter().flat_map(|it| it.of.into_values()).collect();
        of.sort_unstable();
        of.dedup();
        assert_eq!(
            of,
            [
                "web-1 after scale-down 1 to 1",
                "www-web-1 in scale-down 1 to 1",
                "www-web-2 in scale-down 1 to 1"
            ]
        );
    }

    #[test]
    fn a_mute_claims_watch_does_not_pass() {
        let mut notes = Notes::new().say(&cycle("tokens web-1 volume -> web-1 b"));
        notes.forget(Resource::PersistentVolumeClaims, "www-web-1");
        let findings = judge(&CHECK, &notes.say("completed").history());
        let held: Vec<&str> = findings.evidence.iter().map(|it| it.clause).collect();
        assert_eq!(held, [super::DATA], "{findings:#?}");
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn claims_that_the_scenario_or_the_policy_deletes_had_not_to_be_kept() {
        let asked = format!(
            "{UP}{DOWN}delete www-web-1; www-web-1 unclaimed; www-web-1 claimed; {BACK}tokens web-1 volume ->"
        );
        let findings = judge(&CHECK, &Notes::new().say(&asked).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        let policy = |when_scaled: &str| {
            let mut notes = Notes::new().say("set replicas=3");
            notes.modify(Resource::StatefulSets, "web", |set| {
                set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": when_scaled});
            });
            let gone = "www-web-1 unclaimed; www-web-2 unclaimed; www-web-1 claimed; scale 2; web-1 created; web-1 ready; \
                 tokens web-1 volume -> ; completed";
            let history = notes.say(UP.trim_start_matches("set replicas=3; ")).say(DOWN).say(gone).history();
            judge(&CHECK, &history).of_kind(Kind::Broken).count()
        };
        assert_eq!(policy("Delete"), 0);
        assert!(policy("Retain") > 0);
    }

    #[test]
    fn a_second_cycle_is_judged_by_itself() {
        let twice = cycle(
            "tokens web-1 volume -> web-1 b; scale 1; web-1 terminating; web-1 deleted; www-web-1 unclaimed; \
             www-web-1 claimed; scale 2; web-1 created; web-1 ready; tokens web-1 volume -> ; completed",
        );
        let findings = judge(&CHECK, &Notes::new().say(&twice).history());
        let broken: Vec<&str> = findings.of_kind(Kind::Broken).map(|it| it.what.as_str()).collect();
        assert!(broken.iter().any(|what| what.contains("deleted or replaced")), "{broken:?}");
        assert!(broken.iter().any(|what| what.contains("does not find what it wrote")), "{broken:?}");
    }

    #[test]
    fn a_pod_that_had_not_come_back_shows_nothing() {
        assert_blind(&CHECK, &format!("{UP}{DOWN}scale 2; completed"), "had not come back");
        let again = format!("{UP}{DOWN}scale 2; scale 1; completed");
        assert_silent(&CHECK, &again);
    }

    #[test]
    fn ordinals_that_begin_elsewhere_are_scaled_away_likewise() {
        let shifted = "set start=5 replicas=2; www-web-5 claimed; web-5 created; www-web-5 bound; web-5 ready; www-web-6 claimed; \
             web-6 created; www-web-6 bound; web-6 ready; token web-5 volume a; token web-6 volume b; scale 1; web-6 terminating; \
             web-6 deleted; scale 2; web-6 created; web-6 ready; tokens web-6 volume -> web-6 b; completed";
        assert_held(&CHECK, shifted, 3);
        assert_broken(
            &CHECK,
            &shifted.replace("web-6 deleted;", "web-6 deleted; www-web-6 unclaimed;"),
            "www-web-6 was deleted",
        );
    }
}
