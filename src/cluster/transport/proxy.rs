//! Which proxy a request goes through. That of the kubeconfig always; else that of the environment, by the rules that kubectl
//! has from Go (golang.org/x/net/http/httpproxy): `HTTPS_PROXY` or `HTTP_PROXY` by the server's scheme, none for what
//! `NO_PROXY` names, and none for a loopback address. The small spelling wins. `ALL_PROXY` means nothing to kubectl.

use std::net::IpAddr;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::{cluster::environment::Environment, secret::Secret};

/// A proxy, and what it wants to know of who comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) struct Proxy {
    /// How it is spoken to.
    pub(super) kind: Kind,
    /// Its host.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// The user and the password for it.
    pub(super) login: Option<(String, Secret)>,
    /// Where it is named: a variable or a field.
    pub(super) place: String,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTTP's CONNECT, and whole URLs for what is not encrypted.
    Http,
    /// The same, inside of TLS.
    Https,
    /// SOCKS version 5.
    Socks5,
}

impl Proxy {
    /// Reads a URL that stands at a place.
    pub(in crate::cluster) fn parse(text: &str, place: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is no URL")?;
        let (kind, port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" => (Kind::Socks5, 1080),
            _ => return Err("its scheme is none of http, https and socks5"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it has no host")?.to_owned();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty() || url.password().is_some())
            .then(|| (decoded(url.username()), Secret::new(decoded(url.password().unwrap_or_default()))));
        Ok(Self { kind, host, port: url.port().unwrap_or(port), login, place: place.to_owned() })
    }

    /// The proxy that the environment names for a server. One that does not read is none, as it is to kubectl.
    pub(in crate::cluster) fn of_environment(server: &Url, environment: &Environment) -> Option<Self> {
        let names = match server.scheme() {
            "https" => ["https_proxy", "HTTPS_PROXY"],
            _ => ["http_proxy", "HTTP_PROXY"],
        };
        let text = environment.text(&names)?;
        let place = format!("${}", names[1]);
        let with_scheme = if text.contains("://") { text } else { format!("http://{text}") };
        let proxy = Self::parse(&with_scheme.replacen("socks5h://", "socks5://", 1), &place).ok()?;
        let exempt = environment.text(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        is_proxied(server, &exempt).then_some(proxy)
    }

    /// Its host and port, for a person to read.
    pub(super) fn shown(&self) -> String {
        format!("{}:{} ({})", self.host, self.port, self.place)
    }
}

/// Whether a proxy of the environment is for this server.
fn is_proxied(server: &Url, exempt: &str) -> bool {
    let (Some(host), Some(port)) = (server.host(), server.port_or_known_default()) else { return true };
    let (name, address) = match host {
        Host::Domain(name) => (name.trim_end_matches('.').to_ascii_lowercase(), name.parse().ok()),
        Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(address))),
        Host::Ipv6(address) => (address.to_string(), Some(IpAddr::V6(address))),
    };
    if name == "localhost" || address.is_some_and(|address: IpAddr| address.is_loopback()) {
        return false;
    }
    let entries = exempt.split(',').map(|entry| entry.trim().to_ascii_lowercase());
    !entries.filter(|entry| !entry.is_empty()).any(|entry| names(&entry, &name, address, port))
}

/// Whether an entry of `NO_PROXY` names a server: `*`, a network, an address or a domain, the last two with or without a port.
fn names(entry: &str, name: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return address.is_some_and(|address| network.contains(&address));
    }
    let (host, only_port) = split_port(entry);
    if only_port.is_some_and(|only| only != port.to_string()) {
        return false;
    }
    match host.parse::<IpAddr>() {
        Ok(exempt) => address == Some(exempt),
        Err(_) => is_domain(host, name),
    }
}

/// `HOST:PORT`, `[IPV6]:PORT`, or a host alone.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    let inner = |host: &'_ str| host.trim_start_matches('[').trim_end_matches(']').len();
    match entry.rsplit_once(':') {
        Some((host, port)) if host.starts_with('[') && host.ends_with(']') => {
            (&host[1..=inner(host)], Some(port))
        }
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (entry, None),
    }
}

/// `a.example` names itself and what is below it; `.a.example` and `*.a.example` only what is below.
fn is_domain(entry: &str, name: &str) -> bool {
    let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
    match entry.strip_prefix('.') {
        Some("") => false,
        Some(_) => name.ends_with(entry),
        None if entry.is_empty() => false,
        None => name == entry || name.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, variables: &[(&str, &str)]) -> Option<String> {
        let environment = Environment::of(variables.iter().copied());
        Proxy::of_environment(&Url::parse(server).unwrap(), &environment).map(|proxy| proxy.host)
    }

    #[test]
    fn the_scheme_of_the_server_says_which_variable() {
        let both = [("HTTPS_PROXY", "http://secure:1"), ("HTTP_PROXY", "http://plain:1")];
        assert_eq!(proxy("https://a.example:6443", &both).as_deref(), Some("secure"));
        assert_eq!(proxy("http://a.example", &both).as_deref(), Some("plain"));
        assert_eq!(
            proxy("https://a.example", &[("ALL_PROXY", "http://all:1"), ("all_proxy", "http://all:1")]),
            None
        );
    }

    #[test]
    fn the_small_spelling_wins_and_empty_is_unset() {
        let both = [("HTTPS_PROXY", "http://great:1"), ("https_proxy", "small:1")];
        assert_eq!(proxy("https://a.example", &both).as_deref(), Some("small"));
        let empty = [("HTTPS_PROXY", "http://great:1"), ("https_proxy", "")];
        assert_eq!(proxy("https://a.example", &empty).as_deref(), Some("great"));
        assert_eq!(proxy("https://a.example", &[("HTTPS_PROXY", "ftp://x")]), None);
    }

    #[test]
    fn a_loopback_server_is_never_proxied_by_the_environment() {
        for server in ["https://localhost:1", "https://127.0.0.1:1", "https://127.9.9.9", "https://[::1]:1"] {
            assert_eq!(proxy(server, &[("HTTPS_PROXY", "http://p:1")]), None, "{server}");
        }
    }

    #[test]
    fn no_proxy_is_about_the_server() {
        let exempt = |server: &str, exempt: &str| {
            proxy(server, &[("HTTPS_PROXY", "http://p.example:1"), ("NO_PROXY", exempt)]).is_none()
        };
        for (server, entry, expected) in [
            ("https://k.a.example:6443", "a.example", true),
            ("https://a.example", "a.example", true),
            ("https://a.example.", "a.example", true),
            ("https://A.Example", "a.EXAMPLE", true),
            ("https://ba.example", "a.example", false),
            ("https://a.example", ".a.example", false),
            ("https://k.a.example", ".a.example", true),
            ("https://k.a.example", "*.a.example", true),
            ("https://a.example", "*.a.example", false),
            ("https://k.a.example:6443", "a.example:6443", true),
            ("https://k.a.example:6443", "a.example:443", false),
            ("https://k.a.example", "x , k.a.example ,y", true),
            ("https://k.a.example", "*", true),
            ("https://k.a.example", "", false),
            ("https://k.a.example", "p.example", false),
            ("https://10.1.2.3:6443", "10.0.0.0/8", true),
            ("https://10.1.2.3:6443", "10.1.2.3", true),
            ("https://10.1.2.3:6443", "10.1.2.3:6443", true),
            ("https://10.1.2.3:6443", "10.1.2.3:1", false),
            ("https://10.1.2.3:6443", "10.1.2", false),
            ("https://11.1.2.3:6443", "10.0.0.0/8", false),
            ("https://[fd00::1]:6443", "fd00::/8", true),
            ("https://[fd00::1]:6443", "[fd00::1]:6443", true),
            ("https://[fd00::1]:6443", "fd00::1", true),
            ("https://k.a.example", ".", false),
        ] {
            assert_eq!(exempt(server, entry), expected, "{server} with NO_PROXY={entry}");
        }
    }

    #[test]
    fn a_proxy_has_a_user_and_a_password_that_are_not_shown() {
        let proxy = Proxy::parse("https://us%40er:can%3Aary@p.example", "$HTTPS_PROXY").unwrap();
        let (user, password) = proxy.login.as_ref().unwrap();
        assert_eq!(
            (user.as_str(), password.expose(), proxy.port, proxy.kind),
            ("us@er", "can:ary", 443, Kind::Https)
        );
        assert!(!format!("{proxy:?} {}", proxy.shown()).contains("ary"));
        assert_eq!(Proxy::parse("socks5://p", "x").unwrap().port, 1080);
        assert!(Proxy::parse("ftp://p", "x").is_err() && Proxy::parse("p:1", "x").is_err());
    }
}
