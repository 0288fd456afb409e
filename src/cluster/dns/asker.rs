//! One vantage's resolver, and the translation of what it says into an observation.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
use hickory_resolver::{
    Resolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::RuntimeProvider},
    proto::{
        op::{Message, ResponseCode},
        rr::{Record, RecordType},
    },
};
use kube::Client;
use tokio::{sync::Mutex, time::Instant};

use super::{through_exec::ThroughExec, through_forward::ThroughForward};
use crate::{
    cluster::{Backend, Probe},
    history::{DnsOutcome, DnsRecord, Transport, Vantage},
    limits,
};

/// Asks from one vantage over one transport.
#[derive(Clone)]
pub struct Asker {
    /// Whom, and from where.
    pub vantage: Vantage,
    /// How.
    pub transport: Transport,
    resolver: Arc<Either>,
}

enum Either {
    Forward(Box<Resolver<ThroughForward>>),
    /// Datagrams of several questions could run together in one stream, so there is one question at a time.
    Exec(Box<Mutex<Netcat>>),
}

impl Asker {
    /// Asks one backend pod over TCP, through a port-forward.
    pub fn backend(client: &Client, backend: &Backend) -> Result<Self> {
        let server = address(&backend.address)?;
        let provider = ThroughForward::new(client, backend);
        let resolver = resolver(NameServerConfig::tcp(server), provider)?;
        let vantage = Vantage::Backend { pod: backend.pod.clone() };
        Ok(Self {
            vantage,
            transport: Transport::Tcp,
            resolver: Arc::new(Either::Forward(Box::new(resolver))),
        })
    }

    /// Asks a nameserver as a pod on the probe's node sees it.
    pub fn node(client: &Client, probe: &Probe, nameserver: &str, transport: Transport) -> Result<Self> {
        let server = address(nameserver)?;
        let config = match transport {
            Transport::Udp => NameServerConfig::udp(server),
            Transport::Tcp => NameServerConfig::tcp(server),
        };
        let provider = ThroughExec::new(client, probe);
        let server = SocketAddr::new(server, DNS_PORT);
        let netcat = Netcat { config, transport, server, provider, open: None };
        let vantage = Vantage::Node { node: probe.node.clone(), nameserver: nameserver.to_owned() };
        Ok(Self { vantage, transport, resolver: Arc::new(Either::Exec(Box::new(Mutex::new(netcat)))) })
    }

    /// Asks for an absolute name. Whatever comes back, nothing included, is an outcome and not an error.
    pub async fn ask(&self, name: &str, record_type: &str) -> DnsOutcome {
        let Ok(kind) = record_type.parse::<RecordType>() else {
            return DnsOutcome::NoAnswer { reason: format!("{record_type} is no record type") };
        };
        match &*self.resolver {
            Either::Forward(resolver) => within_bound(ask(resolver, name, kind)).await,
            Either::Exec(netcat) => netcat.lock().await.ask(name, kind).await,
        }
    }
}

async fn within_bound(question: impl Future<Output = DnsOutcome>) -> DnsOutcome {
    let bound = limits::DNS_ANSWER.duration() * 2;
    match tokio::time::timeout(bound, question).await {
        Ok(outcome) => outcome,
        Err(_) => DnsOutcome::NoAnswer { reason: format!("none within {bound:?}") },
    }
}

const DNS_PORT: u16 = 53;

/// A resolver over `nc`, which does not tell when the server has closed the connection: one that was idle for long is
/// not used again.
struct Netcat {
    config: NameServerConfig,
    transport: Transport,
    server: SocketAddr,
    provider: ThroughExec,
    open: Option<(Resolver<ThroughExec>, ThroughExec, Instant)>,
}

impl Netcat {
    async fn ask(&mut self, name: &str, kind: RecordType) -> DnsOutcome {
        self.open.take_if(|(_, _, used)| used.elapsed() > limits::DNS_IDLE.duration());
        let (resolver, provider) = match self.open.take() {
            Some((resolver, provider, _)) => (resolver, provider),
            None => match self.opened().await {
                Ok(opened) => opened,
                Err(error) => return DnsOutcome::NotAsked { reason: format!("{error:#}") },
            },
        };
        match within_bound(ask(&resolver, name, kind)).await {
            DnsOutcome::NoAnswer { reason } if provider.was_cut() => {
                DnsOutcome::NotAsked { reason: format!("the exec of nc was cut: {reason}") }
            }
            DnsOutcome::Answer { code, authoritative, records } => {
                self.open = Some((resolver, provider, Instant::now()));
                DnsOutcome::Answer { code, authoritative, records }
            }
            other => other,
        }
    }

    /// A resolver whose `nc` runs already.
    async fn opened(&self) -> Result<(Resolver<ThroughExec>, ThroughExec)> {
        let provider = self.provider.renewed();
        provider.prepare(self.transport, self.server).await.context("the exec of nc could not be opened")?;
        Ok((resolver(self.config.clone(), provider.clone())?, provider))
    }
}

fn address(text: &str) -> Result<IpAddr> {
    text.parse().with_context(|| format!("`{text}` is no address"))
}

fn resolver<P: RuntimeProvider>(server: NameServerConfig, provider: P) -> Result<Resolver<P>> {
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = Resolver::builder_with_config(config, provider);
    plain(builder.options_mut());
    builder.build().context("failed to build a resolver")
}

/// One question, one answer: nothing kept, nothing tried again, nothing looked up elsewhere.
fn plain(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.attempts = 0;
    options.timeout = limits::DNS_ANSWER.duration();
    options.use_hosts_file = ResolveHosts::Never;
    options.try_tcp_on_error = false;
    options.num_concurrent_reqs = 1;
}

async fn ask<P: RuntimeProvider>(resolver: &Resolver<P>, name: &str, kind: RecordType) -> DnsOutcome {
    match resolver.lookup(name, kind).await {
        Ok(found) => answer(found.message()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => DnsOutcome::Answer {
            code: spelling(none.response_code),
            authoritative: None,
            records: Vec::new(),
        },
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            DnsOutcome::Answer { code: spelling(code), authoritative: None, records: Vec::new() }
        }
        Err(error) => DnsOutcome::NoAnswer { reason: error.to_string() },
    }
}

/// What a response says, as a history keeps it.
fn answer(message: &Message) -> DnsOutcome {
    DnsOutcome::Answer {
        code: spelling(message.metadata.response_code),
        authoritative: Some(message.metadata.authoritative),
        records: message.answers.iter().map(record).collect(),
    }
}

/// What a raw message says, as a history keeps it, if it is one. For tests with messages that no nameserver sends.
pub fn read_message(message: &[u8]) -> Option<DnsOutcome> {
    Message::from_vec(message).ok().as_ref().map(answer)
}

fn record(record: &Record) -> DnsRecord {
    DnsRecord {
        name: record.name.to_string(),
        record_type: record.record_type().to_string(),
        ttl_secs: record.ttl,
        data: record.data.to_string(),
    }
}

/// The response code as RFC 6895, section 2.3, spells it.
fn spelling(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}
