//! The program as a process, the reports that it leaves, and a model cluster that another process serves.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_steadfast");

/// The reports of a run.
pub(crate) const REPORTS: &[&str] = &["junit.xml", "report.html", "report.json"];

/// A command that has the small catalogue, and nothing of the environment that could turn it another way.
pub(crate) fn steadfast(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    configure(&mut command);
    command.args(arguments);
    command
}

/// Gives a command what every command here has.
pub(crate) fn configure(command: &mut Command) {
    command
        .env("STEADFAST_SPECS", "tests/cli/catalogue/specs")
        .env("STEADFAST_MANIFESTS", "tests/cli/catalogue/manifests")
        .env_remove("KUBECONFIG")
        .env_remove("ARTIFACTS")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null());
}

/// A run on the model in the same process, of the one requirement that passes there.
pub(crate) fn run(folder: &Path, more: &[&str]) -> Output {
    let out = folder.to_str().expect("a path of letters");
    let fixed = ["--embedded", "--select", "ordered-creation", "--progress", "none", "--out", out];
    steadfast(&[&fixed, more].concat()).output().expect("the program starts")
}

/// A run that has passed, in that folder.
pub(crate) fn passed(folder: &Path) {
    assert_eq!(code(&run(folder, &[])), 0);
    for report in REPORTS {
        assert!(is_green(&folder.join(report)), "{report} is not green after a run that passed");
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("it ended with {}: {output:?}", output.status))
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether whoever looks at the report takes the run for a success.
pub(crate) fn is_green(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else { return false };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xml") => !text.contains("<failure") && !text.contains("<error") && text.contains("<testcase"),
        Some("html") => text.contains("<title>PASS") || text.contains("<title>MODEL: PASS"),
        Some("json") => text.contains("\"verdict\": \"PASS\""),
        _ => panic!("{} is no report", path.display()),
    }
}

/// No report in the folder is green, and each that there is says `word`.
pub(crate) fn assert_red(folder: &Path, word: &str) {
    for report in REPORTS {
        let path = folder.join(report);
        assert!(!is_green(&path), "{report} is green");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{report}: {error}"));
        assert!(text.to_lowercase().contains(&word.to_lowercase()), "{report} does not say {word}: {text}");
    }
}

/// A process that serves the model cluster; it ends with this value.
pub(crate) struct Served {
    process: Child,
    folder: tempfile::TempDir,
}

impl Served {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        let mut command = steadfast(&["embedded", "serve", "--out", kubeconfig.to_str().expect("letters")]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let said = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("it says where it is");
        assert!(line.contains("is up"), "{line}");
        Self { process, folder }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A run on it that goes on until somebody stops it or it ends.
    pub(crate) fn run(&self, out: &Path, more: &[&str]) -> Child {
        let (kubeconfig, out) = (self.kubeconfig(), out.to_str().expect("letters").to_owned());
        let fixed =
            ["run", "--select", "ordered-creation", "--progress", "plain", "--out", &out, "--kubeconfig"];
        let mut command = steadfast(&fixed);
        command.arg(kubeconfig).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }
}

/// Reads what a process says until it has said this; gives back the rest to read.
pub(crate) fn wait_until_said(process: &mut Child, what: &str) -> BufReader<ChildStderr> {
    let mut said = BufReader::new(process.stderr.take().expect("a pipe"));
    let mut all = String::new();
    while !all.contains(what) {
        let read = said.read_line(&mut all).expect("it can be read");
        assert!(read > 0, "it never said `{what}`: {all}");
    }
    said
}
