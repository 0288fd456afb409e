//! Scratch.
use steadfast::{checks, history::file, judge, spec::Catalogue, views::View};
fn main() {
    for path in std::env::args().skip(1) {
        println!("== {path}");
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let (header, histories) = file::read(file).unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        let ids: Vec<String> =
            catalogue.requirements.iter().filter(|r| r.area == "storage").map(|r| r.id.clone()).collect();
        for judged in judge::judge_all(&catalogue, &ids, &header.cluster, &histories) {
            println!("{:24} {:?}", judged.id, judged.verdict);
            for c in &judged.clauses {
                println!("    {} {} needed {} missing {:?}", c.scenario, c.clause, c.needed, c.missing);
            }
            for f in judged.findings.iter().filter(|f| f.kind != checks::Kind::Held) {
                println!("    {f:?}");
            }
        }
        for history in &histories {
            let view = View::of(history);
            for check in checks::all() {
                let mut findings = checks::Findings::of(&history.scenario);
                (check.judge)(&view, &mut findings);
                for f in findings.of_kind(checks::Kind::Broken).chain(findings.of_kind(checks::Kind::Blind)) {
                    println!("  {} {}: {:?} {:?} {}", history.scenario, check.id, f.kind, f.cause, f.what);
                }
            }
        }
    }
}
