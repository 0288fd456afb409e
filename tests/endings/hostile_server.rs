//! A server whose every text would move a cursor or command a CI system: no terminal and no file passes it on.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Output,
    thread,
};

use serde_json::{Value, json};

use crate::steadfast::{code, steadfast};

const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{202e}b\r##vso[task.setvariable variable=c]d\n##teamcity[x]\n::set-output name=e::f";

/// Answers every request with what the path gives, until the process ends.
fn serve(answer: fn(&str) -> (u16, Value)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || talk(connection, answer));
        }
    });
    address
}

fn talk(connection: TcpStream, answer: fn(&str) -> (u16, Value)) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while reader.read_line(&mut line).is_ok() && !line.ends_with("\r\n\r\n") {
            let header = line.trim_end().rsplit('\n').next().unwrap_or_default().to_lowercase();
            length = header.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
        }
        std::io::copy(&mut std::io::Read::take(&mut reader, length), &mut std::io::sink()).unwrap();
        let (code, body) = answer(&path);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn refusing(_: &str) -> (u16, Value) {
    (403, json!({"kind": "Status", "apiVersion": "v1", "message": HOSTILE, "reason": HOSTILE, "code": 403}))
}

/// A server that has a version, and one node whose name is hostile, and grants no rights.
fn with_a_version(path: &str) -> (u16, Value) {
    match path {
        "/version" => (200, json!({"gitVersion": format!("v1.37.1-{HOSTILE}"), "major": "1", "minor": "37"})),
        _ => refusing(path),
    }
}

fn with_namespaces(path: &str) -> (u16, Value) {
    let labels = json!({"steadfast/run-id": HOSTILE});
    let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": HOSTILE, "uid": "u", "labels": labels}});
    match path.split('?').next() {
        Some("/api/v1/namespaces") => (
            200,
            json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [namespace]}),
        ),
        _ => refusing(path),
    }
}

/// The command's output on a server, and every file that it left in its folder.
fn on(address: SocketAddr, arguments: &[&str]) -> (Output, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, ::steadfast::embedded::kubeconfig(address)).unwrap();
    let out = folder.path().join("out");
    let mut command = steadfast(arguments);
    command.env("STEADFAST_KUBECONFIG", &kubeconfig).env("STEADFAST_OUT", &out);
    let output = command.output().unwrap();
    let files = fs::read_dir(&out).into_iter().flatten();
    let files = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    (output, files)
}

fn assert_obeyed_by_nobody(text: &str) {
    for line in text.split('\n') {
        assert!(!line.chars().any(|c| (c.is_control() && c != '\t') || c == '\u{202e}'), "{line:?}");
        assert!(!line.contains("##vso[") && !line.contains("##teamcity["), "{line:?}");
        assert!(!line.trim_start().starts_with("::set-output"), "{line:?}");
    }
}

#[test]
fn what_a_server_says_is_obeyed_by_no_terminal_and_in_no_file() {
    for (answer, arguments, expected) in [
        (refusing as fn(&str) -> (u16, Value), &["run"][..], 3),
        (with_a_version, &["run", "--verbose", "--color", "always"], 3),
        (refusing, &["cleanup"], 3),
        (with_namespaces, &["cleanup", "--dry-run", "--include-live"], 0),
    ] {
        let (output, files) = on(serve(answer), arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {output:?}");
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
        assert!(said.concat().contains("set-output"), "the text is shown all the same: {said:?}");
        let coloured = ["\u{1b}[0m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
        for text in said.iter().chain(&files) {
            assert_obeyed_by_nobody(
                &coloured.iter().fold(text.clone(), |text, colour| text.replace(colour, "")),
            );
        }
    }
}
