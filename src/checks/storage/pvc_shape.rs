//! `pvc-shape`: a claim carries the set's labels and what its template asks for, and the pod uses it by name.

use crate::{
    checks::{Cause, Check, Findings},
    history::{Json, ObjectSeen, Seen},
    views::{ClaimLife, Dimension, PodLife, Set, View, claims, sets::labels},
};

/// Judges `specs/storage/pvc-shape.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-shape", judge };

/// Each claim has the labels of the set's selector, and the access modes and the size of its template.
const AS_TEMPLATE: &str = "as-template";
/// Each pod's volume of a template's name is the claim of that template and pod.
const USED: &str = "used";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        for claim in set.claims().own() {
            if !claims::may_be_others(view, set, claim) {
                is_as_its_template(set, findings, claim);
            }
        }
        for pod in claims::users(view, set) {
            uses_its_claims(set, findings, pod);
        }
    }
}

/// One claim's labels, access modes and size, at its creation: later the binder and others may add to it. Where the set was
/// made anew with another template, the claim may be as that one asks or as the first did.
fn is_as_its_template(set: &Set<'_>, findings: &mut Findings, claim: &ClaimLife<'_>) {
    let (name, first) = (set.key(claim.name), claim.first());
    let Some((template, _)) = set.claims().read(claim.name) else { return };
    let say = findings.on(AS_TEMPLATE).of(Dimension::Claim, name.as_str());
    if !claim.birth_was_seen() {
        return say.blind(
            Cause::Gap,
            format!("the creation of {name} fell into a gap of the watch"),
            &[first.event],
        );
    }
    let sets = set.claims().incarnations().iter();
    let mut compared =
        sets.filter_map(|set| Some((*set, differences(*set, template_of(set, template)?, first))));
    let mut other = None;
    for (set, differences) in compared.by_ref() {
        if differences.is_empty() {
            let what = format!("{name} has the labels, the access modes and the size of the set's template");
            return say.held(what, &[set.event, first.event]);
        }
        other.get_or_insert((set, differences));
    }
    match (other, set.history().gaps(set.watch()).first()) {
        (Some((set, differences)), None) => {
            say.broken(format!("{name} {}", differences.join(", and ")), &[set.event, first.event]);
        }
        (_, gap) => {
            let event = gap.map_or(first.event, |gap| gap.shown_by);
            say.blind(
                Cause::Gap,
                format!("the template of {name} was not seen for certain"),
                &[first.event, event],
            );
        }
    }
}

fn template_of<'s>(set: &'s ObjectSeen, name: &str) -> Option<&'s Json> {
    set.list("/spec/volumeClaimTemplates").iter().find(|template| template["metadata"]["name"] == name)
}

/// What a claim has otherwise than its set and its template say.
fn differences(set: Seen<'_, ObjectSeen>, template: &Json, claim: Seen<'_, ObjectSeen>) -> Vec<String> {
    let labels = labels(set.what, "/spec/selector/matchLabels").into_iter();
    let labels = labels.filter(|(key, value)| claim.label(key) != Some(value)).map(|(key, value)| {
        let has = claim.what.label(key).map_or("nothing".to_owned(), |has| format!("`{has}`"));
        format!("has {has} for the label `{key}={value}` of the set's selector")
    });
    let asked = [
        ("/spec/accessModes", same as fn(&Json, &Json) -> bool),
        ("/spec/resources/requests/storage", same_size),
    ];
    let spec = asked.into_iter().filter_map(|(at, is_same)| {
        let wanted = template.pointer(at)?;
        let has = claim.what.at(at);
        let differs = has.is_none_or(|has| !is_same(wanted, has));
        differs.then(|| format!("has {} for {at}, and its template {}", text(has), text(Some(wanted))))
    });
    labels.chain(spec).collect()
}

fn same(wanted: &Json, has: &Json) -> bool {
    wanted == has
}

/// Whether two quantities are the same number of bytes, however they are written.
fn same_size(wanted: &Json, has: &Json) -> bool {
    let bytes = |json: &Json| bytes(json.as_str()?);
    wanted == has || bytes(wanted).zip(bytes(has)).is_some_and(|(wanted, has)| wanted == has)
}

/// A quantity in bytes (Kubernetes API reference, Quantity); none where it is not a whole number with a suffix.
fn bytes(quantity: &str) -> Option<u128> {
    let digits = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at(digits);
    let powers = |suffixes: &str, base: u128| {
        let place = suffixes.chars().position(|known| suffix.starts_with(known))?;
        base.checked_pow(u32::try_from(place).ok()? + 1)
    };
    let unit = match suffix {
        "" => Some(1),
        _ if suffix.len() == 2 && suffix.ends_with('i') => powers("KMGTPE", 1024),
        _ if suffix.len() == 1 => powers("kMGTPE", 1000),
        _ => None,
    };
    number.parse::<u128>().ok()?.checked_mul(unit?)
}

fn text(value: Option<&Json>) -> String {
    value.map_or("nothing".to_owned(), Json::to_string)
}

/// One pod's volumes of the templates' names.
fn uses_its_claims(set: &Set<'_>, findings: &mut Findings, pod: &PodLife<'_>) {
    let Some(expected) = set.claims().expected(pod) else {
        for (_, claim) in set.claims().of_pod(pod) {
            let what = format!("the set that made {} was not seen, nor its templates", set.key(pod.name));
            findings.on(USED).of(Dimension::Claim, set.key(claim)).blind(Cause::Gap, what, &[pod.birth()]);
        }
        return;
    };
    let mounted = pod.claims();
    for (template, own) in expected {
        let is_own = |(volume, claim): &(&str, &str)| *volume == template && *claim == own;
        if !pod.birth_was_seen() && mounted.iter().any(is_own) {
            let what = format!("the creation of {} fell into a gap of the watch", set.key(pod.name));
            findings.on(USED).of(Dimension::Claim, set.key(&own)).blind(Cause::Gap, what, &[pod.birth()]);
            continue;
        }
        let used = mounted.iter().find(|(volume, _)| *volume == template).map(|(_, claim)| *claim);
        let (pod_name, claim) = (set.key(pod.name), set.key(&own));
        findings.on(USED).of(Dimension::Claim, claim.as_str()).expect(
            used == Some(own.as_str()),
            format!("the volume {template} of {pod_name} is the claim {own}"),
            match used {
                Some(other) => format!("the volume {template} of {pod_name} is the claim {other}, not {own}"),
                None => format!("{pod_name} has no volume {template} that is a claim"),
            },
            &[pod.birth()],
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CHECK, bytes};
    use crate::{
        checks::{
            Kind,
            notation::{Notes, SET_UID, judge},
        },
        history::{Change, Resource, Verb},
    };

    fn notes() -> Notes {
        let mut notes = Notes::new();
        let template = json!({
            "metadata": {"name": "www"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        let set = json!({
            "metadata": {"name": "web", "uid": SET_UID},
            "spec": {"selector": {"matchLabels": {"app": "nginx"}}, "volumeClaimTemplates": [template]},
        });
        notes.object(Resource::StatefulSets, Change::Added, set);
        notes
    }

    /// The claim of web-0 as the notation makes it, changed.
    fn with_claim(change: impl FnOnce(&mut Value)) -> Notes {
        let claims = Resource::PersistentVolumeClaims;
        let mut claim = Notes::new().say("www-web-0 claimed").present(claims, "www-web-0");
        change(&mut claim);
        let mut notes = notes();
        notes.object(claims, Change::Added, claim);
        notes
    }

    fn said(notes: Notes, kind: Kind) -> Vec<String> {
        let findings = judge(&CHECK, &notes.history());
        findings.of_kind(kind).map(|finding| finding.what.clone()).collect()
    }

    fn assert_broken(notes: Notes, words: &str) {
        let said = said(notes, Kind::Broken);
        assert!(said.len() == 1 && said[0].contains(words), "{said:?}");
    }

    #[test]
    fn claims_and_pods_as_documented() {
        let notes = notes().say("www-web-0 claimed; web-0 created; www-web-1 claimed; web-1 created");
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.findings.len()), (4, 4), "{findings:#?}");
    }

    #[test]
    fn quantities_are_compared_as_numbers() {
        let notes = with_claim(|claim| claim["spec"]["resources"]["requests"]["storage"] = json!("1024Mi"));
        assert_eq!(said(notes, Kind::Held).len(), 1);
        for (text, number) in
            [("1Ki", Some(1024)), ("2M", Some(2_000_000)), ("7", Some(7)), ("1.5Gi", None), ("x", None)]
        {
            assert_eq!(bytes(text), number, "{text}");
        }
    }

    #[test]
    fn claims_that_the_scenario_made_are_used_as_they_are() {
        let mut notes = notes();
        let claims = Resource::PersistentVolumeClaims;
        notes.request(Verb::Apply, claims, Some("www-web-0"), None, json!({}));
        let mut claim = Notes::new().say("www-web-0 claimed").present(claims, "www-web-0");
        claim["metadata"]["labels"] = json!({});
        notes.object(claims, Change::Added, claim);
        let findings = judge(&CHECK, &notes.say("web-0 created").history());
        assert_eq!((findings.held, findings.findings.len()), (1, 1), "{findings:#?}");
    }

    #[test]
    fn a_set_that_was_made_anew_may_ask_for_another_size() {
        let mut notes = with_claim(|claim| claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi"));
        let mut set = notes.present(Resource::StatefulSets, "web");
        set["metadata"]["uid"] = json!("uid-second");
        set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        notes.object(Resource::StatefulSets, Change::Added, set);
        assert_eq!(said(notes, Kind::Broken), Vec::<String>::new());
    }

    #[test]
    fn a_template_that_fell_into_a_gap_is_not_guessed() {
        let notes = with_claim(|claim| claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi"));
        assert_eq!(said(notes.say("gap statefulsets"), Kind::Blind).len(), 1);
        let unseen = Notes::new().say("www-web-0 claimed; web-0 created");
        assert_eq!(said(unseen.clone(), Kind::Blind).len(), 2);
        assert_eq!(said(unseen, Kind::Held).len(), 0);
    }

    #[test]
    fn what_binder_and_resizer_add_later_is_not_judged() {
        let mut notes = with_claim(|_| {}).say("www-web-0 bound");
        notes.modify(Resource::PersistentVolumeClaims, "www-web-0", |claim| {
            claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        });
        assert_eq!(said(notes, Kind::Held).len(), 1);
    }

    #[test]
    fn a_class_and_a_mode_that_admission_adds_are_nobodys_business() {
        let notes = with_claim(|claim| {
            claim["spec"]["storageClassName"] = json!("standard");
            claim["spec"]["volumeMode"] = json!("Filesystem");
            claim["metadata"]["labels"]["team"] = json!("a");
        });
        assert_eq!(said(notes, Kind::Held).len(), 1);
    }

    #[test]
    fn no_labels() {
        let notes = with_claim(|claim| claim["metadata"]["labels"] = json!({}));
        assert_broken(notes, "has nothing for the label `app=nginx`");
    }

    #[test]
    fn another_size() {
        let notes = with_claim(|claim| claim["spec"]["resources"]["requests"]["storage"] = json!("1Mi"));
        assert_broken(notes, "has \"1Mi\" for /spec/resources/requests/storage");
    }

    #[test]
    fn another_access_mode() {
        let notes = with_claim(|claim| claim["spec"]["accessModes"] = json!(["ReadWriteMany"]));
        assert_broken(notes, "ReadWriteMany");
    }

    #[test]
    fn a_pod_that_uses_its_siblings_claim() {
        let mut notes = notes().say("web-0 created; web-1 created");
        let mut pod = notes.present(Resource::Pods, "web-1");
        pod["metadata"]["uid"] = json!("uid-9");
        pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = json!("www-web-0");
        notes.object(Resource::Pods, Change::Added, pod);
        assert_broken(notes, "the volume www of web-1 is the claim www-web-0, not www-web-1");
    }

    #[test]
    fn a_volume_of_the_pod_template_wins_over_the_claim() {
        let mut notes = notes().say("web-0 created");
        let mut pod = notes.present(Resource::Pods, "web-0");
        pod["metadata"]["uid"] = json!("uid-9");
        pod["spec"]["volumes"] = json!([{"name": "www", "emptyDir": {}}]);
        notes.object(Resource::Pods, Change::Added, pod);
        assert_broken(notes, "web-0 has no volume www that is a claim");
    }

    #[test]
    fn a_gap_hides_the_first_version() {
        let claims = Resource::PersistentVolumeClaims;
        let claim = Notes::new().say("www-web-0 claimed").present(claims, "www-web-0");
        let mut notes = notes().say("gap persistentvolumeclaims");
        notes.object(claims, Change::Listed, claim);
        assert_eq!(said(notes, Kind::Blind).len(), 1);
    }

    #[test]
    fn a_pod_that_a_list_shows_after_a_gap_is_no_evidence() {
        let listed = notes().say("gap pods; web-0 listed");
        assert_eq!((said(listed.clone(), Kind::Held).len(), said(listed, Kind::Blind).len()), (0, 1));
    }

    #[test]
    fn a_set_without_claims_is_silent() {
        let mut notes = Notes::new();
        let set = json!({"metadata": {"name": "web", "uid": SET_UID}, "spec": {"replicas": 1}});
        notes.object(Resource::StatefulSets, Change::Added, set);
        assert!(judge(&CHECK, &notes.say("web-0 created").history()).findings.is_empty());
    }
}
