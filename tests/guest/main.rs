//! What stays in a cluster after a run: what was asked for and nothing else, even where steadfast itself has a bug, where
//! answers are lost, or where somebody cleans up beside it. And of each of these, that nobody can take the run for a success
//! that it was not.

mod answers;
mod bounds;
mod guest;
mod kept_and_panics;
mod live_runs;
