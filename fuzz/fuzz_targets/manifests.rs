//! A manifest of any kind: an error with the file's name, or objects of the shape that the harness reaches into.

#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::spec::{Catalogue, Files, images};

fuzz_target!(|text: &str| {
    let manifests = Files::from([("documented/a.yaml".to_owned(), text.to_owned())]);
    match Catalogue::from_files(&Files::new(), &manifests) {
        Err(error) => assert!(format!("{error:#}").starts_with("manifests/documented/a.yaml"), "{error:#}"),
        Ok(catalogue) => {
            for object in &catalogue.manifests["documented/a.yaml"] {
                assert!(object["metadata"]["name"].is_string());
                images(object).for_each(drop);
            }
        }
    }
});
