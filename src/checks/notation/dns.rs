//! Statements about what was asked: DNS questions and commands in containers.

use super::{Notes, SERVICE, ZONE};
use crate::history::{
    DnsOutcome, DnsRecord, DnsSeen, ExecOutcome, ExecSeen, Observation, Observer, Place, Purpose, Transport,
    Vantage,
};

impl Notes {
    pub(super) fn dns(&mut self, asked: &str, kind: &str, name: &str, answer: &[&str]) {
        let service = format!("{SERVICE}.{}.svc.{ZONE}.", self.namespace_name());
        let name = match name {
            absolute if absolute.ends_with('.') => absolute.to_owned(),
            SERVICE => service,
            relative => format!("{relative}.{service}"),
        };
        let record = |data: &str| DnsRecord {
            name: name.clone(),
            record_type: kind.to_owned(),
            ttl_secs: 30,
            data: data.replace('_', " "),
        };
        let answered = |code: &str, records: Vec<DnsRecord>| DnsOutcome::Answer {
            code: code.to_owned(),
            authoritative: Some(true),
            records,
        };
        let outcome = match answer {
            ["nxdomain"] => answered("NXDOMAIN", Vec::new()),
            ["nothing"] => answered("NOERROR", Vec::new()),
            ["servfail"] => answered("SERVFAIL", Vec::new()),
            ["no-answer"] => DnsOutcome::NoAnswer { reason: "timed out".to_owned() },
            data => answered("NOERROR", data.iter().map(|data| record(data)).collect()),
        };
        let (vantage, transport) = match asked.strip_prefix('@') {
            Some(node) => {
                let (node, transport) = match node.strip_suffix("/tcp") {
                    Some(node) => (node, Transport::Tcp),
                    None => (node, Transport::Udp),
                };
                (Vantage::Node { node: node.to_owned(), nameserver: "10.96.0.10".to_owned() }, transport)
            }
            None => (Vantage::Backend { pod: asked.to_owned() }, Transport::Tcp),
        };
        let seen = DnsSeen { vantage, transport, name: name.clone(), record_type: kind.to_owned(), outcome };
        self.see(Observer::Probe, Observation::Dns(seen.into()));
    }

    pub(super) fn exec(&mut self, pod: &str, what: &str, output: &str) -> bool {
        let purpose = match what {
            "hostname" => Purpose::Hostname,
            "init-hostname" => Purpose::InitHostname,
            "fqdn" => Purpose::Fqdn,
            "addresses" => Purpose::OwnAddresses,
            "hosts" => Purpose::HostsFile,
            "resolv" => Purpose::ResolverConfig,
            "open-gate" => Purpose::OpenGate,
            "close-gate" => Purpose::CloseGate,
            "crash" => Purpose::Crash,
            _ => return false,
        };
        self.run(pod, purpose, output);
        true
    }

    /// Records a command in a pod; the output `fails` stands for a stream that broke, `\n` for a new line.
    pub fn run(&mut self, pod: &str, purpose: Purpose, output: &str) -> u64 {
        let outcome = match output {
            "fails" => ExecOutcome::Failed { reason: "the stream broke".to_owned() },
            text => ExecOutcome::Ended {
                exit_code: 0,
                stdout: text.replace("\\n", "\n") + "\n",
                stderr: String::new(),
            },
        };
        let pod_uid = self.uid_of(pod);
        let exec =
            ExecSeen { pod: pod.to_owned(), pod_uid, purpose, command: vec!["noted".to_owned()], outcome };
        self.see(Observer::Probe, Observation::Exec(exec.into()))
    }

    pub(super) fn token(&mut self, pod: &str, place: &str, token: &str) {
        self.run(
            pod,
            Purpose::WriteToken { place: place_of(place), token: token.to_owned() },
            &format!("checksum-of-{pod}-{token}"),
        );
    }

    pub(super) fn tokens(&mut self, pod: &str, place: &str, found: &str) {
        let lines: Vec<String> = found
            .split(',')
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| {
                if line == "fails" {
                    line.to_owned()
                } else {
                    format!("{line} checksum-of-{}", line.replace(' ', "-"))
                }
            })
            .collect();
        self.run(pod, Purpose::ReadTokens { place: place_of(place) }, &lines.join("\n"));
    }

    pub(super) fn connect(&mut self, pod: &str, answer: &[&str]) {
        let host = format!("{pod}.{SERVICE}.{}.svc.{ZONE}", self.namespace_name());
        let answer = match answer {
            [name, "UID"] => {
                format!("{name} {}", self.uid_of(name))
            }
            other => other.join(" "),
        };
        self.run("probe-node-0", Purpose::Connect { host }, &answer);
    }
}

fn place_of(word: &str) -> Place {
    match word {
        "volume" => Place::Volume,
        "container" => Place::Container,
        other => panic!("a token is on the volume or in the container, not `{other}`"),
    }
}
