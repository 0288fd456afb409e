//! The commands that are not part of the shell itself.

use super::interpreter::Shell;
use super::network_commands;
use super::process::{Handler, SIGINT, SIGTERM, signal_number};
use super::test_command;
use crate::rng::Rng;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The code of a command that there is not.
const NOT_FOUND: i32 = 127;

/// Runs a command in the shell's process.
pub(super) async fn run(
    shell: &mut Shell,
    arguments: &[String],
    environment: BTreeMap<String, String>,
) -> i32 {
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    let rest: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match name.rsplit('/').next().unwrap_or_default() {
        "true" => 0,
        "false" => 1,
        "sync" | "chmod" | "chown" => 0,
        "echo" => echo(shell, &rest),
        "printf" => printf(shell, &rest),
        "cat" => cat(shell, &rest).await,
        "tee" => tee(shell, &rest).await,
        "head" => head(shell, &rest).await,
        "tail" if rest.contains(&"-f") => forever().await,
        "tail" => tail(shell, &rest).await,
        "grep" => grep(shell, &rest).await,
        "wc" => word_count(shell, &rest).await,
        "sha256sum" => sha256sum(shell, &rest).await,
        "tr" => translate(shell, &rest).await,
        "touch" => each(shell, "touch", &rest, |shell, path| shell.container.files.write(path, b"", true)),
        "rm" => remove(shell, &rest),
        "mkdir" => mkdir(shell, &rest),
        "cp" | "mv" => copy(shell, name, &rest),
        "ls" => list(shell, &rest),
        "pwd" => say(shell, &shell.directory.clone()),
        "test" => test_command::test(&shell.container.files, &rest),
        "[" => test_command::test(&shell.container.files, &rest[..rest.len().saturating_sub(1)]),
        "sleep" => sleep(shell, &rest).await,
        "date" => date(shell, &rest),
        "dd" => dd(shell, &rest).await,
        "env" | "printenv" => print_environment(shell, &rest, &environment),
        "hostname" => hostname(shell, &rest),
        "uname" => say(shell, "Linux"),
        "id" => say(shell, "uid=0(root) gid=0(root)"),
        "whoami" => say(shell, "root"),
        "kill" => kill(shell, &rest),
        "ps" => say(shell, "PID   USER     TIME  COMMAND\n    1 root      0:00 main"),
        "pause" => serve_until_signal(shell, 0).await,
        "nginx" => network_commands::nginx(shell).await,
        "httpd" => network_commands::httpd(shell, &rest).await,
        "coredns" => network_commands::coredns(shell).await,
        "wget" => network_commands::wget(shell, &rest).await,
        "nc" => network_commands::nc(shell, &rest).await,
        "nslookup" => network_commands::nslookup(shell, &rest),
        "getent" => network_commands::getent(shell, &rest),
        "seq" => sequence(shell, &rest),
        "basename" => say(shell, rest.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default()),
        _ => {
            shell.io.complain(format!("sh: {name}: not found\n"));
            NOT_FOUND
        }
    }
}

/// Prints a line.
pub(super) fn show(shell: &Shell, line: &str) {
    shell.io.print(format!("{line}\n"));
}

/// Prints a line, which is all that the command does.
pub(super) fn say(shell: &Shell, line: &str) -> i32 {
    show(shell, line);
    0
}

/// Runs until a signal ends the process.
async fn forever() -> i32 {
    std::future::pending().await
}

/// Runs until SIGTERM or SIGINT, and then ends well after some seconds.
pub(super) async fn serve_until_signal(shell: &Shell, after_secs: u64) -> i32 {
    for signal in [SIGTERM, SIGINT] {
        shell.process.handle(signal, Some(Handler::Exit { code: 0, after_secs }));
    }
    forever().await
}

fn echo(shell: &Shell, rest: &[&str]) -> i32 {
    let (end, words) = match rest {
        ["-n", words @ ..] => ("", words),
        words => ("\n", words),
    };
    let (interpreted, words) = match words {
        ["-e", words @ ..] => (true, words),
        words => (false, words),
    };
    let text = words.join(" ");
    shell.io.print(format!("{}{end}", if interpreted { unescaped(&text) } else { text }));
    0
}

fn printf(shell: &Shell, rest: &[&str]) -> i32 {
    let Some((format, arguments)) = rest.split_first() else { return 1 };
    let mut arguments = arguments.iter();
    loop {
        let before = arguments.len();
        shell.io.print(format_once(format, &mut arguments));
        if arguments.len() == 0 || arguments.len() == before {
            return 0;
        }
    }
}

fn format_once<'a>(format: &str, arguments: &mut impl Iterator<Item = &'a &'a str>) -> String {
    let mut text = String::new();
    let format = unescaped(format);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.find(|c| c.is_alphabetic() || *c == '%') {
            Some('%') | None => text.push('%'),
            Some('b') => text.push_str(&unescaped(arguments.next().copied().unwrap_or_default())),
            Some('x') => {
                let number: i64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
                text.push_str(&format!("{number:x}"));
            }
            Some('d' | 'i' | 'u') => {
                text.push_str(arguments.next().copied().filter(|n| !n.is_empty()).unwrap_or("0"))
            }
            Some(_) => text.push_str(arguments.next().copied().unwrap_or_default()),
        }
    }
    text
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escaped = &rest[at + 1..];
        let octal = escaped.bytes().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        let length = octal.max(escaped.chars().next().map_or(0, char::len_utf8));
        match &escaped[..length] {
            "n" => plain.push('\n'),
            "t" => plain.push('\t'),
            "r" => plain.push('\r'),
            "\\" => plain.push('\\'),
            digits if octal > 0 => plain.extend(u8::from_str_radix(digits, 8).ok().map(char::from)),
            other => plain.extend(["\\", other]),
        }
        rest = &escaped[length..];
    }
    plain + rest
}

/// The bytes of the files named, or of standard input if there are none. A file that is missing is complained of.
pub(super) async fn contents(shell: &Shell, command: &str, names: &[&str]) -> Result<Vec<u8>, i32> {
    let names: Vec<_> = names.iter().filter(|name| !name.starts_with('-') || **name == "-").collect();
    if names.is_empty() || *names[0] == "-" {
        return Ok(shell.io.input.read_all().await);
    }
    let mut all = Vec::new();
    for name in names {
        match read_file(shell, name) {
            Some(content) => all.extend(content),
            None => {
                shell.io.complain(format!("{command}: can't open '{name}': No such file or directory\n"));
                return Err(1);
            }
        }
    }
    Ok(all)
}

fn read_file(shell: &Shell, name: &str) -> Option<Vec<u8>> {
    if name == "/dev/null" {
        return Some(Vec::new());
    }
    shell.container.files.read(&shell.absolute(name))
}

async fn cat(shell: &Shell, rest: &[&str]) -> i32 {
    if rest.is_empty() {
        while let Some(piece) = shell.io.input.read().await {
            shell.io.output.write(&piece);
        }
        return 0;
    }
    let mut status = 0;
    for name in rest {
        match contents(shell, "cat", &[name]).await {
            Ok(content) => shell.io.output.write(&content),
            Err(code) => status = code,
        }
    }
    status
}

async fn tee(shell: &Shell, rest: &[&str]) -> i32 {
    let append = rest.contains(&"-a");
    let content = shell.io.input.read_all().await;
    shell.io.output.write(&content);
    let files: Vec<_> = rest.iter().filter(|name| !name.starts_with('-')).copied().collect();
    each(shell, "tee", &files, |shell, path| shell.container.files.write(path, &content, append))
}

async fn lines(shell: &Shell, command: &str, rest: &[&str]) -> Result<(usize, Vec<String>), i32> {
    let mut count = 10;
    let mut names = Vec::new();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix('-') {
            Some("n" | "c") => {
                count = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(count)
            }
            Some(number) => count = number.trim_start_matches(['n', 'c']).parse().unwrap_or(count),
            None => names.push(*argument),
        }
    }
    let content = contents(shell, command, &names).await?;
    Ok((count, String::from_utf8_lossy(&content).lines().map(str::to_owned).collect()))
}

async fn head(shell: &Shell, rest: &[&str]) -> i32 {
    match lines(shell, "head", rest).await {
        Ok((count, lines)) => {
            lines.iter().take(count).for_each(|line| show(shell, line));
            0
        }
        Err(code) => code,
    }
}

async fn tail(shell: &Shell, rest: &[&str]) -> i32 {
    match lines(shell, "tail", rest).await {
        Ok((count, lines)) => {
            lines[lines.len().saturating_sub(count)..].iter().for_each(|line| show(shell, line));
            0
        }
        Err(code) => code,
    }
}

/// Fixed strings only, anchored by `^` and `$`.
async fn grep(shell: &Shell, rest: &[&str]) -> i32 {
    let quiet = rest.iter().any(|option| option.starts_with('-') && option.contains('q'));
    let plain: Vec<_> = rest.iter().filter(|argument| !argument.starts_with('-')).copied().collect();
    let Some((pattern, names)) = plain.split_first() else { return 2 };
    let Ok(content) = contents(shell, "grep", names).await else { return 2 };
    let content = String::from_utf8_lossy(&content).into_owned();
    let wanted = pattern.trim_start_matches('^').trim_end_matches('$');
    let matches = |line: &&str| match (pattern.starts_with('^'), pattern.ends_with('$')) {
        (true, true) => *line == wanted,
        (true, false) => line.starts_with(wanted),
        (false, true) => line.ends_with(wanted),
        (false, false) => line.contains(wanted),
    };
    let found: Vec<_> = content.lines().filter(matches).collect();
    if !quiet {
        found.iter().for_each(|line| show(shell, line));
    }
    i32::from(found.is_empty())
}

async fn word_count(shell: &Shell, rest: &[&str]) -> i32 {
    let Ok(content) = contents(shell, "wc", rest).await else { return 1 };
    let text = String::from_utf8_lossy(&content).into_owned();
    let count = match rest.iter().find(|option| option.starts_with('-')) {
        Some(&"-c") => content.len(),
        Some(&"-w") => text.split_whitespace().count(),
        _ => text.matches('\n').count(),
    };
    say(shell, &count.to_string())
}

async fn sha256sum(shell: &Shell, rest: &[&str]) -> i32 {
    let names = if rest.is_empty() { &["-"] } else { rest };
    for name in names {
        let Ok(content) = contents(shell, "sha256sum", &[name]).await else { return 1 };
        let digest = Sha256::digest(&content).iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        say(shell, &format!("{digest}  {name}"));
    }
    0
}

/// Does something with each path that is no option.
fn each(
    shell: &Shell,
    command: &str,
    rest: &[&str],
    action: impl Fn(&Shell, &str) -> Result<(), &'static str>,
) -> i32 {
    let mut status = 0;
    for name in rest.iter().filter(|name| !name.starts_with('-')) {
        if let Err(error) = action(shell, &shell.absolute(name)) {
            shell.io.complain(format!("{command}: {name}: {error}\n"));
            status = 1;
        }
    }
    status
}

fn has_option(rest: &[&str], letter: char) -> bool {
    rest.iter().any(|argument| argument.starts_with('-') && argument.contains(letter))
}

fn remove(shell: &Shell, rest: &[&str]) -> i32 {
    let (recursive, force) = (has_option(rest, 'r'), has_option(rest, 'f'));
    each(shell, "rm", rest, |shell, path| match shell.container.files.remove(path, recursive) {
        Err("No such file or directory") if force => Ok(()),
        result => result,
    })
}

fn mkdir(shell: &Shell, rest: &[&str]) -> i32 {
    let parents = has_option(rest, 'p');
    each(shell, "mkdir", rest, |shell, path| shell.container.files.make_directory(path, parents))
}

fn copy(shell: &Shell, command: &str, rest: &[&str]) -> i32 {
    let names: Vec<_> = rest.iter().filter(|name| !name.starts_with('-')).copied().collect();
    let [from, to] = names[..] else { return 1 };
    let files = &shell.container.files;
    let Some(content) = read_file(shell, from) else {
        shell.io.complain(format!("{command}: can't stat '{from}': No such file or directory\n"));
        return 1;
    };
    let mut target = shell.absolute(to);
    if files.is_directory(&target) {
        target = format!("{target}/{}", from.rsplit('/').next().unwrap_or(from));
    }
    if let Err(error) = files.write(&target, &content, false) {
        shell.io.complain(format!("{command}: can't create '{to}': {error}\n"));
        return 1;
    }
    if command.ends_with("mv") { i32::from(files.remove(&shell.absolute(from), false).is_err()) } else { 0 }
}

fn list(shell: &Shell, rest: &[&str]) -> i32 {
    let names: Vec<_> = rest.iter().filter(|name| !name.starts_with('-')).copied().collect();
    let mut status = 0;
    for name in if names.is_empty() { vec!["."] } else { names } {
        let path = shell.absolute(name);
        match shell.container.files.list(&path) {
            Some(entries) => entries.iter().for_each(|entry| show(shell, entry)),
            None if shell.container.files.is_file(&path) => show(shell, name),
            None => {
                shell.io.complain(format!("ls: {name}: No such file or directory\n"));
                status = 1;
            }
        }
    }
    status
}

/// `tr -d SET` only, the set written out.
async fn translate(shell: &Shell, rest: &[&str]) -> i32 {
    let ["-d", set] = rest else { return 1 };
    let unwanted = unescaped(set);
    let content = shell.io.input.read_all().await;
    let text = String::from_utf8_lossy(&content).into_owned();
    shell.io.print(text.chars().filter(|c| !unwanted.contains(*c)).collect::<String>());
    0
}

async fn sleep(shell: &Shell, rest: &[&str]) -> i32 {
    let mut total = Duration::ZERO;
    for argument in rest {
        if matches!(*argument, "infinity" | "inf") {
            return forever().await;
        }
        let digits = argument.trim_end_matches(|c: char| c.is_alphabetic());
        let unit = match &argument[digits.len()..] {
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => 1.0,
        };
        let Some(secs) = digits.parse::<f64>().ok().filter(|secs| *secs >= 0.0) else {
            shell.io.complain(format!("sleep: invalid number '{argument}'\n"));
            return 1;
        };
        total += Duration::from_secs_f64(secs * unit);
    }
    tokio::time::sleep(total).await;
    0
}

fn date(shell: &Shell, rest: &[&str]) -> i32 {
    let clock = shell.container.shared.lock().clock;
    let format = rest.iter().find_map(|argument| argument.strip_prefix('+')).unwrap_or("%c");
    let nanos = clock.elapsed().subsec_nanos();
    let text = format
        .replace("%s", &clock.unix_secs().to_string())
        .replace("%N", &format!("{nanos:09}"))
        .replace("%c", &clock.timestamp());
    say(shell, &text)
}

async fn dd(shell: &Shell, rest: &[&str]) -> i32 {
    let option = |name: &str| rest.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    let size = option("bs").map_or(512, size);
    let limit = option("count").map(|count| count.parse::<usize>().unwrap_or(1) * size);
    let content = match option("if") {
        Some("/dev/zero") => vec![0; limit.unwrap_or(0)],
        Some("/dev/urandom" | "/dev/random") => random(shell, limit.unwrap_or(0)),
        from => match contents(shell, "dd", from.as_slice()).await {
            Ok(content) => content,
            Err(code) => return code,
        },
    };
    let content = &content[..limit.unwrap_or(content.len()).min(content.len())];
    match option("of") {
        Some(path) => {
            let append = rest.contains(&"oflag=append");
            each(shell, "dd", &[path], |shell, path| shell.container.files.write(path, content, append))
        }
        None => {
            shell.io.output.write(content);
            0
        }
    }
}

fn size(text: &str) -> usize {
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        _ => 1,
    };
    digits.parse::<usize>().unwrap_or(512) * unit
}

fn random(shell: &Shell, length: usize) -> Vec<u8> {
    let seed = shell.container.shared.lock().names.next();
    let mut stream = Rng::named(seed, "urandom");
    let words = std::iter::repeat_with(|| stream.next().to_le_bytes()).flatten();
    words.take(length).collect()
}

fn print_environment(shell: &Shell, rest: &[&str], environment: &BTreeMap<String, String>) -> i32 {
    if let Some(name) = rest.first() {
        return environment.get(*name).map_or(1, |value| say(shell, value));
    }
    environment.iter().for_each(|(name, value)| show(shell, &format!("{name}={value}")));
    0
}

/// `-f` asks for the name with its domain, as `/etc/hosts` gives it to the pod's own address; `-i` for the address.
fn hostname(shell: &Shell, rest: &[&str]) -> i32 {
    let container = &shell.container;
    let entry = container.own_hosts_entry();
    match rest.first() {
        Some(&("-f" | "--fqdn")) => say(shell, entry.as_ref().map_or(&container.hostname, |(_, name)| name)),
        Some(&"-i") => say(shell, entry.as_ref().map_or("", |(address, _)| address)),
        Some(&"-s") | None => say(shell, container.hostname.split('.').next().unwrap_or_default()),
        Some(&"-d") => {
            let name = entry.map(|(_, name)| name).unwrap_or_default();
            say(shell, name.split_once('.').map_or("", |(_, domain)| domain))
        }
        Some(_) => 1,
    }
}

fn kill(shell: &Shell, rest: &[&str]) -> i32 {
    let mut signal = SIGTERM;
    let mut status = 0;
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        let named = argument
            .strip_prefix('-')
            .map(|name| if name == "s" { arguments.next().copied().unwrap_or("TERM") } else { name });
        if let Some(name) = named {
            signal = signal_number(name).unwrap_or(SIGTERM);
            continue;
        }
        let process = argument.parse().ok().and_then(|pid| shell.container.processes.find(pid));
        match process {
            // What comes from inside the container does not kill its first process by force.
            Some(process) if process.pid == 1 && signal == super::process::SIGKILL => {}
            Some(process) => process.deliver(signal),
            None => {
                shell.io.complain(format!("sh: can't kill pid {argument}: No such process\n"));
                status = 1;
            }
        }
    }
    status
}

fn sequence(shell: &Shell, rest: &[&str]) -> i32 {
    let numbers: Vec<i64> = rest.iter().filter_map(|number| number.parse().ok()).collect();
    let (first, last) = match numbers[..] {
        [last] => (1, last),
        [first, last] => (first, last),
        _ => return 1,
    };
    (first..=last).for_each(|number| show(shell, &number.to_string()));
    0
}
