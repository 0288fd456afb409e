//! The two sides of a comparison: what a real cluster's record says, and what a model like it does.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
pub(crate) use steadfast::embedded::Model;
use steadfast::{
    cli::{Recorded, run_on_cluster},
    embedded::{self, Storage},
    history::{
        History, Resource,
        file::{self, ClusterFacts, Header, Record},
    },
    judge::{self, Judged},
    plan::{Plan, Selection},
    report::Circumstances,
    spec::Catalogue,
};

/// What kube-scheduler writes on a claim whose class waits for its first consumer (its VolumeBinding plugin).
const SELECTED_NODE: &str = "/metadata/annotations/volume.kubernetes.io~1selected-node";

/// Where a real cluster's record comes from.
#[derive(Clone)]
pub(crate) enum Real {
    /// The cluster in `$KUBECONFIG`, now.
    Cluster,
    /// A file that was kept from a run.
    Kept(PathBuf),
}

/// The records in `tests/histories/`, by name.
pub(crate) fn kept() -> Result<Vec<Real>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut records: Vec<PathBuf> = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    records.sort();
    Ok(records.into_iter().map(Real::Kept).collect())
}

impl Real {
    /// `cluster`, or the record's name: `v1.37.1-three-nodes`.
    pub(crate) fn name(&self) -> String {
        match self {
            Real::Cluster => "cluster".to_owned(),
            Real::Kept(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.trim_end_matches(".jsonl.gz").to_owned()
            }
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        match self {
            Real::Cluster => std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty()),
            Real::Kept(_) => true,
        }
    }
}

/// What is compared.
pub(crate) struct Pair {
    pub(crate) real: Side,
    pub(crate) model: Side,
}

impl Pair {
    /// Runs the default selection on the cluster, or takes what was kept of it, and then on a model like it.
    pub(crate) fn of(catalogue: &Catalogue, real: &Real) -> Result<Self> {
        let name = format!("like-{}", real.name());
        let real = Side::real(catalogue, real)?;
        let plan = Plan::of(catalogue, &Selection::default());
        let mut model = Side::model(catalogue, &plan, like(&real), &name)?;
        model.judge_as_of(catalogue, &real.header.cluster);
        Ok(Self { real, model })
    }
}

/// One run: its record, where that is, and the verdicts.
pub(crate) struct Side {
    pub(crate) stored: PathBuf,
    pub(crate) header: Header,
    pub(crate) histories: Vec<History>,
    pub(crate) judged: Vec<Judged>,
}

impl Side {
    pub(crate) fn real(catalogue: &Catalogue, real: &Real) -> Result<Self> {
        match real {
            Real::Cluster => Self::cluster(catalogue),
            Real::Kept(path) => Self::record(catalogue, path),
        }
    }

    fn cluster(catalogue: &Catalogue) -> Result<Self> {
        let plan = Plan::of(catalogue, &Selection::default());
        let Recorded { folder, header, histories, judged } = run_on_cluster(&plan.requirements)?;
        let refused = Circumstances::of_record(&histories).preflight_refused;
        ensure!(refused.is_none(), "{}", refused.unwrap_or_default());
        Ok(Self { stored: folder.join(file::NAME), header, histories, judged })
    }

    fn record(catalogue: &Catalogue, path: &Path) -> Result<Self> {
        let lines = BufReader::new(GzDecoder::new(File::open(path)?));
        // A kept record may be of a format that has no seal: what it is compared with is on the same page of git.
        let Record { header, histories, .. } =
            file::read(lines).with_context(|| format!("failed to read {}", path.display()))?;
        let judged = judge::judge_all(catalogue, &header.selected, &header.cluster, &histories);
        Ok(Self { stored: path.to_owned(), header, histories, judged })
    }

    /// Runs a plan on a model. The record stays in a folder of that name, for whoever reads of a difference.
    pub(crate) fn model(catalogue: &Catalogue, plan: &Plan, model: Model, name: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity").join(name);
        fs::create_dir_all(&folder)?;
        embedded::record(catalogue, plan, model, "parity", &folder, |finished, _| Self {
            stored: folder.join(file::NAME),
            header: finished.header,
            histories: finished.histories,
            judged: finished.judged,
        })
    }

    /// Judges the record as that of a cluster of the other's version: what that version does not promise yet applies to
    /// neither, and what it does is compared.
    pub(crate) fn judge_as_of(&mut self, catalogue: &Catalogue, other: &ClusterFacts) {
        let facts =
            ClusterFacts { server_version: other.server_version.clone(), ..self.header.cluster.clone() };
        self.judged = judge::judge_all(catalogue, &self.header.selected, &facts, &self.histories);
    }

    pub(crate) fn history(&self, scenario: &str) -> Option<&History> {
        self.histories.iter().find(|history| history.scenario == scenario)
    }

    pub(crate) fn judged(&self, id: &str) -> Option<&Judged> {
        self.judged.iter().find(|judged| judged.id == id)
    }

    /// What is compared, in a word or two.
    pub(crate) fn name(&self) -> String {
        match self.header.cluster.embedded {
            true => "the model".to_owned(),
            false => format!("a real {}", self.header.cluster.server_version),
        }
    }
}

/// A model with what the record says of the real cluster: its release, its nodes, its DNS backends, how its storage binds.
fn like(real: &Side) -> Model {
    let facts = &real.header.cluster;
    let dns_backends =
        real.histories.iter().map(|history| history.started().backends.len()).max().unwrap_or(0);
    let storage = match facts.storage_class {
        None => Storage::None,
        Some(_) if real.histories.iter().any(waits_for_first_consumer) => Storage::WaitForFirstConsumer,
        Some(_) => Storage::Immediate,
    };
    let (seed, nodes, version) = (real.header.seed, facts.nodes.len(), facts.server_version.clone());
    Model { seed, nodes, dns_backends, storage, version, ..Model::default() }
}

fn waits_for_first_consumer(history: &History) -> bool {
    history.objects(Resource::PersistentVolumeClaims).any(|claim| claim.at(SELECTED_NODE).is_some())
}
