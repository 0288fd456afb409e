//! A small catalogue with every case, and what is planned of it.

use super::*;
use crate::spec::Files;

/// Requirements `a` to `d` on scenarios of different lengths: `b` needs `a`, `d` is disruptive.
fn catalogue() -> Catalogue {
    let requirement = |level: &str, on: &str, needs: &str| {
        format!(
            "level: {level}\ntitle: t\nrequirement: r\nsince: '1.9'\njudged_on: [{on}]\nclauses: [{{id: c, says: s}}]\nneeds: [{needs}]\n\
             sources: [{{document: d, at: x}}]\njudged_by: j\nlook: l\n"
        )
    };
    let scenario = |pods: u32, steps: &str| format!("title: t\nwhy: w\npods: {pods}\nsteps: [{steps}]\n");
    let specs = [
        ("dns/fqdn-resolves.yaml", requirement("core", "long", "dns-works")),
        ("dns/dns-works.yaml", requirement("core", "preflight", "")),
        ("scaling/scale-down.yaml", requirement("storage", "short", "")),
        ("topology/node-loss.yaml", requirement("disruptive", "short", "")),
        ("scenarios/preflight.yaml", scenario(1, "start-probes")),
        ("scenarios/short.yaml", scenario(2, "")),
        ("scenarios/long.yaml", scenario(2, "quiet: {name: n, limit: quiet}")),
    ];
    let specs: Files = specs.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    let probe = "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\n".to_owned();
    Catalogue::from_files(&specs, &Files::from([("instrumented/probe.yaml".to_owned(), probe)])).unwrap()
}

fn plan(select: &[&str], skip: &[&str]) -> Plan {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let catalogue = catalogue();
    let selection = Selection::parse(&catalogue, &owned(select), &owned(skip)).unwrap();
    Plan::of(&catalogue, &selection)
}

fn scenarios(plan: &Plan) -> Vec<&str> {
    plan.scenarios.iter().map(|scenario| scenario.id.as_str()).collect()
}

fn unknown(text: &str) -> String {
    Expression::parse(&catalogue(), text).unwrap_err().to_string()
}

#[test]
fn without_a_selection_everything_runs_but_what_is_disruptive() {
    let plan = plan(&[], &[]);
    assert_eq!(plan.requirements, ["dns-works", "fqdn-resolves", "scale-down"]);
    assert!(plan.prerequisites.is_empty());
    assert_eq!(plan.left_out[0].id, "node-loss");
    assert!(plan.left_out[0].reason.contains("--select node-loss"), "{:?}", plan.left_out);
}

#[test]
fn the_preflight_is_first_and_then_the_longest() {
    assert_eq!(scenarios(&plan(&[], &[])), ["preflight", "long", "short"]);
}

#[test]
fn what_is_needed_comes_along_and_is_not_reported() {
    let plan = plan(&["fqdn-resolves"], &[]);
    assert_eq!(
        (plan.requirements, plan.prerequisites),
        (vec!["fqdn-resolves".into()], vec!["dns-works".into()])
    );
    assert_eq!(plan.left_out.len(), 2);
}

#[test]
fn a_skipped_prerequisite_is_still_a_prerequisite() {
    let plan = plan(&[], &["dns-works"]);
    assert_eq!(plan.prerequisites, ["dns-works"]);
}

#[test]
fn the_preflight_runs_even_when_nothing_is_judged_on_it() {
    let plan = plan(&["scale-down"], &[]);
    assert_eq!(scenarios(&plan), ["preflight", "short"]);
    assert_eq!(plan.idle[0].id, "long");
}

#[test]
fn an_area_does_not_ask_for_what_is_disruptive() {
    assert!(plan(&["area:topology"], &[]).is_empty());
    assert_eq!(plan(&["level:disruptive"], &[]).requirements, ["node-loss"]);
    assert_eq!(plan(&["node-loss"], &[]).requirements, ["node-loss"]);
}

#[test]
fn skip_wins_over_select() {
    let plan = plan(&["area:dns"], &["fqdn-resolves"]);
    assert_eq!(plan.requirements, ["dns-works"]);
    assert!(plan.left_out.iter().any(|out| out.reason == "left out by --skip fqdn-resolves"));
}

#[test]
fn nothing_planned_is_an_empty_plan_without_scenarios() {
    let plan = plan(&["area:dns"], &["area:dns"]);
    assert!(plan.is_empty() && plan.scenarios.is_empty());
}

#[test]
fn pods_are_those_of_the_planned_scenarios() {
    assert_eq!(plan(&["scale-down"], &[]).pods(&catalogue()), 3);
}

#[test]
fn an_unknown_word_names_its_nearest() {
    assert!(unknown("fqdn-resolve").ends_with("did you mean `fqdn-resolves`?"));
    assert!(unknown("dns").ends_with("did you mean `area:dns`?"));
    assert!(unknown("area:dsn").ends_with("did you mean `area:dns`?"));
    assert!(unknown("level:cor").ends_with("did you mean `level:core`?"));
    assert!(unknown("zzz").contains("steadfast list"));
}

#[test]
fn an_area_without_a_requirement_matches_nothing() {
    assert!(unknown("area:deletion").starts_with("`area:deletion` matches no requirement"));
}
