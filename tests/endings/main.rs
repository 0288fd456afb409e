//! What is on the disk, and in a script's hands, when a command has ended, however it ended: nothing is green that is not,
//! nothing that belongs to somebody else is destroyed, and each way to end has its exit code.
//!
//! The commands are processes of their own. Those that need a cluster run on the model, in the same process or in another
//! that serves it; a small catalogue makes them quick.

mod folders;
mod hostile_server;
mod junit_paths;
mod numbers;
mod signals;
mod steadfast;
