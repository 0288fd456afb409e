//! Commands about time, environment, names and processes: `sleep`, `date`, `env`, `hostname`, `kill`.

use super::{forever, say, show};
use crate::shell::interpreter::Shell;
use crate::shell::process::{SIGKILL, SIGTERM, signal_number};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) async fn sleep(shell: &Shell, rest: &[&str]) -> i32 {
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

pub(super) fn date(shell: &Shell, rest: &[&str]) -> i32 {
    let clock = shell.container.shared.lock().clock;
    let format = rest.iter().find_map(|argument| argument.strip_prefix('+')).unwrap_or("%c");
    let nanos = clock.elapsed().subsec_nanos();
    let text = format
        .replace("%s", &clock.unix_secs().to_string())
        .replace("%N", &format!("{nanos:09}"))
        .replace("%c", &clock.timestamp());
    say(shell, &text)
}

pub(super) fn print_environment(shell: &Shell, rest: &[&str], environment: &BTreeMap<String, String>) -> i32 {
    if let Some(name) = rest.first() {
        return environment.get(*name).map_or(1, |value| say(shell, value));
    }
    environment.iter().for_each(|(name, value)| show(shell, &format!("{name}={value}")));
    0
}

/// `-f` asks for the name with its domain, as `/etc/hosts` gives it to the pod's own address; `-i` for the address.
pub(super) fn hostname(shell: &Shell, rest: &[&str]) -> i32 {
    let container = &shell.container;
    let entry = container.own_hosts_entry();
    match rest.first() {
        Some(&("-f" | "--fqdn")) => say(shell, entry.as_ref().map_or(&container.hostname, |(_, name)| name)),
        Some(&"-i") => say(shell, entry.as_ref().map_or("", |(address, _)| address)),
        None => say(shell, &container.hostname),
        Some(&"-s") => say(shell, container.hostname.split('.').next().unwrap_or_default()),
        Some(&"-d") => {
            let name = entry.map(|(_, name)| name).unwrap_or_default();
            say(shell, name.split_once('.').map_or("", |(_, domain)| domain))
        }
        Some(_) => 1,
    }
}

pub(super) fn kill(shell: &Shell, rest: &[&str]) -> i32 {
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
            Some(process) if process.pid == 1 && signal == SIGKILL => {}
            Some(process) => process.deliver(signal),
            None => {
                shell.io.complain(format!("sh: can't kill pid {argument}: No such process\n"));
                status = 1;
            }
        }
    }
    status
}
