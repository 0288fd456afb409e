//! The catalogue as data: requirements, scenarios and manifests, read from `specs/` and `manifests/`. Pure.
//!
//! The binary carries its own copy; `--specs` and `--manifests` read other folders.

mod catalogue;
mod folder;
mod manifest;
mod requirement;
mod scenario;
mod yaml;

pub use catalogue::{AREAS, Catalogue, Files, images};
pub use requirement::{Answer, Feature, Level, Requirement, Source};
pub use scenario::{Action, Apply, Condition, DryRun, Names, Need, Quiet, Scenario, Tokens};
pub use yaml::to_json as manifest_objects;
