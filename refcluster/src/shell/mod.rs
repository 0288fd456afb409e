//! A small POSIX shell with the commands that manifests and probes use, running inside a container of the model.
//!
//! Follows the Shell Command Language of POSIX.1-2017, as far as it goes, and busybox where the two differ.

mod arithmetic;
mod commands;
mod dns_client;
mod expand;
mod interpreter;
pub(crate) mod io;
mod network_commands;
mod parser;
mod pattern;
pub(crate) mod process;
mod program;
mod syntax;
mod test_command;
mod word;

pub(crate) use program::run;
