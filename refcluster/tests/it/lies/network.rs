//! Lies about endpoints, and about what the DNS makes of addresses.

use super::{beside_the_truth, beside_the_truth_with};
use crate::common::{after, apply, delete_pod, exec, gated, pods, sets, web};
use crate::dns::ask;
use anyhow::Result;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointSlice};
use kube::api::ListParams;
use kube::{Api, Client};
use refcluster::{Fault, IpFamilies, Options};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Applies a headless Service for the pods of the set, some of its spec replaced.
async fn apply_service(client: &Client, extra: Value) -> Result<()> {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nginx"},
        "spec": {"clusterIP": "None", "selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}]},
    });
    for (field, value) in extra.as_object().into_iter().flatten() {
        service["spec"][field] = value.clone();
    }
    let services: Api<Service> = Api::default_namespaced(client.clone());
    apply(&services, service).await?;
    Ok(())
}

async fn apply_set(client: &Client, set: Value) -> Result<()> {
    let sets = sets(client);
    apply(&sets, set).await?;
    after(60).await;
    Ok(())
}

/// The Service's slices, by address family.
async fn slices(client: &Client) -> Result<Vec<(String, Vec<Endpoint>)>> {
    let slices: Api<EndpointSlice> = Api::default_namespaced(client.clone());
    let own = ListParams::default().labels("kubernetes.io/service-name=nginx");
    let slices = slices.list(&own).await?.items.into_iter();
    let mut slices: Vec<_> =
        slices.map(|slice| (slice.address_type, slice.endpoints.unwrap_or_default())).collect();
    slices.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(slices)
}

async fn endpoints(client: &Client) -> Result<Vec<Endpoint>> {
    Ok(slices(client).await?.into_iter().flat_map(|(_, endpoints)| endpoints).collect())
}

async fn conditions(client: &Client) -> Result<Vec<EndpointConditions>> {
    Ok(endpoints(client).await?.into_iter().filter_map(|endpoint| endpoint.conditions).collect())
}

/// The names of the pods that the Service's endpoints refer to.
async fn targets(client: &Client) -> Result<Vec<String>> {
    let endpoints = endpoints(client).await?.into_iter();
    let mut names: Vec<_> = endpoints.filter_map(|endpoint| endpoint.target_ref?.name).collect();
    names.sort();
    Ok(names)
}

async fn pod_addresses(client: &Client, pod: &str) -> Result<Vec<String>> {
    let pods = pods(client);
    let addresses = pods.get(pod).await?.status.and_then(|status| status.pod_ips);
    Ok(addresses.into_iter().flatten().map(|address| address.ip).collect())
}

fn dual_stack() -> Options {
    Options { ip_families: IpFamilies::Ipv4Ipv6, ..Options::default() }
}

/// What a Service's spec says when it is for both address families.
fn both_families() -> Value {
    json!({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"})
}

fn is(ready: bool, serving: bool, terminating: bool) -> EndpointConditions {
    EndpointConditions { ready: Some(ready), serving: Some(serving), terminating: Some(terminating) }
}

#[tokio::test(start_paused = true)]
async fn terminating_stays_ready() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::TerminatingStaysReady, async |client| {
        let mut set = web(1, json!({}));
        let hook = json!({"preStop": {"sleep": {"seconds": 20}}});
        set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
        apply_service(client, json!({})).await?;
        apply_set(client, set).await?;
        assert_eq!(conditions(client).await?, [is(true, true, false)]);
        delete_pod(client, "web-0").await?;
        after(10).await;
        conditions(client).await
    })
    .await?;
    assert_eq!(truth, [is(false, true, true)]);
    assert_eq!(lie, [is(true, true, true)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn publish_not_ready_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PublishNotReadyIgnored, async |client| {
        apply_service(client, json!({"publishNotReadyAddresses": true})).await?;
        apply_set(client, gated(1, false)).await?;
        conditions(client).await
    })
    .await?;
    assert_eq!(truth, [is(true, false, false)]);
    assert_eq!(lie, [is(false, false, false)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn second_family_unpublished() -> Result<()> {
    let (truth, lie) = beside_the_truth_with(dual_stack(), Fault::SecondFamilyUnpublished, async |client| {
        apply_service(client, both_families()).await?;
        apply_set(client, web(1, json!({}))).await?;
        let slices = slices(client).await?.into_iter();
        let addresses = |endpoints: Vec<Endpoint>| -> Vec<String> {
            endpoints.into_iter().flat_map(|endpoint| endpoint.addresses).collect()
        };
        let published = slices.map(|(family, endpoints)| (family, addresses(endpoints)));
        Ok((pod_addresses(client, "web-0").await?, published.collect::<Vec<_>>()))
    })
    .await?;
    let of = |family: &str, addresses: &[String]| (family.to_owned(), addresses.to_vec());
    let (own, published) = truth;
    assert!(own[0].starts_with("10.244.") && own[1].starts_with("fd00:10:244:"), "{own:?}");
    assert_eq!(published, [of("IPv4", &own[..1]), of("IPv6", &own[1..])]);
    let (own, published) = lie;
    assert_eq!(published, [of("IPv4", &own[..1]), of("IPv6", &[])]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_service_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::LateServiceIgnored, async |client| {
        apply_set(client, web(2, json!({}))).await?;
        apply_service(client, json!({})).await?;
        after(10).await;
        let at_first = targets(client).await?;
        delete_pod(client, "web-1").await?;
        after(60).await;
        Ok((at_first, targets(client).await?))
    })
    .await?;
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(truth, (of(&["web-0", "web-1"]), of(&["web-0", "web-1"])));
    assert_eq!(lie, (of(&[]), of(&["web-1"])));
    Ok(())
}

/// The name under which reverse queries ask for an address.
fn reverse_name(address: &str) -> Result<String> {
    let (mut labels, zone): (Vec<_>, _) = match address.parse()? {
        IpAddr::V4(address) => (address.octets().map(|octet| octet.to_string()).into(), "in-addr"),
        IpAddr::V6(address) => {
            (format!("{:032x}", address.to_bits()).chars().map(String::from).collect(), "ip6")
        }
    };
    labels.reverse();
    Ok(format!("{}.{zone}.arpa.", labels.join(".")))
}

#[tokio::test(start_paused = true)]
async fn ptr_missing() -> Result<()> {
    let (truth, lie) = beside_the_truth_with(dual_stack(), Fault::PtrMissing, async |client| {
        apply_service(client, both_families()).await?;
        apply_set(client, web(1, json!({}))).await?;
        let mut told = Vec::new();
        for address in pod_addresses(client, "web-0").await? {
            let answer = ask(client, &reverse_name(&address)?, RecordType::PTR).await?;
            let names: Vec<_> = answer.answers.iter().map(|record| record.data.to_string()).collect();
            told.push((answer.metadata.response_code, names));
        }
        Ok(told)
    })
    .await?;
    let name = (ResponseCode::NoError, vec!["web-0.nginx.default.svc.cluster.local.".to_owned()]);
    assert_eq!(truth, [name.clone(), name]);
    let nothing = (ResponseCode::ServFail, vec![]);
    assert_eq!(lie, [nothing.clone(), nothing]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ptr_names_dashed() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PtrNamesDashed, async |client| {
        apply_service(client, json!({})).await?;
        apply_set(client, web(1, json!({}))).await?;
        let address = pod_addresses(client, "web-0").await?.remove(0);
        let answer = ask(client, &reverse_name(&address)?, RecordType::PTR).await?;
        let names: Vec<_> = answer.answers.iter().map(|record| record.data.to_string()).collect();
        Ok((address.replace('.', "-"), names))
    })
    .await?;
    let zone = "nginx.default.svc.cluster.local.";
    assert_eq!(truth.1, [format!("web-0.{zone}")]);
    assert_eq!(lie.1, [format!("{}.{zone}", lie.0)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn node_without_dns() -> Result<()> {
    let nodes = Options { nodes: 2, ..Options::default() };
    let (truth, lie) = beside_the_truth_with(nodes, Fault::NodeWithoutDns, async |client| {
        let mut answers = Vec::new();
        for index in [0, 1] {
            let name = format!("probe-{index}");
            let container = json!({"name": "c", "image": "busybox", "command": ["sleep", "infinity"]});
            let spec = json!({"nodeName": format!("node-{index}"), "containers": [container]});
            let metadata = json!({"name": name});
            let probe = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
            apply(&pods(client), probe).await?;
            after(10).await;
            answers.push(exec(client, &name, &["nslookup", "kubernetes.default.svc.cluster.local"]).await?.1);
        }
        Ok(answers)
    })
    .await?;
    assert_eq!((truth, lie), (vec![true, true], vec![true, false]));
    Ok(())
}
