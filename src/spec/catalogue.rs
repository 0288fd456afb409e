//! Reads the whole catalogue and holds it together: an id once, no reference that leads nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::{Action, Apply, Overlay, Requirement, Scenario, yaml};
use crate::limits;

static SPECS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/specs");
static MANIFESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/manifests");

/// The areas, in the order of the catalogue.
pub const AREAS: &[&str] =
    &["topology", "network-identity", "dns", "storage", "scaling", "update", "deletion", "api"];

/// The folder of the overlays under `manifests/`.
const OVERLAYS: &str = "overlays/";

/// The scenario that every run begins with.
pub const PREFLIGHT: &str = "preflight";

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
        let specs = specs.map_or_else(|| Ok(embedded(&SPECS)), read_folder)?;
        let manifests = manifests.map_or_else(|| Ok(embedded(&MANIFESTS)), read_folder)?;
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
                    catalogue.manifests.insert(path.clone(), yaml::to_json(&shown, text)?);
                }
            }
        }
        for (path, text) in specs.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            catalogue.add_spec(path, text)?;
        }
        let rank = |area: &str| AREAS.iter().position(|known| *known == area);
        catalogue.requirements.sort_by_key(|r| (rank(&r.area), r.id.clone()));
        catalogue.check()?;
        Ok(catalogue)
    }

    fn add_spec(&mut self, path: &str, text: &str) -> Result<()> {
        let shown = format!("specs/{path}");
        let (folder, file) = path
            .rsplit_once('/')
            .with_context(|| format!("{shown}: a spec lies in the folder of its area"))?;
        let id = file.trim_end_matches(".yaml").to_owned();
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

    /// Every reference leads somewhere.
    fn check(&self) -> Result<()> {
        for requirement in &self.requirements {
            self.check_requirement(requirement)
                .with_context(|| format!("specs/{}/{}.yaml", requirement.area, requirement.id))?;
        }
        for scenario in self.scenarios.values() {
            self.check_scenario(scenario).with_context(|| format!("specs/scenarios/{}.yaml", scenario.id))?;
        }
        Ok(())
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
        let limits: BTreeSet<_> = limits::ALL.iter().map(|limit| limit.name).collect();
        for limit in &requirement.limits {
            ensure!(limits.contains(limit.as_str()), "limits names `{limit}`, which is not in src/limits.rs");
        }
        Ok(())
    }

    fn check_scenario(&self, scenario: &Scenario) -> Result<()> {
        for (index, action) in scenario.steps.iter().enumerate() {
            for manifest in manifests_of(action) {
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
        Action::Apply(apply) => vec![&apply.manifest],
        Action::DryRun(dry_run) => vec![&dry_run.manifest, &dry_run.instead],
        _ => Vec::new(),
    }
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

fn read_folder(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let entries = std::fs::read_dir(&next)
            .with_context(|| format!("failed to read the folder {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(below) = path.strip_prefix(folder) {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("failed to read {}", path.display()))?;
                files.insert(below.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    Ok(files)
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
