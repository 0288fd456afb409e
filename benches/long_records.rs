//! What it takes to read and judge long records: time, the most memory at any moment, and the time of each requirement.
//!
//! Every record is read and judged in a process of its own, whose peak is the kernel's `VmHWM`; so this bench is for Linux.
//! Where a requirement's time grows faster than the record, its row shows it.

mod record;

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use record::Recording;
use steadfast::{
    checks::{self, Findings},
    history::History,
    judge,
    spec::Catalogue,
    views::View,
};

const EVENTS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// How a process is told to judge, and what.
const JUDGE: &str = "--judge";

fn main() {
    let catalogue = Catalogue::built_in().expect("the catalogue");
    let mut args = std::env::args().skip_while(|arg| arg != JUDGE).skip(1);
    match args.next() {
        Some(path) => judged(&catalogue, Path::new(&path)),
        None => table(&catalogue),
    }
}

/// Prints a column for each length of the record. As a test, with no `--bench`, the shortest is enough.
fn table(catalogue: &Catalogue) {
    let recording = Recording::of_the_model(catalogue);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.jsonl");
    let lengths = if std::env::args().any(|arg| arg == "--bench") { &EVENTS[..] } else { &EVENTS[..1] };
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for events in lengths {
        let events = recording.write(*events, &path);
        rows.entry("0 events".to_owned()).or_default().push(events.to_string());
        let own = std::env::current_exe().expect("a path");
        let child = Command::new(own).arg(JUDGE).arg(&path).stderr(Stdio::inherit()).output();
        let told = String::from_utf8(child.expect("a process").stdout).expect("text");
        for (row, figure) in told.lines().filter_map(|line| line.split_once('\t')) {
            rows.entry(row.to_owned()).or_default().push(figure.to_owned());
        }
    }
    for (row, figures) in rows {
        let figures: Vec<String> = figures.iter().map(|figure| format!("{figure:>12}")).collect();
        println!("{:38}{}", row.trim_start_matches(|c: char| c.is_ascii_digit()).trim(), figures.concat());
    }
}

/// Reads and judges a record, and prints a line for each figure: its row and, after a tab, the figure.
fn judged(catalogue: &Catalogue, path: &Path) {
    let told = |row: &str, figure: f64| println!("{row}\t{figure:.1}");
    told("1 on disk, MB", std::fs::metadata(path).expect("a file").len() as f64 / 1e6);
    let ((header, histories), read_ms) = timed(|| record::read(path));
    told("2 read, ms", read_ms);
    told("3 peak after that, MiB", peak_mib());
    let judge = || judge::judge_all(catalogue, &header.selected, &header.cluster, &histories);
    told("4 judged, ms", timed(|| black_box(judge())).1);
    told("5 peak after that, MiB", peak_mib());
    told("6 judged again, ms", timed(|| black_box(judge())).1);
    for requirement in &catalogue.requirements {
        let check = checks::find(&requirement.id).expect("a check");
        let of_it = histories.iter().filter(|history| requirement.judged_on.contains(&history.scenario));
        let ask = |history: &History| {
            let mut findings = Findings::of(&history.scenario);
            (check.judge)(&View::of(history), &mut findings);
            black_box(findings);
        };
        told(&format!("7 {}, ms", requirement.id), timed(|| of_it.for_each(ask)).1);
    }
}

/// What came of it, and how long it took in milliseconds.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed().as_secs_f64() * 1e3)
}

/// The most memory that this process ever had, by what the kernel says.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
}
