//! The model cluster behaves as real ones do: the same scenarios on both give the same verdicts, and sets do the same
//! things in the same order.
//!
//! A real cluster is the one in `$KUBECONFIG`, and each of those that left a record in `tests/histories/`, so that the
//! model is held to real clusters on every build. Each is compared with a model of its release that has as many nodes
//! and DNS backends and such storage:
//!
//! - `<cluster>::verdict::<id>`: the same verdict on that requirement, and where it is none, for the same kind of reason;
//! - `<cluster>::trace::<scenario>`: the same trace of pods (`steadfast::history::trace`);
//! - `<record>::replays`: today's checks say of the record what `tests/parity/snapshots/` has;
//! - `lie::<fault>`: the traces part where the model lies about order; without `--release` all but one of these are ignored
//!   unless `--include-ignored` asks for them;
//! - `a-version-excuses-both-sides`: what an older server does not promise is no difference.

mod sides;
mod told;

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sides::{Pair, Real, Side};
use steadfast::{
    embedded::Fault,
    judge::Verdict,
    plan::{Plan, Selection},
    spec::{Action, Catalogue, Requirement, Scenario},
    views::trace::Trace,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue reads"));
    let mut trials = of_cluster(&catalogue, Real::Cluster);
    for record in sides::kept().expect("tests/histories can be read") {
        trials.push(replays(&catalogue, record.clone()));
        trials.extend(of_cluster(&catalogue, record));
    }
    trials
        .extend(lies(&catalogue).into_iter().map(|(fault, requirement)| lie(&catalogue, fault, requirement)));
    trials
        .push(Trial::test("a-version-excuses-both-sides", move || a_version_excuses_both_sides(&catalogue)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Both sides, brought together by the first test that asks.
type Once = Arc<OnceLock<Result<Pair, String>>>;

fn of_cluster(catalogue: &Arc<Catalogue>, real: Real) -> Vec<Trial> {
    let plan = Plan::of(catalogue, &Selection::default());
    let once = Once::default();
    let requirements = catalogue.requirements.iter().filter(|r| plan.requirements.contains(&r.id));
    let scenarios = catalogue.scenarios.values().filter(|s| plan.scenarios.iter().any(|p| p.id == s.id));
    let verdicts = requirements.map(|requirement| {
        let requirement = requirement.clone();
        let name = format!("{}::verdict::{}", real.name(), requirement.id);
        trial(name, catalogue, &real, &once, move |pair| same_verdict(pair, &requirement))
    });
    let traces = scenarios.filter(|scenario| has_a_set(catalogue, scenario)).map(|scenario| {
        let id = scenario.id.clone();
        let name = format!("{}::trace::{id}", real.name());
        trial(name, catalogue, &real, &once, move |pair| same_trace(pair, &id))
    });
    verdicts.chain(traces).collect()
}

fn trial(
    name: String,
    catalogue: &Arc<Catalogue>,
    real: &Real,
    once: &Once,
    compare: impl FnOnce(&Pair) -> Result<Completion, Failed> + Send + 'static,
) -> Trial {
    let (catalogue, of, once) = (Arc::clone(catalogue), real.clone(), Arc::clone(once));
    let trial = Trial::ignorable_test(name, move || {
        let pair = once.get_or_init(|| Pair::of(&catalogue, &of).map_err(|error| format!("{error:#}")));
        compare(pair.as_ref()?)
    });
    match real.is_there() {
        true => trial,
        false => trial.with_kind("no cluster: KUBECONFIG is not set").with_ignored_flag(true),
    }
}

/// Whether a scenario applies a StatefulSet, whose pods then have an order.
fn has_a_set(catalogue: &Catalogue, scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| match step {
        Action::Apply(apply) => {
            catalogue.manifests[&apply.manifest].iter().any(|object| object["kind"] == "StatefulSet")
        }
        _ => false,
    })
}

fn same_verdict(pair: &Pair, requirement: &Requirement) -> Result<Completion, Failed> {
    let missing = requirement.judged_on.iter().find(|scenario| pair.real.history(scenario).is_none());
    if let Some(scenario) = missing {
        return Ok(older_than(scenario));
    }
    let (real, model) = (pair.real.judged(&requirement.id), pair.model.judged(&requirement.id));
    let (Some(real), Some(model)) = (real, model) else { return Ok(older_than(&requirement.id)) };
    if told::kind(&pair.real, real) != told::kind(&pair.model, model) {
        return Err(told::verdicts(pair, real, model).into());
    }
    Ok(match &real.verdict {
        Verdict::NotApplicable { reason } => Completion::ignored_with(format!("on neither: {reason}")),
        _ => Completion::Completed,
    })
}

fn same_trace(pair: &Pair, scenario: &str) -> Result<Completion, Failed> {
    let Some(real) = pair.real.history(scenario) else { return Ok(older_than(scenario)) };
    let model = pair.model.history(scenario).ok_or("the model's run has no such scenario")?;
    let (real, model) = (Trace::of(real), Trace::of(model));
    match real.parting(&model) {
        Some(parting) => Err(told::parting(pair, scenario, &parting).into()),
        None => Ok(Completion::Completed),
    }
}

/// Only a record that was kept can lack something that is in the catalogue.
fn older_than(what: &str) -> Completion {
    Completion::ignored_with(format!("the record is older than {what}"))
}

/// The record is judged as it was when somebody last looked. `cargo insta review`, or `INSTA_UPDATE=always`, accepts.
fn replays(catalogue: &Arc<Catalogue>, real: Real) -> Trial {
    let catalogue = Arc::clone(catalogue);
    Trial::test(format!("{}::replays", real.name()), move || {
        let side = Side::real(&catalogue, &real)?;
        let line = |judged: &steadfast::judge::Judged| format!("{} {}\n", judged.id, judged.verdict.word());
        insta::assert_snapshot!(real.name(), side.judged.iter().map(line).collect::<String>());
        Ok(())
    })
}

/// The lies about order, each with a requirement that it breaks. Of what breaks `survivor-undisturbed` some touches no pod,
/// only its containers, and a trace does not have those.
fn lies(catalogue: &Catalogue) -> BTreeMap<String, Requirement> {
    let of_order = |r: &&Requirement| ["topology", "scaling"].contains(&r.area.as_str());
    let requirements =
        catalogue.requirements.iter().filter(of_order).filter(|r| r.id != "survivor-undisturbed");
    requirements.flat_map(|r| r.faults.iter().map(|fault| (fault.clone(), r.clone()))).collect()
}

fn lie(catalogue: &Arc<Catalogue>, fault: String, requirement: Requirement) -> Trial {
    let (catalogue, is_slow) = (Arc::clone(catalogue), fault != ALWAYS_TRIED);
    let trial = Trial::test(format!("lie::{fault}"), move || parts(&catalogue, &fault, &requirement));
    trial.with_ignored_flag(is_slow && cfg!(debug_assertions))
}

/// It comes to the same end as the truth, and only the order tells the two apart.
const ALWAYS_TRIED: &str = "overlapping-terminations";

/// In one of the scenarios at least, the traces part, and what is said then has both sides and where their records are.
fn parts(catalogue: &Catalogue, fault: &str, requirement: &Requirement) -> Result<(), Failed> {
    let honest = sides::Model::default();
    let lying = sides::Model { faults: vec![fault.parse::<Fault>()?], ..honest.clone() };
    let plan = Plan::of(catalogue, &Selection::of_ids([requirement.id.clone()]));
    let real = Side::model(catalogue, &plan, lying, fault)?;
    let model = Side::model(catalogue, &plan, honest, &format!("without-{fault}"))?;
    let pair = Pair { real, model };
    let compared = requirement.judged_on.iter().map(|scenario| same_trace(&pair, scenario));
    let said = compared.filter_map(Result::err).find_map(|failed| failed.message().map(str::to_owned));
    let said = said.ok_or("the traces are the same")?;
    let records = [&pair.real.stored, &pair.model.stored].map(|path| path.display().to_string());
    match [" ≠ ", &records[0], &records[1]].iter().find(|words| !said.contains(**words)) {
        Some(missing) => Err(format!("`{missing}` is not in what is said:\n{said}").into()),
        None => Ok(()),
    }
}

/// What the older server does not promise yet is compared on neither side, and without that it would be a difference.
fn a_version_excuses_both_sides(catalogue: &Catalogue) -> Result<(), Failed> {
    let mut catalogue = catalogue.clone();
    let requirement = &mut catalogue.requirements[0];
    requirement.since = "1.30".to_owned();
    let requirement = requirement.clone();
    let record = sides::kept()?.into_iter().find(|record| record.name().starts_with("v1.20"));
    let record = record.context("no record of an old cluster is kept")?;
    let (real, mut model) = (Side::real(&catalogue, &record)?, Side::real(&catalogue, &record)?);
    model.header.cluster.server_version = "v1.37.0".to_owned();
    let facts = model.header.cluster.clone();
    model.judge_as_of(&catalogue, &facts);
    let mut pair = Pair { real, model };
    let differs = same_verdict(&pair, &requirement);
    ensure_that(differs.is_err(), "judged as of its own version, the other side is no different")?;
    pair.model.judge_as_of(&catalogue, &pair.real.header.cluster);
    let said = same_verdict(&pair, &requirement)?;
    ensure_that(!matches!(said, Completion::Completed), "what applies to neither side was compared")
}

fn ensure_that(is_so: bool, otherwise: &str) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(otherwise.into()) }
}
