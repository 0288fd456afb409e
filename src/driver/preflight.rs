//! The probes: one pod on each schedulable node, and what can be learnt through them about DNS.

use serde_json::json;

use super::{Done, Driver, Stop, probing::Whereabouts};
use crate::{
    cluster::{Backend, Probe, ResolverConfig, Surroundings, backends_of, dns::Asker},
    history::{Discovered, Purpose, Resource, Step, Transport},
    spec::Condition,
};

impl Driver {
    /// Starts the probes, reads their resolver configuration, and gets ready to ask every backend and every node.
    pub(super) async fn start_probes(&mut self) -> Done {
        let nodes = self.shared.facts.nodes.clone();
        for (index, node) in nodes.iter().enumerate() {
            let mut probe = self.manifest("instrumented/probe.yaml");
            probe["metadata"]["name"] = json!(format!("probe-{index}"));
            probe["spec"]["nodeName"] = json!(node);
            self.apply_object(probe, None).await?;
        }
        for index in 0..nodes.len() {
            self.wait(&Condition::PodReady(format!("probe-{index}"))).await?;
        }
        let probes: Vec<Probe> =
            nodes.iter().enumerate().filter_map(|(i, node)| self.probe(i, node)).collect();
        let mut configuration = None;
        for probe in &probes {
            let at = Whereabouts::from(probe);
            let command = vec!["cat".to_owned(), "/etc/resolv.conf".to_owned()];
            let printed = self.exec(&at, Purpose::ResolverConfig, command).await;
            configuration = configuration.or(printed);
        }
        self.learn(probes, &configuration.unwrap_or_default()).await
    }

    fn probe(&self, index: usize, node: &str) -> Option<Probe> {
        let pod = format!("probe-{index}");
        let uid = self.recorder.look(|world| Some(world.get(Resource::Pods, &pod)?.uid.clone()))?;
        Some(Probe { namespace: self.namespace.clone(), pod, node: node.to_owned(), uid })
    }

    /// What the first probe's resolv.conf says; the probes agree, or the check of the preflight says that they do not.
    async fn learn(&mut self, probes: Vec<Probe>, configuration: &str) -> Done {
        let options = &self.shared.options;
        let ResolverConfig { zone, nameservers, search } =
            ResolverConfig::read(configuration, &self.namespace);
        let zone = options.cluster_domain.clone().or(zone);
        let backends = backends_of(&self.server, &nameservers, options.dns_backends.as_ref()).await;
        let backends = backends.map_err(|error| Stop::environment(format!("{error:#}")))?;
        let askers = self.make_askers(&probes, &nameservers, &backends);
        let askers = askers.map_err(|error| Stop::environment(format!("{error:#}")))?;
        let storage_class = self.shared.surroundings().storage_class;
        let surroundings = Surroundings { zone, nameservers, search, backends, probes, storage_class };
        let discovered = Discovered {
            zone: surroundings.zone.clone(),
            backends: surroundings.backend_endpoints(),
            probes: surroundings.probe_endpoints(),
        };
        self.recorder.step(Step::Discovered(discovered.into()));
        *self.shared.found.lock().expect("no holder panics") = (surroundings, askers);
        Ok(())
    }

    fn make_askers(
        &self,
        probes: &[Probe],
        nameservers: &[String],
        backends: &[Backend],
    ) -> anyhow::Result<Vec<Asker>> {
        let client = self.shared.connection.client(&format!("run/{} dns", self.shared.run_id))?;
        let mut askers = Vec::new();
        for backend in backends {
            askers.push(Asker::backend(&client, backend)?);
        }
        for probe in probes {
            for nameserver in nameservers {
                for transport in [Transport::Udp, Transport::Tcp] {
                    askers.push(Asker::node(&client, probe, nameserver, transport)?);
                }
            }
        }
        Ok(askers)
    }
}
