//! A requirement or a scenario of any kind among others that are sound: an error with the file's name, or a catalogue.

#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::spec::{Catalogue, Files};

const SOUND: &[(&str, &str)] = &[
    ("scenarios/preflight.yaml", include_str!("../../tests/cli/catalogue/specs/scenarios/preflight.yaml")),
    (
        "scenarios/first-start.yaml",
        include_str!("../../tests/cli/catalogue/specs/scenarios/first-start.yaml"),
    ),
    (
        "topology/ordered-creation.yaml",
        include_str!("../../tests/cli/catalogue/specs/topology/ordered-creation.yaml"),
    ),
];

const MANIFESTS: &[(&str, &str)] = &[
    ("documented/old.yaml", include_str!("../../tests/cli/catalogue/manifests/documented/old.yaml")),
    ("documented/web.yaml", include_str!("../../tests/cli/catalogue/manifests/documented/web.yaml")),
    ("instrumented/probe.yaml", include_str!("../../tests/cli/catalogue/manifests/instrumented/probe.yaml")),
    ("instrumented/web.yaml", include_str!("../../tests/cli/catalogue/manifests/instrumented/web.yaml")),
];

fn files(known: &[(&str, &str)]) -> Files {
    known.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fuzz_target!(|text: &str| {
    for (path, _) in SOUND {
        let mut specs = files(SOUND);
        specs.insert((*path).to_owned(), text.to_owned());
        if let Err(error) = Catalogue::from_files(&specs, &files(MANIFESTS)) {
            assert!(format!("{error:#}").contains("specs/"), "{error:#}");
        }
    }
});
