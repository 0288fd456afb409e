//! steadfast judges whether a Kubernetes cluster keeps the promises of a StatefulSet: it applies the documented
//! manifests, disturbs them, records what the cluster did, judges the record, and writes reports.
//!
//! The modules, in reading order. Those marked *pure* touch no cluster, no clock and no file.

// The judge. Without the feature `harness` there is nothing else: that no verdict needs more, the compiler holds.
pub mod plain; // pure: text from elsewhere, which nobody obeys
pub mod history; // pure: what a scenario recorded
pub mod views; // pure: what follows from several events of it
pub mod spec; // pure: requirements, scenarios and manifests, as data
pub mod checks; // pure: one function from a view to findings for each requirement
pub mod judge; // pure: from findings to verdicts
pub mod limits; // pure: every wait and bound, with its reason

#[cfg(feature = "harness")]
pub mod secret; // pure: what must not be shown
#[cfg(feature = "harness")]
pub mod generate; // pure: random scenarios, by seed
#[cfg(feature = "harness")]
pub mod plan; // pure: from a selection to what runs, and why not the rest
#[cfg(feature = "harness")]
pub mod report; // pure but for `report::write`: what people and machines are told of a run
#[cfg(feature = "harness")]
pub mod cluster; // touches the cluster: connections, requests, DNS
#[cfg(feature = "harness")]
pub mod recorder; // touches the cluster: writes down what happens
#[cfg(feature = "harness")]
pub mod driver; // touches the cluster: does what a scenario says
#[cfg(feature = "harness")]
pub mod options; // pure: what a run can be told
#[cfg(feature = "harness")]
pub mod run; // touches the cluster: the pipeline
#[cfg(feature = "harness")]
pub mod selftest; // pure: what verdicts on lying clusters mean
#[cfg(feature = "harness")]
pub mod embedded; // touches no real cluster: the model cluster, to run against
#[cfg(feature = "harness")]
pub mod cli; // the command line
