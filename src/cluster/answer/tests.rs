use serde_json::json;

use super::*;

const PODS: &str = "/api/v1/namespaces/a/pods?limit=500";

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "namespace": "a"}})
}

fn pods(items: Value) -> Value {
    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items})
}

/// The body with that key, at a path of keys, set to another value, or taken out.
fn with(mut body: Value, path: &[&str], value: Option<Value>) -> Value {
    let (last, above) = path.split_last().unwrap();
    let at = above.iter().fold(&mut body, |at, key| match key.parse::<usize>() {
        Ok(index) => &mut at[index],
        Err(_) => &mut at[*key],
    });
    match value {
        Some(value) => at[*last] = value,
        None => drop(at.as_object_mut().unwrap().remove(*last)),
    }
    body
}

#[test]
fn a_list_is_read() {
    let read = list(&pods(json!([pod("web-0")])), PODS, "Pod").unwrap();
    assert_eq!((read.items.len(), read.resource_version.as_str(), read.next), (1, "7", None));
    assert_eq!(list(&pods(json!([])), PODS, "Pod").unwrap().items, Vec::<Value>::new());
}

#[test]
fn a_page_names_the_next() {
    let page = with(pods(json!([pod("web-0")])), &["metadata", "continue"], Some(json!("abc")));
    assert_eq!(list(&page, PODS, "Pod").unwrap().next.as_deref(), Some("abc"));
    let last = with(page, &["metadata", "continue"], Some(json!("")));
    assert_eq!(list(&last, PODS, "Pod").unwrap().next, None);
}

#[test]
fn what_is_no_such_list_is_refused_whatever_is_wrong_with_it() {
    let good = pods(json!([pod("web-0")]));
    assert!(list(&good, PODS, "Pod").is_ok());
    for (path, value) in [
        (&["kind"][..], None),
        (&["kind"], Some(json!("ServiceList"))),
        (&["kind"], Some(json!("Status"))),
        (&["apiVersion"], None),
        (&["apiVersion"], Some(json!("v2"))),
        (&["items"], None),
        (&["items"], Some(Value::Null)),
        (&["items"], Some(json!({}))),
        (&["items", "0"], Some(json!("web-0"))),
        (&["items", "0", "metadata"], None),
        (&["items", "0", "metadata", "name"], None),
        (&["items", "0", "metadata", "name"], Some(json!(""))),
        (&["items", "0", "metadata", "uid"], Some(json!(7))),
        (&["items", "0", "metadata", "namespace"], Some(json!("b"))),
        (&["items", "0", "kind"], Some(json!("Service"))),
        (&["metadata"], None),
        (&["metadata", "resourceVersion"], Some(json!(""))),
        (&["metadata", "resourceVersion"], Some(json!(7))),
    ] {
        let bad = match path {
            ["items", "0"] => with(good.clone(), &["items"], Some(json!([value.clone().unwrap()]))),
            _ => with(good.clone(), path, value.clone()),
        };
        let said = list(&bad, PODS, "Pod").expect_err(&format!("{path:?} = {value:?}"));
        assert!(said.starts_with("expected "), "{said}");
    }
    for body in
        [json!(null), json!([]), json!("web-0"), json!({}), json!({"message": "<html>sign in</html>"})]
    {
        assert!(list(&body, PODS, "Pod").is_err(), "{body}");
    }
}

#[test]
fn each_answer_is_held_to_its_path() {
    let of = |kind: &str, version: &str| {
        json!({"kind": kind, "apiVersion": version,
               "metadata": {"name": "x", "uid": "u", "namespace": "a", "resourceVersion": "1"},
               "items": [], "status": {"allowed": true}, "gitVersion": "v1"})
    };
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (method, path, right, wrong) in [
        (Method::GET, "/api/v1/namespaces/a/pods/x", of("Pod", "v1"), of("PodList", "v1")),
        (Method::GET, "/api/v1/namespaces/a/pods", of("PodList", "v1"), of("Pod", "v1")),
        (Method::GET, "/api/v1/namespaces/x", of("Namespace", "v1"), of("NamespaceList", "v1")),
        (Method::GET, "/api/v1/namespaces", of("NamespaceList", "v1"), of("NodeList", "v1")),
        (Method::GET, "/api/v1/nodes", of("NodeList", "v1"), of("Table", "meta.k8s.io/v1")),
        (Method::POST, "/api/v1/namespaces", of("Namespace", "v1"), of("NamespaceList", "v1")),
        (Method::POST, "/api/v1/namespaces", status("Success"), status("Failure")),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/a/statefulsets/x",
            of("StatefulSet", "apps/v1"),
            of("StatefulSet", "v1"),
        ),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/a/statefulsets/y",
            status("Success"),
            of("StatefulSet", "apps/v1"),
        ),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/a/statefulsets/x/scale",
            of("Scale", "autoscaling/v1"),
            of("Pod", "v1"),
        ),
        (Method::DELETE, "/api/v1/namespaces/a/pods/x", status("Success"), json!({"ok": true})),
        (Method::DELETE, "/api/v1/namespaces/a/pods/x", of("Pod", "v1"), status("Failure")),
        (Method::DELETE, "/api/v1/namespaces/a/pods", of("PodList", "v1"), of("ServiceList", "v1")),
        (Method::POST, reviews, of("SelfSubjectAccessReview", "authorization.k8s.io/v1"), of("Pod", "v1")),
        (Method::GET, "/apis/discovery.k8s.io", of("APIGroup", "v1"), of("APIGroupList", "v1")),
        (Method::GET, "/apis/apps/v1", of("APIResourceList", "v1"), of("APIGroup", "v1")),
        (Method::GET, "/api/v1", of("APIResourceList", "v1"), json!({})),
        (Method::GET, "/apis", of("APIGroupList", "v1"), status("Success")),
        (Method::GET, "/api", of("APIVersions", "v1"), status("Success")),
        (Method::GET, "/version", of("", ""), json!({"major": "1"})),
        (Method::GET, "/apis/example.com/v1/things", of("ThingList", "example.com/v1"), json!({"x": 1})),
    ] {
        assert_eq!(check(&method, path, &right), Ok(()), "{method} {path}");
        assert!(check(&method, path, &wrong).is_err(), "{method} {path} took {wrong}");
        for garbled in [json!(null), json!({}), json!("x"), json!([right]), json!({"message": "<html>"})] {
            assert!(check(&method, path, &garbled).is_err(), "{method} {path} took {garbled}");
        }
    }
}

fn status(word: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": word, "metadata": {}})
}

#[test]
fn a_review_that_does_not_say_is_no_answer() {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review = |status: Value| json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": status});
    assert_eq!(check(&Method::POST, path, &review(json!({"allowed": false}))), Ok(()));
    for status in [json!(null), json!({}), json!({"allowed": "true"})] {
        assert!(check(&Method::POST, path, &review(status)).is_err());
    }
}

#[test]
fn every_watched_resource_has_a_kind() {
    for resource in Resource::ALL {
        assert!(resource.plural().starts_with(&kind_of(*resource).to_lowercase()));
    }
}

#[test]
fn what_came_instead_is_quoted_short_and_visible() {
    let page = format!("\u{1b}[31m<html>\n{}", "x".repeat(500));
    let said = beginning(&page);
    assert!(said.starts_with("\\u{1b}[31m<html>\\nxxx") && said.ends_with('…'), "{said}");
    assert!(said.chars().count() < 100);
    assert_eq!(beginning("a\u{202e}b"), "a\\u{202e}b");
}

#[test]
fn a_credential_in_what_came_instead_is_masked() {
    let said =
        list(&json!({"kind": "Status", "message": "Authorization: Bearer canary"}), PODS, "Pod").unwrap_err();
    assert!(!said.contains("canary") && said.contains("<secret>"), "{said}");
}
