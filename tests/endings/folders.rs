//! The folder of the reports: what is in it while a command runs, when it was killed, and when it did not even begin.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
};

use crate::steadfast::{
    PROGRAM, REPORTS, Served, assert_red, code, configure, is_green, passed, run, stderr, steadfast,
    wait_until_said,
};

#[test]
fn a_run_that_is_killed_in_its_clean_up_leaves_only_red_reports() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    passed(folder.path()); // the reports of an older run, all green
    let mut process = served.run(folder.path(), &[]);
    let _said = wait_until_said(&mut process, "cleaning up");
    process.kill().unwrap();
    process.wait().unwrap();
    assert_red(folder.path(), "unfinished");
    let replayed = steadfast(&["replay", folder.path().to_str().unwrap(), "--quiet"]).output().unwrap();
    assert_eq!(code(&replayed), 2, "{replayed:?}");
    assert_red(folder.path(), "unsealed");
}

#[test]
fn a_run_that_is_killed_before_it_has_a_connection_leaves_nothing_of_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    passed(folder.path());
    // A server that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, steadfast_kubeconfig(silent.local_addr().unwrap())).unwrap();
    let mut command = steadfast(&["--out", folder.path().to_str().unwrap(), "--kubeconfig"]);
    let mut process = command.arg(&kubeconfig).spawn().unwrap();
    let (_connection, _) = silent.accept().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_red(folder.path(), "unfinished");
    assert!(!folder.path().join("history.jsonl").exists(), "the older record is still there");
}

fn steadfast_kubeconfig(server: std::net::SocketAddr) -> String {
    steadfast::embedded::kubeconfig(server)
}

#[test]
fn a_command_line_that_is_wrong_leaves_no_older_report_as_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for wrong in [
        &["--out", out, "--jbos", "3"][..],
        &["--out", out, "--select", "no-such-requirement"],
        &["--out", out, "--specs", "no-such-folder"],
        &["--out", out, "--deadline-secs", "1e308"],
        &["replay", out, "--jbos"],
    ] {
        passed(folder.path());
        let output = steadfast(wrong).output().unwrap();
        assert_eq!(code(&output), 64, "{wrong:?}");
        assert_red(folder.path(), "ended before it could");
    }
    passed(folder.path());
    let output = steadfast(&["--select", "no-such-requirement"]).env("ARTIFACTS", out).output().unwrap();
    assert_eq!(code(&output), 64);
    assert_red(folder.path(), "ended before it could");
}

#[test]
fn a_report_of_another_program_is_left_alone_by_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("junit.xml");
    fs::write(&theirs, "<testsuites><testsuite name=\"theirs\"/></testsuites>").unwrap();
    let output = steadfast(&["--jbos", "3", "--out", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(code(&output), 64);
    assert!(fs::read_to_string(&theirs).unwrap().contains("theirs"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and no report is added to it");
}

#[test]
fn a_record_that_is_refused_leaves_no_green_report_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    passed(folder.path());
    let record = folder.path().join("history.jsonl");
    let text = fs::read_to_string(&record).unwrap().replacen("\"embedded\":true", "\"embedded\":false", 1);
    fs::write(&record, text).unwrap();
    let output = steadfast(&["replay", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(code(&output), 64, "{output:?}");
    assert_red(folder.path(), "the header (line 1) was changed");
}

/// Runs with a bound on the size of files, which is what a disk that fills up looks like to a program.
fn with_room_for(kib: u32, folder: &Path) -> std::process::Output {
    let script = format!(
        "trap '' XFSZ; ulimit -f {kib}; exec '{PROGRAM}' --embedded --select ordered-creation --progress none --out '{}'",
        folder.display()
    );
    let mut command = Command::new("bash");
    configure(&mut command);
    command.args(["-c", &script]).output().unwrap()
}

#[test]
fn a_disk_that_is_full_from_the_beginning_begins_nothing_and_leaves_nothing_green() {
    let folder = tempfile::tempdir().unwrap();
    passed(folder.path());
    let output = with_room_for(8, folder.path());
    assert_eq!(code(&output), 74, "{output:?}");
    assert!(REPORTS.iter().all(|report| !is_green(&folder.path().join(report))));
    assert!(!folder.path().join("history.jsonl").exists(), "nothing was begun");
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_leaves_nothing_green() {
    let folder = tempfile::tempdir().unwrap();
    passed(folder.path());
    let output = with_room_for(60, folder.path());
    assert_eq!(code(&output), 74, "{output:?}");
    assert!(REPORTS.iter().all(|report| !is_green(&folder.path().join(report))));
    let replayed = steadfast(&["replay", folder.path().to_str().unwrap(), "--quiet"]).output().unwrap();
    assert_eq!(code(&replayed), 2, "{replayed:?}");
}

#[test]
fn standard_output_that_is_full_leaves_nothing_green_and_the_replay_is_no_better() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let mut command =
        steadfast(&["--embedded", "--select", "ordered-creation", "--progress", "none", "--out", out]);
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full()).output().unwrap();
    assert_eq!(code(&output), 74, "{output:?}");
    assert_red(folder.path(), "failed to write to standard output");
    let replayed = steadfast(&["replay", out, "--quiet"]).output().unwrap();
    assert_eq!(code(&replayed), 74, "{replayed:?}");
    assert_red(folder.path(), "failed to write to standard output");
}

#[test]
fn a_folder_in_use_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    passed(folder.path());
    let lock = File::open(folder.path()).unwrap();
    lock.lock().unwrap();
    let out = folder.path().to_str().unwrap();
    let replayed = steadfast(&["replay", out]).output().unwrap();
    for output in [run(folder.path(), &[]), replayed] {
        assert_eq!(code(&output), 64, "{output:?}");
        assert!(stderr(&output).contains("another run or replay is writing its reports"), "{output:?}");
    }
    for report in REPORTS {
        assert!(is_green(&folder.path().join(report)), "{report} is that of the run that has the folder");
    }
}

#[test]
fn a_record_that_is_removed_or_cut_during_the_run_ends_it() {
    let served = Served::start();
    let remove = |record: &Path| fs::remove_file(record).unwrap();
    let cut = |record: &Path| OpenOptions::new().write(true).open(record).unwrap().set_len(100).unwrap();
    let add = |record: &Path| {
        OpenOptions::new().append(true).open(record).unwrap().write_all(b"{}\n").unwrap();
    };
    for spoil in [&remove as &dyn Fn(&Path), &cut, &add] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = served.run(folder.path(), &[]);
        let said = wait_until_said(&mut process, "begins    first-start");
        spoil(&folder.path().join("history.jsonl"));
        process.stderr = Some(said.into_inner());
        let output = process.wait_with_output().unwrap();
        assert_eq!(code(&output), 74, "{output:?}");
        assert_red(folder.path(), "history.jsonl");
    }
    let left =
        steadfast(&["cleanup", "--dry-run", "--kubeconfig"]).arg(served.kubeconfig()).output().unwrap();
    assert!(String::from_utf8_lossy(&left.stdout).starts_with("there is nothing"), "{left:?}");
}

#[test]
fn a_replay_into_a_folder_with_a_link_to_the_record_does_not_empty_it() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    passed(&from);
    let record = fs::read(from.join("history.jsonl")).unwrap();
    for link in
        [|a: &Path, b: &Path| fs::hard_link(a, b), |a: &Path, b: &Path| std::os::unix::fs::symlink(a, b)]
    {
        fs::create_dir(&to).unwrap();
        link(&from.join("history.jsonl"), &to.join("history.jsonl")).unwrap();
        let output =
            steadfast(&["replay", from.to_str().unwrap(), "-o", to.to_str().unwrap(), "-q"]).output();
        assert_eq!(code(&output.unwrap()), 0);
        for folder in [&from, &to] {
            assert!(
                fs::read(folder.join("history.jsonl")).unwrap() == record,
                "{} was changed",
                folder.display()
            );
        }
        fs::remove_dir_all(&to).unwrap();
    }
}

#[test]
fn a_run_into_a_folder_with_a_link_to_another_record_does_not_empty_that() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (root.path().join("first"), root.path().join("second"));
    passed(&first);
    let record = fs::read(first.join("history.jsonl")).unwrap();
    fs::create_dir(&second).unwrap();
    fs::hard_link(first.join("history.jsonl"), second.join("history.jsonl")).unwrap();
    passed(&second);
    assert!(fs::read(first.join("history.jsonl")).unwrap() == record, "the other record was changed");
}

#[test]
fn a_selftest_that_is_killed_leaves_nothing_of_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for name in ["selftest.html", "selftest.json"] {
        fs::write(folder.path().join(name), "of a selftest that missed nothing").unwrap();
    }
    let mut process = steadfast(&["selftest", "-o", out]).spawn().unwrap();
    while !fs::read_to_string(folder.path().join("selftest.json")).unwrap().contains("UNFINISHED") {
        assert!(process.try_wait().unwrap().is_none(), "it has ended, and the older report is still there");
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(fs::read_to_string(folder.path().join("selftest.html")).unwrap().contains("UNFINISHED"));
}
