//! How long it takes to judge records of ten thousand, a hundred thousand and a million events: every requirement, by the
//! function that `run` and `replay` judge with. CONTRIBUTING.md ("Measure") says how to run it.

mod record;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use record::Recording;
use steadfast::{
    history::History,
    judge::{self, Judged},
    spec::Catalogue,
};

const EVENTS: [u64; 3] = [10_000, 100_000, 1_000_000];

fn judging(criterion: &mut Criterion) {
    let catalogue = Catalogue::built_in().expect("the catalogue");
    let recording = Recording::of_the_model(&catalogue);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.jsonl");
    let mut group = criterion.benchmark_group("judging");
    group.sample_size(10);
    for events in EVENTS {
        let events = recording.write(events, &path);
        let (header, histories) = record::read(&path);
        let judge = |histories: &[History]| {
            judge::judge_all(&catalogue, &header.selected, &header.cluster, histories)
        };
        println!("{events} events: {}", verdicts(&judge(&histories)));
        group.throughput(Throughput::Elements(events));
        group.bench_function(BenchmarkId::new("every requirement", events), |bencher| {
            bencher.iter(|| black_box(judge(&histories)));
        });
    }
    group.finish();
}

fn verdicts(judged: &[Judged]) -> String {
    let not_passed: Vec<String> = judged
        .iter()
        .filter_map(|judged| Some(format!("; {} {}: {}", judged.id, judged.verdict.word(), judged.why()?)))
        .collect();
    format!("{} of {} pass{}", judged.len() - not_passed.len(), judged.len(), not_passed.concat())
}

criterion_group!(benches, judging);
criterion_main!(benches);
