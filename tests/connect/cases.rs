//! The table: what is tried, what kubectl makes of it, and what steadfast must make of it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    bench::{Bench, Typed, cluster, config},
    certificates::{Authority, Key, Pair, base64, self_signed},
    server::{Api, Proxy, Seen, mute, open, wants},
};

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A connection.
    Connects,
    /// No connection, for what was given is wrong; what is said of it.
    Usage(&'static str),
    /// No connection, for the server or what is on the way; what is said of it.
    Down(&'static str),
}

/// What is tried.
pub(crate) struct Trial {
    pub(crate) typed: Typed,
    /// Keeps the servers, and looks at what they saw.
    pub(crate) check: Box<dyn Fn() -> Result<(), String>>,
}

/// A row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Whether kubectl connects.
    pub(crate) kubectl: bool,
    pub(crate) ours: End,
    pub(crate) setup: fn(&Bench) -> Trial,
}

use End::{Connects, Down, Usage};

fn nothing_more(keep: impl Sized + 'static) -> Box<dyn Fn() -> Result<(), String>> {
    Box::new(move || {
        let _ = &keep;
        Ok(())
    })
}

fn trial<K: 'static>(typed: Typed, keep: K) -> Trial {
    Trial { typed, check: nothing_more(keep) }
}

/// Looks at all requests that came.
fn checked(typed: Typed, api: Api, what: &'static str, holds: fn(&Seen) -> bool) -> Trial {
    let check = move || match api.seen().iter().find(|seen| !holds(seen)) {
        Some(seen) => Err(format!("{what}: {seen:?}")),
        None if api.seen().is_empty() => Err("nobody came".to_owned()),
        None => Ok(()),
    };
    Trial { typed, check: Box::new(check) }
}

/// A server with TLS that lets in the token `good`, and its authority.
fn tls() -> (Api, Authority) {
    let authority = Authority::new(Key::P256);
    (Api::start(Some(&authority.server(Key::P256)), wants("good")), authority)
}

fn token() -> Value {
    json!({"token": "good"})
}

/// A cluster that is right, and a user that is not, or not so simple.
fn with_user(bench: &Bench, user: &Value) -> Trial {
    let (api, authority) = tls();
    trial(bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), user)), api)
}

/// A server with such a certificate, and what is believed.
fn with_certificate(bench: &Bench, pair: &Pair, believed: &str) -> Trial {
    let api = Api::start(Some(pair), wants("good"));
    trial(bench.kubeconfig(config(&cluster(api.port(), believed), &token())), api)
}

/// A cluster with something more said of it.
fn with_cluster(bench: &Bench, more: impl Fn(&mut Value, &Authority, u16)) -> Trial {
    let (api, authority) = tls();
    let mut cluster = cluster(api.port(), &authority.certificate);
    more(&mut cluster, &authority, api.port());
    trial(bench.kubeconfig(config(&cluster, &token())), api)
}

fn client(bench: &Bench, make: impl Fn(&Authority) -> Pair) -> Trial {
    let (api, authority) = tls();
    let pair = make(&authority);
    let user = json!({
        "client-certificate-data": base64(&pair.certificate), "client-key-data": base64(&pair.key),
    });
    let typed = bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user));
    checked(typed, api, "no certificate came", |seen| seen.certificate.is_some())
}

/// A plugin that is this script. It has the token, a certificate and a key in files beside it.
fn plugin(bench: &Bench, script: &str, more: impl Fn(&mut Value)) -> Trial {
    let (api, authority) = tls();
    let pair = authority.client(Key::P256);
    let status = json!({"clientCertificateData": pair.certificate, "clientKeyData": pair.key});
    let credential = |version: &str, status: &Value| json!({"kind": "ExecCredential", "apiVersion": format!("client.authentication.k8s.io/{version}"), "status": status});
    bench.write("token.json", credential("v1", &token()).to_string());
    bench.write("token-v1beta1.json", credential("v1beta1", &token()).to_string());
    bench.write("certificate.json", credential("v1", &status).to_string());
    let mut exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
        "command": bench.script("plugin", &format!("cd {}\n{script}", bench.path("").display())),
    });
    more(&mut exec);
    trial(bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &json!({"exec": exec}))), api)
}

/// A cluster behind a proxy, under a name that only the proxy knows.
fn behind(bench: &Bench, proxy: impl Fn(&Api) -> (Proxy, String), expected: &'static str) -> Trial {
    let (api, authority) = tls();
    let (proxy, url) = proxy(&api);
    let mut cluster = cluster(api.port(), &authority.certificate);
    cluster["server"] = json!("https://api.example:6443");
    cluster["proxy-url"] = json!(url);
    let typed = bench.kubeconfig(config(&cluster, &token()));
    through(typed, api, proxy, expected)
}

fn through(typed: Typed, api: Api, proxy: Proxy, expected: &'static str) -> Trial {
    let check = move || {
        let _ = &api;
        match proxy.seen().iter().any(|(line, _)| line.starts_with(expected)) {
            true => Ok(()),
            false => Err(format!("the proxy saw {:?}", proxy.seen())),
        }
    };
    Trial { typed, check: Box::new(check) }
}

/// A cluster under a name that nobody knows, with a proxy in the environment.
fn with_environment(
    bench: &Bench,
    names: &'static [(&'static str, &'static str)],
    expected: &'static str,
) -> Trial {
    let (api, authority) = tls();
    let proxy = Proxy::http(api.port(), None, None);
    let mut cluster = cluster(api.port(), &authority.certificate);
    cluster["server"] = json!("https://api.example:6443");
    let mut typed = bench.kubeconfig(config(&cluster, &token()));
    for (name, value) in names {
        typed = typed.environment(name, value.replace("PROXY", &proxy.address.to_string()));
    }
    if expected.is_empty() { trial(typed, (api, proxy)) } else { through(typed, api, proxy, expected) }
}

fn answering(bench: &Bench, code: u16, body: &'static str) -> Trial {
    let authority = Authority::new(Key::P256);
    let answer = Arc::new(move |_: &Seen, _: &[Seen]| Some((code, body.to_owned())));
    let api = Api::start(Some(&authority.server(Key::P256)), answer);
    trial(bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &token())), api)
}

/// A kubeconfig for a server without TLS that lets in anybody.
fn plain(port: u16) -> String {
    config(&json!({"server": format!("http://127.0.0.1:{port}")}), &json!({}))
}

/// A user of kubectl's own provider, whose token holds until then. Nobody answers where it would be renewed.
fn with_provider(bench: &Bench, until: u64) -> Trial {
    let part =
        |json: Value| base64(json.to_string()).trim_end_matches('=').replace('+', "-").replace('/', "_");
    let token = format!("{}.{}.x", part(json!({"alg": "none"})), part(json!({"exp": until})));
    let authority = Authority::new(Key::P256);
    let api = Api::start(Some(&authority.server(Key::P256)), wants(&token));
    let config_of_it = json!({
        "client-id": "c", "idp-issuer-url": "https://127.0.0.1:1", "id-token": token, "refresh-token": "r",
    });
    let user = json!({"auth-provider": {"name": "oidc", "config": config_of_it}});
    trial(bench.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user)), api)
}

macro_rules! cases {
    ($($name:literal, $kubectl:literal, $ours:expr, $setup:expr;)+) => {
        pub(crate) fn cases() -> Vec<Case> {
            vec![$(Case { name: $name, kubectl: $kubectl, ours: $ours, setup: $setup }),+]
        }
    };
}

cases! {
    // Which server is believed.
    "authority in data, a token", true, Connects, |b| with_cluster(b, |_, _, _| ());
    "authority in a file beside the kubeconfig", true, Connects, |b| with_cluster(b, |c, a, _| {
        b.write("pki/ca.crt", &a.certificate);
        c["certificate-authority-data"] = json!("");
        c["certificate-authority"] = json!("pki/ca.crt");
    });
    "authority in base64 with LF", true, Connects, |b| with_cluster(b, |c, a, _| c["certificate-authority-data"] = json!(folded(&a.certificate, "\n")));
    "authority in base64 with CRLF", true, Connects, |b| with_cluster(b, |c, a, _| c["certificate-authority-data"] = json!(folded(&a.certificate, "\r\n")));
    "authority in base64 with blanks", false, Connects, |b| with_cluster(b, |c, a, _| c["certificate-authority-data"] = json!(folded(&a.certificate, " ")));
    "a second authority, and one that does not read", true, Connects, |b| with_cluster(b, |c, a, _| {
        let other = Authority::new(Key::P384).certificate;
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        c["certificate-authority-data"] = json!(base64(format!("{broken}{other}{}", a.certificate)));
    });
    "server signs for itself, as an authority", true, Connects, |b| { let s = self_signed(true); with_certificate(b, &s, &s.certificate) };
    "server signs for itself", true, Connects, |b| { let s = self_signed(false); with_certificate(b, &s, &s.certificate) };
    "server that is an authority, signed by another", true, Connects, |b| {
        let a = Authority::new(Key::P256);
        with_certificate(b, &a.server_that_is_an_authority(), &a.certificate)
    };
    "server's own certificate as authority, signed by one unknown", true, Connects, |b| {
        let s = Authority::new(Key::P256).server(Key::P256);
        with_certificate(b, &s, &s.certificate)
    };
    "authority of X.509 version 1", true, Connects, |b| { let a = Authority::version_1(); with_certificate(b, &a.server(Key::P256), &a.certificate) };
    "authority and server with P-521", true, Connects, |b| { let a = Authority::new(Key::P521); with_certificate(b, &a.server(Key::P521), &a.certificate) };
    "authority and server with P-384", true, Connects, |b| { let a = Authority::new(Key::P384); with_certificate(b, &a.server(Key::P384), &a.certificate) };
    "authority and server with Ed25519", true, Connects, |b| { let a = Authority::new(Key::Ed25519); with_certificate(b, &a.server(Key::Ed25519), &a.certificate) };
    "authority and server with RSA", true, Connects, |b| { let a = Authority::new(Key::Rsa); with_certificate(b, &a.server(Key::Rsa), &a.certificate) };
    "an authority in between, sent by the server", true, Connects, |b| { let a = Authority::new(Key::P256); with_certificate(b, &a.server_behind_another(), &a.certificate) };
    "another authority", false, Down("signed by none of the authorities of clusters[`c`].cluster.certificate-authority-data"), |b| {
        with_certificate(b, &Authority::new(Key::P256).server(Key::P256), &Authority::new(Key::P256).certificate)
    };
    "another server that signs for itself as an authority", false, Down("signed by none of the authorities"), |b| {
        with_certificate(b, &self_signed(true), &self_signed(true).certificate)
    };
    "no authority, and a server of a private one", false, Down("signed by none of the authorities of this system"), |b| with_cluster(b, |c, _, _| c["certificate-authority-data"] = json!(""));
    "certificate that is over", false, Down("certificate expired"), |b| { let a = Authority::new(Key::P256); with_certificate(b, &a.expired_server(), &a.certificate) };
    "certificate for another name", false, Down("certificate not valid for name"), |b| { let a = Authority::new(Key::P256); with_certificate(b, &a.server_for(Key::P256, &["other.example"]), &a.certificate) };
    "server that signs for itself as an authority, for another name", false, Down("certificate not valid for name"), |b| {
        let pair = self_signed(true);
        let api = Api::start(Some(&pair), wants("good"));
        let mut c = cluster(api.port(), &pair.certificate);
        c["tls-server-name"] = json!("other.example");
        trial(b.kubeconfig(config(&c, &token())), api)
    };
    "tls-server-name", true, Connects, |b| {
        let a = Authority::new(Key::P256);
        let api = Api::start(Some(&a.server_for(Key::P256, &["other.example"])), wants("good"));
        let mut c = cluster(api.port(), &a.certificate);
        c["tls-server-name"] = json!("other.example");
        checked(b.kubeconfig(config(&c, &token())), api, "another name", |seen| seen.server_name.as_deref() == Some("other.example"))
    };
    "insecure-skip-tls-verify", true, Connects, |b| with_cluster(b, |c, _, _| {
        c["certificate-authority-data"] = Value::Null;
        c["insecure-skip-tls-verify"] = json!(true);
    });
    "insecure-skip-tls-verify beside an authority", false, Usage("insecure-skip-tls-verify of the kubeconfig"), |b| with_cluster(b, |c, _, _| c["insecure-skip-tls-verify"] = json!(true));
    "authority in data and in a file", false, Usage("certificate-authority-data beside it"), |b| with_cluster(b, |c, a, _| c["certificate-authority"] = json!(b.write("ca.crt", &a.certificate)));
    "authority that is no PEM", false, Usage("no certificate in PEM"), |b| with_cluster(b, |c, _, _| c["certificate-authority-data"] = json!(base64("nothing")));
    "authority that is no base64", false, Usage("it is no base64"), |b| with_cluster(b, |c, _, _| c["certificate-authority-data"] = json!("-----BEGIN"));
    "authority in a file that is not there", false, Usage("could not be read (no such file or directory)"), |b| with_cluster(b, |c, _, _| {
        c["certificate-authority-data"] = Value::Null;
        c["certificate-authority"] = json!("ca.crt");
    });
    "authority in PEM with CRLF, words around it, and no last line end", true, Connects, |b| with_cluster(b, |c, a, _| {
        let text = format!("# ours\n\n{}", a.certificate.trim_end()).replace('\n', "\r\n");
        c["certificate-authority-data"] = json!(base64(text));
    });
    "authority in a file that is empty", false, Down("signed by none of the authorities of this system"), |b| with_cluster(b, |c, _, _| {
        c["certificate-authority-data"] = Value::Null;
        c["certificate-authority"] = json!(b.write("ca.crt", ""));
    });
    "insecure-skip-tls-verify in quotes", false, Usage("neither true nor false"), |b| with_cluster(b, |c, _, _| {
        c["certificate-authority-data"] = Value::Null;
        c["insecure-skip-tls-verify"] = json!("true");
    });
    "certificate for *.example", true, Connects, |b| {
        let a = Authority::new(Key::P256);
        let mut trial = with_certificate(b, &a.server_for(Key::P256, &["*.example"]), &a.certificate);
        trial.typed = trial.typed.with(&["--tls-server-name", "k.example"]);
        trial
    };
    // Who the client is, by a certificate.
    "client certificate in data", true, Connects, |b| client(b, |a| a.client(Key::P256));
    "client certificate of X.509 version 1", true, Connects, |b| client(b, Authority::client_version_1);
    "client key P-521", true, Connects, |b| client(b, |a| a.client(Key::P521));
    "client key P-384", true, Connects, |b| client(b, |a| a.client(Key::P384));
    "client key Ed25519", true, Connects, |b| client(b, |a| a.client(Key::Ed25519));
    "client key RSA", true, Connects, |b| client(b, |a| a.client(Key::Rsa));
    "client certificate with text before it, key behind EC PARAMETERS", true, Connects, |b| client(b, |a| {
        let pair = a.client(Key::P256);
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        Pair { certificate: format!("Certificate:\n  Data:\n{}", pair.certificate), key: format!("{parameters}{}", pair.key) }
    });
    "client certificate and key in one file, relative", true, Connects, |b| {
        let (api, authority) = tls();
        let pair = authority.client(Key::P256);
        b.write("me.pem", format!("{}{}", pair.key, pair.certificate));
        let user = json!({"client-certificate": "me.pem", "client-key": "./me.pem"});
        checked(b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user)), api, "no certificate", |s| s.certificate.is_some())
    };
    "client key of another certificate", false, Usage("it is not the key of the certificate"), |b| client(b, |a| Pair { key: a.client(Key::P256).key, ..a.client(Key::P256) });
    "client key of another certificate of version 1", false, Usage("it is not the key of the certificate"), |b| client(b, |a| Pair { key: a.client(Key::P256).key, ..a.client_version_1() });
    "client key that is encrypted", false, Usage("encrypted"), |b| client(b, |a| Pair {
        key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(), ..a.client(Key::P256)
    });
    "client certificate without a key", false, Usage("there is no key for it"), |b| with_user(b, &json!({"client-certificate-data": base64(&Authority::new(Key::P256).client(Key::P256).certificate)}));
    "client certificate that is not there", false, Usage("client-certificate of the kubeconfig"), |b| with_user(b, &json!({"client-certificate": "x", "client-key": "y"}));
    "client certificate in data and in a file", false, Usage("client-certificate-data beside it"), |b| {
        let pair = Authority::new(Key::P256).client(Key::P256);
        let file = b.write("x", &pair.certificate);
        with_user(b, &json!({"client-certificate": file, "client-certificate-data": base64(&pair.certificate), "client-key-data": base64(&pair.key)}))
    };
    // Who the client is, by a token or a password.
    "tokenFile with a line end", true, Connects, |b| { b.write("token", "good\n"); with_user(b, &json!({"tokenFile": "token"})) };
    "tokenFile with CRLF and blanks", true, Connects, |b| { b.write("token", "  good\r\n\r\n"); with_user(b, &json!({"tokenFile": "token"})) };
    "token and tokenFile: the file wins", true, Connects, |b| { b.write("token", "good"); with_user(b, &json!({"token": "bad", "tokenFile": "token"})) };
    "token and a tokenFile that is not there", true, Connects, |b| with_user(b, &json!({"token": "good", "tokenFile": "token"}));
    "tokenFile that is not there", false, Usage("tokenFile of the kubeconfig"), |b| with_user(b, &json!({"tokenFile": "token"}));
    "tokenFile that is empty", false, Usage("is empty"), |b| { b.write("token", "\n"); with_user(b, &json!({"tokenFile": "token"})) };
    "token with a line end", false, Usage("token of the kubeconfig"), |b| with_user(b, &json!({"token": "good\n"}));
    "token that is a number", false, Usage("put quotes around it"), |b| with_user(b, &json!({"token": 12345}));
    "wrong token", false, Down("401"), |b| with_user(b, &json!({"token": "bad"}));
    "user and password", true, Connects, |b| {
        let authority = Authority::new(Key::P256);
        let api = Api::start(Some(&authority.server(Key::P256)), open());
        let user = json!({"username": "jane", "password": "pass:word"});
        checked(b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user)), api, "another login", |seen| {
            seen.header("authorization") == Some(&format!("Basic {}", base64("jane:pass:word")))
        })
    };
    "token and password", false, Usage("there is a username or a password beside it"), |b| with_user(b, &json!({"token": "good", "username": "jane"}));
    "user and password in the server's URL", true, Connects, |b| {
        let authority = Authority::new(Key::P256);
        let api = Api::start(Some(&authority.server(Key::P256)), open());
        let mut c = cluster(api.port(), &authority.certificate);
        c["server"] = json!(format!("https://jane:pass%40word@127.0.0.1:{}", api.port()));
        // Without a user of the kubeconfig kubectl asks for one.
        let pair = authority.client(Key::P256);
        let user = json!({"client-certificate-data": base64(&pair.certificate), "client-key-data": base64(&pair.key)});
        checked(b.kubeconfig(config(&c, &user)), api, "another login", |seen| {
            seen.header("authorization") == Some(&format!("Basic {}", base64("jane:pass@word")))
        })
    };
    "no TLS: no token is sent", true, Connects, |b| {
        let api = Api::start(None, open());
        let c = json!({"server": format!("http://127.0.0.1:{}", api.port())});
        checked(b.kubeconfig(config(&c, &token())), api, "a token was sent", |seen| seen.header("authorization").is_none())
    };
    "no TLS: files that are not there are not read", true, Connects, |b| {
        let api = Api::start(None, open());
        let c = json!({"server": format!("http://127.0.0.1:{}", api.port())});
        trial(b.kubeconfig(config(&c, &json!({"tokenFile": "nowhere"}))), api)
    };
    "built-in provider oidc with an id-token", true, Connects, |b| with_provider(b, 4_000_000_000);
    "built-in provider oidc with an id-token that is over", false, Usage("its id-token is over; run `kubectl get nodes` once"), |b| with_provider(b, 1_000_000_000);
    // The kubeconfig itself.
    "KUBECONFIG=a:missing", true, Connects, |b| {
        let api = Api::start(None, open());
        let a = b.write("a", plain(api.port()));
        trial(Typed::default().environment("KUBECONFIG", format!("{a}::{}", b.path("missing").display())), api)
    };
    "KUBECONFIG of two files that need each other", true, Connects, |b| {
        let (api, authority) = tls();
        b.write("one/token", "good\n");
        let one = b.write("one/config", json!({"current-context": "", "users": [{"name": "u", "user": {"tokenFile": "token"}}]}).to_string());
        let two = b.write("two/config", config(&cluster(api.port(), &authority.certificate), &json!({"token": "bad"})));
        trial(Typed::default().environment("KUBECONFIG", format!("{one}:{two}")), api)
    };
    "KUBECONFIG=missing", false, Usage("$KUBECONFIG cannot be used: there is no "), |b| trial(Typed::default().environment("KUBECONFIG", b.path("missing").display().to_string()), ());
    "KUBECONFIG with a file that is broken", false, Usage("no valid YAML at line"), |b| {
        let api = Api::start(None, open());
        let (a, bad) = (b.write("a", plain(api.port())), b.write("b", "a: [\n"));
        trial(Typed::default().environment("KUBECONFIG", format!("{a}:{bad}")), api)
    };
    "~/.kube/config", true, Connects, |b| {
        let api = Api::start(None, open());
        b.write("home/.kube/config", plain(api.port()));
        trial(Typed::default(), api)
    };
    "nothing at all", false, Down("no cluster: there is no --kubeconfig"), |_| trial(Typed::default(), ());
    "--kubeconfig that is not there", false, Usage("there is no such file; name one that is there with --kubeconfig"), |_| trial(Typed::default().with(&["--kubeconfig", "nowhere"]), ());
    "--kubeconfig that is a folder", false, Usage("is a directory"), |b| trial(Typed::default().with(&["--kubeconfig", b.path("").to_str().unwrap()]), ());
    "--kubeconfig that is empty", false, Usage("it has no contexts"), |b| trial(b.kubeconfig(""), ());
    "--kubeconfig that is no YAML", false, Usage("no valid YAML at line"), |b| trial(b.kubeconfig("clusters: [\n"), ());
    "--kubeconfig of another kind", false, Usage("kind of the kubeconfig"), |b| trial(b.kubeconfig("kind: Secret\napiVersion: v1\n"), ());
    "--context", true, Connects, |b| {
        let api = Api::start(None, open());
        trial(b.kubeconfig(plain(api.port()).replace("\"current-context\":\"here\"", "\"current-context\":\"gone\"")).with(&["--context", "here"]), api)
    };
    "--context that is not there", false, Usage("choose one with --context: here"), |b| trial(b.kubeconfig(plain(1)).with(&["--context", "gone"]), ());
    "current-context that is not there", false, Usage("current-context of the kubeconfig"), |b| trial(b.kubeconfig(plain(1).replace("\"current-context\":\"here\"", "\"current-context\":\"gone\"")), ());
    "current-context that is empty", false, Usage("it has no current-context; choose one with --context: here"), |b| trial(b.kubeconfig(plain(1).replace("\"current-context\":\"here\"", "\"current-context\":\"\"")), ());
    "context with a cluster that is not there", false, Usage("contexts[`here`].context.cluster"), |b| trial(b.kubeconfig(plain(1).replace("\"cluster\":\"c\"", "\"cluster\":\"d\"")), ());
    "context with a user that is not there, no TLS", true, Connects, |b| {
        let api = Api::start(None, open());
        trial(b.kubeconfig(plain(api.port()).replace("\"user\":\"u\"", "\"user\":\"v\"")), api)
    };
    "context with a user that is not there", false, Usage("there is no user `v`"), |b| {
        let (api, authority) = tls();
        let text = config(&cluster(api.port(), &authority.certificate), &token());
        trial(b.kubeconfig(text.replace("\"user\":\"u\"", "\"user\":\"v\"")), api)
    };
    "empty strings wherever there may be some", true, Connects, |b| {
        let (api, authority) = tls();
        let mut c = cluster(api.port(), &authority.certificate);
        for key in ["certificate-authority", "tls-server-name", "proxy-url"] {
            c[key] = json!("");
        }
        let mut user = token();
        for key in ["username", "password", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "tokenFile", "as"] {
            user[key] = json!("");
        }
        trial(b.kubeconfig(config(&c, &user)), api)
    };
    "nulls wherever there may be some", true, Connects, |b| {
        let (api, authority) = tls();
        let mut user = token();
        for key in ["exec", "auth-provider", "as-groups", "as-user-extra", "extensions", "password"] {
            user[key] = Value::Null;
        }
        trial(b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user)), api)
    };
    "a key that is written twice: the last counts", true, Connects, |b| {
        let (api, authority) = tls();
        let text = format!(
            "current-context: gone\ncurrent-context: here\nclusters: []\nclusters: [{{name: c, cluster: {}}}]\n\
             contexts: [{{name: here, context: {{cluster: c, user: u}}}}]\nusers:\n- name: u\n  user:\n    token: bad\n    token: good\n",
            cluster(api.port(), &authority.certificate)
        );
        trial(b.kubeconfig(text), api)
    };
    "anchors and aliases", true, Connects, |b| {
        let (api, authority) = tls();
        let text = format!(
            "x: &token good\nclusters: [{{name: c, cluster: &c {}}}, {{name: d, cluster: *c}}]\nusers: [{{name: u, user: {{token: *token}}}}]\n\
             contexts: [{{name: here, context: {{cluster: d, user: u}}}}]\ncurrent-context: here\n",
            cluster(api.port(), &authority.certificate)
        );
        trial(b.kubeconfig(text), api)
    };
    "a user that is there twice", false, Usage("a second time"), |b| trial(b.kubeconfig("users: [{name: u}, {name: u}]"), ());
    "YAML with tabs in JSON, CRLF and a byte order mark", true, Connects, |b| {
        let api = Api::start(None, open());
        let text = plain(api.port()).replace('{', "{\r\n\t");
        trial(b.kubeconfig(text), api)
    };
    "a second document", true, Connects, |b| {
        let api = Api::start(None, open());
        let text = format!("---\ncurrent-context: here\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\ncontexts: [{{name: here, context: {{cluster: c, user: ''}}}}]\n---\ncurrent-context: gone\n", api.port());
        trial(b.kubeconfig(text), api)
    };
    "keys that nobody knows", true, Connects, |b| {
        let (api, authority) = tls();
        let mut c = cluster(api.port(), &authority.certificate);
        c["colour"] = json!({"red": [1, 2]});
        trial(b.kubeconfig(config(&c, &json!({"token": "good", "flavour": 7}))), api)
    };
    "server without a scheme is HTTP", true, Connects, |b| {
        let api = Api::start(None, open());
        trial(b.kubeconfig(config(&json!({"server": format!("127.0.0.1:{}", api.port())}), &json!({}))), api)
    };
    "server under a path", true, Connects, |b| {
        let (api, authority) = tls();
        let mut c = cluster(api.port(), &authority.certificate);
        c["server"] = json!(format!("https://127.0.0.1:{}/prefix/", api.port()));
        checked(b.kubeconfig(config(&c, &token())), api, "another path", |seen| {
            // kubectl leaves the path out of what it is told to get as it stands.
            seen.path.starts_with("/prefix/") || seen.header("user-agent").is_some_and(|agent| agent.starts_with("kubectl"))
        })
    };
    "server with another scheme", false, Usage("neither http nor https"), |b| trial(b.kubeconfig(config(&json!({"server": "ftp://127.0.0.1"}), &json!({}))), ());
    "no server", false, Usage("there is none"), |b| trial(b.kubeconfig(config(&json!({"certificate-authority-data": base64("x")}), &json!({}))), ());
    // Flags, as kubectl has them.
    "--server, --certificate-authority, --token, and no kubeconfig", true, Connects, |b| {
        let (api, authority) = tls();
        let ca = b.write("ca.crt", &authority.certificate);
        let server = format!("https://localhost:{}", api.port());
        trial(Typed::default().with(&["--server", &server, "--certificate-authority", &ca, "--token", "good"]), api)
    };
    "--server in place of the cluster's, and of its tls-server-name", true, Connects, |b| {
        let (api, authority) = tls();
        let mut c = cluster(1, &authority.certificate);
        c["tls-server-name"] = json!("other.example");
        let server = format!("https://127.0.0.1:{}", api.port());
        trial(b.kubeconfig(config(&c, &token())).with(&["--server", &server]), api)
    };
    "--token in place of the user's plugin", true, Connects, |b| {
        let mut trial = plugin(b, "exit 1", |_| ());
        trial.typed = trial.typed.with(&["--token", "good"]);
        trial
    };
    "--token beside a tokenFile of the user", false, Connects, |b| {
        b.write("token", "bad");
        let mut trial = with_user(b, &json!({"tokenFile": "token"}));
        trial.typed = trial.typed.with(&["--token", "good"]);
        trial
    };
    "--cluster and --user", true, Connects, |b| {
        let (api, authority) = tls();
        let text = json!({
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}, {"name": "d", "cluster": cluster(api.port(), &authority.certificate)}],
            "users": [{"name": "u", "user": {"token": "bad"}}, {"name": "v", "user": token()}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        });
        trial(b.kubeconfig(text.to_string()).with(&["--cluster", "d", "--user", "v"]), api)
    };
    "--cluster that is not there", false, Usage("the clusters of the kubeconfig are: c"), |b| trial(b.kubeconfig(plain(1)).with(&["--cluster", "d"]), ());
    "--user that is not there", false, Usage("the users of the kubeconfig are: u"), |b| trial(b.kubeconfig(plain(1)).with(&["--user", "v"]), ());
    "--insecure-skip-tls-verify beside an authority of the kubeconfig", true, Connects, |b| {
        let mut trial = with_certificate(b, &self_signed(false), &Authority::new(Key::P256).certificate);
        trial.typed = trial.typed.with(&["--insecure-skip-tls-verify"]);
        trial
    };
    "--certificate-authority in place of insecure-skip-tls-verify", false, Down("signed by none of the authorities of --certificate-authority"), |b| {
        let mut trial = with_cluster(b, |c, _, _| {
            c["certificate-authority-data"] = Value::Null;
            c["insecure-skip-tls-verify"] = json!(true);
        });
        let other = b.write("other.crt", Authority::new(Key::P256).certificate);
        trial.typed = trial.typed.with(&["--certificate-authority", &other]);
        trial
    };
    "--tls-server-name", true, Connects, |b| {
        let a = Authority::new(Key::P256);
        let mut trial = with_certificate(b, &a.server_for(Key::P256, &["other.example"]), &a.certificate);
        trial.typed = trial.typed.with(&["--tls-server-name", "other.example"]);
        trial
    };
    "--client-certificate and --client-key", true, Connects, |b| {
        let (api, authority) = tls();
        let pair = authority.client(Key::P256);
        let (certificate, key) = (b.write("me.crt", &pair.certificate), b.write("me.key", &pair.key));
        let typed = b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &json!({})));
        trial(typed.with(&["--client-certificate", &certificate, "--client-key", &key]), api)
    };
    "--as, --as-group twice, --as-uid", true, Connects, |b| {
        let (api, authority) = tls();
        let typed = b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &token()));
        let typed = typed.with(&["--as", "jane", "--as-group", "a", "--as-group", "b", "--as-uid", "7"]);
        checked(typed, api, "another impersonation", |seen| {
            seen.header("impersonate-user") == Some("jane")
                && seen.all("impersonate-group") == ["a", "b"]
                && seen.header("impersonate-uid") == Some("7")
        })
    };
    "impersonation in the kubeconfig", true, Connects, |b| {
        let (api, authority) = tls();
        let mut user = token();
        user["as"] = json!("jane");
        user["as-uid"] = json!("7");
        user["as-groups"] = json!(["a", "b"]);
        user["as-user-extra"] = json!({"example.com/Scopes": ["x", "y"]});
        checked(b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &user)), api, "another impersonation", |seen| {
            seen.header("impersonate-user") == Some("jane")
                && seen.all("impersonate-group") == ["a", "b"]
                && seen.all("impersonate-extra-example.com%2fscopes") == ["x", "y"]
        })
    };
    "--as-group without --as", false, Usage("there is no user to impersonate"), |b| {
        let mut trial = with_user(b, &token());
        trial.typed = trial.typed.with(&["--as-group", "a"]);
        trial
    };
    "--request-timeout, and a server that never answers", false, Down("none within 1s"), |b| {
        let authority = Authority::new(Key::P256);
        let api = Api::start(Some(&authority.server(Key::P256)), mute());
        let typed = b.kubeconfig(config(&cluster(api.port(), &authority.certificate), &token()));
        trial(typed.with(&["--request-timeout", "1s"]), api)
    };
    // Proxies.
    "proxy-url of HTTP", true, Connects, |b| behind(b, |api| { let p = Proxy::http(api.port(), None, None); let u = format!("http://{}", p.address); (p, u) }, "CONNECT api.example:6443 ");
    "proxy-url of HTTP with a user and a password", true, Connects, |b| behind(b, |api| { let p = Proxy::http(api.port(), Some("us:er:pass"), None); let u = format!("http://us%3Aer:pass@{}", p.address); (p, u) }, "CONNECT api.example:6443 ");
    "proxy-url of HTTPS", true, Connects, |b| {
        let authority = Authority::new(Key::P256);
        let api = Api::start(Some(&authority.server(Key::P256)), wants("good"));
        let proxy = Proxy::http(api.port(), None, Some(&authority.server(Key::P256)));
        let mut c = cluster(api.port(), &authority.certificate);
        c["server"] = json!("https://api.example:6443");
        c["proxy-url"] = json!(format!("https://localhost:{}", proxy.address.port()));
        through(b.kubeconfig(config(&c, &token())), api, proxy, "CONNECT api.example:6443 ")
    };
    "proxy-url of SOCKS5", true, Connects, |b| behind(b, |api| { let p = Proxy::socks5(api.port(), None); let u = format!("socks5://{}", p.address); (p, u) }, "socks5 api.example:6443");
    "proxy-url of SOCKS5 with a user and a password", true, Connects, |b| behind(b, |api| { let p = Proxy::socks5(api.port(), Some(("user", "p@ss"))); let u = format!("socks5://user:p%40ss@{}", p.address); (p, u) }, "socks5 api.example:6443");
    "proxy-url, and a server that is a loopback address", true, Connects, |b| {
        let (api, authority) = tls();
        let proxy = Proxy::socks5(api.port(), None);
        let mut c = cluster(api.port(), &authority.certificate);
        c["proxy-url"] = json!(format!("socks5://{}", proxy.address));
        through(b.kubeconfig(config(&c, &token())), api, proxy, "socks5 127.0.0.1:")
    };
    "proxy-url of another scheme", false, Usage("none of http, https and socks5"), |b| with_cluster(b, |c, _, _| c["proxy-url"] = json!("ftp://127.0.0.1"));
    "proxy-url that is down", false, Down("the proxy 127.0.0.1:1 (clusters[`c`].cluster.proxy-url"), |b| with_cluster(b, |c, _, _| c["proxy-url"] = json!("http://127.0.0.1:1"));
    "proxy that wants another password", false, Down("proxy authorization required"), |b| with_cluster(b, |c, _, port| {
        c["proxy-url"] = json!(format!("http://user:wrong@{}", Box::leak(Box::new(Proxy::http(port, Some("user:right"), None))).address));
    });
    "HTTPS_PROXY", true, Connects, |b| with_environment(b, &[("HTTPS_PROXY", "http://PROXY")], "CONNECT api.example:6443 ");
    "https_proxy without a scheme", true, Connects, |b| with_environment(b, &[("https_proxy", "PROXY")], "CONNECT api.example:6443 ");
    "HTTPS_PROXY, and a NO_PROXY that does not name the server", true, Connects, |b| with_environment(b, &[("HTTPS_PROXY", "http://PROXY"), ("NO_PROXY", "127.0.0.1,other.example")], "CONNECT api.example:6443 ");
    "HTTPS_PROXY, and a NO_PROXY that names the server", false, Down("api.example:6443: "), |b| with_environment(b, &[("HTTPS_PROXY", "http://PROXY"), ("NO_PROXY", ".example")], "");
    "ALL_PROXY means nothing", false, Down("api.example:6443: "), |b| with_environment(b, &[("ALL_PROXY", "http://PROXY"), ("all_proxy", "socks5://PROXY")], "");
    "HTTPS_PROXY that is down, and a loopback server", true, Connects, |b| {
        let mut trial = with_user(b, &token());
        trial.typed = trial.typed.environment("HTTPS_PROXY", "http://127.0.0.1:1").environment("HTTP_PROXY", "http://127.0.0.1:1");
        trial
    };
    "HTTP_PROXY, and a server without TLS", true, Connects, |b| {
        let api = Api::start(None, open());
        let proxy = Proxy::http(api.port(), None, None);
        let typed = b.kubeconfig(config(&json!({"server": "http://api.example:8080"}), &json!({})));
        let typed = typed.environment("HTTP_PROXY", proxy.address.to_string());
        through(typed, api, proxy, "GET http://api.example:8080/")
    };
    // Credential plugins.
    "plugin of v1 with a token", true, Connects, |b| plugin(b, "cat token.json", |_| ());
    "plugin of v1beta1 with a token", true, Connects, |b| plugin(b, "cat token-v1beta1.json", |e| { e["apiVersion"] = json!("client.authentication.k8s.io/v1beta1"); e["interactiveMode"] = Value::Null; });
    "plugin with a certificate", true, Connects, |b| plugin(b, "cat certificate.json", |_| ());
    "plugin with arguments and variables", true, Connects, |b| plugin(b, "[ \"$1\" = 'a b' ] && [ -z \"$2\" ] && [ \"$WORD\" = x=y ] && [ -n \"$HOME\" ] && cat token.json", |e| {
        e["args"] = json!(["a b", ""]);
        e["env"] = json!([{"name": "WORD", "value": "x=y"}]);
    });
    "plugin by a path beside the kubeconfig", true, Connects, |b| plugin(b, "cat token.json", |e| e["command"] = json!("./plugin"));
    "plugin is told that nobody is there, and of the cluster", true, Connects, |b| plugin(b, "case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) exit 1;; esac\ncase \"$KUBERNETES_EXEC_INFO\" in *'\"server\":\"https://127.0.0.1:'*) cat token.json;; *) exit 2;; esac", |e| e["provideClusterInfo"] = json!(true));
    "plugin is not told of the cluster unless it asks", true, Connects, |b| plugin(b, "case \"$KUBERNETES_EXEC_INFO\" in *server*) exit 2;; *) cat token.json;; esac", |_| ());
    "plugin that talks on its standard error", true, Connects, |b| plugin(b, "echo hello >&2; cat token.json", |_| ());
    "plugin that is not there", false, Down("is not installed, or not in $PATH: get it from example.com"), |b| plugin(b, "", |e| { e["command"] = json!("no-such-plugin"); e["installHint"] = json!("get it from example.com"); });
    "plugin that fails", false, Down("ended with exit code 3, and said: no luck today"), |b| plugin(b, "echo no luck today >&2; exit 3", |_| ());
    "plugin that prints something else", false, Down("that are no ExecCredential"), |b| plugin(b, "echo hello", |_| ());
    "plugin that prints nothing", false, Down("that are no ExecCredential"), |b| plugin(b, "true", |_| ());
    "plugin that answers in another version", false, Down("did not answer in the apiVersion"), |b| plugin(b, "cat token-v1beta1.json", |_| ());
    "plugin that gives no credential", false, Down("gave neither a token nor a certificate"), |b| plugin(b, r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}}'"#, |_| ());
    "plugin that wants a terminal", false, Down("needs a terminal (interactiveMode: Always)"), |b| plugin(b, "cat token.json", |e| e["interactiveMode"] = json!("Always"));
    "plugin of v1alpha1", false, Usage("exec.apiVersion of the kubeconfig"), |b| plugin(b, "cat token.json", |e| e["apiVersion"] = json!("client.authentication.k8s.io/v1alpha1"));
    "plugin of v1 without interactiveMode", false, Usage("exec.interactiveMode of the kubeconfig"), |b| plugin(b, "cat token.json", |e| e["interactiveMode"] = Value::Null);
    "plugin without a command", false, Usage("exec.command of the kubeconfig"), |b| plugin(b, "cat token.json", |e| e["command"] = json!(""));
    "built-in provider that is gone", false, Usage("the provider `gcp` is not known"), |b| with_user(b, &json!({"auth-provider": {"name": "gcp"}}));
    // The server.
    "server that is down", false, Down("127.0.0.1:1: connection refused. Its address is from clusters[`c`].cluster.server of the kubeconfig"), |b| trial(b.kubeconfig(plain(1)), ());
    "server whose name nobody knows", false, Down("no-such-host.invalid:443: "), |b| trial(b.kubeconfig(config(&json!({"server": "https://no-such-host.invalid"}), &token())), ());
    "server without TLS under https", false, Down("it does not speak TLS"), |b| {
        let api = Api::start(None, open());
        trial(b.kubeconfig(config(&json!({"server": format!("https://127.0.0.1:{}", api.port())}), &token())), api)
    };
    "server with TLS under http", false, Down("cannot be used by the user `u`"), |b| {
        let (api, _) = tls();
        trial(b.kubeconfig(config(&json!({"server": format!("http://127.0.0.1:{}", api.port())}), &token())), api)
    };
    "server that refuses", false, Down("403: not for you"), |b| answering(b, 403, r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not for you"}"#);
    "proxy's page with status 200", true, Down("expected a NamespaceList of v1, got "), |b| answering(b, 200, "<html><title>Sign in</title></html>");
    "proxy's page with status 502", false, Down("HTTP 502: <html>bad gateway"), |b| answering(b, 502, "<html>bad gateway</html>");
}

fn folded(text: &str, between: &str) -> String {
    let text = base64(text);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(between) + between
}
