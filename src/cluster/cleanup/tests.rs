use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::{Client, client::Body};

use super::*;

/// A server that answers each request by its method and path; what it was asked is kept.
fn server(
    answer: impl Fn(&str, usize) -> (u16, Value) + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    let answer = tower::service_fn(move |request: Request<Body>| {
        let line = format!("{} {}", request.method(), request.uri().path());
        let mut asked = log.lock().unwrap();
        let before = asked.iter().filter(|other| **other == line).count();
        asked.push(line.clone());
        let (code, body) = answer(&line, before);
        let response = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
        async move { Ok::<_, std::io::Error>(response.unwrap()) }
    });
    (Server::new(Client::new(answer, "default")), asked)
}

fn namespace(run: &str) -> Value {
    json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {
        "name": "ns", "uid": "u", "labels": {RUN_LABEL: run, SCENARIO_LABEL: "first-start"},
    }})
}

fn refused(message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message})
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_answer_was_garbled_is_taken() {
    let (server, _) = server(|line, before| match (line, before) {
        ("POST /api/v1/namespaces", 0) => (201, json!("<html>")),
        ("POST /api/v1/namespaces", _) => (409, refused("already exists")),
        _ => (200, namespace("run-1")),
    });
    let made = Namespace::create(&server, "ns", "run-1", "first-start").await.unwrap();
    assert_eq!((made.uid.as_str(), made.run_id.as_str()), ("u", "run-1"));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_namespace_of_that_name_is_left_alone() {
    let (server, _) = server(|line, _| match line {
        "POST /api/v1/namespaces" => (409, refused("namespaces \"ns\" already exists")),
        _ => (200, namespace("run-2")),
    });
    let error = Namespace::create(&server, "ns", "run-1", "first-start").await.unwrap_err();
    assert_eq!(format!("{error:#}"), "failed to create the namespace ns: namespaces \"ns\" already exists");
}

#[tokio::test(start_paused = true)]
async fn only_404_says_that_nothing_is_left() {
    let volumes = || (200, list("PersistentVolume", &[]));
    for (code, body, left) in [
        (404, refused("not found"), Some(0)),
        (200, namespace("run-1"), Some(1)),
        (200, json!("<html>sign in</html>"), None),
        (200, list("Namespace", &[]), None),
        (403, refused("no"), None),
        (500, refused("no"), None),
    ] {
        let (server, _) = server(move |line, _| match line {
            "GET /api/v1/persistentvolumes" => volumes(),
            _ => (code, body.clone()),
        });
        let outcome = left_behind(&server, &["ns".to_owned()]).await;
        assert_eq!(outcome.ok().map(|left| left.len()), left, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_volumes_that_is_refused_is_not_an_empty_one() {
    for (code, body) in [(403, refused("no")), (200, json!("<html>")), (200, list("Namespace", &[]))] {
        let (server, _) = server(move |line, _| match line {
            "GET /api/v1/persistentvolumes" => (code, body.clone()),
            _ => (404, refused("not found")),
        });
        let error = left_behind(&server, &["ns".to_owned()]).await.unwrap_err();
        assert!(format!("{error:#}").starts_with("failed to list the persistentvolumes: "), "{error:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_in_place_of_the_list_of_namespaces_is_not_nothing_to_delete() {
    for body in [json!("<html>sign in</html>"), json!({}), list("Pod", &[])] {
        let (server, _) = server(move |_, _| (200, body.clone()));
        let error = namespaces_of_runs(&server, None).await.unwrap_err();
        assert!(format!("{error:#}").contains("expected a NamespaceList"), "{error:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_cannot_be_looked_at_is_not_somebody_elses() {
    let ours = Namespace::read(&namespace("run-1")).unwrap();
    for (code, body, expected) in [
        (200, namespace("run-1"), Some(true)),
        (404, refused("not found"), Some(false)),
        (403, refused("no"), None),
        (200, json!("<html>"), None),
    ] {
        let (server, asked) = server(move |_, _| (code, body.clone()));
        assert_eq!(ours.is_ours(&server).await.ok(), expected, "{code}");
        assert!(asked.lock().unwrap().iter().all(|line| line.starts_with("GET ")), "nothing was changed");
    }
}
