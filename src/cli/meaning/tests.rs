//! No flag is without effect, and every flag has its twin in the environment.

use clap::{CommandFactory, Parser};

use super::*;
use crate::cli::args::{Cli, Command};

/// A value for each flag of `run` that is not its default; none for a switch.
const VALUES: &[(&str, Option<&str>)] = &[
    ("kubeconfig", Some("/tmp/kubeconfig")),
    ("context", Some("other")),
    ("cluster", Some("other")),
    ("user", Some("other")),
    ("server", Some("https://example.com")),
    ("tls-server-name", Some("example.com")),
    ("certificate-authority", Some("/tmp/ca.crt")),
    ("insecure-skip-tls-verify", None),
    ("client-certificate", Some("/tmp/me.crt")),
    ("client-key", Some("/tmp/me.key")),
    ("token", Some("abc")),
    ("as", Some("jane")),
    ("as-group", Some("developers")),
    ("as-uid", Some("1000")),
    ("request-timeout", Some("5s")),
    ("embedded", None),
    ("storage-class", Some("fast")),
    ("cluster-domain", Some("k8s.example")),
    ("dns-backends", Some("kube-system/k8s-app=kube-dns")),
    ("dns-stale-secs", Some("90")),
    ("namespace-prefix", Some("mine-")),
    ("keep", Some("always")),
    ("image", Some("as-documented")),
    ("probe-image", Some("mirror/busybox:1")),
    ("jobs", Some("3")),
    ("timeout-scale", Some("2")),
    ("deadline-secs", Some("60")),
    ("seed", Some("7")),
    ("out", Some("/tmp/out")),
    ("junit", Some("/tmp/junit.xml")),
    ("registry", Some("mirror.example/k8s")),
    ("image-map", Some("busybox:1.28.4=corp/bb:1")),
    ("junit-suite-prefix", Some("kind")),
    ("junit-property", Some("cluster=kind")),
    ("junit-attachment-base", Some("/ci")),
    ("report-url", Some("https://ci.example/7")),
    ("junit-dialect", Some("strict")),
    ("color", Some("never")),
    ("progress", Some("none")),
    ("quiet", None),
    ("verbose", None),
];

/// The flags that say what to run, and not how: the catalogue and the selection. `tests/cli` shows what they do.
const WHAT_TO_RUN: &[&str] = &["select", "skip", "specs", "manifests", "scenario"];

fn parsed(arguments: &[&str]) -> Options {
    let cli = Cli::try_parse_from([&["steadfast"], arguments].concat()).unwrap();
    match cli.command {
        Some(Command::Run(args)) => options(&args),
        _ => options(&cli.run),
    }
}

fn flags(command: &clap::Command) -> impl Iterator<Item = &clap::Arg> {
    command.get_arguments().filter(|arg| !matches!(arg.get_long(), None | Some("help" | "version")))
}

#[test]
fn every_flag_of_run_has_an_effect() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    for flag in flags(run).filter_map(|flag| flag.get_long()).filter(|flag| !WHAT_TO_RUN.contains(flag)) {
        let value = VALUES.iter().find(|(name, _)| *name == flag);
        let (_, value) = value.unwrap_or_else(|| panic!("give --{flag} a value in VALUES"));
        let typed = format!("--{flag}");
        let arguments: Vec<&str> = std::iter::once(typed.as_str()).chain(*value).collect();
        assert_ne!(parsed(&arguments), parsed(&[]), "--{flag} changes nothing");
    }
}

#[test]
fn run_means_the_same_with_and_without_its_name() {
    assert_eq!(
        parsed(&["run", "--jobs", "3", "--keep", "always"]),
        parsed(&["--jobs", "3", "--keep", "always"])
    );
}

#[test]
fn what_is_not_typed_is_the_default() {
    let junit_style = JunitStyle { hostname: hostname(), ..JunitStyle::default() };
    let out = artifacts();
    assert_eq!(parsed(&[]), Options { junit_style, out, ..Options::default() });
}

#[test]
fn every_flag_has_its_twin_in_the_environment() {
    for command in Cli::command().get_subcommands() {
        for flag in flags(command) {
            let name = flag.get_long().unwrap_or_default();
            let twin = format!("STEADFAST_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(twin.as_str()), "--{name}");
        }
    }
}

#[test]
fn a_deadline_that_is_not_given_stretches_with_the_waits() {
    assert_eq!(parsed(&["--timeout-scale", "2"]).deadline_secs, 2.0 * limits::RUN.wait_secs());
    assert_eq!(parsed(&["--timeout-scale", "2", "--deadline-secs", "60"]).deadline_secs, 60.0);
}

#[test]
fn the_promise_about_dns_is_not_stretched() {
    assert_eq!(parsed(&["--timeout-scale", "2"]).dns_stale_secs, limits::DNS_STALE_HARD.wait_secs());
}

#[test]
fn an_empty_name_is_no_name() {
    assert_eq!(parsed(&["--storage-class", "", "--context", ""]), parsed(&[]));
}

#[test]
fn groups_to_impersonate_may_be_repeated() {
    let target = parsed(&["--as", "jane", "--as-group", "a", "--as-group", "b,c"]).target;
    assert_eq!(target.impersonate_groups, ["a", "b,c"]);
}

#[test]
fn a_token_is_not_shown_by_debug() {
    let shown = format!("{:?}", parsed(&["--token", "canary"]));
    assert!(shown.contains("<secret>") && !shown.contains("canary"), "{shown}");
}

#[test]
fn the_model_has_no_flags_of_a_cluster() {
    for flag in [["--context", "a"], ["--server", "a"], ["--token", "a"], ["--request-timeout", "1"]] {
        let line = ["steadfast", "--embedded", flag[0], flag[1]];
        assert!(Cli::try_parse_from(line).is_err(), "{flag:?}");
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}
