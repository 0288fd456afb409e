//! Commands that change files: `rm`, `mkdir`, `cp`, `mv`, `ls`, `dd`.

use super::{contents, each, read_file, show};
use crate::rng::Rng;
use crate::shell::interpreter::Shell;

fn has_option(rest: &[&str], letter: char) -> bool {
    rest.iter().any(|argument| argument.starts_with('-') && argument.contains(letter))
}

pub(super) fn remove(shell: &Shell, rest: &[&str]) -> i32 {
    let (recursive, force) = (has_option(rest, 'r'), has_option(rest, 'f'));
    each(shell, "rm", rest, |shell, path| match shell.container.files.remove(path, recursive) {
        Err("No such file or directory") if force => Ok(()),
        result => result,
    })
}

pub(super) fn mkdir(shell: &Shell, rest: &[&str]) -> i32 {
    let parents = has_option(rest, 'p');
    each(shell, "mkdir", rest, |shell, path| shell.container.files.make_directory(path, parents))
}

pub(super) fn copy(shell: &Shell, command: &str, rest: &[&str]) -> i32 {
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

pub(super) fn list(shell: &Shell, rest: &[&str]) -> i32 {
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

pub(super) async fn dd(shell: &Shell, rest: &[&str]) -> i32 {
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
