//! Runs on a real cluster whose watches go through a proxy on loopback that delays them, mutes them and cuts them, by seed. A
//! healthy cluster must not be accused for that: each run ends with 0 or 2.
//!
//! `KUBECONFIG=… cargo test --release --test disturbed_watches`; `DISTURBED_RUNS=30` makes more runs of it, and
//! `DISTURBED_SEED=7` begins with another seed. Without `KUBECONFIG` nothing is run, and it says so.

mod proxy;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use proxy::{Disturbance, Proxy};

/// Requirements that read several watches each, on a few scenarios that go on side by side.
const SELECTED: &str = "ordered-creation,survivor-undisturbed,scale-down-reverse,scale-down-waits-termination,status-consistent,\
     pvc-naming,pvc-reattach,pvc-bound-distinct,identity-labels,endpointslice-truth,pod-fqdn-resolves,headless-a-set";

fn main() -> ExitCode {
    let Some(kubeconfig) = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) else {
        println!("disturbed_watches: KUBECONFIG is not set, nothing was run");
        return ExitCode::SUCCESS;
    };
    match all(Path::new(&kubeconfig)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("disturbed_watches: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn number(name: &str, or: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is `{text}`, which is no number")),
        Err(_) => Ok(or),
    }
}

fn all(kubeconfig: &Path) -> Result<()> {
    let (runs, first) = (number("DISTURBED_RUNS", 3)?, number("DISTURBED_SEED", 1)?);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut turned = 0;
    for seed in first..first + runs {
        let proxy = runtime.block_on(Proxy::start(kubeconfig, seed))?;
        let through = proxy.kubeconfig(folder.path())?;
        let out = folder.path().join(format!("run-{seed}"));
        let code = run(&through, &out, seed)?;
        let told = proxy.told();
        let verdicts = verdicts(&out)?;
        println!("seed {seed}: exit {code}, {verdicts}; {}", Disturbance::words(&told));
        turned += u64::from(code != 0 && code != 2);
        proxy.stop();
    }
    ensure!(turned == 0, "{turned} of {runs} runs accuse a healthy cluster or broke down");
    Ok(())
}

fn run(kubeconfig: &Path, out: &Path, seed: u64) -> Result<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["run", "--progress", "none", "--quiet", "--select", SELECTED]);
    command.arg("--seed").arg(seed.to_string()).arg("--out").arg(out);
    command.env("KUBECONFIG", kubeconfig).env_remove("ARTIFACTS");
    let output = command.output().context("failed to start steadfast")?;
    let code = output.status.code().unwrap_or(-1);
    if code != 0 {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(code)
}

/// How many of each verdict there are.
fn verdicts(out: &Path) -> Result<String> {
    let path: PathBuf = out.join("report.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let report: serde_json::Value = serde_json::from_str(&text)?;
    let counts = report["counts"].as_object().context("report.json has no counts")?;
    let counts = counts.iter().filter(|(_, count)| **count != 0);
    Ok(counts.map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "))
}
