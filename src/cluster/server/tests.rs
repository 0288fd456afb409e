use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use http_body_util::StreamBody;
use hyper::body::Frame;

use super::*;

type Answers = Arc<Mutex<VecDeque<(u16, String)>>>;

/// A server that gives these answers, one after the other, and the last one again and again. What it was asked is kept.
fn server(answers: &[(u16, &str)]) -> (Server, Arc<Mutex<Vec<String>>>) {
    let answers: Answers = Arc::new(Mutex::new(answers.iter().map(|(c, b)| (*c, (*b).to_owned())).collect()));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    let answer = tower::service_fn(move |request: Request<Body>| {
        log.lock().unwrap().push(request.uri().to_string());
        let mut answers = answers.lock().unwrap();
        let (code, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        let response = Response::builder().status(code).body(Body::from(body.into_bytes()));
        async move { Ok::<_, std::io::Error>(response.unwrap()) }
    });
    (Server::new(Client::new(answer, "default")), asked)
}

const EMPTY: &str = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}"#;
const PAGE: &str = "<html><title>Sign in</title></html>";

#[tokio::test(start_paused = true)]
async fn a_proxys_page_with_status_200_is_no_answer() {
    for body in [PAGE, "", "null", "[]", "{}", r#"{"kind":"Status","status":"Failure"}"#] {
        let (server, asked) = server(&[(200, body)]);
        let error = server.get("/api/v1/pods").await.unwrap_err();
        assert!(error.reason.contains("expected a PodList"), "{}", error.reason);
        let error = server.list("/api/v1/pods", "Pod").await.unwrap_err();
        assert!(!error.is_absent() && error.to_string().contains("expected a PodList"), "{error}");
        assert_eq!(asked.lock().unwrap().len(), 1 + 5, "a page may be a passing fault of a proxy");
    }
}

#[tokio::test(start_paused = true)]
async fn a_garbled_answer_that_passes_does_no_harm() {
    let (server, _) = server(&[(200, PAGE), (200, EMPTY)]);
    assert_eq!(server.list("/api/v1/pods", "Pod").await.unwrap().items.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_answered_with_a_page_is_not_granted() {
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let (server, _) = server(&[(201, PAGE)]);
        let path = "/api/v1/namespaces/a/pods/web-0";
        assert!(server.send(method, path, Some(("application/json", &json!({})))).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_to_its_last_page() {
    let page = |name: &str, next: &str| {
        json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1", "continue": next},
               "items": [{"metadata": {"name": name, "uid": name}}]})
        .to_string()
    };
    let (first, last) = (page("a", "x/y="), page("b", ""));
    let (server, asked) = server(&[(200, &first), (200, &last)]);
    let list = server.list("/api/v1/pods?labelSelector=a", "Pod").await.unwrap();
    let names: Vec<&Value> = list.items.iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        *asked.lock().unwrap(),
        [
            "/api/v1/pods?labelSelector=a&limit=500",
            "/api/v1/pods?labelSelector=a&limit=500&continue=x%2Fy%3D"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn pages_that_do_not_end_are_no_list() {
    let page = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":"x"},"items":[]}"#;
    let (server, _) = server(&[(200, page)]);
    assert!(server.list("/api/v1/pods", "Pod").await.unwrap_err().to_string().contains("no end"));
}

#[tokio::test(start_paused = true)]
async fn only_404_means_absent() {
    for (code, absent) in [(404, true), (403, false), (410, false), (500, false), (200, false)] {
        let (server, _) = server(&[(code, r#"{"kind":"Status","status":"Failure","message":"no"}"#)]);
        let error = server.object("/api/v1/namespaces/a", "Namespace").await.unwrap_err();
        assert_eq!(error.is_absent(), absent, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_end_is_refused_and_not_held() {
    let answer = tower::service_fn(|_: Request<Body>| async {
        let chunk = bytes::Bytes::from(vec![b' '; 1 << 20]);
        let frames =
            futures::stream::repeat_with(move || Ok::<_, std::io::Error>(Frame::data(chunk.clone())));
        Ok::<_, std::io::Error>(Response::new(StreamBody::new(frames)))
    });
    let server = Server::new(Client::new(answer, "default"));
    let error = server.get("/api/v1/pods").await.unwrap_err();
    assert_eq!(error.reason, "the answer is longer than 64 MiB");
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_have_the_time_of_one_request() {
    let mute = tower::service_fn(|_: Request<Body>| {
        futures::future::pending::<Result<Response<Body>, std::io::Error>>()
    });
    let server = Server::new(Client::new(mute, "default"));
    let began = Instant::now();
    let error = server.list("/api/v1/pods", "Pod").await.unwrap_err();
    assert!(error.to_string().contains("none within 30s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(31), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_no_json_is_quoted_short_and_visible() {
    let page = format!("\u{1b}[31m<html>\n{}", "x".repeat(500));
    let (server, _) = server(&[(403, &page)]);
    let message = server.get("/api/v1/pods").await.unwrap().message();
    assert!(message.starts_with("HTTP 403: \\u{1b}[31m<html>") && message.len() < 150, "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_redirection_says_where_to_and_nothing_secret() {
    let answer = tower::service_fn(|_: Request<Body>| async {
        let to = "https://user:canary@login.example.com/sso?token=canary#canary";
        let response = Response::builder().status(302).header(header::LOCATION, to);
        Ok::<_, std::io::Error>(response.body(Body::empty()).unwrap())
    });
    let message = Server::new(Client::new(answer, "default")).get("/version").await.unwrap().message();
    assert_eq!(message, "HTTP 302, redirected to https://<secret>@login.example.com/sso");
}
