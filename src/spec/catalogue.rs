//! Reads the whole catalogue and holds it together: an id once, no reference that leads nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::{Action, Apply, Overlay, Requirement, Scenario, folder, manifest, yaml};
use crate::{history::minor_version, limits};

static SPECS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/specs");
static MANIFESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/manifests");

/// The areas, in the order of the catalogue.
pub const AREAS: &[&str] =
    &["topology", "network-identity", "dns", "storage", "scaling", "update", "deletion", "api"];

/// The folder of the overlays under `manifests/`.
const OVERLAYS: &str = "overlays/";

/// The scenario that every run begins with.
pub const PREFLIGHT: &str = "preflight";
/// How long an id may be: with a prefix and a random word it is the name of a namespace.
const ID_MOST: usize = 36;

/// Files by their path below a folder.
pub type Files = BTreeMap<String, String>;

/// Everything under `specs/` and `manifests/`.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The requirements, in the order of the areas and then of their ids.
    pub requirements: Vec<Requirement>,
    /// The scenarios, by id.
    pub scenarios: BTreeMap<String, Scenario>,
    /// The manifests' objects, by path.
    pub manifests: BTreeMap<String, Vec<Value>>,
    /// The changes to manifests, by the stem of their file.
    pub overlays: BTreeMap<String, Overlay>,
}

impl Catalogue {
    /// The catalogue that this binary carries.
    pub fn built_in() -> Result<Self> {
        Self::from_files(&embedded(&SPECS), &embedded(&MANIFESTS))
    }

    /// The catalogue in these folders; for one that is not given, the binary's own.
    pub fn from_folders(specs: Option<&Path>, manifests: Option<&Path>) -> Result<Self> {
        let specs = specs.map_or_else(|| Ok(embedded(&SPECS)), folder::read)?;
        let manifests = manifests.map_or_else(|| Ok(embedded(&MANIFESTS)), folder::read)?;
        Self::from_files(&specs, &manifests)
    }

    /// The catalogue that these files make.
    pub fn from_files(specs: &Files, manifests: &Files) -> Result<Self> {
        let mut catalogue = Self::default();
        for (path, text) in manifests.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            let shown = format!("manifests/{path}");
            match path.strip_prefix(OVERLAYS) {
                Some(file) => {
                    let id = file.trim_end_matches(".yaml").to_owned();
                    catalogue.overlays.insert(id, yaml::parse(&shown, text)?);
                }
                None => {
                    let objects = manifest::checked(&shown, text, yaml::to_json(&shown, text)?)?;
                    catalogue.manifests.insert(path.clone(), objects);
                }
            }
        }
        for (path, text) in specs.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            catalogue.add_spec(path, text)?;
        }
        let rank = |area: &str| AREAS.iter().position(|known| *known == area);
        catalogue.requirements.sort_by_key(|r| (rank(&r.area), r.id.clone()));
        catalogue.check(specs)?;
        Ok(catalogue)
    }

    fn add_spec(&mut self, path: &str, text: &str) -> Result<()> {
        let shown = format!("specs/{path}");
        let (folder, file) = path
            .rsplit_once('/')
            .with_context(|| format!("{shown}: a spec lies in the folder of its area"))?;
        let id = file.trim_end_matches(".yaml").to_owned();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            (1..=ID_MOST).contains(&id.len()) && id.chars().all(allowed),
            "{shown}: the name of a spec has at most {ID_MOST} characters of a-z, 0-9 and -"
        );
        if folder == "scenarios" {
            let scenario = Scenario { id: id.clone(), ..yaml::parse(&shown, text)? };
            self.scenarios.insert(id, scenario);
            return Ok(());
        }
        ensure!(
            AREAS.contains(&folder),
            "{shown}: there is no area `{folder}`; the areas are {}",
            AREAS.join(", ")
        );
        if let Some(twin) = self.requirement(&id) {
            bail!("{shown}: the id `{id}` is there twice; the other is specs/{}/{id}.yaml", twin.area);
        }
        let area = folder.to_owned();
        self.requirements.push(Requirement { id, area, ..yaml::parse(&shown, text)? });
        Ok(())
    }

    /// The requirement with that id.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.id == id)
    }

    /// The objects that a step applies, with all of its overlays, whatever these need.
    pub fn objects_of(&self, apply: &Apply) -> Vec<Value> {
        let mut objects = self.manifests.get(&apply.manifest).cloned().unwrap_or_default();
        for overlay in apply.overlays.iter().filter_map(|id| self.overlays.get(id)) {
            objects.iter_mut().for_each(|object| overlay.apply_to(object));
        }
        objects
    }

    /// The catalogue with that scenario and the preflight alone, and every requirement judged on it that is not the
    /// preflight's. What the scenario does not show is not missed.
    pub fn exploring(&self, scenario: Scenario) -> Self {
        let mut catalogue = self.clone();
        for requirement in &mut catalogue.requirements {
            if requirement.judged_on != [PREFLIGHT] {
                requirement.judged_on = vec![scenario.id.clone()];
                requirement.clauses.clear();
            }
        }
        catalogue.scenarios.retain(|id, _| id == PREFLIGHT);
        catalogue.scenarios.insert(scenario.id.clone(), scenario);
        catalogue
    }

    /// A scenario in a file of its own, held to the same rules as those of the catalogue.
    pub fn read_scenario(&self, path: &Path) -> Result<Scenario> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {shown}"))?;
        let id = path.file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy());
        let scenario = Scenario { id: id.into_owned(), ..yaml::parse(&shown, &text)? };
        self.check_scenario(&scenario).with_context(|| shown)?;
        Ok(scenario)
    }

    /// Every reference leads somewhere. What is said of a file begins with the key that it is about.
    fn check(&self, specs: &Files) -> Result<()> {
        for requirement in &self.requirements {
            let path = format!("{}/{}.yaml", requirement.area, requirement.id);
            self.check_requirement(requirement).map_err(|error| located(&path, specs, &error))?;
        }
        for scenario in self.scenarios.values() {
            let path = format!("scenarios/{}.yaml", scenario.id);
            self.check_scenario(scenario).map_err(|error| located(&path, specs, &error))?;
        }
        Ok(())
    }

    /// What a requirement needs, and what that needs, and so on, if it comes back to it.
    fn circle(&self, requirement: &Requirement) -> Option<String> {
        let mut waiting: Vec<Vec<&str>> = vec![vec![&requirement.id]];
        let mut seen = BTreeSet::new();
        while let Some(way) = waiting.pop() {
            let last = self.requirement(way[way.len() - 1])?;
            for need in &last.needs {
                let longer = [&way[..], &[need]].concat();
                if *need == requirement.id {
                    return Some(longer.join(" needs "));
                }
                if seen.insert(need) {
                    waiting.push(longer);
                }
            }
        }
        None
    }

    fn check_requirement(&self, requirement: &Requirement) -> Result<()> {
        ensure!(!requirement.judged_on.is_empty(), "judged_on is empty; name at least one scenario");
        ensure!(!requirement.sources.is_empty(), "sources is empty; say where the behaviour is documented");
        for scenario in &requirement.judged_on {
            let known = self.scenarios.keys().cloned().collect::<Vec<_>>().join(", ");
            ensure!(
                self.scenarios.contains_key(scenario),
                "judged_on names the scenario `{scenario}`, which does not exist; there are {known}"
            );
        }
        for clause in &requirement.clauses {
            let unknown = clause.on.iter().find(|scenario| !requirement.judged_on.contains(scenario));
            ensure!(
                unknown.is_none(),
                "the clause `{}` is to be shown on `{}`, which is not among judged_on",
                clause.id,
                unknown.map_or("", String::as_str)
            );
        }
        ensure!(!requirement.clauses.is_empty(), "clauses is empty; say what a pass needs evidence of");
        let ids: BTreeSet<&String> = requirement.clauses.iter().map(|clause| &clause.id).collect();
        ensure!(ids.len() == requirement.clauses.len(), "two clauses have one id");
        for need in &requirement.needs {
            ensure!(self.requirement(need).is_some(), "needs names `{need}`, which is no requirement");
        }
        if let Some(circle) = self.circle(requirement) {
            bail!("needs go in a circle: {circle}");
        }
        let since = &requirement.since;
        let is_minor = since.split_once('.').is_some_and(|(major, minor)| {
            major == "1" && !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())
        });
        ensure!(
            is_minor && minor_version(since).is_some(),
            "since is `{since}`; expected a minor version of Kubernetes, such as 1.9"
        );
        let limits: BTreeSet<_> = limits::ALL.iter().map(|limit| limit.name).collect();
        for limit in &requirement.limits {
            ensure!(limits.contains(limit.as_str()), "limits names `{limit}`, which is not in src/limits.rs");
        }
        Ok(())
    }

    fn check_scenario(&self, scenario: &Scenario) -> Result<()> {
        for (index, action) in scenario.steps.iter().enumerate() {
            for manifest in manifests_of(action).into_iter().chain(implied_by(action)) {
                ensure!(
                    self.manifests.contains_key(manifest),
                    "step {}: there is no manifest manifests/{manifest}; there are {}",
                    index + 1,
                    self.manifests.keys().cloned().collect::<Vec<_>>().join(", ")
                );
            }
            if let Action::Apply(apply) = action {
                let unknown = apply.overlays.iter().find(|id| !self.overlays.contains_key(*id));
                ensure!(
                    unknown.is_none(),
                    "step {}: there is no overlay manifests/overlays/{}.yaml; there are {}",
                    index + 1,
                    unknown.map_or("", String::as_str),
                    self.overlays.keys().cloned().collect::<Vec<_>>().join(", ")
                );
            }
            for applied in applied_by(action) {
                let outside =
                    self.manifests[applied].iter().find(|object| manifest::is_of_the_cluster(object));
                ensure!(
                    outside.is_none(),
                    "step {}: manifests/{applied} has a {}, which is in no namespace, and would outlive the run's; only a \
                     dry run may send it",
                    index + 1,
                    outside.and_then(|object| object["kind"].as_str()).unwrap_or_default()
                );
            }
            if let Action::Quiet(quiet) = action {
                ensure!(
                    limits::ALL.iter().any(|limit| limit.name == quiet.limit),
                    "step {}: there is no limit `{}` in src/limits.rs",
                    index + 1,
                    quiet.limit
                );
            }
        }
        Ok(())
    }
}

fn manifests_of(action: &Action) -> Vec<&str> {
    match action {
        Action::DryRun(dry_run) => vec![&dry_run.manifest, &dry_run.instead],
        _ => applied_by(action),
    }
}

/// The manifests that a step puts into the cluster.
fn applied_by(action: &Action) -> Vec<&str> {
    match action {
        Action::Apply(apply) => vec![&apply.manifest],
        _ => Vec::new(),
    }
}

/// The manifest that a step needs without naming it.
const fn implied_by(action: &Action) -> Option<&'static str> {
    match action {
        Action::StartProbes => Some("instrumented/probe.yaml"),
        Action::Churn(_) => Some("instrumented/squatter.yaml"),
        _ => None,
    }
}

/// An error with the file that it is about, and the line of the key that it begins with, or of the step.
fn located(path: &str, specs: &Files, error: &anyhow::Error) -> anyhow::Error {
    let text = specs.get(path).map(String::as_str).unwrap_or_default();
    let said = format!("{error:#}");
    let key = said.split([' ', ':']).next().unwrap_or_default();
    let named = said.split('`').nth(1);
    let line = match said.strip_prefix("step ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok())
    {
        Some(step) => yaml::line_of_item(text, "steps", step),
        None => yaml::line_of(text, key, named),
    };
    anyhow::anyhow!("specs/{path}:{line}: {said}")
}

fn embedded(dir: &Dir<'_>) -> Files {
    let mut files = Files::new();
    for entry in dir.entries() {
        if let Some(file) = entry.as_file() {
            let text = String::from_utf8_lossy(file.contents()).into_owned();
            files.insert(file.path().to_string_lossy().into_owned(), text);
        } else if let Some(inner) = entry.as_dir() {
            files.extend(embedded(inner));
        }
    }
    files
}

/// The images in a manifest's object: of a pod's containers, or of its template's.
pub fn images(object: &Value) -> impl Iterator<Item = &str> {
    ["/spec", "/spec/template/spec"]
        .iter()
        .flat_map(|spec| ["containers", "initContainers"].map(|list| format!("{spec}/{list}")))
        .filter_map(|pointer| object.pointer(&pointer)?.as_array())
        .flatten()
        .filter_map(|container| container["image"].as_str())
}
