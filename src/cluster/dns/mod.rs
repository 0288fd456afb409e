//! DNS through hickory-resolver, over transports of our own, so that every backend and every node can be asked by itself.
//!
//! - [`Asker::backend`]: TCP through a port-forward to one DNS backend pod.
//! - [`Asker::node`]: UDP or TCP to a nameserver as a pod on that node sees it, through `nc` in the node's probe pod.

mod asker;
mod datagrams;
mod through_exec;
mod through_forward;

pub use asker::{Asker, read_message};
