//! Every namespace has a ServiceAccount `default` and the ConfigMap with the cluster's certificate.
//!
//! Follows `pkg/controller/serviceaccount/serviceaccounts_controller.go`.

use super::Outcome;
use crate::json;
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::json;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(_) = world.get(key).filter(|namespace| !json::terminating(namespace)) else { return Ok(()) };
    let account = json!({"metadata": {"name": "default"}});
    let certificate = json!({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}});
    for (kind, object) in [(Kind::ServiceAccount, account), (Kind::ConfigMap, certificate)] {
        if world.get(&Key::new(kind, &key.name, json::name(&object))).is_none() {
            world.create(kind, &key.name, object, false)?;
        }
    }
    Ok(())
}
