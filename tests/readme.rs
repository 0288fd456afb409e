//! The commands in README.md work. Those in plain `sh` blocks need no cluster and are run here; `.ci/run` runs those in
//! `sh cluster` blocks on a real one, and the tests, which `sh tests` names, are what is running now.

use std::{fs, path::Path, process::Command};

const README: &str = include_str!("../README.md");

/// The lines of the fenced shell blocks, each with what stands after `sh`.
fn commands() -> Vec<(&'static str, &'static str)> {
    let (mut commands, mut block) = (Vec::new(), None);
    for line in README.lines() {
        match line.strip_prefix("```") {
            Some(opening) if block.is_none() => block = Some(opening),
            Some(_) => block = None,
            None => commands.extend(
                block.and_then(|opening| opening.strip_prefix("sh")).map(|kind: &str| (kind.trim(), line)),
            ),
        }
    }
    commands
}

#[test]
fn commands_that_need_no_cluster_run() {
    let binary = format!("'{}'", env!("CARGO_BIN_EXE_steadfast"));
    let here: Vec<_> = commands().into_iter().filter(|(kind, _)| kind.is_empty()).collect();
    assert!(!here.is_empty(), "README.md has no plain ```sh block left; this test is for nothing");
    for (_, line) in here {
        let built = line.replace("cargo run --release --", &binary);
        assert_ne!(line, built, "README.md: `{line}` is not run through `cargo run --release --`");
        let output = Command::new("sh").args(["-c", &built]).output().expect("sh starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "README.md: `{line}` ended with {}:\n{stderr}", output.status);
        assert!(!output.stdout.is_empty(), "README.md: `{line}` printed nothing");
    }
}

#[test]
fn every_shell_block_is_run_by_somebody() {
    for (kind, line) in commands() {
        assert!(
            ["", "cluster", "tests"].contains(&kind),
            "README.md: nobody runs `sh {kind}` blocks, such as `{line}`; see the head of tests/readme.rs"
        );
    }
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_steadfast")).arg("--help").output().expect("it starts");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for code in ["0", "1", "2", "3", "4", "5", "6", "64", "70", "74"] {
        assert!(README.contains(&format!("\n| {code} |")), "README.md's table lacks exit code {code}");
        assert!(help.contains(&format!(" {code}  ")), "--help lacks exit code {code}");
    }
}

#[test]
fn links_to_files_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/mutants.md", "reports/README.md"] {
        let path = root.join(page);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with('#') && !link.contains("://")) {
            let file = link.split('#').next().unwrap_or(link);
            assert!(path.with_file_name(file).exists(), "{page} links to {link}, which is not there");
        }
    }
}
