//! Connecting, as kubectl does. `cargo test --test connect -- --nocapture table` prints the table: what is tried, what
//! kubectl makes of it, and what steadfast does. With `KUBECTL=/path/to/kubectl` that program is run on each case too, and
//! must do what the table says of it.

mod bench;
mod canaries;
mod cases;
mod certificates;
mod lifecycle;
mod server;

use std::path::PathBuf;

use bench::{Bench, Ended};
use cases::{Case, End, cases};

/// What kubectl makes of it, where there is one.
fn kubectl() -> Option<PathBuf> {
    std::env::var_os("KUBECTL").filter(|path| !path.is_empty()).map(PathBuf::from)
}

struct Row {
    name: &'static str,
    kubectl: String,
    ours: String,
    wrong: Vec<String>,
}

fn row(case: &Case) -> Row {
    let mut wrong = Vec::new();
    let expected = if case.kubectl { "connects" } else { "refuses" };
    let mut told = format!("{expected} (noted)");
    if let Some(program) = kubectl() {
        let bench = Bench::new();
        let trial = (case.setup)(&bench);
        let ended = bench.kubectl(&program, &trial.typed);
        let found = if ended.code == Some(0) { "connects" } else { "refuses" };
        if found != expected {
            wrong.push(format!("kubectl {found}, and not as noted: {}", ended.said.trim()));
        }
        if found == "connects" {
            wrong.extend((trial.check)().err().map(|error| format!("kubectl: {error}")));
        }
        told = format!("{found} ({})", ended.code.map_or("killed".to_owned(), |code| code.to_string()));
    }
    let bench = Bench::new();
    let trial = (case.setup)(&bench);
    let ended = bench.steadfast(&trial.typed);
    wrong.extend(judged(case.ours, &ended).err());
    if case.ours == End::Connects && wrong.is_empty() {
        wrong.extend((trial.check)().err());
    }
    let word = if ended.code == Some(0) { "connects" } else { "refuses" };
    let ours = format!("{word} ({})", ended.code.map_or("killed".to_owned(), |code| code.to_string()));
    Row { name: case.name, kubectl: told, ours, wrong }
}

fn judged(expected: End, ended: &Ended) -> Result<(), String> {
    let (code, words) = match expected {
        End::Connects => (0, ""),
        End::Usage(words) => (64, words),
        End::Down(words) => (3, words),
    };
    let Ended { said, .. } = ended;
    if ended.code != Some(code) {
        return Err(format!("expected exit code {code}, got {:?}: {said}", ended.code));
    }
    if said.contains("panicked") || !said.contains(words) {
        return Err(format!("expected `{words}`, got: {said}"));
    }
    // One paragraph, with what to type.
    let lines = said.lines().filter(|line| !line.starts_with("waiting for ")).count();
    if code != 0 && lines != 1 {
        return Err(format!("expected one paragraph, got {lines} lines: {said}"));
    }
    Ok(())
}

/// The rows, four at a time.
fn rows(cases: &[Case]) -> Vec<Row> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let rows = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let at = cases.iter().position(|other| other.name == case.name);
                    rows.lock().unwrap().push((at, row(case)));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn table() {
    let cases = cases();
    let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "a name is there twice");
    let rows = rows(&cases);
    println!("{:<70} {:<20} steadfast", "case", "kubectl");
    for row in &rows {
        println!("{:<70} {:<20} {}", row.name, row.kubectl, row.ours);
    }
    println!("{} cases", rows.len());
    let wrong: Vec<String> =
        rows.iter().flat_map(|row| row.wrong.iter().map(|wrong| format!("{}: {wrong}", row.name))).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
