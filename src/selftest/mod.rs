//! The proof that every check can fail: what the harness said of clusters that were told to lie, put into three matrices
//! and judged. Pure; `src/embedded/` runs the clusters.
//!
//! - [`Matrix`]: faults × requirements. A fault that a requirement names must be caught by it and by nobody who does not
//!   expect it.
//! - [`Ablation`]: requirements × clauses. A passing record without the evidence of a clause must not pass.
//! - [`Disturbed`]: API faults × scenarios. A server that answers badly may cost a verdict, and never turns one.
//!
//! Whatever is not as it should be is a [`Selftest::problems`] line that says what to do, and the exit code is 6.

pub mod ablation;
mod disturbed;
mod html;
mod matrix;
mod randomness;
mod text;
mod waiting;

use serde::Serialize;

use crate::judge::Judged;

pub use ablation::{AblatedCell, Ablation, Healthy};
pub use disturbed::{Broken, Disturbed, DisturbedCell, HONEST, LIES, lie_in};
pub use matrix::{Cell, Matrix, Result, Row};
pub use randomness::{RandomCase, Randomness};
pub use waiting::{WAITING, waits_for};

/// A fault as the selftest knows it: what it is called, and what it does, in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FaultName {
    /// The name in specs and reports.
    pub name: &'static str,
    /// What it does.
    pub sentence: &'static str,
}

/// What one trial came to.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// How often the cluster told its lie.
    pub firings: u64,
    /// How often the API fault struck.
    pub api_firings: u64,
    /// How long it took, by the cluster's clock.
    pub cluster_secs: f64,
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// A panic, or a history that could not be written.
    pub error: Option<String>,
    /// The verdicts.
    pub judged: Vec<Judged>,
}

/// The three matrices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selftest {
    /// The version of `selftest.json`.
    pub format: u32,
    /// The seed of every cluster.
    pub seed: u64,
    /// How long it all took, in seconds of this machine.
    pub wall_secs: f64,
    /// Faults × requirements.
    pub matrix: Matrix,
    /// API faults × scenarios.
    pub disturbed: Disturbed,
    /// Requirements × clauses.
    pub ablation: Ablation,
}

/// The version of `selftest.json`.
pub const FORMAT: u32 = 2;

impl Selftest {
    /// Everything that is not as it should be, each with what to do about it.
    pub fn problems(&self) -> Vec<String> {
        [self.matrix.problems(), self.disturbed.problems(), self.ablation.problems()].concat()
    }

    /// For people at a terminal. The last line is the verdict.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// For machines.
    pub fn json(&self) -> String {
        let document = Document { problems: self.problems(), selftest: self };
        crate::plain::in_json(serde_json::to_string_pretty(&document).expect("plain data") + "\n")
    }

    /// For people with a browser.
    pub fn html(&self) -> anyhow::Result<String> {
        html::render(self)
    }
}

#[derive(Serialize)]
struct Document<'s> {
    problems: Vec<String>,
    #[serde(flatten)]
    selftest: &'s Selftest,
}
