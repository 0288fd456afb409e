//! Clusters of one address family and of two, and the slices of older releases.

use crate::common::{after, apply, apply_web, exec, start};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Service;
use kube::api::PostParams;
use kube::{Api, Client, Error};
use refcluster::{IpFamilies, Options};
use serde_json::{Value, json};

async fn slices(client: &Client, version: &str) -> Result<Vec<Value>> {
    let path = format!(
        "/apis/discovery.k8s.io/{version}/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dnginx"
    );
    let mut list: Value = client.request(http::Request::get(path).body(Vec::new())?).await?;
    let mut items = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    items.sort_by_key(|slice| slice["addressType"].to_string());
    Ok(items)
}

#[tokio::test(start_paused = true)]
async fn a_cluster_can_be_ipv6_only() -> Result<()> {
    let (_cluster, client) = start(Options { ip_families: IpFamilies::Ipv6, ..Options::default() }).await?;
    apply_web(&client, 2, json!({})).await?;
    after(60).await;
    let own = exec(&client, "web-1", &["hostname", "-i"]).await?.0;
    assert!(own.starts_with("fd00:10:244:"), "{own}");
    let asked = exec(&client, "web-0", &["nslookup", "web-1.nginx.default.svc.cluster.local"]).await?.0;
    assert!(asked.contains(own.trim()), "{asked}");
    exec(&client, "web-1", &["sh", "-c", "echo page > /usr/share/nginx/html/index.html"]).await?;
    let page = exec(&client, "web-0", &["wget", "-q", "-O", "-", "http://web-1.nginx/"]).await?;
    assert_eq!(page, ("page\n".to_owned(), true));
    let slices = slices(&client, "v1").await?;
    assert_eq!((slices.len(), slices[0]["addressType"].as_str()), (1, Some("IPv6")));
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let spec = services.get("kubernetes").await?.spec.context("a spec")?;
    assert_eq!(
        (spec.cluster_ip.as_deref(), spec.ip_families),
        (Some("fd00:10:96::1"), Some(vec!["IPv6".to_owned()]))
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn services_have_the_families_that_they_ask_for() -> Result<()> {
    let (_cluster, client) =
        start(Options { ip_families: IpFamilies::Ipv4Ipv6, ..Options::default() }).await?;
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service = |name: &str, extra: Value| {
        let mut service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": extra});
        service["spec"]["ports"] = json!([{"port": 80}]);
        service
    };
    let mut families = Vec::new();
    for (name, extra) in [
        ("plain", json!({})),
        ("both", json!({"ipFamilyPolicy": "PreferDualStack"})),
        ("second", json!({"ipFamilies": ["IPv6"]})),
    ] {
        let spec = apply(&services, service(name, extra)).await?.spec.context("a spec")?;
        families.push((spec.ip_families.unwrap_or_default(), spec.cluster_ips.unwrap_or_default().len()));
    }
    let of =
        |families: &[&str]| (families.iter().map(|family| (*family).to_owned()).collect(), families.len());
    assert_eq!(families, [of(&["IPv4"]), of(&["IPv4", "IPv6"]), of(&["IPv6"])]);
    let (_single, client) = start(Options::default()).await?;
    let services: Api<Service> = Api::default_namespaced(client);
    let wanted = serde_json::from_value(service("both", json!({"ipFamilyPolicy": "RequireDualStack"})))?;
    let refused = services.create(&PostParams::default(), &wanted).await;
    let Err(Error::Api(status)) = refused else { panic!("{refused:?}") };
    assert_eq!(status.code, 422);
    assert!(status.message.contains("this cluster is not configured for dual-stack services"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slices_of_1_20_are_of_the_older_shape() -> Result<()> {
    let (_cluster, client) = start(Options { version: "v1.20.2".to_owned(), ..Options::default() }).await?;
    apply_web(&client, 1, json!({})).await?;
    after(60).await;
    let slices = slices(&client, "v1beta1").await?;
    let types: Vec<_> = slices.iter().map(|slice| slice["addressType"].as_str()).collect();
    assert_eq!(types, [Some("IPv4"), Some("IPv6")], "a headless Service counts for both families");
    assert_eq!(slices[0]["apiVersion"], "discovery.k8s.io/v1beta1");
    let endpoint = &slices[0]["endpoints"][0];
    assert_eq!(endpoint["conditions"], json!({"ready": true}));
    assert!(endpoint["topology"]["kubernetes.io/hostname"].is_string() && endpoint.get("nodeName").is_none());
    assert_eq!(endpoint["hostname"], "web-0");
    Ok(())
}
