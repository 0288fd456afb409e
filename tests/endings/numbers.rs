//! Numbers out of their range, as flags and as variables: 64, and no panic on any thread.

use crate::steadfast::{code, run, stderr, steadfast};

/// Every flag that takes a number, and the commands that have it.
const FLAGS: &[(&str, &[&str])] = &[
    ("--deadline-secs", &["run"]),
    ("--timeout-scale", &["run"]),
    ("--dns-stale-secs", &["run"]),
    ("--jobs", &["run", "selftest"]),
    ("--seed", &["run", "selftest"]),
];

const OUT_OF_RANGE: &[&str] = &["1e308", "-1", "NaN", "inf", "99999999999999999999999", "", "ten"];

#[test]
fn numbers_out_of_their_range_are_64_as_flag_and_as_variable() {
    for (flag, commands) in FLAGS {
        let variable = format!("STEADFAST_{}", flag.trim_start_matches('-').to_uppercase().replace('-', "_"));
        for (command, number) in commands.iter().flat_map(|c| OUT_OF_RANGE.iter().map(move |n| (c, n))) {
            let typed = steadfast(&[command, &format!("{flag}={number}")]).output().unwrap();
            let set = steadfast(&[command]).env(&variable, number).output().unwrap();
            for output in [typed, set] {
                assert_eq!(code(&output), 64, "{command} {flag} {number}: {output:?}");
                assert!(stderr(&output).contains(flag), "{output:?}");
            }
        }
    }
}

#[test]
fn numbers_at_the_ends_of_their_range_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [
        &["--deadline-secs", "2592000"][..],
        &["--timeout-scale", "1000"],
        &["--dns-stale-secs", "86400"],
        &["--jobs", "256"],
        &["--seed", "18446744073709551615"],
    ] {
        let output = run(folder.path(), flags);
        assert_eq!(code(&output), 0, "{flags:?}: {output:?}");
    }
}

#[test]
fn an_age_a_port_and_a_run_id_have_their_range_too() {
    for arguments in [
        &["cleanup", "--older-than", "-1h"][..],
        &["cleanup", "--older-than", "1e9h"],
        &["cleanup", "--run-id", ""],
        &["cleanup", "--run-id", "a,b"],
        &["cleanup", "--run-id", "a&limit=1"],
        &["embedded", "serve", "--port", "65536"],
    ] {
        assert_eq!(code(&steadfast(arguments).output().unwrap()), 64, "{arguments:?}");
    }
    let everything = steadfast(&["cleanup"]).env("STEADFAST_RUN_ID", "").output().unwrap();
    assert_eq!(code(&everything), 64, "no id is not every id");
}
