//! `pvc-shape`: a claim carries the set's labels and what its template asks for, and the pod uses it by name.

use super::claims::{self, ClaimLife};
use crate::{
    checks::{Check, Findings},
    history::{CLAIM_TEMPLATE, Change, History, Json, ObjectSeen, PodLife, Seen},
};

/// Judges `specs/storage/pvc-shape.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-shape", judge };

fn judge(history: &History, findings: &mut Findings) {
    let Some(set) = claims::template(history) else { return };
    for claim in claims::fold(history).values().flatten() {
        if claims::ordinal(claim.name).is_some() {
            is_as_the_template(findings, claim, set);
        }
    }
    for pod in history.pods().iter().filter(|pod| pod.ordinal.is_some()) {
        uses_its_claim(findings, pod);
    }
}

/// One claim's labels, access modes and size.
fn is_as_the_template(findings: &mut Findings, claim: &ClaimLife<'_>, set: Seen<'_, ObjectSeen>) {
    let (name, first) = (claim.name, claim.first());
    let events = [set.event, first.event];
    if first.change != Change::Added {
        return findings.blind(format!("the creation of {name} fell into a gap of the watch"), &events);
    }
    let wrong = wrong_labels(set, first).into_iter().chain(wrong_spec(set, first)).collect::<Vec<_>>();
    findings.expect(
        wrong.is_empty(),
        format!("{name} has the labels, the access modes and the size of the set's template"),
        format!("{name} {}", wrong.join(", and ")),
        &events,
    );
}

fn wrong_labels(set: Seen<'_, ObjectSeen>, claim: Seen<'_, ObjectSeen>) -> Vec<String> {
    let labels = claims::selector(&set).into_iter();
    let wrong = labels.filter(|(key, value)| claim.label(key) != Some(value));
    wrong
        .map(|(key, value)| {
            let has = claim.what.label(key).map_or("nothing".to_owned(), |has| format!("`{has}`"));
            format!("has {has} for the label `{key}={value}` of the set's selector")
        })
        .collect()
}

fn wrong_spec(set: Seen<'_, ObjectSeen>, claim: Seen<'_, ObjectSeen>) -> Vec<String> {
    let templates = set.what.list("/spec/volumeClaimTemplates").iter();
    let template = templates.into_iter().find(|template| template["metadata"]["name"] == CLAIM_TEMPLATE);
    let asked = ["/spec/accessModes", "/spec/resources/requests/storage"];
    let pairs = asked.iter().map(|at| (at, template.and_then(|template| template.pointer(at)), claim.at(at)));
    pairs
        .filter(|(_, wanted, has)| wanted.is_some() && wanted != has)
        .map(|(at, wanted, has)| format!("has {} for {at}, and its template {}", text(has), text(wanted)))
        .collect()
}

fn text(value: Option<&Json>) -> String {
    value.map_or("nothing".to_owned(), Json::to_string)
}

/// One pod's volume of the template's name.
fn uses_its_claim(findings: &mut Findings, pod: &PodLife<'_>) {
    let own = claims::name_for(pod.name);
    let claims = pod.claims();
    let used: Vec<&str> =
        claims.iter().filter(|(name, _)| *name == CLAIM_TEMPLATE).map(|(_, c)| *c).collect();
    findings.expect(
        used == [own.as_str()],
        format!("the volume {CLAIM_TEMPLATE} of {} is the claim {own}", pod.name),
        match used.first() {
            Some(other) => {
                format!("the volume {CLAIM_TEMPLATE} of {} is the claim {other}, not {own}", pod.name)
            }
            None => format!("{} has no volume {CLAIM_TEMPLATE} that is a claim", pod.name),
        },
        &[pod.birth()],
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, SET_UID, judge},
        },
        history::{Change, Resource},
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
    fn a_set_without_claims_is_silent() {
        assert!(
            judge(&CHECK, &Notes::new().say("set replicas=1; web-0 created").history()).findings.is_empty()
        );
    }
}
