//! A folder with a kubeconfig, and the programs that are run on it: steadfast, and kubectl where there is one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::certificates::base64;

/// Where one case is tried out.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What is typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Typed {
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }
}

/// How a program ended, and all that it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) took: Duration,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A script that can be run.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The kubeconfig, named on the command line.
    pub(crate) fn kubeconfig(&self, text: impl AsRef<[u8]>) -> Typed {
        let path = self.write("config", text);
        Typed::default().with(&["--kubeconfig", &path])
    }

    /// steadfast, which looks for what it may clean up: the least that connects.
    pub(crate) fn steadfast(&self, typed: &Typed) -> Ended {
        self.run(Path::new(env!("CARGO_BIN_EXE_steadfast")), &["cleanup", "--dry-run"], typed)
    }

    /// steadfast's main job, on a small catalogue.
    pub(crate) fn steadfast_run(&self, typed: &Typed) -> Ended {
        let out = self.path("out");
        let catalogue = |folder: &str| format!("{}/tests/cli/catalogue/{folder}", env!("CARGO_MANIFEST_DIR"));
        let typed = typed
            .clone()
            .environment("STEADFAST_SPECS", catalogue("specs"))
            .environment("STEADFAST_MANIFESTS", catalogue("manifests"));
        self.run(Path::new(env!("CARGO_BIN_EXE_steadfast")), &["run", "--out", out.to_str().unwrap()], &typed)
    }

    /// kubectl, which asks for the same.
    pub(crate) fn kubectl(&self, program: &Path, typed: &Typed) -> Ended {
        self.run(program, &["get", "--raw", "/api/v1/namespaces"], typed)
    }

    fn run(&self, program: &Path, first: &[&str], typed: &Typed) -> Ended {
        let began = Instant::now();
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", "60"])
            .arg(program)
            .args(first)
            .args(&typed.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .envs(typed.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        let Output { status, stdout, stderr } = command.output().expect("the program starts");
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        Ended { code: status.code(), said, took: began.elapsed() }
    }

    /// Every file of the reports, as text.
    pub(crate) fn reports(&self) -> Vec<(String, String)> {
        let Ok(files) = std::fs::read_dir(self.path("out")) else { return Vec::new() };
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            let path = file.unwrap().path();
            (path.display().to_string(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned())
        };
        files.map(read).collect()
    }
}

/// A kubeconfig of one context, `here`, with that cluster and that user.
pub(crate) fn config(cluster: &Value, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

/// A cluster at that address, with that authority.
pub(crate) fn cluster(port: u16, authority: &str) -> Value {
    json!({"server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": base64(authority)})
}
