//! `steadfast plan`: what a run would do, what it would leave out, and why. It writes no file, so that it can never be
//! taken for a run.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{
    args::PlanArgs,
    exit, meaning, objects,
    text::{count, millis, rows, section, wrapped},
};
use crate::{
    limits::{self, Limit},
    options::{DEFAULT_PROBE_IMAGE, Images},
    plan::{LeftOut, Plan, PlannedScenario},
    spec::{Action, Catalogue, Condition},
};

/// Prints the plan for what is selected.
pub(super) fn handle(args: &PlanArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let plan = meaning::plan(&catalogue, &args.selection)?;
    exit::print(&page(&catalogue, &plan, &meaning::images(&args.images)))?;
    Ok(exit::OK)
}

/// Prints the images that a run of what is selected pulls, one a line.
pub(super) fn images(args: &PlanArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let plan = meaning::plan(&catalogue, &args.selection)?;
    let pulled = pulled(&catalogue, &plan, &meaning::images(&args.images));
    exit::print(&pulled.into_keys().map(|image| image + "\n").collect::<String>())?;
    Ok(exit::OK)
}

fn page(catalogue: &Catalogue, plan: &Plan, images: &Images) -> String {
    let scenarios = plan.scenarios.iter().enumerate().map(|(n, planned)| scenario(catalogue, n + 1, planned));
    let sections = [
        head(catalogue, plan),
        section("Scenarios, each in a namespace of its own, in the order in which they are begun", scenarios),
        section("Requirements", rows(by_area(catalogue, &plan.requirements))),
        section("Needed by them, and not reported", rows(by_area(catalogue, &plan.prerequisites))),
        section("Left out", rows(left_out(&plan.left_out))),
        section("Scenarios that do not run", rows(left_out(&plan.idle))),
        section("Images", image_rows(catalogue, plan, images)),
        section("Limits", rows(limit_rows(catalogue, plan))),
        "\nNothing was created and no report was written: this is a plan. `steadfast run` runs it.\n"
            .to_owned(),
    ];
    sections.concat()
}

fn head(catalogue: &Catalogue, plan: &Plan) -> String {
    format!(
        "{} on {}, {} in all and one probe pod on each node\n",
        count(plan.requirements.len(), "requirement"),
        count(plan.scenarios.len(), "scenario"),
        count(plan.pods(catalogue) as usize, "pod"),
    )
}

fn scenario(catalogue: &Catalogue, number: usize, planned: &PlannedScenario) -> String {
    let Some(scenario) = catalogue.scenarios.get(&planned.id) else { return String::new() };
    let pods = count(scenario.pods as usize, "pod");
    let lead = format!("  {number}. {}: ", planned.id);
    let mut page = wrapped(&lead, &format!("{} ({pods})", scenario.title));
    let judges = match planned.judges.as_slice() {
        [] => "nothing that is planned; the other scenarios ask through its probe pods".to_owned(),
        judges => judges.join(", "),
    };
    page.push_str(&wrapped("       judges   ", &judges));
    page.push_str(&wrapped("       creates  ", &objects::created(catalogue, scenario).join(", ")));
    let asks = objects::dry_run(scenario);
    if !asks.is_empty() {
        page.push_str(&wrapped("       dry run  ", &asks.join(", ")));
    }
    page
}

/// The ids, one row for each area.
fn by_area<'c>(catalogue: &'c Catalogue, ids: &[String]) -> Vec<(&'c str, String)> {
    let mut areas: Vec<(&str, String)> = Vec::new();
    for requirement in ids.iter().filter_map(|id| catalogue.requirement(id)) {
        match areas.last_mut() {
            Some((area, row)) if *area == requirement.area => *row += &format!(", {}", requirement.id),
            _ => areas.push((&requirement.area, requirement.id.clone())),
        }
    }
    areas
}

fn left_out(left_out: &[LeftOut]) -> impl Iterator<Item = (&str, String)> {
    left_out.iter().map(|out| (out.id.as_str(), out.reason.clone()))
}

/// The images that will be pulled, each with the names in manifests that it stands for.
fn pulled(catalogue: &Catalogue, plan: &Plan, images: &Images) -> BTreeMap<String, BTreeSet<String>> {
    let scenarios = plan.scenarios.iter().filter_map(|planned| catalogue.scenarios.get(&planned.id));
    let named = scenarios.flat_map(|scenario| objects::images(catalogue, scenario));
    let probe = ("instrumented/probe.yaml".to_owned(), DEFAULT_PROBE_IMAGE.to_owned());
    let mut pulled: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (manifest, image) in named.chain([probe]) {
        let used = images.instead_of(&manifest, &image);
        let replaced = (used != image).then_some(image);
        pulled.entry(used).or_default().extend(replaced);
    }
    pulled
}

fn image_rows(catalogue: &Catalogue, plan: &Plan, images: &Images) -> Vec<String> {
    let pulled = pulled(catalogue, plan, images);
    let row = |(image, stands_for): (String, BTreeSet<String>)| match stands_for.len() {
        0 => format!("  {image}\n"),
        _ => {
            let replaced = stands_for.into_iter().collect::<Vec<_>>().join(", ");
            wrapped(&format!("  {image}  "), &format!("instead of {replaced}"))
        }
    };
    pulled.into_iter().map(row).collect()
}

/// The limits that the planned requirements are judged by and the planned scenarios wait by.
fn limit_rows(catalogue: &Catalogue, plan: &Plan) -> Vec<(&'static str, String)> {
    let requirements = plan.requirements.iter().filter_map(|id| catalogue.requirement(id));
    let mut names: BTreeSet<&str> = requirements.flat_map(|r| &r.limits).map(String::as_str).collect();
    let scenarios = plan.scenarios.iter().filter_map(|planned| catalogue.scenarios.get(&planned.id));
    names.extend(scenarios.flat_map(|s| &s.steps).filter_map(limit_of));
    let row = |limit: &Limit| (limit.name, format!("{}: {}", millis(limit.wait_millis), limit.reason));
    limits::ALL.iter().filter(|limit| names.contains(limit.name)).map(row).collect()
}

fn limit_of(step: &Action) -> Option<&str> {
    match step {
        Action::Quiet(quiet) => Some(&quiet.limit),
        Action::Await(condition) => Some(match condition {
            Condition::PodsGone(_) => limits::POD_GONE.name,
            Condition::StatusSettled(_) | Condition::StatusOf { .. } => limits::STATUS_SETTLED.name,
            Condition::EndpointsSettled | Condition::EndpointsOf(_) => limits::ENDPOINTS_AWAITED.name,
            Condition::DnsSettled => limits::DNS_STALE_HARD.name,
            _ => limits::POD_READY.name,
        }),
        _ => None,
    }
}
