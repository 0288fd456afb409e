//! Records that no run has written and that read all the same: spans in no order, texts of any kind, numbers at their ends.
//! Nothing panics on them: not a check, not a view, not a renderer. And what a renderer makes of them, no terminal and no CI
//! system obeys.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use steadfast::{
    embedded::{self, Model},
    history::file::{self, Record},
    judge,
    options::{JunitDialect, JunitStyle},
    plan::{Plan, Selection},
    report::{Circumstances, Report, html, junit, terminal},
    spec::Catalogue,
};

/// How many records are tried. `HOSTILE_RECORDS` tries more, and `just fuzz` for as long as it is told to.
fn records() -> u64 {
    std::env::var("HOSTILE_RECORDS").ok().and_then(|records| records.parse().ok()).unwrap_or(15)
}

/// The lines of a run on the model that has every kind of event.
fn lines(catalogue: &Catalogue) -> Vec<String> {
    let ids = ["dns-follows-recreate", "pvc-naming"].map(str::to_owned);
    let plan = Plan::of(catalogue, &Selection::of_ids(ids));
    let folder = tempfile::tempdir().unwrap();
    embedded::record(catalogue, &plan, Model::default(), "hostile", folder.path(), |_, _| ()).unwrap();
    let text = std::fs::read_to_string(folder.path().join(file::NAME)).unwrap();
    let all = text.lines().filter(|line| !line.starts_with("{\"seal\":"));
    all.map(|line| format!("{line}\n").replacen("\"selected\":[", "\"selected\":[\"ordered-creation\",", 1))
        .collect()
}

const TEXTS: &[&str] = &[
    "",
    "web-0",
    "web-18446744073709551615",
    "\u{1b}[2J\u{9b}m",
    "]]>\0\u{202e}",
    "##vso[a]b\n::set-output name=a::b",
    "##teamcity[a]",
    "10.0.0.1",
    "1.99",
    "é",
];

/// Changes some values of a line, anywhere in it.
fn mutate(line: &mut String, random: &mut StdRng) {
    let mut value: Value = serde_json::from_str(line).unwrap();
    let (seq, scenario) = (value["seq"].clone(), value["scenario"].clone());
    mutate_value(&mut value, random);
    let spans = [value["from_us"].as_u64(), value["until_us"].as_u64()];
    if let [Some(from), Some(until)] = spans {
        value["from_us"] = from.min(until).into();
        value["until_us"] = from.max(until).into();
    }
    (value["seq"], value["scenario"]) = (seq, scenario);
    *line = value.to_string() + "\n";
}

fn mutate_value(value: &mut Value, random: &mut StdRng) {
    const NUMBERS: &[u64] = &[0, 1, 2, 999_999, 31_622_400_000_000, 9_223_372_036_854_775_807, u64::MAX];
    match value {
        Value::Object(members) => {
            let keys: Vec<String> = members.keys().cloned().collect();
            let Some(key) = keys.choose(random) else { return };
            match random.random_range(0..12) {
                0 => _ = members.remove(key),
                _ => mutate_value(&mut members[key], random),
            }
        }
        Value::Array(items) if !items.is_empty() => match random.random_range(0..8) {
            0 => items.clear(),
            1 => items.extend(items.clone()),
            _ => {
                let at = random.random_range(0..items.len());
                mutate_value(&mut items[at], random);
            }
        },
        Value::Number(_) => *value = (*NUMBERS.choose(random).unwrap()).into(),
        Value::String(text) => *text = (*TEXTS.choose(random).unwrap()).to_owned(),
        Value::Bool(is) => *is = !*is,
        _ => {}
    }
}

/// The header, with a text of any kind for one thing that is known of the cluster.
fn hostile_header(line: &str, random: &mut StdRng) -> String {
    let mut header: Value = serde_json::from_str(line).unwrap();
    let text = Value::from(*TEXTS.choose(random).unwrap());
    match random.random_range(0..5) {
        0 => header["run_id"] = text,
        1 => header["cluster"]["server_version"] = text,
        2 => header["cluster"]["nodes"] = Value::Array(vec![text]),
        3 => header["cluster"]["replaced_images"] = serde_json::json!({"a\u{1b}[2J##vso[a]": text}),
        _ => header["cluster"]["storage_class"] = text,
    }
    header.to_string() + "\n"
}

/// Judges a record and renders everything of it.
fn show(catalogue: &Catalogue, record: &Record) -> Option<String> {
    let Record { header, histories, seal } = record;
    let judged = judge::judge_all(catalogue, &header.selected, &header.cluster, histories);
    let panicked =
        judged.iter().find_map(|judged| Some(format!("{}: {}", judged.id, judged.panicked.as_ref()?)));
    let report = Report::new(header, catalogue, judged, histories, Circumstances::of_replay(seal, histories));
    let junit = |dialect| junit::render(&report, &JunitStyle { dialect, ..JunitStyle::default() }).unwrap();
    for rendered in [
        html::render(&report, "now").unwrap(),
        report.json("now"),
        junit(JunitDialect::Rich),
        junit(JunitDialect::Strict),
        steadfast::plain::for_terminal(&terminal::summary(&report, &terminal::Options::default()))
            .into_owned(),
    ] {
        assert_obeyed_by_nobody(&rendered);
    }
    panicked
}

fn assert_obeyed_by_nobody(rendered: &str) {
    for line in rendered.lines() {
        let obeyed = line.chars().any(|c| (c.is_control() && c != '\t') || c == '\u{202e}');
        let commands = ["##vso[", "##teamcity["].iter().any(|command| line.contains(command));
        assert!(!obeyed && !commands && !line.trim_start().starts_with("::set-output"), "obeyed: {line:?}");
    }
}

#[test]
fn nothing_panics_on_a_record_that_no_run_has_written() {
    let catalogue = Catalogue::built_in().unwrap();
    let whole = lines(&catalogue);
    let (mut read, mut problems) = (0, Vec::new());
    for seed in 0..records() {
        let mut random = StdRng::seed_from_u64(seed);
        let mut lines = whole.clone();
        lines[0] = hostile_header(&lines[0], &mut random);
        for _ in 0..random.random_range(1..200) {
            let at = random.random_range(1..lines.len());
            let mut changed = lines[at].clone();
            mutate(&mut changed, &mut random);
            // A line that does not read any more is refused, which is another test's business.
            let text =
                [lines[0].clone(), changed.clone()].concat().replacen("\"seq\":", "\"seq\":0,\"was\":", 1);
            if file::read(text.as_bytes()).is_ok() {
                lines[at] = changed;
            }
        }
        let Ok(record) = file::read(lines.concat().as_bytes()) else { continue };
        read += 1;
        match catch_unwind(AssertUnwindSafe(|| show(&catalogue, &record))) {
            Ok(None) => {}
            Ok(Some(panic)) => problems.push(format!("seed {seed}: {panic}")),
            Err(panic) => problems.push(format!("seed {seed}: {}", judge::panic_message(panic.as_ref()))),
        }
    }
    assert!(read > records() / 2, "only {read} of {} records read", records());
    assert!(problems.is_empty(), "{} of {read}:\n{}", problems.len(), problems.join("\n"));
}
