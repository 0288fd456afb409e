//! What a right cluster does in ordinary scenarios, written by hand: no check of any area may call it broken.

use serde_json::{Value, json};

use super::variants::mapped;
use crate::{
    checks::notation::Notes,
    history::{Change, Event, History, Requested, Resource, Verb},
};

const CLAIMS: Resource = Resource::PersistentVolumeClaims;
const SETS: Resource = Resource::StatefulSets;
const PODS: Resource = Resource::Pods;

/// A pod that becomes ready on the claim that it has.
fn starts(ordinal: u32) -> String {
    let pod = format!("web-{ordinal}");
    format!(
        "{pod} created; {pod} scheduled; {pod} running; wait 700ms; {pod} ready; set ready={};",
        ordinal + 1
    )
}

/// A pod that becomes ready on a new claim.
fn starts_new(ordinal: u32) -> String {
    let pod = format!("web-{ordinal}");
    format!(
        "www-{pod} claimed; {pod} created; {pod} scheduled; www-{pod} bound; {pod} running; wait 700ms; {pod} ready; \
         set ready={};",
        ordinal + 1
    )
}

fn first_start(replicas: u32) -> String {
    let pods: String = (0..replicas).map(starts_new).collect();
    let all: Vec<String> = (0..replicas).map(|ordinal| ordinal.to_string()).collect();
    format!(
        "{pods} waited pods-ready {}; set pods={replicas} observed=1; waited status-settled {replicas};",
        all.join(" ")
    )
}

fn each(ordinals: impl IntoIterator<Item = u32>, what: impl Fn(u32) -> String) -> String {
    ordinals.into_iter().map(what).collect()
}

/// Tokens written by these ordinals, called after them.
fn write(ordinals: impl IntoIterator<Item = u32>, place: &str) -> String {
    each(ordinals, |n| format!("token web-{n} {place} t{n};"))
}

/// The same tokens read again.
fn read(ordinals: impl IntoIterator<Item = u32>, place: &str) -> String {
    each(ordinals, |n| format!("tokens web-{n} {place} -> web-{n} t{n};"))
}

fn ends(ordinal: u32) -> String {
    format!("web-{ordinal} terminating; wait 1s; web-{ordinal} deleted;")
}

/// The set as it is applied and stored, with a name, and dates from here on.
pub(super) fn applied(name: &str, replicas: u32) -> Notes {
    let mut notes = Notes::new().say("dated; wait 2s");
    let body = json!({"metadata": {"name": name}, "spec": {"replicas": replicas}});
    notes.request(Verb::Apply, SETS, Some(name), None, body);
    notes.say(&format!("answered 201; set replicas={replicas} generation=1 revision=web-1"))
}

/// The same with a second template, `log`: each claim twice, and each pod with both.
fn with_second_template(history: &History) -> History {
    mapped(history, |event| {
        let mut value = serde_json::to_value(event).expect("an event is plain data");
        let seen = &mut value["seen"];
        let twin = |value: &Value| -> Event {
            let text = value.to_string().replace("www-", "log-").replace("\"uid-", "\"uid-log-");
            serde_json::from_str(&text).expect("an event")
        };
        match (seen["kind"].as_str(), seen["resource"].as_str(), seen["of"].as_str()) {
            (Some("object"), Some("statefulsets"), _) => {
                let template = seen["raw"]["spec"]["volumeClaimTemplates"][0].clone();
                let templates =
                    seen["raw"]["spec"]["volumeClaimTemplates"].as_array_mut().expect("templates");
                templates.push(template);
                templates[1]["metadata"]["name"] = json!("log");
            }
            (Some("object"), Some("pods"), _) => {
                let claim = format!("log-{}", seen["name"].as_str().unwrap_or_default());
                let volumes = seen["raw"]["spec"]["volumes"].as_array_mut().expect("volumes");
                volumes.push(json!({"name": "log", "persistentVolumeClaim": {"claimName": claim}}));
            }
            (Some("object"), Some("persistentvolumeclaims"), _) => return vec![event.clone(), twin(&value)],
            (Some("list"), _, Some("persistentvolumeclaims")) => {
                let objects = seen["objects"].as_array().cloned().unwrap_or_default();
                let others = serde_json::to_value(twin(&value)).expect("an event is plain data");
                let others = others["seen"]["objects"].as_array().cloned().unwrap_or_default();
                value["seen"]["objects"] = objects.into_iter().chain(others).collect();
            }
            _ => {}
        }
        vec![serde_json::from_value(value).expect("an event")]
    })
}

/// `documented-storage`: two pods with claims, written, all deleted at once, read again.
pub(super) fn documented_storage() -> String {
    let deleted = "delete all; answered 200; web-1 terminating; web-0 terminating; wait 1s; web-1 deleted; web-0 deleted; set ready=0;";
    let back = format!("{}{}waited pods-ready 0 1;", starts(0), starts(1));
    let written = format!("{}{}", write(0..2, "volume"), read(0..2, "volume"));
    format!("{}{written}{deleted}{back}{}completed", first_start(2), read(0..2, "volume"))
}

/// `single-delete`: of three pods the lowest is deleted, then the highest.
pub(super) fn single_delete() -> String {
    let lost = |ordinal| {
        let lost = format!("delete web-{ordinal}; answered 200; {}{}", ends(ordinal), starts(ordinal));
        format!("{lost}waited pods-ready 0 1 2; {}", read(0..3, "volume"))
    };
    format!("{}{}{}{}completed", first_start(3), write(0..3, "volume"), lost(0), lost(2))
}

/// `scale-cycle`: scaled up, down and up again.
pub(super) fn scale_cycle() -> String {
    let up = format!("scale 3; set replicas=3 generation=2; {}waited pods-ready 0 1 2;", starts_new(2));
    let written = format!("{}{}", write(0..3, "volume"), read(0..3, "volume"));
    let down = format!("scale 1; set replicas=1 generation=3; {}{}waited pods-gone 1 2;", ends(2), ends(1));
    let back = format!("scale 2; set replicas=2 generation=4; {}waited pods-ready 0 1;", starts(1));
    format!("{}{up}{written}{down}{back}{}completed", first_start(2), read(0..2, "volume"))
}

/// `documented-start`: tokens in the containers, all pods deleted, and the tokens are gone.
pub(super) fn documented_start() -> String {
    let deleted = "delete all; answered 200; web-1 terminating; web-0 terminating; wait 1s; web-1 deleted; web-0 deleted; set ready=0;";
    let back = format!("{}{}waited pods-ready 0 1;", starts(0), starts(1));
    let written = format!("{}{}", write(0..2, "container"), read(0..2, "container"));
    format!(
        "{}{written}{deleted}{back}tokens web-0 container ->; tokens web-1 container ->; completed",
        first_start(2)
    )
}

/// `preflight`: the throw-away claim and its pod.
fn preflight() -> Notes {
    let mut notes = Notes::new().say("dated; wait 1s");
    notes.request(Verb::Apply, CLAIMS, Some("storage-probe"), None, json!({}));
    let mut claim = json!({
        "metadata": {"name": "storage-probe", "namespace": "ns", "uid": "uid-probe-claim"}, "status": {"phase": "Pending"},
    });
    notes.object(CLAIMS, Change::Added, claim.clone());
    notes.request(Verb::Apply, PODS, Some("storage-probe"), None, json!({}));
    let pod = json!({
        "metadata": {"name": "storage-probe", "namespace": "ns", "uid": "uid-probe"}, "status": {"phase": "Pending"},
    });
    notes.object(PODS, Change::Added, pod);
    claim["spec"] = json!({"volumeName": "pv-1"});
    claim["status"]["phase"] = json!("Bound");
    notes.object(CLAIMS, Change::Modified, claim);
    notes.say("storage-probe running; storage-probe ready; waited claim-bound storage-probe; waited pod-ready storage-probe; completed")
}

/// A pod is lost, and the set is scaled up before it is back.
fn lost_and_scaled() -> Notes {
    applied("web", 2)
        .say(&first_start(2))
        .say(&write(0..2, "volume"))
        .say(&format!("delete web-0; answered 200; web-0 terminating; scale 3; set replicas=3 generation=2; web-0 deleted; {}", starts(0)))
        .say(&format!("{}waited pods-ready 0 1 2;", starts_new(2)))
        .say(&format!("{}completed", read(0..2, "volume")))
}

/// The set is scaled down, and a pod that stays is deleted before the others are gone.
fn scaled_and_lost() -> Notes {
    applied("web", 3)
        .say(&first_start(3))
        .say(&write(0..3, "volume"))
        .say("scale 1; set replicas=1 generation=2; web-2 terminating; delete web-0; answered 200; web-0 terminating; web-2 deleted")
        .say(&format!("wait 1s; web-0 deleted; {}{}waited pods-gone 1 2;", starts(0), ends(1)))
        .say(&format!("scale 3; set replicas=3 generation=3; {}{}waited pods-ready 0 1 2;", starts(1), starts(2)))
        .say(&format!("{}completed", read(0..3, "volume")))
}

/// The scenario deletes a claim in use and then its pod: both are made anew, and the data is gone.
fn claim_removed() -> Notes {
    applied("web", 2)
        .say(&first_start(2))
        .say(&write(0..2, "volume"))
        .say("delete www-web-1; answered 200; www-web-1 claim-terminating; delete web-1; answered 200; web-1 terminating; wait 1s")
        .say("web-1 deleted; www-web-1 unclaimed; set ready=1")
        .say("www-web-1 claimed; web-1 created; web-1 scheduled; www-web-1 bound pv-new; web-1 running; web-1 ready; set ready=2")
        .say("waited pods-ready 0 1; tokens web-1 volume ->; token web-1 volume again; tokens web-1 volume -> web-1 again")
        .say(&format!("delete web-1; answered 200; {}{}waited pods-ready 0 1; tokens web-1 volume -> web-1 again; completed", ends(1), starts(1)))
}

/// The retention policy deletes the claims of what is scaled away, and later those of the set.
fn retention() -> Notes {
    let mut notes = applied("web", 2);
    notes.modify(SETS, "web", |set| {
        set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({"whenScaled": "Delete", "whenDeleted": "Delete"});
    });
    let mut notes = notes
        .say(&first_start(2))
        .say(&write(0..2, "volume"))
        .say(&format!("scale 1; set replicas=1 generation=2; {}www-web-1 claim-terminating; www-web-1 unclaimed; waited pods-gone 1;", ends(1)))
        .say("scale 2; set replicas=2 generation=3; www-web-1 claimed; web-1 created; web-1 scheduled; www-web-1 bound pv-new; web-1 running")
        .say("web-1 ready; set ready=2; waited pods-ready 0 1; tokens web-1 volume ->");
    notes.request(Verb::Delete, SETS, Some("web"), None, json!({}));
    let set = notes.present(SETS, "web");
    notes.object(SETS, Change::Deleted, set);
    notes.say(&format!("{}{}", ends(1), ends(0))).say(
        "www-web-0 claim-terminating; www-web-0 unclaimed; www-web-1 claim-terminating; www-web-1 unclaimed; completed",
    )
}

/// Ordinals from 5 on, and a pod of them lost.
fn start_ordinal() -> Notes {
    let mut notes = applied("web", 2);
    notes = notes.say("set start=5");
    notes = notes.say(&format!("{}{}waited pods-ready 5 6;", starts_new(5), starts_new(6)));
    notes
        .say(&write(5..7, "volume"))
        .say(&format!("delete web-6; answered 200; {}{}waited pods-ready 5 6;", ends(6), starts(6)))
        .say(&format!("{}completed", read(5..7, "volume")))
}

/// A container is ended in place, before its pod is deleted.
fn crashed() -> Notes {
    applied("web", 1)
        .say(&first_start(1))
        .say("web-0 container c0; token web-0 container x; tokens web-0 container -> web-0 x; token web-0 volume t0")
        .say("exec web-0 crash -> ok; web-0 unready; web-0 container c1 1; web-0 ready; tokens web-0 container ->; tokens web-0 volume -> web-0 t0")
        .say(&format!("delete web-0; answered 200; {}{}waited pods-ready 0;", ends(0), starts(0)))
        .say("tokens web-0 container ->; tokens web-0 volume -> web-0 t0; completed")
}

/// The scenario makes a claim before the set does, on a volume of its own with a file on it, and claims and pods that look
/// like the set's.
fn claims_of_others() -> Notes {
    let mut notes = Notes::new().say("dated; wait 1s");
    for (name, volume) in [("www-web-0", "static-0"), ("www-web-7", "static-7"), ("scratch", "static-8")] {
        notes.request(Verb::Apply, CLAIMS, Some(name), None, json!({}));
        let mut claim = json!({
            "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}"), "labels": {"app": "nginx"}},
            "spec": {"volumeName": volume, "resources": {"requests": {"storage": "5Gi"}}}, "status": {"phase": "Pending"},
        });
        notes.object(CLAIMS, Change::Added, claim.clone());
        claim["status"]["phase"] = json!("Bound");
        notes.object(CLAIMS, Change::Modified, claim);
    }
    notes.request(Verb::Create, PODS, Some("web-7"), None, json!({}));
    let mut pod = Notes::new().say("web-7 created").present(PODS, "web-7");
    pod["metadata"]["ownerReferences"] = json!([]);
    pod["metadata"]["uid"] = json!("uid-web-7");
    notes.object(PODS, Change::Added, pod);
    notes.request(Verb::Apply, SETS, Some("web"), None, json!({"spec": {"replicas": 2}}));
    notes
        .say("web-7 ready; set replicas=2 generation=1")
        .say(&format!("{}{}waited pods-ready 0 1;", starts(0), starts_new(1)))
        .say(&write(0..2, "volume"))
        .say(&format!("delete web-0; answered 200; {}{}waited pods-ready 0 1;", ends(0), starts(0)))
        .say(&format!("{}completed", read(0..2, "volume")))
}

/// A pod comes back to a volume whose node is cordoned, and is scheduled once it is not.
fn cordoned() -> Notes {
    let mut notes = applied("web", 2).say(&first_start(2)).say(&write(0..2, "volume"));
    let cordon = |unschedulable: bool| {
        let body = json!({"spec": {"unschedulable": unschedulable}});
        Requested::new(Verb::Patch, "nodes", Some("node-0".to_owned()), body)
    };
    notes.requested(cordon(true));
    let mut notes = notes.say(&format!("delete web-1; answered 200; {}web-1 created", ends(1)));
    notes.modify(PODS, "web-1", |pod| {
        let message = "0/1 nodes are available: 1 node(s) were unschedulable.";
        pod["status"]["conditions"] =
            json!([{"type": "PodScheduled", "status": "False", "message": message}]);
    });
    notes = notes.say("timed-out pods-ready web-1");
    notes.requested(cordon(false));
    notes
        .say("web-1 scheduled; web-1 running; web-1 ready; set ready=2; waited pods-ready 0 1")
        .say(&format!("{}completed", read(0..2, "volume")))
}

/// A new template of the pods is rolled out, the highest ordinal first.
fn rolled() -> Notes {
    let mut notes = applied("web", 2).say(&first_start(2)).say(&write(0..2, "volume"));
    let body = json!({"spec": {"template": {"metadata": {"annotations": {"note": "2"}}}}});
    notes.request(Verb::Patch, SETS, Some("web"), None, body);
    notes
        .say("answered 200; set generation=2 revision=web-2")
        .say(&format!("{}{}{}{}waited pods-ready 0 1;", ends(1), starts(1), ends(0), starts(0)))
        .say(&format!("{}completed", read(0..2, "volume")))
}

/// The set is deleted with its pods and made anew: the claims wait for it.
fn made_anew() -> Notes {
    let mut notes = applied("web", 2).say(&first_start(2)).say(&write(0..2, "volume"));
    notes.request(Verb::Delete, SETS, Some("web"), None, json!({}));
    let mut set = notes.present(SETS, "web");
    notes.object(SETS, Change::Deleted, set.clone());
    notes = notes.say(&format!("{}{}", ends(1), ends(0)));
    notes.request(Verb::Apply, SETS, Some("web"), None, json!({"spec": {"replicas": 2}}));
    set["metadata"]["uid"] = json!("uid-set-2");
    notes.object(SETS, Change::Added, set);
    for ordinal in 0..2 {
        let name = format!("web-{ordinal}");
        let mut pod = Notes::new().say(&format!("{name} created")).present(PODS, &name);
        pod["metadata"]["uid"] = json!(format!("uid-anew-{ordinal}"));
        pod["metadata"]["ownerReferences"][0]["uid"] = json!("uid-set-2");
        notes.object(PODS, Change::Added, pod);
        notes = notes.say(&format!("{name} scheduled; {name} running; {name} ready"));
    }
    notes.say(&format!("waited pods-ready 0 1; {}completed", read(0..2, "volume")))
}

/// A pod is evicted by something else, and comes back.
fn evicted() -> Notes {
    let mut notes = applied("web", 2).say(&first_start(2)).say(&write(0..2, "volume"));
    notes.modify(PODS, "web-1", |pod: &mut Value| {
        pod["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
    });
    notes.say(&format!("{}{}waited pods-ready 0 1;{}completed", ends(1), starts(1), read(0..2, "volume")))
}

/// A pod that waits for a node loses its claim to the scenario; the controller makes another (since 1.27).
fn missing_claim_made_again() -> Notes {
    applied("web", 2)
        .say(&first_start(2))
        .say(&format!("delete web-1; answered 200; {}web-1 created; wait 3s; delete www-web-1; answered 200", ends(1)))
        .say("www-web-1 claim-terminating; www-web-1 unclaimed; wait 2s; www-web-1 claimed; web-1 scheduled; www-web-1 bound pv-new")
        .say("web-1 running; web-1 ready; set ready=2; waited pods-ready 0 1; token web-1 volume t1; tokens web-1 volume -> web-1 t1; completed")
}

/// Two sets of one name, each in a namespace of its own, and a pod of the second deleted.
fn two_namespaces() -> Notes {
    applied("web", 1)
        .say(&first_start(1))
        .say("token web-0 volume mine; in other; set replicas=2")
        .say(&format!("{}{}", starts_new(0), starts_new(1)))
        .say(&write(0..2, "volume"))
        .say(&format!("delete web-0; answered 200; {}{}", ends(0), starts(0)))
        .say(&read(0..2, "volume"))
        .say("in ns; tokens web-0 volume -> web-0 mine; completed")
}

/// All of them, each with the scenario of the catalogue that it is like.
pub(super) fn all() -> Vec<(&'static str, &'static str, History)> {
    let of = |name, like, notes: Notes| (name, like, notes.history());
    vec![
        of("documented-storage", "documented-storage", applied("web", 2).say(&documented_storage())),
        of("single-delete", "single-delete", applied("web", 3).say(&single_delete())),
        of("scale-cycle", "scale-cycle", applied("web", 2).say(&scale_cycle())),
        of("documented-start", "documented-start", applied("web", 2).say(&documented_start())),
        of("preflight", "preflight", preflight()),
        of("lost and scaled", "single-delete", lost_and_scaled()),
        of("scaled and lost", "scale-cycle", scaled_and_lost()),
        of("claim removed", "single-delete", claim_removed()),
        of("retention", "scale-cycle", retention()),
        of("start ordinal", "single-delete", start_ordinal()),
        of("crashed", "documented-start", crashed()),
        of("claims of others", "single-delete", claims_of_others()),
        of("cordoned", "single-delete", cordoned()),
        of("rolled", "documented-storage", rolled()),
        of("made anew", "documented-storage", made_anew()),
        of("evicted", "documented-storage", evicted()),
        of("missing claim made again", "single-delete", missing_claim_made_again()),
        of("two namespaces", "single-delete", two_namespaces()),
        (
            "two templates",
            "single-delete",
            with_second_template(&applied("web", 3).say(&single_delete()).history()),
        ),
    ]
}
