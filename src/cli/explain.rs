//! `steadfast explain ID`: all that is known about one requirement.

use anyhow::{Context, Result};

use super::{
    args::ExplainArgs,
    exit, meaning, steps,
    text::{count, millis, rows, section, wrapped},
};
use crate::{
    limits,
    plan::Unknown,
    spec::{Catalogue, Feature, Level, Requirement, Scenario},
};

/// Prints the requirement's page.
pub(super) fn handle(args: &ExplainArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let requirement =
        catalogue.requirement(&args.id).ok_or_else(|| exit::usage(Unknown::id(&catalogue, &args.id)))?;
    exit::print(&page(&catalogue, requirement)?)?;
    Ok(exit::OK)
}

fn page(catalogue: &Catalogue, requirement: &Requirement) -> Result<String> {
    let scenarios: Vec<&Scenario> = requirement
        .judged_on
        .iter()
        .map(|id| catalogue.scenarios.get(id).with_context(|| format!("there is no scenario {id}")))
        .collect::<Result<_>>()?;
    let sections = [
        wrapped(&format!("{}: ", requirement.id), &requirement.title),
        format!("\n{}", rows(facts(requirement)).concat()),
        section("The promise", [wrapped("  ", &requirement.requirement)]),
        section("How it is judged", [wrapped("  ", &requirement.judged_by)]),
        section("Limits", rows(limits_of(requirement))),
        section("What a verdict means", rows(verdicts(requirement))),
        section("Judged on", scenarios.into_iter().map(scenario)),
        section(
            "Documented in",
            requirement.sources.iter().map(|s| wrapped("  ", &format!("{}: {}", s.document, s.at))),
        ),
        section("Readers asked", requirement.answers.iter().map(|a| answer(&a.question, &a.answer))),
        section("To look further", [format!("  {}\n", requirement.look)]),
    ];
    Ok(sections.concat())
}

fn facts(requirement: &Requirement) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("area", requirement.area.clone()),
        ("level", format!("{}: {}", requirement.level.as_str(), meaning_of(requirement.level))),
        ("since", format!("Kubernetes {}", requirement.since)),
    ];
    if !requirement.needs.is_empty() {
        facts.push(("needs", requirement.needs.join(", ")));
    }
    if let Some(feature) = requirement.applies_to {
        facts.push(("applies", format!("where there is {}", feature_words(feature))));
    }
    facts
}

fn meaning_of(level: Level) -> &'static str {
    match level {
        Level::Core => "always judged",
        Level::Storage => "judged where volumes can be had",
        Level::Feature => "judged where the server has the feature",
        Level::Disruptive => "judged only when asked for, because it disturbs more than its own namespace",
        Level::Informational => "recorded; it never fails the run",
    }
}

fn feature_words(feature: Feature) -> &'static str {
    match feature {
        Feature::StorageClass => "a default StorageClass, or one named by --storage-class",
    }
}

fn limits_of(requirement: &Requirement) -> impl Iterator<Item = (&str, String)> {
    let known = limits::ALL.iter().filter(|limit| requirement.limits.iter().any(|name| name == limit.name));
    known.map(|limit| (limit.name, format!("{}: {}", millis(limit.wait_millis), limit.reason)))
}

fn verdicts(requirement: &Requirement) -> Vec<(&'static str, String)> {
    let on = requirement.judged_on.join(", ");
    let since = &requirement.since;
    let feature = requirement.applies_to.map(|f| format!(", or it lacks {}", feature_words(f)));
    let needs = match requirement.needs.as_slice() {
        [] => String::new(),
        needs => format!("; or one that it needs did not pass: {}", needs.join(", ")),
    };
    vec![
        ("pass", format!("the promise was seen kept at least once in each of {on}, and never broken")),
        ("fail", "the promise was seen broken; the few events that prove it are in the report".to_owned()),
        (
            "inconclusive",
            "it was tried, and the record does not tell; the report names what is missing".to_owned(),
        ),
        ("not applicable", format!("the server is older than {since}{}", feature.unwrap_or_default())),
        ("not run", format!("a scenario was never begun, or the run was interrupted{needs}")),
    ]
}

fn scenario(scenario: &Scenario) -> String {
    let pods = count(scenario.pods as usize, "pod");
    let head = wrapped(&format!("  {}: ", scenario.id), &format!("{} ({pods})", scenario.title));
    let steps = scenario
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| wrapped(&format!("    {:>2}. ", index + 1), &steps::describe(step)));
    format!("{head}{}{}", wrapped("    ", &scenario.why), steps.collect::<String>())
}

fn answer(question: &str, answer: &str) -> String {
    wrapped("  ", question) + &wrapped("    ", answer)
}
