//! `api-defaults`: what the documented StatefulSet leaves out gets the documented defaults.

use serde_json::{Value, json};

use crate::{
    checks::{Cause, Check, Findings},
    history::{Change, ObjectSeen, Requested, Seen, Verb},
    views::{Set, View},
};

/// Judges `specs/api/api-defaults.yaml`.
pub(super) const CHECK: Check = Check { id: "api-defaults", judge };

/// A field, the clause that it reads back, and its default.
struct Field {
    clause: &'static str,
    pointer: &'static str,
    default: fn() -> Value,
}

const STRATEGY: &str = "/spec/updateStrategy/type";
const PARTITION: &str = "/spec/updateStrategy/rollingUpdate/partition";

const FIELDS: [Field; 5] = [
    Field { clause: "replicas", pointer: "/spec/replicas", default: || json!(1) },
    Field { clause: "policy", pointer: "/spec/podManagementPolicy", default: || json!("OrderedReady") },
    Field { clause: "strategy", pointer: STRATEGY, default: || json!("RollingUpdate") },
    Field { clause: "partition", pointer: PARTITION, default: || json!(0) },
    Field { clause: "history-limit", pointer: "/spec/revisionHistoryLimit", default: || json!(10) },
];

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let is_new = |request: &&Seen<'_, Requested>| matches!(request.verb, Verb::Apply | Verb::Create);
        if let Some(sent) = set.requests().iter().find(is_new) {
            is_stored(set, *sent, findings);
        }
    }
}

fn is_stored(set: &Set<'_>, sent: Seen<'_, Requested>, findings: &mut Findings) {
    let name = set.key(set.name);
    let stored = set.versions().first().copied();
    let Some(stored) = stored.filter(|stored| stored.change == Change::Added) else {
        let what = format!("the creation of the set {name} was not seen");
        let gap = set.history().gaps(set.watch()).first().map(|gap| gap.shown_by);
        let shows = gap.or(stored.map(|stored| stored.event));
        let events: Vec<_> = shows.into_iter().chain([sent.event]).collect();
        return findings.on(FIELDS[0].clause).blind(Cause::Gap, what, &events);
    };
    for field in FIELDS.iter().filter(|field| field.pointer != PARTITION || is_rolling(sent.what)) {
        reads_back(&name, field, sent, stored, findings);
    }
}

/// Whether the strategy that was sent, or the default, has a partition.
fn is_rolling(sent: &Requested) -> bool {
    sent.body.pointer(STRATEGY).is_none_or(|strategy| *strategy == "RollingUpdate" || strategy.is_null())
}

/// A field reads back as it was sent, or as its default where it was not.
fn reads_back(
    set: &str,
    field: &Field,
    sent: Seen<'_, Requested>,
    stored: Seen<'_, ObjectSeen>,
    findings: &mut Findings,
) {
    let name = field.pointer.trim_start_matches('/').replace('/', ".");
    let (expected, why) = match sent.body.pointer(field.pointer).filter(|value| !value.is_null()) {
        Some(value) => (value.clone(), "was sent"),
        None => ((field.default)(), "is the default"),
    };
    let found = stored.at(field.pointer).map_or(Value::Null, Value::from);
    let (say, events) = (findings.on(field.clause), [sent.event, stored.event]);
    if found == expected {
        say.held(format!("{name} of {set} reads back as {found}, which {why}"), &events);
    } else if found.is_null() {
        say.broken(format!("{name} is missing from the stored set {set}, and {expected} {why}"), &events);
    } else {
        say.broken(format!("{name} of {set} reads back as {found}, and {expected} {why}"), &events);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, SET, assert_silent, judge},
        },
        history::{Change, Requested, Resource, Verb},
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
            (Verb::Apply, Resource::Pods, "other"),
            (Verb::Patch, Resource::StatefulSets, SET),
        ] {
            notes.request(verb, resource, Some(name), None, json!({"spec": {"replicas": 7}}));
        }
        let dry = Requested::new(
            Verb::Apply,
            "statefulsets",
            Some(SET.to_owned()),
            json!({"spec": {"replicas": 7}}),
        );
        notes.requested(Requested { dry_run: true, ..dry });
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.findings.len()), (5, 5), "{:#?}", findings.findings);
    }

    #[test]
    fn each_set_is_compared_with_what_was_sent_for_it() {
        let mut notes = Notes::new();
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        notes = notes.say("in other");
        sent(&mut notes, json!({"replicas": 3}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        says_broken(
            &judge(&CHECK, &notes.history()),
            "spec.replicas of other/web reads back as 2, and 3 was sent",
        );
    }

    #[test]
    fn a_strategy_without_a_partition_has_none() {
        let on_delete = json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}});
        let findings = judged(on_delete, |set| set["spec"]["updateStrategy"] = json!({"type": "OnDelete"}));
        assert_eq!((findings.held, findings.findings.len()), (4, 4), "{:#?}", findings.findings);
    }

    #[test]
    fn a_request_that_the_server_refused_made_no_set() {
        let mut notes = Notes::new();
        sent(&mut notes, json!({"replicas": 7}));
        notes = notes.say("answered 409");
        sent(&mut notes, json!({"replicas": 2}));
        notes.object(Resource::StatefulSets, Change::Added, defaulted());
        assert_eq!(judge(&CHECK, &notes.say("answered 200").history()).held, 5);
    }

    #[test]
    fn another_default() {
        let limit = |set: &mut Value| set["spec"]["revisionHistoryLimit"] = json!(5);
        says_broken(
            &judged(json!({"replicas": 2}), limit),
            "spec.revisionHistoryLimit of web reads back as 5, and 10 is the default",
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
        says_broken(
            &judged(json!({"replicas": 3}), |_| {}),
            "spec.replicas of web reads back as 2, and 3 was sent",
        );
        says_broken(&judged(json!({}), |_| {}), "spec.replicas of web reads back as 2, and 1 is the default");
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
        let mut unseen = Notes::new();
        sent(&mut unseen, json!({"replicas": 2}));
        let findings = judge(&CHECK, &unseen.say("completed").history());
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (0, 1));
    }

    #[test]
    fn without_a_set_nothing_is_said() {
        assert_silent(&CHECK, "wait 1s");
    }
}
