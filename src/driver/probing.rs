//! Commands in containers: what a pod says of itself, gates, tokens, and what answers behind its name.

use super::{Done, Driver, Stop};
use crate::{
    cluster::{Probe, run_in_pod},
    history::{ExecOutcome, ExecSeen, Observation, Observer, Place, Purpose, Span},
    spec::{DEFAULT_SERVICE, Need, PodRef, Tokens},
};

/// How often more a gate is tried whose command could not be run: all that follows depends on it.
const GATE_ATTEMPTS: u32 = 4;

/// Where a pod is: its namespace, its name, and its uid as the record has it.
pub(super) struct Whereabouts {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
}

impl From<&Probe> for Whereabouts {
    fn from(probe: &Probe) -> Self {
        Self { namespace: probe.namespace.clone(), pod: probe.pod.clone(), uid: probe.uid.clone() }
    }
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(ToString::to_string).collect()
}

fn shell(script: String) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script]
}

impl Driver {
    fn member(&self, pod: &PodRef) -> Done<Whereabouts> {
        let pod = self.pod(pod)?;
        Ok(Whereabouts { namespace: pod.namespace().to_owned(), pod: pod.name, uid: pod.uid })
    }

    /// Runs a command and records what became of it, whatever that is. Gives back what it printed if it ran to its end.
    pub(super) async fn exec(
        &self,
        at: &Whereabouts,
        purpose: Purpose,
        command: Vec<String>,
    ) -> Option<String> {
        let from_us = self.sending();
        let outcome = match run_in_pod(&self.server.client, &at.namespace, &at.pod, &command).await {
            Ok(p) => ExecOutcome::Ended { exit_code: p.exit_code, stdout: p.stdout, stderr: p.stderr },
            Err(reason) => ExecOutcome::Failed { reason },
        };
        let span = Span { from_us, until_us: self.recorder.now_us() };
        let (pod, pod_uid) = (at.pod.clone(), at.uid.clone());
        let printed = match &outcome {
            ExecOutcome::Ended { stdout, .. } => Some(stdout.clone()),
            ExecOutcome::Failed { .. } => None,
        };
        let seen = ExecSeen { pod, pod_uid, purpose, command, outcome };
        self.recorder.record(Observer::Probe, span, Observation::Exec(seen.into()));
        printed
    }

    /// Everything that a pod says of its own identity.
    pub(super) async fn inspect(&self, pods: &[PodRef]) -> Done {
        let members = pods.iter().map(|pod| self.member(pod)).collect::<Done<Vec<_>>>()?;
        futures::future::join_all(members.iter().map(|at| self.inspect_one(at))).await;
        Ok(())
    }

    async fn inspect_one(&self, at: &Whereabouts) {
        self.exec(at, Purpose::Hostname, words(&["hostname"])).await;
        self.exec(at, Purpose::Fqdn, words(&["hostname", "-f"])).await;
        self.exec(at, Purpose::OwnAddresses, words(&["hostname", "-i"])).await;
        self.exec(at, Purpose::HostsFile, words(&["cat", "/etc/hosts"])).await;
        self.exec(at, Purpose::ResolverConfig, words(&["cat", "/etc/resolv.conf"])).await;
        if self.has_init_container(&at.pod) {
            self.exec(at, Purpose::InitHostname, words(&["cat", "/shared/init-hostname"])).await;
        }
    }

    fn has_init_container(&self, pod: &str) -> bool {
        self.recorder.look(|world| {
            let pod = world.get(crate::history::Resource::Pods, pod);
            pod.is_some_and(|pod| !pod.list("/spec/initContainers").is_empty())
        })
    }

    /// Opens or closes the gate of these ordinals.
    pub(super) async fn gate(&self, pods: &[PodRef], open: bool) -> Done {
        for pod in pods {
            let member = self.member(pod)?;
            let mut attempts = 0..GATE_ATTEMPTS;
            while !self.turn_gate(&member, open).await {
                if attempts.next().is_none() {
                    let pod = &member.pod;
                    return Err(Stop::environment(format!("no command could be run in {pod} for its gate")));
                }
            }
        }
        Ok(())
    }

    async fn turn_gate(&self, member: &Whereabouts, open: bool) -> bool {
        let (purpose, command) = match open {
            true => (Purpose::OpenGate, words(&["touch", "/run/gate"])),
            false => (Purpose::CloseGate, words(&["rm", "-f", "/run/gate"])),
        };
        self.exec(member, purpose, command).await.is_some()
    }

    /// Ends the first process of these pods' containers. The stream may break with it, so its outcome says nothing.
    pub(super) async fn crash(&self, pods: &[PodRef]) -> Done {
        for pod in pods {
            self.exec(&self.member(pod)?, Purpose::Crash, words(&["kill", "1"])).await;
        }
        Ok(())
    }

    /// Writes a new token and a random file of 1 MiB in each ordinal.
    pub(super) async fn write_tokens(&self, tokens: &Tokens) -> Done {
        if tokens.place == Place::Volume && !self.available.storage {
            return self.skip("write-tokens", Need::Storage);
        }
        let members = tokens.pods.iter().map(|pod| self.member(pod)).collect::<Done<Vec<_>>>()?;
        let writes = members.iter().map(|at| {
            let (token, pod) = (self.shared.random_word(16), &at.pod);
            let script = format!(
                "d={}; mkdir -p $d; printf %s {token} > $d/token-{pod} && \
                 dd if=/dev/urandom of=$d/blob-{pod} bs=65536 count=16 2>/dev/null && sync && \
                 set -- $(sha256sum < $d/blob-{pod}) && echo $1",
                folder(tokens.place)
            );
            self.exec(at, Purpose::WriteToken { place: tokens.place, token }, shell(script))
        });
        futures::future::join_all(writes).await;
        Ok(())
    }

    /// Reads every token that is found in each ordinal.
    pub(super) async fn read_tokens(&self, tokens: &Tokens) -> Done {
        if tokens.place == Place::Volume && !self.available.storage {
            return self.skip("read-tokens", Need::Storage);
        }
        let members = tokens.pods.iter().map(|pod| self.member(pod)).collect::<Done<Vec<_>>>()?;
        let script = format!(
            "d={}; for f in $d/token-*; do [ -f $f ] || continue; p=${{f##*/token-}}; \
             set -- $(sha256sum < $d/blob-$p); echo \"$p $(cat $f) $1\"; done",
            folder(tokens.place)
        );
        let reads = members
            .iter()
            .map(|at| self.exec(at, Purpose::ReadTokens { place: tokens.place }, shell(script.clone())));
        futures::future::join_all(reads).await;
        Ok(())
    }

    /// From a probe on each node, fetches what answers behind the names of these ordinals.
    pub(super) async fn connect(&self, pods: &[PodRef]) -> Done {
        let found = self.shared.surroundings();
        let Some(zone) = found.zone.filter(|_| self.available.dns) else {
            return self.skip("connect", Need::Dns);
        };
        let fetches = found.probes.iter().map(|probe| {
            let (zone, namespace) = (&zone, &self.namespace);
            let at = Whereabouts::from(probe);
            async move {
                for pod in pods {
                    let host = format!("{}.{DEFAULT_SERVICE}.{namespace}.svc.{zone}", pod.name());
                    let url = format!("http://{host}/identity");
                    let command = words(&["wget", "-q", "-T", "5", "-O", "-", &url]);
                    self.exec(&at, Purpose::Connect { host }, command).await;
                }
            }
        });
        futures::future::join_all(fetches).await;
        Ok(())
    }

    /// What readers of the documents type, in the documented one-off pod.
    pub(super) async fn lookup_tools(&self, pods: &[PodRef]) -> Done {
        if !self.available.dns {
            return self.skip("lookup-tools", Need::Dns);
        }
        let uid = self.recorder.look(|world| {
            world
                .get(crate::history::Resource::Pods, "dns-test")
                .map(|pod| pod.uid.clone())
                .unwrap_or_default()
        });
        let at = Whereabouts { namespace: self.namespace.clone(), pod: "dns-test".to_owned(), uid };
        for pod in pods {
            let name = format!("{}.{DEFAULT_SERVICE}", pod.name());
            let nslookup = words(&["nslookup", &name]);
            self.exec(&at, Purpose::Nslookup { name: name.clone() }, nslookup).await;
            let getent = words(&["getent", "hosts", &name]);
            self.exec(&at, Purpose::Getent { name }, getent).await;
        }
        Ok(())
    }
}

fn folder(place: Place) -> &'static str {
    match place {
        Place::Volume => "/usr/share/nginx/html",
        Place::Container => "/tmp/steadfast",
    }
}
