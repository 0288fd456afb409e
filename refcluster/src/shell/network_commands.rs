//! Servers and clients: nginx, httpd, coredns; wget, nc, nslookup, getent.

use super::commands::{say, serve_until_signal, show};
use super::dns_client::{self, Resolver};
use super::interpreter::Shell;
use crate::net::{self, Server, Unreachable};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a client waits for an address that does not answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a DNS server stays after SIGTERM, as `lameduck 5s` says.
const LAME_DUCK_SECS: u64 = 5;

pub(super) async fn nginx(shell: &Shell) -> i32 {
    let root = "/usr/share/nginx/html".to_owned();
    let server = Server::Http { files: shell.container.files.clone(), root };
    if !listen(shell, 80, server) {
        return 1;
    }
    serve_until_signal(shell, 0).await
}

/// `httpd -f -p PORT -h DIRECTORY`; without `-f` it goes on in the background.
pub(super) async fn httpd(shell: &Shell, rest: &[&str]) -> i32 {
    let option =
        |name: &str| rest.iter().position(|argument| *argument == name).and_then(|at| rest.get(at + 1));
    let port = option("-p").and_then(|port| port.rsplit(':').next()?.parse().ok()).unwrap_or(80);
    let root = shell.absolute(option("-h").copied().unwrap_or("."));
    let server = Server::Http { files: shell.container.files.clone(), root };
    if !listen(shell, port, server) {
        return 1;
    }
    if rest.iter().any(|argument| argument.starts_with("-f")) {
        std::future::pending::<()>().await;
    }
    0
}

pub(super) async fn coredns(shell: &Shell) -> i32 {
    let uid = shell.container.pod.uid.clone();
    for (port, server) in [(53, Server::Dns(uid)), (8080, Server::Health), (8181, Server::Health)] {
        if !listen(shell, port, server) {
            return 1;
        }
    }
    shell.container.shared.lock().start_dns_backend(&shell.container.pod);
    serve_until_signal(shell, LAME_DUCK_SECS).await
}

fn listen(shell: &Shell, port: u16, server: Server) -> bool {
    let mut world = shell.container.shared.lock();
    let mut addresses = shell.container.addresses.iter();
    let free = addresses.all(|address| world.network.listen(address, port, server.clone()));
    drop(world);
    if !free {
        shell.io.complain(format!("bind: {port}: Address in use\n"));
    } else {
        shell.container.remember_port(port);
    }
    free
}

/// `wget -q -O - URL`.
pub(super) async fn wget(shell: &Shell, rest: &[&str]) -> i32 {
    let option =
        |name: &str| rest.iter().position(|argument| *argument == name).and_then(|at| rest.get(at + 1));
    let Some(url) = rest.iter().rfind(|argument| !argument.starts_with('-')) else { return 1 };
    let (host, path) =
        url.trim_start_matches("http://").split_once('/').unwrap_or((url.trim_start_matches("http://"), ""));
    let (host, port) =
        host.rsplit_once(':').map_or((host, 80), |(host, port)| (host, port.parse().unwrap_or(80)));
    let seconds = option("-T").and_then(|secs| secs.parse().ok());
    let patience = seconds.map_or(CONNECT_PATIENCE, Duration::from_secs);
    match fetch(shell, host, port, &format!("/{path}"), patience).await {
        Ok((200, body)) => {
            match rest
                .iter()
                .find_map(|argument| argument.strip_prefix("-O"))
                .filter(|to| !to.is_empty())
                .or(option("-O").copied())
                .or(option("-qO").copied())
            {
                Some(file) if file != "-" => {
                    i32::from(shell.container.files.write(&shell.absolute(file), &body, false).is_err())
                }
                _ => {
                    shell.io.output.write(&body);
                    0
                }
            }
        }
        Ok((code, _)) => {
            shell.io.complain(format!("wget: server returned error: HTTP/1.1 {code}\n"));
            1
        }
        Err(error) => {
            shell.io.complain(format!("wget: {error}\n"));
            1
        }
    }
}

async fn fetch(
    shell: &Shell,
    host: &str,
    port: u16,
    path: &str,
    patience: Duration,
) -> Result<(u16, Vec<u8>), String> {
    let address =
        dns_client::resolve(&shell.container, host).ok_or_else(|| format!("bad address '{host}'"))?;
    let mut stream =
        match net::connect(&shell.container.shared, &shell.container.addresses, &address.to_string(), port) {
            Ok(stream) => stream,
            Err(Unreachable::Refused) => {
                return Err(format!("can't connect to remote host ({address}): Connection refused"));
            }
            Err(Unreachable::NoRoute) => {
                tokio::time::sleep(patience).await;
                return Err("download timed out".to_owned());
            }
        };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    // A server that breaks off has said what it had to say.
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("error getting response")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Ok((code, answer.split_off(end + 4)))
}

/// `nc [-u] [-w SECONDS] ADDRESS PORT`, standard input to the other side and its answers to standard output.
pub(super) async fn nc(shell: &Shell, rest: &[&str]) -> i32 {
    let mut patience = None;
    let mut udp = false;
    let mut plain = Vec::new();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "-w" => patience = arguments.next().and_then(|secs| secs.parse().ok()).map(Duration::from_secs),
            option if option.starts_with('-') => udp |= option.contains('u'),
            other => plain.push(other),
        }
    }
    let [host, port] = plain[..] else { return 1 };
    let Some(address) = dns_client::resolve(&shell.container, host) else {
        shell.io.complain(format!("nc: bad address '{host}'\n"));
        return 1;
    };
    let (address, port) = (address.to_string(), port.parse().unwrap_or(0));
    if udp {
        nc_udp(shell, &address, port, patience).await
    } else {
        nc_tcp(shell, &address, port, patience).await
    }
}

/// Each piece of input is a datagram, each answer a piece of output.
async fn nc_udp(shell: &Shell, address: &str, port: u16, patience: Option<Duration>) -> i32 {
    let patience = patience.unwrap_or(Duration::MAX);
    loop {
        match tokio::time::timeout(patience, shell.io.input.read()).await {
            Ok(Some(datagram)) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if let Some(answer) = net::exchange(
                    &shell.container.shared,
                    &shell.container.addresses,
                    address,
                    port,
                    &datagram,
                ) {
                    shell.io.output.write(&answer);
                }
            }
            // After the end of the input nc still listens.
            Ok(None) => {
                tokio::time::sleep(patience.min(Duration::from_secs(3_600))).await;
                return 0;
            }
            Err(_) => return 0,
        }
    }
}

async fn nc_tcp(shell: &Shell, address: &str, port: u16, patience: Option<Duration>) -> i32 {
    let mut stream = match net::connect(&shell.container.shared, &shell.container.addresses, address, port) {
        Ok(stream) => stream,
        Err(Unreachable::Refused) => {
            shell.io.complain(format!("nc: can't connect to remote host ({address}): Connection refused\n"));
            return 1;
        }
        Err(Unreachable::NoRoute) => {
            tokio::time::sleep(patience.unwrap_or(Duration::from_secs(130))).await;
            shell
                .io
                .complain(format!("nc: can't connect to remote host ({address}): Connection timed out\n"));
            return 1;
        }
    };
    let mut piece = [0; 4096];
    let mut reading = true;
    loop {
        tokio::select! {
            biased;
            received = stream.read(&mut piece) => match received {
                Ok(length) if length > 0 => shell.io.output.write(&piece[..length]),
                _ => return 0,
            },
            sent = shell.io.input.read(), if reading => match sent {
                Some(bytes) => drop(stream.write_all(&bytes).await),
                None => {
                    reading = false;
                    drop(stream.shutdown().await);
                }
            },
            () = tokio::time::sleep(patience.unwrap_or(Duration::from_secs(3_600))), if !reading => return 0,
        }
    }
}

pub(super) fn nslookup(shell: &Shell, rest: &[&str]) -> i32 {
    let Some(name) = rest.iter().find(|argument| !argument.starts_with('-')) else { return 1 };
    let mut resolver = Resolver::of(&shell.container);
    if let Some(server) = rest.iter().filter(|argument| !argument.starts_with('-')).nth(1) {
        resolver.servers = vec![(*server).to_owned()];
    }
    let server = resolver.servers.first().cloned().unwrap_or_default();
    say(shell, &format!("Server:\t\t{server}\nAddress:\t{server}:53\n"));
    match resolver.lookup(&shell.container, name) {
        Some(found) => {
            found.addresses.iter().for_each(|address| {
                say(shell, &format!("Name:\t{}\nAddress: {address}", found.name));
            });
            0
        }
        None => {
            say(shell, &format!("** server can't find {name}: NXDOMAIN\n"));
            1
        }
    }
}

/// `getent hosts NAME`, which reads `/etc/hosts` first.
pub(super) fn getent(shell: &Shell, rest: &[&str]) -> i32 {
    let ["hosts" | "ahosts" | "ahostsv4", name] = rest else { return 1 };
    if let Some(address) = dns_client::from_hosts_file(&shell.container, name) {
        return say(shell, &format!("{address}\t{name}"));
    }
    match Resolver::of(&shell.container).lookup(&shell.container, name) {
        Some(found) => {
            found.addresses.iter().for_each(|address| show(shell, &format!("{address}\t{}", found.name)));
            0
        }
        None => 2,
    }
}
