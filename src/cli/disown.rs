//! What becomes of older reports when a command ends before it has written its own: they must not be taken for its.
//!
//! A CI job that publishes `junit.xml` whatever happened would otherwise publish the file of the last run that went well.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::CommandFactory;

use super::{args::Cli, meaning};
use crate::{
    history::file::Header,
    options::JunitStyle,
    report::{
        Outcome, Report, html, junit,
        place::Place,
        write::{is_busy, names, replace_or_remove},
    },
    run::say,
    spec::Catalogue,
};

/// The reports that a command line would have written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Targets {
    folder: Option<PathBuf>,
    junit: Option<PathBuf>,
}

/// The reports of the selftest, which are no run's.
pub(super) const SELFTEST: &[&str] = &["selftest.html", "selftest.json"];

/// The default folder of the selftest's reports.
pub(super) const SELFTEST_FOLDER: &str = "reports/selftest";

/// How much of a file is looked at to tell whether it is one of ours.
const LOOKED_AT: u64 = 64 << 10;

impl Targets {
    /// What the command line says of it, right or wrong as the rest may be: clap gives nothing of one that is wrong.
    pub(super) fn of(command_line: impl IntoIterator<Item = OsString>) -> Self {
        let words: Vec<OsString> = command_line.into_iter().skip(1).collect();
        let known = Cli::command();
        let named = words.first().and_then(|word| word.to_str()).and_then(|word| known.find_subcommand(word));
        let name = named.map_or("run", clap::Command::get_name);
        let command = named.or_else(|| known.find_subcommand(name)).unwrap_or(&known);
        let typed = Typed::of(command, words.into_iter().skip(usize::from(named.is_some())));
        let junit = typed.path("junit", "STEADFAST_JUNIT");
        let out = typed.path("out", "STEADFAST_OUT");
        match name {
            "run" => Self { folder: out.or_else(meaning::artifacts), junit },
            "replay" => Self { folder: out.or(typed.first), junit },
            "selftest" => Self { folder: out.or(Some(SELFTEST_FOLDER.into())), junit: None },
            _ => Self::default(),
        }
    }

    /// Puts the reason why there is no new report in the place of each older one. A folder in which another command is at
    /// work is that command's.
    pub(super) fn disown(&self, outcome: Outcome, why: &str) {
        let folder = self.folder.as_deref().filter(|folder| !is_busy(folder));
        let in_folder = folder.into_iter().flat_map(|folder| {
            names::ALL.iter().chain(names::FORMER).chain(SELFTEST).map(|name| folder.join(name))
        });
        for path in in_folder.chain(self.junit.as_deref().and_then(plain_file)) {
            if is_an_older_report(&path)
                && let Err(error) = disown(&path, outcome, why)
            {
                say(&format!("warning: {error:#}"));
            }
        }
    }
}

/// The words of a command line, as far as they can be told apart.
#[derive(Default)]
struct Typed {
    values: BTreeMap<String, OsString>,
    /// The first word that is neither a flag nor a flag's value.
    first: Option<PathBuf>,
}

impl Typed {
    fn of(command: &clap::Command, words: impl Iterator<Item = OsString>) -> Self {
        let mut typed = Self::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match Flag::of(command, &word) {
                Some(Flag { name, value: Some(value), .. }) => _ = typed.values.insert(name, value),
                Some(Flag { name, value: None, takes_one: true }) => {
                    if let Some(value) = words.next() {
                        typed.values.insert(name, value);
                    }
                }
                Some(_) => {}
                None if typed.first.is_none() && !word.to_string_lossy().starts_with('-') => {
                    typed.first = Some(word.into());
                }
                None => {}
            }
        }
        typed
    }

    fn path(&self, flag: &str, variable: &str) -> Option<PathBuf> {
        let value = self.values.get(flag).cloned().or_else(|| std::env::var_os(variable));
        value.filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}

/// A word that is a flag of the command.
struct Flag {
    name: String,
    /// The value that stands in the same word: `--out=reports`, `-oreports`.
    value: Option<OsString>,
    takes_one: bool,
}

impl Flag {
    fn of(command: &clap::Command, word: &OsString) -> Option<Self> {
        let word = word.to_str()?;
        let (spelt, value) = match word.strip_prefix("--") {
            Some(long) => long.split_once('=').map_or((long, None), |(long, value)| (long, Some(value))),
            None => word.strip_prefix('-')?.split_at_checked(1).map(|(short, rest)| (short, Some(rest)))?,
        };
        let is_it = |arg: &&clap::Arg| match word.starts_with("--") {
            true => arg.get_long() == Some(spelt),
            false => arg.get_short().is_some_and(|short| spelt.starts_with(short)),
        };
        let arg = command.get_arguments().find(is_it)?;
        let value = value.map(|value| value.trim_start_matches('=')).filter(|value| !value.is_empty());
        Some(Self {
            name: arg.get_long()?.to_owned(),
            value: value.map(OsString::from),
            takes_one: arg.get_action().takes_values(),
        })
    }
}

fn plain_file(path: &Path) -> Option<PathBuf> {
    match Place::of(path) {
        Ok(Place::File(path)) => Some(path),
        _ => None,
    }
}

/// Whether there is a file, and one that steadfast has written as a report: other programs put theirs beside ours, and a
/// path that was typed wrong can lead to anything, a record for one.
pub(super) fn is_an_older_report(path: &Path) -> bool {
    if !fs::metadata(path).is_ok_and(|there| there.is_file()) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    let begins =
        ["<?xml", "<!doctype html>", "{\n  \"format\": "].iter().any(|report| text.starts_with(report));
    read.is_ok() && begins && text.contains("steadfast")
}

fn disown(path: &Path, outcome: Outcome, why: &str) -> Result<()> {
    let why = format!("the command that was to write this report ended before it could: {why}");
    replace_or_remove(path, red(path, outcome, why)?.as_bytes())
}

/// A report of that name which says nothing but why there is none.
pub(super) fn red(path: &Path, outcome: Outcome, why: String) -> Result<String> {
    let (header, catalogue) = (Header::default(), Catalogue::default());
    let report = Report::of_nothing(&header, &catalogue, outcome, why);
    let judged_at = jiff::Timestamp::now().to_string();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => html::render(&report, &judged_at),
        Some("json") => Ok(report.json(&judged_at)),
        _ => junit::render(&report, &JunitStyle::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(words: &[&str]) -> Targets {
        Targets::of(std::iter::once("steadfast").chain(words.iter().copied()).map(OsString::from))
    }

    fn of(folder: &str, junit: Option<&str>) -> Targets {
        Targets { folder: Some(folder.into()), junit: junit.map(PathBuf::from) }
    }

    #[test]
    fn the_folder_is_found_whatever_else_is_wrong() {
        for words in [
            &["--jbos", "3", "--out", "a"][..],
            &["--out", "a", "--jobs", "0"],
            &["run", "--out=a", "nonsense"],
            &["-o", "a", "--deadline-secs", "1e308"],
            &["-oa", "--quiet", "--verbose"],
            &["replay", "a", "--colour"],
            &["replay", "--color", "never", "a", "b", "c"],
            &["replay", "elsewhere", "-o", "a", "--jbos"],
            &["selftest", "-o", "a", "--fault"],
        ] {
            assert_eq!(targets(words), of("a", None), "{words:?}");
        }
        assert_eq!(targets(&["--junit", "j.xml", "--jbos", "-o", "a"]), of("a", Some("j.xml")));
    }

    #[test]
    fn a_command_that_writes_no_reports_has_none() {
        for command in ["list", "plan", "explain", "cleanup", "embedded"] {
            assert_eq!(targets(&[command, "--out", "a"]), Targets::default(), "{command}");
        }
    }
}
