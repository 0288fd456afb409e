//! A container that runs: its identity, its files, its processes.

use super::filesystem::Mounts;
use crate::shell::io::{Io, Output};
use crate::shell::process::Processes;
use crate::world::Shared;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Names one pod for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodId {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// A container, from its start to its end.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) shared: Shared,
    pub(crate) pod: PodId,
    pub(crate) hostname: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) working_directory: String,
    pub(crate) files: Arc<Mounts>,
    pub(crate) processes: Processes,
    pub(crate) log: Output,
    ports: Mutex<Vec<u16>>,
    told_to_stop: AtomicBool,
}

/// What a container is made from.
pub(super) struct Parts {
    pub(super) shared: Shared,
    pub(super) pod: PodId,
    pub(super) hostname: String,
    pub(super) addresses: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) working_directory: String,
    pub(super) files: Arc<Mounts>,
    pub(super) log: Output,
}

impl Container {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            shared: parts.shared,
            pod: parts.pod,
            hostname: parts.hostname,
            addresses: parts.addresses,
            environment: parts.environment,
            working_directory: parts.working_directory,
            files: parts.files,
            processes: Processes::default(),
            log: parts.log,
            ports: Mutex::default(),
            told_to_stop: AtomicBool::new(false),
        })
    }

    /// Starts a task that ends with the container.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let container = self.clone();
        self.shared.lock().spawn(async move {
            tokio::select! {
                biased;
                () = container.processes.stopped() => {}
                () = task => {}
            }
        });
    }

    /// The line of `/etc/hosts` about the pod itself: its address and its first name.
    pub(crate) fn own_hosts_entry(&self) -> Option<(String, String)> {
        let text = self.files.read("/etc/hosts")?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next()?;
            let names: Vec<&str> = words.collect();
            let own = names.contains(&self.hostname.as_str()) && !address.starts_with('#');
            own.then(|| (address.to_owned(), names[0].to_owned()))
        })
    }

    /// Keeps in mind that a server listens here until the container ends.
    pub(crate) fn remember_port(&self, port: u16) {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).push(port);
    }

    /// Keeps in mind that SIGTERM was sent.
    pub(super) fn tell_to_stop(&self) {
        self.told_to_stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_told_to_stop(&self) -> bool {
        self.told_to_stop.load(Ordering::Relaxed)
    }

    /// Streams that lead nowhere but to the log.
    pub(super) fn log_io(&self) -> Io {
        Io { input: crate::shell::io::Input::Empty, output: self.log.clone(), errors: self.log.clone() }
    }

    /// The first process has ended, and with it everything else.
    pub(super) fn close(&self) {
        self.processes.stop();
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut world = self.shared.lock();
        for address in &self.addresses {
            ports.iter().for_each(|port| world.network.close(address, *port));
        }
        if ports.contains(&53) {
            world.stop_dns_backend(&self.pod.uid);
        }
    }
}
