//! DNS in wire format: over port-forward to a backend, and over `nc` from a pod.

use crate::common::{apply_web, exec, start, watch_pods};
use anyhow::{Context, Result};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, ListParams};
use kube::{Api, Client};
use refcluster::{Fault, Options};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn query(name: &str, kind: RecordType) -> Result<Vec<u8>> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name)?, kind));
    Ok(message.to_vec()?)
}

/// Asks the first backend over TCP, through the API server.
pub(crate) async fn ask(client: &Client, name: &str, kind: RecordType) -> Result<Message> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "kube-system");
    let backends = pods.list(&ListParams::default().labels("k8s-app=kube-dns")).await?;
    let backend = backends.items[0].metadata.name.clone().context("a name")?;
    let mut forward = pods.portforward(&backend, &[53]).await?;
    let mut stream = forward.take_stream(53).context("a stream")?;
    let bytes = query(name, kind)?;
    stream.write_u16(bytes.len() as u16).await?;
    stream.write_all(&bytes).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(Message::from_vec(&answer)?)
}

pub(crate) async fn address_of(client: &Client, pod: &str) -> Result<String> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.get(pod).await?.status.and_then(|status| status.pod_ip).context("an address")
}

fn addresses(message: &Message) -> Vec<String> {
    let address = |data: &RData| match data {
        RData::A(address) => Some(address.0.to_string()),
        _ => None,
    };
    let mut found: Vec<_> = message.answers.iter().filter_map(|record| address(&record.data)).collect();
    found.sort();
    found
}

async fn web_of_two(options: Options) -> Result<(refcluster::Cluster, Client)> {
    let (cluster, client) = start(options).await?;
    apply_web(&client, 2, json!({})).await?;
    watch_pods(&client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok((cluster, client))
}

#[tokio::test(start_paused = true)]
async fn names_of_pods_and_services_resolve() -> Result<()> {
    let (_cluster, client) = web_of_two(Options::default()).await?;
    let mut all = vec![address_of(&client, "web-0").await?, address_of(&client, "web-1").await?];
    let pod = ask(&client, "web-1.nginx.default.svc.cluster.local.", RecordType::A).await?;
    assert_eq!(addresses(&pod), all[1..]);
    assert!(pod.metadata.authoritative && pod.answers[0].ttl == 30);
    all.sort();
    let service = ask(&client, "nginx.default.svc.cluster.local.", RecordType::A).await?;
    assert_eq!(addresses(&service), all);
    let srv = ask(&client, "_web._tcp.nginx.default.svc.cluster.local.", RecordType::SRV).await?;
    assert_eq!(srv.answers.len(), 2);
    let absent = ask(&client, "web-9.nginx.default.svc.cluster.local.", RecordType::A).await?;
    assert_eq!(absent.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(absent.authorities.len(), 1);
    let none = ask(&client, "web-1.nginx.default.svc.cluster.local.", RecordType::AAAA).await?;
    assert_eq!((none.metadata.response_code, none.answers.len()), (ResponseCode::NoError, 0));
    let api = ask(&client, "kubernetes.default.svc.cluster.local.", RecordType::A).await?;
    assert_eq!(addresses(&api), ["10.96.0.1"]);
    let reversed: Vec<_> = all[0].split('.').rev().collect();
    let pointer = ask(&client, &format!("{}.in-addr.arpa.", reversed.join(".")), RecordType::PTR).await?;
    assert_eq!(pointer.answers.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_raw_query_goes_through_nc_in_a_pod() -> Result<()> {
    let (_cluster, client) = web_of_two(Options::default()).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let parameters = AttachParams::default().stdin(true).stderr(false);
    let mut attached = pods.exec("web-0", ["nc", "-u", "10.96.0.10", "53"], &parameters).await?;
    let (mut stdin, mut stdout) = (attached.stdin().context("in")?, attached.stdout().context("out")?);
    for name in ["web-0", "web-1"] {
        stdin.write_all(&query(&format!("{name}.nginx.default.svc.cluster.local."), RecordType::A)?).await?;
        let mut answer = vec![0; 4096];
        let length = stdout.read(&mut answer).await?;
        assert_eq!(addresses(&Message::from_vec(&answer[..length])?), [address_of(&client, name).await?]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_lie_is_told_and_counted() -> Result<()> {
    let faults = vec![Fault::PodNameGivesSibling, Fault::DnsUdpFiltered];
    let (cluster, client) = web_of_two(Options { faults, ..Options::default() }).await?;
    let sibling = ask(&client, "web-1.nginx.default.svc.cluster.local.", RecordType::A).await?;
    assert_eq!(addresses(&sibling), [address_of(&client, "web-0").await?]);
    let (_, found) = exec(&client, "web-0", &["nslookup", "web-1.nginx"]).await?;
    assert!(!found);
    assert!(cluster.firings().values().all(|count| *count > 0), "{:?}", cluster.firings());
    Ok(())
}
