//! What happens while a connection lasts: credentials are renewed, what hangs is named and bounded, and a run that never came
//! to its cluster ends as documented.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use steadfast::{cluster::Connection, options::Target};

use crate::{
    bench::{Bench, Typed, cluster, config},
    certificates::{Authority, Key},
    server::{Answer, Api, Seen, healthy, mute, status, wants},
};

/// A server, and a kubeconfig for it with that user.
fn server(bench: &Bench, answer: Answer, user: &Value) -> (Api, Typed) {
    let authority = Authority::new(Key::P256);
    let api = Api::start(Some(&authority.server(Key::P256)), answer);
    let typed = bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), user));
    (api, typed)
}

/// A plugin that gives `first`, then `second`, and so on, by how often it was run. It keeps count in a file.
fn plugin(bench: &Bench, expires: &str) -> Value {
    let script = format!(
        "cd {}\necho run >> runs\nn=$(wc -l < runs)\necho '{{\"kind\": \"ExecCredential\", \"apiVersion\": \
         \"client.authentication.k8s.io/v1\", \"status\": {{\"token\": \"token-number-'$n'\"{expires}}}}}'",
        bench.path("").display()
    );
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
        "command": bench.script("plugin", &script),
    }})
}

fn runs(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.path("runs")).unwrap_or_default().lines().count()
}

/// Lets in this token for so many requests, and then only that one.
fn changes(first: &'static str, requests: usize, then: &'static str) -> Answer {
    Arc::new(move |seen: &Seen, before: &[Seen]| {
        let token = if before.len() < requests { first } else { then };
        Some(match seen.header("authorization") == Some(&format!("Bearer {token}")) {
            true => healthy(seen),
            false => (401, status(401, "Unauthorized")),
        })
    })
}

async fn connection(bench: &Bench) -> Connection {
    Connection::find(&Target { kubeconfig: Some(bench.path("config")), ..Target::default() }).await.unwrap()
}

#[test]
fn a_plugin_is_run_once_in_a_run() {
    let bench = Bench::new();
    let (api, typed) = server(&bench, wants("token-number-1"), &plugin(&bench, ""));
    let ended = bench.steadfast_run(&typed);
    assert!(ended.said.contains("no node takes pods"), "{}", ended.said);
    assert!(api.seen().len() > 40, "{}", api.seen().len());
    assert_eq!(runs(&bench), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_run_once_for_all_who_wait() {
    let bench = Bench::new();
    let (_api, _) = server(&bench, wants("token-number-1"), &plugin(&bench, ""));
    let connection = connection(&bench).await;
    let asked = (0..20).map(|n| {
        let server = connection.server(&format!("client {n}")).unwrap();
        async move { server.get("/version").await.unwrap().code }
    });
    assert_eq!(futures::future::join_all(asked).await, [200; 20]);
    assert_eq!(runs(&bench), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_run_again_when_its_credential_is_refused() {
    let bench = Bench::new();
    let (_api, _) = server(&bench, changes("token-number-1", 3, "token-number-2"), &plugin(&bench, ""));
    let server = connection(&bench).await.server("test").unwrap();
    for _ in 0..8 {
        assert_eq!(server.get("/version").await.unwrap().code, 200);
    }
    assert_eq!(runs(&bench), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_credential_is_never_taken_is_not_run_for_each_request() {
    let bench = Bench::new();
    let (_api, _) = server(&bench, wants("another"), &plugin(&bench, ""));
    let server = connection(&bench).await.server("test").unwrap();
    for _ in 0..8 {
        assert_eq!(server.get("/version").await.unwrap().code, 401);
    }
    assert_eq!(runs(&bench), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_run_again_when_its_credential_expires() {
    let bench = Bench::new();
    let soon = r#", "expirationTimestamp": "'$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)'""#;
    let (_api, _) = server(&bench, crate::server::open(), &plugin(&bench, soon));
    let server = connection(&bench).await.server("test").unwrap();
    for _ in 0..3 {
        server.get("/version").await.unwrap();
    }
    assert_eq!(runs(&bench), 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.get("/version").await.unwrap();
    assert_eq!(runs(&bench), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_clock_is_behind_is_not_run_for_each_request() {
    let bench = Bench::new();
    let over = r#", "expirationTimestamp": "2020-01-01T00:00:00Z""#;
    let (_api, _) = server(&bench, crate::server::open(), &plugin(&bench, over));
    let server = connection(&bench).await.server("test").unwrap();
    for _ in 0..8 {
        server.get("/version").await.unwrap();
    }
    assert_eq!(runs(&bench), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_that_is_replaced_is_read_again() {
    let bench = Bench::new();
    bench.write("token", "first-token\n");
    let (_api, _) = server(&bench, changes("first-token", 2, "second-token"), &json!({"tokenFile": "token"}));
    let server = connection(&bench).await.server("test").unwrap();
    for _ in 0..2 {
        assert_eq!(server.get("/version").await.unwrap().code, 200);
    }
    assert_eq!(server.get("/version").await.unwrap().code, 401, "the file is not replaced yet");
    bench.write("token", "second-token\n");
    assert_eq!(server.get("/version").await.unwrap().code, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_read_again() {
    let bench = Bench::new();
    let authority = Authority::new(Key::P256);
    let api = Api::hasty(&authority.server(Key::P256), crate::server::open());
    let renew = || {
        let pair = authority.client(Key::P256);
        bench.write("me.crt", &pair.certificate);
        bench.write("me.key", &pair.key);
    };
    renew();
    let user = json!({"client-certificate": "me.crt", "client-key": "me.key"});
    bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user));
    let first = connection(&bench).await;
    let server = first.server("test").unwrap();
    server.get("/version").await.unwrap();
    renew();
    server.get("/version").await.unwrap();
    let certificates: std::collections::BTreeSet<_> =
        api.seen().into_iter().map(|seen| seen.certificate).collect();
    assert_eq!(certificates.len(), 2, "the new certificate was not shown");
}

#[test]
fn a_plugin_that_hangs_is_named_and_bounded_by_the_deadline() {
    let bench = Bench::new();
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
        "command": bench.script("hangs", "sleep 100"),
    });
    let (_api, typed) = server(&bench, wants("x"), &json!({"exec": exec}));
    let ended = bench.steadfast_run(&typed.with(&["--deadline-secs", "8"]));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.took < Duration::from_secs(12), "{:?}", ended.took);
    let named = format!("the credential plugin `{}` of the user `u`", bench.path("hangs").display());
    assert!(ended.said.contains(&format!("waiting for {named}, 2 s so far")), "{}", ended.said);
    assert!(ended.said.contains("(--deadline-secs), waiting for"), "{}", ended.said);
}

#[test]
fn a_server_that_accepts_and_never_answers_ends_within_the_deadline() {
    let bench = Bench::new();
    let (_api, typed) = server(&bench, mute(), &json!({"token": "x"}));
    let ended = bench.steadfast_run(&typed.with(&["--deadline-secs", "4"]));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
    assert!(ended.said.contains("waiting for https://127.0.0.1:"), "{}", ended.said);
    assert_no_table(&ended.said);
    assert_red(&bench);
}

#[test]
fn a_server_that_takes_no_connection_ends_within_the_deadline() {
    let bench = Bench::new();
    // A port whose queue is full takes no more connections and refuses none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    let typed = bench.kubeconfig(config(&json!({"server": server}), &json!({"token": "x"})));
    let ended = bench.steadfast_run(&typed.with(&["--deadline-secs", "4"]));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
}

fn assert_no_table(said: &str) {
    assert!(!said.contains(" passed"), "a table: {said}");
    assert!(said.contains("VERDICT: PRECONDITION (exit 3)"), "{said}");
}

/// Whoever reads the folder afterwards finds nothing green in it.
fn assert_red(bench: &Bench) {
    let junit = std::fs::read_to_string(bench.path("out/junit.xml")).unwrap();
    assert!(junit.contains("<testsuites") && !junit.contains("errors=\"0\" failures=\"0\""), "{junit}");
}

#[test]
fn a_server_that_is_down_is_told_in_one_paragraph_and_no_table() {
    let bench = Bench::new();
    let typed = bench.kubeconfig(config(&json!({"server": "http://127.0.0.1:1"}), &json!({})));
    let ended = bench.steadfast_run(&typed);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    let told = ended
        .said
        .lines()
        .filter(|line| line.contains("cannot be used by the user `u`: 127.0.0.1:1: connection refused"));
    assert_eq!(told.count(), 1, "{}", ended.said);
    assert_no_table(&ended.said);
    assert_red(&bench);
}

#[test]
fn what_was_given_wrong_is_64_and_leaves_nothing_green() {
    let bench = Bench::new();
    bench.write("out/junit.xml", "<testsuites errors=\"0\" failures=\"0\"/>");
    let typed =
        bench.kubeconfig(config(&json!({"server": "https://127.0.0.1:1"}), &json!({"token": "a\nb"})));
    let ended = bench.steadfast_run(&typed);
    assert_eq!(ended.code, Some(64), "{}", ended.said);
    assert!(!ended.said.contains("panicked") && !ended.said.contains(" passed"), "{}", ended.said);
    assert_red(&bench);
    let junit = std::fs::read_to_string(bench.path("out/junit.xml")).unwrap();
    assert!(junit.contains(r#"<property name="exit_code" value="64""#), "{junit}");
}

#[test]
fn a_kubeconfig_that_is_a_pipe_without_a_writer_ends() {
    let bench = Bench::new();
    let pipe = bench.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let ended = bench.steadfast(&Typed::default().with(&["--kubeconfig", pipe.to_str().unwrap()]));
    assert_eq!(ended.code, Some(64), "{}", ended.said);
    assert!(ended.said.contains("nobody wrote to it within 10 s"), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_exec_has_the_servers_own_sentence_and_no_credential() {
    let bench = Bench::new();
    let refuses: Answer = Arc::new(|seen, _| {
        Some((403, status(403, &format!("no exec here, {:?}", seen.header("authorization")))))
    });
    let (_api, _) = server(&bench, refuses, &json!({"token": "canary-token"}));
    let client = connection(&bench).await.client("test").unwrap();
    let said = steadfast::cluster::run_in_pod(&client, "a", "web-0", &["true".to_owned()]).await.unwrap_err();
    assert!(said.contains("the server answered 403 and opened no stream: no exec here"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_server_that_calls_itself_embedded_is_a_model_over_tcp() {
    let bench = Bench::new();
    let mut served = std::process::Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["embedded", "serve", "--out"])
        .arg(bench.path("config"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(served.stdout.take().unwrap()), &mut ready)
        .unwrap();
    let kubeconfig = bench.path("config").display().to_string();
    let ended =
        bench.steadfast_run(&Typed::default().with(&["--kubeconfig", &kubeconfig, "--deadline-secs", "12"]));
    served.kill().unwrap();
    served.wait().unwrap();
    assert!(
        ended.said.contains("MODEL: v1.37.0-embedded is a model of a cluster, and no real one"),
        "{}",
        ended.said
    );
    assert!(ended.said.contains("VERDICT of the MODEL, and of no real cluster"), "{}", ended.said);
    let page = std::fs::read_to_string(bench.path("out/report.html")).unwrap();
    assert!(page.contains("<title>MODEL: ") && page.contains("<h1>MODEL: "));
    let junit = std::fs::read_to_string(bench.path("out/junit.xml")).unwrap();
    assert!(junit.contains(r#"<property name="embedded" value="true""#), "{junit}");
}
