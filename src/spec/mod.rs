//! The catalogue as data: requirements, scenarios and manifests, read from `specs/` and `manifests/`. Pure.
//!
//! The binary carries its own copy; `--specs` and `--manifests` read other folders.

mod catalogue;
mod folder;
mod manifest;
mod overlay;
mod requirement;
mod scenario;
mod yaml;

pub use catalogue::{AREAS, Catalogue, Files, PREFLIGHT, images};
pub use overlay::Overlay;
pub use requirement::{Answer, Clause, Feature, Level, Requirement, Source};
pub use scenario::{
    Action, Apply, Condition, DEFAULT_SERVICE, DEFAULT_SET, DryRun, Expected, Names, Need, PodRef, Quiet,
    Request, Scenario, Tokens,
};
pub use yaml::to_json as manifest_objects;
