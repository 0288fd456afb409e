//! `api-defaults`: what the documented StatefulSet leaves out gets the documented defaults.

use serde_json::{Value, json};

use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, ObjectSeen, Requested, Resource, SET, Seen, Verb},
};

/// Judges `specs/api/api-defaults.yaml`.
pub(super) const CHECK: Check = Check { id: "api-defaults", judge };

fn judge(history: &History, findings: &mut Findings) {
    let mut applied = history.requests().filter(|request| applies_set(request));
    let (Some(sent), Some(stored)) = (applied.next(), history.set().next()) else { return };
    if stored.change != Change::Added {
        let gaps: Vec<&Event> = history.gaps(Resource::StatefulSets).take(1).chain([stored.event]).collect();
        return findings.blind("the creation of the set fell into a gap of the watch", &gaps);
    }
    for (field, default) in fields() {
        reads_back(findings, sent, stored, field, default);
    }
}

fn applies_set(request: &Requested) -> bool {
    matches!(request.verb, Verb::Apply | Verb::Create)
        && request.resource == Resource::StatefulSets.plural()
        && request.name.as_deref() == Some(SET)
}

/// The fields and their defaults.
fn fields() -> [(&'static str, Value); 5] {
    [
        ("/spec/replicas", json!(1)),
        ("/spec/podManagementPolicy", json!("OrderedReady")),
        ("/spec/updateStrategy/type", json!("RollingUpdate")),
        ("/spec/updateStrategy/rollingUpdate/partition", json!(0)),
        ("/spec/revisionHistoryLimit", json!(10)),
    ]
}

/// A field reads back as it was sent, or as its default where it was not.
fn reads_back(
    findings: &mut Findings,
    sent: Seen<'_, Requested>,
    stored: Seen<'_, ObjectSeen>,
    field: &str,
    default: Value,
) {
    let name = field.trim_start_matches('/').replace('/', ".");
    let (expected, why) = match sent.body.pointer(field).filter(|value| !value.is_null()) {
        Some(value) => (value.clone(), "was sent"),
        None => (default, "is the default"),
    };
    let found = stored.at(field).map_or(Value::Null, Value::from);
    let events = [sent.event, stored.event];
    if found == expected {
        findings.held(format!("{name} reads back as {found}, which {why}"), &events);
    } else if found.is_null() {
        findings.broken(format!("{name} is missing from the stored set, and {expected} {why}"), &events);
    } else {
        findings.broken(format!("{name} reads back as {found}, and {expected} {why}"), &events);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_silent, judge},
        },
        history::{Change, Resource, SET, Verb},
    };

    fn defaulted() -> Value {
        json!({
            "metadata": {"name": SET, "uid": "uid-set"},
            "spec": {
                "replicas": 2, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            },
        })
    }

    fn sent(notes: &mut Notes, spec: Value) {
        notes.request(Verb::Apply, Resource::StatefulSets, Some(SET), None, json!({"spec": spec}));
    }

    /// What the check says where that was sent and the stored set was the defaulted one with this change.
    fn judged(spec: Value, change: impl FnOnce(&mut Value)) -> Findings {
        let (mut notes, mut stored) = (Notes::new(), defaulted());
        sent(&mut notes, spec);
        change(&mut stored);
        notes.object(Resource::StatefulSets, Change::Added, stored);
        judge(&CHECK, &notes.history())
    }

    fn says_broken(findings: &Findings, words: &str) {
        let broken: Vec<_> = findings.of_kind(Kind::Broken).collect();
        assert!(broken.len() == 1 && broken[0].what.contains(words), "{:#?}", findings.findings);
    }

    #[test]
    fn what_was_left_out_is_defaulted() {
        let findings = judged(json!({"replicas": 2}), |_| {});
        assert_eq!((findings.held, findings.findings.len()), (5, 5), "{:#?}", findings.findings);
    }

    #[test]
    fn what_newer_servers_add_beside_it_is_no_matter() {
        let findings = judged(json!({"replicas": 2}), |set| {
            set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] = json!(1);
            set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Retain"});
        });
        assert_eq!(findings.held, 5, "{:#?}", findings.findings);
    }

    #[test]
    fn what_is_sent_of_other_objects_and_other_sets_is_no_matter() {
        let mut notes = Notes::new();
        for (verb, resource, name) in [
            (Verb::Apply, Resource::Services, SET),
            (Verb::Apply, Resource::StatefulSets, "other"),
            (Verb::Scale, Resource::StatefulSets, SET),
        ] {
            notes.request(verb, resource, Some(name), None, json!({"spec": {"replicas": 7}}));
        }
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.findings.len()), (5, 5), "{:#?}", findings.findings);
    }

    #[test]
    fn another_default() {
        let limit = |set: &mut Value| set["spec"]["revisionHistoryLimit"] = json!(5);
        says_broken(
            &judged(json!({"replicas": 2}), limit),
            "spec.revisionHistoryLimit reads back as 5, and 10 is the default",
        );
        let policy = |set: &mut Value| set["spec"]["podManagementPolicy"] = json!("Parallel");
        says_broken(&judged(json!({"replicas": 2}), policy), "reads back as \"Parallel\"");
        let strategy = |set: &mut Value| set["spec"]["updateStrategy"]["type"] = json!("OnDelete");
        says_broken(&judged(json!({"replicas": 2}), strategy), "reads back as \"OnDelete\"");
    }

    #[test]
    fn no_default_at_all() {
        let none = |set: &mut Value| set["spec"]["updateStrategy"]["rollingUpdate"] = Value::Null;
        says_broken(
            &judged(json!({"replicas": 2}), none),
            "spec.updateStrategy.rollingUpdate.partition is missing from the stored set",
        );
    }

    #[test]
    fn another_number_of_replicas_than_was_sent() {
        says_broken(&judged(json!({"replicas": 3}), |_| {}), "spec.replicas reads back as 2, and 3 was sent");
        says_broken(&judged(json!({}), |_| {}), "spec.replicas reads back as 2, and 1 is the default");
    }

    #[test]
    fn a_later_change_is_not_looked_at() {
        let mut notes = Notes::new();
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        notes.modify(Resource::StatefulSets, SET, |set| set["spec"]["replicas"] = json!(7));
        assert_eq!(judge(&CHECK, &notes.history()).held, 5);
    }

    #[test]
    fn a_creation_that_was_missed_shows_nothing() {
        let mut notes = Notes::new();
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Listed, defaulted());
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (0, 1));
    }

    #[test]
    fn without_a_set_nothing_is_said() {
        assert_silent(&CHECK, "wait 1s");
    }
}
