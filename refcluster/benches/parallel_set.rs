//! How long the model takes for a Parallel set of a thousand pods, from its creation until all are ready, and how many
//! versions of objects it writes in a second of that.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use refcluster::{Cluster, Options};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Duration;

const REPLICAS: u64 = 1_000;
const SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";

async fn call(sender: &mut SendRequest<Full<Bytes>>, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request =
        Request::builder().method(method).uri(path).header("host", "embedded").body(Full::new(body));
    let response: hyper::Response<Incoming> =
        sender.send_request(request.expect("a request")).await.expect("an answer");
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&bytes).expect("JSON")
}

async fn thousand_pods() -> u64 {
    let cluster = Cluster::start(Options { nodes: 8, ..Options::default() }).await.expect("a cluster");
    let (mut sender, connection) =
        handshake::<_, Full<Bytes>>(TokioIo::new(cluster.connect())).await.expect("a connection");
    tokio::spawn(connection);
    let set = json!({
        "metadata": {"name": "web"},
        "spec": {
            "serviceName": "nginx", "replicas": REPLICAS, "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "nginx"}},
            "template": {
                "metadata": {"labels": {"app": "nginx"}},
                "spec": {"containers": [{"name": "nginx", "image": "registry.k8s.io/nginx-slim:0.24"}]},
            },
        },
    });
    call(&mut sender, "POST", SETS, &set).await;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let set = call(&mut sender, "GET", &format!("{SETS}/web"), &Value::Null).await;
        let ready = set["status"]["readyReplicas"].as_u64().unwrap_or(0);
        if ready == REPLICAS {
            return set["metadata"]["resourceVersion"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
        }
    }
}

fn parallel_set(criterion: &mut Criterion) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(thousand_pods())
    };
    let writes = run();
    println!("{writes} writes for {REPLICAS} pods");
    let mut group = criterion.benchmark_group("parallel set");
    group.throughput(Throughput::Elements(writes));
    group.sample_size(10);
    group.bench_function("1000 pods until ready", |bencher| bencher.iter(|| black_box(run())));
    group.finish();
}

criterion_group!(benches, parallel_set);
criterion_main!(benches);
