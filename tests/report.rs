//! Writes every report of a made-up run, once healthy and once broken, where a person and a validator can look at them.

use std::path::Path;

use steadfast::{
    options::JunitStyle,
    report::{
        sample::{JUDGED_AT, Sample},
        write::ReportFolder,
    },
};

#[test]
fn every_report_of_a_made_up_run() {
    for (name, sample) in [("healthy", Sample::healthy()), ("broken", Sample::broken())] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
        let folder = ReportFolder::create(&path).unwrap();
        let written = folder.write_all(&sample.report(), JUDGED_AT, &JunitStyle::default()).unwrap();
        println!("look at {}", written[0].display());
    }
}
