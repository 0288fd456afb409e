//! The commands that are not part of the shell itself.

mod files;
mod print;
mod system;
mod text;

use super::interpreter::Shell;
use super::network_commands;
use super::process::{Handler, SIGINT, SIGTERM};
use super::test_command;
use std::collections::BTreeMap;

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
        "echo" => print::echo(shell, &rest),
        "printf" => print::printf(shell, &rest),
        "cat" => text::cat(shell, &rest).await,
        "tee" => text::tee(shell, &rest).await,
        "head" => text::head(shell, &rest).await,
        "tail" if rest.contains(&"-f") => forever().await,
        "tail" => text::tail(shell, &rest).await,
        "grep" => text::grep(shell, &rest).await,
        "wc" => text::word_count(shell, &rest).await,
        "sha256sum" => text::sha256sum(shell, &rest).await,
        "tr" => text::translate(shell, &rest).await,
        "touch" => each(shell, "touch", &rest, |shell, path| shell.container.files.write(path, b"", true)),
        "rm" => files::remove(shell, &rest),
        "mkdir" => files::mkdir(shell, &rest),
        "cp" | "mv" => files::copy(shell, name, &rest),
        "ls" => files::list(shell, &rest),
        "pwd" => say(shell, &shell.directory.clone()),
        "test" => test_command::test(&shell.container.files, &rest),
        "[" => test_command::test(&shell.container.files, &rest[..rest.len().saturating_sub(1)]),
        "sleep" => system::sleep(shell, &rest).await,
        "date" => system::date(shell, &rest),
        "dd" => files::dd(shell, &rest).await,
        "env" | "printenv" => system::print_environment(shell, &rest, &environment),
        "hostname" => system::hostname(shell, &rest),
        "uname" => say(shell, "Linux"),
        "id" => say(shell, "uid=0(root) gid=0(root)"),
        "whoami" => say(shell, "root"),
        "kill" => system::kill(shell, &rest),
        "ps" => say(shell, "PID   USER     TIME  COMMAND\n    1 root      0:00 main"),
        "pause" => serve_until_signal(shell, 0).await,
        "nginx" => network_commands::nginx(shell).await,
        "httpd" => network_commands::httpd(shell, &rest).await,
        "coredns" => network_commands::coredns(shell).await,
        "wget" => network_commands::wget(shell, &rest).await,
        "nc" => network_commands::nc(shell, &rest).await,
        "nslookup" => network_commands::nslookup(shell, &rest),
        "getent" => network_commands::getent(shell, &rest),
        "seq" => print::sequence(shell, &rest),
        "basename" => say(shell, rest.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default()),
        _ => {
            shell.io.complain(format!("sh: {name}: not found\n"));
            NOT_FOUND
        }
    }
}

/// Prints a line.
pub(in crate::shell) fn show(shell: &Shell, line: &str) {
    shell.io.print(format!("{line}\n"));
}

/// Prints a line, which is all that the command does.
pub(in crate::shell) fn say(shell: &Shell, line: &str) -> i32 {
    show(shell, line);
    0
}

/// Runs until a signal ends the process.
async fn forever() -> i32 {
    std::future::pending().await
}

/// Runs until SIGTERM or SIGINT, and then ends well after some seconds.
pub(in crate::shell) async fn serve_until_signal(shell: &Shell, after_secs: u64) -> i32 {
    for signal in [SIGTERM, SIGINT] {
        shell.process.handle(signal, Some(Handler::Exit { code: 0, after_secs }));
    }
    forever().await
}

/// The bytes of the files named, or of standard input if there are none. A file that is missing is complained of.
pub(in crate::shell) async fn contents(shell: &Shell, command: &str, names: &[&str]) -> Result<Vec<u8>, i32> {
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
