//! Evictions: deletions that ask the pod's disruption budget first.
//!
//! Follows `pkg/registry/core/pod/storage/eviction.go`.

use super::request::{Request, Target};
use super::response::{self, Response};
use crate::controllers::{budget_selects, disrupt, pods};
use crate::fault::Fault;
use crate::json::{self, integer, map, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::release::Gate;
use crate::status::Status;
use crate::store::Key;
use crate::world::{Shared, World};
use serde_json::{Value, json};
use std::sync::Arc;

const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

pub(super) fn evict(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let eviction = request.json()?;
    let key = target.key();
    let mut world = shared.lock();
    check_version(&world, &eviction)?;
    if json::name(&eviction) != key.name {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let pod = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    let mut options = DeleteOptions::parse(&eviction["deleteOptions"])?;
    options.dry_run |= request.dry_run()?;
    if needs_budget(&pod) {
        spend_budget(&mut world, &pod, options.dry_run)?;
    }
    if !options.dry_run {
        world.set_memory.evicted.insert((key.namespace.clone(), key.name.clone()));
        disrupt(&mut world, &key, "EvictionByEvictionAPI", "Eviction API: evicting");
        world.delete(&key, &options)?;
    }
    Ok(response::json(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}

/// Before 1.22 an eviction is of `policy/v1beta1` only.
fn check_version(world: &World, eviction: &Value) -> Result<(), Status> {
    let known = match text(eviction, "/apiVersion") {
        "" | "policy/v1beta1" => true,
        "policy/v1" => world.release.since(22),
        _ => false,
    };
    if known {
        return Ok(());
    }
    let (group_version, version) =
        (text(eviction, "/apiVersion"), text(eviction, "/apiVersion").rsplit('/').next().unwrap_or_default());
    Err(Status::bad_request(format!(
        "Eviction in version {version:?} cannot be handled as a Eviction: no kind \"Eviction\" is registered for version {group_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
    )))
}

/// A pod that serves nobody, or is on its way out, goes without asking.
fn needs_budget(pod: &Value) -> bool {
    !pods::is_terminal(pod) && text(pod, "/status/phase") != "Pending" && !json::terminating(pod)
}

fn spend_budget(world: &mut World, pod: &Arc<Value>, dry_run: bool) -> Result<(), Status> {
    let budgets = world.store.list(Kind::PodDisruptionBudget, json::namespace(pod));
    let mut found = budgets.filter(|(_, budget)| budget_selects(budget, pod));
    let Some((key, budget)) = found.next().map(|(key, budget)| (key.clone(), budget.clone())) else {
        return Ok(());
    };
    if found.next().is_some() {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::new(500, "", message));
    }
    drop(found);
    if may_go_unhealthy(world, &budget, pod) {
        return Ok(());
    }
    if let Err(refused) = check(&key, &budget) {
        return if world.tells(Fault::BudgetIgnored) { Ok(()) } else { Err(refused) };
    }
    if !dry_run {
        decrement(world, &key, json::name(pod));
    }
    Ok(())
}

/// An unready pod costs nothing while enough others are healthy, or when its budget says so.
fn may_go_unhealthy(world: &World, budget: &Value, pod: &Value) -> bool {
    let number = |field: &str| integer(budget, &format!("/status/{field}")).unwrap_or(0);
    let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        && world.release.has(Gate::UnhealthyEviction);
    let enough = number("currentHealthy") >= number("desiredHealthy") && number("desiredHealthy") > 0;
    world.release.since(22) && !pods::is_ready(pod) && (always || enough)
}

fn check(key: &Key, budget: &Value) -> Result<(), Status> {
    let number = |pointer: &str| integer(budget, pointer).unwrap_or(0);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let cause = format!("The disruption budget {} is still being processed by the server.", key.name);
        return Err(Status::new(429, "TooManyRequests", REFUSED)
            .because("DisruptionBudget", &cause)
            .retry_after(10));
    }
    if number("/status/disruptionsAllowed") > 0 {
        return Ok(());
    }
    let cause = format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        key.name,
        number("/status/desiredHealthy"),
        number("/status/currentHealthy")
    );
    Err(Status::new(429, "TooManyRequests", REFUSED).because("DisruptionBudget", &cause))
}

fn decrement(world: &mut World, key: &Key, pod: &str) {
    let now = world.clock.timestamp();
    world.modify(key, |budget| {
        let status = map(budget, "status");
        status["disruptionsAllowed"] = (integer(status, "/disruptionsAllowed").unwrap_or(1) - 1).into();
        map(status, "disruptedPods")[pod] = now.into();
    });
}
