//! The catalogue holds together: every requirement has a check, every check a requirement, and every file says what it must.

use std::collections::BTreeSet;

use steadfast::{checks, spec::Catalogue};

fn catalogue() -> Catalogue {
    Catalogue::built_in().expect("the built-in catalogue reads")
}

#[test]
fn every_requirement_has_a_check() {
    for requirement in &catalogue().requirements {
        let path = format!("src/checks/{}/{}.rs", requirement.area, requirement.id).replace('-', "_");
        assert!(
            checks::find(&requirement.id).is_some(),
            "{} has a spec and no check; write {path} and list it in that folder's mod.rs",
            requirement.id
        );
    }
}

#[test]
fn every_check_has_a_requirement() {
    let catalogue = catalogue();
    for check in checks::all() {
        assert!(
            catalogue.requirement(check.id).is_some(),
            "{} has a check and no spec; write specs/<area>/{}.yaml",
            check.id,
            check.id
        );
    }
}

#[test]
fn no_check_is_listed_twice() {
    let ids: Vec<_> = checks::all().map(|check| check.id).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
}

#[test]
fn every_scenario_is_judged() {
    let catalogue = catalogue();
    for scenario in catalogue.scenarios.keys() {
        let judged = catalogue.requirements.iter().any(|r| r.judged_on.contains(scenario));
        assert!(
            judged,
            "no requirement is judged on specs/scenarios/{scenario}.yaml; it would only cost time"
        );
    }
}
