//! `--junit PATH`: what is there is written to or replaced as a person means it, and never destroyed.

use std::{
    fs,
    io::Read,
    os::unix::fs::{FileTypeExt, symlink},
    process::Command,
    thread,
};

use crate::steadfast::{REPORTS, assert_red, code, is_green, passed, run, stderr, steadfast};

#[test]
fn a_link_is_followed_and_stays() {
    let root = tempfile::tempdir().unwrap();
    let (link, target) = (root.path().join("link.xml"), root.path().join("target.xml"));
    symlink("target.xml", &link).unwrap();
    for _ in 0..2 {
        assert_eq!(code(&run(&root.path().join("out"), &["--junit", link.to_str().unwrap()])), 0);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && is_green(&target));
    }
}

#[test]
fn a_pipe_is_written_to_and_stays() {
    let root = tempfile::tempdir().unwrap();
    let pipe = root.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    let output = run(&root.path().join("out"), &["--junit", pipe.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{output:?}");
    let text = reader.join().unwrap();
    assert_eq!(text.matches("<?xml").count(), 1, "one file, the last: {text}");
    assert!(text.contains("<testcase") && !text.contains("<error"), "{text}");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn standard_output_has_the_file_alone_and_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    for name in ["-", "/dev/stdout", "/proc/self/fd/1"] {
        let captured = root.path().join("captured");
        let out = root.path().join("out");
        let mut command =
            steadfast(&["--embedded", "--select", "ordered-creation", "--junit", name, "--out"]);
        let file = fs::File::create(&captured).unwrap();
        let mut same = fs::File::open(&captured).unwrap();
        let output = command.arg(&out).stdout(file).output().unwrap();
        assert_eq!(code(&output), 0, "{output:?}");
        let mut text = String::new();
        same.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("<?xml") && text.trim_end().ends_with("</testsuites>"), "{name}: {text}");
        assert!(stderr(&output).contains("VERDICT"), "the summary goes to standard error");
    }
}

#[test]
fn a_device_that_is_full_is_74_and_nothing_is_green() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let output = run(&out, &["--junit", "/dev/full"]);
    assert_eq!(code(&output), 74, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).trim_end().ends_with("REPORT NOT WRITTEN (exit 74)"));
    assert_red(&out, "/dev/full");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
}

#[test]
fn a_folder_that_is_missing_is_noticed_before_anything_is_begun() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let (missing, folder) = (root.path().join("no/such/junit.xml"), root.path().to_owned());
    for (path, said) in [(missing, "mkdir -p"), (folder, "is a folder")] {
        let output = run(&out, &["--junit", path.to_str().unwrap()]);
        assert_eq!(code(&output), 74, "{output:?}");
        assert!(stderr(&output).contains(said), "{output:?}");
        assert!(!out.join("history.jsonl").exists(), "nothing was begun");
    }
}

#[test]
fn a_file_of_the_runs_own_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (out, link) = (root.path().join("out"), root.path().join("link"));
    passed(&out);
    let record = fs::read(out.join("history.jsonl")).unwrap();
    symlink(out.join("history.jsonl"), &link).unwrap();
    let inside = |name: &str| out.join(name);
    for path in [inside("history.jsonl"), inside("report.json"), inside("../out/report.html"), link] {
        let junit = path.to_str().unwrap();
        let replay = steadfast(&["replay", out.to_str().unwrap(), "--junit", junit]).output().unwrap();
        let elsewhere = root.path().join("elsewhere");
        let to = ["replay", out.to_str().unwrap(), "--junit", junit, "-o", elsewhere.to_str().unwrap()];
        let mut outputs = vec![replay];
        if path.canonicalize().unwrap().ends_with("history.jsonl") {
            outputs.push(steadfast(&to).output().unwrap());
        }
        for output in outputs {
            assert_eq!(code(&output), 64, "{junit}: {output:?}");
            assert!(stderr(&output).contains("another file of the run's"), "{output:?}");
        }
        assert!(fs::read(out.join("history.jsonl")).unwrap() == record, "{junit}: the record was changed");
    }
    let output = run(&out, &["--junit", out.join("history.jsonl").to_str().unwrap()]);
    assert_eq!(code(&output), 64, "{output:?}");
    assert!(REPORTS.iter().all(|report| !is_green(&out.join(report))));
}

#[test]
fn an_older_file_there_is_red_as_soon_as_the_command_line_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let (out, junit) = (root.path().join("out"), root.path().join("ci.xml"));
    let typed = junit.to_str().unwrap();
    assert_eq!(code(&run(&out, &["--junit", typed])), 0);
    assert!(is_green(&junit));
    assert_eq!(code(&run(&out, &["--junit", typed, "--jobs", "0"])), 64);
    assert!(!is_green(&junit) && junit.exists());
}
