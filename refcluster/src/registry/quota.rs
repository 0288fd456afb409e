//! Quotas: what a namespace may have, asked when something is created.
//!
//! Follows `k8s.io/apiserver/pkg/admission/plugin/resourcequota` and the evaluators of `pkg/quota/v1/evaluator/core`, for counts
//! of objects, pods, claims and the storage that claims ask for.

use crate::controllers::pods;
use crate::json::{self, map, text, texts};
use crate::kind::Kind;
use crate::quantity::Quantity;
use crate::status::Status;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;

type Usage = BTreeMap<String, Quantity>;

/// What an object counts for.
pub(crate) fn usage(kind: Kind, object: &Value) -> Usage {
    let mut usage = Usage::from([(format!("count/{}", kind.qualified_plural()), Quantity::count(1))]);
    match kind {
        Kind::Pod if !pods::is_terminal(object) => {
            usage.insert("pods".to_owned(), Quantity::count(1));
        }
        Kind::PersistentVolumeClaim => {
            let storage = Quantity::parse(text(object, "/spec/resources/requests/storage"));
            let class = text(object, "/spec/storageClassName");
            usage.insert("persistentvolumeclaims".to_owned(), Quantity::count(1));
            usage.insert("requests.storage".to_owned(), storage);
            let of_class = format!("{class}.storageclass.storage.k8s.io/persistentvolumeclaims");
            usage.insert(of_class, Quantity::count(1));
        }
        Kind::Service | Kind::ConfigMap | Kind::Secret => {
            usage.insert(kind.info().plural.to_owned(), Quantity::count(1));
        }
        _ => {}
    }
    usage
}

/// What is used of what a quota limits.
pub(crate) fn used(world: &World, quota: &Value) -> Usage {
    let mut used: Usage =
        texts(quota, "/spec/hard").map(|(name, _)| (name.to_owned(), Quantity::default())).collect();
    for kind in Kind::ALL.iter().filter(|kind| kind.info().namespaced) {
        for (_, object) in world.store.list(*kind, json::namespace(quota)) {
            for (name, amount) in usage(*kind, object) {
                if let Some(sum) = used.get_mut(&name) {
                    *sum = *sum + amount;
                }
            }
        }
    }
    used
}

impl World {
    /// Refuses a new object for which a quota has no room.
    pub(super) fn check_quotas(&self, kind: Kind, object: &Value) -> Result<(), Status> {
        let delta = usage(kind, object);
        for (key, quota) in self.store.list(Kind::ResourceQuota, json::namespace(object)) {
            let limited = texts(quota, "/spec/hard").filter(|(name, _)| delta.contains_key(*name));
            let names: Vec<_> = limited.map(|(name, _)| name.to_owned()).collect();
            if names.iter().any(|name| quota["status"]["hard"][name].is_null()) {
                let why = format!("status unknown for quota: {}, resources: {}", key.name, names.join(","));
                return Err(Status::forbidden(kind, json::name(object), &why));
            }
            check_quota(&key.name, quota, &delta, &names)
                .map_err(|why| Status::forbidden(kind, json::name(object), &why))?;
        }
        Ok(())
    }

    /// Counts a new object in the quotas of its namespace.
    pub(super) fn charge_quotas(&mut self, kind: Kind, object: &Value) {
        let delta = usage(kind, object);
        let quotas = self.store.list(Kind::ResourceQuota, json::namespace(object));
        let keys: Vec<Key> = quotas.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.modify(&key, |quota| {
                let used = map(map(quota, "status"), "used");
                for (name, amount) in &delta {
                    if let Some(before) = used[name].as_str().map(Quantity::parse) {
                        used[name] = (before + *amount).to_string().into();
                    }
                }
            });
        }
    }
}

fn check_quota(name: &str, quota: &Value, delta: &Usage, limited: &[String]) -> Result<(), String> {
    let amount = |part: &str, name: &str| Quantity::parse(text(&quota["status"][part][name], ""));
    let over: Vec<_> =
        limited.iter().filter(|name| amount("used", name) + delta[*name] > amount("hard", name)).collect();
    if over.is_empty() {
        return Ok(());
    }
    let list = |of: &dyn Fn(&str) -> Quantity| -> String {
        over.iter().map(|name| format!("{name}={}", of(name))).collect::<Vec<_>>().join(",")
    };
    Err(format!(
        "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
        list(&|name| delta[name]),
        list(&|name| amount("used", name)),
        list(&|name| amount("hard", name)),
    ))
}
