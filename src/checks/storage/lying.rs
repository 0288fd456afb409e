//! What wrong clusters do in the scenarios of the catalogue, written by hand: each breaks one requirement.

use serde_json::{Value, json};

use super::{
    healthy::{applied, documented_start, documented_storage, scale_cycle, single_delete},
    variants::mapped,
};
use crate::history::{Event, History};

/// A wrong cluster: what it does, the requirement that this breaks, the scenario, and its record.
pub(super) struct Lie {
    pub(super) what: &'static str,
    pub(super) breaks: &'static str,
    pub(super) like: &'static str,
    pub(super) history: History,
}

/// A scenario with other statements in place of some of its own.
struct Script {
    like: &'static str,
    replicas: u32,
    statements: String,
}

impl Script {
    fn of(like: &'static str) -> Self {
        let (replicas, statements) = match like {
            "documented-storage" => (2, documented_storage()),
            "single-delete" => (3, single_delete()),
            "scale-cycle" => (2, scale_cycle()),
            _ => (2, documented_start()),
        };
        Self { like, replicas, statements }
    }

    /// Replaces the last time that something is said.
    fn at_last(mut self, old: &str, new: &str) -> Self {
        let place = self.statements.rfind(old).unwrap_or_else(|| panic!("`{old}` is not said"));
        self.statements.replace_range(place..place + old.len(), new);
        self
    }

    /// Replaces it whenever it is said.
    fn always(mut self, old: &str, new: &str) -> Self {
        assert!(self.statements.contains(old), "`{old}` is not said");
        self.statements = self.statements.replace(old, new);
        self
    }

    fn breaks(self, breaks: &'static str, what: &'static str) -> Lie {
        let history = applied("web", self.replicas).say(&self.statements).history();
        Lie { what, breaks, like: self.like, history }
    }
}

/// The history with something changed in every version of each claim.
fn with_claims(lie: Lie, change: impl Fn(&mut Value)) -> Lie {
    let changed = |event: &Event| {
        let mut value = serde_json::to_value(event).expect("an event is plain data");
        if value["seen"]["kind"] == "object" && value["seen"]["resource"] == "persistentvolumeclaims" {
            change(&mut value["seen"]["raw"]);
        }
        vec![serde_json::from_value(value).expect("an event")]
    };
    Lie { history: mapped(&lie.history, changed), ..lie }
}

/// All of them.
pub(super) fn all() -> Vec<Lie> {
    let renewed = "web-0 deleted; www-web-0 unclaimed; www-web-0 claimed; www-web-0 bound pv-again;";
    vec![
        Script::of("documented-storage")
            .at_last("web-0 deleted;", renewed)
            .breaks("pvc-reattach", "renews claims with their pods"),
        Script::of("single-delete")
            .at_last("web-2 deleted;", &renewed.replace("web-0", "web-2"))
            .breaks("pvc-reattach", "renews claims with their pods"),
        Script::of("single-delete")
            .at_last("web-2 running;", "www-web-2 bound pv-other; web-2 running;")
            .breaks("pvc-reattach", "binds a claim to another volume"),
        Script::of("documented-storage")
            .at_last("tokens web-0 volume -> web-0 t0;", "tokens web-0 volume -> ;")
            .breaks("data-survives-recreate", "empties a volume"),
        Script::of("single-delete")
            .at_last("tokens web-2 volume -> web-2 t2;", "tokens web-2 volume -> web-1 t1;")
            .breaks("data-survives-recreate", "swaps volumes"),
        Script::of("documented-storage")
            .always("tokens web-1 volume -> web-1 t1;", "tokens web-1 volume -> web-0 t0, web-1 t1;")
            .breaks("pvc-bound-distinct", "shares one directory"),
        Script::of("single-delete")
            .always("www-web-1 bound;", "www-web-1 bound pv-www-web-0;")
            .breaks("pvc-bound-distinct", "binds two claims to one volume"),
        Script::of("scale-cycle")
            .always("www-web-2 bound;", "")
            .breaks("pvc-bound-distinct", "starts pods on claims that are not bound"),
        Script::of("documented-storage")
            .always("www-web-1 ", "www-1-web ")
            .breaks("pvc-naming", "swaps the parts of a name"),
        Script::of("scale-cycle")
            .at_last("web-1 deleted;", "web-1 deleted; www-web-1 claim-terminating; www-web-1 unclaimed;")
            .at_last("web-1 created;", "www-web-1 claimed; web-1 created; www-web-1 bound;")
            .breaks("scale-cycle-reattach", "deletes claims when scaling down"),
        Script::of("scale-cycle")
            .at_last("web-2 deleted;", "web-2 deleted; www-web-2 claim-terminating; www-web-2 unclaimed;")
            .breaks("scale-cycle-reattach", "deletes the claim of an ordinal that stays away"),
        Script::of("scale-cycle")
            .at_last("tokens web-1 volume -> web-1 t1;", "tokens web-1 volume -> web-2 t2;")
            .breaks("scale-cycle-reattach", "gives an ordinal another one's data"),
        Script::of("documented-start")
            .at_last("tokens web-1 container ->;", "tokens web-1 container -> web-1 t1;")
            .breaks("ephemeral-contrast", "keeps the files of containers"),
        Script::of("documented-storage")
            .always("www-web-0 claimed; web-0 created;", "web-0 created; wait 3s; www-web-0 claimed;")
            .always("www-web-1 claimed; web-1 created;", "web-1 created; wait 3s; www-web-1 claimed;")
            .breaks("pvc-before-pod", "creates pods before their claims"),
        with_claims(Script::of("single-delete").breaks("pvc-shape", "leaves the labels out"), |claim| {
            claim["metadata"]["labels"] = json!({});
        }),
        with_claims(Script::of("scale-cycle").breaks("pvc-shape", "asks for another size"), |claim| {
            claim["spec"]["resources"]["requests"]["storage"] = json!("1Mi");
        }),
    ]
}
