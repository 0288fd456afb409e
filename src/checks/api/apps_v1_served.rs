//! `apps-v1-served`: StatefulSets are served in apps/v1, and from Kubernetes 1.16 on in no older version.

use serde_json::Value;

use crate::{
    checks::{Cause, Check, Findings},
    history::{ReadSeen, Seen, minor_version},
    views::View,
};

/// Judges `specs/api/apps-v1-served.yaml`.
pub(super) const CHECK: Check = Check { id: "apps-v1-served", judge };

/// The group `apps` has the version v1.
const VERSION: &str = "version";
/// It has none of the older ones where these are gone.
const REMOVED: &str = "removed";
/// apps/v1 has what a StatefulSet needs.
const RESOURCES: &str = "resources";

/// The group version's resources that a StatefulSet needs, and what must be possible with each.
const NEEDED: &[(&str, &[&str])] = &[
    ("statefulsets", &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]),
    ("statefulsets/scale", &["get", "patch", "update"]),
    ("statefulsets/status", &["get", "patch", "update"]),
    ("controllerrevisions", &["create", "delete", "get", "list", "patch", "update", "watch"]),
];

/// The versions that are gone, and the minor version of Kubernetes from which on they are.
const OLD_VERSIONS: &[&str] = &["v1beta1", "v1beta2"];
const REMOVED_SINCE: u32 = 16;

const GROUPS: &str = "/apis";
const APPS: &str = "/apis/apps/v1";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let read = |path: &str| view.history().reads().rfind(|read| read.path == path);
    match (read(GROUPS), read(APPS)) {
        (None, None) => {}
        (Some(groups), Some(resources)) => {
            versions(view, findings, groups);
            served(findings, resources);
        }
        (groups, resources) => {
            let clause = if groups.is_some() { RESOURCES } else { VERSION };
            let read = groups.or(resources).expect("one of them is there");
            let what = format!("only {} was read", read.path);
            findings.on(clause).blind(Cause::NotReached, what, &[read.event]);
        }
    }
}

/// Which versions of the group `apps` there are.
fn versions(view: &View<'_>, findings: &mut Findings, read: Seen<'_, ReadSeen>) {
    let Some(groups) = list(read, "APIGroupList", "groups") else {
        return unreadable(VERSION, findings, read);
    };
    let apps = groups.iter().filter(|group| group["name"] == "apps");
    let versions: Vec<&str> = apps
        .flat_map(|group| group["versions"].as_array().into_iter().flatten())
        .filter_map(|version| version["version"].as_str())
        .collect();
    findings.on(VERSION).expect(
        versions.contains(&"v1"),
        "the group apps has the version v1",
        format!("the group apps has the versions {versions:?}, and v1 is not among them"),
        &[read.event],
    );
    let Some(minor) = minor_version(&view.started().server_version) else {
        let what = "the server's version is not known";
        return findings.on(REMOVED).blind(Cause::NotTold, what, &[read.event]);
    };
    for old in OLD_VERSIONS {
        let say = findings.on(REMOVED);
        if minor < REMOVED_SINCE {
            say.held(format!("Kubernetes 1.{minor} may serve apps/{old}"), &[read.event]);
        } else {
            say.expect(
                !versions.contains(old),
                format!("apps/{old} is not served"),
                format!("apps/{old} is still served by Kubernetes 1.{minor}"),
                &[read.event],
            );
        }
    }
}

/// Whether apps/v1 has what a StatefulSet needs.
fn served(findings: &mut Findings, read: Seen<'_, ReadSeen>) {
    if read.code == 404 {
        return findings.on(RESOURCES).broken("apps/v1 is not served", &[read.event]);
    }
    let of_apps = |read: &Seen<'_, ReadSeen>| read.body["groupVersion"] == "apps/v1";
    let resources = list(read, "APIResourceList", "resources").filter(|_| of_apps(&read));
    let Some(resources) = resources else { return unreadable(RESOURCES, findings, read) };
    for (name, needed) in NEEDED {
        let say = findings.on(RESOURCES);
        let Some(resource) = resources.iter().find(|resource| resource["name"] == *name) else {
            say.broken(format!("apps/v1 has no {name}"), &[read.event]);
            continue;
        };
        let has = |verb: &str| resource["verbs"].as_array().is_some_and(|all| all.iter().any(|v| v == verb));
        let missing: Vec<&str> = needed.iter().copied().filter(|verb| !has(verb)).collect();
        say.expect(
            missing.is_empty(),
            format!("apps/v1 has {name}"),
            format!("apps/v1 has {name} without {}", missing.join(", ")),
            &[read.event],
        );
    }
}

/// The list in an answer of that kind; none where the answer is another, such as a page of a proxy.
fn list<'h>(read: Seen<'h, ReadSeen>, kind: &str, key: &str) -> Option<&'h Vec<Value>> {
    let body = &read.what.body;
    (read.code == 200 && body["kind"] == kind).then(|| body.get(key)?.as_array()).flatten()
}

fn unreadable(clause: &'static str, findings: &mut Findings, read: Seen<'_, ReadSeen>) {
    let what = format!("GET {} was answered with {} and no list", read.path, read.code);
    findings.on(clause).blind(Cause::NoAnswer, what, &[read.event]);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CHECK, NEEDED};
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_silent, judge, started},
        },
        history::{Observation, Observer, ReadSeen, Started, Step},
    };

    /// What the check says of a server of this version with these versions of `apps` and these resources in apps/v1.
    fn judged(server: &str, versions: &[&str], resources: (u16, Value)) -> Findings {
        let mut notes = Notes::new();
        let versions: Vec<Value> = versions.iter().map(|version| json!({"version": version})).collect();
        let all = json!([{"name": "batch", "versions": []}, {"name": "apps", "versions": versions}]);
        let groups = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all});
        for (path, code, body) in [("/apis", 200, groups), ("/apis/apps/v1", resources.0, resources.1)] {
            let read = ReadSeen { path: path.to_owned(), code, body };
            notes.see(Observer::Reader, Observation::Read(read));
        }
        let mut history = notes.history();
        let server_version = server.to_owned();
        history.events[0].seen =
            Observation::Step(Step::Started(Started { server_version, ..started() }.into()));
        judge(&CHECK, &history)
    }

    fn whole() -> Value {
        let resource = |(name, verbs): &(&str, &[&str])| json!({"name": name, "verbs": verbs});
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1",
            "resources": NEEDED.iter().map(resource).collect::<Vec<_>>(),
        })
    }

    fn says(findings: &Findings, kind: Kind, words: &str) {
        let said: Vec<_> = findings.of_kind(kind).map(|finding| finding.what.as_str()).collect();
        assert!(said.iter().any(|what| what.contains(words)), "{:#?}", findings.findings);
    }

    #[test]
    fn only_the_present_version_is_served() {
        for server in ["v1.37.1", "v1.20.2+k3s1", "v1.16+"] {
            let findings = judged(server, &["v1"], (200, whole()));
            assert_eq!((findings.held, findings.findings.len()), (7, 7), "{:#?}", findings.findings);
        }
    }

    #[test]
    fn older_versions_were_allowed_before_they_were_removed() {
        let findings = judged("v1.15.3", &["v1", "v1beta2", "v1beta1"], (200, whole()));
        assert_eq!((findings.held, findings.findings.len()), (7, 7), "{:#?}", findings.findings);
        says(&findings, Kind::Held, "Kubernetes 1.15 may serve apps/v1beta1");
    }

    #[test]
    fn a_removed_version_is_still_served() {
        let findings = judged("v1.20.2", &["v1", "v1beta1"], (200, whole()));
        says(&findings, Kind::Broken, "apps/v1beta1 is still served by Kubernetes 1.20");
        says(&judged("v1.37.1", &["v1", "v1beta2"], (200, whole())), Kind::Broken, "apps/v1beta2");
    }

    #[test]
    fn the_present_version_is_not_served() {
        says(&judged("v1.37.1", &[], (200, whole())), Kind::Broken, "v1 is not among them");
        says(&judged("v1.37.1", &["v1"], (404, json!({}))), Kind::Broken, "apps/v1 is not served");
    }

    #[test]
    fn a_subresource_or_a_verb_is_missing() {
        let mut without_scale = whole();
        without_scale["resources"].as_array_mut().expect("a list").remove(1);
        let findings = judged("v1.37.1", &["v1"], (200, without_scale));
        says(&findings, Kind::Broken, "apps/v1 has no statefulsets/scale");
        let mut read_only = whole();
        read_only["resources"][0]["verbs"] = json!(["get", "list", "watch"]);
        let findings = judged("v1.37.1", &["v1"], (200, read_only));
        says(&findings, Kind::Broken, "statefulsets without create, delete");
    }

    #[test]
    fn an_answer_that_is_none_shows_nothing() {
        let findings = judged("v1.37.1", &["v1"], (503, json!({})));
        says(&findings, Kind::Blind, "answered with 503");
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
        says(&judged("nonsense", &["v1"], (200, whole())), Kind::Blind, "version is not known");
    }

    #[test]
    fn another_body_with_200_is_not_believed() {
        let page = json!({"resources": [], "message": "sign in"});
        let mut of_another = whole();
        of_another["groupVersion"] = json!("batch/v1");
        for other in [page, of_another, Value::Null, json!("<html>")] {
            let findings = judged("v1.37.1", &["v1"], (200, other));
            says(&findings, Kind::Blind, "GET /apis/apps/v1 was answered with 200 and no list");
            assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        }
    }

    #[test]
    fn one_answer_of_the_two_shows_nothing() {
        let mut notes = Notes::new();
        let read = ReadSeen { path: "/apis/apps/v1".to_owned(), code: 200, body: whole() };
        notes.see(Observer::Reader, Observation::Read(read));
        says(&judge(&CHECK, &notes.history()), Kind::Blind, "only /apis/apps/v1 was read");
    }

    #[test]
    fn without_a_read_nothing_is_said() {
        assert_silent(&CHECK, "wait 1s");
    }
}
