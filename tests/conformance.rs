//! Every requirement as a test of the cluster in `$KUBECONFIG`, for `cargo test --test conformance` and nextest.
//!
//! The pipeline runs once for all the tests that are selected. nextest starts a process for each test; they share what
//! they record: a test whose scenarios an earlier one has run is judged at once, and any other runs what it needs.
//! Without `$KUBECONFIG` every test is ignored, and its kind says why. The `STEADFAST_*` variables have the same effect
//! as for the command.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use steadfast::{
    cli::run_on_cluster,
    judge::{Judged, Verdict},
    spec::{Catalogue, Level, Requirement},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let catalogue = Catalogue::built_in().expect("the built-in catalogue reads");
    let pipeline = Arc::new(Pipeline::default());
    let trials: Vec<Trial> =
        catalogue.requirements.iter().map(|requirement| trial(requirement, &pipeline)).collect();
    let wanted = |trial: &&Trial| !arguments.is_filtered_out(trial) && !arguments.is_ignored(trial);
    let ids = trials.iter().filter(wanted).map(|trial| id_of(trial.name()).to_owned()).collect();
    pipeline.selected.set(ids).expect("set once");
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What is run at the first question and answers all others.
#[derive(Default)]
struct Pipeline {
    selected: OnceLock<Vec<String>>,
    judged: OnceLock<Result<Vec<Judged>, String>>,
}

impl Pipeline {
    fn judged(&self, id: &str) -> Result<&Judged, Failed> {
        let selected = self.selected.get().expect("set before the first test begins");
        let judged = self.judged.get_or_init(|| match run_on_cluster(selected) {
            Ok(recorded) => Ok(recorded.judged),
            Err(error) => Err(format!("{error:#}")),
        });
        let judged = judged.as_ref().map_err(Failed::from)?;
        let of_id = judged.iter().find(|judged| judged.id == id);
        of_id.ok_or_else(|| format!("the run said nothing of {id}: this is a bug in steadfast").into())
    }
}

fn trial(requirement: &Requirement, pipeline: &Arc<Pipeline>) -> Trial {
    let (id, pipeline) = (requirement.id.clone(), Arc::clone(pipeline));
    let name = format!("{}::{id}", requirement.area);
    let trial = Trial::ignorable_test(name, move || said(pipeline.judged(&id)?));
    match ignored(requirement) {
        Some(why) => trial.with_kind(why).with_ignored_flag(true),
        None => trial,
    }
}

fn ignored(requirement: &Requirement) -> Option<&'static str> {
    let cluster = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
    match cluster {
        None => Some("no cluster: KUBECONFIG is not set"),
        Some(_) if requirement.level == Level::Disruptive => Some("disruptive: ask for it with --ignored"),
        Some(_) => None,
    }
}

/// A pass is a pass, and what does not apply is ignored. Everything else fails: what could not be judged is no success.
fn said(judged: &Judged) -> Result<Completion, Failed> {
    let reason = judged.why().unwrap_or("no reason was given");
    match judged.verdict {
        Verdict::Pass { .. } => Ok(Completion::Completed),
        Verdict::NotApplicable { .. } => Ok(Completion::ignored_with(format!("not applicable: {reason}"))),
        _ if judged.level == Level::Informational => {
            Ok(Completion::ignored_with(format!("recorded: {reason}")))
        }
        _ => Err(format!(
            "{}: {reason}\n\n{}\n\n`steadfast explain {}` says how it is judged",
            judged.verdict.word(),
            judged.title,
            judged.id
        )
        .into()),
    }
}

/// The id in a test's name.
fn id_of(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}
