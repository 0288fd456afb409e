//! The namespaces of runs: their names, and what tells them from everybody else's.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Server, read};

/// The label that carries the id of the run on everything that it makes.
pub const RUN_LABEL: &str = "steadfast/run-id";

/// The label that carries the scenario's id.
pub const SCENARIO_LABEL: &str = "steadfast/scenario";

/// The label that repeats the namespace's own name. Who copies labels copies it too, and then it is another's name.
const NAME_LABEL: &str = "steadfast/namespace";

/// The label that says who manages the object, and our value of it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "steadfast");

/// What the random end of a name is made of: no vowels, and nothing that looks like something else.
pub const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How long the random end of a name is.
pub const NAME_RANDOM: usize = 5;

/// A namespace of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its uid, which a delete names.
    pub uid: String,
    /// The run that made it.
    pub run_id: String,
    /// The scenario that it is for.
    pub scenario: String,
    /// When it was made, RFC 3339, as the server says.
    pub created_at: String,
    /// Whether it is on its way out.
    pub terminating: bool,
}

impl Namespace {
    /// The namespace, if it is one that a run has made: it has all of our labels, and they say its own name, which is one
    /// of ours.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let label = |key: &str| metadata["labels"][key].as_str();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (name, scenario) = (text(&metadata["name"])?, label(SCENARIO_LABEL)?);
        let is_ours = label(MANAGED_BY.0) == Some(MANAGED_BY.1)
            && label(NAME_LABEL) == Some(&name)
            && is_name_for(&name, scenario);
        is_ours.then_some(())?;
        Some(Self {
            uid: text(&metadata["uid"])?,
            run_id: label(RUN_LABEL)?.to_owned(),
            scenario: scenario.to_owned(),
            created_at: text(&metadata["creationTimestamp"]).unwrap_or_default(),
            terminating: !metadata["deletionTimestamp"].is_null(),
            name,
        })
    }

    /// Where it is in the API.
    pub(super) fn path(&self) -> String {
        path(&self.name)
    }
}

/// Where a namespace is in the API.
pub(super) fn path(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// The labels of the namespace of that name, which a run makes for a scenario.
pub(super) fn labels(name: &str, run_id: &str, scenario: &str) -> Value {
    json!({
        RUN_LABEL: run_id, SCENARIO_LABEL: scenario, NAME_LABEL: name, MANAGED_BY.0: MANAGED_BY.1,
        "pod-security.kubernetes.io/enforce": "privileged",
    })
}

/// Whether a name ends as those do that are made for a scenario: with its id and a random word.
fn is_name_for(name: &str, scenario: &str) -> bool {
    let Some((rest, random)) = name.rsplit_once('-') else { return false };
    let is_random =
        random.len() == NAME_RANDOM && random.bytes().all(|letter| NAME_LETTERS.contains(&letter));
    is_random && !scenario.is_empty() && rest.ends_with(scenario)
}

/// What carries the label of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelled {
    /// The namespaces that runs have made.
    pub ours: Vec<Namespace>,
    /// The names of those that carry the label of a run and that no run has made.
    pub others: Vec<String>,
}

/// The namespaces that carry the label of a run; with an id, of that run.
///
/// # Errors
/// The server refuses or does not answer.
pub async fn namespaces_of_runs(server: &Server, run_id: Option<&str>) -> Result<Labelled> {
    let selector = run_id.map_or("steadfast%2Frun-id".to_owned(), |id| format!("steadfast%2Frun-id%3D{id}"));
    let path = format!("/api/v1/namespaces?labelSelector={selector}");
    let mut labelled = Labelled::default();
    for object in read::list(server, &path, "Namespace").await? {
        match Namespace::read(&object) {
            Some(namespace) => labelled.ours.push(namespace),
            None => labelled.others.extend(object["metadata"]["name"].as_str().map(str::to_owned)),
        }
    }
    Ok(labelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, labels: &Value) -> Value {
        json!({"metadata": {"name": name, "uid": "u", "labels": labels}})
    }

    #[test]
    fn only_what_has_all_labels_and_a_name_of_ours_is_ours() {
        let ours = "mine-first-start-bcd24";
        let labels = labels(ours, "r", "first-start");
        assert_eq!(Namespace::read(&object(ours, &labels)).unwrap().run_id, "r");
        assert_eq!(Namespace::read(&object("production", &labels)), None, "labels that were copied");
        for label in [RUN_LABEL, SCENARIO_LABEL, NAME_LABEL, MANAGED_BY.0] {
            let mut fewer = labels.clone();
            fewer.as_object_mut().unwrap().remove(label);
            assert_eq!(Namespace::read(&object(ours, &fewer)), None, "without {label}");
        }
        for name in
            ["kube-system", "first-start", "mine-first-start", "mine-first-start-aeiou", "mine-other-bcd24"]
        {
            let labels = super::labels(name, "r", "first-start");
            assert_eq!(Namespace::read(&object(name, &labels)), None, "{name}");
        }
    }
}
