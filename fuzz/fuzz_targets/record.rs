//! The lines of a record: one that reads is judged and rendered, and nothing panics on it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use steadfast::{
    history::file,
    judge,
    options::JunitStyle,
    report::{Circumstances, Report, html, junit, terminal},
    spec::Catalogue,
};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("it reads"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = file::read(bytes) else { return };
    let file::Record { header, histories, seal } = &record;
    let judged = judge::judge_all(&CATALOGUE, &header.selected, &header.cluster, histories);
    assert!(judged.iter().all(|judged| judged.panicked.is_none()), "{judged:?}");
    let report =
        Report::new(header, &CATALOGUE, judged, histories, Circumstances::of_replay(seal, histories));
    html::render(&report, "now").expect("the page is filled in");
    junit::render(&report, &JunitStyle::default()).expect("the file holds its own check");
    terminal::summary(&report, &terminal::Options::default());
    report.json("now");
});
