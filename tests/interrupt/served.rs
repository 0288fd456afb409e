//! The cluster that the runs are made on, and the program as a command on it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A cluster; one that is ours ends with this value.
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
    serving: Option<(Child, tempfile::TempDir)>,
}

impl Cluster {
    /// The one that the environment names, else a model that another process serves.
    pub(crate) fn find() -> Self {
        if let Some(named) = std::env::var_os("INTERRUPT_KUBECONFIG").filter(|path| !path.is_empty()) {
            return Self { kubeconfig: named.into(), serving: None };
        }
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        let mut command = steadfast();
        command.args(["embedded", "serve", "--out"]).arg(&kubeconfig).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut said = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut said).expect("it says where it is");
        Self { kubeconfig, serving: Some((process, folder)) }
    }

    /// A run on it, of a small catalogue.
    pub(crate) fn run(&self, out: &Path) -> Command {
        let mut command = steadfast();
        command.args(["run", "--select", "ordered-creation", "--progress", "plain", "--out"]).arg(out);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }

    /// `cleanup`, with these flags.
    pub(crate) fn cleanup(&self, flags: &[&str]) -> Output {
        let mut command = steadfast();
        command.arg("cleanup").args(flags).arg("--kubeconfig").arg(&self.kubeconfig);
        command.output().expect("the program starts")
    }

    /// The namespaces that are there, of a run or of any.
    pub(crate) fn left(&self, run_id: Option<&str>) -> Vec<String> {
        let of_run: Vec<&str> = run_id.map(|id| vec!["--run-id", id]).unwrap_or_default();
        let output = self.cleanup(&[&["--dry-run", "--include-live"], &of_run[..]].concat());
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().filter_map(|line| Some(line.trim().strip_prefix("namespace/")?.to_owned())).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.serving {
            process.kill().expect("it is ours");
            process.wait().expect("it is ours");
        }
    }
}

/// The program, with the small catalogue.
pub(crate) fn steadfast() -> Command {
    let mut command = Command::new(super::program());
    command
        .env("STEADFAST_SPECS", "tests/cli/catalogue/specs")
        .env("STEADFAST_MANIFESTS", "tests/cli/catalogue/manifests")
        .env_remove("KUBECONFIG")
        .env_remove("ARTIFACTS")
        .stdin(Stdio::null());
    command
}

/// A run that nobody stops, whose green reports are left in that folder; how long it took.
pub(crate) fn whole_run(cluster: &Cluster, folder: &Path) -> Duration {
    let began = Instant::now();
    let output = cluster.run(folder).output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    assert!(
        fs::read_to_string(folder.join("report.html")).expect("it is there").contains("<title>MODEL: PASS")
    );
    began.elapsed()
}
