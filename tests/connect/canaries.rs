//! A canary in every place that a secret can stand in, each way to fail in turn, and a search through all that is printed and
//! written.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{
    bench::{Bench, Typed, cluster, config},
    certificates::{Authority, Key, base64},
    server::{Answer, Api, Proxy, healthy, mute, status},
};

/// The secret: two words that stand nowhere else. In what a plugin says by itself it looks like one, too.
const CANARY: &str = "canary-7f3a9c2e51";

/// How often something was looked through.
#[derive(Default)]
struct Searched {
    programs: AtomicUsize,
    texts: AtomicUsize,
}

impl Drop for Searched {
    fn drop(&mut self) {
        println!("{:?} runs of a program, {:?} texts searched", self.programs, self.texts);
    }
}

impl Searched {
    /// Runs what connects, silently and with all detail, and looks through everything.
    fn through(&self, place: &str, bench: &Bench, typed: &Typed) {
        let cleanup = bench.steadfast(typed);
        let detailed =
            typed.clone().with(&["--verbose", "--deadline-secs", "2"]).environment("RUST_LOG", "trace");
        let run = bench.steadfast_run(&detailed.environment("RUST_BACKTRACE", "1"));
        self.programs.fetch_add(2, Ordering::Relaxed);
        let mut texts = bench.reports();
        assert!(run.code != Some(0) && !run.said.is_empty(), "{place}: it did not fail: {run:?}");
        assert!(texts.iter().any(|(name, _)| name.ends_with("history.jsonl")), "{place}: no record: {run:?}");
        texts.extend([("cleanup".to_owned(), cleanup.said), ("run".to_owned(), run.said)]);
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        let encoded = [format!("jane:{CANARY}"), format!("user:{CANARY}"), CANARY.to_owned()].map(base64);
        for (name, text) in texts {
            assert!(!text.contains("panicked at"), "{place}: {name} has a panic: {text}");
            for secret in encoded.iter().map(String::as_str).chain([CANARY]) {
                let found = text.find(secret.trim_end_matches('='));
                let around = found.map(|at| text.get(at.saturating_sub(200)..(at + 100).min(text.len())));
                assert!(found.is_none(), "{place}: `{secret}` in {name}: …{around:?}…");
            }
        }
    }
}

/// A server that gives back what it is shown, in an answer with that status.
fn echo(code: u16, only_at: &'static str, wrap: fn(&str) -> String) -> Answer {
    Arc::new(move |seen, _| {
        if !seen.path.contains(only_at) {
            return Some(healthy(seen));
        }
        let shown = format!("{:?}", seen.headers);
        let plain = seen.header("authorization").unwrap_or_default();
        Some((code, wrap(&format!("bad request: Authorization: {plain} among {shown}"))))
    })
}

fn as_status(said: &str) -> String {
    status(403, said)
}

fn as_page(said: &str) -> String {
    format!("<html>{said}</html>")
}

/// As a list of objects that bear the text where an object has a name.
fn as_list(said: &str) -> String {
    json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
           "items": [{"metadata": {"name": said, "uid": said}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}]})
    .to_string()
}

/// The users that have the canary somewhere, by the place.
fn users(bench: &Bench) -> Vec<(&'static str, Value)> {
    bench.write("token", format!("{CANARY}\n"));
    let pair = Authority::new(Key::P256).client(Key::P256);
    let credential = json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": CANARY},
    });
    bench.write("credential", credential.to_string());
    let gives = format!("cat {}", bench.path("credential").display());
    vec![
        ("token", json!({"token": CANARY})),
        ("tokenFile", json!({"tokenFile": "token"})),
        ("token beside tokenFile", json!({"token": CANARY, "tokenFile": "nowhere"})),
        ("password", json!({"username": "jane", "password": CANARY})),
        (
            "client-key-data",
            json!({
                "client-certificate-data": base64(&pair.certificate), "client-key-data": base64(format!("{CANARY}\n{}", pair.key)),
            }),
        ),
        (
            "auth-provider id-token",
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": CANARY, "refresh-token": CANARY, "client-secret": CANARY}}}),
        ),
        ("plugin: stdout", json!({"exec": exec(bench, &gives)})),
    ]
}

fn exec(bench: &Bench, script: &str) -> Value {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("plugin-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": bench.script(&name, script),
    })
}

/// Servers that repeat what they are shown, and such as cannot be reached.
fn servers() -> Vec<(&'static str, Answer)> {
    vec![
        ("401 at once", echo(401, "/version", as_status)),
        ("403 at once", echo(403, "/version", as_status)),
        ("500 with a page", echo(500, "/version", as_page)),
        ("200 with a page", echo(200, "/version", as_page)),
        ("403 to the rights", echo(403, "selfsubjectaccessreviews", as_status)),
        ("200 with a page to the rights", echo(200, "selfsubjectaccessreviews", as_page)),
        ("403 to the nodes", echo(403, "/nodes", as_status)),
        ("nodes named so", echo(200, "/nodes", as_list)),
        ("403 to the namespaces", echo(403, "/namespaces", as_status)),
        ("200 with a page to the namespaces", echo(200, "/namespaces", as_page)),
        ("never", mute()),
    ]
}

#[test]
fn no_credential_is_shown_whatever_the_server_does() {
    let searched = Searched::default();
    let authority = Authority::new(Key::P256);
    std::thread::scope(|scope| {
        for (failure, answer) in servers() {
            let (searched, authority) = (&searched, &authority);
            scope.spawn(move || {
                let api = Api::start(Some(&authority.server(Key::P256)), answer);
                let bench = Bench::new();
                for (place, user) in users(&bench) {
                    let typed = bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user));
                    searched.through(
                        &format!("{place}, {failure}"),
                        &bench,
                        &typed.with(&["--request-timeout", "1"]),
                    );
                }
            });
        }
    });
}

#[test]
fn no_credential_is_shown_where_the_server_is_not_reached() {
    let searched = Searched::default();
    let authority = Authority::new(Key::P256);
    let other = Api::start(Some(&Authority::new(Key::P384).server(Key::P256)), mute());
    let bench = Bench::new();
    for (place, user) in users(&bench) {
        for (failure, port) in [("down", 1), ("another certificate", other.port())] {
            let typed = bench.kubeconfig(config(&cluster(port, &authority.certificate), &user));
            searched.through(&format!("{place}, {failure}"), &bench, &typed);
        }
    }
}

#[test]
fn no_credential_is_shown_where_the_kubeconfig_is_wrong() {
    let searched = Searched::default();
    let bench = Bench::new();
    let good = cluster(1, &Authority::new(Key::P256).certificate);
    let with = |key: &str, value: Value| {
        let mut user = json!({});
        user[key] = value;
        user
    };
    let plugin = |key: &str, value: Value| {
        let mut exec = exec(&bench, "exit 1");
        exec[key] = value;
        json!({"exec": exec})
    };
    let users = [
        with("token", json!([CANARY])),
        with("token", json!({CANARY: CANARY})),
        with("token", json!(format!("{CANARY}\n"))),
        with("token", json!(format!("{CANARY}\u{7f}"))),
        with("password", json!([CANARY])),
        with("client-key-data", json!(format!("!{CANARY}"))),
        json!({"client-certificate-data": base64(CANARY), "client-key-data": base64(CANARY)}),
        json!({"client-certificate-data": base64(&Authority::new(Key::P256).client(Key::P256).certificate), "client-key-data": base64(CANARY)}),
        json!({"token": CANARY, "username": "jane", "password": CANARY}),
        json!({"exec": CANARY}),
        json!({"exec": exec(&bench, ""), "auth-provider": {"name": "oidc", "config": {"id-token": CANARY}}}),
        plugin("args", json!([[CANARY]])),
        plugin("args", json!(CANARY)),
        plugin("env", json!([{"name": "", "value": CANARY}])),
        plugin("env", json!([{"name": "X", "value": [CANARY]}])),
        plugin("env", json!(CANARY)),
        plugin("apiVersion", json!("client.authentication.k8s.io/v1alpha1")),
        json!({"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}}),
    ];
    for user in users {
        let typed = bench.kubeconfig(config(&good, &user));
        searched.through(
            &format!("{:?}", user.as_object().map(|user| user.keys().collect::<Vec<_>>())),
            &bench,
            &typed,
        );
    }
    for text in [
        format!("users:\n- name: u\n  user:\n    token: {CANARY}\n   bad: {CANARY}\n"),
        format!("users: [{{name: u, user: {{token: \"{CANARY}}}}}]\n"),
        format!("token: *{CANARY}\n"),
        CANARY.to_owned(),
        format!("!!binary {CANARY}: [{CANARY}"),
        format!("users: {CANARY}"),
    ] {
        searched.through("no kubeconfig", &bench, &bench.kubeconfig(text));
    }
    for server in [
        format!("https://user:{CANARY}@"),
        format!("ftp://user:{CANARY}@x"),
        format!("user:{CANARY}@x/y"),
        format!("https://user:{CANARY}@127.0.0.1:1"),
    ] {
        searched.through(
            "server",
            &bench,
            &bench.kubeconfig(config(&json!({"server": server}), &json!({"token": "x"}))),
        );
    }
}

#[test]
fn no_credential_of_a_proxy_is_shown() {
    let searched = Searched::default();
    let bench = Bench::new();
    let authority = Authority::new(Key::P256);
    let refuses = Proxy::http(1, Some("user:another"), None);
    let socks = Proxy::socks5(1, Some(("user", "another")));
    let lets_in = Proxy::http(1, None, None);
    for proxy in [
        format!("http://user:{CANARY}@127.0.0.1:1"),
        format!("socks5://user:{CANARY}@127.0.0.1:1"),
        format!("https://user:{CANARY}@{}", refuses.address),
        format!("http://user:{CANARY}@{}", refuses.address),
        format!("socks5://user:{CANARY}@{}", socks.address),
        format!("http://user:{CANARY}@{}", lets_in.address),
        format!("http://{CANARY}@127.0.0.1:1"),
        format!("ftp://user:{CANARY}@127.0.0.1:1"),
        format!("http://user:{CANARY}@:x"),
    ] {
        let mut c = cluster(1, &authority.certificate);
        c["server"] = json!("https://api.example");
        let by_environment = bench.kubeconfig(config(&c, &json!({"token": "x"})));
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            searched.through(name, &bench, &by_environment.clone().environment(name, &proxy));
        }
        c["proxy-url"] = json!(proxy);
        searched.through("proxy-url", &bench, &bench.kubeconfig(config(&c, &json!({"token": "x"}))));
    }
}

#[test]
fn nothing_of_a_plugin_is_shown_but_a_few_masked_lines() {
    let searched = Searched::default();
    let bench = Bench::new();
    let authority = Authority::new(Key::P256);
    let api = Api::start(Some(&authority.server(Key::P256)), echo(401, "", as_status));
    let credential = |status: Value| json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status});
    let files = [
        ("no-expiry", credential(json!({"token": CANARY, "expirationTimestamp": CANARY}))),
        ("bad-token", credential(json!({"token": format!("{CANARY}\n{CANARY}")}))),
        ("bad-pair", credential(json!({"clientCertificateData": CANARY, "clientKeyData": CANARY}))),
        ("half", credential(json!({"clientKeyData": CANARY}))),
        ("version", json!({"kind": "ExecCredential", "apiVersion": CANARY, "status": {"token": CANARY}})),
        ("kind", json!({"kind": CANARY, "token": CANARY})),
    ];
    let mut scripts: Vec<String> = files
        .iter()
        .map(|(name, content)| format!("cat {}", bench.write(&format!("{name}.json"), content.to_string())))
        .collect();
    scripts.extend([
        "echo \"$SECRET $1 $*\" >&2; exit 1".to_owned(),
        "env >&2; exit 1".to_owned(),
        "echo \"$SECRET\"; echo \"$1\" >&2".to_owned(),
        format!("echo 'Error: the token {CANARY} is bad' >&2; exit 3"),
        format!("echo 'password={CANARY}' >&2; exit 3"),
        format!("echo 'Authorization: Bearer {CANARY}' >&2; exit 3"),
        format!("printf 'no line end {CANARY}' >&2; exit 3"),
        format!("echo '{CANARY}'; exit 3"),
        format!("echo '{{\"kind\":\"{CANARY}'"),
        format!("echo '{CANARY}' >&2; sleep 100"),
        "kill -9 $$".to_owned(),
    ]);
    for script in scripts {
        let mut exec = exec(&bench, &script);
        exec["args"] = json!([CANARY, format!("--password={CANARY}")]);
        exec["env"] = json!([{"name": "SECRET", "value": CANARY}]);
        exec["provideClusterInfo"] = json!(true);
        let mut c = cluster(api.port(), &authority.certificate);
        c["extensions"] =
            json!([{"name": "client.authentication.k8s.io/exec", "extension": {"secret": CANARY}}]);
        let hangs = script.contains("sleep");
        let typed = bench.kubeconfig(config(&c, &json!({"exec": exec})));
        if hangs {
            let ended = bench.steadfast_run(&typed.with(&["--deadline-secs", "3"]));
            assert!(!ended.said.contains(CANARY), "{}", ended.said);
            continue;
        }
        searched.through(&script, &bench, &typed);
    }
    // A command that cannot be started, with all of it.
    let mut missing = exec(&bench, "");
    missing["command"] = json!("no-such-plugin");
    missing["args"] = json!([CANARY]);
    missing["env"] = json!([{"name": "SECRET", "value": CANARY}]);
    searched.through(
        "missing",
        &bench,
        &bench.kubeconfig(config(&cluster(1, ""), &json!({"exec": missing}))),
    );
}

#[test]
fn no_credential_of_the_command_line_and_the_environment_is_shown() {
    let searched = Searched::default();
    let bench = Bench::new();
    let authority = Authority::new(Key::P256);
    let api = Api::start(Some(&authority.server(Key::P256)), echo(403, "", as_status));
    let typed = bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &json!({})));
    searched.through("--token", &bench, &typed.clone().with(&["--token", CANARY]));
    searched.through(
        "--token with a line end",
        &bench,
        &typed.clone().with(&["--token", &format!("{CANARY}\n")]),
    );
    searched.through("STEADFAST_TOKEN", &bench, &typed.clone().environment("STEADFAST_TOKEN", CANARY));
    searched.through(
        "--server",
        &bench,
        &typed.clone().with(&["--server", &format!("https://user:{CANARY}@127.0.0.1:1")]),
    );
    searched.through(
        "--server that is none",
        &bench,
        &typed.clone().with(&["--server", &format!("ftp://user:{CANARY}@127.0.0.1:1")]),
    );
    searched.through(
        "a variable that means nothing",
        &bench,
        &typed.environment("AWS_SECRET_ACCESS_KEY", CANARY),
    );
}
