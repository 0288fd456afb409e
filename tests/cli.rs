//! The command line as scripts see it: what is printed, where, and with which exit code.
//!
//! The cases are in `tests/cli/*.trycmd`. `TRYCMD=overwrite cargo test --test cli` rewrites what they expect; read the
//! difference before you commit it. The records that they replay are in `tests/cli/histories/`; when the format of
//! records changes, `cargo test --features notation --test cli -- --ignored` writes them again.

use std::process::{Command, Output};

const STEADFAST: &str = env!("CARGO_BIN_EXE_steadfast");

/// Every case, on a small catalogue of its own, so that a new requirement changes none of them.
#[test]
fn commands_print_and_exit_as_documented() {
    trycmd::TestCases::new()
        .env("STEADFAST_SPECS", "tests/cli/catalogue/specs")
        .env("STEADFAST_MANIFESTS", "tests/cli/catalogue/manifests")
        .case("tests/cli/*.trycmd");
}

/// A command that has the small catalogue.
fn with_small_catalogue(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .env("STEADFAST_SPECS", "tests/cli/catalogue/specs")
        .env("STEADFAST_MANIFESTS", "tests/cli/catalogue/manifests");
    command.args(arguments).output().expect("the program starts")
}

fn exit_code(arguments: &[&str]) -> Option<i32> {
    with_small_catalogue(STEADFAST, arguments).status.code()
}

#[test]
fn a_server_that_is_down_leaves_red_reports_that_replay() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(exit_code(&["--kubeconfig", "tests/cli/kubeconfig.yaml", "--out", out]), Some(3));
    let report = || std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let junit = std::fs::read_to_string(folder.path().join("junit.xml")).unwrap();
    for id in ["ordered-creation", "dns-follows-recreate", "pvc-naming", "preflight-storage"] {
        assert!(junit.contains(id), "junit.xml lacks {id}:\n{junit}");
    }
    let root = junit.lines().find(|line| line.starts_with("<testsuites")).unwrap();
    assert!(!root.contains("failures=\"0\""), "junit.xml is green: {root}");
    let first = report();
    assert_eq!(exit_code(&["replay", out]), Some(3));
    let judged_at = |line: &&str| !line.contains("\"judged_at\"");
    assert!(first.lines().filter(judged_at).eq(report().lines().filter(judged_at)));
}

#[test]
fn a_broken_kubeconfig_tells_nothing_of_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, "users:\n- name: a\n  user:\n    token: canary\n   bad: x\n").unwrap();
    let (kubeconfig, out) = (kubeconfig.to_str().unwrap(), folder.path().join("out"));
    let output =
        with_small_catalogue(STEADFAST, &["--kubeconfig", kubeconfig, "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(64));
    let mut said = vec![output.stdout, output.stderr];
    said.extend(std::fs::read_dir(&out).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()));
    for text in said {
        assert!(!String::from_utf8_lossy(&text).contains("canary"), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let line = format!(
        "set -o pipefail; '{STEADFAST}' list | true; echo $?; '{STEADFAST}' list > /dev/full; echo $?"
    );
    let output = with_small_catalogue("bash", &["-c", &line]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0\n74", "a full disk is one");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[cfg(feature = "notation")]
mod histories {
    use std::{fs, path::Path};

    use steadfast::{
        checks::notation::history,
        history::{
            Ending, Stopping,
            file::{self, ClusterFacts, Header},
            seal::Tally,
        },
    };

    const FOLDER: &str = "tests/cli/histories";

    /// The lines of a run of the one scenario `first-start`, in which that happened, and which ended so.
    fn lines(statements: &str, ended: &Ending) -> Vec<String> {
        of_requirement("ordered-creation", statements, ended)
    }

    fn of_requirement(id: &str, statements: &str, ended: &Ending) -> Vec<String> {
        let cluster = ClusterFacts {
            server_version: "v1.37.1".to_owned(),
            nodes: vec!["node-0".to_owned()],
            storage_class: Some("standard".to_owned()),
            ..ClusterFacts::default()
        };
        let header = Header {
            format: file::FORMAT,
            run_id: "k3v9x2".to_owned(),
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            recorded_by: "0.1.0".to_owned(),
            cluster,
            seed: 7,
            selected: vec![id.to_owned()],
        };
        let mut tally = Tally::default();
        let mut lines = vec![file::header_line(&header) + "\n"];
        tally.header(lines[0].as_bytes());
        for event in history(statements).events {
            let line = file::line("first-start", &event) + "\n";
            tally.event("first-start", line.as_bytes());
            lines.push(line);
        }
        lines.push(tally.seal(ended) + "\n");
        lines
    }

    fn save(name: &str, text: &str) {
        let folder = Path::new(FOLDER).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file::NAME), text).unwrap();
    }

    #[test]
    #[ignore = "writes tests/cli/histories"]
    fn write_them_again() {
        let ended = Ending::default();
        let two = "set replicas=2; web-0 created; web-0 scheduled; web-0 running; web-0 ready; \
                   web-1 created; web-1 scheduled; web-1 running; web-1 ready; completed";
        let pass = lines(two, &ended);
        let last = pass.len() - 1;
        save("pass", &pass.concat());
        save(
            "fail",
            &lines(
                "set replicas=2; web-0 created; web-0 running; web-1 created; web-0 ready; web-1 ready; completed",
                &ended,
            )
            .concat(),
        );
        save(
            "blind",
            &lines("set replicas=2; web-0 created; web-0 ready; gap pods; web-1 listed; completed", &ended)
                .concat(),
        );
        save("stopped", &lines(two, &Ending::stopped(Stopping::Terminate)).concat());
        save("unsealed", &pass[..last].concat());
        let events = pass[..last].concat();
        save("truncated", &events[..events.len() - 20]);
        save("gap", &[&pass[..8], &pass[9..]].concat().concat());
        save("edited", &pass.concat().replacen("\"standard\"", "\"fast\"", 1));
        save("unknown-format", &pass[..2].concat().replacen("\"format\":2", "\"format\":9", 1));
        save("unknown-requirement", &of_requirement("order-of-tomorrow", two, &ended).concat());
    }
}
