//! Text of any kind wherever a cluster's text stands in a JUnit file: the file holds its own check in both dialects, and
//! nothing in it is a control character or a command for a terminal or a CI system.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use steadfast::{
    judge::Verdict,
    options::{JunitDialect, JunitStyle},
    report::{junit, sample::Sample},
};

static SOUND: LazyLock<Sample> = LazyLock::new(Sample::broken);

fn sound() -> Sample {
    let Sample { header, catalogue, histories, judged } = &*SOUND;
    let (header, catalogue) = (header.clone(), catalogue.clone());
    Sample { header, catalogue, histories: histories.clone(), judged: judged.clone() }
}

fuzz_target!(|text: &str| {
    let mut sample = sound();
    sample.header.run_id = text.to_owned();
    sample.header.cluster.server_version = text.to_owned();
    sample.header.cluster.storage_class = Some(text.to_owned());
    for judged in &mut sample.judged {
        judged.title = text.to_owned();
        judged.findings.iter_mut().for_each(|finding| finding.what = text.to_owned());
        if let Verdict::Inconclusive { reason } | Verdict::NotRun { reason, .. } = &mut judged.verdict {
            *reason = text.to_owned();
        }
    }
    for dialect in [JunitDialect::Rich, JunitDialect::Strict] {
        let options = JunitStyle { dialect, ..JunitStyle::default() };
        let file = junit::render(&sample.report(), &options).expect("it holds its own check");
        assert!(!file.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t'));
        assert!(!file.contains("##teamcity[") && !file.contains("##vso["));
    }
});
